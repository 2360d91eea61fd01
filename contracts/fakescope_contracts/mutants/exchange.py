"""Wrong exchanges: bodies of answers and requests, envelopes, paths, methods, keys."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from fakescope_contracts.mutants.wrapping import Answer, Call, edits, mutant

# -- bodies of answers


@mutant("answers.json")
async def html_errors(call: Call) -> Answer:
    """Refusals are pages in HTML."""
    answer = await call.forward()
    if answer.status >= 400 and call.kind != "file":
        answer.headers["content-type"], answer.body = "text/html", b"<html><body><h1>Bad Request</h1></body></html>"
    return answer


@mutant("answers.json")
async def text_plain(call: Call) -> Answer:
    """Answers are announced as text/plain."""
    answer = await call.forward()
    if call.kind != "file":
        answer.headers["content-type"] = "text/plain; charset=utf-8"
    return answer


@mutant("answers.json")
async def trailing_garbage(call: Call) -> Answer:
    """A query's JSON is followed by a comma."""
    answer = await call.forward()
    if call.kind == "poll":
        answer.body += b","
    return answer


@mutant("answers.json")
async def single_quotes(call: Call) -> Answer:
    """Answers are written as Python prints them, with single quotes."""
    answer = await call.forward()
    if call.kind in ("poll", "list", "submit", "cancel"):
        answer.body = str(answer.json).encode()
    return answer


@mutant("answers.no-null")
async def duplicate_keys(call: Call) -> Answer:
    """An answer to a query has its request_id twice, with two values."""
    answer = await call.forward()
    if call.kind == "poll":
        answer.body = answer.body[:-1] + b',"request_id":"0b1c9b1e-5c0f-9d5b-9d5e-1f0d6a6c2b11"}'
    return answer


@mutant("answers.json")
async def byte_order_mark(call: Call) -> Answer:
    """Answers begin with a byte order mark."""
    answer = await call.forward()
    if call.kind != "file":
        answer.body = b"\xef\xbb\xbf" + answer.body
    return answer


@mutant("submissions.unicode")
async def texts_in_gbk(call: Call) -> Answer:
    """Answers are in GBK instead of UTF-8."""
    answer = await call.forward()
    if call.kind == "poll":
        answer.body = json.dumps(answer.json, ensure_ascii=False).encode("gbk", "replace")
    return answer


@edits("poll", "submissions.unicode")
def texts_lose_their_accents(_call: Call, body: Any) -> None:
    """A prompt comes back with question marks where it was not ASCII."""
    for key in ("orig_prompt", "actual_prompt"):
        if key in body["output"]:
            body["output"][key] = body["output"][key].encode("ascii", "replace").decode()


@mutant("answers.request-id")
async def no_request_id(call: Call) -> Answer:
    """A query's answer has no request_id."""
    answer = await call.forward()
    if call.kind == "poll" and answer.status == 200:
        answer.body = json.dumps({key: value for key, value in answer.json.items() if key != "request_id"}).encode()
    return answer


@mutant("answers.refusals")
async def no_request_id_in_refusals(call: Call) -> Answer:
    """Refusals have no request_id."""
    answer = await call.forward()
    if answer.status >= 400 and call.kind != "file":
        answer.body = json.dumps({key: value for key, value in answer.json.items() if key != "request_id"}).encode()
    return answer


@mutant("answers.refusals")
async def refusals_in_an_error_object(call: Call) -> Answer:
    """Refusals have their code and message in an object `error`, as other services do."""
    answer = await call.forward()
    if answer.status >= 400 and call.kind != "file":
        body = answer.json
        answer.body = json.dumps({"error": body, "request_id": body["request_id"]}).encode()
    return answer


@mutant("answers.refusals")
async def refusals_are_200(call: Call) -> Answer:
    """Refusals are HTTP 200 with a code in them."""
    answer = await call.forward()
    if answer.status >= 400 and call.kind != "file":
        answer.status = 200
    return answer


