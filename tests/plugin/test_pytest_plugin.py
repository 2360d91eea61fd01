"""The plugin, in runs of pytest of its own: marks, options, reports, where cassettes lie, and what loading it costs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import fakescope.pytest_plugin
import fakescope.recording.vcr
from fakescope.recording.session import MODES

pytest_plugins = ("pytester",)

FILM = """
    import httpx
    import pytest

    def film(base, prompt="a cat"):
        key = {{"Authorization": "Bearer sk-fake-run"}}
        with httpx.Client(trust_env=False, verify=False, timeout=60, headers=key) as client:
            body = {{"model": "wan2.6-t2v", "input": {{"prompt": prompt}}}}
            task = client.post(base + "{submit}", json=body, headers={{"X-DashScope-Async": "enable"}}).json()
            return client.get(base + "/tasks/" + task["output"]["task_id"]).json()["output"]

    BASE = {base!r}
    NOWHERE = {nowhere!r}
"""
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, base: str, nowhere: str, submit_path: str) -> Run:
    """`run(source, *flags)` runs a module `test_films.py` that begins with what `FILM` has."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # it may be installed, or not; here it is loaded once
    start = dedent(FILM).format(submit=submit_path, base=base, nowhere=nowhere)

    def run(source: str = "", *flags: str) -> pytest.RunResult:
        if source:
            pytester.makepyfile(test_films=start + dedent(source))
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *flags, plugins=[fakescope.pytest_plugin])

    return run


ONE = """
    @pytest.mark.fakescope_cassette
    def test_film():
        assert film({where})["task_status"] == "SUCCEEDED"
"""
RECORD = "--fakescope-record-mode=once"


@pytest.fixture
def run_recorded(run: Run) -> Run:
    """As `run`, where `cassettes/test_films/test_film.yaml` has a film of a cat."""
    run(ONE.format(where="BASE"), RECORD).assert_outcomes(passed=1)
    return run


# -- playing and recording


def test_mark_records_once_and_replays_without_a_server(run: Run) -> None:
    run(ONE.format(where="BASE"), RECORD).assert_outcomes(passed=1)

    run(ONE.format(where="NOWHERE")).assert_outcomes(passed=1)
    run(ONE.format(where="NOWHERE"), RECORD).assert_outcomes(passed=1)


