"""One Ctrl-C ends a run of contracts, wherever the program is at that moment."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fakescope.cli import main
from fakescope_contracts.asgi import App, AsgiTarget
from fakescope_contracts.interrupting import interruptible, raise_if_interrupted
from fakescope_contracts.target import Request, Response

# A machine, a promise that is broken and so made smaller, and plain ones before and after.
RUN = ["--only", "paths.unknown,queries.unknown-id,tasks.cancel,queries.cancel-unknown", "--max-examples", "3"]
ALWAYS = ["--app", "as_always:app", "--models", "wan2.2-t2v-plus", "--seed", "3", "--report", "json"]


@pytest.fixture(autouse=True)
def usual_handler() -> Iterator[None]:
    """What Python starts with, unless it was started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def press_in_vain() -> None:
    """As in a callback of the garbage collector: the exception is dropped."""
    with suppress(KeyboardInterrupt):
        press()


@pytest.fixture
def interrupted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    simulator: Callable[[], App],
) -> Callable[[int, Callable[[], None]], tuple[int, str, int]]:
    """Run, with Ctrl-C during request `n` (-1: with none): exit status, output, how many requests contracts made."""
    really = AsgiTarget._exchange

    def run(n: int, interrupt: Callable[[], None]) -> tuple[int, str, int]:
        asked = [0]
        module = ModuleType("as_always")
        vars(module)["app"] = simulator()
        monkeypatch.setitem(sys.modules, "as_always", module)

        def exchange(target: AsgiTarget, request: Request) -> Response:
            asked[0] += request.path.startswith("/api/v1")
            if asked[0] == n:
                asked[0] += 1
                interrupt()
                asked[0] -= 1
            response = really(target, request)
            return response._replace(status=404) if request.path.startswith("/api/v1/tasks/0") else response

        monkeypatch.setattr(AsgiTarget, "_exchange", exchange)
        with pytest.raises(SystemExit) as end:
            main(["contract", *ALWAYS, *RUN, "--report-dir", str(tmp_path)])
        out = capsys.readouterr().out
        assert (json.loads((tmp_path / "contracts.json").read_text("utf-8"))["ended"] or "") in out
        return int(str(end.value.code)), out, asked[0]

    return run


@pytest.mark.parametrize("interrupt", [press, press_in_vain])
def test_a_run_ends_at_whatever_request_it_is_interrupted(interrupt: Callable[[], None], interrupted: Any) -> None:
    status, _, requests = interrupted(-1, interrupt)
    assert (status, requests > 40) == (1, True)

    for n in range(1, requests, 3):
        status, out, asked = interrupted(n, interrupt)
        assert (status, asked <= n + 1) == (130, True), n
        assert re.search(r"; interrupted, \d not tried$", out, re.MULTILINE), n


def test_what_is_dropped_after_the_last_request_ends_the_run_too(interrupted: Any) -> None:
    _, _, requests = interrupted(-1, press)
    status, out, _ = interrupted(requests, press_in_vain)

    assert status == 130
    assert "interrupted, 0 not tried" in out


def test_nothing_is_printed_of_an_interruption_that_was_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    class Pressing:
        def __del__(self) -> None:
            press()

    class Failing:
        def __del__(self) -> None:
            raise ZeroDivisionError

    with interruptible():
        Pressing()
        Failing()
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()

    assert [one.exc_type for one in told] == [ZeroDivisionError]
    raise_if_interrupted()  # nothing is left of it


def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interruptible():
        press()
        raise_if_interrupted()
    assert signal.signal(signal.SIGINT, signal.default_int_handler) is signal.SIG_IGN
