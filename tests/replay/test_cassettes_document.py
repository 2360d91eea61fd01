"""docs/cassettes.md does what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fakescope.commands.replay import replay
from fakescope.recording.files import save
from fakescope.recording.misses import NotRecordedError
from fakescope.recording.player import Player

TEXT = (Path(__file__).parents[2] / "docs" / "cassettes.md").read_text("utf-8").partition("## Replay\n")[2]


def block(language: str) -> str:
    return TEXT.partition(f"```{language}\n")[2].partition("```")[0]


def test_example_runs(
    tapes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tapes.cassette(*tapes.task("A paper boat")), tmp_path / "boat.yaml")
    monkeypatch.chdir(tmp_path)
    exec(compile(block("python"), "docs/cassettes.md", "exec"), {})
    assert capsys.readouterr().out == "SUCCEEDED\n"


def test_miss_reads_as_shown(tapes: Any) -> None:
    player = Player([tapes.cassette(*tapes.task("A paper boat"), name="boat")])
    with pytest.raises(NotRecordedError) as miss:
        player.answer(tapes.submission("A paper bout"), 0)
    assert str(miss.value) + "\n" == block("text")


def test_flags_that_are_shown_exist() -> None:
    shown = {word for line in block("console").splitlines() for word in line.split() if word.startswith("--")}
    helped = CliRunner().invoke(replay, ["--help"]).output
    assert shown == {"--speed", "--replay", "--miss"}
    assert all(flag in helped for flag in shown)
