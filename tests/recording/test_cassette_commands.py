"""fakescope cassette: lint, info, scrub and convert, as people and continuous integration run them."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import vcr  # type: ignore[import-untyped]
import yaml

from fakescope.cli import main
from fakescope.recording.exchange import Cassette, Exchange, Headers, Provenance, Request, Response
from fakescope.recording.files import load, save

ROOT = Path(__file__).parents[2]
BASE = "https://dashscope.aliyuncs.com/api/v1"
SUBMIT = f"{BASE}/services/aigc/video-generation/video-synthesis"
TASK = "0fcfa6e6" + "-bec0-4938-a444-f23a47e8dd48"
KEY = "sk-" + "9f3a51c7" * 4
LINK = f"https://results.example.com/{TASK}-0.png?Expires=17"
TASK_LINE = f"https://x.example.com/tasks/{TASK}"
JSON: Headers = (("Content-Type", "application/json"),)

CLEAN = "1 file, nothing found\n"
LEFT_OUT = "left out, because it is not with DashScope or has no answer"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `fakescope cassette …`; exit status, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["cassette", *map(str, arguments)])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def _body(**body: Any) -> str:
    return json.dumps(body)


def _output(status: str, **more: Any) -> str:
    return _body(request_id=f"r-{status}", output={"task_id": TASK, "task_status": status} | more)


def _plain(path: Path) -> Path:
    """What VCR.py writes of a script today: the key in it, answers compressed, no times but the gateway's."""
    prompt = _body(model="wan2.6-t2v", input={"prompt": "A heron"})
    sent = {"Authorization": [f"Bearer {KEY}"], "Content-Type": ["application/json"]}
    steps = [
        ("POST", SUBMIT, prompt, _output("PENDING"), 0),
        ("GET", f"{BASE}/tasks/{TASK}", None, _output("RUNNING"), 2_000),
        ("GET", f"{BASE}/tasks/{TASK}", None, _output("SUCCEEDED", results=[{"url": LINK}]), 7_500),
        ("GET", "https://example.org/unrelated", None, "hello", 8_000),
    ]
    interactions = [
        {
            "request": {"method": method, "uri": uri, "body": body, "headers": sent},
            "response": {
                "status": {"code": 200, "message": "OK"},
                "headers": {
                    "Content-Type": ["application/json"],
                    "Content-Encoding": ["gzip"],
                    "req-arrive-time": [str(1_770_000_000_000 + at)],
                },
                "body": {"string": gzip.compress(answer.encode())},
            },
        }
        for method, uri, body, answer, at in steps
    ]
    path.write_text(yaml.safe_dump({"interactions": interactions, "version": 1}))
    return path


def _recorded(path: Path) -> Path:
    exchanges = (
        Exchange(
            Request("POST", SUBMIT, JSON, _body(model="wan2.6-t2v", input={"prompt": "A heron"}).encode()),
            Response(200, JSON, _output("PENDING").encode()),
            0,
        ),
        Exchange(Request("GET", f"{BASE}/tasks/{TASK}"), Response(200, JSON, _output("RUNNING").encode()), 2_000),
        Exchange(Request("GET", f"{BASE}/tasks/{TASK}"), Response(200, JSON, _output("RUNNING").encode()), 3_000),
        Exchange(
            Request("GET", f"{BASE}/tasks/{TASK}"),
            Response(200, JSON, _output("FAILED", code="InternalError", message="…").encode()),
            61_250,
        ),
        Exchange(Request("GET", LINK), Response(200, (("Content-Type", "image/png"),), b"\x89PNG\xff"), 62_000),
    )
    save(Cassette(Provenance("simulated", "2026-11-21", "httpx/0.28", {"fakescope": "0.1.0"}), exchanges), path)
    return path


# -- lint


def test_lint_says_that_it_found_nothing(run: Run, tmp_path: Path) -> None:
    assert run("lint", _recorded(tmp_path / "x.yaml")) == (0, "", CLEAN)


