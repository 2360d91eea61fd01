"""Contracts about queries, lists and cancellations as exchanges: what a task goes through is another matter."""

from __future__ import annotations

import re
from urllib.parse import quote

from hypothesis import strategies as st

from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.conversation import NO_TASK, Conversation, Reply
from fakescope_contracts.registry import Asked, Draw, contract

_PAGE_SIZE = 10  # where a query does not say. Source: Manage asynchronous tasks, Batch query
_ids = st.sampled_from([NO_TASK, "1111"]) | st.uuids(version=4).map(str) | st.text(min_size=1, max_size=30)


def _is_unknown(reply: Reply, task_id: str) -> None:
    reply.has_status(200).has("output.task_status", "UNKNOWN").has("output.task_id", task_id)
    keys, expected = (
        [sorted(reply.json()), sorted(reply.at("output"))],
        [["output", "request_id"], ["task_id", "task_status"]],
    )
    claim = f'[sorted({reply.name}.json()), sorted({reply.name}.json()["output"])] == {expected}'
    reply.hold(keys == expected, f"its keys are {keys}", claim)


def _recorded_unknown(asked: Asked, reply: Reply) -> bool:
    """A query that is refused for its key or its rate says nothing of the task."""
    if asked.kind != "poll" or reply.status_code in (401, 403, 429):
        return False
    if reply.status_code == 200 and reply.at("output.task_status") != "UNKNOWN":
        return False
    _is_unknown(reply, asked.task_id)
    return True


@contract(
    "queries.unknown-id",
    "A query for an id that is not there is 200 UNKNOWN, the id echoed, and nothing more",
    basis="seen",
    costs=False,
    recorded=_recorded_unknown,
)
def unknown_ids_are_unknown(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:  # noqa: ARG001
    task_id = draw(
        _ids.filter(lambda text: quote(text, safe="").strip(".") != "" and "/" not in text and _is_sendable(text))
    )
    _is_unknown(talk.poll(task_id), task_id)


def _recorded_refusal(asked: Asked, reply: Reply) -> bool:
    about = asked.kind == "cancel" and reply.status_code not in (200, 401, 403, 429)
    if about:
        reply.is_refused("cancel_refused")
    return about


@contract(
    "queries.cancel-unknown",
    "A cancellation of an id that is not there is 400 UnsupportedOperation",
    basis="inferred",
    costs=False,
    recorded=_recorded_refusal,
)
def unknown_ids_are_not_cancelled(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:  # noqa: ARG001
    talk.cancel(str(draw(st.uuids(version=4)))).is_refused("cancel_refused")


def _is_a_page(reply: Reply, page_no: int, page_size: int) -> None:
    reply.has_status(200).has("page_no", page_no).has("page_size", page_size)
    total, rows = reply.at("total"), reply.at("data")
    reply.hold(type(total) is int and total >= 0, f"total is {total!r}", f"type({reply.where('total')}) is int")
    reply.hold(isinstance(rows, list), f"data is {rows!r}", f"isinstance({reply.where('data')}, list)")
    reply.has("total_page", -(-total // page_size))
    reply.hold(len(rows) <= page_size, f"{len(rows)} rows", f"len({reply.where('data')}) <= {page_size}")
    keys = ["data", "page_no", "page_size", "request_id", "total", "total_page"]
    reply.hold(
        sorted(reply.json()) == keys, f"its keys are {sorted(reply.json())}", f"sorted({reply.name}.json()) == {keys}"
    )


def _recorded_page(asked: Asked, reply: Reply) -> bool:
    numbers = [asked.query.get("page_no", "1"), asked.query.get("page_size", str(_PAGE_SIZE))]
    about = (
        asked.kind == "list" and reply.status_code == 200 and all(re.fullmatch("[1-9][0-9]{0,8}", n) for n in numbers)
    )
    if about:
        _is_a_page(reply, *map(int, numbers))
    return about


@contract(
    "queries.list-page",
    "A page of the list says which, how large, and of how many, in numbers",
    basis="seen",
    costs=False,
    recorded=_recorded_page,
)
def a_page_says_what_it_is(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:  # noqa: ARG001
    query = draw(
        st.fixed_dictionaries({}, optional={"page_no": st.integers(1, 1000), "page_size": st.integers(1, 100)})
    )
    page_size = query.get("page_size", talk.catalog.service.page_size_default)
    _is_a_page(talk.list(query), query.get("page_no", 1), page_size)


@contract(
    "queries.list-wrong",
    "A list asked for with wrong numbers, days or states is 400 InvalidParameter",
    basis="inferred",
    costs=False,
)
def wrong_questions_to_the_list_are_refused(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:  # noqa: ARG001
    wrong = {
        "page_no": ["0", "-1", "x", "1.5"],
        "page_size": ["0", "-1", "x", "1000000"],
        "status": ["DONE", "CANCELLED", "pending"],
        "start_time": ["yesterday", "2025", "20251301000000"],
        "end_time": ["now", "99999999999999"],
    }
    name = draw(st.sampled_from(sorted(wrong)))
    talk.list({name: draw(st.sampled_from(wrong[name]))}).has_status(400).has("code", "InvalidParameter")


@contract(
    "queries.rate",
    "Of more than 20 queries, lists or cancellations in a second the 21st is 429",
    basis="documented",
    needs={"clock"},
)
def the_rate_is_limited(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:  # noqa: ARG001
    most = talk.catalog.service.calls_per_s
    ask = draw(st.sampled_from(["poll", "list", "cancel"]))

    def once() -> Reply:
        if ask == "list":
            return talk.list(patient=False)
        return getattr(talk, ask)(NO_TASK, patient=False)  # type: ignore[no-any-return]

    for _ in range(most):
        once().has_status(200, 400)
    once().is_refused("rate_quota")
    talk.let_pass(1)
    once().has_status(200, 400)


@contract(
    "queries.read-only",
    "Reading changes nothing: asked again at the same time, the answer is the same",
    basis="inferred",
    needs={"clock"},
)
def reading_changes_nothing(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    task_id = talk.task_of(talk.submit(spec, smallest_body(spec)))
    for _ in range(draw(st.integers(1, 3))):
        talk.let_pass(draw(st.sampled_from([0, 1, 5, 30, 120, 600])))
        first, listed = talk.poll(task_id), talk.list()
        for _ in range(draw(st.integers(1, 3))):
            _is_the_same(talk.poll(task_id), first)
            _is_the_same(talk.list(), listed)


def _is_the_same(reply: Reply, first: Reply) -> None:
    """The same but for the request id."""
    came, before = dict(reply.json()), dict(first.json())
    came.pop("request_id", None)
    before.pop("request_id", None)
    ids = '{"request_id": 0}'
    claim = f"{reply.name}.json() | {ids} == {first.name}.json() | {ids}"
    reply.hold(came == before, f"{reply.content!r:.300} after {first.content!r:.300}", claim)


def _is_sendable(text: str) -> bool:
    """Whether a text can stand in an address, and comes back as it is."""
    try:
        return bool(text.encode()) and text.strip() == text
    except UnicodeEncodeError:
        return False
