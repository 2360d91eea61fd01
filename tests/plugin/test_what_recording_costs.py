"""Who records in tests pays, too: what has a budget, what needs none, and that what was paid for is not lost."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import fakescope.pytest_plugin
from fakescope import use_cassette
from fakescope.recording import secrets
from fakescope.recording.budget import FREE, NotSentError, estimate_anywhere
from fakescope.recording.exchange import Request
from fakescope.recording.files import load

pytest_plugins = ("pytester",)

VENDOR = """
    import socket

    theirs = socket.getaddrinfo
    def here(host, *rest, **kwargs):
        return theirs("127.0.0.1" if host == "dashscope.aliyuncs.com" else host, *rest, **kwargs)
    socket.getaddrinfo = here
"""
FILM = """
    import httpx
    import pytest

    def film(base, **body):
        with httpx.Client(trust_env=False, verify=False, headers={{"Authorization": "Bearer sk-fake-run"}}) as client:
            body = {{"model": "wan2.6-t2v", "input": {{"prompt": "a cat"}}, "parameters": {{"duration": 5}}}} | body
            task = client.post(base + "{submit}", json=body, headers={{"X-DashScope-Async": "enable"}}).json()
            return client.get(base + "/tasks/" + task["output"]["task_id"]).json()["output"]

    LOCAL = {local!r}
    VENDOR = {vendor!r}
"""  # 5 CNY in Beijing
TWO = """
    @pytest.mark.fakescope_cassette
    @pytest.mark.parametrize("n", [1, 2])
    def test_film(n):
        assert film(VENDOR)["task_status"] == "SUCCEEDED"
"""
RECORD = "--fakescope-record-mode=once"
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, base: str, submit_path: str) -> Run:
    """`run(source, *flags)`, where the vendor's host leads to the simulator; LOCAL is the simulator by its address."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr("socket.getaddrinfo", __import__("socket").getaddrinfo)  # to be put back
    pytester.makeconftest(dedent(VENDOR))
    start = dedent(FILM).format(
        submit=submit_path, local=base, vendor=base.replace("127.0.0.1", "dashscope.aliyuncs.com")
    )

    def run(source: str, *flags: str) -> pytest.RunResult:
        pytester.makepyfile(test_films=start + dedent(source))
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *flags, plugins=[fakescope.pytest_plugin])

    return run


# -- money


def test_without_a_budget_nothing_that_costs_is_sent(run: Run, pytester: pytest.Pytester) -> None:
    result = run(TWO, RECORD)

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*NotSentError: not sent: it costs money at the service; say how much * with --fakescope-budget CNY"]
    )
    assert list(pytester.path.rglob("*.yaml")) == []


def test_one_budget_counts_over_all_tests_of_a_run(run: Run, pytester: pytest.Pytester) -> None:
    result = run(TWO, RECORD, "--fakescope-budget=7")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*not sent: it may cost 5.00 CNY and 2.00 CNY of 7 are left; start with a larger --fakescope-budget",
            "fakescope: at most 5.00 of 7 CNY were spent",
        ]
    )
    assert [path.name for path in pytester.path.rglob("*.yaml")] == ["test_film[1].yaml"]


def test_budget_stands_in_the_configuration_and_the_flag_wins(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nfakescope_budget = 10\n")

    run(TWO, RECORD).assert_outcomes(passed=2)
    run(TWO, "--fakescope-record-mode=rewrite", "--fakescope-budget=5").assert_outcomes(passed=1, failed=1)


def test_money_comes_back_for_a_task_that_failed(run: Run) -> None:
    source = """
    @pytest.mark.fakescope_cassette
    def test_films():
        failing = {"prompt": "[fakescope:fail=InternalError] a cat"}
        assert film(VENDOR, input=failing)["task_status"] == "FAILED"
        assert film(VENDOR)["task_status"] == "SUCCEEDED"
    """
    result = run(source, RECORD, "--fakescope-budget=5")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["fakescope: at most 5.00 of 5 CNY were spent"])


