"""`fakescope contract`: what it says, what it writes, how it ends; and the same as a run of pytest."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from fakescope.cli import main
from fakescope_contracts.asgi import AsgiTarget
from fakescope_contracts.target import NoAnswerError, Request, Response

WRONG = """
from fakescope import Settings, create_app

right = create_app(Settings(seed=1))

async def app(scope, receive, send):
    async def changed(message):
        if message["type"] == "http.response.start" and scope["path"].startswith("/api/v1/tasks/0"):
            message["status"] = 404
        await send(message)
    await right(scope, receive, changed)

not_there = 5

def factory():
    return right

class Application:
    def __init__(self, scope): ...

def fails():
    raise RuntimeError("no database\\nhere")

def makes_text():
    return "text"
"""
SOME = ["--models", "wan2.2-t2v-plus", "--max-examples", "5", "--seed", "7"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tests"  # so named, Hypothesis draws no constants from its modules (see tests/conftest.py)
    folder.mkdir()
    (folder / "wrongly.py").write_text(WRONG, "utf-8")
    (folder / "halfway.py").write_text("app = (", "utf-8")
    (folder / "taken" / "contracts.html").mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "wrongly", raising=False)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command; exit status, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["contract", *arguments])
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return run


def test_a_server_that_keeps_all_is_status_0_and_the_seed_is_shown(run: Any) -> None:
    status, out, err = run("--app", "wrongly:factory", *SOME)

    assert (status, err) == (0, "")
    assert "seed 7" in out.splitlines()[0]
    assert re.search(r"^kept +queries\.unknown-id +seen +\d+ examples", out, re.MULTILINE)
    assert re.search(r"^kept +submissions\.accepted .* 1 of 1 model: wan2.2-t2v-plus$", out, re.MULTILINE)
    assert re.search(
        r"^\d+ contracts: \d+ kept, 0 broken, \d+ skipped; \d+ examples in [\d.]+ s, seed 7$", out, re.MULTILINE
    )


def test_a_broken_promise_is_status_1_with_both_reproducers(run: Any) -> None:
    status, out, _ = run("--app", "wrongly:app", *SOME, "--only", "queries.unknown-id")

    assert status == 1
    assert re.search(r"^BROKEN +queries\.unknown-id", out, re.MULTILINE)
    assert "promised: A query for an id that is not there is 200 UNKNOWN" in out
    assert "but: HTTP 404" in out
    assert 'curl -sSgi --path-as-is -X GET "$CONTRACT_URL"/api/v1/tasks/0' in out
    assert "def test_queries_unknown_id() -> None:" in out
    assert "\x1b" not in out + _
    assert "\r" not in out + _


def test_on_a_terminal_one_line_says_where_the_run_is(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    status, out, err = run("--app", "fakescope:create_app", *SOME, "--only", "paths", "--report", "json")

    assert status == 0
    assert "paths.unknown" in err
    assert "writing reports: 0 verdicts" in err
    assert "\n" not in err
    assert err.split("\r")[-2].isspace()  # nothing of it is left
    assert "\r" not in out


def test_what_is_skipped_is_told_with_the_reason_and_nothing_but_that_is_no_success(run: Any) -> None:
    status, out, err = run("--app", "wrongly:factory", *SOME, "--only", "submissions.at-once", "--basis", "documented")

    assert status == 2
    assert re.search(r"^skipped +submissions\.at-once", out, re.MULTILINE)
    assert "1 model: it has no second endpoint" in out
    assert err == "fakescope: nothing was checked: every contract was skipped, for the reasons above\n"


def test_of_several_models_those_with_the_verdict_are_named(run: Any) -> None:
    models = ["--models", "wan2.2-t2v-plus,emo-detect-v1", "--max-examples", "2", "--seed", "7"]
    _, out, _ = run("--app", "fakescope:create_app", *models, "--only", "submissions.answer")

    assert re.search(r"^kept +submissions\.answer .* 1 of 2 models: wan2\.2-t2v-plus$", out, re.MULTILINE)
    assert "1 model: it answers at once" in out


def test_only_what_is_known_in_some_way_is_judged(run: Any) -> None:
    _, out, _ = run("--app", "fakescope:create_app", *SOME, "--only", "bodies", "--basis", "seen,documented")

    assert re.search(r"^skipped +bodies\.no-object +inferred", out, re.MULTILINE)
    assert re.search(r"^kept +bodies\.malformed +documented", out, re.MULTILINE)


def test_the_last_line_counts_contracts_as_the_lines_above_it(run: Any) -> None:
    models = ["--models", "wan2.2-t2v-plus,emo-detect-v1", "--max-examples", "2", "--seed", "7", "--report", "json"]
    _, out, _ = run("--app", "wrongly:factory", *models, "--only", "submissions.answer,submissions.mode,paths.unknown")

    words = re.findall(r"^(kept|skipped|BROKEN|ERROR) ", out, re.MULTILINE)
    told = f"{len(words)} contracts: {words.count('kept')} kept, 0 broken; "
    assert out.splitlines()[-1].startswith(told)
    report = json.loads(Path("contracts.json").read_text("utf-8"))
    assert report["contracts"]["kept"] == words.count("kept")
    assert sum(report["counts"].values()) == len(report["verdicts"]) > len(words)


def test_all_of_the_time_is_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 100_000, 100))
    monkeypatch.setattr("fakescope_contracts.telling.perf_counter", lambda: next(now))

    _, out, _ = run("--app", "wrongly:app", *SOME, "--only", "queries.unknown-id", "--report", "json")

    assert " examples in 200.0 s, seed 7" in out.splitlines()[-1]  # after the reports, too
    assert json.loads(Path("contracts.json").read_text("utf-8"))["seconds"] == 100


def test_nothing_is_left_in_the_working_directory(here: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1"}
    before = sorted(here.iterdir())
    only = ["--app", "wrongly:factory", *SOME, "--only", "submissions.unicode"]
    command = [sys.executable, "-m", "fakescope", "contract", *only]
    done = subprocess.run(command, cwd=here, env=environ, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(here.iterdir()) == before


def test_the_contracts_are_listed_without_a_target(run: Any) -> None:
    status, out, _ = run("--list", "--only", "queries")

    assert status == 0
    assert [line.split()[0].partition(".")[0] for line in out.splitlines()] == ["queries"] * len(out.splitlines())
    assert len(out.splitlines()) >= 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give --url http://…, --app module:name, --cassettes DIR or --region of the vendor, one of them"),
        (["--url", "http://127.0.0.1:1", "--app", "x:y"], "one of them"),
        (["--url", "nowhere"], "'nowhere' is not an address; give one such as http://127.0.0.1:8900"),
        (["--app", "no_such_module:app"], "--app 'no_such_module:app' is not there"),
        (["--app", "wrongly:nothing"], "--app 'wrongly:nothing' is not there"),
        (["--app", "wrongly"], "--app 'wrongly' is not there: give MODULE:NAME, such as myfake:app"),
        (["--app", "wrongly:fails"], "--app 'wrongly:fails' fails when it is called: RuntimeError: no database here"),
        (["--app", "wrongly:makes_text"], "--app 'wrongly:makes_text' makes 'text', which is no application"),
        (["--app", "halfway:app"], "--app 'halfway:app' cannot be loaded: SyntaxError: '(' was never closed"),
        (["--url", "http://[::1"], "'http://[::1' is not an address; give one such as http://127.0.0.1:8900"),
        (["--url", "http://here:99999"], "'http://here:99999' is not an address"),
        (["--url", "http://here/?key=1"], "'http://here/?key=1' is not an address"),
        (["--app", "wrongly:right", "--key", "sk-\n"], "the key of account a is none: letters, digits and marks"),
        (["--url", "http://127.0.0.1:9", "--key", "sk-字"], "the key of account a is none"),
        (
            ["--app", "wrongly:right", "--report", "json", "--report-dir", "/proc/no"],
            "--report-dir: '/proc/no' cannot be written: ",
        ),
        (
            ["--app", "wrongly:right", "--report", "json,html", "--report-dir", "taken"],
            "--report-dir: 'taken/contracts.html' cannot be written: Is a directory; give a folder that can",
        ),
        (["--app", "wrongly:right", "--models", ""], "--models '' names nothing; leave it out, or give words"),
        (["--app", "wrongly:right", "--only", ","], "--only ',' names nothing"),
        (["--region", "mars"], "'mars' is not a region; one of beijing, singapore, virginia"),
        (["--app", "wrongly:not_there"], "--app names 5, which is no application"),
        (["--app", "wrongly:app", "--models", "sora"], "'sora' is not a known model; `fakescope models` lists them"),
        (
            ["--app", "wrongly:app", "--only", "x"],
            "no contract is called 'x'; `fakescope contract --list` has them all",
        ),
        (["--app", "wrongly:app", "--report", "pdf"], "--report 'pdf' is not one of junit, html, json"),
        (["--app", "wrongly:app", "--basis", "guessed"], "--basis 'guessed' is not one of seen, documented, inferred"),
        (["--app", "wrongly:app", "--can", "fly"], "--can 'fly' is not one of clock"),
        (["--app", "wrongly:app", "--max-examples", "0"], "--max-examples"),
        (["--app", "wrongly:app", "--seed", "x"], "--seed"),
    ],
)
def test_wrong_use_is_status_2_and_one_line(arguments: list[str], said: str, run: Any) -> None:
    status, out, err = run(*arguments)

    assert (status, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_server_that_does_not_answer_is_status_3_and_one_line(run: Any) -> None:
    status, out, err = run("--url", "http://127.0.0.1:9")

    assert (status, out) == (3, "")
    assert "no answer: GET http://127.0.0.1:9/_fakescope/health" in err
    assert len(err.splitlines()) == 1


def test_a_password_in_an_address_is_refused_and_not_shown(run: Any) -> None:
    status, out, err = run("--url", "http://me:secret@127.0.0.1:9")

    assert (status, out) == (2, "")
    assert "an address with a user and a password in it is not taken" in err
    assert "secret" not in err


def test_a_running_server_is_judged_by_its_address(run: Any, start_server: Any) -> None:
    status, out, _ = run("--url", start_server("--seed", "1").base, *SOME, "--only", "answers,paths")

    assert status == 0
    assert out.count("kept ") >= 8


def test_without_hypothesis_one_line_says_what_to_install(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("fakescope_contracts.r")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "hypothesis"]:
        monkeypatch.setitem(sys.modules, name, None)

    status, out, err = run("--app", "fakescope:create_app")

    assert (status, out) == (3, "")
    assert "pip install 'fakescope[contracts]'" in err
    assert len(err.splitlines()) == 1


# -- reports


@pytest.fixture
def reports(run: Any, here: Path) -> Path:
    wrong = ["--app", "wrongly:app", *SOME, "--only", "queries.unknown-id,queries.list,submissions.at-once"]
    status, out, _ = run(*wrong, "--report", "junit,html,json", "--report-dir", "deep/er")
    assert status == 1
    assert "html: deep/er/contracts.html" in out
    return here / "deep" / "er"


def test_the_json_report_has_every_verdict(reports: Path) -> None:
    report = json.loads((reports / "contracts.json").read_text("utf-8"))

    by_id = {row["contract"]: row for row in report["verdicts"]}
    assert report["seed"] == 7
    assert report["counts"] == {"kept": len(by_id) - 2, "broken": 1, "error": 0, "skipped": 1}
    assert by_id["submissions.at-once"]["said"] == "it has no second endpoint"
    broken = by_id["queries.unknown-id"]
    assert (broken["verdict"], broken["basis"], broken["model"]) == ("broken", "seen", None)
    assert broken["claim"] == "r1.status_code == 200"
    assert broken["curl"].startswith("#!/bin/sh\n")
    compile(broken["pytest"], "reproducer", "exec")


def test_the_junit_report_counts_what_it_has(reports: Path) -> None:
    root = ElementTree.parse(reports / "contracts.xml").getroot()

    (suite,) = root
    cases = suite.findall("testcase")
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    assert suite.get("tests") == str(len(cases))
    for word, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert suite.get(word) == str(len(suite.findall(f"testcase/{tag}")))
    (failure,) = suite.findall("testcase/failure")
    assert "HTTP 404" in str(failure.get("message"))
    assert "def test_queries_unknown_id" in str(failure.text)
    assert {case.get("name") for case in cases if case.get("classname") == "submissions.at-once"} == {"wan2.2-t2v-plus"}
    assert all(float(str(case.get("time"))) >= 0 for case in cases)


def test_the_html_report_is_one_file_that_loads_nothing(reports: Path) -> None:
    page = (reports / "contracts.html").read_text("utf-8")
    found: list[tuple[str, str | None]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend((tag, value) for name, value in attrs if name in ("src", "href"))
            assert tag not in ("script", "link", "img", "iframe")

    Reader().feed(page)
    assert found == []
    assert "1 broken, 1 skipped" in page
    assert "def test_queries_unknown_id" in page


def test_a_report_that_cannot_be_written_is_named_and_the_summary_is_told(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    status, out, err = run("--app", "wrongly:factory", *SOME, "--only", "paths.unknown", "--report", "json")

    assert (status, err) == (3, "fakescope: contracts.json is not written: No space left on device\n")
    assert out.splitlines()[-1].startswith("1 contract: 1 kept, 0 broken; ")


HOSTILE = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'\\x00\\x1b[31m<script>alert(1)</script>]]>\\xff'})
"""


