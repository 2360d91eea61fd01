"""The store's promises. Each sentence of `Store` is a test that every backend passes.

A store keeps what it is given and decides nothing: limits, planning and expiry are outside it, and it has no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from fakescope.clock import ClockSetting
from fakescope.engine.task import Lane, Task

__all__ = ["LaneState", "Store"]


class LaneState(NamedTuple):
    """A lane and the version it was read at."""

    lane: Lane
    version: int


class Store(Protocol):
    """Keeps tasks by account, lanes by account and model, clocks by account.

    A task that was committed can be got by its account and by no other.
    Committing a task again replaces it, and it keeps its place in the order of submission.
    Tasks are found in order of submission, by the instants from `since` up to `until`, both included.
    The queue holds a lane's tasks that had not ended, in order of submission.
    A commit fails with StoreConflict, and changes nothing, if the lane moved since it was read.
    A commit forgets the account's tasks submitted before `forget_before`, and no others, and gives them back.
    A control that was committed is read back; an account without one has the clock of a new world.
    A reset forgets the account's tasks, lanes and control, and nobody else's.
    """

    async def get(self, account: str, task_id: str) -> Task | None:
        """The task, or None."""
        ...

    async def find(self, account: str, since: int, until: int) -> Sequence[Task]:
        """The account's tasks submitted from `since` up to `until`, oldest first. Good until the next commit."""
        ...

    async def read_lane(self, account: str, model: str) -> LaneState:
        """The lane, and its version; an empty lane at version 0 if there is none yet."""
        ...

    async def read_queue(self, account: str, model: str, now: int) -> Sequence[Task]:
        """The lane's tasks that end after `now` or never, oldest first."""
        ...

    async def commit(
        self, account: str, model: str, version: int, lane: Lane, tasks: Sequence[Task], forget_before: int
    ) -> Sequence[Task]:
        """Write tasks and lane together, or raise StoreConflict and write nothing. Gives back what was forgotten."""
        ...

    async def read_control(self, account: str) -> ClockSetting:
        """How the account's time runs."""
        ...

    async def commit_control(self, account: str, setting: ClockSetting) -> None:
        """Set how the account's time runs."""
        ...

    async def reset(self, account: str) -> None:
        """Start a new world for the account."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...
