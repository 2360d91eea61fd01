"""What one example says to a target, and what came: remembered, so that a broken promise can be shown and repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote, urlencode

import orjson

from fakescope.catalog import Catalog
from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.interrupting import raise_if_interrupted
from fakescope_contracts.target import HungUpError, NoAnswerError, Request, Response, Target, must_answer

__all__ = [
    "ABSENT",
    "NO_TASK",
    "Broken",
    "Conversation",
    "Exchange",
    "Reply",
    "Step",
    "Unanswered",
    "UndecidedError",
    "printable",
]

ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "nothing", "__bool__": lambda _: False})()
"""What is found where nothing is."""

NO_TASK = "00000000-0000-4000-8000-000000000000"
"""The id of no task."""

_LONGEST_TOLD = 300

_NO_RESPONSE = Response(0)

_PATIENCE = 10
"""How often a request is sent again that was refused for its rate."""

_LONGEST_S = 3 * 3600 + 1
"""A task without a result after 3 hours fails. Source: Model Studio error codes, InternalError.Timeout."""

_PAUSES_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""How long a task is waited for where the clock cannot be moved: about 3 s."""

_ON_THE_WAY = ("PENDING", "PRE-PROCESSING", "RUNNING", "POST-PROCESSING", "SUSPENDED")
_ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN")


class Step(NamedTuple):
    """Time that passed, for an account."""

    seconds: float
    account: str


class Exchange(NamedTuple):
    """A request without its key, whose it was (None: nobody's), and the response: with status 0 if there was none."""

    request: Request
    account: str | None
    response: Response


class Broken(AssertionError):  # noqa: N818 - a verdict, not an error
    """A promise was not kept: which, what came instead, and everything that was said before.

    `claim` is a Python expression over `r1`, `r2`, … (the answers in their order, as httpx shows them) that is true if
    the promise is kept.
    """

    def __init__(self, came: str, claim: str, history: tuple[Exchange | Step, ...]) -> None:
        super().__init__(printable(came))
        self.came, self.claim, self.history = printable(came), claim, history


class Unanswered(BaseException):
    """Ends the examples at once: Hypothesis would ask again and again what is not answered, to find less to ask.

    `broken` is what it is if the target answers other requests.
    """

    def __init__(self, said: str, broken: Broken | None = None) -> None:
        super().__init__(said)
        self.broken = broken


class UndecidedError(Exception):
    """The example says nothing, for this reason: neither kept nor broken. With `is_last` no later one would, either."""

    is_last = False


