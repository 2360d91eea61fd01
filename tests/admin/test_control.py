"""The control API: the clock of an account, its tasks, a new world, health; and how it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio

TEXT = "/api/v1/services/aigc/video-generation/video-synthesis"
START = "2026-02-09T01:20:00.000Z"  # where the manual clock stands
CLOCK, TASKS, RESET, HEALTH = (f"/_fakescope/{name}" for name in ("clock", "tasks", "reset", "health"))
MakeClient = Callable[..., httpx.AsyncClient]


@pytest.fixture
def client(make_client: MakeClient) -> httpx.AsyncClient:
    """A client of a simulator in which a task runs exactly as long as its prompt orders."""
    return make_client(speed=1_000_000)


async def submitted(client: httpx.AsyncClient, prompt: str = "A heron", *, key: str | None = None, **body: Any) -> str:
    headers = {"X-DashScope-Async": "enable"} | ({"Authorization": f"Bearer {key}"} if key else {})
    sent = {"model": "wan2.6-t2v", "input": {"prompt": prompt}} | body
    answer = await client.post(TEXT, json=sent, headers=headers)
    return str(answer.json()["output"]["task_id"])


async def status(client: httpx.AsyncClient, task_id: str) -> Any:
    return (await client.get(f"/api/v1/tasks/{task_id}")).json()["output"]["task_status"]


def assert_problem(answer: httpx.Response, status: int) -> None:
    """An RFC 9457 problem with our own header, and nothing of the vendor's envelope."""
    body = answer.json()
    assert answer.status_code == body["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-fakescope-error"]
    assert set(body) == {"type", "title", "status", "detail"}
    assert "Traceback" not in answer.text


# -- clock


async def test_clock_of_a_new_world_is_real(client: httpx.AsyncClient, clock: Any) -> None:
    first = await client.get(CLOCK)
    clock.advance(seconds=5)
    second = await client.get(CLOCK)

    assert first.json() == {"now": START, "mode": "real", "rate": 1.0, "auto_advance_s": 0.0}
    assert second.json()["now"] == "2026-02-09T01:20:05.000Z"


# Order: mode, rate and auto_advance_s that it leads to, and what the clock says after ten real seconds.
ORDERS: list[tuple[dict[str, Any], tuple[str, float, float], str]] = [
    ({"action": "freeze"}, ("frozen", 0, 0), "01:20:00.000"),
    ({"action": "advance", "seconds": 600}, ("real", 1, 0), "01:30:10.000"),
    ({"action": "advance", "seconds": 0.25}, ("real", 1, 0), "01:20:10.250"),
    ({"action": "rate", "rate": 60}, ("rate", 60, 0), "01:30:00.000"),
    ({"action": "rate", "rate": 0.5}, ("rate", 0.5, 0), "01:20:05.000"),
    ({"action": "tick", "auto_advance_s": 30}, ("tick", 0, 30), "01:20:00.000"),
    ({"action": "real"}, ("real", 1, 0), "01:20:10.000"),
]


@pytest.mark.parametrize(("order", "setting", "then"), ORDERS, ids=[repr(order) for order, _, _ in ORDERS])
async def test_clock_carries_out_an_order(
    client: httpx.AsyncClient, clock: Any, order: dict[str, Any], setting: tuple[str, float, float], then: str
) -> None:
    answer = (await client.put(CLOCK, json=order)).json()
    clock.advance(seconds=10)
    later = (await client.get(CLOCK)).json()

    assert list(answer) == ["now", "mode", "rate", "auto_advance_s"]
    assert tuple(answer.values())[1:] == setting
    assert later == answer | {"now": f"2026-02-09T{then}Z"}


async def test_clock_that_is_frozen_can_still_be_advanced(client: httpx.AsyncClient, clock: Any) -> None:
    await client.put(CLOCK, json={"action": "freeze"})
    clock.advance(seconds=10)

    answer = await client.put(CLOCK, json={"action": "advance", "seconds": 3})

    assert answer.json()["mode"] == "frozen"
    assert answer.json()["now"] == "2026-02-09T01:20:03.000Z"


