"""Every refusal, problem and ordered failure of the error table, provoked over HTTP: one row per entry.

Codes and texts are written down here once more, from the vendor's pages (Model Studio error codes) and from logs.
"""

from __future__ import annotations

import base64
import struct
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import fakescope.catalog

pytestmark = pytest.mark.anyio

TEXT = "/api/v1/services/aigc/video-generation/video-synthesis"
FRAMES = "/api/v1/services/aigc/image2video/video-synthesis"
GOOD = {"model": "wan2.6-t2v", "input": {"prompt": "A heron"}}
MIB_64, CHARS_28M = 67_108_864, 28_000_000


def entries(kind: str) -> set[str]:
    table = tomllib.loads((Path(fakescope.catalog.__file__).parent / "errors.toml").read_text("utf-8"))
    return set(table[kind])


class Refusal(NamedTuple):
    """A request that provokes it, and the vendor's status, code and text."""

    status: int
    code: str
    message: str
    method: str = "POST"
    path: str = TEXT
    body: Any = GOOD
    headers: dict[str, str] = {"X-DashScope-Async": "enable"}  # noqa: RUF012 - read only


def key(name: str) -> dict[str, str]:
    return {"X-DashScope-Async": "enable", "Authorization": f"Bearer {name}"}


REFUSALS: dict[str, Refusal] = {
    "method_not_supported": Refusal(
        400, "InvalidParameter", "Request method 'DELETE' is not supported.", method="DELETE"
    ),
    "no_api_key": Refusal(401, "InvalidApiKey", "No API-key provided.", headers={"Authorization": ""}),
    "invalid_api_key": Refusal(401, "InvalidApiKey", "Invalid API-key provided.", headers=key("sk-fake-invalid")),
    "body_invalid": Refusal(
        400,
        "InvalidParameter",
        "Required body invalid, please check the request body format.",
        body=b'{"model": NaN}',
    ),
    "body_too_large": Refusal(
        400,
        "BadRequest.TooLarge",
        "Exceeded limit on max bytes to request body : 67108864",
        headers={"X-DashScope-Async": "enable", "Content-Length": str(MIB_64 + 1)},
    ),
    "string_too_long": Refusal(
        400,
        "InvalidParameter",
        "String value length (28000001) exceeds the maximum allowed "
        "(28000000, from `StreamReadConstraints.getMaxStringLength()`)",
        body={"model": "wan2.6-t2v", "input": {"prompt": ["x" * (CHARS_28M + 1)]}},
    ),
    "path_unknown": Refusal(404, "NotFound", "Not found!", method="GET", path="/api/v1/nothing"),
    "service_unknown": Refusal(
        404,
        "NotFound",
        "No static resource api/v1/services/aigc/nothing.",
        path="/api/v1/services/aigc/nothing",
    ),
    "model_missing": Refusal(
        400,
        "BadRequest.EmptyModel",
        'Required parameter "model" missing from request.',
        body={"input": {"prompt": "A heron"}},
    ),
    "model_not_exist": Refusal(404, "InvalidParameter", "Model not exist.", body=GOOD | {"model": "wan2.6-t2"}),
    "url_error": Refusal(400, "InvalidParameter", "url error, please check url！", path=FRAMES),
    "no_synchronous_calls": Refusal(
        403, "AccessDenied", "current user api does not support synchronous calls", headers={}
    ),
    "no_asynchronous_calls": Refusal(403, "AccessDenied", "current user api does not support asynchronous calls"),
    "model_access_denied": Refusal(403, "Model.AccessDenied", "Model access denied.", headers=key("sk-fake-denied")),
    "arrearage": Refusal(
        400,
        "Arrearage",
        "Access denied, please make sure your account is in good standing.",
        headers=key("sk-fake-arrears"),
    ),
    "free_tier_only": Refusal(
        403,
        "AllocationQuota.FreeTierOnly",
        "The free quota has been exhausted. To continue accessing the model on a paid basis, please complete your "
        'payment information (or disable the "use free quota only" mode).',
        headers=key("sk-fake-freetier"),
    ),
    "input_missing": Refusal(
        400,
        "BadRequest.EmptyInput",
        "Required input parameter missing from request.",
        body={"model": "wan2.6-t2v"},
    ),
    "input_not_object": Refusal(
        400,
        "BadRequest.IllegalInput",
        "The input parameter requires json format.",
        body=GOOD | {"input": "A heron"},
    ),
    "parameters_not_object": Refusal(
        400,
        "InvalidParameter",
        "Required parameter(parameters) missing or invalid, please check the request parameters.",
        body=GOOD | {"parameters": []},
    ),
    "rate_quota": Refusal(
        429,
        "Throttling.RateQuota",
        "Requests rate limit exceeded, please try again later.",
        headers=key("sk-fake-throttled"),
    ),
    "cancel_refused": Refusal(
        400,
        "UnsupportedOperation",
        "Failed to cancel the task, please confirm if the task is in PENDING status.",
        path="/api/v1/tasks/1111/cancel",
    ),
    "list_parameter": Refusal(
        400,
        "InvalidParameter",
        "Required parameter(page_no) missing or invalid, please check the request parameters.",
        method="GET",
        path="/api/v1/tasks?page_no=0",
    ),
}
OF_THE_TASK_API = {"cancel_refused", "list_parameter"}


