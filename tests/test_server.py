"""What only a real socket shows."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

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
