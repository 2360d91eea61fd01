"""`fakescope cassette diff`: drift that was planted is found, with its place and the rule that it contradicts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakescope import Settings, create_app
from fakescope.catalog import Catalog
from fakescope.cli import main
from fakescope.recording.compare import Drift, Report, compare
from fakescope.recording.exchange import Cassette, Exchange
from fakescope.recording.files import load, save

FOLDER = Path(__file__).parents[2] / "fixtures" / "cassettes" / "simulated"

Find = Callable[[Cassette], Report]


@pytest.fixture
def report(catalog: Catalog, clock: Any) -> Find:
    def of(cassette: Cassette) -> Report:
        app = create_app(Settings(seed=3, speed=1, limits=False), catalog=catalog, clock=clock)
        return asyncio.run(compare(cassette, app, catalog))

    return of


def body_of(exchange: Exchange) -> Any:
    return json.loads(exchange.response.body)


def with_body(cassette: Cassette, n: int, body: Any, status: int | None = None) -> Cassette:
    """The cassette with another body, and maybe another status, in its n-th answer (from 0)."""
    exchanges = list(cassette.exchanges)
    response = exchanges[n].response
    response = response._replace(body=json.dumps(body).encode(), status=status or response.status)
    exchanges[n] = exchanges[n]._replace(response=response)
    return cassette._replace(exchanges=tuple(exchanges))


def changed(cassette: Cassette, n: int, path: str, value: Any) -> Cassette:
    """The cassette with another value at a path such as `output.results.0.url`; None takes the name away."""
    body = body_of(cassette.exchanges[n])
    at, *steps = body, *path.split(".")
    for step in steps[:-1]:
        at = at[int(step) if isinstance(at, list) else step]
    if value is None:
        del at[steps[-1]]
    else:
        at[int(steps[-1]) if isinstance(at, list) else steps[-1]] = value
    return with_body(cassette, n, body)


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Path → value, for every name and every entry of a list, those with values inside them included."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in pairs:
        inner = f"{at}.{name}".strip(".")
        yield inner, part
        yield from leaves(part, inner)


def polls(cassette: Cassette, status: str) -> list[int]:
    """Which exchanges are answers about a task in that state."""
    return [
        n
        for n, exchange in enumerate(cassette.exchanges)
        if "/api/v1/tasks/" in exchange.request.url
        and exchange.request.method == "GET"
        and body_of(exchange).get("output", {}).get("task_status") == status
    ]


@pytest.mark.parametrize("name", ["family-emo", "family-image-editing", "list", "refused"])
def test_a_changed_type_or_name_is_found_wherever_it_stands(report: Find, name: str) -> None:
    cassette = load(FOLDER / f"{name}.yaml")
    missed = []
    for n, exchange in enumerate(cassette.exchanges):
        for path, value in leaves(body_of(exchange)):
            other = "5" if not isinstance(value, str) else 5
            name_too = [None] if not path.rpartition(".")[2].isdecimal() else []
            for planted in (other, *name_too):
                found = report(changed(cassette, n, path, planted)).drifts
                if not any(drift.number == n + 1 and (path in drift.at or drift.at in path) for drift in found):
                    missed.append((n + 1, path, planted))

    assert missed == []


def test_a_name_that_we_do_not_send_is_found(report: Find) -> None:
    cassette = load(FOLDER / "family-emo.yaml")
    n = polls(cassette, "SUCCEEDED")[0]

    [drift] = report(changed(cassette, n, "usage.seconds", 5)).drifts

    assert drift[1:6] == (
        n + 1,
        f"GET {cassette.exchanges[n].request.url.partition(':8900')[2]}",
        "usage.seconds",
        "number 5",
        "absent",
    )
    assert drift.rule.startswith("emo-v1 in the catalogue (documented: EMO")


@pytest.mark.parametrize(
    ("path", "value", "simulated"),
    [
        ("output.submit_time", "2026-02-09T09:20:00Z", "time"),
        ("output.task_id", "1f0c", "id"),
        ("output.video_url", "oss://bucket/a.mp4", "link"),
    ],
)
def test_a_text_of_another_form_is_found(report: Find, path: str, value: str, simulated: str) -> None:
    cassette = load(FOLDER / "family-text-to-video.yaml")
    n = polls(cassette, "SUCCEEDED")[0]

    [drift] = report(changed(cassette, n, path, value)).drifts

    assert (drift.at, drift.recorded) == (path, f'text "{value}"')
    assert drift.simulated.startswith(f"{simulated} ")


def test_a_list_of_another_length_is_found(report: Find) -> None:
    cassette = load(FOLDER / "images.yaml")
    n = polls(cassette, "SUCCEEDED")[0]
    results = body_of(cassette.exchanges[n])["output"]["results"]

    [drift] = report(changed(cassette, n, "output.results", results[:1])).drifts

    assert drift[3:6] == ("output.results", "1 entries", "2 entries")


@pytest.mark.parametrize(("first", "second"), [("PENDING", "RUNNING"), ("RUNNING", "SUCCEEDED")])
def test_states_in_another_order_are_found(report: Find, first: str, second: str) -> None:
    cassette = load(FOLDER / "side-by-side.yaml")
    n = polls(cassette, first)[0]
    m = next(m for m in polls(cassette, second) if cassette.exchanges[m].request == cassette.exchanges[n].request)
    swapped = with_body(cassette, n, body_of(cassette.exchanges[m]))
    swapped = with_body(swapped, m, body_of(cassette.exchanges[n]))

    drifts = report(swapped).drifts

    assert f"{first} when it was {second}" in [drift.recorded for drift in drifts]
    assert {(drift.at, drift.simulated) for drift in drifts} == {
        ("output.task_status", "PENDING → RUNNING → SUCCEEDED")
    }


def test_a_state_that_we_do_not_know_is_found(report: Find) -> None:
    cassette = load(FOLDER / "family-text-to-video.yaml")
    n = polls(cassette, "RUNNING")[0]

    [drift] = report(changed(cassette, n, "output.task_status", "SUSPENDED")).drifts

    assert (drift.number, drift.at) == (n + 1, "output.task_status")
    assert drift.recorded.startswith("SUSPENDED")


def test_a_task_that_is_forgotten_too_early_is_found(report: Find) -> None:
    cassette = load(FOLDER / "unknown.yaml")
    exchanges = [*cassette.exchanges]
    exchanges[-1] = exchanges[-1]._replace(at_ms=exchanges[1].at_ms + 3_600_000)

    [drift] = report(cassette._replace(exchanges=tuple(exchanges))).drifts

    assert drift[3:6] == ("output.task_status", "UNKNOWN after 3600000 ms", "UNKNOWN from 86400000 ms on")


@pytest.mark.parametrize(
    ("name", "n", "path", "value"),
    [
        ("failed", "FAILED", "output.code", "InvalidParameter.Size"),
        ("failed", "FAILED", "output.code", "DataInspectionFailed"),
        ("throttling", 429, "code", "Throttling.Soon"),
        ("refused", 404, "code", "ModelNotFound"),
        ("refused", 400, "code", "InvalidParameter.Url"),
        ("cancel", 400, "code", "Conflict"),
        ("images", "SUCCEEDED", "output.results.1.code", "Blocked"),
    ],
)
def test_another_code_is_found(report: Find, name: str, n: str | int, path: str, value: str) -> None:
    cassette = load(FOLDER / f"{name}.yaml")
    which = (
        polls(cassette, n)
        if isinstance(n, str)
        else [at for at, exchange in enumerate(cassette.exchanges) if exchange.response.status == n]
    )
    at = next(at for at in which if "results.1" not in path or b'"code"' in cassette.exchanges[at].response.body)

    drifts = report(changed(cassette, at, path, value)).drifts

    assert {drift.number for drift in drifts} == {at + 1}
    assert any(value in drift.recorded for drift in drifts)


def test_another_http_status_is_found_with_the_rule_that_we_follow(report: Find) -> None:
    cassette = load(FOLDER / "refused.yaml")
    body = body_of(cassette.exchanges[0])

    [drift] = report(with_body(cassette, 0, body, status=400)).drifts

    assert drift[3:6] == ("HTTP status", "400 InvalidParameter", "404 InvalidParameter")
    assert drift.rule.startswith("model_not_exist (seen): 'wan9.9-t2v' is not a known model")


def test_a_refusal_of_what_we_accept_is_found_and_so_is_the_reverse(report: Find) -> None:
    accepted, refused = load(FOLDER / "family-text-to-video.yaml"), load(FOLDER / "refused.yaml")
    refusal = {"request_id": "x", "code": "InvalidParameter", "message": "url error, please check url！"}

    no_longer = report(with_body(accepted, 0, refusal, status=400)).drifts[0]
    all_at_once = report(with_body(refused, 1, body_of(accepted.exchanges[0]), status=200)).drifts[0]

    assert no_longer[3:6] == ("HTTP status", "400 InvalidParameter", "200")
    assert all_at_once[3:6] == ("HTTP status", "200", "400 InvalidParameter")
    assert all_at_once.rule.startswith("url_error (seen): wan2.6-t2v is served at")


def test_a_failure_of_what_would_succeed_is_found_and_so_is_the_reverse(report: Find) -> None:
    """Unless its code says that it came of a file or of content, which no request shows."""
    cassette = load(FOLDER / "failed.yaml")
    wrong, blocked = polls(cassette, "FAILED")
    film = load(FOLDER / "family-text-to-video.yaml")
    n = polls(film, "SUCCEEDED")[0]

    def ended(code: str, message: str) -> tuple[Drift, ...]:
        output = {k: v for k, v in body_of(film.exchanges[n])["output"].items() if k.endswith(("_time", "_id"))}
        failed = body_of(cassette.exchanges[blocked])["output"]
        output |= {"task_status": "FAILED", "code": code, "message": message}
        assert output.keys() == failed.keys()
        return report(with_body(film, n, {"request_id": an_id, "output": output})).drifts

    an_id = body_of(film.exchanges[n])["request_id"]
    success = body_of(film.exchanges[n])["output"] | {
        "task_id": body_of(cassette.exchanges[wrong])["output"]["task_id"]
    }

    assert ended("DataInspectionFailed", "anything") == ()
    assert ended("InvalidURL", "whatever was behind it") == ()
    assert [drift.at for drift in ended("InvalidParameter", "size must be in 1280*720")] == ["output.task_status"]
    [reverse] = report(with_body(cassette, wrong, {"request_id": an_id, "output": success, "usage": {}})).drifts
    assert reverse.recorded.startswith("SUCCEEDED when it was ")
    assert reverse.rule.startswith("parameters.size:")


def test_what_one_task_made_for_the_next_is_sent_on(report: Find) -> None:
    """Without the first task the second one's request is wrong here, as it would be there."""
    cassette = load(FOLDER / "chained.yaml")
    made = [n for n, one in enumerate(cassette.exchanges) if b"template_id" in one.response.body]

    whole = report(cassette)
    without = report(cassette._replace(exchanges=tuple(e for n, e in enumerate(cassette.exchanges) if n not in made)))

    assert (whole.compared, whole.drifts) == (len(cassette.exchanges), ())
    assert without.drifts[0].rule.startswith("input.template_id:unknown")


