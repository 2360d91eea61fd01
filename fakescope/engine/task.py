"""The values the engine works with. All are immutable; instants are whole milliseconds since 1970 UTC."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from fakescope.ids import request_id_of

__all__ = [
    "EMPTY_LANE",
    "ENDLESS",
    "SUCCESS",
    "Account",
    "Draft",
    "Lane",
    "Outcome",
    "Partial",
    "Problem",
    "Submission",
    "Task",
    "TaskStatus",
    "Timeline",
]


class TaskStatus(StrEnum):
    """The vendor's words for where a task stands."""

    PENDING = "PENDING"
    PRE_PROCESSING = "PRE-PROCESSING"
    RUNNING = "RUNNING"
    POST_PROCESSING = "POST-PROCESSING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_terminal(self) -> bool:
        return self in _TERMINAL


_TERMINAL = frozenset((TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELED, TaskStatus.UNKNOWN))


class Account(NamedTuple):
    """The main account behind a key: it owns tasks, limits and a clock.

    `id` never is the key itself, so it may be shown. `refusal` names what a test key is refused with.
    """

    id: str
    region: str
    refusal: str | None = None


class Draft(NamedTuple):
    """A submission as sent, with nothing checked but that `body` is JSON. `is_marked`: a test mark may be in it."""

    path: str
    asynchronous: bool
    resolves_oss: bool
    body: object
    is_marked: bool = True


class Problem(NamedTuple):
    """What is wrong with a draft's fields: code and text of the vendor's; rule, hint and basis of ours.

    `is_missing`: something that must be there is not, as opposed to being there and wrong.
    """

    code: str
    message: str
    rule: str
    hint: str
    basis: str
    is_missing: bool = False


class Submission(NamedTuple):
    """An accepted draft: one value per field of the spec, defaults filled in and texts cut.

    `uncut` holds the texts that were cut, whole, by field index.
    """

    values: tuple[Any, ...]
    uncut: Mapping[int, str]


class Partial(NamedTuple):
    """Only the first `succeeded` results were made; the others say why not."""

    succeeded: int
    code: str
    message: str


class Outcome(NamedTuple):
    """How a task ends: with a problem, without one (success), or never (`endless`).

    `run_s` is a running time in seconds that was ordered; None draws one from the catalogue. A detection that was
    ordered to find nothing is `rejected`: it succeeds, and says so.
    """

    problem: Problem | None = None
    endless: bool = False
    run_s: float | None = None
    partial: Partial | None = None
    rejected: bool = False


SUCCESS = Outcome()
ENDLESS = Outcome(endless=True)


class Timeline(tuple[Any, ...]):
    """What happens when: `statuses[i]` holds from `instants[i]` on. Instants never decrease; the last word stays.

    One flat tuple, the statuses first (shared by all tasks of that course), because a hundred thousand tasks keep one.
    """

    __slots__ = ()

    def __new__(cls, instants: tuple[int, ...], statuses: tuple[TaskStatus, ...]) -> Timeline:
        return tuple.__new__(cls, (statuses, *instants))

    @property
    def statuses(self) -> tuple[TaskStatus, ...]:
        return self[0]  # type: ignore[no-any-return]

    @property
    def instants(self) -> tuple[int, ...]:
        return self[1:]


class Task(NamedTuple):
    """One submission's life, settled when it was submitted. Only a cancellation plans it, or those behind it, again.

    `region` is where it was submitted, which decides its price.
    """

    id: str
    model: str
    values: tuple[Any, ...]
    uncut: Mapping[int, str]
    outcome: Outcome
    timeline: Timeline
    region: str = ""

    @property
    def request_id(self) -> str:
        return request_id_of(self.id)

    @property
    def submitted(self) -> int:
        return self.timeline[1]  # type: ignore[no-any-return]

    @property
    def ended(self) -> int:
        """The instant of the last step: the end of a task that has one."""
        return self.timeline[-1]  # type: ignore[no-any-return]


class Lane(NamedTuple):
    """Tasks of one account and one model share slots and windows; this is all that planning the next one needs.

    `free_at`: when each slot becomes free, ascending, one per task that may run at once; empty means no limit.
    `recent`: instants of the latest submissions, ascending, as many as the window allows.
    """

    free_at: tuple[int, ...]
    recent: tuple[int, ...]


EMPTY_LANE = Lane((), ())
