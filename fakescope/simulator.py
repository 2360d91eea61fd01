"""The use cases. Each reads the clock once, at its top; the order of its steps is the vendor's.

A test, the wire and the control API enter here and see the same `TaskView`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fakescope import clock as clocks
from fakescope.catalog.loader import Catalog
from fakescope.catalog.spec import Limits, ModelSpec
from fakescope.clock import Clock, ClockSetting, Instant
from fakescope.engine import gate, ledger, lifecycle, links
from fakescope.engine.admission import is_over
from fakescope.engine.facts import REFERENCE, Link
from fakescope.engine.ledger import Bills
from fakescope.engine.lifecycle import Needs
from fakescope.engine.scenario import outcome_of
from fakescope.engine.task import SUCCESS, Account, Draft, Lane, Outcome, Problem, Submission, Task, TaskStatus
from fakescope.engine.validation import problem_of, validate
from fakescope.engine.vendor_error import VendorError
from fakescope.engine.view import ModelView, TaskView, unknown
from fakescope.errors import StoreConflict, StoreError
from fakescope.ids import IdSource, draws
from fakescope.store.base import Store

__all__ = ["Filter", "Page", "Rules", "Sight", "Simulator", "TaskRow"]

_log = logging.getLogger("fakescope")
_MOST_STAND_INS = 1_000
_LONGEST_STAND_IN = 100  # characters of a name
_MOST_WINDOWS = 10_000
_TRIES = 20  # a lane that moved under us is read again; more than this many times in a row is a broken store


class Rules(NamedTuple):
    """What a user may change of the service's behaviour. `speed` is inf for `--speed max`."""

    speed: float = 60.0
    seed: int = 0
    limits: bool = True
    early_errors: bool = False
    test_values: bool = True
    unknown_models: str = "vendor"


class Sight(NamedTuple):
    """Where a task stands at the instant `at`. No task: unknown, expired or another account's, which look the same."""

    task: Task | None
    status: TaskStatus
    at: Instant


class TaskRow(NamedTuple):
    """A task in a list: what it is and how it looks now."""

    task: Task
    spec: ModelSpec
    view: TaskView


class Filter(NamedTuple):
    """Which tasks a list shows. Instants are milliseconds; None means any."""

    since: Instant | None = None
    until: Instant | None = None
    task_id: str | None = None
    model: str | None = None
    status: str | None = None


class Page(NamedTuple):
    """One page of a list, newest first, as it is at the instant `at`, and how many tasks there are on all pages."""

    rows: Sequence[TaskRow]
    total: int
    at: Instant


class _Plan(NamedTuple):
    """What was settled about a submission before its place in the lane."""

    task_id: str
    values: tuple[Any, ...]
    uncut: Mapping[int, str]
    outcome: Outcome
    needs: Needs


