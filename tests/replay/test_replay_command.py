"""`fakescope replay`: a folder becomes a server, and whatever is wrong with it becomes one line."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from fakescope.commands.replay import replay as command
from fakescope.recording.files import save

ID_2 = "8e2d64a1-0b3c-4d7f-9a21-3c4d5e6f7a02"


def replay(*arguments: str | Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "fakescope", "replay", *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def ask(server: Any, request: Any) -> httpx.Response:
    headers = {"Authorization": "Bearer sk-fake-test", **dict(request.headers)}
    url = request.url.replace("https://dashscope.aliyuncs.com/api/v1", server.base)
    return httpx.request(request.method, url, content=request.body, headers=headers, trust_env=False, timeout=60)


def test_server_says_that_it_is_ready_answers_and_tells_at_the_end_what_was_not_used(
    replay_server: Callable[..., Any], tapes: Any, status_of: Any
) -> None:
    cassette = tapes.cassette(*tapes.task("a cat"), *tapes.task("a dog", ID_2, at=300), name="pets")
    server = replay_server(cassette, flags=("--speed", "max"))
    assert re.fullmatch(r"fakescope ready on http://127\.0\.0\.1:\d+/api/v1", server.ready)

    submitted = ask(server, tapes.submission("a cat"))
    done = ask(server, tapes.poll(submitted.json()["output"]["task_id"]))
    missed = ask(server, tapes.submission("a bat"))

    assert (status_of(submitted), status_of(done), missed.status_code) == ("PENDING", "SUCCEEDED", 404)
    said = server.stop()
    assert server.process.returncode == 0
    assert "  2 recorded requests of 1 cassette; tasks run at once; Ctrl-C ends it\n" in said
    assert re.search(r"POST 200 video-synthesis pets#1\n", said)
    assert said.endswith(
        "fakescope: not used: 1 of 2 recorded requests\n"
        "  pets, exchange 6: POST /services/aigc/video-generation/video-synthesis 'wan2.6-t2v', 'a dog'\n"
        "fakescope: not recorded: 1 request\n"
    )


def test_polls_can_move_tasks(replay_server: Callable[..., Any], tapes: Any, status_of: Any) -> None:
    server = replay_server(tapes.cassette(*tapes.task()), flags=("--replay", "polls", "--log", "off"))
    task_id = ask(server, tapes.submission()).json()["output"]["task_id"]
    polls = [status_of(ask(server, tapes.poll(task_id))) for _ in range(5)]
    assert polls == ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED", "SUCCEEDED"]
    assert "POST 200" not in server.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
@pytest.mark.parametrize(("name", "shown"), [(b"\xff", "%5Cxff"), ("船".encode(), "%E8%88%B9")])
def test_name_of_a_file_need_not_be_text(
    name: bytes, shown: str, replay_server: Any, tapes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tapes.cassette(*tapes.task()), tmp_path / "film.yaml")
    (tmp_path / "film.yaml").rename(tmp_path / os.fsdecode(name + b".yaml"))
    for variable, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(variable, value)

    server = replay_server(folder=tmp_path)

    assert ask(server, tapes.submission()).headers["x-fakescope-recording"] == f"{shown}#1"
    assert ask(server, tapes.submission("a bat")).status_code == 404  # which names the nearest recording
    assert "Traceback" not in server.stop()


def test_one_file_is_replayed_without_those_beside_it(replay_server: Any, tapes: Any, tmp_path: Path) -> None:
    for prompt in ("cat", "bat"):
        save(tapes.cassette(*tapes.task(prompt)), tmp_path / f"{prompt}.yaml")

    server = replay_server(folder=tmp_path / "cat.yaml")

    answers = [ask(server, tapes.submission(prompt)).status_code for prompt in ("cat", "bat")]
    assert answers == [200, 404]


def test_simulator_answers_what_is_missing(replay_server: Callable[..., Any], tapes: Any) -> None:
    server = replay_server(tapes.cassette(*tapes.task()), flags=("--miss", "simulate"))
    assert ask(server, tapes.submission("a bat")).headers["x-fakescope-miss"] == "simulated"


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    status, out, error = replay(tmp_path / "none")
    assert (status, out) == (2, "")
    assert re.fullmatch(r"fakescope: .*none: no such file\n", error)


def test_folder_without_cassettes_is_one_line(tmp_path: Path) -> None:
    status, out, error = replay(tmp_path)
    assert (status, out) == (2, "")
    assert error.startswith(f"fakescope: {tmp_path} has no cassettes: files that end in .yaml")
    assert error.count("\n") == 1


def test_broken_cassette_is_one_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("interactions: [")
    status, out, error = replay(tmp_path)
    assert (status, out, error.count("\n")) == (2, "", 1)
    assert "broken.yaml" in error


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--speed", "0"), "must be a number from 0.001 to 1000000"),
        (("--port", "99999"), "must be a whole number from 0 to 65535"),
        (("--replay", "never"), "'never' is not one of 'time', 'polls'"),
        (("--miss", "guess"), "'guess' is not one of 'error', 'simulate'"),
    ],
)
def test_wrong_flag_is_one_line_that_says_what_is_allowed(flags: tuple[str, str], told: str, tmp_path: Path) -> None:
    status, out, error = replay(tmp_path, *flags)
    assert (status, out, error.count("\n")) == (2, "", 1)
    assert told in error


def test_help_has_the_defaults_as_they_are_typed() -> None:
    helped = CliRunner().invoke(command, ["--help"]).output

    assert "[default: 60]" in helped


def test_busy_port_is_one_line_and_status_3(tapes: Any, tmp_path: Path) -> None:
    save(tapes.cassette(*tapes.task()), tmp_path / "film.yaml")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, out, error = replay(tmp_path, "--port", port)
    assert (status, out, error.count("\n")) == (3, "", 1)
    assert f"127.0.0.1:{port}" in error
    assert "choose another --port (0: any)" in error
