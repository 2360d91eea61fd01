"""A task from submission to UNKNOWN, lanes, and rate windows.

Sources: Manage asynchronous tasks; Model Studio rate limits.
"""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio

DAY_S = 86_400
AT_ONCE = (
    1_000_000  # a speed at which nothing waits but for a slot; `[fakescope:seconds=N]` runs N seconds at any speed
)


async def test_life_of_a_task_under_a_frozen_clock(make_caller: Any) -> None:
    caller = make_caller(speed=AT_ONCE)
    await caller.order_clock(action="freeze")
    task_id = await caller.accepted("A heron [fakescope:seconds=120]")

    seen = []
    for seconds in (0, 119.999, 0.001, DAY_S - 120 - 0.001, 0.001):
        await caller.order_clock(action="advance", seconds=seconds)
        seen.append(await caller.status(task_id))

    # At 0, 119.999 and 120 s; a millisecond before the end of its 24 hours, and at their end.
    assert seen == ["RUNNING", "RUNNING", "SUCCEEDED", "SUCCEEDED", "UNKNOWN"]


async def test_life_starts_pending_and_waits_for_its_turn(caller: Any, clock: Any) -> None:
    # The documents' examples show 0.03 to 10 s between submit_time and scheduled_time, and 1 to 5 minutes of work.
    task_id = await caller.accepted()

    at_first = await caller.status(task_id)
    clock.advance(seconds=10)
    after_wait = await caller.status(task_id)
    clock.advance(seconds=50 - 0.03)
    before_end = await caller.status(task_id)
    clock.advance(seconds=250 + 0.03)

    assert [at_first, after_wait, before_end, await caller.status(task_id)] == [
        "PENDING",
        "RUNNING",
        "RUNNING",
        "SUCCEEDED",
    ]


@pytest.mark.parametrize("prompt", ["A heron", "", "[fakescope:stuck]"], ids=["succeeded", "failed", "running"])
async def test_life_ends_24_hours_after_submission_to_the_millisecond(caller: Any, clock: Any, prompt: str) -> None:
    task_id = await caller.accepted(prompt)

    clock.now += DAY_S * 1000 - 1
    last = await caller.status(task_id)
    clock.now += 1

    assert last in ("SUCCEEDED", "FAILED", "RUNNING")
    assert await caller.output(task_id) == {"task_id": task_id, "task_status": "UNKNOWN"}


async def test_expired_task_leaves_the_list_when_it_becomes_unknown(caller: Any, clock: Any) -> None:
    await caller.accepted()

    clock.now += DAY_S * 1000 - 1
    before = (await caller.list())["total"]
    clock.now += 1

    assert (before, (await caller.list())["total"]) == (1, 0)


async def test_speed_divides_what_a_task_takes(make_caller: Any, clock: Any) -> None:
    caller = make_caller(speed=60)
    task_id = await caller.accepted()

    clock.advance(seconds=1 - 0.001)  # 60 s of the vendor's, the least a task runs
    early = await caller.status(task_id)
    clock.advance(seconds=(310 - 60) / 60 + 0.002)

    assert early in ("PENDING", "RUNNING")
    assert await caller.status(task_id) == "SUCCEEDED"


async def test_reading_changes_nothing(caller: Any, clock: Any) -> None:
    task_id = await caller.accepted()
    clock.advance(seconds=30)

    outputs = [await caller.output(task_id) for _ in range(3)]

    assert outputs[0] == outputs[1] == outputs[2]


# -- lanes


async def test_lane_of_fifty_runs_five_at_a_time_in_order(make_caller: Any) -> None:
    caller = make_caller(speed=AT_ONCE, limits=True)
    await caller.order_clock(action="freeze")
    ids = []
    for _ in range(10):  # five submissions a second: the last five come at second 9
        ids += [await caller.accepted("A heron [fakescope:seconds=60]") for _ in range(5)]
        await caller.order_clock(action="advance", seconds=1)

    # The k-th five run from second 60 k on, until just before second 60 (k + 1).
    now = 10.0
    for k in range(10):
        for at in (max(now, 60 * k), 60 * k + 59.999):
            await caller.order_clock(action="advance", seconds=at - now)
            now = at
            rows = {row["task_id"]: row["status"] for row in (await caller.list(page_size=50))["data"]}
            expected = ["SUCCEEDED"] * (5 * k) + ["RUNNING"] * 5 + ["PENDING"] * (45 - 5 * k)
            assert [rows[task_id] for task_id in ids] == expected, at

    await caller.order_clock(action="advance", seconds=0.001)
    assert (await caller.list(status="SUCCEEDED"))["total"] == 50


@pytest.mark.parametrize(("region", "most"), [("beijing", 1), ("singapore", 5)])
async def test_submissions_a_second_are_those_of_the_region(make_caller: Any, region: str, most: int) -> None:
    caller = make_caller(limits=True, region=region)
    await caller.order_clock(action="freeze")
    message = {"role": "user", "content": [{"text": "A heron"}]}
    path = "/api/v1/services/aigc/image-generation/generation"

    answers = [
        await caller.submit(path=path, model="wan2.6-t2i", input={"messages": [message]}) for _ in range(most + 1)
    ]

    assert [answer.status_code for answer in answers] == [200] * most + [429]


