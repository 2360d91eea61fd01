"""Polling: how often, for how long, together how fast, and what an interruption leaves behind."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest

from fakescope_client import DashScopeError, Task, TaskFailedError, TaskTimeoutError, TaskUnknownError

FILM = {"prompt": "A heron at dawn [fakescope:seconds=200]"}
STUCK = {"prompt": "A heron at dawn [fakescope:stuck]"}


def poll_times(world: Any) -> list[float]:
    return [exchange.at for exchange in world.wire.exchanges if exchange.phase == "poll"]


def test_polls_come_every_three_seconds_at_first_and_every_fifteen_in_the_end(world: Any) -> None:
    task = world.client().run("wan2.6-t2v", FILM)

    times = poll_times(world)
    assert times[0] == 0
    gaps = [(earlier, later - earlier) for earlier, later in pairwise(times)]
    assert all(3 <= gap <= 3.31 for at, gap in gaps if at < 30)
    assert all(gap <= 16.5 for _, gap in gaps)
    assert all(gap >= 15 for at, gap in gaps if at >= 150)
    assert task.status == "SUCCEEDED"


def test_same_seed_gives_the_same_jitter(make_world: Callable[..., Any]) -> None:
    one, two, other = make_world(), make_world(), make_world()
    for world, seed in ((one, 7), (two, 7), (other, 8)):
        world.client(seed=seed).run("wan2.6-t2v", FILM)

    assert poll_times(one) == poll_times(two) != poll_times(other)


def test_five_minutes_take_a_few_dozen_steps_and_no_time(world: Any) -> None:
    world.client().run("wan2.6-t2v", {"prompt": "A heron [fakescope:seconds=300]"})

    assert 300 <= world.time.seconds <= 330
    assert len(world.time.slept) < 60


def test_on_poll_sees_every_state(world: Any) -> None:
    seen: list[str] = []
    client = world.client()
    client.wait(client.submit("wan2.6-t2v", FILM), on_poll=lambda task: seen.append(task.status))

    assert len(seen) == len(poll_times(world))
    assert list(dict.fromkeys(seen)) == ["PENDING", "RUNNING", "SUCCEEDED"]


def test_run_tells_the_id_before_it_polls(world: Any) -> None:
    polled_before: list[int] = []
    world.client().run("wan2.6-t2v", FILM, on_poll=lambda _: polled_before.append(len(poll_times(world))))

    assert polled_before == list(range(len(poll_times(world)) + 1))


@pytest.mark.parametrize("timeout", [0, 0.5, 10, 100])
def test_timeout_is_kept_and_leaves_the_task_alone(world: Any, timeout: float) -> None:
    with pytest.raises(TaskTimeoutError, match=f"not ended within {timeout:g} s") as caught:
        world.client().run("wan2.6-t2v", STUCK, timeout=timeout)

    assert world.time.seconds == pytest.approx(timeout, abs=0.2)
    assert [caught.value.task_id] == world.task_ids() == [task.id for task in caught.value.tasks]
    assert caught.value.retryable


def test_no_timeout_waits_as_long_as_it_takes(world: Any) -> None:
    def hours_pass(_: Task) -> None:
        world.time.seconds += 3600

    with pytest.raises(TaskUnknownError):  # after 24 hours the task is gone
        world.client().run("wan2.6-t2v", STUCK, timeout=None, on_poll=hours_pass)

    assert world.time.seconds > 86_400


def test_resume_takes_a_task_up_in_another_program(world: Any) -> None:
    kept = world.client().submit("wan2.6-t2v", FILM).to_json()

    film = world.client().resume(Task.from_json(kept))

    assert (film.status, film.model) == ("SUCCEEDED", "wan2.6-t2v")
    assert len(film.results) == 1


@pytest.mark.parametrize(("mark", "code"), [("fail=InternalError.Algo", "InternalError.Algo"), ("fail=Other", "Other")])
def test_failed_task_is_an_error_with_the_task_in_it(world: Any, mark: str, code: str) -> None:
    with pytest.raises(TaskFailedError) as caught:
        world.client().run("wan2.6-t2v", {"prompt": f"[fakescope:{mark}]"})

    error = caught.value
    assert (error.code, error.retryable) == (code, code.startswith("Internal"))
    assert error.task is not None
    assert [error.task.id] == [error.task_id] == world.task_ids()


def test_canceled_task_is_an_error(world: Any) -> None:
    client = world.client()
    task = client.submit("wan2.6-t2v", FILM)

    assert client.cancel(task) is True

    with pytest.raises(TaskFailedError, match="the task is CANCELED"):
        client.wait(task)


def test_cancel_comes_too_late_for_a_running_task(world: Any) -> None:
    client = world.client()
    task = client.submit("wan2.6-t2v", FILM)
    world.time.seconds += 30

    assert client.cancel(task) is False
    assert client.fetch(task).status == "RUNNING"


def test_cancel_whose_answer_was_lost_still_knows(world: Any, faults: dict[str, Any]) -> None:
    client = world.client()
    task = client.submit("wan2.6-t2v", FILM)
    world.wire.faults["cancel"] = [faults["dropped after it arrived"]]

    assert client.cancel(task) is True


@pytest.mark.parametrize("verb", ["fetch", "wait", "cancel", "resume"])
def test_empty_id_is_refused_before_anything_is_sent(world: Any, verb: str) -> None:
    with pytest.raises(ValueError, match="empty task id"):
        getattr(world.client(), verb)("")

    assert world.wire.exchanges == []


def test_id_cannot_lead_elsewhere(world: Any) -> None:
    with pytest.raises(DashScopeError):
        world.client(patience=0).fetch("../uploads?x=")

    assert world.wire.exchanges[0].target == "/api/v1/tasks/..%2Fuploads%3Fx%3D"


def test_wrong_key_ends_a_wait_at_once(world: Any) -> None:
    with pytest.raises(DashScopeError, match="Invalid API-key") as caught:
        world.client(key="sk-fake-invalid").wait("some-task")

    assert (caught.value.task_id, world.wire.count("poll")) == ("some-task", 1)


# -- interruptions


def interrupts_sleep(world: Any, number: int) -> Callable[[float], None]:
    left = [number]

    def sleep(seconds: float) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        world.time.sleep(seconds)

    return sleep


def test_interrupted_wait_leaves_the_id(world: Any) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        world.client(sleep=interrupts_sleep(world, 5)).run("wan2.6-t2v", FILM)

    assert [vars(caught.value)["task_id"]] == world.task_ids()
    assert world.task_ids()[0] in caught.value.__notes__[0]
    assert world.tasks()[0]["status"] != "CANCELED"


@pytest.mark.parametrize(("sleeps", "note"), [(1, "was canceled."), (20, "was not canceled: Unsupported")])
def test_interrupted_wait_cancels_if_asked_to(world: Any, sleeps: int, note: str) -> None:
    client = world.client(sleep=interrupts_sleep(world, sleeps))

    with pytest.raises(KeyboardInterrupt) as caught:
        client.run("wan2.6-t2v", FILM, cancel_on_interrupt=True)

    assert caught.value.__notes__[1].startswith(f"Task {world.task_ids()[0]} {note}")
    assert (world.tasks()[0]["status"] == "CANCELED") == (note == "was canceled.")


def test_error_of_ones_own_callback_carries_the_id_and_cancels_nothing(world: Any) -> None:
    def fail(_: Task) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        world.client().run("wan2.6-t2v", FILM, on_poll=fail, cancel_on_interrupt=True)

    assert [vars(caught.value)["task_id"]] == world.task_ids()
    assert world.wire.count("cancel") == 0


@pytest.mark.anyio
async def test_canceled_coroutine_leaves_the_id_and_cancels_if_asked_to(world: Any) -> None:
    waiting = asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    client = world.async_client(sleep=sleep)
    task = asyncio.create_task(client.run("wan2.6-t2v", FILM, cancel_on_interrupt=True))
    await waiting.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError) as caught:
        await task

    assert [vars(caught.value)["task_id"]] == world.task_ids()
    assert world.tasks()[0]["status"] == "CANCELED"


@pytest.mark.anyio
async def test_timeout_of_asyncio_works_around_a_wait(world: Any) -> None:
    async def sleep(_: float) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await world.async_client(sleep=sleep).run("wan2.6-t2v", FILM)


# -- many at once


def fastest_second(times: list[float]) -> int:
    """The most polls in any window of one second."""
    return max(sum(start <= at < start + 1 for at in times) for start in times)


def test_wait_many_gives_each_task_as_it_ends(world: Any) -> None:
    client = world.client()
    prompts = ["[fakescope:seconds=90]", "[fakescope:seconds=5]", "[fakescope:fail=X]", "[fakescope:seconds=40]"]
    tasks = [client.submit("wan2.6-t2v", {"prompt": prompt}) for prompt in prompts]
    order = [tasks.index(next(t for t in tasks if t.id == ended.id)) for ended in client.wait_many(tasks)]

    assert order[-2:] == [3, 0]
    assert sorted(order) == [0, 1, 2, 3]


def test_wait_many_polls_fairly_and_not_too_fast(world: Any) -> None:
    client = world.client()
    tasks = [client.submit("wan2.6-t2v", {"prompt": "[fakescope:seconds=40]"}) for _ in range(60)]
    ended = list(client.wait_many(tasks))

    polls = [exchange for exchange in world.wire.exchanges if exchange.phase == "poll"]
    assert fastest_second([exchange.at for exchange in polls]) <= 20
    counts = [sum(task.id in exchange.target for exchange in polls) for task in tasks]
    assert max(counts) - min(counts) <= 2
    assert len(ended) == 60


def test_wait_many_hands_out_what_has_ended_before_it_gives_up(world: Any) -> None:
    client = world.client()
    tasks = [client.submit("wan2.6-t2v", what) for what in (FILM, STUCK)]
    ended: list[Task] = []

    with pytest.raises(TaskTimeoutError) as caught:
        ended.extend(client.wait_many(tasks, timeout=600))

    assert [task.id for task in ended] == [tasks[0].id]
    assert caught.value.task_id == tasks[1].id


def test_wait_many_of_nothing_is_nothing(world: Any) -> None:
    assert list(world.client().wait_many([])) == []


def test_turns_of_threads_are_counted_together() -> None:
    from fakescope_client.core import Pacer

    pacer, turns, lock = Pacer(20), list[float](), threading.Lock()

    def take() -> None:
        for _ in range(50):
            turn = pacer.turn(0.0)
            with lock:
                turns.append(turn)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert fastest_second(turns) <= 20
    assert sorted(turns)[0] == 0.0
    assert max(turns) == pytest.approx(199 * 1.1 / 20)


@pytest.mark.anyio
async def test_waits_that_wake_up_late_do_not_poll_all_at_once(world: Any) -> None:
    """A program that was busy for seconds: every turn is over when it gets to its waits again."""

    async def oversleep(seconds: float) -> None:
        world.time.seconds = max(world.time.seconds, float(math.ceil((world.time.seconds + seconds) / 4) * 4))
        await asyncio.sleep(0)

    client = world.async_client(sleep=oversleep)
    tasks = [await client.submit("wan2.6-t2v", {"prompt": "[fakescope:seconds=40]"}) for _ in range(60)]
    await asyncio.gather(*(client.wait(task) for task in tasks))

    assert fastest_second(poll_times(world)) == 20


def test_lists_queries_and_cancellations_have_turns_of_their_own(world: Any) -> None:
    client = world.client()
    task = client.submit("wan2.6-t2v", FILM)
    for _ in range(3):
        client.fetch(task)
        list(client.list())

    assert world.time.seconds == pytest.approx(2 * 1.1 / 20)


def test_list_brings_every_page_as_it_is_looked_at(world: Any) -> None:
    client = world.client()
    ids = [client.submit("wan2.6-t2v", FILM).id for _ in range(120)]
    listing = client.list(model="wan2.6-t2v")

    first = next(listing)
    assert world.wire.count("list") == 1
    assert [first.id, *(task.id for task in listing)] == ids[::-1]
    assert world.wire.count("list") == 3


def test_task_that_comes_in_between_pages_shows_none_twice(world: Any) -> None:
    client = world.client()
    ids = {client.submit("wan2.6-t2v", FILM).id for _ in range(60)}
    shown: list[str] = []
    for task in client.list():
        if not shown:
            client.submit("wan2.6-t2v", FILM)
        shown.append(task.id)

    assert len(shown) == len(set(shown))
    assert ids == set(shown)


def test_list_takes_status_and_times(world: Any) -> None:
    client = world.client()
    first = client.submit("wan2.6-t2v", FILM)
    world.time.seconds += 60
    second = client.submit("wan2.6-t2v", FILM)
    client.cancel(second)
    (early,) = client.list(status="RUNNING")
    listed = next(client.list())

    assert early.id == first.id
    assert [task.id for task in client.list(since=listed.submitted_at)] == [second.id]


def test_network_that_is_gone_does_not_end_a_wait_before_patience_does(world: Any) -> None:
    task = world.client().submit("wan2.6-t2v", FILM)

    def gone(_wire: Any, request: httpx.Request, _answered: Any) -> httpx.Response:
        raise httpx.ConnectError("no route to host", request=request)

    world.wire.faults["poll"] = [gone] * 12

    assert world.client(patience=600).wait(task).status == "SUCCEEDED"


def test_misspelt_option_of_a_wait_is_refused(world: Any) -> None:
    with pytest.raises(TypeError, match="no option timout; there are timeout"):
        world.client().wait("some-task", timout=5)


@pytest.mark.parametrize("body", ["[" * 100_000, '{"output":' + "[" * 600 + "]" * 600 + "}"], ids=["endless", "deep"])
def test_answer_that_is_too_deep_is_borne(world: Any, body: str) -> None:
    client = world.client()
    task = client.submit("wan2.6-t2v", FILM)
    world.wire.faults["poll"] = [world.status(200, body)]

    assert client.wait(task).status == "SUCCEEDED"


def test_answer_that_does_not_end_is_not_read_to_its_end(world: Any) -> None:
    class Endless(httpx.SyncByteStream):
        megabytes = 0

        def __iter__(self) -> Any:
            while self.megabytes < 200:
                self.megabytes += 1
                yield bytes(1_000_000)

    stream = Endless()
    world.wire.faults["poll"] = [lambda *_: httpx.Response(200, stream=stream)]

    with pytest.raises(DashScopeError, match="endless"):
        world.client(patience=0).fetch("some-task")

    assert stream.megabytes < 60


def test_error_of_a_query_names_its_task(world: Any, faults: dict[str, Any]) -> None:
    world.wire.faults["poll"] = [faults["502"]]

    with pytest.raises(DashScopeError) as caught:
        world.client(patience=0).fetch("some-task")

    assert caught.value.task_id == "some-task"


def interrupt_of_many(world: Any, count: int) -> KeyboardInterrupt:
    def interrupt(_: Task) -> None:
        raise KeyboardInterrupt

    client = world.client()
    tasks = [client.submit("wan2.6-t2v", STUCK) for _ in range(count)]
    with pytest.raises(KeyboardInterrupt) as caught:
        list(client.wait_many(tasks, on_poll=interrupt, cancel_on_interrupt=True))
    return caught.value


def test_many_tasks_are_canceled_at_the_vendors_pace(make_world: Callable[..., Any]) -> None:
    world = make_world(limits=True)

    stop = interrupt_of_many(world, 45)

    assert [note for note in stop.__notes__ if "Throttling" in note] == []
    assert world.wire.count("cancel") == 45


def test_interrupt_of_many_does_not_wait_for_a_server_that_hangs(world: Any, faults: dict[str, Any]) -> None:
    world.wire.faults["cancel"] = [faults["answered too late"]] * 99

    stop = interrupt_of_many(world, 45)

    assert world.time.seconds < 15
    assert len([note for note in stop.__notes__ if "was not canceled" in note]) == 45


def test_unknown_code_beside_a_good_answer_does_not_break_a_wait(world: Any) -> None:
    def coded(_wire: Any, _request: httpx.Request, answered: Callable[[], httpx.Response]) -> httpx.Response:
        return httpx.Response(200, json={**answered().json(), "code": "200", "message": "OK"})

    world.wire.faults = {"submit": [coded], "poll": [coded] * 999}

    assert world.client().run("wan2.6-t2v", FILM).status == "SUCCEEDED"


def test_task_that_is_waited_for_is_not_taken_for_a_lost_one(world: Any, faults: dict[str, Any]) -> None:
    other = world.client().submit("wan2.6-t2v", STUCK)
    client = world.client()
    with pytest.raises(TaskTimeoutError):
        client.wait(other.id, timeout=0)
    world.wire.faults["submit"] = [faults["dropped after it arrived"]]

    assert client.submit("wan2.6-t2v", FILM).id not in ("", other.id)
