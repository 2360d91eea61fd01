"""A recording was paid for: what can be kept of it is kept, whatever goes wrong, and one line says what was not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fakescope.errors import CassetteError
from fakescope.recording import files, recorder, secrets
from fakescope.recording.exchange import Cassette, Exchange, Provenance, Request, Response
from fakescope.recording.files import load
from fakescope.recording.recorder import Recorder, save_what_may_be
from fakescope.recording.session import Options, Session

API = "https://dashscope.aliyuncs.com/api/v1"
JSON = (("Content-Type", "application/json"),)


class Hand:
    """A clock that is moved by hand, and by `each_ms` whenever it is read."""

    def __init__(self, each_ms: int = 0) -> None:
        self.now_ms, self.each_ms = 1_770_600_000_000, each_ms

    def read(self) -> int:
        self.now_ms += self.each_ms
        return self.now_ms


def told(body: object, at_ms: int = 0) -> Exchange:
    return Exchange(Request("GET", f"{API}/tasks/1f"), Response(200, JSON, json.dumps(body).encode()), at_ms)


def stands(status: str, task: str = "1f") -> Exchange:
    answer = Response(200, JSON, json.dumps({"output": {"task_id": task, "task_status": status}}).encode())
    return Exchange(Request("GET", f"{API}/tasks/{task}"), answer)


def recording(*bodies: object) -> Cassette:
    exchanges = tuple(told(body, n) for n, body in enumerate(bodies))
    return Cassette(Provenance("simulated", "2026-02-09", "some-client/1"), exchanges)


def tripwire(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector that finds each line with this word: what it stops would be a gap in the redaction."""

    def find(content: bytes) -> list[secrets.Finding]:
        lines = content.split(b"\n")
        return [
            secrets.Finding("trap", n, "a trap", "Open it") for n, line in enumerate(lines, 1) if b"tripwire" in line
        ]

    monkeypatch.setattr(secrets, "find", find)


def bodies(path: Path) -> list[object]:
    return [json.loads(each.response.body) for each in load(path).exchanges]


# -- the end


def test_exchanges_that_must_not_be_written_are_left_out_and_the_rest_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tripwire(monkeypatch)

    words = [{"a": "one"}, {"a": "tripwire"}, {"a": "three"}, {"a": "tripwire"}]

    saved = save_what_may_be(recording(*words), tmp_path / "run.yaml", "describe")

    assert bodies(tmp_path / "run.yaml") == [{"a": "one"}, {"a": "three"}]
    assert (saved.path, saved.exchanges) == (tmp_path / "run.yaml", 2)
    assert saved.trouble.startswith("2 of 4 exchanges left out: ")
    assert "interaction 2 still has what looks like a trap" in saved.trouble


def test_a_result_file_that_must_not_be_written_costs_its_own_exchange_only(tmp_path: Path) -> None:
    film = Response(200, (("Content-Type", "video/mp4"),), b"\x00\x01ftyp sk-0a1b2c3d4e5f60718293a4b5 \xff")
    download = Exchange(Request("GET", "https://example.com/1.mp4"), film, 9)
    one = recording({"a": 1}, {"b": 2})

    saved = save_what_may_be(one._replace(exchanges=(*one.exchanges, download)), tmp_path / "run.yaml", "keep")

    assert bodies(tmp_path / "run.yaml") == [{"a": 1}, {"b": 2}]
    assert "1 of 3 exchanges left out" in saved.trouble


def test_a_clients_name_that_must_not_be_written_costs_the_name_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tripwire(monkeypatch)
    one = recording({"a": 1})

    saved = save_what_may_be(
        one._replace(provenance=one.provenance._replace(client="tripwire/1")), tmp_path / "run.yaml", "describe"
    )

    assert (saved.trouble, load(tmp_path / "run.yaml").provenance.client) == ("", "")


def test_where_nothing_may_be_written_there_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tripwire(monkeypatch)

    saved = save_what_may_be(recording({"a": "tripwire"}), tmp_path / "run.yaml", "describe")

    assert (saved.path, list(tmp_path.iterdir())) == (None, [])
    assert saved.trouble.startswith("nothing is saved: ")


def test_what_cannot_be_written_where_it_belongs_is_saved_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a file has taken the folder's place; a full disk comes to the same."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "cassettes").touch()

    saved = save_what_may_be(recording({"a": 1}), tmp_path / "cassettes" / "run.yaml", "describe")

    [rescued] = tmp_path.glob("fakescope-*/run.yaml")
    assert (saved.path, bodies(rescued)) == (rescued, [{"a": 1}])
    assert f"saved elsewhere, as {rescued}: " in saved.trouble


