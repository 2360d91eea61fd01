"""What a contract is run against: an application in this process, or an address.

A target carries one exchange at a time and says what else it can do. Nothing here judges an answer.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

import httpx

__all__ = [
    "ABILITIES",
    "KEYS",
    "App",
    "AsgiTarget",
    "NoAnswerError",
    "Request",
    "Response",
    "Target",
    "UrlTarget",
]

ABILITIES = {
    "clock": "its clock can be moved",
    "reset": "its tasks can be thrown away",
    "failures": "fakescope's test values provoke failures",
    "free": "nothing costs money",
    "money": "money may be spent at it",
    "accounts": "there is a key of a second account",
    "regions": "the Host header decides on the region",
    "invalid_key": "it refuses the key sk-fake-invalid",
}
"""What a target may be able to do, and what that means."""

KEYS = {"a": "sk-contract-a", "b": "sk-contract-b"}
"""Account → the key that is sent where no other was given. The same account always has the same key."""

_FAKESCOPE = frozenset(ABILITIES) - {"money"}
_TIMEOUT_S = 30.0

Message = MutableMapping[str, Any]
App = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class NoAnswerError(Exception):
    """The target did not answer, or not in time."""


class Request(NamedTuple):
    """What is sent. `path` begins with a slash, is percent-encoded, and may have a query."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Response(NamedTuple):
    """What came: header names in lower case, `body` with no encoding left on it."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Target(Protocol):
    """Something that speaks this API, or says so. `region` is where its models are sold, `keys` those of its accounts.

    Needs are named as in `ABILITIES`; `advance` needs "clock", `reset` needs "reset". Every example begins with a reset
    where there is one; after it a clock that can be moved stands still until it is.
    """

    name: str
    region: str
    abilities: frozenset[str]
    keys: Mapping[str, str]

    def send(self, request: Request, account: str | None = "a") -> Response:
        """One exchange. The account's key is added, unless the account is None. Raises NoAnswerError."""
        ...

    def advance(self, seconds: float, account: str = "a") -> None:
        """Move the account's clock; without a clock that can be moved, wait."""
        ...

    def now(self, account: str = "a") -> datetime | None:
        """The account's time, aware, or None if the target does not say."""
        ...

    def reset(self) -> None:
        """Throw away what the accounts have; nothing happens without the ability."""
        ...

    def close(self) -> None: ...


class _Controlled:
    """The half of a target that all share: keys, and fakescope's control API where there is one."""

    def __init__(self, name: str, region: str, abilities: Collection[str] | None, keys: Mapping[str, str]) -> None:
        self.name, self.region = name, region
        self.keys: Mapping[str, str] = {**KEYS, **keys}
        self.abilities: frozenset[str] = frozenset({"free"} if abilities is None else abilities)
        self._used: set[str] = set()
        if abilities is None:
            self._ask()

    def _exchange(self, request: Request) -> Response:
        raise NotImplementedError

    def send(self, request: Request, account: str | None = "a") -> Response:
        if account is None:
            return self._exchange(request)
        self._used.add(account)
        key = ("Authorization", f"Bearer {self.keys[account]}")
        return self._exchange(request._replace(headers=(*request.headers, key)))

    def advance(self, seconds: float, account: str = "a") -> None:
        if "clock" in self.abilities:
            self._order({"action": "advance", "seconds": seconds}, account)
        else:
            time.sleep(seconds)

    def now(self, account: str = "a") -> datetime | None:
        if "clock" not in self.abilities:
            return None
        shown = self.send(Request("GET", "/_fakescope/clock"), account)
        return datetime.fromisoformat(json.loads(shown.body)["now"])

    def reset(self) -> None:
        if "reset" not in self.abilities:
            return
        for account in sorted({"a", *self._used}):
            self._must(self.send(Request("POST", "/_fakescope/reset"), account))
            if "clock" in self.abilities:
                self._order({"action": "freeze"}, account)
        self._used.clear()

    def _order(self, order: dict[str, Any], account: str) -> None:
        body = json.dumps(order).encode()
        self._must(
            self.send(Request("PUT", "/_fakescope/clock", (("Content-Type", "application/json"),), body), account)
        )

    def _must(self, response: Response) -> None:
        if response.status not in (200, 204):
            said = response.body[:200].decode(errors="replace")
            raise NoAnswerError(f"the control API of {self.name} answered {response.status}: {said}")

    def _ask(self) -> None:
        """A fakescope says so in its health, and can do all there is."""
        answer = self._exchange(Request("GET", "/_fakescope/health"))
        with suppress(ValueError):
            health = json.loads(answer.body)
            if answer.status == 200 and isinstance(health, dict) and {"version", "status", "region"} <= health.keys():
                self.abilities, self.region = _FAKESCOPE, str(health["region"])


