"""Wrong ends: failures, results, links."""

from __future__ import annotations

import re
from typing import Any

from fakescope_contracts.mutants.wrapping import TASKS, Answer, Call, edits, mutant, tables_in

_RESULTS = ("video_url", "results", "choices", "output_image_url", "output_video_url", "render_urls")


def _is(body: Any, status: str) -> bool:
    return bool(body["output"]["task_status"] == status)


# -- failures


@edits("poll", "tasks.failure")
def failure_code_at_top_level(_call: Call, body: Any) -> None:
    """The code and the message of a failure stand beside the output."""
    if _is(body, "FAILED"):
        body["code"], body["message"] = body["output"].pop("code"), body["output"].pop("message")


@edits("poll", "tasks.failure")
def failure_code_repeated_at_top_level(_call: Call, body: Any) -> None:
    """The code and the message of a failure stand beside the output as well."""
    if _is(body, "FAILED"):
        body["code"], body["message"] = body["output"]["code"], body["output"]["message"]


@edits("poll", "tasks.usage")
def usage_on_failure(_call: Call, body: Any) -> None:
    """A failed task has a usage."""
    if _is(body, "FAILED"):
        body["usage"] = {"video_count": 0}


@edits("poll", "tasks.result")
def results_on_failure(_call: Call, body: Any) -> None:
    """A failed task has a list of results, with nothing in it."""
    if _is(body, "FAILED"):
        body["output"]["results"] = []


@edits("poll", "tasks.failure")
def failure_code_is_a_number(_call: Call, body: Any) -> None:
    """The code of a failure is an HTTP status."""
    if _is(body, "FAILED"):
        body["output"]["code"] = 400


@edits("poll", "tasks.failure")
def failure_without_message(_call: Call, body: Any) -> None:
    """A failure has a code and no message."""
    if _is(body, "FAILED"):
        del body["output"]["message"]


@edits("poll", "tasks.failure")
def failure_with_an_error_object(_call: Call, body: Any) -> None:
    """The code and the message of a failure are in an object `error`."""
    if _is(body, "FAILED"):
        output = body["output"]
        output["error"] = {"code": output.pop("code"), "message": output.pop("message")}


@edits("poll", "tasks.ordered")
def every_failure_is_internal(_call: Call, body: Any) -> None:
    """Whatever went wrong, the code of a failure is InternalError."""
    if _is(body, "FAILED"):
        body["output"]["code"] = "InternalError"


@edits("poll", "tasks.failure")
def empty_code_on_success(_call: Call, body: Any) -> None:
    """A task that succeeded has an empty code and an empty message, as the SDK prints them."""
    if _is(body, "SUCCEEDED"):
        body["output"] |= {"code": "", "message": ""}


@edits("poll", "tasks.failure")
def http_status_of_a_failure(_call: Call, body: Any) -> None:
    """A task that failed repeats an HTTP status beside its output."""
    if _is(body, "FAILED"):
        body["status_code"] = 400


@mutant("tasks.failure")
async def failed_task_is_400(call: Call) -> Answer:
    """A query for a failed task is HTTP 400."""
    answer = await call.forward()
    if call.kind == "poll" and answer.status_word == "FAILED":
        answer.status = 400
    return answer


# -- results


def _renamed(value: Any, names: dict[str, str]) -> None:
    for table in list(tables_in(value)):
        for old, new in names.items():
            if old in table:
                table[new] = table.pop(old)


@edits("poll", "tasks.result")
def result_at_another_path(_call: Call, body: Any) -> None:
    """Links stand under other names: `result_url` for a video, `image_url` for a picture."""
    _renamed(body["output"], {"video_url": "result_url", "url": "image_url"})


@edits("poll", "tasks.result")
def result_beside_the_output(_call: Call, body: Any) -> None:
    """The results stand beside the output instead of in it."""
    for key in _RESULTS:
        if key in body["output"]:
            body[key] = body["output"].pop(key)


@edits("poll", "tasks.result")
def result_is_missing(_call: Call, body: Any) -> None:
    """A task that succeeded has no result."""
    for key in _RESULTS:
        body["output"].pop(key, None)


@edits("poll", "tasks.result")
def result_while_running(_call: Call, body: Any) -> None:
    """A task that runs has the place of its result already, empty."""
    if _is(body, "RUNNING"):
        body["output"]["video_url"] = ""


@edits("poll", "tasks.result")
def null_results_while_pending(_call: Call, body: Any) -> None:
    """A task that waits has null for its results and its usage."""
    if _is(body, "PENDING"):
        body["output"]["results"] = None


@edits("poll", "tasks.result")
def one_result_instead_of_a_list(_call: Call, body: Any) -> None:
    """The first picture stands where a list of them should be."""
    if isinstance(body["output"].get("results"), list):
        body["output"]["results"] = body["output"]["results"][0]


@edits("poll", "tasks.result")
def results_are_bare_links(_call: Call, body: Any) -> None:
    """A list of results has links instead of objects."""
    if isinstance(body["output"].get("results"), list):
        body["output"]["results"] = [one.get("url") for one in body["output"]["results"]]


@edits("poll", "tasks.result")
def one_result_too_few(_call: Call, body: Any) -> None:
    """Where several pictures were asked for, the last is missing."""
    for key in ("results", "choices"):
        if isinstance(body["output"].get(key), list) and len(body["output"][key]) > 1:
            body["output"][key].pop()


