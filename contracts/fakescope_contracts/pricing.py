"""The most that a submission can cost, from the catalogue's prices: what a budget is counted down by.

Where a body does not say for sure what will be billed, because a field is wrong, is left to the model, or may be
ignored, the dearest reading counts. A task never costs more; it may cost less.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal
from math import isfinite
from typing import Any

from fakescope.catalog.rules import Assets, Boolean, Bounds, Choice, Integer, ListRule, MediaRule
from fakescope.catalog.spec import ModelSpec, Price
from fakescope_contracts.bodies import CHANGING

__all__ = ["dearest", "most_it_costs"]

_UNSURE: Any = object()


def most_it_costs(spec: ModelSpec, region: str, body: object) -> Decimal | None:
    """CNY that a submission of this body may cost, or None where the catalogue cannot say."""
    prices = spec.prices_in(region)
    fitting = [price for price in prices if _may_hold(price, spec, body)] or prices
    costs = []
    for price in fitting:
        units = _most_seconds(spec, body) if price.unit == "second" else _most_results(spec, body)
        if units is None:
            return None
        costs.append(price.cny * units)
    return max(costs, default=None)


def dearest(spec: ModelSpec, region: str) -> Decimal | None:
    """CNY that any submission to the model that keeps its rules may cost, or None where the catalogue cannot say."""
    everything: dict[str, Any] = {}
    for field in spec.fields:  # wrong on purpose: nothing is known for sure, so that the dearest reading counts
        *outer, key = field.path.split(".")
        table = everything
        for name in outer:
            table = table.setdefault(name, {})
        table[key] = _all_of(field.rule)
    return most_it_costs(spec, region, everything)


def _all_of(rule: object) -> object:
    """Something that is wrong, but has as many files as may be."""
    if isinstance(rule, ListRule) and isinstance(rule.item, MediaRule):
        return [None] * int(rule.bounds.high or 1)
    if isinstance(rule, Assets):
        return [{"type": word} for word, bounds in rule.types.items() for _ in range(int(bounds.high or 1))]
    return {}


def _may_hold(price: Price, spec: ModelSpec, body: object) -> bool:
    for name, wanted in price.when.items():
        known = _fact(name, spec, body)
        if known is not _UNSURE and known != wanted:
            return False
    return True


def _fact(name: str, spec: ModelSpec, body: object) -> Any:
    """What a price depends on, or _UNSURE."""
    if name == "sound" and "parameters.audio" in spec.position:
        return _value(spec, "parameters.audio", body)
    if name == "lines":
        tier = _value(spec, "parameters.resolution", body)
        if "parameters.resolution" not in spec.position:
            size = _value(spec, "parameters.size", body)
            tier = next((tier for tier, sizes in spec.tiers.items() if size in sizes), _UNSURE)
        return int(tier[:-1]) if isinstance(tier, str) else _UNSURE
    return _value(spec, name, body) if name in spec.position else _UNSURE


def _value(spec: ModelSpec, path: str, body: object) -> Any:
    """The value that the model will take for sure: given and right, or left out with a default."""
    at = spec.position.get(path)
    if at is None or any(
        at in constraint.fields or any(at in group for group in constraint.groups)
        for constraint in spec.constraints
        if constraint.kind in CHANGING
    ):
        return _UNSURE
    field, given = spec.fields[at], _given(body, path)
    if given is None:
        return _UNSURE if field.default is None else field.default
    plain = isinstance(field.rule, Boolean | Choice | Integer)
    return given if plain and type(given) in (bool, int, str) and field.rule.check(given) is None else _UNSURE


def _given(body: object, path: str) -> Any:
    for key in path.split("."):
        body = body.get(key) if isinstance(body, dict) else None
    return body


def _most_results(spec: ModelSpec, body: object) -> Decimal | None:
    counts = [_most_number(spec, of, body) if isinstance(of, str) else int(of) for of in _cases(spec, "results")]
    sure = [count for count in counts if count is not None]
    return Decimal(max(sure)) if sure and len(sure) == len(counts) else None


def _cases(spec: ModelSpec, what: str) -> list[Any]:
    """What decides, in any of the cases that the model's media know."""
    rows = [getattr(row, what) for row in (spec.media, *spec.media.when)]
    return [row for row in rows if row is not None]


def _most_number(spec: ModelSpec, path: str, body: object) -> int | None:
    """The most that the number in a field may count as. A number too high may be taken as it is."""
    known = _value(spec, path, body)
    if type(known) is int and known > 0:
        return known
    rule, given = spec.fields[spec.position[path]].rule, _given(body, path)
    if not isinstance(rule, Integer):
        return None
    limits = [*(rule.values or ()), *filter(None, [rule.bounds.high])]
    if not limits:
        return None
    try:  # "4" may be read as 4
        number = float(given) if isinstance(given, int | float | str) else 0.0
    except (ValueError, OverflowError):
        number = 0.0
    return max(*map(int, limits), int(number), 1) if isfinite(number) else None


def _most_seconds(spec: ModelSpec, body: object) -> Decimal | None:
    made, billed = _most_made(spec, body), _most_given(spec, body)
    if made is None or billed is None:
        return None
    return (made + billed).to_integral_value(ROUND_CEILING)


def _most_made(spec: ModelSpec, body: object) -> Decimal | None:
    """Seconds of the result: asked for, always the same, or as long as a file may be."""
    asked = None
    if "parameters.duration" in spec.position:
        asked = _most_number(spec, "parameters.duration", body)
    if asked is not None:
        return Decimal(asked)
    lengths: list[Decimal | None] = []
    for of in _cases(spec, "seconds"):
        files = of if isinstance(of, tuple) else ()
        lengths += [] if files else [Decimal(of)]
        lengths += [_longest(_seconds_of(spec, path)) for path in files]
    sure = [length for length in lengths if length is not None]
    return max(sure) if sure and len(sure) == len(lengths) else None


def _most_given(spec: ModelSpec, body: object) -> Decimal | None:
    """Seconds of the videos given that are billed, too."""
    caps = spec.media.billed_caps
    if caps:
        return max(Decimal(str(cap)) * count for count, cap in enumerate(caps, 1))
    seconds = Decimal(0)
    for path in spec.media.billed_seconds:
        longest, count = _longest(_seconds_of(spec, path)), sum(1 for _ in _files(spec, path, body))
        if longest is None:
            return None
        seconds += longest * count
    return seconds


def _seconds_of(spec: ModelSpec, path: str) -> Bounds:
    """How long a file at a path, or of a type in a list of typed files, may be."""
    if path in spec.position:
        rule = spec.fields[spec.position[path]].rule
        file = rule.item if isinstance(rule, ListRule) else rule
        return file.seconds if isinstance(file, MediaRule) else Bounds()
    outer, _, word = path.rpartition(".")
    rule = spec.fields[spec.position[outer]].rule
    return rule.file(word).seconds if isinstance(rule, Assets) else Bounds()


def _longest(bounds: Bounds) -> Decimal | None:
    high = bounds.ends[1]
    return None if high is None else Decimal(str(high))


def _files(spec: ModelSpec, path: str, body: object) -> Iterator[object]:
    """The files at a path, right or not; of typed files those that could be of the type."""
    if path in spec.position:
        given = _given(body, path)
        yield from given if isinstance(given, list) else [] if given is None else [given]
        return
    outer, _, word = path.rpartition(".")
    given = _given(body, outer)
    for one in given if isinstance(given, list) else [given]:
        if not isinstance(one, dict) or one.get("type") in (word, None) or not isinstance(one["type"], str):
            yield one
