"""One folder of recordings, replayed over a socket to every client: each sends the same film in its own words."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dashscope
import pytest
from dashscope.aigc.video_synthesis import AioVideoSynthesis

from fakescope.recording.exchange import Exchange, Request, Response
from fakescope_client import AsyncClient, Client

ID = "7d1c53f0-9a2b-4c6e-8f10-2b3c4d5e6f01"
MODEL, PROMPT, SIZE = "wan2.6-t2v", "A paper boat 纸船", "1280*720"
MP4 = b"\0\0\0\x18ftypmp42 a film"

NODE = """
const [base, key, prompt] = process.argv.slice(2)
const headers = {Authorization: `Bearer ${key}`, 'Content-Type': 'application/json', 'X-DashScope-Async': 'enable'}
const body = JSON.stringify({parameters: {size: '1280*720'}, input: {prompt}, model: 'wan2.6-t2v'})
const path = '/services/aigc/video-generation/video-synthesis'
const sent = await (await fetch(base + path, {method: 'POST', headers, body})).json()
const done = await (await fetch(`${base}/tasks/${sent.output.task_id}`, {headers})).json()
const film = Buffer.from(await (await fetch(done.output.video_url)).arrayBuffer())
console.log(sent.output.task_status, done.output.task_status, film.toString('hex'))
"""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # the SDK asks a proxy for 127.0.0.1, too


@pytest.fixture(scope="module")
def server(replay_server: Any, tapes: Any) -> Any:
    """A film as the official SDK's classic interface asked for it, and what its link led to; polls see the end."""
    given = {"prompt": PROMPT, "extend_prompt": True, "function": "video-synthesis"}
    submission = tapes.submission(input=given, parameters={"size": SIZE})
    made = [Exchange(submission, tapes.standing(ID, "PENDING"), 0), *tapes.task(task_id=ID)[1:]]
    link = json.loads(tapes.standing(ID, "SUCCEEDED").body)["output"]["video_url"]
    film = Exchange(Request("GET", link), Response(200, (("Content-Type", "video/mp4"),), MP4), 120_000)
    folder_of_two = tapes.cassette(*made, film, name="boat"), tapes.cassette(*tapes.task("a dog"), name="dog")
    return replay_server(*folder_of_two, flags=("--speed", "max", "--log", "off"))


@pytest.fixture
def official(server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The SDK, set to this server."""
    monkeypatch.setattr(dashscope, "base_http_api_url", server.base)
    monkeypatch.setattr(dashscope, "api_key", "sk-fake-sdk")
    yield dashscope
    dashscope.close_shared_sync_session()


def test_this_client_replays(server: Any, tmp_path: Path) -> None:
    with Client("sk-fake-ours", base_url=server.base) as client:
        film = client.text_to_video(PROMPT, model=MODEL, size=SIZE)
        client.download(film, tmp_path / "film.mp4")
    assert film.status == "SUCCEEDED"
    assert (tmp_path / "film.mp4").stat().st_size > 0


def test_this_client_replays_on_asyncio(server: Any) -> None:
    async def run() -> str:
        async with AsyncClient("sk-fake-ours", base_url=server.base) as client:
            return (await client.text_to_video(PROMPT, model=MODEL, size=SIZE)).status

    assert asyncio.run(run()) == "SUCCEEDED"


def test_official_sdk_replays(server: Any, official: Any) -> None:
    answer = official.VideoSynthesis.call(MODEL, PROMPT, size=SIZE)
    assert (answer.status_code, answer.output.task_status) == (200, "SUCCEEDED")
    assert answer.output.video_url.startswith(f"{server.origin}/recorded/0/")


def test_official_sdk_replays_on_asyncio(official: Any) -> None:
    async def run() -> Any:
        answer = await AioVideoSynthesis.call(MODEL, PROMPT, size=SIZE)
        await official.close_shared_aio_session()
        return answer

    answer = asyncio.run(run())
    assert (answer.status_code, answer.output.task_status) == (200, "SUCCEEDED")


def test_new_client_of_the_official_sdk_replays(server: Any) -> None:
    with dashscope.Client(base_url=server.base, api_key="sk-fake-new") as client:
        job = client.videos.jobs.create(model=MODEL, prompt=PROMPT, size=SIZE)
        done = client.videos.jobs.wait(job.task_id)
    assert (job.status, done.status) == ("PENDING", "SUCCEEDED")


def test_official_sdk_shows_a_miss_to_people(official: Any) -> None:
    answer = official.VideoSynthesis.async_call(MODEL, "A paper bout 纸船", size=SIZE)
    assert answer.status_code == 404
    assert "input.prompt: recorded 'A paper boat 纸船', sent 'A paper bout 纸船'" in answer.message


def curl(*arguments: str) -> bytes:
    return subprocess.run(
        ["curl", "-sS", "--fail", "--noproxy", "*", *arguments], capture_output=True, check=True, timeout=60
    ).stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
def test_curl_replays(server: Any) -> None:
    # As the vendor's Java SDK sends it: `with_audio` is always there, and `function` never.
    body = {"model": MODEL, "input": {"extend_prompt": True, "prompt": PROMPT}}
    text = json.dumps(body | {"parameters": {"with_audio": False, "size": SIZE}})
    key, path = "Authorization: Bearer sk-fake-curl", "/services/aigc/video-generation/video-synthesis"
    sent = json.loads(
        curl(
            server.base + path,
            "-H",
            key,
            "-H",
            "X-DashScope-Async: enable",
            "-H",
            "Content-Type: application/json",
            "-d",
            text,
        )
    )
    done = json.loads(curl(f"{server.base}/tasks/{sent['output']['task_id']}", "-H", key))
    assert (sent["output"]["task_status"], done["output"]["task_status"]) == ("PENDING", "SUCCEEDED")
    assert curl(done["output"]["video_url"])[4:8] == b"ftyp"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not on this machine")
def test_node_replays(server: Any, tmp_path: Path) -> None:
    script = tmp_path / "film.mjs"
    script.write_text(NODE)
    command = ["node", str(script), server.base, "sk-fake-node", PROMPT]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    assert said[:2] == ["PENDING", "SUCCEEDED"]
    assert bytes.fromhex(said[2])[4:8] == b"ftyp"
