"""Plain ASGI, as little of it as the vendor's API needs: a request that is read in parts, an answer that is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from fakescope.engine.task import Task
from fakescope.engine.vendor_error import VendorError
from fakescope.engine.view import TaskView

__all__ = ["Answer", "App", "ClientGone", "Receive", "Scope", "Send", "header", "read_body", "send_answer"]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]


class Answer(NamedTuple):
    """A response, and what it is about, for the access line."""

    status: int
    headers: list[Header]
    body: bytes
    about: Task | TaskView | VendorError | str = ""


class ClientGone(Exception):  # noqa: N818 - not an error, an event
    """The client closed the connection in the middle of its request; there is nobody to answer."""


def header(scope: Scope, name: bytes) -> bytes:
    """The first value of a header (lower-case name), or nothing."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""


async def read_body(scope: Scope, receive: Receive, most_bytes: int) -> bytes:
    """The whole body. One that announces or turns out to be larger than `most_bytes` is not read to its end."""
    announced = header(scope, b"content-length")
    if announced and int(announced) > most_bytes:
        raise _too_large(most_bytes)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size > most_bytes:
            raise _too_large(most_bytes)
        parts.append(part)
        if not message.get("more_body", False):
            return part if len(parts) == 1 else b"".join(parts)


async def send_answer(send: Send, answer: Answer) -> None:
    """Send it whole. `Content-Length` is added; a HEAD request's body is left out by the server."""
    answer.headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


def _too_large(most_bytes: int) -> VendorError:
    return VendorError("body_too_large", "Give large files as links instead of data: addresses.", limit=most_bytes)
