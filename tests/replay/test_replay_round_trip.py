"""Random sessions with the simulator, recorded and replayed by the application, in other orders and at other times."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakescope import Settings, create_app
from fakescope.app import create_replay
from fakescope.catalog import Catalog
from fakescope.recording.exchange import Cassette, Exchange, Provenance, Request, Response
from fakescope.recording.player import Player
from fakescope.recording.redaction import redact

PATH = "/api/v1/services/aigc/video-generation/video-synthesis"
ENDS = ["", "[fakescope:fail=DataInspectionFailed]", "[fakescope:stuck]", "[fakescope:seconds=40]"]
START_MS = 1_770_600_000_000


class Life(NamedTuple):
    """What a client does with one task: how it ends, when it is submitted, and what is asked how many seconds later."""

    end: str
    starts: tuple[int, int]
    steps: tuple[tuple[int, str], ...]


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 9, 11, 41, 60, 180, 311, 400, 90_000]), st.sampled_from(["poll", "poll", "cancel"])
    ),
    max_size=6,
)
LIVES = st.builds(
    lambda end, first, then, steps: Life(end, (first, then), tuple(sorted(steps, key=lambda step: step[0]))),
    st.sampled_from(ENDS),
    st.integers(0, 500),
    st.integers(0, 500),
    STEPS,
)


class Clock:
    def __init__(self) -> None:
        self.now = START_MS

    def read(self) -> int:
        return self.now


async def live(app: Any, clock: Clock, lives: list[Life], run: int) -> tuple[list[Exchange], dict[Any, int]]:
    """All exchanges of these lives, each begun at its `run`-th start, and which of them is whose."""
    made: list[Exchange] = []
    whose: dict[Any, int] = {}
    ids: dict[int, str] = {}
    plan = [(life.starts[run], n, -1, "submit") for n, life in enumerate(lives)]
    plan += [
        (life.starts[run] + s, n, k, what) for n, life in enumerate(lives) for k, (s, what) in enumerate(life.steps)
    ]
    headers = {"Authorization": "Bearer sk-fake-test", "X-DashScope-Async": "enable"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers) as http:
        for seconds, n, k, what in sorted(plan):
            clock.now = START_MS + seconds * 1000
            if what == "submit":
                body = {"model": "wan2.6-t2v", "input": {"prompt": f"{n} {lives[n].end}"}}
                answer = await http.post(PATH, json=body)
                ids[n] = answer.json()["output"]["task_id"]
            elif what == "poll":
                answer = await http.get(f"/api/v1/tasks/{ids[n]}")
            else:
                answer = await http.post(f"/api/v1/tasks/{ids[n]}/cancel")
            sent = answer.request
            request = Request(sent.method, str(sent.url), tuple(sent.headers.items()), sent.content)
            whose[n, k] = len(made)
            response = Response(answer.status_code, tuple(answer.headers.items()), answer.content)
            made.append(Exchange(request, response, seconds * 1000))
    return made, whose


def plain(response: Response) -> Any:
    """Status and body without what is new in every answer; of a link only the path, which is the same on both sides."""
    body = json.loads(response.body)
    body.pop("request_id")
    if link := body.get("output", {}).get("video_url"):
        body["output"]["video_url"] = "/dashscope-result" + link.partition("?")[0].partition("/dashscope-result")[2]
    return response.status, body


@settings(max_examples=25)
@given(lives=st.lists(LIVES, min_size=1, max_size=5))
def test_every_task_has_its_recorded_life_whatever_runs_beside_it(catalog: Catalog, lives: list[Life]) -> None:
    clock = Clock()
    simulator = create_app(Settings(seed=3, speed=1, limits=False), catalog=catalog, clock=clock)
    recorded, whose = asyncio.run(live(simulator, clock, lives, 0))
    written = redact(recorded, "session")
    player = Player([Cassette(Provenance("simulated", "2026-02-09"), written, "session")])
    clock = Clock()
    again, whose_again = asyncio.run(live(create_replay(player, clock=clock), clock, lives, 1))

    assert whose.keys() == whose_again.keys()
    for which, at in whose.items():
        assert plain(again[whose_again[which]].response) == plain(written[at].response)
    assert (player.unused(), player.misses) == ((), 0)


@given(
    recorded=st.lists(
        st.tuples(st.integers(1, 1000), st.sampled_from(["PENDING", "RUNNING", "SUCCEEDED"])), max_size=6
    ),
    asked=st.lists(st.integers(0, 1200), max_size=40),
)
def test_any_poll_is_answered_as_the_last_recorded_one_before_it(recorded: Any, asked: list[int], tapes: Any) -> None:
    polls = sorted(recorded, key=lambda poll: poll[0])
    player = Player([tapes.cassette(*tapes.task(polls=polls))])
    task_id = json.loads(player.answer(tapes.submission(), 0).body)["output"]["task_id"]

    for seconds in sorted(asked):
        expected = ["PENDING", *(status for at, status in polls if at <= seconds)][-1]
        output = json.loads(player.answer(tapes.poll(task_id), seconds * 1000).body)["output"]
        assert output["task_status"] == expected


@pytest.mark.parametrize("run", [0, 1])
def test_session_of_the_property_is_not_empty(run: int, catalog: Catalog) -> None:
    # The property would hold of sessions in which nothing happens, too: this one sees all there is to see.
    steps = ((0, "poll"), (11, "poll"), (41, "cancel"), (311, "poll"), (90_000, "poll"))
    lives = [Life("", (0, 7), steps), Life("", (3, 1), ((0, "cancel"), (2, "poll")))]
    clock = Clock()
    app = create_app(Settings(seed=3, speed=1, limits=False), catalog=catalog, clock=clock)
    made, _ = asyncio.run(live(app, clock, lives, run))
    seen = [json.loads(exchange.response.body).get("output", {}).get("task_status") for exchange in made]
    assert {"PENDING", "RUNNING", "SUCCEEDED", "UNKNOWN", "CANCELED", None} == set(seen)
    assert {exchange.response.status for exchange in made} == {200, 400}