class Reply:
    """An answer, with the names that httpx has: so a claim about it can be run by anybody. `name` is `r1`, `r2`, …"""

    __slots__ = ("_json", "_talk", "content", "headers", "name", "status_code")

    def __init__(self, talk: Conversation, number: int, response: Response) -> None:
        self._talk, self.name = talk, f"r{number}"
        self.status_code, self.content = response.status, response.body
        self.headers = dict(reversed(response.headers))  # of several the first
        self._json: Any = None

    def json(self) -> Any:
        """The body as JSON. Breaks the promise that it is."""
        if self._json is None:
            try:
                self._json = orjson.loads(self.content)
            except ValueError:
                self._talk.fail(f"the body is not JSON: {_short(self.content)}", f"{self.name}.json() is not None")
        return self._json

    def at(self, path: str) -> Any:
        """What the body has at a path such as `output.task_status`, or ABSENT."""
        found = self.json()
        for key in path.split("."):
            if not isinstance(found, dict) or key not in found:
                return ABSENT
            found = found[key]
        return found

    def where(self, path: str) -> str:
        """That path as Python, with None for what is not there."""
        *outer, last = path.split(".")
        inner = "".join(f'.get("{key}", {{}})' for key in outer)
        return f'{self.name}.json(){inner}.get("{last}")'

    # -- promises

    def has_status(self, *statuses: int) -> Reply:
        """The HTTP status is one of these."""
        claim = f"{self.name}.status_code {_among(statuses)}"
        return self.hold(self.status_code in statuses, f"HTTP {self.status_code}: {_short(self.content)}", claim)

    def has(self, path: str, *values: Any) -> Reply:
        """The body has one of these values at a path."""
        found = self.at(path)
        claim = f"{self.where(path)} {_among(values)}"
        kept = any(type(found) is type(value) and found == value for value in values)
        return self.hold(kept, f"{path} is {_short(found)}", claim)

    def lacks(self, *paths: str) -> Reply:
        """The body has nothing at these paths, not even null."""
        for path in paths:
            *outer, last = path.split(".")
            owner = self.where(".".join(outer)) if outer else f"{self.name}.json()"
            claim = f'"{last}" not in ({owner} or {{}})'
            self.hold(self.at(path) is ABSENT, f"{path} is {_short(self.at(path))}", claim)
        return self

    def is_refused(self, name: str, **details: object) -> Reply:
        """It is refused as a row of errors.toml says; the text is compared unless it is our reading."""
        refusal = self._talk.catalog.refusal(name)
        self.has_status(refusal.status).has("code", refusal.code)
        return self if refusal.basis == "inferred" else self.has("message", refusal.message.format_map(details))

    def hold(self, kept: bool, came: str, claim: str) -> Reply:
        """Go on if the promise is kept. Raises Broken."""
        if not kept:
            self._talk.fail(came, claim)
        return self


