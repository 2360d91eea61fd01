"""The promises of a store: one test per sentence of `Store`'s docstring, in its words, for every backend."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import pytest

from fakescope.clock import REAL, ClockSetting
from fakescope.engine.task import EMPTY_LANE, ENDLESS, SUCCESS, Lane, Task, TaskStatus, Timeline
from fakescope.errors import StoreConflict
from fakescope.store.base import LaneState, Store
from fakescope.store.memory import MemoryStore

PENDING, RUNNING, SUCCEEDED = TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.SUCCEEDED
MODEL = "some-model"


class Backend(NamedTuple):
    """How to open a store, and another door to what it holds: an account's task ids, read past the store's methods."""

    open: Callable[[], Store]
    held: Callable[[Any, str], set[str]]


def _held_in_memory(store: MemoryStore, account: str) -> set[str]:
    world = store._worlds.get(account)
    return set() if world is None else set(world.tasks)


BACKENDS = {"memory": Backend(MemoryStore, _held_in_memory)}


@pytest.fixture(params=list(BACKENDS.values()), ids=list(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Backend:
    backend: Backend = request.param
    return backend


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.open()


def a_task(name: str, submitted: int, end: int | None = None) -> Task:
    """A task that starts at once and ends at `end`, or never."""
    if end is None:
        return Task(name, MODEL, (), {}, ENDLESS, Timeline((submitted, submitted), (PENDING, RUNNING)))
    statuses = (PENDING, RUNNING, SUCCEEDED)
    return Task(
        name, MODEL, ("a fox", 5), {0: "a fox, whole"}, SUCCESS, Timeline((submitted, submitted, end), statuses)
    )


async def put(store: Store, account: str, *tasks: Task, model: str = MODEL, forget_before: int = 0) -> Sequence[Task]:
    """Commit tasks at the lane's own version; what was forgotten."""
    lane, version = await store.read_lane(account, model)
    return await store.commit(account, model, version, lane, tasks, forget_before)


def names(tasks: Iterable[Task]) -> list[str]:
    return [task.id for task in tasks]


