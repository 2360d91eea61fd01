"""The closed list of facts a catalogue may show, computed from a task and its model's spec."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fakescope.catalog.spec import ModelSpec, Price, Row
from fakescope.engine.task import Task

__all__ = ["BUILDERS", "Fact", "Link", "cost_of", "fact", "shape"]

Link = Callable[[Task, int], str]
"""The address of a task's n-th result, counted from 0."""

Fact = Callable[[Task, Link], Any]
"""From a task and where its results are to a JSON value; None means that the key is absent."""


def fact(name: str, spec: ModelSpec) -> Fact:
    """The named fact, bound to where this model keeps its fields."""
    return BUILDERS[name](spec)


def shape(rows: tuple[Row, ...], spec: ModelSpec) -> tuple[tuple[str, Fact], ...]:
    """Key and fact per row, in the catalogue's order."""
    return tuple((row.key, fact(row.fact, spec) if row.fact else _always(row.constant)) for row in rows)


def cost_of(spec: ModelSpec, task: Task) -> Decimal | None:
    """CNY for a task that succeeded: billed seconds times the price whose conditions hold; None if none is known."""
    price = _price_of(spec.prices, lambda name: fact(name, spec)(task, _no_link))
    return None if price is None else price.cny_per_second * fact("total_seconds", spec)(task, _no_link)


def _no_link(_task: Task, _n: int) -> str:
    return ""


def _price_of(prices: tuple[Price, ...], value_of: Callable[[str], Any]) -> Price | None:
    for price in prices:
        if all(value_of(name) == wanted for name, wanted in price.when.items()):
            return price
    return None


def _always(constant: object) -> Fact:
    return lambda _task, _link: constant


def _value(spec: ModelSpec, path: str, otherwise: Any = None) -> Fact:
    """The value of a field, or `otherwise` for a model that has no such field."""
    if path not in spec.position:
        return _always(otherwise)
    at = spec.position[path]
    return lambda task, _link: task.values[at]


def _prompt(spec: ModelSpec) -> Fact:
    at = spec.position["input.prompt"]
    return lambda task, _link: task.uncut.get(at, task.values[at])


def _rewritten_prompt(spec: ModelSpec) -> Fact:
    prompt, extend = _value(spec, "input.prompt"), _value(spec, "parameters.prompt_extend")

    def rewritten(task: Task, link: Link) -> str | None:
        text = prompt(task, link)
        return f"{text} Cinematic light, rich detail." if text and extend(task, link) else None

    return rewritten


def _result_url(_spec: ModelSpec) -> Fact:
    return lambda task, link: link(task, 0)


def _output_seconds(spec: ModelSpec) -> Fact:
    duration = _value(spec, "parameters.duration")
    fixed = spec.media.seconds
    return lambda task, link: fixed if (seconds := duration(task, link)) is None else seconds


def _lines(spec: ModelSpec) -> Fact:
    if "parameters.resolution" in spec.position:
        resolution = _value(spec, "parameters.resolution")
        return lambda task, link: int(resolution(task, link)[:-1])
    lines_of = {size: int(tier[:-1]) for tier, sizes in spec.tiers.items() for size in sizes}
    size = _value(spec, "parameters.size")
    return lambda task, link: lines_of[size(task, link)]


def _sound(spec: ModelSpec) -> Fact:
    return _value(spec, "parameters.audio", spec.media.sound)


BUILDERS: dict[str, Callable[[ModelSpec], Fact]] = {
    "prompt": _prompt,
    "rewritten_prompt": _rewritten_prompt,
    "result_url": _result_url,
    "result_count": lambda _spec: _always(1),
    "output_seconds": _output_seconds,
    "input_seconds": lambda _spec: _always(0),
    "total_seconds": _output_seconds,
    "lines": _lines,
    "size": lambda spec: _value(spec, "parameters.size"),
    "sound": _sound,
}
"""One builder per name in `catalog.spec.FACTS`; a test compares the two."""
