"""Models that nobody knows: refused, or treated like the most similar one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

PATH = "/api/v1/services/aigc/video-generation/video-synthesis"
NEW = {"model": "wan2.6-t2vx", "input": {"prompt": "A new model"}, "parameters": {"duration": 99}}


async def submit(client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
    return await client.post(PATH, json=body, headers={"X-DashScope-Async": "enable"})


async def end_of(client: httpx.AsyncClient, answer: httpx.Response) -> dict[str, Any]:
    await client.put("/_fakescope/clock", json={"action": "advance", "seconds": 600})
    found = await client.get(f"/api/v1/tasks/{answer.json()['output']['task_id']}")
    return found.json()  # type: ignore[no-any-return]


@pytest.mark.anyio
async def test_unknown_model_is_refused_with_the_nearest_name(make_client: Callable[..., httpx.AsyncClient]) -> None:
    async with make_client() as client:
        answer = await submit(client, NEW)

    assert (answer.status_code, answer.json()["message"]) == (404, "Model not exist.")
    assert "Did you mean wan2.6-t2v" in answer.headers["X-Fakescope-Hint"]


@pytest.mark.anyio
async def test_nearest_keeps_the_rules_of_the_most_similar_model(make_client: Callable[..., httpx.AsyncClient]) -> None:
    async with make_client(unknown_models="nearest") as client:
        wrong = await end_of(client, await submit(client, NEW))
        right = await end_of(client, await submit(client, {**NEW, "parameters": {"duration": 4}}))

    assert wrong["output"]["task_status"] == "FAILED"
    assert right["usage"]["duration"] == 4


@pytest.mark.anyio
async def test_permissive_takes_defaults_for_what_is_wrong(make_client: Callable[..., httpx.AsyncClient]) -> None:
    async with make_client(unknown_models="permissive") as client:
        ended = await end_of(client, await submit(client, NEW))

    assert (ended["output"]["task_status"], ended["usage"]["duration"]) == ("SUCCEEDED", 5)
