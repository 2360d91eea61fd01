"""A control API without a password must not be reachable from a web page that happens to be open."""

from __future__ import annotations

from starlette.requests import Request

__all__ = ["is_cross_origin_write"]


def is_cross_origin_write(request: Request) -> bool:
    """Whether a browser sends this for a page of somewhere else. Tools that are no browsers send no Origin."""
    if request.method in ("GET", "HEAD"):
        return False
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")
