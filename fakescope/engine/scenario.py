"""Which outcome a submission gets: success, unless a mark in one of its texts orders something else."""

from __future__ import annotations

import re
from typing import Any, Protocol

from fakescope.catalog.spec import Failure
from fakescope.engine.task import ENDLESS, SUCCESS, Outcome, Partial, Problem

__all__ = ["outcome_of"]

_OPENING = "[fakescope:"
_MARK = re.compile(r"\[fakescope:(fail|seconds|stuck|partial|reject)(?:=([A-Za-z0-9.]{1,64}))?\]")


class Texts(Protocol):
    """Where the vendor's words for ordered failures come from: the catalogue."""

    @property
    def failures(self) -> Any: ...

    @property
    def blocked(self) -> Failure: ...


def outcome_of(values: tuple[Any, ...], texts: Texts) -> Outcome:
    """How the task will end. A mark may stand in a prompt, or in the fragment of an address.

    A code that is not in the catalogue still fails the task, with a text that says so.
    """
    marks = dict(found for value in values if value is not None for found in _marks_in(value))
    if not marks:
        return SUCCESS
    seconds = _number(marks.get("seconds", ""))
    if code := marks.get("fail"):
        return Outcome(_ordered(code, texts), run_s=seconds)
    if "stuck" in marks:
        return ENDLESS
    partial = None
    if (kept := _number(marks.get("partial", ""))) is not None:
        blocked = texts.blocked
        if kept < 1:  # nothing is left to show, as where every result was blocked
            hint = "The request ordered this with [fakescope:partial=0]."
            return Outcome(
                Problem(blocked.code, blocked.message, "test_prompt:partial", hint, blocked.basis), run_s=seconds
            )
        partial = Partial(int(kept), blocked.code, blocked.message)
    return Outcome(run_s=seconds, partial=partial, rejected="reject" in marks)


def _marks_in(value: Any) -> list[tuple[str, str]]:
    if value.__class__ is str:
        return _MARK.findall(value) if _OPENING in value else []
    if isinstance(value, list):
        return [found for item in value for found in _marks_in(item)]
    if isinstance(value, dict):
        return [found for item in value.values() for found in _marks_in(item)]
    return []


def _ordered(name: str, texts: Texts) -> Problem:
    known: Failure | None = texts.failures.get(name)
    code = known.code if known else name
    message = known.message if known else f"{name} was ordered by a mark in the request; its text is not known."
    basis = known.basis if known else "inferred"
    return Problem(code, message, f"test_prompt:{name}", "The request ordered this with [fakescope:fail=…].", basis)


def _number(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(seconds, 86_400.0) if seconds >= 0 else None  # "nan" is a float, and not a number of seconds