def test_nothing_is_recorded_unless_asked(run: Run, pytester: pytest.Pytester) -> None:
    result = run(ONE.format(where="BASE"))

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*test_film.yaml, which is not there; record mode none (new_episodes adds *"])
    result.stdout.no_fnmatch_line("*fakescope replay*")
    result.stdout.no_fnmatch_line("*recorded at all*")
    assert not (pytester.path / "cassettes").exists()


@pytest.mark.parametrize("polls", [1, 3, 40])
@pytest.mark.parametrize("replay", ["time", "polls"])
def test_recording_of_four_polls_takes_any_number(run: Run, plain: Any, polls: int, replay: str) -> None:
    source = f"""
    @pytest.mark.fakescope_cassette({str(plain.path)!r}, replay={replay!r})
    def test_film():
        with httpx.Client(trust_env=False, verify=False, timeout=60) as client:
            body = {{"model": "wan2.6-t2v", "input": {{"prompt": {plain.prompt!r}}}}}
            task = client.post(NOWHERE + "/services/aigc/video-generation/video-synthesis", json=body,
                               headers={{"X-DashScope-Async": "enable"}}).json()["output"]
            told = [client.get(NOWHERE + "/tasks/" + task["task_id"]).json()["output"] for _ in range({polls})]
        assert task["task_status"] == "PENDING"
        assert [output["task_status"] for output in told] == EXPECTED
    """
    one_by_one = ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED", *["SUCCEEDED"] * 36]
    expected = one_by_one[:polls] if replay == "polls" else ["SUCCEEDED"] * polls

    run(f"    EXPECTED = {expected}\n{source}").assert_outcomes(passed=1)


def test_fifty_tasks_at_once_each_get_their_own_answer(run: Run) -> None:
    source = """
    import asyncio

    async def make(base, client, n):
        body = {"model": "wan2.6-t2v", "input": {"prompt": f"cat {n}"}}
        path = "/services/aigc/video-generation/video-synthesis"
        task = (await client.post(base + path, json=body, headers={"X-DashScope-Async": "enable"})).json()["output"]
        await asyncio.sleep(0)
        return (await client.get(base + "/tasks/" + task["task_id"])).json()["output"]["orig_prompt"]

    @pytest.mark.fakescope_cassette
    def test_films():
        async def all_of(numbers):
            key = {"Authorization": "Bearer sk-fake-50"}
            async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60, headers=key) as client:
                return await asyncio.gather(*(make(WHERE, client, n) for n in numbers))
        numbers = [n * 17 % 50 for n in range(50)] if WHERE == NOWHERE else list(range(50))
        assert asyncio.run(all_of(numbers)) == [f"cat {n}" for n in numbers]
    """
    run(f"    WHERE = BASE\n{source}", RECORD).assert_outcomes(passed=1)

    run(f"    WHERE = NOWHERE\n{source}", "--fakescope-unused=error").assert_outcomes(passed=1)


def test_requests_of_fixtures_are_in_the_cassette(run_recorded: Run) -> None:
    source = """
    @pytest.fixture
    def cat():
        return film(NOWHERE)

    @pytest.mark.fakescope_cassette("test_film.yaml")
    def test_cat(cat, fakescope_cassette):
        assert cat["task_status"] == "SUCCEEDED"
    """
    run_recorded(source).assert_outcomes(passed=1)


def test_mark_works_on_methods_of_unittest_and_on_coroutines(run_recorded: Run) -> None:
    source = """
    import unittest
    pytestmark = pytest.mark.fakescope_cassette("test_film.yaml")

    class TestCat(unittest.TestCase):
        def test_cat(self):
            assert film(NOWHERE)["task_status"] == "SUCCEEDED"

    @pytest.mark.anyio
    async def test_cat():
        assert film(NOWHERE)["task_status"] == "SUCCEEDED"
    """
    run_recorded(source, "-p", "anyio.pytest_plugin", "-k", "not trio").assert_outcomes(passed=2)


def test_test_without_mark_reaches_its_server(run: Run) -> None:
    source = """
    def test_film():
        assert film(BASE)["task_status"] == "SUCCEEDED"
    """
    run(source).assert_outcomes(passed=1)


TWO = """
    @pytest.mark.fakescope_cassette("test_film.yaml")
    def test_films():
        assert [film({where}, prompt)["orig_prompt"] for prompt in {prompts}] == {prompts}
"""


def test_new_episodes_adds_what_was_not_recorded(run_recorded: Run) -> None:
    run_recorded(TWO.format(where="BASE", prompts=["a cat", "a dog"]), "--fakescope-record-mode=new_episodes")

    replayed = run_recorded(TWO.format(where="NOWHERE", prompts=["a dog", "a cat"]), "--fakescope-unused=error")

    replayed.assert_outcomes(passed=1)


@pytest.mark.parametrize(("mode", "left"), [("all", ["a cat", "a dog"]), ("rewrite", ["a dog"])])
def test_all_keeps_what_was_not_made_again_and_rewrite_does_not(run_recorded: Run, mode: str, left: list[str]) -> None:
    for _ in range(2):  # the second time the dog takes the place of the first one
        run_recorded(TWO.format(where="BASE", prompts=["a dog"]), f"--fakescope-record-mode={mode}")

    replayed = run_recorded(TWO.format(where="NOWHERE", prompts=left), "--fakescope-unused=error")

    replayed.assert_outcomes(passed=1)


# -- what is reported


def test_unanswered_request_shows_the_nearest_recording_and_the_difference(run_recorded: Run) -> None:
    result = run_recorded(TWO.format(where="NOWHERE", prompts=["a dog"]))

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *NoRecordingError: No recording answers POST *",
            "*- fakescope cassette -*",
            "*input.prompt: recorded 'a cat', sent 'a dog'",
        ]
    )


