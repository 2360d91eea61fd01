"""Trouble that recorders of HTTP have: threads, an application's own test client, encodings, films, lost files."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import sys
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from fakescope.errors import CassetteError
from fakescope.recording import secrets
from fakescope.recording.files import load
from fakescope.recording.misses import NotRecordedError
from fakescope.recording.session import Options, Session, use_cassette

Get = Callable[[str], bytes]


def by_requests(url: str) -> bytes:
    return requests.get(url, timeout=60).content


def by_httpx(url: str) -> bytes:
    return httpx.get(url, trust_env=False, verify=False, timeout=60).content


def by_aiohttp(url: str) -> bytes:
    async def run() -> bytes:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.read()

    return asyncio.run(run())


def by_urllib(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as response:
        body: bytes = response.read()
        return body


# -- threads


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns much more often than usual."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hasty")
def test_nothing_of_many_threads_goes_out_in_replay(origin: Any, tmp_path: Path) -> None:
    with use_cassette(tmp_path / "one.yaml", record_mode="once"):
        by_requests(origin.url)
    origin.hits = 0

    with use_cassette(tmp_path / "one.yaml"), ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda n: (by_requests, by_httpx)[n % 2](origin.url), range(40)))

    assert len(bodies) == 40
    assert origin.hits == 0


@pytest.mark.usefixtures("hasty")
def test_everything_of_many_threads_is_recorded(origin: Any, tmp_path: Path) -> None:
    with use_cassette(tmp_path / "many.yaml", record_mode="once"), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: (by_requests, by_httpx)[n % 2](f"{origin.url}?page_no={n + 2}"), range(24)))

    assert origin.hits == 24
    assert len(load(tmp_path / "many.yaml").exchanges) == 24


def test_https_needs_no_connection_in_replay(tmp_path: Path) -> None:
    with use_cassette(tmp_path / "none.yaml"):
        for get in (by_urllib, by_requests, by_httpx):
            with pytest.raises(NotRecordedError, match="No recording answers GET /tasks"):
                get("https://dashscope.invalid/api/v1/tasks")


# -- what is left alone


async def hello(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"in process"})


def test_test_client_of_an_application_is_left_alone(tmp_path: Path) -> None:
    async def ask() -> bytes:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(hello)) as client:
            return (await client.get("http://app.test/api/v1/tasks")).content

    mock = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"mocked")))
    with use_cassette(tmp_path / "none.yaml"):
        assert asyncio.run(ask()) == b"in process"
        assert mock.get("http://app.test/api/v1/tasks").content == b"mocked"


@pytest.mark.parametrize("get", [by_requests, by_httpx, by_aiohttp, by_urllib])
def test_ignored_hosts_and_the_control_api_are_reached(get: Get, origin: Any, tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    with use_cassette(path, record_mode="once", ignore_hosts=["127.0.0.1"]):
        assert get(origin.url) == origin.body
    with use_cassette(path):
        assert get(origin.url.replace("/api/v1/tasks", "/_fakescope/tasks")) == origin.body

    assert not path.exists()


def test_clients_are_themselves_again_afterwards(tmp_path: Path) -> None:
    before = (http.client.HTTPSConnection, httpx.HTTPTransport.handle_request, aiohttp.ClientSession._request)

    with pytest.raises(ZeroDivisionError), use_cassette(tmp_path / "none.yaml"):
        _ = 1 / 0

    assert before == (http.client.HTTPSConnection, httpx.HTTPTransport.handle_request, aiohttp.ClientSession._request)


# -- bodies


def deflate(body: bytes) -> bytes:
    return zlib.compress(body)


@pytest.mark.parametrize("get", [by_requests, by_httpx, by_aiohttp])
@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", deflate)])
def test_packed_answers_are_written_readable(
    get: Get, coding: str, pack: Callable[[bytes], bytes], origin: Any, tmp_path: Path
) -> None:
    plain = origin.body
    origin.body, origin.headers = pack(plain), {**origin.headers, "Content-Encoding": coding}
    with use_cassette(tmp_path / "packed.yaml", record_mode="once"):
        recorded = get(origin.url)
    with use_cassette(tmp_path / "packed.yaml"):
        replayed = get(origin.url)

    assert recorded == plain
    assert b'"text": "hello"' in (tmp_path / "packed.yaml").read_bytes()
    assert json.loads(replayed) == {"output": {"text": "hello"}}


def test_answer_packed_in_another_way_reaches_its_client_and_is_left_out(origin: Any, tmp_path: Path) -> None:
    """It may have been paid for, and so may the others."""
    stack = ExitStack()
    stack.enter_context(use_cassette(tmp_path / "packed.yaml", record_mode="once"))
    by_requests(f"{origin.url}/1")
    origin.body, origin.headers = b"\xff\xfe\x00packed", {"Content-Encoding": "zstd-of-tomorrow"}
    got = by_requests(f"{origin.url}/2")
    with pytest.raises(CassetteError, match=r"an exchange is left out: .*cannot be read here"):
        stack.close()

    assert got == b"\xff\xfe\x00packed"
    assert [each.request.url[-7:] for each in load(tmp_path / "packed.yaml").exchanges] == ["tasks/1"]


@pytest.mark.parametrize("get", [by_requests, by_httpx, by_aiohttp])
def test_eight_megabytes_of_film_become_a_few_kilobytes(get: Get, origin: Any, tmp_path: Path) -> None:
    origin.body, origin.headers = b"\x00\x00\x00\x18ftypmp42" + bytes(8_000_000), {"Content-Type": "video/mp4"}
    url = origin.url.replace("/api/v1/tasks", "/results/1.mp4")
    with use_cassette(tmp_path / "film.yaml", record_mode="once"):
        assert len(get(url)) == 8_000_012
    with use_cassette(tmp_path / "film.yaml"):
        shown = get(url)

    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 10_000
    assert shown[4:8] == b"ftyp"


def test_film_is_kept_beside_the_cassette_if_asked(origin: Any, tmp_path: Path) -> None:
    origin.body, origin.headers = b"\x00\x00\x00\x18ftypmp42" + bytes(100), {"Content-Type": "video/mp4"}
    with use_cassette(tmp_path / "film.yaml", record_mode="once", media="keep"):
        by_requests(origin.url)
    with use_cassette(tmp_path / "film.yaml"):
        assert by_httpx(origin.url) == origin.body

    assert len(list((tmp_path / "film.media").iterdir())) == 1


# -- files


def test_two_cannot_record_one_file(tmp_path: Path) -> None:
    first = Session(tmp_path / "one.yaml", Options("once"))

    with pytest.raises(CassetteError, match=r"one\.yaml is being recorded by another test"):
        Session(tmp_path / "one.yaml", Options("once"))

    first.close()
    Session(tmp_path / "one.yaml", Options("once")).close()
    assert list(tmp_path.iterdir()) == []


def test_clients_are_themselves_again_if_a_secret_refuses_the_file(
    origin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = secrets.Finding("trap", 9, "a trap", "Open it")
    monkeypatch.setattr(secrets, "find", lambda content: [trap] if b"\n" in content else [])
    with (
        pytest.raises(CassetteError, match=r"nothing is saved: .* a trap"),
        use_cassette(tmp_path / "one.yaml", record_mode="once"),
    ):
        by_requests(origin.url)

    assert by_requests(origin.url) == origin.body
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "headers", "basis"),
    [
        ("https://dashscope.aliyuncs.com/api/v1/tasks", (), "seen"),
        ("https://dashscope.aliyuncs.com/api/v1/tasks", (("X-Fakescope-Version", "1"),), "simulated"),
        ("https://dashscope.aliyuncs.com.example.com/api/v1/tasks", (), "simulated"),
        ("http://127.0.0.1:8900/api/v1/tasks", (), "simulated"),
        ("https://dashscope.aliyuncs.com/somewhere/else", (), "simulated"),
    ],
)
def test_only_what_came_from_the_vendor_is_called_seen(
    url: str, headers: tuple[tuple[str, str], ...], basis: str, tmp_path: Path
) -> None:
    from fakescope.recording.exchange import Request, Response

    session = Session(tmp_path / "one.yaml", Options("once"))
    session.take(Request("GET", url), Response(200, headers, b"{}"))
    session.close()

    assert load(tmp_path / "one.yaml").provenance.basis == basis


# -- time


def test_recorded_time_goes_on_when_a_test_says_so(plain: Any, nowhere: str, submit_path: str) -> None:
    body = {"model": "wan2.6-t2v", "input": {"prompt": plain.prompt}}
    with (
        use_cassette(plain.path, speed=0) as session,
        httpx.Client(trust_env=False, verify=False, timeout=60) as client,
    ):
        task = client.post(nowhere + submit_path, json=body, headers={"X-DashScope-Async": "enable"}).json()["output"]
        seen = []
        for seconds in (0, 3600):
            session.advance(seconds)
            seen.append(client.get(f"{nowhere}/tasks/{task['task_id']}").json()["output"]["task_status"])

    assert seen == ["PENDING", "SUCCEEDED"]


def test_task_that_never_ended_is_not_polled_for_ever(
    base: str, nowhere: str, submit_path: str, tmp_path: Path
) -> None:
    body = {"model": "wan2.6-t2v", "input": {"prompt": "a cat [fakescope:stuck]"}}
    headers = {"X-DashScope-Async": "enable", "Authorization": "Bearer sk-fake-stuck"}

    def submit(at: str, client: httpx.Client) -> str:
        task_id: str = client.post(at + submit_path, json=body).json()["output"]["task_id"]
        return f"{at}/tasks/{task_id}"

    path = tmp_path / "stuck.yaml"
    with (
        use_cassette(path, record_mode="once"),
        httpx.Client(headers=headers, trust_env=False, verify=False, timeout=60) as client,
    ):
        link = submit(base, client)
        recorded = [client.get(link).json()["output"]["task_status"] for _ in range(3)]
    with use_cassette(path), httpx.Client(headers=headers, trust_env=False, verify=False, timeout=60) as client:
        link = submit(nowhere, client)
        replayed = [client.get(link).json()["output"]["task_status"] for _ in range(3)]
        with pytest.raises(NotRecordedError, match="ends here, and the task had not ended: record"):
            client.get(link)

    assert replayed[-1] == recorded[-1] == "RUNNING"


def test_decorated_function_has_the_cassette(plain: Any, nowhere: str) -> None:
    @use_cassette(plain.path)
    def ask() -> bytes:
        return by_requests(f"{nowhere}/tasks")

    for _ in range(2):
        with pytest.raises(NotRecordedError, match="No recording answers GET /tasks"):
            ask()


def test_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "fakescope.recording.vcr", raising=False)
    monkeypatch.setitem(sys.modules, "vcr.patch", None)

    with (
        pytest.raises(CassetteError, match=r"a cassette needs fakescope\[cassettes\]"),
        use_cassette(tmp_path / "a.yaml"),
    ):
        pass
