"""What cannot be used is noticed before a task is submitted, and so paid for; what goes wrong later loses nothing."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from fakescope_client import cli

FILM = {"prompt": "A heron at dawn"}
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(world: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command against the world: its exit status, standard output and standard error."""
    monkeypatch.setattr(cli, "Client", lambda **options: world.client(patience=options["patience"]))

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(list(arguments))
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"timeout": -1}, ValueError, "timeout -1 is no time: give seconds, 0 or more"),
        ({"timeout": math.nan}, ValueError, "timeout nan is no time"),
        ({"timeout": "5"}, ValueError, "timeout '5' is no time"),
        ({"patience": -0.5}, ValueError, "patience -0.5 is no time"),
        ({"patience": math.nan}, ValueError, "patience nan is no time"),
        ({"patience": None}, TypeError, "not supported between"),
        ({"on_poll": 3}, TypeError, "on_poll 3 cannot be called"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "text_to_video"])
def test_option_that_cannot_be_used_never_submits(
    world: Any, verb: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    given: tuple[Any, ...] = ("a cat",) if verb == "text_to_video" else ("wan2.6-t2v", FILM)
    with pytest.raises(error, match=message):
        getattr(world.client(), verb)(*given, **options)

    assert world.paid() == 0


@pytest.mark.parametrize("patience", [-1, math.nan])
def test_client_is_not_made_with_a_patience_that_is_none(world: Any, patience: float) -> None:
    with pytest.raises(ValueError, match="is no time: give seconds, 0 or more"):
        world.client(patience=patience)


@pytest.mark.parametrize("timeout", [-1, math.nan])
def test_wait_refuses_a_time_that_is_none(world: Any, timeout: float) -> None:
    with pytest.raises(ValueError, match="is no time: give seconds, 0 or more"):
        world.client().wait("some-task", timeout=timeout)


@pytest.mark.parametrize("flag", ["--timeout", "--patience"])
@pytest.mark.parametrize("value", ["-1", "nan"])
def test_command_refuses_a_time_that_is_none(world: Any, command: Command, flag: str, value: str) -> None:
    status, out, err = command("run", "wan2.6-t2v", "a cat", flag, value)

    name = flag.removeprefix("--")
    assert (status, out, world.paid()) == (2, "", 0)
    assert err == f"fakescope client: {name} {float(value)} is no time: give seconds, 0 or more\n"


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that can be read only, by us who are nobody special; pytest's own is closed to anybody but its owner."""
    with TemporaryDirectory() as name:
        os.chmod(name, 0o555)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)
        yield Path(name)
        if is_root:
            os.seteuid(0)
        os.chmod(name, 0o700)


@pytest.mark.parametrize("target", ["film.mp4", "", "new/film.mp4"])
def test_target_that_may_not_be_written_is_refused(world: Any, command: Command, read_only: Path, target: str) -> None:
    to = f"{read_only}/{target}"
    status, out, err = command("run", "wan2.6-t2v", "a cat", "--to", to)

    assert (status, out, world.paid()) == (3, "", 0)
    assert err == f"fakescope client: [Errno 13] Permission denied: '{to}'\n"


def test_target_without_a_name_is_refused(world: Any, command: Command) -> None:
    """`--to "$FILM"`, where nobody has set FILM."""
    status, out, err = command("run", "wan2.6-t2v", "a cat", "--to", "")

    assert (status, out, world.paid()) == (3, "", 0)
    assert err == "fakescope client: '' is something else than a file or a folder: name one of these\n"


@pytest.mark.parametrize("target", ["here.txt/film.mp4", "here.txt/", "pipe"])
def test_target_that_cannot_be_is_refused(world: Any, command: Command, tmp_path: Path, target: str) -> None:
    (tmp_path / "here.txt").write_text("mine")
    os.mkfifo(tmp_path / "pipe")
    status, out, err = command("run", "wan2.6-t2v", "a cat", "--to", f"{tmp_path}/{target}")

    assert (status, out, world.paid()) == (3, "", 0)
    assert f"{tmp_path}/{target}" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.txt", "pipe"]


def test_try_of_a_target_leaves_nothing_behind(world: Any, command: Command, tmp_path: Path) -> None:
    command("run", "wan9", "a cat", "--to", f"{tmp_path}/film.mp4")

    assert (world.paid(), list(tmp_path.iterdir())) == (0, [])


def full(_wire: Any, _request: httpx.Request, _answered: Any) -> httpx.Response:
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupted(_wire: Any, _request: httpx.Request, _answered: Any) -> httpx.Response:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("fault", "status"), [(full, 3), (interrupted, 130)])
def test_result_that_could_not_be_kept_is_said_to_be_where_it_is(
    world: Any, command: Command, tmp_path: Path, fault: Any, status: int
) -> None:
    world.wire.faults["download"] = [fault]
    got, out, _ = command("run", "wan2.6-t2v", "a cat", "--to", f"{tmp_path}/film.mp4")

    task = world.client().fetch(world.task_ids()[0])
    assert (got, out) == (status, f"{task.results[0]}\n")


def test_link_that_has_expired_is_said_after_what_was_paid_for(world: Any, command: Command, tmp_path: Path) -> None:
    world.wire.faults["download"] = [world.status(403)]
    status, out, _ = command("run", "wan2.6-t2v", "a cat", "--to", f"{tmp_path}/film.mp4", "--json")

    assert (status, world.task_ids()[0] in out.splitlines()[0]) == (1, True)
    assert '"error": "InvalidParameterError"' in out.splitlines()[1]


def test_lists_of_nonsense_have_no_failures(world: Any) -> None:
    client = world.client()
    task = client.text_to_image("[fakescope:partial=1]", model="wan2.2-t2i-flash", n=2)
    assert task.failures == ("DataInspectionFailed: Output data may contain inappropriate content.",)

    nonsense: list[Any] = [None, 3, "code", [3, None, "code", []], {"code": "x"}]
    for results in nonsense:
        body = {"output": {"task_id": "t", "task_status": "SUCCEEDED", "results": results}}
        assert type(task).parse(body).failures == ()