def test_what_has_no_price_is_sent_only_if_allowed(run: Run) -> None:
    source = """
    @pytest.mark.fakescope_cassette
    def test_film():
        assert film(VENDOR, parameters={"duration": 5, "size": "1*1"})["task_status"] == "FAILED"
    """
    refused = run(source, RECORD, "--fakescope-budget=5")
    allowed = run(source, RECORD, "--fakescope-budget=5", "--fakescope-allow-unpriced")

    refused.stdout.fnmatch_lines(["*it could cost anything (a field is wrong*); --fakescope-allow-unpriced sends it *"])
    allowed.assert_outcomes(passed=1)
    allowed.stdout.fnmatch_lines(["*at most 0 of 5 CNY were spent, and 1 submission without a known price"])


def test_submission_that_was_held_back_fails_a_test_that_swallowed_it(run: Run) -> None:
    source = """
    @pytest.mark.fakescope_cassette
    def test_film():
        with pytest.raises(Exception):
            film(VENDOR)
    """
    result = run(source, RECORD)

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["not sent: it costs money at the service; *"])


@pytest.mark.parametrize("given", ["five", "-1", "nan", ""])
def test_budget_that_is_no_amount_is_wrong_use_of_the_whole_run(run: Run, given: str) -> None:
    """Also where nothing costs anything: nobody should find out at the vendor."""
    result = run("def test_nothing(): pass", f"--fakescope-budget={given}")

    allowed = "an amount in CNY from 0 to 1000000, such as 5 or 2.50"
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.lines[0] == f"ERROR: a budget is {allowed}; got '{given}'"


def test_workers_of_xdist_do_not_each_spend_the_budget(run: Run) -> None:
    workers = ("-p", "fakescope.pytest_plugin", "-p", "xdist.plugin", "-n", "2")

    result = run(TWO, RECORD, "--fakescope-budget=100", *workers)

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*not sent: workers of pytest-xdist cannot share --fakescope-budget; record with -n 0"]
    )


def test_neither_replay_nor_this_machine_needs_a_budget(run: Run) -> None:
    run(TWO.replace("VENDOR", "LOCAL"), RECORD).assert_outcomes(passed=2)

    run(TWO).assert_outcomes(passed=2)


T2V = "/api/v1/services/aigc/video-generation/video-synthesis"


@pytest.mark.parametrize(
    ("method", "url", "is_free"),
    [
        ("POST", f"https://dashscope.aliyuncs.com{T2V}", False),
        ("POST", f"https://dashscope-intl.aliyuncs.com{T2V}", False),
        ("POST", f"https://llm-x.cn-beijing.maas.aliyuncs.com{T2V}", False),
        ("POST", "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions", False),
        ("POST", f"https://gateway.example.com/models{T2V}", False),
        ("POST", f"http://192.168.0.7:8900{T2V}", False),  # whatever stands there
        ("GET", "https://dashscope.aliyuncs.com/api/v1/tasks/1f", True),
        ("POST", "https://dashscope.aliyuncs.com/api/v1/tasks/1f/cancel", True),
        ("POST", "https://dashscope-instant.oss-cn-beijing.aliyuncs.com/", True),  # an upload
        ("POST", "https://hooks.example.com/services/T0/B0", True),
        ("POST", f"http://127.0.0.1:8900{T2V}", True),
        ("POST", f"http://localhost:8900{T2V}", True),
        ("POST", f"http://[::1]:8900{T2V}", True),
        ("POST", f"http://localhost.example.com{T2V}", False),
    ],
)
def test_what_costs_is_a_submission_to_the_service_or_a_gateway(method: str, url: str, is_free: bool) -> None:
    body = b'{"model": "wan2.6-t2v", "input": {"prompt": "x"}, "parameters": {"duration": 5}}'

    estimate = estimate_anywhere(Request(method, url, (("X-DashScope-Async", "enable"),), body))

    assert (estimate is FREE) is is_free


