"""What `fakescope contract` says while it runs and at its end, and the reports that it writes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

import click

from fakescope_contracts.interrupting import interruptible
from fakescope_contracts.registry import Contract
from fakescope_contracts.reports import REPORTS, Findings, case_of, rows_of, summary, worst
from fakescope_contracts.reproduce import as_curl, as_pytest
from fakescope_contracts.runner import Trial, Verdict
from fakescope_contracts.target import NoAnswerError

__all__ = ["Progress", "tell_all"]

_INTERRUPTED = 130  # the exit status, as of every command
_MOST_TOLD = 5  # models of one contract that are told by name


def tell_all(
    found: Iterator[Verdict], findings: Findings, progress: Progress, report: Sequence[str], folder: Path
) -> int:
    """Say of each contract what came of it, as soon as it is known, and write the reports; the exit status.

    Raises NoAnswerError after that if the target was lost on the way, and click.UsageError if nothing could be checked.
    """
    began = perf_counter()
    verdicts: list[Verdict] = []
    findings, gone, ended, status = findings._replace(verdicts=verdicts), None, "", 0
    try:
        with interruptible():
            for verdict in found:
                if verdicts and verdicts[-1].trial.contract is not verdict.trial.contract:
                    _tell(findings, verdicts[-1].trial.contract, progress)
                verdicts.append(verdict)
                progress.done += 1
    except KeyboardInterrupt:
        status, ended = _INTERRUPTED, "interrupted"
    except NoAnswerError as error:
        gone, ended = error, "the target does not answer any more"
    finally:
        progress.clear()
    if ended and progress.todo:
        ended += f", {len({one.contract.id for one in progress.todo[len(verdicts) :]})} not tried"
    findings = findings._replace(ended=ended, seconds=perf_counter() - began)
    try:
        if verdicts:
            _tell(findings, verdicts[-1].trial.contract, progress)
        if report:
            _write(findings, progress, report, folder)
    finally:
        progress.clear()
        if (purse := getattr(findings.target, "purse", None)) is not None:
            click.echo(f"Money: {purse}")
        click.echo(summary(findings._replace(seconds=perf_counter() - began)))
    if gone is not None:
        raise gone
    counts = findings.counts()
    if not status and not (counts["kept"] or counts["broken"] or counts["error"]):
        raise click.UsageError("nothing was checked: every contract was skipped, for the reasons above")
    return status or int(bool(counts["broken"] or counts["error"]))


def _write(findings: Findings, progress: Progress, report: Sequence[str], folder: Path) -> None:
    """The reports. Raises OSError, with the file that cannot be written."""
    rows = rows_of(findings, progress.report)
    for kind in report:
        name, made = REPORTS[kind]
        try:
            (folder / name).write_text(made(findings, rows), "utf-8")
        except OSError as error:
            raise OSError(f"{folder / name} is not written: {error.strerror or error}") from None
        progress.clear()
        click.echo(f"{kind}: {folder / name}")


class Progress:
    """One line on a terminal that says where the run is; nothing in a pipe."""

    def __init__(self, todo: Sequence[Trial]) -> None:
        self.todo, self.done, self._shown = todo, 0, ""
        self._live = sys.stderr.isatty()

    def example(self, trial: Trial, examples: int) -> None:
        if self._live and examples % 10 == 0:
            line = f"{self.done}/{len(self.todo)}  {trial.contract.id} {trial.shown} {examples}/{trial.examples}"[:100]
            self._write(line)

    def report(self, verdicts: int) -> None:
        if self._live:
            self._write(f"writing reports: {verdicts} verdicts")

    def clear(self) -> None:
        if self._shown:
            self._write("")

    def _write(self, line: str) -> None:
        sys.stderr.write(f"\r{line:<{len(self._shown)}}\r")
        sys.stderr.flush()
        self._shown = line


def _tell(findings: Findings, contract: Contract, progress: Progress) -> None:
    """The verdict on one contract: in a line, or with what broke it, model by model."""
    progress.clear()
    found = [one for one in findings.verdicts if one.trial.contract is contract]
    word = worst({one.outcome for one in found})
    mark = word.upper() if word in ("broken", "error") else word
    recorded = any(one.trial.about and not one.trial.reason for one in found)
    unit = "answers " if any(one.trial.about for one in found) else "examples"
    examples, seconds = sum(one.examples for one in found), sum(one.seconds for one in found)
    models = ""
    whole = any(one.trial.about for one in found) or contract.per == "target"
    kind = "recordings" if recorded else "" if whole else "models"
    if kind:
        names = [one.trial.shown for one in found if one.outcome == word]
        told = f": {', '.join(names)}" if len(names) <= _MOST_TOLD else ""
        models = f"  {len(names)} of {_many(len(found), kind)}{told}"
    click.echo(f"{mark:<8}{contract.id:<28}{contract.basis:<11}{examples:>6} {unit} {seconds:>6.1f} s{models}")
    reasons: dict[str, int] = {}
    for one in found:
        if one.said and one.outcome in ("skipped", "kept"):
            reasons[one.said] = reasons.get(one.said, 0) + 1
    for said, count in reasons.items():
        click.echo(f"        {f'{_many(count, kind)}: ' if kind else ''}{said}")
    bad = [one for one in found if one.outcome in ("broken", "error")]
    if bad:
        click.echo(f"        promised: {contract.promise}")
    for one in bad[:_MOST_TOLD]:
        click.echo(f"        {'but' if one.trial.about else one.trial.shown or 'but'}: {one.said}")
        if one.trial.about and one.broken is not None:
            click.echo(f"        where r1, r2, … are its answers, this does not hold: {one.broken.claim}")
    if len(bad) > _MOST_TOLD:
        click.echo(f"        and {len(bad) - _MOST_TOLD} more; --report has them all")
    shown = next((one for one in bad if one.broken is not None and not one.trial.about), None)
    if shown is not None:
        case = case_of(shown, findings)
        click.echo(f"\n--- curl\n{as_curl(case)}\n--- pytest\n{as_pytest(case)}---\n")


def _many(count: int, kind: str) -> str:
    """`kind` is a plural, or ""."""
    return f"{count} {kind.removesuffix('s') if count == 1 else kind}"
