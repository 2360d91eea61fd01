"""Answers from recordings: which one a request gets, how a replayed task stands now, and what to say if there is none.

No HTTP and no clock: a request and an instant go in, an answer comes out. Each world (an account, a test) has its own
turn of every recording.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from math import inf
from typing import Literal, NamedTuple
from urllib.parse import quote, urlsplit

import orjson

from fakescope.catalog import load
from fakescope.clock import Instant
from fakescope.ids import IdSource, request_id_of
from fakescope.recording.exchange import Cassette, Request, Response
from fakescope.recording.matching import Meaning, agree, meaning_of
from fakescope.recording.misses import NotRecordedError, in_words, no_part, no_recording, no_task
from fakescope.recording.redaction import as_recorded
from fakescope.recording.timelines import TERMINAL, RecordedAnswer, Recording, Timeline, library_of

__all__ = ["FILES", "By", "Player", "Unused"]

FILES = "/recorded/"
"""How the path of every link begins that a replay server gives in place of a recorded one."""

By = Literal["time", "polls"]

_LINK = re.compile(rf"(?:https?://[^/]*)?{FILES}(\d{{1,6}})(/.*)", re.DOTALL)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ANY_ID = re.compile(_ID.pattern.encode())
_REMEMBERED = 1_000  # requests that were redacted to be found
_ENDS_HERE = ("x-fakescope-hint", "The recording ends here, and the task had not ended.")
_Names = Iterable[tuple[str, str]]


class Unused(NamedTuple):
    """A recording that nobody asked for: the cassette's name, the number of the exchange from 1, and what it is."""

    cassette: str
    exchange: int
    request: str

    def __str__(self) -> str:
        return f"{self.cassette}, exchange {self.exchange}: {self.request}"


class _Task:
    """A task of this replay: a timeline, since when it runs, and what was told of it already."""

    __slots__ = ("began", "canceled", "cancels", "line", "moments", "polls", "recording", "shown", "since", "task_id")

    def __init__(self, recording: Recording, line: Timeline, task_id: str, began: Instant) -> None:
        self.recording, self.line, self.task_id = recording, line, task_id
        self.began = self.since = began
        self.canceled = False
        self.cancels = self.polls = self.moments = 0
        self.shown: tuple[RecordedAnswer, str | None, Response] | None = None


class _World:
    """What was given out to one account: recordings that had their turn, and tasks by the ids that they have here."""

    def __init__(self, name: str) -> None:
        self.given: set[tuple[int, int]] = set()
        self.tasks: dict[str, _Task] = {}
        self.renamed: dict[tuple[int, str], str] = {}
        self.ids = IdSource(0, f"replay {name}")


