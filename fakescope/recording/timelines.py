"""From exchanges in the order of a file to what they tell: of each task one timeline, of anything else its answers.

A timeline says what was answered how long after the submission. A cancellation that was accepted splits it: what comes
after it is only told to who cancels. Everything here is read once and never changed.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from fakescope.recording.exchange import Cassette, Exchange, Headers, Response
from fakescope.recording.json_bodies import json_or_none
from fakescope.recording.matching import Meaning, meaning_of

__all__ = ["TERMINAL", "Library", "RecordedAnswer", "Recording", "Timeline", "library_of"]

TERMINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN"})

_NOT_KEPT = re.compile(
    r"connection|keep-alive|transfer-encoding|content-encoding|content-length|date|set-cookie|x-fakescope-(?!stand-in$).*",
    re.IGNORECASE,
)
"""Headers that belong to the connection, to the day or to whoever answered, not to the answer."""

_LINK = re.compile(r"https?://(?:[\w.-]+|\[[\da-f:]+\])(?::\d+)?(?:[/?#][^\s\"\\]*)?")


class RecordedAnswer(NamedTuple):
    """An answer as it was recorded, ready to be given again.

    `links` are the addresses in it that led to the vendor: results, where to upload. `status` is the task's, if it
    tells one. `at_ms` counts from the submission of the task, or from its cancellation.
    """

    code: int
    headers: Headers
    body: bytes
    links: tuple[str, ...]
    status: str
    at_ms: int

    @property
    def is_trouble(self) -> bool:
        """Whether it tells of a moment, such as a throttled poll, and not of how the task stands."""
        return self.code != 200


class Timeline(NamedTuple):
    """A task's life as recorded. `submitted` is None where the recording begins later; then time counts from its
    first poll. `is_timed` is False where all polls were made in one instant: such a recording has no durations.
    """

    task_id: str
    submitted: RecordedAnswer | None
    before: tuple[RecordedAnswer, ...]
    after: tuple[RecordedAnswer, ...]
    cancels: tuple[RecordedAnswer, ...]
    accepted: int | None
    """Which of the cancellations was accepted."""
    is_timed: bool


class Recording(NamedTuple):
    """A request that was recorded, and what it was answered. `cassette` and `place` say where: which cassette and
    which exchange in it, both from 0. Polls and cancellations are in the timeline, if they belong to one.
    """

    cassette: int
    place: int
    meaning: Meaning
    answer: RecordedAnswer
    timeline: Timeline | None


class Library(NamedTuple):
    """All recordings by what they mean, in the order of the files, and timelines by the recorded id of their task.

    `links` are the recorded addresses by cassette and path.
    """

    names: tuple[str, ...]
    bases: tuple[str, ...]
    by_key: dict[bytes, list[Recording]]
    by_task: dict[str, list[Recording]]
    links: dict[tuple[int, str], str]

    @property
    def recordings(self) -> Iterator[Recording]:
        for found in self.by_key.values():
            yield from found


def library_of(cassettes: Sequence[Cassette]) -> Library:
    """Read what cassettes tell."""
    names = tuple(cassette.name or f"cassette {n + 1}" for n, cassette in enumerate(cassettes))
    library = Library(names, tuple(cassette.provenance.basis for cassette in cassettes), {}, {}, {})
    for n, cassette in enumerate(cassettes):
        _read(library, n, cassette.exchanges)
    return library


class _Open:
    """A timeline that is still being read."""

    def __init__(self, task_id: str, begun_ms: int, first: tuple[int, Meaning, RecordedAnswer]) -> None:
        self.task_id, self.begun_ms, self.first = task_id, begun_ms, first
        self.before: list[RecordedAnswer] = []
        self.after: list[RecordedAnswer] = []
        self.cancels: list[RecordedAnswer] = []
        self.accepted: int | None = None
        self.is_timed = False

    def add(self, kind: str, exchange: Exchange, answer: RecordedAnswer) -> None:
        answer = answer._replace(at_ms=max(0, exchange.at_ms - self.begun_ms))
        if kind == "cancel":
            self.cancels.append(answer)
            if not answer.is_trouble and self.accepted is None:
                self.accepted, self.begun_ms = len(self.cancels) - 1, exchange.at_ms
            return
        self.is_timed = self.is_timed or answer.at_ms > 0
        (self.before if self.accepted is None else self.after).append(answer)

    def closed(self) -> Timeline:
        submitted = self.first[2] if self.first[1].kind == "submit" else None
        before, after, cancels = tuple(self.before), tuple(self.after), tuple(self.cancels)
        return Timeline(self.task_id, submitted, before, after, cancels, self.accepted, self.is_timed)


def _read(library: Library, cassette: int, exchanges: Sequence[Exchange]) -> None:
    opened: dict[str, _Open] = {}
    everything: list[_Open] = []
    for place, exchange in enumerate(exchanges):
        body = json_or_none(exchange.response.body)
        answer = _answer_of(exchange.response, body)
        for link in answer.links:
            library.links.setdefault((cassette, urlsplit(link).path or "/"), link)
        task_id = _task_id(body) if exchange.response.status == 200 else ""
        meaning = meaning_of(exchange.request, is_task=bool(task_id))
        if meaning.kind in ("poll", "cancel"):
            line = opened.get(meaning.task_id)
            if line is None:
                line = opened[meaning.task_id] = _Open(meaning.task_id, exchange.at_ms, (place, meaning, answer))
                everything.append(line)
            line.add(meaning.kind, exchange, answer)
        elif meaning.kind == "submit" and task_id:
            line = opened[task_id] = _Open(task_id, exchange.at_ms, (place, meaning, answer))
            everything.append(line)
        else:
            found = Recording(cassette, place, meaning, answer, None)
            library.by_key.setdefault(meaning.key, []).append(found)
    for line in everything:
        place, meaning, answer = line.first
        found = Recording(cassette, place, meaning, answer, line.closed())
        library.by_task.setdefault(line.task_id, []).append(found)
        library.by_key.setdefault(meaning.key, []).append(found)
    for recordings in library.by_key.values():
        recordings.sort(key=lambda found: (found.cassette, found.place))  # refusals stand between tasks, as recorded


def _answer_of(response: Response, body: Any) -> RecordedAnswer:
    headers = tuple((name.lower(), value) for name, value in response.headers if not _NOT_KEPT.fullmatch(name))
    output = body.get("output") if isinstance(body, dict) else None
    status = output.get("task_status") if isinstance(output, dict) else None
    links = tuple(dict.fromkeys(_links(body))) if isinstance(body, dict) else ()
    text = response.body
    if body is not None:
        if not any(name == "content-type" for name, _ in headers):
            headers = ("content-type", "application/json"), *headers  # clients cannot read it without
        if b"\n" in text or not all(b'"%b"' % link.encode() in text for link in links):
            # Indented for the people who review the file, or with escaped slashes: as the vendor writes it.
            text = orjson.dumps(body)
    return RecordedAnswer(response.status, headers, text, links, status if isinstance(status, str) else "", 0)


def _links(body: dict[str, Any]) -> Iterator[str]:
    """Every value in `output` and `data` that is an address and nothing else."""
    waiting: deque[Any] = deque([body.get("output"), body.get("data")])
    while waiting:
        value = waiting.popleft()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, str) and _LINK.fullmatch(value):
            yield value


def _task_id(body: Any) -> str:
    output = body.get("output") if isinstance(body, dict) else None
    task_id = output.get("task_id") if isinstance(output, dict) else None
    return task_id if isinstance(task_id, str) else ""