def test_lint_ends_with_1_and_a_line_per_finding(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(f"interactions: []\n# {KEY}\n# {KEY}\n")

    status, out, _ = run("lint", tmp_path)

    fix = "Revoke it, then run `fakescope cassette scrub` on the file"
    assert status == 1
    assert out == "".join(f"{bad}:{line}: api-key: looks like an API key. {fix}\n" for line in (2, 3))


def test_lint_tells_what_cannot_be_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("interactions: [")

    status, out, _ = run("lint", tmp_path / "bad.yaml")

    assert status == 1
    assert out.startswith(f"{tmp_path / 'bad.yaml'}:")
    assert out.count("\n") == 1


def test_lint_tells_of_a_cassette_that_is_not_utf_8(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"interactions: []\n# \xff " + KEY.encode() + b"\n")

    status, out, err = run("lint", path)

    assert (status, err) == (1, "1 file, 2 findings\n")
    assert out.splitlines()[0].startswith(f"{path}:2: api-key: ")
    assert out.splitlines()[1] == f"{path}:2: not UTF-8"


def test_a_broken_letter_hides_no_secret_of_a_har(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "page.har"
    path.write_bytes(b'"\xff"\n"password": "Ab3dEf6h"\n')

    assert run("lint", path)[1].count(": named: ") == 1


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("page.har", "run `fakescope cassette convert` on the file"),
        ("key.py", "take it out of the file"),
        ("a.yml", "run `fakescope cassette scrub` on the file"),
    ],
)
def test_lint_advises_what_reads_such_a_file(name: str, way: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / name).write_text(f"interactions: []\nversion: 1  # {KEY}\n# {TASK_LINE}\n")

    _, out, _ = run("lint", tmp_path / name)

    fixes = [line.rpartition(". ")[2] for line in out.splitlines()]
    assert fixes == [f"Revoke it, then {way}", way[0].upper() + way[1:]]


@pytest.mark.parametrize("command", ["lint", "info", "scrub", "diff"])
def test_a_folder_with_nothing_in_it_is_wrong_use(command: str, run: Run, tmp_path: Path) -> None:
    status, out, err = run(command, tmp_path)

    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"fakescope: {tmp_path}")


def test_names_that_are_no_text_are_shown(tmp_path: Path) -> None:
    path = _recorded(tmp_path / "x.yaml").rename(tmp_path / os.fsdecode(b"\xff.yaml"))

    for command in ("info", "lint", "diff"):
        done = subprocess.run(
            [sys.executable, "-m", "fakescope", "cassette", command, str(path)],
            capture_output=True,
            env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},
        )
        assert b"Traceback" not in done.stderr
        assert done.returncode == 0 or command == "diff", done.stderr


def test_lint_of_nothing_is_wrong_use(run: Run, tmp_path: Path) -> None:
    assert run("lint", tmp_path / "gone.yaml") == (
        2,
        "",
        f"fakescope: {tmp_path / 'gone.yaml'}: no such file or folder\n",
    )
    assert run("lint")[0] == 2


def test_lint_finds_links_that_lead_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.yaml").symlink_to(_recorded(tmp_path / "x.yaml"))

    status, out, _ = run("lint", tmp_path / "in")

    assert (status, out.count("a link that leads out of")) == (1, 1)


def test_the_hook_that_the_guide_shows_stops_a_secret_and_nothing_else(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "cassettes.md").read_text("utf-8")
    [repo] = yaml.safe_load(guide.partition("```yaml\n")[2].partition("```")[0])["repos"]
    [hook] = repo["hooks"]
    (tmp_path / "cassettes").mkdir()
    _recorded(tmp_path / "cassettes" / "clean.yaml")
    (tmp_path / "cassettes" / "bad.yaml").write_text(f"interactions: []\n# {KEY}\n")
    (tmp_path / "notes.yaml").write_text(KEY)

    def commit(*names: str) -> int:
        """As pre-commit runs a hook: with the names of the files that it is for, from the root."""
        files = [name for name in names if re.search(hook["files"], name)]
        command = [sys.executable, "-m", *shlex.split(hook["entry"]), *files]
        return subprocess.run(command, cwd=tmp_path, capture_output=True).returncode if files else 0

    assert commit("cassettes/clean.yaml", "notes.yaml") == 0
    assert commit("cassettes/clean.yaml", "cassettes/bad.yaml") == 1


