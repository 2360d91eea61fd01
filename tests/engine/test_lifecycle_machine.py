"""Random histories of two accounts and two models, compared with a model that knows a line and a few slots.

The model shares no code with `lifecycle`: it replays a lane's whole history, event by event. It takes the vendor's
numbers from the documents, and from the product only the seeded draw that settles how long a task takes.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from fakescope.catalog import load
from fakescope.engine.task import Account, Draft, Task
from fakescope.engine.vendor_error import VendorError
from fakescope.engine.view import TaskView
from fakescope.ids import draws
from fakescope.simulator import Filter, Rules, Simulator
from fakescope.store.memory import MemoryStore

T = TypeVar("T")
DAY = 86_400_000
ORIGIN = "http://test"
PATH = "/api/v1/services/aigc/video-generation/video-synthesis"
ACCOUNTS = {name: Account(name, "beijing") for name in ("alice", "bob")}
# Model Studio rate limits, Wan: per main account and model, submissions in a second and tasks at once.
SUBMITS = {"wan2.2-t2v-plus": 2, "wan2.6-t2v": 5}
SLOTS = {"wan2.2-t2v-plus": 2, "wan2.6-t2v": 5}

CATALOG = load()
CATALOG.service = CATALOG.service._replace(calls_per_s=1_000_000)  # these tests poll more than the vendor allows

Seen = tuple[str, int | None, int | None, int | None]
"""What a user sees of a task: status; when it was submitted, started and ended."""

# Mostly one account and the narrower lane, so that lanes fill.
accounts = st.sampled_from(["alice", "alice", "alice", "bob"])
models = st.sampled_from(["wan2.2-t2v-plus", "wan2.2-t2v-plus", "wan2.2-t2v-plus", "wan2.6-t2v"])
fates = st.sampled_from(["drawn", "wrong size", "stuck", 0, 1, 90, 3_600, 50_000, 86_400])


@dataclass
class Job:
    """What the model knows of a submission."""

    id: str
    owner: str
    model: str
    submitted: int
    ready: int
    run_ms: float
    last_word: str
    canceled: float = inf

    @property
    def expires(self) -> int:
        return self.submitted + DAY


def job_of(task: Task, owner: str, fate: str | int, now: int) -> Job:
    """The job behind a task at the vendor's pace: 0.03 to 10 s before it can start, then 1 to 5 minutes of work."""
    to_wait, to_run = draws(task.id)
    wait_ms = round((0.03 + (10.0 - 0.03) * to_wait) * 1000)
    run_ms: float = round((60 + (300 - 60) * to_run) * 1000)
    if isinstance(fate, int):
        run_ms = fate * 1000
    elif fate == "stuck":
        run_ms = inf
    elif fate == "wrong size":  # found as soon as somebody looks at it, which takes 50 to 150 ms
        wait_ms, run_ms = 0, round((0.05 + (0.15 - 0.05) * to_run) * 1000)
    last_word = "FAILED" if fate == "wrong size" else "SUCCEEDED"
    return Job(task.id, owner, task.model, now, now + wait_ms, run_ms, last_word)


def replay(jobs: list[Job], slots: int) -> dict[str, tuple[float, float]]:
    """Start and end of every job that gets a turn: the first in line takes a slot as soon as one is free.

    A slot is given back when its job ends, is canceled or expires. Who is canceled or expires leaves the line.
    """
    agenda = sorted({float(job.submitted) for job in jobs} | {job.canceled for job in jobs if job.canceled < inf})
    to_come, line = list(jobs), list[Job]()
    held: dict[str, float] = {}
    turns: dict[str, tuple[float, float]] = {}
    while agenda:
        now = heappop(agenda)
        while to_come and to_come[0].submitted <= now:
            line.append(to_come.pop(0))
        line = [job for job in line if now < min(job.canceled, job.expires)]
        held = {name: until for name, until in held.items() if until > now}
        for job in jobs:
            if job.canceled <= now:
                held.pop(job.id, None)
        while line and len(held) < slots:
            job = line.pop(0)
            start = max(job.ready, now)
            turns[job.id] = start, start + job.run_ms
            until = min(start + job.run_ms, job.expires)
            if until > now:
                held[job.id] = until
                heappush(agenda, until)
    return turns


