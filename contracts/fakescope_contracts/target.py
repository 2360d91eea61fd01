"""What a contract is run against: what a target is, and one at an address.

A target carries one exchange at a time and says what else it can do. Nothing here judges an answer.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import httpx

__all__ = [
    "ABILITIES",
    "KEYS",
    "LARGEST_ANSWER",
    "TIMEOUT_S",
    "TOO_LARGE",
    "Controlled",
    "HungUpError",
    "NoAnswerError",
    "Request",
    "Response",
    "Target",
    "UrlTarget",
    "must_answer",
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

TIMEOUT_S = 30.0
"""For one answer, whole."""

LARGEST_ANSWER = 16 * 1024**2
"""Bytes; the answers of this API are kilobytes."""

TOO_LARGE = f"is answered with more than {LARGEST_ANSWER // 1024**2} MiB"


class NoAnswerError(Exception):
    """The target did not answer, or not in time."""


class HungUpError(NoAnswerError):
    """It took the request and closed the connection without a whole answer: nothing was waited for."""


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


class Controlled:
    """The half of a target that all share: keys, and fakescope's control API where there is one."""

    def __init__(self, name: str, region: str, abilities: Collection[str] | None, keys: Mapping[str, str]) -> None:
        self.name, self.region = name, region
        self.keys: Mapping[str, str] = {**KEYS, **keys}
        for account, key in self.keys.items():
            if not (key.isascii() and key.isprintable()) or " " in key:
                raise ValueError(f"the key of account {account} is none: letters, digits and marks, no blanks")
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
        try:
            answer = self._exchange(Request("GET", "/_fakescope/health"))
        except HungUpError:  # on a path that it does not know
            must_answer(self)
            return
        with suppress(ValueError):
            health = json.loads(answer.body)
            if answer.status == 200 and isinstance(health, dict) and {"version", "status", "region"} <= health.keys():
                self.abilities, self.region = _FAKESCOPE, str(health["region"])


class UrlTarget(Controlled):
    """A server at an address, such as `http://127.0.0.1:8900`; a final `/api/v1` is not needed.

    Redirects are not followed. What it can do is asked for at /_fakescope/health unless `abilities` says it. An answer
    has to be there, whole, within `timeout_s`. Raises ValueError for what is no address, and for keys that are none.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "",
        region: str = "beijing",
        abilities: Collection[str] | None = None,
        keys: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.url = url.rstrip("/").removesuffix("/api/v1").rstrip("/")
        self._timeout_s = timeout_s
        self._is_here = _is_here(_host_of(url, self.url))
        self._http = self._connected()
        try:
            super().__init__(name or self.url, region, abilities, keys or {})
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._http.close()

    def _connected(self) -> httpx.Client:
        return httpx.Client(timeout=self._timeout_s, trust_env=not self._is_here, follow_redirects=False)

    def _exchange(self, request: Request) -> Response:
        asked = f"{request.method} {self.url}{request.path:.200}"
        sent = [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
        before = time.monotonic()
        try:
            with self._http.stream(
                request.method, self.url + request.path, headers=sent, content=request.body
            ) as answer:
                body = bytearray()
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > LARGEST_ANSWER:
                        raise NoAnswerError(f"{asked} {TOO_LARGE}")
                    if time.monotonic() - before > self._timeout_s:
                        raise NoAnswerError(f"{asked} had no whole answer within {self._timeout_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            hung_up = isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError)
            kind = HungUpError if hung_up else NoAnswerError
            raise kind(f"{asked}: {str(error) or type(error).__name__}") from None
        if answer.status_code >= 500:  # servers close without a word after that, and what is sent next would be lost
            self._http.close()
            self._http = self._connected()
        return Response(answer.status_code, tuple(answer.headers.multi_items()), bytes(body))


def must_answer(target: Target | Controlled) -> None:
    """Whether it is there at all: whether it answers anything simple. Raises NoAnswerError."""
    reads = [("GET", "/api/v1/tasks", None), ("GET", "/api/v1/tasks", "a"), ("GET", "/api/v1/tasks/no-such-task", "a")]
    for method, path, account in [*reads, ("OPTIONS", "/api/v1/tasks", None)]:
        try:
            target.send(Request(method, path), account)
        except HungUpError as error:  # a fake may do so of every request without a key, of every list, or of every GET
            hung_up = error
        else:
            return
    raise hung_up


def _host_of(given: str, url: str) -> str:
    """The host of an address. Raises ValueError for anything else, and shows no password that was in it."""
    example = "give one such as http://127.0.0.1:8900"
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if "@" in given:
        raise ValueError(f"an address with a user and a password in it is not taken; {example}, and a key with --key")
    if not known or parts.query or parts.fragment:
        raise ValueError(f"{given!r:.200} is not an address; {example}")
    return str(parts.hostname)


def _is_here(host: str) -> bool:
    """Whether the address is this machine: a proxy would only be in the way."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
