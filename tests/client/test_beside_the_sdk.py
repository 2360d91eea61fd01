"""The official SDK under the same trouble, over a real socket, beside this client: docs/client.md shows the table."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dashscope
import httpx
import pytest

from fakescope_client import Client

ROOT = Path(__file__).parents[2]
KEY = "sk-fake-secret-0815"
FILM = "A heron at dawn"
WATCHED_S = 900

Trouble = tuple[str, list[str], str]
"""Whose requests meet it, what becomes of the first ones (the last word repeated, if it ends in …), and the prompt."""

ROWS: dict[str, Trouble] = {
    "none": ("submit", [], FILM),
    "the connection breaks after a submission arrived": ("submit", ["answered into nothing"], FILM),
    "a submission is answered 429": ("submit", ["429"], FILM),
    "a submission is answered 502, but arrived": ("submit", ["502 after"], FILM),
    "a poll is answered 429": ("poll", ["429"], FILM),
    "a poll is answered 500": ("poll", ["500"], FILM),
    "polls are answered 503 for a quarter of an hour": ("poll", ["503"] * 2_000, FILM),
    "the connection breaks in a poll": ("poll", ["answered into nothing"], FILM),
    "a poll brings broken JSON": ("poll", ["half"], FILM),
    "the task does not end": ("poll", [], "[fakescope:stuck]"),
    "Ctrl-C after the first poll": ("poll", [], f"{FILM} [interrupt]"),
}


class StillPolling(BaseException):
    """A quarter of an hour has passed; nobody is asked to watch longer."""


class _Handler(BaseHTTPRequestHandler):
    """The simulator of this process behind a socket that can misbehave."""

    protocol_version = "HTTP/1.1"
    world: Any
    trouble: dict[str, list[str]]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        phase = "submit" if "/services/" in self.path else "list" if "/tasks?" in self.path else "poll"
        what = self.trouble[phase].pop(0) if self.trouble.get(phase) else ""
        status, content = int(what[:3]) if what[:3].isdecimal() else 200, b'{"code":"X","message":"x","request_id":"r"}'
        kept: list[tuple[str, str]] = []
        if status == 200 or what.endswith("after"):
            sent = httpx.Request(self.command, f"http://vendor.test{self.path}", headers=self.headers.items())
            whole: httpx.Response = self.world.wire.deliver(sent, body)
            if status == 200:
                status, content = whole.status_code, whole.content
                kept = [(name, value) for name, value in whole.headers.items() if name.startswith("resp-")]
        if what == "answered into nothing":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        content = content[: len(content) // 2] if what == "half" else content
        self.send_response(status)
        for name, value in [("Content-Type", "application/json"), ("Content-Length", str(len(content))), *kept]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def serve(make_world: Callable[..., Any]) -> Iterator[Callable[[Trouble], tuple[Any, str]]]:
    """A fresh simulator behind trouble: its world, and its base address."""
    servers: list[ThreadingHTTPServer] = []

    def start(trouble: Trouble) -> tuple[Any, str]:
        world = make_world()
        handler = type("Handler", (_Handler,), {"world": world, "trouble": {trouble[0]: list(trouble[1])}})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return world, f"http://127.0.0.1:{server.server_port}/api/v1"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def sleeper(world: Any, prompt: str, longest_s: float) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        if prompt.endswith("[interrupt]"):
            raise KeyboardInterrupt
        world.time.sleep(seconds)
        if world.time.seconds > longest_s:
            raise StillPolling

    return sleep


def end_of(world: Any, call: Callable[[], str]) -> str:
    """How a call ends, what it leaves of the task's id, and how many tasks are paid for."""
    known = ""
    try:
        end = call()
    except StillPolling:
        end = "still polling after a quarter of an hour"
    except (Exception, KeyboardInterrupt) as error:
        end = f"`{type(error).__name__}`"
        told = f"{error} {vars(error)} {getattr(error, '__notes__', '')}"
        known = ", with the task's id" if world.task_ids() and world.task_ids()[0] in told else ", task lost"
    paid = world.paid()
    lost = known if paid else ""
    return f"{end}{lost}" + (f", **{paid} tasks paid for**" if paid > 1 else "")


def official(base: str, world: Any, prompt: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(dashscope, "base_http_api_url", base)
    slept = SimpleNamespace(sleep=sleeper(world, prompt, WATCHED_S), time=world.time.monotonic)
    monkeypatch.setattr("dashscope.client.base_api.time", slept)
    synthesis: Any = dashscope.VideoSynthesis

    def call() -> str:
        answer = synthesis.call("wan2.6-t2v", prompt, api_key=KEY)
        if answer.status_code != 200:
            return f"returns HTTP {answer.status_code}, task lost"
        return str(answer.output.task_status)

    return end_of(world, call)


def newer(base: str, world: Any, prompt: str, monkeypatch: pytest.MonkeyPatch) -> str:
    sleep = sleeper(world, prompt, WATCHED_S)
    slept = SimpleNamespace(sleep=sleep, monotonic=world.time.monotonic)
    monkeypatch.setattr("dashscope.v2.resources._jobs.time", slept)
    monkeypatch.setattr("dashscope.v2.transport.http._sleep", sleep)

    def call() -> str:
        with dashscope.Client(base_url=base, api_key=KEY) as client:
            return str(client.videos.generate(model="wan2.6-t2v", prompt=prompt).status)

    return end_of(world, call)


def ours(base: str, world: Any, prompt: str) -> str:
    sleep = sleeper(world, prompt, 2 * 3_600)
    with Client(KEY, base_url=base, sleep=sleep, clock=world.time.monotonic, seed=1) as client:
        return end_of(world, lambda: client.text_to_video(prompt).status)


def documented() -> dict[str, list[str]]:
    text = (ROOT / "docs" / "client.md").read_text("utf-8")
    rows = text.partition("<!-- table: trouble -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {first: others for first, *others in cells}


@pytest.mark.parametrize("name", ROWS)
def test_document_shows_what_both_clients_do(
    name: str, serve: Callable[[Trouble], tuple[Any, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    world, base = serve(ROWS[name])
    theirs = official(base, world, ROWS[name][2], monkeypatch)
    dashscope.close_shared_sync_session()
    world, base = serve(ROWS[name])
    newest = newer(base, world, ROWS[name][2], monkeypatch)
    world, base = serve(ROWS[name])

    assert documented()[name] == [theirs, newest, ours(base, world, ROWS[name][2])]


def test_document_has_these_rows_and_no_others() -> None:
    assert list(documented()) == list(ROWS)
