"""Replay as an ASGI application: bytes to requests, the account's clock, and a miss in our own voice.

It stands in front of the simulator, whose control API it keeps: `/_fakescope/clock` moves the time of recorded tasks,
too. `GET /_fakescope/replay` says what was used.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from fakescope.recording.exchange import Headers, Request, Response
from fakescope.recording.matching import route_of
from fakescope.recording.misses import NotRecordedError
from fakescope.recording.player import FILES, Player, Unused
from fakescope.simulator import Simulator

__all__ = ["ReplayApp", "Visitor"]

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]
_EXTRA = ("x-fakescope-basis", "x-fakescope-hint", "x-fakescope-recording")
"""Headers of ours that are off with `--no-extra-headers`. Those that mark an answer as not recorded stay."""
_MOST_SHOWN = 1_000
_TOO_LARGE = "The body is larger than {} bytes, and no recording can have it."


class Visitor(NamedTuple):
    """Who asks: an account, and the scheme and host by which this server was reached."""

    account: str
    origin: str


class ReplayApp:
    """Answers from recordings. What was not recorded is a 404 in our own shape, or with `simulates` the simulator's.

    `simulator` is what `behind` was made of, or one with the same store and clock: its accounts' clocks are followed.
    """

    def __init__(
        self,
        player: Player,
        simulator: Simulator,
        behind: _App,
        visitor_of: Callable[[_Scope], Visitor],
        *,
        simulates: bool = False,
        extra: tuple[tuple[bytes, bytes], ...] = (),
        note: Callable[[str, str, int, str], None] | None = None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._player, self._simulator, self._behind, self._visitor_of = player, simulator, behind, visitor_of
        self._simulates, self._extra, self._note, self._close = simulates, extra, note, close
        self._most_bytes = simulator.catalog.service.body_bytes

    def unused(self) -> tuple[Unused, ...]:
        """Recordings that nobody has asked for."""
        return self._player.unused()

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return self._close() if scope["type"] == "lifespan" else None
        path: str = scope["path"]
        if path.startswith("/_fakescope"):
            return await self._control(path, scope, receive, send)
        visitor = self._visitor_of(scope)
        body = b""
        try:
            kind, _, task_id = route_of(scope["method"], path)
            if kind == "poll":
                now = await self._simulator.instant_of_poll(visitor.account)
                response = self._player.poll(task_id, now, world=visitor.account, origin=visitor.origin)
            else:
                body = await self._body(receive, is_file=path.startswith(FILES))
                now = await self._simulator.now(visitor.account)
                request = _request(scope, visitor.origin, body)
                response = self._player.answer(request, now, world=visitor.account, origin=visitor.origin)
        except NotRecordedError as miss:
            if self._simulates and not isinstance(miss, _TooLargeError):
                return await self._behind(scope, _again(body, receive), self._marked(scope, send))
            response = _refusal(miss.lines)
        except _Gone:
            return None
        if self._note is not None:
            self._note(scope["method"], path, response.status, _about(response))
        await self._send(send, response)
        return None

    async def _control(self, path: str, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if path == "/_fakescope/replay" and scope["method"] in ("GET", "HEAD"):
            unused = [one._asdict() for one in self.unused()]
            told = {"recorded": self._player.recorded, "unused": len(unused), "misses": self._player.misses}
            body = orjson.dumps({**told, "not_used": unused[:_MOST_SHOWN]})
            return await self._send(send, Response(200, (("content-type", "application/json"),), body))
        if path == "/_fakescope/reset" and scope["method"] == "POST":
            self._player.reset(self._visitor_of(scope).account)
        return await self._behind(scope, receive, send)

    def _marked(self, scope: _Scope, send: _Send) -> _Send:
        """What the simulator sends, marked as not recorded."""

        async def marked(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-fakescope-miss", b"simulated")]
                if self._note is not None:
                    self._note(scope["method"], scope["path"], message["status"], "not recorded, simulated")
            await send(message)

        return marked

    async def _send(self, send: _Send, response: Response) -> None:
        length = (b"content-length", b"%d" % len(response.body))
        told = response.headers if self._extra else tuple(h for h in response.headers if h[0] not in _EXTRA)
        headers = [*_encoded(told), length, *self._extra]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _body(self, receive: _Receive, *, is_file: bool) -> bytes:
        """The body whole, or of an upload, which nobody looks into, the beginning."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            part = message.get("body", b"")
            size += len(part)
            if size > self._most_bytes and not is_file:
                raise _TooLargeError([_TOO_LARGE.format(self._most_bytes)])
            if not (is_file and parts):
                parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)


class _TooLargeError(NotRecordedError):
    """What is left of the body was not read, so that nobody else can answer it either."""


class _Gone(Exception):  # noqa: N818 - not an error, an event
    """The client left in the middle of its request."""


def _request(scope: _Scope, origin: str, body: bytes) -> Request:
    path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    return Request(scope["method"], f"{origin}{path}{'?' if query else ''}{query}", headers, body)


def _refusal(lines: tuple[str, ...]) -> Response:
    """A miss as a problem (RFC 9457). Some clients show its `message`, others all of it: hence lines, and indented."""
    problem = {"type": "about:blank", "title": "Not recorded", "status": 404, "detail": lines[0], "more": lines[1:]}
    problem["message"] = "\n".join(lines)
    headers = (("content-type", "application/problem+json"), ("x-fakescope-error", "NotRecordedError"))
    return Response(404, headers, orjson.dumps(problem, option=orjson.OPT_INDENT_2))


def _about(response: Response) -> str:
    for name, value in response.headers:
        if name in ("x-fakescope-recording", "x-fakescope-error"):
            return value
    return ""


@lru_cache(maxsize=4_096)
def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers]


def _again(body: bytes, receive: _Receive) -> _Receive:
    """The request's body once more, for the application behind."""
    waiting = [body]

    async def again() -> MutableMapping[str, Any]:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return again
