"""What a rule of the catalogue accepts and refuses, as plain values: the simplest first, then the edges.

A rule's data is read, its `check` is never called: a contract that asks the code it judges proves nothing.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache, partial
from math import ceil, floor, isqrt
from typing import Any, NamedTuple
from zlib import crc32

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

__all__ = [
    "STEP",
    "Mistake",
    "accepted",
    "address",
    "asset",
    "filling",
    "film",
    "inside",
    "largest_files",
    "length_of",
    "message",
    "mistake_in",
    "part_of",
    "parted",
    "refused",
    "too_large_files",
    "whole",
]

STEP = 0.01
"""How far outside its bound a number is that is one step outside."""

_LARGEST = 4096  # of a side, where nothing else ends it
_SCHEMES = ("https", "http", "oss", "data")
_FORMATS = {"audio": "mp3", "video": "mp4"}
_MOVING = ("avi", "flv", "mkv", "mov", "mp4", "mpg", "mxf", "ts", "webm")
_ELSEWHERE = "not-one-of-them"


class Mistake(NamedTuple):
    """A value that breaks a rule in one way, and the word for it."""

    word: str
    value: Any


def accepted(rule: Rule, reference: str = "") -> list[Any]:
    """Values that the rule accepts: every value of a few, both ends of a range. None for a field that cannot be set.

    `reference` is an identifier that an earlier task returned; without one, a made-up one has the right form only.
    """
    match rule:
        case Text(max_chars=most, too_long=too_long, counts=counts):
            return [
                "a",
                *([] if most is None else [filling(counts, most)]),
                *([filling(counts, most + 1)] if most and too_long == "cut" else []),
            ]
        case Boolean():
            return sorted(rule.values)
        case Choice(values=choices):
            return list(choices)
        case Integer(values=None, bounds=bounds, too_high=too_high):
            ends = _ends(bounds)
            above = [ends[-1] + 1] if too_high == "cut" else []
            return [*ends, float(ends[0]), *above]  # JSON has one kind of number
        case Integer(values=numbers):
            return list(numbers or ())
        case Number(bounds=bounds):
            return _numbers(bounds)
        case Pixels():
            return [*rule.words, *(f"{width}*{height}" for width, height in _sizes(rule))]
        case Fixed():
            return []
        case MediaRule():
            return [address(rule, scheme) for scheme in rule.schemes if scheme != "data"] + [
                _picture(rule, sides) for sides in _pictures(rule)
            ]
        case ListRule():
            lists = [[accepted(rule.item)[0]] * count for count in _counts(rule)]
            mixed = rule.item if isinstance(rule.item, MediaRule) and rule.item.media == "image or video" else None
            return lists if mixed is None or _counts(rule)[0] > 1 else [*lists, [film(mixed)]]
        case ObjectRule(keys=keys):
            return [{key: accepted(inner)[0] for key, inner in keys.items()}]
        case Box():
            return list(_boxes(rule))
        case Messages():
            some = _ends(rule.images) if rule.images.high is not None else [0, 1, 2]
            return [message(["a"], [address(rule.image)] * count) for count in some]
        case Assets():
            return [[asset(rule, word) for word in words] for words in _lists_of_types(rule)]
        case Reference(prefix=prefix):
            return [reference or prefix + "0" * 8]
    raise AssertionError(f"there is no rule of the kind {rule.kind}")


def refused(rule: Rule) -> list[Mistake]:
    """Values that break the rule in exactly one way, for every way there is but `too_large_files`."""
    wrong_parts = [Mistake(word, p.put(value)) for p in _parts_of(rule) for word, value in refused(p.rule)]
    return [*_of_wrong_type(rule), *_out_of_rule(rule), *wrong_parts]


def largest_files(rule: Rule) -> list[Any]:
    """Values with a file that is as large as it may be: megabytes each, and so not among those of `accepted`."""
    return _files_of(rule, 0)


def too_large_files(rule: Rule) -> list[Mistake]:
    """Values with a file that is a byte too large: megabytes each, and so not among those of `refused`."""
    return [Mistake("bytes", value) for value in _files_of(rule, 1)]


class _Part(NamedTuple):
    """The rule of the things that a value is made of, and how a value is made of which one is given."""

    rule: Rule
    put: Callable[[Any], Any]


def _parts_of(rule: Rule) -> list[_Part]:
    match rule:
        case ListRule(item=item):
            rest = accepted(item)[:1] * (_counts(rule)[0] - 1)
            return [_Part(item, lambda one: [*rest, one])]
        case Messages(image=image, images=images):
            fewest, most = _ends(images)[0], _ends(images)[-1]
            links = [address(image)] * (fewest - 1)
            return [_Part(image, lambda one: message(["a"], [*links, one]))] if most else []
        case Assets():
            shortest = {assets[-1]["type"]: assets for assets in reversed(accepted(rule))}
            return [_Part(_file(rule, word), partial(_with_last, assets)) for word, assets in shortest.items()]
    return []


def _with_last(assets: list[dict[str, Any]], url: Any) -> list[dict[str, Any]]:
    return [*assets[:-1], {**assets[-1], "url": url}]


def _files_of(rule: Rule, more: int) -> list[Any]:
    """A file as large as may be, or so many bytes more, where the rule looks at files."""
    if parts := _parts_of(rule):
        return [part.put(value) for part in parts for value in _files_of(part.rule, more)]
    if not isinstance(rule, MediaRule) or rule.max_bytes is None:
        return []
    return [_data_of(sides, alpha=bool(rule.alpha), size=rule.max_bytes + more) for sides in _pictures(rule)[:1]]


# -- of the wrong type


def _of_wrong_type(rule: Rule) -> Iterator[Mistake]:
    match rule:
        case Fixed():
            return
        case Boolean():
            wrong: list[Any] = ["true", 1, 0]
        case Integer() | Number():
            one = accepted(rule)[0]
            wrong = [str(one), True, [one]] + ([one + 0.5] if isinstance(rule, Integer) else [])
        case Box():
            wrong = ["0,0,1,1", [0, 0, 1], [0, 0, 1, "1"], [0, 0, 1.5, 1.5]]
        case ListRule():
            one = accepted(rule)[0]
            wrong = [one[0] if isinstance(one[0], str) else "text", {"0": one[0]}, [*one[1:], None]]
        case Messages():
            one = accepted(rule)[0]
            spoken = {"role": "user", "content": "text"}
            wrong = ["text", one * 2, [spoken], message([5], [address(rule.image)] * _ends(rule.images)[0])]
        case Assets():
            one = accepted(rule)[0]
            wrong = [address(rule.url), [address(rule.url)], [{**one[0], "url": None}, *one[1:]]]
        case ObjectRule(keys=keys):
            one = accepted(rule)[0]
            wrong = ["text", [one], *({**one, key: None} for key in keys)]
        case _:
            wrong = [5, True, ["text"], {"text": "text"}]
    yield from (Mistake("type", value) for value in wrong)


# -- of the right type, outside


def _out_of_rule(rule: Rule) -> Iterator[Mistake]:
    match rule:
        case Text(max_chars=most, too_long=too_long, not_blank=not_blank):
            if not_blank:
                yield from (Mistake("blank", blank) for blank in (" ", ""))
            if too_long == "refuse" and most is not None:
                yield from (Mistake("length", filling(rule.counts, most + 1, char)) for char in "a字")
        case Choice(values=choices):
            others = [_ELSEWHERE, *(choice.swapcase() for choice in choices[:1])]
            yield from (Mistake("choice", other) for other in others if other not in choices)
        case Integer(values=None, bounds=bounds):
            beyond = _beyond(bounds)
            if rule.too_high == "cut":
                beyond = [number for number in beyond if bounds.high is None or number < bounds.high]
            yield from (Mistake("range", number) for number in beyond)
        case Integer(values=numbers):
            around = {number + step for number in numbers or () for step in (-1, 1)} - set(numbers or ())
            yield from (Mistake("choice", number) for number in sorted(around))
        case Number(bounds=bounds):
            low = bounds.above if bounds.low is None else bounds.low - STEP
            high = bounds.below if bounds.high is None else bounds.high + STEP
            yield from (Mistake("range", number) for number in (low, high) if number is not None)
        case Pixels():
            yield from _wrong_sizes(rule)
        case Fixed():
            yield Mistake("given", 5)
        case MediaRule():
            yield from _wrong_addresses(rule)
        case ListRule():
            yield from _wrong_lists(rule)
        case Box():
            wrong_sides = ([1, 0, 1, 1], [0, 1, 1, 1], [-1, 0, 1, 1])
            yield from (Mistake("range", box) for box in wrong_sides)
            yield from (Mistake("ratio", box) for box in _off_ratio(rule))
        case Messages():
            yield from _wrong_messages(rule)
        case Assets():
            yield from _wrong_assets(rule)
        case ObjectRule(keys=keys):
            one = accepted(rule)[0]
            for key, inner in keys.items():
                yield from (Mistake(word, {**one, key: value}) for word, value in refused(inner))
        case Reference(prefix=prefix):
            yield Mistake("choice", "made-up")
            yield Mistake("unknown", prefix + "0" * 8)
        case Boolean(values=values):
            yield from (Mistake("choice", value) for value in (True, False) if value not in values)
        case _:
            raise AssertionError(f"there is no rule of the kind {rule.kind}")


# -- what is measured and told apart between fields


def length_of(text: str, counts: str) -> int:
    """How long a text is, in characters, widths or words."""
    chinese = [0x3400 <= ord(c) <= 0x9FFF or 0xF900 <= ord(c) <= 0xFAFF or 0x20000 <= ord(c) < 0x40000 for c in text]
    if counts == "characters":
        return len(text)
    if counts == "widths":
        return len(text) + sum(chinese)
    others = "".join(" " if wide else char for char, wide in zip(text, chinese, strict=True)).split()
    return sum(chinese) + len([word for word in others if any(char.isalnum() for char in word)])


def filling(counts: str, length: int, char: str = "字") -> str:
    """A text of that length."""
    if counts == "widths" and char == "字":
        return char * (length // 2) + "a" * (length % 2)
    return " ".join([char] * length) if counts == "words" and char != "字" else char * length


def part_of(word: str, value: Any) -> list[Any]:
    """The files of a type, the pictures or texts of a message, or the pictures or videos among files."""
    found: list[Any] = []
    for one in value if isinstance(value, list) else ():
        if isinstance(one, str) and word in ("image", "video"):
            ending = one.partition("?")[0].partition("#")[0].rpartition(".")[2]
            found += [one] * ((ending in _MOVING) == (word == "video"))
        elif isinstance(one, dict) and isinstance(one.get("content"), list) and len(value) == 1:
            parts = one["content"]
            found += [part[word] for part in parts if word in part] if all(isinstance(p, dict) for p in parts) else []
        elif isinstance(one, dict) and one.get("type") == word:
            found.append(one.get("url"))
    return found


def parted(rule: Rule, words: Sequence[str]) -> list[Any]:
    """Values that the rule accepts, with any number of these parts, evenly."""
    found: list[Any] = []
    for count in range(10):
        wanted = [words[n % len(words)] for n in range(count)]
        match rule:
            case Messages() if inside(rule.images, count):
                found.append(message(["a"], [address(rule.image)] * count))
            case ListRule() if inside(rule.bounds, count) and isinstance(rule.item, MediaRule):
                found.append([film(rule.item) if word == "video" else address(rule.item) for word in wanted])
            case Assets():
                tries = [_with_needs(rule, tuple(wanted), need) for need in ("", *rule.needs, *rule.types)]
                found += [
                    [asset(rule, word) for word in types]
                    for types in dict.fromkeys(tries)
                    if not _mistakes_among(rule, types)
                ]
    return found


def film(rule: MediaRule) -> str:
    """The address of a video, where pictures will do as well."""
    return f"https://example.com/film.{next(ending for ending in rule.formats if ending in _MOVING)}"


def mistake_in(rule: Rule, value: Any) -> str | None:
    """What is wrong by a narrower rule with a value that keeps the rule of its field."""
    match rule:
        case Choice(values=choices):
            return None if value in choices else "choice"
        case Integer(values=numbers, bounds=bounds):
            return (None if value in numbers else "choice") if numbers else None if inside(bounds, value) else "range"
        case Number(bounds=bounds):
            return None if inside(bounds, value) else "range"
        case Pixels(words=words):
            width, _, height = value.partition("*")
            if value in words:
                return None
            return _mistake_in(rule, (int(width), int(height))) if height else "format"
        case Messages(images=images):
            return None if inside(images, len(part_of("image", value))) else "count"
        case Boolean():
            return None if value in rule.values else "choice"
    raise AssertionError(f"a field is not narrowed to the kind {rule.kind}")


# -- numbers


def inside(bounds: Bounds, number: float | Fraction) -> bool:
    """Whether a number keeps its bounds."""
    return (
        (bounds.low is None or number >= bounds.low)
        and (bounds.high is None or number <= bounds.high)
        and (bounds.above is None or number > bounds.above)
        and (bounds.below is None or number < bounds.below)
    )


def whole(bounds: Bounds) -> tuple[int | None, int | None]:
    """The least and the greatest whole number inside, None where there is no end."""
    lows = [ceil(bounds.low)] if bounds.low is not None else []
    highs = [floor(bounds.high)] if bounds.high is not None else []
    lows += [floor(bounds.above) + 1] if bounds.above is not None else []
    highs += [ceil(bounds.below) - 1] if bounds.below is not None else []
    return max(lows, default=None), min(highs, default=None)


def _ends(bounds: Bounds) -> list[int]:
    """Whole numbers at both ends; a range without an end goes on for a while."""
    low, high = whole(bounds)
    if low is None:
        low = 0 if high is None else high - 1000
    return list(dict.fromkeys((low, low + 1000 if high is None else high)))


def _beyond(bounds: Bounds) -> list[int]:
    low, high = whole(bounds)
    return ([] if low is None else [low - 1]) + ([] if high is None else [high + 1])


def _numbers(bounds: Bounds) -> list[float]:
    ends = [bounds.low, bounds.high]
    ends += [
        None if bounds.above is None else bounds.above + STEP,
        None if bounds.below is None else bounds.below - STEP,
    ]
    return [end for end in ends if end is not None] or [0]


# -- sizes


def _sizes(rule: Pixels) -> Iterator[tuple[int, int]]:
    """Widths and heights at the edges of sides, area and ratio."""
    sides, areas = whole(rule.side_px), whole(rule.area_px)
    found = [(width, height) for width in sides if width for height in sides if height]
    found += [(isqrt(area), area // isqrt(area)) for area in areas if area]
    found += [size for size, _ in _at_ratios(rule)]
    found.append((1024, 1024))
    yield from dict.fromkeys(size for size in found if _mistake_in(rule, size) is None)


def _wrong_sizes(rule: Pixels) -> Iterator[Mistake]:
    yield from (Mistake("format", text) for text in ("1024x1024", "1024", "1024*", "0*1024", " 1024*1024"))
    low, high = whole(rule.side_px)
    wrong = [] if low is None else [(low - 1, low), (low, low - 1)]
    wrong += [] if high is None else [(high + 1, high), (high, high + 1)]
    least, most = whole(rule.area_px)
    wrong += [] if least is None else [(isqrt(least), (least - 1) // isqrt(least))]
    wrong += [] if most is None else [(isqrt(most), most // isqrt(most) + 1)]
    wrong += [size for _, size in _at_ratios(rule)]
    for width, height in wrong:
        word = _mistake_in(rule, (width, height))
        assert word, (rule.allowed(), width, height)
        yield Mistake(word, f"{width}*{height}")


def _at_ratios(rule: Pixels) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Just inside and just outside each end of the ratio, with an area in the middle."""
    least, most = whole(rule.area_px)
    area = isqrt((least or 1024**2) * (most or 1024**2))
    low, high = rule.ratio.ends
    if low is not None:
        width = isqrt(floor(area * Fraction(low)))
        yield (width, floor(width / Fraction(low))), (width, floor(width / Fraction(low)) + 1)
    if high is not None:
        height = isqrt(floor(area / Fraction(high)))
        yield (floor(height * Fraction(high)), height), (floor(height * Fraction(high)) + 1, height)


