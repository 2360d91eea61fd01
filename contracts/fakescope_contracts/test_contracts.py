"""The contracts as tests: `pytest --pyargs fakescope_contracts --fakescope-url …`, one for each contract and model, or
`--fakescope-cassettes DIR`, one for each contract.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest

from fakescope.catalog import load
from fakescope.catalog.spec import BASES
from fakescope.errors import CassetteError, SettingsError
from fakescope_contracts.command import chosen_contracts, chosen_models, known, words
from fakescope_contracts.recorded import judged
from fakescope_contracts.registry import Contract, all_contracts
from fakescope_contracts.reports import Findings, case_of, told
from fakescope_contracts.reproduce import as_curl, as_pytest
from fakescope_contracts.runner import Plan, Trial, trials, try_out
from fakescope_contracts.stories import CassetteTarget, Story, stories
from fakescope_contracts.target import ABILITIES, NoAnswerError, Target
from fakescope_contracts.vendor import open_target

CATALOG = load()
_KEYS = {"a": "CONTRACT_KEY_A", "b": "CONTRACT_KEY_B"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What cannot be checked is there, too, and skipped with the reason."""

    def given(name: str) -> Any:
        return metafunc.config.getoption(f"--fakescope-{name}")

    if bool(given("url")) == bool(given("cassettes")):
        raise pytest.Collector.CollectError(
            "give --fakescope-url http://127.0.0.1:8900, the server that is to be judged, or --fakescope-cassettes DIR"
        )
    if given("cassettes"):
        judges = _of_recordings(Path(given("cassettes")), words(None, None, given("only")), given("basis"))
        metafunc.parametrize("judge", list(judges.values()), ids=list(judges))
        return
    if given("max-examples") < 1 or given("seed") < 0:
        raise pytest.Collector.CollectError("--fakescope-max-examples is at least 1, --fakescope-seed at least 0")
    plan = Plan(given("max-examples"), given("seed"), words(None, None, given("basis")) or BASES)
    keys = {name: os.environ[variable] for name, variable in _KEYS.items() if os.environ.get(variable)}
    try:
        known("fakescope-can", words(None, None, given("can")), ABILITIES)
        known("fakescope-basis", plan.bases, BASES)
        target = open_target(
            given("url"), CATALOG, os.environ, abilities=words(None, None, given("can")) or None, keys=keys
        )
        contracts = chosen_contracts(all_contracts(), words(None, None, given("only")))
        specs = chosen_models(CATALOG, words(None, None, given("models")))
    except (NoAnswerError, SettingsError) as error:
        raise pytest.Collector.CollectError(f"--fakescope-url: {error}") from None
    except click.UsageError as error:
        raise pytest.Collector.CollectError(error.message) from None
    metafunc.config.add_cleanup(target.close)
    todo = trials(contracts, target, specs, plan)
    ids = [f"{one.contract.id} {one.shown}".strip() for one in todo]
    metafunc.parametrize("judge", [partial(_judge, one, target, plan, given("url")) for one in todo], ids=ids)


def test_contract(judge: Callable[[], None]) -> None:
    judge()


def _of_recordings(folder: Path, only: Sequence[str], basis: str) -> dict[str, Callable[[], None]]:
    try:
        told = stories(folder, CassetteTarget(str(folder)), CATALOG)
        contracts = chosen_contracts(all_contracts(), only)
    except CassetteError as error:
        raise pytest.Collector.CollectError(f"--fakescope-cassettes: {error}") from None
    except click.UsageError as error:
        raise pytest.Collector.CollectError(error.message) from None
    if not any(one.answers for one in told):
        raise pytest.Collector.CollectError(f"--fakescope-cassettes: {folder} has no recorded answer of this API")
    bases = words(None, None, basis) or BASES
    return {one.id: partial(_judge_recorded, one, told, bases) for one in contracts}


def _judge_recorded(one: Contract, told: Sequence[Story], bases: Sequence[str]) -> None:
    verdicts = list(judged([one], told, CATALOG, bases))
    broken = [f"{verdict.said}\n{verdict.broken.claim}" for verdict in verdicts if verdict.broken is not None]
    if broken:
        pytest.fail("\n".join([f"promised: {one.promise}", *broken]), pytrace=False)
    if all(verdict.outcome == "skipped" for verdict in verdicts):
        pytest.skip("; ".join(sorted({verdict.said for verdict in verdicts})))


def _judge(trial: Trial, target: Target, plan: Plan, url: str) -> None:
    verdict = try_out(trial, target, CATALOG, plan)
    if verdict.outcome == "skipped":
        pytest.skip(verdict.said)
    if verdict.broken is not None:
        case = case_of(verdict, Findings(target, url, plan.seed, [verdict]))
        shown = f"{told(verdict)}\npromised: {trial.contract.promise}\nbut: {verdict.said}"
        pytest.fail(f"{shown}\n\n{as_curl(case)}\n{as_pytest(case)}", pytrace=False)
    assert verdict.outcome == "kept", verdict.said
