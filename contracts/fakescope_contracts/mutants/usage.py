"""Wrong usage and wrong times."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fakescope_contracts.mutants.wrapping import Call, edits

_TIMES = ("submit_time", "scheduled_time", "end_time")


def _is(body: Any, status: str) -> bool:
    return bool(body["output"]["task_status"] == status)


# -- usage


def _count_of(usage: dict[str, Any]) -> str:
    return next((key for key in ("image_count", "video_count") if key in usage), "")


@edits("poll", "tasks.usage")
def count_off_by_one(_call: Call, body: Any) -> None:
    """The count in usage is one too high."""
    if key := _count_of(body.get("usage", {})):
        body["usage"][key] += 1


@edits("poll", "tasks.usage")
def usage_as_text(_call: Call, body: Any) -> None:
    """Numbers in usage are texts."""
    if "usage" in body:
        body["usage"] = {key: str(value) for key, value in body["usage"].items()}


@edits("poll", "tasks.usage")
def usage_is_missing(_call: Call, body: Any) -> None:
    """A task that succeeded has no usage."""
    body.pop("usage", None)


@edits("poll", "tasks.usage")
def usage_in_the_output(_call: Call, body: Any) -> None:
    """The usage stands in the output."""
    if "usage" in body:
        body["output"]["usage"] = body.pop("usage")


@edits("poll", "tasks.usage")
def usage_while_running(_call: Call, body: Any) -> None:
    """A task that runs has a usage of nothing."""
    if _is(body, "RUNNING"):
        body["usage"] = {"video_count": 0}


@edits("poll", "tasks.usage")
def always_five_seconds(_call: Call, body: Any) -> None:
    """Whatever duration was asked for, the usage says 5 seconds."""
    for key in ("duration", "output_video_duration", "video_duration"):
        if key in body.get("usage", {}):
            body["usage"][key] = 5


@edits("poll", "tasks.usage")
def always_720_lines(_call: Call, body: Any) -> None:
    """Whatever size or resolution was asked for, the usage says 720."""
    if "SR" in body.get("usage", {}):
        body["usage"]["SR"] = 720


@edits("poll", "tasks.usage")
def size_with_an_x(_call: Call, body: Any) -> None:
    """The usage writes a size as 1280x720."""
    for key in ("size", "video_ratio"):
        if key in body.get("usage", {}):
            body["usage"][key] = body["usage"][key].replace("*", "x")


@edits("poll", "tasks.usage")
def usage_of_another_generation(_call: Call, body: Any) -> None:
    """The usage of every video has the keys of the first generation."""
    if "duration" in body.get("usage", {}):
        body["usage"] = {"video_duration": body["usage"]["duration"], "video_ratio": "standard", "video_count": 1}


@edits("poll", "tasks.usage")
def whole_numbers_as_floats(_call: Call, body: Any) -> None:
    """Counts and lines in usage are written as 1.0 and 720.0."""
    if "usage" in body:
        body["usage"] = {key: float(n) if type(n) is int else n for key, n in body["usage"].items()}


@edits("poll", "tasks.usage")
def usage_in_camel_case(_call: Call, body: Any) -> None:
    """The keys of usage are written as videoCount and imageCount."""
    usage = body.get("usage", {})
    for key in [key for key in usage if "_" in key]:
        first, *rest = key.split("_")
        usage[first + "".join(map(str.title, rest))] = usage.pop(key)


# -- times


def _each_time(body: Any, change: Any) -> None:
    for key in _TIMES:
        if key in body["output"]:
            body["output"][key] = change(_read(body["output"][key]), key)


def _read(text: str) -> datetime:
    return datetime.strptime(f"{text}+0800", "%Y-%m-%d %H:%M:%S.%f%z")


def _written(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


@edits("poll", "tasks.times")
def times_in_utc(_call: Call, body: Any) -> None:
    """Times are in UTC instead of UTC+8."""
    _each_time(body, lambda at, _key: _written(at - timedelta(hours=8)))


@edits("poll", "tasks.times")
def times_in_iso(_call: Call, body: Any) -> None:
    """Times are written with a T."""
    _each_time(body, lambda at, _key: _written(at).replace(" ", "T"))


@edits("poll", "tasks.times")
def times_as_numbers(_call: Call, body: Any) -> None:
    """Times are milliseconds since 1970, as in a list."""
    _each_time(body, lambda at, _key: round(at.timestamp() * 1000))


@edits("poll", "tasks.times")
def times_without_milliseconds(_call: Call, body: Any) -> None:
    """Times have no milliseconds."""
    _each_time(body, lambda at, _key: at.strftime("%Y-%m-%d %H:%M:%S"))


@edits("poll", "tasks.times")
def times_are_swapped(_call: Call, body: Any) -> None:
    """A task was scheduled before it was submitted."""
    output = body["output"]
    if "scheduled_time" in output:
        output["submit_time"], output["scheduled_time"] = output["scheduled_time"], output["submit_time"]


@edits("poll", "tasks.times")
def submit_time_moves(call: Call, body: Any) -> None:
    """The submit_time is a millisecond later with every query."""
    looks = call.notes("looks")
    looks[call.task_id] = looks.get(call.task_id, 0) + 1
    if "submit_time" in body["output"]:
        at = _read(body["output"]["submit_time"])
        body["output"]["submit_time"] = _written(at + timedelta(milliseconds=looks[call.task_id]))


@edits("poll", "tasks.times")
def end_time_while_running(_call: Call, body: Any) -> None:
    """A task that runs has an end_time: that of its start."""
    if _is(body, "RUNNING"):
        body["output"]["end_time"] = body["output"]["scheduled_time"]


@edits("poll", "tasks.times")
def end_time_is_missing(_call: Call, body: Any) -> None:
    """A task that succeeded has no end_time."""
    if _is(body, "SUCCEEDED"):
        body["output"].pop("end_time", None)


@edits("poll", "tasks.times")
def end_time_is_now(call: Call, body: Any) -> None:
    """The end_time of a task is when it was first seen to have ended."""
    if _is(body, "SUCCEEDED") and "end_time" in body["output"]:
        first = call.notes("first")
        at = _read(body["output"]["end_time"])
        first.setdefault(call.task_id, _written(at + timedelta(minutes=10)))
        body["output"]["end_time"] = first[call.task_id]


@edits("poll", "tasks.times")
def times_with_microseconds(_call: Call, body: Any) -> None:
    """Times have six digits after the second."""
    _each_time(body, lambda at, _key: at.strftime("%Y-%m-%d %H:%M:%S.%f"))


@edits("poll", "tasks.times")
def times_with_a_zone(_call: Call, body: Any) -> None:
    """Times end in +08:00."""
    _each_time(body, lambda at, _key: f"{_written(at)}+08:00")


@edits("poll", "tasks.times")
def scheduled_while_pending(_call: Call, body: Any) -> None:
    """A task that waits has a scheduled_time already: that of its submission."""
    if _is(body, "PENDING"):
        body["output"]["scheduled_time"] = body["output"]["submit_time"]
