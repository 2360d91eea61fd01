"""Requests and values for examples, made from the catalogue's rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fakescope.catalog.rules import (
    Assets,
    Boolean,
    Box,
    Choice,
    Integer,
    ListRule,
    MediaRule,
    Messages,
    Number,
    ObjectRule,
    Pixels,
    Reference,
    Rule,
    Text,
)
from fakescope.catalog.spec import Condition, ModelSpec
from fakescope.openapi.values import LINK, Schema, schema_of, sides_of, whole

__all__ = ["example_body", "formats"]


def example_body(spec: ModelSpec) -> Schema:
    """A body with what the model needs, its first text and its parameters' defaults."""
    given: dict[int, Any] = {at: _value_for(f.rule) for at, f in enumerate(spec.fields) if f.required}
    prompt = spec.position.get("input.prompt")
    if prompt is not None and prompt not in given:
        given[prompt] = _value_for(spec.fields[prompt].rule)
    for constraint in (*spec.constraints, *spec.between):
        if not all(_is_so(condition, spec, given) for condition in constraint.conditions):
            continue
        if constraint.kind == "required":
            given |= {at: _value_for(spec.fields[at].rule) for at in constraint.fields if at not in given}
        elif constraint.kind == "one_of" and not any(at in given for at in constraint.fields):
            given[constraint.fields[0]] = _value_for(spec.fields[constraint.fields[0]].rule)
        elif constraint.kind == "narrowed" and constraint.rule is not None:
            given |= {
                at: _value_for(constraint.rule) for at in constraint.fields if isinstance(constraint.rule, Messages)
            }
    body: Schema = {"model": spec.name, "input": {}, "parameters": {}}
    for at, field in enumerate(spec.fields):
        value = given.get(at, field.default if field.path.startswith("parameters.") else None)
        if value is not None:
            *outer, key = field.path.split(".")
            table = body
            for name in outer:
                table = table.setdefault(name, {})
            table[key] = value
    return body


def _is_so(condition: Condition, spec: ModelSpec, given: dict[int, Any]) -> bool:
    """Whether a condition holds for the values of an example. Parts and long lists are in none."""
    if condition.at >= len(spec.fields) or condition.test == "several":
        return condition.test == "absent"
    if condition.test in ("given", "absent"):
        return (condition.at in given) == (condition.test == "given")
    value = given.get(condition.at, spec.fields[condition.at].default)
    return (value in condition.values) == (condition.test == "is")


# -- values

_FILES = {"image": "https://example.com/fox.{}", "audio": "https://example.com/voice.{}"}
_ENDINGS = {"image": "png", "audio": "mp3"}


def _value_for(rule: Rule, default: object = None) -> Any:
    """A value that keeps the rule, for an example. `default` is taken where there is one."""
    if default is not None:
        return default
    match rule:
        case Text(max_chars=most, too_long="refuse") if most is not None and most < 40:
            return "Red fox"
        case Text():
            return "A red fox runs through fresh snow"
        case Boolean(values=values):
            return values[0]
        case Choice(values=texts) if texts:
            return texts[0]
        case Integer(values=tuple(numbers)):
            return numbers[0]
        case Integer(bounds=bounds):
            low, high = whole(bounds)
            return low if low is not None else high if high is not None else 1
        case Number(bounds=bounds):
            lowest, highest = bounds.ends
            return ((lowest or 0.0) + (highest if highest is not None else 1.0)) / 2
        case Pixels():
            return next(iter(rule.words), "1024*1024")
        case MediaRule():
            return _file(rule)
        case ListRule(item=item, bounds=bounds):
            return [_value_for(item)] * max(whole(bounds)[0] or 1, 1)
        case ObjectRule(keys=keys):
            return {key: _value_for(inner) for key, inner in keys.items()}
        case Box(ratios=ratios):
            width, height = map(int, (ratios[0] if ratios else "1:1").split(":"))
            return [0, 0, 400 * width, 400 * height]
        case Messages(images=images):
            content = [{"text": _value_for(rule.text)}] + [{"image": _value_for(rule.image)}] * (whole(images)[0] or 0)
            return [{"role": "user", "content": content}]
        case Assets():
            return _asset_list(rule)
        case Reference(prefix=prefix):
            return f"{prefix}made-by-an-earlier-task"
    raise AssertionError(f"there is no value of the kind {rule.kind}")


def _file(rule: MediaRule) -> str:
    address = _FILES.get(rule.media, "https://example.com/fox.{}")
    return address.format(rule.formats[0] if rule.formats else _ENDINGS.get(rule.media, "mp4"))


def _asset_list(rule: Assets) -> list[Mapping[str, str]]:
    """What has to be there, and as much more as makes it enough."""
    words = [word for word, bounds in rule.types.items() for _ in range(whole(bounds)[0] or 0)]
    if rule.needs and not any(word in words for word in rule.needs):
        words.append(rule.needs[0])
    while len(words) < max(whole(rule.count)[0] or 0, 1):
        words.append(next(iter(rule.types)))
    return [{"type": word, "url": _file(rule.file(word))} for word in words]


# -- formats


def formats(rules: Iterable[Rule]) -> dict[str, Schema]:
    """The formats of our own that the schemas of these rules use: what each is, and values that have it."""
    links = [
        f"https://example.com/{name}"
        for name in ("fox.png", "fox.jpg?v=1#top", "a%20fox.webp", "voice.mp3", "film.mp4")
    ]
    found: dict[str, Schema] = {LINK: {"description": "An address that begins like a URL.", "examples": links}}
    for rule in rules:
        match rule:
            case ListRule(item=item):
                found |= formats([item])
            case Pixels() if "format" in (schema := schema_of(rule)):
                told = f"width*height, {rule.allowed().partition('width*height, ')[2]}"
                found[schema["format"]] = {"description": told, "examples": _some_sizes(rule)}
    return found


def _some_sizes(rule: Pixels) -> list[str]:
    """Small and large sizes, square and not, that keep the rule."""
    (narrowest, widest), (lowest, highest) = sides_of(rule)
    widths = [narrowest, narrowest + 1, 768, 1024, 1280, 1536, widest // 2, widest - 1, widest]
    heights = [lowest, lowest + 1, 768, 1024, 1080, 1440, highest // 2, highest - 1, highest]
    sizes = [f"{width}*{height}" for width in widths for height in heights]
    return [size for size in sizes if rule.check(size) is None]
