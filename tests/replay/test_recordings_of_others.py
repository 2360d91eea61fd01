"""What people have already, and what redaction left of it: plain VCR.py cassettes and HAR files replay, too."""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dashscope
import httpx
import pytest
import vcr  # type: ignore[import-untyped]

from fakescope.recording.convert import convert
from fakescope.recording.exchange import Exchange, Request, Response
from fakescope.recording.files import load, save
from fakescope.recording.misses import NotRecordedError
from fakescope.recording.player import Player
from fakescope.recording.transport import ReplayTransport
from fakescope_client import Client

PROMPT = "A heron 鹭"
VENDOR = "https://dashscope.aliyuncs.com/api/v1"
ID = "7d1c53f0-9a2b-4c6e-8f10-2b3c4d5e6f01"
SDK: Any = dashscope


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def run_sdk(base: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Submit and poll twice with the official SDK: the statuses seen."""
    monkeypatch.setattr(dashscope, "base_http_api_url", base)
    monkeypatch.setattr(dashscope, "api_key", "sk-fake-of-the-sdk")
    task = SDK.VideoSynthesis.async_call("wan2.6-t2v", PROMPT, size="1280*720")
    seen = [SDK.VideoSynthesis.fetch(task).output for _ in range(2)]
    SDK.close_shared_sync_session()
    return task.output.task_status, seen[-1].task_status


@pytest.fixture
def plain(start_server: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a cassette that VCR.py alone made of the SDK and a simulator, nothing filtered."""
    folder = tmp_path / "plain"
    base = start_server("--speed", "max", "--no-limits").base
    with warnings.catch_warnings(), vcr.use_cassette(str(folder / "sdk.yaml")):
        warnings.simplefilter("ignore")
        assert run_sdk(base, monkeypatch) == ("PENDING", "SUCCEEDED")
    return folder


def test_plain_cassette_of_the_sdk_replays_to_the_sdk_over_another_port(
    plain: Path, replay_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = replay_server(folder=plain, flags=("--speed", "max", "--log", "off"))
    assert run_sdk(server.base, monkeypatch) == ("PENDING", "SUCCEEDED")
    assert "not" not in server.stop().partition("ends it")[2]  # neither unused nor missed


def test_plain_cassette_of_the_sdk_replays_to_another_client(plain: Path) -> None:
    transport = ReplayTransport(plain, speed=float("inf"))
    with Client("sk-other", http=httpx.Client(transport=transport), sleep=lambda _: None) as client:
        film = client.text_to_video(PROMPT, model="wan2.6-t2v", size="1280*720")
    assert film.status == "SUCCEEDED"


def test_har_of_a_browser_replays(tmp_path: Path, tapes: Any) -> None:
    entries = []
    for exchange in tapes.task(PROMPT, ID, [(10, "RUNNING"), (20, "SUCCEEDED")]):
        request, response, at_ms = exchange
        content = {"mimeType": "application/json", "text": response.body.decode()}
        posted = {"postData": {"mimeType": "application/json", "text": request.body.decode()}} if request.body else {}
        headers = [{"name": name, "value": value} for name, value in request.headers]
        entries.append(
            {
                "startedDateTime": f"2026-11-21T08:00:{at_ms // 1000:02d}.000+08:00",
                "request": {"method": request.method, "url": request.url, "headers": headers, **posted},
                "response": {"status": 200, "headers": [], "content": content},
            }
        )
    file = tmp_path / "page.har"
    file.write_text(
        json.dumps({"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": entries}})
    )

    player = Player([convert(file).cassette])

    task_id = json.loads(player.answer(tapes.submission(PROMPT), 0).body)["output"]["task_id"]
    polls = [json.loads(player.answer(tapes.poll(task_id), s * 1000).body)["output"] for s in (0, 10, 25)]
    assert [output["task_status"] for output in polls] == ["PENDING", "RUNNING", "SUCCEEDED"]


# -- what was redacted is found again


@pytest.fixture
def saved(tmp_path: Path, tapes: Any) -> Callable[..., Player]:
    """A player of these exchanges, as they come back from a file."""

    def play(*exchanges: Exchange) -> Player:
        save(tapes.cassette(*exchanges), tmp_path / "film.yaml")
        return Player([load(tmp_path / "film.yaml")])

    return play


@pytest.mark.parametrize(
    "prompt",
    [
        "Paint my key sk-5d1e9a075d1e9a075d1e9a07 in gold",
        "See https://me:secret@example.com/a.png?token=abcdefgh1234 and paint that",
        "x" * 300,
    ],
)
def test_prompt_that_was_redacted_is_found_by_the_same_prompt(prompt: str, saved: Any, tapes: Any) -> None:
    player = saved(*tapes.task(prompt))
    for _ in range(2):
        assert player.answer(tapes.submission(prompt), 0).status == 200
    with pytest.raises(NotRecordedError):
        player.answer(tapes.submission(prompt + "!"), 0)


def test_picture_that_was_redacted_is_found_by_the_same_picture_and_no_other(saved: Any, tapes: Any) -> None:
    def showing(content: bytes) -> Request:
        link = f"data:image/png;base64,{base64.b64encode(content * 50).decode()}"
        request: Request = tapes.submission(input={"prompt": "p", "img_url": link})
        return request

    other = ID.replace("7d1c", "8e2d")
    pending = [tapes.standing(task_id, "PENDING") for task_id in (ID, other)]
    player = saved(Exchange(showing(b"one"), pending[0], 0), Exchange(showing(b"two"), pending[1], 1))
    two, one = (player.answer(showing(content), 0).headers for content in (b"two", b"one"))
    assert [dict(headers)["x-fakescope-recording"] for headers in (one, two)] == ["film#1", "film#2"]
    with pytest.raises(NotRecordedError, match="file 1: recorded 'sha256"):
        player.answer(showing(b"three"), 0)


def test_upload_and_what_uses_it_are_found_again(saved: Any, tapes: Any) -> None:
    host = "https://dashscope-file-mgr.oss-cn-beijing.aliyuncs.com"
    folder = "dashscope-instant/0123456789abcdef0123456789abcdef/2026-11-21/5d1e9a07-2b3c-4d5e-8f10-2b3c4d5e6f02"
    data = {"policy": "eyJleHBpcmF0aW9uIjoi", "signature": "c2lnbmF0dXJl=", "upload_dir": folder, "upload_host": host}
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nbytes\r\n--b--\r\n'
    upload = Request("POST", host, (("Content-Type", "multipart/form-data; boundary=b"),), form)
    asked = Request("GET", f"{VENDOR}/uploads?action=getPolicy&model=wan2.5-i2v-preview")
    using = tapes.submission(input={"prompt": "p", "img_url": f"oss://{folder}/a.png"})
    player = saved(
        Exchange(asked, tapes.json({"request_id": "r", "data": data}), 0),
        Exchange(upload, Response(200), 1),
        Exchange(using, tapes.standing(ID, "PENDING"), 2),
    )
    there = json.loads(player.answer(asked, 0, origin="http://here").body)["data"]
    sent = upload._replace(url=there["upload_host"], body=form.replace(b"bytes", b"other"))
    assert player.answer(sent, 0, origin="http://here").status == 200
    name = f"oss://{there['upload_dir']}/a.png"
    assert player.answer(tapes.submission(input={"prompt": "p", "img_url": name}), 0).status == 200


def test_same_link_in_two_cassettes_leads_to_two_files(tapes: Any) -> None:
    link = "https://h.example/1d/film.mp4"
    films = [
        [*tapes.task(prompt, polls=[])[:1], Exchange(Request("GET", link), Response(200, (), prompt.encode()), 9)]
        for prompt in ("cat", "dog")
    ]
    player = Player([tapes.cassette(*film, name=f"{n}") for n, film in enumerate(films)])
    answers = [player.answer(Request("GET", f"http://h/recorded/{n}/1d/film.mp4"), 0).body for n in (1, 0, 1)]
    assert answers == [b"dog", b"cat", b"dog"]
