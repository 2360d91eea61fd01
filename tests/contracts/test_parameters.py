"""Numbers, switches and choices as the documents have them: parameters.toml, typed by hand, against the simulator."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fakescope.catalog import load
from fakescope.catalog.rules import Boolean, Bounds, Fixed, ListRule, MediaRule, Messages, Pixels, Rule, Text
from fakescope.catalog.spec import ModelSpec
from fakescope.clock import SystemClock
from fakescope.engine.task import Account, Draft
from fakescope.simulator import Rules, Simulator
from fakescope.store.memory import MemoryStore
from fakescope_contracts.boundaries import smallest_body

CATALOG = load()
SPECS = {spec.name: spec for spec in CATALOG.specs()}
ENTRIES = tomllib.loads(Path(__file__).with_name("parameters.toml").read_text("utf-8"))["documented"]
PLACES = ("input", "parameters")
every_model = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def documented(model: str) -> dict[str, dict[str, Any]]:
    """Path → what the documents say of it."""
    found: dict[str, dict[str, Any]] = {}
    for entry in ENTRIES:
        if model in entry["models"]:
            found |= {f"{where}.{name}": row for where in PLACES for name, row in entry.get(where, {}).items()}
    return found


def said_by(rule: Rule) -> dict[str, Any]:
    """What the catalogue says of a field's values, in the words of parameters.toml; nothing of texts and files."""
    said: dict[str, Any] = {}
    if isinstance(rule, Text | MediaRule | Messages | ListRule | Fixed | Boolean):
        return said
    if isinstance(rule, Pixels):
        found = {"side": rule.side_px, "area": rule.area_px, "ratio": rule.ratio}
        said = {word: list(bounds.ends) for word, bounds in found.items() if bounds.ends != (None, None)}
        return said | ({"words": list(rule.words)} if rule.words else {})
    if (values := getattr(rule, "values", None)) is not None:
        return {"of": sorted(values, key=str), "count": len(values)}
    if isinstance(bounds := getattr(rule, "bounds", None), Bounds):
        ends = {"from": bounds.low, "to": bounds.high, "above": bounds.above, "below": bounds.below}
        said = {word: end for word, end in ends.items() if end is not None}
    return said


def left_over(told: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """What only one of them says. A choice is told by its values or by their number."""
    told = {word: sorted(end, key=str) if word == "of" else end for word, end in told.items() if word != "is"}
    if told.keys() & {"of", "count"}:
        said = {word: end for word, end in said.items() if word in told}
    return {word: (told.get(word), said.get(word)) for word in told | said if told.get(word) != said.get(word)}


@every_model
def test_every_number_and_choice_has_the_documented_bounds(spec: ModelSpec) -> None:
    told = documented(spec.name)
    said = {field.path: said_by(field.rule) for field in spec.fields}

    differing = {path: left_over(told.get(path, {}), said.get(path, {})) for path in told | said}

    assert {path: rest for path, rest in differing.items() if rest} == {}
    assert told.keys() <= said.keys()


@pytest.mark.parametrize("spec", [s for s in SPECS.values() if s.mode == "async"], ids=lambda spec: spec.name)
def test_documented_defaults_fill_in(spec: ModelSpec, desk: Any) -> None:
    body = smallest_body(spec, desk.reference(spec))

    (end,) = desk.ends(spec, [body])

    assert filled_in(body, {where: end.shown[where] for where in PLACES}) == defaults_of(spec)


@pytest.mark.parametrize("spec", [s for s in SPECS.values() if s.mode == "sync"], ids=lambda spec: spec.name)
def test_documented_defaults_fill_in_where_there_is_no_task(spec: ModelSpec) -> None:
    simulator = Simulator(CATALOG, MemoryStore(), SystemClock(), Rules(limits=False))
    body = smallest_body(spec)

    draft = Draft(spec.path, asynchronous=False, resolves_oss=True, body=body)

    task, _ = asyncio.run(simulator.submit(Account("a", spec.regions[0]), draft, "http://test"))

    shown: dict[str, dict[str, Any]] = {where: {} for where in PLACES}
    for (where, name), value in zip(spec.places, task.values, strict=True):
        if value is not None:
            shown[where][name] = value
    assert filled_in(body, shown) == defaults_of(spec)


def defaults_of(spec: ModelSpec) -> dict[str, Any]:
    return {path: row["is"] for path, row in documented(spec.name).items() if "is" in row}


def filled_in(body: dict[str, Any], shown: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What stands in the submission and was not given."""
    return {
        f"{where}.{name}": value
        for where in PLACES
        for name, value in shown[where].items()
        if name not in body.get(where, {})
    }


def test_every_model_stands_in_the_table_and_no_other() -> None:
    assert {model for entry in ENTRIES for model in entry["models"]} == set(SPECS)
    assert all(entry["read"] for entry in ENTRIES)


def test_no_entry_takes_back_what_another_says() -> None:
    for model in SPECS:
        rows = [
            (where, name)
            for entry in ENTRIES
            if model in entry["models"]
            for where in PLACES
            for name in entry.get(where, {})
        ]
        assert len(rows) == len(set(rows)), model
