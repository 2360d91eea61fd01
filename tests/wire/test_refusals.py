"""Every refusal of the error table, provoked over HTTP: one row per entry. Problems of fields are in test_problems.py.

Codes and texts are written down here once more, from the vendor's pages (Model Studio error codes) and from logs.
"""

from __future__ import annotations

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
    "no_asynchronous_calls": Refusal(
        403,
        "AccessDenied",
        "current user api does not support asynchronous calls",
        path="/api/v1/services/aigc/image2video/face-detect",
        body={"model": "emo-detect-v1", "input": {}},
    ),
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
    "parameters_missing": Refusal(
        400,
        "BadRequest.EmptyParameters",
        'Required parameter "parameters" missing from request.',
        path="/api/v1/services/aigc/image2image/out-painting",
        body={"model": "image-out-painting", "input": {"image_url": "https://h/i.png"}},
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
    "not_authorized": Refusal(
        401,
        "NOT AUTHORIZED",
        "Access denied: Either you are not authorized to access this workspace, or the workspace does "
        "not exist. Please:\nVerify the workspace configuration.\nCheck your API endpoint settings. "
        "Ensure you are targeting the correct environment.",
        headers=key("sk-fake-unauthorized"),
    ),
    "access_denied": Refusal(
        403,
        "AccessDenied",
        "Access denied.",
        headers=key("sk-fake-forbidden"),
    ),
    "model_unpurchased": Refusal(
        403,
        "AccessDenied.Unpurchased",
        "Access to model denied. Please make sure you are eligible for using the model.",
        headers=key("sk-fake-unpurchased"),
    ),
    "workspace_access_denied": Refusal(
        403,
        "Workspace.AccessDenied",
        "Workspace access denied.",
        headers=key("sk-fake-workspace"),
    ),
    "endpoint_access_denied": Refusal(
        403,
        "Endpoint.AccessDenied",
        "Workspace endpoint access denied.",
        headers=key("sk-fake-endpoint"),
    ),
    "workspace_not_found": Refusal(
        404,
        "WorkSpaceNotFound",
        "WorkSpace can not be found.",
        headers=key("sk-fake-noworkspace"),
    ),
    "model_not_found": Refusal(
        404,
        "ModelNotFound",
        "Model can not be found.",
        headers=key("sk-fake-nomodel"),
    ),
    "product_not_activated": Refusal(
        400,
        "InvalidParameter",
        "The product is not activated, please confirm that you have activated products and try again after activation.",
        headers=key("sk-fake-inactive"),
    ),
    "free_tier_exhausted": Refusal(
        403,
        "AllocationQuota.FreeTierOnly",
        "The free tier of the model has been exhausted. If you wish to continue access the model on a "
        'paid basis, please disable the "use free tier only" mode in the management console.',
        headers=key("sk-fake-nofreetier"),
    ),
    "free_quota_exceeded": Refusal(
        429,
        "Throttling.AllocationQuota",
        "Free allocated quota exceeded.",
        headers=key("sk-fake-freequota"),
    ),
    "allocation_quota": Refusal(
        429,
        "Throttling.AllocationQuota",
        "Allocated quota exceeded, please increase your quota limit.",
        headers=key("sk-fake-quota"),
    ),
    "request_limit": Refusal(
        429,
        "Throttling.RateQuota",
        "You have exceeded your request limit.",
        headers=key("sk-fake-ratelimit"),
    ),
    "throttling": Refusal(
        429,
        "Throttling",
        "Requests throttling triggered.",
        headers=key("sk-fake-throttling"),
    ),
    "burst_rate": Refusal(
        429,
        "Throttling.BurstRate",
        "Request rate increased too quickly. To ensure system stability, please adjust your client logic "
        "to scale requests more smoothly over time.",
        headers=key("sk-fake-burst"),
    ),
    "concurrency": Refusal(
        429,
        "Throttling.Concurrency",
        "Too many concurrent requests.",
        headers=key("sk-fake-concurrent"),
    ),
    "commodity_not_purchased": Refusal(
        429,
        "CommodityNotPurchased",
        "Commodity has not purchased yet.",
        headers=key("sk-fake-notbought"),
    ),
    "prepaid_bill_overdue": Refusal(
        429,
        "PrepaidBillOverdue",
        "The prepaid bill is overdue.",
        headers=key("sk-fake-prepaid"),
    ),
    "postpaid_bill_overdue": Refusal(
        429,
        "PostpaidBillOverdue",
        "The postpaid bill is overdue.",
        headers=key("sk-fake-postpaid"),
    ),
    "data_inspection": Refusal(
        400,
        "DataInspectionFailed",
        "Input data may contain inappropriate content.",
        headers=key("sk-fake-inspected"),
    ),
    "ip_infringement": Refusal(
        400,
        "IPInfringementSuspect",
        "Input data is suspected of being involved in IP infringement.",
        headers=key("sk-fake-infringing"),
    ),
    "custom_role_blocked": Refusal(
        400,
        "CustomRoleBlocked",
        "Input or output data may contain inappropriate content with custom rule.",
        headers=key("sk-fake-customrule"),
    ),
    "faq_rule_blocked": Refusal(
        400,
        "FaqRuleBlocked",
        "Input or output data is blocked by faq rule.",
        headers=key("sk-fake-faqrule"),
    ),
    "request_timeout": Refusal(
        500,
        "RequestTimeOut",
        "Request timed out, please try again later.",
        headers=key("sk-fake-timeout"),
    ),
    "internal_error": Refusal(
        500,
        "InternalError",
        "An internal error has occured, please try again later or contact service support.",
        headers=key("sk-fake-broken"),
    ),
    "internal_error_algo": Refusal(
        500,
        "InternalError.Algo",
        "An internal error has occured during execution, please try again later or contact service support.",
        headers=key("sk-fake-algorithm"),
    ),
    "system_error": Refusal(
        500,
        "SystemError",
        "An system error has occured, please try again later.",
        headers=key("sk-fake-system"),
    ),
    "model_service_failed": Refusal(
        500,
        "ModelServiceFailed",
        "Failed to request model service.",
        headers=key("sk-fake-modelservice"),
    ),
    "model_serving_error": Refusal(
        503,
        "ModelServingError",
        "Too many requests. Your requests are being throttled due to system capacity limits. Please try again later.",
        headers=key("sk-fake-overloaded"),
    ),
    "model_unavailable": Refusal(
        503,
        "ModelUnavailable",
        "Model is unavailable, please try again later.",
        headers=key("sk-fake-unavailable"),
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
    table = tomllib.loads((Path(fakescope.catalog.__file__).parent / "errors.toml").read_text("utf-8"))

    assert set(REFUSALS) == set(table["refusal"])


@pytest.fixture
def provoke(caller: Any) -> Callable[..., Any]:
    """Send the request of a row."""

    async def send(name: str) -> Any:
        row = REFUSALS[name]
        given = {"content": row.body} if isinstance(row.body, bytes) else {"json": row.body}
        return await caller.send(row.method, row.path, headers=row.headers, **given)

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
