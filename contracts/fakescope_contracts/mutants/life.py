"""Wrong lives: statuses and expiry."""

from __future__ import annotations

from typing import Any

from fakescope_contracts.mutants.wrapping import Answer, Call, edits, mutant

_HOUR_MS = 3_600_000
_ENDED = ("SUCCEEDED", "FAILED", "CANCELED")


# -- statuses


@edits("poll", "tasks.times")
def skips_running(_call: Call, body: Any) -> None:
    """A task that runs is still shown as PENDING, so it goes from there to its end."""
    if body["output"]["task_status"] == "RUNNING":
        body["output"]["task_status"] = "PENDING"
        del body["output"]["scheduled_time"]


@edits("poll", "tasks.terminal")
def succeeded_goes_back(call: Call, body: Any) -> None:
    """A task that was SUCCEEDED once is RUNNING when asked again."""
    if body["output"]["task_status"] == "SUCCEEDED":
        seen = call.notes("seen")
        if call.task_id in seen:
            output = body["output"]
            body["output"] = {key: output[key] for key in ("task_id", "submit_time", "scheduled_time")}
            body["output"]["task_status"] = "RUNNING"
            body.pop("usage", None)
        seen[call.task_id] = True


@edits("poll", "tasks.terminal")
def failed_becomes_canceled(call: Call, body: Any) -> None:
    """A task that was FAILED once is CANCELED when asked again."""
    if body["output"]["task_status"] == "FAILED":
        seen = call.notes("seen")
        if call.task_id in seen:
            body["output"] = {"task_id": call.task_id, "task_status": "CANCELED"}
        seen[call.task_id] = True


@edits("poll", "tasks.graph")
def running_goes_back(call: Call, body: Any) -> None:
    """Every second look at a task that runs says PENDING."""
    if body["output"]["task_status"] == "RUNNING":
        looks = call.notes("looks")
        looks[call.task_id] = looks.get(call.task_id, 0) + 1
        if looks[call.task_id] % 2 == 0:
            body["output"]["task_status"] = "PENDING"


@edits("poll", "tasks.ends")
def never_ends(_call: Call, body: Any) -> None:
    """A task runs until it expires."""
    output = body["output"]
    if output["task_status"] in ("SUCCEEDED", "FAILED"):
        body.pop("usage", None)
        body["output"] = {key: output[key] for key in ("task_id", "submit_time", "scheduled_time")}
        body["output"]["task_status"] = "RUNNING"


@edits("poll", "tasks.ends")
def never_starts(_call: Call, body: Any) -> None:
    """A task waits until it expires."""
    output = body["output"]
    if output["task_status"] in ("RUNNING", "SUCCEEDED", "FAILED"):
        body.pop("usage", None)
        body["output"] = {key: output[key] for key in ("task_id", "submit_time")} | {"task_status": "PENDING"}


@edits("submit", "submissions.answer")
def submit_says_running(_call: Call, body: Any) -> None:
    """A task is RUNNING in the answer to its submission."""
    if "task_status" in body["output"]:
        body["output"]["task_status"] = "RUNNING"


@edits("submit", "submissions.answer")
def submit_says_more(_call: Call, body: Any) -> None:
    """The answer to a submission has an empty usage already."""
    if "task_status" in body["output"]:
        body["usage"] = {}


@edits("poll", "tasks.graph")
def own_word_for_running(_call: Call, body: Any) -> None:
    """RUNNING is called PROCESSING."""
    if body["output"]["task_status"] == "RUNNING":
        body["output"]["task_status"] = "PROCESSING"


@edits("poll", "tasks.graph")
def status_in_lower_case(_call: Call, body: Any) -> None:
    """Statuses are in lower case."""
    body["output"]["task_status"] = body["output"]["task_status"].lower()


@mutant("queries.read-only")
async def every_query_moves_it_on(call: Call) -> Answer:
    """A task that waits is RUNNING when asked for the second time, however little time has passed."""
    answer = await call.forward()
    if call.kind == "poll" and answer.status_word == "PENDING":
        looks = call.notes("looks")
        looks[call.task_id] = looks.get(call.task_id, 0) + 1
        if looks[call.task_id] > 1:
            answer.body = answer.body.replace(b'"PENDING"', b'"RUNNING"')
    return answer


@edits("poll", "tasks.graph")
def phases_for_all(_call: Call, body: Any) -> None:
    """A task of a model without phases is PRE-PROCESSING before it is RUNNING."""
    if body["output"]["task_status"] == "PENDING":
        body["output"]["task_status"] = "PRE-PROCESSING"


