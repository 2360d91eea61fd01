"""Identifiers that one task returns and a later one refers to: within an account, once there is a result."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio

TEMPLATES = "/api/v1/services/aigc/image2video/aa-template-generation"
VIDEOS = "/api/v1/services/aigc/image2video/video-synthesis"
INVALID = ("FAILED", "InvalidFile.Template.Content", "Invalid template content.")


async def a_template(caller: Any, video_url: str = "https://h/dance.mp4") -> str:
    """The id of the task that makes a template of a dance."""
    model, given = "animate-anyone-template-gen2", {"video_url": video_url}
    return str(await caller.accepted(model=model, path=TEMPLATES, input=given))


async def a_dance(caller: Any, template_id: str) -> tuple[str, str | None, str | None]:
    """Status, code and text of a video by this template."""
    given = {"image_url": "https://h/i.png", "template_id": template_id}
    output = await caller.output(await caller.accepted(model="animate-anyone-gen2", path=VIDEOS, input=given))
    return output["task_status"], output.get("code"), output.get("message")


async def test_template_of_an_earlier_task_is_taken(hasty: Any) -> None:
    output = await hasty.output(await a_template(hasty))

    assert output["template_id"].startswith("AACT.")
    assert await a_dance(hasty, output["template_id"]) == ("SUCCEEDED", None, None)


async def test_template_of_another_account_is_refused(hasty: Any) -> None:
    output = await hasty.output(await a_template(hasty))

    assert await a_dance(hasty.using("sk-fake-stranger"), output["template_id"]) == INVALID


@pytest.mark.parametrize("template_id", ["AACT.", "AACT.nobody", "AACT.1f0c-4d82-bcb6", "dance"])
async def test_template_that_nobody_made_is_refused(hasty: Any, template_id: str) -> None:
    assert await a_dance(hasty, template_id) == INVALID


async def test_template_of_a_task_that_failed_is_refused(hasty: Any) -> None:
    task_id = await a_template(hasty, "https://h/dance.mp4#[fakescope:fail=InternalError]")

    assert await hasty.status(task_id) == "FAILED"
    assert await a_dance(hasty, f"AACT.{task_id}") == INVALID


async def test_template_of_a_task_that_still_runs_is_refused(caller: Any, clock: Any) -> None:
    task_id = await a_template(caller)
    given = {"image_url": "https://h/i.png", "template_id": f"AACT.{task_id}"}

    early = await caller.accepted(model="animate-anyone-gen2", path=VIDEOS, input=given)
    clock.advance(seconds=600)
    late = await caller.accepted(model="animate-anyone-gen2", path=VIDEOS, input=given)
    clock.advance(seconds=600)

    assert [await caller.status(task_id) for task_id in (early, late)] == ["FAILED", "SUCCEEDED"]


async def test_template_is_forgotten_with_its_task(hasty: Any, clock: Any) -> None:
    output = await hasty.output(await a_template(hasty))

    clock.advance(hours=24)

    assert await a_dance(hasty, output["template_id"]) == INVALID


async def test_template_id_names_a_template_and_nothing_else(hasty: Any) -> None:
    """A task of another model succeeded, but it made no template."""
    task_id = await hasty.accepted()
    assert await hasty.status(task_id) == "SUCCEEDED"

    assert await a_dance(hasty, f"AACT.{task_id}") == INVALID
