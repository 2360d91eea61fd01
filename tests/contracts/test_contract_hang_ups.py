"""A server that takes a request and closes the connection has answered wrongly; one that is gone has stopped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from hypothesis import strategies as st

from fakescope.catalog import Catalog
from fakescope.cli import main
from fakescope_contracts.conversation import Conversation
from fakescope_contracts.registry import contract
from fakescope_contracts.runner import Plan, trials, try_out
from fakescope_contracts.target import HungUpError, NoAnswerError, Request, UrlTarget, must_answer

MALFORMED = ["--only", "bodies.malformed", "--models", "wan2.2-t2v-plus", "--seed", "1", "--max-examples", "5"]


class Crashing(BaseHTTPRequestHandler):
    """As people write them: what the handler raises ends the connection, without a word."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None: ...

    def do_POST(self) -> None:
        json.loads(self.rfile.read(int(self.headers["Content-Length"])))["model"]
        self.say({"output": {"task_id": "1", "task_status": "PENDING"}})

    def do_GET(self) -> None:
        if self.headers["Authorization"].split()[0] == "Bearer":  # and without one it crashes, too
            self.say({"output": {"task_id": "1", "task_status": "UNKNOWN"}})

    def say(self, answer: dict[str, Any]) -> None:
        raw = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


class Silent(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None: ...


@pytest.fixture
def crashing() -> Iterator[ThreadingHTTPServer]:
    with Silent(("127.0.0.1", 0), Crashing) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server
        server.shutdown()
        serving.join(60)


@pytest.fixture
def url(crashing: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{crashing.server_port}"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return run


def test_hanging_up_on_a_request_breaks_a_promise_and_the_request_is_shown(url: str, run: Any) -> None:
    status, out, err = run("contract", "--url", url, *MALFORMED)

    assert (status, err) == (1, "")
    assert re.search(r"^BROKEN +bodies\.malformed", out, re.MULTILINE)
    assert f"but: no answer: POST {url}/api/v1/services/aigc/" in out
    assert re.search(r"curl -sSgi .* -m 30 .*--data-binary @-", out)
    assert "# promised: r1.status_code > 0" in out


def test_a_server_that_crashes_at_every_query_is_there(url: str, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a dictionary of tasks does with an id that is not in it."""
    tasks: dict[str, str] = {}
    monkeypatch.setattr(Crashing, "do_GET", lambda crashing: tasks[crashing.path])

    status, out, _ = run("contract", "--url", url, "--only", "queries.unknown-id", "--max-examples", "2")

    assert status == 1
    assert re.search(r"^BROKEN +queries\.unknown-id", out, re.MULTILINE)


def test_the_test_that_is_shown_fails_at_that_server(url: str, run: Any) -> None:
    _, out, _ = run("contract", "--url", url, *MALFORMED)
    module: dict[str, Any] = {}
    exec(compile(out.partition("--- pytest\n")[2].partition("---\n")[0], "shown.py", "exec"), module)

    with pytest.raises(httpx.RemoteProtocolError):
        module["test_bodies_malformed"]()


def test_the_smallest_request_is_looked_for_where_that_costs_nothing(url: str, catalog: Catalog) -> None:
    def check(talk: Conversation, _spec: Any, draw: Any) -> None:
        length = draw(st.integers(0, 1_000))
        talk.send("POST", "/x", body=b'{"model": 1}' if length < 17 else b"[" * length)

    made = contract("x.y", "It is so", basis="seen")(check)
    with closing(UrlTarget(url)) as target:
        (trial,) = trials([made], target, catalog.specs(), Plan(max_examples=50, seed=1))
        verdict = try_out(trial, target, catalog, Plan(max_examples=50, seed=1))

    assert verdict.outcome == "broken"
    assert verdict.broken is not None
    assert [len(step.request.body) for step in verdict.broken.history] == [17]  # type: ignore[union-attr]


def test_a_server_that_hangs_up_without_a_key_is_there_all_the_same(url: str) -> None:
    with closing(UrlTarget(url, abilities={"free"})) as target:
        with pytest.raises(HungUpError):
            target.send(Request("GET", "/api/v1/tasks"), None)
        must_answer(target)


def test_a_server_that_has_stopped_breaks_no_promise(catalog: Catalog) -> None:
    def check(talk: Conversation, _spec: Any, _draw: Any) -> None:
        talk.list()

    made = contract("x.y", "It is so", basis="seen")(check)
    with closing(UrlTarget("http://127.0.0.1:9", abilities={"free"})) as target:
        (trial,) = trials([made], target, catalog.specs(), Plan())
        with pytest.raises(NoAnswerError, match="Connection refused"):
            try_out(trial, target, catalog, Plan())


def test_drift_goes_on_after_a_request_without_an_answer(url: str, run: Any) -> None:
    status, out, err = run("drift", "--url", url)

    assert (status, err) == (1, "")
    assert re.search(r"^not observable +refusal\.body_invalid .*no answer: POST", out, re.MULTILINE)
    assert re.search(r"^contradicted +refusal\.model_not_exist", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [(KeyboardInterrupt(), 130, "interrupted"), (NoAnswerError("gone"), 3, "the target does not answer any more")],
)
def test_drift_that_is_cut_short_tells_what_it_found(
    error: BaseException, status: int, said: str, run: Any, start_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, sent = UrlTarget._exchange, [0]

    def exchange(target: UrlTarget, request: Request) -> Any:
        sent[0] += 1
        if sent[0] > 4:  # the first asks how it is
            raise error
        return really(target, request)

    monkeypatch.setattr(UrlTarget, "_exchange", exchange)
    ended, out, err = run("drift", "--url", start_server().base)

    assert ended == status
    assert re.search(rf"^3 confirmed, 0 contradicted, 0 not observable; {said}, \d+ not asked for$", out, re.MULTILINE)
    assert err == ("" if status == 130 else "fakescope: no answer: gone\n")
