"""`fakescope record` as people run it: around a command or as a server, before a simulator behind a real socket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from fakescope.cli import main
from fakescope.clock import SystemClock
from fakescope.commands.record import _begun, _checked_path, _say_saved
from fakescope.recording import exchange
from fakescope.recording.files import load

KEY = "sk-upstream-0123456789abcdef"
T2V = "services/aigc/video-generation/video-synthesis"
FILM = {"model": "wan2.6-t2v", "input": {"prompt": "A kite"}, "parameters": {"duration": 5}}  # 5 CNY

CLIENT = f"""
import json, os, signal, sys
from urllib.request import Request, urlopen
def call(path, body=None):
    headers = {{"Authorization": "Bearer " + os.environ["DASHSCOPE_API_KEY"], "X-DashScope-Async": "enable"}}
    request = Request(os.environ["DASHSCOPE_HTTP_BASE_URL"] + "/" + path, body, headers)
    return json.load(urlopen(request))
task = call("{T2V}", {json.dumps(FILM)!r}.encode())["output"]["task_id"]
film = call("tasks/" + task)["output"]["video_url"]
assert len(urlopen(film).read()) > 1000
"""


@pytest.fixture(scope="module")
def upstream(start_server: Callable[..., Any]) -> str:
    return str(start_server("--speed", "max", "--no-limits").origin)


def environment(**differs: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "API_KEY" not in name and "proxy" not in name.lower()}
    return kept | {"FAKESCOPE_UPSTREAM_API_KEY": KEY} | differs


def record(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fakescope", "record", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env or environment())


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The command in this process, for what ends before anything starts: status, output, errors."""
    monkeypatch.setenv("FAKESCOPE_UPSTREAM_API_KEY", KEY)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["record", *arguments])
        said = capfd.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def around(upstream: str, folder: Path, script: str, *flags: str) -> subprocess.CompletedProcess[str]:
    own = ["--upstream", upstream, "--cassette", str(folder), "--name", "run", "--budget", "20", *flags]
    return record(*own, "--", sys.executable, "-c", script)


def test_a_command_is_recorded_and_its_status_is_ours(upstream: str, tmp_path: Path) -> None:
    done = around(upstream, tmp_path, CLIENT + "sys.exit(7)")

    cassette = load(tmp_path / "run.yaml")
    assert done.returncode == 7, done.stderr
    assert cassette.provenance.basis == "simulated"
    assert [exchange.request.method for exchange in cassette.exchanges] == ["POST", "GET", "GET"]
    assert "at most 5.00 of 20 CNY" in done.stderr


def test_the_key_is_in_no_file_no_output_and_not_in_the_commands_environment(upstream: str, tmp_path: Path) -> None:
    show = "print({name: value for name, value in os.environ.items()})\n"

    done = around(upstream, tmp_path, CLIENT + show, "--media", "keep")

    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert "DASHSCOPE_HTTP_BASE_URL" in done.stdout
    assert KEY not in done.stdout + done.stderr
    assert KEY.encode() not in written


