"""Replay inside a process: clients that are given a transport, and time that they move themselves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from fakescope.errors import CommandError
from fakescope.recording.exchange import Exchange, Request, Response
from fakescope.recording.files import save
from fakescope.recording.misses import NotRecordedError
from fakescope.recording.player import Player
from fakescope.recording.transport import AsyncReplayTransport, ReplayTransport
from fakescope_client import AsyncClient, Client

ID = "7d1c53f0-9a2b-4c6e-8f10-2b3c4d5e6f01"


class Time:
    """Both clocks, the replay's and the client's: they move when the client sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def read(self) -> int:
        return 1_770_600_000_000 + round(self.seconds * 1000)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    async def asleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def player(tapes: Any) -> Player:
    link = json.loads(tapes.standing(ID, "SUCCEEDED").body)["output"]["video_url"]
    film = Exchange(Request("GET", link), Response(200, (("Content-Type", "video/mp4"),), b"a film"), 110_000)
    return Player([tapes.cassette(*tapes.task(), film)])


def test_client_runs_a_task_and_downloads_its_film(player: Player, time: Time, tmp_path: Path) -> None:
    http = httpx.Client(transport=ReplayTransport(player, clock=time))
    with http, Client("sk-fake", http=http, sleep=time.sleep, clock=lambda: time.seconds, seed=1) as client:
        film = client.text_to_video("a cat", model="wan2.6-t2v", size="1280*720")
        client.download(film, tmp_path / "film.mp4")
    assert (film.status, film.id) == ("SUCCEEDED", ID)
    assert 100 <= time.seconds < 120
    assert (tmp_path / "film.mp4").read_bytes() == b"a film"


def test_asyncio_client_runs_a_task(player: Player, time: Time) -> None:
    async def run() -> str:
        async with httpx.AsyncClient(transport=AsyncReplayTransport(player, clock=time)) as http:
            client = AsyncClient("sk-fake", http=http, sleep=time.asleep, clock=lambda: time.seconds, seed=1)
            return (await client.text_to_video("a cat", model="wan2.6-t2v", size="1280*720")).status

    assert asyncio.run(run()) == "SUCCEEDED"
    assert 100 <= time.seconds < 120


def test_miss_is_raised_through_the_client(player: Player, time: Time) -> None:
    http = httpx.Client(transport=ReplayTransport(player, clock=time))
    said = r"input\.prompt: recorded 'a cat', sent 'a bat'"
    with Client("sk-fake", http=http, sleep=time.sleep) as client, pytest.raises(NotRecordedError, match=said):
        client.text_to_video("a bat", model="wan2.6-t2v", size="1280*720")
    assert time.seconds == 0


def test_clock_takes_the_orders_of_the_control_api(
    player: Player, time: Time, tapes: Any, status_of: Callable[[Any], str]
) -> None:
    transport = ReplayTransport(player, clock=time)
    with httpx.Client(transport=transport) as http:
        request = tapes.submission()
        http.post(request.url, content=request.body, headers=dict(request.headers))
        poll = tapes.poll(ID).url
        transport.order_clock({"action": "freeze"})
        time.sleep(50)
        assert status_of(http.get(poll)) == "PENDING"
        transport.order_clock({"action": "advance", "seconds": 20})
        assert status_of(http.get(poll)) == "RUNNING"
        transport.order_clock({"action": "tick", "auto_advance_s": 40})
        assert [status_of(http.get(poll)) for _ in range(2)] == ["RUNNING", "SUCCEEDED"]
        with pytest.raises(CommandError, match="not one of freeze, advance"):
            transport.order_clock({"action": "back"})


@pytest.mark.parametrize("what", ["film.yaml", "."])
def test_transport_plays_a_file_or_a_folder(
    what: str, tapes: Any, time: Time, tmp_path: Path, status_of: Callable[[Any], str]
) -> None:
    save(tapes.cassette(*tapes.task()), tmp_path / "film.yaml")
    with httpx.Client(transport=ReplayTransport(tmp_path / what, by="polls", clock=time)) as http:
        request = tapes.submission()
        sent = http.post(request.url, content=request.body, headers=dict(request.headers))
        poll = f"http://anywhere/tasks/{sent.json()['output']['task_id']}"
        assert [status_of(http.get(poll)) for _ in range(4)] == ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED"]


class OneAtATime(Player):
    """A player that notices when two threads ask it at once."""

    is_asked = False

    def answer(self, *_: Any, **__: Any) -> Response:
        assert not self.is_asked
        self.is_asked = True
        Event().wait(0.002)  # lets the other threads in
        self.is_asked = False
        return Response(200)


def test_threads_ask_a_transport_one_after_the_other() -> None:
    with httpx.Client(transport=ReplayTransport(OneAtATime([]))) as http, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(http.get, ["http://h/api/v1/tasks/x"] * 16))
    assert [answer.status_code for answer in answers] == [200] * 16


def test_head_has_no_body(player: Player, time: Time, tapes: Any) -> None:
    with httpx.Client(transport=ReplayTransport(player, clock=time)) as http:
        answer = http.head(tapes.poll(ID).url)
    assert (answer.status_code, answer.content) == (200, b"")