class Conversation:
    """One example's talk with a target. `spec` is the model that it is about, and decides on the region.

    `notes` is told how the talk ended, if early: a target that sends no more makes an example look different when it is
    run again, and then Hypothesis says only that.
    """

    def __init__(
        self, target: Target, catalog: Catalog, spec: ModelSpec | None = None, notes: list[Exception] | None = None
    ) -> None:
        self.target, self.catalog, self.spec = target, catalog, spec
        self._notes = [] if notes is None else notes
        self.history: list[Exchange | Step] = []
        self.unseen = ""  # what the example could not wait for, to be told beside a verdict
        self._answers = 0
        self._host: tuple[tuple[str, str], ...] = ()
        if spec is not None and target.region not in spec.regions and "regions" in target.abilities:
            self._host = (("Host", catalog.service.regions[spec.regions[0]].host),)

    # -- saying

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = b"",
        headers: Mapping[str, str] | None = None,
        account: str | None = "a",
        patient: bool = True,
    ) -> Reply:
        """One exchange; a body that is not bytes is sent as JSON. With `patient`, one that was refused for its rate is
        sent again after a second, and only the last answer counts.
        """
        given = dict(headers or {})
        if not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
            given.setdefault("Content-Type", "application/json")
        request = Request(method, path, (*given.items(), *self._host), body)
        response = self._exchange(request, account)
        for _ in range(_PATIENCE if patient else 0):
            if response.status != 429 or b"Throttling.RateQuota" not in response.body:
                break
            self.let_pass(1, account or "a")
            response = self._exchange(request, account)
        self.history.append(Exchange(request, account, response))
        self._answers += 1
        return Reply(self, self._answers, response)

    def _exchange(self, request: Request, account: str | None) -> Response:
        raise_if_interrupted()
        try:
            return self.target.send(request, account)
        except UndecidedError as error:
            self._notes += [error] * error.is_last
            raise
        except NoAnswerError as error:
            self._unanswered(request, account, error)

    def _unanswered(self, request: Request, account: str | None, error: NoAnswerError) -> NoReturn:
        """No answer is a wrong one, from a target that answers others. A shorter example is looked for only where that
        takes no waiting and costs nothing.
        """
        self.history.append(Exchange(request, account, _NO_RESPONSE))
        came, claim = f"no answer: {error}", f"r{self._answers + 1}.status_code > 0"
        if isinstance(error, HungUpError) and "free" in self.target.abilities:
            try:
                must_answer(self.target)
            except NoAnswerError as gone:
                raise Unanswered(str(gone)) from error
            self.fail(came, claim)
        raise Unanswered(str(error), Broken(came, claim, tuple(self.history))) from error

    def submit(
        self,
        spec: ModelSpec,
        body: Any,
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        account: str | None = "a",
    ) -> Reply:
        """Hand in a body at the model's endpoint, or another, in its way: at once or as a task.

        A header that is "" is left out.
        """
        path = path or spec.path
        given = {"Content-Type": "application/json", "X-DashScope-OssResourceResolve": "enable"}
        if spec.mode != "sync" and path != spec.sync_path:
            given["X-DashScope-Async"] = "enable"
        given = {name: value for name, value in (given | dict(headers or {})).items() if value}
        return self.send("POST", path, body=body, headers=given, account=account)

    def task_of(self, reply: Reply) -> str:
        """The id of the task that a submission made. Raises Broken if it made none."""
        task_id = reply.has_status(200).has("output.task_status", "PENDING").at("output.task_id")
        reply.hold(
            isinstance(task_id, str) and bool(task_id),
            f"output.task_id is {_short(task_id)}",
            f"isinstance({reply.where('output.task_id')}, str)",
        )
        return str(task_id)

    def ended(self, task_id: str, *, account: str = "a") -> Reply:
        """The answer about the task once it has ended. Raises UndecidedError if that takes too long for real."""
        if "clock" in self.target.abilities:
            self.let_pass(_LONGEST_S, account)
            return self.poll(task_id, account=account).has("output.task_status", *_ENDED)
        for pause in _PAUSES_S:
            reply = self.poll(task_id, account=account)
            if reply.at("output.task_status") not in _ON_THE_WAY:
                return reply.has("output.task_status", *_ENDED)
            self.let_pass(pause, account)
        raise UndecidedError(f"no task ended within {sum(_PAUSES_S):.0f} s")

    def poll(self, task_id: str, *, account: str | None = "a", patient: bool = True) -> Reply:
        return self.send("GET", f"/api/v1/tasks/{quote(task_id, safe='')}", account=account, patient=patient)

    def cancel(self, task_id: str, *, account: str | None = "a", patient: bool = True) -> Reply:
        return self.send("POST", f"/api/v1/tasks/{quote(task_id, safe='')}/cancel", account=account, patient=patient)

    def list(
        self, query: Mapping[str, object] | None = None, *, account: str | None = "a", patient: bool = True
    ) -> Reply:
        """A page of the list, as the query asks for it."""
        asked = f"?{urlencode(query)}" if query else ""
        return self.send("GET", f"/api/v1/tasks/{asked}", account=account, patient=patient)

    def let_pass(self, seconds: float, account: str = "a") -> None:
        """Let time pass for an account: on its clock, or for real where that cannot be moved."""
        self.target.advance(seconds, account)
        self.history.append(Step(seconds, account))

    def now(self, account: str = "a") -> datetime | None:
        return self.target.now(account)

    # -- judging

    def hold(self, kept: bool, came: str, claim: str) -> None:
        """Go on if the promise is kept. Raises Broken with what came and the claim that fails (see Broken)."""
        if not kept:
            self.fail(came, claim)

    def fail(self, came: str, claim: str) -> NoReturn:
        broken = Broken(came, claim, tuple(self.history))
        self._notes += [broken] * (not self._notes)
        raise broken


def _among(values: tuple[Any, ...]) -> str:
    return f"== {values[0]!r}" if len(values) == 1 else f"in {values!r}"


def _short(value: Any) -> str:
    """A value as one printable line."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else repr(value)
    return printable(text if len(text) <= _LONGEST_TOLD else f"{text[:_LONGEST_TOLD]}…")


def printable(text: str) -> str:
    """The text in one line, with nothing in it that a terminal would obey."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
