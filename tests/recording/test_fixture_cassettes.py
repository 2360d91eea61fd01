"""fixtures/cassettes/: made by a program, the same bytes every time, marked as what they are, and without drift."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from fakescope import Settings, create_app
from fakescope.catalog import Catalog
from fakescope.recording.compare import compare
from fakescope.recording.exchange import Cassette
from fakescope.recording.files import load_folder
from fakescope.recording.player import Player

FIXTURES = Path(__file__).parents[2] / "fixtures"
FOLDER = FIXTURES / "cassettes"


@pytest.fixture(scope="module")
def cassettes() -> dict[str, Cassette]:
    return {cassette.name: cassette for cassette in load_folder(FOLDER)}


@pytest.fixture(scope="module")
def make() -> Callable[[Path], None]:
    spec = spec_from_file_location("make_cassettes", FIXTURES / "make_cassettes.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    main: Callable[[Path], None] = module.main
    return main


def test_they_are_made_again_byte_for_byte(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path)

    kept, made = (
        {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*/*") if file.is_file()}
        for folder in (FOLDER, tmp_path)
    )
    different = [name for name in kept.keys() | made.keys() if kept.get(name) != made.get(name)]
    assert sorted(different) == [], "run `make cassettes` and look at the difference"


def test_nothing_is_called_seen_and_everything_says_what_it_is(cassettes: dict[str, Cassette]) -> None:
    assert {name: one.provenance.basis for name, one in cassettes.items()} == {
        name: name.partition("/")[0] for name in cassettes
    }
    assert {name.partition("/")[0] for name in cassettes} == {"simulated", "documented"}


def test_every_family_of_models_has_a_recording(cassettes: dict[str, Cassette]) -> None:
    families = {path.stem for path in (FIXTURES.parent / "fakescope" / "catalog" / "models").glob("*.toml")}

    assert {name.removeprefix("simulated/family-") for name in cassettes if "/family-" in name} == families


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("failed", {"FAILED", "InvalidParameter", "DataInspectionFailed"}),
        ("unknown", {"UNKNOWN", "SUCCEEDED"}),
        ("cancel", {"CANCELED", "UnsupportedOperation", "SUCCEEDED"}),
        ("chained", {"check_pass", "AACT.", "SUCCEEDED"}),
        ("list", {"total_page", "RUNNING"}),
        ("throttling", {"Throttling.RateQuota"}),
        ("family-emo", {"check_pass", "SUCCEEDED"}),
        ("images", {"DataInspectionFailed", "SUCCEEDED"}),
        ("side-by-side", {"PENDING", "RUNNING", "SUCCEEDED"}),
        ("refused", {"Model not exist.", "AccessDenied", "BadRequest.EmptyInput"}),
    ],
)
def test_a_scenario_shows_what_it_is_there_for(cassettes: dict[str, Cassette], name: str, shows: set[str]) -> None:
    said = b" ".join(exchange.response.body for exchange in cassettes[f"simulated/{name}"].exchanges).decode("latin-1")

    assert {word for word in shows if word not in said} == set()


def test_upload_is_a_credential_a_form_and_a_film_of_it(cassettes: dict[str, Cassette]) -> None:
    asked, sent, submitted, polled = cassettes["documented/upload"].exchanges
    given = json.loads(asked.response.body)["data"]
    frame = json.loads(submitted.request.body)["input"]["img_url"]

    assert asked.request.url.endswith("/uploads?action=getPolicy&model=wan2.6-i2v-flash")
    assert (sent.request.method, sent.request.url) == ("POST", given["upload_host"])
    assert given["policy"] == given["signature"] == given["oss_access_key_id"] == "redacted"
    assert frame == f"oss://{given['upload_dir']}/frame.png"
    assert frame.removeprefix("oss://").encode() in sent.request.body
    assert ("X-DashScope-OssResourceResolve", "enable") in submitted.request.headers
    assert json.loads(polled.response.body)["output"]["task_status"] == "SUCCEEDED"


def test_they_do_not_differ_from_the_simulator(cassettes: dict[str, Cassette], catalog: Catalog, clock: Any) -> None:
    async def all_of_them() -> tuple[int, list[Any], list[str]]:
        reports = [
            await compare(
                one, create_app(Settings(seed=9, speed=1, limits=False), catalog=catalog, clock=clock), catalog
            )
            for one in cassettes.values()
        ]
        drifts = [drift for report in reports for drift in report.drifts]
        return sum(r.compared for r in reports), drifts, [line for r in reports for line in r.left_out]

    compared, drifts, left_out = asyncio.run(all_of_them())

    assert drifts == []
    assert compared == sum(len(one.exchanges) for one in cassettes.values()) - 3
    what = ("dashscope-result", "GET /api/v1/uploads", "documented/upload 2: POST")  # a download, an upload
    assert sorted(word for word in what for line in left_out if word in line) == sorted(what)


def test_they_are_replayed_as_they_stand(cassettes: dict[str, Cassette]) -> None:
    """Each request, sent again when it was sent, gets its own answer."""
    for cassette in cassettes.values():
        player = Player([cassette])
        for n, exchange in enumerate(cassette.exchanges, 1):
            answer = player.answer(exchange.request, exchange.at_ms)
            kept = exchange.response
            read = json.loads if kept.body.startswith(b"{") else bytes
            assert (answer.status, read(answer.body)) == (kept.status, read(kept.body)), (cassette.name, n)
        assert player.unused() == ()


def test_the_readme_lists_every_scenario(cassettes: dict[str, Cassette]) -> None:
    listed = set(re.findall(r"^\| `([\w-]+)` \|", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE))

    assert listed == {
        n.removeprefix("simulated/") for n in cassettes if n.startswith("simulated/") and "family-" not in n
    }


def test_each_documented_request_keeps_its_words(cassettes: dict[str, Cassette]) -> None:
    """Words in angle brackets stand for values in the data, and marks of ours order an end: neither is recorded."""
    for name, cassette in cassettes.items():
        if name.startswith("documented/"):
            for exchange in cassette.exchanges:
                said = exchange.request.body + exchange.response.body
                assert not re.search(
                    rb'"<(made|png|prompt|id|time|second|link|picture|any|null|box|count)\b|\[fakescope:', said
                ), name
                assert not exchange.response.body or json.loads(exchange.response.body)
