"""When fakescope itself fails: our own shape, a header that says so, and nothing that looks like the vendor.

The control API answers in RFC 9457 problems; a bug anywhere becomes one too, and its traceback goes to the log.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from fakescope.errors import StoreError

__all__ = ["FailureGuard", "problem_body"]

_log = logging.getLogger("fakescope")
_App = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


def problem_body(status: int, title: str, detail: str) -> bytes:
    """An RFC 9457 problem. Its type is the name of the title, which says all there is."""
    return orjson.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})


class FailureGuard:
    """The outermost application: turns what nobody caught into a marked answer, without a stack trace on the wire."""

    def __init__(self, app: _App) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        started = False

        async def watch(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            _log.exception("fakescope failed on %s", scope.get("path", scope["type"]))
            if scope["type"] != "http" or started:
                raise
            await _send_failure(send, error)


async def _send_failure(send: Any, error: Exception) -> None:
    if isinstance(error, StoreError):
        status, body = 503, problem_body(503, "The store cannot answer", str(error))
    else:
        status, body = 500, problem_body(500, "A bug in fakescope", "The log has the traceback; please report it.")
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-fakescope-error", type(error).__name__.encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
