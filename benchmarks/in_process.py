"""Without HTTP: what a call costs among more and more tasks, and how soon a moved clock has lived through a day."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter

from benchmarks.load import SUBMIT_PATH, body
from benchmarks.report import Row, rounds
from fakescope.catalog import Catalog, load
from fakescope.clock import SystemClock
from fakescope.engine.task import Account, Draft, Submission
from fakescope.engine.validation import validate
from fakescope.engine.view import TaskView
from fakescope.simulator import Filter, Rules, Simulator
from fakescope.store.memory import MemoryStore

__all__ = ["growth", "life", "linear", "validation"]

_SIZES = (1_000, 10_000, 100_000)
_CALLS = 200
_VALIDATIONS = 5_000
_ORIGIN = "http://127.0.0.1"
_ACCOUNT = Account("bench", "beijing")
_DRAFT = Draft(SUBMIT_PATH, True, False, body())


class _SetClock:
    """Shows what it was set to, so that every world is the same."""

    def __init__(self) -> None:
        self.now = 1_770_600_000_000

    def read(self) -> int:
        return self.now


# -- validation


def validation(count: int) -> Iterator[Row]:
    """A submission of all the fields of a text-to-video model, against every rule of that model."""
    catalog = load()
    spec = catalog.find(body()["model"])
    assert spec is not None
    found = []
    for _ in rounds(count, "validation"):
        started = perf_counter()
        for _ in range(_VALIDATIONS):
            assert isinstance(validate(spec, _DRAFT, catalog.problem), Submission)
        found.append((perf_counter() - started) * 1e6 / _VALIDATIONS)
    yield Row("us to validate a submission of 600 bytes", found, most=20)


# -- growth


def growth(count: int) -> Iterator[Row]:
    catalog = load()
    found: dict[str, dict[int, list[float]]] = {}
    for _ in rounds(count, "growth"):
        for size in _SIZES:
            for what, micros in asyncio.run(_costs(catalog, size)).items():
                found.setdefault(what, {}).setdefault(size, []).append(micros)
    for what, by_size in found.items():
        for size in _SIZES[1:]:
            yield Row(f"us for a {what} among {size:,} tasks (against: 1,000)", by_size[size], by_size[1_000], most=2.0)


async def _costs(catalog: Catalog, size: int) -> dict[str, float]:
    """Microseconds per call in a world of so many tasks, one every 100 ms: only the latest still run."""
    clock = _SetClock()
    simulator = Simulator(catalog, MemoryStore(), clock, Rules(seed=1, limits=False))
    ids = []
    for _ in range(size):
        clock.now += 100
        ids.append((await simulator.submit(_ACCOUNT, _DRAFT, _ORIGIN))[0].id)
    spread, fresh = ids[:: size // _CALLS], list[str]()

    async def submit(_: str) -> None:
        fresh.append((await simulator.submit(_ACCOUNT, _DRAFT, _ORIGIN))[0].id)

    return {
        "poll": await _timed(lambda task_id: simulator.fetch(_ACCOUNT, task_id, _ORIGIN), spread),
        "list page": await _timed(lambda _: simulator.find(_ACCOUNT, Filter(), 1, 10, _ORIGIN), spread),
        "submission": await _timed(submit, spread),
        "cancellation": await _timed(lambda task_id: simulator.cancel(_ACCOUNT, task_id), fresh),
    }


async def _timed(call: Callable[[str], Awaitable[object]], task_ids: list[str]) -> float:
    started = perf_counter()
    for task_id in task_ids:
        await call(task_id)
    return (perf_counter() - started) * 1e6 / len(task_ids)


# -- what does grow, said as plainly: no bars


def linear(count: int) -> Iterator[Row]:
    """Cancelling plans again whoever waits behind; a list by status looks at every task."""
    catalog = load()
    found: dict[str, dict[int, list[float]]] = {}
    for _ in rounds(count, "linear"):
        for size in _SIZES:
            for what, micros in asyncio.run(_linear_costs(catalog, size)).items():
                found.setdefault(what, {}).setdefault(size, []).append(micros)
    for what, by_size in found.items():
        for size in _SIZES[1:]:
            yield Row(f"us for {what} of {size:,} tasks (against: 1,000)", by_size[size], by_size[1_000])


async def _linear_costs(catalog: Catalog, size: int) -> dict[str, float]:
    """Microseconds per call in a world of so many tasks, nearly all of them waiting in one lane."""
    clock = _SetClock()
    simulator = Simulator(catalog, MemoryStore(), clock, Rules(speed=1, seed=1))
    ids = []
    for _ in range(size):
        clock.now += 200  # five a second, as many as are let in
        ids.append((await simulator.submit(_ACCOUNT, _DRAFT, _ORIGIN))[0].id)
    in_front, behind = ids[size // 2 : size // 2 + 1], ids[-1:]
    by_status = Filter(status="PENDING")
    return {
        "cancelling the last": await _timed(lambda task_id: simulator.cancel(_ACCOUNT, task_id), behind),
        "cancelling the middle one": await _timed(lambda task_id: simulator.cancel(_ACCOUNT, task_id), in_front),
        "a list by status": await _timed(lambda _: simulator.find(_ACCOUNT, by_status, 1, 10, _ORIGIN), behind),
    }


# -- a frozen clock, moved by orders


def life(count: int) -> Iterator[Row]:
    catalog = load()
    for what, live in {"the 24 h of a task": _day, "50 tasks in a lane of 5": _full_lane}.items():
        found = []
        for _ in rounds(count, what):
            started = perf_counter()
            asyncio.run(live(Simulator(catalog, MemoryStore(), SystemClock(), Rules(speed=1, seed=1))))
            found.append((perf_counter() - started) * 1000)
        yield Row(f"ms of wall time for {what}", found, most=50)


async def _day(simulator: Simulator) -> None:
    """Poll every 15 s as the SDK does, then at the last millisecond of the task's life, and at the first after it."""
    await simulator.order_clock(_ACCOUNT.id, {"action": "freeze"})
    task, view = await simulator.submit(_ACCOUNT, _DRAFT, _ORIGIN)
    while not view.status.is_terminal:
        view = await _poll_after(simulator, 15, task.id)
    left_s = 86_400 - (view.at - task.submitted) / 1000
    assert (await _poll_after(simulator, left_s - 0.001, task.id)).status == "SUCCEEDED"
    assert (await _poll_after(simulator, 0.001, task.id)).status == "UNKNOWN"


async def _poll_after(simulator: Simulator, seconds: float, task_id: str) -> TaskView:
    await simulator.order_clock(_ACCOUNT.id, {"action": "advance", "seconds": seconds})
    return await simulator.fetch(_ACCOUNT, task_id, _ORIGIN)


async def _full_lane(simulator: Simulator) -> None:
    """Five submissions a second, then polls every 15 s, as many as are allowed, until all have succeeded."""
    await simulator.order_clock(_ACCOUNT.id, {"action": "freeze"})
    waiting = []
    for n in range(50):
        if n % 5 == 0:
            await simulator.order_clock(_ACCOUNT.id, {"action": "advance", "seconds": 1})
        waiting.append((await simulator.submit(_ACCOUNT, _DRAFT, _ORIGIN))[0].id)
    while waiting:
        await simulator.order_clock(_ACCOUNT.id, {"action": "advance", "seconds": 15})
        views = [await simulator.fetch(_ACCOUNT, task_id, _ORIGIN) for task_id in waiting[:20]]
        assert sum(view.status == "RUNNING" for view in views) <= 5
        ended = {view.task_id for view in views if view.status == "SUCCEEDED"}
        waiting = [task_id for task_id in waiting if task_id not in ended]
