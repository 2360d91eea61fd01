"""Every fault in every phase of `run`, once, three times and for ever: the right result or the right error.

Whatever happens, no task is lost (an error names it, or says that it cannot be known) and none is paid for twice.
"""

from __future__ import annotations

from typing import Any

import pytest

from fakescope_client import AmbiguousSubmissionError, DashScopeError, Task, ThrottledError, TransportError

NAMES = (
    "connection refused, dropped before it arrived, dropped after it arrived, answered too late, sent too slowly, 408, "
    "408 after it arrived, 429, 429 of the vendor, 429; Retry-After, 429; Retry-After date, 500, 500 after it arrived, "
    "502, 502 after it arrived, 503, 503 of the vendor, 503; Retry-After, 504 after it arrived, broken JSON, no JSON, "
    "wrong JSON, cut off, slow"
)
FAULTS = [name.replace(";", ",") for name in NAMES.split(", ")]
CERTAIN = {name for name in FAULTS if name.startswith("429")} | {"connection refused", "503 of the vendor"}
"""A submission that meets these certainly started nothing."""
ARRIVED = {name for name in FAULTS if "after it arrived" in name or "JSON" in name}
ARRIVED |= {"answered too late", "cut off", "slow"}
TIMES = {"once": 1, "three times": 3, "for ever": 1_000}


def outcome(world: Any, **options: Any) -> Task | DashScopeError:
    """What `run` ends with, and that nothing was lost or paid for twice."""
    end: Task | DashScopeError
    try:
        end = task = world.client(**options).run("wan2.6-t2v", {"prompt": "A heron at dawn"})
        known = {task.id}
    except AmbiguousSubmissionError as error:
        end, known = error, {task.id for task in error.candidates}
    except DashScopeError as error:
        end, known = error, {error.task_id} - {""}
    assert world.paid() <= 1
    assert known <= set(world.task_ids())
    assert known or not world.paid() or isinstance(end, AmbiguousSubmissionError)
    return end


def test_every_fault_is_in_the_gauntlet(faults: dict[str, Any]) -> None:
    assert list(faults) == FAULTS


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("name", FAULTS)
def test_submission_under_fault(world: Any, faults: dict[str, Any], name: str, times: str) -> None:
    world.wire.faults["submit"] = [faults[name]] * TIMES[times]

    end = outcome(world)

    if name in CERTAIN:
        assert isinstance(end, Task) == (times != "for ever")
        assert isinstance(end, Task | ThrottledError | TransportError)
    elif name in ARRIVED:
        assert isinstance(end, Task)
        assert world.wire.count("submit") == 1
    else:
        assert isinstance(end, AmbiguousSubmissionError)
        assert (world.wire.count("submit"), world.paid()) == (1, 0)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("name", FAULTS)
def test_poll_under_fault(world: Any, faults: dict[str, Any], name: str, times: str) -> None:
    world.wire.faults["poll"] = [None, faults[name]] if times == "once" else [faults[name]] * TIMES[times]

    end = outcome(world)

    if times == "for ever":
        assert isinstance(end, TransportError | ThrottledError)
        assert end.retryable
        assert world.time.seconds >= 300 - 1.25 * 30
    else:
        assert isinstance(end, Task)
    assert world.wire.count("submit") == 1


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("name", FAULTS)
def test_search_under_fault(world: Any, faults: dict[str, Any], name: str, times: str) -> None:
    world.wire.faults["submit"] = [faults["dropped after it arrived"]]
    world.wire.faults["list"] = [faults[name]] * TIMES[times]

    end = outcome(world)

    assert isinstance(end, Task if times != "for ever" else AmbiguousSubmissionError)
    assert (world.wire.count("submit"), world.paid()) == (1, 1)


@pytest.mark.parametrize("name", FAULTS)
def test_resubmission_under_fault(world: Any, faults: dict[str, Any], name: str) -> None:
    world.wire.faults["submit"] = [faults[name]]

    end = outcome(world, on_ambiguous="resubmit")

    assert isinstance(end, Task)
    assert world.wire.count("submit") == (1 if name in ARRIVED else 2)


@pytest.mark.parametrize("name", [name for name in FAULTS if "JSON" not in name])  # a file is none
def test_download_under_fault(world: Any, faults: dict[str, Any], name: str, tmp_path: Any) -> None:
    client = world.client()
    film = client.run("wan2.6-t2v", {"prompt": "A heron at dawn"})
    client.download(film, tmp_path / "whole.mp4")
    world.wire.faults["download"] = [faults[name]] * 3

    (path,) = client.download(film, tmp_path / "film.mp4")

    assert path.read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["film.mp4", "whole.mp4"]


def test_throttling_is_answered_after_the_time_it_asks_for(world: Any, faults: dict[str, Any]) -> None:
    world.wire.faults["submit"] = [faults["429, Retry-After"], faults["429, Retry-After date"]]

    outcome(world)

    first, second, third = (exchange.at for exchange in world.wire.exchanges if exchange.phase == "submit")
    assert min(second - first, third - second) >= 7


def test_survived_faults_are_in_the_log(world: Any, faults: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    world.wire.faults = {"submit": [faults["cut off"]], "poll": [faults["429 of the vendor"]]}

    end = outcome(world)

    assert isinstance(end, Task)
    told = [record.getMessage() for record in caplog.records if record.name == "fakescope_client"]
    assert "submitting to wan2.6-t2v: RemoteProtocolError" in told[0]
    assert f"found its task {end.id}" in told[1]
    assert "Throttling.RateQuota: as it says (HTTP 429" in told[2]


@pytest.mark.parametrize("phase", ["submit", "poll"])
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_that_is_borne_is_in_the_log(
    world: Any, faults: dict[str, Any], name: str, phase: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.wire.faults[phase] = [faults[name]]

    outcome(world)

    told = [record.getMessage() for record in caplog.records if record.name == "fakescope_client"]
    what, then = ("submitting to wan2.6-t2v: ", "; again in " if name in CERTAIN else "; looking for its task")
    assert told[0].startswith(what if phase == "submit" else "polling: ")
    assert (then if phase == "submit" else "; again in ") in told[0]


@pytest.mark.parametrize("seconds", [0, 30], ids=["pending", "running"])
@pytest.mark.parametrize("name", FAULTS)
def test_cancellation_under_fault(world: Any, faults: dict[str, Any], name: str, seconds: float) -> None:
    client = world.client()
    task = client.submit("wan2.6-t2v", {"prompt": "A heron at dawn [fakescope:stuck]"})
    world.time.seconds += seconds
    world.wire.faults["cancel"] = [faults[name]]

    try:
        done = client.cancel(task)
    except DashScopeError as error:  # a refusal that cannot be read is one all the same
        assert (name, error.http_status, error.task_id) == ("broken JSON", 400, task.id)  # noqa: PT017
        done = False

    assert done == (world.tasks()[0]["status"] == "CANCELED")
