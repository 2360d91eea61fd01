"""Tasks, outputs, errors and settings: what is made of the vendor's JSON, and what never gets out."""

from __future__ import annotations

import copy
import json
import pickle
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fakescope_client
from fakescope_client import Client, DashScopeError, Task, TaskStatus, TransportError, Usage, errors
from fakescope_client.core import REGIONS
from fakescope_client.errors import kind_of

ROOT = Path(__file__).parents[2]
KEY = "sk-fake-secret-0815"
POLLED: dict[str, Any] = {
    "request_id": "req-1",
    "output": {
        "task_id": "task-1",
        "task_status": "SUCCEEDED",
        "submit_time": "2026-02-09 09:20:00.123",
        "scheduled_time": "2026-02-09 09:20:01.000",
        "end_time": "2026-02-09 09:22:00",
        "video_url": "https://example.com/film.mp4",
        "orig_prompt": "https://example.com/is-what-I-want",
    },
    "usage": {"video_count": 1, "video_duration": 5, "SR": "720", "size": "1280*720"},
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


# -- tasks


def test_task_has_aware_times_and_typed_usage() -> None:
    task = Task.parse(POLLED, "wan2.6-t2v")

    assert (task.id, task.status, task.model, task.request_id) == ("task-1", "SUCCEEDED", "wan2.6-t2v", "req-1")
    assert task.submitted_at == datetime(2026, 2, 9, 1, 20, 0, 123_000, UTC)
    assert task.ended_at == datetime(2026, 2, 9, 1, 22, tzinfo=UTC)
    assert task.usage == Usage(seconds=5.0, number=1, size="1280*720", lines=720, raw=POLLED["usage"])
    assert task.results == ("https://example.com/film.mp4",)
    assert task.raw == POLLED


def test_row_of_a_list_is_a_task_too() -> None:
    row = {"task_id": "t", "status": "RUNNING", "gmt_create": 1770600000000, "start_time": 1770600001000}

    task = Task.parse({**row, "model_name": "wan2.6-t2v"})

    assert (task.id, task.status, task.model) == ("t", "RUNNING", "wan2.6-t2v")
    assert task.submitted_at == datetime.fromtimestamp(1770600000, UTC)
    assert task.scheduled_at == datetime.fromtimestamp(1770600001, UTC)


def test_partial_results_are_links() -> None:
    results = [
        {"url": "https://a/1.png"},
        {"code": "DataInspectionFailed", "message": "no"},
        {"url": "https://a/3.png"},
    ]
    task = Task.parse({"output": {"task_id": "t", "task_status": "SUCCEEDED", "results": results}})

    assert task.results == ("https://a/1.png", "https://a/3.png")


def documented_answers() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((ROOT / "fixtures" / "documented").glob("*.toml")):
        for name, answer in tomllib.loads(file.read_text("utf-8")).get("answer", {}).items():
            output = answer.get("body", {}).get("output", {})
            if isinstance(output, dict) and ("<link>" in str(output) or "<picture>" in str(output)):
                yield f"{file.stem}: {name}", output


DOCUMENTED = dict(documented_answers())


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_result_link_is_found(name: str) -> None:
    text = json.dumps(DOCUMENTED[name])
    expected = text.count('"<link>"') + text.count('"<picture>"')
    filled = json.loads(text.replace("<link>", "https://a/b.mp4").replace("<picture>", "https://a/b.png"))

    assert len(Task.parse({"output": filled}).results) == expected > 0


def test_unknown_status_is_kept_and_counts_as_unfinished() -> None:
    task = Task.parse({"output": {"task_id": "t", "task_status": "POST-PROCESSING"}})

    assert (task.status, task.status.is_terminal) == ("POST-PROCESSING", False)
    assert isinstance(task.status, TaskStatus)
    assert pickle.loads(pickle.dumps(task)) == copy.deepcopy(task) == task


@given(body=st.dictionaries(st.text(), json_values, max_size=4), output=json_values, usage=json_values)
def test_no_json_breaks_a_task(body: dict[str, Any], output: Any, usage: Any) -> None:
    task = Task.parse({**body, "output": output, "usage": usage})

    assert Task.from_json(task.to_json()) == task


@given(output=st.dictionaries(st.sampled_from(list(POLLED["output"])), json_values), usage=json_values)
def test_no_value_of_a_known_field_breaks_a_task(output: dict[str, Any], usage: Any) -> None:
    task = Task.parse({"output": output, "usage": {"SR": usage, "duration": usage, "size": usage}})

    assert Task.from_json(task.to_json()) == task


def test_kept_task_can_be_written_to_any_file(tmp_path: Path) -> None:
    task = Task.parse({"output": {"task_id": "t", "task_status": "FAILED", "message": "猫 \ud800"}})
    (tmp_path / "task.json").write_text(task.to_json(), "ascii")

    assert Task.from_json((tmp_path / "task.json").read_text("ascii")) == task


@pytest.mark.parametrize("text", ["[]", "{}", "", '{"answer":1}'])
def test_text_that_is_no_task_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Task.from_json(text)


def test_task_can_be_a_member_of_a_set() -> None:
    task = Task.parse({"output": {"task_id": "t", "task_status": "RUNNING"}, "usage": {"SR": 720}})

    assert {task, Task.from_json(task.to_json())} == {task}


def test_links_are_found_in_order_at_any_depth() -> None:
    output: Any = {
        "results": [{"url": "https://f/1"}, {"url": "https://f/2"}],
        "video_url": "https://f/3",
        "x": "https:",
    }
    deep: Any = {"url": "https://f/4"}
    for _ in range(5_000):
        deep = [deep]

    assert Task.parse({"output": output | {"deep": deep}}).results == tuple(f"https://f/{n}" for n in (1, 2, 3, 4))


def test_task_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Task.parse(POLLED).status = TaskStatus.FAILED  # type: ignore[misc]


@pytest.mark.parametrize(
    ("output", "passed"),
    [
        ({"check_pass": True, "face_bbox": [1, 2, 3, 4]}, True),
        ({"check_pass": False, "code": "", "message": ""}, False),
        ({"pass": True, "message": ""}, True),
        ({"pass": False, "message": "No human face detected."}, False),
        ({"bbox_face": [1, 2, 3, 4], "ext_bbox_face": [1, 2, 3, 4]}, True),
        ({"code": "InvalidFile.FacePose", "message": "…"}, False),
        ({"choices": []}, None),
    ],
)
def test_verdict_of_a_detection(output: dict[str, Any], passed: bool | None) -> None:
    assert Task.parse({"output": output}).passed is passed


# -- errors

FAMILY = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DashScopeError)]


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_error_pickles_with_all_it_knows(kind: type[DashScopeError]) -> None:
    error = kind("as it says", code="C", request_id="r", http_status=400, task_id="t", retry_after_s=2.5)
    error.retryable = True
    vars(error)["candidates"] = (Task.parse(POLLED),)

    twin = pickle.loads(pickle.dumps(error))

    assert (type(twin), str(twin), vars(twin)) == (kind, str(error), vars(error))
    assert str(twin) == "C: as it says (HTTP 400, task t, request r)"


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_error_is_drawn_in_the_tree_and_says_what_happened(kind: type[DashScopeError]) -> None:
    assert errors.__doc__ is not None
    assert kind.__name__ in errors.__doc__ or issubclass(kind, errors.TaskFailedError)
    assert kind.__doc__


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (401, "InvalidApiKey", "Invalid API-key provided.", "AuthenticationError"),
        (403, "Model.AccessDenied", "Model access denied.", "AuthenticationError"),
        (403, "AccessDenied", "current user api does not support synchronous calls", "InvalidParameterError"),
        (403, "AccessDenied.Unpurchased", "Access to model denied.", "QuotaExhaustedError"),
        (404, "InvalidParameter", "Model not exist.", "ModelNotFoundError"),
        (400, "InvalidParameter", "Model not exist.", "ModelNotFoundError"),
        (404, "ModelNotFound", "Model can not be found.", "ModelNotFoundError"),
        (400, "InvalidParameter", "url error, please check url！", "InvalidParameterError"),
        (400, "BadRequest.TooLarge", "Exceeded limit", "InvalidParameterError"),
        (400, "Arrearage", "Access denied, …", "QuotaExhaustedError"),
        (403, "AllocationQuota.FreeTierOnly", "The free quota …", "QuotaExhaustedError"),
        (429, "AllocationQuota.FreeTierOnly", "The free quota …", "QuotaExhaustedError"),
        (429, "Throttling.AllocationQuota", "Free allocated quota exceeded.", "QuotaExhaustedError"),
        (429, "PostpaidBillOverdue", "The postpaid bill is overdue.", "QuotaExhaustedError"),
        (429, "Throttling.RateQuota", "Requests rate limit exceeded", "ThrottledError"),
        (429, "", "Too many requests in route. Please try again later.", "ThrottledError"),
        (503, "ModelServingError", "Too many requests. …", "ThrottledError"),
        (400, "DataInspectionFailed", "Input data may contain …", "ContentRefusedError"),
        (400, "InvalidParameter", "Output data may contain inappropriate content.", "ContentRefusedError"),
        (400, "IPInfringementSuspect", "Input data is suspected …", "ContentRefusedError"),
        (500, "InternalError", "An internal error has occured", "TransportError"),
        (503, "ServiceUnavailable", "", "TransportError"),
        (408, "RequestTimeOut", "Request timed out", "TransportError"),
        (302, "", "", "TransportError"),
    ],
)
def test_refusal_is_the_error_that_fits(status: int, code: str, message: str, kind: str) -> None:
    assert kind_of(status, code, message).__name__ == kind


