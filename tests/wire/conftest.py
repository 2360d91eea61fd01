"""A caller of the simulated service: what a client sends, in the fewest words."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakescope import Settings, create_app
from fakescope.catalog import Catalog, load
from fakescope.catalog.loader import HERE

TEXT_TO_VIDEO = "/api/v1/services/aigc/video-generation/video-synthesis"


class Caller:
    """One key's view of a simulator. Headers given here go with every request."""

    def __init__(self, http: httpx.AsyncClient, headers: dict[str, str] | None = None) -> None:
        self.http, self.headers = http, headers or {}

    def using(self, key: str) -> Caller:
        """The same simulator, asked with another key."""
        return Caller(self.http, self.headers | {"Authorization": f"Bearer {key}"})

    def at(self, host: str) -> Caller:
        """The same simulator, addressed by another name."""
        return Caller(self.http, self.headers | {"Host": host})

    async def send(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **rest: Any
    ) -> httpx.Response:
        return await self.http.request(method, path, headers=self.headers | (headers or {}), **rest)

    async def submit(
        self, prompt: Any = "A heron at dawn", *, path: str = TEXT_TO_VIDEO, **body: Any
    ) -> httpx.Response:
        """Submit to wan2.6-t2v, unless `model`, `input` or `parameters` say otherwise."""
        sent = {"model": "wan2.6-t2v", "input": {"prompt": prompt}} | body
        return await self.send("POST", path, json=sent, headers={"X-DashScope-Async": "enable"})

    async def accepted(self, *args: Any, **kwargs: Any) -> str:
        """Submit as `submit` does; the id of the task."""
        answer = await self.submit(*args, **kwargs)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["output"]["task_id"])

    async def poll(self, task_id: str) -> Any:
        """The whole body of a query."""
        answer = await self.send("GET", f"/api/v1/tasks/{task_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def output(self, task_id: str) -> Any:
        return (await self.poll(task_id))["output"]

    async def status(self, task_id: str) -> Any:
        return (await self.output(task_id))["task_status"]

    async def list(self, **query: Any) -> Any:
        answer = await self.send("GET", "/api/v1/tasks", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def cancel(self, task_id: str) -> httpx.Response:
        return await self.send("POST", f"/api/v1/tasks/{task_id}/cancel")

    async def order_clock(self, **order: Any) -> Any:
        answer = await self.send("PUT", "/_fakescope/clock", json=order)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def make_caller(make_client: Callable[..., httpx.AsyncClient]) -> Callable[..., Caller]:
    """A caller of a fresh simulator, with the settings of `make_client`."""
    return lambda **differs: Caller(make_client(**differs))


@pytest.fixture
def caller(make_caller: Callable[..., Caller]) -> Caller:
    """A caller of a simulator at the vendor's pace, without limits."""
    return make_caller()


@pytest.fixture
def hasty(make_caller: Callable[..., Caller]) -> Caller:
    """A caller of a simulator whose tasks have ended when they are first polled."""
    return make_caller(speed=inf)


@pytest.fixture
def amended_caller(tmp_path: Path, make_caller: Callable[..., Caller], clock: Any) -> Callable[..., Caller]:
    """A caller of a simulator whose catalogue differs in one place: for rules that no shipped model has."""

    def make(file: str, old: str, new: str, **differs: Any) -> Caller:
        folder = shutil.copytree(HERE, tmp_path / "catalog")
        text = (folder / file).read_text("utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new), "utf-8")
        catalog: Catalog = load(folder)
        chosen: dict[str, Any] = {"seed": 1, "limits": False, "speed": inf} | differs
        return make_caller(app=create_app(Settings(**chosen), catalog=catalog, clock=clock))

    return make
