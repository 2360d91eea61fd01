"""Runs contracts against a target: which apply, how many examples each has, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Any, Literal, NamedTuple
from zlib import crc32

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.stateful import run_state_machine_as_test
from hypothesis.strategies import DataObject, data

from fakescope.catalog import Catalog
from fakescope.catalog.spec import BASES, ModelSpec
from fakescope_contracts.conversation import Broken, Conversation, Unanswered, UndecidedError, printable
from fakescope_contracts.interrupting import raise_if_interrupted
from fakescope_contracts.registry import Contract
from fakescope_contracts.target import ABILITIES, NoAnswerError, Target, must_answer

__all__ = ["Plan", "Tally", "Trial", "Verdict", "run", "trials", "try_out"]

_PHASES = (Phase.explicit, Phase.generate, Phase.shrink)


class Plan(NamedTuple):
    """How a run is done.

    Each contract has `max_examples`, those of a contract per model shared by the models, at least one for each.
    `seed` and a contract's id and model fix what is drawn. Without `shrink` the first example that fails is shown.
    """

    max_examples: int = 100
    seed: int = 0
    bases: tuple[str, ...] = BASES
    shrink: bool = True


class Trial(NamedTuple):
    """A contract to be checked with a model. `reason` says why it is skipped, or "". `shown` is the model's name, or
    "" where the contract is not about models. `about` is the recording that is judged, if one is.
    """

    contract: Contract
    spec: ModelSpec
    examples: int
    reason: str
    about: str = ""

    @property
    def shown(self) -> str:
        return self.about or (self.spec.name if self.contract.per == "model" else "")


class Tally:
    """How many examples there were, without those that were drawn in vain; how many said nothing, and why not.

    `unseen` are examples of a machine that could not wait for the end of what they saw. `notes` has the first promise
    that was broken, and what ended the trial before its time.
    """

    examples, undecided, unseen, reason = 0, 0, 0, ""

    def __init__(self) -> None:
        self.notes: list[Exception] = []
        self._talk: Conversation | None = None

    def begin(self, talk: Conversation | None) -> Conversation | None:
        """Count what the example before has left unseen."""
        if self._talk is not None and self._talk.unseen:
            self.unseen += 1
            self.reason = self._talk.unseen
        self._talk = talk
        return talk


class Verdict(NamedTuple):
    """What came of a trial. `error` is a failure of the contract itself: it neither holds nor is broken."""

    trial: Trial
    outcome: Literal["kept", "broken", "skipped", "error"]
    said: str = ""
    examples: int = 0
    seconds: float = 0.0
    broken: Broken | None = None


def trials(contracts: Sequence[Contract], target: Target, specs: Sequence[ModelSpec], plan: Plan) -> list[Trial]:
    """Every contract with every model that it is about; what cannot be checked is there, too, with the reason."""
    regional = "regions" in target.abilities
    at_hand = [spec for spec in specs if regional or target.region in spec.regions]
    found = []
    for one in contracts:
        about = list(specs) if one.per == "model" else _typical(one, at_hand or specs)
        tried = sum(not _reason(one, spec, target, plan) for spec in about)
        share = max(1, plan.max_examples // max(1, tried))
        found += [Trial(one, spec, share, _reason(one, spec, target, plan)) for spec in about]
    return found


def _typical(one: Contract, specs: Sequence[ModelSpec]) -> list[ModelSpec]:
    """The model by which a contract about the service is checked: one that makes tasks, where there is one."""
    fitting = [spec for spec in specs if not one.applies(spec)] or list(specs)
    return sorted(fitting, key=lambda spec: (spec.mode == "sync", bool(spec.references)))[:1]


def _reason(one: Contract, spec: ModelSpec, target: Target, plan: Plan) -> str:
    if one.basis not in plan.bases:
        return f"its basis is {one.basis}"
    missing = sorted(one.needs - target.abilities)
    if missing:
        return "the target lacks " + ", ".join(f"{word} ({ABILITIES[word]})" for word in missing)
    if one.costs and not {"free", "money"} & target.abilities:
        return "it costs money here"
    if target.region not in spec.regions and "regions" not in target.abilities:
        return f"the model is not sold in {target.region}"
    return one.applies(spec)


def run(
    todo: Sequence[Trial],
    target: Target,
    catalog: Catalog,
    plan: Plan,
    seen: Callable[[Trial, int], None] = lambda _trial, _examples: None,
) -> Iterator[Verdict]:
    """Try all, in order. `seen` is called before each example, with how many there were. Raises NoAnswerError if the
    target does not answer any more.
    """
    for trial in todo:
        yield try_out(trial, target, catalog, plan, seen)
        raise_if_interrupted()


def try_out(
    trial: Trial,
    target: Target,
    catalog: Catalog,
    plan: Plan,
    seen: Callable[[Trial, int], None] = lambda _trial, _examples: None,
) -> Verdict:
    """Check one contract with one model. Raises NoAnswerError if the target does not answer."""
    if trial.reason:
        return Verdict(trial, "skipped", trial.reason)
    tally = Tally()

    def begin() -> Conversation:
        seen(trial, tally.examples)
        try:
            target.reset()
        except NoAnswerError as error:
            raise Unanswered(str(error)) from error
        return Conversation(target, catalog, trial.spec, tally.notes)

    before = perf_counter()

    def verdict(
        outcome: Literal["kept", "broken", "skipped", "error"], said: str = "", broken: Broken | None = None
    ) -> Verdict:
        return Verdict(trial, outcome, said, tally.examples, perf_counter() - before, broken)

    try:
        _examples_of(trial, plan, begin, tally)()
    except Unanswered as error:
        must_answer(target)
        broken = _first_in(tally) or error.broken
        if broken is not None:
            return verdict("broken", broken.came, broken)
        return verdict("error", printable(f"no answer: {error}"))
    except Unsatisfiable:
        return verdict("error", "no example could be drawn")
    except Exception as error:
        broken = _broken_in(error) or _first_in(tally)
        if broken is not None:
            return verdict("broken", broken.came, broken)
        if isinstance(error, UndecidedError):  # the last, or in a machine, where no example can be left out
            return verdict("skipped", str(error))
        if tally.notes:
            return verdict("skipped", str(tally.notes[-1]))
        return verdict("error", printable(f"{type(error).__name__}: {error!s:.300}"))
    if tally.undecided:
        said = f"{tally.undecided} of {tally.examples} examples say nothing: {tally.reason}"
        return verdict("skipped" if tally.undecided == tally.examples else "kept", said)
    tally.begin(None)
    return verdict("kept", f"in {tally.unseen} of {tally.examples} examples {tally.reason}" if tally.unseen else "")


def _examples_of(trial: Trial, plan: Plan, begin: Callable[[], Conversation], tally: Tally) -> Callable[[], None]:
    chosen = settings(
        max_examples=trial.examples,
        stateful_step_count=trial.contract.steps,
        database=None,
        deadline=None,
        derandomize=False,
        phases=_PHASES if plan.shrink else _PHASES[:2],
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    check, spec = trial.contract.check, trial.spec
    start = crc32(f"{plan.seed} {trial.contract.id} {trial.shown}".encode())
    if isinstance(check, type):

        def machine() -> Any:
            tally.examples += 1
            return check(tally.begin(begin()), spec)

        factory: Any = seed(start)(machine)  # Hypothesis takes what makes a machine, too
        return lambda: run_state_machine_as_test(factory, settings=chosen)

    @seed(start)
    @chosen
    @given(data())
    def example(data: DataObject) -> None:
        try:
            check(begin(), spec, data.draw)
        except UndecidedError as error:
            if error.is_last:
                raise
            tally.undecided += 1
            tally.reason = str(error)
        except Broken:
            tally.examples += 1
            raise
        tally.examples += 1

    return example


def _first_in(tally: Tally) -> Broken | None:
    return next((one for one in tally.notes if isinstance(one, Broken)), None)


def _broken_in(error: BaseException) -> Broken | None:
    """The broken promise, also in what Hypothesis raises of an example that fails only now and then."""
    if isinstance(error, Broken):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_broken_in, error.exceptions)), None)
    return None
