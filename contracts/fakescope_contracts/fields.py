"""Contracts about a request's fields: what keeps every rule is made, what breaks one is refused or fails."""

from __future__ import annotations

from itertools import chain
from typing import Any

from hypothesis import strategies as st

from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.conversation import Conversation, Reply
from fakescope_contracts.registry import Draw, contract
from fakescope_contracts.strategies import Case, boundary_cases, broken_bodies, valid_bodies

_LONG_ENOUGH_S = 23.5 * 3600  # for every lane to be empty again, and nothing is forgotten yet


def needs_nothing(spec: ModelSpec) -> str:
    """Why a model's fields cannot be tried out, or ""."""
    return "the model needs what another has returned" if spec.references else ""


_known: dict[str, tuple[ModelSpec, list[Case]]] = {}


def _cases(spec: ModelSpec) -> list[Case]:
    """The boundary cases of a model, worked out once: for some that takes half a second."""
    known = _known.get(spec.name)
    if known is None or known[0] is not spec:
        known = _known[spec.name] = spec, boundary_cases(spec)
    return known[1]


class _Counter:
    """Where bodies are handed in, and what becomes of them."""

    def __init__(self, talk: Conversation, spec: ModelSpec) -> None:
        self.talk, self.spec = talk, spec

    def hand_in(self, case: Case) -> tuple[Case, Reply, str]:
        """Submit it: the case, the answer, and the task's id if it made one."""
        reply = self.talk.submit(self.spec, case.body)
        made_task = reply.status_code == 200 and self.spec.mode != "sync"
        return case, reply, self.talk.task_of(reply) if made_task else ""

    def judge(self, case: Case, reply: Reply, task_id: str) -> None:
        told = f"{case.path} = {case.value!r:.80}" if case.mistake else f"right, with {case.path} = {case.value!r:.80}"
        if task_id:
            reply = self.talk.poll(task_id)
        status = reply.at("output.task_status")
        where = reply.where("output.task_status")
        if case.mistake is None:
            refused = reply.status_code != 200 or bool(task_id) and status != "SUCCEEDED"
            claim = f'{where} == "SUCCEEDED"' if task_id else f"{reply.name}.status_code == 200"
            reply.hold(not refused, f"a body that is {told} came to {reply.content[:200]!r}", claim)
        elif self.shows_at_once(case.mistake):
            reply.has_status(400)
            self.says_why(reply, "code")
        else:
            came = f"{case.mistake}: {told} came to {reply.content[:200]!r}"
            claim = f'{where} == "FAILED"'
            reply.hold(status == "FAILED", came, claim)
            self.says_why(reply, "output.code")

    def shows_at_once(self, mistake: str) -> bool:
        """Where a mistake shows, as the family says (see the catalogue)."""
        is_missing = mistake in ("missing", "one_of")
        return self.spec.problems == "submit" or (self.spec.problems == "presence" and is_missing)

    def says_why(self, reply: Reply, path: str) -> None:
        code = reply.at(path)
        reply.hold(isinstance(code, str) and bool(code), f"{path} is {code!r}", f"isinstance({reply.where(path)}, str)")


def _try_out(talk: Conversation, spec: ModelSpec, cases: list[Case]) -> None:
    counter = _Counter(talk, spec)
    handed_in = [counter.hand_in(case) for case in cases]
    if any(task_id for _, _, task_id in handed_in):
        talk.let_pass(_LONG_ENOUGH_S)
    for case, reply, task_id in handed_in:
        counter.judge(case, reply, task_id)


@contract("fields.bounds", "At every bound of every field: what is inside is made, what is a step outside is refused",
          basis="documented", needs={"clock"}, per="model", applies=needs_nothing)  # fmt: skip
def bounds_are_kept(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    cases = _cases(spec)
    few = st.lists(st.integers(0, len(cases) - 1), max_size=10)
    numbers = draw(st.tuples(few, few, few, few))  # many at a time, and one where that is enough to show a mistake
    _try_out(talk, spec, [cases[n] for n in dict.fromkeys(chain(*numbers))])


@contract("fields.right", "A body that keeps every rule of its model is made", basis="documented", needs={"clock"},
          per="model", applies=needs_nothing)  # fmt: skip
def right_bodies_are_made(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    body: Any = draw(valid_bodies(spec))
    _try_out(talk, spec, [Case(body, "anything", None, None)])


@contract("fields.wrong", "A body with one mistake is refused or fails, where its family shows mistakes",
          basis="documented", needs={"clock"}, per="model", applies=needs_nothing)  # fmt: skip
def wrong_bodies_are_refused(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    broken = draw(broken_bodies(spec))
    _try_out(talk, spec, [Case(broken.body, broken.path, None, broken.mistake)])
