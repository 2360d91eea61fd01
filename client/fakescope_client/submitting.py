"""Submitting: the one request that costs money, and so is never repeated unless it certainly did not arrive.

If an answer is lost, the list of tasks is asked: while that goes on, nobody else here submits the same model, so that
a task that appears can only be the lost one. Another program's may appear as well: two candidates settle nothing.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from math import inf
from typing import Any, Unpack

from fakescope_client.core import OnAmbiguous, Options, SubmitOptions, Trouble, log
from fakescope_client.errors import AmbiguousSubmissionError, DashScopeError, TransportError
from fakescope_client.files import Files
from fakescope_client.model import VENDOR_ZONE, Task
from fakescope_client.routes import task_path
from fakescope_client.wire import NOTHING, server_ms

_HOLD_S = 0.1  # how often somebody looks who waits for the submissions of others
_LOOKS_S = (0.5, 2.0, 5.0)  # a request whose answer was lost may still be under way: look again
_SKEW_S = 2.0  # `Date` has whole seconds, and the vendor more than one machine
_SENDS = 3
_SECOND = "%Y%m%d%H%M%S"
_NAMES_OSS = re.compile(r'(?<!\\)"oss://')


class Sent:
    """Submissions under way and lost ones, by model, and the tasks that are accounted for.

    Who sends enters itself first and then looks for losses; who looks for a loss enters that first and then waits for
    those who send. So one of them sees the other, in threads as well: each step on a list or dictionary is one.
    """

    def __init__(self) -> None:
        self.open, self.lost = list[str](), list[str]()
        self.given_up: dict[str, float] = {}  # when the last search of a model ended without a task
        self.known: OrderedDict[str, None] = OrderedDict()

    @contextmanager
    def entered(self, models: list[str], model: str) -> Iterator[None]:
        models.append(model)
        try:
            yield
        finally:
            models.remove(model)

    def account_for(self, task_id: str) -> None:
        self.known[task_id] = None
        if len(self.known) > 10_000:
            self.known.popitem(last=False)


class Submitting(Files):
    """`submit`, and the search for what became of one."""

    def __init__(self, api_key: str | None = None, **options: Unpack[Options]) -> None:
        super().__init__(api_key, **options)
        self._sent = Sent()

    async def _service(self, model: str, path: str, given: Mapping[str, Any], **options: Any) -> partial[Any]:
        """The call of a service, ready to be made, with files uploaded. Raises ValueError for NaN, which is no JSON."""
        body = {"model": model, **await self._resolve(given, model)}
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        headers = {"Content-Type": "application/json", **options.pop("headers", NOTHING)}
        if _NAMES_OSS.search(text):
            headers["X-DashScope-OssResourceResolve"] = "enable"
        return partial(self._call, "POST", f"services/{path}", headers=headers, content=text.encode(), **options)

    async def submit(
        self,
        model: str,
        input: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        **options: Unpack[SubmitOptions],
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
        path, policy = options.get("path") or task_path(model), options.get("on_ambiguous") or self._on_ambiguous
        if not path:
            raise ValueError(f"{model} answers at once: use detect()")
        given, headers = {"input": input, "parameters": parameters or {}}, {"X-DashScope-Async": "enable"}
        send = await self._service(model, path, given, headers=headers, within_s=60.0)
        trouble, losses = Trouble(self, f"submitting to {model}", options.get("patience", inf)), 0
        before: float | None = None  # since when the fate of a request is open
        with ExitStack() as search:  # while it holds something, the submission counts as lost
            try:
                while True:
                    before = now = self._clock()
                    try:
                        task = await self._attempt(send, model, search)
                        if task is None:
                            before = None
                            await self._pause(_HOLD_S)
                    except DashScopeError as error:
                        if _is_settled(error):
                            task = before = None
                            await trouble.bear(error)
                            continue
                        losses += 1
                        task = await self._find(model, now, error, policy, may_send=losses < _SENDS)
                        search.close()
                    if task is not None:
                        return task
            except (DashScopeError, GeneratorExit):
                raise
            except BaseException as stop:
                if before is not None:
                    await self._note_submission(stop, model, before)
                raise

    async def _attempt(self, send: partial[Any], model: str, search: ExitStack) -> Task | None:
        """Submit, unless a lost submission of this model is looked for. At the end it is known, or counts as lost."""
        with self._sent.entered(self._sent.open, model):
            if model in self._sent.lost:
                return None
            try:
                body = self._read(await send())
                task = Task.parse(body, model)
                if not task.id:
                    raise TransportError(
                        f"a submission was answered without a task: {str(body)[:200]}", http_status=200
                    )
            except BaseException as error:
                if not _is_settled(error):
                    search.enter_context(self._sent.entered(self._sent.lost, model))
                raise
            self._sent.account_for(task.id)
            return task

    async def _find(
        self,
        model: str,
        before: float,
        lost: DashScopeError,
        policy: OnAmbiguous = "adopt",
        may_send: bool = False,
        looks_s: tuple[float, ...] = _LOOKS_S,
        patience: float = inf,
    ) -> Task | None:
        """The task of a submission whose answer was lost; None if it may be sent again."""
        log.warning("submitting to %s: %s; looking for its task", model, lost)
        found: list[Task] = []
        said = "is not listed; most likely the submission never arrived, but that is not certain"
        while model in self._sent.open:
            await self._pause(_HOLD_S)
        try:
            for pause in looks_s:
                await self._pause(pause)
                if found := await self._candidates(model, before, patience):
                    break
        except DashScopeError as error:
            said, may_send = f"could not be looked for ({error})", False
        ours = [task for task in found if lost.request_id and task.request_id == lost.request_id]
        # What an earlier search gave up may have started just before: then one candidate is not enough, either.
        undisputed = self._sent.lost.count(model) == 1 and before - _SKEW_S >= self._sent.given_up.get(model, -inf)
        if policy != "raise" and len(found) == 1 and undisputed:
            ours = found
        if ours:
            self._sent.account_for(ours[0].id)
            log.warning("submitting to %s: found its task %s", model, ours[0].id)
            return ours[0]
        self._sent.given_up[model] = self._clock()
        if not found and may_send and policy == "resubmit":
            return None
        if found:
            said = f"may be one of {len(found)}: {', '.join(task.id for task in found)}"
        raise AmbiguousSubmissionError(
            f"the answer to a submission to {model} was lost ({lost.message}), and its task {said}",
            code=lost.code,
            http_status=lost.http_status,
            request_id=lost.request_id,
            candidates=tuple(found),
        )

    async def _candidates(self, model: str, before: float, patience: float) -> list[Task]:
        """Tasks of this model that nobody here knows, since the instant `before` of our clock, by the server's."""
        ask = partial(self._call, "GET", "tasks", params={"page_no": 1, "page_size": 1, "model_name": model})

        async def instant() -> float:
            answer = await ask()
            self._read(answer)
            return server_ms(answer) / 1000 - (self._clock() - before) - _SKEW_S

        since = datetime.fromtimestamp(await self._patiently("looking for a task", instant, "list", patience), UTC)
        listed = self.list(model=model, since=since, patience=patience)
        return [task async for task in listed if task.id not in self._sent.known]

    async def list(
        self,
        *,
        model: str = "",
        status: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        patience: float = inf,
    ) -> AsyncGenerator[Task, None]:
        """The account's tasks, page by page as they are looked at: of the last 24 hours, or since (until) then.

        They have no results and no usage; `fetch` brings those. Times are aware, both ends included. Source: Manage
        asynchronous tasks.
        """
        query = {"page_no": "", "page_size": "50", "model_name": model, "status": status}
        if since is not None:
            query["start_time"] = since.astimezone(VENDOR_ZONE).strftime(_SECOND)
        if until is not None:
            query["end_time"] = (until + timedelta(seconds=1)).astimezone(VENDOR_ZONE).strftime(_SECOND)
        shown: set[str] = set()  # a task that comes in meanwhile moves others to the next page
        for page_no in count(1):
            params = {name: value for name, value in (query | {"page_no": str(page_no)}).items() if value}
            body = await self._patiently("the list of tasks", partial(self._page, params), "list", patience)
            tasks = [Task.parse(row) for row in body["data"] if isinstance(row, dict)]
            for task in tasks:
                when = task.submitted_at
                if task.id not in shown and when and (since or when) <= when <= (until or when):
                    shown.add(task.id)
                    yield task
            pages = body.get("total_page")
            if not tasks or not isinstance(pages, int) or page_no >= pages:
                return

    async def _page(self, params: Mapping[str, str]) -> dict[str, Any]:
        body = self._read(await self._call("GET", "tasks", params=params))
        if not isinstance(
            body.get("data"), list
        ):  # no list is not an empty one: somebody may submit again because of it
            raise TransportError(f"the list of tasks is something else: {str(body)[:200]}", http_status=200)
        return body

    async def _note_submission(self, stop: BaseException, model: str, before: float) -> None:
        """Look once, quickly, for the task of a submission that was interrupted, and say in `stop` what was found."""
        try:
            task = await self._find(model, before, TransportError("interrupted"), looks_s=(0.0,), patience=0.0)
        except DashScopeError as error:
            stop.add_note(error.message)
        except BaseException as again:  # twice Ctrl-C
            self._sent.given_up[model] = self._clock()
            again.add_note(f"a submission to {model} was under way; list() may show its task")
            raise
        else:
            assert task is not None
            note(stop, task.id)


def _is_settled(error: BaseException) -> bool:
    """Whether a submission that ended so has certainly started nothing."""
    return isinstance(error, DashScopeError) and (not isinstance(error, TransportError) or error.unsent)


def note(stop: BaseException, *task_ids: str) -> None:
    """Leave the ids in what interrupts us: as attributes for programs, as a note for people."""
    vars(stop).update(task_ids=task_ids, task_id=task_ids[0])
    stop.add_note(f"fakescope_client: still going on: {', '.join(task_ids)}; resume() takes them up again")
