"""Over a real socket, to uvicorn: two hundred waits at once keep the vendor's limits, on connections that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

import httpx
import pytest

from fakescope_client import AsyncClient, Client

MODELS = ("wan2.5-t2v-preview", "wan2.6-t2v", "wan2.7-t2v", "happyhorse-1.0-t2v")  # each takes five a second
WAITS = 200
KEY = "sk-fake-crowd"


class Stage:
    """Time for many actors: it goes on, here and for the simulator, when nobody is left who does something."""

    def __init__(self, actors: int, advance: Callable[[float], Any]) -> None:
        self.now = 0.0
        self._awake, self._advance = actors, advance
        self._asleep: list[tuple[float, int, asyncio.Event]] = []
        self._turns = count()

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        heappush(self._asleep, (self.now + seconds, next(self._turns), event))
        await self.leave()
        await event.wait()

    async def leave(self) -> None:
        self._awake -= 1
        if not self._awake and self._asleep:
            at, _, event = heappop(self._asleep)
            await self._advance(at - self.now)
            self.now, self._awake = at, 1
            event.set()


@pytest.mark.anyio
async def test_two_hundred_waits_keep_the_limits_of_the_vendor(start_server: Callable[..., Any]) -> None:
    server = start_server("--speed", "1")  # with limits: the 21st poll in a second is refused
    polled: list[tuple[float, int]] = []
    ports: set[int] = set()

    async def order(action: str, **values: float) -> None:
        await control.put("/_fakescope/clock", json={"action": action, **values})

    async def note(response: httpx.Response) -> None:
        polled.append((stage.now, response.status_code))
        ports.add(response.extensions["network_stream"].get_extra_info("client_addr")[1])

    stage = Stage(WAITS, lambda seconds: order("advance", seconds=seconds))
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        httpx.AsyncClient(base_url=server.origin, headers=headers, trust_env=False, timeout=60) as control,
        httpx.AsyncClient(trust_env=False, timeout=60, event_hooks={"response": [note]}) as http,
    ):
        await order("freeze")
        time: Any = {"sleep": stage.sleep, "clock": lambda: stage.now}
        client = AsyncClient(KEY, base_url=server.base, http=http, seed=1, **time)
        tasks = []
        for _ in range(WAITS // 20):
            tasks += [
                await client.submit(model, {"prompt": "[fakescope:seconds=3]"}) for model in MODELS for _ in range(5)
            ]
            await order("advance", seconds=1)
        polled.clear()

        async def wait(task_id: str) -> str:
            task = await client.wait(task_id)
            await stage.leave()
            return task.status

        ended = await asyncio.gather(*(wait(task.id) for task in tasks))

    assert ended == ["SUCCEEDED"] * WAITS
    assert {status for _, status in polled} == {200}
    times = [at for at, _ in polled]
    assert max(sum(start <= at < start + 1 for at in times) for start in times) <= 20
    assert len(polled) > WAITS  # the last ones are asked for before they can have ended
    assert len(ports) <= 20  # a connection is used again and again; the official SDK opens one per poll


def test_threads_share_a_client(start_server: Callable[..., Any]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    server = start_server("--speed", "max", "--no-limits")
    with Client("sk-fake-threads", base_url=server.base) as client, ThreadPoolExecutor(8) as pool:
        films = list(pool.map(lambda n: client.text_to_video(f"cat {n}"), range(16)))

    assert len({film.id for film in films}) == 16
    assert {film.status for film in films} == {"SUCCEEDED"}