def result_of(coroutine: Coroutine[Any, Any, T]) -> T:
    """Nothing waits in a simulator in memory, so a coroutine is done in one step and needs no event loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("a simulator in memory waited")


def seen_in(view: TaskView) -> Seen:
    return view.status, view.submitted, view.scheduled, view.ended


class Lanes(RuleBasedStateMachine):
    """Submit, cancel, let time pass; after every step everything is read and compared."""

    tasks = Bundle[str]("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_770_600_000_000
        self.store = MemoryStore()
        self.simulator = Simulator(CATALOG, self.store, self, Rules(speed=1, seed=5))
        # Given the same orders, but never read before the end.
        self.unread = Simulator(CATALOG, MemoryStore(), self, Rules(speed=1, seed=5))
        self.jobs: dict[str, Job] = {}
        self.last_seen: dict[str, Seen] = {}

    def read(self) -> int:
        """The machine's clock, for both simulators."""
        return self.now

    def teardown(self) -> None:
        for job in self.jobs.values():
            assert self.fetch(self.unread, job.owner, job.id) == self.fetch(self.simulator, job.owner, job.id)

    # -- what a user does

    @rule(target=tasks, owner=accounts, model=models, fate=fates, pause_ms=st.sampled_from([0, 1, 1_000, 1_000]))
    def submit(self, owner: str, model: str, fate: str | int, pause_ms: int) -> Any:
        self.now += pause_ms
        prompt = {"stuck": "A fox [fakescope:stuck]", "drawn": "A fox", "wrong size": "A fox"}.get(
            str(fate), f"A fox [fakescope:seconds={fate}]"
        )
        parameters = {"size": "1*1"} if fate == "wrong size" else {}
        draft = Draft(PATH, True, False, {"model": model, "input": {"prompt": prompt}, "parameters": parameters})
        if self.came_in_the_last_second(owner, model) >= SUBMITS[model]:
            for simulator in (self.simulator, self.unread):
                with pytest.raises(VendorError, match="rate_quota"):
                    result_of(simulator.submit(ACCOUNTS[owner], draft, ORIGIN))
            return multiple()

        task, view = result_of(self.simulator.submit(ACCOUNTS[owner], draft, ORIGIN))
        result_of(self.unread.submit(ACCOUNTS[owner], draft, ORIGIN))

        assert seen_in(view) == ("PENDING", self.now, None, None)
        self.jobs[task.id] = job_of(task, owner, fate, self.now)
        return task.id

    @rule(task_id=tasks, who=accounts)
    def cancel(self, task_id: str, who: str) -> None:
        job, before = self.jobs[task_id], self.plans()
        if who != job.owner or self.expected(job)[0] != "PENDING":
            for simulator in (self.simulator, self.unread):
                with pytest.raises(VendorError, match="cancel_refused"):
                    result_of(simulator.cancel(ACCOUNTS[who], task_id))
            assert self.plans() == before
            return

        result_of(self.simulator.cancel(ACCOUNTS[who], task_id))
        result_of(self.unread.cancel(ACCOUNTS[who], task_id))

        job.canceled = self.now
        for other, plan in self.plans().items():
            past = [step for step in plan if step[0] < self.now]
            assert past == [step for step in before[other] if step[0] < self.now], "the past has changed"
            if other != task_id:
                assert plan[1][0] <= before[other][1][0], "a start was put off"

    @rule(ms=st.integers(0, 2_000) | st.sampled_from([60_000, 3_600_000, DAY // 2, DAY - 1, DAY]))
    def let_time_pass(self, ms: int) -> None:
        self.now += ms

    @rule(early_ms=st.sampled_from([0, 1]))
    def wait_for_the_next_change(self, early_ms: int) -> None:
        """To the very millisecond at which something happens, or the one before."""
        changes = [job.expires for job in self.jobs.values()]
        for turn in self.turns().values():
            changes += [int(instant) for instant in turn if instant < inf]
        self.now = max(self.now, min((at for at in changes if at > self.now), default=self.now) - early_ms)

    # -- what always holds

    @invariant()
    def every_task_is_as_the_model_says(self) -> None:
        turns = self.turns()
        for job in self.jobs.values():
            assert seen_in(self.fetch(self.simulator, job.owner, job.id)) == self.expected(job, turns)

    @invariant()
    def reading_twice_shows_the_same_and_changes_nothing(self) -> None:
        before = self.plans()
        for job in self.jobs.values():
            first = self.fetch(self.simulator, job.owner, job.id)
            assert self.fetch(self.simulator, job.owner, job.id) == first
        assert self.plans() == before

    @invariant()
    def the_end_is_the_end_and_unknown_is_for_ever(self) -> None:
        for job in self.jobs.values():
            seen = seen_in(self.fetch(self.simulator, job.owner, job.id))
            last = self.last_seen.get(job.id, seen)
            if last[0] in ("SUCCEEDED", "FAILED", "CANCELED"):
                assert seen == (last if self.now < job.expires else ("UNKNOWN", None, None, None))
            assert (seen[0] == "UNKNOWN") == (self.now >= job.submitted + DAY)
            self.last_seen[job.id] = seen

    @invariant()
    def times_are_in_order(self) -> None:
        for job in self.jobs.values():
            view = self.fetch(self.simulator, job.owner, job.id)
            told = [at for at in (view.submitted, view.scheduled, view.ended) if at is not None]
            assert told == sorted(told)
            assert all(at <= self.now for at in told)

    @invariant()
    def others_see_nothing(self) -> None:
        for job in self.jobs.values():
            stranger = "bob" if job.owner == "alice" else "alice"
            view = self.fetch(self.simulator, stranger, job.id)
            assert view == TaskView(job.id, view.status, self.now)
            assert view.status == "UNKNOWN"

    @invariant()
    def what_is_listed_is_what_is_fetched(self) -> None:
        for owner, account in ACCOUNTS.items():
            page = result_of(self.simulator.find(account, Filter(), 1, 10_000, ORIGIN))
            known = [job for job in self.jobs.values() if job.owner == owner and self.now < job.expires]
            assert [row.view for row in page.rows] == [
                self.fetch(self.simulator, owner, job.id) for job in reversed(known)
            ]

    @invariant()
    def slots_are_never_exceeded(self) -> None:
        """At no instant, past or planned. An expired task is UNKNOWN and runs no more."""
        for owner in ACCOUNTS:
            for model, slots in SLOTS.items():
                steps = []
                for task in result_of(self.store.find(owner, 0, self.now)):
                    if task.model == model and "RUNNING" in task.timeline.statuses:
                        start, end = task.timeline.instants[1], (*task.timeline.instants, inf)[2]
                        end = min(end, task.submitted + DAY)
                        steps += [(start, 1), (end, -1)] if start < end else []
                running = 0
                for _, step in sorted(steps):
                    running += step
                    assert running <= slots

    # -- steps

    def fetch(self, simulator: Simulator, who: str, task_id: str) -> TaskView:
        return result_of(simulator.fetch(ACCOUNTS[who], task_id, ORIGIN))

    def plans(self) -> dict[str, list[tuple[int, str]]]:
        """Task id → when it is what, straight from the store."""
        return {
            task.id: list(zip(task.timeline.instants, task.timeline.statuses, strict=True))
            for owner in ACCOUNTS
            for task in result_of(self.store.find(owner, 0, self.now))
        }

    def came_in_the_last_second(self, owner: str, model: str) -> int:
        jobs = (job for job in self.jobs.values() if (job.owner, job.model) == (owner, model))
        return sum(job.submitted > self.now - 1000 for job in jobs)

    def turns(self) -> dict[str, tuple[float, float]]:
        turns = {}
        for owner in ACCOUNTS:
            for model, slots in SLOTS.items():
                lane = [job for job in self.jobs.values() if (job.owner, job.model) == (owner, model)]
                turns.update(replay(lane, slots))
        return turns

    def expected(self, job: Job, turns: dict[str, tuple[float, float]] | None = None) -> Seen:
        """What must be seen of the job now."""
        start, end = (self.turns() if turns is None else turns).get(job.id, (inf, inf))
        if self.now >= job.expires:
            return "UNKNOWN", None, None, None
        if self.now >= job.canceled:
            return "CANCELED", job.submitted, None, int(job.canceled)
        if self.now >= end:
            return job.last_word, job.submitted, int(start), int(end)
        if self.now >= start:
            return "RUNNING", job.submitted, int(start), None
        return "PENDING", job.submitted, None, None


TestLanes = Lanes.TestCase
