"""The vendor's SDK, unmodified, over a real socket: the classic interface, which returns a response for everything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import dashscope
import httpx
import pytest

VideoSynthesis: Any = dashscope.VideoSynthesis  # its type stub leaves out what it inherits
FRAME = "https://example.com/frame.png"


@pytest.fixture(autouse=True)
def _sdk_of_the_account(account: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(dashscope, "base_http_api_url", account.base)
    monkeypatch.setattr(dashscope, "api_key", account.key)
    yield
    dashscope.close_shared_sync_session()


def submit(prompt: str = "a cat", model: str = "wan2.6-t2v", **differs: Any) -> Any:
    return VideoSynthesis.async_call(model, prompt, **differs)


def test_call_makes_a_video_from_text(account: Any) -> None:
    account.finish_tasks_when_polled()
    answer = VideoSynthesis.call("wan2.6-t2v", "a cat", size="1280*720", duration=10)
    assert (answer.status_code, answer.output.task_status) == (200, "SUCCEEDED")
    assert answer.output.orig_prompt == "a cat"
    assert answer.output.video_url.startswith("http")
    usage = answer.usage
    assert (usage.duration, usage.size, usage.SR, usage.video_count) == (10, "1280*720", 720, 1)


def test_call_makes_a_video_from_a_first_frame(account: Any) -> None:
    account.finish_tasks_when_polled()
    answer = VideoSynthesis.call("wan2.5-i2v-preview", "it moves", img_url=FRAME, resolution="480P")
    assert (answer.output.task_status, answer.usage.SR, answer.usage.duration) == ("SUCCEEDED", 480, 5)


def test_call_makes_a_video_from_two_frames(account: Any) -> None:
    # The SDK sends every model with kf2v in its name to a path of its own, and `prompt: null` if there is none.
    account.finish_tasks_when_polled()
    answer = VideoSynthesis.call("wan2.2-kf2v-flash", first_frame_url=FRAME, last_frame_url=FRAME)
    assert (answer.output.task_status, answer.usage.SR, answer.usage.video_duration) == ("SUCCEEDED", 720, 5)


def test_submission_is_pending_then_running_then_done(account: Any) -> None:
    task = submit()
    seen = [task.output.task_status]
    for seconds in (0, 11, 300):  # a task waits at most 10 s and runs 60 to 300 s
        account.advance(seconds=seconds)
        seen.append(VideoSynthesis.fetch(task).output.task_status)
    assert seen == ["PENDING", "PENDING", "RUNNING", "SUCCEEDED"]


def test_wait_returns_what_fetch_returns(account: Any) -> None:
    task = submit()
    account.advance(seconds=311)
    assert VideoSynthesis.wait(task).output == VideoSynthesis.fetch(task.output.task_id).output


def test_wrong_field_fails_the_task_with_code_and_message(account: Any) -> None:
    account.finish_tasks_when_polled()
    answer = VideoSynthesis.call("wan2.2-t2v-plus", "a cat", size="1280*720")  # a size of other models
    assert (answer.status_code, answer.output.task_status) == (200, "FAILED")
    assert answer.output.code == "InvalidParameter"
    sizes = "1080*1920,1920*1080,1440*1440,1632*1248,1248*1632,480*832,832*480,624*624"
    assert answer.output.message == f"size must be in {sizes}"


def test_mark_in_the_prompt_fails_the_task_as_ordered(account: Any) -> None:
    task = submit("a cat [fakescope:fail=DataInspectionFailed]")
    account.advance(seconds=311)
    output = VideoSynthesis.fetch(task).output
    assert (output.task_status, output.code) == ("FAILED", "DataInspectionFailed")
    assert output.message == "Input data may contain inappropriate content."


@pytest.mark.parametrize(
    "call",
    [submit, VideoSynthesis.list, lambda **key: VideoSynthesis.fetch("1f0c", **key)],
    ids=["submit", "list", "fetch"],
)
def test_wrong_key_is_refused(call: Callable[..., Any]) -> None:
    answer = call(api_key="sk-fake-invalid")
    assert (answer.status_code, answer.code) == (401, "InvalidApiKey")
    assert (answer.message, answer.output) == ("Invalid API-key provided.", None)


def test_unknown_task_has_the_status_unknown() -> None:
    answer = VideoSynthesis.wait("1f0c9a52-0000-4000-8000-000000000000")
    assert (answer.status_code, answer.output.task_status) == (200, "UNKNOWN")


def test_task_of_another_key_is_unknown() -> None:
    answer = VideoSynthesis.fetch(submit(), api_key="sk-fake-somebody-else")
    assert answer.output.task_status == "UNKNOWN"


def test_task_is_unknown_after_24_hours(account: Any) -> None:
    task = submit()
    account.advance(hours=24)
    assert VideoSynthesis.fetch(task).output.task_status == "UNKNOWN"


def test_pending_task_can_be_canceled() -> None:
    task = submit()
    assert VideoSynthesis.cancel(task).status_code == 200
    assert VideoSynthesis.fetch(task).output.task_status == "CANCELED"


def test_finished_task_cannot_be_canceled(account: Any) -> None:
    task = submit()
    account.advance(seconds=311)
    answer = VideoSynthesis.cancel(task)
    assert (answer.status_code, answer.code) == (400, "UnsupportedOperation")
    assert answer.message == "Failed to cancel the task, please confirm if the task is in PENDING status."
    assert VideoSynthesis.fetch(task).output.task_status == "SUCCEEDED"


def test_list_has_pages_newest_first(account: Any) -> None:
    submitted = []
    for n in range(5):
        submitted.append(submit(f"cat {n}").output.task_id)
        account.advance(seconds=1)
    pages = [VideoSynthesis.list(page_no=n, page_size=2).output for n in (1, 2, 3, 4)]
    assert [(page["total"], page["total_page"]) for page in pages] == [(5, 3)] * 4
    shown = [[row["task_id"] for row in page["data"]] for page in pages]
    assert shown == [submitted[:2:-1], submitted[2:0:-1], submitted[:1], []]


def test_list_shows_one_status_if_asked() -> None:
    canceled = submit()
    VideoSynthesis.cancel(canceled)
    submit()
    output = VideoSynthesis.list(status="CANCELED").output
    assert [row["task_id"] for row in output["data"]] == [canceled.output.task_id]
    assert output["total"] == 1


def test_result_link_downloads_a_playable_film(account: Any, boxes_of: Callable[[bytes], list[str]]) -> None:
    account.finish_tasks_when_polled()
    answer = VideoSynthesis.call("wan2.6-t2v", "a cat")
    film = httpx.get(answer.output.video_url, trust_env=False, timeout=60)
    assert (film.status_code, film.headers["content-type"]) == (200, "video/mp4")
    assert int(film.headers["content-length"]) == len(film.content)
    boxes = boxes_of(film.content)
    assert boxes[0] == "ftyp"
    assert {"moov", "mdat"} <= set(boxes)


def test_result_link_expires(account: Any) -> None:
    account.finish_tasks_when_polled()
    answer = VideoSynthesis.call("wan2.6-t2v", "a cat")
    account.advance(hours=24)
    assert httpx.get(answer.output.video_url, trust_env=False, timeout=60).status_code == 403


@pytest.mark.parametrize("ending", ["", "/", "//"])
def test_base_address_may_end_in_slashes(account: Any, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    monkeypatch.setattr(dashscope, "base_http_api_url", account.base + ending)
    task = submit()
    assert VideoSynthesis.cancel(task).status_code == 200
    assert VideoSynthesis.fetch(task).output.task_status == "CANCELED"


def test_env_points_the_sdk_at_the_simulator(account: Any) -> None:
    port = account.base.removesuffix("/api/v1").rpartition(":")[2]
    env = f'eval "$("$PYTHON" -m fakescope env --port {port} --key "{account.key}")"'
    program = "from dashscope import VideoSynthesis as V; print(V.async_call('wan2.6-t2v', 'a cat').output.task_id)"
    script = f'{env} && exec "$PYTHON" -c "{program}"'
    environment = {"PYTHON": sys.executable, "PATH": os.environ["PATH"]}
    printed = subprocess.run(
        ["sh", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert VideoSynthesis.fetch(printed.stdout.strip()).output.task_status == "PENDING"
