"""Whether a condition of the catalogue holds for the values of a model's fields, and the parts behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fakescope.catalog.spec import Condition, ModelSpec

__all__ = ["all_hold", "with_parts"]


def all_hold(conditions: Iterable[Condition], values: Sequence[Any], spec: ModelSpec) -> bool:
    """Whether all of them hold. A value that is None was left out, and counts as the field's default."""
    for condition in conditions:  # noqa: SIM110 - a generator would cost more than what it asks
        if not _holds(condition, values, spec):
            return False
    return True


def _holds(condition: Condition, values: Sequence[Any], spec: ModelSpec) -> bool:
    value = values[condition.at]
    present = value is not None and value not in ("", [])
    match condition.test:
        case "given":
            return present
        case "absent":
            return not present
        case "several":
            return isinstance(value, list) and len(value) > 1
    known = spec.fields[condition.at].default if value is None else value
    return (known in condition.values) == (condition.test == "is")


def with_parts(values: list[Any], spec: ModelSpec) -> list[Any]:
    """The values, and behind them, as they are now, the parts that rows of the model name: most models have none."""
    if not spec.parts:
        return values
    fields = values[: len(spec.fields)]
    return [*fields, *(part.rule.part(part.word, values[part.at]) for part in spec.parts)]