def _mistake_in(rule: Pixels, size: tuple[int, int]) -> str | None:
    width, height = size
    if not (inside(rule.side_px, width) and inside(rule.side_px, height)):
        return "side"
    if not inside(rule.area_px, width * height):
        return "area"
    return None if inside(rule.ratio, Fraction(width, height)) else "ratio"


# -- addresses


def address(rule: MediaRule, scheme: str = "", name: str = "file") -> str:
    """A link of this scheme or the rule's first, with the ending of a format that will do."""
    scheme = scheme or next(one for one in rule.schemes if one != "data")
    ending = rule.formats[0] if rule.formats else _FORMATS.get(rule.media, "png")
    return f"{scheme}://example.com/{name}.{ending}"


def _wrong_addresses(rule: MediaRule) -> Iterator[Mistake]:
    others = [
        _data_of((512, 512)) if other == "data" else address(rule, other)
        for other in _SCHEMES
        if other not in rule.schemes
    ]
    for text in ("ftp://example.com/file.png", "example.com/file.png", "/tmp/file.png", "https:/file.png", *others):
        yield Mistake("scheme", text)
    if rule.ascii_only:
        yield Mistake("ascii", address(rule, name="文件"))
    if "data" in rule.schemes:
        yield from (Mistake("format", text) for text in ("data:text/plain;base64,YSBmb3g=", "data:image/png,x"))
        pictures = _pictures(rule)
        if pictures and rule.alpha is not None:
            yield Mistake("format", _data_of(pictures[0], alpha=not rule.alpha))
        low, high = whole(rule.side_px)
        wrong = [("side", (low - 1, low))] if low else []
        wrong += [("too_big", (high, high + 1))] if high else []
        shorter = whole(rule.short_px)[1]
        wrong += [("too_big", (shorter + 1, shorter + 1))] if shorter else []
        if pictures and rule.ratio.high is not None:
            short = min(pictures[0])
            wrong.append(("too_big", (short, floor(short * rule.ratio.high) + 1)))
        yield from (Mistake(word, _picture(rule, sides)) for word, sides in wrong)


