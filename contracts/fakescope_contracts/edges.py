"""What lies at the edges of a rule's numbers, sizes, boxes and addresses: just inside, and just outside."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, isqrt
from typing import Any, NamedTuple
from zlib import crc32

from fakescope.catalog.rules import Bounds, Box, MediaRule, Pixels

__all__ = [
    "MOVING",
    "STEP",
    "Mistake",
    "address",
    "beyond",
    "boxes_of",
    "data_of",
    "ends_of",
    "film",
    "inside",
    "mistake_in_size",
    "numbers_of",
    "off_ratio",
    "picture_of",
    "pictures_of",
    "sizes_of",
    "whole",
    "wrong_addresses",
    "wrong_sizes",
]

STEP = 0.01
"""How far outside its bound a number is that is one step outside."""

MOVING = ("avi", "flv", "mkv", "mov", "mp4", "mpg", "mxf", "ts", "webm")
"""Endings of videos."""

_LARGEST = 4096  # of a side, where nothing else ends it
_SCHEMES = ("https", "http", "oss", "data")
_FORMATS = {"audio": "mp3", "video": "mp4"}


class Mistake(NamedTuple):
    """A value that breaks a rule in one way, and the word for it."""

    word: str
    value: Any


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


def ends_of(bounds: Bounds) -> list[int]:
    """Whole numbers at both ends; a range without an end goes on for a while."""
    low, high = whole(bounds)
    if low is None:
        low = 0 if high is None else high - 1000
    return list(dict.fromkeys((low, low + 1000 if high is None else high)))


def beyond(bounds: Bounds) -> list[int]:
    """The whole numbers just outside."""
    low, high = whole(bounds)
    return ([] if low is None else [low - 1]) + ([] if high is None else [high + 1])


def numbers_of(bounds: Bounds) -> list[float]:
    """Numbers at both ends, or 0 where there is none."""
    ends = [bounds.low, bounds.high]
    ends += [
        None if bounds.above is None else bounds.above + STEP,
        None if bounds.below is None else bounds.below - STEP,
    ]
    return [end for end in ends if end is not None] or [0]


# -- sizes


def sizes_of(rule: Pixels) -> Iterator[tuple[int, int]]:
    """Widths and heights at the edges of sides, area and ratio."""
    sides, areas = whole(rule.side_px), whole(rule.area_px)
    found = [(width, height) for width in sides if width for height in sides if height]
    found += [(isqrt(area), area // isqrt(area)) for area in areas if area]
    found += [size for size, _ in _at_ratios(rule)]
    found.append((1024, 1024))
    yield from dict.fromkeys(size for size in found if mistake_in_size(rule, size) is None)


def wrong_sizes(rule: Pixels) -> Iterator[Mistake]:
    """Sizes of a wrong form, and those just outside the edges of sides, area and ratio."""
    yield from (Mistake("format", text) for text in ("1024x1024", "1024", "1024*", "0*1024", " 1024*1024"))
    low, high = whole(rule.side_px)
    wrong = [] if low is None else [(low - 1, low), (low, low - 1)]
    wrong += [] if high is None else [(high + 1, high), (high, high + 1)]
    least, most = whole(rule.area_px)
    wrong += [] if least is None else [(isqrt(least), (least - 1) // isqrt(least))]
    wrong += [] if most is None else [(isqrt(most), most // isqrt(most) + 1)]
    wrong += [size for _, size in _at_ratios(rule)]
    for width, height in wrong:
        word = mistake_in_size(rule, (width, height))
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


def mistake_in_size(rule: Pixels, size: tuple[int, int]) -> str | None:
    """The word for what is wrong with a width and a height, or None."""
    width, height = size
    if not (inside(rule.side_px, width) and inside(rule.side_px, height)):
        return "side"
    if not inside(rule.area_px, width * height):
        return "area"
    return None if inside(rule.ratio, Fraction(width, height)) else "ratio"


# -- boxes


def boxes_of(rule: Box) -> Iterator[list[int]]:
    """The smallest box and any other, or boxes of each ratio: exactly, and at the 5 % on either side."""
    if not rule.ratios:
        yield from ([0, 0, 1, 1], [10, 20, 110, 220])
    for ratio in rule.ratios:
        width, height = (100 * int(part) for part in ratio.split(":"))
        yield from ([0, 0, width + off, height] for off in (0, width // 20, -width // 20))


def off_ratio(rule: Box) -> Iterator[list[int]]:
    """Boxes just off each ratio by more than the 5 %."""
    for ratio in rule.ratios:
        width, height = (100 * int(part) for part in ratio.split(":"))
        yield from ([0, 0, width + off, height] for off in (width // 20 + 1, -width // 20 - 1))


# -- addresses


def address(rule: MediaRule, scheme: str = "", name: str = "file") -> str:
    """A link of this scheme or the rule's first, with the ending of a format that will do."""
    scheme = scheme or next(one for one in rule.schemes if one != "data")
    ending = rule.formats[0] if rule.formats else _FORMATS.get(rule.media, "png")
    return f"{scheme}://example.com/{name}.{ending}"


