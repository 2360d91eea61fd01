"""Targets carry exchanges, say what they can do, and give no key away."""

from __future__ import annotations

import asyncio
import gzip
import itertools
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from fakescope import Settings, create_app
from fakescope_contracts.asgi import AsgiTarget
from fakescope_contracts.target import ABILITIES, NoAnswerError, Request, UrlTarget


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

    monkeypatch.setattr("fakescope_contracts.asgi.TIMEOUT_S", 0.01)
    with closing(AsgiTarget(app, abilities=())) as target, pytest.raises(NoAnswerError, match="no answer within"):
        target.send(Request("GET", "/slow"))


def test_an_application_that_answers_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})

    monkeypatch.setattr("fakescope_contracts.asgi.LARGEST_ANSWER", 10_000)
    with closing(AsgiTarget(app, abilities=())) as target, pytest.raises(NoAnswerError, match="more than"):
        target.send(Request("GET", "/endless"))


class Pieces(BaseHTTPRequestHandler):
    """Answers in pieces, without an end: of a kilobyte each, or one of a byte whenever asked to go on."""

    protocol_version = "HTTP/1.1"
    piece, compressed = b"x" * 1000, False

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        if self.compressed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with suppress(OSError):
            while True:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(self.piece), self.piece))
                self.wfile.flush()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Start a server of this kind, with these attributes; where it is."""
    servers: list[ThreadingHTTPServer] = []

    def serve(kind: type[BaseHTTPRequestHandler], **said: Any) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Said", (kind,), said))
        servers.append(server)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_server_that_answers_without_an_end_is_given_up(
    serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakescope_contracts.target.LARGEST_ANSWER", 100_000)
    with closing(UrlTarget(serve(Pieces), abilities=())) as target, pytest.raises(NoAnswerError, match="more than"):
        target.send(Request("GET", "/endless"))


def test_a_small_answer_that_unpacks_to_a_large_one_is_given_up(
    serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakescope_contracts.target.LARGEST_ANSWER", 1_000_000)
    bomb = serve(Pieces, piece=gzip.compress(b"0" * 2_000_000), compressed=True)
    with closing(UrlTarget(bomb, abilities=())) as target, pytest.raises(NoAnswerError, match="more than"):
        target.send(Request("GET", "/bomb"))


def test_a_server_that_goes_on_and_on_in_time_for_each_piece_is_given_up(
    serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = itertools.count(0, 10)  # ten seconds from one look at the clock to the next
    monkeypatch.setattr("fakescope_contracts.target.time.monotonic", lambda: next(passed))
    with (
        closing(UrlTarget(serve(Pieces, piece=b"x"), abilities=())) as target,
        pytest.raises(NoAnswerError, match="no whole answer within 30 s"),
    ):
        target.send(Request("GET", "/trickle"))


class Sulking(BaseHTTPRequestHandler):
    """Fails once on a connection, and answers nothing more on it."""

    protocol_version = "HTTP/1.1"
    failed = False

    def do_GET(self) -> None:
        if self.failed:
            self.close_connection = True
            return
        self.failed = True
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


def test_after_a_failure_of_the_server_another_connection_is_used(serve: Callable[..., str]) -> None:
    with closing(UrlTarget(serve(Sulking), abilities=())) as target:
        assert [target.send(Request("GET", "/")).status for _ in range(3)] == [500, 500, 500]


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
