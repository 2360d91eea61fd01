"""The catalogue in words, for `fakescope models`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakescope.catalog import Catalog, describe
from fakescope.catalog.spec import ProblemText, Refusal

IMAGES = "/api/v1/services/aigc/text2image/image-synthesis"


def described(catalog: Catalog, name: str) -> dict[str, Any]:
    spec = catalog.find(name)
    assert spec is not None
    return describe.model(spec)


def row_of(rows: list[dict[str, str]], field: str) -> dict[str, str]:
    (row,) = (row for row in rows if row["field"] == field)
    return row


def test_families_list_every_model_once_under_its_endpoint(catalog: Catalog) -> None:
    listed = describe.families(catalog)

    assert [row["model"] for row in listed["Images from text (Wanx V1)  POST " + IMAGES]] == ["wanx-v1"]
    assert sorted(row["model"] for rows in listed.values() for row in rows) == sorted(catalog.names)


def test_families_list_a_model_with_an_endpoint_of_its_own_apart(catalog: Catalog) -> None:
    """EMO: detection and video have two documents and two endpoints."""
    titles = [title for title, rows in describe.families(catalog).items() if rows[0]["model"].startswith("emo-")]

    assert [title.partition("  POST ")[2] for title in titles] == [
        "/api/v1/services/aigc/image2video/face-detect",
        "/api/v1/services/aigc/image2video/video-synthesis",
    ]


@pytest.mark.parametrize(
    ("name", "regions", "price"),
    [
        ("wan2.6-t2v", "beijing, singapore", "0.60–1.00 CNY/second"),
        ("wanx2.1-t2v-turbo", "beijing", "0.24 CNY/second"),
        ("wan2.6-i2v-flash", "beijing, singapore", "0.15–0.50 CNY/second"),
        ("wan2.5-t2i-preview", "beijing, singapore", "0.20 CNY/image"),
        ("emoji-v1", "beijing", "unknown"),
    ],
)
def test_families_say_where_a_model_is_and_what_it_costs(catalog: Catalog, name: str, regions: str, price: str) -> None:
    rows = [row for rows in describe.families(catalog).values() for row in rows]

    assert {"model": name, "regions": regions, "price": price} in rows


def test_a_model_says_where_it_is_and_what_it_takes(catalog: Catalog) -> None:
    told = described(catalog, "wan2.2-t2v-plus")

    assert told["endpoint"] == "POST /api/v1/services/aigc/video-generation/video-synthesis"
    assert told["regions"] == "beijing, singapore"
    assert told["limits"] == "2 submissions in 1 s, 2 at once"
    assert told["wrong fields"] == "fail the task"
    assert told["source"].startswith("Wan text-to-video API reference: HTTP <https://")


def test_a_field_says_whether_it_is_needed_what_it_takes_and_how_that_is_known(catalog: Catalog) -> None:
    fields = described(catalog, "wan2.2-t2v-plus")["fields"]

    assert row_of(fields, "input.prompt") == {
        "field": "input.prompt",
        "need": "required",
        "accepts": "text, cut after 800 characters",
        "default": "",
        "basis": "documented",
    }
    assert row_of(fields, "parameters.duration")["basis"] == "seen"


@pytest.mark.parametrize(
    ("field", "default"),
    [
        ("parameters.prompt_extend", "default true"),
        ("parameters.watermark", "default false"),
        ("parameters.size", "default 1920*1080"),
        ("parameters.duration", "default 5"),
        ("parameters.seed", ""),
    ],
)
def test_a_default_is_shown_as_in_json(catalog: Catalog, field: str, default: str) -> None:
    assert row_of(described(catalog, "wan2.6-t2v")["fields"], field)["default"] == default


def test_a_price_says_when_it_holds_and_where_it_stands(catalog: Catalog) -> None:
    flash, turbo = described(catalog, "wan2.6-i2v-flash"), described(catalog, "wanx2.1-t2v-turbo")

    assert {
        "price": "0.15 CNY/second",
        "when": "lines 720, sound false",
        "basis": "documented",
        "source": "Model Studio model prices (via third-party copies of the price table)",
    } in flash["prices"]
    assert [row["when"] for row in turbo["prices"]] == ["always"]


def test_a_model_says_what_holds_between_its_fields(catalog: Catalog) -> None:
    assert described(catalog, "wan2.6-r2v")["between fields"] == [
        {
            "rule": "input.reference_video_urls is ignored while input.reference_urls is given",
            "basis": "inferred",
        },
        {
            "rule": "at least one of input.reference_urls and input.reference_video_urls must be given",
            "basis": "documented",
        },
        {"rule": "input.reference_urls.video may have at most 3 items", "basis": "documented"},
    ]
    assert described(catalog, "wan2.2-t2v-plus")["between fields"] == []


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("wan2.2-t2v-plus", "mp4, 30 frames/s, no sound"),
        ("wan2.5-t2v-preview", "mp4, 30 frames/s, with sound if parameters.audio is true"),
        ("wan2.2-s2v", "mp4, 30 frames/s, with sound"),
        ("emo-v1", "mp4, 15 frames/s, with sound"),
        ("wan2.6-t2i", "png"),
        ("emo-detect-v1", "no file"),
    ],
)
def test_a_model_says_what_it_makes(catalog: Catalog, name: str, result: str) -> None:
    assert described(catalog, name)["result"] == result


@pytest.mark.parametrize(
    ("name", "free"),
    [
        ("wan2.2-kf2v-flash", "50 seconds (documented)"),
        ("wan2.6-t2v-us", "no seconds (inferred)"),
        ("wan2.2-s2v-detect", "200 images (documented)"),
        ("wan3.0-video", "not known"),
    ],
)
def test_a_model_says_what_is_free_at_first(catalog: Catalog, name: str, free: str) -> None:
    assert described(catalog, name)["free quota"] == free


def test_a_model_says_when_its_documents_were_read(catalog: Catalog) -> None:
    assert described(catalog, "wan2.6-t2v")["read on"] == "2026-02-09"


def test_the_document_has_every_rule_between_fields(catalog: Catalog) -> None:
    text = describe.markdown(catalog)

    for spec in catalog.specs():
        for row in described(catalog, spec.name)["between fields"]:
            assert f"| {row['rule']} | {row['basis']} |" in text


def test_a_lane_without_slots_runs_any_number(catalog: Catalog) -> None:
    spec = catalog.find("wan2.6-t2v")
    assert spec is not None

    told = describe.model(spec._replace(limits=spec.limits._replace(running=None)))

    assert told["limits"] == "5 submissions in 1 s, any number at once"


@pytest.mark.parametrize(
    ("model", "pace"),
    [
        ("wan2.6-t2v", "waits 0.03–10 s, runs 60–300 s, fails after 0.05–0.15 s (documented)"),
        ("emo-detect-v1", "answers at once"),
        (
            "wan2.6-t2i",
            "waits 0.03–10 s, runs 10–60 s, fails after 0.05–0.15 s (documented); "
            "answers at once at POST /api/v1/services/aigc/multimodal-generation/generation",
        ),
    ],
)
def test_a_model_says_how_long_it_takes(catalog: Catalog, model: str, pace: str) -> None:
    assert described(catalog, model)["pace"] == pace


@pytest.mark.parametrize(
    ("problems", "told"),
    [
        ("task", "fail the task"),
        ("submit", "are refused with HTTP 400"),
        ("presence", "fail the task; missing ones are refused with HTTP 400"),
    ],
)
def test_a_model_says_where_wrong_fields_show(catalog: Catalog, problems: str, told: str) -> None:
    spec = catalog.find("wan2.6-t2v")
    assert spec is not None

    assert describe.model(spec._replace(problems=problems))["wrong fields"] == told


def test_a_model_without_a_price_says_so(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [spec._replace(prices=()) for spec in catalog.specs()[:1]]
    monkeypatch.setattr(catalog, "specs", lambda: free)

    ((row,),) = describe.families(catalog).values()

    assert row["price"].startswith("unknown")


def test_test_values_are_listed_with_what_they_do(catalog: Catalog) -> None:
    keys, marks = describe.test_value_rows(catalog.service).values()

    assert [row["key"] for row in keys][:5] == [
        "sk-fake-invalid",
        "sk-fake-arrears",
        "sk-fake-freetier",
        "sk-fake-denied",
        "sk-fake-throttled",
    ]
    assert [row["mark"] for row in marks] == [
        "[fakescope:fail=CODE]",
        "[fakescope:stuck]",
        "[fakescope:seconds=N]",
        "[fakescope:partial=N]",
        "[fakescope:reject]",
    ]
    assert all(row["meaning"] for row in (*keys, *marks))


def test_the_document_has_every_model_and_every_text_with_its_basis(catalog: Catalog) -> None:
    lines = describe.markdown(catalog).splitlines()

    assert [line[3:] for line in lines if line.startswith("## ")][: len(catalog.names)] == list(catalog.names)
    assert "| model_not_exist | 404 | InvalidParameter | Model not exist. | seen | " in "\n".join(lines)
    entries: list[Refusal | ProblemText] = [*catalog.refusals.values(), *catalog.problems.values()]
    for entry in entries:
        (row,) = (line for line in lines if line.startswith(f"| {entry.name} | "))
        assert f" | {entry.basis} | " in row


def test_everything_described_is_json(catalog: Catalog) -> None:
    for spec in catalog.specs():
        assert json.loads(json.dumps(describe.model(spec))) == describe.model(spec)
