"""One request to an application in this process, and its answer as JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, NamedTuple

from fakescope.recording.json_bodies import json_or_none

__all__ = ["Answer", "App", "call"]

App = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


class Answer(NamedTuple):
    """Status, headers by their names, and the body as JSON; None if it is none."""

    status: int
    headers: dict[str, str]
    body: Any


async def call(
    app: App, method: str, path: str, query: str, headers: Iterable[tuple[str, str]], body: bytes, key: str
) -> Answer:
    """Ask, with this key."""
    sent = [*headers, ("authorization", f"Bearer {key}"), ("content-length", str(len(body)))]
    scope: MutableMapping[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in sent],
        "server": ("simulator", 80),
        "client": ("127.0.0.1", 1),
    }
    status, answered, parts = 0, {}, []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, answered
        if message["type"] == "http.response.start":
            status = message["status"]
            answered = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return Answer(status, answered, json_or_none(b"".join(parts)))
