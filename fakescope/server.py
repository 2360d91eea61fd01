"""A uvicorn server that says when it is ready and stops at once."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fakescope.wire.http import App

_new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
with contextlib.suppress(ImportError):  # Windows, PyPy: a third slower, and nothing else
    from uvloop import new_event_loop as _new_event_loop

__all__ = ["bind", "serve"]

_KEEP_ALIVE_S = 75  # longer than any client keeps an idle connection, so that none meets a closing one


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError if the port is taken."""
    # With the protocol named, asyncio switches Nagle's algorithm off; without it every answer may wait 40 ms.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    return listener


def serve(app: App, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, then return. `ready` is called once connections are accepted."""
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=_Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=0,
    )
    with asyncio.Runner(loop_factory=_new_event_loop) as runner:
        runner.run(_Server(config, ready).serve([listener]))


class _Protocol(HttpToolsProtocol):
    """uvicorn's, which answers in one piece and is deaf to offers of HTTP/2.

    Java's own client makes one with its first request, and httptools then takes the body for the other protocol.
    """

    _MOST_HEAD_BYTES = 65_536
    _OFFER = re.compile(rb"\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n)", re.IGNORECASE)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._in_head, self._head_bytes = True, 0
        super().connection_made(cast(asyncio.Transport, _OneWrite(transport, self.loop)))

    def data_received(self, data: bytes) -> None:
        if b"h2c" in data:
            head, end, body = data.partition(b"\r\n\r\n")
            data = self._OFFER.sub(b"", head + end) + body
        super().data_received(data)
        self._head_bytes += len(data)
        if self._in_head and self._head_bytes > self._MOST_HEAD_BYTES:
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()


class _OneWrite:
    """A transport that sends the head and the body of an answer in one piece.

    uvicorn writes one after the other, and the second system call costs half as much as the simulator's own work.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._call_soon = transport, loop.call_soon
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts.clear()


class _Server(uvicorn.Server):
    """Signals end it quietly: uvicorn would raise them again afterwards, and the exit status would not be 0."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._stop = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        before: dict[signal.Signals, Any] = {}
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._end))
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self) -> None:
        self.should_exit = True
        self._stop.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is loaded now stays: not looking at it again takes the longest pauses out of busy minutes.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        self._ready()

    async def main_loop(self) -> None:
        # As uvicorn's, but a signal is acted on when it comes and not at the next tenth of a second.
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 0.1)
