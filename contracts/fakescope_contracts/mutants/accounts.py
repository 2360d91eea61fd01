"""Wrong cancellations, accounts and identifiers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fakescope_contracts.mutants.wrapping import Answer, Call, edits, mutant

# -- cancellation


def _refused(answer: Answer) -> bool:
    return answer.status == 400


def _canceled(call: Call, answer: Answer) -> Answer:
    answer.status, answer.body = 200, b'{"request_id":"00000000-0000-9000-8000-%012d"}' % len(call.notes("seen"))
    call.notes("seen")[call.task_id] = True
    return answer


@mutant("tasks.cancel")
async def cancels_what_runs(call: Call) -> Answer:
    """A task that is RUNNING can be canceled."""
    if call.kind == "poll" and call.task_id in call.notes("canceled"):
        answer = await call.forward()
        if answer.status_word in ("RUNNING", "SUCCEEDED"):
            answer.body = b'{"request_id":"%d","output":{"task_id":"%s","task_status":"CANCELED"}}' % (
                answer.now_ms,
                call.task_id.encode(),
            )
        return answer
    if call.kind == "cancel":
        stands = await call.to(f"/api/v1/tasks/{call.task_id}").forward()
        answer = await call.forward()
        if _refused(answer) and stands.status_word == "RUNNING":
            call.notes("canceled")[call.task_id] = True
            return _canceled(call, answer)
        return answer
    return await call.forward()


@mutant("tasks.cancel")
async def cancels_anything(call: Call) -> Answer:
    """Every cancellation is answered with success, though it changes nothing."""
    answer = await call.forward()
    return _canceled(call, answer) if call.kind == "cancel" and _refused(answer) else answer


@mutant("tasks.cancel")
async def canceled_task_runs_on(call: Call) -> Answer:
    """A cancellation is answered, and the task goes on."""
    if call.kind == "cancel":
        stands = await call.to(f"/api/v1/tasks/{call.task_id}").forward()
        if stands.status_word == "PENDING":
            return _canceled(call, stands)
    return await call.forward()


@mutant("tasks.cancel")
async def cancels_nothing(call: Call) -> Answer:
    """A task that is PENDING cannot be canceled."""
    if call.kind == "cancel":
        return await call.to("/api/v1/tasks/no-such-task/cancel", method="POST").forward()
    return await call.forward()


@mutant("tasks.cancel")
async def cancel_refused_with_another_code(call: Call) -> Answer:
    """A cancellation that comes too late is InvalidParameter."""
    answer = await call.forward()
    if call.kind == "cancel" and _refused(answer):
        answer.body = answer.body.replace(b"UnsupportedOperation", b"InvalidParameter")
    return answer


@mutant("tasks.cancel")
async def cancel_refused_as_409(call: Call) -> Answer:
    """A cancellation that comes too late is 409."""
    answer = await call.forward()
    if call.kind == "cancel" and _refused(answer):
        answer.status = 409
    return answer


@edits("poll", "tasks.graph")
def cancelled_with_two_l(_call: Call, body: Any) -> None:
    """CANCELED is spelled CANCELLED."""
    if body["output"]["task_status"] == "CANCELED":
        body["output"]["task_status"] = "CANCELLED"


@edits("cancel", "tasks.cancel")
def cancel_says_more(call: Call, body: Any) -> None:
    """The answer to a cancellation has the task in it."""
    body["output"] = {"task_id": call.task_id, "task_status": "CANCELED"}


@edits("poll", "tasks.cancel")
def cancel_forgets(_call: Call, body: Any) -> None:
    """A task that was canceled is UNKNOWN at once."""
    if body["output"]["task_status"] == "CANCELED":
        body["output"] = {"task_id": body["output"]["task_id"], "task_status": "UNKNOWN"}


@mutant("tasks.cancel")
async def refused_cancel_stops_the_task(call: Call) -> Answer:
    """A cancellation that is refused stops the task all the same."""
    answer = await call.forward()
    stopped = call.notes("stopped")
    if call.kind == "cancel" and _refused(answer):
        stopped[call.task_id] = True
    if call.kind == "poll" and call.task_id in stopped and answer.status_word not in ("", "UNKNOWN"):
        body = answer.json
        body["output"] = {"task_id": call.task_id, "task_status": "CANCELED"}
        body.pop("usage", None)
        answer.body = str(body).replace("'", '"').encode()
    return answer


# -- accounts


async def _as_its_owner(call: Call, kinds: tuple[str, ...]) -> Answer:
    owners = call.notes("owners")
    if call.kind in kinds and call.task_id in owners:
        return await call.with_header("authorization", owners[call.task_id]).forward()
    answer = await call.forward()
    if call.kind == "submit" and answer.status_word:
        owners[answer.json["output"]["task_id"]] = call.key
    return answer


@mutant("tasks.isolation")
async def others_tasks_are_visible(call: Call) -> Answer:
    """A query shows the tasks of all accounts."""
    return await _as_its_owner(call, ("poll",))


@mutant("tasks.isolation")
async def others_tasks_can_be_canceled(call: Call) -> Answer:
    """A cancellation reaches the tasks of all accounts."""
    return await _as_its_owner(call, ("cancel",))


@mutant("tasks.isolation")
async def others_tasks_are_listed(call: Call) -> Answer:
    """A list shows the tasks of whoever submitted last."""
    if call.kind == "list":
        return await call.with_header("authorization", call.notes("last").get("key", call.key)).forward()
    if call.kind == "submit":
        call.notes("last")["key"] = call.key
    return await call.forward()


@mutant("tasks.isolation")
async def others_tasks_are_forbidden(call: Call) -> Answer:
    """A query for another account's task is refused, which says that there is one."""
    owners = call.notes("owners")
    answer = await call.forward()
    if call.kind == "submit" and answer.status_word:
        owners[answer.json["output"]["task_id"]] = call.key
    if call.kind == "poll" and answer.status_word == "UNKNOWN" and owners.get(call.task_id, call.key) != call.key:
        answer.status = 403
        answer.body = b'{"code":"AccessDenied","message":"Access denied.","request_id":"%d"}' % answer.now_ms
    return answer


