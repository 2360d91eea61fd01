"""Where two JSON values differ in shape: names, types, forms of texts, and words of a closed vocabulary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

__all__ = ["Difference", "differences"]

_FORMATS = {
    "id": re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "time": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"),
    "second": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    "link": re.compile(r"https?://\S+"),
}
_WORDS = frozenset(("code", "task_status", "status"))  # keys whose values are words of the vendor's


class Difference(NamedTuple):
    """A place such as `output.results.0.url`, what was recorded there, and what the simulator would say."""

    at: str
    recorded: str
    simulated: str


def differences(recorded: Any, simulated: Any, at: str = "") -> Iterator[Difference]:
    """Every place where names, types, forms or words differ. Numbers and other texts may be any."""
    kind, wanted = _kind(recorded), _kind(simulated)
    if kind != wanted:
        yield Difference(at or "body", f"{kind} {_shown(recorded)}", f"{wanted} {_shown(simulated)}")
    elif isinstance(recorded, dict):
        for name in dict.fromkeys((*recorded, *simulated)):
            inner = f"{at}.{name}".strip(".")
            if name not in simulated:
                yield Difference(inner, f"{_kind(recorded[name])} {_shown(recorded[name])}", "absent")
            elif name not in recorded:
                yield Difference(inner, "absent", f"{_kind(simulated[name])} {_shown(simulated[name])}")
            else:
                yield from differences(recorded[name], simulated[name], inner)
    elif isinstance(recorded, list):
        if len(recorded) != len(simulated):
            yield Difference(at, f"{len(recorded)} entries", f"{len(simulated)} entries")
        for n, (one, other) in enumerate(zip(recorded, simulated, strict=False)):
            yield from differences(one, other, f"{at}.{n}".strip("."))
    elif isinstance(recorded, str):
        form = next((form for form, pattern in _FORMATS.items() if pattern.fullmatch(simulated)), None)
        if at.rpartition(".")[2] in _WORDS:
            if recorded != simulated:
                yield Difference(at, _shown(recorded), _shown(simulated))
        elif form is not None and _is_prose(at):
            return
        elif form is not None and not _FORMATS[form].fullmatch(recorded):
            yield Difference(at, f"text {_shown(recorded)}", f"{form} {_shown(simulated)}")


def _is_prose(at: str) -> bool:
    return at.endswith(("prompt", "message"))


def _kind(value: Any) -> str:
    """The JSON type. 5 and 5.0 are one number: how long a file is, nobody here knows."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    names: dict[type, str] = {dict: "object", list: "array", str: "string", int: "number", float: "number"}
    return names[type(value)]


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"of {len(value)}"
    text = "" if value is None else orjson.dumps(value).decode()
    return text if len(text) <= 80 else f"{text[:77]}..."
