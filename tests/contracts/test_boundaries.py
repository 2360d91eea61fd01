"""Every field of every model at its bounds and one step outside, with wrong types and null: thousands of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fakescope.catalog import load
from fakescope.catalog.rules import Boolean, Bounds, Choice, Integer, Number, Pixels
from fakescope.catalog.spec import Field, ModelSpec
from fakescope_contracts.strategies import Case, boundary_cases, large_cases
from fakescope_contracts.values import STEP

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
@pytest.mark.anyio
async def test_every_boundary_is_where_the_catalogue_says(spec: ModelSpec, desk: Any, where_shown: Any) -> None:
    cases = boundary_cases(spec, await desk.reference(spec))

    ends = await desk.ends(spec, [case.body for case in cases])

    assert differences(cases, ends, lambda mistake: where_shown(spec, mistake)) == []


@each([spec for spec in SPECS if spec.sync_path])
@pytest.mark.anyio
async def test_boundaries_are_the_same_where_the_model_answers_at_once(spec: ModelSpec, desk: Any) -> None:
    cases = boundary_cases(spec)

    ends = await desk.ends(spec, [case.body for case in cases], path=spec.sync_path)

    assert differences(cases, ends, lambda _mistake: "submit") == []


@each([spec for spec in SPECS if any(large_cases(spec))])
@pytest.mark.anyio
async def test_files_are_refused_from_one_byte_too_many(spec: ModelSpec, new_desk: Any, where_shown: Any) -> None:
    desk = new_desk()

    for case in large_cases(spec):
        ends = await desk.ends(spec, [case.body])
        assert differences([case], ends, lambda mistake: where_shown(spec, mistake)) == []


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
        case Boolean():
            yield from ((True, None), (False, None), (1, "type"))
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
