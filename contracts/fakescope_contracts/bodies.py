"""Bodies that keep the rules between fields, and bodies that break one of them.

The reading of the constraints here is that of the catalogue's README, written a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from fakescope.catalog.rules import Choice, Fixed, Integer, ListRule, Text
from fakescope.catalog.spec import Condition, Constraint, Field, ModelSpec
from fakescope_contracts.values import accepted, length_of, mistake_in, part_of, parted

__all__ = [
    "CHANGING",
    "Drafting",
    "Given",
    "NoBodyError",
    "Problem",
    "body_of",
    "can_be_set",
    "constraints_of",
    "ignored_in",
    "problems_of",
    "taken",
]

Given = dict[int, Any]
"""Index of a field → the value given for it; a field that is left out is not in it."""

_PASSES = 50


class NoBodyError(Exception):
    """No body is as was asked for."""


class Problem(NamedTuple):
    """A field that is wrong, and the word for the mistake."""

    path: str
    mistake: str


def body_of(spec: ModelSpec, given: Given, nulls: Iterable[int] = ()) -> dict[str, Any]:
    """The body that gives these values, and null for these fields."""
    body: dict[str, Any] = {"model": spec.name, "input": {}}
    if spec.needs_parameters:
        body["parameters"] = {}
    for at, value in (given | dict.fromkeys(nulls)).items():
        *outer, key = spec.fields[at].path.split(".")
        table = body
        for name in outer:
            table = table.setdefault(name, {})
        table[key] = value
    return body


def can_be_set(field: Field) -> bool:
    """Whether the model takes the field at all."""
    return not isinstance(field.rule, Fixed) and not (isinstance(field.rule, Choice) and not field.rule.values)


def constraints_of(spec: ModelSpec) -> tuple[Constraint, ...]:
    """Every rule between fields."""
    return (*spec.constraints, *spec.between)


# -- what the rules between fields say of given values


def ignored_in(spec: ModelSpec, given: Given) -> dict[int, Constraint]:
    """The fields that are not looked at, and why. What is ignored counts as left out from there on."""
    seen, ignored = dict(given), {}
    for constraint in spec.constraints:
        if not _applies(constraint, spec, with_parts(spec, seen)):
            continue
        if constraint.kind == "ignored":
            lost: Collection[int] = constraint.fields
        elif constraint.kind == "first_active":
            lost = _after_the_first_active(constraint, spec, seen)
        else:
            continue
        for at in lost:
            seen.pop(at, None)
            ignored[at] = constraint
    return ignored


def problems_of(spec: ModelSpec, given: Given, unmeasured: int = -1) -> list[tuple[Problem, Constraint | None]]:
    """What is missing, and what breaks a rule between fields; of the value of `unmeasured` only that it is there."""
    ignored = ignored_in(spec, given)
    seen = with_parts(spec, {at: value for at, value in given.items() if at not in ignored})
    found: list[tuple[Problem, Constraint | None]] = [
        (Problem(field.path, "missing"), None)
        for at, field in enumerate(spec.fields)
        if field.required and at not in seen
    ]
    for constraint in constraints_of(spec):
        if constraint.kind in CHANGING or not _applies(constraint, spec, seen):
            continue
        if constraint.kind == "required":
            missing = [Problem(spec.fields[at].path, "missing") for at in constraint.fields if at not in seen]
            found += [(problem, constraint) for problem in missing]
        elif constraint.kind == "narrowed":
            found += [(problem, constraint) for problem in _too_wide(constraint, spec, seen, unmeasured)]
        elif not _keeps(constraint, spec, seen, unmeasured):
            found.append((Problem(spec.fields[spec.place_of(constraint.fields[0])].path, constraint.says), constraint))
    return found


CHANGING = ("ignored", "default", "first_active")
"""Kinds of constraints that change what was given, and cannot be broken."""


def with_parts(spec: ModelSpec, given: Given) -> Given:
    """The given values, and behind them the parts of fields that constraints name."""
    parts = {len(spec.fields) + n: part_of(part.word, given.get(part.at)) for n, part in enumerate(spec.parts)}
    return given | parts


def _too_wide(constraint: Constraint, spec: ModelSpec, seen: Given, unmeasured: int) -> list[Problem]:
    assert constraint.rule is not None
    found = []
    for at in constraint.fields:
        word = mistake_in(constraint.rule, seen[at]) if at in seen and at != unmeasured else None
        found += [Problem(spec.fields[at].path, constraint.says or word)] if word else []
    return found[:1]


def _keeps(constraint: Constraint, spec: ModelSpec, seen: Given, unmeasured: int) -> bool:
    if any(at >= len(spec.fields) and spec.place_of(at) == unmeasured for at in constraint.fields):
        return True
    present = [at for at in constraint.fields if _is_there(seen, at)]
    values = [seen[at] for at in present if at != unmeasured]
    match constraint.kind:
        case "one_of":
            return bool(present)
        case "excludes":
            return len(present) <= 1
        case "same_length":
            return len({len(value) for value in values}) <= 1
        case "most_items":
            return sum(map(len, values)) <= constraint.limit
        case "most_chars":
            rules = (spec.fields[at].rule for at in constraint.fields)
            counts = next(rule.counts for rule in rules if isinstance(rule, Text))
            return sum(length_of(value, counts) for value in values) <= constraint.limit
        case "most_of":
            return all(value.count(constraint.value) <= constraint.limit for value in values)
    raise AssertionError(f"there is no constraint of the kind {constraint.kind}")


def _applies(constraint: Constraint, spec: ModelSpec, seen: Given) -> bool:
    return all(_holds(condition, spec, seen) for condition in constraint.conditions)


def _holds(condition: Condition, spec: ModelSpec, seen: Given) -> bool:
    if condition.test in ("given", "absent"):
        return _is_there(seen, condition.at) == (condition.test == "given")
    if condition.test == "several":
        several = seen.get(condition.at)
        return isinstance(several, list) and len(several) > 1
    value = seen.get(condition.at, spec.fields[condition.at].default)
    return (value in condition.values) == (condition.test == "is")


def _is_there(seen: Given, at: int) -> bool:
    """Between fields an empty text or list counts as left out."""
    return seen.get(at) not in (None, "", [])


def _after_the_first_active(constraint: Constraint, spec: ModelSpec, seen: Given) -> list[int]:
    for n, group in enumerate(constraint.groups):
        if any(at in seen and seen[at] != spec.fields[at].default for at in group):
            return [at for later in constraint.groups[n + 1 :] for at in later]
    return []


def taken(spec: ModelSpec, body: dict[str, Any]) -> dict[str, Any]:
    """Path → the value that a right body comes to: what is ignored left out, defaults filled in, what is cut cut."""
    given: Given = {}
    for at, field in enumerate(spec.fields):
        value: Any = body
        for name in field.path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None and not (field.empty_is_absent and value in ("", [])):
            given[at] = value
    seen = {at: value for at, value in given.items() if at not in ignored_in(spec, given)}
    found = {at: field.default for at, field in enumerate(spec.fields) if field.default is not None} | seen
    for constraint in spec.constraints:
        if constraint.kind == "default" and _applies(constraint, spec, with_parts(spec, seen)):
            found |= {at: constraint.value for at in constraint.fields if at not in seen}
    for at, value in found.items():
        rule = spec.fields[at].rule
        if isinstance(rule, Integer) and rule.too_high == "cut" and rule.bounds.high is not None:
            found[at] = min(value, int(rule.bounds.high))
    return {spec.fields[at].path: value for at, value in found.items()}


# -- bodies in the making


class Drafting:
    """Values that are changed until they keep every rule between fields.

    `pick` gives a value for a field, `choose` one of several values. Fields in `fixed` must be there and count, and
    those of them in `exact` keep their values; fields in `without` stay out; the constraint `broken` is left as it is.
    """

    def __init__(
        self, spec: ModelSpec, pick: Callable[[Field], Any], choose: Callable[[Sequence[Any]], Any], given: Given
    ) -> None:
        self.spec, self._pick, self._choose, self.given = spec, pick, choose, given
        self.fixed: set[int] = set()
        self.exact: set[int] = set()
        self.without: set[int] = set()
        self.broken: Constraint | None = None

    def give(self, at: int, value: Any = None) -> None:
        """Give the field this value or any, and let it count."""
        if value is not None or not _is_there(self.given, at):
            self.given[at] = self._pick(self.spec.fields[at]) if value is None else value
        self.fixed.add(at)
        if value is not None:
            self.exact.add(at)

    def settle(self) -> Given:
        """Change what has to be changed, a step at a time. Raises NoBodyError if none is left."""
        for _ in range(_PASSES):
            ignored = ignored_in(self.spec, self.given)
            lost = next((at for at in sorted(self.fixed) if at in ignored), None)
            if lost is not None:
                self._let_count(lost, ignored[lost])
                continue
            open_problems = [(p, c) for p, c in problems_of(self.spec, self.given) if c is None or c is not self.broken]
            if not open_problems:
                return self.given
            self._mend(*open_problems[0])
        raise NoBodyError(f"{self.spec.name}: no body gives {[self.spec.fields[at].path for at in self.fixed]}")

    def apply(self, constraint: Constraint) -> None:
        """Make every condition of a constraint hold."""
        for condition in constraint.conditions:
            self._decide(condition, True)

    def _let_count(self, at: int, ignoring: Constraint) -> None:
        """Change what makes a field ignored."""
        if ignoring.kind == "first_active":
            for group in ignoring.groups:
                if at in group:
                    return
                self._leave_out(group)
        elif not any(self._decide(condition, False) for condition in ignoring.conditions):
            raise NoBodyError(f"{self.spec.name}: {self.spec.fields[at].path} never counts")

    def _decide(self, condition: Condition, wanted: bool) -> bool:
        """Make a condition hold, or not hold, if that can be."""
        at = condition.at
        if at >= len(self.spec.fields) or condition.test == "several":
            return self._decide_among(condition, wanted)
        field = self.spec.fields[at]
        if condition.test in ("given", "absent"):
            if (condition.test == "given") == wanted:
                if at in self.without:
                    return False
                self.give(at)
            elif at in self.fixed or field.required:
                return False
            else:
                self._leave_out([at])
            return True
        among = (condition.test == "is") == wanted
        fitting = [value for value in accepted(field.rule) if (value in condition.values) == among]
        if not fitting or at in self.without or (at in self.fixed and self.given[at] not in fitting):
            return False
        if at not in self.fixed or at not in self.given:
            self.give(at, self._choose(fitting))
        self.exact.add(at)
        return True

    def _decide_among(self, condition: Condition, wanted: bool) -> bool:
        """As `_decide`, by another value of the field that has the part or the list."""
        owner = self.spec.place_of(condition.at)

        def fits(value: Any) -> bool:
            return _holds(condition, self.spec, with_parts(self.spec, {owner: value})) == wanted

        if owner in self.given and fits(self.given[owner]):
            self.fixed.add(owner)
            self.exact.add(owner)
            return True
        if owner in self.exact or owner in self.without:
            return not wanted and owner in self.without and condition.test != "absent"
        fitting = [value for value in self._candidates(owner, [condition.at]) if fits(value)]
        if fitting:
            self.give(owner, self._choose(fitting))
        return bool(fitting)

    def _candidates(self, owner: int, places: Iterable[int]) -> list[Any]:
        """Values of a field with few and many of its parts, as far as these are asked for."""
        rule = self.spec.fields[owner].rule
        first = len(self.spec.fields)
        words = [self.spec.parts[at - first].word for at in places if at >= first and self.spec.place_of(at) == owner]
        return parted(rule, words) if words else accepted(rule)

    def break_among(self, constraint: Constraint) -> None:
        """Break a constraint on parts, or on a narrower rule, by a value that is right by itself, if there is one."""
        for owner in dict.fromkeys(map(self.spec.place_of, constraint.fields)):
            for value in [] if owner in self.exact else self._candidates(owner, constraint.fields):
                if any(one is constraint for _, one in problems_of(self.spec, self.given | {owner: value})):
                    self.give(owner, value)
                    return

    def _mend_among(self, constraint: Constraint) -> None:
        """Keep a constraint on parts, or on a narrower rule, by other values, or else let it not apply."""
        for owner in dict.fromkeys(map(self.spec.place_of, constraint.fields)):
            candidates = [] if owner in self.exact else self._candidates(owner, constraint.fields)
            candidates += [] if constraint.rule is None or owner in self.exact else accepted(constraint.rule)
            good = [
                value
                for value in candidates
                if all(c is not constraint for _, c in problems_of(self.spec, self.given | {owner: value}))
            ]
            if good:
                self.given[owner] = self._choose(good)
                return
        if not any(self._decide(condition, False) for condition in constraint.conditions):
            raise NoBodyError(f"{self.spec.name}: nothing keeps {constraint.kind} of {constraint.fields}")

    def _mend(self, problem: Problem, constraint: Constraint | None) -> None:
        if problem.mistake == "missing":
            self._add(self.spec.position[problem.path], constraint)
            return
        assert constraint is not None
        if constraint.kind == "narrowed" or max(constraint.fields) >= len(self.spec.fields):
            self._mend_among(constraint)
            return
        present = [at for at in constraint.fields if _is_there(self.given, at)]
        loose = [at for at in present if at not in self.fixed]
        match constraint.kind:
            case "one_of":
                self._add(self._choose([at for at in constraint.fields if at not in self.without]), None)
            case "excludes" | "most_items" | "most_chars":
                self._leave_out(loose[-1:])
            case "same_length":
                like = next(
                    (at for at in present if at in self.fixed), min(present, key=lambda at: len(self.given[at]))
                )
                for at in present:
                    self.given[at] = _resized(self.given[at], len(self.given[like]))
            case "most_of":
                for at in present:
                    rule = self.spec.fields[at].rule
                    assert isinstance(rule, ListRule), constraint
                    other = next(one for one in accepted(rule.item) if one != constraint.value)
                    self.given[at] = _at_most(constraint.limit, constraint.value, self.given[at], other)

    def _add(self, at: int, required_by: Constraint | None) -> None:
        if at not in self.without:
            self.given[at] = self._pick(self.spec.fields[at])
        elif required_by is None or not any(self._decide(condition, False) for condition in required_by.conditions):
            raise NoBodyError(f"{self.spec.name}: {self.spec.fields[at].path} cannot be left out")

    def _leave_out(self, fields: Iterable[int]) -> None:
        for at in fields:
            self.given.pop(at, None)


def _resized(values: list[Any], length: int) -> list[Any]:
    return (values + values[-1:] * length)[:length]


def _at_most(limit: int, value: Any, values: list[Any], other: Any) -> list[Any]:
    """The list with another value for what there is too much of: as long as before, so that it stays settled."""
    return [other if one == value and values[:n].count(value) >= limit else one for n, one in enumerate(values)]
