"""The client: what its import costs, how soon five virtual minutes are over, and how fast two hundred waits poll."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from time import perf_counter

import httpx

from benchmarks.report import Row, rounds
from benchmarks.servers import running
from fakescope import Settings, create_app
from fakescope.catalog import Catalog, load
from fakescope_client import AsyncClient

__all__ = ["crowd", "imported", "virtual"]

_IMPORT = "import httpx, time; t = time.perf_counter(); import {}; print((time.perf_counter() - t) * 1000)"
_MARK = "A heron at dawn [fakescope:seconds={}]"
_WAITS = 200


def imported(count: int) -> Iterator[Row]:
    found: dict[str, list[float]] = {"fakescope_client": [], "dashscope": []}
    for module in found:  # once for the bytecode and the disk
        _ms_to_import(module)
    for _ in rounds(count, "import"):
        for module, took in found.items():
            took.append(_ms_to_import(module))
    ours, theirs = found.values()
    yield Row("ms to import fakescope_client once httpx is", ours, most=15)
    yield Row("the same against the official SDK", ours, theirs)


def _ms_to_import(module: str) -> float:
    command = [sys.executable, "-c", _IMPORT.format(module)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


class _Clock:
    """For both sides: it moves when the client sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def read(self) -> int:
        return 1_770_600_000_000 + round(self.seconds * 1000)

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def virtual(count: int) -> Iterator[Row]:
    catalog = load()
    found = [asyncio.run(_ms_for_five_minutes(catalog)) for _ in rounds(count, "five minutes")]
    yield Row("ms of wall time to wait for a task of 5 minutes, in process", found, most=20)


async def _ms_for_five_minutes(catalog: Catalog) -> float:
    clock = _Clock()
    app = create_app(Settings(speed=1, seed=1), catalog=catalog, clock=clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
        options = {"base_url": "http://fakescope/api/v1", "http": http, "sleep": clock.sleep}
        client = AsyncClient("sk-fake-bench", clock=lambda: clock.seconds, seed=1, **options)  # type: ignore[arg-type]
        task = await client.text_to_video(_MARK.format(300), wait=False)
        started = perf_counter()
        await client.wait(task)
        took = (perf_counter() - started) * 1000
    assert clock.seconds >= 300
    return took


def crowd(_: int) -> Iterator[Row]:
    """Real time on a real socket: one round is enough."""
    with running() as server:
        polled = asyncio.run(_poll_times(f"http://127.0.0.1:{server.port}/api/v1"))
    fastest = max(sum(start <= at < start + 1 for at in polled) for start in polled)
    yield Row(f"polls in the fastest second of {_WAITS} waits at once", [float(fastest)], most=20)
    yield Row("polls a second, on average", [len(polled) / (polled[-1] - polled[0])])


async def _poll_times(base: str) -> list[float]:
    polled: list[float] = []

    async def note(_: httpx.Request) -> None:
        polled.append(perf_counter())

    async with httpx.AsyncClient(event_hooks={"request": [note]}, trust_env=False) as http:
        client = AsyncClient("sk-fake-bench", base_url=base, http=http)
        tasks = [await client.text_to_video(_MARK.format(12), wait=False) for _ in range(_WAITS)]
        polled.clear()
        await asyncio.gather(*(client.wait(task) for task in tasks))
    return polled