class AsgiTarget(_Controlled):
    """An ASGI application in this process, driven on a loop of its own: no sockets, thousands of exchanges a second.

    An exception that leaves the application is the answer 500, as a server would make of it. What it can do is asked
    for at /_fakescope/health unless `abilities` says it.
    """

    def __init__(
        self,
        app: App,
        *,
        name: str = "an application in this process",
        region: str = "beijing",
        abilities: Collection[str] | None = None,
        keys: Mapping[str, str] | None = None,
    ) -> None:
        self._app, self._loop = app, asyncio.new_event_loop()
        self._lifespan: tuple[asyncio.Task[None], asyncio.Queue[Message]] | None = None
        try:
            self._loop.run_until_complete(self._start())
            super().__init__(name, region, abilities, keys or {})
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._lifespan is not None:
            task, orders = self._lifespan
            orders.put_nowait({"type": "lifespan.shutdown"})
            self._loop.run_until_complete(asyncio.wait([task], timeout=5))
        for left in asyncio.all_tasks(self._loop):
            left.cancel()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _start(self) -> None:
        """Tell the application to start, as a server does; many know nothing of that, and fail or return."""
        orders: asyncio.Queue[Message] = asyncio.Queue()
        started = asyncio.Event()

        async def told(message: Message) -> None:
            started.set()
            if message["type"] == "lifespan.startup.failed":
                raise NoAnswerError(f"the application did not start: {message.get('message', '')}")

        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        orders.put_nowait({"type": "lifespan.startup"})
        task = asyncio.ensure_future(_awaited(self._app(scope, orders.get, told)))
        begun = asyncio.ensure_future(started.wait())
        await asyncio.wait([task, begun], timeout=_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if not task.done():
            self._lifespan = task, orders
        elif isinstance(failed := task.exception(), NoAnswerError):
            raise failed

    def _exchange(self, request: Request) -> Response:
        path, _, query = request.path.partition("?")
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in request.headers]
        if not any(name == b"host" for name, _ in headers):
            headers.insert(0, (b"host", b"fakescope.test"))
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            headers.append((b"content-length", b"%d" % len(request.body)))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("fakescope.test", 80),
            "state": {},
        }
        messages: list[Message] = [{"type": "http.request", "body": request.body, "more_body": False}]
        came: list[Message] = []

        async def receive() -> Message:
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            came.append(message)

        task = self._loop.create_task(_awaited(self._app(scope, receive, send)))
        limit = self._loop.call_later(_TIMEOUT_S, task.cancel)
        try:
            self._loop.run_until_complete(task)
        except asyncio.CancelledError:
            raise NoAnswerError(f"{request.method} {path} had no answer within {_TIMEOUT_S:g} s") from None
        except Exception as error:  # as a server answers it; what the application raised is its own affair
            return Response(500, (("content-type", "text/plain"),), f"{type(error).__name__}: {error}".encode())
        finally:
            limit.cancel()
        if not came or came[0]["type"] != "http.response.start":
            return Response(500, (("content-type", "text/plain"),), b"the application ended without an answer")
        start, *rest = came
        return Response(
            start["status"],
            tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start.get("headers", ())
            ),
            b"" if request.method == "HEAD" else b"".join(part.get("body", b"") for part in rest),
        )


async def _awaited(work: Awaitable[None]) -> None:
    await work


class UrlTarget(_Controlled):
    """A server at an address, such as `http://127.0.0.1:8900`; a final `/api/v1` is not needed.

    Redirects are not followed. What it can do is asked for at /_fakescope/health unless `abilities` says it.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "",
        region: str = "beijing",
        abilities: Collection[str] | None = None,
        keys: Mapping[str, str] | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self.url = url.rstrip("/").removesuffix("/api/v1").rstrip("/")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r:.200} is not an address; give one such as http://127.0.0.1:8900")
        self._http = httpx.Client(timeout=timeout_s, trust_env=not _is_here(parts.hostname), follow_redirects=False)
        try:
            super().__init__(name or self.url, region, abilities, keys or {})
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._http.close()

    def _exchange(self, request: Request) -> Response:
        try:
            answer = self._http.request(
                request.method,
                self.url + request.path,
                headers=[(name.encode(), value.encode("latin-1")) for name, value in request.headers],
                content=request.body,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            said = str(error) or type(error).__name__
            raise NoAnswerError(f"{request.method} {self.url}{request.path:.200}: {said}") from None
        return Response(answer.status_code, tuple(answer.headers.multi_items()), answer.content)


def _is_here(host: str) -> bool:
    """Whether the address is this machine: a proxy would only be in the way."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
