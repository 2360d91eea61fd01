"""Recordings as what is judged: those that keep all promises, copies with one thing made wrong, recorded mutants."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakescope.catalog import Catalog
from fakescope.catalog.spec import BASES
from fakescope.cli import main
from fakescope.recording.exchange import Cassette, Exchange, Provenance
from fakescope.recording.exchange import Request as Asked
from fakescope.recording.exchange import Response as Answered
from fakescope.recording.files import save
from fakescope_contracts.asgi import App, AsgiTarget
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.mutants import MUTANTS, mutated
from fakescope_contracts.recorded import judged
from fakescope_contracts.registry import all_contracts
from fakescope_contracts.runner import Verdict
from fakescope_contracts.stories import CassetteTarget, stories
from fakescope_contracts.target import Request

CASSETTES = Path(__file__).parents[2] / "fixtures" / "cassettes"
# In C where there is one: ten times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
SUBMIT, POLL = "/services/", "/api/v1/tasks/"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command; exit status, standard output, standard error."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["contract", *map(str, arguments)])
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def broken(catalog: Catalog) -> Callable[[Path], dict[str, Verdict]]:
    """The promises that the recordings in a folder break, by contract."""

    def broken(folder: Path) -> dict[str, Verdict]:
        told = stories(folder, CassetteTarget(str(folder)), catalog)
        found = judged(all_contracts(), told, catalog, BASES)
        return {one.trial.contract.id: one for one in found if one.outcome != "kept" and one.outcome != "skipped"}

    return broken


class Tape:
    """A copy of a cassette, to be made wrong."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.yaml"
        shutil.copyfile(CASSETTES / "simulated" / f"{name}.yaml", self.path)
        self.document = yaml.load(self.path.read_text("utf-8"), Loader=_LOADER)
        self.rows: list[dict[str, Any]] = self.document["interactions"]

    def find(self, where: str, word: str, nth: int = 1) -> int:
        """The number of the n-th exchange whose address has one text and whose answer the other."""
        texts = enumerate((f"{row['request']['uri']}\n{row['response']['body']['string']}" for row in self.rows), 1)
        return [n for n, text in texts if where in text.split("\n")[0] and f'"{word}"' in text][nth - 1]

    def body(self, number: int) -> Any:
        return json.loads(self.rows[number - 1]["response"]["body"]["string"])

    def write(self, number: int, body: Any) -> None:
        self.rows[number - 1]["response"]["body"]["string"] = json.dumps(body)

    def repeat(self, number: int) -> int:
        """The exchange a second time, at the end and a minute later; its number."""
        row = json.loads(json.dumps(self.rows[number - 1]))
        row["at_ms"] = self.rows[-1]["at_ms"] + 60_000
        for name in ("req-arrive-time", "resp-start-time"):
            row["response"]["headers"][name] = [str(int(row["response"]["headers"][name][0]) + 10_000_000)]
        self.rows.append(row)
        body = self.body(len(self.rows))
        self.write(len(self.rows), body | {"request_id": "fa4e0000-0000-4000-8000-999999999999"})
        return len(self.rows)

    def save(self) -> None:
        self.path.write_text(yaml.dump(self.document, Dumper=_DUMPER, sort_keys=False), "utf-8")


# -- what is right


def test_the_cassettes_of_this_project_keep_all_and_the_numbers_are_told(run: Run) -> None:
    status, out, err = run("--cassettes", CASSETTES)

    files = [path.read_text("utf-8") for path in CASSETTES.rglob("*.yaml")]
    vendors = sum(len(re.findall(r"^    uri: .*/api/v1/(?!uploads)", text, re.M)) for text in files)
    pending = r'(?:"task_status": "PENDING",\s+"task_id": "[^"]*"|"task_id": "[^"]*",\s+"task_status": "PENDING")'
    made = sum(len(re.findall(rf'"output": \{{\s+{pending}\s+\}}', text)) for text in files)  # no query is so short
    head = f"{len(files)} cassettes, {vendors} answers, {made} tasks"
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == f"Contracts against the recordings in {CASSETTES}: {head}"
    assert "left out: 2 requests for files, and for other services" in out
    assert "left out: 1 requests for uploads" in out
    assert re.search(rf"^kept +answers\.json +seen +{vendors} answers .* {len(files)} of {len(files)} recordings$", out, re.M)  # fmt: skip  # noqa: E501
    assert re.search(r"^skipped +tasks\.lanes .*\n +it needs requests of its own and clock \(its clock can", out, re.M)
    assert re.search(r"^\d+ contracts: \d+ kept, 0 broken, \d+ skipped; \d+ judgements in [\d.]+ s$", out, re.M)


