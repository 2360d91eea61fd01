"""What clients send and get of secrets is recorded by none of them, and what was recorded still answers."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from fakescope.recording.session import use_cassette

IMAGE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3).decode()
PLANTED = {
    "key in a header": "sk-0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "key in the body": "sk-11112222333344445555666677778888",
    "key in an address": "sk-99998888777766665555444433332222",
    "signature of a link": "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA",
    "access key id of a link": "LTAI5tPlantedAccessKeyId42",
    "security token": "STS.NPlantedSecurityToken0815AbCdEf",
    "cookie": "cookie-planted-8f14e45fceea167a",
    "account": "1234567890123456",
    "workspace": "llm-planted0workspace1",
    "image": IMAGE[40:80],
}
LINK = (
    "https://bucket.oss-cn-beijing.aliyuncs.com/frame.png?Expires=1770600000"
    f"&OSSAccessKeyId={PLANTED['access key id of a link']}&Signature={PLANTED['signature of a link']}"
    f"&security-token={PLANTED['security token']}&api_key={PLANTED['key in an address']}"
)
BODY = {
    "model": "wan2.6-i2v",
    "input": {
        "prompt": f"a cat; api_key={PLANTED['key in the body']}",
        "img_url": LINK,
        "api_key": PLANTED["key in the body"],
    },
    "parameters": {"mask": f"data:image/png;base64,{IMAGE}", "uid": PLANTED["account"]},
}
HEADERS = {
    "Authorization": f"Bearer {PLANTED['key in a header']}",
    "Cookie": f"session={PLANTED['cookie']}",
    "X-DashScope-Async": "enable",
    "X-DashScope-Uid": PLANTED["account"],
    "X-DashScope-WorkSpace": PLANTED["workspace"],
}
Post = Callable[[str], Any]


def by_requests(url: str) -> Any:
    return requests.post(url, json=BODY, headers=HEADERS, timeout=5).json()


def by_httpx(url: str) -> Any:
    return httpx.post(url, json=BODY, headers=HEADERS, trust_env=False).json()


def by_aiohttp(url: str) -> Any:
    async def run() -> Any:
        async with aiohttp.ClientSession() as session, session.post(url, json=BODY, headers=HEADERS) as response:
            return await response.json()

    return asyncio.run(run())


@pytest.mark.parametrize("post", [by_requests, by_httpx, by_aiohttp])
def test_no_secret_reaches_a_file(post: Post, base: str, submit_path: str, tmp_path: Path) -> None:
    query = f"?api_key={PLANTED['key in an address']}&Signature={PLANTED['signature of a link']}"
    url = f"{base}{submit_path}{query}"
    with use_cassette(tmp_path / "secrets.yaml", record_mode="once"):
        recorded = post(url)
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    with use_cassette(tmp_path / "secrets.yaml") as session:
        replayed = post(url)

    assert recorded["output"]["task_status"] == "PENDING"
    assert b"wan2.6-i2v" in written
    assert [name for name, secret in PLANTED.items() if secret.encode() in written] == []
    assert replayed["output"]["task_status"] == "PENDING"
    assert session.unused() == ()