def test_a_state_that_lasts_no_time_here_may_have_lasted_there(report: Find) -> None:
    """A task that fails on a wrong field waits for nothing here; polled in between, it was PENDING there."""
    cassette = load(FOLDER / "failed.yaml")
    submission, failed = cassette.exchanges[:2]
    body = body_of(failed)
    output = {k: v for k, v in body["output"].items() if k in ("task_id", "submit_time")} | {"task_status": "PENDING"}
    pending = json.dumps(body | {"output": output}).encode()
    between = failed._replace(response=failed.response._replace(body=pending), at_ms=submission.at_ms + 1)

    told = report(cassette._replace(exchanges=(submission, between, failed)))

    assert (told.compared, told.drifts) == (2, ())
    assert "PENDING for no time at all" in told.left_out[0]


def test_a_throttled_poll_without_its_request_id_is_found(report: Find) -> None:
    cassette = load(FOLDER / "throttling.yaml")
    n = max(n for n, one in enumerate(cassette.exchanges) if one.response.status == 429)
    body = body_of(cassette.exchanges[n])
    del body["request_id"]

    [drift] = report(with_body(cassette, n, body)).drifts

    assert (drift.number, drift.at, drift.recorded) == (n + 1, "request_id", "absent")
    assert drift.rule == "every refusal of the vendor's, such as 429 Throttling.RateQuota"


