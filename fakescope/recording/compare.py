"""Whether recordings say what the simulator would: names, JSON types, order of states, codes.

The recorded requests are sent to a simulator in this process. Each task gets an account of its own, and so a clock of
its own, which is moved to where the task stood when it was asked for: how long a task takes differs from day to day,
and in which order it passes through its states does not. Not compared: texts, numbers, durations, headers, downloads,
uploads, and tasks whose submission is not in the recording.
"""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson

from fakescope.catalog.loader import Catalog
from fakescope.catalog.spec import ModelSpec
from fakescope.engine.facts import REFERENCE
from fakescope.recording.exchange import Cassette, Exchange
from fakescope.recording.inprocess import Answer, App, call
from fakescope.recording.json_bodies import json_or_none
from fakescope.recording.provoking import failure_marks, marked, success_marks
from fakescope.recording.shapes import differences

__all__ = ["Drift", "Report", "compare"]

_TASK = re.compile(r"/api/v1/tasks/([^/]{1,200})(/cancel)?/?")
_TASKS_RULE = "the task API (Manage asynchronous tasks)"
_ANY_ID = "00000000-0000-4000-8000-000000000000"
_A_FILE = "https://example.com/a-file-that-nobody-opens"


class Drift(NamedTuple):
    """A place where a recording and the simulator differ: in which exchange (from 1), what, and by which rule of ours.

    `at` is a field of the answer, such as `output.video_url`, or `HTTP status`.
    """

    cassette: str
    number: int
    request: str
    at: str
    recorded: str
    simulated: str
    rule: str


class Report(NamedTuple):
    """How many exchanges were compared, what was found, and what was not compared and why."""

    compared: int
    drifts: tuple[Drift, ...]
    left_out: tuple[str, ...]


class _Twin(NamedTuple):
    """The simulator's counterpart of a recorded task: whose it is, its id, its model, and how it was submitted."""

    key: str
    task_id: str
    spec: ModelSpec
    exchange: Exchange


class _LeftOut(Exception):  # noqa: N818 - not an error
    """Why an exchange is not compared."""


async def compare(cassette: Cassette, app: App, catalog: Catalog) -> Report:
    """Compare a recording with `app`: a simulator without limits, at the vendor's pace, on a clock that stands still.

    Nothing is kept of what is sent to it but what it keeps itself: accounts are never used twice.
    """
    comparison = _Comparison(cassette, app, catalog)
    compared, left_out = 0, []
    for number, exchange in enumerate(cassette.exchanges, 1):
        try:
            await comparison.look(number, exchange)
        except (_LeftOut, RecursionError) as why:
            left_out.append(f"{cassette.name} {number}: {_named(exchange)}: {why}")
        else:
            compared += 1
    return Report(compared, tuple(comparison.drifts), tuple(left_out))


