"""Every verb of a client, written once: flows that yield what to do, are sent answers, and know no socket and no loop.

Three promises: a submission is never repeated unless it certainly did not arrive; a task's id, once known, is in every
error and every interruption; and no task is given up for a failure that passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from heapq import heappop, heappush
from math import inf
from typing import Any, Unpack
from urllib.parse import quote

from fakescope_client.core import OnAmbiguous, Trouble, WaitOptions
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
from fakescope_client.wire import Answer, Flow, Found, Request, Sleep

TIMEOUT_S = 3600.0


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
        cancel_on_interrupt: bool = False,
        **waiting: Unpack[WaitOptions],
    ) -> Flow[Task]:
        """Submit and wait: the SUCCEEDED task. Options and errors are those of `submit` and of `wait`."""
        began, timeout = self.clock(), waiting.get("timeout", TIMEOUT_S)
        patience = inf if timeout is None else timeout
        submission = self.submit(model, input, parameters, path=path, on_ambiguous=on_ambiguous, patience=patience)
        task = yield from self._canceling(submission, cancel_on_interrupt)
        waiting["timeout"] = None if timeout is None else max(0.0, began + timeout - self.clock())
        return (yield from self.wait(task, cancel_on_interrupt=cancel_on_interrupt, **waiting))

    def fetch(self, task: Task | str) -> Flow[Task]:
        """The task as it stands, whatever its status. Raises DashScopeError if no answer is to be had."""
        task_id, model = _named(task)
        seen = partial(self._seen, model, task_id)
        return (yield from self._ask(f"task {task_id}", self._query(task_id), seen, "query"))

    def wait(
        self, task: Task | str, *, cancel_on_interrupt: bool = False, **waiting: Unpack[WaitOptions]
    ) -> Flow[Task]:
        """Poll until the task has SUCCEEDED, and return it: at once, every 3 s for 30 s, then up to every 15 s.

        `timeout` is in seconds, 3,600 if not given, None for as long as it takes; `on_poll` is called with the task
        after every poll that was answered. Failures that pass are logged and borne. Ctrl-C and cancellation carry
        `task_id`, and with `cancel_on_interrupt` the task is canceled if it is still PENDING. Raises TaskFailedError,
        TaskUnknownError, TaskTimeoutError, or a DashScopeError with `task_id` if polls are refused or unanswered for
        too long.
        """
        watching = self._watch([task], found=False, **waiting)
        return _ended((yield from self._canceling(watching, cancel_on_interrupt)))

    resume = wait
    """Take up a task again that another call, or another program, has submitted."""

    def wait_many(self, tasks: Iterable[Task | str], **waiting: Unpack[WaitOptions]) -> Flow[Task]:
        """Each task as it ends, FAILED, CANCELED and UNKNOWN ones too: nothing is raised for those.

        All are polled in turn, together at most 20 times a second. Raises TaskTimeoutError for those that are left.
        """
        return self._watch(tasks, found=True, **waiting)

    def _watch(self, tasks: Iterable[Task | str], *, found: bool, **waiting: Unpack[WaitOptions]) -> Flow[Task]:
        """Poll until all have ended: whoever is due longest comes first. Returns the last one that ended."""
        began, timeout, on_poll = self.clock(), waiting.get("timeout", TIMEOUT_S), waiting.get("on_poll")
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
                    answer: Answer = yield self._query(task_id, min(30.0, max(1.0, deadline - self.clock())))
                    seen = self._seen(model, task_id, self._read(answer), answer)
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
                self._canceled((yield self._cancellation(task_id)))
            except DashScopeError as error:
                error.task_id = task_id
                if error.code == "UnsupportedOperation":  # too late, or done by an attempt whose answer was lost
                    seen = yield from self.fetch(task_id)
                    return seen.status is TaskStatus.CANCELED
                yield from trouble.bear(error)
            else:
                return True

    def detect(
        self, model: str, input: Mapping[str, Any], parameters: Mapping[str, Any] | None = None, *, path: str = ""
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

    def _seen(self, model: str, task_id: str, body: dict[str, Any], _: Answer) -> Task:
        task = Task.parse(body, model)
        if task.id != task_id or not task.status:
            raise TransportError(f"a query was answered with something else: {str(body)[:200]}", http_status=200)
        self._sent.account_for(task_id)
        return task

    def _cancellation(self, task_id: str, within_s: float = 30.0) -> Request:
        return self._request("POST", f"tasks/{quote(task_id, safe='')}/cancel", body=b"", within_s=within_s)

    def _canceled(self, answer: Answer) -> None:
        """Source: Manage asynchronous tasks, Cancel: success is a `request_id` and nothing else."""
        if "request_id" not in self._read(answer):
            raise TransportError("a cancellation was answered with something else", http_status=200)

    def _canceling(self, flow: Flow[Task], wanted: bool) -> Flow[Task]:
        """The flow; if it is interrupted and that is wanted, one quick attempt to cancel the task first."""
        try:
            return (yield from flow)
        except (Exception, GeneratorExit):
            raise
        except BaseException as stop:
            task_id = vars(stop).get("task_id", "")
            if wanted and task_id:
                try:
                    self._canceled((yield self._cancellation(task_id, 5.0)))
                    stop.add_note("It was canceled.")
                except DashScopeError as error:
                    stop.add_note(f"It was not canceled: {error}")
                except BaseException as again:  # twice Ctrl-C
                    note(again, task_id)
                    raise
            raise


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
