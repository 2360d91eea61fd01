"""Everything in this process's memory: fast, gone at the end, bounded by forgetting expired tasks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import overload

from fakescope.clock import REAL, ClockSetting
from fakescope.engine.task import EMPTY_LANE, Lane, Task
from fakescope.errors import StoreConflict
from fakescope.store.base import LaneState

__all__ = ["MemoryStore"]

_NEW_LANE = LaneState(EMPTY_LANE, 0)


class _World:
    """One account's share: tasks by id, their order of submission, lanes, and who waits in them."""

    __slots__ = ("control", "forgotten", "lanes", "looked", "order", "queues", "tasks")

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.order: list[str] = []
        self.forgotten = 0  # how many at the front of `order` are gone; the list is cut when that is half of it
        self.lanes: dict[str, LaneState] = {}
        self.queues: dict[str, list[str]] = {}
        self.looked: dict[str, int] = {}  # how long each queue was when it was last looked through
        self.control: ClockSetting = REAL

    def forget(self, before: int) -> Sequence[Task]:
        order, tasks = self.order, self.tasks
        first = self.forgotten
        while self.forgotten < len(order) and tasks[order[self.forgotten]].submitted < before:
            self.forgotten += 1
        gone = [tasks.pop(task_id) for task_id in order[first : self.forgotten]]
        if self.forgotten * 2 > len(order):
            del order[: self.forgotten]
            self.forgotten = 0
        return gone

    def enqueue(self, task: Task, model: str, now: int) -> None:
        """Add a task to its lane's queue. Whenever that has doubled, those who have ended leave it."""
        queue = self.queues.setdefault(model, [])
        queue.append(task.id)
        if len(queue) > 2 * self.looked.get(model, 0) + 64:
            self.queues[model] = [key for key in queue if (one := self.tasks.get(key)) and not _has_ended(one, now)]
            self.looked[model] = len(self.queues[model])


class MemoryStore:
    """A Store in memory. Every operation costs O(log n) or less in the tasks of the account, averaged over commits;

    only reading a queue costs as much as there are tasks in it that have not ended.
    """

    def __init__(self) -> None:
        self._worlds: dict[str, _World] = {}

    async def get(self, account: str, task_id: str) -> Task | None:
        world = self._worlds.get(account)
        return None if world is None else world.tasks.get(task_id)

    async def find(self, account: str, since: int, until: int) -> Sequence[Task]:
        world = self._worlds.get(account)
        if world is None:
            return ()
        tasks, order = world.tasks, world.order
        first = bisect_left(order, since, lo=world.forgotten, key=lambda key: tasks[key].submitted)
        last = bisect_right(order, until, lo=first, key=lambda key: tasks[key].submitted)
        return _Slice(tasks, order, first, last)

    async def read_lane(self, account: str, model: str) -> LaneState:
        world = self._worlds.get(account)
        return _NEW_LANE if world is None else world.lanes.get(model, _NEW_LANE)

    async def read_queue(self, account: str, model: str, now: int) -> Sequence[Task]:
        world = self._worlds.get(account)
        if world is None or model not in world.queues:
            return ()
        found = (world.tasks.get(task_id) for task_id in world.queues[model])
        return [task for task in found if task is not None and not _has_ended(task, now)]

    async def commit(
        self, account: str, model: str, version: int, lane: Lane, tasks: Sequence[Task], forget_before: int
    ) -> Sequence[Task]:
        world = self._worlds.get(account) or self._worlds.setdefault(account, _World())
        if world.lanes.get(model, _NEW_LANE).version != version:
            raise StoreConflict(f"lane {model} moved on from version {version}")
        world.lanes[model] = LaneState(lane, version + 1)
        for task in tasks:
            is_new = task.id not in world.tasks
            world.tasks[task.id] = task
            if is_new:
                world.order.append(task.id)
                world.enqueue(task, model, task.submitted)
        return world.forget(forget_before)

    async def read_control(self, account: str) -> ClockSetting:
        world = self._worlds.get(account)
        return REAL if world is None else world.control

    async def commit_control(self, account: str, setting: ClockSetting) -> None:
        self._worlds.setdefault(account, _World()).control = setting

    async def reset(self, account: str) -> None:
        self._worlds.pop(account, None)

    async def close(self) -> None:
        self._worlds.clear()


class _Slice(Sequence[Task]):
    """A stretch of an order, looked up only where asked: a page of ten costs ten, however long the stretch."""

    def __init__(self, tasks: dict[str, Task], order: list[str], first: int, last: int) -> None:
        self._tasks, self._order, self._range = tasks, order, range(first, last)

    def __len__(self) -> int:
        return len(self._range)

    @overload
    def __getitem__(self, at: int) -> Task: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Task]: ...
    def __getitem__(self, at: int | slice) -> Task | Sequence[Task]:
        if isinstance(at, slice):
            return [self._tasks[self._order[i]] for i in self._range[at]]
        return self._tasks[self._order[self._range[at]]]


def _has_ended(task: Task, now: int) -> bool:
    return task.ended <= now and task.timeline.statuses[-1].is_terminal
