"""What becomes of a submission whose answer was lost, and who is allowed to submit meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import httpx
import pytest

from fakescope_client import AmbiguousSubmissionError, Task, TransportError

FILM = {"prompt": "A heron at dawn"}


def submit_unseen(world: Any, model: str = "wan2.6-t2v") -> str:
    """Another program of the same account submits."""
    clean = world.client()
    waiting, world.wire.faults = world.wire.faults, {}
    task_id = clean.submit(model, FILM).id
    world.wire.faults = waiting
    return str(task_id)


def lose(world: Any, faults: dict[str, Any], name: str = "dropped after it arrived", **options: Any) -> Task:
    world.wire.faults["submit"] = [faults[name]]
    task: Task = world.client(**options).submit("wan2.6-t2v", FILM)
    return task


def test_the_one_task_that_can_be_it_is_adopted(world: Any, faults: dict[str, Any]) -> None:
    task = lose(world, faults)

    assert [task.id] == world.task_ids()
    assert task.model == "wan2.6-t2v"
    assert task.status == "PENDING"


def test_task_of_another_program_in_the_same_second_leaves_it_open(world: Any, faults: dict[str, Any]) -> None:
    other = submit_unseen(world)

    with pytest.raises(AmbiguousSubmissionError, match="may be one of 2") as caught:
        lose(world, faults)

    assert {task.id for task in caught.value.candidates} == set(world.task_ids()) > {other}
    assert not caught.value.retryable


def test_earlier_task_of_another_program_is_no_candidate(world: Any, faults: dict[str, Any]) -> None:
    earlier = submit_unseen(world)
    world.time.seconds += 3

    task = lose(world, faults)

    assert {task.id, earlier} == set(world.task_ids())


def test_task_of_another_model_is_no_candidate(world: Any, faults: dict[str, Any]) -> None:
    other = submit_unseen(world, "wan2.5-t2v-preview")

    assert lose(world, faults).id != other


def test_task_of_our_own_is_no_candidate(world: Any, faults: dict[str, Any]) -> None:
    client = world.client()
    own = client.submit("wan2.6-t2v", FILM)
    world.wire.faults["submit"] = [faults["dropped after it arrived"]]

    assert client.submit("wan2.6-t2v", FILM).id not in ("", own.id)


def test_candidates_are_looked_for_on_every_page(world: Any, faults: dict[str, Any]) -> None:
    client = world.client()
    own = {client.submit("wan2.6-t2v", FILM).id for _ in range(120)}
    world.wire.faults["submit"] = [faults["dropped after it arrived"], None]
    lost = client.submit("wan2.6-t2v", FILM).id

    assert lost not in own
    assert world.paid() == 121


def test_request_id_in_what_is_left_of_the_answer_settles_it(world: Any, faults: dict[str, Any]) -> None:
    other = submit_unseen(world)

    task = lose(world, faults, "cut off", on_ambiguous="raise")

    assert {task.id, other} == set(world.task_ids())


def test_policy_raise_shows_the_candidate_and_adopts_nothing(world: Any, faults: dict[str, Any]) -> None:
    with pytest.raises(AmbiguousSubmissionError) as caught:
        lose(world, faults, on_ambiguous="raise")

    assert [task.id for task in caught.value.candidates] == world.task_ids()


def test_policy_resubmit_sends_three_times_at_most(world: Any, faults: dict[str, Any]) -> None:
    world.wire.faults["submit"] = [faults["dropped before it arrived"]] * 9

    with pytest.raises(AmbiguousSubmissionError, match="not listed"):
        world.client(on_ambiguous="resubmit").submit("wan2.6-t2v", FILM)

    assert world.wire.count("submit") == 3


def test_policy_resubmit_does_not_send_beside_a_candidate_that_leaves_it_open(
    world: Any, faults: dict[str, Any]
) -> None:
    submit_unseen(world)

    with pytest.raises(AmbiguousSubmissionError):
        lose(world, faults, on_ambiguous="resubmit")

    assert world.wire.count("submit") == 2


@pytest.mark.parametrize(("seconds", "adopts"), [(0, False), (4, True)])
def test_task_that_an_earlier_search_gave_up_is_not_taken_for_the_next(
    world: Any, faults: dict[str, Any], seconds: float, adopts: bool
) -> None:
    client = world.client(patience=0)
    world.wire.faults = {"submit": [faults["dropped after it arrived"]], "list": [faults["502"]]}
    with pytest.raises(AmbiguousSubmissionError):
        client.submit("wan2.6-t2v", FILM)
    world.time.seconds += seconds
    world.wire.faults["submit"] = [faults["dropped after it arrived" if adopts else "dropped before it arrived"]]

    if adopts:
        assert client.submit("wan2.6-t2v", FILM).id == world.task_ids()[0]
    else:
        with pytest.raises(AmbiguousSubmissionError, match="may be one of 1"):
            client.submit("wan2.6-t2v", FILM)


def test_list_that_is_no_list_is_not_an_empty_one(world: Any, faults: dict[str, Any]) -> None:
    def empty(*_: object) -> httpx.Response:
        return httpx.Response(200, json={"total": 0}, headers={"resp-start-time": "1770600000000"})

    world.wire.faults = {"submit": [faults["dropped after it arrived"]], "list": [None, *[empty] * 99]}

    with pytest.raises(AmbiguousSubmissionError, match="could not be looked for"):
        world.client(on_ambiguous="resubmit").submit("wan2.6-t2v", FILM)

    assert world.paid() == 1


def test_list_that_does_not_say_the_time_settles_nothing(world: Any, faults: dict[str, Any]) -> None:
    timeless = [lambda *_: httpx.Response(200, json={"data": []})] * 99
    world.wire.faults = {"submit": [faults["dropped after it arrived"]], "list": timeless}

    with pytest.raises(AmbiguousSubmissionError, match="what time it is"):
        world.client().submit("wan2.6-t2v", FILM)


def altered(change: Callable[[dict[str, Any]], object], **headers: str) -> Callable[..., httpx.Response]:
    """A list with other rows, or other headers."""

    def answer(wire: Any, _request: Any, answered: Callable[[], httpx.Response]) -> httpx.Response:
        body = answered().json()
        for row in body["data"]:
            change(row)
        stamp = {"resp-start-time": str(wire.time.read())}
        return httpx.Response(200, json=body, headers=headers or stamp)

    return answer


@pytest.mark.parametrize(
    "headers",
    [
        {"resp-start-time": "9" * 20},
        {"resp-start-time": "9" * 400},
        {"resp-start-time": "253402300799999"},
        {"date": "Wed, 21 Oct 2026 07:28:00 +99999999999999999999"},
        {"date": "Fri, 31 Dec 9999 23:59:59 GMT"},
    ],
)
def test_list_of_an_impossible_time_settles_nothing(
    world: Any, faults: dict[str, Any], headers: dict[str, str]
) -> None:
    timeless = [altered(dict, **headers)] * 99
    world.wire.faults = {"submit": [faults["dropped after it arrived"]], "list": timeless}

    with pytest.raises(AmbiguousSubmissionError, match="what time it is"):
        world.client().submit("wan2.6-t2v", FILM)


def test_row_without_a_time_may_be_the_task_that_is_looked_for(world: Any, faults: dict[str, Any]) -> None:
    timeless = [altered(lambda row: row.pop("gmt_create"))] * 9
    world.wire.faults = {"submit": [faults["dropped after it arrived"]], "list": [None, *timeless]}

    assert [world.client(on_ambiguous="resubmit").submit("wan2.6-t2v", FILM).id] == world.task_ids()


def test_row_without_an_id_is_no_task(world: Any, faults: dict[str, Any]) -> None:
    nameless = [altered(lambda row: row.pop("task_id"))] * 9
    world.wire.faults = {"submit": [faults["dropped after it arrived"]], "list": [None, *nameless]}

    with pytest.raises(AmbiguousSubmissionError, match="not listed"):
        world.client().submit("wan2.6-t2v", FILM)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"on_ambigous": "raise"}, TypeError, "no option on_ambigous; there are path, on_ambiguous"),
        ({"on_ambiguous": "never"}, ValueError, "'never' is not one of adopt, raise, resubmit"),
    ],
)
def test_option_that_is_none_is_refused_before_anything_is_paid(
    world: Any, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    for verb in ("submit", "run"):
        with pytest.raises(kind, match=message):
            getattr(world.client(), verb)("wan2.6-t2v", FILM, **options)
    with pytest.raises(kind):
        world.client(**options)

    assert world.wire.exchanges == []


def test_clock_of_this_machine_does_not_matter(world: Any, faults: dict[str, Any]) -> None:
    world.ask("PUT", "/_fakescope/clock", b'{"action":"advance","seconds":86400000}')

    assert lose(world, faults).id in world.task_ids()


def test_refusal_is_not_looked_into(world: Any) -> None:
    client = world.client(key="sk-fake-denied")

    with pytest.raises(Exception, match="Model access denied"):
        client.submit("wan2.6-t2v", FILM)

    assert (world.wire.count("submit"), world.wire.count("list")) == (1, 0)


def test_throttled_submission_is_given_up_when_patience_ends(make_world: Callable[..., Any]) -> None:
    world = make_world(limits=True)
    client = world.client(key="sk-fake-throttled", patience=20)

    with pytest.raises(Exception, match="rate limit"):
        client.submit("wan2.6-t2v", FILM)

    assert 10 < world.time.seconds <= 20


def test_throttled_submissions_get_through_one_after_the_other(make_world: Callable[..., Any]) -> None:
    world = make_world(limits=True)
    client = world.client()

    tasks = {client.submit("wan2.6-t2v", FILM).id for _ in range(12)}  # five a second are let in

    assert tasks == set(world.task_ids())


# -- interrupted


@pytest.mark.parametrize("arrives", [True, False])
def test_interrupt_of_a_submission_says_what_is_known(world: Any, arrives: bool) -> None:
    def interrupt(_wire: Any, _request: Any, answered: Callable[[], Any]) -> Any:
        if arrives:
            answered()
        raise KeyboardInterrupt

    world.wire.faults["submit"] = [interrupt]

    with pytest.raises(KeyboardInterrupt) as caught:
        world.client().run("wan2.6-t2v", FILM)

    (note,) = caught.value.__notes__
    if arrives:
        assert [vars(caught.value)["task_id"]] == world.task_ids()
        assert world.task_ids()[0] in note
    else:
        assert "task_id" not in vars(caught.value)
        assert "not listed" in note


def test_interrupt_while_looking_says_what_is_known(world: Any, faults: dict[str, Any]) -> None:
    def sleep(seconds: float) -> None:
        if seconds == 0.5:
            raise KeyboardInterrupt
        world.time.sleep(seconds)

    world.wire.faults["submit"] = [faults["dropped after it arrived"]]

    with pytest.raises(KeyboardInterrupt) as caught:
        world.client(sleep=sleep).submit("wan2.6-t2v", FILM)

    assert [vars(caught.value)["task_id"]] == world.task_ids()


def test_interrupt_of_a_submission_does_not_wait_for_a_server_that_is_gone(world: Any, faults: dict[str, Any]) -> None:
    def interrupt(*_: object) -> httpx.Response:
        raise KeyboardInterrupt

    world.wire.faults = {"submit": [interrupt], "list": [faults["connection refused"]] * 99}

    with pytest.raises(KeyboardInterrupt) as caught:
        world.client().submit("wan2.6-t2v", FILM)

    assert "could not be looked for" in caught.value.__notes__[0]
    assert world.wire.count("list") == 1


def test_task_of_a_submission_that_was_interrupted_twice_is_not_taken_for_the_next(
    world: Any, faults: dict[str, Any]
) -> None:
    def interrupt(_wire: Any, _request: Any, answered: Callable[[], Any]) -> Any:
        answered()
        raise KeyboardInterrupt

    client = world.client()
    world.wire.faults = {"submit": [interrupt], "list": [interrupt]}
    with pytest.raises(KeyboardInterrupt) as caught:
        client.submit("wan2.6-t2v", FILM)
    assert "list() may show its task" in caught.value.__notes__[0]
    world.wire.faults = {"submit": [faults["dropped before it arrived"]]}

    with pytest.raises(AmbiguousSubmissionError):
        client.submit("wan2.6-t2v", FILM)


def interrupted(*_: object) -> httpx.Response:
    raise KeyboardInterrupt


def test_interrupt_under_policy_raise_neither_adopts_nor_cancels_what_may_be_of_others(world: Any) -> None:
    other = submit_unseen(world)
    world.wire.faults["submit"] = [interrupted]

    with pytest.raises(KeyboardInterrupt) as caught:
        world.client().run("wan2.6-t2v", FILM, on_ambiguous="raise", cancel_on_interrupt=True)

    assert "task_id" not in vars(caught.value)
    assert other in caught.value.__notes__[0]
    assert [task["status"] for task in world.tasks()] == ["PENDING"]


def test_interrupt_under_policy_resubmit_is_not_answered_by_another_submission(world: Any) -> None:
    world.wire.faults["submit"] = [interrupted]

    with pytest.raises(KeyboardInterrupt) as caught:
        world.client(on_ambiguous="resubmit").submit("wan2.6-t2v", FILM)

    assert "not listed" in caught.value.__notes__[0]
    assert world.wire.count("submit") == 1


def test_interrupt_waits_five_seconds_for_a_list_that_hangs(world: Any, faults: dict[str, Any]) -> None:
    world.wire.faults = {"submit": [interrupted], "list": [faults["answered too late"]] * 9}

    with pytest.raises(KeyboardInterrupt):
        world.client().submit("wan2.6-t2v", FILM)

    assert world.time.seconds == 5


def test_failure_of_the_search_does_not_take_the_place_of_the_interrupt(world: Any) -> None:
    def closed(*_: object) -> httpx.Response:
        raise RuntimeError("the client has been closed")

    world.wire.faults = {"submit": [interrupted], "list": [closed]}

    with pytest.raises(KeyboardInterrupt) as caught:
        world.client().submit("wan2.6-t2v", FILM)

    assert caught.value.__notes__ == ["the client has been closed"]


@pytest.mark.anyio
async def test_cancellation_of_a_submission_finds_the_task_and_cancels_it(world: Any) -> None:
    arrived = asyncio.Event()

    async def stall(request: httpx.Request) -> None:
        if request.method == "POST" and not arrived.is_set():
            world.wire.deliver(request, request.content)
            arrived.set()
            await asyncio.Event().wait()

    world.wire.gate = stall
    running = asyncio.create_task(world.async_client().run("wan2.6-t2v", FILM, cancel_on_interrupt=True))
    await arrived.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError) as caught:
        await running

    assert [vars(caught.value)["task_id"]] == world.task_ids()
    assert [task["status"] for task in world.tasks()] == ["CANCELED"]


# -- several at once


class Stalls:
    """Holds submissions back until they are let go, in order."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Event] = []

    async def __call__(self, request: httpx.Request) -> None:
        if request.method == "POST":
            self.waiting.append(asyncio.Event())
            await self.waiting[-1].wait()


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.anyio
async def test_submissions_of_a_model_leave_one_after_the_other(world: Any) -> None:
    world.wire.gate = stalls = Stalls()
    client = world.async_client()
    first, second = [asyncio.create_task(client.submit("wan2.6-t2v", FILM)) for _ in range(2)]
    other = asyncio.create_task(client.submit("wan2.5-t2v-preview", FILM))
    await turns()

    assert len(stalls.waiting) == 2
    stalls.waiting[1].set()
    await other
    assert len(stalls.waiting) == 2
    stalls.waiting[0].set()
    await first
    await turns()
    assert len(stalls.waiting) == 3
    stalls.waiting[2].set()
    await second


