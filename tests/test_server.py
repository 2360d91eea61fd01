"""What only a real socket shows, and how answers are written to one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

from fakescope.server import _Outbox, _Protocol, _Writer

BODY = json.dumps({"model": "wan2.6-t2v", "input": {"prompt": "Upgrade: h2c \r\n\r\n is only a prompt"}}).encode()


def test_body_survives_an_offer_of_http2(start_server: Callable[..., Any]) -> None:
    address = urlsplit(start_server("--no-limits").base)
    head = (
        "POST /api/v1/services/aigc/video-generation/video-synthesis HTTP/1.1\r\n"
        "Connection: Upgrade, HTTP2-Settings\r\nHost: test\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\nUpgrade: h2c\r\n"
        "Authorization: Bearer sk-fake-h2c\r\nX-DashScope-Async: enable\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    )

    with socket.create_connection((address.hostname, address.port), timeout=60) as client:
        client.sendall(head.encode() + BODY)
        answer = client.recv(10_000)
        while not answer.endswith(b"}"):  # head and body may come apart
            answer += client.recv(10_000)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["output"]["task_status"] == "PENDING"


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    command = [sys.executable, "-m", "fakescope", "serve", "--port", "0", "--no-limits", "--seed", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base = process.stdout.readline().removeprefix("fakescope ready on ").strip()

        try:
            with httpx.Client(headers={"Authorization": "Bearer sk-fake-unread"}, timeout=60) as client:
                for _ in range(2_500):  # far more lines than a pipe holds
                    assert client.get(f"{base}/tasks/nobody-knows-this-task-id-nobody-knows").status_code == 200
            process.terminate()

            assert process.wait(timeout=60) == 0
        finally:
            process.kill()  # leaving the block waits for its end


def test_a_head_without_end_is_cut_off(start_server: Callable[..., Any]) -> None:
    address = urlsplit(start_server("--no-limits").base)

    with socket.create_connection((address.hostname, address.port), timeout=60) as client:
        client.sendall(b"GET /api/v1/tasks/x HTTP/1.1\r\nHost: test\r\n")
        with contextlib.suppress(OSError):  # closed while we write
            for _ in range(64):
                client.sendall(b"X-Padding: " + b"a" * 4_096 + b"\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1_000)[:12] in (b"HTTP/1.1 400", b"")


class Line:
    """A transport that keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.is_gone = False

    def write(self, data: bytes) -> None:
        if self.is_gone:
            raise RuntimeError("the transport is closed")
        self.told.append(data)

    def close(self) -> None:
        self.told.append("closed")

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return self.is_gone

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 1) if name.endswith("name") else None


def writers(*lines: Line) -> list[_Writer]:
    outbox = _Outbox()
    return [_Writer(cast(asyncio.Transport, line), outbox) for line in lines]


@pytest.mark.anyio
async def test_head_and_body_leave_in_one_piece() -> None:
    one, other = Line(), Line()
    first, second = writers(one, other)

    for piece in (b"head ", b"body"):
        first.write(piece)
        second.write(piece)
    assert one.told == other.told == []
    await asyncio.sleep(0)

    assert one.told == other.told == [b"head body"]
    first.write(b"next")
    await asyncio.sleep(0)
    assert one.told == [b"head body", b"next"]


@pytest.mark.anyio
async def test_what_was_written_leaves_before_the_connection_is_closed() -> None:
    line = Line()
    (writer,) = writers(line)

    writer.write(b"bye")
    writer.close()
    await asyncio.sleep(0)

    assert line.told == [b"bye", "closed"]


@pytest.mark.anyio
async def test_a_client_that_left_keeps_nothing_from_the_others() -> None:
    gone, here = Line(), Line()
    first, second = writers(gone, here)

    first.write(b"one")
    second.write(b"other")
    gone.is_gone = True
    await asyncio.sleep(0)

    assert gone.told == []
    assert here.told == [b"other"]


@pytest.mark.anyio
async def test_a_long_stream_is_handed_on_as_it_comes() -> None:
    line = Line()
    (writer,) = writers(line)

    for _ in range(100):
        writer.write(b"x")

    assert len(b"".join(line.told)) > 90  # without the loop having gone round: the transport can say: enough
    await asyncio.sleep(0)
    assert b"".join(line.told) == b"x" * 100


def test_everything_else_is_the_transport_itself() -> None:
    (writer,) = writers(Line())

    assert writer.get_extra_info("peername") == ("127.0.0.1", 1)


@pytest.mark.anyio
async def test_a_piece_of_a_large_body_and_the_next_head_is_no_endless_head() -> None:
    asked: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    config = uvicorn.Config(app, interface="asgi3", lifespan="off", log_config=None)
    config.load()
    protocol = _Protocol(config, ServerState(), {}, outbox=_Outbox())
    line = Line()
    protocol.connection_made(cast(asyncio.Transport, line))

    protocol.data_received(b"POST /first HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000 + b"GET /sec")
    protocol.data_received(b"ond HTTP/1.1\r\n\r\n")
    for _ in range(10):
        await asyncio.sleep(0)
    answers = list(line.told)
    protocol.connection_lost(None)

    assert asked == ["/first", "/second"]
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200"] * 2
