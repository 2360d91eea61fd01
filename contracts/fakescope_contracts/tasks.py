"""Contracts about the life of tasks: statuses, times, expiry, identifiers."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.conversation import ABSENT, Conversation, Reply
from fakescope_contracts.life import (
    DAY,
    ENDED,
    PHASES,
    TASKS,
    TIMES,
    Lives,
    Watched,
    has_its_id,
    instant,
    is_unknown,
    makes_tasks,
    may_follow,
    seconds_of,
    waits,
)
from fakescope_contracts.registry import Draw, contract
from fakescope_contracts.strategies import broken_bodies

_offs = st.sampled_from([1, -3600, -1, 1800, 3600])
_WORDS = ("PENDING", "RUNNING", *ENDED)
_SECOND = timedelta(seconds=1)
_CLOCKS = timedelta(seconds=60)  # how far two clocks of one service may be apart: no time zone is so near
_STORY = (
    ("scheduled_time", ("PENDING",), ("RUNNING", "POST-PROCESSING", "SUCCEEDED")),
    ("end_time", ("PENDING", "PRE-PROCESSING", "RUNNING", "POST-PROCESSING"), ENDED),
)
"""A time of a task, the statuses that it has before it, and those that it has after it."""


# -- identifiers


@contract(
    "tasks.ids",
    "Every task has an id of its own, a UUID, which queries repeat, and every query a request_id",
    basis="seen",
    applies=makes_tasks,
    steps=12,
    recorded=True,
)
class Identifiers(Lives):
    def __init__(self, talk: Conversation, spec: ModelSpec) -> None:
        super().__init__(talk, spec)
        self.requests: dict[str, str] = {}

    def judge(self, task: Watched, reply: Reply, now: datetime | None) -> None:
        del now
        has_its_id(reply, task)
        self.is_fresh(reply)

    def is_fresh(self, reply: Reply) -> None:
        found, names = reply.at("request_id"), self.requests
        where = reply.where("request_id")
        reply.hold(isinstance(found, str) and bool(found), f"request_id is {found!r}", f"isinstance({where}, str)")
        earlier = names.setdefault(found, reply.name)
        reply.hold(
            earlier == reply.name, f"request_id {found} came twice", f'{where} != {earlier}.json()["request_id"]'
        )
        for task in self.all:
            came = f"request_id {found} is the id of a task"
            reply.hold(found != task.id, came, f"{where} != {task.named}")

    def adopt(self, task: Watched) -> Watched:
        for one in self.all:
            came = f"task_id {task.id} was given before"
            task.made.hold(one.id != task.id, came, f"{task.named} != {one.named}")
        task.made.hold(_is_uuid(task.id), f"task_id is {task.id!r}", f"{task.named}.count('-') == 4")
        return super().adopt(task)


def _is_uuid(text: str) -> bool:
    return re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None


# -- statuses


@contract(
    "tasks.graph",
    "A status is a documented word, and only moves forward along the documented graph",
    basis="documented",
    per="model",
    applies=makes_tasks,
    recorded=True,
)
class Graph(Lives):
    def judge(self, task: Watched, reply: Reply, now: datetime | None) -> None:
        if now is not None and task.submitted is not None and now >= task.submitted + DAY:
            return
        words = _WORDS + PHASES * task.spec.phases
        status = reply.has("output.task_status", *words).at("output.task_status")
        where = reply.where("output.task_status")
        was_asked = status != "CANCELED" or task.canceled
        reply.hold(was_asked, "CANCELED, and nobody canceled it", f'{where} != "CANCELED"')
        came = f"{task.status} became {status}"
        reply.hold(may_follow(task.status, status), came, f"{where} != {status!r}")

    @rule(task=TASKS)
    def cancel(self, task: Watched) -> None:
        self.judge_cancel(task, task.status, self.talk.cancel(task.id, account=task.account), stood_still=False)

    @rule(task=TASKS)
    def follow(self, task: Watched) -> None:
        self.look_until(task, *ENDED)

    @rule(task=TASKS, seconds=st.sampled_from([0.0, 0.5]))
    def look_again(self, task: Watched, seconds: float) -> None:
        self.look_until(task, "RUNNING", *ENDED)
        self.let_pass(seconds)
        self.look(task)


@contract(
    "tasks.terminal",
    "What has ended stays as it is: status, times, code, usage and number of results",
    basis="documented",
    per="model",
    applies=makes_tasks,
    steps=10,
    recorded=True,
)
class Terminal(Lives):
    def bodies(self, data: st.DataObject) -> tuple[Any, str]:
        return right_or_wrong(self.spec, data)

    def judge(self, task: Watched, reply: Reply, now: datetime | None) -> None:
        if task.status not in ENDED or (now and task.submitted and now >= task.submitted + DAY):
            return
        last = task.seen[-1][2]
        for path in ("output.task_status", *(f"output.{name}" for name in TIMES), "output.code", "usage"):
            kept = reply.at(path) == last.at(path)
            came = f"{path} was {last.at(path)!r} and is {reply.at(path)!r}"
            reply.hold(kept, came, f"{reply.where(path)} == {last.where(path)}")
        for path in ("output.results", "output.choices"):
            before, after = last.at(path), reply.at(path)
            kept = _length(before) == _length(after)
            reply.hold(kept, f"{path} has another length", f"len({reply.where(path)}) == len({last.where(path)})")

    @rule(task=TASKS, seconds=waits)
    def look_after_its_end(self, task: Watched, seconds: float) -> None:
        if self.look_until(task, *ENDED):
            self.let_pass(seconds)
            self.look(task)


@contract(
    "tasks.ends",
    "A task that waits for no other ends before it is forgotten",
    basis="documented",
    needs={"clock"},
    per="model",
    applies=makes_tasks,
)
def every_task_ends(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    body = draw(st.just(smallest_body(spec)) | broken_bodies(spec).map(lambda broken: broken.body))
    reply = talk.submit(spec, body)
    if reply.status_code == 200:
        task_id = talk.task_of(reply)
        talk.let_pass((DAY - 60 * _SECOND).total_seconds())
        talk.poll(task_id).has("output.task_status", *ENDED)


def right_or_wrong(spec: ModelSpec, data: st.DataObject) -> tuple[Any, str]:
    """The smallest body, or one with a mistake in it."""
    if data.draw(st.booleans()):
        return data.draw(broken_bodies(spec)).body, "wrong"
    return smallest_body(spec), "right"


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, list) else None


# -- expiry


@contract(
    "tasks.expiry",
    "24 hours after its submission a task is UNKNOWN, not earlier, and for ever",
    basis="documented",
    needs={"clock"},
    applies=makes_tasks,
    steps=10,
    recorded=True,
)
class Expiry(Lives):
    of_unknown = True

    def judge(self, task: Watched, reply: Reply, now: datetime | None) -> None:
        assert now is not None
        assert task.submitted is not None
        age = now - task.submitted
        if age >= DAY + _SECOND:  # at the second itself either will do
            is_unknown(reply, task)
        elif age <= DAY - _SECOND:
            where = reply.where("output.task_status")
            status = reply.at("output.task_status")
            reply.hold(status != "UNKNOWN", f"UNKNOWN after {age}", f'{where} != "UNKNOWN"')

    def bodies(self, data: st.DataObject) -> tuple[Any, str]:
        """Where that can be ordered, also a task that never ends by itself."""
        body = smallest_body(self.spec)
        orders = "failures" in self.talk.target.abilities and "input.prompt" in self.spec.position
        if orders and data.draw(st.booleans()):
            body["input"]["prompt"] = "a [fakescope:stuck]"
        return body, "right"

    @initialize(ends=st.booleans(), off=_offs, twice=st.booleans())
    def live_one(self, ends: bool, off: int, twice: bool) -> None:
        task = self.hand_in(smallest_body(self.spec))
        if ends:
            self.look_until(task, *ENDED)
        self.look_near_its_end(task, off, twice)

    @rule(task=TASKS, off=_offs, twice=st.booleans())
    def look_near_its_end(self, task: Watched, off: int, twice: bool) -> None:
        now = self.now()
        assert now is not None
        assert task.submitted is not None
        self.let_pass(max(0.0, (task.submitted + DAY + off * _SECOND - now).total_seconds()))
        for _ in range(1 + twice):
            self.look(task)

    @rule(task=TASKS)
    def follow(self, task: Watched) -> None:
        self.look_until(task, *ENDED)

    @rule(days=st.integers(1, 100))
    def wait_for_days(self, days: int) -> None:
        self.let_pass(days * DAY.total_seconds())


# -- times


@contract(
    "tasks.times",
    "Times are in UTC+8 with milliseconds, in order, stay, and say when the status changed",
    basis="documented",
    per="model",
    applies=makes_tasks,
    steps=10,
    recorded=True,
)
class Times(Lives):
    def bodies(self, data: st.DataObject) -> tuple[Any, str]:
        return right_or_wrong(self.spec, data)

    def judge(self, task: Watched, reply: Reply, now: datetime | None) -> None:
        status = reply.at("output.task_status")
        found: dict[str, datetime] = {}
        for name in TIMES:
            written = reply.at(f"output.{name}")
            if written is ABSENT:
                continue
            where = reply.where(f"output.{name}")
            at = instant(written)
            came = f"{name} is {written!r}"
            reply.hold(at is not None, came, f'len({where}) == 23 and {where}[10] == " "')
            assert at is not None
            found[name] = at
            self.stands(task, reply, name)
        self.are_there(reply, status, found)
        if now is not None and self.has_clock:
            self.agree(task, reply, status, found, now)
        elif task.submitted is not None and "submit_time" in found:  # recorded, by another clock of theirs
            off = abs(found["submit_time"] - task.submitted)
            came = f"submit_time is {found['submit_time']}, and the submission came at {task.submitted}"
            came_at = f'int({task.made.name}.headers["req-arrive-time"]) / 1000'
            reply.hold(off <= _CLOCKS, came, f"abs({seconds_of(reply, 'submit_time')} - {came_at}) <= 60")

    def are_there(self, reply: Reply, status: Any, found: dict[str, datetime]) -> None:
        """Source: API references, Response parameters; a failed task's are not in all documents."""
        needed: tuple[str, ...] = {"RUNNING": TIMES[:2], "SUCCEEDED": TIMES}.get(status, ())
        for name in needed:
            reply.hold(name in found, f"{status} without {name}", f'"{name}" in {reply.where("output")}')
        if status in ("PENDING", "PRE-PROCESSING", "RUNNING", "POST-PROCESSING"):
            reply.lacks("output.end_time")
        in_order = [found[name] for name in TIMES if name in found]
        times = ", ".join(f"{reply.where(f'output.{name}')}" for name in TIMES if name in found)
        reply.hold(in_order == sorted(in_order), f"times are not in order: {found}", f"sorted([{times}]) == [{times}]")

    def stands(self, task: Watched, reply: Reply, name: str) -> None:
        """A time that was shown once is shown for good."""
        path = f"output.{name}"
        for _, _, earlier in task.seen[-1:]:
            if earlier.at(path) is not ABSENT:
                kept = earlier.at(path) == reply.at(path)
                came = f"{name} was {earlier.at(path)} and is {reply.at(path)}"
                reply.hold(kept, came, f"{reply.where(path)} == {earlier.where(path)}")

    def agree(self, task: Watched, reply: Reply, status: Any, found: dict[str, datetime], now: datetime) -> None:
        """The times tell the story that was seen."""
        submitted = task.submitted
        assert submitted is not None
        if "submit_time" in found:
            off = abs(found["submit_time"] - submitted)
            came = f"submit_time is {found['submit_time']}, and it was {submitted}"
            earlier = (submitted - self.now_at_first(task.account)).total_seconds()
            today = f"__import__('time').time() - {earlier}"
            reply.hold(off <= _SECOND, came, f"abs({seconds_of(reply, 'submit_time')} - ({today})) < 60")
        began = seconds_of(reply, "submit_time")
        for at, seen in [*((at, seen) for at, seen, _ in task.seen), (now, status)]:
            assert at is not None
            passed = (at - submitted).total_seconds()
            for name, before, after in _STORY:
                when = found.get(name)
                came = f"{seen} at {at}, and {name} is {when}"
                if when is not None and seen in before:
                    reply.hold(when >= at, came, f"{seconds_of(reply, name)} - {began} > {passed} - 0.001")
                if when is not None and seen in after:
                    reply.hold(when <= at, came, f"{seconds_of(reply, name)} - {began} < {passed} + 0.001")

    @rule(task=TASKS)
    def follow(self, task: Watched) -> None:
        self.look_until(task, *ENDED)