@pytest.mark.parametrize("prefix", ["", "/models", "/a/b"])
def test_gateways_may_have_paths_of_their_own(prefix: str) -> None:
    """wan2.6-t2v: 1 CNY a second at 1080P in Beijing, and nowhere less where the region is not known."""
    body = b'{"model": "wan2.6-t2v", "input": {"prompt": "x"}, "parameters": {"duration": 5, "size": "1920*1080"}}'
    url = f"https://gateway.example.com{prefix}{T2V}"

    cny = estimate_anywhere(Request("POST", url, (("X-DashScope-Async", "enable"),), body)).cny

    assert cny is not None
    assert cny >= 5


def test_cassette_without_pytest_has_a_budget_of_its_own(
    tmp_path: Path, base: str, submit_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    import httpx

    theirs = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **more: theirs("127.0.0.1", *rest, **more))
    url = base.replace("127.0.0.1", "dashscope.aliyuncs.com") + submit_path
    film = {"model": "wan2.6-t2v", "input": {"prompt": "a cat"}, "parameters": {"duration": 5}}
    headers = {"Authorization": "Bearer sk-fake-own", "X-DashScope-Async": "enable"}

    def send() -> int:
        return httpx.post(url, json=film, headers=headers, trust_env=False, verify=False).status_code

    with use_cassette(tmp_path / "a.yaml", record_mode="once"), pytest.raises(NotSentError, match="budget=CNY"):
        send()
    with use_cassette(tmp_path / "b.yaml", record_mode="once", budget="7"):
        assert send() == 200
        with pytest.raises(NotSentError, match=r"2\.00 CNY of 7 are left; start with a larger budget="):
            send()


def test_each_submission_of_each_client_is_counted_once(
    make_film: Callable[[str, str, str], Any], base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5 s of wan2.6-t2v cost 5 CNY in Beijing and less than 9 anywhere: the budget is for one."""
    monkeypatch.setattr("fakescope.recording.budget._is_this_machine", lambda _host: False)

    with use_cassette(tmp_path / "one.yaml", record_mode="once", budget=9) as session:
        made = make_film(base, "sk-fake-counted", "a cat")
        with pytest.raises(Exception, match=r"not sent|are left"):
            make_film(base, "sk-fake-counted", "a dog")

    assert made.status == "SUCCEEDED"
    assert {type(error) for error in session.held_back} == {NotSentError}
    assert b"a dog" not in (tmp_path / "one.yaml").read_bytes()


# -- what was paid for


def test_exchange_that_must_not_be_written_does_not_lose_the_others(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(content: bytes) -> list[secrets.Finding]:
        lines = content.split(b"\n")
        return [
            secrets.Finding("trap", n, "a trap", "Open it") for n, line in enumerate(lines, 1) if b"tripwire" in line
        ]

    monkeypatch.setattr(secrets, "find", find)
    source = """
    @pytest.mark.fakescope_cassette
    def test_film():
        film(LOCAL)
        httpx.get(LOCAL + "/tasks?model_name=tripwire", trust_env=False, verify=False)
    """
    result = run(source, RECORD)

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["1 of 3 exchanges left out: *interaction 3 still has what looks like a trap*"])
    [path] = pytester.path.rglob("test_film.yaml")
    assert [each.request.method for each in load(path).exchanges] == ["POST", "GET"]


def test_recording_that_cannot_be_written_beside_its_test_is_saved_elsewhere(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test itself puts a file where the folder was; a full disk comes to the same."""
    monkeypatch.setattr(tempfile, "tempdir", str(pytester.path))
    source = """
    import pathlib, shutil

    @pytest.mark.fakescope_cassette
    def test_film():
        film(LOCAL)
        folder = pathlib.Path(__file__).with_name("cassettes")
        shutil.rmtree(folder)
        folder.touch()
    """
    result = run(source, RECORD)

    result.assert_outcomes(passed=1, errors=1)
    [path] = pytester.path.rglob("test_film.yaml")
    result.stdout.fnmatch_lines([f"saved elsewhere, as {path}: *cannot be written*"])
    assert len(load(path).exchanges) == 2
