"""What a rule of the catalogue accepts and refuses, as plain values: the simplest first, then the edges.

A rule's data is read, its `check` is never called: a contract that asks the code it judges proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from fakescope.catalog.rules import (
    Assets,
    Boolean,
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
from fakescope_contracts.edges import (
    MOVING,
    STEP,
    Mistake,
    address,
    beyond,
    boxes_of,
    data_of,
    ends_of,
    film,
    inside,
    mistake_in_size,
    numbers_of,
    off_ratio,
    picture_of,
    pictures_of,
    sizes_of,
    whole,
    wrong_addresses,
    wrong_sizes,
)
from fakescope_contracts.files import (
    ELSEWHERE,
    asset,
    file_rule,
    lists_of_types,
    message,
    mistakes_among,
    with_needs,
    wrong_assets,
    wrong_messages,
)

__all__ = [
    "accepted",
    "filling",
    "largest_files",
    "length_of",
    "mistake_in",
    "part_of",
    "parted",
    "refused",
    "too_large_files",
]


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
            ends = ends_of(bounds)
            above = [ends[-1] + 1] if too_high == "cut" else []
            return [*ends, float(ends[0]), *above]  # JSON has one kind of number
        case Integer(values=numbers):
            return list(numbers or ())
        case Number(bounds=bounds):
            return numbers_of(bounds)
        case Pixels():
            return [*rule.words, *(f"{width}*{height}" for width, height in sizes_of(rule))]
        case Fixed():
            return []
        case MediaRule():
            return [address(rule, scheme) for scheme in rule.schemes if scheme != "data"] + [
                picture_of(rule, sides) for sides in pictures_of(rule)
            ]
        case ListRule():
            lists = [[accepted(rule.item)[0]] * count for count in _counts(rule)]
            mixed = rule.item if isinstance(rule.item, MediaRule) and rule.item.media == "image or video" else None
            return lists if mixed is None or _counts(rule)[0] > 1 else [*lists, [film(mixed)]]
        case ObjectRule(keys=keys):
            return [{key: accepted(inner)[0] for key, inner in keys.items()}]
        case Box():
            return list(boxes_of(rule))
        case Messages():
            some = ends_of(rule.images) if rule.images.high is not None else [0, 1, 2]
            return [message(["a"], [address(rule.image)] * count) for count in some]
        case Assets():
            return [[asset(rule, word) for word in words] for words in lists_of_types(rule)]
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
            fewest, most = ends_of(images)[0], ends_of(images)[-1]
            links = [address(image)] * (fewest - 1)
            return [_Part(image, lambda one: message(["a"], [*links, one]))] if most else []
        case Assets():
            shortest = {assets[-1]["type"]: assets for assets in reversed(accepted(rule))}
            return [_Part(file_rule(rule, word), partial(_with_last, assets)) for word, assets in shortest.items()]
    return []


def _with_last(assets: list[dict[str, Any]], url: Any) -> list[dict[str, Any]]:
    return [*assets[:-1], {**assets[-1], "url": url}]


def _files_of(rule: Rule, more: int) -> list[Any]:
    """A file as large as may be, or so many bytes more, where the rule looks at files."""
    if parts := _parts_of(rule):
        return [part.put(value) for part in parts for value in _files_of(part.rule, more)]
    if not isinstance(rule, MediaRule) or rule.max_bytes is None:
        return []
    return [data_of(sides, alpha=bool(rule.alpha), size=rule.max_bytes + more) for sides in pictures_of(rule)[:1]]


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
            wrong = ["text", one * 2, [spoken], message([5], [address(rule.image)] * ends_of(rule.images)[0])]
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
            others = [ELSEWHERE, *(choice.swapcase() for choice in choices[:1])]
            yield from (Mistake("choice", other) for other in others if other not in choices)
        case Integer(values=None, bounds=bounds):
            outside = beyond(bounds)
            if rule.too_high == "cut":
                outside = [number for number in outside if bounds.high is None or number < bounds.high]
            yield from (Mistake("range", number) for number in outside)
        case Integer(values=numbers):
            around = {number + step for number in numbers or () for step in (-1, 1)} - set(numbers or ())
            yield from (Mistake("choice", number) for number in sorted(around))
        case Number(bounds=bounds):
            low = bounds.above if bounds.low is None else bounds.low - STEP
            high = bounds.below if bounds.high is None else bounds.high + STEP
            yield from (Mistake("range", number) for number in (low, high) if number is not None)
        case Pixels():
            yield from wrong_sizes(rule)
        case Fixed():
            yield Mistake("given", 5)
        case MediaRule():
            yield from wrong_addresses(rule)
        case ListRule():
            yield from _wrong_lists(rule)
        case Box():
            wrong_sides = ([1, 0, 1, 1], [0, 1, 1, 1], [-1, 0, 1, 1])
            yield from (Mistake("range", box) for box in wrong_sides)
            yield from (Mistake("ratio", box) for box in off_ratio(rule))
        case Messages():
            yield from wrong_messages(rule)
        case Assets():
            yield from wrong_assets(rule)
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
            found += [one] * ((ending in MOVING) == (word == "video"))
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
                tries = [with_needs(rule, tuple(wanted), need) for need in ("", *rule.needs, *rule.types)]
                found += [
                    [asset(rule, word) for word in types]
                    for types in dict.fromkeys(tries)
                    if not mistakes_among(rule, types)
                ]
    return found


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
            return mistake_in_size(rule, (int(width), int(height))) if height else "format"
        case Messages(images=images):
            return None if inside(images, len(part_of("image", value))) else "count"
        case Boolean():
            return None if value in rule.values else "choice"
    raise AssertionError(f"a field is not narrowed to the kind {rule.kind}")


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
