"""What the vendor's documents themselves show: requests and answers, as examples by model.

They are data beside this file, made by fixtures/make_examples.py, and read when a document is first made.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["answered", "polled", "requested"]

_FILE = Path(__file__).with_name("documented.json")

Example = dict[str, Any]


@cache
def _examples() -> list[Example]:
    rows: list[Example] = json.loads(_FILE.read_text("utf-8"))
    return rows


def requested(path: str, models: Collection[str]) -> dict[str, Example]:
    """The requests that the documents show of these models at this path, by name."""
    return _named((one["model"], one) for one in _of(models, "request") if _same(one["at"], path))


def answered(path: str, models: Collection[str]) -> dict[str, Example]:
    """What the documents show as answers to requests at this path; of tasks that wait in the same words, one."""
    here = [one for one in _of(models, "submitted", "answered") if _same(one["at"], path)]
    distinct = {json.dumps(one["value"], sort_keys=True): one for one in reversed(here)}
    return _named((one["model"], one) for one in reversed(distinct.values()))


def polled(models: Collection[str]) -> dict[str, Example]:
    """What the documents show as answers to queries for tasks of these models, by name and status."""
    return _named((f"{one['model']}.{one['value']['output']['task_status']}", one) for one in _of(models, "polled"))


def _of(models: Collection[str], *kinds: str) -> list[Example]:
    return [one for one in _examples() if one["kind"] in kinds and one["model"] in models]


def _same(one: str, other: str) -> bool:
    return one.rstrip("/") == other.rstrip("/")


def _named(found: Iterable[tuple[str, Example]]) -> dict[str, Example]:
    """The first of a name has it as it is, the others are numbered."""
    named: dict[str, Example] = {}
    for name, one in found:
        number = 2
        key = name
        while key in named:
            key, number = f"{name}-{number}", number + 1
        named[key] = {key: one[key] for key in ("summary", "description", "value")}
    return named
