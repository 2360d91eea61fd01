"""Promises about every entry of the catalogue. A new model is one name more in the list below."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import fakescope
from fakescope.catalog import load
from fakescope.catalog.rules import Boolean, Choice, Integer, MediaRule, Text
from fakescope.catalog.spec import BASES, FACTS, Field, ModelSpec, Price, Source

CATALOG = load()
every_model = pytest.mark.parametrize("spec", CATALOG.specs(), ids=lambda spec: spec.name)

FAMILIES = {
    "text-to-video": {
        "wan2.6-t2v", "wan2.6-t2v-us", "wan2.5-t2v-preview", "wan2.2-t2v-plus",
        "wanx2.1-t2v-plus", "wan2.1-t2v-plus", "wanx2.1-t2v-turbo", "wan2.1-t2v-turbo",
    },
    "image-to-video": {
        "wan2.6-i2v", "wan2.6-i2v-flash", "wan2.6-i2v-us", "wan2.5-i2v-preview", "wan2.2-i2v-plus", "wan2.2-i2v-flash",
        "wanx2.1-i2v-plus", "wan2.1-i2v-plus", "wanx2.1-i2v-turbo", "wan2.1-i2v-turbo",
    },
    "keyframes-to-video": {"wan2.2-kf2v-flash", "wanx2.1-kf2v-plus", "wan2.1-kf2v-plus"},
}  # fmt: skip


def assert_provenance(basis: str, source: Source) -> None:
    """It is said how this is known, and where it stands."""
    assert basis in BASES
    assert source.document
    assert source.url.startswith("https://")


def values_to_try(field: Field) -> list[Any]:
    """Every value of a field that has a few, both ends of a range."""
    match field.rule:
        case Boolean():
            return [True, False]
        case Choice(values=values):
            return list(values)
        case Integer(values=values, low=low, high=high):
            return list(values or (low, high))
        case _:
            return [None]


def seconds_sold(spec: ModelSpec) -> Iterator[dict[str, Any]]:
    """Every combination of tier and sound that a request to this model can ask for: what a price may depend on."""
    tier_of = {size: tier for tier, sizes in spec.tiers.items() for size in sizes}
    fields = {
        field.name: values_to_try(field) for field in spec.fields if field.name in ("size", "resolution", "audio")
    }
    for values in product(*fields.values()):
        asked = dict(zip(fields, values, strict=True))
        tier = asked["resolution"] if "resolution" in asked else tier_of[asked["size"]]
        yield {"lines": int(tier.removesuffix("P")), "sound": asked.get("audio", spec.media.sound)}


# -- what there is


def test_the_catalogue_has_these_models() -> None:
    found: dict[str, set[str]] = {}
    for spec in CATALOG.specs():
        found.setdefault(spec.family, set()).add(spec.name)

    assert found == FAMILIES


def test_models_of_a_family_share_one_endpoint() -> None:
    endpoints = {(spec.family, spec.path) for spec in CATALOG.specs()}

    assert len(endpoints) == len(FAMILIES)


@every_model
def test_a_model_lives_in_known_regions(spec: ModelSpec) -> None:
    assert spec.regions
    assert set(spec.regions) <= CATALOG.service.regions.keys()


@every_model
def test_a_model_takes_submissions_and_runs_them(spec: ModelSpec) -> None:
    assert spec.limits.submits > 0
    assert spec.limits.per_s > 0
    assert spec.limits.running is None or spec.limits.running > 0


@every_model
def test_a_model_makes_a_video_of_known_length(spec: ModelSpec) -> None:
    asked = [field for field in spec.fields if field.path == "parameters.duration" and field.default is not None]

    assert asked or spec.media.seconds is not None


# -- how it is known


@every_model
def test_everything_about_a_model_says_how_it_is_known(spec: ModelSpec) -> None:
    assert_provenance(spec.basis, spec.source)
    assert_provenance(spec.limits.basis, spec.limits.source)
    assert spec.pace.basis in BASES
    rows: list[Field | Price] = [*spec.fields, *spec.prices]
    for row in rows:
        assert_provenance(row.basis, row.source)


@pytest.mark.parametrize("name", CATALOG.refusals)
def test_a_refusal_says_how_it_is_known(name: str) -> None:
    refusal = CATALOG.refusal(name)

    assert_provenance(refusal.basis, refusal.source)
    assert 400 <= refusal.status < 500
    assert refusal.code
    assert refusal.message


def test_every_problem_says_how_it_is_known_and_for_which_models_it_was_seen() -> None:
    for problem in CATALOG._texts.problems.values():
        assert_provenance(problem.basis, problem.source)
        assert problem.seen_for <= set(CATALOG.names), problem.name


@pytest.mark.parametrize("code", CATALOG.failures)
def test_a_failure_says_how_it_is_known(code: str) -> None:
    failure = CATALOG.failures[code]

    assert_provenance(failure.basis, failure.source)
    assert failure.message


def test_every_problem_is_used() -> None:
    texts = CATALOG._texts
    named = {name for words in texts.wordings.values() for name in words.values()}
    named |= {name for spec in CATALOG.specs() for field in spec.fields for name in field.says.values()}

    assert named == texts.problems.keys()


# -- fields


@every_model
def test_every_default_satisfies_its_own_rule(spec: ModelSpec) -> None:
    for field in spec.fields:
        assert field.default is None or field.rule.check(field.default) is None, field.path


@every_model
def test_every_value_a_rule_lists_satisfies_it(spec: ModelSpec) -> None:
    for field in spec.fields:
        for value in values_to_try(field):
            assert value is None or field.rule.check(value) is None, (field.path, value)


@every_model
def test_a_required_field_has_no_default(spec: ModelSpec) -> None:
    assert not [field.path for field in spec.fields if field.required and field.default is not None]


@every_model
def test_every_mistake_has_words_that_can_be_filled_in(spec: ModelSpec) -> None:
    mistakes = CATALOG._texts.wordings[spec.wording]
    for field in spec.fields:
        slots = {"field", "path", "given", *field.rule.slots()}
        assert field.says.keys() <= mistakes.keys(), field.path
        for mistake in mistakes_of(field):
            message = CATALOG.problem(spec, field, mistake).message
            assert {name for _, name, _, _ in string.Formatter().parse(message) if name} <= slots, field.path


def mistakes_of(field: Field) -> Iterator[str]:
    """The words with which this field's rule can find fault."""
    if field.required:
        yield "missing"
    match field.rule:
        case Text(not_blank=not_blank, too_long=too_long):
            yield from ["type"] + ["blank"] * not_blank + ["length"] * (too_long == "refuse")
        case Boolean():
            yield "type"
        case Integer(values=values):
            yield from ("type", "range" if values is None else "choice")
        case Choice():
            yield from ("type", "choice")
        case MediaRule():
            yield from ("type", "scheme", "format", "bytes", "side", "too_big")
        case _:
            yield "given"