def test_a_full_disk_everywhere_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_write", full)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    saved = save_what_may_be(recording({"a": 1}), tmp_path / "run.yaml", "describe")

    assert saved.path is None
    assert saved.trouble.count("No space left on device") == 2
    assert "\n" not in saved.trouble


# -- on the way


def test_a_task_that_has_ended_is_in_the_file_at_once(tmp_path: Path) -> None:
    one = Recorder(Hand(), tmp_path / "run.yaml")

    there = []
    for status in ("PENDING", "RUNNING", "SUCCEEDED"):
        one.add(stands(status))
        there.append((tmp_path / "run.yaml").exists())

    assert there == [False, False, True]
    assert len(load(tmp_path / "run.yaml").exchanges) == 3
    one.close()


def test_saving_on_the_way_takes_a_twentieth_of_the_time_at_most(tmp_path: Path) -> None:
    """Saving takes 100 ms here, the time between two looks at the clock. For 2 s afterwards nothing is saved."""
    clock = Hand()
    one = Recorder(clock, tmp_path / "run.yaml")
    clock.each_ms = 100

    one.add(stands("SUCCEEDED", "a"))
    one.add(stands("SUCCEEDED", "b"))
    within = len(load(tmp_path / "run.yaml").exchanges)
    clock.now_ms += 2_000
    one.add(stands("RUNNING", "c"))

    assert (within, len(load(tmp_path / "run.yaml").exchanges)) == (1, 3)
    one.close()


def test_what_cannot_be_saved_on_the_way_is_no_trouble_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tripwire(monkeypatch)
    one = Recorder(Hand(), tmp_path / "run.yaml")

    one.add(told({"a": "tripwire"}))
    one.add(told({"a": "fine"}, 1))

    assert bodies(tmp_path / "run.yaml") == [{"a": "fine"}]
    assert "1 of 2 exchanges left out" in one.close().trouble


# -- one at a time


KILLED = """
import os, signal, sys
from pathlib import Path
from fakescope.clock import SystemClock
from fakescope.recording.recorder import Recorder
recorder = Recorder(SystemClock(), Path(sys.argv[1]))
print("recording", flush=True)
sys.stdin.read()
"""


def test_a_recorder_that_was_killed_is_in_nobodys_way(tmp_path: Path) -> None:
    """While it runs it is; then the system takes back what it had."""
    path = tmp_path / "run.yaml"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"recording\n"
        with pytest.raises(CassetteError, match=r"run\.yaml is being recorded by another test or process"):
            Recorder(Hand(), path)
        other.send_signal(signal.SIGKILL)
        other.wait(timeout=60)
    assert [file.name for file in tmp_path.iterdir()] == [".run.yaml.recording"]

    one = Recorder(Hand(), path)
    one.add(told({"a": 1}))

    assert one.close().exchanges == 1
    assert [file.name for file in tmp_path.iterdir()] == ["run.yaml"]


def test_a_lock_on_a_file_that_was_given_up_meanwhile_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between opening and locking the other recorder has ended: whoever comes next would lock another file."""
    lock, places = recorder._lock, [tmp_path / ".run.yaml.recording"]

    def late(file: int) -> None:
        if places:
            places.pop().unlink()
        lock(file)

    monkeypatch.setattr(recorder, "_lock", late)
    claim = recorder.Claim(tmp_path / "run.yaml")

    assert (tmp_path / ".run.yaml.recording").exists()
    claim.release()


def test_a_file_that_is_being_recorded_is_not_played(tmp_path: Path) -> None:
    """What it has so far is not all of it."""
    recording = Session(tmp_path / "run.yaml", Options("once"))
    recording.take(*stands("SUCCEEDED")[:2])

    with pytest.raises(CassetteError, match=r"run\.yaml is being recorded"):
        Session(tmp_path / "run.yaml", Options("none"))

    recording.close()
    Session(tmp_path / "run.yaml", Options("none")).close()


def test_a_file_whose_name_could_not_be_written_is_refused_before_anything_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match="looks like a secret and would not be saved"):
        Recorder(Hand(), tmp_path / "sk-0a1b2c3d4e5f60718293a4b5.yaml")

    assert list(tmp_path.iterdir()) == []
