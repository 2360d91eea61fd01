"""A task's whole timeline, planned when it is submitted and only ever looked up afterwards.

A lane serves first come, first served over its slots. Cancelling a waiting task plans the lane again: it never
changes a status that could have been seen, only brings later starts forward, and never exceeds the slots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heapify, heapreplace
from typing import NamedTuple

from fakescope.catalog.spec import Pace
from fakescope.engine.task import Lane, Outcome, Task, TaskStatus, Timeline

__all__ = ["Needs", "needs_of", "plan", "plan_without", "status_at"]

_SUCCEEDS = (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.SUCCEEDED)
_FAILS = (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.FAILED)
_IN_PHASES = (
    TaskStatus.PENDING,
    TaskStatus.PRE_PROCESSING,
    TaskStatus.RUNNING,
    TaskStatus.POST_PROCESSING,
    TaskStatus.SUCCEEDED,
)
_STUCK = (TaskStatus.PENDING, TaskStatus.RUNNING)
_CANCELED = (TaskStatus.PENDING, TaskStatus.CANCELED)


class Needs(NamedTuple):
    """What a task takes, milliseconds of the account's clock: until it could start, and from start to end.

    With `phases` a tenth at each end goes to preparing and finishing, which have statuses of their own.
    """

    wait_ms: int
    run_ms: int
    phases: bool = False


def needs_of(pace: Pace, phases: bool, outcome: Outcome, draws: tuple[float, float], speed: float) -> Needs:
    """How long a task takes, by two draws from [0, 1): one to wait, one to run. `speed` divides (inf: at once)."""
    wait_s = _between(pace.wait_s, draws[0])
    if outcome.run_s is not None:
        return Needs(round(wait_s * 1000 / speed), round(outcome.run_s * 1000), phases)
    if outcome.problem is not None:
        # A worker that refuses a field takes the task up at once: no queueing beyond the lane's own.
        return Needs(0, round(_between(pace.fail_s, draws[1]) * 1000 / speed))
    return Needs(round(wait_s * 1000 / speed), round(_between(pace.run_s, draws[1]) * 1000 / speed), phases)


def plan(
    free_at: Sequence[int], needs: Needs, outcome: Outcome, now: int, life_ms: int
) -> tuple[Timeline, tuple[int, ...]]:
    """The timeline of a task submitted at `now`, and the slots after it. No slots means that nothing waits."""
    slots = list(free_at)
    timeline = _place(slots, needs, outcome, now, now, life_ms)
    return timeline, tuple(sorted(slots))


def plan_without(
    canceled: Task, queue: Sequence[Task], lane: Lane, needs: Callable[[Task], Needs], now: int, life_ms: int
) -> tuple[list[Task], Lane]:
    """Cancel a waiting task: the tasks whose timelines change, itself first, and the lane after it.

    `queue` is the lane's tasks that had not ended at `now`, in order of submission. Costs as much as there are.
    """
    changed = [canceled._replace(timeline=Timeline((canceled.submitted, now), _CANCELED))]
    if not lane.free_at:
        return changed, lane
    waiting = [task for task in queue if task.timeline[2] > now]
    started = [_occupied_until(task, life_ms) for task in queue if task.timeline[2] <= now]
    slots = [end for end in started if end > now]
    slots += [now] * (len(lane.free_at) - len(slots))
    heapify(slots)
    is_behind = False
    for task in waiting:
        if task.id == canceled.id:
            is_behind = True
        elif not is_behind:  # who stands in front keeps the plan
            heapreplace(slots, max(slots[0], _occupied_until(task, life_ms)))
        else:
            timeline = _place(slots, needs(task), task.outcome, task.submitted, now, life_ms)
            if timeline != task.timeline:
                changed.append(task._replace(timeline=timeline))
    return changed, lane._replace(free_at=tuple(sorted(slots)))


def status_at(timeline: Timeline, now: int, life_ms: int) -> TaskStatus:
    """The last step not after `now`; UNKNOWN once the task's life is over."""
    if now >= timeline[1] + life_ms:
        return TaskStatus.UNKNOWN
    statuses = timeline.statuses
    for i in range(len(statuses) - 1, 0, -1):
        if timeline[i + 1] <= now:
            return statuses[i]
    return statuses[0]


def _place(slots: list[int], needs: Needs, outcome: Outcome, submitted: int, now: int, life_ms: int) -> Timeline:
    """Give a task the slot that is free first. `slots` is a heap and is changed."""
    start = max(submitted + needs.wait_ms, now)
    if slots:
        start = max(start, slots[0])
    end = start + needs.run_ms
    if slots:
        expires = submitted + life_ms  # a slot is given back at the latest when its task is UNKNOWN, never taken back
        heapreplace(slots, max(slots[0], expires if outcome.endless else min(end, expires)))
    if outcome.endless:
        return Timeline((submitted, start), _STUCK)
    if outcome.problem is not None:
        return Timeline((submitted, start, end), _FAILS)
    if needs.phases:
        tenth = needs.run_ms // 10
        return Timeline((submitted, start, start + tenth, end - tenth, end), _IN_PHASES)
    return Timeline((submitted, start, end), _SUCCEEDS)


def _occupied_until(task: Task, life_ms: int) -> int:
    expires = task.submitted + life_ms
    return expires if task.outcome.endless else min(task.ended, expires)


def _between(ends: tuple[float, float], part: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * part
