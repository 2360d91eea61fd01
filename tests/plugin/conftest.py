"""Every client that a cassette is to catch, each making one film, and a simulator whose tasks end at once."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import dashscope
import httpx
import pytest
import requests
import vcr  # type: ignore[import-untyped]
from dashscope.aigc.video_synthesis import AioVideoSynthesis

import fakescope_client

MODEL = "wan2.6-t2v"
SUBMIT = "/services/aigc/video-generation/video-synthesis"


class Film(NamedTuple):
    """What a client got: how the task ended, the prompt that its answer repeats, and the link."""

    status: str
    prompt: str
    url: str


def film_of(answer: Any) -> Film:
    output = answer["output"]
    return Film(output["task_status"], output["orig_prompt"], output["video_url"])


def headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "X-DashScope-Async": "enable"}


def body(prompt: str) -> dict[str, Any]:
    return {"model": MODEL, "input": {"prompt": prompt}}


def by_our_client(base: str, key: str, prompt: str) -> Film:
    with fakescope_client.Client(key, base_url=base) as client:
        return film_of(client.text_to_video(prompt, model=MODEL).raw)


def by_our_async_client(base: str, key: str, prompt: str) -> Film:
    async def run() -> Film:
        async with fakescope_client.AsyncClient(key, base_url=base) as client:
            return film_of((await client.text_to_video(prompt, model=MODEL)).raw)

    return asyncio.run(run())


@contextmanager
def sdk_at(base: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")  # the SDK asks a proxy for 127.0.0.1, too
        patch.setattr(dashscope, "base_http_api_url", base)
        yield
    dashscope.close_shared_sync_session()


def by_sdk(base: str, key: str, prompt: str) -> Film:
    video: Any = dashscope.VideoSynthesis
    with sdk_at(base):
        return film_of(video.call(MODEL, prompt, api_key=key))


def by_sdk_asyncio(base: str, key: str, prompt: str) -> Film:
    async def run() -> Film:
        video: Any = AioVideoSynthesis
        try:
            return film_of(await video.call(MODEL, prompt, api_key=key))
        finally:
            close: Any = dashscope.close_shared_aio_session
            await close()

    with sdk_at(base):
        return asyncio.run(run())


def by_sdk_client(base: str, key: str, prompt: str) -> Film:
    with dashscope.Client(base_url=base, api_key=key) as client:
        job: Any = client.videos.jobs.create(model=MODEL, prompt=prompt)
        done: Any = client.videos.jobs.wait(job.task_id)
        return Film(done.status, done.output["orig_prompt"], done.video_url)


def by_sdk_async_client(base: str, key: str, prompt: str) -> Film:
    async def run() -> Film:
        async with dashscope.AsyncClient(base_url=base, api_key=key) as client:
            job: Any = await client.videos.jobs.create(model=MODEL, prompt=prompt)
            done: Any = await client.videos.jobs.wait(job.task_id)
            return Film(done.status, done.output["orig_prompt"], done.video_url)

    return asyncio.run(run())


def by_httpx(base: str, key: str, prompt: str) -> Film:
    with httpx.Client(headers=headers(key), trust_env=False, verify=False, timeout=60) as client:
        task = client.post(base + SUBMIT, json=body(prompt)).json()["output"]["task_id"]
        return film_of(client.get(f"{base}/tasks/{task}").json())


def by_httpx_asyncio(base: str, key: str, prompt: str) -> Film:
    async def run() -> Film:
        async with httpx.AsyncClient(headers=headers(key), trust_env=False, verify=False, timeout=60) as client:
            task = (await client.post(base + SUBMIT, json=body(prompt))).json()["output"]["task_id"]
            return film_of((await client.get(f"{base}/tasks/{task}")).json())

    return asyncio.run(run())


def by_requests(base: str, key: str, prompt: str) -> Film:
    with requests.Session() as session:
        session.headers.update(headers(key))
        task = session.post(base + SUBMIT, json=body(prompt), timeout=60).json()["output"]["task_id"]
        return film_of(session.get(f"{base}/tasks/{task}", timeout=60).json())


def by_aiohttp(base: str, key: str, prompt: str) -> Film:
    async def run() -> Film:
        async with aiohttp.ClientSession(headers=headers(key)) as session:
            async with session.post(base + SUBMIT, json=body(prompt)) as response:
                task = (await response.json())["output"]["task_id"]
            async with session.get(f"{base}/tasks/{task}") as response:
                return film_of(await response.json())

    return asyncio.run(run())


MakeFilm = Callable[[str, str, str], Film]
CLIENTS: dict[str, MakeFilm] = {
    "our client": by_our_client,
    "our client, asyncio": by_our_async_client,
    "SDK, classic": by_sdk,
    "SDK, asyncio": by_sdk_asyncio,
    "SDK, Client": by_sdk_client,
    "SDK, AsyncClient": by_sdk_async_client,
    "httpx": by_httpx,
    "httpx, asyncio": by_httpx_asyncio,
    "requests": by_requests,
    "aiohttp": by_aiohttp,
}


@pytest.fixture(params=CLIENTS)
def make_film(request: pytest.FixtureRequest) -> MakeFilm:
    """`make_film(base, key, prompt)`, by every client in turn."""
    return CLIENTS[request.param]


@pytest.fixture(scope="session")
def make_film_by_sdk() -> MakeFilm:
    return by_sdk


@pytest.fixture(scope="session")
def base(start_server: Callable[..., Any]) -> str:
    """A simulator whose tasks end at once: no client waits."""
    return str(start_server("--speed", "max", "--no-limits").base)


@pytest.fixture
def nowhere() -> Iterator[str]:
    """A base address on which nobody listens: whatever goes out is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/api/v1"


