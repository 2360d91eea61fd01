"""VendorError → the vendor's envelope. The one place where a refusal becomes bytes."""

from __future__ import annotations

from urllib.parse import quote

import orjson

from fakescope.catalog.loader import Catalog
from fakescope.engine.vendor_error import VendorError
from fakescope.wire.http import Answer, Header

__all__ = ["refuse"]


def refuse(error: VendorError, catalog: Catalog, request_id: str, extra: tuple[Header, ...]) -> Answer:
    """The vendor's answer; with `extra`, also our own headers: which rule, what would be accepted, how we know."""
    problem = error.problem
    if problem is not None:
        status, code, message, envelope = 400, problem.code, problem.message, "service"
        rule, basis = problem.rule, problem.basis
    else:
        refusal = catalog.refusal(error.name)
        status, code, envelope = refusal.status, refusal.code, refusal.envelope
        message, rule, basis = refusal.message.format_map(error.details), refusal.name, refusal.basis
    if envelope == "gateway":
        body = {"code": code, "message": message, "request_id": request_id}
        headers: list[Header] = [(b"content-type", b"application/json"), (b"x-request-id", request_id.encode())]
    else:
        body = {"request_id": request_id, "code": code, "message": message}
        # Source: raw captures in cnblogs/dashscope-sdk; a model's service and the task API differ.
        of_model = [(b"content-type", b"application/json"), (b"x-dashscope-call-gateway", b"true")]
        headers = of_model if problem is not None else [(b"content-type", b"application/json;charset=UTF-8")]
    headers += [(b"server", b"istio-envoy"), *extra]
    if extra:
        headers += [(b"x-fakescope-rule", rule.encode()), (b"x-fakescope-basis", basis.encode())]
        headers.append((b"x-fakescope-hint", _header_text(error.hint)))
    return Answer(status, headers, orjson.dumps(body), error)


def _header_text(text: str) -> bytes:
    """A header carries printable ASCII; anything else is percent-encoded, so nothing a client sent can break it."""
    return "".join(c if " " <= c <= "~" else quote(c, errors="replace") for c in text).encode("ascii")[:1000]