@pytest.mark.parametrize(
    ("code", "message", "kinds"),
    [
        ("DataInspectionFailed", "Input data may contain …", {"TaskFailedError", "ContentRefusedError"}),
        ("InvalidParameter", "size must be in …", {"TaskFailedError", "InvalidParameterError"}),
        ("InvalidParameter.DataInspection", "Failed to find …", {"TaskFailedError", "InvalidParameterError"}),
        ("InternalError.Algo", "inference internal error.", {"TaskFailedError"}),
        ("SomethingNew", "", {"TaskFailedError"}),
    ],
)
def test_failed_task_is_the_error_that_fits(code: str, message: str, kinds: set[str]) -> None:
    names = {kind.__name__ for kind in errors.failure_of(code, message).__mro__}

    family = {"TaskFailedError", "ContentRefusedError", "InvalidParameterError", "ModelNotFoundError"}
    assert names & family == kinds


def test_every_refusal_of_the_simulator_has_a_fitting_error(catalog: Any) -> None:
    for refusal in catalog.refusals.values():
        kind = kind_of(refusal.status, refusal.code, refusal.message)
        assert kind is not TransportError or refusal.status >= 500, refusal


# -- secrets


def test_key_is_in_no_text(world: Any, faults: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    echo = [lambda *_: httpx.Response(401, json={"code": "X", "message": f"Incorrect key: {KEY}"})]
    world.wire.faults = {"submit": [faults["cut off"], faults["connection refused"]], "poll": [None, *echo]}
    client = world.client(KEY)

    with pytest.raises(DashScopeError, match=r"Incorrect key: \*\*\*") as caught:
        client.run("wan2.6-t2v", {"prompt": "a cat"})

    texts = [repr(client), str(client), repr(caught.value), str(vars(caught.value)), caplog.text]
    texts += [str(pickle.dumps(caught.value)), client.run.__doc__ or ""]
    assert [text for text in texts if KEY in text] == []
    assert caught.value.__cause__ is caught.value.__context__ is None
    world.wire.faults["poll"] = [faults["dropped before it arrived"]] * 99
    with pytest.raises(TransportError) as caught:
        client.fetch("some-task")
    assert caught.value.__cause__ is caught.value.__context__ is None  # httpx' errors hold the request with its key


@pytest.mark.parametrize("phase", ["submit", "poll", "list"])
def test_key_that_a_server_echoes_is_in_no_text(world: Any, phase: str, caplog: pytest.LogCaptureFixture) -> None:
    def echo(_wire: Any, request: httpx.Request, _answered: Any) -> httpx.Response:
        return httpx.Response(200, json={"headers": dict(request.headers)})

    world.wire.faults[phase] = [echo] * 99
    client = world.client(KEY)

    with pytest.raises(DashScopeError) as caught:
        next(client.list()) if phase == "list" else client.run("wan2.6-t2v", {"prompt": "a cat"})

    assert KEY not in str(caught.value) + caplog.text


def test_key_is_blotted_out_before_a_text_is_cut(world: Any) -> None:
    world.wire.faults["poll"] = [lambda *_: httpx.Response(401, text=f"{'x' * 50} {KEY}")]

    with pytest.raises(DashScopeError) as caught:
        world.client(KEY).fetch("some-task")

    assert KEY[:5] not in str(caught.value)


@pytest.mark.parametrize("field", ["code", "message", "request_id"])
def test_key_is_in_no_field_of_a_refusal(world: Any, field: str, caplog: pytest.LogCaptureFixture) -> None:
    body = {"code": "Throttling", "message": "m", "request_id": "r"} | {field: f"Throttling of {KEY}"}
    world.wire.faults["poll"] = [lambda *_: httpx.Response(400, json=body)] * 99

    with pytest.raises(DashScopeError) as caught:
        world.client(KEY).fetch("some-task")

    assert KEY not in f"{vars(caught.value)} {caplog.text}"
    assert f"{getattr(caught.value, field)}" == "Throttling of ***"


# -- settings


def test_key_and_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-fake-env")
    monkeypatch.setenv("DASHSCOPE_HTTP_BASE_URL", "http://127.0.0.1:8900/api/v1/")

    assert repr(Client()) == "Client('http://127.0.0.1:8900/api/v1')"
    assert repr(Client(region="singapore")) == "Client('https://dashscope-intl.aliyuncs.com/api/v1')"
    assert repr(Client(region="singapore", base_url="http://h/v1")) == "Client('http://h/v1')"
    monkeypatch.delenv("DASHSCOPE_HTTP_BASE_URL")
    assert repr(Client()) == "Client('https://dashscope.aliyuncs.com/api/v1')"


def test_regions_have_the_addresses_of_the_catalogue(catalog: Any) -> None:
    hosts = {name: f"https://{region.host}/api/v1" for name, region in catalog.service.regions.items()}

    assert hosts.items() <= REGIONS.items()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"api_key": ""}, "no API key: give api_key, or set DASHSCOPE_API_KEY"),
        ({"api_key": "sk-clé"}, "API key"),
        ({"api_key": "sk-a\n"}, "API key"),
        ({"api_key": "sk-a "}, "API key"),
        ({"region": "mars"}, "'mars' is not one of beijing, singapore"),
        ({"base_url": "dashscope.aliyuncs.com"}, "must begin with https://"),
        ({"base_url": "https://"}, "must begin with https://"),
        ({"base_url": "https:///api/v1"}, "must begin with https://"),
        ({"base_url": "https://h/api/v1?a=b"}, "no @, [?] or #"),
        ({"base_url": "https://a host/api/v1"}, "'https://a host/api/v1' must begin"),
    ],
)
def test_setting_that_cannot_work_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Client(**{"api_key": "sk-fake", **options})


def test_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="no @") as refused:
        Client("sk-fake", base_url="https://me:secret@example.com/api/v1")

    assert "secret" not in str(refused.value)


def test_proxies_are_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    with Client("sk-fake", base_url="http://127.0.0.1:2/api/v1", patience=0) as client:
        assert client._steps._http._mounts == {}
    with Client("sk-fake", base_url="http://example.com/api/v1") as client:
        assert client._steps._http._mounts != {}


def test_client_closes_what_is_its_own_and_nothing_else() -> None:
    mine = httpx.Client()
    with Client("sk-fake", http=mine):
        pass
    assert not mine.is_closed
    with Client("sk-fake") as client:
        pass
    assert client._steps._http.is_closed


@pytest.mark.anyio
async def test_asynchronous_client_closes_what_is_its_own_and_nothing_else() -> None:
    mine = httpx.AsyncClient()
    async with fakescope_client.AsyncClient("sk-fake", http=mine):
        pass
    assert not mine.is_closed
    async with fakescope_client.AsyncClient("sk-fake") as client:
        pass
    assert client._http.is_closed
    await mine.aclose()