@pytest.mark.parametrize(
    ("end", "status"),
    [("os.kill(os.getpid(), signal.SIGKILL)", 137), ("raise SystemExit(1)", 1), ("1 / 0", 1)],
    ids=["killed", "failed", "crashed"],
)
def test_what_was_exchanged_before_the_command_broke_is_saved(
    upstream: str, tmp_path: Path, end: str, status: int
) -> None:
    done = around(upstream, tmp_path, CLIENT + end)

    assert done.returncode == status
    assert len(load(tmp_path / "run.yaml").exchanges) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_may_take_its_time_after_a_signal(upstream: str, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C reaches the whole group; SIGTERM only the recorder, which hands it on. What is asked later is recorded."""
    last = (
        f"def end(*_):\n for _ in range(50): call('tasks/' + task)\n sys.exit(9)\nsignal.signal({int(number)}, end)\n"
    )
    script = f"{CLIENT}{last}print('now', flush=True)\nwhile True: signal.pause()"
    own = ["--upstream", upstream, "--cassette", str(tmp_path), "--name", "run", "--budget", "20"]
    command = [sys.executable, "-m", "fakescope", "record", *own, "--", sys.executable, "-c", script]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(), start_new_session=True) as run:
        try:
            assert run.stdout is not None
            assert run.stdout.readline() == "now\n"
            (os.killpg if number is signal.SIGINT else os.kill)(run.pid, number)
            assert run.wait(timeout=60) == 9
        finally:  # leaving the block waits for its end
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)

    assert len(load(tmp_path / "run.yaml").exchanges) == 3 + 50


def test_a_command_that_asked_nobody_is_told_so(upstream: str, tmp_path: Path) -> None:
    done = around(upstream, tmp_path, "pass")

    assert "fakescope: nothing was recorded: no request came. A program finds this recorder by DASHSC" in done.stderr
    assert (done.returncode, list(tmp_path.iterdir())) == (0, [])


def test_a_command_that_is_not_there_is_one_line(upstream: str, tmp_path: Path) -> None:
    done = record("--upstream", upstream, "--cassette", str(tmp_path), "--budget", "0", "--", "no-such-program")

    assert done.returncode == 3
    assert done.stderr == (
        "fakescope: cannot run 'no-such-program': No such file or directory\nfakescope: at most 0 of 0 CNY were spent\n"
    )


def test_an_upstream_that_is_down_is_told_to_the_client(tmp_path: Path) -> None:
    script = CLIENT.replace("task =", "try: call('tasks/1f')\nexcept Exception as e: sys.exit(e.code - 500)\ntask =")

    done = around("http://127.0.0.1:1", tmp_path, script)

    assert done.returncode == 2  # 502
    assert "127.0.0.1 cannot be asked (ConnectError)" in done.stderr
    assert "fakescope: nothing was recorded: 1 request came, and the service answered none\n" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--budget CNY"),
        (["--budget", "much"], "amount in CNY"),
        (["--budget", "1", "--upstream", "http://dashscope.aliyuncs.com"], "use https://"),
        (["--budget", "1", "--upstream", "https://example.com/api/v1"], "scheme and host"),
        (["--budget", "1", "--upstream", "https://me:secret@example.com"], "no user and password"),
        (["--budget", "1", "--upstream", "ftp://example.com"], "scheme and host"),
        (["--budget", "1", "--upstream", "https://[/"], "scheme and host"),
        (["--budget", "1", "--cassette", "some/x.yaml"], "give its folder, as in --cassette some --name x"),
        (["--budget", "1", "--name", "../x"], "--name is letters"),
        (["--budget", "1", "--name", "there"], "is there already"),
        (["--budget", "1", "--name", "sk-0123456789abcdef"], "looks like a secret"),
        (["--budget", "1", "--cassette", "/dev/null"], "no folder that can be made"),
    ],
)
def test_wrong_use_is_one_line_and_nothing_starts(
    tmp_path: Path, arguments: list[str], says: str, here: Callable[..., tuple[int, str, str]]
) -> None:
    (tmp_path / "there.yaml").touch()

    status, out, err = here("--cassette", str(tmp_path), *arguments, "--", sys.executable, "-c", "print('started')")

    assert (status, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_without_a_key_in_the_environment_nothing_starts(
    tmp_path: Path, here: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAKESCOPE_UPSTREAM_API_KEY")
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)

    status, _, err = here("--cassette", str(tmp_path), "--budget", "1", "--", "true")

    assert (status, err.count("\n")) == (2, 1)
    assert "FAKESCOPE_UPSTREAM_API_KEY or DASHSCOPE_API_KEY" in err


# -- as a server


@pytest.fixture
def recorder(upstream: str, tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    started = []

    def start(*flags: str) -> tuple[subprocess.Popen[str], str]:
        own = ["--upstream", upstream, "--cassette", str(tmp_path), "--name", "run", "--port", "0", *flags]
        process = subprocess.Popen(
            [sys.executable, "-m", "fakescope", "record", *own],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        started.append(process)
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("fakescope ready on http://127.0.0.1:"), ready
        return process, ready.removeprefix("fakescope ready on ").strip()

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=60)


def submit(base: str, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}", "X-DashScope-Async": "enable"}
    try:
        with urlopen(Request(f"{base}/{T2V}", json.dumps(FILM).encode(), headers)) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


def test_runs_that_begin_in_one_second_have_a_file_each(tmp_path: Path) -> None:
    began = datetime(2026, 2, 9, 1, 2, 3, tzinfo=UTC)
    one = exchange.Exchange(exchange.Request("GET", "https://dashscope.aliyuncs.com/"), exchange.Response(200))

    paths = [_checked_path(tmp_path, None, began) for _ in range(3)]
    recorders = [_begun(path, SystemClock(), "describe", is_named=False) for path in paths]
    for recorder in recorders:
        recorder.add(one)
        assert _say_saved(recorder.close(), "simulated") == 0

    names = [f"recorded-20260209-010203{more}.yaml" for more in ("", "-1", "-2")]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_saves_when_it_is_ended(recorder: Any, tmp_path: Path, number: signal.Signals) -> None:
    process, base = recorder("--budget", "5")

    assert submit(base, "sk-fake-anything") == 200
    process.send_signal(number)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 0, said
    assert len(load(tmp_path / "run.yaml").exchanges) == 1


def test_a_recorder_that_is_killed_has_saved_the_tasks_that_had_ended(recorder: Any, tmp_path: Path) -> None:
    process, base = recorder("--budget", "5")
    headers = {"Authorization": "Bearer sk-fake-anything", "X-DashScope-Async": "enable"}
    with urlopen(Request(f"{base}/{T2V}", json.dumps(FILM).encode(), headers)) as answer:
        task = json.load(answer)["output"]["task_id"]
    with urlopen(Request(f"{base}/tasks/{task}", headers=headers)) as answer:
        assert json.load(answer)["output"]["task_status"] == "SUCCEEDED"

    process.kill()
    process.wait(timeout=60)

    assert [each.request.method for each in load(tmp_path / "run.yaml").exchanges] == ["POST", "GET"]
    assert KEY.encode() not in (tmp_path / "run.yaml").read_bytes()


def test_many_clients_at_once_do_not_submit_more_than_the_budget(recorder: Any, upstream: str, tmp_path: Path) -> None:
    """23 CNY are four films of 5 CNY; the simulator's own books say what was sold."""
    process, base = recorder("--budget", "23")

    def books() -> float:
        with urlopen(Request(f"{upstream}/_fakescope/ledger", headers={"Authorization": f"Bearer {KEY}"})) as answer:
            return float(json.load(answer)["cost_cny"])

    before = books()
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda n: submit(base, f"sk-fake-{n}"), range(40)))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert sorted(statuses) == [200] * 4 + [402] * 36
    assert books() - before == 20
    assert len(load(tmp_path / "run.yaml").exchanges) == 4


def test_a_busy_port_is_one_line(upstream: str, tmp_path: Path, here: Callable[..., tuple[int, str, str]]) -> None:
    port = upstream.rpartition(":")[2]

    status, _, err = here("--upstream", upstream, "--cassette", str(tmp_path), "--budget", "1", "--port", port)

    assert (status, err.count("\n")) == (3, 1)
    assert "choose another --port" in err
