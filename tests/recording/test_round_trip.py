"""Record the simulator, replay the recording: the same bodies, but for what was redacted. Over random sessions."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakescope import Settings, create_app
from fakescope.catalog import Catalog
from fakescope.recording.budget import Budget, Prices, Purse
from fakescope.recording.files import load, save
from fakescope.recording.player import Player
from fakescope.recording.proxy import Proxy, make_client
from fakescope.recording.recorder import Recorder
from fakescope.recording.transport import AsyncReplayTransport

UPSTREAM = "http://127.0.0.1:8900"
BEGAN = 1_770_600_000_000
VIDEO, IMAGE = "video-generation/video-synthesis", "text2image/image-synthesis"
BODIES: list[tuple[str, dict[str, Any]]] = [
    (VIDEO, {"model": "wan2.6-t2v", "input": {"prompt": "A kite"}}),
    (VIDEO, {"model": "wan2.6-t2v", "input": {"prompt": "A boat"}, "parameters": {"size": "1280*720", "duration": 10}}),
    (VIDEO, {"model": "wan2.6-t2v", "input": {"prompt": "Wrong"}, "parameters": {"size": "1*1"}}),
    (IMAGE, {"model": "wan2.2-t2i-flash", "input": {"prompt": "[fakescope:partial=1] 灯塔"}, "parameters": {"n": 2}}),
    (IMAGE, {"model": "wan2.2-t2i-flash", "input": {}}),
    (VIDEO, {"model": "wan9.9-t2v", "input": {"prompt": "A kite"}}),
]
NOT_THERE = "00000000-0000-0000-0000-000000000000"  # any other id would be redacted, and asked for in vain

Step = tuple[str, int]
STEPS = st.one_of(
    st.tuples(st.just("submit"), st.integers(0, len(BODIES) - 1)),
    st.tuples(st.just("advance"), st.sampled_from([1, 999, 5_000, 30_000, 200_000, 86_400_000])),
    st.tuples(st.just("poll"), st.integers(-1, 5)),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("list"), st.integers(1, 2)),
    st.tuples(st.just("download"), st.integers(0, 5)),
)


class Clock:
    now = BEGAN

    def read(self) -> int:
        return self.now


async def play(http: httpx.AsyncClient, clock: Clock, steps: list[Step]) -> list[tuple[int, bytes]]:
    """Status and body of every answer. Tasks are named by the order in which they were accepted."""
    said: list[tuple[int, bytes]] = []
    tasks: list[str] = []
    links: list[str] = []

    async def keep(answering: Awaitable[httpx.Response]) -> Any:
        answer = await answering
        said.append((answer.status_code, answer.content))
        return answer.json() if "json" in answer.headers.get("content-type", "") else {}

    for what, n in steps:
        task = NOT_THERE if n < 0 else tasks[n % len(tasks)] if tasks else NOT_THERE
        if what == "submit":
            path, body = BODIES[n]
            headers = {"X-DashScope-Async": "enable"}
            answer = await keep(http.post(f"/api/v1/services/aigc/{path}", json=body, headers=headers))
            tasks += filter(None, [answer.get("output", {}).get("task_id")])
        elif what == "advance":
            clock.now += n
        elif what == "poll":
            output = (await keep(http.get(f"/api/v1/tasks/{task}")))["output"]
            links += re.findall(r'"(http[^"]+\.(?:mp4|png)[^"]*)"', json.dumps(output))
        elif what == "cancel" and tasks:
            await keep(http.post(f"/api/v1/tasks/{task}/cancel"))
        elif what == "list":
            await keep(http.get(f"/api/v1/tasks/?page_no={n}&page_size=3"))
        elif what == "download" and links:
            await keep(http.get(links[n % len(links)]))
    return said


async def recorded(catalog: Catalog, steps: list[Step], file: Path) -> list[tuple[int, bytes]]:
    clock = Clock()
    app = create_app(Settings(seed=5, speed=1), catalog=catalog, clock=clock)
    recorder = Recorder(clock)
    proxy = Proxy(
        UPSTREAM,
        "sk-fake-round-trip",
        client=make_client(httpx.ASGITransport(app)),
        recorder=recorder,
        prices=Prices(catalog, ""),
        purse=Purse(Budget(Decimal(100_000)), allow_unpriced=True),
        media="keep",
    )
    transport = httpx.ASGITransport(proxy)
    headers = {"Authorization": "Bearer sk-fake-me-or-other"}
    async with httpx.AsyncClient(transport=transport, base_url="http://recorder", headers=headers) as http:
        said = await play(http, clock, steps)
    if len(recorder):
        save(recorder.cassette(), file, media="keep")
    return said


async def replayed(steps: list[Step], file: Path) -> list[tuple[int, bytes]]:
    clock = Clock()
    player = Player([load(file)])
    transport = AsyncReplayTransport(player, clock=clock)
    async with httpx.AsyncClient(transport=transport, base_url="https://elsewhere.example:1234") as http:
        said = await play(http, clock, steps)
    assert player.unused() == ()
    return said


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_REDACTED = ("request_id", "api_key_id", "caller_uid", "caller_parent_id")


def same(one: Any, other: Any, ids: dict[str, str], at: str = "") -> None:
    """Equal, but for what is redacted: ids stand for ids, always the same for the same; links have lost signatures."""
    assert type(one) is type(other), at
    if isinstance(one, dict):
        assert list(one) == list(other), at
        for name in one:
            same(one[name], other[name], ids, name)
    elif isinstance(one, list):
        assert len(one) == len(other), at
        for mine, theirs in zip(one, other, strict=True):
            same(mine, theirs, ids, at)
    elif isinstance(one, str) and at not in _REDACTED:
        if one.startswith("http"):
            # The recorder's own link stands for the vendor's; the file's name has the task's id in it.
            one, other = (text.partition("?")[0].rpartition("/")[2] for text in (one, other))
        for mine, theirs in zip(_ID.findall(one), _ID.findall(other), strict=True):
            assert ids.setdefault(mine, theirs) == theirs, at
        assert _ID.sub("id", one) == _ID.sub("id", other), at
    elif at not in _REDACTED:
        assert one == other, at


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("round-trip") / "session.yaml"


Check = Callable[[list[Step]], None]


@pytest.fixture(scope="session")
def check(catalog: Catalog, file: Path) -> Check:
    def returns(steps: list[Step]) -> None:
        once = asyncio.run(recorded(catalog, steps, file))
        if not once:
            return
        again = asyncio.run(replayed(steps, file))

        ids: dict[str, str] = {}
        assert [status for status, _ in again] == [status for status, _ in once]
        for (_, mine), (_, theirs) in zip(once, again, strict=True):
            if mine.startswith(b"{"):
                same(json.loads(mine), json.loads(theirs), ids)
            else:
                assert mine == theirs
        assert len(set(ids.values())) == len(ids)

    return returns


@settings(max_examples=40)
@given(st.lists(STEPS, max_size=16))
def test_a_random_session_comes_back_as_it_was(check: Check, steps: list[Step]) -> None:
    check(steps)


@pytest.mark.parametrize(
    "steps",
    [
        [("submit", 0), ("poll", 0), ("advance", 30_000), ("poll", 0), ("advance", 200_000), ("poll", 0)],
        [("submit", 3), ("advance", 200_000), ("poll", 0), ("download", 0)],
        [("submit", 0), ("submit", 0), ("cancel", 0), ("advance", 200_000), ("poll", 0), ("poll", 1), ("list", 1)],
        [("submit", 0), ("advance", 86_400_000), ("poll", 0)],
        [("submit", n % 2) for n in range(7)] + [("advance", 30_000)] + [("poll", n) for n in range(5)],
    ],
    ids=["four polls", "a download", "a cancellation", "a day", "two prompts in turns, and a throttle"],
)
def test_a_known_session_comes_back_as_it_was(check: Check, steps: list[Step]) -> None:
    check(steps)
