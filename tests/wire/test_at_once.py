"""Models and endpoints that answer at once: everything in one answer, and no task."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio

FACES = "/api/v1/services/aigc/image2video/face-detect"
MESSAGES = "/api/v1/services/aigc/multimodal-generation/generation"
TASKS = "/api/v1/services/aigc/image-generation/generation"
DETECT = {"model": "emo-detect-v1", "input": {"image_url": "https://h/i.png"}, "parameters": {"ratio": "3:4"}}


def painting(model: str = "qwen-image-2.0", **parameters: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": [{"text": "A heron"}]}]
    return {"model": model, "input": {"messages": messages}, "parameters": parameters}


async def test_answer_has_output_usage_and_request_id_and_no_task(caller: Any) -> None:
    answer = await caller.send("POST", FACES, json=DETECT)

    body = answer.json()
    assert answer.status_code == 200
    assert list(body) == ["output", "usage", "request_id"]
    assert list(body["output"]) == ["check_pass", "face_bbox", "ext_bbox"]
    assert body["output"]["check_pass"] is True
    assert body["usage"] == {"image_count": 1}
    assert answer.headers["x-request-id"] == body["request_id"]


async def test_answer_keeps_no_task(caller: Any) -> None:
    await caller.send("POST", FACES, json=DETECT)
    await caller.send("POST", MESSAGES, json=painting())

    assert (await caller.list())["total"] == 0
    assert (await caller.send("GET", "/_fakescope/tasks")).json()["total"] == 0


async def test_answer_takes_no_time_of_the_clock(caller: Any) -> None:
    await caller.order_clock(action="freeze")

    answer = await caller.send("POST", MESSAGES, json=painting())

    assert answer.status_code == 200


async def test_answers_are_given_one_after_another_without_limit_on_how_many_at_once(make_caller: Any) -> None:
    caller = make_caller(limits=True)

    statuses = [(await caller.send("POST", FACES, json=DETECT)).status_code for _ in range(6)]

    assert statuses == [200] * 5 + [429]  # EMO detection: 5 submissions a second


async def test_each_answer_has_a_request_id_of_its_own(caller: Any) -> None:
    ids = {(await caller.send("POST", FACES, json=DETECT)).json()["request_id"] for _ in range(3)}

    assert len(ids) == 3


async def test_wrong_field_is_refused_at_once(caller: Any) -> None:
    answer = await caller.send("POST", FACES, json=DETECT | {"parameters": {}})

    assert answer.status_code == 400
    assert answer.headers["x-fakescope-rule"] == "parameters.ratio:missing"


async def test_pictures_stand_in_one_choice_and_can_be_fetched(caller: Any) -> None:
    answer = await caller.send("POST", MESSAGES, json=painting(n=3, size="1024*768"))

    (choice,) = answer.json()["output"]["choices"]
    pictures = [item["image"] for item in choice["message"]["content"]]
    assert len(set(pictures)) == 3
    assert answer.json()["usage"] == {"height": 768, "image_count": 3, "width": 1024}
    for picture in pictures:
        assert (await caller.http.get(picture)).headers["content-type"] == "image/png"


async def test_links_expire_a_day_later_although_there_is_no_task(caller: Any, clock: Any) -> None:
    answer = await caller.send("POST", MESSAGES, json=painting())
    (item,) = answer.json()["output"]["choices"][0]["message"]["content"]

    clock.advance(hours=23.9)
    before = (await caller.http.get(item["image"])).status_code
    clock.advance(hours=0.2)

    assert (before, (await caller.http.get(item["image"])).status_code) == (200, 403)


async def test_model_with_two_endpoints_makes_a_task_at_the_first(hasty: Any) -> None:
    body = painting("wan2.6-t2i", n=1)

    task_id = await hasty.accepted(path=TASKS, **body)
    at_once = await hasty.send("POST", MESSAGES, json=body)

    output = await hasty.output(task_id)
    assert output["task_status"] == "SUCCEEDED"
    assert at_once.json()["output"].keys() == output.keys() - TASK_KEYS
    assert (await hasty.list())["total"] == 1


TASK_KEYS = {"task_id", "task_status", "submit_time", "scheduled_time", "end_time"}


async def test_second_endpoint_refuses_wrong_values_that_would_fail_a_task(hasty: Any) -> None:
    answer = await hasty.send("POST", MESSAGES, json=painting("wan2.6-t2i", size="large"))

    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid size format")


async def test_calls_answered_at_once_are_billed(caller: Any) -> None:
    """EMO detection: 0.004 CNY an image. Qwen-Image 2.0: 0.20 CNY an image."""
    await caller.send("POST", FACES, json=DETECT)
    await caller.send("POST", MESSAGES, json=painting(n=2))

    ledger = (await caller.send("GET", "/_fakescope/ledger")).json()

    assert {name: row["cost_cny"] for name, row in ledger["models"].items()} == {
        "emo-detect-v1": "0.004",
        "qwen-image-2.0": "0.40",
    }
