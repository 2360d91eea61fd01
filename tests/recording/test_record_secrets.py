"""Secrets of twelve kinds, planted in requests and answers that pass the recorder: no byte on the disk has one."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

from fakescope.catalog import Catalog
from fakescope.recording.budget import Budget, Prices, Purse
from fakescope.recording.files import load, save
from fakescope.recording.proxy import Proxy, make_client
from fakescope.recording.recorder import Recorder

VENDOR = "https://dashscope.aliyuncs.com"
T2V = "/api/v1/services/aigc/video-generation/video-synthesis"
TASK = "/api/v1/tasks/7d3f9a52-6c1b-4e8d-9b7a-2f4c6e8a0b1d"
PICTURE = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4).decode()

PLANTED = {
    "upstream key": "sk-0123456789abcdef0123456789abcdef",
    "client key": "sk-fedcba9876543210fedcba9876543210",
    "key in a body": "sk-aaaabbbbccccddddeeeeffff00001111",
    "key in a url": "sk-99998888777766665555444433332222",
    "signature": "Hq3bK9mTzXw2RvYp7LsN4dGf8Jc%3D",
    "access key id": "LTAI5tPlantedAccessKeyId1",
    "policy": b64encode(b'{"expiration": "2026-02-09T12:00:00Z", "conditions": [["eq", "planted"]]}').decode(),
    "security token": "CAISplantedSecurityToken0123456789ABCDEFabcdef",
    "cookie": "acw_tc_planted_cookie_0a1b2c3d",
    "picture": PICTURE[40:100],
    "account": "1234567890123456",
    "workspace": "llm-planted0workspace1",
    "basic": b64encode(b"me:planted-password").decode(),
    "private key": "MIIEplantedPrivateKeyBody0123456789",
}

UPLOAD = {
    "data": {
        "policy": PLANTED["policy"],
        "signature": PLANTED["signature"],
        "oss_access_key_id": PLANTED["access key id"],
        "x_oss_security_token": PLANTED["security token"],
        "upload_dir": "dashscope-instant/0a1b2c3d4e5f60718293a4b5c6d7e8f9/2026-02-09/x",
    }
}
LINK = (
    "https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/1d/a.mp4?Expires=1770686400"
    f"&OSSAccessKeyId={PLANTED['access key id']}&Signature={PLANTED['signature']}"
)


def vendor(request: httpx.Request) -> httpx.Response:
    """Answers with all that must not be kept."""
    cookie = {"Set-Cookie": f"acw_tc={PLANTED['cookie']}; path=/", "X-DashScope-Uid": PLANTED["account"]}
    if request.url.host != "dashscope.aliyuncs.com":
        return httpx.Response(200, headers={"Content-Type": "video/mp4"} | cookie, content=b"\0\0\0\x20ftypisom" * 9)
    if request.url.path == "/api/v1/uploads":
        return httpx.Response(200, headers=cookie, json=UPLOAD)
    if request.url.path == "/api/v1/tasks/":
        row = {"task_id": TASK[14:], "caller_uid": PLANTED["account"], "api_key_id": PLANTED["account"]}
        return httpx.Response(200, headers=cookie, json={"total": 1, "data": [row]})
    if request.method == "GET":
        output = {"task_id": TASK[14:], "task_status": "SUCCEEDED", "video_url": LINK}
        return httpx.Response(200, headers=cookie, json={"output": output})
    if b"fail" in request.content:
        told = f"Incorrect API key {request.headers['authorization']} of {PLANTED['account']}"
        return httpx.Response(401, headers=cookie, json={"code": "InvalidApiKey", "message": told})
    return httpx.Response(200, headers=cookie, json={"output": {"task_id": TASK[14:], "task_status": "PENDING"}})


async def use(http: httpx.AsyncClient) -> None:
    own = {
        "Authorization": f"Bearer {PLANTED['client key']}",
        "Cookie": f"acw_tc={PLANTED['cookie']}",
        "X-DashScope-Workspace": PLANTED["workspace"],
        "Proxy-Authorization": f"Basic {PLANTED['basic']}",
        "X-Api-Key": PLANTED["key in a body"],
        "X-DashScope-Async": "enable",
    }
    pem = f"-----BEGIN PRIVATE KEY-----\n{PLANTED['private key']}\n-----END PRIVATE KEY-----"
    for prompt in ("A kite", "fail", f"my key is {PLANTED['key in a body']}", pem):
        body = {
            "model": "wan2.5-i2v-preview",
            "input": {"prompt": prompt, "img_url": f"data:image/png;base64,{PICTURE}", "audio_url": LINK},
            "api_key": PLANTED["key in a body"],
        }
        await http.post(T2V, json=body, headers=own)
    await http.post(T2V, json={"model": "wan2.6-t2v", "input": {"prompt": "x"}}, headers=own)
    await http.get(f"/api/v1/tasks/?api_key={PLANTED['key in a url']}", headers=own)
    await http.get("/api/v1/uploads?action=getPolicy&model=wan2.6-i2v", headers=own)
    answer = await http.get(TASK, headers=own | {"Authorization": f"Basic {PLANTED['basic']}"})
    link = answer.json()["output"]["video_url"]
    if link.startswith("http://recorder/"):  # a download from the vendor's own host does not come by
        await http.get(link, headers=own)


@pytest.mark.parametrize("media", ["keep", "describe", "drop"])
def test_no_planted_secret_is_in_any_byte_written(
    catalog: Catalog, clock: Any, tmp_path: Path, media: Literal["keep", "describe", "drop"]
) -> None:
    log = StringIO()
    recorder = Recorder(clock)
    app = Proxy(
        VENDOR,
        PLANTED["upstream key"],
        client=make_client(httpx.MockTransport(vendor)),
        recorder=recorder,
        prices=Prices(catalog, "dashscope.aliyuncs.com"),
        purse=Purse(Budget(Decimal(1000)), allow_unpriced=True),
        media=media,
        log=log,
    )

    async def session() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://recorder", trust_env=False) as http:
            await use(http)

    asyncio.run(session())
    save(recorder.cassette(), tmp_path / "planted.yaml", media=media)

    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    found = [kind for kind, secret in PLANTED.items() if secret.encode() in written or secret in log.getvalue()]
    assert found == []
    assert len(load(tmp_path / "planted.yaml").exchanges) == len(recorder) == (8 if media == "drop" else 9)


def test_every_planted_secret_did_pass() -> None:
    """So that the search above has something to find: client and vendor said each of them."""
    said = StringIO()

    def noted(request: httpx.Request) -> httpx.Response:
        answer = vendor(request)
        said.write(f"{request.url} {request.headers.raw} {request.content!r} {answer.headers.raw} {answer.content!r}")
        return answer

    async def session() -> None:
        transport = httpx.MockTransport(noted)
        async with httpx.AsyncClient(transport=transport, base_url=VENDOR, trust_env=False) as http:
            await use(http)

    asyncio.run(session())
    said.write(json.dumps(PLANTED["upstream key"]))  # ours alone

    assert [kind for kind, secret in PLANTED.items() if secret not in said.getvalue()] == []
