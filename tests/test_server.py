"""What only a real socket shows."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

BODY = json.dumps({"model": "wan2.6-t2v", "input": {"prompt": "Upgrade: h2c \r\n\r\n is only a prompt"}}).encode()


def test_body_survives_an_offer_of_http2(start_server: Callable[..., Any]) -> None:
    address = urlsplit(start_server("--no-limits").base)
    head = (
        "POST /api/v1/services/aigc/video-generation/video-synthesis HTTP/1.1\r\n"
        "Connection: Upgrade, HTTP2-Settings\r\nHost: test\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\nUpgrade: h2c\r\n"
        "Authorization: Bearer sk-fake-h2c\r\nX-DashScope-Async: enable\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    )

    with socket.create_connection((address.hostname, address.port), timeout=5) as client:
        client.sendall(head.encode() + BODY)
        answer = client.recv(10_000)
        while not answer.endswith(b"}"):  # head and body may come apart
            answer += client.recv(10_000)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["output"]["task_status"] == "PENDING"


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    command = [sys.executable, "-m", "fakescope", "serve", "--port", "0", "--no-limits"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base = process.stdout.readline().removeprefix("fakescope ready on ").strip()

        with httpx.Client(headers={"Authorization": "Bearer sk-fake-unread"}, timeout=5) as client:
            for _ in range(2_500):  # far more lines than a pipe holds
                assert client.get(f"{base}/tasks/nobody-knows-this-task-id-nobody-knows").status_code == 200
        process.terminate()

        assert process.wait(timeout=5) == 0


def test_a_head_without_end_is_cut_off(start_server: Callable[..., Any]) -> None:
    address = urlsplit(start_server("--no-limits").base)

    with socket.create_connection((address.hostname, address.port), timeout=5) as client:
        client.sendall(b"GET /api/v1/tasks/x HTTP/1.1\r\nHost: test\r\n")
        with contextlib.suppress(OSError):  # closed while we write
            for _ in range(64):
                client.sendall(b"X-Padding: " + b"a" * 4_096 + b"\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1_000)[:12] in (b"HTTP/1.1 400", b"")