async def test_clock_that_was_advanced_does_not_go_back_to_real_time(client: httpx.AsyncClient, clock: Any) -> None:
    await client.put(CLOCK, json={"action": "advance", "seconds": 60})

    answer = await client.put(CLOCK, json={"action": "real"})

    clock.advance(seconds=1)
    assert answer.json()["now"] == "2026-02-09T01:21:00.000Z"
    assert (await client.get(CLOCK)).json()["now"] == "2026-02-09T01:21:01.000Z"


async def test_clock_that_was_frozen_catches_up_with_real_time(client: httpx.AsyncClient, clock: Any) -> None:
    await client.put(CLOCK, json={"action": "freeze"})
    clock.advance(seconds=10)

    answer = await client.put(CLOCK, json={"action": "real"})

    assert answer.json()["now"] == "2026-02-09T01:20:10.000Z"


async def test_clock_belongs_to_one_account(client: httpx.AsyncClient) -> None:
    await client.put(CLOCK, json={"action": "advance", "seconds": 600}, headers={"Authorization": "Bearer sk-bob"})

    assert (await client.get(CLOCK)).json()["now"] == START


async def test_clock_decides_how_tasks_stand(client: httpx.AsyncClient) -> None:
    task_id = await submitted(client, "[fakescope:seconds=120]")
    before = await status(client, task_id)

    await client.put(CLOCK, json={"action": "advance", "seconds": 120})

    assert (before, await status(client, task_id)) == ("RUNNING", "SUCCEEDED")


async def test_tick_moves_the_clock_on_polls_only(client: httpx.AsyncClient) -> None:
    task_id = await submitted(client, "[fakescope:seconds=50]")
    await client.put(CLOCK, json={"action": "tick", "auto_advance_s": 30})

    for method, path in [("GET", CLOCK), ("GET", TASKS), ("GET", "/api/v1/tasks"), ("POST", "/api/v1/tasks/1/cancel")]:
        await client.request(method, path)
    still = (await client.get(CLOCK)).json()["now"]
    polled = [await status(client, task_id) for _ in range(2)]

    assert still == START
    assert polled == ["RUNNING", "SUCCEEDED"]  # at 30 and at 60 s
    assert (await client.get(CLOCK)).json()["now"] == "2026-02-09T01:21:00.000Z"


@pytest.mark.parametrize(
    "order",
    [
        {},
        [],
        "freeze",
        None,
        {"action": "stop"},
        {"action": ["freeze"]},
        {"action": "advance"},
        {"action": "advance", "seconds": -1},
        {"action": "advance", "seconds": "60"},
        {"action": "advance", "seconds": True},
        {"action": "advance", "seconds": 1e300},
        {"action": "rate"},
        {"action": "rate", "rate": -1},
        {"action": "rate", "rate": 1_000_001},
        {"action": "tick", "auto_advance_s": None},
    ],
    ids=repr,
)
async def test_bad_order_is_refused_and_changes_nothing(client: httpx.AsyncClient, order: Any) -> None:
    answer = await client.put(CLOCK, json=order)

    assert_problem(answer, 422)
    assert (await client.get(CLOCK)).json() == {"now": START, "mode": "real", "rate": 1.0, "auto_advance_s": 0.0}


async def test_bad_order_says_what_was_given_and_what_is_allowed(client: httpx.AsyncClient) -> None:
    action = await client.put(CLOCK, json={"action": "stop"})
    number = await client.put(CLOCK, json={"action": "advance", "seconds": -1})

    assert action.json()["detail"] == "action 'stop' is not one of freeze, advance, rate, tick, real"
    assert "seconds must be a number from 0 to 315360000; got -1" in number.json()["detail"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"NaN", b"[" * 100_000, b'{"action":' + b"[" * 1000 + b"]" * 1000 + b"}", b" " * 1_000_001],
    ids=["empty", "cut", "not-utf-8", "nan", "too-deep", "deep", "too-large"],
)
async def test_order_that_cannot_be_read_is_refused(client: httpx.AsyncClient, content: bytes) -> None:
    assert_problem(await client.put(CLOCK, content=content), 422)


