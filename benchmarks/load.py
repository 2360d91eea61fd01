"""Requests as bytes, and two ways to send very many: `wrk` for rates, a raw client for whole lifecycles."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from uvloop import new_event_loop

__all__ = [
    "CONNECTIONS",
    "SUBMIT_PATH",
    "body",
    "exchange",
    "has_wrk",
    "lifecycles",
    "page",
    "poll",
    "rate",
    "submit",
    "task_id_in",
    "task_ids_in",
]

CONNECTIONS = 32
_SCRIPT = Path(__file__).parent / "requests.lua"
_HEAD = "{} {} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nAuthorization: Bearer sk-fake-bench\r\n"
SUBMIT_PATH = "/api/v1/services/aigc/video-generation/video-synthesis"


def body(mark: str = "", *, size_bytes: int = 600) -> dict[str, Any]:
    """Every field of wan2.6-t2v. `mark` is a test mark; the prompt fills the JSON up to its size."""
    given = {"prompt": mark, "negative_prompt": "blurred, noisy", "audio_url": "https://example.com/voice.mp3"}
    parameters = {"size": "1280*720", "duration": 10, "prompt_extend": True, "shot_type": "multi", "watermark": False}
    whole: dict[str, Any] = {"model": "wan2.6-t2v", "input": given, "parameters": {**parameters, "seed": 12_345}}
    given["prompt"] += "x" * (size_bytes - len(json.dumps(whole)))
    return whole


def submit(mark: str = "") -> bytes:
    """A submission as a client sends it."""
    content = json.dumps(body(mark))
    head = (
        f"{_HEAD}Content-Type: application/json\r\nX-DashScope-Async: enable\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return (head.format("POST", SUBMIT_PATH) + content).encode()


def poll(task_id: str) -> bytes:
    return f"{_HEAD}\r\n".format("GET", f"/api/v1/tasks/{task_id}").encode()


def page(number: int, size: int) -> bytes:
    return f"{_HEAD}\r\n".format("GET", f"/api/v1/tasks?page_no={number}&page_size={size}").encode()


def exchange(connection: socket.socket, request: bytes) -> bytes:
    """Send a request and read its answer whole. Anything but 200 is an exception."""
    connection.sendall(request)
    answer = b""
    while not _is_whole(answer):
        if not (part := connection.recv(65_536)):
            raise RuntimeError(f"the connection was closed after {answer[:200]!r}")
        answer += part
    return answer


def task_id_in(answer: bytes) -> str:
    return answer.partition(b'"task_id":"')[2][:36].decode()


def task_ids_in(answer: bytes) -> list[str]:
    return [row["task_id"] for row in json.loads(answer.partition(b"\r\n\r\n")[2])["data"]]


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"refused: {answer[:1000]!r}")
    return len(body) >= int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])


# -- wrk


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def rate(port: int, requests: Sequence[bytes], *, seconds: int = 2) -> float:
    """Requests per second over 32 connections, going round these. An answer that is not 200 is an exception."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\0".join(requests))
        file.flush()
        wrk = [
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{seconds}s",
            "-s",
            str(_SCRIPT),
            f"http://127.0.0.1:{port}",
            file.name,
        ]
        done = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
    result = json.loads(done.splitlines()[-1])
    if result["errors"]:
        raise RuntimeError(f"wrk met {result['errors']} errors:\n{done}")
    return float(result["requests"] / result["seconds"])


# -- whole lifecycles


def lifecycles(port: int, count: int, *, polls: int = 3, mark: str = "") -> float:
    """Seconds for so many submissions over 32 connections, each polled so many times before the next."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(_lifecycles(port, count, polls, submit(mark)))


async def _lifecycles(port: int, count: int, polls: int, request: bytes) -> float:
    loop = asyncio.get_running_loop()
    work = iter(range(count))
    started = perf_counter()
    clients = [_Client(_script(work, polls, request)) for _ in range(CONNECTIONS)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*(client.done for client in clients))
    return perf_counter() - started


def _script(work: Iterator[int], polls: int, request: bytes) -> Generator[bytes, bytes, None]:
    """What a connection sends, given the answer to what it sent before."""
    for _ in work:
        query = poll(task_id_in((yield request)))
        for _ in range(polls):
            yield query


class _Client(asyncio.Protocol):
    """One connection that follows a script."""

    def __init__(self, script: Generator[bytes, bytes, None]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._script, self._answer = script, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._transport.write(next(self._script))

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if _is_whole(self._answer):
            answer, self._answer = self._answer, b""
            try:
                self._transport.write(self._script.send(answer))
            except StopIteration:
                self.done.set_result(None)
                self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or RuntimeError("the server closed the connection"))
