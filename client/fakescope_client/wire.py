"""What comes back over HTTP, and how it is read: pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from fakescope_client.errors import DashScopeError, TransportError, kind_of

NOTHING: Mapping[str, str] = {}


class Answer(NamedTuple):
    """What came back, whole. `body` is empty if a sink took it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def read(answer: Answer, secret: str) -> dict[str, Any]:
    """The JSON object of a good answer. Raises DashScopeError for any other, with `secret` blotted out of its text."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    whole = body if isinstance(body, dict) else {}
    code, message = str(whole.get("code") or ""), str(whole.get("message") or "")
    if answer.status == 200 and isinstance(body, dict) and not code:
        return body
    kind: type[DashScopeError] = TransportError
    if answer.status != 200 or code:
        kind = kind_of(400 if answer.status == 200 else answer.status, code, message)
    message = (message or f"not a JSON object with words that we know: {answer.body[:60]!r}").replace(secret, "***")
    request_id, pause = whole.get("request_id") or answer.headers.get("x-request-id"), _retry_after_s(answer.headers)
    about = {"code": code, "http_status": answer.status, "request_id": str(request_id or "")}
    raise kind(message, retry_after_s=pause, **about)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, or a date against the server's own. Source: RFC 9110, 10.2.3; the vendor was never seen to send it."""
    given = headers.get("retry-after", "")
    try:
        if given.isdecimal():
            return float(given)
        return (parsedate_to_datetime(given) - parsedate_to_datetime(headers["date"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None


def server_ms(answer: Answer) -> int:
    """When the server answered, epoch milliseconds: by its own header (seen in captures), or by `Date`."""
    try:
        stamp = answer.headers.get("resp-start-time")
        return int(stamp) if stamp else round(parsedate_to_datetime(answer.headers["date"]).timestamp() * 1000)
    except (KeyError, TypeError, ValueError):
        raise TransportError("the answer does not say what time it is") from None
