"""What a task looks like to a program: frozen values, made from the vendor's JSON and never broken by it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from math import isfinite
from typing import Any, NamedTuple

from fakescope_client.errors import TaskFailedError, TaskUnknownError, failure_of

VENDOR_ZONE = timezone(timedelta(hours=8))
"""Times in task answers are UTC+8 and do not say so. Source: Manage asynchronous tasks."""


class TaskStatus(StrEnum):
    """Where a task stands. A word that is not listed here becomes a member of its own and counts as unfinished.

    Source: Manage asynchronous tasks, task states.
    """

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def _missing_(cls, value: object) -> TaskStatus:
        member = str.__new__(cls, str(value))
        member._name_ = member._value_ = str(value)
        return member

    @property
    def is_terminal(self) -> bool:
        """Whether it will never change again."""
        return self in (TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELED, TaskStatus.UNKNOWN)


class Usage(NamedTuple):
    """What was billed, as far as the model says: `seconds` of video, `number` of results, size, lines (720, 1080)."""

    seconds: float | None
    number: int | None
    size: str
    lines: int | None
    raw: dict[str, Any]

    @classmethod
    def parse(cls, usage: object) -> Usage:
        raw = usage if isinstance(usage, dict) else {}
        seconds = _number(raw, "duration", "video_duration", "output_video_duration")
        count, sr = _number(raw, "video_count", "image_count", "output_image_count"), _number(raw, "SR")
        number, lines = None if count is None else int(count), None if sr is None else int(sr)
        return cls(seconds, number, _text(raw, "size"), lines, raw)


@dataclass(frozen=True)
class Task:
    """A task as last seen. `results` are all links in it, whatever the model calls them, valid for 24 hours.

    `code` and `message` say why a task FAILED. Times are aware. `model` is known if this client submitted or listed the
    task; `raw` is the vendor's whole answer.
    """

    id: str
    status: TaskStatus
    model: str = ""
    request_id: str = ""
    code: str = ""
    message: str = ""
    submitted_at: datetime | None = None
    scheduled_at: datetime | None = None
    ended_at: datetime | None = None
    results: tuple[str, ...] = ()
    usage: Usage = field(default=Usage(None, None, "", None, {}), repr=False, hash=False)
    raw: dict[str, Any] = field(default_factory=dict, repr=False, hash=False)

    @classmethod
    def parse(cls, body: dict[str, Any], model: str = "") -> Task:
        """From the answer to a submission or a query, or from a row of a list."""
        output = body.get("output")
        if not isinstance(output, dict):  # a row: flat, `status`, times in epoch milliseconds
            output = {**body, "task_status": body.get("status"), "submit_time": body.get("gmt_create")}
            output["scheduled_time"] = body.get("start_time")
        return cls(
            id=_text(output, "task_id"),
            status=TaskStatus(_text(output, "task_status") or ("" if "task_id" in output else "SUCCEEDED")),
            model=model or _text(body, "model_name"),
            request_id=_text(body, "request_id"),
            code=_text(output, "code"),
            message=_text(output, "message"),
            submitted_at=_instant(output.get("submit_time")),
            scheduled_at=_instant(output.get("scheduled_time")),
            ended_at=_instant(output.get("end_time")),
            results=links_in(output),
            usage=Usage.parse(body.get("usage")),
            raw=body,
        )

    def raise_for_status(self) -> Task:
        """The task, if it has SUCCEEDED. Raises TaskFailedError or TaskUnknownError: ask when it has ended."""
        if self.status is TaskStatus.SUCCEEDED:
            return self
        about: dict[str, Any] = {"code": self.code, "request_id": self.request_id, "task_id": self.id, "task": self}
        if self.status is TaskStatus.UNKNOWN:
            raise TaskUnknownError("the task has expired, belongs to another account, or never was", **about)
        kind = failure_of(self.code, self.message) if self.status is TaskStatus.FAILED else TaskFailedError
        passing = self.code.startswith(("Internal", "SystemError", "Throttling"))
        raise kind(self.message or f"the task is {self.status}", retryable=passing, http_status=200, **about)

    @property
    def failures(self) -> tuple[str, ...]:
        """Why some results are missing, a line each: a task of several SUCCEEDED if one of them did.

        Source: Wan text-to-image API reference, a task that succeeded in part.
        """
        output = given if isinstance(given := self.raw.get("output"), dict) else {}
        rows = given if isinstance(given := output.get("results"), list) else []
        return tuple(f"{row['code']}: {row.get('message')}" for row in rows if isinstance(row, dict) and "code" in row)

    @property
    def passed(self) -> bool | None:
        """A detection's verdict, None if there is none.

        Source: the detection models' API references: `check_pass` or `pass`; Emoji only a code or a box.
        """
        output = given if isinstance(given := self.raw.get("output"), dict) else {}
        verdict = output.get("check_pass", output.get("pass"))
        if isinstance(verdict, bool):
            return verdict
        return False if output.get("code") else True if output.get("bbox_face") else None

    def to_json(self) -> str:
        """One line of ASCII to keep: `Task.from_json` makes an equal task of it, in this program or the next."""
        return json.dumps({"model": self.model, "answer": self.raw})

    @classmethod
    def from_json(cls, text: str) -> Task:
        """Raises ValueError if the text is not one of ours."""
        kept = json.loads(text)
        if not isinstance(kept, dict) or not isinstance(kept.get("answer"), dict):
            raise ValueError("not a task that Task.to_json wrote")
        return cls.parse(kept["answer"], _text(kept, "model"))


def links_in(value: object) -> tuple[str, ...]:
    """Every result link: `video_url`, `results[].url`, `render_urls[]`, `choices[].message.content[].image` and kin."""
    found, left = list[str](), [("", value)]
    while left:  # no recursion: a body may be as deep as it likes
        key, part = left.pop()
        if isinstance(part, dict):
            left += reversed(part.items())
        elif isinstance(part, list):
            left += [(key, each) for each in reversed(part)]
        elif isinstance(part, str) and part.startswith(("http://", "https://")):
            found += [part] if key.endswith(("url", "urls")) or key in ("image", "video", "audio") else []
    return tuple(found)


def _instant(value: object) -> datetime | None:
    """`YYYY-MM-DD HH:mm:ss[.SSS]` in UTC+8, or epoch milliseconds."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000, UTC)
        return datetime.fromisoformat(str(value)).replace(tzinfo=VENDOR_ZONE) if value else None
    except (ValueError, OverflowError, OSError):
        return None


def _text(of: dict[str, Any], key: str) -> str:
    return "" if (value := of.get(key)) is None else str(value)


def _number(of: dict[str, Any], *keys: str) -> float | None:
    """The first of these that is a finite number, or text that reads as one: some models send `"SR": "720"`."""
    for key in keys:
        try:
            if isfinite(number := float(of[key])):
                return number
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
    return None