def _pictures(rule: MediaRule) -> list[tuple[int, int]]:
    """Sides of pictures at the edges, if the rule takes a picture as it is."""
    if "data" not in rule.schemes or (rule.formats and "png" not in rule.formats):
        return []
    low, high = whole(rule.side_px)
    least, most = low or 16, min(high or _LARGEST, whole(rule.long_px)[1] or _LARGEST)
    stretched = (least, min(most, floor(least * (rule.ratio.high or 1))))
    widest = min(most, whole(rule.short_px)[1] or most)
    largest = (widest, most if rule.ratio.high is None else min(most, floor(widest * rule.ratio.high)))
    return list(dict.fromkeys([(least, least), largest if widest < most else (most, most), stretched]))


def _picture(rule: MediaRule, sides: tuple[int, int]) -> str:
    return _data_of(sides, alpha=bool(rule.alpha))


@lru_cache(maxsize=4)
def _data_of(sides: tuple[int, int], *, alpha: bool = False, size: int = 0) -> str:
    """The head of a PNG, which says all that a rule asks for, as a `data:` address; as many bytes as were asked for."""
    head = b"IHDR" + struct.pack(">IIBBBBB", *sides, 8, 6 if alpha else 2, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", crc32(head))
    file = file.ljust(size, b"\0")
    return "data:image/png;base64," + b64encode(file).decode()


# -- lists


def _counts(rule: ListRule) -> list[int]:
    """How many items will do, never none: an empty list counts as left out between fields."""
    low, high = whole(rule.bounds)
    counts = [max(low or 0, 1), high or 2]
    return list(dict.fromkeys([*counts, counts[1] + 1] if rule.too_many == "cut" else counts))


def _wrong_lists(rule: ListRule) -> Iterator[Mistake]:
    good = accepted(rule.item)[0]
    low, high = whole(rule.bounds)
    if low:
        yield Mistake("count", [good] * (low - 1))
    if high is not None and rule.too_many == "refuse":
        yield Mistake("count", [good] * (high + 1))


def _boxes(rule: Box) -> Iterator[list[int]]:
    """The smallest box and any other, or boxes of each ratio: exactly, and at the 5 % on either side."""
    if not rule.ratios:
        yield from ([0, 0, 1, 1], [10, 20, 110, 220])
    for ratio in rule.ratios:
        width, height = (100 * int(part) for part in ratio.split(":"))
        yield from ([0, 0, width + off, height] for off in (0, width // 20, -width // 20))


def _off_ratio(rule: Box) -> Iterator[list[int]]:
    for ratio in rule.ratios:
        width, height = (100 * int(part) for part in ratio.split(":"))
        yield from ([0, 0, width + off, height] for off in (width // 20 + 1, -width // 20 - 1))


# -- messages and assets


def message(texts: Sequence[Any], images: Sequence[Any]) -> list[dict[str, Any]]:
    """A list with one user message that has these texts and images."""
    parts = [{"text": text} for text in texts] + [{"image": image} for image in images]
    return [{"role": "user", "content": parts}]


def _wrong_messages(rule: Messages) -> Iterator[Mistake]:
    image = [address(rule.image)]
    fewest = image * _ends(rule.images)[0]
    yield from (Mistake("texts", message(texts, fewest)) for texts in ([], ["a", "a"]))
    yield from (Mistake("count", message(["a"], image * count)) for count in _beyond(rule.images) if count >= 0)


def asset(rule: Assets, word: str, url: str | None = None) -> dict[str, Any]:
    """A file of a type."""
    return {"type": word, "url": url or address(_file(rule, word))}


def _file(rule: Assets, word: str) -> MediaRule:
    return rule.files.get(word, rule.url)


def _lists_of_types(rule: Assets) -> list[tuple[str, ...]]:
    """The shortest lists that will do, one with each type, and one with as many of it as there may be."""
    found = []
    for word, bounds in rule.types.items():
        most = min(whole(bounds)[1] or 1, whole(rule.count)[1] or 1)
        for count in range(1, most + 1):
            tries = [_with_needs(rule, _completed(rule, (word,) * count), need) for need in ("", *rule.needs)]
            found += [types for types in tries if not _mistakes_among(rule, types)][:1]
    return sorted(dict.fromkeys(found), key=len)


def _with_needs(rule: Assets, types: tuple[str, ...], need: str) -> tuple[str, ...]:
    """These types, and before them those that have to be there."""
    least = {word: whole(bounds)[0] or 0 for word, bounds in rule.types.items()}
    missing = tuple(word for word, count in least.items() for _ in range(count - types.count(word)))
    return missing + ((need,) if need and need not in missing + types else ()) + types


def _completed(rule: Assets, types: tuple[str, ...]) -> tuple[str, ...]:
    """These types, and before them what each needs beside it."""
    others = (others for word, others in rule.beside.items() if word in types)
    return tuple(other[0] for other in others if not any(word in types for word in other)) + types


def _mistakes_among(rule: Assets, types: Sequence[str]) -> list[str]:
    """The words for what is wrong with a list of known types."""
    counts = {word: types.count(word) for word in rule.types}
    fits = inside(rule.count, len(types)) and all(inside(rule.types[word], count) for word, count in counts.items())
    apart = any(counts[word] and counts[other] for word, others in rule.apart.items() for other in others)
    needed = not rule.needs or any(counts[word] for word in rule.needs)
    needed = needed and all(not counts[w] or any(counts[other] for other in o) for w, o in rule.beside.items())
    return ["count"] * (not fits) + ["apart"] * apart + ["needs"] * (not needed)


def _wrong_assets(rule: Assets) -> Iterator[Mistake]:
    first = accepted(rule)[0]
    yield Mistake("choice", [asset(rule, _ELSEWHERE), *first[1:]])
    yield Mistake("choice", [{"url": address(rule.url)}, *first[1:]])
    cores = [(word,) * ((whole(bounds)[1] or 1) + 1) for word, bounds in rule.types.items()]
    cores += [(word, other) for word, others in rule.apart.items() for other in others]
    wrong = [(), *((word,) for word in rule.types), _too_many(rule)]
    wrong += [_with_needs(rule, core, need) for core in cores for need in ("", *rule.needs)]
    for types in dict.fromkeys(wrong):
        if len(words := _mistakes_among(rule, types) if types else ["count"]) == 1:
            yield Mistake(words[0], [asset(rule, word) for word in types])


def _too_many(rule: Assets) -> tuple[str, ...]:
    """As many of each type as may be, until they are one too many together."""
    types: tuple[str, ...] = ()
    for word, bounds in rule.types.items():
        longer = types + (word,) * (whole(bounds)[1] or 1)
        types = types if "apart" in _mistakes_among(rule, longer) else longer
    return types[: (whole(rule.count)[1] or len(types)) + 1]
