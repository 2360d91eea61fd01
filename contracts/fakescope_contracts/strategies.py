"""Bodies for a model, made from its spec: right ones, and ones with exactly one mistake.

Send them with `X-DashScope-OssResourceResolve: enable`: some have `oss://` addresses. `reference` is an identifier
that an earlier task of the same account returned, for models that need one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import zip_longest
from math import isqrt
from typing import Any, NamedTuple

from hypothesis import assume
from hypothesis import strategies as st

from fakescope.catalog import Catalog
from fakescope.catalog.rules import (
    Assets,
    Bounds,
    Box,
    Integer,
    ListRule,
    MediaRule,
    Messages,
    Number,
    ObjectRule,
    Pixels,
    Rule,
    Text,
)
from fakescope.catalog.spec import BASES, Constraint, Field, ModelSpec
from fakescope_contracts.bodies import (
    CHANGING,
    Drafting,
    Given,
    NoBodyError,
    Problem,
    body_of,
    can_be_set,
    constraints_of,
    ignored_in,
    problems_of,
)
from fakescope_contracts.values import (
    Mistake,
    accepted,
    address,
    asset,
    filling,
    largest_files,
    message,
    refused,
    too_large_files,
    whole,
)

__all__ = [
    "BrokenBody",
    "Case",
    "Refusal",
    "boundary_cases",
    "broken_bodies",
    "large_cases",
    "refusal_of",
    "rules_to_break",
    "smallest_body",
    "valid_bodies",
]

Body = dict[str, Any]
MISSING = Mistake("missing", None)
_WIDEST = 2**31  # for whole numbers without an end


class BrokenBody(NamedTuple):
    """A body with one mistake: which field, and the word for what is wrong with it."""

    body: Body
    path: str
    mistake: str

    @property
    def rule(self) -> str:
        """The id of the one rule that is broken, as in `parameters.size:choice`."""
        return f"{self.path}:{self.mistake}"


class Refusal(NamedTuple):
    """How a broken body is refused: `shows` is "submit" (HTTP 400) or "task" (it fails), with this code.

    `message` is a pattern of the whole text; `basis` says whether that was seen for this model.
    """

    shows: str
    code: str
    message: str
    basis: str


def refusal_of(catalog: Catalog, spec: ModelSpec, broken: BrokenBody, *, at_once: bool = False) -> Refusal:
    """What the catalogue says of a broken body; `at_once` where the model is asked to answer without a task."""
    field = spec.fields[spec.position[broken.path]]
    text = catalog.problem(spec, field, broken.mistake)
    missing = spec.problems == "presence" and broken.mistake in ("missing", "one_of")
    at_submit = at_once or spec.mode == "sync" or spec.problems == "submit" or missing
    known = text.basis if not text.seen_for else "seen" if spec.name in text.seen_for else "inferred"
    named = {"path": field.path, "field": field.path.rpartition(".")[2]}
    parts = re.split(r"\{(\w+)\}", text.message)  # every second one is a place to fill in
    filled = [re.escape(named[part]) if part in named else ".*" for part in parts[1::2]]
    message = "".join(part for pair in zip_longest(map(re.escape, parts[::2]), filled, fillvalue="") for part in pair)
    return Refusal("submit" if at_submit else "task", text.code, message, known)


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


@st.composite
def valid_bodies(draw: st.DrawFn, spec: ModelSpec, reference: str = "", *, nulls: bool = True) -> Body:
    """Bodies that the model accepts: optional fields in and out, left out or null; anything in fields that are ignored.

    Without `nulls`, what is not given is left out: that null is the same is our reading.
    They shrink to the required fields alone.
    """
    given = _drafting(draw, spec, reference).settle()
    for at in ignored_in(spec, given):
        if draw(st.booleans()):
            _put_anything(draw, spec, given, at)
    left_out = [at for at in range(len(spec.fields)) if at not in given]
    return body_of(spec, given, left_out if nulls and draw(st.booleans()) else ())


def rules_to_break(spec: ModelSpec, bases: Collection[str] = BASES) -> list[int | Constraint]:
    """The fields, by their position, and the rules between fields that are known in one of these ways."""
    fields = [at for at, field in enumerate(spec.fields) if field.basis in bases]
    return [*fields, *(one for one in constraints_of(spec) if _can_be_broken(one) and one.basis in bases)]


@st.composite
def broken_bodies(
    draw: st.DrawFn, spec: ModelSpec, reference: str = "", bases: Collection[str] = BASES, *, nulls: bool = True
) -> BrokenBody:
    """Bodies that break exactly one rule of one field, or one rule between fields. They shrink to nothing else.

    Only rules that are known in one of the ways in `bases` are broken; there must be some (see `rules_to_break`).
    Without `nulls`, what is missing is left out, and never null.
    """
    place = draw(st.sampled_from(rules_to_break(spec, bases)))
    drafting = _drafting(draw, spec, reference)
    if isinstance(place, Constraint):
        found = _breaking(drafting, place)
    else:
        mistake = draw(st.sampled_from(_mistakes_in(spec.fields[place])))
        found = _with_mistake(drafting, place, mistake, null=mistake is MISSING and nulls and draw(st.booleans()))
    try:
        broken = list(found)
    except NoBodyError:  # the other fields, drawn before, do not go with this mistake
        broken = []
    assume(broken)
    return draw(st.sampled_from(broken))


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
        if not _can_be_broken(constraint):
            hidden = [] if constraint.kind == "default" else _hidden(constraint, spec, reference)
            found += [case._replace(basis=constraint.basis) for case in hidden]
            continue
        broken = list(_breaking(_plain_drafting(spec, reference), constraint))
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


# -- values


def _values(rule: Rule, reference: str = "") -> st.SearchStrategy[Any]:
    """What a rule accepts: edges and anything between them."""
    edges = st.sampled_from(accepted(rule, reference))
    match rule:
        case Text(max_chars=most, not_blank=not_blank, counts=counts):
            texts = st.text(min_size=1, max_size=min((most or 20) // (1 + (counts == "widths")), 20))
            return edges | (texts.filter(str.strip) if not_blank else texts)
        case Integer(values=None, bounds=bounds):
            low, high = whole(bounds)
            return edges | st.integers(-_WIDEST if low is None else low, _WIDEST if high is None else high)
        case Number(bounds=bounds):
            return edges | _floats(bounds)
        case Pixels():
            return edges | _sizes(rule)
        case MediaRule():
            names = st.sampled_from(["file", "a-1", "f%20x?v=1&w=a#top"] + ["文件"] * (not rule.ascii_only))
            links = [scheme for scheme in rule.schemes if scheme != "data"]
            return edges | st.builds(lambda scheme, name: address(rule, scheme, name), st.sampled_from(links), names)
        case ListRule():
            low, high = whole(rule.bounds)
            lists = st.lists(_values(rule.item), min_size=max(low or 0, 1), max_size=3 if high is None else high)
            return edges | lists
        case ObjectRule(keys=keys):
            return st.fixed_dictionaries({key: _values(inner) for key, inner in keys.items()})
        case Box(ratios=()):
            return edges | st.builds(
                lambda x, w, y, h: [x, y, x + w, y + h], *[st.integers(0, 999), st.integers(1, 999)] * 2
            )
        case Messages():
            low, high = whole(rule.images)
            images = st.lists(_values(rule.image), min_size=low or 0, max_size=3 if high is None else high)
            return edges | st.builds(lambda text, given: message([text], given), _values(rule.text), images)
        case Assets():
            return edges.flatmap(lambda assets: st.permutations(assets).flatmap(lambda order: _files(rule, order)))
    return edges


def _files(rule: Assets, assets: list[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    files = [_values(rule.files.get(one["type"], rule.url)) for one in assets]
    return st.tuples(*files).map(
        lambda urls: [asset(rule, one["type"], url) for one, url in zip(assets, urls, strict=True)]
    )


def _floats(bounds: Bounds) -> st.SearchStrategy[float]:
    low, high = bounds.ends
    return st.floats(
        low,
        high,
        allow_nan=False,
        allow_infinity=False,
        exclude_min=bounds.above is not None,
        exclude_max=bounds.below is not None,
    )


@st.composite
def _sizes(draw: st.DrawFn, rule: Pixels) -> str:
    """A width, and a height that the width, the area and the ratio leave."""
    (low, high), (least, most), ratio = whole(rule.side_px), whole(rule.area_px), rule.ratio
    widest = high or isqrt(int((most or 2048**2) * (ratio.high or 1)))
    width = draw(st.integers(low or 256, widest))
    lows = [low or 1, -(-(least or 0) // width), 0 if ratio.high is None else int(width / ratio.high) + 1]
    highs = [high or widest, (most or 2048**2) // width, widest if ratio.low is None else int(width / ratio.low)]
    assume(max(lows) <= min(highs))
    return f"{width}*{draw(st.integers(max(lows), min(highs)))}"


# -- bodies at random


def _drafting(draw: st.DrawFn, spec: ModelSpec, reference: str) -> Drafting:
    def pick(field: Field) -> Any:
        return draw(_values(field.rule, reference))

    settable = [at for at, field in enumerate(spec.fields) if can_be_set(field)]
    given = {at: pick(spec.fields[at]) for at in settable if spec.fields[at].required or draw(st.booleans())}
    return Drafting(spec, pick, lambda values: draw(st.sampled_from(values)), given)


def _put_anything(draw: st.DrawFn, spec: ModelSpec, given: Given, at: int) -> None:
    """Something wrong in a field that is not looked at, if it stays so."""
    wrong = refused(spec.fields[at].rule)
    tried = given | {at: draw(st.sampled_from(wrong)).value}
    if ignored_in(spec, tried).keys() == ignored_in(spec, given).keys() and not problems_of(spec, tried):
        given[at] = tried[at]


# -- broken bodies


def _mistakes_in(field: Field) -> list[Mistake]:
    return [MISSING] * field.required + refused(field.rule)


def _with_mistake(drafting: Drafting, at: int, mistake: Mistake, *, null: bool = False) -> Iterator[BrokenBody]:
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


def _can_be_broken(constraint: Constraint) -> bool:
    """What only changes what was given cannot."""
    return constraint.kind not in CHANGING


def _breaking(drafting: Drafting, constraint: Constraint) -> Iterator[BrokenBody]:
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


# -- the same list every time


def _plain_drafting(spec: ModelSpec, reference: str) -> Drafting:
    return Drafting(spec, lambda field: accepted(field.rule, reference)[0], lambda values: values[0], {})


def _cases_of(spec: ModelSpec, at: int, reference: str) -> Iterator[Case]:
    field = spec.fields[at]
    for value in accepted(field.rule, reference) if can_be_set(field) else ():
        yield _accepted_case(_plain_drafting(spec, reference), at, value)
    for mistake in _mistakes_in(field):
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
        for broken in _with_mistake(_plain_drafting(spec, reference), at, mistake, null=null):
            yield Case(broken.body, broken.path, mistake.value, mistake.word)
