"""Every field of every model at its bounds and one step outside, with wrong types and null: thousands of requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fakescope.catalog import load
from fakescope.catalog.rules import Boolean, Choice, Integer, Number, Pixels
from fakescope.catalog.spec import ModelSpec
from fakescope.clock import SystemClock
from fakescope.engine.task import Account, Draft
from fakescope.simulator import Rules, Simulator
from fakescope.store.memory import MemoryStore
from fakescope_contracts.strategies import Case, boundary_cases, smallest_body

CATALOG = load()
SPECS = CATALOG.specs()
PLACES = ("input", "parameters")
AT_ONCE = [spec for spec in SPECS if spec.sync_path]


def each(specs: list[ModelSpec]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("spec", specs, ids=lambda spec: spec.name)


def numeric_or_enumerated(spec: ModelSpec) -> Iterator[Case]:
    kinds = {
        field.path for field in spec.fields if isinstance(field.rule, Boolean | Choice | Integer | Number | Pixels)
    }
    return (case for case in boundary_cases(spec) if case.path in kinds)


def where_shown(spec: ModelSpec, mistake: str) -> str:
    """A wrong field is refused, or fails its task a moment later, as the family says."""
    missing = spec.problems == "presence" and mistake == "missing"
    return "submit" if spec.problems == "submit" or missing else "task"


def differences(cases: list[Case], ends: list[Any], where: Any) -> list[tuple[Any, ...]]:
    """Cases whose end is another than expected."""
    expected = [("", "") if c.mistake is None else (where(c.mistake), f"{c.path}:{c.mistake}") for c in cases]
    found = [(end.where, end.rule) for end in ends]
    return [(c.path, c.value, e, f) for c, e, f in zip(cases, expected, found, strict=True) if e != f]


@each(SPECS)
@pytest.mark.anyio
async def test_every_boundary_is_where_the_catalogue_says(spec: ModelSpec, desk: Any) -> None:
    cases = boundary_cases(spec, await desk.reference(spec))

    ends = await desk.ends(spec, [case.body for case in cases])

    assert differences(cases, ends, lambda mistake: where_shown(spec, mistake)) == []


@each(AT_ONCE)
@pytest.mark.anyio
async def test_boundaries_are_the_same_where_the_model_answers_at_once(spec: ModelSpec, desk: Any) -> None:
    cases = boundary_cases(spec)

    ends = await desk.ends(spec, [case.body for case in cases], path=spec.sync_path)

    assert differences(cases, ends, lambda _mistake: "submit") == []


def test_there_are_thousands_of_boundaries_of_numbers_and_choices() -> None:
    assert sum(1 for spec in SPECS for _ in numeric_or_enumerated(spec)) >= 3_000


@each(SPECS)
def test_every_number_and_choice_is_tried_right_wrong_and_null(spec: ModelSpec) -> None:
    cases = list(numeric_or_enumerated(spec))

    for field in {case.path for case in cases}:
        tried = {case.mistake for case in cases if case.path == field}
        nulls = [case for case in cases if case.path == field and case.value is None]
        assert {None, "type"} <= tried
        assert tried - {None, "type", "missing"} or isinstance(spec.fields[spec.position[field]].rule, Boolean)
        assert nulls


@each([spec for spec in SPECS if spec.between])
def test_every_rule_between_fields_is_broken(spec: ModelSpec) -> None:
    broken = {(case.path, case.mistake) for case in boundary_cases(spec) if case.value is None}

    for constraint in spec.between:
        path = spec.fields[spec.place_of(constraint.fields[0])].path
        mistakes = {mistake for at, mistake in broken if at == path} - {None, "missing", "type"}
        assert constraint.says in mistakes if constraint.says else mistakes, constraint


@each([spec for spec in SPECS if spec.mode == "async"])
@pytest.mark.anyio
async def test_documented_defaults_fill_in(spec: ModelSpec, desk: Any) -> None:
    body = smallest_body(spec, await desk.reference(spec))

    (end,) = await desk.ends(spec, [body])

    documented = {field.path: field.default for field in spec.fields if field.default is not None}
    shown = {f"{where}.{name}": value for where in PLACES for name, value in end.shown[where].items()}
    assert {path: shown.get(path) for path in documented} == documented


@each([spec for spec in SPECS if spec.mode == "sync"])
@pytest.mark.anyio
async def test_documented_defaults_fill_in_where_there_is_no_task(spec: ModelSpec) -> None:
    simulator = Simulator(CATALOG, MemoryStore(), SystemClock(), Rules(limits=False))
    draft = Draft(spec.path, asynchronous=False, resolves_oss=True, body=smallest_body(spec))

    task, _ = await simulator.submit(Account("a", spec.regions[0]), draft, "http://test")

    documented = [field.default for field in spec.fields if not field.required]
    assert [value for value, field in zip(task.values, spec.fields, strict=True) if not field.required] == documented
