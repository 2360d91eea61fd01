"""Promises about every entry of the catalogue. A new model is one name more in the list below."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import fakescope
from fakescope.catalog import load
from fakescope.catalog.rules import (
    Assets,
    Boolean,
    Box,
    Choice,
    Integer,
    ListRule,
    MediaRule,
    Messages,
    Number,
    ObjectRule,
    Pixels,
    Reference,
    Rule,
    Text,
    sayable,
)
from fakescope.catalog.spec import BASES, FACTS, Constraint, Field, Free, ModelSpec, Node, Price, Source

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
    "video-from-media": {
        "wan2.7-i2v", "wan2.7-i2v-2026-04-25", "wan2.7-r2v", "wan2.7-r2v-2026-06-12", "wan2.7-t2v",
        "wan2.7-t2v-2026-04-25", "wan2.7-t2v-2026-06-12", "wan2.7-videoedit",
    },
    "all-in-one-video": {"wan3.0-video", "wan3.0-video-prime"},
    "happyhorse-video": {
        "happyhorse-1.0-i2v", "happyhorse-1.0-r2v", "happyhorse-1.0-t2v", "happyhorse-1.0-video-edit",
        "happyhorse-1.1-i2v", "happyhorse-1.1-r2v", "happyhorse-1.1-t2v",
    },
    "reference-to-video": {"wan2.6-r2v", "wan2.6-r2v-flash"},
    "video-editing": {"wanx2.1-vace-plus", "wan2.1-vace-plus"},
    "video-style-transform": {"video-style-transform"},
    "animate": {"wan2.2-animate-mix", "wan2.2-animate-move"},
    "animate-anyone": {"animate-anyone-detect-gen2", "animate-anyone-gen2", "animate-anyone-template-gen2"},
    "speech-to-video": {"wan2.2-s2v", "wan2.2-s2v-detect"},
    "emo": {"emo-detect-v1", "emo-v1"},
    "emoji": {"emoji-detect-v1", "emoji-v1"},
    "liveportrait": {"liveportrait", "liveportrait-detect"},
    "videoretalk": {"videoretalk"},
    "text-to-image": {
        "wan2.5-t2i-preview", "wan2.2-t2i-plus", "wan2.2-t2i-flash", "wanx2.1-t2i-plus", "wan2.1-t2i-plus",
        "wanx2.1-t2i-turbo", "wan2.1-t2i-turbo", "wanx2.0-t2i-turbo",
    },
    "text-to-image-v1": {"wanx-v1"},
    "qwen-text-to-image": {"qwen-image", "qwen-image-plus"},
    "message-image-generation": {"wan2.6-image", "wan2.6-t2i", "wan2.7-image", "wan2.7-image-pro"},
    "synchronous-image-generation": {
        "qwen-image-2.0", "qwen-image-2.0-2026-03-03", "qwen-image-2.0-pro", "qwen-image-2.0-pro-2026-03-03",
        "qwen-image-2.0-pro-2026-04-22", "qwen-image-2.0-pro-2026-06-22", "qwen-image-edit", "qwen-image-edit-plus",
        "qwen-image-edit-plus-2025-10-30", "qwen-image-edit-plus-2025-12-15", "qwen-image-edit-max",
        "qwen-image-edit-max-2026-01-16", "qwen-image-max", "qwen-image-max-2025-12-30", "z-image-turbo",
    },
    "image-editing": {"wanx2.1-imageedit"},
    "multi-image-editing": {"wan2.5-i2i-preview"},
    "image-erasing": {"image-erase-completion"},
    "image-out-painting": {"image-out-painting"},
    "image-repainting": {"wanx-x-painting"},
    "person-segmentation": {"image-instance-segmentation"},
    "background-generation": {"wanx-background-generation-v2"},
    "poster-generation": {"wanx-poster-generation-v1"},
    "style-repaint": {"wanx-style-repaint-v1"},
    "shoe-model": {"shoemodel-v1"},
    "virtual-model": {"virtualmodel-v2", "wanx-virtualmodel"},
}  # fmt: skip

# The vendor's pages give no price for these, and do not call them free either.
PRICE_UNKNOWN = {"emoji-detect-v1", "emoji-v1"}

ENDPOINTS = {
    f"/api/v1/services/aigc/{path}"
    for path in (
        "background-generation/generation", "image-generation/generation", "image2image/image-synthesis",
        "image2image/out-painting", "image2video/aa-detect", "image2video/aa-template-generation",
        "image2video/face-detect", "image2video/video-synthesis", "multimodal-generation/generation",
        "text2image/image-synthesis", "video-generation/video-synthesis", "virtualmodel/generation",
    )
}  # fmt: skip


def assert_provenance(basis: str, source: Source) -> None:
    """It is said how this is known, and where it stands."""
    assert basis in BASES
    assert source.document
    assert source.url.startswith("https://")


def values_to_try(rule: Rule) -> list[Any]:
    """Every value of a rule that has a few, both ends of a range that includes them."""
    match rule:
        case Boolean(values=values):
            return list(values)
        case Choice(values=values):
            return list(values)
        case Integer(values=values, bounds=bounds):
            return list(values or (bounds.low, bounds.high))
        case Number(bounds=bounds):
            return [bounds.low, bounds.high]
        case Pixels(words=words):
            return list(words)
        case _:
            return []


def sold(spec: ModelSpec) -> Iterator[dict[str, Any]]:
    """Every combination that a request can ask for of what the model's prices depend on."""
    keys = list(dict.fromkeys(key for price in spec.prices for key in price.when))
    for values in product(*(possible(spec, key) for key in keys)):
        yield dict(zip(keys, values, strict=True))


