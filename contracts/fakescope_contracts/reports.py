"""What came of a run, as files: JUnit XML for continuous integration, one HTML page for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple
from xml.etree import ElementTree

from fakescope_contracts.reproduce import Case, as_curl, as_pytest
from fakescope_contracts.runner import Verdict
from fakescope_contracts.target import ABILITIES, Target

__all__ = ["REPORTS", "Findings", "Row", "case_of", "rows_of", "summary", "told", "worst"]

Row = dict[str, Any]


class Findings(NamedTuple):
    """A run: what was judged, with which seed (None of recordings: nothing is drawn), the verdicts in their order.

    `ended` says why there are not all of them, or ""; `seconds` is how long all of it took.
    """

    target: Target
    base: str
    seed: int | None
    verdicts: Sequence[Verdict]
    ended: str = ""
    seconds: float = 0.0

    def counts(self) -> Mapping[str, int]:
        """Verdicts: one for each contract and model, or recording."""
        return {word: sum(one.outcome == word for one in self.verdicts) for word in _WORDS}

    def contracts(self) -> Mapping[str, int]:
        """Contracts: each by the worst of its verdicts."""
        outcomes: dict[str, set[str]] = {}
        for one in self.verdicts:
            outcomes.setdefault(one.trial.contract.id, set()).add(one.outcome)
        found = [worst(one) for one in outcomes.values()]
        return {word: found.count(word) for word in _WORDS}

    @property
    def examples(self) -> int:
        return sum(one.examples for one in self.verdicts)


_WORDS = ("kept", "broken", "error", "skipped")


def worst(outcomes: Collection[str]) -> str:
    """What is said of a contract that has these verdicts. One that is skipped says less than one that is kept."""
    return next(word for word in ("broken", "error", "kept", "skipped") if word in outcomes)


def case_of(verdict: Verdict, findings: Findings) -> Case:
    """What the reproducers are made of; only for a broken promise."""
    assert verdict.broken is not None
    contract, target = verdict.trial.contract, findings.target
    return Case(contract.id, contract.promise, verdict.broken, findings.base, target.abilities, target.keys)


def summary(findings: Findings) -> str:
    """One line: how many contracts of each kind, examples, time, seed."""
    found = findings.contracts()
    words = ", ".join(f"{count} {word}" for word, count in found.items() if count or word == "broken")
    total = sum(found.values())
    counts = f"{total} contract{'' if total == 1 else 's'}: {words}"
    ended = f"; {findings.ended}" if findings.ended else ""
    if findings.seed is None:
        return f"{counts}; {findings.examples} judgements in {findings.seconds:.1f} s{ended}"
    return f"{counts}; {findings.examples} examples in {findings.seconds:.1f} s, seed {findings.seed}{ended}"


def told(verdict: Verdict) -> str:
    """What a verdict is about: the contract's id, and the model."""
    return " ".join(filter(None, (verdict.trial.contract.id, verdict.trial.shown)))


def rows_of(findings: Findings, seen: Callable[[int], None]) -> list[Row]:
    """The verdicts as reports show them, with their reproducers. `seen` is told how many there were, before
    each.

    To be made once for all reports: to write a request of megabytes takes its time.
    """
    rows = []
    for number, one in enumerate(findings.verdicts):
        seen(number)
        row: Row = {
            "contract": one.trial.contract.id,
            "promise": one.trial.contract.promise,
            "basis": one.trial.contract.basis,
            "model": one.trial.shown or None,
            "verdict": one.outcome,
            "said": one.said,
            "examples": one.examples,
            "seconds": round(one.seconds, 3),
        }
        if one.broken is not None:
            row["claim"] = one.broken.claim
            if not one.trial.about:  # what was recorded cannot be asked again
                case = case_of(one, findings)
                row |= {"curl": as_curl(case), "pytest": as_pytest(case)}
        rows.append(row)
    return rows


# -- JSON


