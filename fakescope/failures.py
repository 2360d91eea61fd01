"""When fakescope itself fails: our own shape, a header that says so, and nothing that looks like the vendor.

The control API answers in RFC 9457 problems; a bug anywhere becomes one too, and its traceback goes to the log.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

import orjson

from fakescope.errors import StoreError

__all__ = ["Failure", "FailureGuard", "failure_of", "problem_body"]

_log = logging.getLogger("fakescope")
_App = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


class Failure(NamedTuple):
    """An answer for an exception that nobody caught: status, RFC 9457 body, and the word for our own header."""

    status: int
    body: bytes
    error: str


def failure_of(error: Exception) -> Failure:
    """503 if the store cannot answer, 500 for a bug. What went wrong inside stays inside."""
    if isinstance(error, StoreError):
        return Failure(503, problem_body(503, "The store cannot answer", str(error)), type(error).__name__)
    body = problem_body(500, "A bug in fakescope", "The log has the traceback; please report it.")
    return Failure(500, body, type(error).__name__)


def problem_body(status: int, title: str, detail: str) -> bytes:
    """An RFC 9457 problem without a type of its own: its title says all there is."""
    return orjson.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})


class FailureGuard:
    """The outermost application: turns what nobody caught into a marked answer, without a stack trace on the wire."""

    def __init__(self, app: _App, extra: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self._app, self._extra = app, extra

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            _log.exception("fakescope failed on %s", scope.get("path", scope["type"]))
            if scope["type"] != "http":
                raise
            with contextlib.suppress(Exception):  # an answer that had begun cannot be taken back: the server refuses
                await _send(send, failure_of(error), self._extra)


async def _send(send: Any, failure: Failure, extra: tuple[tuple[bytes, bytes], ...]) -> None:
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(failure.body)),
        (b"x-fakescope-error", failure.error.encode()),
        *extra,
    ]
    await send({"type": "http.response.start", "status": failure.status, "headers": headers})
    await send({"type": "http.response.body", "body": failure.body})
