"""A draft's fields against a model's rules: a Submission, or the first Problem in the order of the spec."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from reprlib import repr as shortened
from typing import Any

from fakescope.catalog.between import in_english
from fakescope.catalog.rules import Assets, ListRule, MediaRule, Messages, Rule, Text, details, measured
from fakescope.catalog.spec import BASES, Constraint, Field, ModelSpec, ProblemText
from fakescope.engine.conditions import all_hold, with_parts
from fakescope.engine.task import Draft, Problem, Submission

__all__ = ["problem_of", "validate"]

TextOf = Callable[[ModelSpec, Field, str], ProblemText]
"""Where the vendor's words for a mistake come from: `Catalog.problem`."""

Given = list[Any]
"""One value per field, None where there is none, and the parts of fields that constraints name."""

_NOTHING: dict[int, str] = {}


def validate(spec: ModelSpec, draft: Draft, text_of: TextOf, *, lenient: bool = False) -> Submission | Problem:
    """One value per field of the spec. null is the same as leaving a field out; unknown fields are ignored.

    First what is ignored, which takes its default and is not looked at; then field by field; then between fields.
    Where a service looks at submission whether all is there, and at values in the task, what is missing comes first.
    A `lenient` look finds nothing wrong: a value that breaks its rule counts as left out.
    """
    given = with_parts(_given(spec, draft), spec)
    needed: tuple[int, ...] = ()
    for constraint in spec.constraints:
        if not all_hold(constraint.conditions, given, spec):
            continue
        if constraint.kind == "required":
            needed += constraint.fields
        else:
            _CHANGES[constraint.kind](constraint, given, spec)
            given = with_parts(given, spec)
    fields, values, uncut = spec.fields, list(spec.defaults), _NOTHING
    if spec.problems == "presence" and not lenient:
        problem = _absent(spec, given, needed, text_of)
        if problem is not None:
            return problem
    for i, value in enumerate(given[: len(fields)]):
        if value is None:
            if (i in spec.required or i in needed) and not lenient:
                return _missing(spec, i, given, text_of)
            continue
        rule = fields[i].rule
        mistake = rule.check(value)
        if mistake is not None:
            if lenient:
                continue
            return problem_of(spec, fields[i], mistake, value, text_of)
        if not draft.resolves_oss and rule.kind in _WITH_FILES and _names_upload(rule, value):
            hint = f"{fields[i].path} is an oss:// address: send the header X-DashScope-OssResourceResolve: enable."
            return problem_of(spec, fields[i], "scheme", value, text_of)._replace(hint=hint)
        if rule.takes_as_is:
            values[i] = value
            continue
        values[i] = accepted = rule.accept(value)
        if accepted is not value and accepted != value and value.__class__ is str:
            uncut = {**uncut, i: value}
    for constraint in () if lenient else spec.between:
        if all_hold(constraint.conditions, given, spec):
            problem = _problem_between(constraint, given, spec, text_of)
            if problem is not None:
                return problem
    return Submission(tuple(values), uncut)


_WITH_FILES = frozenset(("assets", "list", "media", "messages"))


def _names_upload(rule: Rule, value: Any) -> bool:
    """Whether an address somewhere in a value that keeps its rule is one of an upload. Texts are not addresses."""
    match rule:
        case MediaRule():
            return bool(value.startswith("oss://"))
        case ListRule(item=item):
            return any(_names_upload(item, one) for one in value)
        case Messages(image=image):
            return any(_names_upload(image, part["image"]) for part in value[0]["content"] if "image" in part)
        case Assets():
            return any(_names_upload(rule.file(asset["type"]), asset["url"]) for asset in value)
    return False


def _given(spec: ModelSpec, draft: Draft) -> Given:
    body: Any = draft.body
    places = {"input": body["input"], "parameters": body.get("parameters") or {}}
    given = [places[where].get(name) for where, name in spec.places]
    for at in spec.nested:
        where, name = spec.places[at]
        given[at] = _dig(places[where], name)
    for at in spec.empties:
        if given[at] == "":
            given[at] = None
    return given