def test_swallowed_miss_is_in_the_report(run_recorded: Run) -> None:
    source = """
    @pytest.mark.fakescope_cassette("test_film.yaml")
    def test_film():
        try:
            film(NOWHERE, "a dog")
        except Exception:
            pass
        assert False
    """
    result = run_recorded(source)

    result.stdout.fnmatch_lines(["*- fakescope cassette -*", "*input.prompt: recorded 'a cat', sent 'a dog'"])


def test_report_has_its_lines_where_the_terminal_cannot_show_a_letter(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, run_recorded: Run
) -> None:
    source = """
    @pytest.mark.fakescope_cassette("test_film.yaml")
    def test_film():
        film(NOWHERE, "船")
    """
    run_recorded(source)
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")

    result = pytester.runpytest_subprocess("-p", "fakescope.pytest_plugin")

    result.stdout.fnmatch_lines(["*- fakescope cassette -*", "The nearest is *", "  input.prompt: *, sent '?u8239'"])


NOTHING = """
    @pytest.mark.fakescope_cassette("test_film.yaml")
    def test_nothing():
        assert {passes}
"""


def test_unused_recordings_are_a_warning(run_recorded: Run) -> None:
    result = run_recorded(NOTHING.format(passes=True), "-W", "default")

    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        ["*UnusedRecordingWarning: *nothing asked for*", "*exchange 1: POST *wan2.6-t2v*a cat*"]
    )


def test_unused_recordings_are_an_error_if_asked(run_recorded: Run) -> None:
    result = run_recorded(NOTHING.format(passes=True), "--fakescope-unused=error")

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*test_film.yaml: nothing asked for*"])


def test_unused_recordings_of_a_test_that_failed_are_not_reported(run_recorded: Run) -> None:
    run_recorded(NOTHING.format(passes=False), "--fakescope-unused=error").assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("@pytest.mark.fakescope_cassette(speeed=2)", "*'speeed' is no option of a cassette; did you mean 'speed'?*"),
        ('@pytest.mark.fakescope_cassette(record_mode="always")', "*record_mode is 'always'; it can be none, once, *"),
        ('@pytest.mark.fakescope_cassette("a.yaml", "b.yaml")', "*takes one file name*"),
        ("@pytest.mark.fakescope_cassette(cassette_dir=3)", "*cassette_dir is 3; it can be a path*"),
        ("@pytest.mark.fakescope_cassette('n' * 300)", "*cannot be used: File name too long*"),
        ("@pytest.mark.fakescope_cassette(speed=-1)", "*speed is -1; it can be a number from 0 to 1000000, or 'max'*"),
        ("@pytest.mark.fakescope_cassette(ignore_hosts='a')", "*ignore_hosts is 'a'; it can be a list of host names*"),
        ('@pytest.mark.fakescope_cassette(unused="ignore")', "*unused is 'ignore'; it can be error, warn*"),
        ('@pytest.mark.fakescope_cassette("broken.yaml")', "*broken.yaml*not a cassette*"),
    ],
)
def test_what_cannot_be_is_one_line(run: Run, pytester: pytest.Pytester, source: str, message: str) -> None:
    broken = pytester.path / "cassettes" / "test_films" / "broken.yaml"
    broken.parent.mkdir(parents=True)
    broken.write_text("- nothing\n")

    result = run(f"    {source}\n    def test_film():\n        pass\n")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*During handling of the above exception*")


def test_flag_takes_the_modes_that_there_are(run: Run) -> None:
    result = run(ONE.format(where="BASE"), "--fakescope-record-mode=always")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*invalid choice: 'always' (choose from {', '.join(map(repr, MODES))})"])


