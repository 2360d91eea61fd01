"""A broken body says which rule it breaks, and the catalogue how it is refused: examples from the vendor's logs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.catalog import Catalog, load
from fakescope_contracts.breaking import BrokenBody
from fakescope_contracts.strategies import broken_bodies, refusal_of, rules_to_break

# Source: logs of the live service; Model Studio error codes.
REFUSALS = [
    ("wan2.2-t2v-plus", "parameters.duration:given", "task", "duration customization is not supported"),
    ("wan2.2-i2v-plus", "input.img_url:missing", "task", "img_url must be set for image to video method"),
    ("wan2.7-i2v", "input.media:missing", "task", "Field required: input.media"),
    ("wan2.6-t2i", "parameters.size:area", "task", "Total pixels (2359296) must be between 589824 and 2073600."),
]


@pytest.mark.parametrize(("model", "rule", "shows", "message"), REFUSALS, ids=lambda part: str(part)[:20])
def test_a_broken_rule_has_its_id_and_its_refusal(
    model: str, rule: str, shows: str, message: str, catalog: Catalog
) -> None:
    spec = catalog.find(model)
    assert spec is not None
    broken = BrokenBody({}, *rule.split(":"))

    refusal = refusal_of(catalog, spec, broken)

    assert broken.rule == rule
    assert (refusal.shows, refusal.code, refusal.basis) == (shows, "InvalidParameter", "seen")
    assert re.fullmatch(refusal.message, message)
    assert not re.fullmatch(refusal.message, message + "x")


def test_a_missing_field_shows_at_submission_where_presence_is_checked_there(catalog: Catalog) -> None:
    spec = catalog.find("wan2.2-t2i-plus")
    assert spec is not None

    assert refusal_of(catalog, spec, BrokenBody({}, "input.prompt", "missing")).shows == "submit"
    assert refusal_of(catalog, spec, BrokenBody({}, "parameters.size", "side")).shows == "task"


def test_where_a_model_answers_at_once_every_refusal_shows_at_once(catalog: Catalog) -> None:
    spec = catalog.find("wan2.6-t2i")
    assert spec is not None

    refusal = refusal_of(catalog, spec, BrokenBody({}, "parameters.size", "area"), at_once=True)

    assert refusal.shows == "submit"


SPEC = next(spec for spec in load().specs() if spec.name == "image-out-painting")


@given(st.data())
def test_only_rules_that_are_known_in_a_way_are_broken(data: st.DataObject) -> None:
    inferred = {field.path for field in SPEC.fields if field.basis == "inferred"}

    path = data.draw(broken_bodies(SPEC, bases=("inferred",))).path

    assert path in inferred
    assert len(inferred) == len(rules_to_break(SPEC, ("inferred",))) == 4