def _json(findings: Findings, rows: Sequence[Row]) -> str:
    whole = {
        "target": findings.target.name,
        "region": findings.target.region,
        "abilities": sorted(findings.target.abilities),
        "seed": findings.seed,
        "examples": findings.examples,
        "seconds": round(findings.seconds, 3),
        "contracts": findings.contracts(),
        "counts": findings.counts(),
        "ended": findings.ended or None,
        "verdicts": rows,
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


# -- JUnit


def _junit(findings: Findings, rows: Sequence[Row]) -> str:
    counts = findings.counts()
    cut = bool(findings.ended)  # what is missing must not look like what is kept
    totals = {
        "tests": str(len(findings.verdicts) + cut),
        "failures": str(counts["broken"]),
        "errors": str(counts["error"] + cut),
        "skipped": str(counts["skipped"]),
        "time": f"{findings.seconds:.3f}",
    }
    root = ElementTree.Element("testsuites", {"name": "fakescope contract", **totals})
    suite = ElementTree.SubElement(root, "testsuite", {"name": _xml(findings.target.name), **totals})
    if findings.seed is not None:
        properties = ElementTree.SubElement(suite, "properties")
        ElementTree.SubElement(properties, "property", {"name": "seed", "value": str(findings.seed)})
    for row, verdict in zip(rows, findings.verdicts, strict=True):
        name = row["model"] or row["promise"]
        about = {"classname": row["contract"], "name": _xml(name), "time": f"{verdict.seconds:.3f}"}
        test = ElementTree.SubElement(suite, "testcase", about)
        words = {"broken": "failure", "error": "error", "skipped": "skipped"}
        if verdict.outcome in words:
            message = {
                "message": _xml(f"{row['promise']}: {verdict.said}" if verdict.outcome == "broken" else verdict.said)
            }
            found = ElementTree.SubElement(test, words[verdict.outcome], message)
            found.text = _xml("\n\n".join(row[key] for key in ("curl", "pytest") if key in row)) or None
    if cut:
        test = ElementTree.SubElement(suite, "testcase", {"classname": "the run", "name": "whole", "time": "0.000"})
        ElementTree.SubElement(test, "error", {"message": _xml(findings.ended)})
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _xml(text: str) -> str:
    """Only characters that XML can carry."""
    return "".join(
        c if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "\ufffd"
        for c in text
    )


# -- HTML

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ border-bottom: 1px solid #ddd; padding: .3rem .6rem; text-align: left; vertical-align: top }}
.broken, .error {{ color: #a40000; font-weight: 600 }} .kept {{ color: #1a6b1a }} .skipped {{ color: #666 }}
pre {{ background: #f5f5f5; overflow-x: auto; padding: .6rem }}
</style></head><body>
<h1>{title}</h1>
<p class="{mark}">{summary}</p>
<p>The target can do this: {abilities}. Its region is {region}.</p>
<table><thead><tr><th>Contract</th><th>Promise</th><th>Basis</th><th>Verdict</th><th>Examples</th></tr></thead>
<tbody>
{rows}
</tbody></table>
</body></html>
"""


def _html(findings: Findings, rows: Sequence[Row]) -> str:
    by_contract: dict[str, list[tuple[Verdict, Row]]] = {}
    for verdict, row in zip(findings.verdicts, rows, strict=True):
        by_contract.setdefault(verdict.trial.contract.id, []).append((verdict, row))
    abilities = "; ".join(ABILITIES[word] for word in sorted(findings.target.abilities)) or "nothing special"
    return _PAGE.format(
        title=escape(f"Contracts against {findings.target.name}"),
        mark="error" if findings.ended else "",
        summary=escape(summary(findings)),
        abilities=escape(abilities),
        region=escape(findings.target.region),
        rows="\n".join(_html_rows(id, found) for id, found in by_contract.items()),
    )


def _html_rows(id: str, found: Sequence[tuple[Verdict, Row]]) -> str:
    contract = found[0][0].trial.contract
    words = {word: sum(one.outcome == word for one, _ in found) for word in ("broken", "error", "kept", "skipped")}
    told_words = ", ".join(
        f'<span class="{word}">{f"{count} " if len(found) > 1 else ""}{word}</span>'
        for word, count in words.items()
        if count
    )
    details = "".join(_html_details(verdict, row) for verdict, row in found)
    examples = sum(one.examples for one, _ in found)
    return (
        f"<tr><td>{escape(id)}</td><td>{escape(contract.promise)}{details}</td><td>{contract.basis}</td>"
        f"<td>{told_words}</td><td>{examples}</td></tr>"
    )


def _html_details(verdict: Verdict, row: Mapping[str, Any]) -> str:
    about = escape(": ".join(filter(None, (verdict.trial.shown, verdict.outcome, verdict.said))))
    if verdict.outcome == "kept":
        return f"<div>{about}</div>" if verdict.trial.shown else ""
    pieces = "".join(f"<p>{name}</p><pre>{escape(row[name])}</pre>" for name in ("curl", "pytest") if name in row)
    return f'<details{" open" if pieces else ""}><summary class="{verdict.outcome}">{about}</summary>{pieces}</details>'


# -- everything that was said


def _exchanges(findings: Findings, _rows: Sequence[Row]) -> str:
    """Every exchange that a gate let through, in order; nothing without a gate."""
    rows = [
        {
            "request": {**one.request._asdict(), "body": one.request.body.decode("utf-8", "replace")},
            "account": one.account,
            "response": {**one.response._asdict(), "body": one.response.body.decode("utf-8", "replace")},
            "counted_cny": str(one.cny),
        }
        for one in getattr(findings.target, "kept", ())
    ]
    return json.dumps(rows, indent=1, ensure_ascii=False)


REPORTS = {
    "junit": ("contracts.xml", _junit),
    "html": ("contracts.html", _html),
    "json": ("contracts.json", _json),
    "exchanges": ("contracts-exchanges.json", _exchanges),
}
"""Kind of report → the name of its file, and what makes its text."""