def test_a_contract_that_looked_at_nothing_is_not_called_kept(run: Run, tmp_path: Path) -> None:
    tape = Tape(tmp_path, "refused")
    tape.save()

    _, out, _ = run("--cassettes", tmp_path, "--only", "tasks.terminal,submissions.envelope")

    assert re.search(r"^skipped +tasks\.terminal .* 0 answers .*\n +1 recording: nothing in it that", out, re.M)
    assert re.search(r"^kept +submissions\.envelope .* 1 answers", out, re.M)


# -- what is wrong


def goes_back(tape: Tape) -> int:
    number = tape.repeat(tape.find(POLL, "SUCCEEDED"))
    body = tape.body(number)
    running = {name: body["output"][name] for name in ("task_id", "submit_time", "scheduled_time")}
    tape.write(number, {"request_id": body["request_id"], "output": running | {"task_status": "RUNNING"}})
    return number


def has_null(tape: Tape) -> int:
    number = tape.find(POLL, "RUNNING")
    body = tape.body(number)
    tape.write(number, body | {"output": body["output"] | {"results": None}, "usage": None})
    return number


def has_no_result(tape: Tape) -> int:
    number = tape.find(POLL, "SUCCEEDED")
    body = tape.body(number)
    del body["output"]["video_url"]
    tape.write(number, body)
    return number


def times_are_swapped(tape: Tape) -> int:
    number = tape.find(POLL, "SUCCEEDED")
    body = tape.body(number)
    output = body["output"]
    output["scheduled_time"], output["end_time"] = output["end_time"], output["scheduled_time"]
    tape.write(number, body)
    return number


def has_usage_on_failure(tape: Tape) -> int:
    number = tape.find(POLL, "FAILED")
    tape.write(number, tape.body(number) | {"usage": {"video_count": 0}})
    return number


def has_code_at_top_level(tape: Tape) -> int:
    number = tape.find(POLL, "FAILED")
    body = tape.body(number)
    moved = {name: body["output"].pop(name) for name in ("code", "message")}
    tape.write(number, body | moved)
    return number


def has_one_id_twice(tape: Tape) -> int:
    first, second = tape.find(SUBMIT, "PENDING"), tape.find(SUBMIT, "PENDING", 2)
    old, new = (tape.body(number)["output"]["task_id"] for number in (second, first))
    tape.rows[:] = json.loads(json.dumps(tape.rows).replace(old, new))
    return second


def spells_cancelled(tape: Tape) -> int:
    number = tape.find(POLL, "CANCELED")
    tape.write(number, json.loads(json.dumps(tape.body(number)).replace("CANCELED", "CANCELLED")))
    return number


PLANTED = [
    ("cancel", goes_back, "tasks.terminal", "succeeded_goes_back"),
    ("cancel", has_null, "tasks.result", "null_results_while_pending"),
    ("cancel", has_null, "answers.no-null", ""),  # mutants break this one by keys that stand twice
    ("cancel", has_no_result, "tasks.result", "result_is_missing"),
    ("cancel", times_are_swapped, "tasks.times", "times_are_swapped"),
    ("failed", has_usage_on_failure, "tasks.usage", "usage_on_failure"),
    ("failed", has_code_at_top_level, "tasks.failure", "failure_code_at_top_level"),
    ("cancel", has_one_id_twice, "tasks.ids", "duplicate_task_ids"),
    ("cancel", spells_cancelled, "tasks.graph", "cancelled_with_two_l"),
]


@pytest.mark.parametrize(("name", "plant", "contract", "mutant"), PLANTED)
def test_what_was_made_wrong_is_found_by_the_contract_that_finds_such_a_server(
    name: str, plant: Callable[[Tape], int], contract: str, mutant: str, tmp_path: Path, run: Run
) -> None:
    tape = Tape(tmp_path, name)
    number = plant(tape)
    tape.save()

    status, out, err = run("--cassettes", tmp_path, "--only", contract)

    assert (status, err) == (1, "")
    assert not mutant or MUTANTS[mutant].contract == contract
    assert re.search(rf"^BROKEN +{re.escape(contract)} ", out, re.M)
    assert f"        but: {name}, exchange {number}: " in out
    assert "curl" not in out  # what was recorded cannot be asked again