class _Comparison:
    """One recording against one simulator."""

    def __init__(self, cassette: Cassette, app: App, catalog: Catalog) -> None:
        self._name, self._app, self._catalog = cassette.name, app, catalog
        self._twins: dict[str, _Twin] = {}
        self._made: dict[str, tuple[str, str]] = {}  # what a task returned for a later one → whose, and the twin's
        self._accounts = 0
        self.drifts: list[Drift] = []
        self._here: tuple[int, Exchange]
        conditions = {test.refusal for test in catalog.service.test_keys} | {"no_api_key", "rate_quota"}
        known = [catalog.refusal(name) for name in conditions]
        others = {(one.status, one.code) for name, one in catalog.refusals.items() if name not in conditions}
        self._conditions = {(one.status, one.code) for one in known} - others
        self._texts = {(one.status, one.code, one.message) for one in known}

    async def look(self, number: int, exchange: Exchange) -> None:
        """Compare one exchange. Raises _LeftOut."""
        self._here = number, exchange
        path = urlsplit(exchange.request.url).path
        method = exchange.request.method
        task = _TASK.fullmatch(path)
        if method == "GET" and path.rstrip("/") == "/api/v1/tasks":
            await self._list(exchange)
        elif task and method == "GET" and not task[2]:
            await self._poll(exchange, task[1])
        elif task and method == "POST" and task[2]:
            await self._cancel(exchange, task[1])
        elif method == "POST" and path.startswith("/api/v1/services/"):
            await self._submit(exchange)
        else:
            raise _LeftOut("neither a submission nor a call of the task API")

    # -- what is compared

    async def _submit(self, exchange: Exchange) -> None:
        recorded = json_or_none(exchange.response.body)
        body, key = self._sendable(json_or_none(exchange.request.body))
        spec = (
            self._catalog.find(body["model"]) if isinstance(body, dict) and isinstance(body.get("model"), str) else None
        )
        raw = exchange.request.body if body is None else orjson.dumps(body)
        answer = await self._ask(exchange, key, raw)
        rule = _rule_of(spec)
        output = recorded.get("output") if isinstance(recorded, dict) else None
        if exchange.response.status == 200 == answer.status and spec is not None and isinstance(output, dict):
            if not isinstance(output.get("task_id"), str):
                marks = [mark for mark in success_marks(output) if list(differences(recorded, answer.body))]
                for mark in marks:  # what only the file behind a link decides
                    answer = await self._ask(exchange, self._account(), orjson.dumps(marked(body, mark)))
            elif isinstance(answer.body["output"].get("task_id"), str):
                twin = _Twin(key, answer.body["output"]["task_id"], spec, exchange)
                self._twins[output["task_id"]] = twin
        elif exchange.response.status == 400 and answer.status == 200 and isinstance(recorded, dict):
            for mark in failure_marks(recorded, self._catalog.failures):
                answer = await self._ask(exchange, self._account(), orjson.dumps(marked(body, mark)))
        self._judge(answer, recorded, rule)

    async def _poll(self, exchange: Exchange, task_id: str) -> None:
        recorded, twin = json_or_none(exchange.response.body), self._twins.get(task_id)
        output = recorded.get("output") if isinstance(recorded, dict) else None
        status = output.get("task_status") if isinstance(output, dict) else None
        if twin is None:
            if status not in (None, "UNKNOWN"):
                raise _LeftOut("its submission is not in the recording")
            self._judge(await self._ask(exchange, self._account()), recorded, _TASKS_RULE)
            return
        if exchange.response.status == 200 and isinstance(status, str) and isinstance(output, dict):
            twin = self._twins[task_id] = await self._fated(twin, output)
            self._look_at_age(exchange, twin, status)
            if not await self._stand(twin, status):
                return
        answer = await self._ask(exchange, twin.key, path=f"/api/v1/tasks/{twin.task_id}")
        self._judge(answer, recorded, _rule_of(twin.spec))

    async def _cancel(self, exchange: Exchange, task_id: str) -> None:
        recorded, twin = json_or_none(exchange.response.body), self._twins.get(task_id)
        if twin is None:
            self._judge(await self._ask(exchange, self._account()), recorded, _TASKS_RULE)
            return
        if exchange.response.status == 400 and (await self._course(twin))[1] == "PENDING":
            steps, _ = await self._course(twin)
            await self._stand(twin, steps[1])  # refused, so it was not waiting any more
        answer = await self._ask(exchange, twin.key, path=f"/api/v1/tasks/{twin.task_id}/cancel")
        self._judge(answer, recorded, _TASKS_RULE)

    async def _list(self, exchange: Exchange) -> None:
        recorded = json_or_none(exchange.response.body)
        answer = await self._ask(exchange, self._account())
        rows = recorded.get("data") if isinstance(recorded, dict) else None
        if not isinstance(rows, list) or answer.status != 200 or exchange.response.status != 200:
            self._judge(answer, recorded, _TASKS_RULE)
            return
        self._judge(answer, recorded | {"data": []}, _TASKS_RULE)
        for n, row in enumerate(rows):
            twin = self._twins.get(str(row.get("task_id"))) if isinstance(row, dict) else None
            status = row.get("status") if isinstance(row, dict) else None
            if twin is None and isinstance(row, dict) and isinstance(row.get("task_id"), str):
                continue  # of a task that was submitted before the recording began
            twin = twin or next(iter(self._twins.values()), None)
            if twin is None or (isinstance(status, str) and not await self._stand(twin, status)):
                continue
            listed = await self._ask(exchange, twin.key, query=f"task_id={twin.task_id}")
            for found in differences([row], listed.body["data"], "data"):
                at = found.at.replace("data.0", f"data.{n}", 1)
                self._found(at, found.recorded, found.simulated, _TASKS_RULE)

    def _judge(self, answer: Answer, recorded: Any, rule: str) -> None:
        """Compare an answer with the recorded one."""
        status = self._here[1].response.status
        if status != answer.status:
            code = str(recorded.get("code", "")) if isinstance(recorded, dict) else ""
            text = str(recorded.get("message")) if isinstance(recorded, dict) else ""
            if (status, code) in self._conditions or (status, code, text) in self._texts:  # which no request shows
                expected = {"code": code, "message": "", "request_id": _ANY_ID}
                for found in differences(recorded, expected):
                    self._found(*found, f"every refusal of the vendor's, such as {status} {code}")
                return
            own = answer.headers.get("x-fakescope-rule")
            told = f"{own} ({answer.headers.get('x-fakescope-basis')}): {answer.headers.get('x-fakescope-hint')}"
            would = answer.body.get("code", "") if isinstance(answer.body, dict) else ""
            self._found(
                "HTTP status",
                f"{status} {code}".strip(),
                f"{answer.status} {would}".strip(),
                told if own else rule,
            )
            return
        for found in differences(recorded, answer.body):
            self._found(*found, rule)

    def _found(self, at: str, recorded: str, simulated: str, rule: str) -> None:
        number, exchange = self._here
        self.drifts.append(Drift(self._name, number, _named(exchange), at, recorded, simulated, rule))

    # -- where a task stands

    async def _fated(self, twin: _Twin, output: dict[str, Any]) -> _Twin:
        """The twin; or one that ends as recorded, if that depends on what no request shows: files, content, luck."""
        steps, _ = await self._course(twin)
        if output["task_status"] not in ("FAILED", "SUCCEEDED") or "SUCCEEDED" not in steps:
            return twin
        body, _ = self._sendable(json_or_none(twin.exchange.request.body))
        ended = failure_marks(output, self._catalog.failures) if output["task_status"] == "FAILED" else []
        for mark in [*ended, *success_marks(output)]:
            key = self._account()
            answer = await self._ask(twin.exchange, key, orjson.dumps(marked(body, mark)))
            if answer.status == 200:
                return twin._replace(key=key, task_id=answer.body["output"]["task_id"])
        return twin

    async def _course(self, twin: _Twin) -> tuple[list[str], str]:
        """The states that the twin passes through, and the one in which it is."""
        row = await self._row(twin)
        return [step["status"] for step in row["timeline"]], row["status"]

    async def _row(self, twin: _Twin) -> dict[str, Any]:
        answer = await self._control("GET", "/_fakescope/tasks", twin.key, query=f"task_id={twin.task_id}")
        if not answer.body["tasks"]:
            return {"timeline": [], "status": "UNKNOWN"}
        row: dict[str, Any] = answer.body["tasks"][0]
        return row

    async def _stand(self, twin: _Twin, status: str) -> bool:
        """Move the twin's clock forward to where it stands as recorded. If it never will, that is a drift: False."""
        row = await self._row(twin)
        if row["status"] == status:
            return True
        now = _ms((await self._control("GET", "/_fakescope/clock", twin.key)).body["now"])
        ahead = [(_ms(step["at"]), step["status"]) for step in row["timeline"]]
        if "expires" in row:
            ahead.append((_ms(row["expires"]), "UNKNOWN"))
        if any(word == status and at == now == after for (at, word), (after, _) in pairwise(ahead)):
            raise _LeftOut(f"its task here is {status} for no time at all")
        later = [at for at, word in ahead if word == status and at >= now]
        if later:
            order = orjson.dumps({"action": "advance", "seconds": (later[0] - now) / 1000})
            await self._control("PUT", "/_fakescope/clock", twin.key, body=order)
            return True
        problem = row.get("problem") or {}
        why = f"{problem['rule']} ({problem['basis']}): {problem['hint']}" if problem else _rule_of(twin.spec)
        course = " → ".join([step["status"] for step in row["timeline"]]) or "UNKNOWN"
        self._found("output.task_status", f"{status} when it was {row['status']}", course, why)
        return False

    def _look_at_age(self, exchange: Exchange, twin: _Twin, status: str) -> None:
        """UNKNOWN comes with the age of a task, on the recorded clock, and not before."""
        age_ms, life_ms = exchange.at_ms - twin.exchange.at_ms, self._catalog.service.task_life_ms
        if (status == "UNKNOWN") != (age_ms >= life_ms):
            self._found(
                "output.task_status", f"{status} after {age_ms} ms", f"UNKNOWN from {life_ms} ms on", _TASKS_RULE
            )

    # -- asking the simulator

    def _account(self) -> str:
        self._accounts += 1
        return f"sk-diff-{self._name}-{self._accounts}"

    def _sendable(self, body: Any) -> tuple[Any, str]:
        """A recorded body with what was redacted or made by another task replaced, and the account to send it from."""
        owners: list[str] = []

        def replaced(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: replaced(part) for key, part in value.items()}
            if isinstance(value, list):
                return [replaced(part) for part in value]
            if isinstance(value, str):
                if value in self._made:
                    owners.append(self._made[value][0])
                    return self._made[value][1]
                if value.startswith("data:"):
                    return _A_FILE  # its bytes are not in the recording
            return value

        sendable = replaced(body)
        return sendable, owners[0] if owners else self._account()

    async def _ask(
        self, exchange: Exchange, key: str, body: bytes | None = None, *, path: str = "", query: str | None = None
    ) -> Answer:
        """Send what was recorded, from this account; other than recorded where something is given."""
        request = exchange.request
        parts = urlsplit(request.url)
        headers = [(name.lower(), value) for name, value in request.headers]
        headers = [(name, value) for name, value in headers if name.startswith("x-dashscope-")]
        host = parts.netloc if parts.hostname in self._catalog.service.region_of_host else "simulator"
        asked = query if query is not None else urlencode(parse_qsl(parts.query))
        answer = await call(
            self._app, request.method, path or parts.path, asked, [*headers, ("host", host)], body or b"", key
        )
        self._note_made(json_or_none(exchange.response.body), answer.body, key)
        return answer

    def _note_made(self, recorded: Any, simulated: Any, key: str) -> None:
        """Remember what a task returned for a later one: the recorded word and the twin's."""
        if isinstance(recorded, dict) and isinstance(simulated, dict):
            for name in recorded.keys() & simulated.keys():
                self._note_made(recorded[name], simulated[name], key)
        elif isinstance(recorded, str) and isinstance(simulated, str) and simulated.startswith(REFERENCE):
            self._made[recorded] = key, simulated

    async def _control(self, method: str, path: str, key: str, *, query: str = "", body: bytes = b"") -> Answer:
        return await call(self._app, method, path, query, [("host", "simulator")], body, key)


def _rule_of(spec: ModelSpec | None) -> str:
    if spec is None:
        return "the models of the catalogue"
    section = f", {spec.source.section}" if spec.source.section else ""
    return f"{spec.name} in the catalogue ({spec.basis}: {spec.source.document}{section})"


def _named(exchange: Exchange) -> str:
    return f"{exchange.request.method} {urlsplit(exchange.request.url).path or '/'}"


def _ms(iso: str) -> int:
    return round(datetime.fromisoformat(iso).timestamp() * 1000)
