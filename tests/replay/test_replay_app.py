"""The application: accounts and their clocks, links that lead here, misses in our own voice, the simulator behind."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import httpx
import pytest

from fakescope import Settings
from fakescope.app import create_replay
from fakescope.recording.exchange import Exchange, Request, Response
from fakescope.recording.player import Player

pytestmark = pytest.mark.anyio
ID = "7d1c53f0-9a2b-4c6e-8f10-2b3c4d5e6f01"
OTHER = "8e2d64a1-0b3c-4d7f-9a21-3c4d5e6f7a02"
PATH = "/api/v1/services/aigc/video-generation/video-synthesis"
ASYNC = {"X-DashScope-Async": "enable"}
CAT = {"model": "wan2.6-t2v", "input": {"prompt": "a cat"}, "parameters": {"size": "1280*720"}}
MP4 = b"\0\0\0\x18ftypmp42 a film"


def of(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def submit(client: httpx.AsyncClient, body: Any = CAT, **headers: str) -> httpx.Response:
    return await client.post(PATH, json=body, headers=ASYNC | headers)


async def order(client: httpx.AsyncClient, action: str, **values: float) -> None:
    (await client.put("/_fakescope/clock", json={"action": action, **values})).raise_for_status()


async def status(client: httpx.AsyncClient, task_id: str = ID, **headers: str) -> str:
    answer = await client.get(f"/api/v1/tasks/{task_id}", headers=headers)
    return str(answer.json()["output"]["task_status"])


@pytest.fixture
def downloaded(tapes: Any) -> list[Exchange]:
    """A film that was downloaded after it was made."""
    link = json.loads(tapes.standing(ID, "SUCCEEDED").body)["output"]["video_url"]
    film = Response(200, (("Content-Type", "video/mp4"), ("Content-Length", "22"), ("Date", "x")), MP4)
    return [*tapes.task(), Exchange(Request("GET", link), film, 110_000)]


# -- answers


async def test_answer_is_the_recorded_one_and_says_which(replaying: Any, tapes: Any) -> None:
    async with replaying(tapes.cassette(*tapes.task(), name="pets/cat")) as client:
        answer = await submit(client)
    assert answer.status_code == 200
    assert answer.json() == {"request_id": "r-PENDING", "output": {"task_id": ID, "task_status": "PENDING"}}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-fakescope-recording"] == "pets/cat#1"
    assert answer.headers["x-fakescope-basis"] == "seen"
    assert "x-fakescope-version" in answer.headers


@pytest.mark.parametrize("origin", ["http://test", "http://127.0.0.1:45017", "https://ci.example"])
async def test_link_leads_to_this_server_whatever_its_address(
    origin: str, replaying: Any, tapes: Any, downloaded: list[Exchange]
) -> None:
    async with replaying(tapes.cassette(*downloaded), origin=origin) as client:
        await submit(client)
        await order(client, "freeze")
        await order(client, "advance", seconds=100)
        link = (await client.get(f"/api/v1/tasks/{ID}/")).json()["output"]["video_url"]
        assert link.startswith(f"{origin}/recorded/0/1d/7d/{ID}.mp4?Expires=1")
        film = await client.get(link, headers={"Authorization": ""})
    assert (film.status_code, film.content, film.headers["content-type"]) == (200, MP4, "video/mp4")
    assert film.headers["content-length"] == str(len(MP4))


async def test_head_of_a_link_has_the_length_of_the_film(
    replaying: Any, tapes: Any, downloaded: list[Exchange]
) -> None:
    async with replaying(tapes.cassette(*downloaded)) as client:
        head = await client.head(f"/recorded/0/1d/7d/{ID}.mp4")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(MP4)))


async def test_link_whose_file_was_not_recorded_is_a_miss_and_never_a_request_to_the_vendor(
    replaying: Any, tapes: Any
) -> None:
    async with replaying(tapes.cassette(*tapes.task()), speed=float("inf")) as client:
        await submit(client)
        link = (await client.get(f"/api/v1/tasks/{ID}")).json()["output"]["video_url"]
        answer = await client.get(link)
    assert (answer.status_code, answer.headers["x-fakescope-error"]) == (404, "NotRecordedError")


async def test_upload_goes_to_this_server(replaying: Any, tapes: Any) -> None:
    host = "https://dashscope-file-mgr.oss-cn-beijing.aliyuncs.com"
    policy = tapes.json({"data": {"policy": "redacted", "upload_host": host, "upload_dir": "d/1"}, "request_id": "r"})
    url = "https://dashscope.aliyuncs.com/api/v1/uploads?action=getPolicy&model=wan2.5-i2v-preview"
    form = Request("POST", f"{host}/", (("Content-Type", "multipart/form-data; boundary=x"),), b"--x--\r\n")
    made = [Exchange(Request("GET", url), policy, 0), Exchange(form, Response(200), 1)]
    async with replaying(tapes.cassette(*made)) as client:
        asked = await client.get("/api/v1/uploads", params={"model": "wan2.5-i2v-preview", "action": "getPolicy"})
        leads_to = asked.json()["data"]["upload_host"]
        assert leads_to == "http://test/recorded/0/"
        sent = await client.post(leads_to, data={"key": "d/1/a b.png"}, files={"file": ("a b.png", b"picture")})
        film = await client.post(leads_to, data={"key": "d/1/b"}, files={"file": ("b", bytes(70_000_000))})
    assert (sent.status_code, sent.content, film.status_code) == (200, b"", 200)


async def test_headers_of_ours_can_be_switched_off(replaying: Any, tapes: Any) -> None:
    cassette = tapes.cassette(*tapes.task())
    async with replaying(cassette, settings=Settings(seed=1, extra_headers=False)) as client:
        answer = await submit(client)
        missed = await client.get("/api/v1/tasks/nothing")
    assert [name for name in answer.headers if name.startswith("x-fakescope")] == []
    assert [name for name in missed.headers if name.startswith("x-fakescope")] == ["x-fakescope-error"]


async def test_hostile_host_breaks_no_answer(replaying: Any, tapes: Any) -> None:
    async with replaying(tapes.cassette(*tapes.task()), speed=float("inf")) as client:
        await submit(client)
        answer = await client.get(f"/api/v1/tasks/{ID}", headers={"Host": 'a", "task_status": "FAILED'})
    assert answer.json()["output"]["task_status"] == "SUCCEEDED"


# -- many at once


async def test_fifty_prompts_at_once_get_their_own_films(replaying: Any, tapes: Any, clock: Any) -> None:
    ids = {n: f"{n:08d}-9a2b-4c6e-8f10-2b3c4d5e6f01" for n in range(50)}
    made = [exchange for n in range(50) for exchange in tapes.task(f"prompt {n}", ids[n], at=n)]
    async with replaying(tapes.cassette(*made)) as client:

        async def run(n: int) -> bool:
            for _ in range(n * 7 % 50):
                await asyncio.sleep(0)
            sent = await submit(client, CAT | {"input": {"prompt": f"prompt {n}"}})
            task_id = sent.json()["output"]["task_id"]
            while (output := (await client.get(f"/api/v1/tasks/{task_id}")).json()["output"])["task_status"] in (
                "PENDING",
                "RUNNING",
            ):
                clock.advance(seconds=1)
            return task_id == ids[n] and f"{ids[n]}.mp4" in output["video_url"]

        assert await asyncio.gather(*map(run, range(50))) == [True] * 50


# -- time and accounts


async def test_clock_of_the_control_api_moves_recorded_tasks(replaying: Any, tapes: Any, clock: Any) -> None:
    async with replaying(tapes.cassette(*tapes.task())) as client:
        await order(client, "freeze")
        await submit(client)
        clock.advance(hours=1)
        assert await status(client) == "PENDING"
        await order(client, "advance", seconds=20)
        assert await status(client) == "RUNNING"
        await order(client, "rate", rate=10)
        clock.advance(seconds=8)
        assert await status(client) == "SUCCEEDED"
        assert (await client.get("/_fakescope/clock")).json()["mode"] == "rate"


async def test_real_time_moves_recorded_tasks(replaying: Any, tapes: Any, clock: Any) -> None:
    async with replaying(tapes.cassette(*tapes.task())) as client:
        await submit(client)
        clock.advance(seconds=20)
        assert await status(client) == "RUNNING"
        clock.advance(seconds=80)
        assert await status(client) == "SUCCEEDED"
        clock.advance(hours=24)
        assert await status(client) == "UNKNOWN"


async def test_polls_move_time_where_a_tick_is_ordered(replaying: Any, tapes: Any) -> None:
    async with replaying(tapes.cassette(*tapes.task())) as client:
        await order(client, "tick", auto_advance_s=50)
        await submit(client)
        assert [await status(client) for _ in range(3)] == ["RUNNING", "SUCCEEDED", "SUCCEEDED"]


async def test_accounts_replay_for_themselves(replaying: Any, tapes: Any) -> None:
    async with replaying(tapes.cassette(*tapes.task())) as client:
        await order(client, "freeze")
        for key in ("sk-fake-test", "sk-fake-other"):
            assert (await submit(client, **of(key))).json()["output"]["task_id"] == ID
        await order(client, "advance", seconds=100)
        assert await status(client) == "SUCCEEDED"
        assert await status(client, **of("sk-fake-other")) == "PENDING"


async def test_reset_gives_recordings_their_first_turn_again(replaying: Any, tapes: Any) -> None:
    async with replaying(tapes.cassette(*tapes.task())) as client:
        await submit(client)
        assert (await client.post("/_fakescope/reset")).status_code == 204
        assert (await submit(client)).json()["output"]["task_id"] == ID


async def test_no_key_is_an_account_too(replaying: Any, tapes: Any) -> None:
    async with replaying(tapes.cassette(*tapes.task())) as client:
        assert (await submit(client, Authorization="")).status_code == 200


# -- misses


async def test_miss_is_a_problem_of_ours_that_people_can_read(replaying: Any, tapes: Any) -> None:
    async with replaying(tapes.cassette(*tapes.task())) as client:
        answer = await submit(client, CAT | {"input": {"prompt": "a bat"}})
    assert (answer.status_code, answer.headers["x-fakescope-error"]) == (404, "NotRecordedError")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["more"][:2] == [
        "The nearest is exchange 1 of film:",
        "  input.prompt: recorded 'a cat', sent 'a bat'",
    ]
    assert "code" not in answer.json()
    assert re.search(r"\n +\"  input.prompt: recorded 'a cat', sent 'a bat'\"", answer.text)


async def test_poll_of_an_unknown_task_is_a_miss(replaying: Any, tapes: Any) -> None:
    async with replaying(tapes.cassette(*tapes.task())) as client:
        answer = await client.get(f"/api/v1/tasks/{OTHER}")
    assert (answer.status_code, answer.headers["x-fakescope-error"]) == (404, "NotRecordedError")


async def test_simulator_answers_what_was_not_recorded_marked_and_to_the_end(replaying: Any, tapes: Any) -> None:
    async with replaying(tapes.cassette(*tapes.task()), simulates=True) as client:
        answer = await submit(client, CAT | {"input": {"prompt": "a bat"}})
        task_id = answer.json()["output"]["task_id"]
        assert (answer.status_code, answer.headers["x-fakescope-miss"]) == (200, "simulated")
        await order(client, "advance", seconds=311)
        done = await client.get(f"/api/v1/tasks/{task_id}")
        assert done.json()["output"]["task_status"] == "SUCCEEDED"
        assert (await client.get(done.json()["output"]["video_url"])).content[4:8] == b"ftyp"
        recorded = await submit(client)
    assert recorded.json()["output"]["task_id"] == ID
    assert "x-fakescope-miss" not in recorded.headers


async def test_simulator_refuses_as_the_vendor_does(replaying: Any, tapes: Any) -> None:
    async with replaying(tapes.cassette(*tapes.task()), simulates=True) as client:
        answer = await submit(client, {"model": "no-such-model", "input": {}})
    assert (answer.json()["code"], answer.headers["x-fakescope-miss"]) == ("InvalidParameter", "simulated")


@pytest.mark.parametrize("simulates", [False, True])
async def test_body_without_end_is_not_read_to_its_end(simulates: bool, replaying: Any, tapes: Any) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 500_000_000:
            sent += 1_000_000
            yield b"x" * 1_000_000

    async with replaying(tapes.cassette(*tapes.task()), simulates=simulates) as client:
        answer = await client.post(PATH, content=endless(), headers=ASYNC)
    assert (answer.status_code, answer.headers["x-fakescope-error"]) == (404, "NotRecordedError")
    assert sent < 100_000_000  # 64 MiB are the vendor's limit


async def test_client_that_leaves_in_the_middle_is_not_answered(tapes: Any, clock: Any) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    app = create_replay(Player([tapes.cassette(*tapes.task())]), Settings(seed=1), clock=clock)
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": [], "scheme": "http"}
    await app(scope, receive, send)
    assert sent == []


# -- reports


async def test_report_says_what_was_not_used(replaying: Any, tapes: Any) -> None:
    tasks = [*tapes.task("a cat"), *tapes.task("a dog", OTHER, at=500)]
    async with replaying(tapes.cassette(*tasks, name="pets")) as client:
        await submit(client)
        await submit(client, CAT | {"input": {"prompt": "a bat"}})
        report = (await client.get("/_fakescope/replay")).json()
    told = "POST /services/aigc/video-generation/video-synthesis 'wan2.6-t2v', 'a dog'"
    assert report == {
        "recorded": 2,
        "unused": 1,
        "misses": 1,
        "not_used": [{"cassette": "pets", "exchange": 6, "request": told}],
    }


async def test_health_is_that_of_a_simulator(replaying: Any, tapes: Any) -> None:
    async with replaying(tapes.cassette(*tapes.task())) as client:
        assert (await client.get("/_fakescope/health")).json()["status"] == "ok"


async def test_access_lines_say_which_recording_answered(tapes: Any, clock: Any) -> None:
    log = StringIO()
    app = create_replay(Player([tapes.cassette(*tapes.task())]), Settings(seed=1), clock=clock, log=log)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        await submit(client)
        await client.get(f"/api/v1/tasks/{OTHER}")
    await lifespan(app)
    lines = [line.partition(" ")[2].rstrip() for line in log.getvalue().splitlines()]
    assert lines == ["POST 200 video-synthesis film#1", f"GET  404 {OTHER} NotRecordedError"]


async def test_access_lines_say_what_was_simulated(clock: Any) -> None:
    log = StringIO()
    app = create_replay(Player([]), Settings(seed=1), simulates=True, clock=clock, log=log)
    headers = {"Authorization": "Bearer sk-fake-test"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers) as client:
        await submit(client)
    await lifespan(app)
    assert log.getvalue().endswith(" POST 200 video-synthesis not recorded, simulated\n")


async def lifespan(app: Callable[..., Any]) -> None:
    """Start the application and end it, as a server does."""
    orders = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, str]:
        return {"type": next(orders)}

    async def send(_: Any) -> None:
        pass

    await app({"type": "lifespan"}, receive, send)
