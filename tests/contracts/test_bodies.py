"""Any body of a model's own spec is accepted and answered as the documents say; any one mistake is named."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from fakescope.catalog import load
from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.bodies import can_be_set
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.strategies import broken_bodies, valid_bodies

SPECS = {spec.name: spec for spec in load().specs()}
TABLES = {name: tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text("utf-8")) for name in
          ("answers", "parameters")}  # fmt: skip
ANSWERS = {model: row for row in TABLES["answers"]["answer"] for model in row["models"]}
every_model = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
a_few = settings(max_examples=settings().max_examples // 12)  # for each of a hundred models; the contracts draw more

OF_EVERY_TASK = ("task_id", "task_status", "submit_time", "scheduled_time", "end_time")
METRICS = {"TOTAL": "integer", "SUCCEEDED": "integer", "FAILED": "integer"}
TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,), "link": (str,), "integer": (int,), "float": (float,), "number": (int, float), "boolean": (bool,),
}  # fmt: skip


class Documented:
    """What the documents say about the answer to a body: answers.toml, and the defaults of parameters.toml."""

    def __init__(self, model: str, body: dict[str, Any]) -> None:
        self.row = ANSWERS[model]
        self._values: dict[str, Any] = {}
        for entry in TABLES["parameters"]["documented"]:
            if model in entry["models"]:
                self._values |= {key: row.get("is") for key, row in fields_of(entry)}
        given = {key: value for key, value in fields_of(body) if value is not None}
        for key, others in self.row.get("defaults_with", {}).items():
            self._values |= others if given.get(key, self._values.get(key)) else {}
        self._values |= given
        counted = all(self._values[key] == value for key, value in self.row.get("only", {}).items())
        others = [field for key, field in self.row.get("entries_with", {}).items() if self._values.get(key)]
        self._entries = self._values[[*others, self.row["entries"]][0]] if counted and "entries" in self.row else 1

    def assert_shown(self, rows: Any, value: Any, at: str) -> None:
        """`value` has these fields in this order and no others, each of its type."""
        if isinstance(rows, dict):
            kept = {key: row for key, row in rows.items() if not isinstance(row, str) or self._is_there(row)}
            assert list(value) == list(kept), at
            for key, row in kept.items():
                self.assert_shown(row, value[key], f"{at}.{key}")
        elif isinstance(rows, list) and rows[-1] == "unlike":
            assert len(value) == len(rows) - 1, at
            for n, (row, one) in enumerate(zip(rows, value, strict=False)):
                self.assert_shown(row, one, f"{at}.{n}")
        elif isinstance(rows, list):
            assert len(value) == (1 if "alone" in rows else self._entries), at
            for n, one in enumerate(value):
                self.assert_shown(rows[0], one, f"{at}.{n}")
        elif (word := rows.split()[0]) == "box":
            assert [type(side) for side in value] == [int] * 4, at
        else:
            assert type(value) in TYPES[word], at
            assert word != "link" or value.startswith("http"), at

    def _is_there(self, row: str) -> bool:
        _, *words = row.split()
        given = {key: self._values.get(key) not in (None, False) for key in words[1::2]}
        return all(given[key] == (test == "with") for test, key in zip(words[::2], words[1::2], strict=True))


def fields_of(body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for where in ("input", "parameters"):
        yield from body.get(where, {}).items()


def assert_documented(model: str, body: dict[str, Any], answer: dict[str, Any], *, at_once: bool) -> None:
    documented = Documented(model, body)
    output = dict(answer["output"])
    if not at_once:
        assert list(output)[:5] == list(OF_EVERY_TASK)
        assert [type(output.pop(key)) for key in OF_EVERY_TASK] == [str] * 5
        assert answer["output"]["task_status"] == "SUCCEEDED"
    metrics = {} if at_once or not documented.row.get("metrics") else {"task_metrics": METRICS}
    documented.assert_shown(documented.row["output"] | metrics, output, "output")
    documented.assert_shown(documented.row["usage"], answer["usage"], "usage")
    assert answer.keys() == {"output", "usage", "request_id"}


@every_model
@a_few
@given(data=st.data())
def test_any_body_of_a_models_own_spec_succeeds_with_exactly_the_documented_fields(
    spec: ModelSpec, desk: Any, data: st.DataObject
) -> None:
    body = data.draw(valid_bodies(spec, desk.reference(spec)))

    (end,) = desk.ends(spec, [body])

    assert (end.where, end.rule) == ("", "")
    assert_documented(spec.name, body, desk.answer(spec, end), at_once=spec.mode == "sync")


@pytest.mark.parametrize("spec", [s for s in SPECS.values() if s.sync_path], ids=lambda spec: spec.name)
@a_few
@given(data=st.data())
def test_the_fields_are_the_same_where_such_a_model_answers_at_once(
    spec: ModelSpec, desk: Any, data: st.DataObject
) -> None:
    body = data.draw(valid_bodies(spec))

    (end,) = desk.ends(spec, [body], path=spec.sync_path)

    assert_documented(spec.name, body, end.answer, at_once=True)


@every_model
@a_few
@given(data=st.data())
def test_any_single_mistake_is_refused_and_named(
    spec: ModelSpec, desk: Any, where_shown: Any, data: st.DataObject
) -> None:
    broken = data.draw(broken_bodies(spec, desk.reference(spec)))

    (end,) = desk.ends(spec, [broken.body])

    assert (end.where, end.rule) == (where_shown(spec, broken.mistake), f"{broken.path}:{broken.mistake}")


def test_every_model_has_a_documented_answer_and_only_one() -> None:
    assert sorted(model for row in TABLES["answers"]["answer"] for model in row["models"]) == sorted(SPECS)


# -- the bodies themselves

shrunk = settings(database=None, derandomize=True, phases=[Phase.generate, Phase.shrink])
one_of_each_family = pytest.mark.parametrize(
    "spec", {spec.family: spec for spec in SPECS.values()}.values(), ids=lambda spec: spec.name
)


def given_in(spec: ModelSpec, body: dict[str, Any]) -> set[str]:
    """The fields that are not left out and not null."""
    return {field.path for field in spec.fields if value_at(body, field.path) is not None}


def value_at(body: Any, path: str) -> Any:
    for key in path.split("."):
        body = body.get(key) if isinstance(body, dict) else None
    return body


def settable(spec: ModelSpec) -> set[str]:
    return {field.path for field in spec.fields if can_be_set(field)}


@every_model
def test_a_valid_body_shrinks_to_what_the_model_needs(spec: ModelSpec) -> None:
    smallest = smallest_body(spec)

    assert find(valid_bodies(spec), lambda _: True, settings=shrunk) == smallest
    assert len(json.dumps(smallest)) < 400


@pytest.mark.parametrize("model", ["wan2.6-t2v", "wan3.0-video", "qwen-image-2.0", "image-out-painting", "emo-v1"])
def test_a_valid_body_shrinks_to_the_field_that_matters(model: str) -> None:
    spec = SPECS[model]
    field = [field for field in spec.fields if field.path in settable(spec)][-1]

    body = find(valid_bodies(spec), lambda body: field.path in given_in(spec, body), settings=shrunk)

    assert len(given_in(spec, body) - given_in(spec, smallest_body(spec)) - {field.path}) <= 1  # what goes with it
    assert len(json.dumps(body)) < 500


@every_model
def test_a_broken_body_shrinks_to_its_mistake(spec: ModelSpec) -> None:
    broken = find(broken_bodies(spec), lambda _: True, settings=shrunk)

    assert given_in(spec, broken.body) <= given_in(spec, smallest_body(spec)) | {broken.path}
    assert len(json.dumps(broken.body)) < 400


@one_of_each_family
def test_valid_bodies_give_and_leave_out_every_field(spec: ModelSpec) -> None:
    seen: list[set[str]] = []

    @settings(max_examples=60)
    @given(valid_bodies(spec))
    def draw(body: dict[str, Any]) -> None:
        seen.append(given_in(spec, body))

    draw()

    required = {field.path for field in spec.fields if field.required}
    assert set().union(*seen) == settable(spec)
    assert set.intersection(*seen) == required
