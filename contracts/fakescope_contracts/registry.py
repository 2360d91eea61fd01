"""What a contract is, and where all of them are found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from hypothesis.stateful import RuleBasedStateMachine
from hypothesis.strategies import SearchStrategy

from fakescope.catalog.spec import BASES, ModelSpec
from fakescope_contracts.conversation import Conversation, Reply
from fakescope_contracts.target import ABILITIES

__all__ = ["Asked", "Check", "Contract", "Draw", "Machine", "all_contracts", "contract", "contract_of"]

_MODULES = (
    "answers",
    "exchanges",
    "payloads",
    "queries",
    "refusals",
    "submissions",
    "tasks",
    "accounts",
    "ends",
    "usage",
    "lists",
    "limits",
)
"""The modules of this package whose contracts are run, in this order."""

T = TypeVar("T")


class Draw(Protocol):
    """Draws a value from a strategy, as `data.draw` of Hypothesis."""

    def __call__(self, strategy: SearchStrategy[T], /) -> T: ...


class Asked(NamedTuple):
    """What a recorded answer was the answer to.

    `kind` is submit, poll, cancel, list or ask (anything else); `path` has no final slash. `body` is ABSENT where it is
    not JSON, `spec` None where no model of the catalogue is asked at its own address. `memory` is kept from one answer
    of a recording to the next, for one contract.
    """

    kind: str
    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    spec: ModelSpec | None
    task_id: str
    memory: dict[str, Any]


Check = Callable[[Conversation, ModelSpec, Draw], None]
CheckRecorded = Callable[[Asked, Reply], bool]
"""Judges one recorded answer. False if the contract has nothing to say of it, else the promise is kept, or Broken."""
Machine = type[RuleBasedStateMachine]


class Contract(NamedTuple):
    """A promise, and how it is checked: a function of a conversation, a model and what draws; or the class of a state
    machine that is made of a conversation and a model.

    `needs` are abilities of a target. With `per` "model" it is checked for every model, else for one of the target.
    `applies` says of a model why it has no such promise, or "". `costs`: a vendor sends a bill for it.
    `basis` says how the promise is known (see the catalogue). `steps`: how long a history of a machine may be.
    `recorded` judges one answer of a recording; True: the machine is shown the recorded tasks; False: this contract
    needs requests of its own.
    """

    id: str
    promise: str
    needs: frozenset[str]
    per: Literal["target", "model"]
    costs: bool
    basis: str
    applies: Callable[[ModelSpec], str]
    steps: int
    recorded: CheckRecorded | bool
    check: Check | Machine


def contract(
    id: str,
    promise: str,
    *,
    basis: str,
    needs: Collection[str] = (),
    per: Literal["target", "model"] = "target",
    costs: bool = True,
    applies: Callable[[ModelSpec], str] = lambda _: "",
    steps: int = 20,
    recorded: CheckRecorded | bool = False,
) -> Callable[[Check | Machine], Contract]:
    """Make a contract of a function or of a state machine; it is found if its module is in `_MODULES`."""
    assert basis in BASES, basis
    assert set(needs) <= set(ABILITIES), needs

    def made(check: Any) -> Contract:
        return Contract(id, promise, frozenset(needs), per, costs, basis, applies, steps, recorded, check)

    return made


def all_contracts() -> tuple[Contract, ...]:
    """Every contract of this package, in the order in which they are written."""
    found: dict[str, Contract] = {}
    for name in _MODULES:
        for value in vars(import_module(f"fakescope_contracts.{name}")).values():
            if isinstance(value, Contract):
                assert found.setdefault(value.id, value) is value, f"two contracts are called {value.id}"
    return tuple(found.values())


def contract_of(id: str) -> Contract:
    """The contract of that id. Raises KeyError."""
    return {one.id: one for one in all_contracts()}[id]
