"""Submitting: the one request that costs money, and so is never repeated unless it certainly did not arrive.

If an answer is lost, the list of tasks is asked: while that goes on, nobody else here submits the same model, so that
a task that appears can only be the lost one. Another program's may appear as well: two candidates settle nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from math import inf
from threading import Lock
from typing import Any, Unpack

from fakescope_client.core import OnAmbiguous, Options, Trouble, log
from fakescope_client.errors import AmbiguousSubmissionError, DashScopeError, TransportError
from fakescope_client.files import Files
from fakescope_client.model import VENDOR_ZONE, Task
from fakescope_client.routes import task_path
from fakescope_client.wire import NOTHING, Answer, Flow, Found, Request, Sleep, server_ms

_HOLD_S = 0.1  # how often somebody looks who waits for the submissions of others
_LOOKS_S = (0.5, 2.0, 5.0)  # a request whose answer was lost may still be under way: look again
_SKEW_S = 2.0  # `Date` has whole seconds, and the vendor more than one machine
_SENDS = 3
_SECOND = "%Y%m%d%H%M%S"
_NAMES_OSS = re.compile(r'(?<!\\)"oss://')


class Sent:
    """Submissions under way and lost ones, by model, and the tasks that are accounted for. For threads, too.

    Who sends counts itself first and then looks for losses; who looks for a loss counts it first and then waits for
    those who send. So one of them sees the other.
    """

    def __init__(self) -> None:
        self.open: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.given_up: dict[str, float] = {}  # when the last search of a model ended without a task
        self._known: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def counted(self, counter: Counter[str], model: str) -> Iterator[None]:
        with self._lock:
            counter[model] += 1
        try:
            yield
        finally:
            with self._lock:
                counter[model] -= 1

    @contextmanager
    def sending(self, model: str, search: ExitStack) -> Iterator[bool]:
        """Whether a submission may leave now. If its answer gets lost inside, it counts as lost until `search` ends."""
        with self.counted(self.open, model):
            try:
                yield not self.lost[model]
            except BaseException as error:
                if not _is_settled(error):
                    search.enter_context(self.counted(self.lost, model))
                raise

    def account_for(self, task_id: str) -> None:
        with self._lock:
            self._known[task_id] = None
            if len(self._known) > 10_000:
                self._known.popitem(last=False)

    def knows(self, task_id: str) -> bool:
        return task_id in self._known


class Submitting(Files):
    """`submit`, and the search for what became of one."""

    def __init__(self, api_key: str | None = None, **options: Unpack[Options]) -> None:
        super().__init__(api_key, **options)
        self._sent = Sent()

    def _service(
        self, model: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str], within_s: float
    ) -> Flow[Request]:
        """The call of a service, with files uploaded. Raises ValueError for NaN, which is no JSON."""
        resolved = yield from self._resolve({"model": model, **body}, model)
        text = json.dumps(resolved, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        resolve = {"X-DashScope-OssResourceResolve": "enable"} if _NAMES_OSS.search(text) else NOTHING
        headers = {**headers, **resolve, "Content-Type": "application/json"}
        return self._request("POST", f"services/{path}", headers=headers, body=text.encode(), within_s=within_s)

    def submit(
        self,
        model: str,
        input: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        *,
        path: str = "",
        on_ambiguous: OnAmbiguous | None = None,
        patience: float = inf,
    ) -> Flow[Task]:
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
        path, policy = path or task_path(model), on_ambiguous or self.on_ambiguous
        if not path:
            raise ValueError(f"{model} answers at once: use detect()")
        body = {"input": input, "parameters": parameters or {}}
        request = yield from self._service(model, path, body, {"X-DashScope-Async": "enable"}, 60.0)
        trouble, sends = Trouble(self, f"submitting to {model}", patience), 0
        before: float | None = None  # since when the fate of a request is open
        with ExitStack() as search:
            try:
                while True:
                    try:
                        with self._sent.sending(model, search) as may_send:
                            if may_send:
                                before, sends = self.clock(), sends + 1
                                return self._submitted((yield request), model)
                        yield Sleep(_HOLD_S)
                    except DashScopeError as error:
                        if _is_settled(error):
                            before = None
                            yield from trouble.bear(error)
                            continue
                        assert before is not None
                        may_resubmit = policy == "resubmit" and sends < _SENDS
                        task = yield from self._find(model, before, error, policy != "raise", may_resubmit)
                        if task is not None:
                            return task
                        search.close()
            except (DashScopeError, GeneratorExit):
                raise
            except BaseException as stop:
                if before is not None:
                    yield from self._note_submission(stop, model, before)
                raise

    def _submitted(self, answer: Answer, model: str) -> Task:
        """Called while the submission counts as under way, so that its task is known before that ends."""
        body = self._read(answer)
        task = Task.parse(body, model)
        if not task.id:
            raise TransportError(f"a submission was answered without a task: {str(body)[:200]}", http_status=200)
        self._sent.account_for(task.id)
        return task

    def _find(
        self,
        model: str,
        before: float,
        lost: DashScopeError,
        adopts: bool,
        may_send: bool,
        looks_s: tuple[float, ...] = _LOOKS_S,
        patience: float = inf,
    ) -> Flow[Task | None]:
        """The task of a submission whose answer was lost; None if it may be sent again."""
        log.warning("submitting to %s: %s; looking for its task", model, lost)
        found: list[Task] = []
        said = "is not listed; most likely the submission never arrived, but that is not certain"
        while self._sent.open[model]:
            yield Sleep(_HOLD_S)
        try:
            for pause in looks_s:
                yield Sleep(pause)
                found = yield from self._candidates(model, before, patience)
                if found:
                    break
        except DashScopeError as error:
            said, may_send = f"could not be looked for ({error})", False
        ours = [task for task in found if lost.request_id and task.request_id == lost.request_id]
        # What an earlier search gave up may have started just before: then one candidate is not enough, either.
        undisputed = self._sent.lost[model] == 1 and before - _SKEW_S >= self._sent.given_up.get(model, -inf)
        if adopts and len(found) == 1 and undisputed:
            ours = found
        if ours:
            self._sent.account_for(ours[0].id)
            log.warning("submitting to %s: found its task %s", model, ours[0].id)
            return ours[0]
        self._sent.given_up[model] = self.clock()
        if not found and may_send:
            return None
        if found:
            said = f"may be one of {len(found)}: {', '.join(task.id for task in found)}"
        ambiguous = AmbiguousSubmissionError(
            f"the answer to a submission to {model} was lost ({lost.message}), and its task {said}"
        )
        ambiguous.code, ambiguous.http_status, ambiguous.request_id = lost.code, lost.http_status, lost.request_id
        ambiguous.candidates = tuple(found)
        raise ambiguous

    def _candidates(self, model: str, before: float, patience: float) -> Flow[list[Task]]:
        """Tasks of this model that nobody here knows, since the instant `before` of our clock, by the server's."""
        query = {"page_no": 1, "page_size": 1, "model_name": model}
        asked = self._request("GET", "tasks", query)
        now_ms = yield from self._ask("looking for a task", asked, server_ms, "list", patience)
        since = datetime.fromtimestamp(now_ms / 1000 - (self.clock() - before) - _SKEW_S, UTC)
        listing = self.list(model=model, since=since, patience=patience)
        found: list[Task] = []
        answer: Answer | None = None
        while True:  # the list's own flow, but what it finds is kept here
            try:
                step = listing.send(answer)
            except StopIteration:
                return [task for task in found if not self._sent.knows(task.id)]
            if isinstance(step, Found):
                found.append(step.value)
            answer = None if isinstance(step, Found) else (yield step)

    def list(
        self,
        *,
        model: str = "",
        status: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        patience: float = inf,
    ) -> Flow[None]:
        """The account's tasks, page by page as they are looked at: of the last 24 hours, or since (until) then.

        They have no results and no usage; `fetch` brings those. Times are aware, both ends included. Source: Manage
        asynchronous tasks.
        """
        query: dict[str, object] = {"page_no": 0, "page_size": 50}
        if since is not None:
            query["start_time"] = since.astimezone(VENDOR_ZONE).strftime(_SECOND)
        if until is not None:
            query["end_time"] = (until + timedelta(seconds=1)).astimezone(VENDOR_ZONE).strftime(_SECOND)
        query |= {name: value for name, value in (("model_name", model), ("status", status)) if value}
        shown: set[str] = set()  # a task that comes in meanwhile moves others to the next page
        for page_no in count(1):
            query["page_no"] = page_no
            asked = self._request("GET", "tasks", query)
            tasks, pages = yield from self._ask("the list of tasks", asked, _rows, "list", patience)
            for task in tasks:
                when = task.submitted_at
                if task.id not in shown and when and (since or when) <= when <= (until or when):
                    shown.add(task.id)
                    yield Found(task)
            if page_no >= pages:
                return

    def _note_submission(self, stop: BaseException, model: str, before: float) -> Flow[None]:
        """Look once, quickly, for the task of a submission that was interrupted, and say in `stop` what was found."""
        try:
            task = yield from self._find(model, before, TransportError("interrupted"), True, False, (0.0,), 0.0)
        except DashScopeError as error:
            stop.add_note(error.message)
        except BaseException as again:  # twice Ctrl-C
            self._sent.given_up[model] = self.clock()
            again.add_note(f"a submission to {model} was under way; list() may show its task")
            raise
        else:
            assert task is not None
            note(stop, task.id)


def _is_settled(error: BaseException) -> bool:
    """Whether a submission that ended so has certainly started nothing."""
    return isinstance(error, DashScopeError) and (not isinstance(error, TransportError) or error.unsent)


def _rows(body: dict[str, Any], _: Answer) -> tuple[list[Task], int]:
    rows, pages = body.get("data"), body.get("total_page")
    if not isinstance(rows, list):  # no list is not an empty one: somebody may submit again because of it
        raise TransportError(f"the list of tasks is something else: {str(body)[:200]}", http_status=200)
    return [Task.parse(row) for row in rows if isinstance(row, dict)], pages if isinstance(pages, int) and rows else 0


def note(stop: BaseException, *task_ids: str) -> None:
    """Leave the ids in what interrupts us: as attributes for programs, as a note for people."""
    vars(stop).update(task_ids=task_ids, task_id=task_ids[0])
    stop.add_note(f"fakescope_client: still going on: {', '.join(task_ids)}; resume() takes them up again")