@pytest.mark.parametrize("name", ["cancel", "failed"])
def test_the_copies_are_right_before_that(name: str, tmp_path: Path, broken: Any) -> None:
    tape = Tape(tmp_path, name)
    tape.save()

    assert broken(tmp_path) == {}


# -- what was recorded of servers, and redacted


def recorded(target: AsgiTarget, catalog: Catalog, path: Path) -> None:
    """Tasks of a film: one that succeeds, is looked at twice after it, one that fails, one that is canceled, a list."""
    spec = catalog.find("wan2.6-t2v")
    assert spec is not None
    kept: list[Exchange] = []
    passed = [0]
    target.reset()

    def send(method: str, path: str, body: Any = None) -> Any:
        text = b"" if body is None else json.dumps(body).encode()
        names = {"Content-Type": "application/json", "X-DashScope-Async": "enable"} if body else {}
        headers = tuple(names.items())
        status, answered, came = target.send(Request(method, path, headers, text), "a")
        key = ("Authorization", "Bearer sk-0123456789abcdef0123456789abcdef")
        asked = Asked(method, f"http://127.0.0.1:8900{path}", (*headers, key), text)
        kept.append(Exchange(asked, Answered(status, answered, came), passed[0] + len(kept)))
        try:
            return json.loads(came)["output"]["task_id"]
        except (ValueError, KeyError):
            return ""

    def wait(seconds: int) -> None:
        target.advance(seconds)
        passed[0] += 1000 * seconds

    right = smallest_body(spec)
    wrong = right | {"parameters": {"duration": 999}}
    tasks = []
    for body in (right, wrong, right):
        tasks.append(send("POST", spec.path, body))
        wait(1)
    tasks.append(send("POST", spec.path, right))
    send("GET", POLL + tasks[0])
    send("POST", f"{POLL}{tasks[-1]}/cancel")
    for seconds in (1, 60, 600, 60, 60, 86_400):
        for task in (tasks[0], tasks[1], tasks[-1]):
            send("GET", POLL + task)
        send("GET", f"{POLL}?page_size=5")
        wait(seconds)
    send("GET", POLL + tasks[0])
    save(Cassette(Provenance("simulated", "2026-11-21"), tuple(kept)), path)


SERVED = [
    *sorted({mutant for *_, mutant in PLANTED if mutant} - {"null_results_while_pending"}),
    *("times_in_utc", "single_quotes", "unknown_as_404"),
]


@pytest.mark.parametrize("mutant", ["", *SERVED])
def test_recording_of_a_server_breaks_what_the_server_breaks(
    mutant: str, catalog: Catalog, tmp_path: Path, broken: Any, simulator: Callable[..., App]
) -> None:
    app = simulator(speed=1)
    with closing(AsgiTarget(mutated(app, MUTANTS[mutant]) if mutant else app)) as target:
        recorded(target, catalog, tmp_path / "tape.yaml")

    found = broken(tmp_path)

    assert MUTANTS[mutant].contract in found if mutant else found == {}


# -- what a recording does not say


def test_unknown_within_a_day_is_left_out_because_nobody_knows_who_asked(tmp_path: Path, run: Run) -> None:
    tape = Tape(tmp_path, "cancel")
    number = tape.repeat(tape.find(POLL, "SUCCEEDED"))
    body = tape.body(number)
    output = {"task_id": body["output"]["task_id"], "task_status": "UNKNOWN"}
    tape.write(number, {"request_id": body["request_id"], "output": output})
    tape.save()

    status, out, _ = run("--cassettes", tmp_path)

    assert status == 0
    assert "not judged: UNKNOWN within a day: a recording does not say whether it was the task's owner" in out


def test_task_that_is_still_there_after_a_day_is_found(tmp_path: Path, broken: Any) -> None:
    tape = Tape(tmp_path, "cancel")
    number = tape.repeat(tape.find(POLL, "SUCCEEDED"))
    for name in ("req-arrive-time", "resp-start-time"):
        headers = tape.rows[number - 1]["response"]["headers"]
        headers[name] = [str(int(headers[name][0]) + 86_400_000)]
    tape.save()

    assert broken(tmp_path).keys() == {"tasks.expiry"}