def wrong_addresses(rule: MediaRule) -> Iterator[Mistake]:
    """Addresses of other schemes, and pictures in a `data:` address that break one rule."""
    others = [
        data_of((512, 512)) if other == "data" else address(rule, other)
        for other in _SCHEMES
        if other not in rule.schemes
    ]
    for text in ("ftp://example.com/file.png", "example.com/file.png", "/tmp/file.png", "https:/file.png", *others):
        yield Mistake("scheme", text)
    if rule.ascii_only:
        yield Mistake("ascii", address(rule, name="文件"))
    if "data" in rule.schemes:
        yield from (Mistake("format", text) for text in ("data:text/plain;base64,YSBmb3g=", "data:image/png,x"))
        accepted = pictures_of(rule)
        if accepted and rule.alpha is not None:
            yield Mistake("format", data_of(accepted[0], alpha=not rule.alpha))
        low, high = whole(rule.side_px)
        wrong = [("side", (low - 1, low))] if low else []
        wrong += [("too_big", (high, high + 1))] if high else []
        shorter = whole(rule.short_px)[1]
        wrong += [("too_big", (shorter + 1, shorter + 1))] if shorter else []
        if accepted and rule.ratio.high is not None:
            short = min(accepted[0])
            wrong.append(("too_big", (short, floor(short * rule.ratio.high) + 1)))
        yield from (Mistake(word, picture_of(rule, sides)) for word, sides in wrong)


def pictures_of(rule: MediaRule) -> list[tuple[int, int]]:
    """Sides of pictures at the edges, if the rule takes a picture as it is."""
    if "data" not in rule.schemes or (rule.formats and "png" not in rule.formats):
        return []
    low, high = whole(rule.side_px)
    least, most = low or 16, min(high or _LARGEST, whole(rule.long_px)[1] or _LARGEST)
    stretched = (least, min(most, floor(least * (rule.ratio.high or 1))))
    widest = min(most, whole(rule.short_px)[1] or most)
    largest = (widest, most if rule.ratio.high is None else min(most, floor(widest * rule.ratio.high)))
    return list(dict.fromkeys([(least, least), largest if widest < most else (most, most), stretched]))


def picture_of(rule: MediaRule, sides: tuple[int, int]) -> str:
    """A picture with these sides, and with an alpha channel where the rule asks for one."""
    return data_of(sides, alpha=bool(rule.alpha))


@lru_cache(maxsize=4)
def data_of(sides: tuple[int, int], *, alpha: bool = False, size: int = 0) -> str:
    """The head of a PNG, which says all that a rule asks for, as a `data:` address; as many bytes as were asked for."""
    head = b"IHDR" + struct.pack(">IIBBBBB", *sides, 8, 6 if alpha else 2, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", crc32(head))
    file = file.ljust(size, b"\0")
    return "data:image/png;base64," + b64encode(file).decode()


def film(rule: MediaRule) -> str:
    """The address of a video, where pictures will do as well."""
    return f"https://example.com/film.{next(ending for ending in rule.formats if ending in MOVING)}"
