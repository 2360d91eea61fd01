"""What the vendor answers otherwise than the catalogue says is found; what it answers as written is confirmed.

The stand-in is the simulator, behind something that changes one answer.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from fakescope import Settings, create_app
from fakescope.catalog import load
from fakescope.catalog import loader as catalog_loader
from fakescope_contracts.asgi import AsgiTarget
from fakescope_contracts.drift import Finding, changes, look, patch
from fakescope_contracts.probes import UNPROBED, probes, unprobed
from fakescope_contracts.target import Response, Target
from fakescope_contracts.vendor import Gate

CATALOG = load()
PROBED = [probe.rule for probe in probes(CATALOG, "beijing")]
Change = Callable[[int, dict[str, Any]], tuple[int, dict[str, Any]]]


class Drifted:
    """The simulator, with answers changed where `is_meant` says so of a body."""

    def __init__(self, change: Change, is_meant: Callable[[dict[str, Any]], bool]) -> None:
        self._app = create_app(Settings(seed=1, limits=False, speed=1, extra_headers=False), catalog=CATALOG)
        self._change, self._is_meant = change, is_meant

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        sent: list[Any] = []

        async def keep(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, keep if scope["type"] == "http" else send)
        if scope["type"] != "http":
            return
        body = json.loads(b"".join(message.get("body", b"") for message in sent))
        if self._is_meant(body):
            sent[0]["status"], body = self._change(sent[0]["status"], body)
        await send({"type": "http.response.start", "status": sent[0]["status"], "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def findings(change: Change, is_meant: Callable[[dict[str, Any]], bool]) -> dict[str, Finding]:
    target = AsgiTarget(Drifted(change, is_meant), abilities=())
    try:
        return {one.rule: one for one in look(Gate(target, CATALOG, sleep=lambda _: None), CATALOG)}
    finally:
        target.close()


def refusal(rule: str) -> Callable[[dict[str, Any]], bool]:
    """Whether an answer is that of a rule."""
    row = CATALOG.refusal(rule.removeprefix("refusal."))
    text = re.compile(re.sub(r"\\\{\w+\\\}", ".*", re.escape(row.message)))
    return lambda body: body.get("code") == row.code and text.fullmatch(str(body.get("message"))) is not None


def never(_: dict[str, Any]) -> bool:
    return False


PLANTED: dict[str, Change] = {
    "another text": lambda status, body: (status, body | {"message": "Something else."}),
    "another status": lambda _status, body: (418, body),
    "another code": lambda status, body: (status, body | {"code": "Invalid.Otherwise"}),
    "another order": lambda status, body: (status, dict(reversed(body.items()))),
    "an envelope around it": lambda status, body: (status, {"error": body}),
    "one key more": lambda status, body: (status, body | {"output": {}}),
    "a success": lambda _status, _body: (200, {"output": {"task_id": "x-1", "task_status": "PENDING"}}),
}


def test_without_drift_everything_that_is_asked_is_confirmed() -> None:
    found = findings(PLANTED["another text"], never)

    assert {rule: one.verdict for rule, one in found.items() if one.probe} == dict.fromkeys(PROBED, "confirmed")
    assert {one.verdict for one in found.values() if one.probe is None} == {"not observable"}


@pytest.mark.parametrize("drift", PLANTED)
@pytest.mark.parametrize("rule", [rule for rule in PROBED if rule.startswith("refusal.")])
def test_planted_drift_is_found_and_nothing_else(rule: str, drift: str) -> None:
    found = findings(PLANTED[drift], refusal(rule))

    contradicted = {one.rule for one in found.values() if one.verdict == "contradicted"}
    assert rule in contradicted
    assert {CATALOG.refusal(one.partition(".")[2]).message for one in contradicted} == {
        CATALOG.refusal(rule.partition(".")[2]).message
    }


@pytest.mark.parametrize(
    ("rule", "of", "change"),
    [
        ("tasks.page_size_default", "page_size", {"page_size": 20}),
        ("tasks.page_size_most", "page_size", {"page_size": 50}),
        ("tasks.unknown", "output", {"output": {"task_id": "x", "task_status": "UNKNOWN", "code": "NotFound"}}),
    ],
)
def test_drift_of_a_list_or_a_task_is_found(rule: str, of: str, change: dict[str, Any]) -> None:
    found = findings(lambda status, body: (status, body | change), lambda body: of in body)

    assert found[rule].verdict == "contradicted"


def test_every_text_of_the_catalogue_is_asked_for_or_has_a_reason() -> None:
    reasons = {rule: why for rule, _, why in unprobed(CATALOG, "beijing")}
    everything = [
        *(f"refusal.{name}" for name in CATALOG.refusals),
        *(f"problem.{name}" for name in CATALOG.problems),
        *(f"failure.{name}" for name in CATALOG.failures),
        "blocked",
    ]

    assert sorted([*PROBED, *reasons]) == sorted([*everything, *(rule for rule in PROBED if rule.startswith("tasks."))])
    assert "there is no such model in the region" not in reasons.values()
    assert set(UNPROBED) <= {rule.removeprefix("refusal.") for rule in reasons}


# -- what is in the way is no drift


def test_an_account_in_arrears_says_nothing_about_models() -> None:
    row = CATALOG.refusal("arrearage")
    arrears = {"code": row.code, "message": row.message, "request_id": "r"}
    found = findings(lambda _status, _body: (row.status, arrears), refusal("refusal.model_not_exist"))

    one = found["refusal.model_not_exist"]
    assert (one.verdict, one.said) == ("not observable", "the account is refused first: Arrearage")


@pytest.mark.parametrize(("status", "said"), [(500, "HTTP 500 came first"), (429, "HTTP 429 came first")])
def test_a_service_in_trouble_says_nothing(status: int, said: str) -> None:
    found = findings(lambda _s, _b: (status, {"code": "Trouble"}), refusal("refusal.url_error"))

    assert (found["refusal.url_error"].verdict, found["refusal.url_error"].said) == ("not observable", said)


def test_a_key_that_is_refused_is_said_once_and_not_tried_again() -> None:
    wrong = {"code": "InvalidApiKey", "message": "Invalid API-key provided.", "request_id": "r"}
    found = findings(lambda _s, _b: (401, wrong), lambda body: body.get("code") != "InvalidApiKey")

    keyed = [one for one in found.values() if one.probe is not None and one.probe.account is not None]
    assert {(one.verdict, one.said) for one in keyed} == {("not observable", "the key is refused")}
    assert sum(one.response is not None for one in keyed) == 1
    assert found["refusal.no_api_key"].verdict == "confirmed"


def test_no_probe_needs_money() -> None:
    class Counting:
        name, region, abilities, keys = "nobody", "beijing", frozenset[str](), {"a": "sk-0123456789abcdef0123"}
        sent = 0

        def send(self, request: Any, account: str | None = "a") -> Response:  # noqa: ARG002
            self.sent += 1
            return Response(200, (), b'{"output": {"task_id": "a-1", "task_status": "PENDING"}}')

    counting: Any = Counting()
    target: Target = Gate(counting, CATALOG, sleep=lambda _: None)
    found = list(look(target, CATALOG))

    assert counting.sent >= 4
    assert all("could cost money" not in one.said for one in found)


# -- what would change


def applied(tmp_path: Path, text: str) -> Any:
    """The catalogue after `patch -p1`."""
    folder = tmp_path / "fakescope" / "catalog"
    shutil.copytree(Path(catalog_loader.__file__).parent, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    subprocess.run(["git", "apply", "-"], input=text, text=True, check=True, cwd=tmp_path)
    return load(folder)


def test_what_was_confirmed_is_seen_from_now_on(tmp_path: Path) -> None:
    made = changes(findings(PLANTED["another text"], never).values())
    after = applied(tmp_path, patch(made, "https://example.com/api/v1"))

    raised = {one.table for one in made}
    assert {"refusal.no_api_key", "refusal.list_parameter", "refusal.input_missing"} <= raised
    for name, row in after.refusals.items():
        before = CATALOG.refusal(name)
        if f"refusal.{name}" not in raised:
            assert row == before
            continue
        assert (before.basis != "seen", row.basis) == (True, "seen")
        assert row._replace(basis="", source=before.source) == before._replace(basis="")
        assert row.source.url == "https://example.com/api/v1"


@pytest.mark.parametrize(
    ("drift", "now"),
    [
        ("another text", {"message": "Something else."}),
        ("another status", {"status": 418}),
        ("another code", {"code": "Invalid.Otherwise"}),
    ],
)
def test_what_was_contradicted_is_written_as_it_came(tmp_path: Path, drift: str, now: dict[str, Any]) -> None:
    made = changes(findings(PLANTED[drift], refusal("refusal.no_api_key")).values())
    after = applied(tmp_path, patch(made))

    before = CATALOG.refusal("no_api_key")
    assert after.refusal("no_api_key") == before._replace(
        basis="seen", source=after.refusal("no_api_key").source, **now
    )


def test_another_order_of_keys_is_another_envelope(tmp_path: Path) -> None:
    made = changes(findings(PLANTED["another order"], refusal("refusal.url_error")).values())

    assert applied(tmp_path, patch(made)).refusal("url_error").envelope == "service"


def test_a_text_with_places_keeps_them(tmp_path: Path) -> None:
    def reworded(status: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return status, body | {"message": body["message"].replace("is not supported.", "cannot be used")}

    made = changes(findings(reworded, refusal("refusal.method_not_supported")).values())

    assert applied(tmp_path, patch(made)).refusal("method_not_supported").message == "Request method '{method}' cannot be used"  # fmt: skip # noqa: E501


def test_another_page_size_is_written_as_it_came(tmp_path: Path) -> None:
    found = findings(lambda status, body: (status, body | {"page_size": 20}), lambda b: b.get("page_size") == 10)

    assert applied(tmp_path, patch(changes(found.values()))).service.page_size_default == 20


# -- the command


def drift(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    known = {name: value for name, value in os.environ.items() if name != "DASHSCOPE_API_KEY"}
    command = [sys.executable, "-m", "fakescope", "drift", "--zero-cost", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=known | environment, timeout=120, check=False)


def test_the_command_says_what_it_found_as_text_and_as_json(start_server: Callable[..., Any]) -> None:
    server = start_server()

    told = drift("--url", server.base)
    shown = json.loads(drift("--url", server.base, "--report", "json").stdout)

    assert (told.returncode, told.stderr) == (0, "")
    assert f"{len(PROBED)} confirmed, 0 contradicted" in told.stdout
    assert "errors.toml: refusal.no_api_key.basis documented → seen" in told.stdout
    assert "This was not the vendor" in told.stdout
    assert shown["is_vendor"] is False
    assert {row["rule"] for row in shown["rules"] if row["verdict"] == "confirmed"} == set(PROBED)
    assert shown["patch"] in told.stdout


def test_a_contradiction_is_exit_status_1_with_what_was_asked_and_what_came(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fakescope_contracts import drift as module
    from fakescope_contracts import vendor

    target = AsgiTarget(Drifted(PLANTED["another text"], refusal("refusal.url_error")), abilities=())
    monkeypatch.setattr(vendor, "open_target", lambda *_a, **_k: Gate(target, CATALOG, sleep=lambda _: None))
    status = module.drift.main([], standalone_mode=False)

    told = capsys.readouterr().out
    assert status == 1
    assert "contradicted    refusal.url_error" in told
    assert "asked: POST /api/v1/services/aigc/image2video/video-synthesis" in told
    assert 'came:  HTTP 400 {"code": "InvalidParameter", "message": "Something else."' in told


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "said"),
    [
        ([], {}, 2, "set DASHSCOPE_API_KEY"),
        (["--region", "mars"], {"DASHSCOPE_API_KEY": "sk-0123456789abcdef0123"}, 2, "'mars' is not a region; one of"),
        (["--url", "http://dashscope.aliyuncs.com"], {}, 2, "begin with https://"),
        (["--url", "nonsense"], {}, 2, "is not an address"),
        ([], {"DASHSCOPE_API_KEY": "0123456789abcdef01234567"}, 2, "DASHSCOPE_API_KEY holds no key: sk- and at least"),
        ([], {"DASHSCOPE_API_KEY": "sk-0123"}, 2, "DASHSCOPE_API_KEY holds no key: sk- and at least"),
        (["--url", "http://127.0.0.1:9"], {}, 3, "no answer"),
    ],
    ids=["no key", "no region", "in the clear", "no address", "no sk-", "short", "no answer"],
)
def test_wrong_use_is_one_line(arguments: list[str], environment: dict[str, str], status: int, said: str) -> None:
    ended = drift(*arguments, **environment)

    assert (ended.returncode, ended.stdout) == (status, "")
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
