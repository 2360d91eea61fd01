"""Targets carry exchanges, say what they can do, and give no key away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from fakescope import Settings, create_app
from fakescope_contracts.target import ABILITIES, AsgiTarget, NoAnswerError, Request, UrlTarget


def answering(status: int = 200, body: bytes = b"{}") -> Any:
    """An application that knows requests and nothing else."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await receive()
        await send({"type": "http.response.start", "status": status, "headers": [(b"X-Given", b"1")]})
        await send({"type": "http.response.body", "body": body[:1], "more_body": True})
        await send({"type": "http.response.body", "body": body[1:]})

    return app


@pytest.fixture
def target() -> Iterator[AsgiTarget]:
    with closing(AsgiTarget(create_app(Settings(seed=1, region="singapore")))) as target:
        yield target


def test_a_fakescope_says_what_it_can_do_and_where_it_is(target: AsgiTarget) -> None:
    assert (target.abilities, target.region) == (frozenset(ABILITIES) - {"money"}, "singapore")


def test_any_other_application_can_do_nothing_special() -> None:
    with closing(AsgiTarget(answering())) as target:
        assert target.abilities == {"free"}


def test_an_answer_in_parts_is_put_together_and_its_headers_are_in_lower_case() -> None:
    with closing(AsgiTarget(answering(201, b"abc"), abilities=())) as target:
        assert target.send(Request("GET", "/")) == (201, (("x-given", "1"),), b"abc")


def test_an_application_that_fails_answers_500_as_behind_a_server() -> None:
    async def failing(_scope: Any, _receive: Any, _send: Any) -> None:
        raise KeyError("oh")

    with closing(AsgiTarget(failing, abilities=())) as target:
        assert target.send(Request("GET", "/")).status == 500


def test_an_application_that_sends_nothing_answers_500() -> None:
    async def silent(_scope: Any, _receive: Any, _send: Any) -> None:
        pass

    with closing(AsgiTarget(silent, abilities=())) as target:
        assert target.send(Request("GET", "/")).status == 500


def test_an_application_is_started_and_ended() -> None:
    told: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        for answer in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
            told.append((await receive())["type"])
            await send({"type": answer})

    with closing(AsgiTarget(app, abilities=())):
        assert told == ["lifespan.startup"]
    assert told == ["lifespan.startup", "lifespan.shutdown"]


def test_an_application_that_cannot_start_is_no_target() -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(NoAnswerError, match="no database"):
        AsgiTarget(app)


def test_an_application_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        assert scope["type"] == "http"
        await asyncio.Event().wait()

    monkeypatch.setattr("fakescope_contracts.target._TIMEOUT_S", 0.01)
    with closing(AsgiTarget(app, abilities=())) as target, pytest.raises(NoAnswerError, match="no answer within"):
        target.send(Request("GET", "/slow"))


def test_time_stands_still_after_a_reset_and_moves_when_told(target: AsgiTarget) -> None:
    target.reset()
    first, again = target.now(), target.now()

    target.advance(90)

    assert first is not None
    assert first == again
    assert target.now() == first + timedelta(seconds=90)


def test_accounts_are_worlds_apart(target: AsgiTarget) -> None:
    target.send(Request("GET", "/api/v1/tasks"), "b")
    target.reset()
    b = target.now("b")

    target.advance(60, "a")

    assert target.now("b") == b


def test_a_reset_throws_tasks_away(target: AsgiTarget) -> None:
    body = b'{"model": "wan2.2-t2v-plus", "input": {"prompt": "a"}}'
    made = Request(
        "POST", "/api/v1/services/aigc/video-generation/video-synthesis", (("X-DashScope-Async", "enable"),), body
    )
    assert target.send(made).status == 200
    assert b'"total":1' in target.send(Request("GET", "/api/v1/tasks")).body

    target.reset()

    assert b'"total":0' in target.send(Request("GET", "/api/v1/tasks")).body


def test_a_request_of_nobody_has_no_key(target: AsgiTarget) -> None:
    assert target.send(Request("GET", "/api/v1/tasks"), None).status == 401


@pytest.mark.parametrize("url", ["127.0.0.1:8900", "ftp://here", "http://", ""])
def test_what_is_no_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ValueError, match=r"http://127\.0\.0\.1:8900"):
        UrlTarget(url)


def test_an_address_where_nobody_answers_is_no_target() -> None:
    with pytest.raises(NoAnswerError, match="refused"):
        UrlTarget("http://127.0.0.1:9")


@pytest.mark.parametrize("end", ["", "/", "/api/v1", "/api/v1/"])
def test_an_address_may_end_in_the_path_of_the_api(end: str, start_server: Callable[..., Any]) -> None:
    server = start_server("--region", "virginia")

    with closing(UrlTarget(server.origin + end)) as target:
        assert (target.region, target.abilities) == ("virginia", frozenset(ABILITIES) - {"money"})
        assert target.send(Request("GET", "/api/v1/tasks")).status == 200