@edits("poll", "tasks.result")
def one_result_too_many(_call: Call, body: Any) -> None:
    """The first picture is there twice."""
    for key in ("results", "choices"):
        if isinstance(body["output"].get(key), list):
            body["output"][key].append(body["output"][key][0])


@edits("poll", "tasks.partial")
def what_was_not_made_is_left_out(_call: Call, body: Any) -> None:
    """Of several pictures those that were not made are not mentioned."""
    if isinstance(body["output"].get("results"), list):
        body["output"]["results"] = [one for one in body["output"]["results"] if "url" in one]


@edits("poll", "tasks.partial")
def what_was_not_made_is_counted(_call: Call, body: Any) -> None:
    """The usage counts pictures that were not made."""
    if isinstance(body["output"].get("results"), list) and "usage" in body:
        body["usage"]["image_count"] = len(body["output"]["results"])


@edits("poll", "tasks.metrics")
def metrics_are_missing(_call: Call, body: Any) -> None:
    """A task whose model counts its results does not say how many there are."""
    body["output"].pop("task_metrics", None)


@edits("poll", "tasks.metrics")
def metrics_in_lower_case(_call: Call, body: Any) -> None:
    """The counts of a task have names in lower case."""
    if "task_metrics" in body["output"]:
        body["output"]["task_metrics"] = {key.lower(): n for key, n in body["output"]["task_metrics"].items()}


@edits("poll", "tasks.metrics")
def metrics_count_too_early(_call: Call, body: Any) -> None:
    """A task that runs counts its results as made already."""
    if "task_metrics" in body["output"] and _is(body, "RUNNING"):
        body["output"]["task_metrics"]["SUCCEEDED"] = body["output"]["task_metrics"]["TOTAL"]


@edits("poll", "tasks.result")
def empty_link_on_failure(_call: Call, body: Any) -> None:
    """A failed task has an empty video_url."""
    if _is(body, "FAILED"):
        body["output"]["video_url"] = ""


# -- links


def _changed_links(call: Call, body: Any, change: Any) -> None:
    for table in tables_in(body["output"]):
        for key, value in table.items():
            if isinstance(value, str) and "/dashscope-result" in value:
                table[key] = change(value)
            elif isinstance(value, list) and value and all(isinstance(one, str) for one in value):
                table[key] = [change(one) for one in value]
    call.notes("seen")["links"] = True


@edits("poll", "tasks.result")
def links_are_relative(call: Call, body: Any) -> None:
    """Links have no scheme and no host."""
    _changed_links(call, body, lambda link: "/" + link.split("/", 3)[3])


@edits("poll", "tasks.links")
def links_lose_their_signature(call: Call, body: Any) -> None:
    """Links are cut at the question mark, so that nobody can fetch what they point to."""
    _changed_links(call, body, lambda link: link.partition("?")[0])


@edits("poll", "tasks.result")
def links_are_oss_addresses(call: Call, body: Any) -> None:
    """Links have the scheme oss."""
    _changed_links(call, body, lambda link: "oss://" + link.split("/", 2)[2])


@mutant("tasks.links")
async def expired_link_is_served(call: Call) -> Answer:
    """A link can be fetched for as long as anybody likes."""
    answer = await call.forward()
    if call.kind == "file" and answer.status == 403:
        return Answer(200, {"content-type": "video/mp4"}, b"\0\0\0\x18ftypmp42")
    return answer


@mutant("tasks.links")
async def link_is_served_once(call: Call) -> Answer:
    """A link can be fetched once."""
    seen = call.notes("fetched")
    if call.kind == "file" and seen.setdefault(call.scope["path"], call) is not call:
        return Answer(403, {"content-type": "application/xml"}, b"<Error><Code>AccessDenied</Code></Error>")
    return await call.forward()


@mutant("tasks.links")
async def files_are_empty(call: Call) -> Answer:
    """What a link points to has no bytes."""
    answer = await call.forward()
    if call.kind == "file" and answer.status == 200:
        answer.body = b""
    return answer


@mutant("tasks.links")
async def links_want_a_key(call: Call) -> Answer:
    """What a link points to is given only to who sends a key."""
    if call.kind == "file" and not call.key:
        return Answer(
            401, {"content-type": "application/json"}, b'{"code":"InvalidApiKey","message":"","request_id":""}'
        )
    return await call.forward()


@mutant("tasks.links")
async def links_live_for_an_hour(call: Call) -> Answer:
    """A link can be fetched for an hour."""
    expires = re.search(rb"Expires=(\d+)", call.scope.get("query_string", b""))
    answer, keys = await call.forward(), call.notes("keys")
    if call.kind == "submit":
        keys["any"] = call.key
    asked = await call.to(TASKS).with_header("authorization", keys.get("any", "")).forward()
    if call.kind == "file" and expires and asked.now_ms > (int(expires[1]) - 23 * 3600) * 1000:
        return Answer(403, {"content-type": "application/xml"}, b"<Error><Code>AccessDenied</Code></Error>")
    return answer


@edits("poll", "tasks.links")
def every_task_has_the_same_link(call: Call, body: Any) -> None:
    """All tasks have the link of the first."""
    first = call.notes("first")
    _changed_links(call, body, lambda link: first.setdefault("link", link))
