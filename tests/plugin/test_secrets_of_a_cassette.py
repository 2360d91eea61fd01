"""What clients send and get of secrets is recorded by none of them, and what was recorded still answers."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from fakescope import use_cassette

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
    return requests.post(url, json=BODY, headers=HEADERS, timeout=60).json()


def by_httpx(url: str) -> Any:
    return httpx.post(url, json=BODY, headers=HEADERS, trust_env=False, verify=False, timeout=60).json()


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


POLICY = {
    "policy": base64.b64encode(b'{"expiration":"2026-11-21T00:00:00Z","conditions":[["planted"]]}').decode(),
    "signature": PLANTED["signature of a link"],
    "oss_access_key_id": PLANTED["access key id of a link"],
    "upload_host": "https://dashscope-file.oss-cn-beijing.aliyuncs.com",
    "upload_dir": f"dashscope-instant/{PLANTED['account']}/2026-11-21/a",
    "x_oss_object_acl": "private",
}


def form_by_requests(url: str, form: dict[str, str]) -> None:
    requests.post(url, data=form, files={"file": ("frame.png", base64.b64decode(IMAGE))}, timeout=60).raise_for_status()


def form_by_httpx(url: str, form: dict[str, str]) -> None:
    file = {"file": ("frame.png", base64.b64decode(IMAGE))}
    httpx.post(url, data=form, files=file, trust_env=False, verify=False, timeout=60).raise_for_status()


def form_by_aiohttp(url: str, form: dict[str, str]) -> None:
    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            data = aiohttp.FormData(form)
            data.add_field("file", base64.b64decode(IMAGE), filename="frame.png")
            async with session.post(url, data=data) as response:
                response.raise_for_status()

    asyncio.run(run())


@pytest.mark.parametrize("upload", [form_by_requests, form_by_httpx, form_by_aiohttp])
def test_no_credential_of_an_upload_reaches_a_file(upload: Any, origin: Any, tmp_path: Path) -> None:
    origin.body = json.dumps({"request_id": "r-1", "data": POLICY}).encode()
    origin.headers = {"Content-Type": "application/json", "Set-Cookie": f"acw_tc={PLANTED['cookie']}; path=/"}
    policy_url = origin.url.replace("/tasks", "/uploads?action=getPolicy&model=wan2.6-i2v")
    host = origin.url.removesuffix("api/v1/tasks")
    form = {"OSSAccessKeyId": POLICY["oss_access_key_id"], "policy": POLICY["policy"]}
    form |= {
        "Signature": POLICY["signature"],
        "key": f"{POLICY['upload_dir']}/frame.png",
        "success_action_status": "200",
    }

    with use_cassette(tmp_path / "upload.yaml", record_mode="once"):
        assert by_requests_get(policy_url)["data"]["policy"] == POLICY["policy"]
        upload(host, form)
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    origin.hits = 0
    with use_cassette(tmp_path / "upload.yaml") as session:
        policy = by_requests_get(policy_url)["data"]
        upload(host, form)

    planted = {**PLANTED, "policy": POLICY["policy"]}
    assert [name for name, secret in planted.items() if secret.encode() in written] == []
    assert policy["x_oss_object_acl"] == "private"
    assert (session.unused(), origin.hits) == ((), 0)
    assert b'filename=\\"frame.png\\"' in written
    with use_cassette(tmp_path / "upload.yaml"):  # whoever recorded it, all can replay it
        for other in (form_by_requests, form_by_httpx, form_by_aiohttp):
            other(host, form)


def by_requests_get(url: str) -> Any:
    return requests.get(url, headers=HEADERS, timeout=60).json()
