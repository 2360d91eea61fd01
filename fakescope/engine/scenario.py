"""Which outcome a submission gets. So far: what is wrong with it, and the marks a user may put into a prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fakescope.catalog.spec import Failure
from fakescope.engine.task import ENDLESS, SUCCESS, Outcome, Problem

__all__ = ["outcome_of"]

_MARK = re.compile(r"\[fakescope:(fail|seconds|stuck)(?:=([A-Za-z0-9.]{1,64}))?\]")


def outcome_of(problem: Problem | None, prompt: object, failures: Mapping[str, Failure]) -> Outcome:
    """How the task will end. `prompt` is looked at for test marks; None switches them off.

    A code that is not in the catalogue still fails the task, with a text that says so.
    """
    if problem is not None:
        return Outcome(problem)
    if not isinstance(prompt, str) or "[fakescope:" not in prompt:
        return SUCCESS
    marks = dict(_MARK.findall(prompt))
    seconds = _seconds(marks.get("seconds", ""))
    if code := marks.get("fail"):
        known = failures.get(code)
        message = known.message if known else f"{code} was ordered by a mark in the prompt; its text is not known."
        basis = known.basis if known else "inferred"
        ordered = Problem(
            code, message, f"test_prompt:{code}", "The prompt ordered this with [fakescope:fail=…].", basis
        )
        return Outcome(ordered, run_s=seconds)
    if "stuck" in marks:
        return ENDLESS
    return SUCCESS if seconds is None else Outcome(run_s=seconds)


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return min(seconds, 86_400.0) if seconds >= 0 else None  # "nan" is a float, and not a number of seconds
