"""Every mutant is noticed by the contract that it names, quickly; and wrapping alone breaks nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from time import process_time

import pytest

from fakescope import Settings, create_app
from fakescope.catalog import Catalog
from fakescope_contracts.mutants import MUTANTS, Answer, Call, Mutant, mutated
from fakescope_contracts.registry import Contract, contract_of
from fakescope_contracts.runner import Plan, Verdict, trials, try_out
from fakescope_contracts.target import AsgiTarget

MODELS = ("wan2.6-t2v", "wan2.2-t2i-flash")
"""A film, whose wrong fields show in its task, and pictures, which are counted."""

ROUNDS = (10, 100)
"""Most mutants are noticed in the first few examples; the others have more of them."""


@pytest.fixture
def served(catalog: Catalog) -> Iterator[Callable[[Mutant], AsgiTarget]]:
    """A simulator at the vendor's pace, wrong in that way."""
    with closing(_Targets()) as targets:

        def serve(mutant: Mutant) -> AsgiTarget:
            return targets.keep(AsgiTarget(mutated(create_app(Settings(seed=1, speed=1), catalog=catalog), mutant)))

        yield serve


class _Targets:
    def __init__(self) -> None:
        self._kept: list[AsgiTarget] = []

    def keep(self, target: AsgiTarget) -> AsgiTarget:
        self._kept.append(target)
        return target

    def close(self) -> None:
        for target in self._kept:
            target.close()


def verdicts(contract: Contract, target: AsgiTarget, catalog: Catalog, examples: int) -> Iterator[Verdict]:
    specs = [spec for name in MODELS if (spec := catalog.find(name)) is not None]
    plan = Plan(examples, shrink=False)
    for trial in trials([contract], target, specs, plan):
        yield try_out(trial, target, catalog, plan)


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=lambda mutant: mutant.name)
def test_mutant_is_noticed(mutant: Mutant, served: Callable[[Mutant], AsgiTarget], catalog: Catalog) -> None:
    target, contract, began = served(mutant), contract_of(mutant.contract), process_time()

    found = (one for examples in ROUNDS for one in verdicts(contract, target, catalog, examples))
    outcome = next((one for one in found if one.outcome in ("broken", "error")), None)

    assert outcome is not None, f"{contract.id} keeps its promise of a server that is wrong: {mutant.does}"
    assert outcome.outcome == "broken", outcome.said
    assert process_time() - began < 10


@pytest.mark.parametrize("contract", sorted({mutant.contract for mutant in MUTANTS.values()}))
def test_wrapping_alone_breaks_nothing(contract: str, served: Callable[[Mutant], AsgiTarget], catalog: Catalog) -> None:
    async def forward(call: Call) -> Answer:
        return await call.forward()

    target = served(Mutant("none", contract, "Nothing is wrong.", forward))

    assert {one.outcome for one in verdicts(contract_of(contract), target, catalog, 10)} <= {"kept", "skipped"}


def test_there_are_mutants_of_every_kind() -> None:
    assert len(MUTANTS) >= 60
    assert all(mutant.does.endswith(".") and " " in mutant.does for mutant in MUTANTS.values())
    assert len({mutant.does for mutant in MUTANTS.values()}) == len(MUTANTS)


def test_every_contract_about_tasks_notices_a_mutant() -> None:
    from fakescope_contracts import ends, limits, lists, tasks

    modules = (tasks, ends, lists, limits)
    ids = {one.id for module in modules for one in vars(module).values() if isinstance(one, Contract)}

    assert ids - {mutant.contract for mutant in MUTANTS.values()} == set()