@pytest.mark.anyio
async def test_nobody_submits_the_model_during_a_search(world: Any, faults: dict[str, Any]) -> None:
    world.wire.faults["submit"] = [faults["dropped after it arrived"]]
    client = world.async_client()
    lost = asyncio.create_task(client.submit("wan2.6-t2v", FILM))
    while not world.wire.count("submit"):
        await asyncio.sleep(0)

    second, third = await asyncio.gather(client.submit("wan2.6-t2v", FILM), client.submit("wan2.5-t2v-preview", FILM))

    assert len({(await lost).id, second.id, third.id}) == 3
    phases = [exchange.phase for exchange in world.wire.exchanges]
    assert (phases[-2:], phases.count("submit")) == (["list", "submit"], 3)
    assert b'"wan2.6-t2v"' in world.wire.exchanges[-1].body


@pytest.mark.anyio
async def test_several_lost_at_once_are_all_found(world: Any, faults: dict[str, Any]) -> None:
    world.wire.faults["submit"] = [faults["dropped after it arrived"]] * 5
    client = world.async_client()

    tasks = await asyncio.gather(*(client.submit("wan2.6-t2v", FILM) for _ in range(5)))

    assert {task.id for task in tasks} == set(world.task_ids())
    assert world.paid() == 5


@pytest.mark.anyio
async def test_submission_that_is_cancelled_in_the_queue_lets_the_others_through(world: Any) -> None:
    world.wire.gate = stalls = Stalls()
    client = world.async_client()
    first, second, third = [asyncio.create_task(client.submit("wan2.6-t2v", FILM)) for _ in range(3)]
    await turns()
    second.cancel()
    stalls.waiting[0].set()
    await first
    await turns()
    stalls.waiting[1].set()
    await third

    assert world.paid() == 2
    with pytest.raises(asyncio.CancelledError):
        await second


@pytest.mark.anyio
async def test_nobody_stands_in_the_queue_longer_than_the_timeout(world: Any) -> None:
    world.wire.gate = stalls = Stalls()
    client = world.async_client()
    first = asyncio.create_task(client.submit("wan2.6-t2v", FILM))
    await turns()
    with pytest.raises(TransportError, match="not submitted: 1 are before it") as caught:
        await client.run("wan2.6-t2v", FILM, timeout=10)

    assert 10 <= world.time.seconds < 11
    assert not caught.value.retryable
    stalls.waiting[0].set()
    assert [(await first).id] == world.task_ids()


def test_threads_submit_one_after_the_other(world: Any) -> None:
    under_way, most = 0, 0

    def counted(_wire: Any, _request: Any, answered: Callable[[], Any]) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        Event().wait(0.002)
        under_way -= 1
        return answered()

    world.wire.faults["submit"] = [counted] * 20
    client = world.client(sleep=Event().wait)
    with ThreadPoolExecutor(20) as threads:
        tasks = list(threads.map(lambda _: client.submit("wan2.6-t2v", FILM), range(20)))

    assert (len({task.id for task in tasks}), world.paid(), most) == (20, 20, 1)