class Simulator:
    """The service: submit, fetch, find, cancel, and the orders of the control API."""

    def __init__(self, catalog: Catalog, store: Store, clock: Clock, rules: Rules) -> None:
        self.catalog = catalog
        self.rules = rules
        self._store = store
        self._clock = clock
        self._life_ms = catalog.service.task_life_ms
        self._buckets = {r.name: r.result_host.partition(".")[0] for r in catalog.service.regions.values()}
        self._views: dict[str, ModelView] = {}
        self._stand_ins: dict[str, ModelSpec] = {}
        self._settled: dict[str, Bills] = {}  # for tasks that the store has forgotten, and calls answered at once
        self._ids: dict[str, IdSource] = {}
        self._calls: dict[tuple[str, str], deque[Instant]] = {}

    # -- the vendor's API

    async def submit(self, account: Account, draft: Draft, origin: str) -> tuple[Task, TaskView]:
        """Accept a draft as a task, or answer it at once where the model does.

        Raises VendorError, in the vendor's order of checks, and then keeps nothing.
        """
        now = clocks.now_at(await self._store.read_control(account.id), self._clock.read())
        asked = gate.model_of(draft)
        known = self.catalog.find(asked) or self._stand_in(asked)
        spec = gate.check(known, account, draft, self.catalog.names)
        model = spec.name  # the same word, but one for all tasks instead of one in each
        at_once = gate.is_synchronous(spec, draft.path)
        limits = spec.limits_in(account.region)
        plan: _Plan | None = None
        for _ in range(_TRIES):
            lane, version = await self._store.read_lane(account.id, model)
            recent = self._admit(spec, limits, lane, now)
            if plan is None:  # validated after the rate, and once, however often the lane is read
                lenient = self.rules.unknown_models == "permissive" and spec.name not in self.catalog.names
                submission = validate(spec, draft, self.catalog.problem, lenient=lenient)
                if spec.references:
                    submission = await self._resolved(account, spec, submission, now)
                plan = self._plan(account, spec, draft, at_once, submission)
            slots = () if at_once else lane.free_at or self._slots(limits)
            timeline, slots = lifecycle.plan(slots, plan.needs, plan.outcome, now, self._life_ms)
            task = Task(plan.task_id, model, plan.values, plan.uncut, plan.outcome, timeline, account.region)
            kept = () if at_once else (task,)
            try:
                gone = await self._store.commit(
                    account.id, model, version, Lane(slots, recent), kept, now - self._life_ms
                )
            except StoreConflict:
                continue
            if gone or at_once:
                settled = self._settled.setdefault(account.id, {})
                ledger.add(settled, [*gone, task] if at_once else gone, self._spec, now)
            if at_once:
                return task, self.show(task, task.ended, account, origin)
            # Whatever the speed, the answer to a submission says PENDING.
            return task, TaskView(task.id, TaskStatus.PENDING, now, now)
        raise StoreError(f"lane {model} moved {_TRIES} times while one submission was planned")

    async def fetch(self, account: Account, task_id: str, origin: str) -> TaskView:
        """The task as it is now. Unknown, expired and other accounts' tasks look the same: UNKNOWN."""
        sight = await self.look(account, task_id)
        if sight.task is None:
            return unknown(task_id, sight.at)
        return self.show(sight.task, sight.at, account, origin)

    async def look(self, account: Account, task_id: str) -> Sight:
        """The first half of `fetch`, for who remembers what a task shows as long as it stands where it stood."""
        now = await self._poll_instant(account, "fetch")
        task = await self._store.get(account.id, task_id)
        if task is not None:
            status = lifecycle.status_at(task.timeline, now, self._life_ms)
            if status is not TaskStatus.UNKNOWN:
                return Sight(task, status, now)
        return Sight(None, TaskStatus.UNKNOWN, now)

    def show(self, task: Task, now: Instant, account: Account, origin: str) -> TaskView:
        """The second half: what is shown of a task of the account at that instant."""
        return self._view(task.model).at(task, now, self._life_ms, self._link(account, origin))

    async def find(self, account: Account, wanted: Filter, page: int, page_size: int, origin: str) -> Page:
        """A page of the account's tasks, newest first, out of the 24 hours that the service keeps."""
        now = await self._poll_instant(account, "list")
        return await self._find(account, wanted, (page - 1) * page_size, page_size, origin, now)

    async def cancel(self, account: Account, task_id: str) -> Instant:
        """Cancel a task that is still PENDING, and say when. Anything else is refused as the vendor refuses it."""
        now = await self._poll_instant(account, "cancel")
        for _ in range(_TRIES):
            task = await self._store.get(account.id, task_id)
            status = TaskStatus.UNKNOWN
            if task is not None:
                status = lifecycle.status_at(task.timeline, now, self._life_ms)
            if task is None or status is not TaskStatus.PENDING:
                raise VendorError("cancel_refused", f"The task is {status}; only a PENDING task can be canceled.")
            model = task.model
            lane, version = await self._store.read_lane(account.id, model)
            # Without slots nobody waits for anybody, and the queue need not be looked through.
            queue = await self._store.read_queue(account.id, model, now) if lane.free_at else ()
            changed, lane = lifecycle.plan_without(task, queue, lane, self._needs_of, now, self._life_ms)
            try:
                gone = await self._store.commit(account.id, model, version, lane, changed, now - self._life_ms)
            except StoreConflict:
                continue
            ledger.add(self._settled.setdefault(account.id, {}), gone, self._spec, now)
            return now
        raise StoreError(f"a lane moved {_TRIES} times while one cancellation was planned")

    async def has_expired(self, target: links.Target) -> bool:
        """Whether a result link is too old. Its signature says the rest: only finished tasks are given links."""
        return await self.now(target.account) >= target.expires_s * 1000

    # -- the control API: nothing here is counted, and nothing but an order moves the clock

    async def now(self, account: str) -> Instant:
        """The account's instant."""
        return clocks.now_at(await self._store.read_control(account), self._clock.read())

    async def instant_of_poll(self, account: str) -> Instant:
        """As `now`, after the tick that a user may have ordered of polls. Nothing is counted."""
        setting = await self._store.read_control(account)
        real = self._clock.read()
        if setting.auto_advance_ms:
            setting = await self._tick(account, setting, real)
        return clocks.now_at(setting, real)

    async def read_clock(self, account: str) -> tuple[ClockSetting, Instant]:
        """How the account's time runs, and its instant."""
        setting = await self._store.read_control(account)
        return setting, clocks.now_at(setting, self._clock.read())

    async def order_clock(self, account: str, order: object) -> tuple[ClockSetting, Instant]:
        """Carry out an order on the account's clock. Raises CommandError."""
        real = self._clock.read()
        setting = clocks.command(await self._store.read_control(account), order, real)
        await self._store.commit_control(account, setting)
        return setting, clocks.now_at(setting, real)

    async def survey(self, account: Account, wanted: Filter, offset: int, limit: int, origin: str) -> Page:
        """As `find`, for the control API: any stretch of the list."""
        return await self._find(account, wanted, offset, limit, origin, await self.now(account.id))

    async def bills(self, account: str) -> Bills:
        """What the account would have paid so far, by model, in order of their names."""
        now = await self.now(account)
        bills = dict(self._settled.get(account, {}))
        ledger.add(bills, await self._store.find(account, 0, now), self._spec, now)
        return dict(sorted(bills.items()))

    async def reset(self, account: str) -> None:
        """A new world for the account: no tasks, real time, and ids from the seed's beginning."""
        await self._store.reset(account)
        self._ids.pop(account, None)
        self._settled.pop(account, None)
        for call in ("fetch", "list", "cancel"):
            self._calls.pop((account, call), None)

    async def close(self) -> None:
        await self._store.close()

    # -- steps

    async def _poll_instant(self, account: Account, call: str) -> Instant:
        """The clock read of a fetch, list or cancel: the tick a user ordered, then the window of 20 a second."""
        setting = await self._store.read_control(account.id)
        real = self._clock.read()
        if setting.auto_advance_ms and call == "fetch":
            setting = await self._tick(account.id, setting, real)
        now = clocks.now_at(setting, real)
        if self.rules.limits:
            self._count_call(account.id, call, now)
        return now

    async def _tick(self, account: str, setting: ClockSetting, real: Instant) -> ClockSetting:
        setting = clocks.ticked(setting, real)
        await self._store.commit_control(account, setting)
        return setting

    def _count_call(self, account: str, call: str, now: Instant) -> None:
        most = self.catalog.service.calls_per_s
        recent = self._calls.get((account, call))
        if recent is None:
            if len(self._calls) >= _MOST_WINDOWS:
                self._calls.clear()  # a window that is lost lets a few more through; one per key ever seen fills memory
            recent = self._calls.setdefault((account, call), deque(maxlen=most))
        if is_over(recent, most, 1000, now):
            raise VendorError("rate_quota", f"{call} is limited to {most} a second per account.")
        recent.append(now)

    def _admit(self, spec: ModelSpec, limits: Limits, lane: Lane, now: Instant) -> tuple[Instant, ...]:
        """The lane's window with one more submission in it. Raises VendorError if it is full."""
        if not self.rules.limits:
            return ()
        most, per_s = limits.submits, limits.per_s
        if is_over(lane.recent, most, per_s * 1000, now):
            raise VendorError(
                "rate_quota", f"{spec.name} takes {most} submissions in {per_s} s per account; wait, or --no-limits."
            )
        return (*lane.recent[-most + 1 :], now) if most > 1 else (now,)

    def _slots(self, limits: Limits) -> tuple[Instant, ...]:
        return (0,) * limits.running if self.rules.limits and limits.running else ()

    def _plan(
        self, account: Account, spec: ModelSpec, draft: Draft, at_once: bool, submission: Submission | Problem
    ) -> _Plan:
        """What becomes of a draft that was looked at. Raises VendorError for a problem that shows at once."""
        if isinstance(submission, Problem):
            outcome, submission = Outcome(submission), Submission((), {})
        else:
            ordered = draft.is_marked and self.rules.test_values
            outcome = outcome_of(submission.values, self.catalog) if ordered else SUCCESS
        problem = outcome.problem
        if problem is not None and (at_once or self._shows_at_submission(spec, problem)):
            raise VendorError("problem", problem.hint, problem=problem)
        task_id = (self._ids.get(account.id) or self._new_ids(account.id)).task_id()
        needs = Needs(0, 0) if at_once else self._needs(spec, task_id, outcome)
        return _Plan(task_id, *submission, outcome, needs)

    async def _resolved(
        self, account: Account, spec: ModelSpec, submission: Submission | Problem, now: Instant
    ) -> Submission | Problem:
        """The submission, if what it refers to was returned by a task of this account and family that has succeeded."""
        if isinstance(submission, Problem):
            return submission
        for at in spec.references:
            field, value = spec.fields[at], submission.values[at]
            if value is not None:
                task = await self._store.get(account.id, value.removeprefix(REFERENCE))
                status = task and lifecycle.status_at(task.timeline, now, self._life_ms)
                made_by = self._spec(task.model) if task and status is TaskStatus.SUCCEEDED else None
                if made_by is None or made_by.family != spec.family or not made_by.shows("result_id"):
                    return problem_of(spec, field, "unknown", value, self.catalog.problem)
        return submission

    def _shows_at_submission(self, spec: ModelSpec, problem: Problem) -> bool:
        if self.rules.early_errors or spec.problems == "submit":
            return True
        return spec.problems == "presence" and problem.is_missing

    def _needs(self, spec: ModelSpec, task_id: str, outcome: Outcome) -> Needs:
        return lifecycle.needs_of(spec.pace, spec.phases, outcome, draws(task_id), self.rules.speed)

    def _needs_of(self, task: Task) -> Needs:
        return self._needs(self._spec(task.model), task.id, task.outcome)

    def _new_ids(self, account: str) -> IdSource:
        return self._ids.setdefault(account, IdSource(self.rules.seed, account))

    def _spec(self, model: str) -> ModelSpec:
        spec = self.catalog.find(model) or self._stand_ins.get(model)
        assert spec is not None, model
        return spec

    def _stand_in(self, model: str) -> ModelSpec | None:
        """For a model nobody knows, if the user asked for it: the newest in the family its name looks like.

        Only so many names are kept, and none that is very long: what a client makes up must not fill the memory.
        """
        if self.rules.unknown_models == "vendor" or model in self._stand_ins:
            return self._stand_ins.get(model)
        like = self.catalog.find(gate.kin(model, self.catalog.names))
        if like is None or len(model) > _LONGEST_STAND_IN:
            return None
        if len(self._stand_ins) >= _MOST_STAND_INS:
            hint = f"{model!r} is not known, and {_MOST_STAND_INS} unknown models were treated like others already"
            raise VendorError("model_not_exist", f"{hint}; use one of those names, or start fakescope again.")
        spec = gate.newest_like(model, like, self.catalog.family(like.family))
        _log.warning("%r is not known; it is treated like %s", model, spec.name)
        everywhere = tuple(self.catalog.service.regions)
        return self._stand_ins.setdefault(model, spec._replace(name=model, regions=everywhere, aliases=()))

    def _view(self, model: str) -> ModelView:
        view = self._views.get(model)
        if view is None:
            view = self._views.setdefault(model, ModelView(self._spec(model)))
        return view

    def _link(self, account: Account, origin: str) -> Link:
        service = self.catalog.service
        bucket = self._buckets[account.region]

        def link(task: Task, n: int) -> str:
            file = self._spec(task.model).media.file
            expires_s = (task.ended + service.link_life_ms) // 1000
            return links.result_link(origin, bucket, service.access_key, account.id, task.id, n, file, expires_s)

        return link

    async def _find(self, account: Account, wanted: Filter, offset: int, limit: int, origin: str, now: Instant) -> Page:
        # A task stops being listed at the very instant at which it becomes UNKNOWN.
        since = max(now - self._life_ms + 1, wanted.since or 0)
        until = now if wanted.until is None else min(now, wanted.until)
        if wanted.task_id:
            task = await self._store.get(account.id, wanted.task_id)
            tasks: Sequence[Task] = [task] if task and since <= task.submitted <= until else []
        else:
            tasks = await self._store.find(account.id, since, until)
        link = self._link(account, origin)
        if wanted.model or wanted.status:
            tasks = [task for task in tasks if self._matches(task, wanted, now)]
        last = max(0, len(tasks) - offset)
        shown = tasks[max(0, last - limit) : last]
        rows = [
            TaskRow(task, self._spec(task.model), self._view(task.model).at(task, now, self._life_ms, link))
            for task in reversed(shown)
        ]
        return Page(rows, len(tasks), now)

    def _matches(self, task: Task, wanted: Filter, now: Instant) -> bool:
        return wanted.model in (None, task.model) and (
            wanted.status is None or wanted.status == lifecycle.status_at(task.timeline, now, self._life_ms)
        )
