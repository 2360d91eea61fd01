"""The command line, over a real socket: what is printed where, and exit statuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakescope_client import Client, cli

FRAME = "https://example.com/frame.png"


@pytest.fixture(scope="module")
def base(start_server: Callable[..., Any]) -> str:
    return str(start_server("--speed", "max").base)


@pytest.fixture(autouse=True)
def _account(base: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_HTTP_BASE_URL", base)
    monkeypatch.setenv("DASHSCOPE_API_KEY", f"sk-fake-{request.node.name}")


Said = tuple[int, str, str]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command: its exit status, standard output and standard error."""

    def run(*arguments: str) -> Said:
        status = cli.main(list(arguments))
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_run_prints_the_links_and_nothing_else(say: Callable[..., Said]) -> None:
    status, out, err = say("run", "wan2.6-t2v", "a cat", "-p", "size=1280*720", "-p", "duration=10")

    assert status == 0
    assert out.startswith("http://127.0.0.1:")
    assert out.count("\n") == 1
    assert err.splitlines()[0].startswith("task ")
    assert [re.sub(r"\d+ s", "n s", line) for line in err.splitlines()[1:]] == [
        "PENDING after n s",
        "SUCCEEDED after n s",
    ]


def test_run_downloads_where_it_is_told_to(say: Callable[..., Said], tmp_path: Path) -> None:
    status, out, _ = say("run", "wan2.6-t2v", "a cat", "--to", str(tmp_path / "film.mp4"))

    assert (status, out) == (0, f"{tmp_path / 'film.mp4'}\n")
    assert (tmp_path / "film.mp4").read_bytes()[4:8] == b"ftyp"


def test_run_asks_models_that_answer_at_once(say: Callable[..., Said], tmp_path: Path) -> None:
    status, out, err = say("run", "qwen-image-2.0", "猫")
    assert (status, out[:7], out.count("\n"), err) == (0, "http://", 1, "")

    status, out, _ = say("run", "qwen-image-2.0", "猫", "--to", str(tmp_path / "cat.png"))
    assert (status, out) == (0, f"{tmp_path / 'cat.png'}\n")


def test_run_of_a_detection_prints_what_was_found(say: Callable[..., Said]) -> None:
    status, out, _ = say("run", "emo-detect-v1", "-i", f"image_url={FRAME}", "-p", "ratio=1:1")

    assert (status, json.loads(out)["check_pass"], len(json.loads(out)["face_bbox"])) == (0, True, 4)


def test_verdict_that_is_no_is_a_failure(
    world: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "Client", lambda **_: world.client())
    world.wire.faults["submit"] = [world.status(200, '{"output": {"check_pass": false}, "request_id": "r"}')]

    assert cli.main(["run", "emo-detect-v1", "-i", f"image_url={FRAME}"]) == 1
    assert capsys.readouterr().out == '{"check_pass": false}\n'


@pytest.mark.parametrize("model", ["wan2.6-t2i", "wan2.7-image", "z-image-turbo", "qwen-image-max"])
def test_prompt_goes_into_a_message_where_the_model_wants_one(say: Callable[..., Said], model: str) -> None:
    assert say("run", model, "a cat")[0] == 0


def test_picture_goes_into_a_message_where_the_model_wants_one(say: Callable[..., Said]) -> None:
    assert say("run", "qwen-image-edit", "a red hat", "-i", f"images={FRAME}")[0] == 0


