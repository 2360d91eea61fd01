"""Contracts about the bodies of submissions as bytes and as JSON: malformed, huge, deep, in another form."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.conversation import NO_TASK, Conversation
from fakescope_contracts.registry import Draw, contract

_words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@contract("bodies.malformed", "A body that is not JSON is 400 InvalidParameter", basis="documented", costs=False)
def what_is_not_json_is_refused(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    good = json.dumps(smallest_body(spec)).encode()
    kinds = [b"", b"{", b"not json", b"{'model': 1}", good[:-1], good + b"}", b"\xff\xfe", good[:-1] + b",}"]
    broken = st.sampled_from(kinds)
    talk.submit(spec, draw(broken | st.integers(0, len(good) - 1).map(lambda n: good[:n]))).is_refused("body_invalid")


@contract(
    "bodies.no-object",
    "A body that is JSON and no object is 400 InvalidParameter",
    basis="inferred",
    costs=False,
)
def what_is_no_object_is_refused(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    body = draw(st.sampled_from([b"[]", b'"text"', b"1", b"null", b"true", b"[{}]"]))
    talk.submit(spec, body).is_refused("body_invalid")


@contract(
    "bodies.deep",
    "A body nested 100,000 deep is refused, or ignored where it does not matter, and does no harm",
    basis="inferred",
    costs=True,
)
def deep_bodies_do_no_harm(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    depth = draw(st.sampled_from([50, 1_000, 100_000]))
    whole = f'{{"model": "{spec.name}", "input": {{"prompt": {_nested(depth)}}}}}'
    body = draw(st.sampled_from([_nested(depth), "[" * depth, whole]))
    reply = talk.submit(spec, body.encode()).has_status(200, 400)
    reply.hold(isinstance(reply.json(), dict), "it is no object", f"isinstance({reply.name}.json(), dict)")
    talk.poll(NO_TASK).has_status(200)


@contract(
    "bodies.odd",
    "JSON that is odd, as lone surrogates, numbers without end or keys twice, is taken or refused, and does no harm",
    basis="inferred",
)
def odd_json_does_no_harm(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    odd = ['"\\ud800"', '"\\u0000"', "1e999", "-0", "9" * 400, "NaN", '"' + "\U0001f408" * 99 + '"', '{"": {"": 1}}']
    good = json.dumps(smallest_body(spec))
    value = draw(st.sampled_from(odd))
    ways = [
        f'{{"more": {value}, {good[1:]}',
        f'{{"model": {value}, {good[1:]}',  # twice; the later one counts, or neither
        f'{{"model": "{spec.name}", "input": {{"prompt": {value}}}}}',
        f'{{"model": "{spec.name}", "input": {value}}}',
        f'{{"model": {value}, "input": {{}}}}',
        f"\ufeff{good}",
    ]
    reply = talk.submit(spec, draw(st.sampled_from(ways)).encode()).has_status(200, 400, 404)
    reply.hold(isinstance(reply.json(), dict), "it is no object", f"isinstance({reply.name}.json(), dict)")
    talk.poll(NO_TASK).has_status(200).has("output.task_status", "UNKNOWN")


@contract(
    "bodies.huge",
    "A body or a text that is too large is 400, in the vendor's words, and does no harm",
    basis="inferred",
    costs=False,
)
def huge_bodies_are_refused(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    service = talk.catalog.service
    start, end = json.dumps(smallest_body(spec)).encode()[:-1] + b', "more": "', b'"}'
    if draw(st.booleans()):
        size, limit = service.body_bytes + 1, service.body_bytes
        reply = talk.submit(spec, start + b"a" * (size - len(start) - len(end)) + end)
        reply.is_refused("body_too_large", limit=limit)
    else:
        size, limit = service.string_chars + 1, service.string_chars
        talk.submit(spec, start + b"a" * size + end).is_refused("string_too_long", length=size, limit=limit)
    talk.poll(NO_TASK).has_status(200)


@contract("bodies.content-type", "The content type of a submission is not looked at", basis="inferred")
def the_content_type_is_not_looked_at(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    kinds = ["", "text/plain", "application/json; charset=utf-8", "application/x-www-form-urlencoded", "nonsense"]
    body = json.dumps(smallest_body(spec)).encode()
    talk.submit(spec, body, headers={"Content-Type": draw(st.sampled_from(kinds))}).has_status(200)


@contract("bodies.form", "Order of keys, white space and escapes of a body make no difference", basis="documented")
def the_form_of_json_makes_no_difference(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    body = _shuffled(smallest_body(spec), draw)
    text = json.dumps(body, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 0, 2])))
    talk.submit(spec, draw(st.sampled_from(["", "\n", " \t"])).encode() + text.encode()).has_status(200)


@contract("bodies.unknown-fields", "Fields that nobody knows are accepted and ignored", basis="inferred")
def unknown_fields_are_ignored(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    body = smallest_body(spec)
    extra = {f"x_{draw(_words)}": draw(_json)}
    place = draw(st.sampled_from(["", "input", "parameters"]))
    body = body | ({place: body.get(place, {}) | extra} if place else extra)
    reply = talk.submit(spec, body).has_status(200)
    if spec.mode == "async":
        talk.ended(talk.task_of(reply)).has("output.task_status", "SUCCEEDED")


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _shuffled(value: Any, draw: Draw) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _shuffled(value[key], draw) for key in draw(st.permutations(list(value)))}