@every_model
def test_every_size_has_one_tier(spec: ModelSpec) -> None:
    sizes = [size for sizes in spec.tiers.values() for size in sizes]

    assert len(sizes) == len(set(sizes))
    assert all(re.fullmatch(r"[1-9]\d*\*[1-9]\d*", size) for size in sizes)


# -- money


@every_model
def test_every_second_sold_has_exactly_one_price(spec: ModelSpec) -> None:
    for sold in seconds_sold(spec):
        prices = [price for price in spec.prices if price.when.items() <= sold.items()]

        assert len(prices) == 1, sold


@every_model
def test_every_price_is_for_something_sold(spec: ModelSpec) -> None:
    for price in spec.prices:
        assert any(price.when.items() <= sold.items() for sold in seconds_sold(spec)), price.when
        assert price.cny_per_second > 0


# -- answers


@every_model
def test_a_result_has_its_address(spec: ModelSpec) -> None:
    assert "result_url" in {row.fact for row in spec.output}


@every_model
def test_an_answer_shows_facts_or_constants_under_names_of_its_own(spec: ModelSpec) -> None:
    for rows in (spec.output, spec.usage):
        assert len({row.key for row in rows}) == len(rows)
        assert all((row.fact in FACTS) != (row.constant is not None) for row in rows)


# -- the service


def test_every_test_key_is_refused_with_an_entry_of_the_table() -> None:
    assert {key.refusal for key in CATALOG.service.test_keys} <= CATALOG.refusals.keys()


def test_every_region_has_a_host_of_its_own() -> None:
    service = CATALOG.service

    assert {region.host: name for name, region in service.regions.items()} == dict(service.region_of_host)


# -- vendor facts stay in the catalogue


def test_no_python_file_names_a_model() -> None:
    package = Path(fakescope.__file__).parent
    named = {
        (str(file.relative_to(package)), name)
        for file in package.rglob("*.py")
        for name in CATALOG.names
        if name in file.read_text("utf-8")
    }

    assert named == set()