def test_rows_of_tasks_from_before_the_recording_are_passed_over(report: Find) -> None:
    cassette = load(FOLDER / "list.yaml")
    lists = tuple(one for one in cassette.exchanges if one.request.method == "GET")

    assert report(cassette._replace(exchanges=lists)).drifts == ()


def test_what_cannot_be_compared_is_told_and_is_no_drift(report: Find) -> None:
    cassette = load(FOLDER / "images.yaml")
    first, last = polls(cassette, "SUCCEEDED")
    download = next(n for n, one in enumerate(cassette.exchanges) if "/dashscope-result" in one.request.url)

    told = report(cassette._replace(exchanges=tuple(cassette.exchanges[n] for n in sorted((first, download, last)))))

    assert (told.compared, told.drifts) == (0, ())
    assert ["submission" in line for line in told.left_out] == [True] * 3
    assert sum("its submission is not in the recording" in line for line in told.left_out) == 2


@pytest.mark.parametrize("body", [b"", b"{", b"[1, 2]", b"null", b'"text"', b"\xff\xfe", b'{"output": 5}', b"[" * 5000])
def test_bodies_that_are_no_answers_are_drift_and_no_crash(report: Find, body: bytes) -> None:
    cassette = load(FOLDER / "family-emo.yaml")

    for n, exchange in enumerate(cassette.exchanges):
        broken = [*cassette.exchanges]
        broken[n] = exchange._replace(response=exchange.response._replace(body=body))
        assert any(drift.number == n + 1 for drift in report(cassette._replace(exchanges=tuple(broken))).drifts)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1, 2]", b"null", b'{"model": 5}', b'{"model": "wan2.6-t2v", "input": 3}']
)
def test_requests_that_are_none_are_compared_like_any_other(report: Find, body: bytes) -> None:
    cassette = load(FOLDER / "family-emo.yaml")
    broken = [*cassette.exchanges]
    broken[0] = broken[0]._replace(request=broken[0].request._replace(body=body))

    [drift, *_] = report(cassette._replace(exchanges=tuple(broken))).drifts

    assert (drift.number, drift.at) == (1, "HTTP status")


