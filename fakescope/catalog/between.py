"""Rules between fields in English, for hints, `fakescope models` and `fakescope explain`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fakescope.catalog.spec import Condition, Constraint, ModelSpec

__all__ = ["SENTENCES", "in_english"]


def in_english(constraint: Constraint, spec: ModelSpec) -> str:
    """The rule as a sentence without a full stop: `input.a must be given while input.mode is fancy`."""
    paths = [spec.path_at(at) for at in constraint.fields]
    rule = SENTENCES[constraint.kind](constraint, paths, spec)
    conditions = [_condition(condition, spec) for condition in constraint.conditions]
    return f"{rule} while {_and(conditions)}" if conditions else rule


def _condition(condition: Condition, spec: ModelSpec) -> str:
    path = spec.path_at(condition.at)
    match condition.test:
        case "given":
            return f"{path} is given"
        case "absent":
            return f"{path} is not given"
        case "several":
            return f"{path} has several items"
        case test:
            return f"{path} is {'not ' if test == 'is_not' else ''}{_or(map(_value, condition.values))}"


def _groups(constraint: Constraint, _paths: list[str], spec: ModelSpec) -> str:
    groups = "; ".join(_and(spec.path_at(at) for at in group) for group in constraint.groups)
    return f"of these only the first counts that differs from its default: {groups}"


def _narrowed(constraint: Constraint, paths: list[str], _spec: ModelSpec) -> str:
    assert constraint.rule is not None
    return f"{_and(paths)} must be {constraint.rule.allowed()}"


def _together(what: str) -> Callable[[Constraint, list[str], ModelSpec], str]:
    def sentence(constraint: Constraint, paths: list[str], _spec: ModelSpec) -> str:
        counted = what.removesuffix("s") if constraint.limit == 1 else what
        return f"{_and(paths)} may have at most {constraint.limit} {counted}{' together' if len(paths) > 1 else ''}"

    return sentence


SENTENCES: Mapping[str, Callable[[Constraint, list[str], ModelSpec], str]] = {
    "ignored": lambda _, paths, __: f"{_and(paths)} {'is' if len(paths) == 1 else 'are'} ignored",
    "default": lambda one, paths, _: f"{_and(paths)} left out counts as {_value(one.value)}",
    "required": lambda _, paths, __: f"{_and(paths)} must be given",
    "narrowed": _narrowed,
    "one_of": lambda _, paths, __: f"at least one of {_and(paths)} must be given",
    "excludes": lambda _, paths, __: f"at most one of {_and(paths)} may be given",
    "same_length": lambda _, paths, __: f"{_and(paths)} must have equally many items where given",
    "most_items": _together("items"),
    "most_chars": _together("characters"),
    "most_of": lambda one, paths, _: f"{_and(paths)} may have {_value(one.value)} at most {_times(one.limit)}",
    "first_active": _groups,
}
"""Kind → the rule in English, without its conditions. A test compares the kinds with those of the format."""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _and(parts: Iterable[str]) -> str:
    return _listed(parts, "and")


def _or(parts: Iterable[str]) -> str:
    return _listed(parts, "or")


def _listed(parts: Iterable[str], word: str) -> str:
    *first, last = parts
    return f"{', '.join(first)} {word} {last}" if first else last
