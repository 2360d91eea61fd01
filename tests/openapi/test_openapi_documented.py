"""The examples that the OpenAPI document has from the vendor's documents: fixtures/documented/, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from fakescope.catalog import Catalog, load
from fakescope.openapi import document

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
SHIPPED = ROOT / "fakescope" / "openapi" / "documented.json"
T2V = "/api/v1/services/aigc/video-generation/video-synthesis"
SDKS = "wan2.2-t2v-plus", "wan2.2-i2v-plus", "wan2.5-t2v-preview", "wanx2.1-kf2v-plus"


def maker() -> Any:
    spec = spec_from_file_location("make_examples", FIXTURES / "make_examples.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stated(catalog: Catalog) -> dict[str, Any]:
    return document(catalog)


def requests_in(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, name and example of every request."""
    for path, item in made["paths"].items():
        if path.startswith("/api/v1/services/"):
            for name, example in item["post"]["requestBody"]["content"]["application/json"]["examples"].items():
                yield path, name, example


def answers_in(made: dict[str, Any], path: str, method: str = "post") -> dict[str, Any]:
    media = made["paths"][path][method]["responses"]["200"]["content"]["application/json"]
    found: dict[str, Any] = media.get("examples", {})
    return found


def test_what_is_shipped_is_what_the_fixtures_make() -> None:
    assert SHIPPED.read_text("utf-8") == maker().text(), "python fixtures/make_examples.py"


def test_a_changed_fixture_changes_what_is_made(tmp_path: Path) -> None:
    text = (FIXTURES / "documented" / "emo.toml").read_text("utf-8")
    (tmp_path / "emo.toml").write_text(text.replace("[302, 286, 610, 593]", "[1, 2, 3, 4]"), "utf-8")

    requests = [one["value"]["input"] for one in maker().examples(tmp_path) if one["kind"] == "request"]

    assert [one["face_bbox"] for one in requests if "face_bbox" in one] == [[1, 2, 3, 4]]


def test_every_request_that_a_document_shows_as_http_is_an_example(stated: dict[str, Any]) -> None:
    carried = [(path.rstrip("/"), example["value"]) for path, _, example in requests_in(stated)]
    stood_for = ("<", "[fakescope:")  # what is not in the text, or ordered by our own mark
    for file in sorted((FIXTURES / "documented").glob("*.toml")):
        whole = tomllib.loads(file.read_text("utf-8"))
        for entry in whole.get("example", []):
            written = json.dumps(entry["request"])
            failed = whole["answer"].get(entry.get("polled"), {}).get("body", {}).get("output", {}).get("code")
            if entry["shown"] and entry["client"] == "curl" and not failed and not any(w in written for w in stood_for):
                path = entry.get("path", whole["document"]["path"]).rstrip("/")
                assert (path, entry["request"]) in carried, (file.stem, entry["name"])


def test_an_example_names_its_document_and_section(stated: dict[str, Any]) -> None:
    examples = {name: example for path, name, example in requests_in(stated) if path == T2V}

    assert examples["wan2.6-t2v"]["description"].startswith("Wan text-to-video API reference (2026-02), HTTP")
    assert (
        "<https://help.aliyun.com/zh/model-studio/text-to-video-api-reference>" in examples["wan2.6-t2v"]["description"]
    )
    assert examples["wan2.6-t2v"]["value"]["parameters"]["duration"] == 10


def test_a_model_with_several_documented_requests_has_them_all(stated: dict[str, Any]) -> None:
    names = [name for _, name, _ in requests_in(stated)]

    assert [name for name in names if name.startswith("wan2.7-i2v")] == ["wan2.7-i2v", "wan2.7-i2v-2", "wan2.7-i2v-3"]


def test_a_model_that_no_document_shows_says_so(stated: dict[str, Any]) -> None:
    told = {name: example["description"] for _, name, example in requests_in(stated)}
    rows = tomllib.loads((FIXTURES / "documented" / "undocumented.toml").read_text("utf-8"))["models"]
    undocumented = {name for row in rows for name in row["names"]}

    assert {name for name, text in told.items() if text.startswith("No document")} >= undocumented
    assert not any(text.startswith("No document") for name, text in told.items() if name == "wan2.6-t2v")


def test_what_an_sdk_sends_is_shown_only_where_no_document_shows_http(stated: dict[str, Any]) -> None:
    told = {
        example["value"]["model"] for _, _, example in requests_in(stated) if "SDK sends it" in example["description"]
    }

    assert told == {*SDKS}


def test_a_query_has_the_documented_answer_of_its_model(stated: dict[str, Any]) -> None:
    answers = answers_in(stated, "/api/v1/tasks/{task_id}", "get")

    film, pictures = answers["wan2.6-t2v.SUCCEEDED"]["value"], answers["wan2.2-t2i-flash.SUCCEEDED"]["value"]
    assert film["output"]["video_url"].endswith("made-up")
    assert film["usage"]["video_count"] == 1
    assert pictures["output"]["task_metrics"]["SUCCEEDED"] == len(pictures["output"]["results"])


def test_a_submission_has_the_documented_answer(stated: dict[str, Any]) -> None:
    as_task = answers_in(stated, T2V)
    at_once = answers_in(stated, "/api/v1/services/aigc/image2video/face-detect")

    assert [one["value"]["output"]["task_status"] for one in as_task.values()] == ["PENDING"]
    assert at_once["emo-detect-v1"]["value"]["output"]["check_pass"] is True


def test_only_what_is_asked_for_has_examples(catalog: Catalog) -> None:
    made = document(catalog, models=("wan2.6-t2v",))

    assert {example["value"]["model"] for _, _, example in requests_in(made)} == {"wan2.6-t2v"}
    assert [*answers_in(made, "/api/v1/tasks/{task_id}", "get")] == ["wan2.6-t2v.SUCCEEDED"]


def test_a_model_of_a_users_own_file_has_no_documented_example(tmp_path: Path) -> None:
    theirs = (ROOT / "fakescope" / "catalog" / "models" / "text-to-video.toml").read_text("utf-8")
    (tmp_path / "mine.toml").write_text(theirs, "utf-8")

    made = document(load(overlays=[tmp_path / "mine.toml"]), models=("wan2.6-t2v",))

    assert [one["description"][:11] for _, _, one in requests_in(made)] == ["No document"]
    assert answers_in(made, "/api/v1/tasks/{task_id}", "get") == {}


def test_a_server_reads_no_examples_when_it_starts() -> None:
    code = (
        "import sys, fakescope\n"
        "sys.addaudithook(lambda event, told: event == 'open' and 'documented.json' in str(told[0]) and sys.exit(7))\n"
        "fakescope.create_app()\n"
        "import fakescope.admin.api, fakescope.openapi\n"
    )
    opens = code + "fakescope.openapi.document(__import__('fakescope.catalog').catalog.load())\n"

    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
    assert subprocess.run([sys.executable, "-c", opens], check=False, cwd=ROOT).returncode == 7
