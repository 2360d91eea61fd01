"""What a mutant is made with: a request on its way to the real application, and the answer on its way back."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from fakescope_contracts.asgi import App

__all__ = ["Answer", "Call", "Mutant", "edits", "mutant", "mutated", "registered", "tables_in"]

Scope = MutableMapping[str, Any]
TASKS = "/api/v1/tasks"


@dataclass
class Answer:
    """An answer, whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def now_ms(self) -> int:
        """The instant at which it was given, as the service says in its headers."""
        return int(self.headers.get("resp-start-time", "0"))

    @property
    def status_word(self) -> str:
        """The task's status, if the answer is about a task."""
        output = self.json.get("output") if self.status == 200 else None
        return output.get("task_status", "") if isinstance(output, dict) else ""


@dataclass
class Call:
    """One request. `memory` is kept between requests until the service is reset; `app` is the real application."""

    app: App
    scope: Scope
    body: bytes
    memory: dict[str, Any]
    kind: str = ""
    task_id: str = ""
    query: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Who asks."""
        headers: dict[bytes, bytes] = dict(self.scope["headers"])
        return headers.get(b"authorization", b"").decode("latin-1")

    @property
    def json(self) -> Any:
        """What is submitted, or an empty object where that is no object."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def notes(self, name: str) -> dict[str, Any]:
        """What the mutant wrote down under a name."""
        notes: dict[str, Any] = self.memory.setdefault(name, {})
        return notes

    def with_json(self, body: object) -> Call:
        return replace(self, body=json.dumps(body).encode())

    def with_header(self, name: str, value: str | None) -> Call:
        kept = [(n, v) for n, v in self.scope["headers"] if n != name.encode()]
        added = [] if value is None else [(name.encode(), value.encode("latin-1"))]
        return replace(self, scope={**self.scope, "headers": kept + added})

    def to(self, path: str, query: str = "", method: str = "GET") -> Call:
        """Another request of the same sender."""
        scope = {**self.scope, "path": path, "raw_path": path.encode(), "query_string": query.encode()}
        return replace(self, scope={**scope, "method": method}, body=b"")

    async def forward(self) -> Answer:
        """What the real application says."""
        rest: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": self.body, "more_body": False}]
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return rest.pop() if rest else {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        headers = [(name, value) for name, value in self.scope["headers"] if name != b"content-length"]
        headers.append((b"content-length", b"%d" % len(self.body)))
        await self.app({**self.scope, "headers": headers}, receive, send)
        found = {n.decode().lower(): v.decode("latin-1") for n, v in sent[0]["headers"]}
        return Answer(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))


Behaviour = Callable[[Call], Awaitable[Answer]]


class Mutant(NamedTuple):
    """`does`: what is wrong, in a sentence. `contract`: the id of the one that has to notice."""

    name: str
    contract: str
    does: str
    behave: Behaviour


_registered: dict[str, Mutant] = {}


def registered() -> dict[str, Mutant]:
    """Every mutant that was defined so far."""
    return _registered


def mutant(contract: str) -> Callable[[Behaviour], Behaviour]:
    """The decorated function answers every request, and forwards what it leaves alone."""

    def register(behave: Behaviour) -> Behaviour:
        name = behave.__name__
        assert name not in _registered, f"there are two mutants {name}"
        _registered[name] = Mutant(name, contract, " ".join((behave.__doc__ or "").split()), behave)
        return behave

    return register


def edits(kind: str, contract: str) -> Callable[[Callable[[Call, Any], Any]], Callable[[Call, Any], Any]]:
    """The decorated function changes what is answered with 200 to one kind of request, in place or by returning it."""

    def register(edit: Callable[[Call, Any], Any]) -> Callable[[Call, Any], Any]:
        async def behave(call: Call) -> Answer:
            answer = await call.forward()
            if call.kind == kind and answer.status == 200:
                body = answer.json
                changed = edit(call, body)
                answer.body = json.dumps(body if changed is None else changed).encode()
            return answer

        behave.__name__, behave.__doc__ = edit.__name__, edit.__doc__
        mutant(contract)(behave)
        return edit

    return register


def mutated(app: App, one: Mutant) -> App:
    """The application, wrong in that way. A reset of the application makes the mutant forget, too."""
    memory: dict[str, Any] = {}

    async def wrong(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        if scope["path"] == "/_fakescope/reset":
            memory.clear()
        call = _call(app, scope, await _whole(receive), memory)
        answer = await (call.forward() if call.kind == "control" else one.behave(call))
        answer.headers["content-length"] = str(len(answer.body))
        headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    return wrong


def tables_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value, itself included."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from tables_in(part)


async def _whole(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _call(app: App, scope: Scope, body: bytes, memory: dict[str, Any]) -> Call:
    path, method = scope["path"].rstrip("/"), scope["method"]
    task_id, _, rest = path.removeprefix(TASKS).lstrip("/").partition("/")
    if path.startswith("/_fakescope"):
        kind = "control"
    elif path.startswith("/api/v1/services/"):
        kind = "submit"
    elif path == TASKS:
        kind = "list"
    elif path.startswith(TASKS):
        kind = "cancel" if rest == "cancel" and method == "POST" else "poll" if method == "GET" else "other"
    else:
        kind = "file" if path.startswith("/dashscope-result") else "other"
    query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
    return Call(app, scope, body, memory, kind, task_id if path.startswith(TASKS) else "", query)