async def test_lanes_of_models_and_accounts_are_apart(make_caller: Any) -> None:
    caller = make_caller(speed=AT_ONCE, limits=True)
    for _ in range(5):
        await caller.accepted("[fakescope:stuck]")

    other_model = await caller.accepted("[fakescope:stuck]", model="wan2.5-t2v-preview")
    other_account = caller.using("sk-fake-bob")
    theirs = await other_account.accepted("[fakescope:stuck]")

    assert await caller.status(other_model) == "RUNNING"
    assert await other_account.status(theirs) == "RUNNING"


async def test_cancel_moves_those_behind_it_forward(make_caller: Any, clock: Any) -> None:
    # wan2.2-t2v-plus runs two at once, so five tasks of 60 s start at 0, 0, 60, 60 and 120 s.
    caller = make_caller(speed=AT_ONCE, limits=True)
    ids = []
    for _ in range(5):
        ids.append(await caller.accepted("[fakescope:seconds=60]", model="wan2.2-t2v-plus"))
        clock.advance(seconds=0.5)

    assert (await caller.cancel(ids[2])).status_code == 200
    clock.advance(seconds=60 - 2.5)
    at_60 = [await caller.status(task_id) for task_id in ids]
    clock.advance(seconds=0.5)

    assert at_60 == ["SUCCEEDED", "RUNNING", "CANCELED", "RUNNING", "PENDING"]
    assert await caller.status(ids[4]) == "RUNNING"


async def test_no_limits_means_that_nothing_waits(make_caller: Any) -> None:
    caller = make_caller(speed=AT_ONCE, limits=False)

    ids = [await caller.accepted("[fakescope:stuck]") for _ in range(30)]

    assert {await caller.status(task_id) for task_id in ids} == {"RUNNING"}


# -- rate windows


@pytest.mark.parametrize(("model", "most"), [("wan2.6-t2v", 5), ("wan2.2-t2v-plus", 2)])
async def test_one_submission_too_many_in_a_second_is_refused(make_caller: Any, model: str, most: int) -> None:
    caller = make_caller(limits=True)
    for _ in range(most):
        await caller.accepted(model=model)

    answer = await caller.submit(model=model)

    assert answer.status_code == 429
    assert answer.json()["code"] == "Throttling.RateQuota"
    assert answer.json()["message"] == "Requests rate limit exceeded, please try again later."
    assert (await caller.list())["total"] == most


async def test_submission_window_slides(make_caller: Any, clock: Any) -> None:
    caller = make_caller(limits=True)
    statuses = []
    for wait_ms in (0, 400, 599, 1, 0, 399, 1):  # at 0, 400, 999, 1000, 1000, 1399, 1400 ms: two in any second
        clock.now += wait_ms
        statuses.append((await caller.submit(model="wan2.2-t2v-plus")).status_code)

    assert statuses == [200, 200, 429, 200, 429, 429, 200]


async def test_submission_windows_of_models_are_apart(make_caller: Any) -> None:
    caller = make_caller(limits=True)
    for _ in range(5):
        await caller.accepted()

    assert (await caller.submit(model="wan2.5-t2v-preview")).status_code == 200


async def test_alias_may_have_a_window_of_its_own(make_caller: Any) -> None:
    # Source: Model Studio rate limits, Wan, Singapore: one submission a second.
    caller = make_caller(limits=True, region="singapore")
    path = "/api/v1/services/aigc/image2video/video-synthesis"
    frames = {"first_frame_url": "https://h/f.png"}

    answers = [await caller.submit(model="wan2.1-kf2v-plus", path=path, input=frames) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]


CALLS = {"query": ("GET", "/1111"), "list": ("GET", ""), "cancel": ("POST", "/1111/cancel")}


@pytest.mark.parametrize("call", CALLS)
async def test_twenty_first_call_in_a_second_is_refused(make_caller: Any, clock: Any, call: str) -> None:
    caller = make_caller(limits=True)
    method, path = CALLS[call]

    async def status() -> int:
        return int((await caller.send(method, f"/api/v1/tasks{path}")).status_code)

    first = [await status() for _ in range(20)]
    over = await status()
    clock.advance(seconds=0.999)
    still = await status()
    clock.advance(seconds=0.001)

    assert 429 not in first
    assert (over, still) == (429, 429)
    assert await status() == first[0]


@pytest.mark.parametrize("call", CALLS)
async def test_windows_of_calls_and_accounts_are_apart(make_caller: Any, call: str) -> None:
    caller = make_caller(limits=True)
    method, path = CALLS[call]
    for _ in range(20):
        await caller.send(method, f"/api/v1/tasks{path}")

    others = [await caller.send(m, f"/api/v1/tasks{p}") for name, (m, p) in CALLS.items() if name != call]
    stranger = await caller.using("sk-fake-bob").send(method, f"/api/v1/tasks{path}")

    assert 429 not in [answer.status_code for answer in (*others, stranger)]


async def test_no_limits_means_any_number_of_calls(caller: Any) -> None:
    answers = [await caller.send("GET", "/api/v1/tasks/1111") for _ in range(100)]

    assert {answer.status_code for answer in answers} == {200}