def test_refusals_covers_the_error_table() -> None:
    assert set(REFUSALS) == entries("refusal")


@pytest.fixture
def provoke(caller: Any, amended_caller: Callable[..., Any]) -> Callable[..., Any]:
    """Send the request of a row."""

    async def send(name: str) -> Any:
        row, to = REFUSALS[name], caller
        if name == "no_asynchronous_calls":  # no model so far is synchronous
            to = amended_caller("models/text-to-video.toml", 'mode     = "async"', 'mode     = "sync"')
        given = {"content": row.body} if isinstance(row.body, bytes) else {"json": row.body}
        return await to.send(row.method, row.path, headers=row.headers, **given)

    return send


@pytest.mark.parametrize("name", REFUSALS)
async def test_refusal_has_the_vendors_status_code_and_text(provoke: Any, name: str) -> None:
    answer = await provoke(name)

    row, body = REFUSALS[name], answer.json()
    assert (answer.status_code, body["code"], body["message"]) == (row.status, row.code, row.message)
    assert answer.headers["x-fakescope-rule"] == name
    assert answer.headers["x-fakescope-basis"] in ("seen", "documented", "inferred")
    assert answer.headers["x-fakescope-hint"]


@pytest.mark.parametrize("name", sorted(set(REFUSALS) - OF_THE_TASK_API))
async def test_gateway_refusal_ends_with_its_request_id(provoke: Any, name: str) -> None:
    answer = await provoke(name)

    assert list(answer.json()) == ["code", "message", "request_id"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


@pytest.mark.parametrize("name", sorted(OF_THE_TASK_API))
async def test_task_api_refusal_begins_with_its_request_id(provoke: Any, name: str) -> None:
    answer = await provoke(name)

    assert list(answer.json()) == ["request_id", "code", "message"]
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"


async def test_refused_submission_leaves_no_task(caller: Any) -> None:
    await caller.submit(model="nothing")
    await caller.submit(input=None)

    assert (await caller.list())["total"] == 0


async def test_checks_come_in_the_vendors_order(caller: Any) -> None:
    # Each request mends what the one before was refused for, and keeps everything that is wrong further down.
    good, arrears, wrong = (f"Bearer {name}" for name in ("sk-fake-test", "sk-fake-arrears", "sk-fake-invalid"))
    asynchronous = "X-DashScope-Async"
    requests: list[tuple[str, str, dict[str, str], Any]] = [
        ("DELETE", FRAMES, {"Authorization": wrong}, b"{"),
        ("POST", FRAMES, {"Authorization": wrong}, b"{"),
        ("POST", FRAMES, {"Authorization": arrears}, b"{"),
        ("POST", FRAMES, {"Authorization": arrears}, {"model": "nothing"}),
        ("POST", FRAMES, {"Authorization": arrears}, {"model": "wan2.6-t2v"}),
        ("POST", FRAMES, {"Authorization": good}, {"model": "wan2.6-t2v"}),
        ("POST", TEXT, {"Authorization": good}, {"model": "wan2.6-t2v"}),
        ("POST", TEXT, {"Authorization": good, asynchronous: "enable"}, {"model": "wan2.6-t2v"}),
    ]

    rules = []
    for method, path, headers, body in requests:
        given = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = await caller.send(method, path, headers=headers, **given)
        rules.append(answer.headers["x-fakescope-rule"])

    assert rules == [
        "method_not_supported",
        "invalid_api_key",
        "body_invalid",
        "model_not_exist",
        "arrearage",
        "url_error",
        "no_synchronous_calls",
        "input_missing",
    ]


async def test_key_is_checked_before_an_unknown_path(caller: Any) -> None:
    answer = await caller.using("sk-fake-invalid").send("POST", "/api/v1/nothing")

    assert answer.status_code == 401


# -- our own headers


async def test_hint_offers_the_nearest_model(caller: Any) -> None:
    answer = await caller.submit(model="wan2.6-t2")

    assert "Did you mean wan2.6-t2v?" in answer.headers["x-fakescope-hint"]


@pytest.mark.parametrize("path", ["/tasks/1111", "/services/aigc/video-generation/video-synthesis"])
async def test_hint_mends_a_base_address_without_its_end(caller: Any, path: str) -> None:
    answer = await caller.send("GET", path)

    assert answer.status_code == 404
    assert "/api/v1" in answer.headers["x-fakescope-hint"]


async def test_hint_stays_one_ascii_line_whatever_was_sent(caller: Any) -> None:
    answer = await caller.submit(model="万\r\nX-Injected: 1")

    hint = answer.headers["x-fakescope-hint"]
    assert hint.isascii()
    assert "\n" not in hint
    assert "x-injected" not in answer.headers


async def test_good_answer_has_the_version_and_no_other_header_of_ours(caller: Any) -> None:
    answers = [await caller.submit(), await caller.send("GET", "/api/v1/tasks/1111")]

    for answer in answers:
        ours = [name for name in answer.headers if name.startswith("x-fakescope")]
        assert ours == ["x-fakescope-version"]
        assert answer.headers["x-fakescope-version"] == fakescope.__version__


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/tasks"),
        ("GET", "/api/v1/nothing"),
        ("GET", "/dashscope-result-bj/nothing"),
        ("GET", "/_fakescope/health"),
        ("GET", "/_fakescope/nothing"),
        ("POST", "/_fakescope/reset"),
    ],
)
async def test_version_is_on_every_answer_unless_switched_off(make_caller: Any, method: str, path: str) -> None:
    shown, hidden = make_caller(), make_caller(extra_headers=False)

    on, off = [await caller.send(method, path) for caller in (shown, hidden)]

    assert on.headers["x-fakescope-version"] == fakescope.__version__
    assert "x-fakescope-version" not in off.headers