def possible(spec: ModelSpec, key: str) -> list[Any]:
    """The values that a fact or a field can have."""
    fields = {field.path: field for field in spec.fields}
    match key:
        case "lines" if "parameters.resolution" in fields:
            return [int(tier.removesuffix("P")) for tier in values_to_try(fields["parameters.resolution"].rule)]
        case "lines":
            tier_of = {size: tier for tier, sizes in spec.tiers.items() for size in sizes}
            tiers = {tier_of[size] for size in values_to_try(fields["parameters.size"].rule)}
            return [int(tier.removesuffix("P")) for tier in sorted(tiers)]
        case "sound":
            return values_to_try(fields["parameters.audio"].rule)
        case "box_ratio":
            rule = fields["input.ext_bbox"].rule
            assert isinstance(rule, Box)
            return list(rule.ratios)
        case _:
            return values_to_try(fields[key].rule)


def leaves(nodes: tuple[Node, ...]) -> Iterator[Node]:
    for node in nodes:
        if node.kind in ("object", "list"):
            yield from leaves(node.children)
        else:
            yield node


def objects(nodes: tuple[Node, ...]) -> Iterator[tuple[Node, ...]]:
    """The rows of an answer, and those of every object in it."""
    yield nodes
    for node in nodes:
        if node.kind == "object":
            yield from objects(node.children)
        for item in node.children if node.kind == "list" else ():
            yield from objects(item.children)


# -- what there is


def test_the_catalogue_has_these_models() -> None:
    found: dict[str, set[str]] = {}
    for spec in CATALOG.specs():
        found.setdefault(spec.family, set()).add(spec.name)

    assert found == FAMILIES


def test_models_are_served_at_the_vendors_endpoints() -> None:
    assert {path for spec in CATALOG.specs() for path in (spec.path, spec.sync_path) if path} == ENDPOINTS


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
def test_a_model_that_answers_at_once_has_no_lane_and_refuses_wrong_fields(spec: ModelSpec) -> None:
    if spec.mode == "sync":
        assert (spec.limits.running, spec.problems, spec.phases, spec.metrics) == (None, "submit", False, frozenset())


@every_model
def test_a_model_makes_a_video_of_known_length(spec: ModelSpec) -> None:
    asked = [field for field in spec.fields if field.path == "parameters.duration" and field.default is not None]
    per_second = any(price.unit == "second" for price in spec.prices)

    assert asked or spec.media.seconds is not None or not (spec.media.file == "mp4" or per_second)


# -- how it is known


@every_model
def test_everything_about_a_model_says_how_it_is_known(spec: ModelSpec) -> None:
    assert_provenance(spec.basis, spec.source)
    assert_provenance(spec.limits.basis, spec.limits.source)
    assert spec.pace.basis in BASES
    rows: list[Field | Price | Constraint | Free] = [*spec.fields, *spec.prices, *spec.constraints, *spec.between]
    rows += [spec.free] if spec.free is not None else []
    for row in rows:
        assert_provenance(row.basis, row.source)


@every_model
def test_it_is_noted_when_the_documents_were_read(spec: ModelSpec) -> None:
    assert date(2026, 1, 1) <= date.fromisoformat(spec.checked)


