"""A uvicorn server that says when it is ready and stops at once."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
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
        http=cast(type[asyncio.Protocol], partial(_Protocol, outbox=_Outbox())),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the one that matters here, the scheme of links, is read where links are made
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

    def __init__(self, *args: Any, outbox: _Outbox, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._outbox = outbox

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._head_bytes = -1
        super().connection_made(cast(asyncio.Transport, _Writer(transport, self._outbox)))

    def data_received(self, data: bytes) -> None:
        if b"h2c" in data:
            head, end, body = data.partition(b"\r\n\r\n")
            data = self._OFFER.sub(b"", head + end) + body
        super().data_received(data)
        if self.scope is not None and "method" in self.scope:  # uvicorn fills it in when the head has come to its end
            self._head_bytes = -1
        elif self._head_bytes < 0:
            self._head_bytes = 0  # most of the piece in which a head begins may belong to the request before
        else:
            self._head_bytes += len(data)
            if self._head_bytes > self._MOST_HEAD_BYTES:
                self.send_400_response("The head of the request is too long.")


class _Outbox:
    """What was written since the event loop last went round: each connection's share is sent in one piece.

    uvicorn writes the head and the body of an answer one after the other, and every write is a system call that wakes
    the client up; under load these cost as much as the simulator's own work.
    """

    def __init__(self) -> None:
        self._waiting: list[_Writer] = []

    def add(self, writer: _Writer) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._send)
        self._waiting.append(writer)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for writer in waiting:
            writer.flush()


class _Writer:
    """A transport that writes by way of the outbox."""

    _MOST_PARTS = 8  # of a long stream, so that the transport can say when it has enough

    def __init__(self, transport: asyncio.Transport, outbox: _Outbox) -> None:
        self._transport, self._outbox = transport, outbox
        self._parts: list[bytes] = []
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        parts = self._parts
        if not parts:
            self._outbox.add(self)
        parts.append(data)
        if len(parts) > self._MOST_PARTS:
            self.flush()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        if self._parts:
            if not self.is_closing():  # the client may have left since
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
