"""The vendor as a target: its key is on the wire and nowhere else, and no run of the suite costs more than allowed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import closing
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import inf
from pathlib import Path
from threading import Thread
from typing import Any

import click
import httpx
import pytest

from fakescope import Settings, create_app
from fakescope.catalog import load
from fakescope.errors import SettingsError
from fakescope_contracts.asgi import AsgiTarget
from fakescope_contracts.registry import all_contracts, contract_of
from fakescope_contracts.runner import Plan, Trial, run, trials
from fakescope_contracts.spending import Spending, allow, estimates
from fakescope_contracts.target import NoAnswerError, Request, Response, UrlTarget
from fakescope_contracts.vendor import Gate, Purse, VendorTarget, open_target

KEY = "sk-0123456789abcdef0123456789abcdef"
WITH_KEY = {"DASHSCOPE_API_KEY": KEY}
CATALOG = load()
VENDOR = "https://dashscope.aliyuncs.com/api/v1"


class Echo(BaseHTTPRequestHandler):
    """Repeats the key it is sent, as careless services do, and points elsewhere."""

    asked: list[str]

    def do_GET(self) -> None:
        key = self.headers.get("Authorization", "")
        self.asked.append(f"{self.path} {key}")
        body = json.dumps({"code": "InvalidApiKey", "message": f"Incorrect API key provided: {key}"}).encode()
        self.send_response(302)
        self.send_header("Location", "/elsewhere")
        self.send_header("X-Echo", key)
        self.send_header("Set-Cookie", "acw_tc=secret")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def echo() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Echoing", (Echo,), {"asked": asked}))
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_key_is_sent_and_stands_in_nothing_that_is_kept(echo: tuple[str, list[str]]) -> None:
    where, asked = echo
    target = VendorTarget(CATALOG, "beijing", WITH_KEY, where)
    gate = Gate(target, CATALOG)

    response = gate.send(Request("GET", "/api/v1/tasks/1111"))
    target.close()

    assert asked == [f"/api/v1/tasks/1111 Bearer {KEY}"]  # and the other address was not followed
    assert b"Incorrect API key provided: Bearer <DASHSCOPE_API_KEY>" in response.body
    assert ("set-cookie", "<removed>") in response.headers
    assert KEY not in repr((gate.kept, response, gate.keys, gate.name, target.keys))


def test_the_key_is_in_no_message_about_a_vendor_that_does_not_answer() -> None:
    target = VendorTarget(CATALOG, "beijing", WITH_KEY, "http://127.0.0.1:9")

    with pytest.raises(NoAnswerError) as caught:
        target.send(Request("GET", f"/api/v1/tasks/{KEY}"))
    target.close()

    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", ["", "  ", "sk-short", "sk-01234567 890123456789", f"{KEY}\n{KEY}", "钥" * 30])
def test_what_is_no_key_is_said_without_showing_it(key: str) -> None:
    with pytest.raises(SettingsError, match="DASHSCOPE_API_KEY") as caught:
        VendorTarget(CATALOG, "beijing", {"DASHSCOPE_API_KEY": key})

    assert not key.strip() or key not in str(caught.value)


# -- the gate is there


@pytest.mark.parametrize(
    ("url", "spending", "region"),
    [
        ("", Spending(), "beijing"),
        ("", Spending("singapore"), "singapore"),
        (VENDOR, Spending(), "beijing"),
        ("https://DashScope.aliyuncs.com./", Spending(), "beijing"),
        ("https://dashscope-us.aliyuncs.com", Spending(), "virginia"),
        ("https://ws-1.cn-beijing.maas.aliyuncs.com", Spending(), "beijing"),
    ],
)
def test_the_vendor_always_stands_behind_a_gate(url: str, spending: Spending, region: str) -> None:
    target = open_target(url, CATALOG, WITH_KEY, spending)

    assert isinstance(target, Gate)
    assert (target.purse, target.region, "free" in target.abilities) == (None, region, False)
    target.close()


def test_another_server_stands_behind_a_gate_if_that_is_asked_for(start_server: Callable[..., Any]) -> None:
    server = start_server()
    kinds = []
    for spending in (Spending(), Spending(zero_cost=True), Spending(budget=Decimal(1))):
        target = open_target(server.base, CATALOG, {}, spending)
        kinds.append(type(target))
        target.close()

    assert kinds == [UrlTarget, Gate, Gate]


@pytest.mark.parametrize(
    ("url", "spending", "more", "said"),
    [
        ("http://dashscope.aliyuncs.com/api/v1", Spending(), {}, "begin with https://"),
        (VENDOR, Spending(), {"keys": {"a": KEY}}, "leave out --key"),
        (VENDOR, Spending(zero_cost=True, budget=Decimal(1)), {}, "exclude each other"),
        ("", Spending("mars"), {}, "one of beijing, singapore, virginia"),
        ("nonsense", Spending(), {}, "is not an address"),
    ],
)
def test_wrong_use_is_told(url: str, spending: Spending, more: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)):
        open_target(url, CATALOG, WITH_KEY, spending, **more)


# -- the whole suite


class Counting:
    """The simulator as the vendor, which notes each submission that it would send a bill for."""

    def __init__(self) -> None:
        self._app = create_app(Settings(seed=1, limits=False, extra_headers=False), catalog=CATALOG)
        self.asked: Counter[str] = Counter()
        self.billed: list[str] = []

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.asked[scope["method"]] += 1
                if "/services/" in scope["path"] and message["status"] == 200:
                    self.billed.append(scope["path"])
            await send(message)

        await self._app(scope, receive, note)


@pytest.fixture
def counted() -> Iterator[tuple[Counting, Gate]]:
    vendor = Counting()
    target = AsgiTarget(vendor, abilities=("invalid_key",))
    yield vendor, Gate(target, CATALOG, sleep=lambda _: None)
    target.close()


SPECS = [CATALOG.find(name) for name in ("wan2.2-t2v-plus", "wan2.2-t2i-flash", "qwen-image-max", "wan2.7-image")]
MODELS = [spec for spec in SPECS if spec is not None]


def test_the_whole_suite_at_no_cost_reaches_the_vendor_with_nothing_that_is_billed(
    counted: tuple[Counting, Gate],
) -> None:
    vendor, gate = counted
    plan = Plan(max_examples=8)

    verdicts = list(run(trials(all_contracts(), gate, MODELS, plan), gate, CATALOG, plan))

    assert vendor.billed == []
    assert vendor.asked["POST"] > 20
    assert {one.outcome for one in verdicts} == {"kept", "skipped"}, [v for v in verdicts if v.outcome == "broken"]
    assert all(one.said for one in verdicts if one.outcome == "skipped")


def test_contracts_that_cost_money_are_held_by_the_gate_if_they_are_run_all_the_same(
    counted: tuple[Counting, Gate],
) -> None:
    vendor, gate = counted
    plan = Plan(max_examples=8, shrink=False)
    gate.abilities |= {"free"}  # which it is not
    todo = [one for one in trials(all_contracts(), gate, MODELS, plan) if one.contract.costs and not one.reason]

    verdicts = list(run(todo, gate, CATALOG, plan))

    assert len(verdicts) > 10
    assert vendor.billed == []
    assert [one.said for one in verdicts if one.outcome == "error"] == []


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith(("DASHSCOPE", "CONTRACT"))}
    whole = [sys.executable, "-m", "fakescope", "contract", *arguments]
    return subprocess.run(whole, capture_output=True, text=True, env=known, timeout=300, check=False)


def billed(server: Any) -> Decimal:
    total = Decimal(0)
    for account in ("a", "b"):
        headers = {"Authorization": f"Bearer sk-contract-{account}"}
        ledger = httpx.get(f"{server.origin}/_fakescope/ledger", headers=headers, timeout=60)
        total += Decimal(ledger.json()["cost_cny"])
    return total


def tasks(server: Any) -> int:
    headers = {"Authorization": "Bearer sk-contract-a"}
    shown = httpx.get(f"{server.origin}/_fakescope/tasks", headers=headers, timeout=60)
    return len(shown.json()["tasks"])


def test_the_command_at_no_cost_starts_no_task_at_a_real_server(
    start_server: Callable[..., Any], tmp_path: Path
) -> None:
    server = start_server("--speed", "max")
    chosen = (
        "--models",
        "wan2.2-t2v-plus",
        "--max-examples",
        "10",
        "--only",
        "answers.,paths.,keys.,queries.,submissions.",
    )
    reports = ("--report", "exchanges", "--report-dir", str(tmp_path))

    ended = command("--url", server.base, "--zero-cost", *chosen, *reports)

    assert (ended.returncode, tasks(server)) == (0, 0), ended.stdout + ended.stderr
    assert "it costs money here" in ended.stdout
    kept = json.loads((tmp_path / "contracts-exchanges.json").read_text())
    assert len(kept) > 30
    assert {one["counted_cny"] for one in kept} == {"0"}


def test_the_command_says_what_a_run_may_cost_and_stops_in_time(start_server: Callable[..., Any]) -> None:
    server = start_server("--speed", "max")
    asked = (
        "--url",
        server.base,
        "--models",
        "wan2.2-t2i-flash",
        "--max-examples",
        "2",
        "--only",
        "paths.,answers.",
        "--seed",
        "1",
    )

    ended = command(*asked, "--budget", "0.60", "--yes")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"^paths\.slash +2 submissions, at most 1\.12 CNY$", ended.stdout, re.M)  # twice 4 at 0.14
    assert re.search(r"^Estimate: at most \d+\.\d+ CNY in all; the budget ends it at 0\.60 CNY$", ended.stdout, re.M)
    assert "        the budget has 0.04 CNY left of 0.60, and this may cost 0.56\n" in ended.stdout
    assert "Money: at most 0.56 CNY of 0.60 spent\n" in ended.stdout
    assert billed(server) <= Decimal("0.56")


class Wrong(AsgiTarget):
    """Fakes that break a promise at the first submission, and say so."""

    def send(self, request: Request, account: str | None = "a") -> Response:
        response = super().send(request, account)
        return response._replace(status=201) if request.path.rstrip("/").endswith("synthesis") else response


def test_a_promise_that_was_broken_is_told_although_the_money_is_gone_when_it_is_tried_again() -> None:
    with closing(Wrong(create_app(Settings(seed=1, speed=inf), catalog=CATALOG))) as target:
        gate = Gate(target, CATALOG, Purse(Decimal("0.60")))
        (trial,) = trials([contract_of("paths.slash")], gate, MODELS[1:2], Plan(max_examples=5))
        (verdict,) = run([trial], gate, CATALOG, Plan(max_examples=5))

    assert (verdict.outcome, verdict.broken is not None) == ("broken", True)
    assert gate.purse is not None
    assert gate.purse.spent == Decimal("0.56")


def test_money_is_not_spent_without_a_yes(start_server: Callable[..., Any]) -> None:
    server = start_server("--speed", "max")

    ended = command("--url", server.base, "--budget", "5", "--only", "paths.slash", "--max-examples", "1")

    assert (ended.returncode, tasks(server)) == (2, 0)
    assert "Estimate: at most" in ended.stdout
    assert "--yes" in ended.stderr


@pytest.mark.parametrize("budget", ["-1", "0", "many", "NaN", "1e99"])
def test_a_budget_is_an_amount(budget: str) -> None:
    ended = command("--url", "http://127.0.0.1:9", "--budget", budget)

    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "is no amount; give CNY such as 5 or 0.50" in ended.stderr


@pytest.fixture
def to_spend() -> Iterator[list[Trial]]:
    """Three examples of a contract that submits, with a model whose dearest submission is 4 pictures at 0.14."""
    with closing(AsgiTarget(create_app(Settings(seed=1), catalog=CATALOG))) as target:
        gate = Gate(target, CATALOG, Purse(Decimal(1)))
        yield trials([contract_of("paths.slash")], gate, MODELS[1:2], Plan(max_examples=3))


def test_an_estimate_is_made_of_the_dearest_that_can_be_asked_for(to_spend: list[Trial]) -> None:
    (one,) = estimates(to_spend, "beijing")

    assert (one.model, one.submissions, one.cny) == ("wan2.2-t2i-flash", 3, Decimal("1.68"))


@pytest.mark.parametrize("answer", ["y", "n"])
def test_on_a_terminal_there_is_a_question(
    to_spend: list[Trial], answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: answer)
    spending = Spending(budget=Decimal(2))

    if answer == "y":
        allow(to_spend, "beijing", spending)
    else:
        with pytest.raises(click.UsageError, match="nothing was sent"):
            allow(to_spend, "beijing", spending)

    assert "Estimate: at most 1.68 CNY in all; the budget ends it at 2 CNY\n" in capsys.readouterr().out
