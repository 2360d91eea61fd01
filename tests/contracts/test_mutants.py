"""Every mutant is noticed by the contract that it names, quickly; and wrapping alone breaks nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from time import process_time

import pytest

from fakescope import Settings, create_app
from fakescope.catalog import Catalog
from fakescope_contracts import accounts, ends, limits, lists, tasks, usage
from fakescope_contracts.asgi import App, AsgiTarget
from fakescope_contracts.mutants import MUTANTS, Answer, Call, Mutant, mutated
from fakescope_contracts.registry import Contract, contract_of
from fakescope_contracts.reproduce import Case, as_pytest
from fakescope_contracts.runner import Plan, Verdict, trials, try_out

MODELS = ("wan2.6-t2v", "wan2.2-t2i-flash")
"""A film, whose wrong fields show in its task, and pictures, which are counted."""

ROUNDS = (10, 100, 400)
"""Most mutants are noticed in the first few examples; the others have more of them."""


ABOUT_TASKS = [one.id for module in (tasks, accounts, ends, usage, lists, limits) for one in vars(module).values()
               if isinstance(one, Contract)]  # fmt: skip


@pytest.fixture
def server(catalog: Catalog) -> Callable[[], App]:
    """A simulator of today, as reproducers have it: they compare times with the machine's clock."""
    return lambda: create_app(Settings(seed=1, speed=1), catalog=catalog)


@pytest.fixture
def served(simulator: Callable[..., App]) -> Iterator[Callable[[Mutant], AsgiTarget]]:
    """One that is wrong in that way."""
    with ExitStack() as stack:
        yield lambda mutant: stack.enter_context(closing(AsgiTarget(mutated(simulator(speed=1), mutant))))


def verdicts(
    contract: Contract, target: AsgiTarget, catalog: Catalog, examples: int, *, shrink: bool = False
) -> Iterator[Verdict]:
    specs = [spec for name in MODELS if (spec := catalog.find(name)) is not None]
    plan = Plan(examples, shrink=shrink)
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


@pytest.mark.parametrize("contract", ABOUT_TASKS)
def test_example_of_a_contract_about_tasks_can_be_run_again(
    contract: str,
    served: Callable[[Mutant], AsgiTarget],
    server: Callable[[], App],
    catalog: Catalog,
    run_reproducer: Callable[[str, App], None],
) -> None:
    """It fails at the wrong server, and passes at the right one: here are no ids and no times of the first run."""
    mutant = next(mutant for mutant in MUTANTS.values() if mutant.contract == contract)
    target = served(mutant)
    found = verdicts(contract_of(contract), target, catalog, 100, shrink=True)
    broken = next(one.broken for one in found if one.broken is not None)
    source = as_pytest(Case(contract, "promised", broken, abilities=target.abilities))

    with pytest.raises(Exception):  # noqa: B017, PT011 - what a claim meets in a wrong answer may be of any kind
        run_reproducer(source, mutated(server(), mutant))
    run_reproducer(source, server())
