"""Recordings as what is judged: nothing can be asked of them, so the contracts judge what was answered.

A contract about single answers is given each of them; a state machine is shown the recorded tasks, in the order in
which they were asked for, instead of living its own. A contract that needs requests of its own is skipped.

A recording does not have everything. What cannot be decided for that is left out, and told with the reason: who asked
(keys are never kept), headers that were not kept, values that were redacted, tasks that were submitted before it began.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter
from typing import Any

import orjson

from fakescope.catalog import Catalog
from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.bodies import taken
from fakescope_contracts.conversation import Broken, Reply, printable
from fakescope_contracts.life import DAY, Lives, Watched
from fakescope_contracts.registry import Contract
from fakescope_contracts.runner import Trial, Verdict
from fakescope_contracts.stories import Answer, Story, task_id_in
from fakescope_contracts.target import ABILITIES

__all__ = ["judged"]

_OWN = "it needs requests of its own"
_NOTHING = "nothing in it that this is about"
_REDACTED = "a value that was redacted cannot be judged"
_WHO = "UNKNOWN within a day: a recording does not say whether it was the task's owner who asked"
_WHEN = "UNKNOWN, and the answer does not say when that was"
_GONE = "what is said of a task after a day is judged by tasks.expiry"
_OVERLAP = "asked before the answer before had come"
_ODD = "the catalogue cannot read what was asked for"
_UNDECIDED = (401, 403, 429)
"""Answers to a query or a cancellation that say nothing of the task."""

_IN_ANY_CASE = 2  # is held of an answer by `Lives.saw`, whatever the contract

_MODELS_BODIES = ("tasks.result", "tasks.usage", "tasks.metrics")
"""These compare what came with what was asked for."""


def judged(
    contracts: Sequence[Contract], told: Sequence[Story], catalog: Catalog, bases: Collection[str]
) -> Iterator[Verdict]:
    """Every contract with every recording; one that cannot judge recordings once, with the reason."""
    spec = catalog.specs()[0]
    for one in contracts:
        reason = _reason(one, bases)
        if reason:
            yield Verdict(Trial(one, spec, 0, reason, "recordings"), "skipped", reason)
            continue
        for story in told:
            yield _verdict(one, story, spec)


def _reason(one: Contract, bases: Collection[str]) -> str:
    if one.basis not in bases:
        return f"its basis is {one.basis}"
    if one.recorded:
        return ""
    lacks = ", ".join(f"{word} ({ABILITIES[word]})" for word in sorted(one.needs))
    return f"{_OWN} and {lacks}" if lacks else _OWN


class _Findings:
    """What one contract found in one recording."""

    def __init__(self) -> None:
        self.judged = 0
        self.broken: list[tuple[int, Broken]] = []
        self.undecided: Counter[str] = Counter()

    def judge(self, answer: Answer, check: Callable[[], object], besides: int = 0) -> bool:
        """Count an answer as judged if anything was held of it, besides so much. False if a promise is broken."""
        before = answer.reply.held + besides
        try:
            check()
            self.judged += answer.reply.held > before
        except Broken as broken:
            # Only a value that is nothing but the word: a signature within a link does not count.
            if "'redacted'" in broken.came:
                self.undecided[_REDACTED] += 1
                return True
            self.judged += 1
            self.broken.append((answer.number, broken))
            return False
        return True


def _verdict(one: Contract, story: Story, spec: ModelSpec) -> Verdict:
    before, found = perf_counter(), _Findings()
    if isinstance(one.check, type) and issubclass(one.check, Lives):
        _Lived(one, story, spec, found).live()
    else:
        _judge_answers(one, story, found)
    trial = Trial(one, spec, found.judged, "", story.name)
    seconds = perf_counter() - before
    reasons = "; ".join(sorted(found.undecided))
    if found.broken:
        number, broken = found.broken[0]
        more = f" (and {len(found.broken) - 1} more)" if len(found.broken) > 1 else ""
        said = f"{printable(story.name)}, exchange {number}: {broken.came}{more}"
        return Verdict(trial, "broken", said, found.judged, seconds, broken)
    if found.judged:
        return Verdict(trial, "kept", f"not judged: {reasons}" if reasons else "", found.judged, seconds)
    return Verdict(trial, "skipped", reasons or _NOTHING, 0, seconds)


def _judge_answers(one: Contract, story: Story, found: _Findings) -> None:
    check, memory = one.recorded, dict[str, Any]()
    assert callable(check)
    for answer in story.answers:
        asked = answer.asked._replace(memory=memory)
        found.judge(answer, partial(check, asked, answer.reply))


class _Lived:
    """Shows a state machine the recorded tasks."""

    def __init__(self, one: Contract, story: Story, spec: ModelSpec, found: _Findings) -> None:
        assert isinstance(one.check, type)
        machine = one.check(story.talk, spec)
        assert isinstance(machine, Lives)
        self.machine, self.story, self.found = machine, story, found
        self.reads_bodies = one.id in _MODELS_BODIES
        self.tasks: dict[str, Watched] = {}
        self.went: dict[str, datetime | None] = {}
        self.lost: set[str] = set()  # tasks that have broken a promise: what comes after it follows from that

    def live(self) -> None:
        ways: dict[str, Any] = {"submit": self.submitted, "poll": self.polled, "cancel": self.cancelled}
        for answer in self.story.answers:
            if answer.asked.kind == "list" and answer.reply.status_code == 200:
                self.found.judge(answer, partial(self.machine.listed, answer.reply))
            elif answer.asked.kind in ways:
                ways[answer.asked.kind](answer)

    def submitted(self, answer: Answer) -> None:
        spec, task_id = answer.asked.spec, task_id_in(answer)
        if spec is None or answer.reply.status_code != 200 or not task_id:
            return
        fate = "recorded" if _is_readable(spec, answer.asked.body) else "odd"
        task = Watched(task_id, "a", spec, answer.asked.body, answer.reply, answer.came, fate)
        if self.found.judge(answer, partial(self.machine.adopt, task)):
            self.tasks[task_id] = task

    def polled(self, answer: Answer) -> None:
        task, reply = self.tasks.get(answer.asked.task_id), answer.reply
        if task is None or task.id in self.lost or reply.status_code in _UNDECIDED:
            return
        if reason := self.undecided(task, answer):
            self.found.undecided[reason] += 1
            return
        age = _age(task, answer)
        if self.machine.of_unknown and age is not None and age < DAY:
            return  # it is there, and was it not, nobody knew who asked
        if _says(reply) == "CANCELED":
            task.canceled = True  # by whomever: what other clients did is not in a recording
        if not self.found.judge(answer, partial(self.machine.saw, task, reply, answer.came), _IN_ANY_CASE):
            self.lost.add(task.id)
        self.went[task.id] = answer.went

    def undecided(self, task: Watched, answer: Answer) -> str:
        """Why an answer about a task is not shown to the machine, or ""."""
        age = _age(task, answer)
        before = self.went.get(task.id)
        if before is not None and answer.came is not None and answer.came < before:
            return _OVERLAP
        if _says(answer.reply) == "UNKNOWN":
            if age is None:
                return _WHEN
            return _WHO if age < DAY else "" if self.machine.of_unknown else _GONE
        if self.machine.of_unknown and age is None:
            return "the answer does not say when that was"
        if self.reads_bodies and task.fate == "odd" and _says(answer.reply) == "SUCCEEDED":
            return _ODD
        return ""

    def cancelled(self, answer: Answer) -> None:
        task, reply = self.tasks.get(answer.asked.task_id), answer.reply
        if task is None or task.id in self.lost or reply.status_code in _UNDECIDED:
            return
        judge = partial(self.machine.judge_cancel, task, task.status, reply, stood_still=False)
        if not self.found.judge(answer, judge):
            self.lost.add(task.id)


def _age(task: Watched, answer: Answer) -> timedelta | None:
    """How long after its submission a task was asked for, by the clock of the service."""
    return None if task.submitted is None or answer.came is None else answer.came - task.submitted


def _says(reply: Reply) -> Any:
    """The status in an answer, whatever it is."""
    try:
        return orjson.loads(reply.content)["output"]["task_status"]
    except (ValueError, KeyError, TypeError):
        return None


def _is_readable(spec: ModelSpec, body: Any) -> bool:
    """Whether the catalogue can say what a body asks for: others send bodies with mistakes in them, too."""
    try:
        read = taken(spec, body)
        return isinstance(spec.media.results, int) or int(read[spec.media.results]) > 0
    except (TypeError, ValueError, KeyError, AttributeError):
        return False
