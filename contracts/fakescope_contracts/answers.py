"""Contracts about what every answer is, whatever was asked: JSON, its request id, its status, its headers.

Expected values are those of the vendor's documents and captures, as the catalogue's data has them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.conversation import NO_TASK, Conversation, Reply
from fakescope_contracts.registry import Asked, CheckRecorded, Draw, contract


def _anything(talk: Conversation, spec: ModelSpec, draw: Draw) -> list[Reply]:
    """Answers of all kinds: to submissions, queries, lists, cancellations, and to what is wrong in some way; to good
    submissions only where these are free.
    """
    body, tasks, replies = smallest_body(spec), list[str](), list[Reply]()

    def submit() -> Reply:
        reply = talk.submit(spec, body)
        tasks.append(str(reply.at("output.task_id") or NO_TASK))
        return reply

    def a_task() -> str:
        if not tasks:
            replies.append(submit())
        return tasks[-1]

    kinds: list[Callable[[], Reply]] = [
        lambda: talk.poll(NO_TASK),
        talk.list,
        submit,
        lambda: talk.poll(a_task()),
        lambda: talk.cancel(a_task()),
        lambda: talk.ended(a_task()),
        lambda: talk.submit(spec, body | {"model": "no-such-model"}),
        lambda: talk.submit(spec, {"model": spec.name}),
        lambda: talk.submit(spec, b"{"),
        lambda: talk.poll(NO_TASK, account=None),
        lambda: talk.send("GET", spec.path),
        lambda: talk.send("GET", "/api/v1/fakescope-nothing"),
    ]
    chosen = draw(st.lists(st.integers(0, len(kinds) - 1), min_size=1, max_size=6))
    for n in chosen:
        replies.append(kinds[n]())
    return replies


def _each(judge: Callable[[Reply], object], *, objects: bool = True) -> CheckRecorded:
    """What judges any answer, for recordings; whether an answer is an object is a promise of its own."""

    def judged(_asked: Asked, reply: Reply) -> bool:
        about = list(_objects([reply])) if objects else [reply]
        for one in about:
            judge(one)
        return bool(about)

    return judged


def _is_an_object(reply: Reply) -> None:
    reply.hold(isinstance(reply.json(), dict), f"{reply.json()!r}", f"isinstance({reply.name}.json(), dict)")


def _says_json(reply: Reply) -> None:
    kind = reply.headers.get("content-type", "")
    claim = f're.fullmatch(r"{_JSON}", {reply.name}.headers.get("content-type", "application/json"), re.I)'
    unsaid = not kind and reply.status_code == 401  # seen: the gateway's own refusals say nothing
    said = re.fullmatch(_JSON, kind, re.IGNORECASE) is not None
    reply.hold(unsaid or said, f"Content-Type is {kind!r}", claim)


_JSON = r"application/json\s*(;\s*charset=.?utf-8.?)?"


def _recorded_json(_asked: Asked, reply: Reply) -> bool:
    """A header that is not in a recording may have been left out of it."""
    _is_an_object(reply)
    if "content-type" in reply.headers:
        _says_json(reply)
    return True


@contract(
    "answers.json",
    "Every answer is one JSON object in UTF-8 and says so",
    basis="seen",
    costs=False,
    recorded=_recorded_json,
)
def answers_are_json(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    for reply in _anything(talk, spec, draw):
        _is_an_object(reply)
        _says_json(reply)


def _has_no_null(reply: Reply) -> None:
    for path, value in _leaves(reply.json()):
        reply.hold(value is not None, f"{path} is null", f'"null" not in {reply.name}.text')
    twice = _twice(reply.content)
    claim = f"""len(re.findall(r'"{twice}"\\s*:', {reply.name}.text)) == 1"""
    reply.hold(not twice, f"{twice} is there twice", claim)


@contract(
    "answers.no-null",
    "What has no value is left out of an answer: nothing is null, nothing is there twice",
    basis="seen",
    costs=False,
    recorded=_each(_has_no_null),
)
def answers_have_no_null(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    for reply in _objects(_anything(talk, spec, draw)):
        _has_no_null(reply)


def _has_a_request_id(reply: Reply, seen: dict[str, str]) -> None:
    given = reply.at("request_id")
    reply.hold(_is_uuid(given), f"request_id is {given!r}", f"len({reply.where('request_id')} or '') == 36")
    header = reply.headers.get("x-request-id", given)
    claim = f'{reply.name}.headers.get("x-request-id", {reply.where("request_id")}) == {reply.where("request_id")}'
    reply.hold(header == given, f"X-Request-Id is {header!r}, request_id {given!r}", claim)
    other = seen.setdefault(given, reply.name)
    claim = f'{reply.where("request_id")} != {other}.json().get("request_id")'
    reply.hold(other == reply.name, f"{other} has the same request_id, {given!r}", claim)


@contract(
    "answers.request-id",
    "Every answer has a request id of its own, a UUID; the header, if there, is the same",
    basis="seen",
    costs=False,
    recorded=lambda asked, reply: _each(lambda one: _has_a_request_id(one, asked.memory))(asked, reply),
)
def answers_have_a_request_id(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    seen: dict[str, str] = {}
    for reply in _objects(_anything(talk, spec, draw)):
        _has_a_request_id(reply, seen)


def _is_flat(reply: Reply) -> None:
    if reply.status_code < 400:
        reply.lacks("code", "message")
        return
    keys = sorted(reply.json())
    claim = f'sorted({reply.name}.json()) == ["code", "message", "request_id"]'
    reply.hold(keys == ["code", "message", "request_id"], f"its keys are {keys}", claim)
    for key in ("code", "message"):
        given = reply.at(key)
        claim = f"isinstance({reply.where(key)}, str)"
        reply.hold(isinstance(given, str) and bool(given), f"{key} is {given!r}", claim)


@contract(
    "answers.refusals",
    "A refusal is code, message and request_id, flat, and nothing else",
    basis="seen",
    costs=False,
    recorded=_each(_is_flat),
)
def refusals_are_flat(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    for reply in _objects(_anything(talk, spec, draw)):
        _is_flat(reply)


def _is_no_redirect(reply: Reply) -> None:
    reply.has_status(200, 400, 401, 403, 404, 429)


@contract(
    "answers.status",
    "An answer is 200 or a refusal: never a redirect, never an error of the server",
    basis="documented",
    costs=False,
    recorded=_each(_is_no_redirect, objects=False),
)
def answers_are_no_redirect(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    for reply in _anything(talk, spec, draw):
        _is_no_redirect(reply)


def _says_when(reply: Reply) -> None:
    came, start, cost = (reply.headers.get(name, "") for name in _TIMES)
    numbers = [int(text) if text.isascii() and text.isdecimal() else -1 for text in (came, start, cost)]
    parts = ", ".join(f'int({reply.name}.headers.get("{name}", "-1"))' for name in _TIMES)
    claim = f"(lambda came, start, cost: came > 10**12 and 0 <= cost == start - came)({parts})"
    kept = numbers[0] > 10**12 and 0 <= numbers[2] == numbers[1] - numbers[0]
    reply.hold(kept, f"{', '.join(_TIMES)} are {came!r}, {start!r}, {cost!r}", claim)


def _recorded_headers(asked: Asked, reply: Reply) -> bool:
    """A header that is not in a recording may have been left out of it."""
    about = asked.kind in ("poll", "list") and reply.status_code == 200 and reply.headers.keys() >= set(_TIMES)
    if about:
        _says_when(reply)
    return about


@contract(
    "answers.headers",
    "An accepted submission has its request id as a header, too; a query and a list say when they came and how long "
    "they took, in milliseconds",
    basis="seen",
    applies=lambda spec: "it answers at once" if spec.mode == "sync" else "",
    recorded=_recorded_headers,
)
def answers_have_the_headers_that_were_seen(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    made = talk.submit(spec, smallest_body(spec))
    task_id = talk.task_of(made)
    claim = f'{made.name}.headers.get("x-request-id") == {made.where("request_id")}'
    header = made.headers.get("x-request-id")
    made.hold(header == made.at("request_id"), f"X-Request-Id is {header!r}", claim)
    for reply in draw(st.permutations([talk.poll(task_id), talk.poll(NO_TASK), talk.list()])):
        _says_when(reply)


_TIMES = ("req-arrive-time", "resp-start-time", "req-cost-time")


# -- what these have in common


def _is_uuid(text: object) -> bool:
    try:
        return isinstance(text, str) and str(UUID(text)) == text
    except ValueError:
        return False


def _objects(replies: list[Reply]) -> Iterator[Reply]:
    """Those that are JSON objects: whether all are is a promise of its own."""
    for reply in replies:
        try:
            found = json.loads(reply.content)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield reply


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for key, one in value.items() for leaf in _leaves(one, f"{path}.{key}".strip("."))]
    if isinstance(value, list):
        return [leaf for n, one in enumerate(value) for leaf in _leaves(one, f"{path}.{n}")]
    return [(path, value)]


def _twice(content: bytes) -> str:
    """A key that stands twice in one object."""
    found: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.extend({key for n, (key, _) in enumerate(pairs) if key in [k for k, _ in pairs[:n]]})
        return dict(pairs)

    json.loads(content, object_pairs_hook=note)
    return "".join(found[:1])
