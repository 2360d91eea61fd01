"""The same file, played by VCR.py and by fakescope: docs/cassettes.md shows what comes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import vcr  # type: ignore[import-untyped]
from vcr.errors import CannotOverwriteExistingCassetteException  # type: ignore[import-untyped]

from fakescope.recording.exchange import Exchange, Request
from fakescope.recording.files import load, save
from fakescope.recording.player import Player
from fakescope.recording.transport import AsyncReplayTransport, ReplayTransport

DOCUMENT = Path(__file__).parents[2] / "docs" / "cassettes.md"
WITH_BODIES = {"match_on": ["method", "path", "query", "body"]}
COLUMNS: dict[str, dict[str, Any] | None] = {
    "VCR.py": {},
    "matching bodies, no ports": WITH_BODIES,
    "and repeats": WITH_BODIES | {"allow_playback_repeats": True},
    "fakescope": None,
}


class Stage(NamedTuple):
    """Where a case is played: an HTTP client, and how a second passes."""

    http: Any
    wait: Callable[[float], None]


@pytest.fixture
def make_task(tapes: Any) -> Callable[..., list[Exchange]]:
    """A task with four polls, of which the last one repeats the prompt."""

    def make(
        prompt: str, number: int = 1, base: str = "https://dashscope.aliyuncs.com/api/v1", **polls: Any
    ) -> list[Exchange]:
        task_id = f"{number:02d}1c53f0-9a2b-4c6e-8f10-2b3c4d5e6f01"
        made = []
        for exchange in tapes.task(prompt, task_id, at=number * 1000, **polls):
            url = exchange.request.url.replace("https://dashscope.aliyuncs.com/api/v1", base)
            body = json.loads(exchange.response.body)
            if body["output"]["task_status"] == "SUCCEEDED":
                body["output"]["orig_prompt"] = prompt
            made.append(Exchange(exchange.request._replace(url=url), tapes.json(body), exchange.at_ms))
        return made

    return make


@pytest.fixture
def stage(tmp_path: Path, tapes: Any, clock: Any) -> Iterator[Callable[..., Stage]]:
    """Save these exchanges as a cassette and play it in the way of a column."""
    with ExitStack() as opened:

        def set_up(column: str, exchanges: list[Exchange]) -> Stage:
            options, file = COLUMNS[column], tmp_path / "tape.yaml"
            if options is None:
                save(tapes.cassette(*exchanges), file)
            else:
                record_with_vcr(exchanges, file)
            if options is None:
                transport = ReplayTransport(Player([load(file)]), clock=clock)
                return Stage(
                    opened.enter_context(httpx.Client(transport=transport)), lambda s: clock.advance(seconds=s)
                )
            opened.enter_context(vcr.use_cassette(str(file), record_mode="none", serializer="json", **options))
            return Stage(opened.enter_context(httpx.Client()), lambda _: None)

        yield set_up


def record_with_vcr(exchanges: list[Exchange], file: Path) -> None:
    """As a user of VCR.py has it: its own file, of requests that a client made. As JSON, which it reads faster."""
    answers = iter(exchanges)

    def answer(_: httpx.Request) -> httpx.Response:
        response = next(answers).response
        return httpx.Response(response.status, headers=list(response.headers), content=response.body)

    with (
        vcr.use_cassette(str(file), record_mode="all", serializer="json") as cassette,
        httpx.Client(transport=httpx.MockTransport(answer)) as http,
    ):
        for exchange in exchanges:
            http.request(**sent(exchange.request))
        assert len(cassette) == len(exchanges)


def sent(request: Request, url: str = "") -> dict[str, Any]:
    return {
        "method": request.method,
        "url": url or request.url,
        "content": request.body,
        "headers": dict(request.headers),
    }


def played(stage: Stage, submission: Request, polls: int, url: str = "") -> str:
    """The statuses that so many polls see in 100 s, or where it fails."""
    at, seen = "the submission", []
    try:
        base, _, _ = (url or submission.url).partition("/services/")
        task_id = stage.http.request(**sent(submission, url)).json()["output"]["task_id"]
        for n in range(1, polls + 1):
            at = f"poll {n}"
            stage.wait((100_000 * n // polls - 100_000 * (n - 1) // polls) / 1000)
            seen.append(stage.http.get(f"{base}/tasks/{task_id}").json()["output"]["task_status"])
    except CannotOverwriteExistingCassetteException:
        return f"fails at {at}"
    runs = [(status, len(list(run))) for status, run in groupby(seen)]
    return ", ".join(status if length == 1 else f"{length} × {status}" for status, length in runs)


def own(stage: Stage, submission: Request) -> bool:
    """Whether the film that comes of a submission is that of its prompt."""
    base, _, _ = submission.url.partition("/services/")
    task_id = stage.http.request(**sent(submission)).json()["output"]["task_id"]
    for _ in range(4):
        stage.wait(25)
        output = stage.http.get(f"{base}/tasks/{task_id}").json()["output"]
        if output["task_status"] == "SUCCEEDED":
            return bool(output["orig_prompt"] == json.loads(submission.body)["input"]["prompt"])
    return False


async def own_async(http: httpx.AsyncClient, wait: Callable[[float], None], submission: Request, turn: int) -> bool:
    for _ in range(turn):  # so that requests do not come in the order in which they were recorded
        await asyncio.sleep(0)
    base, _, _ = submission.url.partition("/services/")
    task_id = (await http.request(**sent(submission))).json()["output"]["task_id"]
    for _ in range(2):
        wait(50)
        output = (await http.get(f"{base}/tasks/{task_id}")).json()["output"]
        if output["task_status"] == "SUCCEEDED":
            return bool(output["orig_prompt"] == json.loads(submission.body)["input"]["prompt"])
        await asyncio.sleep(0)
    return False


def documented() -> dict[str, dict[str, str]]:
    lines = DOCUMENT.read_text().partition("<!-- table: beside VCR.py -->\n")[2].partition("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert rows[0][1:] == list(COLUMNS)
    return {row[0]: dict(zip(COLUMNS, row[1:], strict=True)) for row in rows[2:]}


def test_document_has_the_five_cases_and_no_others() -> None:
    assert list(documented()) == [
        "polls once, after 100 s",
        "polls 3 times in 100 s",
        "polls 40 times in 100 s",
        "runs 50 prompts at once on asyncio",
        "calls another port",
        "runs two prompts in another order",
    ]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(("case", "polls"), [("once, after", 1), ("3 times in", 3), ("40 times in", 40)])
def test_number_of_polls(case: str, polls: int, column: str, stage: Any, tapes: Any, make_task: Any) -> None:
    outcome = played(stage(column, make_task("a cat")), tapes.submission("a cat"), polls)
    assert outcome == documented()[f"polls {case} 100 s"][column]


@pytest.mark.parametrize("column", COLUMNS)
def test_another_port(column: str, stage: Any, tapes: Any, make_task: Any) -> None:
    here = stage(column, make_task("a cat", base="http://127.0.0.1:45001/api/v1"))
    url = tapes.submission().url.replace("https://dashscope.aliyuncs.com", "http://127.0.0.1:45002")
    assert played(here, tapes.submission("a cat"), 4, url) == documented()["calls another port"][column]


@pytest.mark.parametrize("column", COLUMNS)
def test_another_order(column: str, stage: Any, tapes: Any, make_task: Any) -> None:
    here = stage(column, [*make_task("a cat", 1), *make_task("a dog", 2)])
    count = sum(own(here, tapes.submission(prompt)) for prompt in ("a dog", "a cat"))
    assert f"{count} of 2 get their own film" == documented()["runs two prompts in another order"][column]


@pytest.mark.parametrize("column", COLUMNS)
def test_fifty_prompts_at_once(column: str, stage: Any, tapes: Any, make_task: Any, tmp_path: Path, clock: Any) -> None:
    # Two polls each: VCR.py compares every request with every other, and takes its time for it.
    polls = [(50, "RUNNING"), (100, "SUCCEEDED")]
    here = stage(column, [exchange for n in range(50) for exchange in make_task(f"prompt {n}", n, polls=polls)])

    async def run() -> list[bool]:
        async with AsyncExitStack() as opened:
            transport = None
            if COLUMNS[column] is None:
                transport = AsyncReplayTransport(Player([load(tmp_path / "tape.yaml")]), clock=clock)
            http = await opened.enter_async_context(httpx.AsyncClient(transport=transport))
            asked = [own_async(http, here.wait, tapes.submission(f"prompt {n}"), n * 7 % 50) for n in range(50)]
            return await asyncio.gather(*asked)

    count = sum(asyncio.run(run()))
    assert f"{count} of 50 get their own film" == documented()["runs 50 prompts at once on asyncio"][column]