def test_the_hook_of_this_repository_is_the_one_that_the_guide_shows() -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    guide = (ROOT / "docs" / "cassettes.md").read_text("utf-8")

    for name in ("id", "name", "entry", "files"):
        assert f" {name}: {hook[name]}\n" in guide
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["cassettes"]
    assert set(hook["additional_dependencies"]) <= set(extra)


# -- info


def test_info_says_what_is_inside(run: Run, tmp_path: Path) -> None:
    path = _recorded(tmp_path / "x.yaml")

    status, out, _ = run("info", path)

    fake = json.loads(load(path).exchanges[0].response.body)["output"]["task_id"]
    assert status == 0
    assert out.splitlines() == [
        f"{path}: simulated on 2026-11-21 by httpx/0.28, fakescope 0.1.0",
        f"  5 exchanges in 62 s, {path.stat().st_size:,} bytes; 1 task, 1 result file, 0 other exchanges",
        f"  {fake}  wan2.6-t2v  PENDING 0 s > RUNNING 2 s > FAILED 61.25 s (InternalError); 3 polls",
        "    A heron",
    ]


def test_info_for_programs(run: Run, tmp_path: Path) -> None:
    path = _recorded(tmp_path / "x.yaml")

    [one] = json.loads(run("info", tmp_path, "--json")[1])

    assert (one["basis"], one["exchanges"], one["seconds"], one["media"]) == ("simulated", 5, 62.0, 1)
    assert (one["models"], one["versions"], one["file"]) == (["wan2.6-t2v"], {"fakescope": "0.1.0"}, str(path))
    [task] = one["tasks"]
    assert [step["state"] for step in task["states"]] == ["PENDING", "RUNNING", "FAILED"]
    assert (task["asked"], task["code"], task["prompt"]) == (3, "InternalError", "A heron")


# -- scrub


def test_scrub_cleans_a_plain_recording(run: Run, tmp_path: Path) -> None:
    path = _plain(tmp_path / "plain.yaml")
    assert run("lint", path)[0] == 1

    status, out, _ = run("scrub", path)

    assert (status, out) == (0, f"{path}: 4 exchanges written again\n")
    assert KEY not in path.read_text()
    assert run("lint", path) == (0, "", CLEAN)
    assert load(path).provenance.basis == "unknown"


def test_scrub_keeps_the_films_that_a_cassette_has(run: Run, tmp_path: Path) -> None:
    path = _recorded(tmp_path / "x.yaml")
    film = Exchange(Request("GET", LINK), Response(200, (("Content-Type", "image/png"),), b"\x89PNG\xff"))
    save(load(path)._replace(exchanges=(film,)), path, media="keep")

    run("scrub", tmp_path)

    assert load(path).exchanges[0].response.body == b"\x89PNG\xff"
    run("scrub", path, "--media", "drop")
    assert load(path).exchanges[0].response.body == b""
    assert list(tmp_path.iterdir()) == [path]


def test_scrub_writes_nothing_if_one_cannot_be_read(run: Run, tmp_path: Path) -> None:
    path = _plain(tmp_path / "a.yaml")
    (tmp_path / "broken.yaml").write_text("interactions: [")
    before = path.read_bytes()

    status, out, err = run("scrub", tmp_path)

    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"fakescope: {tmp_path / 'broken.yaml'}:")
    assert err.endswith("; nothing is written\n")
    assert path.read_bytes() == before


