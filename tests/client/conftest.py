"""A client's world: the simulator in this process, time that moves only when somebody sleeps, and a wire that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import httpx
import pytest

from fakescope import Settings, create_app
from fakescope.catalog import Catalog
from fakescope_client import AsyncClient, Client

KEY = "sk-fake-secret-0815"
BASE = "http://vendor.test/api/v1"
START_MS = 1_770_600_000_000


class Time:
    """The machine's clock of the simulator and the monotonic one of the client: both move when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def read(self) -> int:
        return START_MS + round(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.seconds += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)


class Exchange(NamedTuple):
    """A request as it left, and when."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    at: float

    @property
    def phase(self) -> str:
        path = self.target.partition("?")[0]
        if path.endswith("/cancel"):
            return "cancel"
        for phase in ("services", "uploads", "tasks/", "tasks"):
            if f"/api/v1/{phase}" in path:
                return {"services": "submit", "uploads": "policy", "tasks/": "poll", "tasks": "list"}[phase]
        return "download" if self.method == "GET" else "form"


Answered = Callable[[], httpx.Response]
Fault = Callable[["Wire", httpx.Request, Answered], httpx.Response]
"""What becomes of a request: it gets the wire, the request, and a way to have it answered after all."""


class _Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that ends, or stalls, after its first part."""

    def __init__(self, parts: list[bytes], then: Callable[[], None]) -> None:
        self._parts, self._then = parts, then

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            yield part
            self._then()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


class Wire(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """The way to an application in this process, for both kinds of client. `faults` decide over requests to come.

    `faults[phase]` is a list: the first entry is used up by the next request of this phase; None lets one through.
    """

    def __init__(self, app: Any, time: Time) -> None:
        self.time, self.exchanges = time, list[Exchange]()
        self.faults: dict[str, list[Fault | None]] = {}
        self.gate: Callable[[httpx.Request], Awaitable[None]] | None = None  # what asynchronous answers wait for
        self._app = httpx.ASGITransport(app)

    def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        target = request.url.raw_path.decode()
        headers = [(name, value) for name, value in request.headers.items() if name != "user-agent"]
        exchange = Exchange(request.method, target, headers, body, self.time.seconds)
        self.exchanges.append(exchange)
        waiting = self.faults.get(exchange.phase)
        fault = waiting.pop(0) if waiting else None
        return fault(self, request, partial(self.deliver, request, body)) if fault else self.deliver(request, body)

    def deliver(self, request: httpx.Request, body: bytes) -> httpx.Response:
        """Let the application answer: it never waits for anything, so one step of its coroutine is all of it."""
        sent = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        return _at_once(self._app, sent)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._answer(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        if self.gate is not None:
            await self.gate(request)
        return self._answer(request, body)

    def count(self, phase: str) -> int:
        return sum(exchange.phase == phase for exchange in self.exchanges)


def _at_once(app: httpx.ASGITransport, request: httpx.Request) -> httpx.Response:
    async def whole() -> httpx.Response:
        response = await app.handle_async_request(request)
        content = b"".join([part async for part in response.stream])  # type: ignore[union-attr]
        return httpx.Response(response.status_code, headers=response.headers, content=content)

    coroutine = whole()
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("the simulator has waited for something")


class World:
    """A simulator, its account as only its owner sees it, and clients of it whose wire can fail."""

    def __init__(self, catalog: Catalog, **differs: Any) -> None:
        self.time = Time()
        chosen = {"seed": 1, "limits": False, "speed": 1.0} | differs
        self.app = create_app(Settings(**chosen), catalog=catalog, clock=self.time)
        self.wire = Wire(self.app, self.time)

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"base_url": BASE, "seed": 1, "clock": self.time.monotonic} | options

    def client(self, key: str = KEY, **options: Any) -> Client:
        sleep = options.pop("sleep", self.time.sleep)
        return Client(key, http=httpx.Client(transport=self.wire), sleep=sleep, **self._options(options))

    def async_client(self, key: str = KEY, **options: Any) -> AsyncClient:
        sleep = options.pop("sleep", self.time.asleep)
        http = httpx.AsyncClient(transport=self.wire)
        return AsyncClient(key, http=http, sleep=sleep, **self._options(options))

    def ask(self, method: str, path: str, body: bytes = b"") -> Any:
        """The control API, past all faults."""
        request = httpx.Request(method, f"http://vendor.test{path}", headers={"Authorization": f"Bearer {KEY}"})
        return self.wire.deliver(request, body).json()

    @staticmethod
    def status(code: int, body: str = "", **more: Any) -> Fault:
        return status(code, body, **more)

    def tasks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", "/_fakescope/tasks?limit=1000")["tasks"]
        return found

    def task_ids(self) -> list[str]:
        return [task["task_id"] for task in self.tasks()]

    def paid(self) -> int:
        """How many tasks there are, or were, in this account."""
        return len(self.task_ids())


# -- faults


def _refused(_wire: Wire, request: httpx.Request, _answered: Answered) -> httpx.Response:
    raise httpx.ConnectError("connection refused", request=request)


def _lost_before(_wire: Wire, request: httpx.Request, _answered: Answered) -> httpx.Response:
    raise httpx.ReadError("", request=request)


def _lost_after(_wire: Wire, request: httpx.Request, answered: Answered) -> httpx.Response:
    answered()
    raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)


