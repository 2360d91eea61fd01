"""Bodies that are JSON: read for what they say, or strictly, to be written again as they are, laid out for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import orjson

__all__ = ["NOT_JSON", "compact", "events", "json_or_none", "named_values", "object_of", "output_of", "parse", "pretty"]

NOT_JSON: Any = object()
"""What `parse` gives for anything that is not JSON."""


def json_or_none(body: bytes) -> Any:
    """What a body says in JSON; None if it says nothing in it."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def object_of(body: bytes) -> dict[str, Any]:
    """The object that a body is; an empty one for anything else."""
    value = json_or_none(body)
    return value if isinstance(value, dict) else {}


def output_of(body: bytes) -> dict[str, Any]:
    """What the vendor's answer has under `output`; an empty object where there is none."""
    output = object_of(body).get("output")
    return output if isinstance(output, dict) else {}


def parse(body: bytes) -> Any:
    """An object or a list, strictly; `NOT_JSON` for anything else, and for what cannot be written again as it is."""
    if body.lstrip()[:1] not in (b"{", b"["):
        return NOT_JSON
    try:
        value = json.loads(body.decode(), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return NOT_JSON
    return value if _depth_is_fine(value) else NOT_JSON


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice")
    return value


def _depth_is_fine(value: Any) -> bool:
    level = [value]
    for _ in range(100):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return True
    return False


def named_values(value: Any, name: str = "") -> Iterable[tuple[str, Any]]:
    """Everything in a value that is neither object nor list, with the name that it has, or that its list has."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from named_values(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from named_values(item, name)
    elif value is not NOT_JSON:
        yield name, value


def events(text: str) -> Iterable[Any]:
    """What server-sent events carry, each parsed."""
    for line in text.splitlines() if "data:" in text else ():
        if line.startswith("data:"):
            yield parse(line[5:].encode("utf-8", "replace"))


_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def pretty(value: Any) -> str:
    """Indented, with other scripts as they are: people review it. What YAML could not show stays escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def compact(value: Any) -> str:
    """On one line."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