@pytest.fixture
def submit_path() -> str:
    return SUBMIT


class Recorded(NamedTuple):
    """A cassette as users of VCR.py have it: one film by the SDK, and how the task stood at each of its four polls."""

    path: Path
    prompt: str
    statuses: tuple[str, ...]


@pytest.fixture(scope="session")
def plain(start_server: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    base = str(start_server("--speed", "1", "--no-limits").base)
    clock = base.replace("127.0.0.1", "localhost").replace("/api/v1", "/_fakescope/clock")
    path, prompt = tmp_path_factory.mktemp("plain") / "plain.yaml", "a cat [fakescope:seconds=100]"
    video: Any = dashscope.VideoSynthesis
    statuses = []
    with sdk_at(base), vcr.use_cassette(str(path), ignore_hosts=["localhost"]):

        def order(action: str, **values: float) -> None:
            owner = {"Authorization": "Bearer sk-fake-plain"}
            httpx.put(
                clock, json={"action": action, **values}, headers=owner, trust_env=False, timeout=60
            ).raise_for_status()

        order("freeze")
        task = video.async_call(MODEL, prompt, api_key="sk-fake-plain")
        for seconds in (0, 11, 50, 50):  # it waits at most 10 s and runs for 100
            order("advance", seconds=seconds)
            statuses.append(video.fetch(task, api_key="sk-fake-plain").output.task_status)
    assert statuses == ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED"]
    return Recorded(path, prompt, tuple(statuses))


class Origin:
    """A server that answers everything with one body, and counts."""

    def __init__(self) -> None:
        self.hits, self.counting = 0, threading.Lock()
        self.body, self.headers = b'{"output":{"text":"hello"}}', {"Content-Type": "application/json"}
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with origin.counting:
                    origin.hits += 1
                self.send_response(200)
                for name, value in origin.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(origin.body)))
                self.end_headers()
                self.wfile.write(origin.body)

            do_POST = do_GET  # noqa: N815 - their names there

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128  # of five, the sixth client that comes at once may wait for seconds
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/v1/tasks"


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Origin]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    origin = Origin()
    thread = threading.Thread(target=origin.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield origin
    origin.server.shutdown()
    thread.join()
    origin.server.server_close()


@pytest.fixture(scope="session")
def clients() -> dict[str, MakeFilm]:
    return CLIENTS