# -- where cassettes lie, and who decides


def test_cassettes_lie_beside_the_test_by_module_class_and_name(run: Run, pytester: pytest.Pytester) -> None:
    source = """
    class TestOf:
        @pytest.mark.fakescope_cassette
        def test_film(self):
            film(BASE)

    @pytest.mark.fakescope_cassette
    @pytest.mark.parametrize("what", ["a/b", "a:b"])
    def test_each(what):
        film(BASE)

    @pytest.mark.fakescope_cassette("named.yaml")
    def test_named():
        film(BASE)

    @pytest.mark.fakescope_cassette("other.yaml", cassette_dir="elsewhere")
    def test_other():
        film(BASE)
    """
    run(source, RECORD).assert_outcomes(passed=5)

    files = sorted(str(path.relative_to(pytester.path)) for path in pytester.path.rglob("*.yaml"))
    folder = "cassettes/test_films"
    assert [name for name in files if "test_each" not in name] == [
        f"{folder}/TestOf.test_film.yaml",
        f"{folder}/named.yaml",
        "elsewhere/other.yaml",
    ]
    assert len([name for name in files if name.startswith(f"{folder}/test_each[a-b]-")]) == 2


def test_near_marks_win_over_far_ones_and_these_over_the_fixture(run_recorded: Run) -> None:
    source = """
    pytestmark = pytest.mark.fakescope_cassette("test_film.yaml", replay="polls", unused="error")

    @pytest.fixture
    def fakescope_config():
        return {"replay": "time", "speed": 0, "media": "drop"}

    @pytest.mark.fakescope_cassette(replay="time")
    def test_film(fakescope_cassette):
        assert film(NOWHERE)["task_status"] == "PENDING"
        assert fakescope_cassette.options == ("none", 0.0, "time", "drop", ())
    """
    run_recorded(source).assert_outcomes(passed=1)


def test_command_line_wins_over_marks(run: Run) -> None:
    source = """
    @pytest.mark.fakescope_cassette(record_mode="rewrite")
    def test_film():
        film(BASE)
    """
    run(source, "--fakescope-record-mode=none").assert_outcomes(failed=1)
    run(source).assert_outcomes(passed=1)


def test_options_do_not_clash_with_those_of_pytest_recording(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        def pytest_addoption(parser):
            for name in ("--record-mode", "--block-network", "--allowed-hosts", "--disable-recording", "--vcr-record"):
                parser.addoption(name)
        """
    )
    run("    def test_nothing():\n        pass\n").assert_outcomes(passed=1)


# -- side by side


def test_workers_of_xdist_record_beside_each_other(run: Run) -> None:
    source = """
    @pytest.mark.fakescope_cassette
    @pytest.mark.parametrize("n", range(6))
    def test_film(n):
        film(BASE, f"cat {n}")
    """
    workers = ("-p", "fakescope.pytest_plugin", "-p", "xdist.plugin", "-n", "2")
    run(source, RECORD, *workers).assert_outcomes(passed=6)

    run(source.replace("BASE", "NOWHERE"), "--fakescope-unused=error").assert_outcomes(passed=6)


def test_plugin_loads_nothing_but_itself() -> None:
    program = "import sys, pytest; old = {*sys.modules}; import fakescope.pytest_plugin; print(*{*sys.modules} - old)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert set(loaded.split()) <= {"fakescope", "fakescope._version", "fakescope.errors", "fakescope.pytest_plugin"}


def test_run_without_a_mark_loads_no_client(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        test_nothing="""
        import sys

        def test_nothing():
            assert not {"vcr", "yaml", "httpx", "starlette", "fakescope.recording.session"} & sys.modules.keys()
        """
    )
    result = pytester.runpytest_subprocess("-p", "fakescope.pytest_plugin")
    result.assert_outcomes(passed=1)


def test_entry_point_is_declared() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"]["fakescope"] == "fakescope.pytest_plugin"