def _late(wire: Wire, request: httpx.Request, answered: Answered) -> httpx.Response:
    answered()
    wire.time.seconds += request.extensions["timeout"]["read"]
    raise httpx.ReadTimeout("timed out", request=request)


def _late_and_never_read(wire: Wire, request: httpx.Request, _answered: Answered) -> httpx.Response:
    wire.time.seconds += request.extensions["timeout"]["write"]
    raise httpx.WriteTimeout("timed out", request=request)


def status(code: int, body: str = "", after: bool = False, **headers: str) -> Fault:
    """An answer of a gateway, or in the vendor's form; with `after` the application has seen the request as well."""

    def answer(_wire: Wire, _request: httpx.Request, answered: Answered) -> httpx.Response:
        if after:
            answered()
        return httpx.Response(code, text=body, headers={name.replace("_", "-"): v for name, v in headers.items()})

    return answer


def said(code: int, vendor_code: str, **more: Any) -> Fault:
    """A refusal in the vendor's form."""
    return status(code, f'{{"code":"{vendor_code}","message":"as it says","request_id":"r-1"}}', **more)


def _broken_json(_wire: Wire, _request: httpx.Request, answered: Answered) -> httpx.Response:
    whole = answered()
    return httpx.Response(whole.status_code, headers=_bare(whole), content=whole.content[:-9])


def _no_json(_wire: Wire, _request: httpx.Request, answered: Answered) -> httpx.Response:
    answered()
    return httpx.Response(200, text="<html>Bad Gateway</html>")


def _wrong_json(_wire: Wire, _request: httpx.Request, answered: Answered) -> httpx.Response:
    answered()
    return httpx.Response(200, json={"output": None})


def _truncated(_wire: Wire, request: httpx.Request, answered: Answered) -> httpx.Response:
    def cut() -> None:
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body", request=request)

    whole = answered()
    half = whole.content[: len(whole.content) // 2]
    return httpx.Response(whole.status_code, headers=whole.headers, stream=_Broken([half], cut))


def _slow(wire: Wire, request: httpx.Request, answered: Answered) -> httpx.Response:
    def drip() -> None:
        wire.time.seconds += 0.9 * request.extensions["timeout"]["read"]  # never long enough for a time-out by itself

    whole = answered()
    parts = [whole.content[:7], whole.content[7:14], whole.content[14:]]
    return httpx.Response(whole.status_code, headers=whole.headers, stream=_Broken(parts, drip))


def _bare(whole: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in whole.headers.items() if name != "content-length"}


FAULTS: dict[str, Fault] = {
    "connection refused": _refused,
    "dropped before it arrived": _lost_before,
    "dropped after it arrived": _lost_after,
    "answered too late": _late,
    "sent too slowly": _late_and_never_read,
    "408": status(408),
    "408 after it arrived": status(408, after=True),
    "429": status(429, "slow down"),
    "429 of the vendor": said(429, "Throttling.RateQuota"),
    "429, Retry-After": said(429, "Throttling.RateQuota", retry_after="7"),
    "429, Retry-After date": status(
        429, date="Wed, 21 Oct 2026 07:28:00 GMT", retry_after="Wed, 21 Oct 2026 07:28:07 GMT"
    ),
    "500": said(500, "InternalError"),
    "500 after it arrived": said(500, "InternalError", after=True),
    "502": status(502, "<html>"),
    "502 after it arrived": status(502, "<html>", after=True),
    "503": said(503, "ServiceUnavailable"),
    "503 of the vendor": said(503, "ModelServingError"),
    "503, Retry-After": status(503, retry_after="20"),
    "504 after it arrived": status(504, after=True),
    "broken JSON": _broken_json,
    "no JSON": _no_json,
    "wrong JSON": _wrong_json,
    "cut off": _truncated,
    "slow": _slow,
}


@pytest.fixture(scope="session")
def faults() -> dict[str, Fault]:
    return FAULTS


@pytest.fixture
def make_world(catalog: Catalog) -> Callable[..., World]:
    return lambda **differs: World(catalog, **differs)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """At the vendor's pace, without limits."""
    return make_world()
