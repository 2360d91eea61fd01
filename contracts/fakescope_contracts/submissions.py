"""Contracts about the submissions of each model: what its rules allow is accepted, what breaks one is refused.

A body has its mistakes from the catalogue's data, and so have the codes that are expected.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import Any

from hypothesis import strategies as st

from fakescope.catalog.rules import Reference
from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.boundaries import Case, boundary_cases, smallest_body
from fakescope_contracts.breaking import BrokenBody
from fakescope_contracts.conversation import ABSENT, Conversation, Reply, UndecidedError
from fakescope_contracts.registry import Asked, Draw, contract
from fakescope_contracts.strategies import broken_bodies, refusal_of, rules_to_break, valid_bodies

_KNOWN = ("seen", "documented")


# -- what is accepted


@contract(
    "submissions.accepted", "Any body that keeps all rules is accepted and succeeds", basis="documented", per="model"
)
def bodies_that_keep_the_rules_succeed(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    body = draw(valid_bodies(spec, _reference(talk, spec), nulls=False))
    _succeeds(talk, spec, talk.submit(spec, body))


def _answers_at_once(asked: Asked) -> bool:
    spec = asked.spec
    return spec is not None and (spec.mode == "sync" or asked.path == spec.sync_path.rstrip("/"))


def _recorded_at_once(asked: Asked, reply: Reply) -> bool:
    about = _answers_at_once(asked) and reply.status_code == 200
    if about:
        _is_whole(reply)
    return about


@contract(
    "submissions.at-once",
    "Where a model answers at once, too, it takes the same bodies and answers with output and usage",
    basis="documented",
    per="model",
    applies=lambda spec: "" if spec.sync_path else "it has no second endpoint",
    recorded=_recorded_at_once,
)
def the_second_endpoint_takes_the_same(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    body = draw(valid_bodies(spec, _reference(talk, spec), nulls=False))
    _is_whole(talk.submit(spec, body, path=spec.sync_path))


def _is_pending(reply: Reply) -> None:
    keys = [sorted(reply.json()), sorted(reply.at("output") or {})]
    expected = [["output", "request_id"], ["task_id", "task_status"]]
    claim = f'[sorted({reply.name}.json()), sorted({reply.name}.json()["output"])] == {expected}'
    reply.hold(keys == expected, f"its keys are {keys}", claim)


def _recorded_answer(asked: Asked, reply: Reply) -> bool:
    about = asked.spec is not None and not _answers_at_once(asked) and reply.status_code == 200
    if about:
        _is_pending(reply)
        reply.has("output.task_status", "PENDING")
    return about


@contract(
    "submissions.answer",
    "A submission is answered with request_id, task_id and PENDING, and nothing more",
    basis="seen",
    per="model",
    applies=lambda spec: "it answers at once" if spec.mode == "sync" else "",
    recorded=_recorded_answer,
)
def a_submission_is_pending(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:  # noqa: ARG001
    reply = talk.submit(spec, smallest_body(spec, _reference(talk, spec)))
    task_id = talk.task_of(reply)
    _is_pending(reply)
    # Not UNKNOWN: a task can be asked for as soon as its id is known.
    states = ("PENDING", "PRE-PROCESSING", "RUNNING", "POST-PROCESSING", "SUCCEEDED")
    talk.poll(task_id).has_status(200).has("output.task_id", task_id).has("output.task_status", *states)


# -- what is refused


@contract(
    "submissions.refused",
    "A body that breaks exactly one documented rule is refused, or its task fails, with the vendor's code",
    basis="documented",
    per="model",
    applies=lambda spec: "" if rules_to_break(spec, _KNOWN) else "all its rules are inferred",
)
def bodies_that_break_a_rule_are_refused(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    broken = draw(broken_bodies(spec, _reference(talk, spec), _KNOWN, nulls=False))
    _is_refused_anyhow(talk, spec, broken, talk.submit(spec, broken.body))


@contract(
    "submissions.inferred",
    "A body that breaks exactly one rule that is our reading is refused, or its task fails",
    basis="inferred",
    per="model",
    applies=lambda spec: "" if rules_to_break(spec, ("inferred",)) else "none of its rules is inferred",
)
def bodies_that_break_an_inferred_rule_are_refused(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    broken = draw(broken_bodies(spec, _reference(talk, spec), ("inferred",)))
    _is_refused_anyhow(talk, spec, broken, talk.submit(spec, broken.body))


@contract(
    "submissions.where",
    "A broken rule shows where the family's endpoint looks: at submission, or in a task that fails",
    basis="seen",
    per="model",
    applies=lambda spec: "" if rules_to_break(spec, _KNOWN) else "all its rules are inferred",
)
def a_broken_rule_shows_where_it_is_looked_at(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    broken = draw(broken_bodies(spec, _reference(talk, spec), _KNOWN, nulls=False))
    reply = talk.submit(spec, broken.body)
    if refusal_of(talk.catalog, spec, broken).shows == "submit":
        reply.has_status(400)
    else:
        talk.ended(talk.task_of(reply)).has("output.task_status", "FAILED")


@contract(
    "submissions.words",
    "A refusal has the very words that were seen for this rule of this model",
    basis="seen",
    per="model",
    applies=lambda spec: "" if rules_to_break(spec, _KNOWN) else "all its rules are inferred",
)
def refusals_have_the_words_that_were_seen(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    broken = draw(broken_bodies(spec, _reference(talk, spec), _KNOWN, nulls=False))
    expected = refusal_of(talk.catalog, spec, broken)
    if expected.basis != "seen":
        raise UndecidedError("no words were seen for the rule that is broken")
    reply, path = talk.submit(spec, broken.body), "message"
    if reply.status_code == 200:
        reply, path = talk.ended(talk.task_of(reply)), "output.message"
    text = reply.at(path)
    kept = isinstance(text, str) and re.fullmatch(expected.message, text, re.DOTALL) is not None
    claim = f"re.fullmatch({expected.message!r}, {reply.where(path)}, re.DOTALL)"
    reply.hold(kept, f"{path} is {text!r}", claim)


@contract(
    "submissions.boundaries",
    "Every bound is where it is documented: its ends are accepted, one step outside is refused",
    basis="documented",
    per="model",
)
def bounds_are_where_they_are_documented(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    reference = _reference(talk, spec)
    cases = [case for case in _cases_of(spec, reference) if case.basis in _KNOWN]
    # Each may take hours on the target's clock, and what an earlier task returned is good for a day.
    few = st.lists(st.sampled_from(range(len(cases))), max_size=2 if reference else 10)
    numbers = chain(*draw(st.tuples(few, few, few)))  # many at a time, and one where that shows the mistake
    _are_as_expected(talk, spec, [cases[n] for n in dict.fromkeys(numbers)])


@contract(
    "submissions.null",
    "null is the same as leaving a field out",
    basis="inferred",
    per="model",
)
def null_is_nothing(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    cases = [case for case in _cases_of(spec, _reference(talk, spec)) if case.is_null]
    _are_as_expected(talk, spec, draw(st.lists(st.sampled_from(cases), min_size=1, max_size=5)))


@contract(
    "submissions.unicode",
    "A prompt of any characters is accepted and comes back as it was sent",
    basis="documented",
    per="model",
    applies=lambda spec: "" if _keeps_prompts(spec) else "it does not show the prompt",
)
def prompts_come_back(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    alphabet = st.characters(exclude_categories=["Cs"])
    prompt = draw(
        st.sampled_from(["猫 🐈", "e\u0301 \u200d\ufeff", "\u202etac", "\\u0041 \"' </x> %s {}"])
        | st.text(alphabet, min_size=1, max_size=30).filter(str.strip)
    )
    body = smallest_body(spec, _reference(talk, spec))
    body["input"]["prompt"] = prompt
    task_id = talk.task_of(talk.submit(spec, body))
    talk.ended(task_id).has("output.task_status", "SUCCEEDED").has("output.orig_prompt", prompt)


# -- what these have in common

_worked_out: dict[str, tuple[ModelSpec, list[Case]]] = {}


def _cases_of(spec: ModelSpec, reference: str) -> list[Case]:
    """The boundary cases of a model, worked out once: for some that takes half a second."""
    if reference:  # another one in each example
        return boundary_cases(spec, reference)
    known = _worked_out.get(spec.name)
    if known is None or known[0] is not spec:
        known = _worked_out[spec.name] = spec, boundary_cases(spec)
    return known[1]


def _keeps_prompts(spec: ModelSpec) -> bool:
    shown = any(node.key == "orig_prompt" and node.fact == "prompt" for node in spec.output)
    return spec.mode == "async" and shown and "input.prompt" in spec.position


def _reference(talk: Conversation, spec: ModelSpec) -> str:
    """An identifier that an earlier task returned, for a model that needs one."""
    rules = [field.rule for field in spec.fields if isinstance(field.rule, Reference)]
    if not rules:
        return ""
    makers = (one for one in talk.catalog.specs() if one.family == spec.family and one.shows("result_id"))
    maker = next(makers)
    reply = talk.submit(maker, smallest_body(maker))
    made = reply if maker.mode == "sync" else talk.ended(talk.task_of(reply)).has("output.task_status", "SUCCEEDED")
    found = [text for text in _texts(made.at("output")) if text.startswith(rules[0].prefix)]
    made.hold(bool(found), f"no identifier in {made.content!r:.300}", f'"{rules[0].prefix}" in {made.name}.text')
    return found[0]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]


def _succeeds(talk: Conversation, spec: ModelSpec, reply: Reply) -> None:
    """What was submitted is done at once, or ends well."""
    if spec.mode == "sync":
        _is_whole(reply)
    else:
        task_id = talk.task_of(reply)
        talk.ended(task_id).has("output.task_status", "SUCCEEDED").lacks("output.code", "output.message")


def _are_as_expected(talk: Conversation, spec: ModelSpec, cases: list[Case]) -> None:
    """One after the other, and never more than the rate of submissions allows: some models let no time pass."""
    limits = spec.limits_in(talk.target.region)
    for n, case in enumerate(cases):
        if n and n % limits.submits == 0:
            if "clock" not in talk.target.abilities:
                return
            talk.let_pass(limits.per_s + 0.001)
        reply = talk.submit(spec, case.body)
        if case.mistake is None:
            _succeeds(talk, spec, reply)
        else:
            _is_refused_anyhow(talk, spec, BrokenBody(case.body, case.path, case.mistake), reply)


def _is_whole(reply: Reply) -> None:
    """An answer without a task has everything in it."""
    reply.has_status(200).lacks("output.task_id")
    for key in ("output", "usage"):
        claim = f"isinstance({reply.where(key)}, dict)"
        reply.hold(isinstance(reply.at(key), dict), f"{key} is {reply.at(key)!r:.100}", claim)


def _is_refused_anyhow(talk: Conversation, spec: ModelSpec, broken: BrokenBody, reply: Reply) -> None:
    """Refused, or its task fails, with the code of the rule that is broken; a fakescope names that rule, too."""
    expected = refusal_of(talk.catalog, spec, broken)
    if reply.has_status(200, 400).status_code == 400:
        claim = f'{reply.name}.status_code == 200 or {reply.where("code")} == "{expected.code}"'
        reply.hold(reply.at("code") == expected.code, f"code is {reply.at('code')!r}", claim)
        rule = reply.headers.get("x-fakescope-rule", broken.rule)
        claim = f'{reply.name}.headers.get("X-Fakescope-Rule", "{broken.rule}") == "{broken.rule}"'
        reply.hold(rule == broken.rule, f"{rule} is named, {broken.rule} is broken", claim)
        return
    claim = f'{reply.name}.status_code == 400 or "task_id" in {reply.name}.json().get("output", {{}})'
    reply.hold(reply.at("output.task_id") is not ABSENT, "it was answered as if it were right", claim)
    end = talk.ended(talk.task_of(reply)).has("output.task_status", "FAILED").has("output.code", expected.code)
    text = end.at("output.message")
    end.hold(
        isinstance(text, str) and bool(text),
        f"output.message is {text!r}",
        f"isinstance({end.where('output.message')}, str)",
    )
    end.lacks("usage", "code", "message")
