"""The OpenAPI document: valid, whole, always the same, and true of what the catalogue says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from fakescope.catalog import Catalog, load
from fakescope.catalog.spec import FACTS
from fakescope.engine.task import TaskStatus
from fakescope.openapi import VIEWS, document
from fakescope.openapi.answers import FACT_SCHEMAS, STATUSES

FEW = ("wan2.6-t2v", "wanx2.1-imageedit", "emo-detect-v1", "wan2.6-image", "image-out-painting", "wan2.7-r2v")


@pytest.fixture(scope="module")
def stated(catalog: Catalog) -> dict[str, Any]:
    return document(catalog)


def submissions(made: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path → operation, of everything but tasks."""
    for path, item in made["paths"].items():
        if path.startswith("/api/v1/services/"):
            yield path, item["post"]


def media(operation: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = operation["requestBody"]["content"]["application/json"]
    return found


def models_of(made: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    """The models that a path's schemas take."""
    schema = media(operation)["schema"]
    refs = [one["$ref"] for one in schema.get("oneOf", [schema])]
    schemas = [made["components"]["schemas"][ref.rpartition("/")[2]] for ref in refs]
    return [name for one in schemas for name in one["properties"]["model"]["enum"]]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        yield from references(part)


def test_it_is_valid_openapi(stated: dict[str, Any]) -> None:
    assert [*OpenAPIV31SpecValidator(json.loads(json.dumps(stated))).iter_errors()] == []


def test_it_is_valid_openapi_for_what_is_accepted(catalog: Catalog) -> None:
    made = document(catalog, view="accepted", models=FEW)

    assert [*OpenAPIV31SpecValidator(json.loads(json.dumps(made))).iter_errors()] == []


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("models", [(), FEW, ("emo-detect-v1",)], ids=["all", "few", "one that makes no task"])
def test_every_reference_leads_somewhere(catalog: Catalog, view: str, models: tuple[str, ...]) -> None:
    made = document(catalog, view=view, models=models)

    for reference in references(made):
        at: Any = made
        for key in reference.removeprefix("#/").split("/"):
            at = at[key]


def test_it_has_every_path(stated: dict[str, Any], catalog: Catalog) -> None:
    tasks = {"/api/v1/tasks/", "/api/v1/tasks/{task_id}", "/api/v1/tasks/{task_id}/cancel"}

    assert stated["paths"].keys() == {*catalog.paths, *tasks}


@pytest.mark.parametrize("view", VIEWS)
def test_every_model_is_taken_where_it_is_served_and_nowhere_else(catalog: Catalog, view: str) -> None:
    made = document(catalog, view=view)

    for path, operation in submissions(made):
        served = [spec.name for spec in catalog.specs() if path in (spec.path, spec.sync_path)]
        assert sorted(models_of(made, operation)) == sorted(served)


def test_every_model_leads_to_its_schema(stated: dict[str, Any]) -> None:
    for _, operation in submissions(stated):
        mapping = media(operation)["schema"].get("discriminator", {"mapping": {}})["mapping"]
        for model, ref in mapping.items():
            assert model in stated["components"]["schemas"][ref.rpartition("/")[2]]["properties"]["model"]["enum"]


def test_the_header_for_tasks_is_asked_for_where_tasks_are_made(stated: dict[str, Any]) -> None:
    asynchronous = {"$ref": "#/components/parameters/Asynchronous"}
    asked = {path for path, operation in submissions(stated) if asynchronous in operation["parameters"]}

    assert "/api/v1/services/aigc/video-generation/video-synthesis" in asked
    assert "/api/v1/services/aigc/multimodal-generation/generation" not in asked
    assert "/api/v1/services/aigc/image2video/face-detect" not in asked


def test_a_region_has_its_models_only(catalog: Catalog) -> None:
    made = document(catalog, region="virginia")

    named = {name for _, operation in submissions(made) for name in models_of(made, operation)}
    assert named == {spec.name for spec in catalog.specs() if "virginia" in spec.regions}


def test_it_is_always_the_same() -> None:
    assert json.dumps(document(load())) == json.dumps(document(load()))


@pytest.mark.parametrize("view", VIEWS)
def test_tools_can_load_it(catalog: Catalog, view: str) -> None:
    assert len(json.dumps(document(catalog, view=view))) < 600_000


def test_every_name_of_a_component_is_allowed(stated: dict[str, Any]) -> None:
    names = [name for kind in stated["components"].values() for name in kind]

    assert [name for name in names if not re.fullmatch(r"[a-zA-Z0-9._-]+", name)] == []


def test_it_knows_every_status_and_every_fact() -> None:
    assert [*STATUSES] == [*TaskStatus]
    assert FACT_SCHEMAS.keys() == FACTS.keys()


def test_every_entry_of_the_error_table_is_an_example_of_its_status(stated: dict[str, Any], catalog: Catalog) -> None:
    shown = {
        (name, response[-3:], example["value"]["code"], example["value"]["message"], example["x-fakescope-basis"])
        for response, about in stated["components"]["responses"].items()
        for name, example in about["content"]["application/json"]["examples"].items()
    }

    assert shown == {(r.name, str(r.status), r.code, r.message, r.basis) for r in catalog.refusals.values()}


def test_a_rule_says_how_it_is_known(stated: dict[str, Any]) -> None:
    schemas = stated["components"]["schemas"]
    duration = schemas["wan2.2-t2v-plus"]["properties"]["parameters"]["properties"]["duration"]
    mask = schemas["wanx2.1-imageedit"]["allOf"][0]

    assert duration["x-fakescope-basis"] == "seen"
    assert mask["x-fakescope-basis"] == "documented"
    assert mask["description"] == (
        "input.mask_image_url must be given while input.function is description_edit_with_mask"
    )
    assert schemas["wan2.6-t2v"]["x-fakescope-source"].startswith("Wan text-to-video API reference, HTTP <https://")


def test_limits_defaults_and_choices_are_those_of_the_documents(stated: dict[str, Any]) -> None:
    model = stated["components"]["schemas"]["wan2.6-t2v"]
    fields = model["properties"]["parameters"]["properties"]

    assert (fields["duration"]["minimum"], fields["duration"]["maximum"], fields["duration"]["default"]) == (2, 15, 5)
    assert fields["size"]["default"] == "1920*1080"
    assert len(fields["size"]["enum"]) == 11  # ten sizes, and null
    assert model["properties"]["input"]["required"] == ["prompt"]
    assert model["x-fakescope-models"]["wan2.6-t2v"]["limits"]["submits"] == 5