# -- reset


async def test_reset_starts_a_new_world_with_the_same_ids(client: httpx.AsyncClient) -> None:
    first = [await submitted(client) for _ in range(3)]
    await client.put(CLOCK, json={"action": "advance", "seconds": 600})

    answer = await client.post(RESET)

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.get(CLOCK)).json()["now"] == START
    assert await status(client, first[0]) == "UNKNOWN"
    assert (await client.get(TASKS)).json()["total"] == 0
    assert [await submitted(client) for _ in range(3)] == first


async def test_reset_leaves_other_accounts_alone(client: httpx.AsyncClient) -> None:
    task_id = await submitted(client)

    await client.post(RESET, headers={"Authorization": "Bearer sk-bob"})

    assert (await client.get(TASKS)).json()["tasks"][0]["task_id"] == task_id


async def test_reset_opens_the_rate_windows_again(make_client: MakeClient) -> None:
    client = make_client(limits=True)
    for _ in range(20):
        await client.get("/api/v1/tasks/1111")
    over = await client.get("/api/v1/tasks/1111")

    await client.post(RESET)

    assert over.status_code == 429
    assert (await client.get("/api/v1/tasks/1111")).status_code == 200


# -- tasks


async def test_tasks_show_what_was_asked_the_plan_and_the_result(client: httpx.AsyncClient) -> None:
    task_id = await submitted(client, "A heron [fakescope:seconds=120]", parameters={"size": "1280*720", "duration": 5})
    await client.put(CLOCK, json={"action": "advance", "seconds": 120})

    (task,) = (await client.get(TASKS)).json()["tasks"]

    assert (task["task_id"], task["model"], task["status"]) == (task_id, "wan2.6-t2v", "SUCCEEDED")
    assert task["input"]["prompt"] == "A heron [fakescope:seconds=120]"
    assert (task["parameters"]["size"], task["parameters"]["prompt_extend"]) == ("1280*720", True)
    assert task["timeline"] == [
        {"at": START, "status": "PENDING"},
        {"at": START, "status": "RUNNING"},
        {"at": "2026-02-09T01:22:00.000Z", "status": "SUCCEEDED"},
    ]
    assert task["expires"] == "2026-02-10T01:20:00.000Z"
    assert task["usage"]["duration"] == 5
    assert task["output"]["video_url"].startswith("http://test/dashscope-result-bj/")
    assert task["problem"] is None


async def test_tasks_show_the_cost_as_exact_text(client: httpx.AsyncClient) -> None:
    # Source: Model Studio model prices, Text to video: 0.60 CNY a second at 720P.
    await submitted(client, parameters={"size": "1280*720", "duration": 7})

    (task,) = (await client.get(TASKS)).json()["tasks"]

    assert task["cost_cny"] == "4.20"


async def test_tasks_show_no_result_and_no_cost_before_the_end(client: httpx.AsyncClient) -> None:
    await submitted(client, "[fakescope:stuck]")

    (task,) = (await client.get(TASKS)).json()["tasks"]

    assert (task["status"], task["output"], task["usage"], task["cost_cny"]) == ("RUNNING", None, None, None)


async def test_tasks_explain_a_problem(client: httpx.AsyncClient) -> None:
    await submitted(client, model="wan2.2-t2v-plus", parameters={"size": "1*1"})

    (task,) = (await client.get(TASKS)).json()["tasks"]

    problem = task["problem"]
    assert list(problem) == ["code", "message", "rule", "hint", "basis"]
    assert (problem["code"], problem["rule"], problem["basis"]) == (
        "InvalidParameter",
        "parameters.size:choice",
        "seen",
    )
    assert "1*1" in problem["hint"]
    assert "1632*1248" in problem["hint"]
    assert task["cost_cny"] is None