def test_headers_that_were_not_kept_are_not_missed(tmp_path: Path, broken: Any) -> None:
    tape = Tape(tmp_path, "cancel")
    for row in tape.rows:
        row["request"]["headers"], row["response"]["headers"] = {}, {}
    tape.save()

    assert broken(tmp_path) == {}


def test_redacted_value_is_left_out_and_told(tmp_path: Path, run: Run) -> None:
    tape = Tape(tmp_path, "cancel")
    number = tape.find(POLL, "SUCCEEDED")
    body = tape.body(number)
    tape.write(number, body | {"output": body["output"] | {"video_url": "redacted"}})
    tape.save()

    status, out, _ = run("--cassettes", tmp_path, "--only", "tasks.result")

    assert status == 0
    assert "1 recording: not judged: a value that was redacted cannot be judged" in out


def test_submission_with_a_body_that_nobody_can_read_does_no_harm(tmp_path: Path, broken: Any) -> None:
    bodies: Sequence[Any] = [None, [], {"model": "wan2.6-t2v"}, {"model": "wan2.6-t2v", "parameters": {"duration": []}}]
    for n, body in enumerate(bodies):
        tape = Tape(tmp_path, "images" if n % 2 else "cancel")
        for row in tape.rows:
            if SUBMIT in row["request"]["uri"]:
                row["request"]["body"] = "no { JSON" if body is None else json.dumps(body)
        tape.path = tmp_path / f"{n}.yaml"
        tape.save()

    assert {one for one in broken(tmp_path) if one != "submissions.envelope"} == set()


# -- use


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--models", "wan2.6-t2v"], "--models says nothing of recordings; leave it out with --cassettes"),
        (["--seed", "1"], "--seed says nothing of recordings"),
        (["--budget", "5"], "--budget says nothing of recordings"),
        (["--url", "http://127.0.0.1:1"], "give --url http://…, --app module:name, --cassettes DIR or --region"),
        ([], "has no recorded answer of this API; its files are to be *.yaml"),
    ],
)
def test_wrong_use_with_recordings_is_status_2_and_one_line(
    arguments: list[str], said: str, tmp_path: Path, run: Run
) -> None:
    status, out, err = run("--cassettes", tmp_path, *arguments)

    assert (status, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_folder_that_is_not_there_or_cannot_be_read_is_one_line(tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.yaml").write_text("interactions: {", "utf-8")

    for folder in (tmp_path, tmp_path / "nowhere"):
        status, out, err = run("--cassettes", folder)

        assert (status, out) == (2, "")
        assert len(err.splitlines()) == 1


def test_reports_name_the_recording_and_offer_no_request(tmp_path: Path, run: Run) -> None:
    tape = Tape(tmp_path, "cancel")
    number = spells_cancelled(tape)
    tape.save()

    run("--cassettes", tmp_path, "--only", "tasks.graph", "--report", "json,junit,html", "--report-dir", tmp_path)

    (row,) = json.loads((tmp_path / "contracts.json").read_text("utf-8"))["verdicts"]
    assert row["verdict"] == "broken"
    assert row["said"].startswith(f"cancel, exchange {number}: ")
    assert f"r{number}.json()" in row["claim"]
    assert {"curl", "pytest"}.isdisjoint(row)
    assert f"cancel, exchange {number}: " in (tmp_path / "contracts.xml").read_text("utf-8")
    assert f"cancel, exchange {number}: " in (tmp_path / "contracts.html").read_text("utf-8")


pytest_plugins = ["pytester"]


def test_pytest_judges_recordings_too(pytester: pytest.Pytester) -> None:
    tape = Tape(pytester.path, "cancel")
    number = spells_cancelled(tape)
    tape.save()

    found = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "--pyargs", "fakescope_contracts", "--fakescope-cassettes", str(pytester.path),
        "--fakescope-only", "tasks.graph,tasks.lanes,answers.json",
    )  # fmt: skip

    found.assert_outcomes(passed=1, failed=1, skipped=1)
    found.stdout.fnmatch_lines([f"*cancel, exchange {number}: output.task_status is 'CANCELLED'*"])