@mutant("answers.refusals")
async def refusals_have_an_output(call: Call) -> Answer:
    """Refusals have an empty output beside the code."""
    answer = await call.forward()
    if answer.status >= 400 and call.kind != "file":
        answer.body = json.dumps({**answer.json, "output": {}}).encode()
    return answer


# -- statuses, paths, methods


@mutant("answers.status")
async def submission_is_201(call: Call) -> Answer:
    """A submission is answered with 201."""
    answer = await call.forward()
    if call.kind == "submit" and answer.status == 200:
        answer.status = 201
    return answer


@mutant("paths.slash")
async def slash_is_redirected(call: Call) -> Answer:
    """A path with a final slash is a redirect to the one without."""
    path = call.scope["path"]
    if path.endswith("/"):
        return Answer(307, {"location": path.rstrip("/"), "content-type": "text/plain"}, b"")
    return await call.forward()


@mutant("paths.slash")
async def slash_is_404(call: Call) -> Answer:
    """A path with a final slash is not found."""
    if call.scope["path"].endswith("/"):
        return await call.to("/api/v1/nothing").forward()
    return await call.forward()


@mutant("methods.wrong")
async def wrong_method_is_405(call: Call) -> Answer:
    """A wrong method is 405."""
    answer = await call.forward()
    if answer.status == 400 and b"is not supported" in answer.body:
        answer.status = 405
    return answer


@mutant("methods.wrong")
async def any_method_will_do(call: Call) -> Answer:
    """A task can be asked for with POST as well."""
    if call.kind == "other" and call.task_id and call.scope["method"] == "POST":
        return await call.to(call.scope["path"]).forward()
    return await call.forward()


@mutant("paths.unknown")
async def unknown_path_is_200(call: Call) -> Answer:
    """A path that is not there is answered with an empty object."""
    answer = await call.forward()
    if answer.status == 404 and b"Not found" in answer.body:
        return Answer(200, {"content-type": "application/json"}, b"{}")
    return answer


@mutant("submissions.endpoint")
async def any_endpoint_will_do(call: Call) -> Answer:
    """A model is taken at the endpoint of another family."""
    answer = await call.forward()
    if call.kind == "submit" and answer.status == 400 and b"url error" in answer.body:
        path = "/api/v1/services/aigc/video-generation/video-synthesis"
        return await replace(call, scope={**call.scope, "path": path, "raw_path": path.encode()}).forward()
    return answer


# -- headers and models


@mutant("submissions.mode")
async def async_header_is_not_needed(call: Call) -> Answer:
    """A submission is a task whether X-DashScope-Async is there or not."""
    if call.kind == "submit":
        return await call.with_header("x-dashscope-async", "enable").forward()
    return await call.forward()


@mutant("submissions.mode-word")
async def any_value_makes_a_task(call: Call) -> Answer:
    """A submission is a task if X-DashScope-Async is there, whatever it says."""
    if call.kind == "submit" and any(name == b"x-dashscope-async" and value for name, value in call.scope["headers"]):
        return await call.with_header("x-dashscope-async", "enable").forward()
    return await call.forward()


@mutant("queries.cancel-unknown")
async def content_type_is_needed(call: Call) -> Answer:
    """A cancellation without a Content-Type is refused."""
    if call.kind == "cancel" and b"content-type" not in dict(call.scope["headers"]):
        body = (
            b'{"code":"InvalidParameter","message":"Content-Type","request_id":"a1c0561c-1dfe-98a6-a62f-983577b8bc5e"}'
        )
        return Answer(400, {"content-type": "application/json"}, body)
    return await call.forward()


@mutant("submissions.no-such-model")
async def any_model_will_do(call: Call) -> Answer:
    """A model that does not exist is taken for another."""
    answer = await call.forward()
    if call.kind == "submit" and b"Model not exist" in answer.body:
        return await call.with_json({**call.json, "model": "wan2.6-t2v"}).forward()
    return answer


@mutant("submissions.parameters")
async def any_model_name_is_500(call: Call) -> Answer:
    """A model whose name is not a text is an error inside."""
    if call.kind == "submit" and not isinstance(call.json.get("model", ""), str):
        body = b'{"code":"InternalError","message":"Internal","request_id":"a1c0561c-1dfe-98a6-a62f-983577b8bc5e"}'
        return Answer(500, {"content-type": "application/json"}, body)
    return await call.forward()


