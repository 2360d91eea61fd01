"""The checks before any field: which there are, in which order, and how each is provoked."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from fakescope.catalog import Catalog
from fakescope.engine.gate import CHECKS, check, kin, model_of, nearest, newest_like
from fakescope.engine.task import Account, Draft
from fakescope.engine.vendor_error import VendorError

MODEL = "wan2.6-t2v"
PATH = "/api/v1/services/aigc/video-generation/video-synthesis"
FINE: dict[str, Any] = {"path": PATH, "asynchronous": True, "body": {"model": MODEL, "input": {"prompt": "A fox"}}}

# How to break each check, and the refusal it gives. The order is the vendor's.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "exists": ({"region": "virginia"}, "model_not_exist"),
    "entitlement": ({"refusal": "arrearage"}, "arrearage"),
    "endpoint": ({"path": "/api/v1/services/aigc/image2video/video-synthesis"}, "url_error"),
    "mode": ({"asynchronous": False}, "no_synchronous_calls"),
    "envelope": ({"body": {"model": MODEL}}, "input_missing"),
}


def refusal_of(catalog: Catalog, **differs: Any) -> str | None:
    """The name of the refusal that a draft with these differences from a good one gets; None if it passes."""
    given = FINE | differs
    body = given["body"]
    draft = Draft(given["path"], given["asynchronous"], False, body)
    account = Account("a", given.get("region", "beijing"), given.get("refusal"))
    try:
        check(catalog.find(model_of(draft)), account, draft, catalog.names)
    except VendorError as error:
        return error.name
    return None


def hint_of(catalog: Catalog, body: object) -> str:
    draft = Draft(PATH, True, False, body)
    with pytest.raises(VendorError) as refused:
        check(catalog.find(model_of(draft)), Account("a", "beijing"), draft, catalog.names)
    return refused.value.hint


def test_the_order_of_checks_is_the_vendors() -> None:
    assert [name for name, _ in CHECKS] == ["entitlement", "endpoint", "mode", "envelope"]


def test_a_good_draft_passes_with_its_spec(catalog: Catalog) -> None:
    draft = Draft(PATH, True, False, FINE["body"])

    assert check(catalog.find(MODEL), Account("a", "beijing"), draft, catalog.names).name == MODEL


@pytest.mark.parametrize("name", WRONG)
def test_each_check_gives_its_own_refusal(catalog: Catalog, name: str) -> None:
    wrong, refusal = WRONG[name]

    assert refusal_of(catalog, **wrong) == refusal


@pytest.mark.parametrize(("first", "second"), list(combinations(WRONG, 2)))
def test_of_two_mistakes_the_earlier_check_answers(catalog: Catalog, first: str, second: str) -> None:
    wrong = WRONG[second][0] | WRONG[first][0]

    assert refusal_of(catalog, **wrong) == WRONG[first][1]


@pytest.mark.parametrize("body", [[], "text", 5, None, True], ids=repr)
def test_a_body_that_is_no_object_is_refused(catalog: Catalog, body: object) -> None:
    assert refusal_of(catalog, body=body) == "body_invalid"


@pytest.mark.parametrize("body", [{}, {"model": None}, {"model": ""}, {"model": 5}, {"model": [MODEL]}], ids=repr)
def test_a_body_that_names_no_model_is_refused(catalog: Catalog, body: object) -> None:
    assert refusal_of(catalog, body=body) == "model_missing"


def test_an_unknown_model_is_refused_with_the_nearest_name(catalog: Catalog) -> None:
    hint = hint_of(catalog, {"model": "wan2.6-t2w", "input": {}})

    assert hint == "'wan2.6-t2w' is not a known model. Did you mean wan2.6-t2v?"


def test_a_name_like_no_other_gets_no_suggestion(catalog: Catalog) -> None:
    assert hint_of(catalog, {"model": "zzzzzzzzzz", "input": {}}) == "'zzzzzzzzzz' is not a known model."


def test_a_model_of_another_region_is_refused_with_where_it_is(catalog: Catalog) -> None:
    hint = hint_of(catalog, {"model": "wan2.6-t2v-us", "input": {}})

    assert hint == "wan2.6-t2v-us exists in virginia, not in beijing: use a key and host of that region."


def test_an_alias_exists_only_in_its_own_region(catalog: Catalog) -> None:
    body = {"model": "wan2.1-t2v-plus", "input": {}}

    assert refusal_of(catalog, body=body, region="singapore") is None
    assert refusal_of(catalog, body=body, region="beijing") == "model_not_exist"


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"model": MODEL, "input": None}, "input_missing"),
        ({"model": MODEL, "input": "A fox"}, "input_not_object"),
        ({"model": MODEL, "input": []}, "input_not_object"),
        ({"model": MODEL, "input": {}, "parameters": []}, "parameters_not_object"),
        ({"model": MODEL, "input": {}, "parameters": "size"}, "parameters_not_object"),
        ({"model": MODEL, "input": {}, "parameters": False}, "parameters_not_object"),
        ({"model": MODEL, "input": {}, "parameters": None}, None),
        ({"model": MODEL, "input": {}, "parameters": {}}, None),
    ],
    ids=repr,
)
def test_input_and_parameters_must_be_objects(catalog: Catalog, body: object, refusal: str | None) -> None:
    assert refusal_of(catalog, body=body) == refusal


def test_a_synchronous_model_refuses_asynchronous_calls(catalog: Catalog) -> None:
    spec = catalog.find(MODEL)
    assert spec is not None
    draft = Draft(PATH, True, False, FINE["body"])

    with pytest.raises(VendorError, match="no_asynchronous_calls"):
        check(spec._replace(mode="sync"), Account("a", "beijing"), draft, catalog.names)


# One model at two endpoints: a task at the first, an answer at once at the second.
TASK_PATH = "/api/v1/services/aigc/image-generation/generation"
SYNC_PATH = "/api/v1/services/aigc/multimodal-generation/generation"


@pytest.mark.parametrize(
    ("path", "asynchronous", "refusal"),
    [
        (TASK_PATH, True, None),
        (TASK_PATH, False, "no_synchronous_calls"),
        (SYNC_PATH, False, None),
        (SYNC_PATH, True, "no_asynchronous_calls"),
        (PATH, True, "url_error"),
    ],
)
def test_a_model_with_two_endpoints_answers_at_once_at_the_second(
    catalog: Catalog, path: str, asynchronous: bool, refusal: str | None
) -> None:
    body = {"model": "wan2.6-image", "input": {}}

    assert refusal_of(catalog, path=path, asynchronous=asynchronous, body=body) == refusal


def test_a_wrong_endpoint_is_refused_with_the_right_ones(catalog: Catalog) -> None:
    assert hint_of(catalog, {"model": "wan2.6-image", "input": {}}) == (
        f"wan2.6-image is served at {TASK_PATH} or {SYNC_PATH}."
    )


@pytest.mark.parametrize(
    ("model", "asynchronous", "refusal"),
    [("emo-detect-v1", False, None), ("emo-detect-v1", True, "no_asynchronous_calls")],
)
def test_a_detection_takes_synchronous_calls_only(
    catalog: Catalog, model: str, asynchronous: bool, refusal: str | None
) -> None:
    path, body = "/api/v1/services/aigc/image2video/face-detect", {"model": model, "input": {}}

    assert refusal_of(catalog, path=path, asynchronous=asynchronous, body=body) == refusal


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [({}, "parameters_missing"), ({"parameters": None}, "parameters_missing"), ({"parameters": {}}, None)],
    ids=repr,
)
def test_some_models_need_parameters(catalog: Catalog, parameters: dict[str, Any], refusal: str | None) -> None:
    path = "/api/v1/services/aigc/image2image/out-painting"
    body = {"model": "image-out-painting", "input": {}, **parameters}

    assert refusal_of(catalog, path=path, body=body) == refusal


def test_every_refusal_of_a_test_key_is_in_the_catalogue(catalog: Catalog) -> None:
    assert {key.refusal for key in catalog.service.test_keys} <= catalog.refusals.keys()


def test_the_nearest_name_is_offered_only_if_it_is_near() -> None:
    assert nearest("apple", ["ample", "pear"]) == " Did you mean ample?"
    assert nearest("apple", ["zzz"]) == ""


# -- what an unknown model is treated like


@pytest.mark.parametrize(
    ("given", "family", "like"),
    [
        ("wan2.2-i2v-plus2", "image-to-video", "wan2.6-i2v-flash"),  # not wan2.2-i2v-plus
        ("wanx2.3-t2i-turbo", "text-to-image", "wan2.5-t2i-preview"),  # not wanx2.1-t2i-turbo
        ("wan2.7-t2i", "message-image-generation", "wan2.7-image"),  # not wan2.7-t2v, which makes films
        ("wan2.8-t2v", "video-from-media", "wan2.7-t2v-2026-06-12"),  # of three with that version
        ("wan2.8-videoedit", "video-from-media", "wan2.7-videoedit"),  # takes other files than wan2.7-i2v-2026-04-25
        ("happyhorse-2.0-i2v", "happyhorse-video", "happyhorse-1.1-i2v"),
        ("happyhorse-2.0-video-edit", "happyhorse-video", "happyhorse-1.0-video-edit"),
        ("emo-v2", "emo", "emo-v1"),
        ("emo-detect-v2", "emo", "emo-detect-v1"),  # another endpoint
        ("animate-anyone-gen3", "animate-anyone", "animate-anyone-gen2"),
        ("qwen-image-3.0", "synchronous-image-generation", "qwen-image-2.0-pro-2026-06-22"),
        ("wan2.6-i2vx", "image-to-video", "wan2.6-i2v"),  # wan2.6-i2v-us is in fewer regions
    ],
)
def test_an_unknown_name_is_like_the_newest_of_its_family(catalog: Catalog, given: str, family: str, like: str) -> None:
    similar = catalog.find(kin(given, catalog.names))
    assert similar is not None

    assert similar.family == family
    assert newest_like(given, similar, catalog.family(family)).name == like


@pytest.mark.parametrize("given", ["zzzzzzzz", "2.6", "", "é" * 200])
def test_a_name_like_no_other_has_no_kin(catalog: Catalog, given: str) -> None:
    assert kin(given, catalog.names) == ""
