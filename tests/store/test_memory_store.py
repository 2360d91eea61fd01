"""The store in memory is bounded: what it holds depends on what was committed, and on nothing else."""

from __future__ import annotations

import pytest

from fakescope.engine.task import EMPTY_LANE, SUCCESS, Task, TaskStatus, Timeline
from fakescope.store.memory import MemoryStore

DAY = 86_400_000
EVERY_MS = 30_000
STATUSES = (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.SUCCEEDED)


async def after_many_tasks(count: int) -> MemoryStore:
    """A store after a task every 30 seconds, each running for three minutes; each commit forgets what is a day old."""
    store = MemoryStore()
    for i in range(count):
        now = i * EVERY_MS
        task = Task(f"task-{i}", "model", (), {}, SUCCESS, Timeline((now, now, now + 180_000), STATUSES))
        await store.commit("alice", "model", i, EMPTY_LANE, (task,), now - DAY)
    return store


@pytest.mark.anyio
async def test_ten_thousand_tasks_over_days_leave_those_of_the_last_day() -> None:
    world = (await after_many_tasks(10_000))._worlds["alice"]

    kept = DAY // EVERY_MS + 1  # one every 30 seconds, from exactly a day ago up to now
    assert list(world.tasks) == [f"task-{i}" for i in range(10_000 - kept, 10_000)]
    assert world.order[world.forgotten :] == list(world.tasks)


@pytest.mark.anyio
async def test_nothing_else_grows_with_the_tasks_that_came_and_went() -> None:
    world = (await after_many_tasks(10_000))._worlds["alice"]

    assert len(world.order) <= 2 * len(world.tasks)
    assert 180_000 // EVERY_MS <= len(world.queues["model"]) <= 2 * 180_000 // EVERY_MS + 64  # who has not ended yet
    assert len(world.lanes) == 1


@pytest.mark.anyio
async def test_forgetting_is_the_same_every_time() -> None:
    first, second = await after_many_tasks(4_000), await after_many_tasks(4_000)

    assert list(first._worlds["alice"].tasks) == list(second._worlds["alice"].tasks)
    assert first._worlds["alice"].order == second._worlds["alice"].order


@pytest.mark.anyio
async def test_a_page_of_a_long_list_is_looked_up_alone() -> None:
    store = await after_many_tasks(2_000)

    page = (await store.find("alice", 0, DAY))[-10:]

    assert [task.id for task in page] == [f"task-{i}" for i in range(1_990, 2_000)]


@pytest.mark.anyio
async def test_reading_and_failing_make_no_worlds() -> None:
    store = MemoryStore()

    await store.get("alice", "task")
    await store.find("alice", 0, DAY)
    await store.read_lane("alice", "model")
    await store.read_queue("alice", "model", 0)
    await store.read_control("alice")

    assert store._worlds == {}


@pytest.mark.anyio
async def test_closing_lets_everything_go() -> None:
    store = await after_many_tasks(3)

    await store.close()

    assert await store.get("alice", "task-0") is None
