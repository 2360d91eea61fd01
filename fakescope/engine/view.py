"""A task as seen at one instant. Vendor API, control API and dashboard all show this and nothing else."""

from __future__ import annotations

from typing import Any, NamedTuple

from fakescope.catalog.spec import ModelSpec
from fakescope.engine.facts import Link, shape
from fakescope.engine.lifecycle import status_at
from fakescope.engine.task import Problem, Task, TaskStatus

__all__ = ["ModelView", "TaskView", "unknown"]


class TaskView(NamedTuple):
    """The task at the instant `at`: `output` and `usage` only in SUCCEEDED, `problem` only in FAILED.

    `scheduled` is there from RUNNING on, `ended` once the task has ended.
    """

    task_id: str
    status: TaskStatus
    at: int
    submitted: int | None = None
    scheduled: int | None = None
    ended: int | None = None
    output: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    problem: Problem | None = None


def unknown(task_id: str, now: int) -> TaskView:
    """What is shown for a task that does not exist, is somebody else's, or has expired."""
    return TaskView(task_id, TaskStatus.UNKNOWN, now)


class ModelView:
    """Views of one model's tasks: the catalogue's rows, bound once to where the model keeps its fields."""

    __slots__ = ("_output", "_usage")

    def __init__(self, spec: ModelSpec) -> None:
        self._output = shape(spec.output, spec)
        self._usage = shape(spec.usage, spec)

    def at(self, task: Task, now: int, life_ms: int, link: Link) -> TaskView:
        """The task at `now`. Reading changes nothing: the same instant gives the same view."""
        status = status_at(task.timeline, now, life_ms)
        instants = task.timeline.instants
        match status:
            case TaskStatus.SUCCEEDED:
                output = {key: value for key, fact in self._output if (value := fact(task, link)) is not None}
                usage = {key: value for key, fact in self._usage if (value := fact(task, link)) is not None}
                return TaskView(task.id, status, now, instants[0], instants[1], instants[2], output, usage)
            case TaskStatus.PENDING:
                return TaskView(task.id, status, now, instants[0])
            case TaskStatus.RUNNING:
                return TaskView(task.id, status, now, instants[0], instants[1])
            case TaskStatus.FAILED:
                problem = task.outcome.problem
                return TaskView(task.id, status, now, instants[0], instants[1], instants[2], problem=problem)
            case TaskStatus.CANCELED:
                return TaskView(task.id, status, now, instants[0], None, instants[1])
            case _:
                return unknown(task.id, now)
