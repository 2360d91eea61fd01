"""What an account would have paid: exact money, per model, for what has succeeded by an instant."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from fakescope.catalog.spec import ModelSpec
from fakescope.engine.facts import cost_of
from fakescope.engine.task import Task, TaskStatus

__all__ = ["NOTHING", "Bill", "Bills", "add"]


class Bill(NamedTuple):
    """How many tasks and calls of a model succeeded, their CNY, and how many of them have no known price."""

    succeeded: int
    cny: Decimal
    unpriced: int


Bills = dict[str, Bill]
"""Model → bill."""

NOTHING = Bill(0, Decimal(0), 0)


def add(bills: Bills, tasks: Iterable[Task], spec_of: Callable[[str], ModelSpec], now: int) -> None:
    """Add to `bills` what has succeeded by `now`. A task that failed, was canceled or never came to its end is free."""
    for task in tasks:
        if task.timeline.statuses[-1] is TaskStatus.SUCCEEDED and task.ended <= now:
            bill = bills.get(task.model, NOTHING)
            cny = cost_of(spec_of(task.model), task)
            bills[task.model] = Bill(bill.succeeded + 1, bill.cny + (cny or 0), bill.unpriced + (cny is None))
