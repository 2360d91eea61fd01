"""Recordings made by hand, with instants of our choice, and the ways to replay them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakescope import Settings
from fakescope.app import create_replay
from fakescope.recording.exchange import Cassette, Exchange, Provenance, Request, Response
from fakescope.recording.files import save
from fakescope.recording.player import Player

VENDOR = "https://dashscope.aliyuncs.com/api/v1"
FILM = f"{VENDOR}/services/aigc/video-generation/video-synthesis"
RESULT = "https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/1d/7d"
FOUR_POLLS = ((0, "PENDING"), (20, "RUNNING"), (60, "RUNNING"), (100, "SUCCEEDED"))


class Tapes:
    """Makes requests and exchanges as the vendor's documents show them; instants are seconds."""

    def submission(self, prompt: str = "a cat", *, url: str = FILM, mode: str = "enable", **differs: Any) -> Request:
        body = {"model": "wan2.6-t2v", "input": {"prompt": prompt}, "parameters": {"size": "1280*720"}} | differs
        headers = (("X-DashScope-Async", mode), ("Content-Type", "application/json"))
        return Request("POST", url, headers, json.dumps(body).encode())

    def poll(self, task_id: str, *, base: str = VENDOR) -> Request:
        return Request("GET", f"{base}/tasks/{task_id}")

    def cancel(self, task_id: str) -> Request:
        return Request("POST", f"{VENDOR}/tasks/{task_id}/cancel")

    def json(self, body: Any, status: int = 200) -> Response:
        return Response(status, (("Content-Type", "application/json"),), json.dumps(body).encode())

    def standing(self, task_id: str, status: str) -> Response:
        output = {"task_id": task_id, "task_status": status}
        if status == "SUCCEEDED":
            output["video_url"] = f"{RESULT}/{task_id}.mp4?Expires=1&Signature=redacted"
        return self.json({"request_id": f"r-{status}", "output": output})

    def task(
        self,
        prompt: str = "a cat",
        task_id: str = "7d1c53f0-9a2b-4c6e-8f10-2b3c4d5e6f01",
        polls: Sequence[tuple[float, str]] = FOUR_POLLS,
        *,
        at: float = 0,
    ) -> list[Exchange]:
        """A submission and its polls, so many seconds later."""
        made = [Exchange(self.submission(prompt), self.standing(task_id, "PENDING"), round(at * 1000))]
        for seconds, status in polls:
            answer = self.standing(task_id, status)
            made.append(Exchange(self.poll(task_id), answer, round((at + seconds) * 1000)))
        return made

    def cassette(self, *exchanges: Exchange, name: str = "film") -> Cassette:
        ordered = sorted(exchanges, key=lambda exchange: exchange.at_ms)
        return Cassette(Provenance("seen", "2026-11-20", "by hand", {"fakescope": "0"}), tuple(ordered), name)


@pytest.fixture(scope="session")
def tapes() -> Tapes:
    return Tapes()


@pytest.fixture
def status_of() -> Callable[[Any], str]:
    """The task's status in an answer."""

    def status(answer: Any) -> str:
        body = answer.content if isinstance(answer, httpx.Response) else answer.body
        return str(json.loads(body)["output"]["task_status"])

    return status


@pytest.fixture
def replaying(clock: Any) -> Callable[..., httpx.AsyncClient]:
    """An HTTP client of a replay in this process, on the manual clock and at the recorded pace."""

    def make(
        *cassettes: Cassette, speed: float = 1.0, origin: str = "http://test", settings: Any = None, **options: Any
    ) -> httpx.AsyncClient:
        player = Player(cassettes, speed=speed)
        app = create_replay(player, settings or Settings(seed=1), clock=clock, **options)
        headers = {"Authorization": "Bearer sk-fake-test"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=origin, headers=headers)

    return make


class ReplayServer:
    """`fakescope replay` in a process of its own."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "fakescope", "replay", str(folder), "--port", "0", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline().rstrip("\n")
        self.base = self.ready.removeprefix("fakescope ready on ")
        self.origin = self.base.removesuffix("/api/v1")

    def stop(self) -> str:
        """End it, and give what it said on standard error."""
        if self.process.poll() is None:
            self.process.terminate()
        _, said = self.process.communicate(timeout=60)
        return said


@pytest.fixture(scope="session")
def replay_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ReplayServer]]:
    """Save these cassettes into a folder and replay it; servers are stopped at the end of the run."""
    started: list[ReplayServer] = []

    def start(*cassettes: Cassette, folder: Path | None = None, flags: Sequence[str] = ()) -> ReplayServer:
        folder = folder or tmp_path_factory.mktemp("cassettes")
        for cassette in cassettes:
            save(cassette, folder / f"{cassette.name}.yaml")
        started.append(ReplayServer(folder, *flags))
        return started[-1]

    yield start
    for server in started:
        server.stop()
