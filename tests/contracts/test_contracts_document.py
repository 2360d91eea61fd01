"""docs/contracts.md has tables that are made, not written. This writes them anew:

python tests/contracts/test_contracts_document.py
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from fakescope.catalog import Catalog, load
from fakescope_contracts.asgi import AsgiTarget
from fakescope_contracts.examples.naive import app as naive
from fakescope_contracts.mutants import MUTANTS
from fakescope_contracts.registry import all_contracts
from fakescope_contracts.reports import Findings, case_of
from fakescope_contracts.reproduce import as_curl, as_pytest
from fakescope_contracts.runner import Plan, Verdict, trials, try_out

DOCUMENT = Path(__file__).parents[2] / "docs" / "contracts.md"
PLAN = Plan(max_examples=25, seed=7)
MODEL = "wan2.6-t2v"
SHOWN = "tasks.isolation"
"""The contract whose example is shown whole."""

_IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+")


def of_contracts() -> str:
    rows = [
        f"| `{one.id}` | {_cell(one.promise)} | {one.basis} | {', '.join(sorted(one.needs)) or '–'} |"
        for one in all_contracts()
    ]
    return "\n".join(["| contract | what is promised | known how | needs |", "|---|---|---|---|", *rows])


def of_mutants() -> str:
    rows = [f"| `{one.name}` | {_cell(one.does)} | `{one.contract}` |" for one in MUTANTS.values()]
    return "\n".join(["| mutant | what is wrong | noticed by |", "|---|---|---|", *rows])


def judge_naive(catalog: Catalog) -> Findings:
    """What the contracts say of the naive fake, with the smallest example for each that it breaks."""
    specs = [spec for spec in catalog.specs() if spec.name == MODEL]
    with closing(AsgiTarget(naive, name="the naive fake", abilities={"free", "accounts"})) as target:
        todo = trials(all_contracts(), target, specs, PLAN)
        return Findings(
            target, "http://127.0.0.1:8900", PLAN.seed, [try_out(one, target, catalog, PLAN) for one in todo]
        )


def of_naive(findings: Findings) -> str:
    verdicts = sorted(findings.verdicts, key=lambda one: ("broken", "error", "kept", "skipped").index(one.outcome))
    counts = findings.counts()
    rows = [f"| {one.outcome} | `{one.trial.contract.id}` | {_cell(_said(one))} |" for one in verdicts]
    shown = case_of(next(one for one in verdicts if one.trial.contract.id == SHOWN), findings)
    return "\n".join(
        [
            f"{counts['broken']} broken, {counts['kept']} kept, {counts['skipped']} skipped:",
            "",
            "| verdict | contract | what came, or why it is skipped |",
            "|---|---|---|",
            *rows,
            "",
            f"The smallest example that breaks `{SHOWN}`, as curl:",
            "",
            *_block("sh", as_curl(shown)),
            "",
            "and as a test:",
            "",
            *_block("text", as_pytest(shown)),  # as it is handed out: "python" would be formatted
        ]
    )


def _said(verdict: Verdict) -> str:
    """What came, without what is another thing in every run."""
    said = _TIMES.sub("(a time)", _IDS.sub("(an id)", verdict.said))
    return said if len(said) <= 110 else f"{said[:110]}…"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ").strip()


def _block(language: str, text: str) -> Sequence[str]:
    return (f"```{language}", *_IDS.sub("00000000-0000-4000-8000-000000000001", text).strip().splitlines(), "```")


def made(document: str, name: str, text: str) -> str:
    """The document with a part made anew."""
    pattern = re.compile(rf"(<!-- made: {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
    assert len(pattern.findall(document)) == 1, name
    return pattern.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", document)


@pytest.mark.parametrize(("name", "make"), [("contracts", of_contracts), ("mutants", of_mutants)])
def test_document_has_the_table(name: str, make: object) -> None:
    assert callable(make)
    document = DOCUMENT.read_text("utf-8")

    assert made(document, name, make()) == document, f"{__file__} writes it anew"


@pytest.fixture(scope="module")
def findings(catalog: Catalog) -> Findings:
    return judge_naive(catalog)


def test_document_shows_what_is_said_of_the_naive_fake(findings: Findings) -> None:
    document = DOCUMENT.read_text("utf-8")

    assert made(document, "naive", of_naive(findings)) == document, f"{__file__} writes it anew"


def test_naive_fake_is_broken_where_it_was_built_wrong(findings: Findings) -> None:
    """The mistakes that its author would admit to, each seen by a contract that is about just that."""
    wrong = {
        "answers.no-null",  # usage is null until the end
        "keys.missing",  # only submissions want a key
        "paths.slash",  # redirects
        "queries.unknown-id",  # 404
        "submissions.no-such-model",  # takes any
        "tasks.cancel",  # cancels anything
        "tasks.graph",  # CANCELLED
        "tasks.isolation",  # has no accounts
        "tasks.terminal",  # the end_time is now
        "tasks.times",  # ISO, in UTC
        "tasks.usage",  # of another generation
    }

    broken = {one.trial.contract.id for one in findings.verdicts if one.outcome == "broken"}

    assert wrong <= broken


if __name__ == "__main__":
    whole = DOCUMENT.read_text("utf-8")
    for part, text in (
        ("contracts", of_contracts()),
        ("mutants", of_mutants()),
        ("naive", of_naive(judge_naive(load()))),
    ):
        whole = made(whole, part, text)
    DOCUMENT.write_text(whole, "utf-8")
