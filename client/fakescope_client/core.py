"""What every verb stands on: the configuration, one exchange, and how trouble that passes is borne.

All of a client is written once, as coroutines over four steps that its drivers supply: send, read on, close, sleep. The
steps of `Client` are over when they return, so its coroutines never wait for a loop, and need none.
"""

from __future__ import annotations

import logging
import os
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from math import inf
from random import Random
from threading import Lock
from time import monotonic
from typing import Any, Literal, TypedDict, TypeVar, Unpack, get_args
from urllib.parse import urlsplit

import httpx

from fakescope_client.errors import DashScopeError, TransportError
from fakescope_client.model import Task
from fakescope_client.wire import Answer, read

log = logging.getLogger("fakescope_client")
T = TypeVar("T")
Attempt = Callable[[], Awaitable[T]]
Sink = Callable[[int, Mapping[str, str]], Callable[[bytes], object] | None] | None
"""Given status and headers: what takes the body, piece by piece; None if it is to be read like any other."""

_HOSTS = {"beijing": "dashscope", "singapore": "dashscope-intl", "virginia": "dashscope-us"}
_HOSTS |= {"hongkong": "cn-hongkong.dashscope", "finance": "dashscope-finance"}
REGIONS = {region: f"https://{host}.aliyuncs.com/api/v1" for region, host in _HOSTS.items()}
"""A key is good in one of them. Source: https://www.alibabacloud.com/help/en/model-studio/base-url"""

OnAmbiguous = Literal["adopt", "raise", "resubmit"]
Fields = Mapping[str, Any]
_HOPELESS = (httpx.InvalidURL, httpx.UnsupportedProtocol)  # an address that will be none the next time, too
_FAILURES = (httpx.HTTPError, httpx.StreamError, *_HOPELESS)
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, *_HOPELESS)


CALLS_PER_S = 20
"""Query, list and cancel: so many a second each, for the whole account. Source: Manage asynchronous tasks, Limits."""


class Pacer:
    """Turns for the calls of one kind, first come, first served, shared by all threads and coroutines of a client.

    Two limits: turns that are evenly spaced, so that nobody starves, and the vendor's own window, because spacing is
    lost when many wake up late at the same time. Turns alone would let such a crowd through, and the window alone would
    wake everybody for each twenty; to space the late ones again would let one through per wake-up.
    """

    def __init__(self, per_s: float = CALLS_PER_S) -> None:
        self._gap_s, self._next, self._lock = 1.1 / per_s, -inf, Lock()
        self._gone: deque[float] = deque(maxlen=max(1, int(per_s)))

    def turn(self, now: float) -> float:
        """Take the next turn: in how many seconds it is. They are evenly spaced, a tenth wider than allowed."""
        with self._lock:
            at = max(now, self._next)
            self._next = at + self._gap_s
            return at - now

    def go(self, now: float) -> float:
        """When the turn has come: 0 to go at once, or a pause, because many woke up late and at the same time."""
        with self._lock:
            if len(self._gone) == self._gone.maxlen and now < self._gone[0] + 1.08:
                return self._gone[0] + 1.08 - now
            self._gone.append(now)
            return 0.0


class Options(TypedDict, total=False):
    """How a client behaves; times in seconds."""

    base_url: str  # ends in /api/v1; wins over `region`, that over DASHSCOPE_HTTP_BASE_URL
    region: str  # one of REGIONS
    workspace: str  # sent as X-DashScope-WorkSpace
    on_ambiguous: OnAmbiguous  # see `submit`; adopt
    patience: float  # how long nothing but throttling and passing failures is borne; 300
    polls_per_s: float  # queries, and as many lists, and as many cancellations; 20, as the vendor allows
    seed: int | None  # of the jitter
    clock: Callable[[], float]  # monotonic; given by tests, as `sleep` is


class SubmitOptions(TypedDict, total=False):
    """See `submit`."""

    path: str
    on_ambiguous: OnAmbiguous
    patience: float


class WaitOptions(TypedDict, total=False):
    """See `wait`."""

    timeout: float | None
    on_poll: Callable[[Task], object] | None
    cancel_on_interrupt: bool


class RunOptions(SubmitOptions, WaitOptions, total=False):
    """See `submit` and `wait`."""


def check(options: Mapping[str, Any], kind: type) -> None:
    """Refuse what nobody would look at, or only when the task is paid for. Raises TypeError or ValueError."""
    if unknown := [name for name in options if name not in kind.__annotations__]:
        raise TypeError(f"there is no option {', '.join(unknown)}; there are {', '.join(kind.__annotations__)}")
    if (policy := options.get("on_ambiguous")) not in (None, *get_args(OnAmbiguous)):
        raise ValueError(f"on_ambiguous {policy!r} is not one of {', '.join(get_args(OnAmbiguous))}")
    for name in ("timeout", "patience"):
        if (given := options.get(name)) is not None and not (isinstance(given, int | float) and given >= 0):  # or NaN
            raise ValueError(f"{name} {given!r} is no time: give seconds, 0 or more")
    if not callable(options.get("on_poll") or check):
        raise TypeError(f"on_poll {options['on_poll']!r:.99} cannot be called")