# -- expiry


@mutant("queries.unknown-id")
async def unknown_as_404(call: Call) -> Answer:
    """A task that is not known is 404."""
    answer = await call.forward()
    if call.kind == "poll" and answer.status_word == "UNKNOWN":
        answer.status = 404
    return answer


@mutant("queries.unknown-id")
async def unknown_as_refusal(call: Call) -> Answer:
    """A task that is not known is refused with a code."""
    answer = await call.forward()
    if call.kind == "poll" and answer.status_word == "UNKNOWN":
        answer.status = 400
        answer.body = b'{"code":"TaskNotFound","message":"Task not found.","request_id":"%s"}' % call.task_id.encode()
    return answer


@edits("poll", "queries.unknown-id")
def unknown_with_times(_call: Call, body: Any) -> None:
    """A task that is not known has a submit_time."""
    if body["output"]["task_status"] == "UNKNOWN":
        body["output"]["submit_time"] = "2026-02-09 10:00:00.000"


async def _expiring(call: Call, hours: float, since: str = "submitted") -> Answer:
    """Forget a task after so many hours instead of after 24, or remember it for as long."""
    answer = await call.forward()
    if call.kind == "submit" and answer.status_word:
        call.notes("submitted")[answer.json["output"]["task_id"]] = answer.now_ms
    if call.kind != "poll" or answer.status != 200:
        return answer
    last = call.notes("last")
    if answer.status_word != "UNKNOWN":
        if answer.status_word in _ENDED:
            call.notes("ended").setdefault(call.task_id, answer.now_ms)
        last[call.task_id] = answer.body
    began = call.notes(since).get(call.task_id)
    if began is not None and answer.now_ms >= began + hours * _HOUR_MS:
        answer.body = b'{"request_id":"%d","output":{"task_id":"%s","task_status":"UNKNOWN"}}' % (
            answer.now_ms,
            call.task_id.encode(),
        )
    elif began is not None and answer.status_word == "UNKNOWN":
        answer.body = last.get(call.task_id, answer.body)
    return answer


@mutant("tasks.expiry")
async def expires_after_23_hours(call: Call) -> Answer:
    """A task is UNKNOWN an hour early."""
    return await _expiring(call, 23)


@mutant("tasks.expiry")
async def expires_after_25_hours(call: Call) -> Answer:
    """A task is UNKNOWN an hour late."""
    return await _expiring(call, 25)


@mutant("tasks.expiry")
async def expires_24_hours_after_its_end(call: Call) -> Answer:
    """The 24 hours of a task begin when it was first seen to have ended."""
    return await _expiring(call, 24, "ended")


@mutant("tasks.expiry")
async def unknown_recovers(call: Call) -> Answer:
    """A task that was UNKNOWN once is as before when asked again."""
    answer = await call.forward()
    if call.kind == "poll" and answer.status == 200:
        last, gone = call.notes("last"), call.notes("gone")
        if answer.status_word != "UNKNOWN":
            last[call.task_id] = answer.body
        elif call.task_id in gone:
            answer.body = last.get(call.task_id, answer.body)
        else:
            gone[call.task_id] = True
    return answer


@mutant("tasks.expiry")
async def every_query_extends_the_life(call: Call) -> Answer:
    """The 24 hours of a task begin anew with every query, as those of a cache do."""
    answer = await call.forward()
    if call.kind != "poll" or answer.status != 200:
        return answer
    last, asked = call.notes("last"), call.notes("asked")
    if answer.status_word != "UNKNOWN":
        last[call.task_id], asked[call.task_id] = answer.body, answer.now_ms
    elif call.task_id in last and answer.now_ms < asked[call.task_id] + 24 * _HOUR_MS:
        answer.body, asked[call.task_id] = last[call.task_id], answer.now_ms
    return answer


@mutant("tasks.isolation")
async def only_the_newest_task_is_kept(call: Call) -> Answer:
    """With a submission the account's tasks before it are forgotten."""
    answer = await call.forward()
    newest = call.notes("newest")
    if call.kind == "submit" and answer.status_word:
        newest[call.key] = answer.json["output"]["task_id"]
    elif call.kind == "poll" and answer.status == 200 and newest.get(call.key, call.task_id) != call.task_id:
        answer.body = b'{"request_id":"%s","output":{"task_id":"%s","task_status":"UNKNOWN"}}' % (
            answer.json["request_id"].encode(),
            call.task_id.encode(),
        )
    return answer
