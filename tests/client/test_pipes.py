"""The command line beside other tools: pipes that are closed, disks that are full, outputs that take ASCII only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from fakescope_client import cli


@pytest.fixture(scope="module")
def client(start_server: Callable[..., Any]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a line of the shell, in which `client` is the command."""
    environment = {
        **os.environ,
        "DASHSCOPE_API_KEY": "sk-fake-pipes",
        "DASHSCOPE_HTTP_BASE_URL": start_server("--speed", "max").base,
        "PYTHONUNBUFFERED": "",  # as it is where users are: what could not be written is tried again at the end
    }

    def run(line: str, **more: str) -> subprocess.CompletedProcess[str]:
        whole = f'set -o pipefail; client() {{ "{sys.executable}" -m fakescope_client "$@"; }}; {line}'
        command = ["bash", "-c", whole]
        return subprocess.run(command, env=environment | more, capture_output=True, text=True, timeout=60)

    return run


@pytest.mark.parametrize(
    "line", ["client list | true", "client list --json | true", "client run wan2.6-t2v cat | true"]
)
def test_closed_pipe_ends_a_command_quietly(client: Callable[..., Any], line: str) -> None:
    client("client submit wan2.6-t2v cat")
    done = client(line)

    assert done.returncode == 141  # as of a tool that SIGPIPE ended
    assert [word for word in ("Broken", "Traceback", "Exception") if word in done.stderr] == []


def test_reader_that_leaves_after_a_line_of_progress_is_no_error(client: Callable[..., Any]) -> None:
    done = client("client run wan2.6-t2v cat 2>&1 | head -n 1")

    assert (done.returncode, done.stdout[:5], done.stderr) == (141, "task ", "")


@pytest.mark.parametrize("verb", ["run", "download"])
def test_results_that_failed_are_named(client: Callable[..., Any], tmp_path: Any, verb: str) -> None:
    asked = "wan2.2-t2i-flash '[fakescope:partial=1]' -p n=3"
    run = f"client run {asked} --to {tmp_path}/"
    done = client(run if verb == "run" else f"client download $(client submit {asked}) {tmp_path}/")

    one = "DataInspectionFailed: Output data may contain inappropriate content."
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert [line for line in done.stderr.splitlines() if line.endswith(f": results that failed: {one}; {one}")]


def test_full_disk_is_said_in_one_line(client: Callable[..., Any]) -> None:
    client("client submit wan2.6-t2v cat")
    done = client("client list > /dev/full")

    assert (done.returncode, done.stderr) == (3, "fakescope client: [Errno 28] No space left on device\n")


@pytest.mark.parametrize("output", ["/dev/full", "/dev/null", "&-"])
def test_id_of_a_submitted_task_is_said_whatever_the_output_is(client: Callable[..., Any], output: str) -> None:
    done = client(f"client submit wan2.6-t2v cat >{output}")

    task_id = done.stderr.splitlines()[0].removeprefix("task ")
    assert client(f"client fetch {task_id}").stdout.startswith(("PENDING", "RUNNING", "SUCCEEDED"))


def test_json_is_ascii_so_that_every_output_takes_it(client: Callable[..., Any]) -> None:
    done = client("client run wan2.6-t2v 猫 --json", PYTHONIOENCODING="ascii", LC_ALL="C.UTF-8")

    assert done.returncode == 0
    assert json.loads(done.stdout)["raw"]["output"]["orig_prompt"] == "猫"


def test_value_that_is_too_deep_for_json_is_refused(client: Callable[..., Any]) -> None:
    done = client(f"client run wan2.6-t2v cat -p size='{'[' * 50_000}'")

    assert (done.returncode, done.stderr) == (2, "fakescope client: nested too deeply\n")


def test_argument_that_is_not_utf_8_is_named(client: Callable[..., Any]) -> None:
    broken = client("client run wan2.6-t2v $'a \\xff cat'")
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    foreign = client("client run wan2.6-t2v 猫", **locale)

    said = "is not UTF-8: write it so, in a UTF-8 locale\n"
    assert (broken.returncode, broken.stderr) == (2, f"fakescope client: 'a \\udcff cat' {said}")
    assert (foreign.returncode, foreign.stderr[-len(said) :], foreign.stderr.count("\n")) == (2, said, 1)


def test_guess_on_a_terminal_keeps_nobody_waiting(
    world: Any, faults: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(cli, "Client", lambda **_: world.client())
    world.wire.faults["list"] = [faults["502"]] * 99

    assert cli.main(["run", "wan2.6-t2v", "cat"]) == 0
    assert next(exchange.at for exchange in world.wire.exchanges if exchange.phase == "poll") == 0
