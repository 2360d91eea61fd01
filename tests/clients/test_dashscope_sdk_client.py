"""The vendor's SDK, unmodified, over a real socket: `Client` and `AsyncClient`, which raise what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dashscope import AsyncClient, Client
from dashscope.v2 import errors

FRAME = "https://example.com/frame.png"


@pytest.fixture
def client(account: Any) -> Iterator[Client]:
    with Client(base_url=account.base, api_key=account.key) as client:
        yield client


def submit(client: Client, **differs: Any) -> Any:
    return client.videos.jobs.create(**{"model": "wan2.6-t2v", "prompt": "a cat"} | differs)


@pytest.mark.parametrize(
    "given", [{}, {"model": "wan2.5-i2v-preview", "image_url": FRAME}], ids=["text", "first frame"]
)
def test_wait_returns_the_finished_video(account: Any, client: Client, given: dict[str, Any]) -> None:
    job = submit(client, **given)
    account.advance(seconds=311)
    done = client.videos.jobs.wait(job.task_id)
    assert (job.status, done.status, done.succeeded) == ("PENDING", "SUCCEEDED", True)
    assert str(done.video_url).startswith("http")
    assert str(done.submitted_at) < str(done.scheduled_at) < str(done.finished_at)


def test_video_from_two_frames_is_refused_at_the_path_this_client_takes(client: Client) -> None:
    # It sends every video model to the path of text-to-video; only the older interfaces know the other one.
    with pytest.raises(errors.BadRequestError, match="url error") as refused:
        submit(client, model="wan2.2-kf2v-flash", extra_input={"first_frame_url": FRAME})
    assert refused.value.code == "InvalidParameter"


def test_failed_task_is_raised_with_code_and_message(account: Any, client: Client) -> None:
    job = submit(client, prompt="a cat [fakescope:fail=DataInspectionFailed]")
    account.advance(seconds=311)
    with pytest.raises(errors.DashScopeError, match="Input data may contain inappropriate content") as failed:
        client.videos.jobs.wait(job.task_id)
    assert failed.value.code == "DataInspectionFailed"


def test_wrong_key_is_raised_as_such(account: Any) -> None:
    client = Client(base_url=account.base, api_key="sk-fake-invalid")
    with client, pytest.raises(errors.AuthenticationError, match="Invalid API-key provided") as refused:
        submit(client)
    assert (refused.value.status_code, refused.value.code) == (401, "InvalidApiKey")


def test_unknown_task_has_the_status_unknown(client: Client) -> None:
    job = client.videos.jobs.wait("1f0c9a52-0000-4000-8000-000000000000")
    assert (job.status, job.succeeded) == ("UNKNOWN", False)


def test_pending_task_can_be_canceled_once(client: Client) -> None:
    job = submit(client)
    client.videos.jobs.cancel(job.task_id)
    assert client.videos.jobs.fetch(job.task_id).status == "CANCELED"
    with pytest.raises(errors.BadRequestError, match="confirm if the task is in PENDING status") as refused:
        client.videos.jobs.cancel(job.task_id)
    assert refused.value.code == "UnsupportedOperation"


def test_list_counts_the_tasks(client: Client) -> None:
    # This client looks for `tasks` where the service sends `data`, so it shows the total and no rows.
    for _ in range(3):
        submit(client)
    page = client.videos.jobs.list(page_no=2, page_size=2)
    assert (page.total, page.page_no, page.page_size) == (3, 2, 2)
    assert client.videos.jobs.list(status="CANCELED").total == 0


def test_base_address_may_end_in_a_slash(account: Any) -> None:
    with Client(base_url=f"{account.base}/", api_key=account.key) as client:
        assert client.videos.jobs.fetch(submit(client).task_id).status == "PENDING"


@pytest.mark.anyio
async def test_async_client_returns_the_finished_video(account: Any) -> None:
    async with AsyncClient(base_url=account.base, api_key=account.key) as client:
        job = await client.videos.jobs.create(model="wan2.6-t2v", prompt="a cat")
        account.advance(seconds=311)
        assert (await client.videos.jobs.wait(job.task_id)).status == "SUCCEEDED"