class Core:
    """A client's settings, and what all verbs share."""

    _http: httpx.Client | httpx.AsyncClient
    _send: Callable[..., Awaitable[httpx.Response]]
    _chunks: Callable[[httpx.Response], AsyncIterator[bytes]]
    _close: Callable[[httpx.Response], Awaitable[None]]
    _sleep: Callable[[float], Awaitable[object]]

    def __init__(self, api_key: str | None = None, **options: Unpack[Options]) -> None:
        check(options, Options)
        self._key = os.environ.get("DASHSCOPE_API_KEY", "") if api_key is None else api_key
        region, environment = options.get("region", ""), os.environ.get("DASHSCOPE_HTTP_BASE_URL", "")
        if not self._key:
            raise ValueError("no API key: give api_key, or set DASHSCOPE_API_KEY")
        if not (self._key.isascii() and self._key.isprintable() and self._key == self._key.strip()):
            raise ValueError("the API key holds characters that no key has")
        if region and region not in REGIONS:
            raise ValueError(f"region {region!r} is not one of {', '.join(REGIONS)}")
        base = options.get("base_url") or REGIONS.get(region) or environment or REGIONS["beijing"]
        if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", base):
            shown = base.rpartition("@")[2]  # what is before it may be a secret
            raise ValueError(f"the base address {shown!r} must begin with https:// or http://, and have no @, ? or #")
        self._base, self._is_local = base.rstrip("/"), urlsplit(base).hostname in ("127.0.0.1", "localhost", "::1")
        self._clock, self._on_ambiguous = options.get("clock", monotonic), options.get("on_ambiguous", "adopt")
        self._patience, self._jitter = options.get("patience", 300.0), Random(options.get("seed")).uniform
        workspace = {"X-DashScope-WorkSpace": options["workspace"]} if options.get("workspace") else {}
        self._headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json", **workspace}
        self._pacers = {kind: Pacer(options.get("polls_per_s", CALLS_PER_S)) for kind in ("query", "list", "cancel")}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base!r})"

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            await self._sleep(seconds)

    async def _exchange(self, method: str, url: str, within_s: float = 30.0, sink: Sink = None, **sent: Any) -> Answer:
        """One request and its answer, whole within `within_s`. Raises TransportError.

        With a sink it is a download: as long as it may be, and redirects are followed.
        """
        timeout = httpx.Timeout(within_s, connect=min(10.0, within_s))
        request, response, until = None, None, self._clock() + within_s
        status, headers, body = 0, dict[str, str](), bytearray()
        try:
            request = self._http.build_request(method, url, timeout=timeout, **sent)
            response = await self._send(request, stream=True, follow_redirects=sink is not None)
            status, headers = response.status_code, dict(response.headers.items())
            take = sink and sink(status, headers)
            async for chunk in self._chunks(response):
                (take or body.extend)(chunk)
                if not take and (self._clock() > until or len(body) > 50_000_000):
                    raise httpx.ReadTimeout("the answer came too slowly, or was endless")
            return Answer(status, headers, bytes(body))
        except _FAILURES as error:  # httpx says nothing of some, and its errors hold the request, and so the key
            where = request.url.host if request else repr(url)
            text = f"{type(error).__name__} at {where}: {error}".removesuffix(": ").replace(self._key, "***")
            about = {"unsent": isinstance(error, _UNSENT), "retryable": not isinstance(error, _HOPELESS)}
        finally:
            if response is not None:
                await self._close(response)
        raise TransportError(text, http_status=status, request_id=headers.get("x-request-id", ""), **about)

    async def _call(self, method: str, path: str, **rest: Any) -> Answer:
        """One exchange with the vendor, as the owner of the key."""
        headers = {**self._headers, **rest.pop("headers", {})}
        return await self._exchange(method, f"{self._base}/{path}", headers=headers, **rest)

    def _read(self, answer: Answer) -> dict[str, Any]:
        return read(answer, self._key)

    async def _turn(self, kind: str) -> None:
        """Wait for this client's next turn at query, list or cancel."""
        await self._pause(self._pacers[kind].turn(self._clock()))
        while pause := self._pacers[kind].go(self._clock()):
            await self._pause(pause)

    async def _patiently(self, what: str, attempt: Attempt[T], kind: str = "", patience: float = inf) -> T:
        """What comes of an attempt that may be repeated. Raises DashScopeError."""
        trouble = Trouble(self, what, patience)
        while True:
            if kind:
                await self._turn(kind)
            try:
                return await attempt()
            except DashScopeError as error:
                await trouble.bear(error)


class Trouble:
    """Failures in a row: 1, 2, 4 … 30 s of pause after each, up to 25 % longer, and at least what the server asked for.

    That goes on until patience, counted from the first, is at an end. A good answer sets `failures` to 0.
    """

    def __init__(self, core: Core, what: str, patience: float = inf) -> None:
        self._core, self._what, self._patience = core, what, min(core._patience, patience)
        self.failures, self._since = 0, 0.0

    async def bear(self, error: DashScopeError, until: float = inf) -> None:
        """Pause, at most to the instant `until`. Raises the error if it is no passing one, or was borne too long."""
        now = self._core._clock()
        self._since = self._since if self.failures else now
        self.failures += 1
        pause = min(2.0 ** min(self.failures - 1, 5), 30.0) * self._core._jitter(1.0, 1.25)
        pause = max(pause, error.retry_after_s or 0.0)
        if not error.retryable or min(now + pause, until) > self._since + self._patience:
            raise error
        pause = max(0.0, min(pause, until - now))
        log.warning("%s: %s; again in %.1f s", self._what, error, pause)
        await self._core._pause(pause)