# -- bodies of requests


@mutant("bodies.malformed")
async def malformed_body_is_taken(call: Call) -> Answer:
    """A body that is not JSON counts as one that makes a film."""
    answer = await call.forward()
    if call.kind == "submit" and b"Required body invalid" in answer.body:
        return await call.with_json({"model": "wan2.6-t2v", "input": {"prompt": "a"}}).forward()
    return answer


@mutant("bodies.malformed")
async def malformed_body_is_500(call: Call) -> Answer:
    """A body that is not JSON is an error inside."""
    answer = await call.forward()
    if call.kind == "submit" and b"Required body invalid" in answer.body:
        answer.status, answer.body = 500, answer.body.replace(b"InvalidParameter", b"InternalError")
    return answer


@mutant("bodies.huge")
async def large_body_is_500(call: Call) -> Answer:
    """A body of more than 64 kB is an error inside."""
    if len(call.body) > 65_536:
        return Answer(500, {"content-type": "text/plain"}, b"Internal Server Error")
    return await call.forward()


@mutant("bodies.deep")
async def deep_body_is_500(call: Call) -> Answer:
    """A body that is nested deeply is an error inside."""
    if call.body.count(b"[") + call.body.count(b"{") > 100:
        return Answer(500, {"content-type": "text/plain"}, b"Internal Server Error")
    return await call.forward()


@mutant("bodies.unknown-fields")
async def unknown_fields_are_refused(call: Call) -> Answer:
    """A field that nobody knows is refused, though official clients send some."""
    known = {"model", "input", "parameters"}
    if call.kind == "submit" and call.json.keys() - known:
        body = (
            b'{"code":"InvalidParameter","message":"Unknown field","request_id":"a1c0561c-1dfe-98a6-a62f-983577b8bc5e"}'
        )
        return Answer(400, {"content-type": "application/json"}, body)
    return await call.forward()


# -- keys


@mutant("keys.missing")
async def no_key_is_taken(call: Call) -> Answer:
    """A request without a key is answered."""
    return await (call if call.key else call.with_header("authorization", "Bearer sk-fake-anybody")).forward()


@mutant("keys.missing")
async def no_key_is_403(call: Call) -> Answer:
    """A request without a key is 403."""
    answer = await call.forward()
    if answer.status == 401:
        answer.status = 403
    return answer


@mutant("keys.missing")
async def no_key_has_another_code(call: Call) -> Answer:
    """A request without a key is refused as on the compatible endpoint."""
    answer = await call.forward()
    if answer.status == 401:
        answer.body = answer.body.replace(b"InvalidApiKey", b"invalid_api_key")
    return answer


@mutant("keys.missing")
async def any_scheme_will_do(call: Call) -> Answer:
    """A key after Basic is taken as one after Bearer."""
    scheme, _, key = call.key.partition(" ")
    return await (call.with_header("authorization", f"Bearer {key}") if scheme == "Basic" else call).forward()


@mutant("keys.missing")
async def key_is_asked_for_after_the_body(call: Call) -> Answer:
    """A body that is wrong is reported before a key that is missing."""
    if call.kind == "submit" and not call.key and not call.json:
        return await call.with_header("authorization", "Bearer sk-fake-anybody").forward()
    return await call.forward()


@mutant("answers.json")
async def another_charset_is_announced(call: Call) -> Answer:
    """Answers say that they are in ISO-8859-1."""
    answer = await call.forward()
    if call.kind != "file":
        answer.headers["content-type"] = "application/json; charset=ISO-8859-1"
    return answer


@mutant("answers.json")
async def a_type_that_begins_as_json(call: Call) -> Answer:
    """Refusals are announced as application/json-seq."""
    answer = await call.forward()
    if call.kind != "file" and answer.status >= 400:
        answer.headers["content-type"] = "application/json-seq"
    return answer
