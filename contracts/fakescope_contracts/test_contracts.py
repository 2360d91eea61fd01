"""The contracts as tests, one for each contract and model: `pytest --pyargs fakescope_contracts --fakescope-url …`."""

from __future__ import annotations

import os
from typing import Any

import click
import pytest

from fakescope.catalog import load
from fakescope.catalog.spec import BASES
from fakescope.errors import SettingsError
from fakescope_contracts.command import chosen_contracts, chosen_models, words
from fakescope_contracts.registry import all_contracts
from fakescope_contracts.reports import Findings, case_of, told
from fakescope_contracts.reproduce import as_curl, as_pytest
from fakescope_contracts.runner import Plan, Trial, trials, try_out
from fakescope_contracts.target import NoAnswerError, Target
from fakescope_contracts.vendor import open_target

CATALOG = load()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What cannot be checked is there, too, and skipped with the reason."""

    def given(name: str) -> Any:
        return metafunc.config.getoption(f"--fakescope-{name}")

    if not given("url"):
        raise pytest.Collector.CollectError(
            "give --fakescope-url http://127.0.0.1:8900, the server that is to be judged"
        )
    plan = Plan(given("max-examples"), given("seed"), words(None, None, given("basis")) or BASES)
    try:
        target = open_target(given("url"), CATALOG, os.environ)
        contracts = chosen_contracts(all_contracts(), words(None, None, given("only")))
        specs = chosen_models(CATALOG, words(None, None, given("models")))
    except (NoAnswerError, SettingsError) as error:
        raise pytest.Collector.CollectError(f"--fakescope-url: {error}") from None
    except click.UsageError as error:
        raise pytest.Collector.CollectError(error.message) from None
    metafunc.config.add_cleanup(target.close)
    todo = trials(contracts, target, specs, plan)
    ids = [f"{one.contract.id} {one.shown}".strip() for one in todo]
    metafunc.parametrize(("trial", "target", "plan"), [(one, target, plan) for one in todo], ids=ids)


def test_contract(trial: Trial, target: Target, plan: Plan, pytestconfig: pytest.Config) -> None:
    verdict = try_out(trial, target, CATALOG, plan)
    if verdict.outcome == "skipped":
        pytest.skip(verdict.said)
    if verdict.broken is not None:
        case = case_of(verdict, Findings(target, pytestconfig.getoption("--fakescope-url"), plan.seed, [verdict]))
        shown = f"{told(verdict)}\npromised: {trial.contract.promise}\nbut: {verdict.said}"
        pytest.fail(f"{shown}\n\n{as_curl(case)}\n{as_pytest(case)}", pytrace=False)
    assert verdict.outcome == "kept", verdict.said
