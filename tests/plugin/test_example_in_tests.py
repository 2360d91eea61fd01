"""What the guide shows of cassettes in tests, run: recorded against the simulator, replayed where nobody answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dashscope
import pytest

import fakescope.pytest_plugin
import fakescope.recording.vcr

pytest_plugins = ("pytester",)
PLUGINS = [fakescope.pytest_plugin]
GUIDE = (Path(__file__).parents[2] / "docs" / "cassettes.md").read_text(encoding="utf-8")

FILMS = """\
# test_films.py
import pytest
from dashscope import VideoSynthesis


@pytest.mark.fakescope_cassette
def test_film():
    film = VideoSynthesis.call("wan2.6-t2v", "A paper boat crosses a puddle")
    assert film.output.task_status == "SUCCEEDED"


@pytest.mark.fakescope_cassette("test_film.yaml", speed=0)
def test_film_takes_its_time(fakescope_cassette):
    task = VideoSynthesis.async_call("wan2.6-t2v", "A paper boat crosses a puddle")
    assert VideoSynthesis.fetch(task).output.task_status == "PENDING"
    fakescope_cassette.advance(seconds=600)
    assert VideoSynthesis.fetch(task).output.task_status == "SUCCEEDED"
"""
CONFTEST = """\
# conftest.py
import pytest


@pytest.fixture(scope="session")
def fakescope_config():
    return {"media": "keep", "ignore_hosts": ["metrics.example.com"], "unused": "error"}
"""
WITHOUT_PYTEST = """\
from dashscope import VideoSynthesis

from fakescope import use_cassette

with use_cassette("boat.yaml", record_mode="once", budget=5) as cassette:
    film = VideoSynthesis.call("wan2.6-t2v", "A paper boat", size="1280*720")
print(film.output.task_status, *cassette.unused())
"""


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester, base: str) -> Iterator[pytest.Pytester]:
    """The SDK, at the simulator, in a folder of its own."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(dashscope, "base_http_api_url", base)
    monkeypatch.setattr(dashscope, "api_key", "sk-fake-example")
    yield pytester
    dashscope.close_shared_sync_session()


def test_a_replay_needs_no_key_and_leaves_none_behind(sdk: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk.makepyfile(test_films=FILMS)
    sdk.runpytest_inprocess("--fakescope-record-mode=once", plugins=PLUGINS).assert_outcomes(passed=2)
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    monkeypatch.setattr(dashscope, "api_key", None)

    sdk.runpytest_inprocess(plugins=PLUGINS).assert_outcomes(passed=2)

    assert "DASHSCOPE_API_KEY" not in os.environ
    assert not dashscope.api_key


def test_example_records_and_replays(sdk: pytest.Pytester, nowhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk.makepyfile(test_films=FILMS, conftest=CONFTEST)
    sdk.runpytest_inprocess("--fakescope-record-mode=once", plugins=PLUGINS).assert_outcomes(passed=2)
    monkeypatch.setattr(dashscope, "base_http_api_url", nowhere)

    sdk.runpytest_inprocess(plugins=PLUGINS).assert_outcomes(passed=2)

    assert [path.name for path in (sdk.path / "cassettes" / "test_films").iterdir()] == ["test_film.yaml"]


def test_example_without_pytest_records_and_the_others_play_it(
    sdk: pytest.Pytester, nowhere: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    by_transport = GUIDE.partition("## Replay\n")[2].partition("```python\n")[2].partition("```")[0]
    for base in (dashscope.base_http_api_url, nowhere):
        monkeypatch.setattr(dashscope, "base_http_api_url", base)
        exec(compile(WITHOUT_PYTEST, "guide", "exec"), {})
    exec(compile(by_transport, "guide", "exec"), {})

    assert capsys.readouterr().out == "SUCCEEDED\n" * 3
    assert (sdk.path / "boat.yaml").is_file()


@pytest.mark.parametrize("stack", ["SDK, classic", "SDK, asyncio", "SDK, Client", "SDK, AsyncClient", "our client"])
def test_cassette_of_plain_vcr_py_replays_by_a_mark(
    stack: str, sdk: pytest.Pytester, plain: Any, nowhere: str, clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.make_film", clients[stack], raising=False)
    sdk.makepyfile(
        f"""
        import pytest

        @pytest.mark.fakescope_cassette({str(plain.path)!r})
        def test_film():
            film = make_film({nowhere!r}, "sk-fake-any", {plain.prompt!r})
            assert (film.status, film.prompt) == ("SUCCEEDED", {plain.prompt!r})
        """
    )
    sdk.runpytest_inprocess("--fakescope-unused=error", plugins=PLUGINS).assert_outcomes(passed=1)


def test_guide_shows_what_is_run_here() -> None:
    for example in (FILMS, CONFTEST, WITHOUT_PYTEST):
        assert f"```python\n{example}```" in GUIDE
