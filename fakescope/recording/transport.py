"""Replay inside a process: httpx transports that need no socket and reach no network.

>>> import httpx
>>> transport = ReplayTransport(Player([]))
>>> client = httpx.Client(transport=transport)      # hand it to any client that takes one
"""

from __future__ import annotations

import httpx

from fakescope import clock as clocks
from fakescope.clock import REAL, Clock, SystemClock
from fakescope.recording.exchange import Request, Response
from fakescope.recording.misses import NotRecordedError
from fakescope.recording.player import Player

__all__ = ["AsyncReplayTransport", "ReplayTransport"]


class _Replaying:
    """What both transports share: a player, and a clock that takes the orders of the control API."""

    def __init__(self, player: Player, *, clock: Clock | None = None) -> None:
        self.player = player
        self._clock = clock or SystemClock()
        self._setting = REAL
        self._missed: NotRecordedError | None = None

    def order_clock(self, order: object) -> None:
        """Carry out an order such as `{"action": "advance", "seconds": 600}`. Raises CommandError."""
        self._setting = clocks.command(self._setting, order, self._clock.read())

    def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        real = self._clock.read()
        if self._setting.auto_advance_ms and request.method == "GET" and "/tasks/" in request.url.path:
            self._setting = clocks.ticked(self._setting, real)
        headers = tuple((name, value) for name, value in request.headers.items())
        asked = Request(request.method, str(request.url), headers, body)
        try:
            answer = self.player.answer(asked, clocks.now_at(self._setting, real))
        except NotRecordedError as miss:
            if self._missed and request.url.path.rstrip("/").endswith("/tasks"):
                raise self._missed from None  # fakescope_client looks in the list for a submission that had no answer
            self._missed = self._missed or miss
            raise
        return _given(answer, request)


class ReplayTransport(_Replaying, httpx.BaseTransport):
    """For `httpx.Client(transport=…)`. A request that was not recorded raises NotRecordedError."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._answer(request, request.read())


class AsyncReplayTransport(_Replaying, httpx.AsyncBaseTransport):
    """For `httpx.AsyncClient(transport=…)`. A request that was not recorded raises NotRecordedError."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self._answer(request, await request.aread())


def _given(response: Response, request: httpx.Request) -> httpx.Response:
    content = b"" if request.method == "HEAD" else response.body
    return httpx.Response(response.status, headers=list(response.headers), content=content, request=request)
