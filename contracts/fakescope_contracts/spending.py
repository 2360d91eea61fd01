"""Money on the command line: how much may be spent, what a run is estimated to cost, and the question before it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from fakescope_contracts.runner import Trial

__all__ = ["Estimate", "Spending", "allow", "estimates", "spending_options"]


class Spending(NamedTuple):
    """Which region of the vendor, "" for none by name; what may be sent; whether it was agreed to beforehand."""

    region: str = ""
    zero_cost: bool = False
    budget: Decimal | None = None
    yes: bool = False


class Estimate(NamedTuple):
    """What a contract may cost at most with a model: so many submissions at the model's dearest. None: not known."""

    contract: str
    model: str
    submissions: int
    cny: Decimal | None


def _cny(_context: click.Context, _param: click.Parameter, value: str | None) -> Decimal | None:
    if value is None:
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 < amount < 1_000_000:
        raise click.BadParameter(f"{value!r:.40} is no amount; give CNY such as 5 or 0.50")
    return amount


_OPTIONS = (
    click.option(
        "--region", metavar="NAME", default="", help="The vendor in this region; its key is in DASHSCOPE_API_KEY."
    ),
    click.option("--zero-cost", is_flag=True, help="Send only what cannot be billed: always so at the vendor."),
    click.option("--budget", metavar="CNY", callback=_cny, help="Send what costs money, too, for at most so much."),
    click.option("--yes", is_flag=True, help="Do not ask before money is spent."),
)


def spending_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that may talk to the vendor; it gets them as `spending`."""

    @wraps(command)
    def taken(*args: Any, region: str, zero_cost: bool, budget: Decimal | None, yes: bool, **rest: Any) -> Any:
        return command(*args, spending=Spending(region, zero_cost, budget, yes), **rest)

    for option in reversed(_OPTIONS):
        taken = option(taken)
    return taken


def estimates(todo: Sequence[Trial], region: str) -> list[Estimate]:
    """One per trial that costs money and is not skipped.

    An example is counted as one submission, a step of a state machine, too. What is sent is held back by the budget in
    any case.
    """
    from fakescope_contracts.pricing import dearest  # deferred: Hypothesis comes with it

    found = []
    for trial in todo:
        one = trial.contract
        if one.costs and not trial.reason:
            count = trial.examples * (one.steps if isinstance(one.check, type) else 1)
            each = dearest(trial.spec, region)
            found.append(Estimate(one.id, trial.spec.name, count, None if each is None else each * count))
    return found


def allow(todo: Sequence[Trial], region: str, spending: Spending) -> None:
    """Say what a run with a budget may cost, contract by contract, and ask. Raises click.UsageError."""
    if spending.budget is None:
        return
    by_contract: dict[str, list[Estimate]] = {}
    for one in estimates(todo, region):
        by_contract.setdefault(one.contract, []).append(one)
    total = Decimal(0)
    for contract, rows in by_contract.items():
        cny = sum((row.cny for row in rows if row.cny is not None), Decimal(0))
        unknown = sum(row.cny is None for row in rows)
        more = f", {unknown} models without a known price are left out" if unknown else ""
        click.echo(f"{contract:<28}{sum(row.submissions for row in rows):>7} submissions, at most {cny} CNY{more}")
        total += cny
    click.echo(f"Estimate: at most {total} CNY in all; the budget ends it at {spending.budget} CNY")
    if not spending.yes:
        if not sys.stdin.isatty():
            raise click.UsageError("money is spent only with --yes, or where the question can be answered")
        if not click.confirm("Go on?"):
            raise click.UsageError("nothing was sent")