class Player:
    """Gives the answers of cassettes. `by` says whether time or the number of polls moves a task on; time runs `speed`
    times as fast as when it was recorded, and `inf` ends every task at once.
    """

    def __init__(self, cassettes: Sequence[Cassette], *, by: By = "time", speed: float = 1.0) -> None:
        self._library = library_of(cassettes)
        self._by_polls, self._speed, self._life_ms = by == "polls", speed, _task_life_ms()
        self._worlds: dict[str, _World] = {}
        self._used: set[tuple[int, int]] = set()
        self._fresh: dict[str, str] = {}  # ids that were made here, with the recorded ones that they stand for
        self._redacted: dict[tuple[bytes, tuple[str, ...]], Meaning] = {}
        names = [quote(name, safe="/ ") for name in self._library.names]
        self._marks = list(zip(self._library.bases, names, strict=True))
        self.misses = 0

    # -- requests

    def answer(self, request: Request, now: Instant, *, world: str = "", origin: str | None = None) -> Response:
        """The answer to a request that is made at the instant `now`.

        With `origin` (scheme and host of a server), links in answers lead there; without, they are the recorded ones.
        Raises NotRecordedError.
        """
        cassette, url = self._recorded_url(request.url)
        if cassette is not None:
            request = request._replace(url=url)
        meaning = meaning_of(request, restored=self._restorer(request.body))
        if meaning.kind == "poll":
            return self.poll(meaning.task_id, now, world=world, origin=origin)
        here = self._world(world)
        try:
            if meaning.kind == "cancel":
                return self._cancel(self._task(here, meaning.task_id, now), now, origin)
            if meaning.kind == "ask" and self._fresh:
                request = request._replace(url=_ID.sub(self._old_id, url))
                meaning = meaning_of(request, restored=self._restorer(request.body))
            recording = self._next(here, self._known(meaning, request), cassette)
        except NotRecordedError:
            self.misses += 1
            raise
        if recording.timeline is not None:
            return self._submit(here, recording, recording.timeline, now, origin)
        names = [(was, now_is) for (of, was), now_is in here.renamed.items() if of == recording.cassette]
        return self._as_here(recording.answer, recording, origin, names)

    def poll(self, task_id: str, now: Instant, *, world: str = "", origin: str | None = None) -> Response:
        """How a task of this replay stands at that instant. Otherwise as `answer`."""
        try:
            task = self._task(self._world(world), task_id, now)
            answer, is_last = self._standing(task, now)
        except NotRecordedError:
            self.misses += 1
            raise
        if now - task.began >= self._life_ms and answer.status != "UNKNOWN":
            return _forgotten(task.task_id)
        ends_here = is_last and answer.status not in TERMINAL and not answer.is_trouble
        if (shown := task.shown) is not None and shown[0] is answer and shown[1] == origin and not ends_here:
            return shown[2]
        response = self._as_here(answer, task.recording, origin, ((task.line.task_id, task.task_id),))
        if ends_here:
            return response._replace(headers=(*response.headers, _ENDS_HERE))
        task.shown = answer, origin, response
        return response

    # -- reports

    def unused(self) -> tuple[Unused, ...]:
        """Recordings that nobody has asked for since this player was made, in the order of the files."""
        found = sorted(
            (r.cassette, r.place, in_words(r.meaning))
            for r in self._library.recordings
            if (r.cassette, r.place) not in self._used
        )
        return tuple(Unused(self._library.names[cassette], place + 1, what) for cassette, place, what in found)

    @property
    def recorded(self) -> int:
        """How many requests are recorded; a task with all its polls is one."""
        return sum(map(len, self._library.by_key.values()))

    def reset(self, world: str = "") -> None:
        """Begin the world anew: every recording has its first turn again."""
        self._worlds.pop(world, None)

    # -- which recording

    def _known(self, meaning: Meaning, request: Request) -> Meaning:
        """What the request means, or if nothing is recorded of that, what it means once it is redacted.

        Redacting costs more than everything else here, and most requests have nothing to redact.
        """
        if meaning.key in self._library.by_key:
            return meaning
        known = self._redacted.get((meaning.key, meaning.contents))
        if known is None:
            redacted = as_recorded(request)
            known = meaning_of(redacted, restored=self._restorer(redacted.body))
            if len(self._redacted) >= _REMEMBERED:
                self._redacted.clear()
            self._redacted[meaning.key, meaning.contents] = known
        return known

    def _next(self, here: _World, meaning: Meaning, cassette: int | None) -> Recording:
        """The first recording of this request that had no turn yet; afterwards the last one, again and again."""
        found: Sequence[Recording] = self._library.by_key.get(meaning.key, ())
        if meaning.contents:
            found = [recording for recording in found if agree(recording.meaning, meaning)]
        if cassette is not None:
            found = [recording for recording in found if recording.cassette == cassette]
        if not found:
            raise no_recording(self._library, meaning)
        recording = found[-1]
        if (recording.cassette, recording.place) not in here.given:  # turns are taken in order: the last one comes last
            recording = next(r for r in found if (r.cassette, r.place) not in here.given)
            here.given.add((recording.cassette, recording.place))
            self._used.add((recording.cassette, recording.place))
        return recording

    def _task(self, here: _World, task_id: str, now: Instant) -> _Task:
        """The task of this id. One that was recorded, but not submitted here, begins when it is first asked for."""
        task = here.tasks.get(task_id)
        if task is not None:
            return task
        for recording in self._library.by_task.get(task_id, ()):
            if recording.timeline is not None:
                if recording.timeline.submitted is None:
                    self._used.add((recording.cassette, recording.place))
                return here.tasks.setdefault(task_id, _Task(recording, recording.timeline, task_id, now))
        raise no_task(self._library, task_id, list(here.tasks))

    def _submit(self, here: _World, recording: Recording, line: Timeline, now: Instant, origin: str | None) -> Response:
        task_id = line.task_id
        while task_id in here.tasks:  # a recording that is given again, or two cassettes with the same stand-ins
            task_id = here.ids.task_id()
        if task_id != line.task_id:
            self._fresh[task_id] = line.task_id
            here.renamed.setdefault((recording.cassette, line.task_id), task_id)
        here.tasks[task_id] = _Task(recording, line, task_id, now)
        return self._as_here(recording.answer, recording, origin, ((line.task_id, task_id),))

    # -- how a task stands

    def _standing(self, task: _Task, now: Instant) -> tuple[RecordedAnswer, bool]:
        """What is told of the task now, and whether that is the last that was recorded of it."""
        line = task.line
        steps = line.after if task.canceled else line.before
        if self._by_polls or not line.is_timed:
            task.polls = reached = min(task.polls + 1, len(steps))
        else:
            elapsed_ms = inf if self._speed == inf else (now - task.since) * self._speed
            reached = bisect_right(steps, elapsed_ms, key=_at_ms)
        if reached > task.moments and steps[reached - 1].is_trouble:  # told once: it was a moment, not a state
            task.moments = reached
            return steps[reached - 1], False
        stands = next((answer for answer in reversed(steps[:reached]) if not answer.is_trouble), None)
        if stands is None:
            stands = self._before(task, steps)
        return stands, reached == len(steps)

    def _before(self, task: _Task, steps: Sequence[RecordedAnswer]) -> RecordedAnswer:
        """How a task stands before the first poll that was recorded of it."""
        line = task.line
        if not task.canceled and line.submitted is not None:
            return line.submitted  # it said how the task stood, in the words of a poll
        known = [answer for answer in steps if not answer.is_trouble]
        if task.canceled:  # what changed it was the cancellation, and that has happened
            known += [answer for answer in reversed(line.before) if not answer.is_trouble]
        if line.submitted is not None:
            known.append(line.submitted)
        if not known and not steps:
            raise no_part(self._library, task.recording, "poll")
        return known[0] if known else steps[-1]

    def _cancel(self, task: _Task, now: Instant, origin: str | None) -> Response:
        cancels = task.line.cancels
        if not cancels:
            raise no_part(self._library, task.recording, "cancellation")
        turn = min(task.cancels, len(cancels) - 1)
        task.cancels += 1
        if turn == task.line.accepted and not task.canceled:
            task.canceled, task.since, task.polls, task.moments = True, now, 0, 0
        return self._as_here(cancels[turn], task.recording, origin, ((task.line.task_id, task.task_id),))

    # -- what is recorded, in the terms of this replay, and back

    def _as_here(self, answer: RecordedAnswer, recording: Recording, origin: str | None, names: _Names) -> Response:
        """The answer with the ids and the links of this replay, marked as what it is."""
        body, links = answer.body, answer.links
        for was, now_is in names:
            if was == now_is:
                continue
            if _ID.fullmatch(was):
                body = body.replace(was.encode(), now_is.encode())
                links = tuple(link.replace(was, now_is) for link in links)
            else:  # a word that may stand in other words, too
                body = body.replace(orjson.dumps(was), orjson.dumps(now_is))
        if origin is not None:
            for link in links:
                parts = urlsplit(link)
                query = f"?{parts.query}" if parts.query else ""
                here = f"{origin}{FILES}{recording.cassette}{parts.path or '/'}{query}"
                body = body.replace(b'"%b"' % link.encode(), orjson.dumps(here))
        basis, name = self._marks[recording.cassette]
        marks = ("x-fakescope-basis", basis), ("x-fakescope-recording", f"{name}#{recording.place + 1}")
        return Response(answer.code, (*answer.headers, *marks), body)

    def _recorded_url(self, url: str) -> tuple[int | None, str]:
        """The address as it was recorded, and the cassette if it is one of the links that lead here."""
        if FILES in url and (link := _LINK.fullmatch(url)):
            return int(link[1]), f"http://recorded{link[2]}"
        return None, url

    def _restorer(self, body: bytes) -> Callable[[str], str] | None:
        """`_restored`, if anything in this body may need it."""
        return self._restored if FILES.encode() in body or (self._fresh and _ANY_ID.search(body)) else None

    def _restored(self, text: str) -> str:
        """A text of a request as it was recorded: links that lead here lead to the vendor again, fresh ids are old."""
        if self._fresh:
            text = _ID.sub(self._old_id, text)
        if FILES in text and (link := _LINK.fullmatch(text)):
            return self._library.links.get((int(link[1]), link[2].partition("?")[0]), text)
        return text

    def _old_id(self, match: re.Match[str]) -> str:
        return self._fresh.get(match[0], match[0])

    def _world(self, name: str) -> _World:
        return self._worlds.get(name) or self._worlds.setdefault(name, _World(name))


@cache
def _task_life_ms() -> int:
    return load().service.task_life_ms


def _at_ms(answer: RecordedAnswer) -> int:
    return answer.at_ms


def _forgotten(task_id: str) -> Response:
    """The vendor keeps a task for 24 hours. Source: Manage asynchronous tasks, Query; the form is a raw capture's."""
    body = {"request_id": request_id_of(task_id), "output": {"task_id": task_id, "task_status": "UNKNOWN"}}
    marks = (("x-fakescope-basis", "documented"), ("x-fakescope-hint", "A task is forgotten after its life."))
    return Response(200, (("content-type", "application/json;charset=UTF-8"), *marks), orjson.dumps(body))
