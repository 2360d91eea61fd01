"""Wrong limits: how many tasks run at once, how many requests a second are taken."""

from __future__ import annotations

import json
from typing import Any

from fakescope_contracts.mutants.wrapping import Answer, Call, edits, mutant


@edits("poll", "tasks.lanes")
def nothing_waits(_call: Call, body: Any) -> None:
    """A task that waits for others is shown as RUNNING."""
    if body["output"]["task_status"] == "PENDING":
        body["output"]["task_status"] = "RUNNING"
        body["output"]["scheduled_time"] = body["output"]["submit_time"]


@mutant("tasks.lanes")
async def full_lane_is_refused(call: Call) -> Answer:
    """The third task that waits is refused instead of waiting."""
    answer = await call.forward()
    if call.kind == "submit" and answer.status_word:
        waiting = call.notes(call.key)
        waiting[answer.json["output"]["task_id"]] = True
        if len(waiting) > 2:
            answer.status = 429
            answer.body = (
                b'{"code":"Throttling.Concurrency","message":"Too many concurrent requests.","request_id":"%d"}'
                % (answer.now_ms)
            )
    return answer


def _twin(call: Call) -> Call:
    """The same request from an account that nobody else has."""
    return call.with_header("authorization", f"{call.key}-twin{len(call.notes('owners'))}")


@mutant("limits.rate")
async def no_limit_on_submissions(call: Call) -> Answer:
    """Any number of submissions a second is taken."""
    owners = call.notes("owners")
    answer = await (
        call.with_header("authorization", owners[call.task_id]) if call.task_id in owners else call
    ).forward()
    if call.kind == "submit" and answer.status == 429:
        twin = _twin(call)
        answer = await twin.forward()
        if answer.status_word:
            owners[answer.json["output"]["task_id"]] = twin.key
    return answer


@mutant("limits.rate")
async def refused_submissions_make_tasks(call: Call) -> Answer:
    """A submission over the rate is refused, and a task is made all the same, which is listed later."""
    answer = await call.forward()
    if call.kind == "submit" and answer.status == 429:
        call.notes(call.key)[str(len(call.notes(call.key)))] = True
    if call.kind == "list" and answer.status == 200 and call.notes(call.key):
        body = answer.json
        body["total"] += len(call.notes(call.key))
        answer.body = json.dumps(body).encode()
    return answer


@mutant("limits.rate")
async def refused_as_503(call: Call) -> Answer:
    """Whoever asks too often is told 503."""
    answer = await call.forward()
    if answer.status == 429:
        answer.status = 503
    return answer


@mutant("limits.rate")
async def refused_with_another_code(call: Call) -> Answer:
    """Whoever asks too often is told that the concurrency is too high."""
    answer = await call.forward()
    if answer.status == 429:
        answer.body = answer.body.replace(b"Throttling.RateQuota", b"Throttling.Concurrency")
    return answer


@mutant("limits.rate")
async def one_submission_a_second_less(call: Call) -> Answer:
    """The last submission of those that are allowed a second is refused."""
    if call.kind != "submit":
        return await call.forward()
    taken = call.notes(call.key)
    answer = await call.forward()
    model, now = call.json.get("model"), answer.now_ms
    if answer.status_word:
        recent = [at for at in taken.get(model, []) if at > now - 1000]
        taken[model] = [*recent, now]
        if len(recent) + 1 >= (5 if "wan2.6" in str(model) else 2):
            answer.status = 429
            answer.body = (
                b'{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded, please try again later.",'
                b'"request_id":"%d"}' % now
            )
    return answer


@mutant("queries.rate")
async def no_limit_on_queries(call: Call) -> Answer:
    """Any number of queries a second is answered."""
    answer = await call.forward()
    if call.kind == "poll" and answer.status == 429:
        answer.status, answer.body = 200, call.notes("last").get(call.task_id, answer.body)
    elif call.kind == "poll":
        call.notes("last")[call.task_id] = answer.body
    return answer


@mutant("queries.rate")
async def ten_queries_a_second(call: Call) -> Answer:
    """More than ten queries a second are refused."""
    answer = await call.forward()
    if call.kind == "poll" and answer.status == 200:
        recent = call.notes(call.key)
        recent["at"] = [at for at in recent.get("at", []) if at > answer.now_ms - 1000] + [answer.now_ms]
        if len(recent["at"]) > 10:
            answer.status = 429
            answer.body = (
                b'{"request_id":"%d","code":"Throttling.RateQuota",'
                b'"message":"Requests rate limit exceeded, please try again later."}' % answer.now_ms
            )
    return answer


@mutant("limits.rate")
async def models_share_a_rate(call: Call) -> Answer:
    """Submissions of all models are counted together: with two others before it, one too many."""
    answer = await call.forward()
    if call.kind == "submit" and answer.status_word:
        recent = call.notes(call.key)
        recent["at"] = [at for at in recent.get("at", []) if at > answer.now_ms - 1000] + [answer.now_ms]
        if len(recent["at"]) > 5:
            answer.status = 429
            answer.body = (
                b'{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded, please try again later.",'
                b'"request_id":"%d"}' % answer.now_ms
            )
    return answer
