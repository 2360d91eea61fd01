"""The bridge to VCR.py: its patchers catch what any Python client sends; what is answered and kept is a session's.

Requests to applications in the same process (httpx's ASGI, WSGI and mock transports) are left alone: they are an
application's own test client, not the vendor.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import sys
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from http import HTTPStatus
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import vcr.patch  # type: ignore[import-untyped]
import vcr.stubs  # type: ignore[import-untyped]
from vcr.cassette import Cassette as VcrCassette  # type: ignore[import-untyped]
from vcr.errors import CannotOverwriteExistingCassetteException  # type: ignore[import-untyped]
from vcr.record_mode import RecordMode as VcrRecordMode  # type: ignore[import-untyped]

from fakescope.errors import CassetteError
from fakescope.recording.exchange import Request, Response
from fakescope.recording.forms import make_form
from fakescope.recording.misses import NotRecordedError
from fakescope.recording.session import Session

__all__ = ["NoRecordingError", "SessionCassette", "intercepted"]

_KEY, _NO_KEY = "DASHSCOPE_API_KEY", "sk-fake-replay"
_FORM = "application/x-www-form-urlencoded"
_IN_PROCESS = (("ASGITransport", "async_"), ("WSGITransport", ""), ("MockTransport", "async_"), ("MockTransport", ""))


class NoRecordingError(NotRecordedError, CannotOverwriteExistingCassetteException):  # type: ignore[misc]
    """No recording answers a request: also the error that VCR.py raises, so that what catches that catches this."""

    reason = "no_match"
    similar_requests: tuple[Any, ...] = ()

    def __init__(self, miss: NotRecordedError, cassette: SessionCassette, request: Any) -> None:
        self.lines = miss.lines
        if (first := cassette.session.misses[0]) is not miss:  # a client that goes on after the first shows the last
            self.lines += ("Before it, there was no answer either:", *(f"  {line}" for line in first.lines))
        self.cassette, self.failed_request = cassette, request
        Exception.__init__(self, "\n".join(self.lines))


class SessionCassette(VcrCassette):  # type: ignore[misc]
    """What VCR.py's patchers take for its cassette."""

    def __init__(self, path: str | os.PathLike[str], session: Session) -> None:
        super().__init__(
            path,
            record_mode=VcrRecordMode.NEW_EPISODES if session.records else VcrRecordMode.NONE,
            before_record_request=lambda request: None if session.passes_by(request.uri) else request,
            custom_patches=tuple(_left_alone()),
        )
        self.session = session

    def can_play_response_for(self, request: Any) -> bool:
        """Whether there is an answer. Raises NoRecordingError if there is none and none may be fetched."""
        return self._settled(request) is not None

    def play_response(self, request: Any) -> dict[str, Any]:
        response = self._settled(request)
        if response is None:  # a redirect that aiohttp follows to an address we do not have
            raise CassetteError(
                f"{request.method} {request.uri} is to go out, and a replayed redirect cannot lead there"
            )
        return _as_vcrpy_has_it(response, of=request)

    def _settled(self, request: Any) -> Response | None:
        """The answer, or None for a request that goes out. A request is asked about several times, settled once."""
        if self.session.passes_by(request.uri):
            return None
        if not hasattr(request, "_fakescope"):
            request._fakescope_sent = _request(request)  # now: some clients take a form apart when they send it
            found = self._found(request)
            if found is None:
                request._fakescope_departure = self.session.depart(request._fakescope_sent)
            request._fakescope = found
        settled: Response | None = request._fakescope
        return settled

    def _found(self, request: Any) -> Response | None:
        try:
            return self.session.find(request._fakescope_sent)
        except NotRecordedError as miss:
            raise NoRecordingError(miss, self, request) from None

    def append(self, request: Any, response: Any) -> None:
        """Called with what came back for a request that went out."""
        if self.session.passes_by(request.uri):
            return
        departure = getattr(request, "_fakescope_departure", None)  # None: a redirect that aiohttp followed
        try:
            came = _response(response, request.uri)
        except CassetteError as error:  # the client has paid for it, and can read it
            self.session.lose(str(error), response["status"]["code"], departure)
        else:
            sent = getattr(request, "_fakescope_sent", None) or _request(request)
            self.session.take(sent, came, departure)

    def find_requests_with_most_matches(self, _request: Any) -> list[Any]:
        return []

    def _load(self) -> None:
        """Nothing to load: the session has done it."""

    def _save(self, force: bool = False) -> None:
        """Nothing to save: VCR.py would do it before its patches are gone, and leave them if it fails."""


@contextmanager
def intercepted(session: Session) -> Iterator[SessionCassette]:
    """All requests of this process are the session's until the end. Saves nothing by itself."""
    with (
        # VCR.py puts the real classes back, for all threads, whenever one of them makes a connection: requests of
        # others go out then, even while nothing is recorded. Nothing here needs the real classes except http.client
        # itself, whose constructor looks its own class up by name.
        mock.patch.object(vcr.patch, "force_reset", nullcontext),
        mock.patch.object(vcr.stubs.VCRHTTPSConnection, "_baseclass", staticmethod(_real_https)),
        nullcontext() if session.records else _some_key(),
        SessionCassette.use(path=str(session.path), session=session) as cassette,
    ):
        yield cassette


