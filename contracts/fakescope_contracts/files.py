"""Lists of files by type, and messages with pictures: those that a rule accepts, and those that break it in one way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fakescope.catalog.rules import Assets, MediaRule, Messages
from fakescope_contracts.edges import Mistake, address, beyond, ends_of, inside, whole

__all__ = [
    "ELSEWHERE",
    "asset",
    "file_rule",
    "lists_of_types",
    "message",
    "mistakes_among",
    "with_needs",
    "wrong_assets",
    "wrong_messages",
]

ELSEWHERE = "not-one-of-them"
"""A word that no rule knows."""


def message(texts: Sequence[Any], images: Sequence[Any]) -> list[dict[str, Any]]:
    """A list with one user message that has these texts and images."""
    parts = [{"text": text} for text in texts] + [{"image": image} for image in images]
    return [{"role": "user", "content": parts}]


def wrong_messages(rule: Messages) -> Iterator[Mistake]:
    """Messages with a wrong number of texts or of pictures."""
    image = [address(rule.image)]
    fewest = image * ends_of(rule.images)[0]
    yield from (Mistake("texts", message(texts, fewest)) for texts in ([], ["a", "a"]))
    yield from (Mistake("count", message(["a"], image * count)) for count in beyond(rule.images) if count >= 0)


def asset(rule: Assets, word: str, url: str | None = None) -> dict[str, Any]:
    """A file of a type."""
    return {"type": word, "url": url or address(file_rule(rule, word))}


def file_rule(rule: Assets, word: str) -> MediaRule:
    """The rule for the address of a file of this type."""
    return rule.files.get(word, rule.url)


def lists_of_types(rule: Assets) -> list[tuple[str, ...]]:
    """The shortest lists that will do, one with each type, and one with as many of it as there may be."""
    found = []
    for word, bounds in rule.types.items():
        most = min(whole(bounds)[1] or 1, whole(rule.count)[1] or 1)
        for count in range(1, most + 1):
            tries = [with_needs(rule, _completed(rule, (word,) * count), need) for need in ("", *rule.needs)]
            found += [types for types in tries if not mistakes_among(rule, types)][:1]
    return sorted(dict.fromkeys(found), key=len)


def with_needs(rule: Assets, types: tuple[str, ...], need: str) -> tuple[str, ...]:
    """These types, and before them those that have to be there."""
    least = {word: whole(bounds)[0] or 0 for word, bounds in rule.types.items()}
    missing = tuple(word for word, count in least.items() for _ in range(count - types.count(word)))
    return missing + ((need,) if need and need not in missing + types else ()) + types


def _completed(rule: Assets, types: tuple[str, ...]) -> tuple[str, ...]:
    """These types, and before them what each needs beside it."""
    others = (others for word, others in rule.beside.items() if word in types)
    return tuple(other[0] for other in others if not any(word in types for word in other)) + types


def mistakes_among(rule: Assets, types: Sequence[str]) -> list[str]:
    """The words for what is wrong with a list of known types."""
    counts = {word: types.count(word) for word in rule.types}
    fits = inside(rule.count, len(types)) and all(inside(rule.types[word], count) for word, count in counts.items())
    apart = any(counts[word] and counts[other] for word, others in rule.apart.items() for other in others)
    needed = not rule.needs or any(counts[word] for word in rule.needs)
    needed = needed and all(not counts[w] or any(counts[other] for other in o) for w, o in rule.beside.items())
    return ["count"] * (not fits) + ["apart"] * apart + ["needs"] * (not needed)


def wrong_assets(rule: Assets) -> Iterator[Mistake]:
    """Lists with a type that is not known, or with one mistake in what is there together."""
    first = [asset(rule, word) for word in lists_of_types(rule)[0]]
    yield Mistake("choice", [asset(rule, ELSEWHERE), *first[1:]])
    yield Mistake("choice", [{"url": address(rule.url)}, *first[1:]])
    cores = [(word,) * ((whole(bounds)[1] or 1) + 1) for word, bounds in rule.types.items()]
    cores += [(word, other) for word, others in rule.apart.items() for other in others]
    wrong = [(), *((word,) for word in rule.types), _too_many(rule)]
    wrong += [with_needs(rule, core, need) for core in cores for need in ("", *rule.needs)]
    for types in dict.fromkeys(wrong):
        if len(words := mistakes_among(rule, types) if types else ["count"]) == 1:
            yield Mistake(words[0], [asset(rule, word) for word in types])


def _too_many(rule: Assets) -> tuple[str, ...]:
    """As many of each type as may be, until they are one too many together."""
    types: tuple[str, ...] = ()
    for word, bounds in rule.types.items():
        longer = types + (word,) * (whole(bounds)[1] or 1)
        types = types if "apart" in mistakes_among(rule, longer) else longer
    return types[: (whole(rule.count)[1] or len(types)) + 1]
