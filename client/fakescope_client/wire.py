"""What comes back over HTTP, and how it is read: pure functions."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from fakescope_client.errors import TransportError, kind_of


class Answer(NamedTuple):
    """What came back, whole. `body` is empty if a sink took it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def read(answer: Answer, secret: str) -> dict[str, Any]:
    """The JSON object of a good answer. Raises DashScopeError for any other, with `secret` blotted out of its text."""
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        body = None
    whole = body if isinstance(body, dict) else {}
    code, message = str(whole.get("code") or ""), str(whole.get("message") or "")
    if answer.status == 200 and isinstance(body, dict) and (not code or isinstance(body.get("output"), dict)):
        return body
    # With a 200, a code without an output is a refusal, and a body that is no object the trouble of a gateway.
    kind = kind_of(answer.status if answer.status != 200 else 400 if code else 502, code, message)
    text = answer.body.replace(secret.encode(), b"***")[:60]
    message = message or f"not a JSON object with words that we know: {text!r}"
    given = (message, code, str(whole.get("request_id") or answer.headers.get("x-request-id") or ""))
    message, code, request_id = (text.replace(secret, "***") for text in given)
    about = {"http_status": answer.status, "retry_after_s": _retry_after_s(answer.headers)}
    raise kind(message, code=code, request_id=request_id, **about)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, or a date against the server's own. Source: RFC 9110, 10.2.3; the vendor was never seen to send it."""
    given = headers.get("retry-after", "")
    try:
        if given.isdecimal():
            return float(given)
        return (parsedate_to_datetime(given) - parsedate_to_datetime(headers["date"])).total_seconds()
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None


def server_time(answer: Answer, ago_s: float, zone: tzinfo) -> datetime:
    """So long before the server answered, in this zone: by its own header (in ms, seen in captures), or by `Date`."""
    try:
        stamp, date = answer.headers.get("resp-start-time"), answer.headers.get("date", "")
        at = datetime.fromtimestamp(int(stamp) / 1000, UTC) if stamp else parsedate_to_datetime(date)
        return at.astimezone(zone) - timedelta(seconds=ago_s)
    except (TypeError, ValueError, ArithmeticError, OSError):
        raise TransportError("the answer does not say what time it is") from None