def test_scrub_goes_on_after_one_that_cannot_be_cleaned(run: Run, tmp_path: Path) -> None:
    refused, path = tmp_path / f"{KEY}.yaml", _plain(tmp_path / "z.yaml")
    refused.write_bytes(path.read_bytes())

    status, out, err = run("scrub", tmp_path)

    assert (status, out) == (1, f"{path}: 4 exchanges written again\n")
    assert err.count("not saved") == 1
    assert KEY in refused.read_text()


# -- convert


def test_a_plain_recording_converts(run: Run, tmp_path: Path) -> None:
    made = tmp_path / "made.yaml"

    status, out, _ = run(
        "convert", _plain(tmp_path / "plain.yaml"), "-o", made, "--basis", "seen", "--client", "mine/1"
    )

    assert (status, out) == (0, f"{made}: 3 exchanges; {LEFT_OUT}: 1\n")
    cassette = load(made)
    assert cassette.provenance == Provenance("seen", "2026-02-02", "mine/1")
    assert [exchange.at_ms for exchange in cassette.exchanges] == [0, 2_000, 7_500]
    states = [json.loads(exchange.response.body)["output"]["task_status"] for exchange in cassette.exchanges]
    assert states == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert KEY not in made.read_text()
    assert run("lint", made) == (0, "", CLEAN)


def test_nobody_but_the_user_calls_a_recording_seen(run: Run, tmp_path: Path) -> None:
    status, _, err = run("convert", _plain(tmp_path / "plain.yaml"), "-o", tmp_path / "made.yaml")

    assert status == 2
    assert "--basis" in err
    assert err.count("\n") == 1


def test_a_cassette_is_named_as_one(run: Run, tmp_path: Path) -> None:
    status, _, err = run("convert", _plain(tmp_path / "x.yaml"), "-o", tmp_path / "made.json", "--basis", "seen")

    assert (status, err) == (2, f"fakescope: {tmp_path / 'made.json'}: a cassette's name ends in .yaml\n")


def test_nothing_is_written_over(run: Run, tmp_path: Path) -> None:
    path = _recorded(tmp_path / "x.yaml")
    before = path.read_bytes()

    status, out, err = run("convert", _plain(tmp_path / "plain.yaml"), "-o", path, "--basis", "seen")

    assert (status, out) == (2, "")
    assert err == f"fakescope: {path} is there already: choose another name, or remove it\n"
    assert path.read_bytes() == before


def _entry(second: float, method: str, url: str, answer: dict[str, Any], **request: Any) -> dict[str, Any]:
    headers = [{"name": ":authority", "value": "dashscope.aliyuncs.com"}, {"name": "Authorization", "value": KEY}]
    cookies = [{"name": "acw_tc", "value": "0a5c6e1f"}]
    told = {
        "status": 200,
        "headers": [{"name": "content-type", "value": answer.get("mimeType", "")}],
        "content": answer,
    }
    return {
        "startedDateTime": f"2026-11-21T08:00:{second:06.3f}+08:00",
        "request": {"method": method, "url": url, "headers": headers, "cookies": cookies} | request,
        "response": told,
    }