async def test_extra_headers_off_leaves_refusals_unmarked(make_caller: Any) -> None:
    answer = await make_caller(extra_headers=False).submit(model="nothing")

    assert answer.status_code == 404
    assert not [name for name in answer.headers if name.startswith("x-fakescope")]


# -- problems


class Problem(NamedTuple):
    """A submission with something wrong in its fields, and the vendor's text for it."""

    message: str
    body: dict[str, Any]
    path: str = TEXT
    code: str = "InvalidParameter"
    amended: tuple[str, str, str] | None = None


def text(model: str = "wan2.6-t2v", prompt: str = "A heron", **parameters: Any) -> dict[str, Any]:
    return {"model": model, "input": {"prompt": prompt}, "parameters": parameters}


def image(model: str = "wan2.5-i2v-preview", img_url: str | None = "https://h/i.png", **rest: Any) -> dict[str, Any]:
    parameters = {"resolution": rest.pop("resolution")} if "resolution" in rest else {}
    return {"model": model, "input": {"img_url": img_url, **rest}, "parameters": parameters}


def png(width: int, height: int, padding: int = 0) -> str:
    """A `data:` address that begins as a PNG of this size does: signature, IHDR, 8 bits, RGB."""
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBB", 13, b"IHDR", width, height, 8, 2)
    return "data:image/png;base64," + base64.b64encode(head + bytes(padding)).decode()