def test_run_sends_files(say: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "frame.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    status, _, err = say("run", "wan2.6-i2v", "it moves", "-i", f"img_url=@{tmp_path / 'frame.png'}")

    assert (status, "Failed" in err or "image" in err) == (1, True)  # eight bytes are no picture, but they arrived


def test_run_takes_fields_of_every_kind(say: Callable[..., Said]) -> None:
    media = json.dumps([{"type": "first_frame", "url": FRAME}])

    assert say("run", "wan2.7-i2v", "it moves", "-i", f"media={media}", "-p", "watermark=true")[0] == 0


def test_json_is_one_object_a_line(say: Callable[..., Said], tmp_path: Path) -> None:
    status, out, _ = say("run", "wan2.6-t2v", "a cat", "--json")
    task = json.loads(out)
    assert (status, task["status"], task["model"]) == (0, "SUCCEEDED", "wan2.6-t2v")
    assert task["usage"]["seconds"] == 5

    assert json.loads(say("fetch", task["id"], "--json")[1])["results"] == task["results"]
    assert json.loads(say("list", "--json")[1])["id"] == task["id"]
    assert json.loads(say("cancel", task["id"], "--json")[1]) == {"task_id": task["id"], "canceled": False}
    target = str(tmp_path / "film.mp4")
    assert json.loads(say("download", task["id"], target, "--json")[1]) == {"file": target}


def test_json_says_what_went_wrong(say: Callable[..., Said]) -> None:
    status, out, err = say("run", "wan2.6-t2v", "[fakescope:fail=InvalidParameter]", "--json")

    error = json.loads(out)
    assert (status, error["error"], error["code"]) == (1, "TaskParameterError", "InvalidParameter")
    assert error["task_id"] in err


def test_submit_wait_fetch_cancel_list(say: Callable[..., Said]) -> None:
    task_id = say("submit", "wan2.6-t2v", "a cat")[1].strip()

    assert say("wait", task_id)[0] == 0
    assert say("fetch", task_id)[1].startswith("SUCCEEDED\nhttp")
    assert say("cancel", task_id)[:2] == (1, "too late: it is not PENDING\n")
    status, out, _ = say("list", "--model", "wan2.6-t2v")
    assert (status, out.split()[:2]) == (0, [task_id, "SUCCEEDED"])
    assert re.fullmatch(r"\d\d:\d\d:\d\d[+-]\d{4}", out.split()[3])  # an hour without its zone says little


def test_cancel_of_a_pending_task(say: Callable[..., Said]) -> None:
    marks = "[fakescope:stuck]"
    ids = [say("submit", "wan2.2-t2v-plus", marks)[1].strip() for _ in range(3)]  # two run at once

    assert say("cancel", ids[-1])[:2] == (0, "canceled\n")
    assert say("fetch", ids[-1])[:2] == (1, "CANCELED\n")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["run", "wan2.6-t2v", "[fakescope:fail=InternalError]"], 1, "InternalError: "),
        (["run", "wan9", "a cat"], 1, "Model not exist."),
        (["wait", "no-such-task"], 1, "the task has expired"),
        (["fetch", "no-such-task"], 1, ""),
        (["run", "wan2.6-t2v", "[fakescope:stuck]", "--timeout", "0"], 124, "not ended within 0 s"),
        (["list", "--base-url", "http://127.0.0.1:9/api/v1", "--patience", "0"], 3, "ConnectError at 127.0.0.1: "),
        (["run", "wan2.6-t2v", "a", "--base-url", "http://127.0.0.1:9/api/v1", "--patience", "0"], 3, "ConnectError"),
        ([], 2, "VERB"),
        (["fly"], 2, "invalid choice"),
        (["run"], 2, "model"),
        (["run", "wan2.6-t2v", "-p", "size"], 2, "'size' is not KEY=VALUE"),
        (["run", "wan2.6-i2v", "-i", "img_url=@no-such.png"], 2, "no-such.png"),
        (["submit", "emo-detect-v1"], 2, "answers at once and has no task that could be submitted: use run"),
        (["download", "no-such-task", "film.mp4"], 1, "the task has expired"),
        (["run", "wan2.6-t2v", "a cat", "-i", f"media={'[' * 900}{']' * 900}"], 2, "client: nested too deeply\n"),
        (["run", "wan2.6-t2v", "a cat", "-i", f"media={'[' * 5000}{']' * 5000}"], 2, "client: nested too deeply\n"),
        (["upload", "no-such.png", "wan2.6-i2v"], 2, "no-such.png is no file"),
        (["list", "--base-url", "ftp://h"], 2, "must begin with https://"),
        (["--help"], 0, ""),
        (["run", "--help"], 0, ""),
    ],
)
def test_exit_status(say: Callable[..., Said], arguments: list[str], status: int, message: str) -> None:
    got, _, err = say(*arguments)

    assert (got, message in err) == (status, True), err


