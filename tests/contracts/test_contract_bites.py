"""Every contract about exchanges can be broken: each by a server that is wrong in one way.

The example that shows it is run again, as the test for pytest that people get: it fails there, and passes at the right
server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from time import process_time
from typing import Any, NamedTuple

import pytest

from fakescope.catalog import Catalog
from fakescope_contracts import answers, exchanges, payloads, queries, refusals, submissions
from fakescope_contracts.asgi import App, AsgiTarget
from fakescope_contracts.registry import Contract, contract_of
from fakescope_contracts.reproduce import Case, as_pytest
from fakescope_contracts.runner import Plan, trials, try_out

MODULES = (answers, exchanges, payloads, queries, refusals, submissions)
CONTRACTS = {one.id: one for module in MODULES for one in vars(module).values() if isinstance(one, Contract)}
MODELS = ["wan2.2-t2v-plus", "qwen-image-2.0", "wan2.6-image"]


class Seen(NamedTuple):
    """A request as a wrong server sees it, and the right answer to it."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    raw: bytes
    status: int
    answer: dict[str, Any]

    @property
    def is_submission(self) -> bool:
        return "/services/" in self.path and self.method == "POST"

    @property
    def is_poll(self) -> bool:
        return self.method == "GET" and self.path.startswith("/api/v1/tasks/") and self.path != "/api/v1/tasks/"

    @property
    def is_list(self) -> bool:
        return self.method == "GET" and self.path.rstrip("/") == "/api/v1/tasks"

    @property
    def body(self) -> Any:
        try:
            return json.loads(self.raw)
        except ValueError:
            return None


class Wrong(NamedTuple):
    """What is different of the right answer. `raw` takes the place of `answer`."""

    status: int | None = None
    answer: dict[str, Any] | None = None
    raw: bytes | None = None
    headers: Mapping[str, str] = {}


Change = Callable[[Seen], Wrong | None]


