"""Models that nobody knows: refused, or treated like the most similar one."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import httpx
import pytest

from fakescope import simulator
from fakescope.catalog import Catalog

PATH = "/api/v1/services/aigc/video-generation/video-synthesis"
TASK = {"X-DashScope-Async": "enable"}
NEW = {"model": "wan2.6-t2vx", "input": {"prompt": "A new model"}, "parameters": {"duration": 99}}


async def submit(client: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
    return await client.post(PATH, json=body, headers=TASK)


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
async def test_nearest_is_the_newest_model_of_the_family(
    make_client: Callable[..., httpx.AsyncClient], caplog: pytest.LogCaptureFixture
) -> None:
    """wan2.2-i2v-plus is the most similar name; 15 seconds are for wan2.6-i2v and its kin alone."""
    path = "/api/v1/services/aigc/video-generation/video-synthesis"
    new = {"model": "wan2.2-i2v-plus2", "input": {"img_url": "https://h/a.png"}, "parameters": {"duration": 15}}
    async with make_client(unknown_models="nearest") as client:
        ended = [await end_of(client, await client.post(path, json=new, headers=TASK)) for _ in range(3)]

    assert [end["usage"]["duration"] for end in ended] == [15] * 3
    assert caplog.messages == ["'wan2.2-i2v-plus2' is not known; it is treated like wan2.6-i2v-flash"]


@pytest.mark.anyio
async def test_nearest_is_known_in_every_region(make_client: Callable[..., httpx.AsyncClient]) -> None:
    async with make_client(unknown_models="nearest") as client:
        for host in ("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com"):
            answer = await client.post(PATH, json=NEW, headers=TASK | {"Host": host})
            assert answer.status_code == 200, answer.text


@pytest.mark.anyio
async def test_only_so_many_unknown_models_are_treated_like_others(
    make_client: Callable[..., httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(simulator, "_MOST_STAND_INS", 2)
    async with make_client(unknown_models="nearest") as client:
        answers = [await submit(client, {**NEW, "model": f"wan2.6-t2v{end}"}) for end in "abcab"]

    assert [answer.status_code for answer in answers] == [200, 200, 404, 200, 200]
    assert answers[2].json()["message"] == "Model not exist."
    assert answers[2].headers["X-Fakescope-Hint"] == (
        "'wan2.6-t2vc' is not known, and 2 unknown models were treated like others already; "
        "use one of those names, or start fakescope again."
    )
    assert len(caplog.messages) == 2


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("wanx-background-generation-v3", 200),
        ("wanx-background-generation-v3" + "x" * 100, 404),
        ("wanx-background-generation-v3\nforged line", 200),
    ],
    ids=["ordinary", "long", "two lines"],
)
async def test_a_name_made_up_by_a_client_fills_neither_memory_nor_log(
    make_client: Callable[..., httpx.AsyncClient], name: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"model": name, "input": {"base_image_url": "https://h/a.png", "ref_prompt": "A field"}}
    async with make_client(unknown_models="nearest") as client:
        answer = await client.post("/api/v1/services/aigc/background-generation/generation", json=body, headers=TASK)

    assert answer.status_code == status
    assert len(caplog.messages) == (status == 200)
    assert all(message.isprintable() for message in caplog.messages)


@pytest.mark.anyio
async def test_permissive_takes_defaults_for_what_is_wrong(make_client: Callable[..., httpx.AsyncClient]) -> None:
    async with make_client(unknown_models="permissive") as client:
        ended = await end_of(client, await submit(client, NEW))

    assert (ended["output"]["task_status"], ended["usage"]["duration"]) == ("SUCCEEDED", 5)


@pytest.mark.anyio
async def test_permissive_answers_for_every_model_though_nothing_is_given(
    make_client: Callable[..., httpx.AsyncClient], catalog: Catalog
) -> None:
    """What cannot be shown of an empty request is left out, in answers and in the ledger."""
    async with make_client(unknown_models="permissive", speed=inf) as client:
        for spec in catalog.specs():
            headers = {} if spec.mode == "sync" else TASK
            body = {"model": f"{spec.name}z", "input": {}, "parameters": {}}
            answer = await client.post(spec.path, json=body, headers=headers)
            if answer.status_code == 200 and headers:
                answer = await client.get(f"/api/v1/tasks/{answer.json()['output']['task_id']}")
            assert answer.status_code < 500, spec.name
        ledger = await client.get("/_fakescope/ledger")

    assert ledger.status_code == 200
