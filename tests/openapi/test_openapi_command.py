"""`fakescope openapi`, and the document that a running simulator gives."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from fakescope.catalog import Catalog
from fakescope.cli import main
from fakescope.openapi import document

MakeClient = Callable[..., httpx.AsyncClient]
Said = tuple[int, str, str]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run the command in an empty folder; its exit status and what it said."""
    monkeypatch.chdir(tmp_path)

    def say(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as end:
            main(["openapi", *arguments])
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err  # type: ignore[return-value]

    return say


def test_it_prints_the_document(say: Callable[..., Said], catalog: Catalog) -> None:
    status, out, err = say()

    assert (status, err) == (0, "")
    assert json.loads(out) == document(catalog)


def test_yaml_says_the_same(say: Callable[..., Said], catalog: Catalog) -> None:
    _, out, _ = say("--format", "yaml", "--models", "wan2.6-t2v,emo-v1")

    assert yaml.safe_load(out) == document(catalog, models=("wan2.6-t2v", "emo-v1"))
    assert "&id" not in out


def test_yaml_without_pyyaml_is_one_line(say: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)

    status, out, err = say("--format", "yaml", "--models", "wan2.6-t2v")

    assert (status, out) == (2, "")
    assert err == "fakescope: --format yaml needs PyYAML: pip install 'fakescope[openapi]', or take json\n"


def test_it_writes_a_file(say: Callable[..., Said], tmp_path: Path, catalog: Catalog) -> None:
    status, out, _ = say("--output", "openapi.json", "--bodies", "accepted", "--region", "singapore")

    assert (status, out) == (0, "")
    written = json.loads((tmp_path / "openapi.json").read_text("utf-8"))
    assert written == document(catalog, view="accepted", region="singapore")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--models", "wan2.6-t2"), "Did you mean wan2.6-t2v?"),
        (("--models", ""), "'' names no model; leave it out for all of them"),
        (("--models", " , "), "' , ' names no model"),
        (("--models", "wan2.6-t2v", "--region", "virginia"), "wan2.6-t2v"),
        (("--region", "mars"), "'mars' is not one of beijing, singapore, virginia"),
        (("--output", "no/such/folder.json"), "no/such/folder.json"),
        (("--format", "xml"), "xml"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)
def test_wrong_use_is_one_line(say: Callable[..., Said], arguments: tuple[str, ...], told: str) -> None:
    status, out, err = say(*arguments)

    assert (status, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_a_users_own_models_are_in_it(
    say: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours = Path(__file__).parents[2] / "fakescope" / "catalog" / "models" / "text-to-video.toml"
    text = ours.read_text("utf-8").replace('name    = "wan2.6-t2v"', 'name    = "my-t2v"')
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    monkeypatch.setenv("FAKESCOPE_CATALOG", "mine.toml")

    _, out, _ = say("--models", "my-t2v")

    assert "my-t2v" in json.loads(out)["components"]["schemas"]


@pytest.mark.anyio
@pytest.mark.parametrize(("errors", "view"), [("vendor", "accepted"), ("early", "stated")])
async def test_a_simulator_gives_the_document_that_is_true_of_it(
    make_client: MakeClient, catalog: Catalog, errors: str, view: str
) -> None:
    answer = await make_client(key=None, errors=errors, region="virginia").get("/_fakescope/openapi.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == document(catalog, view=view, region="virginia", server="http://test")


@pytest.mark.anyio
async def test_a_simulator_gives_the_other_document_on_request(make_client: MakeClient) -> None:
    http = make_client()

    stated = await http.get("/_fakescope/openapi.json?bodies=stated")
    wrong = await http.get("/_fakescope/openapi.json?bodies=all")

    assert stated.json()["info"]["x-fakescope-view"] == "stated"
    assert wrong.status_code == 422
    assert wrong.json()["detail"] == "bodies must be one of stated, accepted; got 'all'"


def documented(made: dict[str, Any], path: str, status: int) -> bool:
    return str(status) in next(iter(made["paths"][path].values()))["responses"]


@pytest.mark.anyio
async def test_every_test_key_is_answered_with_a_status_of_the_document(
    make_client: MakeClient, catalog: Catalog
) -> None:
    path = "/api/v1/services/aigc/video-generation/video-synthesis"
    body = {"model": "wan2.6-t2v", "input": {"prompt": "A heron"}}
    made = document(catalog, models=("wan2.6-t2v",))

    for test in catalog.service.test_keys:
        answer = await make_client(key=test.key).post(path, json=body, headers={"X-DashScope-Async": "enable"})
        assert documented(made, path, answer.status_code), (test.key, answer.status_code)
