"""Query, list and cancel: keys and their order, headers, times, filters, pages.

Sources: Manage asynchronous tasks; raw captures in cnblogs/dashscope-sdk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

HEAD = ["task_id", "task_status"]
TIMES = ["submit_time", "scheduled_time", "end_time"]


# Status: seconds until a task has it (none waits longer than 10 s or runs longer than 300 s), keys of its answer.
STATES: dict[str, tuple[float, list[str], list[str]]] = {
    "PENDING": (0, ["request_id", "output"], [*HEAD, "submit_time"]),
    "RUNNING": (10, ["request_id", "output"], [*HEAD, *TIMES[:2]]),
    "SUCCEEDED": (310, ["request_id", "output", "usage"], [*HEAD, *TIMES, "orig_prompt", "video_url"]),
    "FAILED": (1, ["request_id", "output"], [*HEAD, *TIMES, "code", "message"]),
    "CANCELED": (0, ["request_id", "output"], [*HEAD, "submit_time", "end_time"]),
    "UNKNOWN": (0, ["request_id", "output"], HEAD),
}


async def task_in(status: str, caller: Any, clock: Any) -> str:
    """A task that now has this status."""
    if status == "UNKNOWN":
        return "1111"
    task_id = await caller.accepted("" if status == "FAILED" else "A heron at dawn")
    if status == "CANCELED":
        await caller.cancel(task_id)
    clock.advance(seconds=STATES[status][0])
    return str(task_id)


@pytest.mark.parametrize("status", STATES)
async def test_poll_shows_the_documented_keys_in_order(caller: Any, clock: Any, status: str) -> None:
    _, top, inner = STATES[status]

    body = await caller.poll(await task_in(status, caller, clock))

    assert body["output"]["task_status"] == status
    assert list(body) == top
    assert list(body["output"]) == inner


@pytest.mark.parametrize("status", STATES)
async def test_poll_has_no_null_and_no_empty_text(caller: Any, clock: Any, status: str) -> None:
    def leaves(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            for part in value.values():
                yield from leaves(part)
        else:
            yield value

    body = await caller.poll(await task_in(status, caller, clock))

    assert not [leaf for leaf in leaves(body) if leaf is None or leaf == ""]


async def test_poll_again_says_the_same_under_another_request_id(caller: Any, clock: Any) -> None:
    task_id = await task_in("SUCCEEDED", caller, clock)

    first, second = await caller.poll(task_id), await caller.poll(task_id)

    assert first.pop("request_id") != second.pop("request_id")
    assert first == second


async def test_polls_in_a_row_show_every_change(caller: Any, clock: Any) -> None:
    task_id = await caller.accepted()
    seen = []
    for seconds in (0, 1, 10, 10, 300, 300, 86_400):
        clock.advance(seconds=seconds)
        seen.append(await caller.status(task_id))

    assert list(dict.fromkeys(seen)) == ["PENDING", "RUNNING", "SUCCEEDED", "UNKNOWN"]


async def test_poll_after_a_reset_shows_nothing_of_the_world_before(caller: Any) -> None:
    before = await caller.accepted("A heron")
    await caller.output(before)
    await caller.send("POST", "/_fakescope/reset")
    await caller.order_clock(action="advance", seconds=60)

    again = await caller.accepted("An owl")
    output = await caller.output(again)

    assert again == before  # ids begin anew, too
    assert output["submit_time"] == "2026-02-09 09:21:00.000"


async def test_poll_shows_a_start_that_a_cancellation_brought_forward(make_caller: Any, clock: Any) -> None:
    caller = make_caller(limits=True)
    mark = "A heron [fakescope:seconds=3600]"
    ids = []
    for _ in range(7):  # five run; the sixth and the seventh wait for them
        ids.append(await caller.accepted(mark))
        clock.advance(seconds=1)
    clock.advance(seconds=60)
    assert [await caller.status(task_id) for task_id in ids[5:]] == ["PENDING", "PENDING"]

    await caller.cancel(ids[5])
    clock.advance(seconds=3590)

    assert [await caller.status(task_id) for task_id in ids[5:]] == ["CANCELED", "RUNNING"]


async def test_links_lead_back_to_the_address_that_was_asked(hasty: Any) -> None:
    task_id = await hasty.accepted()
    hosts = ["one.test", "two.test:8080", "one.test"]

    links = [(await hasty.at(host).output(task_id))["video_url"] for host in hosts]

    assert [link.split("/")[2] for link in links] == hosts


async def test_links_are_https_behind_a_proxy_that_speaks_it(hasty: Any) -> None:
    task_id = await hasty.accepted()
    schemes = []
    for headers in ({}, {"X-Forwarded-Proto": "https"}, {"X-Forwarded-Proto": "gopher"}, {}):
        answer = await hasty.send("GET", f"/api/v1/tasks/{task_id}", headers=headers)
        schemes.append(answer.json()["output"]["video_url"].partition(":")[0])

    assert schemes == ["http", "https", "http", "http"]


async def test_more_tasks_than_are_remembered_are_all_shown(hasty: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("fakescope.wire.tasks._REMEMBERED", 3)
    ids = [await hasty.accepted(f"Heron {n}") for n in range(8)]

    shown = [(await hasty.output(task_id))["orig_prompt"] for task_id in [*ids, *ids]]

    assert shown == [f"Heron {n}" for n in range(8)] * 2


async def test_poll_of_an_unknown_id_is_200_and_echoes_it(caller: Any) -> None:
    output = await caller.output("1111")

    assert output == {"task_id": "1111", "task_status": "UNKNOWN"}


async def test_poll_writes_times_in_utc_plus_8_with_milliseconds(caller: Any, clock: Any) -> None:
    clock.now = 1_770_600_000_007  # 2026-02-09 01:20:00.007 UTC
    task_id = await caller.accepted("A heron [fakescope:seconds=90]")
    clock.advance(seconds=100)

    output = await caller.output(task_id)

    assert output["submit_time"] == "2026-02-09 09:20:00.007"
    assert all(re.fullmatch(r"2026-02-09 09:2\d:\d\d\.\d{3}", output[key]) for key in TIMES)


async def test_poll_headers_are_those_of_the_task_api(caller: Any) -> None:
    answer = await caller.send("GET", "/api/v1/tasks/1111")

    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.headers["server"] == "istio-envoy"
    assert answer.headers["req-cost-time"] == "0"
    assert answer.headers["req-arrive-time"] == answer.headers["resp-start-time"] == "1770600000000"


@pytest.mark.parametrize("call", ["list", "cancel"])
async def test_list_and_cancel_have_the_same_headers_as_a_poll(caller: Any, call: str) -> None:
    task_id = await caller.accepted()
    method, path = ("GET", "") if call == "list" else ("POST", f"/{task_id}/cancel")

    answer = await caller.send(method, f"/api/v1/tasks{path}")

    polled = await caller.send("GET", "/api/v1/tasks/1111")
    shown = [{k: v for k, v in each.headers.items() if k != "content-length"} for each in (answer, polled)]
    assert shown[0] == shown[1]


async def test_every_answer_has_a_request_id_of_its_own(caller: Any) -> None:
    task_id = await caller.accepted()

    ids = [(await caller.poll(task_id))["request_id"] for _ in range(3)]

    assert len(set(ids)) == 3
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-9[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", each) for each in ids)


@pytest.mark.parametrize("form", ["/api/v1/tasks/{}", "/api/v1/tasks/{}/", "//api/v1//tasks/{}", "/api/v1/tasks//{}/"])
async def test_poll_serves_every_slash_form_without_a_redirect(caller: Any, form: str) -> None:
    task_id = await caller.accepted()

    answer = await caller.send("GET", f"http://test{form.format(task_id)}")

    assert answer.status_code == 200
    assert answer.json()["output"]["task_status"] == "PENDING"


@pytest.mark.parametrize("form", ["/api/v1/tasks/{}/cancel", "/api/v1/tasks/{}/cancel/", "/api/v1//tasks/{}//cancel"])
async def test_cancel_serves_every_slash_form_without_a_redirect(caller: Any, form: str) -> None:
    task_id = await caller.accepted()

    answer = await caller.send("POST", f"http://test{form.format(task_id)}")

    assert answer.status_code == 200
    assert await caller.status(task_id) == "CANCELED"


@pytest.mark.parametrize("form", ["/api/v1/tasks", "/api/v1/tasks/", "//api/v1/tasks//"])
async def test_list_serves_every_slash_form_without_a_redirect(caller: Any, form: str) -> None:
    await caller.accepted()

    answer = await caller.send("GET", f"http://test{form}")

    assert answer.status_code == 200
    assert answer.json()["total"] == 1


@pytest.mark.parametrize("query", ["size=1280*720&duration=5&custom=1,2", "=&&%ff", "a=1&" * 300])
async def test_poll_ignores_query_parameters(caller: Any, query: str) -> None:
    task_id = await caller.accepted()

    answer = await caller.send("GET", f"/api/v1/tasks/{task_id}/?{query}")

    assert answer.json()["output"]["task_status"] == "PENDING"


@pytest.mark.parametrize("value", ["enable", "disable"])
async def test_poll_ignores_the_async_header(caller: Any, value: str) -> None:
    task_id = await caller.accepted()

    answer = await caller.send("GET", f"/api/v1/tasks/{task_id}", headers={"X-DashScope-Async": value})

    assert answer.status_code == 200


async def test_head_of_a_poll_has_the_head_of_a_get(caller: Any) -> None:
    answer = await caller.send("HEAD", "/api/v1/tasks/1111")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.content == b""


# -- list


async def test_list_shows_the_documented_keys_in_order(caller: Any, clock: Any) -> None:
    task_id = await task_in("SUCCEEDED", caller, clock)

    body = await caller.list()

    assert list(body) == ["total", "data", "total_page", "page_no", "request_id", "page_size"]
    assert " ".join(body["data"][0]) == (
        "api_key_id caller_parent_id caller_uid end_time gmt_create model_name region request_id start_time status "
        "task_id user_api_unique_key"
    )
    assert body["data"][0]["task_id"] == task_id


async def test_list_row_tells_the_story_of_the_task(caller: Any, clock: Any) -> None:
    submitted = (await caller.submit("A heron [fakescope:seconds=90]")).json()
    clock.advance(seconds=100)

    row = (await caller.list())["data"][0]

    assert row["gmt_create"] == 1_770_600_000_000
    assert row["end_time"] - row["start_time"] == 90_000
    assert row["request_id"] == submitted["request_id"]
    assert (row["model_name"], row["region"], row["status"]) == ("wan2.6-t2v", "cn-beijing", "SUCCEEDED")
    assert row["user_api_unique_key"] == "apikey:v1:aigc:video-generation:video-synthesis:wan2.6-t2v"
    assert all(isinstance(row[key], str) for key in ("api_key_id", "caller_uid", "caller_parent_id"))


async def test_list_row_of_a_running_task_has_no_end(caller: Any, clock: Any) -> None:
    await task_in("RUNNING", caller, clock)

    row = (await caller.list())["data"][0]

    assert "start_time" in row
    assert "end_time" not in row


async def test_list_pages_newest_first(caller: Any, clock: Any) -> None:
    ids = []
    for _ in range(5):
        ids.append(await caller.accepted())
        clock.advance(seconds=1)

    pages = [await caller.list(page_no=number, page_size=2) for number in (1, 2, 3, 4)]

    assert [[row["task_id"] for row in page["data"]] for page in pages] == [
        [ids[4], ids[3]],
        [ids[2], ids[1]],
        [ids[0]],
        [],
    ]
    assert {(page["total"], page["total_page"], page["page_size"]) for page in pages} == {(5, 3, 2)}
    assert [page["page_no"] for page in pages] == [1, 2, 3, 4]


async def test_list_shows_ten_unless_told(caller: Any) -> None:
    for _ in range(11):
        await caller.accepted()

    body = await caller.list()

    assert (len(body["data"]), body["page_no"], body["page_size"], body["total_page"]) == (10, 1, 10, 2)


async def test_list_filters_by_model_status_and_id(caller: Any, clock: Any) -> None:
    old = await caller.accepted(model="wan2.5-t2v-preview")
    clock.advance(seconds=400)
    new = await caller.accepted()

    async def found(**query: Any) -> list[str]:
        return [row["task_id"] for row in (await caller.list(**query))["data"]]

    assert await found(model_name="wan2.5-t2v-preview") == [old]
    assert await found(status="PENDING") == [new]
    assert await found(status="SUCCEEDED", model_name="wan2.6-t2v") == []
    assert await found(task_id=old) == [old]
    assert await found(status="", unheard_of="x", api_key_id="1", region="cn-beijing") == [new, old]


@pytest.mark.parametrize("status", ["PRE-PROCESSING", "POST-PROCESSING"])
async def test_list_knows_a_status_as_the_wire_spells_it(caller: Any, status: str) -> None:
    assert (await caller.list(status=status))["total"] == 0
    assert (await caller.send("GET", f"/api/v1/tasks/?status={status.replace('-', '_')}")).status_code == 400


async def test_list_takes_no_white_space_for_a_status(caller: Any) -> None:
    assert (await caller.send("GET", "/api/v1/tasks/?status=%09")).status_code == 400


async def test_list_window_is_in_utc_plus_8_and_includes_both_ends(caller: Any, clock: Any) -> None:
    task_id = await caller.accepted()  # at 2026-02-09 09:20:00.000 in UTC+8
    clock.advance(seconds=60)

    async def found(start: str, end: str) -> list[str]:
        rows = (await caller.list(start_time=f"20260209{start}", end_time=f"20260209{end}"))["data"]
        return [row["task_id"] for row in rows]

    assert await found("092000", "092000") == [task_id]
    assert await found("091900", "091959") == []
    assert await found("092001", "092100") == []


async def test_list_window_with_one_end_is_a_day_long(caller: Any, clock: Any) -> None:
    await caller.accepted()  # at 2026-02-09 09:20:00 in UTC+8
    clock.advance(seconds=60)

    totals = {
        query: (await caller.list(**{query[0]: query[1]}))["total"]
        for query in [
            ("start_time", "20260208092000"),  # until 09 09:20:00, still inside
            ("start_time", "20260208091959"),
            ("end_time", "20260209092000"),
            ("end_time", "20260209091959"),
            ("end_time", "20260210092000"),  # since 09 09:20:00, still inside
            ("end_time", "20260210092001"),
        ]
    }

    assert list(totals.values()) == [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("page_no", "0"),
        ("page_no", "-1"),
        ("page_no", "x"),
        ("page_no", "1.0"),
        ("page_size", "0"),
        ("page_size", "101"),
        ("page_size", "²"),
        ("status", "DONE"),
        ("status", "pending"),
        ("start_time", "2026-02-09"),
        ("end_time", "20260230000000"),
        ("end_time", "2026020909200"),
    ],
)
async def test_list_refuses_a_bad_value_and_names_the_parameter(caller: Any, parameter: str, value: str) -> None:
    answer = await caller.send("GET", "/api/v1/tasks", params={parameter: value})

    body = answer.json()
    assert answer.status_code == 400
    assert list(body) == ["request_id", "code", "message"]
    assert body["code"] == "InvalidParameter"
    assert f"({parameter})" in body["message"]


async def test_list_ignores_any_number_of_unknown_parameters(caller: Any) -> None:
    answer = await caller.send("GET", "/api/v1/tasks?" + "a=1&" * 300)

    assert answer.status_code == 200


# -- cancel


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff not JSON"], ids=["none", "object", "garbage"])
async def test_cancel_answers_its_request_id_alone_whatever_the_body(caller: Any, content: bytes) -> None:
    task_id = await caller.accepted()

    answer = await caller.send("POST", f"/api/v1/tasks/{task_id}/cancel", content=content)

    assert answer.status_code == 200
    assert list(answer.json()) == ["request_id"]


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN"])
async def test_cancel_is_refused_unless_the_task_is_pending(caller: Any, clock: Any, status: str) -> None:
    task_id = await task_in(status, caller, clock)

    answer = await caller.cancel(task_id)

    body = answer.json()
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert list(body) == ["request_id", "code", "message"]
    assert body["code"] == "UnsupportedOperation"
    assert body["message"] == "Failed to cancel the task, please confirm if the task is in PENDING status."
    assert await caller.status(task_id) == status


async def test_cancel_by_get_is_refused_and_changes_nothing(caller: Any) -> None:
    task_id = await caller.accepted()

    answer = await caller.send("GET", f"/api/v1/tasks/{task_id}/cancel")

    assert answer.status_code == 400
    assert answer.json()["message"] == "Request method 'GET' is not supported."
    assert await caller.status(task_id) == "PENDING"


async def test_canceled_task_ends_when_it_was_canceled(caller: Any, clock: Any) -> None:
    task_id = await caller.accepted()
    clock.advance(seconds=0.02)  # no task waits less than 0.03 s
    await caller.cancel(task_id)
    clock.advance(seconds=600)

    output = await caller.output(task_id)

    assert output["task_status"] == "CANCELED"
    assert output["end_time"] == "2026-02-09 09:20:00.020"