@every_model
def test_what_is_free_is_sold_by_the_same_unit(spec: ModelSpec) -> None:
    if spec.free is not None:
        assert spec.free.amount >= 0
        assert {price.unit for price in spec.prices} <= {spec.free.unit}


@pytest.mark.parametrize("name", CATALOG.refusals)
def test_a_refusal_says_how_it_is_known(name: str) -> None:
    refusal = CATALOG.refusal(name)

    assert_provenance(refusal.basis, refusal.source)
    assert 400 <= refusal.status < 504
    assert refusal.code
    assert refusal.message


def test_every_problem_says_how_it_is_known_and_for_which_models_it_was_seen() -> None:
    for problem in CATALOG.problems.values():
        assert_provenance(problem.basis, problem.source)
        assert problem.seen_for <= set(CATALOG.names), problem.name


@pytest.mark.parametrize("code", CATALOG.failures)
def test_a_failure_says_how_it_is_known(code: str) -> None:
    failure = CATALOG.failures[code]

    assert_provenance(failure.basis, failure.source)
    assert failure.message


def test_what_stands_for_a_blocked_result_says_how_it_is_known() -> None:
    assert_provenance(CATALOG.blocked.basis, CATALOG.blocked.source)
    assert CATALOG.blocked.code
    assert CATALOG.blocked.message


def test_every_problem_is_used() -> None:
    named = {name for words in CATALOG._texts.wordings.values() for name in words.values()}
    named |= {name for spec in CATALOG.specs() for field in spec.fields for name in field.says.values()}
    named |= {constraint.says for spec in CATALOG.specs() for constraint in spec.between}

    assert CATALOG.problems.keys() <= named


# -- fields


@every_model
def test_every_default_satisfies_its_own_rule(spec: ModelSpec) -> None:
    for field in spec.fields:
        assert field.default is None or field.rule.check(field.default) is None, field.path


@every_model
def test_every_value_a_rule_lists_satisfies_it(spec: ModelSpec) -> None:
    for field in spec.fields:
        for value in values_to_try(field.rule):
            assert value is None or field.rule.check(value) is None, (field.path, value)


@every_model
def test_a_required_field_has_no_default(spec: ModelSpec) -> None:
    assert not [field.path for field in spec.fields if field.required and field.default is not None]


@every_model
def test_every_mistake_has_words_that_can_be_filled_in(spec: ModelSpec) -> None:
    for field in spec.fields:
        mistakes = set(mistakes_of(field.rule)) | {"missing"}
        assert field.says.keys() <= mistakes | {"unknown"}, field.path
        for mistake in mistakes:
            message = CATALOG.problem(spec, field, mistake).message
            assert slots_in(message) <= slots_of(field, mistake), (field.path, mistake)


@every_model
def test_every_rule_knows_its_mistakes(spec: ModelSpec) -> None:
    for field in spec.fields:
        assert set(field.rule.mistakes()) == set(mistakes_of(field.rule)), field.path
        for mistake in ("missing", *field.rule.mistakes()):
            assert sayable(field.rule, mistake) == slots_of(field, mistake), (field.path, mistake)


@every_model
def test_every_constraint_has_words_that_can_be_filled_in(spec: ModelSpec) -> None:
    for constraint in spec.between:
        field = spec.fields[spec.place_of(constraint.fields[0])]
        field = field if constraint.rule is None else field._replace(rule=constraint.rule)
        mistakes = [constraint.says] if constraint.says else mistakes_of(field.rule)
        for mistake in mistakes:
            message = CATALOG.problem(spec, field, mistake).message
            assert slots_in(message) <= slots_of(field, mistake), (constraint, mistake)


def slots_in(message: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(message) if name}


def slots_of(field: Field, mistake: str) -> set[str]:
    """What a text can say of this mistake: some things only of a value that has the right form."""
    slots = {"field", "path", "given", *field.rule.slots()}
    formed = mistake not in ("missing", "type", "format")
    match field.rule:
        case Choice() | Integer(values=tuple()) | Boolean():
            return slots | {"quoted"}
        case Pixels() if formed:
            return slots | {"width", "height", "area"}
        case Messages() if formed:
            return slots | {"count"}
        case Assets() if formed:
            return slots | {"count", "index", "quoted"}
    return slots


