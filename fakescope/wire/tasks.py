"""Query and list: the answer to a query that is asked again and again, and what a list asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qs

from fakescope.catalog.spec import Service
from fakescope.engine.task import Task, TaskStatus
from fakescope.engine.vendor_error import VendorError
from fakescope.engine.view import TaskView, unknown
from fakescope.simulator import Filter, Sight, Simulator
from fakescope.wire.auth import Caller
from fakescope.wire.http import Answer
from fakescope.wire.render import Renderer

__all__ = ["Polls", "list_query"]

_REMEMBERED = 4_096


class _Shown(NamedTuple):
    """What was answered about a task that stood there, to who came from there."""

    task: Task
    status: TaskStatus
    origin: str
    view: TaskView
    body: bytes


class Polls:
    """Answers to queries. A task changes what it shows three times and is asked for a hundred times: it is kept.

    A task that was planned again is another object, and is shown anew. What is kept does not grow without end.
    """

    def __init__(self, simulator: Simulator, render: Renderer) -> None:
        self._simulator, self._render = simulator, render
        self._shown: dict[str, _Shown] = {}

    def answer(self, caller: Caller, task_id: str, sight: Sight, request_id: str) -> Answer:
        """The answer about the task that was looked for."""
        task, status, now = sight
        if task is None:
            view = unknown(task_id, now)
            return self._render.polled(view, self._render.task(view), now, request_id)
        shown = self._shown.get(task_id)
        if shown is None or shown.task is not task or shown.status is not status or shown.origin != caller.origin:
            view = self._simulator.show(task, now, caller.account, caller.origin)
            shown = _Shown(task, status, caller.origin, view, self._render.task(view))
            if len(self._shown) >= _REMEMBERED:
                self._shown.clear()
            self._shown[task_id] = shown
        return self._render.polled(shown.view, shown.body, now, request_id)


def list_query(query: str, service: Service) -> tuple[Filter, int, int]:
    """What a list asks for: filter, page number from 1, page size. Unknown parameters are ignored.

    Source: Manage asynchronous tasks, List. The texts for wrong values are inferred.
    """
    given = {key: values[-1] for key, values in parse_qs(query).items()}
    page = _number(given, "page_no", 1, 10_000_000)
    page_size = _number(given, "page_size", service.page_size_default, service.page_size_most)
    since, until = (_instant(given, key, service.utc_offset_ms) for key in ("start_time", "end_time"))
    if since is not None and until is None:
        until = since + service.list_window_ms
    if until is not None and since is None:
        since = until - service.list_window_ms
    status = given.get("status")
    if status and status not in [*TaskStatus]:
        raise _wrong("status", f"status must be one of {', '.join(TaskStatus)}; got {status!r:.40}.")
    wanted = Filter(since, until, given.get("task_id") or None, given.get("model_name") or None, status or None)
    return wanted, page, page_size


def _number(given: dict[str, str], key: str, default: int, most: int) -> int:
    text = given.get(key, "")
    if not text:
        return default
    if text.isascii() and text.isdecimal() and len(text) < 12 and 1 <= int(text) <= most:
        return int(text)
    raise _wrong(key, f"{key} must be a whole number from 1 to {most}; got {text!r:.40}.")


def _instant(given: dict[str, str], key: str, offset_ms: int) -> int | None:
    text = given.get(key, "")
    if not text:
        return None
    try:
        if len(text) != 14:
            raise ValueError
        local = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise _wrong(key, f"{key} must be YYYYMMDDhhmmss in UTC+8; got {text!r:.40}.") from None
    return int(local.timestamp() * 1000) - offset_ms


def _wrong(field: str, hint: str) -> VendorError:
    return VendorError("list_parameter", hint, field=field)
