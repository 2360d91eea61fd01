"""Bodies at every bound of a model's rules, one step outside each, and the smallest body: the same list every time.

Send them with `X-DashScope-OssResourceResolve: enable`: some have `oss://` addresses. `reference` is an identifier
that an earlier task of the same account returned, for models that need one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fakescope.catalog.spec import Constraint, ModelSpec
from fakescope_contracts.bodies import Drafting, body_of, can_be_set, constraints_of, ignored_in, problems_of
from fakescope_contracts.breaking import MISSING, Body, breaking, can_be_broken, mistakes_in, with_mistake
from fakescope_contracts.edges import Mistake
from fakescope_contracts.values import accepted, largest_files, refused, too_large_files

__all__ = ["Case", "boundary_cases", "large_cases", "smallest_body"]


class Case(NamedTuple):
    """A body that gives `value` to the field at `path`, and the mistake that is expected, or None.

    `basis` says how that is known. Where the field is null, that it counts as left out is our reading.
    """

    body: Body
    path: str
    value: Any
    mistake: str | None
    basis: str = "inferred"

    @property
    def is_null(self) -> bool:
        """Whether the field is there, and null."""
        table: Any = self.body
        *outer, key = self.path.split(".")
        for name in outer:
            table = table.get(name, {})
        return key in table and table[key] is None


def smallest_body(spec: ModelSpec, reference: str = "") -> Body:
    """The body that gives nothing but what the model needs."""
    return body_of(spec, _plain_drafting(spec, reference).settle())


def boundary_cases(spec: ModelSpec, reference: str = "") -> list[Case]:
    """For every field its bounds, one step outside each, each of a few values, wrong types and null; for every rule
    between fields a body that breaks it, or one with a mistake that it hides. Always the same list.
    """
    found = [
        case if case.is_null else case._replace(basis=field.basis)
        for at, field in enumerate(spec.fields)
        for case in _cases_of(spec, at, reference)
    ]
    for constraint in constraints_of(spec):
        if not can_be_broken(constraint):
            hidden = [] if constraint.kind == "default" else _hidden(constraint, spec, reference)
            found += [case._replace(basis=constraint.basis) for case in hidden]
            continue
        broken = list(breaking(_plain_drafting(spec, reference), constraint))
        assert broken, (spec.name, constraint)
        found += [Case(body, path, None, mistake, constraint.basis) for body, path, mistake in broken]
    return found


def large_cases(spec: ModelSpec, reference: str = "") -> Iterator[Case]:
    """For every field of files one that is as large as may be and one a byte larger, where that is looked at.

    Bodies of megabytes, which `boundary_cases` leaves out.
    """
    for at, field in enumerate(spec.fields):
        for value in largest_files(field.rule):
            yield _accepted_case(_plain_drafting(spec, reference), at, value)
        for mistake in too_large_files(field.rule):
            yield from _refused_cases(spec, at, mistake, reference)


def _plain_drafting(spec: ModelSpec, reference: str) -> Drafting:
    return Drafting(spec, lambda field: accepted(field.rule, reference)[0], lambda values: values[0], {})


def _cases_of(spec: ModelSpec, at: int, reference: str) -> Iterator[Case]:
    field = spec.fields[at]
    for value in accepted(field.rule, reference) if can_be_set(field) else ():
        yield _accepted_case(_plain_drafting(spec, reference), at, value)
    for mistake in mistakes_in(field):
        yield from _refused_cases(spec, at, mistake, reference)
    if not field.required:
        drafting = _plain_drafting(spec, reference)
        drafting.without.add(at)
        yield Case(body_of(spec, drafting.settle(), [at]), field.path, None, None)


def _hidden(constraint: Constraint, spec: ModelSpec, reference: str) -> Iterator[Case]:
    """A mistake in each field that is not looked at because of this constraint."""
    first, *later = constraint.groups or ((),)
    for at in constraint.fields or [at for group in later for at in group]:
        drafting = _plain_drafting(spec, reference)
        drafting.apply(constraint)
        for active in first[:1]:
            drafting.give(active, accepted(spec.fields[active].rule)[-1])
        wrong = refused(spec.fields[at].rule)[0].value
        given = drafting.settle() | {at: wrong}
        assert at in ignored_in(spec, given), (spec.name, constraint)
        assert problems_of(spec, given) == [], (spec.name, constraint)
        yield Case(body_of(spec, given), spec.fields[at].path, wrong, None)


def _accepted_case(drafting: Drafting, at: int, value: Any) -> Case:
    drafting.give(at, value)
    return Case(body_of(drafting.spec, drafting.settle()), drafting.spec.fields[at].path, value, None)


def _refused_cases(spec: ModelSpec, at: int, mistake: Mistake, reference: str) -> Iterator[Case]:
    """A missing field is left out, and null."""
    for null in (False, True) if mistake is MISSING else (False,):
        for broken in with_mistake(_plain_drafting(spec, reference), at, mistake, null=null):
            yield Case(broken.body, broken.path, mistake.value, mistake.word)