def mistakes_of(rule: Rule) -> Iterator[str]:
    """The words with which this rule can find fault."""
    match rule:
        case Text(not_blank=not_blank, too_long=too_long):
            yield from ["type"] + ["blank"] * not_blank + ["length"] * (too_long == "refuse")
        case Boolean(values=values):
            yield from ["type"] + ["choice"] * (len(values) < 2)
        case ObjectRule(keys=keys):
            yield "type"
            for key in keys.values():
                yield from mistakes_of(key)
        case Integer(values=values):
            yield from ("type", "range" if values is None else "choice")
        case Number():
            yield from ("type", "range")
        case Choice():
            yield from ("type", "choice")
        case Pixels():
            yield from ("type", "format", "side", "area", "ratio")
        case MediaRule():
            yield from ("type", "scheme", "ascii", "format", "bytes", "side", "too_big")
        case ListRule(item=item):
            yield from ("type", "count", *mistakes_of(item))
        case Box(ratios=ratios):
            yield from ["type", "range"] + ["ratio"] * bool(ratios)
        case Reference():
            yield from ("type", "choice", "unknown")
        case Messages(image=image):
            yield from ("type", "texts", "count", *mistakes_of(image))
        case Assets(url=url, needs=needs, apart=apart, beside=beside, files=files):
            yield from ("type", "choice", "count")
            yield from ["needs"] * bool(needs or beside) + ["apart"] * bool(apart)
            for file in (url, *files.values()):
                yield from mistakes_of(file)
        case _:
            yield "given"


@every_model
def test_every_size_has_one_tier(spec: ModelSpec) -> None:
    sizes = [size for sizes in spec.tiers.values() for size in sizes]

    assert len(sizes) == len(set(sizes))
    assert all(re.fullmatch(r"[1-9]\d*\*[1-9]\d*", size) for size in sizes)


@every_model
def test_every_constraint_is_about_something(spec: ModelSpec) -> None:
    for constraint in (*spec.constraints, *spec.between):
        assert len(constraint.fields) >= least_fields(constraint), constraint
        assert bool(constraint.groups) == (constraint.kind == "first_active"), constraint
        assert (constraint.limit > 0) == constraint.kind.startswith("most_"), constraint
        assert (constraint.value is not None) == (constraint.kind in ("most_of", "default")), constraint
        assert (constraint.rule is not None) == (constraint.kind == "narrowed"), constraint


def least_fields(constraint: Constraint) -> int:
    return {"first_active": 0, "one_of": 2, "excludes": 2, "same_length": 2}.get(constraint.kind, 1)


# -- money


@every_model
def test_everything_sold_has_exactly_one_price(spec: ModelSpec) -> None:
    for asked in sold(spec):
        prices = [price for price in spec.prices if price.when.items() <= asked.items()]

        assert len(prices) == (0 if spec.trial_only or spec.name in PRICE_UNKNOWN else 1), asked


@every_model
def test_every_price_is_for_something_sold(spec: ModelSpec) -> None:
    for price in spec.prices:
        assert any(price.when.items() <= asked.items() for asked in sold(spec)), price.when
        assert price.cny > 0


# -- answers


@every_model
def test_a_result_has_its_address(spec: ModelSpec) -> None:
    shows_link = "result_url" in {leaf.fact for leaf in leaves(spec.output)}

    assert shows_link == (spec.media.file != "none")


@every_model
def test_an_answer_shows_known_things_under_names_of_their_own(spec: ModelSpec) -> None:
    for answer in (spec.output, spec.rejected, spec.usage):
        for rows in objects(answer):
            assert len({row.key for row in rows}) == len(rows)
        for leaf in leaves(answer):
            assert leaf.kind in ("fact", "constant", "value", "seconds_of")
            assert (leaf.fact in FACTS) == (leaf.kind == "fact")
            assert (leaf.constant is not None) == (leaf.kind == "constant")


@every_model
def test_every_value_that_is_shown_in_other_words_has_one(spec: ModelSpec) -> None:
    for leaf in leaves((*spec.output, *spec.rejected, *spec.usage)):
        if leaf.words is not None:
            field = spec.fields[leaf.at]
            assert field.required or field.default is not None
            assert leaf.words.keys() == set(values_to_try(field.rule)), leaf.key


def test_only_detections_say_that_nothing_was_found() -> None:
    rejecting = {spec.name for spec in CATALOG.specs() if spec.rejected}

    assert rejecting == {spec.name for spec in CATALOG.specs() if "-detect" in spec.name}


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
