"""Every verb of a client, written once: flows that yield what to do, are sent answers, and know no socket and no loop.

Three promises: a submission is never repeated unless it certainly did not arrive; a task's id, once known, is in every
error and every interruption; and no task is given up for a failure that passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from heapq import heappop, heappush
from math import inf
from typing import Any
from urllib.parse import quote

from fakescope_client.core import OnAmbiguous, Trouble
from fakescope_client.errors import (
    DashScopeError,
    TaskFailedError,
    TaskTimeoutError,
    TaskUnknownError,
    ThrottledError,
    TransportError,
    failure_of,
)
from fakescope_client.model import Output, Task, TaskStatus
from fakescope_client.routes import at_once_path
from fakescope_client.submitting import Submitting, note
from fakescope_client.wire import Flow, Found, Request, Sleep

OnPoll = Callable[[Task], object]


class Protocol(Submitting):
    """The verbs of a client. Its drivers, `Client` and `AsyncClient`, show each flow as a call."""

    def run(
        self,
        model: str,
        input: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        *,
        path: str = "",
        on_ambiguous: OnAmbiguous | None = None,
        timeout: float | None = 3600.0,
        on_poll: OnPoll | None = None,
        cancel_on_interrupt: bool = False,
    ) -> Flow[Task]:
        """Submit and wait: the SUCCEEDED task. Options and errors are those of `submit` and of `wait`."""
        began = self.clock()
        try:
            task = yield from self.submit(
                model,
                input,
                parameters,
                path=path,
                on_ambiguous=on_ambiguous,
                patience=inf if timeout is None else timeout,
            )
        except (Exception, GeneratorExit):
            raise
        except BaseException as stop:
            if cancel_on_interrupt and "task_id" in vars(stop):
                yield from self._cancel_noted(stop, vars(stop)["task_id"])
            raise
        left = None if timeout is None else max(0.0, began + timeout - self.clock())
        return (yield from self.wait(task, timeout=left, on_poll=on_poll, cancel_on_interrupt=cancel_on_interrupt))

    def fetch(self, task: Task | str) -> Flow[Task]:
        """The task as it stands, whatever its status. Raises DashScopeError if no answer is to be had."""
        task_id, model = _named(task)
        return (
            yield from self._ask(
                f"task {task_id}", self._query(task_id), lambda body, _: self._seen(body, model, task_id), "query"
            )
        )

    def wait(
        self,
        task: Task | str,
        *,
        timeout: float | None = 3600.0,
        on_poll: OnPoll | None = None,
        cancel_on_interrupt: bool = False,
    ) -> Flow[Task]:
        """Poll until the task has SUCCEEDED, and return it: at once, every 3 s for 30 s, then up to every 15 s.

        `timeout` is in seconds, None for as long as it takes; `on_poll` is called with the task after every poll that
        was answered. Failures that pass are logged and borne. Ctrl-C and cancellation carry `task_id`, and with
        `cancel_on_interrupt` the task is canceled if it is still PENDING. Raises TaskFailedError, TaskUnknownError,
        TaskTimeoutError, or a DashScopeError with `task_id` if polls are refused or unanswered for too long.
        """
        try:
            last = yield from self._watch([task], timeout, on_poll, found=False)
        except (Exception, GeneratorExit):
            raise
        except BaseException as stop:
            if cancel_on_interrupt:
                yield from self._cancel_noted(stop, _named(task)[0])
            raise
        return _ended(last)

    def resume(self, task: Task | str, *, timeout: float | None = 3600.0, on_poll: OnPoll | None = None) -> Flow[Task]:
        """Take up a task again that another call, or another program, has submitted: as `wait`."""
        return self.wait(task, timeout=timeout, on_poll=on_poll)

    def wait_many(
        self, tasks: Iterable[Task | str], *, timeout: float | None = 3600.0, on_poll: OnPoll | None = None
    ) -> Flow[Task]:
        """Each task as it ends, FAILED, CANCELED and UNKNOWN ones too: nothing is raised for those.

        All are polled in turn, together at most 20 times a second. Raises TaskTimeoutError for those that are left.
        """
        return self._watch(tasks, timeout, on_poll, found=True)

    def _watch(
        self, tasks: Iterable[Task | str], timeout: float | None, on_poll: OnPoll | None, *, found: bool
    ) -> Flow[Task]:
        """Poll until all have ended: whoever is due longest comes first. Returns the last one that ended."""
        began = self.clock()
        deadline, trouble = began + (inf if timeout is None else timeout), Trouble(self, "polling")
        left = {_named(task)[0]: task for task in tasks}
        due = [(began, n, *_named(task)) for n, task in enumerate(left.values())]
        task_id, seen = "", Task("", TaskStatus.UNKNOWN)
        try:
            while due:
                at, n, task_id, model = heappop(due)
                yield Sleep(min(at, deadline) - self.clock())
                yield from self._turn("query")
                try:
                    body = self._read((yield self._query(task_id, min(30.0, max(1.0, deadline - self.clock())))))
                    seen = self._seen(body, model, task_id)
                except DashScopeError as error:
                    yield from trouble.bear(error, deadline)
                    at = self.clock()
                else:
                    trouble.over()
                    left[task_id] = seen
                    if on_poll is not None:
                        on_poll(seen)
                    if seen.status.is_terminal:
                        del left[task_id]
                        if found:
                            yield Found(seen)
                        continue
                    at = self.clock() + self.rhythm.poll(self.clock() - began)
                heappush(due, (at, n, task_id, model))
                if self.clock() >= deadline:
                    raise _timed_out(timeout, left)
        except DashScopeError as error:
            error.task_id = error.task_id or task_id
            raise
        except GeneratorExit:
            raise
        except BaseException as stop:
            note(stop, *left)
            raise
        return seen

    def cancel(self, task: Task | str) -> Flow[bool]:
        """Cancel a task that is PENDING. True: it is CANCELED and costs nothing; False: too late, it goes on.

        Source: Manage asynchronous tasks, Cancel.
        """
        task_id, _ = _named(task)
        trouble = Trouble(self, f"canceling task {task_id}")
        while True:
            yield from self._turn("cancel")
            try:
                self._read((yield self._cancellation(task_id)))
            except DashScopeError as error:
                error.task_id = task_id
                if error.code == "UnsupportedOperation":  # too late, or done by an attempt whose answer was lost
                    seen = yield from self.fetch(task_id)
                    return seen.status is TaskStatus.CANCELED
                yield from trouble.bear(error)
            else:
                return True

    def list(
        self, *, model: str = "", status: str = "", since: datetime | None = None, until: datetime | None = None
    ) -> Flow[None]:
        """The account's tasks, page by page as they are looked at: of the last 24 hours, or since (until) then.

        They have no results and no usage; `fetch` brings those. Times are aware. Source: Manage asynchronous tasks.
        """
        shown: set[str] = set()  # a task that comes in meanwhile moves others to the next page
        page_no = pages = 1
        while page_no <= pages:
            page, pages = yield from self._page(page_no, since, until, model, status)
            for task in page:
                if task.id not in shown:
                    shown.add(task.id)
                    yield Found(task)
            page_no += 1

    def detect(
        self,
        model: str,
        input: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        *,
        path: str = "",
    ) -> Flow[Output]:
        """Ask a model that answers at once: a detection, or pictures from a message.

        Repeated only if it was throttled or never left: what was lost may have been charged, and is in no list.
        """
        body = {"input": input, "parameters": parameters or {}}
        request = yield from self._service(model, path or at_once_path(model), body, {}, 300.0)
        trouble = Trouble(self, f"asking {model}")
        while True:
            try:
                return Output.parse(self._read((yield request)))
            except DashScopeError as error:
                error.retryable = isinstance(error, ThrottledError) or getattr(error, "unsent", False)
                yield from trouble.bear(error)

    # -- steps

    def _query(self, task_id: str, within_s: float = 30.0) -> Request:
        return self._request("GET", f"tasks/{quote(task_id, safe='')}", within_s=within_s)

    def _seen(self, body: dict[str, Any], model: str, task_id: str) -> Task:
        task = Task.parse(body, model)
        if task.id != task_id or not task.status:
            raise TransportError(f"a query was answered with something else: {str(body)[:200]}", http_status=200)
        self._sent.account_for(task_id)
        return task

    def _cancellation(self, task_id: str, within_s: float = 30.0) -> Request:
        return self._request("POST", f"tasks/{quote(task_id, safe='')}/cancel", body=b"", within_s=within_s)

    def _cancel_noted(self, stop: BaseException, task_id: str) -> Flow[None]:
        """One attempt to cancel, quickly: somebody wants to leave."""
        try:
            self._read((yield self._cancellation(task_id, 5.0)))
        except DashScopeError as error:
            stop.add_note(f"It was not canceled: {error}")
        else:
            stop.add_note("It was canceled.")


def _named(task: Task | str) -> tuple[str, str]:
    """Its id, and its model if known."""
    task_id, model = (task.id, task.model) if isinstance(task, Task) else (task, "")
    if not task_id:
        raise ValueError("an empty task id")
    return task_id, model


def _ended(task: Task) -> Task:
    """The task if it has SUCCEEDED. Raises the error that its end is."""
    if task.status is TaskStatus.SUCCEEDED:
        return task
    about: dict[str, Any] = {"code": task.code, "request_id": task.request_id, "task_id": task.id, "http_status": 200}
    if task.status is TaskStatus.UNKNOWN:
        raise TaskUnknownError("the task has expired, belongs to another account, or never was", **about)
    kind = failure_of(task.code, task.message) if task.status is TaskStatus.FAILED else TaskFailedError
    failure = kind(task.message or f"the task is {task.status}", **about)
    failure.retryable = task.code.startswith(("Internal", "SystemError", "Throttling"))
    failure.task = task
    raise failure


def _timed_out(timeout: float | None, left: Mapping[str, Task | str]) -> TaskTimeoutError:
    error = TaskTimeoutError(
        f"not ended within {timeout:g} s; what goes on can be waited for again", task_id=", ".join(left)
    )
    error.tasks = tuple(task for task in left.values() if isinstance(task, Task))
    return error