async def test_tasks_are_paged_newest_first(client: httpx.AsyncClient) -> None:
    ids = [await submitted(client) for _ in range(5)]

    answer = await client.get(TASKS, params={"limit": 2, "offset": 1})

    assert [task["task_id"] for task in answer.json()["tasks"]] == [ids[3], ids[2]]
    assert answer.json()["total"] == 5
    assert answer.headers["x-total-count"] == "5"


async def test_tasks_are_filtered(client: httpx.AsyncClient) -> None:
    good, bad = await submitted(client), await submitted(client, "", model="wan2.5-t2v-preview")

    async def found(**query: str) -> list[str]:
        return [task["task_id"] for task in (await client.get(TASKS, params=query)).json()["tasks"]]

    assert await found(status="FAILED") == [bad]
    assert await found(model="wan2.6-t2v") == [good]
    assert await found(task_id=bad) == [bad]
    assert await found(task_id=bad, status="SUCCEEDED") == []
    assert await found(status="POST-PROCESSING") == []


async def test_tasks_belong_to_one_account(client: httpx.AsyncClient) -> None:
    await submitted(client, key="sk-bob")

    assert (await client.get(TASKS)).json() == {"total": 0, "tasks": []}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=", "offset=-1", "offset=1.5", "status=DONE", "status="]
)
async def test_tasks_refuse_a_bad_query(client: httpx.AsyncClient, query: str) -> None:
    assert_problem(await client.get(f"{TASKS}?{query}"), 422)


async def test_control_calls_are_not_limited(make_client: MakeClient) -> None:
    client = make_client(limits=True)

    answers = [await client.get(TASKS) for _ in range(50)]

    assert {answer.status_code for answer in answers} == {200}


# -- health


async def test_health_needs_no_key(make_client: MakeClient) -> None:
    answer = await make_client(key=None, seed=7, speed=60, region="singapore").get(HEALTH)

    body = answer.json()
    assert answer.status_code == 200
    assert (body["status"], body["region"], body["speed"], body["seed"]) == ("ok", "singapore", 60, 7)
    assert body["models"] > 10
    assert body["version"] == answer.headers["x-fakescope-version"]


async def test_health_says_max_for_the_highest_speed(make_client: MakeClient) -> None:
    assert (await make_client(speed=float("inf")).get(HEALTH)).json()["speed"] == "max"


# -- refusals


@pytest.mark.parametrize("key", [None, "sk-fake-invalid"], ids=["none", "invalid"])
@pytest.mark.parametrize(("method", "path"), [("GET", CLOCK), ("PUT", CLOCK), ("GET", TASKS), ("POST", RESET)])
async def test_call_without_an_account_is_refused(
    make_client: MakeClient, key: str | None, method: str, path: str
) -> None:
    assert_problem(await make_client(key=key).request(method, path), 401)


@pytest.mark.parametrize("path", ["/_fakescope", "/_fakescope/", "/_fakescope/clocks", "/_fakescope/health/"])
async def test_unknown_path_lists_what_there_is(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert_problem(answer, 404)
    for known in (CLOCK, TASKS, RESET, HEALTH):
        assert known in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path"), [("DELETE", CLOCK), ("GET", RESET), ("POST", HEALTH), ("PUT", TASKS)])
async def test_wrong_method_is_refused(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert_problem(await client.request(method, path), 405)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://test:81", "http://[::1", "null", ""])
async def test_write_from_a_page_of_another_origin_is_refused(client: httpx.AsyncClient, origin: str) -> None:
    task_id = await submitted(client)

    reset = await client.post(RESET, headers={"Origin": origin})
    order = await client.put(CLOCK, json={"action": "freeze"}, headers={"Origin": origin})

    assert_problem(reset, 403)
    assert_problem(order, 403)
    assert await status(client, task_id) != "UNKNOWN"


async def test_write_from_a_page_of_this_server_is_accepted(client: httpx.AsyncClient) -> None:
    assert (await client.post(RESET, headers={"Origin": "http://test"})).status_code == 204


async def test_read_from_a_page_of_another_origin_is_answered_without_leave_to_look(client: httpx.AsyncClient) -> None:
    answer = await client.get(TASKS, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
