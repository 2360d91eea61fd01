"""What is shown of a broken promise can be run: as a script with curl and as a test, at a server of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from fakescope.catalog import Catalog
from fakescope_contracts.conversation import NO_TASK, Broken, Conversation, Exchange
from fakescope_contracts.reproduce import Case, as_curl, as_pytest
from fakescope_contracts.target import Request, Response, UrlTarget

VIDEO = "/api/v1/services/aigc/video-generation/video-synthesis"
BODY = {"model": "wan2.2-t2v-plus", "input": {"prompt": 'it\'s 100% "猫" `$HOME` \\n\n'}}


@pytest.fixture
def target(start_server: Callable[..., Any]) -> Iterator[UrlTarget]:
    target = UrlTarget(start_server("--seed", "1").origin)
    target.reset()
    yield target
    target.close()


@pytest.fixture
def talk(target: UrlTarget, catalog: Catalog) -> Conversation:
    return Conversation(target, catalog, catalog.find("wan2.2-t2v-plus"))


def case_of(talk: Conversation, claim: str, **differs: Any) -> Case:
    target = talk.target
    assert isinstance(target, UrlTarget)
    broken = Broken("something else\x00came", claim, tuple(talk.history))
    shown = Case("x.y-z", "It is so", broken, target.url, target.abilities, target.keys)
    return shown._replace(**differs)


def run_curl(case: Case) -> str:
    if shutil.which("curl") is None:
        pytest.skip("curl is not on this machine")
    done = subprocess.run(["sh", "-eu"], input=as_curl(case), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def passes(case: Case) -> bool:
    """Whether the test passes, run here and now."""
    module: dict[str, Any] = {}
    exec(compile(as_pytest(case), "reproducer.py", "exec"), module)
    try:
        module["test_x_y_z"]()
    except AssertionError:
        return False
    return True


def test_a_body_of_megabytes_is_shown_by_its_runs_and_looked_at_in_no_time(talk: Conversation) -> None:
    body = b"{" + b"a" * 64 + b"b" * 63 + b"\n" * 70 + b"^" * 20_000_000 + b"]" * 64
    talk.history.append(Exchange(Request("POST", VIDEO, (), body), "a", Response(200)))
    before = process_time()
    shown = as_pytest(case_of(talk, "r1.status_code == 400"))

    assert process_time() - before < 2
    built = re.search(r"content=(.*),\n", shown)
    assert built is not None
    assert built[1] == f"'{{'.encode() + b'a' * 64 + '{'b' * 63}'.encode() + b'\\n' * 70 + b'^' * 20000000 + b']' * 64"


def task_that_ran(talk: Conversation) -> str:
    """Say what needs an id of an earlier answer, and time."""
    made = talk.send("POST", VIDEO, body=BODY, headers={"X-DashScope-Async": "enable"})
    task_id = talk.task_of(made)
    talk.poll(task_id)
    talk.let_pass(4000)
    talk.poll(task_id)
    return task_id


def test_the_script_says_the_same_with_the_ids_of_its_own_answers(talk: Conversation) -> None:
    task_id = task_that_ran(talk)

    script = as_curl(case_of(talk, "True"))

    assert task_id not in script
    assert run_curl(case_of(talk, "True")).count('"task_status":"SUCCEEDED"') == 1


@pytest.mark.parametrize(("status", "exit_status"), [("SUCCEEDED", 0), ("PENDING", 1)])
def test_the_test_passes_or_fails_with_the_claim(
    status: str, exit_status: int, talk: Conversation, tmp_path: Path
) -> None:
    task_that_ran(talk)
    file = tmp_path / "test_it.py"

    file.write_text(as_pytest(case_of(talk, f'r3.json()["output"]["task_status"] == "{status}"')), "utf-8")

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == exit_status, done.stdout
    assert ("1 passed" if exit_status == 0 else "AssertionError") in done.stdout


BODIES = [b"", b"{", b"\xff\xfe\x00'%", b'{"a": "' + b"a" * 70 + b"'\\" + b"[" * 100_000 + "猫".encode() * 70 + b'"}']


@pytest.mark.parametrize("body", BODIES, ids=["empty", "short", "binary", "long"])
def test_every_body_is_sent_as_it_was(body: bytes, talk: Conversation) -> None:
    model = talk.catalog.find("wan2.2-t2v-plus")
    assert model is not None
    came = talk.submit(model, body).at("message")
    case = case_of(talk, f"r1.json()['message'] == {came!r}")

    assert came == "Required body invalid, please check the request body format."
    assert passes(case)
    assert came in run_curl(case)
    assert len(as_curl(case)) < 2_000
    assert len(as_pytest(case)) < 2_000


@pytest.mark.parametrize("body", BODIES, ids=["empty", "short", "binary", "long"])
def test_the_commands_that_print_a_body_print_every_byte(body: bytes, talk: Conversation) -> None:
    talk.send("POST", VIDEO, body=body)
    (line,) = [line for line in as_curl(case_of(talk, "True")).splitlines() if "--data-binary" in line]

    printed = subprocess.run(["sh", "-c", line.partition(" | curl")[0]], capture_output=True, check=True)

    assert printed.stdout == body


def test_headers_paths_and_requests_of_nobody_are_sent_as_they_were(talk: Conversation) -> None:
    talk.send("GET", f"/api/v1//tasks/{NO_TASK}/", headers={"X-Odd": "it's $5"})
    talk.send("GET", "/api/v1/tasks", headers={"Authorization": ""}, account=None)
    case = case_of(talk, "(r1.status_code, r2.status_code) == (200, 401)")

    assert passes(case)
    answers = run_curl(case)
    assert [line for line in answers.splitlines() if line.startswith("HTTP/")] == [
        "HTTP/1.1 200 OK",
        "HTTP/1.1 401 Unauthorized",
    ]


def test_a_key_that_the_user_gave_is_not_written_but_read(talk: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    talk.list(account="b")
    case = case_of(talk, "r1.status_code == 200", keys={"a": "sk-contract-a", "b": "sk-mine"})

    assert "sk-mine" not in as_curl(case) + as_pytest(case)
    missing = subprocess.run(["sh", "-eu"], input=as_curl(case), capture_output=True, text=True)
    assert "set the key of account b" in missing.stderr
    monkeypatch.setenv("CONTRACT_KEY_B", "sk-mine")
    assert "HTTP/1.1 200 OK" in run_curl(case)
    assert passes(case)


def test_where_the_clock_cannot_be_moved_time_passes_for_real(talk: Conversation) -> None:
    talk.let_pass(0.01)
    talk.list()
    case = case_of(talk, "r1.status_code == 200", abilities=())

    assert "sleep 0.01" in as_curl(case)
    assert "_fakescope" not in as_curl(case) + as_pytest(case)
    assert "HTTP/1.1 200 OK" in run_curl(case)
    assert passes(case)


def test_another_address_can_be_given(talk: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    talk.list()
    case = case_of(talk, "r1.status_code == 200", base="http://127.0.0.1:9", abilities=())

    monkeypatch.setenv("CONTRACT_URL", talk.target.name)

    assert "HTTP/1.1 200 OK" in run_curl(case)
    assert passes(case)
