"""Bodies for a model, made from its spec: right ones, and ones with exactly one mistake.

Send them with `X-DashScope-OssResourceResolve: enable`: some have `oss://` addresses. `reference` is an identifier
that an earlier task of the same account returned, for models that need one.
"""

from __future__ import annotations

import re
from collections.abc import Collection
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
    Drafting,
    Given,
    NoBodyError,
    body_of,
    can_be_set,
    constraints_of,
    ignored_in,
    problems_of,
)
from fakescope_contracts.breaking import MISSING, Body, BrokenBody, breaking, can_be_broken, mistakes_in, with_mistake
from fakescope_contracts.edges import address, whole
from fakescope_contracts.files import asset, message
from fakescope_contracts.values import accepted, refused

__all__ = ["Refusal", "broken_bodies", "refusal_of", "rules_to_break", "valid_bodies"]

_WIDEST = 2**31  # for whole numbers without an end


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
    return [*fields, *(one for one in constraints_of(spec) if can_be_broken(one) and one.basis in bases)]


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
        found = breaking(drafting, place)
    else:
        mistake = draw(st.sampled_from(mistakes_in(spec.fields[place])))
        found = with_mistake(drafting, place, mistake, null=mistake is MISSING and nulls and draw(st.booleans()))
    try:
        broken = list(found)
    except NoBodyError:  # the other fields, drawn before, do not go with this mistake
        broken = []
    assume(broken)
    return draw(st.sampled_from(broken))


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