def _dig(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


# -- before the fields: what a constraint that applies changes of what was given


def _ignore(constraint: Constraint, given: Given, _spec: ModelSpec) -> None:
    for at in constraint.fields:
        given[at] = None


def _fill_in(constraint: Constraint, given: Given, _spec: ModelSpec) -> None:
    for at in constraint.fields:
        if given[at] is None:
            given[at] = constraint.value


def _keep_first_active(constraint: Constraint, given: Given, spec: ModelSpec) -> None:
    found = False
    for group in constraint.groups:
        if found:
            for at in group:
                given[at] = None
        else:
            found = any(given[at] is not None and given[at] != spec.fields[at].default for at in group)


_CHANGES: dict[str, Callable[[Constraint, Given, ModelSpec], None]] = {
    "ignored": _ignore,
    "default": _fill_in,
    "first_active": _keep_first_active,
}


# -- between fields: whether a constraint is kept. A list or text that was not given counts as empty.


def _problem_between(constraint: Constraint, given: Given, spec: ModelSpec, text_of: TextOf) -> Problem | None:
    if constraint.rule is not None:
        return _problem_narrowed(constraint, constraint.rule, given, spec, text_of)
    if _BETWEEN[constraint.kind](constraint, given, spec):
        return None
    at = spec.place_of(constraint.fields[0])
    return _broken(constraint, spec, spec.fields[at], given[at], constraint.says, text_of)


def _problem_narrowed(
    constraint: Constraint, rule: Rule, given: Given, spec: ModelSpec, text_of: TextOf
) -> Problem | None:
    for at in constraint.fields:
        mistake = None if given[at] is None else rule.check(given[at])
        if mistake is not None:
            field = spec.fields[at]._replace(rule=rule)  # the texts name what is left of the choices
            told = constraint._replace(fields=(at,))
            return _broken(told, spec, field, given[at], constraint.says or mistake, text_of)
    return None


def _present(constraint: Constraint, given: Given) -> list[Any]:
    return [given[at] for at in constraint.fields if given[at] not in (None, "", [])]


def _same_length(constraint: Constraint, given: Given, _spec: ModelSpec) -> bool:
    return len({len(value) for value in _present(constraint, given)}) <= 1


def _few_items(constraint: Constraint, given: Given, _spec: ModelSpec) -> bool:
    return sum(len(value) for value in _present(constraint, given)) <= constraint.limit


def _few_chars(constraint: Constraint, given: Given, spec: ModelSpec) -> bool:
    rules = [spec.fields[at].rule for at in constraint.fields]
    counts = next((rule.counts for rule in rules if isinstance(rule, Text)), "characters")
    return sum(measured(value, counts) for value in _present(constraint, given)) <= constraint.limit


def _few_of_them(constraint: Constraint, given: Given, _spec: ModelSpec) -> bool:
    return all(value.count(constraint.value) <= constraint.limit for value in _present(constraint, given))


_BETWEEN: dict[str, Callable[[Constraint, Given, ModelSpec], bool]] = {
    "one_of": lambda constraint, given, _spec: len(_present(constraint, given)) >= 1,  # false and 0 are there, too
    "excludes": lambda constraint, given, _spec: len(_present(constraint, given)) <= 1,
    "same_length": _same_length,
    "most_items": _few_items,
    "most_chars": _few_chars,
    "most_of": _few_of_them,
}


def _absent(spec: ModelSpec, given: Given, needed: Iterable[int], text_of: TextOf) -> Problem | None:
    """The first field that is missing, or a rule between fields that none of some is there."""
    missing = [at for at in (*spec.required, *needed) if given[at] is None]
    if missing:
        return _missing(spec, min(missing), given, text_of)
    for constraint in spec.between:
        if constraint.kind == "one_of" and all_hold(constraint.conditions, given, spec):
            problem = _problem_between(constraint, given, spec, text_of)
            if problem is not None:
                return problem
    return None


def _missing(spec: ModelSpec, at: int, given: Given, text_of: TextOf) -> Problem:
    """A field is not there that the model needs, or that a rule between fields asks for."""
    field = spec.fields[at]
    if field.required:
        return problem_of(spec, field, "missing", None, text_of)
    asking = [one for one in spec.constraints if one.kind == "required" and at in one.fields]
    constraint = next((one for one in asking if all_hold(one.conditions, given, spec)), asking[0])
    return _broken(constraint._replace(fields=(at,)), spec, field, None, "missing", text_of)


def _broken(
    constraint: Constraint, spec: ModelSpec, field: Field, value: object, mistake: str, text_of: TextOf
) -> Problem:
    """A rule between fields is not kept: told of one of them, and no better known than the rule itself."""
    problem = problem_of(spec, field, mistake, value, text_of)
    basis = max(problem.basis, constraint.basis, key=BASES.index)
    hint = f"{spec.name}: {in_english(constraint, spec)}."
    return problem._replace(hint=hint, basis=basis, is_missing=problem.is_missing or constraint.kind == "one_of")


def problem_of(spec: ModelSpec, field: Field, mistake: str, value: object, text_of: TextOf) -> Problem:
    """The vendor's words for a mistake, and what the person who made it would want to know."""
    text = text_of(spec, field, mistake)
    slots = {"field": field.name, "path": field.path, "given": _shown(value), **field.rule.slots()}
    slots |= details(field.rule, value)
    basis = "seen" if spec.name in text.seen_for else text.basis
    what = "is missing" if value is None else f"is {_shown(value)!r}"
    hint = f"{field.path} {what}; {spec.name} takes {field.rule.allowed()}."
    rule = f"{field.path}:{mistake}"
    return Problem(text.code, text.message.format_map(slots), rule, hint, basis, mistake == "missing")


def _shown(value: object) -> str:
    if not isinstance(value, str | int | float):
        return shortened(value)  # a list may be nested more deeply than str can follow
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return shown if len(shown) <= 120 else f"{shown[:117]}..."
