"""An application in this process as what is judged: no sockets, thousands of exchanges a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

from fakescope_contracts.target import (
    LARGEST_ANSWER,
    TIMEOUT_S,
    TOO_LARGE,
    Controlled,
    NoAnswerError,
    Request,
    Response,
)

__all__ = ["App", "AsgiTarget"]

Message = MutableMapping[str, Any]
App = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class AsgiTarget(Controlled):
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
        await asyncio.wait([task, begun], timeout=TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
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
        room = LARGEST_ANSWER

        async def receive() -> Message:
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            nonlocal room
            room -= len(message.get("body", b""))
            if room >= 0:
                came.append(message)
            else:
                raise asyncio.CancelledError  # nothing less ends an application that never waits

        task = self._loop.create_task(_awaited(self._app(scope, receive, send)))
        limit = self._loop.call_later(TIMEOUT_S, task.cancel)
        try:
            self._loop.run_until_complete(task)
        except asyncio.CancelledError:
            said = TOO_LARGE if room < 0 else f"had no answer within {TIMEOUT_S:g} s"
            raise NoAnswerError(f"{request.method} {path} {said}") from None
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