def test_missing_key_is_wrong_use(say: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY")

    assert say("list")[::2] == (2, "fakescope client: no API key: give api_key, or set DASHSCOPE_API_KEY\n")


def test_interrupt_says_how_to_go_on(say: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fakescope_client.cli.time.sleep", interrupted)
    status, _, err = say("run", "wan2.6-t2v", "[fakescope:stuck]", "--cancel-on-interrupt")

    assert status == 130
    task_id = err.split()[1]
    assert f"still going on: {task_id}; resume() or `fakescope client wait` takes it up again" in err
    assert f"Task {task_id} was not canceled" in err


# -- a terminal


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Standard error is a terminal, and sleeping takes no time; how long was slept."""
    slept: list[float] = []
    monkeypatch.setattr("fakescope_client.cli.time.monotonic", lambda: sum(slept))
    monkeypatch.setattr("fakescope_client.cli.time.sleep", lambda seconds: slept.append(seconds))
    return slept


def test_terminal_sees_one_line_with_the_expected_end(
    capsys: pytest.CaptureFixture[str], terminal: list[float], monkeypatch: pytest.MonkeyPatch, world: Any
) -> None:
    client = world.client()
    client.run("wan2.6-t2v", {"prompt": "[fakescope:seconds=125]"})

    def sleep(seconds: float) -> None:
        terminal.append(seconds)
        world.time.sleep(seconds)

    monkeypatch.setattr("fakescope_client.cli.time.sleep", sleep)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(cli, "Client", lambda **options: world.client(sleep=options["sleep"]))
    status = cli.main(["run", "wan2.6-t2v", "[fakescope:seconds=9]"])

    out, err = capsys.readouterr()
    lines = err.split("\r\033[K")
    assert (status, out.count("\n")) == (0, 1)
    assert [line for line in lines if re.fullmatch(r"RUNNING 0:\d\d of about 2:\d\d", line)]
    assert lines[-1] == ""  # wiped before the result is printed


def test_dumb_terminal_gets_plain_lines(
    say: Callable[..., Said], terminal: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    _, _, err = say("run", "wan2.6-t2v", "a cat")

    assert (err.splitlines()[1:], terminal) == (["PENDING after 0 s", "SUCCEEDED after 0 s"], [])


def test_sleep_on_a_terminal_goes_on_by_seconds(terminal: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    cli._Progress().sleep(2.5)

    assert terminal == [1.0, 1.0, 0.5]


def test_guess_that_cannot_be_made_is_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = cli._Progress()
    with Client(base_url=base) as client, Client("sk-fake-invalid", base_url=base) as refused:
        task = client.submit("wan2.6-t2v", {"prompt": "a cat"})
        progress.show(refused, task)

    assert "about" not in (err := capsys.readouterr().err)
    assert task.id in err


# -- as it is started


@pytest.mark.parametrize("command", [["fakescope", "client"], ["fakescope_client"]], ids=" ".join)
def test_both_commands_are_the_same(command: list[str]) -> None:
    start = [sys.executable, "-m", *command]
    done = subprocess.run([*start, "run", "wan2.6-t2v", "a cat"], capture_output=True, text=True, timeout=60)
    helped = subprocess.run([*start, "run", "--help"], capture_output=True, text=True, timeout=60)
    wrong = subprocess.run([*start, "run"], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout[:7]) == (0, "http://")
    assert helped.stdout.startswith("usage: fakescope client run")
    assert wrong.returncode == 2
