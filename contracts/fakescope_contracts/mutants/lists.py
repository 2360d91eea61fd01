"""Wrong lists: pages, filters, rows."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from fakescope_contracts.mutants.wrapping import TASKS, Answer, Call, edits, mutant


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


async def _with_query(call: Call, **changes: object) -> Answer:
    """The list, asked for in another way: None leaves a parameter out."""
    query = {name: value for name, value in (call.query | changes).items() if value is not None}
    return await call.to(TASKS, urlencode(query)).forward()


async def _all_rows(call: Call) -> list[Any]:
    rows: list[Any] = (await _with_query(call, page_no=1, page_size=100)).json["data"]
    return rows


def _page(call: Call) -> tuple[int, int]:
    return int(call.query.get("page_no", "1")), int(call.query.get("page_size", "10"))


async def _shifted(call: Call, by: int) -> Answer:
    """Later pages begin so many rows later or earlier."""
    answer = await call.forward()
    if call.kind == "list" and answer.status == 200 and _page(call)[0] > 1:
        page_no, size = _page(call)
        first = (page_no - 1) * size + by
        answer.body = _json(answer.json | {"data": (await _all_rows(call))[first : first + size]})
    return answer


@mutant("tasks.list")
async def pages_overlap(call: Call) -> Answer:
    """A page begins with the last row of the one before."""
    return await _shifted(call, -1)


@mutant("tasks.list")
async def pages_leave_a_gap(call: Call) -> Answer:
    """Between two pages a row is missing."""
    return await _shifted(call, 1)


@mutant("tasks.list")
async def pages_count_from_zero(call: Call) -> Answer:
    """The first page is number 0, so number 1 is the second."""
    if call.kind == "list" and call.query.get("page_no", "1").isdecimal():
        answer = await _with_query(call, page_no=int(call.query.get("page_no", "1")) + 1)
        if answer.status == 200:
            answer.body = _json(answer.json | {"page_no": _page(call)[0]})
        return answer
    return await call.forward()


@edits("list", "tasks.list")
def total_is_of_the_page(_call: Call, body: Any) -> None:
    """The total counts the rows of the page."""
    body["total"] = len(body["data"])


@edits("list", "tasks.list")
def total_page_is_rounded_down(_call: Call, body: Any) -> None:
    """The number of pages forgets the last one if that is not full."""
    body["total_page"] = body["total"] // body["page_size"]


@edits("list", "tasks.list")
def page_size_is_not_said(_call: Call, body: Any) -> None:
    """The answer says page_size 10 whatever was asked for."""
    body["page_size"] = 10


@mutant("tasks.list")
async def page_size_is_ignored(call: Call) -> Answer:
    """Every page has ten rows, whatever was asked for."""
    return await _with_query(call, page_size=10) if call.kind == "list" else await call.forward()


@mutant("tasks.list")
async def default_page_of_twenty(call: Call) -> Answer:
    """A page has twenty rows if nothing was asked for."""
    if call.kind == "list" and "page_size" not in call.query:
        return await _with_query(call, page_size=20)
    return await call.forward()


@mutant("tasks.list")
async def order_hangs_on_the_page_size(call: Call) -> Answer:
    """Pages of an odd size are in the opposite order, so nothing can be put together of them."""
    answer = await call.forward()
    if call.kind == "list" and answer.status == 200 and _page(call)[1] % 2:
        page_no, size = _page(call)
        rows = (await _all_rows(call))[::-1]
        answer.body = _json(answer.json | {"data": rows[(page_no - 1) * size : page_no * size]})
    return answer


@mutant("tasks.list")
async def status_filter_is_ignored(call: Call) -> Answer:
    """A list by status has all tasks."""
    return await _with_query(call, status=None) if call.kind == "list" else await call.forward()


@mutant("tasks.list")
async def model_filter_is_ignored(call: Call) -> Answer:
    """A list by model has all tasks."""
    return await _with_query(call, model_name=None) if call.kind == "list" else await call.forward()


@mutant("tasks.list")
async def task_id_filter_is_ignored(call: Call) -> Answer:
    """A list by task_id has all tasks."""
    return await _with_query(call, task_id=None) if call.kind == "list" else await call.forward()


@mutant("tasks.list")
async def times_are_ignored(call: Call) -> Answer:
    """A list by start_time and end_time has all tasks."""
    return await _with_query(call, start_time=None, end_time=None) if call.kind == "list" else await call.forward()


@edits("list", "tasks.list")
def list_lags_behind(_call: Call, body: Any) -> None:
    """A task that runs is still PENDING in a list."""
    for row in body["data"]:
        if row["status"] == "RUNNING":
            row["status"] = "PENDING"


@edits("list", "tasks.list")
def list_forgets_canceled(_call: Call, body: Any) -> None:
    """A task that was canceled is not listed."""
    body["data"] = [row for row in body["data"] if row["status"] != "CANCELED"]
    body["total"] = len(body["data"])


@edits("list", "tasks.list")
def list_times_as_text(_call: Call, body: Any) -> None:
    """Times in a list are texts."""
    for row in body["data"]:
        row["gmt_create"] = str(row["gmt_create"])


@edits("list", "tasks.list")
def list_times_in_seconds(_call: Call, body: Any) -> None:
    """Times in a list are seconds."""
    for row in body["data"]:
        row["gmt_create"] //= 1000


@edits("list", "tasks.list")
def list_request_ids_are_fresh(call: Call, body: Any) -> None:
    """The request_id of a row is that of the list, not of the submission."""
    del call
    for row in body["data"]:
        row["request_id"] = body["request_id"]


@edits("list", "tasks.list")
def list_in_an_output(_call: Call, body: Any) -> Any:
    """A list stands in an output, as a task does."""
    return {"request_id": body.pop("request_id"), "output": body}


@mutant("tasks.list")
async def list_keeps_expired(call: Call) -> Answer:
    """A task is listed for ever."""
    answer = await call.forward()
    if call.kind == "list" and answer.status == 200 and not call.query.keys() - {"page_no", "page_size"}:
        body, known = answer.json, call.notes(call.key)
        known |= {row["task_id"]: row for row in body["data"]}
        if body["total"] < len(known):
            body["data"], body["total"] = list(known.values()), len(known)
            answer.body = _json(body)
    return answer


@edits("list", "tasks.list")
def total_page_is_one_too_many(_call: Call, body: Any) -> None:
    """The number of pages counts an empty one if the last is full."""
    body["total_page"] = body["total"] // body["page_size"] + 1


@edits("list", "tasks.list")
def numbers_of_a_list_are_text(_call: Call, body: Any) -> None:
    """The numbers that count pages and rows are texts."""
    for key in ("total", "total_page", "page_no", "page_size"):
        body[key] = str(body[key])


@mutant("tasks.list")
async def pages_beyond_the_last_repeat_it(call: Call) -> Answer:
    """Whoever asks for a page after the last is given the last one."""
    answer = await call.forward()
    if call.kind == "list" and answer.status == 200 and not answer.json["data"] and answer.json["total"]:
        page_no, size = _page(call)
        last = await _with_query(call, page_no=(answer.json["total"] - 1) // size + 1)
        answer.body = _json(last.json | {"page_no": page_no})
    return answer


@mutant("tasks.list")
async def pages_of_five_at_most(call: Call) -> Answer:
    """A page has five rows at most, whatever was asked for; the answer says what was asked for."""
    answer = await call.forward()
    if call.kind == "list" and answer.status == 200:
        answer.body = _json(answer.json | {"data": answer.json["data"][:5]})
    return answer


@mutant("tasks.list")
async def one_filter_at_a_time(call: Call) -> Answer:
    """Of a status and the name of a model, both asked for, only the name counts."""
    if call.kind == "list" and call.query.get("model_name"):
        return await _with_query(call, status=None)
    return await call.forward()


@mutant("tasks.list")
async def list_reads_times_in_utc(call: Call) -> Answer:
    """The times between which tasks are asked for are read as UTC."""
    changes = {}
    for name in ("start_time", "end_time"):
        with suppress(ValueError):
            asked = datetime.strptime(call.query.get(name, ""), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            changes[name] = (asked + timedelta(hours=8)).strftime("%Y%m%d%H%M%S")
    return await _with_query(call, **changes) if call.kind == "list" and changes else await call.forward()


@edits("list", "tasks.list")
def list_says_task_status(_call: Call, body: Any) -> None:
    """The status of a row is called task_status, as in the answer to a query."""
    for row in body["data"]:
        row["task_status"] = row.pop("status")
