"""Every field of every model at its bounds and one step outside, with wrong types and null: thousands of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from fakescope.catalog import load
from fakescope.catalog.rules import Boolean, Bounds, Choice, Integer, ListRule, Number, Pixels, Rule, Text
from fakescope.catalog.spec import Field, ModelSpec
from fakescope_contracts.bodies import ignored_in
from fakescope_contracts.boundaries import Case, boundary_cases, large_cases
from fakescope_contracts.edges import STEP
from fakescope_contracts.values import length_of, refused

SPECS = load().specs()
NUMERIC_OR_ENUMERATED = (Boolean, Choice, Integer, Number, Pixels)


def each(specs: list[ModelSpec]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("spec", specs, ids=lambda spec: spec.name)


def differences(cases: list[Case], ends: list[Any], where: Callable[[str], str]) -> list[tuple[Any, ...]]:
    """Cases whose end is another than expected."""
    expected = [("", "") if c.mistake is None else (where(c.mistake), f"{c.path}:{c.mistake}") for c in cases]
    found = [(end.where, end.rule) for end in ends]
    return [(c.path, str(c.value)[:99], e, f) for c, e, f in zip(cases, expected, found, strict=True) if e != f]


@each(SPECS)
def test_every_boundary_is_where_the_catalogue_says(spec: ModelSpec, desk: Any, where_shown: Any) -> None:
    cases = boundary_cases(spec, desk.reference(spec))

    ends = desk.ends(spec, [case.body for case in cases])

    assert differences(cases, ends, lambda mistake: where_shown(spec, mistake)) == []
    taken = [(case, end.shown) for case, end in zip(cases, ends, strict=True) if end.shown is not None]
    wrong = {field.path: [value for _, value in refused(field.rule)] for field in spec.fields}
    assert [(c.path, c.value) for c, shown in taken if not is_taken(spec, c, shown, wrong[c.path])] == []


def is_taken(spec: ModelSpec, case: Case, shown: dict[str, Any], wrong: list[Any]) -> bool:
    """Whether the value stands in the submission: cut if it is too long, the default if it is null or not looked at."""
    at = spec.position[case.path]
    field, (where, name) = spec.fields[at], spec.places[at]
    hidden = any(type(one) is type(case.value) and one == case.value for one in wrong)
    expected = field.default if case.value is None or hidden else as_taken(field.rule, case.value)
    value = shown[where].get(name)
    return type(value) is type(expected) and value == expected


def as_taken(rule: Rule, value: Any) -> Any:
    match rule:
        case Text(max_chars=most, counts=counts):
            longest = len(value) if most is None else most
            return next(cut for n in range(longest, -1, -1) if length_of(cut := value[:n], counts) <= longest)
        case Integer(bounds=bounds, too_high="cut"):
            return min(int(value), int(bounds.high or value))
        case Integer():
            return int(value)
        case ListRule(item=item, bounds=bounds):
            return [as_taken(item, one) for one in value[: None if bounds.high is None else int(bounds.high)]]
    return value


@each([spec for spec in SPECS if spec.sync_path])
def test_boundaries_are_the_same_where_the_model_answers_at_once(spec: ModelSpec, desk: Any) -> None:
    cases = boundary_cases(spec)

    ends = desk.ends(spec, [case.body for case in cases], path=spec.sync_path)

    assert differences(cases, ends, lambda _mistake: "submit") == []


@each([spec for spec in SPECS if any(large_cases(spec))])
def test_files_are_refused_from_one_byte_too_many(spec: ModelSpec, new_desk: Any, where_shown: Any) -> None:
    desk = new_desk

    for case in large_cases(spec):
        ends = desk.ends(spec, [case.body])
        assert differences([case], ends, lambda mistake: where_shown(spec, mistake)) == []


@each([spec for spec in SPECS if len(spec.fields) > 1])
def test_of_two_mistakes_the_one_that_stands_first_in_the_spec_is_named(spec: ModelSpec, desk: Any) -> None:
    cases = boundary_cases(spec, desk.reference(spec))
    wrong: dict[str, Case] = {}
    for case in cases:
        if case.mistake in ("type", "given"):
            wrong.setdefault(case.path, case)
    pairs = [(one, other, with_value(merged(one.body, other.body), one)) for one, other in pairwise(wrong.values())]
    counting = [(one, body) for one, other, body in pairs if not hides(spec, body, {one.path, other.path})]

    ends = desk.ends(spec, [body for _, body in counting])

    assert counting
    assert [end.rule for end in ends] == [f"{one.path}:{one.mistake}" for one, _ in counting]


def hides(spec: ModelSpec, body: dict[str, Any], paths: set[str]) -> bool:
    """Whether a rule between fields makes one of these ignored."""
    given = {at: body.get(where, {}).get(name) for at, (where, name) in enumerate(spec.places)}
    ignored = ignored_in(spec, {at: value for at, value in given.items() if value is not None})
    return not paths.isdisjoint(spec.fields[at].path for at in ignored)


def merged(body: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What either gives; where both do, as the other does."""
    both = {key: merged(body[key], other[key]) for key in body if isinstance(body[key], dict) and key in other}
    return body | other | both


