"""A draft's fields against a model's rules: a Submission, or the first Problem in the order of the spec."""

from __future__ import annotations

from collections.abc import Callable
from reprlib import repr as shortened
from typing import Any

from fakescope.catalog.spec import Condition, Field, ModelSpec, ProblemText
from fakescope.engine.task import Draft, Problem, Submission

__all__ = ["validate"]

TextOf = Callable[[ModelSpec, Field, str], ProblemText]
"""Where the vendor's words for a mistake come from: `Catalog.problem`."""

_NOTHING: dict[int, str] = {}


def validate(spec: ModelSpec, draft: Draft, text_of: TextOf) -> Submission | Problem:
    """One value per field of the spec. null is the same as leaving a field out; unknown fields are ignored.

    A field that is ignored under its conditions takes its default and is not looked at.
    """
    given = _given(spec, draft)
    for rule in spec.ignored:
        if all(_holds(condition, given, spec) for condition in rule.conditions):
            given[rule.at] = None
    values: list[Any] = []
    uncut = _NOTHING
    for i, field in enumerate(spec.fields):
        value = given[i]
        if value is None:
            if field.required:
                return _problem(spec, field, "missing", None, text_of)
            values.append(field.default)
            continue
        rule_ = field.rule
        mistake = rule_.check(value)
        if mistake is not None:
            return _problem(spec, field, mistake, value, text_of)
        if rule_.kind == "media" and value.startswith("oss://") and not draft.resolves_oss:
            return _problem(spec, field, "scheme", value, text_of)
        if rule_.takes_as_is:
            values.append(value)
            continue
        accepted = rule_.accept(value)
        if accepted is not value and accepted != value:
            uncut = {**uncut, i: value}
        values.append(accepted)
    return Submission(tuple(values), uncut)


def _given(spec: ModelSpec, draft: Draft) -> list[Any]:
    body: Any = draft.body
    places = {"input": body["input"], "parameters": body.get("parameters") or {}}
    return [places[where].get(name) for where, name in spec.places]


def _holds(condition: Condition, given: list[Any], spec: ModelSpec) -> bool:
    value = given[condition.at]
    if condition.given:
        return value is not None and value != ""
    return bool((spec.fields[condition.at].default if value is None else value) == condition.value)


def _problem(spec: ModelSpec, field: Field, mistake: str, value: object, text_of: TextOf) -> Problem:
    text = text_of(spec, field, mistake)
    slots = {"field": field.name, "path": field.path, "given": _shown(value), **field.rule.slots()}
    basis = "seen" if spec.name in text.seen_for else text.basis
    what = "is missing" if mistake == "missing" else f"is {_shown(value)!r}"
    hint = f"{field.path} {what}; {spec.name} takes {field.rule.allowed()}."
    if mistake == "scheme" and isinstance(value, str) and value.startswith("oss://"):
        hint = f"{field.path} is an oss:// address: send the header X-DashScope-OssResourceResolve: enable."
    return Problem(text.code, text.message.format_map(slots), f"{field.path}:{mistake}", hint, basis)


def _shown(value: object) -> str:
    if not isinstance(value, str | int | float):
        return shortened(value)  # a list may be nested more deeply than str can follow
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return shown if len(shown) <= 120 else f"{shown[:117]}..."