def wrong(app: Any, change: Change) -> Any:
    """The application, but for the answers that the change makes other ones of."""

    async def server(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_fakescope"):
            await app(scope, receive, send)
            return
        message = await receive()
        sent: list[Any] = []

        async def again() -> Any:
            return message

        async def keep(part: Any) -> None:
            sent.append(part)

        await app(scope, again, keep)
        start, rest = sent
        seen = Seen(
            scope["method"],
            scope["path"],
            scope["query_string"].decode(),
            {name.decode(): value.decode("latin-1") for name, value in scope["headers"]},
            message["body"],
            start["status"],
            json.loads(rest["body"]),
        )
        made = change(seen)
        if made is not None:
            answer = seen.answer if made.answer is None else made.answer
            rest = rest | {"body": json.dumps(answer).encode() if made.raw is None else made.raw}
            kept = [pair for pair in start["headers"] if pair[0].decode() not in {*made.headers, "content-length"}]
            kept += [(name.encode(), value.encode()) for name, value in made.headers.items() if value]
            start = start | {"status": made.status or start["status"], "headers": kept}
        await send(start)
        await send(rest)

    return server


def refused(status: int, code: str, message: str = "No.") -> Wrong:
    return Wrong(status, {"code": code, "message": message, "request_id": "0f0c0a52-6c2e-9b3e-8f43-7c1f6f1d2a11"})


ACCEPTED = Wrong(
    200,
    {
        "output": {"task_status": "PENDING", "task_id": "9e2b6ef6-0c3f-4a55-a4d2-0e1d4ad1d9ae"},
        "request_id": "33da8e6b-1309-9a44-be83-352165959608",
    },
)


def at(when: Callable[[Seen], Any], made: Wrong | Callable[[Seen], Wrong]) -> Change:
    return lambda seen: (made(seen) if callable(made) else made) if when(seen) else None


def with_output(**more: Any) -> Callable[[Seen], Wrong]:
    return lambda seen: Wrong(answer={**seen.answer, "output": {**seen.answer["output"], **more}})


def says(code: str) -> Callable[[Seen], Any]:
    return lambda seen: seen.answer.get("code") == code


def state(seen: Seen) -> str:
    return str(seen.answer.get("output", {}).get("task_status", ""))


def too_deep(seen: Seen) -> bool:
    return seen.raw.count(b"[") > 500


BREAKS: dict[str, Change] = {
    "answers.json": at(lambda seen: seen.is_list, Wrong(headers={"content-type": "text/html"})),
    "answers.no-null": at(lambda seen: state(seen) == "UNKNOWN", with_output(code=None)),
    "answers.request-id": at(lambda seen: seen.is_poll, lambda s: Wrong(answer={**s.answer, "request_id": "1"})),
    "answers.refusals": at(says("UnsupportedOperation"), lambda s: Wrong(answer={**s.answer, "output": {}})),
    "answers.status": at(says("UnsupportedOperation"), Wrong(409)),
    "answers.headers": at(lambda seen: seen.is_list, Wrong(headers={"resp-start-time": "1795280966.5"})),
    "paths.slash": at(lambda seen: seen.path.endswith("/cancel/"), refused(404, "NotFound")),
    "paths.double-slash": at(lambda seen: "//" in seen.path, refused(404, "NotFound")),
    "paths.unknown": at(says("NotFound"), Wrong(400)),
    "methods.wrong": at(lambda seen: seen.method == "DELETE", refused(405, "InvalidParameter")),
    "keys.missing": at(lambda seen: seen.status == 401 and seen.is_list, Wrong(403)),
    "keys.wrong": at(lambda seen: seen.status == 401 and seen.is_submission, Wrong(403)),
    "keys.refused": at(says("Arrearage"), Wrong(403)),
    "bodies.malformed": at(lambda seen: seen.is_submission and seen.raw == b"", Wrong(422)),
    "bodies.no-object": at(lambda seen: seen.raw == b"null", Wrong(500)),
    "bodies.deep": at(too_deep, Wrong(500)),
    "bodies.odd": at(lambda seen: b"ud800" in seen.raw, Wrong(500)),
    "bodies.huge": at(lambda seen: "String value" in seen.answer.get("message", ""), Wrong(413)),
    "bodies.content-type": at(lambda seen: seen.headers.get("content-type") == "text/plain", refused(415, "No")),
    "bodies.form": at(lambda seen: seen.raw.startswith(b"\n"), refused(400, "InvalidParameter")),
    "bodies.unknown-fields": at(lambda seen: b'"x_' in seen.raw, refused(400, "InvalidParameter")),
    "queries.unknown-id": at(lambda seen: seen.is_poll and state(seen) == "UNKNOWN", refused(404, "NotFound")),
    "queries.cancel-unknown": at(says("UnsupportedOperation"), Wrong(200, {"request_id": "x"})),
    "queries.list-page": at(
        lambda s: s.is_list and s.status == 200, lambda s: Wrong(answer={**s.answer, "page_no": 0})
    ),
    "queries.list-wrong": at(lambda seen: "status=CANCELLED" in seen.query, Wrong(200)),
    "queries.rate": at(says("Throttling.RateQuota"), Wrong(503)),
    "queries.read-only": at(
        lambda s: s.is_list, lambda s: Wrong(answer={**s.answer, "total": int(s.answer["request_id"][:8], 16)})
    ),
    "submissions.accepted": at(lambda s: s.is_submission and b'"seed"' in s.raw, refused(400, "InvalidParameter")),
    "submissions.at-once": at(lambda s: s.is_submission and "multimodal" in s.path, ACCEPTED),
    "submissions.answer": at(lambda s: s.is_submission and s.status == 200, with_output(submit_time="now")),
    "submissions.refused": at(lambda seen: state(seen) == "FAILED", with_output(code="InternalError")),
    "submissions.inferred": at(lambda seen: state(seen) == "FAILED", with_output(code="InternalError")),
    "submissions.where": at(lambda seen: state(seen) == "FAILED", with_output(task_status="SUCCEEDED")),
    "submissions.words": at(lambda seen: state(seen) == "FAILED", with_output(message="size must be nice")),
    "submissions.null": at(lambda s: s.is_submission and b"null" in s.raw, refused(400, "InvalidParameter.Null")),
    "submissions.boundaries": at(
        lambda s: s.is_submission and b"2147483647" in s.raw, refused(400, "InvalidParameter")
    ),
    "submissions.mode": at(says("AccessDenied"), Wrong(400)),
    "submissions.mode-word": at(says("AccessDenied"), Wrong(400)),
    "submissions.endpoint": at(lambda s: "url error" in s.answer.get("message", ""), refused(400, "InvalidParameter")),
    "submissions.no-such-model": at(lambda s: s.answer.get("message") == "Model not exist.", Wrong(200)),
    "submissions.envelope": at(says("BadRequest.EmptyInput"), Wrong(422)),
    "submissions.parameters": at(lambda s: "(parameters)" in s.answer.get("message", ""), ACCEPTED),
    "submissions.unicode": at(
        lambda s: state(s) == "SUCCEEDED" and "orig_prompt" in s.answer["output"],
        lambda s: with_output(orig_prompt=s.answer["output"]["orig_prompt"].encode("ascii", "ignore").decode())(s),
    ),
}
"""Contract → a server that breaks it."""


@pytest.fixture
def broken(catalog: Catalog, simulator: Callable[[], App]) -> Callable[[str], Case]:
    def found(id: str) -> Case:
        specs = [catalog.find(name) for name in MODELS]
        with closing(AsgiTarget(wrong(simulator(), BREAKS[id]))) as target:
            plan = Plan(max_examples=200)
            todo = trials([contract_of(id)], target, [spec for spec in specs if spec], plan)
            began = process_time()  # the machine may have other things to do
            verdicts = [try_out(trial, target, catalog, plan) for trial in todo]
            took_s = process_time() - began
            bad = [one for one in verdicts if one.outcome == "broken"]
            assert {one.outcome for one in verdicts} <= {"broken", "kept", "skipped"}
            assert bad, [one.said for one in verdicts]
            assert took_s < 30
            assert bad[0].broken is not None
            return Case(id, contract_of(id).promise, bad[0].broken, abilities=target.abilities)

    return found


@pytest.mark.parametrize("id", CONTRACTS)
def test_a_contract_finds_a_server_that_breaks_it_and_shows_how(
    id: str, broken: Callable[[str], Case], run_reproducer: Callable[[str, Any], None], simulator: Callable[[], App]
) -> None:
    case = broken(id)

    source = as_pytest(case)

    with pytest.raises((AssertionError, TypeError, AttributeError, ValueError)):
        run_reproducer(source, wrong(simulator(), BREAKS[id]))
    run_reproducer(source, simulator())


def test_every_contract_about_exchanges_has_a_server_that_breaks_it() -> None:
    assert BREAKS.keys() == CONTRACTS.keys()
