"""Submitting: the one request that costs money, and so is never repeated unless it certainly did not arrive.

Submissions of one model leave one after the other. If an answer is lost, the list of tasks is asked before the next one
leaves: a new task there can only be the lost one, or another program's. Two candidates settle nothing.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from itertools import chain, count, repeat
from math import inf
from typing import Any, Unpack

from fakescope_client.core import Fields, OnAmbiguous, Options, SubmitOptions, check, log
from fakescope_client.errors import AmbiguousSubmissionError, DashScopeError, TransportError
from fakescope_client.files import Files
from fakescope_client.model import VENDOR_ZONE, Task
from fakescope_client.routes import task_path
from fakescope_client.wire import Answer, server_time

# How often somebody looks who is the next to submit; when to look for a lost one, which may still be under way; how far
# the vendor's clocks may be apart, whose `Date` has whole seconds; how often a lost one is sent.
_HOLD_S, _LOOKS_S, _SKEW_S, _SENDS = 0.01, (0.5, 2.0, 5.0), 2.0, 3
_NAMES_OSS = r'(?<!\\)"oss://'  # patterns are compiled on use: the import is to be quick


class Submitting(Files):
    """`submit`, and the search for what became of one."""

    def __init__(self, api_key: str | None = None, **options: Unpack[Options]) -> None:
        super().__init__(api_key, **options)
        self._queues: dict[str, dict[object, None]] = {}  # by model, in order; each step on it is one, for threads
        self._given_up: dict[str, float] = {}  # when the last search of a model ended without a task
        self._known: deque[str] = deque(maxlen=10_000)  # ids that no search need look at

    async def _service(self, model: str, path: str, given: Mapping[str, Any], **options: Any) -> partial[Any]:
        """The call of a service, ready to be made, with files uploaded. Raises ValueError for NaN, which is no JSON."""
        body = {"model": model, **await self._resolve(given, model)}
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        if re.search(_NAMES_OSS, text):
            headers["X-DashScope-OssResourceResolve"] = "enable"
        return partial(self._call, "POST", f"services/{path}", headers=headers, content=text.encode(), **options)

    async def submit(
        self, model: str, input: Fields, parameters: Fields | None = None, **options: Unpack[SubmitOptions]
    ) -> Task:
        """Start a task. It is PENDING; `wait` for it, or keep it with `Task.to_json`.

        `input` and `parameters` are the model's, as its API reference has them; a `Path` or bytes in them is sent as
        `data:` if it is a small picture and the model takes those, and uploaded otherwise. `path` follows `/services/`;
        without it the model's name decides. Throttled or unsent submissions are repeated, up to `patience` seconds.

        If the answer is lost, the task is looked for in the list. `on_ambiguous` says what then:

        - "adopt": the one unknown task of this model since just before is taken for ours; otherwise it is an error
        - "raise": always an error, unless the task is known by the id of its request
        - "resubmit": as "adopt", but if nothing is listed for some seconds it is sent again, three times in all

        Raises ValueError if the model answers at once, AmbiguousSubmissionError, and whatever the vendor refuses with.
        Ctrl-C and cancellation carry `task_id` if the task was found, and a note in any case.
        """
        check(options, SubmitOptions)
        path, policy = options.get("path") or task_path(model), options.get("on_ambiguous") or self._on_ambiguous
        if not path:
            raise ValueError(f"{model} answers at once and has no task that could be submitted: use run, or detect()")
        given, headers = {"input": input, "parameters": parameters or {}}, {"X-DashScope-Async": "enable"}
        send = await self._service(model, path, given, headers=headers, within_s=60.0)
        patience = options.get("patience", inf)
        mine: list[Task] = []  # outlives the steps below, so that no interruption between them loses the task
        once = partial(self._submit_once, mine, send, model, self._clock() + patience)
        policies = chain(repeat(policy, _SENDS - 1), repeat("adopt"))
        try:
            while not mine:
                await self._patiently(f"submitting to {model}", partial(once, next(policies)), patience=patience)
            return mine[0]
        except BaseException as stop:
            note(stop, *(task.id for task in mine))
            raise

    async def _submit_once(
        self, mine: list[Task], send: partial[Any], model: str, until: float, policy: OnAmbiguous
    ) -> None:
        """Submit in turn, and find out what became of it: the task is in `mine`, or it may be sent again."""
        me, queue, find = object(), self._queues.setdefault(model, {}), None
        try:
            queue[me] = None
            while ahead := list(queue).index(me):
                if self._clock() > until:
                    raise TransportError(f"not submitted: {ahead} are before it", unsent=True, retryable=False)
                await self._pause(min(_HOLD_S * ahead, max(_HOLD_S, until - self._clock())))
            find = partial(self._find, mine, model, self._clock(), policy)
            try:
                task = Task.parse(self._read(await send()), model)
                if not task.id:
                    raise TransportError(f"no task in the answer: {', '.join(task.raw):.200}", http_status=200)
                mine.append(task)
            except TransportError as error:
                if error.unsent:
                    raise
                await find(error)
        except BaseException as stop:
            if find and not mine and not isinstance(stop, DashScopeError | GeneratorExit):
                await self._note_submission(stop, model, find)
            raise
        finally:
            queue.pop(me, None)
            self._known.extend(task.id for task in mine)

    async def _find(
        self, mine: list[Task], model: str, since: float, policy: OnAmbiguous, lost: DashScopeError, quick: bool = False
    ) -> None:
        """Add the task of a submission whose answer was lost to `mine`, or leave it if it may be sent again."""
        log.warning("submitting to %s: %s; looking for its task", model, lost)
        said = "is not listed; most likely the submission never arrived, but that is not certain"
        try:
            for pause in (0.0,) if quick else _LOOKS_S:
                await self._pause(pause)
                if found := await self._candidates(model, since, 0.0 if quick else inf):
                    break
        except DashScopeError as error:  # who has not seen the list does not send again
            found, policy, said = [], "adopt", f"could not be looked for ({error})"
        ours = [task for task in found if lost.request_id and task.request_id == lost.request_id]
        # What an earlier search gave up may have started just before: then one candidate is not enough, either.
        if policy != "raise" and len(found) == 1 and since - _SKEW_S >= self._given_up.get(model, -inf):
            ours = found
        if ours:
            log.warning("submitting to %s: found its task %s", model, ours[0].id)
            mine += ours
            return
        self._given_up[model] = self._clock()
        if policy == "resubmit" and not found and not quick:
            return
        if found:
            said = f"may be one of {len(found)}: {', '.join(task.id for task in found)}"
        said = f"the answer to a submission to {model} was lost ({lost.message}), and its task {said}"
        about = {"code": lost.code, "http_status": lost.http_status, "request_id": lost.request_id}
        raise AmbiguousSubmissionError(said, candidates=tuple(found), **about)

    async def _note_submission(self, stop: BaseException, model: str, find: Callable[..., Awaitable[None]]) -> None:
        """Look once, quickly, for the task of a submission that was interrupted; `stop` says if that leaves it open."""
        try:
            await find(TransportError("interrupted"), quick=True)
        except Exception as error:
            stop.add_note(str(error))
        except BaseException as again:  # twice Ctrl-C
            self._given_up[model] = self._clock()
            again.add_note(f"a submission to {model} was under way; list() may show its task")
            raise

    async def _candidates(self, model: str, before: float, patience: float) -> list[Task]:
        """Tasks of this model that nobody here knows, since the instant `before` of our clock, by the server's."""
        ask = partial(self._page, {"page_no": "1", "page_size": "1", "model_name": model}, patience)
        _, answer = await self._patiently("looking for a task", ask, "list", patience)
        since = server_time(answer, self._clock() - before + _SKEW_S, VENDOR_ZONE)
        listed = self.list(model=model, since=since, patience=patience)
        return [task async for task in listed if task.id not in self._known]

    async def list(
        self, *, model: str = "", status: str = "", since: datetime | None = None, patience: float = inf
    ) -> AsyncGenerator[Task, None]:
        """The account's tasks, page by page as they are looked at: of the last 24 hours, or since then.

        They have no results and no usage; `fetch` brings those. `since` is aware; `patience` in seconds, of each page.
        Raises DashScopeError. Source: Manage asynchronous tasks, List.
        """
        start = since.astimezone(VENDOR_ZONE).strftime("%Y%m%d%H%M%S") if since else ""
        query = {"page_size": "50", "start_time": start, "model_name": model, "status": status}
        shown = {""}  # a task that comes in meanwhile moves others to the next page
        for page_no in count(1):
            params = {"page_no": str(page_no)} | {name: value for name, value in query.items() if value}
            body, _ = await self._patiently("the task list", partial(self._page, params, patience), "list", patience)
            for task in (Task.parse(row) for row in body["data"] if isinstance(row, dict)):
                if task.id not in shown and not (since and task.submitted_at and task.submitted_at < since):
                    shown.add(task.id)
                    yield task
            pages = body.get("total_page")
            if not body["data"] or not isinstance(pages, int) or page_no >= pages:
                return

    async def _page(self, params: Mapping[str, str], patience: float) -> tuple[dict[str, Any], Answer]:
        """No list is not an empty one: somebody may submit again because of it."""
        answer = await self._call("GET", "tasks", params=params, within_s=min(30.0, max(5.0, patience)))
        body = self._read(answer)
        if not isinstance(body.get("data"), list):
            raise TransportError(f"the list of tasks is something else: {', '.join(body):.200}", http_status=200)
        return body, answer


def note(stop: BaseException, *task_ids: str) -> None:
    """Leave the ids in what interrupts us, once: as attributes for programs, as a note for people."""
    if task_ids and "task_id" not in vars(stop):
        vars(stop).update(task_ids=task_ids, task_id=task_ids[0])
        stop.add_note(f"still going on: {', '.join(task_ids)}; resume() or `fakescope client wait` takes it up again")