@contextmanager
def _some_key() -> Iterator[None]:
    """A key for clients that refuse to send anything without one, where nothing is sent: a replay needs none."""
    with ExitStack() as stack:
        if _KEY not in os.environ:
            os.environ[_KEY] = _NO_KEY
            stack.callback(os.environ.pop, _KEY, None)
        sdk = sys.modules.get("dashscope")  # it has read the environment when it was imported
        if getattr(sdk, "api_key", "") is None:
            stack.enter_context(mock.patch.object(sdk, "api_key", _NO_KEY))
        yield


_REAL_HTTPS = http.client.HTTPSConnection
_ONE_AT_A_TIME = threading.Lock()


def _real_https(*args: Any, **kwargs: Any) -> http.client.HTTPSConnection:
    with _ONE_AT_A_TIME, mock.patch.object(http.client, "HTTPSConnection", _REAL_HTTPS):
        return _REAL_HTTPS(*args, **kwargs)


def _left_alone() -> Iterator[tuple[type, str, Any]]:
    """In-process transports get their own methods back, after the patchers: since 8.2 VCR.py patches them, too."""
    for name in ("httpx", "httpx2"):
        module = sys.modules.get(name)  # VCR.py has imported what is installed
        for transport, kind in _IN_PROCESS if module else ():
            owner = getattr(module, transport)
            method = f"handle_{kind}request"
            yield owner, method, getattr(owner, method)


# -- what VCR.py has, as values


def _request(sent: Any) -> Request:
    headers = tuple((_text(name), _text(value)) for name, value in sent.headers.items())
    if isinstance(fields := getattr(sent.body, "_fields", None), list):  # aiohttp's FormData, before it is written
        kind, body = _form(fields, is_multipart=sent.body.is_multipart)
        return Request(sent.method, sent.uri, (*headers, ("Content-Type", kind)), body)
    return Request(sent.method, sent.uri, headers, _body(sent, {n.lower(): v for n, v in headers}))


def _form(fields: list[Any], *, is_multipart: bool) -> tuple[str, bytes]:
    """Content type and body of a form of aiohttp's: a list of what a field is called, its headers, and its value."""
    if not is_multipart:
        return _FORM, urlencode([(about["name"], value) for about, _, value in fields], doseq=True).encode()
    return make_form((about["name"], about.get("filename"), _content(value)) for about, _, value in fields)


def _content(value: Any) -> bytes:
    """The bytes of a form's field, which stay where they are; none if they can be read only once."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if not hasattr(value, "read") or not value.seekable():
        return b""
    at = value.tell()
    content = value.read()
    value.seek(at)
    return content.encode() if isinstance(content, str) else bytes(content)


def _body(sent: Any, headers: Mapping[str, str]) -> bytes:
    """The bytes of a body in any form that a client hands over; nothing for a form whose parts cannot be read twice."""
    body = sent.body
    if hasattr(body, "read"):
        body = body.read()
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if isinstance(body, Mapping) or (isinstance(body, list) and not all(isinstance(part, bytes) for part in body)):
        # aiohttp's `json=` and `data=`, before aiohttp has written them.
        if headers.get("content-type", "").startswith(_FORM):
            return b""
        return json.dumps(body, ensure_ascii=False, default=str).encode()
    try:
        return b"".join(body) if body is not None else b""
    except TypeError:
        return b""


def _response(came: Mapping[str, Any], url: str) -> Response:
    headers = [(_text(n), _text(v)) for n, values in came["headers"].items() for v in _each(values)]
    coding = next((value.strip().lower() for name, value in headers if name.lower() == "content-encoding"), "")
    body = _decoded(came["body"].get("string") or b"", coding, url)
    kept = tuple(pair for pair in headers if pair[0].lower() not in _OF_THE_TRANSFER)
    return Response(came["status"]["code"], kept, body)


_OF_THE_TRANSFER = {"content-encoding", "transfer-encoding", "content-length", "connection"}


def _decoded(body: bytes, coding: str, url: str) -> bytes:
    """Without its content encoding, if it still has one: requests and httpx leave it on, aiohttp does not."""
    if coding in ("", "identity") or not body:
        return body
    if coding in ("gzip", "x-gzip"):
        return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    for wbits in (zlib.MAX_WBITS, -zlib.MAX_WBITS) if coding == "deflate" else ():
        with suppress(zlib.error):
            return zlib.decompress(body, wbits)
    try:
        body.decode()
    except UnicodeDecodeError:
        raise CassetteError(
            f"the answer of {url.partition('?')[0]} is encoded as {coding!r}, which cannot be read here and so not be "
            "redacted; let the client send Accept-Encoding: gzip"
        ) from None
    return body


def _as_vcrpy_has_it(response: Response, *, of: Any) -> dict[str, Any]:
    """A response as VCR.py's stubs want it; theirs to change."""
    headers: dict[str, list[str]] = {}
    for name, value in response.headers:
        if name.lower() not in _OF_THE_TRANSFER:
            headers.setdefault(name, []).append(value)
    if of.method != "HEAD":
        headers["Content-Length"] = [str(len(response.body))]
    try:
        reason = HTTPStatus(response.status).phrase
    except ValueError:
        reason = ""
    return {
        "status": {"code": response.status, "message": reason},
        "headers": headers,
        "body": {"string": response.body},
    }


def _each(values: Any) -> list[Any]:
    return list(values) if isinstance(values, list | tuple) else [values]


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
