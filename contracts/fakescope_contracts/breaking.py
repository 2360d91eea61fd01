"""Bodies with exactly one mistake, made of bodies with none: whoever makes those decides what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fakescope.catalog.rules import ListRule, Text
from fakescope.catalog.spec import Constraint, Field
from fakescope_contracts.bodies import CHANGING, Drafting, Problem, body_of, can_be_set, ignored_in, problems_of
from fakescope_contracts.edges import Mistake
from fakescope_contracts.values import accepted, filling, refused

__all__ = ["MISSING", "Body", "BrokenBody", "breaking", "can_be_broken", "mistakes_in", "with_mistake"]

Body = dict[str, Any]
MISSING = Mistake("missing", None)


class BrokenBody(NamedTuple):
    """A body with one mistake: which field, and the word for what is wrong with it."""

    body: Body
    path: str
    mistake: str

    @property
    def rule(self) -> str:
        """The id of the one rule that is broken, as in `parameters.size:choice`."""
        return f"{self.path}:{self.mistake}"


def mistakes_in(field: Field) -> list[Mistake]:
    """Every way to break the rule of one field."""
    return [MISSING] * field.required + refused(field.rule)


def with_mistake(drafting: Drafting, at: int, mistake: Mistake, *, null: bool = False) -> Iterator[BrokenBody]:
    """The body with a mistake in one field; none if that breaks another rule, too."""
    spec, field = drafting.spec, drafting.spec.fields[at]
    if mistake.value in ("", []):  # counts as left out between fields
        drafting.given[at] = mistake.value
        drafting.without.add(at)
    elif can_be_set(field):
        drafting.give(at)
    given = {**drafting.settle(), at: mistake.value}
    if mistake is MISSING:
        del given[at]
    expected = [Problem(field.path, "missing")] if mistake is MISSING else []
    found = [problem for problem, _ in problems_of(spec, given, unmeasured=at)]
    if found == expected and at not in ignored_in(spec, given):
        yield BrokenBody(body_of(spec, given, [at] if null else ()), field.path, mistake.word)


def can_be_broken(constraint: Constraint) -> bool:
    """What only changes what was given cannot."""
    return constraint.kind not in CHANGING


def breaking(drafting: Drafting, constraint: Constraint) -> Iterator[BrokenBody]:
    """The body with that constraint broken, once for each field that it requires."""
    spec, fields = drafting.spec, constraint.fields
    drafting.broken = constraint
    drafting.apply(constraint)
    if constraint.kind == "required":
        for at in fields:
            drafting.give(at)
        settled = drafting.settle()
        tries = [
            ({k: v for k, v in settled.items() if k != at}, Problem(spec.fields[at].path, "missing")) for at in fields
        ]
    else:
        drafting.without |= _break(drafting, constraint)
        settled = drafting.settle()
        broken = [problem for problem, one in problems_of(spec, settled) if one is constraint]
        tries = [(settled, problem) for problem in broken]
    for given, problem in tries:
        if [found for found, _ in problems_of(spec, given)] == [problem]:
            yield BrokenBody(body_of(spec, given), *problem)


def _break(drafting: Drafting, constraint: Constraint) -> set[int]:
    """Give values that break the constraint, and say which fields have to stay out."""
    first, limit = constraint.fields[0], constraint.limit
    if constraint.kind == "narrowed" or max(constraint.fields) >= len(drafting.spec.fields):
        drafting.break_among(constraint)
        return set()
    rule = drafting.spec.fields[first].rule
    if constraint.kind == "one_of":
        for at in constraint.fields:
            drafting.given.pop(at, None)
        return set(constraint.fields)
    if constraint.kind == "excludes":
        for at in constraint.fields[:2]:
            drafting.give(at)
        return set()
    for at in constraint.fields:
        drafting.given.pop(at, None)
    if constraint.kind == "most_chars":
        assert isinstance(rule, Text), constraint
        for n, at in enumerate(constraint.fields):
            drafting.give(at, filling(rule.counts, (limit + 1 + n) // len(constraint.fields)))
        return set()
    assert isinstance(rule, ListRule), constraint
    if constraint.kind == "same_length":
        for length, at in enumerate(constraint.fields, 1):
            item = drafting.spec.fields[at].rule
            assert isinstance(item, ListRule), constraint
            drafting.give(at, accepted(item.item)[:1] * length)
    else:
        item_of = constraint.value if constraint.kind == "most_of" else accepted(rule.item)[0]
        drafting.give(first, [item_of] * (limit + 1))
    return set()