def with_value(body: dict[str, Any], case: Case, path: str = "") -> dict[str, Any]:
    """The body with the value of this case."""
    key, _, rest = (path or case.path).partition(".")
    return body | {key: with_value(body.get(key, {}), case, rest) if rest else case.value}


# -- that nothing is left out


def numeric_or_enumerated(spec: ModelSpec) -> list[Field]:
    return [field for field in spec.fields if isinstance(field.rule, NUMERIC_OR_ENUMERATED)]


def test_there_are_thousands_of_boundaries_of_numbers_and_choices() -> None:
    paths = {spec.name: {field.path for field in numeric_or_enumerated(spec)} for spec in SPECS}

    assert sum(case.path in paths[spec.name] for spec in SPECS for case in boundary_cases(spec)) >= 4_000


@each(SPECS)
def test_every_number_and_choice_is_tried_at_its_ends_and_one_step_outside(spec: ModelSpec) -> None:
    cases = boundary_cases(spec)

    for field in numeric_or_enumerated(spec):
        tried = [(case.value, case.mistake) for case in cases if case.path == field.path]
        missing = [pair for pair in to_try(field) if not is_tried(pair, tried)]
        assert missing == [], field.path
        assert any(mistake == "type" for _, mistake in tried), field.path


def is_tried(pair: tuple[Any, str | None], tried: list[tuple[Any, str | None]]) -> bool:
    value, mistake = pair
    return any(type(one) is type(value) and one == value and word == mistake for one, word in tried)


@each([spec for spec in SPECS if spec.between])
def test_every_rule_between_fields_is_broken(spec: ModelSpec) -> None:
    broken = {(case.path, case.mistake) for case in boundary_cases(spec) if case.value is None}

    for constraint in spec.between:
        path = spec.fields[spec.place_of(constraint.fields[0])].path
        mistakes = {mistake for at, mistake in broken if at == path} - {None, "missing", "type"}
        assert constraint.says in mistakes if constraint.says else mistakes, constraint


def to_try(field: Field) -> Iterator[tuple[Any, str | None]]:
    """What has to be among the cases of a number or a choice, and the mistake in it."""
    yield None, "missing" if field.required else None
    match field.rule:
        case Boolean(values=values):
            yield from ((value, None if value in values else "choice") for value in (True, False))
            yield 1, "type"
        case Integer(bounds=bounds, too_high="cut"):
            yield from (pair if pair[0] <= (bounds.high or 0) else (pair[0], None) for pair in ends_of(bounds, 1))
        case Integer(values=tuple(values)):
            yield from ((value, None) for value in values)
            yield from ((end, "choice") for end in (min(values) - 1, max(values) + 1))
            yield str(values[0]), "type"
        case Integer(bounds=bounds):
            yield from ends_of(bounds, 1)
        case Number(bounds=bounds):
            yield from ends_of(bounds, STEP)
        case Choice(values=values):
            yield from ((value, None) for value in values)
            yield "not-one-of-them", "choice"
        case Pixels(words=words, side_px=side):
            yield from ((word, None) for word in words)
            for end, step in ((side.low, -1), (side.high, 1)):
                if end is not None:
                    yield f"{int(end)}*{int(end)}", None
                    yield f"{int(end) + step}*{int(end)}", "side"


def ends_of(bounds: Bounds, step: float) -> Iterator[tuple[float, str | None]]:
    """Both ends that are inside, and the next number beyond; the ends that are outside."""
    for end, beyond in ((bounds.low, -step), (bounds.high, step)):
        if end is not None:
            yield end, None
            yield end + beyond, "range"
    yield from ((end, "range") for end in (bounds.above, bounds.below) if end is not None)
