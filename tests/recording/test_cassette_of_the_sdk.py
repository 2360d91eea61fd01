"""What people have today: a cassette that plain VCR.py made of the official SDK. It loads, converts and lints."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import vcr  # type: ignore[import-untyped]

from fakescope.recording.convert import convert
from fakescope.recording.files import load, save
from fakescope.recording.lint import lint

KEY = "sk-" + "5d1e9a07" * 4


@pytest.fixture(scope="session")
def plain(start_server: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission and two polls by the SDK, recorded as its users record them: with nothing filtered."""
    import dashscope
    from dashscope import VideoSynthesis

    path = tmp_path_factory.mktemp("plain") / "sdk.yaml"
    base = start_server("--speed", "max", "--no-limits").base
    before = dashscope.base_http_api_url
    dashscope.base_http_api_url = base
    try:
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(), vcr.use_cassette(str(path)):
            warnings.simplefilter("ignore")
            patch.setenv("NO_PROXY", "127.0.0.1")
            task = VideoSynthesis.async_call(model="wan2.6-t2v", prompt="A heron 鹭", api_key=KEY)
            for _ in range(2):
                VideoSynthesis.fetch(task, api_key=KEY)
    finally:
        dashscope.base_http_api_url = before
    return path


def test_it_loads(plain: Path) -> None:
    cassette = load(plain)

    assert cassette.provenance.basis == "unknown"
    assert [exchange.request.method for exchange in cassette.exchanges] == ["POST", "GET", "GET"]
    assert json.loads(cassette.exchanges[0].request.body)["input"]["prompt"] == "A heron 鹭"
    states = [json.loads(exchange.response.body)["output"]["task_status"] for exchange in cassette.exchanges]
    assert states == ["PENDING", "SUCCEEDED", "SUCCEEDED"]


def test_it_converts_without_the_key_that_it_holds(plain: Path, tmp_path: Path) -> None:
    assert KEY in plain.read_text()
    assert any(": authorization: " in line for line in lint(plain))

    cassette, left_out = convert(plain)
    save(cassette._replace(provenance=cassette.provenance._replace(basis="simulated")), tmp_path / "sdk.yaml")

    assert left_out == 0
    assert KEY not in (tmp_path / "sdk.yaml").read_text()
    assert list(lint(tmp_path)) == []
    submitted, *polls = load(tmp_path / "sdk.yaml").exchanges
    task_id = json.loads(submitted.response.body)["output"]["task_id"]
    assert all(poll.request.url.endswith(f"/tasks/{task_id}") for poll in polls)
