"""Recordings as they are judged: every exchange by number, with what it was about and when it came.

Nothing can be asked of a recording, and it does not have everything: times and headers that were not kept, tasks that
were submitted before it began. What no contract is about is counted, by reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import orjson

from fakescope.catalog import Catalog
from fakescope.recording.exchange import Cassette, Exchange
from fakescope.recording.files import load_folder
from fakescope.recording.matching import route_of
from fakescope_contracts.conversation import ABSENT, Conversation, Reply
from fakescope_contracts.registry import Asked
from fakescope_contracts.target import KEYS, NoAnswerError, Request, Response

__all__ = ["Answer", "CassetteTarget", "Story", "left_out", "stories", "task_id_in"]


class CassetteTarget:
    """Recordings in the place of a target: nothing can be asked, nothing can be ordered."""

    region = "recorded"
    abilities: frozenset[str] = frozenset()
    keys: Mapping[str, str] = KEYS

    def __init__(self, name: str) -> None:
        self.name = name

    def send(self, request: Request, account: str | None = "a") -> Response:
        del account
        raise NoAnswerError(f"{self.name} are recordings; nobody answers {request.method} {request.path:.80}")

    def advance(self, seconds: float, account: str = "a") -> None:
        """Nothing: time does not pass in a recording."""

    def now(self, account: str = "a") -> datetime | None:
        del account
        return None

    def reset(self) -> None: ...

    def close(self) -> None: ...


class Heard(Reply):
    """A recorded answer that knows how often something was held of it."""

    __slots__ = ("held",)

    def __init__(self, talk: Conversation, number: int, response: Response) -> None:
        super().__init__(talk, number, response)
        self.held = 0

    def hold(self, kept: bool, came: str, claim: str) -> Reply:
        self.held += 1
        return super().hold(kept, came, claim)


class Answer(NamedTuple):
    """A recorded exchange. `number` counts from 1; `came` and `went` are the request's and the answer's time by the
    clock of the service, if the answer has them.
    """

    number: int
    asked: Asked
    reply: Heard
    came: datetime | None
    went: datetime | None


class Story(NamedTuple):
    """A recording as it is judged. `left` counts, by reason, exchanges that no contract is about."""

    name: str
    talk: Conversation
    answers: tuple[Answer, ...]
    tasks: frozenset[str]
    left: Counter[str]


def stories(folder: Path, target: CassetteTarget, catalog: Catalog) -> list[Story]:
    """The recordings in a folder and below it. Raises CassetteError if one cannot be read."""
    return [_story(cassette, target, catalog) for cassette in load_folder(folder)]


def _story(cassette: Cassette, target: CassetteTarget, catalog: Catalog) -> Story:
    talk, left = Conversation(target, catalog), Counter[str]()
    answers = []
    for number, exchange in enumerate(cassette.exchanges, 1):
        reply = Heard(talk, number, _response(exchange))
        asked = _asked(exchange, catalog)
        if reason := _out_of_scope(exchange, asked, catalog):
            left[reason] += 1
            continue
        answers.append(Answer(number, asked, reply, _time(reply, "req-arrive-time"), _time(reply, "resp-start-time")))
    made = (task_id_in(one) for one in answers if one.asked.kind == "submit" and one.reply.status_code == 200)
    tasks = frozenset(filter(None, made))
    for one in answers:
        if one.asked.kind == "poll" and one.asked.task_id not in tasks:
            left["queries for tasks whose submission is not recorded: judged as answers only"] += 1
        elif one.asked.kind == "submit" and one.reply.status_code == 200 and one.asked.spec is None:
            left["submissions of models that are not in the catalogue: judged as answers only"] += 1
    return Story(cassette.name, talk, tuple(answers), tasks, left)


def _response(exchange: Exchange) -> Response:
    status, headers, body = exchange.response
    return Response(status, tuple((name.lower(), value) for name, value in headers), body)


def _asked(exchange: Exchange, catalog: Catalog) -> Asked:
    method, parts = exchange.request.method.upper(), urlsplit(exchange.request.url)
    kind, path, task_id = route_of(method, parts.path)
    path = f"/api/v1{path}"
    try:
        body = orjson.loads(exchange.request.body)
    except ValueError:
        body = ABSENT
    spec = None
    if kind == "submit" and isinstance(body, dict) and isinstance(body.get("model"), str):
        spec = catalog.find(body["model"])
        if spec is not None and path not in (spec.path.rstrip("/"), spec.sync_path.rstrip("/")):
            spec = None
    shown = "list" if path == "/api/v1/tasks" and method == "GET" else kind
    return Asked(shown, method, path, dict(parse_qsl(parts.query)), body, spec, task_id, {})


def _out_of_scope(exchange: Exchange, asked: Asked, catalog: Catalog) -> str:
    """Why no contract is about an exchange, or ""."""
    if "/api/v1" not in urlsplit(exchange.request.url).path:
        return "requests for files, and for other services: not of this API"
    if asked.kind == "submit" and asked.path not in {path.rstrip("/") for path in catalog.paths}:
        return "requests at addresses that no model of the catalogue has"
    if asked.kind == "ask" and asked.path != "/api/v1/tasks":
        return "requests for uploads, and at addresses that the catalogue does not have"
    if asked.method == "HEAD":
        return "HEAD, which has no body"
    if any(name.lower() == "content-type" and "event-stream" in value for name, value in exchange.response.headers):
        return "answers in pieces (events)"
    return ""


def _time(reply: Reply, header: str) -> datetime | None:
    """A time by the clock of the service. When a client asked, by its own clock, says nothing of that."""
    text = reply.headers.get(header, "")
    known = text.isascii() and text.isdecimal() and 10**12 < int(text) < 10**14
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(text)) if known else None


def task_id_in(answer: Answer) -> str:
    try:
        found = orjson.loads(answer.reply.content)["output"]["task_id"]
    except (ValueError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) else ""


def left_out(told: Iterable[Story]) -> Counter[str]:
    """Reason → how many exchanges are judged by no contract, or as answers only."""
    return sum((story.left for story in told), Counter[str]())
