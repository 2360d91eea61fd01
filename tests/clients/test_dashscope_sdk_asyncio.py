"""The vendor's SDK, unmodified, over a real socket: its asyncio classes, which add a slash to the paths of tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import dashscope
import pytest
from dashscope.aigc.video_synthesis import AioVideoSynthesis

pytestmark = pytest.mark.anyio
FRAME = "https://example.com/frame.png"


@pytest.fixture(autouse=True)
async def _sdk_of_the_account(account: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(dashscope, "base_http_api_url", account.base)
    monkeypatch.setattr(dashscope, "api_key", account.key)
    yield
    close: Any = dashscope.close_shared_aio_session  # its type stub calls it a plain function
    await close()


async def submit(**differs: Any) -> Any:
    return await AioVideoSynthesis.async_call("wan2.6-t2v", "a cat", **differs)


@pytest.mark.parametrize(
    "given",
    [
        {"model": "wan2.6-t2v", "prompt": "a cat", "size": "1280*720"},
        {"model": "wan2.5-i2v-preview", "prompt": "it moves", "img_url": FRAME},
        {"model": "wan2.2-kf2v-flash", "first_frame_url": FRAME, "last_frame_url": FRAME},
    ],
    ids=lambda given: given["model"],
)
async def test_call_makes_a_video(account: Any, given: dict[str, Any]) -> None:
    account.finish_tasks_when_polled()
    answer = await AioVideoSynthesis.call(**given)
    assert (answer.status_code, answer.output.task_status) == (200, "SUCCEEDED")
    assert answer.output.video_url.startswith("http")


async def test_submission_is_pending_then_running_then_done(account: Any) -> None:
    task = await submit()
    seen = [task.output.task_status]
    for seconds in (0, 11, 300):  # a task waits at most 10 s and runs 60 to 300 s
        account.advance(seconds=seconds)
        seen.append((await AioVideoSynthesis.fetch(task)).output.task_status)
    assert seen == ["PENDING", "PENDING", "RUNNING", "SUCCEEDED"]


async def test_wait_returns_a_failed_task_with_code_and_message(account: Any) -> None:
    task = await AioVideoSynthesis.async_call("wan2.6-t2v", "a cat [fakescope:fail=DataInspectionFailed]")
    account.advance(seconds=311)
    answer = await AioVideoSynthesis.wait(task)
    assert (answer.status_code, answer.output.task_status) == (200, "FAILED")
    assert answer.output.code == "DataInspectionFailed"
    assert answer.output.message == "Input data may contain inappropriate content."


async def test_wrong_key_is_refused() -> None:
    answer = await submit(api_key="sk-fake-invalid")
    assert (answer.status_code, answer.code) == (401, "InvalidApiKey")
    assert answer.message == "Invalid API-key provided."


async def test_unknown_task_has_the_status_unknown() -> None:
    answer = await AioVideoSynthesis.wait("1f0c9a52-0000-4000-8000-000000000000")
    assert (answer.status_code, answer.output.task_status) == (200, "UNKNOWN")


async def test_pending_task_can_be_canceled_once() -> None:
    task = await submit()
    assert (await AioVideoSynthesis.cancel(task)).status_code == 200
    assert (await AioVideoSynthesis.fetch(task)).output.task_status == "CANCELED"
    refused = await AioVideoSynthesis.cancel(task)
    assert (refused.status_code, refused.code) == (400, "UnsupportedOperation")


async def test_list_has_pages_newest_first(account: Any) -> None:
    submitted = []
    for _ in range(3):
        submitted.append((await submit()).output.task_id)
        account.advance(seconds=1)
    page = (await AioVideoSynthesis.list(page_no=2, page_size=2)).output
    assert (page["total"], page["total_page"], page["page_no"], page["page_size"]) == (3, 2, 2, 2)
    assert [row["task_id"] for row in page["data"]] == submitted[:1]


async def test_list_shows_one_status_if_asked() -> None:
    canceled = await submit()
    await AioVideoSynthesis.cancel(canceled)
    await submit()
    page = (await AioVideoSynthesis.list(status="CANCELED")).output
    assert [row["task_id"] for row in page["data"]] == [canceled.output.task_id]
