"""Every rule of every model is broken by some body: the catalogue's README lists the mistakes, kind by kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fakescope
from fakescope.catalog import load
from fakescope.catalog.rules import Rule
from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.boundaries import boundary_cases, large_cases

SPECS = load().specs()
README = (Path(fakescope.__file__).parent / "catalog" / "models" / "README.md").read_text("utf-8")
MISTAKES = dict(re.findall(r"^\| `(\w+)` \|[^\n]*\| ([^|]*) \|$", README, re.MULTILINE))
"""Kind of rule → the mistakes that it finds, as the README's table has them."""

UNKNOWN = {"reference": "unknown"}  # found by looking into the store, not by the rule

Reason = tuple[str, Callable[[Any], bool]]
BEHIND_A_LINK: Reason = ("nobody looks behind a link", lambda rule: "data" not in rule.schemes)
OUT_OF_REACH: dict[tuple[str, str], list[Reason]] = {
    ("text", "blank"): [("an empty text will do", lambda rule: not rule.not_blank)],
    ("text", "length"): [("what is too long is cut", lambda rule: not rule.max_chars or rule.too_long == "cut")],
    ("boolean", "choice"): [("both will do", lambda rule: len(rule.values) == 2)],
    ("integer", "range"): [
        ("a few values", lambda rule: rule.values is not None),
        ("any", lambda rule: str(rule.bounds) == "any"),
    ],
    ("integer", "choice"): [("a range", lambda rule: rule.values is None)],
    ("number", "range"): [("any", lambda rule: str(rule.bounds) == "any")],
    ("pixels", "side"): [("any", lambda rule: str(rule.side_px) == "any")],
    ("pixels", "area"): [("any", lambda rule: str(rule.area_px) == "any")],
    ("pixels", "ratio"): [("any", lambda rule: str(rule.ratio) == "any")],
    ("media", "ascii"): [("any address will do", lambda rule: not rule.ascii_only)],
    ("media", "format"): [BEHIND_A_LINK],
    ("media", "bytes"): [BEHIND_A_LINK, ("any", lambda rule: rule.max_bytes is None)],
    ("media", "side"): [BEHIND_A_LINK, ("any", lambda rule: rule.side_px.ends[0] is None)],
    ("media", "too_big"): [
        BEHIND_A_LINK,
        ("any", lambda rule: {b.ends[1] for b in (rule.side_px, rule.long_px, rule.short_px, rule.ratio)} == {None}),
    ],
    ("list", "count"): [("any", lambda rule: not rule.bounds.low and rule.bounds.high is None)],
    ("box", "ratio"): [("any", lambda rule: not rule.ratios)],
    ("assets", "needs"): [("no type has to be there", lambda rule: not (rule.needs or rule.beside))],
    ("assets", "apart"): [("all types go together", lambda rule: not rule.apart)],
}
"""Why a rule does not find a mistake of its kind: the reason, and whether it holds of a rule."""


def mistakes_of(rule: Any) -> Iterator[str]:
    """The mistakes that a rule can find."""
    for word in filter(None, (*MISTAKES[rule.kind].split(", "), UNKNOWN.get(rule.kind, ""))):
        if word.startswith("and those of"):
            for part in parts_of(rule):
                yield from mistakes_of(part)
        elif not any(holds(rule) for _, holds in OUT_OF_REACH.get((rule.kind, word), ())):
            yield word


def parts_of(rule: Any) -> list[Rule]:
    """The rules of what a list, a message, a list of typed files or an object is made of."""
    match rule.kind:
        case "list":
            return [rule.item]
        case "messages":
            return [rule.image] if rule.images.high != 0 else []
        case "assets":
            return [rule.files.get(word, rule.url) for word in rule.types]
        case "object":
            return list(rule.keys.values())
    return []


def rule_ids(spec: ModelSpec) -> set[str]:
    """Every `path:mistake` that a body of this model can be refused with."""
    needed = [at for one in spec.constraints if one.kind == "required" for at in one.fields]
    paths = {field.path for at, field in enumerate(spec.fields) if field.required or at in needed}
    found = {f"{field.path}:{mistake}" for field in spec.fields for mistake in mistakes_of(field.rule)}
    between = {
        f"{spec.fields[spec.place_of(one.fields[0])].path}:{word}"
        for one in spec.between
        for word in ([one.says] if one.says else mistakes_of(one.rule))
    }
    return found | between | {f"{path}:missing" for path in paths}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_rule_of_a_model_is_broken_by_some_body_and_no_other(spec: ModelSpec) -> None:
    cases = [*boundary_cases(spec), *large_cases(spec)]
    broken = {f"{case.path}:{case.mistake}" for case in cases if case.mistake}

    assert sorted(broken ^ rule_ids(spec)) == []


def test_there_are_many_rules() -> None:
    assert sum(len(rule_ids(spec)) for spec in SPECS) >= 1_700


def test_every_kind_of_rule_is_in_the_readme() -> None:
    assert {field.rule.kind for spec in SPECS for field in spec.fields} <= MISTAKES.keys()


def test_what_is_out_of_reach_is_a_mistake_of_its_kind() -> None:
    assert [(kind, word) for kind, word in OUT_OF_REACH if word not in MISTAKES[kind].split(", ")] == []
