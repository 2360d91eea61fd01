"""The simulator keeps every contract: a slice that is always the same. `make contracts` draws more, and others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from fakescope.catalog import Catalog
from fakescope_contracts.asgi import App, AsgiTarget
from fakescope_contracts.registry import Contract, all_contracts
from fakescope_contracts.runner import Plan, trials, try_out

SEED, EXAMPLES = int(os.environ.get("CONTRACT_SEED", "0")), 100


@pytest.fixture(scope="module")
def target(simulator: Callable[..., App]) -> Iterator[AsgiTarget]:
    target = AsgiTarget(simulator(seed=SEED))
    yield target
    target.close()


@pytest.mark.parametrize("contract", all_contracts(), ids=lambda one: one.id)
def test_the_simulator_keeps(contract: Contract, target: AsgiTarget, catalog: Catalog) -> None:
    plan = Plan(EXAMPLES, SEED)

    verdicts = [try_out(one, target, catalog, plan) for one in trials([contract], target, catalog.specs(), plan)]

    bad = [(one.trial.shown, one.said) for one in verdicts if one.outcome in ("broken", "error")]
    assert bad == [], f"seed {SEED}"
    assert any(one.outcome == "kept" for one in verdicts)
