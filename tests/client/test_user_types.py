"""What a user's type checker makes of the client: a program of his, read strictly."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
from pathlib import Path
from typing import assert_type
from collections.abc import Iterator
from datetime import datetime
from fakescope_client import AmbiguousSubmissionError, AsyncClient, Client, Task, TaskStatus, TaskTimeoutError, Usage

def right(client: Client, names: list[str], paths: list[Path]) -> None:
    more = client.submit("m", {"prompt": "a"}, {"n": 1}, path="x", on_ambiguous="raise", patience=3)
    task = assert_type(more, Task)
    assert_type(client.run("m", {}, timeout=None, on_poll=print, cancel_on_interrupt=True, patience=1.5), Task)
    assert_type(client.wait(task, timeout=3), Task)
    assert_type(client.resume("id", on_poll=None), Task)
    assert_type(client.fetch("id"), Task)
    assert_type(client.cancel(task), bool)
    assert_type(client.list(model="m", status="RUNNING", since=task.submitted_at), Iterator[Task])
    assert_type(client.wait_many([*names, task]), Iterator[Task])
    client.wait_many(names)
    assert_type(client.detect("m", {}), Task)
    assert_type(client.upload(b"file", "m"), str)
    assert_type(client.download(task, "y", on_progress=lambda done, total: done), list[Path])
    assert_type(client.text_to_video("p", size="1280*720"), Task)
    assert_type(client.image_to_video(Path("p"), "x"), Task)
    assert_type(client.keyframes_to_video(b"first", "last.png"), Task)
    assert_type(client.text_to_image("x", n=2), Task)
    client.edit_image(names, "x")
    client.edit_image(paths, "x")
    client.edit_image(tuple(names), "x")
    client.edit_image([b"one", Path("two"), "three"], "x")
    client.edit_image(b"one", "x")
    assert_type(task.results, tuple[str, ...])
    assert_type(task.status, TaskStatus)
    assert_type(task.usage, Usage)
    assert_type(task.ended_at, datetime | None)
    assert_type(task.raise_for_status(), Task)

def errors(late: TaskTimeoutError, lost: AmbiguousSubmissionError) -> None:
    assert_type(late.task_ids, tuple[str, ...])
    assert_type(late.retryable, bool)
    assert_type(late.http_status, int)
    assert_type(lost.candidates, tuple[Task, ...])

async def asynchronously(client: AsyncClient) -> None:
    async with client as same:
        assert_type(await same.run("m", {}), Task)
        assert_type([task async for task in same.wait_many(["id"])], list[Task])
        assert_type([task async for task in same.list()], list[Task])

def wrong(client: Client) -> None:
    client.submit("m", {}, on_ambiguous="never")  # wrong
    client.submit("m", {}, timeout=3)  # wrong
    client.submit(3, {})  # wrong
    client.wait("id", timeout="5")  # wrong
    client.wait_many("id", on_poll=3)  # wrong
    client.fetch(b"id")  # wrong
    Client("k", retries=3)  # wrong
"""


def test_program_of_a_user_is_typed_as_he_expects(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    check = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "program.py"]
    environment = {"MYPYPATH": str(ROOT / "client"), "PATH": ""}
    said = subprocess.run(check, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300).stdout

    wrong = [n for n, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")]
    assert [int(n) for n in re.findall(r"program.py:(\d+): error", said)] == wrong, said
