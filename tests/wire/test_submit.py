"""Submitting: the answer byte by byte, both slash forms, and everything that real clients send beside the point."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

TEXT = "/api/v1/services/aigc/video-generation/video-synthesis"
FRAMES = "/api/v1/services/aigc/image2video/video-synthesis"


async def test_submit_answers_output_first_and_nothing_else(caller: Any) -> None:
    answer = await caller.submit()

    body = answer.json()
    task_id, request_id = body["output"]["task_id"], body["request_id"]
    expected = f'{{"output":{{"task_status":"PENDING","task_id":"{task_id}"}},"request_id":"{request_id}"}}'
    assert answer.status_code == 200
    assert answer.content == expected.encode()


async def test_task_id_is_a_version_4_uuid_and_request_id_has_a_nine(caller: Any) -> None:
    body = (await caller.submit()).json()

    four, nine = (rf"[0-9a-f]{{8}}-[0-9a-f]{{4}}-{digit}[0-9a-f]{{3}}-" for digit in "49")
    assert re.fullmatch(four + r"[89ab][0-9a-f]{3}-[0-9a-f]{12}", body["output"]["task_id"])
    assert re.fullmatch(nine + r"[0-9a-f]{4}-[0-9a-f]{12}", body["request_id"])


async def test_submit_headers_are_those_of_the_gateway(caller: Any) -> None:
    # Source: raw captures in cnblogs/dashscope-sdk, submissions of 2026.
    answer = await caller.submit()

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.headers["x-dashscope-call-gateway"] == "true"
    assert answer.headers["x-dashscope-timeout"] == "298"
    assert answer.headers["req-arrive-time"] == "1770600000000"


async def test_submit_says_pending_at_any_speed(hasty: Any) -> None:
    answer = await hasty.submit()

    assert answer.json()["output"]["task_status"] == "PENDING"


async def test_same_seed_gives_same_ids(make_caller: Any) -> None:
    first, second, other = (make_caller(seed=seed) for seed in (5, 5, 6))

    bodies = [(await caller.submit()).json() for caller in (first, second, other)]

    assert bodies[0] == bodies[1]
    assert bodies[0] != bodies[2]


@pytest.mark.parametrize(
    "url",
    [
        f"http://test{TEXT}",
        f"http://test{TEXT}/",
        f"http://test/{TEXT}",
        f"http://test{TEXT.replace('/aigc', '//aigc')}/",
    ],
    ids=["bare", "slash", "doubled-front", "doubled-middle"],
)
async def test_submit_serves_every_slash_form_without_a_redirect(caller: Any, url: str) -> None:
    answer = await caller.submit(path=url)

    assert answer.status_code == 200
    assert answer.json()["output"]["task_status"] == "PENDING"


# What the vendor's own client libraries send beside the documented fields.
NOISE: dict[str, dict[str, Any]] = {
    "function": {"input": {"prompt": "A heron", "function": "video-synthesis"}},
    "extend_prompt": {"input": {"prompt": "A heron", "extend_prompt": True}},
    "is_async": {"parameters": {"is_async": True}},
    "with_audio": {"parameters": {"with_audio": True}},
    "wait_timeout": {"parameters": {"wait_timeout": 30}},
    "nested": {"parameters": {"custom": {"a": [1]}}},
    "empty-parameters": {"parameters": {}},
    "null-parameters": {"parameters": None},
    "null-fields": {"input": {"prompt": "A heron", "negative_prompt": None}, "parameters": {"seed": None}},
    "resources": {"resources": [{"resource_id": "1", "resource_type": "asr_phrase"}]},
    "unused-reference": {"input": {"prompt": "A heron", "img_url": "not looked at"}},
}


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
async def test_noise_in_the_body_is_accepted_and_the_task_succeeds(hasty: Any, noise: dict[str, Any]) -> None:
    task_id = await hasty.accepted(**noise)

    assert await hasty.status(task_id) == "SUCCEEDED"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-DashScope-WorkSpace": "ws-1"},
        {"X-DashScope-DataInspection": "enable"},
        {"X-DashScope-SSE": "enable"},
        {"x-dashscope-sdk-session-id": "0" * 32},
        {"X-Unheard-Of": "1"},
        {"Content-Type": "text/plain"},
        {"X-DashScope-Async": "Enable"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_unknown_headers_are_accepted(caller: Any, headers: dict[str, str]) -> None:
    body = b'{"model":"wan2.6-t2v","input":{"prompt":"A heron"}}'

    answer = await caller.send("POST", TEXT, content=body, headers={"X-DashScope-Async": "enable"} | headers)

    assert answer.status_code == 200


async def test_unknown_query_parameters_are_accepted(caller: Any) -> None:
    assert (await caller.submit(path=f"{TEXT}?a=1&b")).status_code == 200


async def test_async_header_disable_is_the_same_as_none(caller: Any) -> None:
    body = {"model": "wan2.6-t2v", "input": {"prompt": "A heron"}}

    answer = await caller.send("POST", TEXT, json=body, headers={"X-DashScope-Async": "disable"})

    assert answer.status_code == 403
    assert answer.json()["message"] == "current user api does not support synchronous calls"


async def test_frames_need_no_prompt_and_the_answer_has_none(hasty: Any) -> None:
    frames = {"prompt": None, "first_frame_url": "https://h/f.png", "last_frame_url": "https://h/l.png"}

    task_id = await hasty.accepted(model="wan2.2-kf2v-flash", path=FRAMES, input=frames)

    output = await hasty.output(task_id)
    assert output["task_status"] == "SUCCEEDED"
    assert "orig_prompt" not in output
    assert "actual_prompt" not in output


async def test_escaped_and_raw_text_are_the_same_prompt(hasty: Any) -> None:
    for body in ('"猫"', r'"\u732b"'):
        answer = await hasty.send(
            "POST",
            TEXT,
            content=f'{{"model":"wan2.6-t2v","input":{{"prompt":{body}}}}}'.encode(),
            headers={"X-DashScope-Async": "enable"},
        )

        assert (await hasty.output(answer.json()["output"]["task_id"]))["orig_prompt"] == "猫"
