"""A task as seen at one instant. Vendor API, control API and dashboard all show this and nothing else."""

from __future__ import annotations

from typing import Any, NamedTuple

from fakescope.catalog.spec import ModelSpec
from fakescope.engine.facts import Link, fact, result_count, shape
from fakescope.engine.lifecycle import status_at
from fakescope.engine.task import Problem, Task, TaskStatus

__all__ = ["ModelView", "TaskView", "unknown"]


class TaskView(NamedTuple):
    """The task at the instant `at`: `output` and `usage` only in SUCCEEDED, `problem` only in FAILED.

    `scheduled` is there from RUNNING on, `ended` once the task has ended, `metrics` where the model has them.
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
    metrics: dict[str, int] | None = None


def unknown(task_id: str, now: int) -> TaskView:
    """What is shown for a task that does not exist, is somebody else's, or has expired."""
    return TaskView(task_id, TaskStatus.UNKNOWN, now)


class ModelView:
    """Views of one model's tasks: the catalogue's rows, bound once to where the model keeps its fields."""

    __slots__ = ("_asked", "_made", "_metrics", "_output", "_rejected", "_usage")

    def __init__(self, spec: ModelSpec) -> None:
        self._output, self._rejected = shape(spec.output, spec), shape(spec.rejected or spec.output, spec)
        self._usage = shape(spec.usage, spec)
        self._metrics = spec.metrics
        self._asked, self._made = result_count(spec), fact("result_count", spec)

    def at(self, task: Task, now: int, life_ms: int, link: Link) -> TaskView:
        """The task at `now`. Reading changes nothing: the same instant gives the same view."""
        status = status_at(task.timeline, now, life_ms)
        if status is TaskStatus.UNKNOWN:
            return unknown(task.id, now)
        instants = task.timeline.instants
        metrics = self._counts(task, status, link) if status in self._metrics else None
        match status:
            case TaskStatus.SUCCEEDED:
                output = (self._rejected if task.outcome.rejected else self._output)(task, link)
                usage = self._usage(task, link)
                return TaskView(
                    task.id, status, now, instants[0], instants[1], instants[-1], output, usage, None, metrics
                )
            case TaskStatus.FAILED:
                problem = task.outcome.problem
                return TaskView(
                    task.id, status, now, instants[0], instants[1], instants[-1], problem=problem, metrics=metrics
                )
            case TaskStatus.CANCELED:
                return TaskView(task.id, status, now, instants[0], None, instants[1], metrics=metrics)
            case TaskStatus.PENDING:
                return TaskView(task.id, status, now, instants[0], metrics=metrics)
            case _:
                return TaskView(task.id, status, now, instants[0], instants[1], metrics=metrics)

    def _counts(self, task: Task, status: TaskStatus, link: Link) -> dict[str, int]:
        """How many results were asked for, were made and were not, so far."""
        total = self._asked(task) if task.values else 1
        made = self._made(task, 0, link) if status is TaskStatus.SUCCEEDED else 0
        failed = total - made if status in (TaskStatus.SUCCEEDED, TaskStatus.FAILED) else 0
        return {"TOTAL": total, "SUCCEEDED": made, "FAILED": failed}