MISSING = "Required parameter({}) missing or invalid, please check the request parameters."
PROBLEMS: dict[str, Problem] = {
    "missing_or_invalid": Problem(MISSING.format("watermark"), text(watermark="yes")),
    "prompt_blank": Problem("prompt must contain words", text(prompt=" \n")),
    "image_missing": Problem("img_url must be set for image to video method", image(img_url=None)),
    "frames_missing": Problem(
        "video frames must be set", {"model": "wan2.2-kf2v-flash", "input": {"prompt": "A heron"}}, path=FRAMES
    ),
    "size_choice": Problem(
        "size must be in 1080*1920,1920*1080,1440*1440,1632*1248,1248*1632,480*832,832*480,624*624",
        text("wan2.2-t2v-plus", size="1*1"),
    ),
    "duration_fixed": Problem("duration customization is not supported", text("wan2.2-t2v-plus", duration=5)),
    "duration_range": Problem("Duration should be between 2 and 15", text(duration=16)),
    "duration_choice": Problem("duration must be in 5,10", text("wan2.5-t2v-preview", duration=7)),
    "resolution_choice": Problem("The resolution is not valid 4K", image(resolution="4K")),
    "seed_range": Problem("Range of seed should be [0, 2147483647]", text(seed=-1)),
    "value_range": Problem(
        "Range of seed should be [0, 2147483647]",
        text(seed=2_147_483_648),
        amended=("models/text-to-video.toml", ', says = { range = "seed_range" }', ""),
    ),
    "value_choice": Problem("shot_type must be in single,multi", text(shot_type="double")),
    "template_choice": Problem("The template is not valid squish", image(template="squish")),
    "text_too_long": Problem(
        "Range of negative_prompt length should be [0, 500]",
        {"model": "wan2.6-t2v", "input": {"prompt": "A heron", "negative_prompt": "x" * 501}},
        amended=(
            "models/text-to-video.toml",
            'max_chars = 500, too_long = "cut"',
            'max_chars = 500, too_long = "refuse"',
        ),
    ),
    "url_invalid": Problem(
        "The provided URL does not appear to be valid. Ensure it is correctly formatted.",
        image(img_url="ftp://h/i.png"),
        code="InvalidURL",
    ),
    "data_uri_too_large": Problem(
        "Exceeded limit on max bytes per data-uri item : 10485760'", image(img_url=png(500, 500, padding=10_485_760))
    ),
    "image_format": Problem("Invalid image format or corrupted file", image(img_url="data:image/gif;base64,R0lGODlh")),
    "image_side": Problem("Image height or width is too small than 360", image(img_url=png(359, 500))),
    "image_too_large": Problem("the size of input image is too small or too large.", image(img_url=png(500, 2001))),
}


def test_problems_covers_the_error_table() -> None:
    assert set(PROBLEMS) == entries("problem")


@pytest.fixture
def caller_for(make_caller: Any, amended_caller: Any) -> Callable[..., Any]:
    """A caller for a row: of the shipped catalogue where a model has the rule, else of one with that rule."""

    def make(row: Problem, **differs: Any) -> Any:
        chosen = {"speed": float("inf")} | differs
        return amended_caller(*row.amended, **chosen) if row.amended else make_caller(**chosen)

    return make


@pytest.mark.parametrize("name", PROBLEMS)
async def test_problem_fails_the_task_with_code_and_text_inside(caller_for: Any, name: str) -> None:
    row = PROBLEMS[name]
    caller = caller_for(row)

    body = await caller.poll(await caller.accepted(path=row.path, **row.body))

    output = body["output"]
    assert (output["task_status"], output["code"], output["message"]) == ("FAILED", row.code, row.message)
    assert "usage" not in body
    assert "code" not in body


@pytest.mark.parametrize("name", PROBLEMS)
async def test_problem_with_errors_early_is_refused_at_submission(caller_for: Any, name: str) -> None:
    row = PROBLEMS[name]
    caller = caller_for(row, errors="early")

    answer = await caller.submit(path=row.path, **row.body)

    body = answer.json()
    assert (answer.status_code, body["code"], body["message"]) == (400, row.code, row.message)
    assert list(body) == ["request_id", "code", "message"]
    assert answer.headers["content-type"] == "application/json"
    assert (await caller.list())["total"] == 0


