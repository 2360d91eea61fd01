"""What an account would have paid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

VIDEO = "/api/v1/services/aigc/video-generation/video-synthesis"
FACES = "/api/v1/services/aigc/image2video/face-detect"
FILM = {"model": "wan2.6-t2v", "input": {"prompt": "Rain"}, "parameters": {"size": "1280*720", "duration": 10}}


async def submit(client: httpx.AsyncClient, body: dict[str, Any]) -> str:
    answer = await client.post(VIDEO, json=body, headers={"X-DashScope-Async": "enable"})
    return str(answer.json()["output"]["task_id"])


async def after(client: httpx.AsyncClient, hours: float) -> Any:
    await client.put("/_fakescope/clock", json={"action": "advance", "seconds": hours * 3600})
    return (await client.get("/_fakescope/ledger")).json()


@pytest.mark.anyio
async def test_ledger_counts_what_succeeded_and_nothing_else(make_client: Callable[..., httpx.AsyncClient]) -> None:
    async with make_client() as client:
        await submit(client, FILM)  # 10 s at 0.60
        await submit(client, {**FILM, "parameters": {"size": "1*1"}})  # fails
        before = (await client.get("/_fakescope/ledger")).json()
        ledger = await after(client, 1)

    assert before == {"cost_cny": "0", "models": {}}
    assert ledger == {
        "cost_cny": "6.00",
        "models": {"wan2.6-t2v": {"succeeded": 1, "cost_cny": "6.00", "unpriced": 0}},
    }


@pytest.mark.anyio
async def test_ledger_remembers_tasks_that_are_forgotten(make_client: Callable[..., httpx.AsyncClient]) -> None:
    async with make_client() as client:
        await submit(client, FILM)
        await after(client, 30)
        await submit(client, FILM)  # with this commit the first is forgotten
        ledger = await after(client, 1)

    assert ledger["models"]["wan2.6-t2v"] == {"succeeded": 2, "cost_cny": "12.00", "unpriced": 0}


@pytest.mark.anyio
async def test_ledger_bills_calls_that_are_answered_at_once(make_client: Callable[..., httpx.AsyncClient]) -> None:
    async with make_client() as client:
        face = {"model": "wan2.2-s2v-detect", "input": {"image_url": "https://example.com/face.png"}}
        assert (await client.post(FACES, json=face)).status_code == 200
        ledger = (await client.get("/_fakescope/ledger")).json()

    assert ledger["cost_cny"] == "0.004"


@pytest.mark.anyio
async def test_reset_settles_the_account(make_client: Callable[..., httpx.AsyncClient]) -> None:
    async with make_client() as client:
        await submit(client, FILM)
        await after(client, 1)
        await client.post("/_fakescope/reset")

        assert (await client.get("/_fakescope/ledger")).json() == {"cost_cny": "0", "models": {}}
