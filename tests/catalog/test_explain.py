"""What is said of a code, a rule, and of every model."""

from __future__ import annotations

from pathlib import Path

from fakescope.catalog import Catalog
from fakescope.catalog.describe import explain, markdown

DOCUMENT = Path(__file__).parents[2] / "docs" / "models.md"


def test_a_code_is_explained_with_its_status_and_text(catalog: Catalog) -> None:
    (rows,) = explain(catalog, "Arrearage").values()

    assert rows[0]["where"] == "HTTP 400"
    assert rows[0]["message"] == "Access denied, please make sure your account is in good standing."


def test_a_code_with_several_texts_is_explained_with_all(catalog: Catalog) -> None:
    found = explain(catalog, "IPInfringementSuspect")

    assert {name: row["where"] for name, (row,) in found.items()} == {
        "refusal ip_infringement": "HTTP 400",
        "failure IPInfringementSuspect": "a failed task",
    }
    assert len([name for name in explain(catalog, "DataInspectionFailed") if name.startswith("failure ")]) == 6


def test_a_rule_is_explained_per_model(catalog: Catalog) -> None:
    rows = explain(catalog, "parameters.duration:range")["rule parameters.duration:range"]

    of = {name: row for row in rows for name in row["models"].split(", ")}
    assert of["wan2.6-t2v"]["accepts"] == "a whole number from 2 to 15"
    assert of["wan2.6-t2v"]["code"] == "InvalidParameter"


def test_a_rule_between_fields_is_explained_for_the_models_that_have_it(catalog: Catalog) -> None:
    (rows,) = explain(catalog, "input.mask_image_url:one_of").values()

    assert [(row["models"], row["code"], row["accepts"]) for row in rows] == [
        (
            "wanx2.1-vace-plus, wan2.1-vace-plus",
            "InvalidParameter",
            "at least one of input.mask_image_url and input.mask_video_url must be given "
            "while input.function is video_edit",
        )
    ]


def test_what_is_missing_because_of_another_field_is_explained(catalog: Catalog) -> None:
    (rows,) = explain(catalog, "input.style_ref_url:missing").values()

    assert [row["accepts"] for row in rows] == ["input.style_ref_url must be given while input.style_index is -1"]


def test_a_kind_of_rules_between_fields_is_explained(catalog: Catalog) -> None:
    (rows,) = explain(catalog, "same_length").values()

    assert "wanx2.1-vace-plus, wan2.1-vace-plus" in [row["models"] for row in rows]
    assert all("must have equally many items" in row["rule"] for row in rows)
    assert {row["basis"] for row in rows} <= {"documented", "inferred"}


def test_an_optional_field_is_never_missing(catalog: Catalog) -> None:
    assert explain(catalog, "parameters.seed:missing") == {}


def test_nothing_is_made_up_about_an_unknown_word(catalog: Catalog) -> None:
    assert explain(catalog, "parameters.size:nonsense") == {}
    assert explain(catalog, "NoSuchCode") == {}


def test_document_of_all_models_is_up_to_date(catalog: Catalog) -> None:
    assert DOCUMENT.read_text("utf-8") == markdown(catalog), "fakescope models --markdown > docs/models.md"