@pytest.mark.anyio
class TestStoreContract:
    async def test_task_that_was_committed_is_got_by_its_account_only(self, store: Store) -> None:
        """A task that was committed can be got by its account and by no other."""
        task = a_task("a", 1_000, 2_000)

        await put(store, "alice", task)
        await put(store, "bob", a_task("b", 1_000, 2_000))

        assert await store.get("alice", "a") == task
        assert await store.get("bob", "a") is None
        assert await store.get("nobody", "a") is None
        assert names(await store.find("bob", 0, 9_000)) == ["b"]

    async def test_task_that_is_committed_again_is_replaced_in_its_place(self, store: Store) -> None:
        """Committing a task again replaces it, and it keeps its place in the order of submission."""
        await put(store, "alice", a_task("a", 1_000, 9_000), a_task("b", 1_000, 9_000), a_task("c", 1_000, 9_000))

        again = a_task("a", 1_000, 5_000)
        await put(store, "alice", again)

        assert await store.get("alice", "a") == again
        assert names(await store.find("alice", 1_000, 1_000)) == ["a", "b", "c"]
        assert names(await store.read_queue("alice", MODEL, 4_000)) == ["a", "b", "c"]

    async def test_tasks_are_found_by_their_instants_both_ends_included(self, store: Store) -> None:
        """Tasks are found in order of submission, by the instants from `since` up to `until`, both included."""
        for submitted in (1_000, 2_000, 2_000, 3_000, 4_000):
            await put(
                store, "alice", a_task(f"{submitted}-{len(await store.find('alice', 0, 9_000))}", submitted, 9_000)
            )

        found = await store.find("alice", 2_000, 3_000)

        assert names(found) == ["2000-1", "2000-2", "3000-3"]
        assert (len(found), found[0].id, found[-1].id, names(found[1:])) == (
            3,
            "2000-1",
            "3000-3",
            ["2000-2", "3000-3"],
        )
        assert names(await store.find("alice", 2_001, 2_999)) == []
        assert names(await store.find("nobody", 0, 9_000)) == []

    async def test_queue_holds_who_has_not_ended(self, store: Store) -> None:
        """The queue holds a lane's tasks that had not ended, in order of submission."""
        await put(store, "alice", a_task("late", 1_000, 9_000), a_task("soon", 1_000, 3_000), a_task("never", 1_500))
        await put(store, "alice", a_task("other", 1_600, 9_000)._replace(model="other"), model="other")

        assert names(await store.read_queue("alice", MODEL, 2_999)) == ["late", "soon", "never"]
        assert names(await store.read_queue("alice", MODEL, 3_000)) == ["late", "never"]
        assert names(await store.read_queue("alice", MODEL, 9_000)) == ["never"]
        assert names(await store.read_queue("alice", "no-lane", 0)) == []
        assert names(await store.read_queue("bob", MODEL, 0)) == []

    async def test_queue_keeps_who_stands_behind_the_ended(self, store: Store) -> None:
        """The queue holds a lane's tasks that had not ended, in order of submission."""
        await put(store, "alice", a_task("a", 1_000, 2_000))
        await put(store, "alice", a_task("b", 1_500, 8_000))
        await put(store, "alice", a_task("c", 2_500, 9_000))

        assert names(await store.read_queue("alice", MODEL, 2_500)) == ["b", "c"]

    async def test_commit_to_a_lane_that_moved_changes_nothing(self, store: Store, backend: Backend) -> None:
        """A commit fails with StoreConflict, and changes nothing, if the lane moved since it was read."""
        _, version = await store.read_lane("alice", MODEL)
        await put(store, "alice", a_task("first", 1_000, 2_000))
        before = await store.read_lane("alice", MODEL)

        with pytest.raises(StoreConflict):
            await store.commit("alice", MODEL, version, Lane((7,), (7,)), [a_task("second", 3_000, 4_000)], 2_500)

        assert await store.read_lane("alice", MODEL) == before
        assert backend.held(store, "alice") == {"first"}
        assert names(await store.read_queue("alice", MODEL, 0)) == ["first"]

    async def test_commit_moves_its_own_lane_only(self, store: Store) -> None:
        """A commit fails with StoreConflict, and changes nothing, if the lane moved since it was read."""
        assert await store.read_lane("alice", MODEL) == LaneState(EMPTY_LANE, 0)

        await store.commit("alice", MODEL, 0, Lane((5, 6), (1,)), [a_task("a", 1_000, 2_000)], 0)
        lane, version = await store.read_lane("alice", MODEL)
        await store.commit("alice", MODEL, version, lane, [], 0)

        assert lane == Lane((5, 6), (1,))
        assert (await store.read_lane("alice", MODEL)).version not in (0, version)
        assert await store.read_lane("alice", "other-model") == LaneState(EMPTY_LANE, 0)
        assert await store.read_lane("bob", MODEL) == LaneState(EMPTY_LANE, 0)

    async def test_commit_forgets_the_accounts_old_tasks(self, store: Store, backend: Backend) -> None:
        """A commit forgets the account's tasks submitted before `forget_before`, and no others, and gives them back."""
        await put(store, "bob", a_task("bob's", 999, 2_000))
        await put(store, "alice", a_task("elsewhere", 999)._replace(model="other"), model="other")
        await put(store, "alice", a_task("old", 1_000), a_task("edge", 1_500), a_task("young", 1_501, 9_000))
        await put(store, "alice", a_task("late", 1_600), a_task("later", 1_700))

        gone = await put(store, "alice", a_task("new", 3_000), forget_before=1_500)
        again = await put(store, "alice", forget_before=1_500)

        assert (names(gone), names(again)) == (["elsewhere", "old"], [])
        kept = ["edge", "young", "late", "later", "new"]
        assert backend.held(store, "alice") == set(kept)
        assert backend.held(store, "bob") == {"bob's"}
        assert await store.get("alice", "old") is None
        assert names(await store.find("alice", 0, 9_000)) == kept
        assert names(await store.read_queue("alice", MODEL, 0)) == kept
        assert names(await store.read_queue("alice", "other", 0)) == []

    async def test_control_that_was_committed_is_read_back(self, store: Store) -> None:
        """A control that was committed is read back; an account without one has the clock of a new world."""
        setting = ClockSetting("tick", 5_000, 4_000, 0.0, 30_000)

        await store.commit_control("alice", setting)

        assert await store.read_control("alice") == setting
        assert await store.read_control("bob") == REAL

    async def test_reset_forgets_the_accounts_world_only(self, store: Store, backend: Backend) -> None:
        """A reset forgets the account's tasks, lanes and control, and nobody else's."""
        for account in ("alice", "bob"):
            await store.commit(account, MODEL, 0, Lane((5,), ()), [a_task("a", 1_000, 2_000)], 0)
            await store.commit_control(account, ClockSetting("frozen", 5, 5, 0.0))

        await store.reset("alice")

        assert backend.held(store, "alice") == set()
        assert names(await store.read_queue("alice", MODEL, 0)) == []
        assert await store.read_lane("alice", MODEL) == LaneState(EMPTY_LANE, 0)
        assert await store.read_control("alice") == REAL
        assert backend.held(store, "bob") == {"a"}
        assert (await store.read_lane("bob", MODEL)).lane == Lane((5,), ())
        assert (await store.read_control("bob")).mode == "frozen"

    async def test_reset_of_nobody_is_harmless(self, store: Store) -> None:
        """A reset forgets the account's tasks, lanes and control, and nobody else's."""
        await store.reset("nobody")

        assert await store.read_control("nobody") == REAL


def test_every_sentence_of_the_store_is_a_test() -> None:
    promises = [line.strip() for line in inspect.cleandoc(Store.__doc__ or "").split("\n\n")[1].splitlines()]

    tested = {test.__doc__ for name, test in vars(TestStoreContract).items() if name.startswith("test_")}

    assert tested == set(promises)
