"""The contract about usage: what was made and for how much, by what was asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fakescope.catalog.rules import Pixels
from fakescope.catalog.spec import ModelSpec, Node
from fakescope_contracts.bodies import taken
from fakescope_contracts.conversation import ABSENT, Reply
from fakescope_contracts.ends import Ends, lost_in
from fakescope_contracts.life import Watched, makes_tasks
from fakescope_contracts.registry import contract

_ANYTHING: Any = type("Anything", (), {"__repr__": lambda _: "anything"})()


@contract(
    "tasks.usage",
    "Usage is there when a task has SUCCEEDED and only then, and says what was asked for",
    basis="documented",
    per="model",
    applies=makes_tasks,
    steps=3,
    recorded=True,
)
class Usage(Ends):
    def judge(self, task: Watched, reply: Reply, now: datetime | None) -> None:
        del now
        reply.lacks("output.usage")
        if reply.at("output.task_status") != "SUCCEEDED":
            reply.lacks("usage")
            return
        usage = reply.at("usage")
        where = reply.where("usage")
        reply.hold(isinstance(usage, dict), f"usage is {usage!r}", f"isinstance({where}, dict)")
        read = taken(task.spec, task.body)
        for node in task.spec.usage:
            found = usage.get(node.key, ABSENT)
            here, came = f'{where}.get("{node.key}")', f"usage.{node.key} is {found!r}"
            wanted = wanted_of(node, task.spec, read)
            if task.fate == "recorded" and not _is_asked_for(node, task.body):
                wanted = _ANYTHING
            if node.fact == "result_count" and isinstance(wanted, int):
                wanted -= lost_in(task.spec, reply)
            if node.fact in _WHOLE and node.cast in ("", "integer") and _is_number(found):
                reply.hold(isinstance(found, int), f"{came}, no whole number", f"isinstance({here}, int)")
            if wanted is _ANYTHING:
                number = _is_number(found) and found >= 0
                is_right = number or not (node.fact in _NUMBERS or _is_number(node.constant))
                reply.hold(is_right, f"{came}, no number", f"{here} >= 0")
            elif wanted is not None:
                kept = found == wanted and isinstance(found, bool) == isinstance(wanted, bool)
                reply.hold(kept, f"{came} instead of {wanted!r}", f"{here} == {wanted!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_asked_for(node: Node, body: Any) -> bool:
    """Whether a number is what its body asks for. How many tokens a text has, or how long a film is for which no length
    was given, the catalogue has as one example only, which a simulator repeats.
    """
    if node.fact in ("output_seconds", "total_seconds"):
        return (body.get("parameters") or {}).get("duration") is not None
    return not _is_number(node.constant)


_WHOLE = ("result_count", "frames_per_s", "lines", "width", "height")
_NUMBERS = (
    "result_count",
    "output_seconds",
    "input_seconds",
    "total_seconds",
    "frames_per_s",
    "lines",
    "width",
    "height",
)


def wanted_of(node: Node, spec: ModelSpec, read: dict[str, Any]) -> Any:
    """What usage has to say at a row: a value, None where the row may be absent, or anything."""
    if node.kind == "constant":
        return node.constant
    if node.kind == "value":
        value = read.get(spec.fields[node.at].path)
        value = value if node.words is None or value is None else node.words.get(value)
        return str(value) if node.cast == "text" and value is not None else value
    if node.kind != "fact":
        return None
    duration = read.get("parameters.duration")
    fixed = spec.media.seconds if isinstance(spec.media.seconds, int) and not spec.media.when else None
    match node.fact:
        case "result_count":
            of = spec.media.results
            if any(row.results is not None for row in spec.media.when):
                return _ANYTHING
            return of if isinstance(of, int) else int(read[of])
        case "output_seconds" | "total_seconds":
            if spec.media.when or isinstance(spec.media.seconds, tuple):
                return _ANYTHING
            if node.fact == "total_seconds" and spec.media.billed_seconds:
                return _ANYTHING
            return duration if duration is not None and duration >= 1 else fixed or _ANYTHING
        case "input_seconds":
            return _ANYTHING if spec.media.billed_seconds else 0
        case "lines":
            return _lines(spec, read)
        case "size":
            return _size(spec, read)
        case "sound":
            return read.get("parameters.audio", spec.media.sound)
    return _ANYTHING if node.fact in _NUMBERS else None


def _lines(spec: ModelSpec, read: dict[str, Any]) -> Any:
    """1080 for 1080P, or for a size that is in that tier."""
    resolution = read.get("parameters.resolution")
    if isinstance(resolution, str):
        return int(resolution.removesuffix("P"))
    tiers = [tier for tier, sizes in spec.tiers.items() if read.get("parameters.size") in sizes]
    return int(tiers[0].removesuffix("P")) if tiers else None


def _size(spec: ModelSpec, read: dict[str, Any]) -> Any:
    size = read.get("parameters.size")
    at = spec.position.get("parameters.size")
    rule = None if at is None else spec.fields[at].rule
    words = rule.words if isinstance(rule, Pixels) and rule.words else {}
    return words.get(str(size), size)