# -- identifiers


@mutant("tasks.ids")
async def duplicate_task_ids(call: Call) -> Answer:
    """Every second submission is given the task of the one before."""
    last = call.notes("last")
    answer = await call.forward()
    if call.kind == "submit" and answer.status_word:
        if last.get(call.key):
            answer.body = last.pop(call.key)
        else:
            last[call.key] = answer.body
    return answer


@edits("poll", "tasks.ids")
def request_id_is_repeated(_call: Call, body: Any) -> None:
    """Every query has the same request_id."""
    body["request_id"] = "11111111-1111-9111-8111-111111111111"


@edits("poll", "tasks.ids")
def request_id_is_the_task(call: Call, body: Any) -> None:
    """The request_id of a query is the id of the task."""
    body["request_id"] = call.task_id


@edits("poll", "tasks.ids")
def task_id_in_upper_case(_call: Call, body: Any) -> None:
    """A query spells the task's id in upper case."""
    body["output"]["task_id"] = body["output"]["task_id"].upper()


@edits("poll", "tasks.ids")
def task_id_is_missing(_call: Call, body: Any) -> None:
    """A query does not repeat the task's id."""
    del body["output"]["task_id"]


@edits("submit", "submissions.answer")
def task_id_is_called_id(_call: Call, body: Any) -> None:
    """The answer to a submission calls the task's id `id`."""
    if "task_id" in body["output"]:
        body["output"]["id"] = body["output"].pop("task_id")


@mutant("queries.unknown-id")
async def odd_ids_are_refused(call: Call) -> Answer:
    """A query for something that is no UUID is refused."""
    answer = await call.forward()
    if call.kind == "poll" and answer.status == 200 and call.task_id.count("-") != 4:
        body = answer.json | {"code": "InvalidParameter", "message": "task_id is invalid"}
        del body["output"]
        answer.status, answer.body = 400, json.dumps(body).encode()
    return answer


@mutant("queries.cancel-unknown")
async def cancel_of_an_unknown_task_is_404(call: Call) -> Answer:
    """A cancellation of a task that is not there is 404."""
    answer = await call.forward()
    if call.kind == "cancel" and answer.status == 400:
        asked = await call.to(f"/api/v1/tasks/{call.task_id}").forward()
        if asked.status_word == "UNKNOWN":
            answer.status = 404
    return answer


@mutant("tasks.isolation")
async def cancel_of_others_tasks_is_forbidden(call: Call) -> Answer:
    """A cancellation of another account's task is 403, which says that there is one."""
    answer = await call.forward()
    owners = call.notes("owner_of")
    if call.kind == "submit" and answer.status_word:
        owners[answer.json["output"]["task_id"]] = call.key
    elif call.kind == "cancel" and answer.status == 400 and owners.get(call.task_id, call.key) != call.key:
        answer.status, answer.body = 403, answer.body.replace(b"UnsupportedOperation", b"AccessDenied")
    return answer


@mutant("answers.request-id")
async def request_id_header_is_another(call: Call) -> Answer:
    """The header X-Request-Id and the request_id of an answer are two."""
    answer = await call.forward()
    if "x-request-id" in answer.headers:
        answer.headers["x-request-id"] = answer.headers["x-request-id"][::-1]
    return answer


@mutant("answers.request-id")
async def request_id_without_dashes(call: Call) -> Answer:
    """The request_id is 32 digits."""
    answer = await call.forward()
    if call.kind in ("poll", "list") and answer.status == 200:
        answer.body = json.dumps(answer.json | {"request_id": answer.json["request_id"].replace("-", "")}).encode()
    return answer


async def _other_ids(call: Call, spelled: Callable[[str, int], str]) -> Answer:
    """Tasks under other ids, in all that is said of them."""
    outside, inside = call.notes("outside"), call.notes("inside")
    if call.task_id in outside:
        real = outside[call.task_id]
        path = call.scope["path"].replace(call.task_id, real)
        call = replace(call, scope={**call.scope, "path": path, "raw_path": path.encode()})
    answer = await call.forward()
    if call.kind == "submit" and answer.status_word:
        real = answer.json["output"]["task_id"]
        inside[real] = spelled(real, len(inside) + 1)
        outside[inside[real]] = real
    for real, shown in inside.items() if call.kind in ("submit", "poll", "list") else ():
        answer.body = answer.body.replace(real.encode(), shown.encode())
    return answer


@mutant("tasks.ids")
async def task_ids_are_32_digits(call: Call) -> Answer:
    """The id of a task has no dashes."""
    return await _other_ids(call, lambda real, _number: real.replace("-", ""))


@mutant("tasks.ids")
async def task_ids_count_up(call: Call) -> Answer:
    """Tasks are task-1, task-2 and so on."""
    return await _other_ids(call, lambda _real, number: f"task-{number}")