def test_what_a_hostile_server_says_is_shown_as_text(run: Any, here: Path) -> None:
    (here / "hostile.py").write_text(HOSTILE, "utf-8")

    status, out, _ = run("--app", "hostile:app", *SOME, "--only", "answers,queries", "--report", "junit,html,json")

    assert status == 1
    assert "\x1b" not in out
    assert "\x00" not in out
    assert "<script>" not in (here / "contracts.html").read_text("utf-8")
    ElementTree.parse(here / "contracts.xml")
    json.loads((here / "contracts.json").read_text("utf-8"))


# -- a run that does not come to its end


CUT = [*SOME, "--only", "paths.unknown,methods.wrong,keys.missing", "--report", "junit,html,json"]


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Whoever sends what only `methods.wrong` sends, the second of three, comes to this end."""
    really = AsgiTarget._exchange

    def ending(error: BaseException) -> None:
        def exchange(target: AsgiTarget, request: Request) -> Response:
            if request.method in ("PUT", "PATCH", "DELETE") and request.path.startswith("/api/v1"):
                raise error
            return really(target, request)

        monkeypatch.setattr(AsgiTarget, "_exchange", exchange)

    return ending


def assert_reports_say(here: Path, ended: str) -> None:
    report = json.loads((here / "contracts.json").read_text("utf-8"))
    assert (report["ended"], report["counts"]["kept"]) == (ended, 1)
    root = ElementTree.parse(here / "contracts.xml").getroot()
    assert (root.get("tests"), root.get("errors")) == ("2", "1")
    assert [str(error.get("message")) for error in root.iter("error")] == [ended]
    assert ended in (here / "contracts.html").read_text("utf-8")


def test_what_is_interrupted_says_so_in_every_report(run: Any, here: Path, ending: Any) -> None:
    ending(KeyboardInterrupt())

    status, out, err = run("--app", "fakescope:create_app", *CUT)

    assert (status, err) == (130, "")
    assert re.search(r"^1 contract: 1 kept, 0 broken; .*, seed 7; interrupted, 2 not tried$", out, re.MULTILINE)
    assert_reports_say(here, "interrupted, 2 not tried")


def test_a_server_that_is_lost_on_the_way_is_status_3_and_what_was_found_is_kept(
    run: Any, here: Path, ending: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending(NoAnswerError("gone"))
    monkeypatch.setattr("fakescope_contracts.runner.must_answer", lambda target: target.send(Request("PUT", "/api/v1")))

    status, out, err = run("--app", "fakescope:create_app", *CUT)

    assert (status, err) == (3, "fakescope: no answer: gone\n")
    assert "the target does not answer any more, 2 not tried" in out
    assert_reports_say(here, "the target does not answer any more, 2 not tried")


# -- as tests


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the contracts as tests, in a process and a folder of their own."""
    command = [sys.executable, "-m", "pytest", "-p", "fakescope_contracts.plugin", "-p", "no:cacheprovider", "-rs"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [*command, "--pyargs", "fakescope_contracts", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environ,
    )


def test_the_contracts_run_as_tests(here: Path, start_server: Any) -> None:
    url = start_server("--seed", "1").origin
    only = ["--fakescope-only", "queries.unknown-id,submissions.at-once", "--fakescope-max-examples", "3"]

    done = run_pytest(here, "--fakescope-url", url, "--fakescope-models", "wan2.2-t2v-plus", *only)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"fakescope contracts: {url}, seed 0" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout
    assert "it has no second endpoint" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give --fakescope-url http://127.0.0.1:8900, the server that is to be judged"),
        (["--fakescope-url", "nowhere"], "--fakescope-url: 'nowhere' is not an address"),
        (["--fakescope-url", "http://127.0.0.1:9"], "Connection refused"),
        (["--fakescope-url", "http://127.0.0.1:9", "--fakescope-max-examples", "0"], "max-examples is at least 1"),
        (["--fakescope-url", "http://127.0.0.1:9", "--fakescope-can", "fly"], "'fly' is not one of clock"),
    ],
)
def test_a_run_of_tests_that_cannot_be_says_why(arguments: list[str], said: str, here: Path) -> None:
    done = run_pytest(here, *arguments)

    assert done.returncode == 2
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
