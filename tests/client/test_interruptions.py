"""Interrupted anywhere: between any two lines of the client, in a queue, under asyncio, as a process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import httpx
import pytest

from fakescope_client import TaskTimeoutError, TransportError, cli

FILM = {"prompt": "A heron at dawn [fakescope:seconds=5]"}
STUCK = {"prompt": "A heron at dawn [fakescope:stuck]"}


class Lines:
    """Counts the lines of the client's flows as they are reached, and interrupts one of them.

    The drivers in clients.py are left out: on their way back to the caller is no call, so Python looks for no signal.
    """

    def __init__(self, interrupted: int = -1) -> None:
        self.interrupted = interrupted
        self.reached: list[tuple[CodeType, int]] = []

    def __enter__(self) -> Lines:
        self._before = sys.gettrace()
        sys.settrace(self._enter)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _enter(self, frame: FrameType, _event: str, _argument: object) -> Any:
        folder, name = os.path.split(frame.f_code.co_filename)
        return self._line if folder.endswith("fakescope_client") and name != "clients.py" else None

    def _line(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            self.reached.append((frame.f_code, frame.f_lineno))
            if len(self.reached) - 1 == self.interrupted:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self._line


def ends_of_lines(reached: list[tuple[CodeType, int]]) -> list[int]:
    """Where each line is reached for the first and for the last time."""
    first = {line: n for n, line in reversed(list(enumerate(reached)))}
    last = {line: n for n, line in enumerate(reached)}
    return sorted({*first.values(), *last.values()})


@pytest.mark.parametrize("verb", ["submit", "run"])
def test_interrupt_on_any_line_leaves_the_id_or_says_that_it_is_unknown(
    make_world: Callable[..., Any], verb: str
) -> None:
    client = make_world().client()
    with Lines() as lines:
        getattr(client, verb)("wan2.6-t2v", FILM)
    lost: list[object] = []
    for n in ends_of_lines(lines.reached):
        world = make_world()
        client = world.client()
        with pytest.raises(KeyboardInterrupt) as caught, Lines(interrupted=n):
            getattr(client, verb)("wan2.6-t2v", FILM)
        if world.paid() and [vars(caught.value).get("task_id")] != world.task_ids():
            lost.append(lines.reached[n])

    assert len(lines.reached) > 150
    assert lost == []


def test_ctrl_c_under_asyncio_leaves_the_id_in_what_it_cancels(world: Any) -> None:
    signals = [signal.SIGINT]

    def interrupt(_: object) -> None:
        if signals:
            signal.raise_signal(signals.pop())

    with pytest.raises(KeyboardInterrupt) as caught:
        asyncio.run(world.async_client().run("wan2.6-t2v", STUCK, on_poll=interrupt))

    assert isinstance(caught.value.__context__, asyncio.CancelledError)
    assert [vars(caught.value.__context__)["task_id"]] == world.task_ids()


@pytest.mark.anyio
async def test_timeout_of_asyncio_has_the_id_in_its_cause(world: Any) -> None:
    async def sleep(_: float) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError) as caught:
        await asyncio.wait_for(world.async_client(sleep=sleep).run("wan2.6-t2v", STUCK), 0.001)

    assert [vars(caught.value.__cause__)["task_id"]] == world.task_ids()


@pytest.mark.parametrize("name", ["TypeError", "ListError"])
def test_error_of_a_callback_keeps_what_it_is_and_gets_the_id(world: Any, name: str) -> None:
    error = TypeError("mine") if name == "TypeError" else TransportError("the list is gone")

    def fail(_: object) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        world.client().run("wan2.6-t2v", FILM, on_poll=fail)

    assert caught.value is error
    assert [vars(error)["task_id"]] == world.task_ids()


def test_timeout_of_many_names_those_that_were_never_seen(world: Any) -> None:
    client = world.client()
    ids = [client.submit("wan2.6-t2v", STUCK).id for _ in range(3)]

    with pytest.raises(TaskTimeoutError) as caught:
        list(client.wait_many(ids, timeout=0))

    assert caught.value.task_ids == tuple(ids)
    assert [task.id for task in caught.value.tasks] == ids[:1]


def test_misspelt_option_of_run_is_shown_all_that_there_are(world: Any) -> None:
    with pytest.raises(TypeError, match=r"no option timout; there are .*on_ambiguous.*timeout"):
        world.client().run("wan2.6-t2v", FILM, timout=5)

    assert world.wire.exchanges == []


# -- the command line


def answered_and_interrupted(_wire: Any, _request: httpx.Request, answered: Callable[[], Any]) -> httpx.Response:
    answered()
    raise KeyboardInterrupt


def test_command_cancels_a_submission_that_was_interrupted(
    world: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "Client", lambda **options: world.client(sleep=options["sleep"]))
    world.wire.faults["submit"] = [answered_and_interrupted]

    status = cli.main(["run", "wan2.6-t2v", "a cat", "--cancel-on-interrupt"])

    assert (status, [task["status"] for task in world.tasks()]) == (130, ["CANCELED"])
    assert f"Task {world.task_ids()[0]} was canceled." in capsys.readouterr().err


def test_timeout_of_a_command_counts_from_its_submission(
    world: Any, monkeypatch: pytest.MonkeyPatch, faults: dict[str, Any]
) -> None:
    monkeypatch.setattr(cli, "Client", lambda **_: world.client())
    world.wire.faults["submit"] = [faults["429 of the vendor"]] * 99

    assert cli.main(["run", "wan2.6-t2v", "a cat", "--timeout", "20"]) == 1
    assert world.time.seconds <= 20


def test_ctrl_c_ends_a_command_with_the_id_and_no_traceback(start_server: Callable[..., Any]) -> None:
    server = start_server("--speed", "1")
    environment = {**os.environ, "DASHSCOPE_API_KEY": "sk-fake-ctrl-c", "DASHSCOPE_HTTP_BASE_URL": server.base}
    command = [sys.executable, "-m", "fakescope_client", "run", "wan2.6-t2v", "[fakescope:stuck]"]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        assert process.stderr is not None
        task_id = process.stderr.readline().split()[1]
        process.stderr.readline()  # PENDING: it polls
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()

    assert (process.returncode, out) == (130, "")
    assert f"still going on: {task_id}" in err
    assert "Traceback" not in err