async def test_early_problem_says_which_field_what_is_allowed_and_how_it_is_known(make_caller: Any) -> None:
    caller = make_caller(errors="early")

    seen = await caller.submit(**text("wan2.2-t2v-plus", size="1*1"))
    read = await caller.submit(**text("wan2.6-t2v", size="1*1"))

    assert seen.headers["x-fakescope-rule"] == "parameters.size:choice"
    assert "1632*1248" in seen.headers["x-fakescope-hint"]
    # Logs show this text for one model; for the others it is our reading.
    assert (seen.headers["x-fakescope-basis"], read.headers["x-fakescope-basis"]) == ("seen", "inferred")


async def test_problem_needs_no_slot_and_shows_within_a_second(caller: Any, clock: Any) -> None:
    task_id = await caller.accepted("")

    clock.advance(seconds=0.2)  # seen: a failed check takes about 0.1 s

    assert await caller.status(task_id) == "FAILED"


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ('{"model":"wan2.6-t2v","input":{"prompt":%s}}', "input.prompt:type"),
        ('{"model":"wan2.6-t2v","input":%s}', "input_not_object"),
        ('{"model":"wan2.6-t2v","input":{},"parameters":%s}', "parameters_not_object"),
        ('{"model":%s}', "model_missing"),
    ],
    ids=["prompt", "input", "parameters", "model"],
)
async def test_deeply_nested_value_is_an_ordinary_mistake(make_caller: Any, body: str, rule: str) -> None:
    content = (body % ("[" * 1000 + "]" * 1000)).encode()

    answer = await make_caller(errors="early").send("POST", TEXT, content=content, headers=key("sk-fake-test"))

    assert answer.status_code == 400
    assert answer.headers["x-fakescope-rule"] == rule


# -- failures on order

FAILURES = {
    "DataInspectionFailed": "Input data may contain inappropriate content.",
    "IPInfringementSuspect": "Input data is suspected of being involved in IP infringement.",
    "InternalError": "An internal error has occured, please try again later or contact service support.",
    "InternalError.Algo": (
        "An internal error has occured during execution, please try again later or contact service support."
    ),
    "InternalError.Timeout": (
        "An internal timeout error has occured during execution, please try again later or contact service support."
    ),
    "InvalidParameter": "Required parameter(s) missing or invalid, please check the request parameters.",
    "InvalidParameter.DataInspection": ("Unable to download the media resource during the data inspection process."),
}


def test_failures_covers_the_error_table() -> None:
    assert set(FAILURES) == entries("failure")


@pytest.mark.parametrize("code", FAILURES)
async def test_mark_in_the_prompt_fails_the_task(hasty: Any, code: str) -> None:
    output = await hasty.output(await hasty.accepted(f"A heron [fakescope:fail={code}] at dawn"))

    assert (output["task_status"], output["code"], output["message"]) == ("FAILED", code, FAILURES[code])


async def test_mark_with_an_unheard_of_code_fails_with_that_code(hasty: Any) -> None:
    output = await hasty.output(await hasty.accepted("[fakescope:fail=Some.NewCode]"))

    assert (output["task_status"], output["code"]) == ("FAILED", "Some.NewCode")


async def test_mark_stuck_keeps_the_task_running_until_it_expires(hasty: Any, clock: Any) -> None:
    task_id = await hasty.accepted("[fakescope:stuck]")

    clock.advance(hours=23.9)

    assert await hasty.status(task_id) == "RUNNING"


async def test_mark_seconds_runs_as_long_whatever_the_speed(hasty: Any, clock: Any) -> None:
    task_id = await hasty.accepted("[fakescope:seconds=90]")

    clock.advance(seconds=89.999)
    before = await hasty.status(task_id)
    clock.advance(seconds=0.001)

    assert (before, await hasty.status(task_id)) == ("RUNNING", "SUCCEEDED")


async def test_marks_are_plain_text_when_test_values_are_off(make_caller: Any) -> None:
    caller = make_caller(speed=float("inf"), test_values=False)

    output = await caller.output(await caller.accepted("[fakescope:fail=InternalError]"))

    assert output["task_status"] == "SUCCEEDED"
    assert output["orig_prompt"] == "[fakescope:fail=InternalError]"