@pytest.mark.parametrize("code", [[], {}, None, 5, "x" * 100_000])
def test_a_refusal_whose_code_is_none_is_drift(report: Find, code: Any) -> None:
    cassette = load(FOLDER / "family-emo.yaml")

    drifts = report(with_body(cassette, 0, {"code": code, "message": code}, status=403)).drifts

    assert (drifts[0].number, drifts[0].at) == (1, "HTTP status")


def test_a_request_that_is_nested_too_deeply_is_no_crash(report: Find) -> None:
    cassette = load(FOLDER / "family-emo.yaml")
    broken = [*cassette.exchanges]
    deep = b'{"model": "emo-v1", "input": ' + b'{"a": ' * 1000 + b"1" + b"}" * 1001
    broken[0] = broken[0]._replace(request=broken[0].request._replace(body=deep))

    told = report(cassette._replace(exchanges=tuple(broken)))

    assert told.compared + len(told.left_out) == len(broken)


def test_a_request_without_a_path_is_named_by_a_slash(report: Find) -> None:
    cassette = load(FOLDER / "family-emo.yaml")
    upload = cassette.exchanges[0]
    upload = upload._replace(request=upload.request._replace(url="https://example.com"))

    told = report(cassette._replace(exchanges=(upload,))).left_out

    assert told == ("family-emo 1: POST /: neither a submission nor a call of the task API",)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["cassette", "diff", *arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_the_command_says_what_differs_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cassette = load(FOLDER / "family-emo.yaml")
    n = polls(cassette, "SUCCEEDED")[0]
    save(changed(cassette, n, "usage.video_duration", "5"), tmp_path / "planted.yaml")

    status, out, _ = run(capsys, str(tmp_path))
    _, as_json, _ = run(capsys, str(tmp_path), "--json")

    assert status == 1
    assert f"planted {n + 1}: GET /api/v1/tasks/" in out
    assert 'usage.video_duration\n  recorded   string "5"\n  simulated  number ' in out
    assert "rule       emo-v1 in the catalogue" in out
    [drift] = json.loads(as_json)["drift"]
    assert (drift["cassette"], drift["number"], drift["at"]) == ("planted", n + 1, "usage.video_duration")


def test_the_command_ends_with_0_where_nothing_differs(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, str(FOLDER / "family-emo.yaml"))

    assert status == 0
    assert out.endswith(" exchanges in 1 recording compared, 0 differences\n")


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, str(tmp_path / "nowhere"))

    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "no such file" in err