def _har(path: Path, *entries: Any) -> Path:
    log = {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"}, "entries": list(entries)}
    path.write_text(json.dumps({"log": log}))
    return path


def _browser(path: Path) -> Path:
    """A task submitted from a page, among what else a browser loads; in the order in which it was finished."""
    posted = {"mimeType": "application/json", "text": _body(model="wanx-v1", input={"prompt": "A heron 鹭"})}
    packed = {"mimeType": "application/json", "encoding": "base64", "text": base64.b64encode(_done().encode()).decode()}
    picture = {"mimeType": "image/png", "encoding": "base64", "text": base64.b64encode(b"\x89PNG\xff\0").decode()}
    blocked = _entry(2, "GET", "https://ads.example.com/x.js", {})
    blocked["response"] = {"status": 0, "headers": [], "content": {}}
    return _har(
        path,
        _entry(0, "GET", "https://bailian.console.aliyun.com/", {"mimeType": "text/html", "text": "<html>"}),
        _entry(9.25, "GET", f"{BASE}/tasks/{TASK}", packed),
        _entry(1, "POST", SUBMIT, {"mimeType": "application/json", "text": _output("PENDING")}, postData=posted),
        _entry(10, "GET", LINK, picture),
        blocked,
        _entry(3, "GET", "wss://dashscope.aliyuncs.com/api-ws/v1/inference", {}),
    )


def _done() -> str:
    return _output("SUCCEEDED", results=[{"url": LINK}])


def test_a_har_of_a_browser_converts(run: Run, tmp_path: Path) -> None:
    made = tmp_path / "made.yaml"

    status, out, _ = run("convert", _browser(tmp_path / "page.har"), "--output", made, "--basis", "seen")

    assert (status, out) == (0, f"{made}: 3 exchanges; {LEFT_OUT}: 3\n")
    cassette = load(made)
    assert cassette.provenance == Provenance("seen", "2026-11-21", "WebInspector 537.36")
    assert [(exchange.request.method, exchange.at_ms) for exchange in cassette.exchanges] == [
        ("POST", 0),
        ("GET", 8_250),
        ("GET", 9_000),
    ]
    assert json.loads(cassette.exchanges[0].request.body) == {"model": "wanx-v1", "input": {"prompt": "A heron 鹭"}}
    polled = json.loads(cassette.exchanges[1].response.body)["output"]
    assert polled["task_status"] == "SUCCEEDED"
    assert cassette.exchanges[2].request.url == polled["results"][0]["url"]
    assert run("lint", made) == (0, "", CLEAN)


def test_vcr_plays_what_was_converted(run: Run, tmp_path: Path) -> None:
    import httpx

    made = tmp_path / "made.yaml"
    run("convert", _browser(tmp_path / "page.har"), "-o", made, "--basis", "seen")
    poll = load(made).exchanges[1].request.url

    with vcr.use_cassette(str(made), record_mode="none"):
        assert httpx.get(poll).json()["output"]["task_status"] == "SUCCEEDED"


BROKEN: dict[str, tuple[str | bytes, str]] = {
    "truncated": ('{"log": {"entries": [', r":1: not JSON: "),
    "something else": ('{"log": []}', r": not a HAR file: it has no log.entries"),
    "deep": ("[" * 100_000, r": not JSON"),
    "an entry": ('{"log": {"entries": [1]}}', r": entry 1: must have a request and a response"),
    "nothing of ours": ('{"log": {"entries": []}}', r": of 0 exchanges none is with DashScope"),
    "not UTF-8": (b'{"log": "\xff"}', r": not UTF-8"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_har_is_one_clear_line(broken: str, run: Run, tmp_path: Path) -> None:
    content, why = BROKEN[broken]
    path = tmp_path / "x.har"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    status, out, err = run("convert", path, "-o", tmp_path / "made.yaml", "--basis", "seen")

    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"fakescope: {path}{why}")


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"startedDateTime": "yesterday"}, "its url or its startedDateTime cannot be read"),
        ({"startedDateTime": "9999-12-31T23:59:59-23:59"}, "its url or its startedDateTime cannot be read"),
        ({"request": {"method": 1, "url": SUBMIT}}, "its request must have a method and a url"),
        ({"response": {"status": 9000}}, "its response has no status from 100 to 599"),
        ({"response": {"status": 200, "headers": [1]}}, "headers must be a list of names and values"),
        ({"response": {"status": 200, "content": {"text": 1}}}, "a body must be text"),
        (
            {"response": {"status": 200, "content": {"text": "a", "encoding": "base64"}}},
            "a body says that it is base64",
        ),
    ],
)
def test_what_is_wrong_in_an_entry_is_said(spoilt: dict[str, Any], why: str, run: Run, tmp_path: Path) -> None:
    path = _har(tmp_path / "x.har", _entry(0, "GET", SUBMIT, {}) | spoilt)

    _, _, err = run("convert", path, "-o", tmp_path / "made.yaml", "--basis", "seen")

    assert err.startswith(f"fakescope: {path}: entry 1: {why}")
