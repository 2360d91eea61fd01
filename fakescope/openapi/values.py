"""A rule of the catalogue as a JSON schema.

What no schema can say is named in `x-fakescope-beyond`: the words for the mistakes that a schema lets through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, floor, isqrt
from typing import Any

from fakescope.catalog.rules import (
    Assets,
    Boolean,
    Bounds,
    Box,
    Choice,
    Fixed,
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

__all__ = ["BEYOND", "LINK", "Schema", "of_type", "or_left_out", "schema_of", "sides_of", "times", "whole"]

Schema = dict[str, Any]
BEYOND = "x-fakescope-beyond"
LINK = "link"
"""The format of an address. Not `uri`: the service takes whatever begins like one."""

# What Python takes for blank. \s is another set in each dialect of regular expressions.
_BLANK = r"\t-\r\u001c-\u001f \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


def schema_of(rule: Rule) -> Schema:
    """What a value must be to keep the rule, as far as a schema can say it. It has a `type`."""
    match rule:
        case Text():
            return _text(rule)
        case Boolean(values=values):
            return {"type": "boolean"} if len(values) > 1 else {"type": "boolean", "enum": [*values]}
        case Integer(values=tuple(values)):
            return {"type": "integer", "enum": [*values]}
        case Integer(too_high="cut", bounds=bounds):
            return {"type": "integer", **_range(Bounds(low=bounds.low)), "x-fakescope-more-means": bounds.high}
        case Integer(bounds=bounds):
            return {"type": "integer", **_range(bounds)}
        case Number(bounds=bounds):
            return {"type": "number", **_range(bounds)}
        case Choice(values=()) | Fixed():
            return {"type": "null", "description": "This model does not take it: leave it out."}
        case Choice(values=values):
            return {"type": "string", "enum": [*values]}
        case Pixels():
            return _pixels(rule)
        case MediaRule():
            return _media(rule)
        case ListRule(item=item, bounds=bounds, too_many=too_many):
            return {"type": "array", "items": schema_of(item), **_items(bounds, cut=too_many == "cut")}
        case ObjectRule(keys=keys):
            return {
                "type": "object",
                "required": [*keys],
                "properties": {key: schema_of(inner) for key, inner in keys.items()},
            }
        case Box(ratios=ratios):
            return _box(ratios)
        case Messages():
            return _messages(rule)
        case Assets():
            return _assets(rule)
        case Reference(prefix=prefix):
            return {"type": "string", "pattern": "^" + _literally(prefix), BEYOND: ["unknown"]}
    raise AssertionError(f"there is no rule of the kind {rule.kind}")


def or_left_out(schema: Schema, *, empty: bool) -> Schema:
    """The schema, or null, which is the same as leaving the field out; with `empty` so is an empty text."""
    out = [None, ""] if empty else [None]
    if "enum" in schema:
        return schema | {"type": [schema["type"], "null"], "enum": [*schema["enum"], *out]}
    if not empty and "allOf" not in schema:
        return schema | {"type": schema["type"] if schema["type"] == "null" else [schema["type"], "null"]}
    return {"anyOf": [schema, {"enum": out}]}


def _text(rule: Text) -> Schema:
    schema: Schema = {"type": "string"}
    if rule.not_blank:
        schema["pattern"] = f"[^{_BLANK}]"
    if rule.max_chars is None:
        return schema
    if rule.too_long == "cut":
        return schema | {"x-fakescope-cut-after": rule.max_chars}
    if rule.counts == "characters":
        return schema | {"maxLength": rule.max_chars}
    # Never fewer widths than characters; words may be of any length.
    return schema | ({"maxLength": rule.max_chars} if rule.counts == "widths" else {}) | {BEYOND: ["length"]}


def _range(bounds: Bounds) -> Schema:
    named = {
        "minimum": bounds.low,
        "maximum": bounds.high,
        "exclusiveMinimum": bounds.above,
        "exclusiveMaximum": bounds.below,
    }
    return {key: _tidy(number) for key, number in named.items() if number is not None}


def _items(bounds: Bounds, *, cut: bool = False) -> Schema:
    low, high = whole(bounds)
    return {
        **({} if not low else {"minItems": low}),
        **({} if high is None or cut else {"maxItems": high}),
    }


def whole(bounds: Bounds) -> tuple[int | None, int | None]:
    """The least and the greatest whole number inside, None where there is no end."""
    lows = [ceil(bounds.low)] if bounds.low is not None else []
    highs = [floor(bounds.high)] if bounds.high is not None else []
    lows += [floor(bounds.above) + 1] if bounds.above is not None else []
    highs += [ceil(bounds.below) - 1] if bounds.below is not None else []
    return max(lows, default=None), min(highs, default=None)


def _tidy(number: float) -> float:
    return int(number) if float(number).is_integer() else number


# -- sizes

_MOST_SIDE = 999_999  # six digits


def _pixels(rule: Pixels) -> Schema:
    """The sides have bounds of their own, or those that area and ratio leave them; that both fit is beyond a schema."""
    widths, heights = sides_of(rule)
    size = rf"{_numbers(*widths)}\*{_numbers(*heights)}"
    words = "".join(f"{_literally(word)}|" for word in rule.words)
    schema: Schema = {"type": "string", "pattern": f"^({words}{size})$"}
    limits = {"area_px": rule.area_px, "ratio": rule.ratio}
    bounded = [name for name, bounds in limits.items() if str(bounds) != "any"]
    if not bounded:
        return schema
    return schema | {"format": _format(limits), BEYOND: [name.removesuffix("_px") for name in bounded]}


def _format(limits: Mapping[str, Bounds]) -> str:
    """A name for sizes within these limits: `size-area-px-262144-4194304-ratio-any-any`."""
    parts = [f"{name}-{'-'.join('any' if end is None else f'{end:g}' for end in b.ends)}" for name, b in limits.items()]
    return "-".join(["size", *parts]).replace("_", "-")


def sides_of(rule: Pixels) -> tuple[tuple[int, int], tuple[int, int]]:
    """The least and the greatest width, and height, that all bounds together leave."""
    low, high = whole(rule.side_px)
    least, most = whole(rule.area_px)
    flat, steep = rule.ratio.low, rule.ratio.high

    def side(narrowest: float | None, widest: float | None) -> tuple[int, int]:
        lows, highs = [low or 1], [high or _MOST_SIDE]
        if least and narrowest:
            lows.append(isqrt(floor(least * narrowest)))
        if most:
            highs.append(isqrt(ceil(most * widest)) if widest else most)
        return max(lows), min(highs)

    return side(flat, steep), side(1 / steep if steep else None, 1 / flat if flat else None)


def _numbers(low: int, high: int) -> str:
    """A regular expression for the whole numbers from low to high, written without leading zeros."""
    parts: list[str] = []
    for digits in range(len(str(low)), len(str(high)) + 1):
        first, last = max(low, 10 ** (digits - 1)), min(high, 10**digits - 1)
        parts += _of_equal_length(str(first), str(last))
    return f"({'|'.join(parts)})"


def _of_equal_length(first: str, last: str) -> list[str]:
    if first == last:
        return [first]
    if len(first) == 1:
        return [f"[{first}-{last}]"]
    if first[0] == last[0]:
        return [first[0] + rest for rest in _of_equal_length(first[1:], last[1:])]
    rest = len(first) - 1
    lowest, highest = int(first[0]), int(last[0])
    parts: list[str] = []
    if first[1:] != "0" * rest:
        parts += [first[0] + part for part in _of_equal_length(first[1:], "9" * rest)]
        lowest += 1
    upper = highest if last[1:] == "9" * rest else highest - 1
    if lowest <= upper:
        any_digits = "[0-9]" * rest if rest < 3 else f"[0-9]{{{rest}}}"
        parts.append((str(lowest) if lowest == upper else f"[{lowest}-{upper}]") + any_digits)
    if upper < highest:
        parts += [last[0] + part for part in _of_equal_length("0" * rest, last[1:])]
    return parts


# -- files

_BASE64 = "[A-Za-z0-9+/]"
_BEGINS = {
    "png": "iVBORw0KGg",
    "jpeg": "/9[g-j]",
    "bmp": "Qk[0-3]",
    "webp": f"UklGR[g-v]{_BASE64}{{4}}[BFJNRVZdhlptx159]XRUJQ",
    "gif": "R0lGOD[dl]h",
    "tiff": "(SUkqA[A-P]|TU0AK[g-v])",
}
"""How a file of each format begins in base64."""


def _media(rule: MediaRule) -> Schema:
    links = "|".join(map(_in_any_case, (scheme for scheme in rule.schemes if scheme != "data")))
    rest = r"[\u0000-\u007f]*$" if rule.ascii_only else ""
    patterns = [rf"({links}):\/\/[^/?# ]{rest}"] if links else []
    beyond = []
    if "data" in rule.schemes:
        known = [_BEGINS[kind] for kind in rule.formats if kind in _BEGINS]
        sure = bool(known) and all(kind in _BEGINS or kind in ("jpg", "tif") for kind in rule.formats)
        begins = f"({'|'.join(known)})" if sure else ""
        patterns.append(f"{_in_any_case('data')}:[^,]*;{_in_any_case('base64')},{begins}{_BASE64}*={{0,2}}$")
        sides = (rule.side_px, rule.long_px, rule.short_px, rule.ratio)
        looked = {
            "format": not sure or rule.alpha is not None,
            "bytes": rule.max_bytes is not None,
            "side": rule.side_px.ends[0] is not None or rule.short_px.ends[0] is not None,
            "too_big": any(bounds.ends[1] is not None for bounds in sides),
        }
        beyond = [word for word, is_looked_at in looked.items() if is_looked_at]
    return {
        "type": "string",
        "format": LINK,
        "pattern": f"^({'|'.join(patterns)})",
        **({BEYOND: beyond} if beyond else {}),
    }


def _in_any_case(word: str) -> str:
    return "".join(f"[{letter}{letter.upper()}]" if letter.isalpha() else letter for letter in word)


def _literally(text: str) -> str:
    return "".join(char if char.isalnum() else f"\\{char}" for char in text)


# -- lists of several things


def _box(ratios: tuple[str, ...]) -> Schema:
    sides = [{"type": "integer", "minimum": least} for least in (0, 0, 1, 1)]
    words = ["range", "ratio"] if ratios else ["range"]
    return {"type": "array", "prefixItems": sides, "minItems": 4, "maxItems": 4, BEYOND: words}


def times(what: Schema, bounds: Bounds) -> Iterator[Schema]:
    """That a list has so many of something."""
    low, high = whole(bounds)
    if high == 0:
        yield {"items": {"not": what}}
    elif low or high is not None:
        yield {"contains": what, "minContains": low or 0, **({} if high is None else {"maxContains": high})}


def _messages(rule: Messages) -> Schema:
    parts = {"text": schema_of(rule.text), "image": schema_of(rule.image)}
    if whole(rule.images)[1] == 0:
        del parts["image"]
    counts = [*times({"required": ["text"]}, Bounds(1, 1)), *times({"required": ["image"]}, rule.images)]
    content = {"type": "array", "items": {"type": "object", "properties": parts}, "allOf": counts}
    role = {"description": 'Who speaks: "user".'}
    message = {"type": "object", "required": ["content"], "properties": {"role": role, "content": content}}
    return {"type": "array", "minItems": 1, "maxItems": 1, "items": message}


def of_type(word: str) -> Schema:
    """That a file in a list is of this type."""
    return {"properties": {"type": {"const": word}}, "required": ["type"]}


def _assets(rule: Assets) -> Schema:
    rules = {word: rule.file(word) for word in rule.types}
    common = schema_of(rule.url)
    item: Schema = {
        "type": "object",
        "required": ["type", "url"],
        "properties": {"type": {"type": "string", "enum": [*rule.types]}, "url": common},
    }
    own = {word: schema_of(of) for word, of in rules.items()}
    if any(schema != common for schema in own.values()):
        item["properties"]["url"] = {"type": "string"}
        item["allOf"] = [{"if": of_type(word), "then": {"properties": {"url": schema}}} for word, schema in own.items()]

    def there(word: str) -> Schema:
        return {"contains": of_type(word)}

    kept = [count for word, bounds in rule.types.items() for count in times(of_type(word), bounds)]
    kept += [{"not": {"allOf": [there(word), there(other)]}} for word, others in rule.apart.items() for other in others]
    kept += [{"anyOf": [there(word) for word in rule.needs]}] if rule.needs else []
    kept += [{"anyOf": [{"not": there(word)}, *map(there, others)]} for word, others in rule.beside.items()]
    return {"type": "array", "items": item, **_items(rule.count), **({"allOf": kept} if kept else {})}
