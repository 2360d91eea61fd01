"""A server between a client and the vendor: it forwards, it records, and it does not spend more than it may.

It speaks HTTP only: no WebSocket, and what a client sends to another host, such as an upload to the vendor's storage,
does not come by. Redirects are passed on and not followed, so that the key goes to one host only.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NamedTuple, TextIO
from urllib.parse import quote, urlsplit

import httpx

from fakescope.failures import problem_body
from fakescope.recording.budget import FREE, Charge, NotSentError, Prices, Purse
from fakescope.recording.exchange import Exchange, Headers, Request, Response
from fakescope.recording.media import Policy
from fakescope.recording.recorder import Recorder
from fakescope.recording.result_links import OWN, ResultLinks
from fakescope.recording.texts import REDACTED

__all__ = ["Proxy", "make_client"]

MOST_REQUEST_BYTES = 64 << 20
MOST_RECORDED_BYTES = 512 << 20  # of one answer; a larger one passes and is not recorded

# Source: RFC 9110, 7.6.1; and what a client or server says of one connection only.
_HOP_BY_HOP = frozenset(("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"))
_HOP_BY_HOP |= frozenset(("te", "trailer", "transfer-encoding", "upgrade", "http2-settings"))
_NOT_SENT_ON = _HOP_BY_HOP | {"host", "content-length", "expect", "accept-encoding", "authorization", "cookie"}
_NOT_SENT_ON |= {"x-http-method", "x-http-method-override", "x-method-override"}  # the price is that of the method
_NOT_SENT_BACK = _HOP_BY_HOP | {"content-length", "date"}  # the server that runs us writes its own
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DECODED = frozenset(("", "identity", "gzip", "deflate"))
_READ_S, _CONNECT_S = 300, 15  # the vendor itself gives up after 298 seconds
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_SHORTEST_KEY, _LENGTH_OF_KEYS = 8, 20  # shorter is a word that may stand anywhere; keys are 35 characters

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def make_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A client that adds nothing of its own to a request and keeps no cookies: one of nobody, for everybody."""
    jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    timeout = httpx.Timeout(_READ_S, connect=_CONNECT_S, pool=None)
    client = httpx.AsyncClient(
        cookies=jar, timeout=timeout, limits=httpx.Limits(max_connections=None), transport=transport
    )
    client.headers.clear()
    return client


class _Refusal(Exception):  # noqa: N818 - an answer of ours
    """What we answer ourselves: status, word for `X-Fakescope-Error`, and one line that says what to do."""

    def __init__(self, status: int, error: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.error, self.detail = status, error, detail


class _Gone(Exception):  # noqa: N818 - not an error, an event
    """The client has left."""


class _Asked(NamedTuple):
    """A request on its way: what is sent, what of it is recorded, when, and what was set aside for it."""

    request: Request
    sent: httpx.Request
    at_ms: int
    charge: Charge


class Proxy:
    """The ASGI application. `upstream` is scheme and host; `key` is put in the place of whatever key a client sends.

    With the policy `drop`, links to result files are left as they are and downloads do not come by.
    """

    def __init__(
        self,
        upstream: str,
        key: str,
        *,
        client: httpx.AsyncClient,
        recorder: Recorder,
        prices: Prices,
        purse: Purse,
        media: Policy = "describe",
        log: TextIO = sys.stderr,
    ) -> None:
        self._upstream, self._key, self._http = upstream.rstrip("/"), key, client
        self._recorder, self._prices, self._purse = recorder, prices, purse
        self._media, self._log = media, log
        self.requests = 0
        """How many came, whatever became of them."""
        self._host = urlsplit(upstream).hostname or ""
        self._links = ResultLinks(self._host)
        self._secrets = {key.encode()} if len(key) >= _SHORTEST_KEY else set()

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            self.requests += 1
            with contextlib.suppress(_Gone):
                try:
                    await self._pass(scope, receive, send)
                except _Refusal as refusal:
                    self._say(f"{scope['method']} {scope['path'][:100]}: {refusal.status} {refusal.detail}")
                    await _answer(send, refusal)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: _Receive, send: _Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._http.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    def _say(self, line: str) -> None:
        shown = "".join(c if c.isprintable() else "?" for c in line)
        print(f"fakescope: {shown}", file=self._log, flush=True)

    # -- one exchange

    async def _pass(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        if any(name == "origin" for name, _ in headers):
            raise _Refusal(403, "Forbidden", "the recorder pays with a real key and takes no requests from web pages")
        self._note_key(headers)
        body = self._links.lead_back(await _read(receive))
        link = self._links.behind(scope["path"]) if scope["method"] in ("GET", "HEAD") else None
        if link is None and scope["path"].startswith(OWN):
            detail = "the recorder has no control API; ask the simulator itself"
            raise _Refusal(404, "NotFound", f"{scope['path'][:100]} is not here: {detail}")
        asked = self._ask(scope, headers, body, link)
        try:
            response = await self._http.send(asked.sent, stream=True, follow_redirects=False)
            try:
                await self._answer(scope, receive, send, asked, response)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise self._no_answer(asked, error) from None
        except asyncio.CancelledError:
            if asked.charge.is_submission:
                self._say(f"a submission was cut off ({asked.sent.url.path}); it may have been accepted, and not seen")
            raise

    def _note_key(self, headers: Sequence[tuple[str, str]]) -> None:
        """Remember what the client takes for its key, so that no file has it, wherever else it stands."""
        for name, value in headers:
            key = value.rpartition(" ")[2].strip()
            looks_like_one = key.startswith("sk-") or len(key) >= _LENGTH_OF_KEYS
            if name == "authorization" and looks_like_one and len(key) >= _SHORTEST_KEY and len(self._secrets) < 1_000:
                self._secrets.add(key.encode("latin-1"))

    def _ask(self, scope: _Scope, headers: Headers | list[tuple[str, str]], body: bytes, link: str | None) -> _Asked:
        """The request for the upstream, with the money for it set aside."""
        method: str = scope["method"]
        hop_by_hop = {
            name.strip().lower() for key, value in headers if key == "connection" for name in value.split(",")
        }
        kept = [(name, value) for name, value in headers if name not in _NOT_SENT_ON and name not in hop_by_hop]
        kept = [(name, value) for name, value in kept if not name.startswith(("x-forwarded-", "x-real-"))]
        query = scope["query_string"].decode("latin-1")
        raw_path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1").partition("?")[0]
        url = link or f"{self._upstream}{raw_path}{'?' * bool(query)}{query}"
        estimate = FREE if link else self._prices.of(method, scope["path"], headers, body)
        try:
            sent_headers = [*kept, ("accept-encoding", "identity" if link else "gzip")]
            if link is None:
                sent_headers.append(("authorization", f"Bearer {self._key}"))
            sent = self._http.build_request(method, url, headers=sent_headers, content=body)
        except (httpx.InvalidURL, ValueError):
            raise _Refusal(400, "BadRequest", f"{scope['path']!r:.100} makes no address that can be asked") from None
        try:
            charge = self._purse.set_aside(estimate)
        except NotSentError as error:
            raise _Refusal(402 if error.reason == "OverBudget" else 403, error.reason, str(error)) from None
        request = Request(method, self._clean(url), self._clean_headers(kept), self._clean_bytes(body))
        return _Asked(request, sent, self._recorder.now_ms(), charge)

    def _no_answer(self, asked: _Asked, error: httpx.HTTPError) -> _Refusal:
        if isinstance(error, _NEVER_SENT):
            self._purse.budget.give_back(asked.charge.cny)
        lost = asked.charge.is_submission and not isinstance(error, _NEVER_SENT)
        what = "; it may have been accepted all the same, and its price stays counted" if lost else ""
        if isinstance(error, httpx.TimeoutException):
            return _Refusal(504, "UpstreamTimeout", f"{self._host} did not answer in time{what}")
        return _Refusal(502, "UpstreamUnreachable", f"{self._host} cannot be asked ({type(error).__name__}){what}")

    # -- the answer

    async def _answer(
        self, scope: _Scope, receive: _Receive, send: _Send, asked: _Asked, response: httpx.Response
    ) -> None:
        """Pass the answer on and record it: JSON whole, because it may have links; anything else as it comes."""
        hop_by_hop = {name.strip().lower() for name in response.headers.get("connection", "").split(",")}
        headers = [(name.lower(), value) for name, value in response.headers.multi_items()]
        headers = [(name, value) for name, value in headers if name not in _NOT_SENT_BACK and name not in hop_by_hop]
        # A server refuses to send these, and the client would lose the rest of what it has paid for.
        headers = [(name, value) for name, value in headers if not _CONTROLS.search(value)]
        is_decoded = response.headers.get("content-encoding", "").strip().lower() in _DECODED
        if is_decoded:
            headers = [(name, value) for name, value in headers if name != "content-encoding"]
        is_as_sent = "content-encoding" not in response.headers or scope["method"] == "HEAD"
        has_length = "content-length" in response.headers and (is_as_sent or not is_decoded)
        length = [("content-length", response.headers["content-length"])] if has_length else []
        is_json = is_decoded and response.headers.get("content-type", "").partition(";")[0].endswith("json")
        if is_json and scope["method"] != "HEAD":
            body = await response.aread()
            self._purse.settle(asked.charge, response.status_code, body)
            self._record(asked, response, headers, body)
            if self._media != "drop":
                host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
                body = self._links.lead_here(body, f"{scope['scheme']}://{host}")
            await _start(send, response.status_code, [*headers, ("content-length", str(len(body)))])
            await send({"type": "http.response.body", "body": body})
            return
        self._purse.settle(asked.charge, response.status_code, b"")
        await _start(send, response.status_code, [*headers, *length])
        body_or_none = await self._streamed(receive, send, asked, response, is_decoded)
        if body_or_none is not None:
            self._record(asked, response, headers, body_or_none)

    async def _streamed(
        self, receive: _Receive, send: _Send, asked: _Asked, response: httpx.Response, is_decoded: bool
    ) -> bytes | None:
        """Pass a body on as it comes. Gives it, or None if it broke off, was too large, or the client has left."""
        kept, size = [], 0
        leaving = asyncio.ensure_future(receive())  # the request is read: the next message is that the client has left
        try:
            async for part in response.aiter_bytes() if is_decoded else response.aiter_raw():
                if leaving.done() and not asked.charge.is_submission:
                    return None
                size += len(part)
                if size <= MOST_RECORDED_BYTES:
                    kept.append(part)
                else:
                    kept.clear()
                await send({"type": "http.response.body", "body": part, "more_body": True})
        except httpx.HTTPError as error:
            self._say(f"{asked.request.url.partition('?')[0]} broke off ({type(error).__name__}); it is not recorded")
            raise ConnectionError(
                f"{self._host} broke off its answer"
            ) from None  # the client must not take it for whole
        finally:
            leaving.cancel()
        await send({"type": "http.response.body", "body": b""})
        if size > MOST_RECORDED_BYTES:
            self._say(f"{asked.request.url.partition('?')[0]} is larger than {MOST_RECORDED_BYTES} bytes: not recorded")
            return None
        return b"".join(kept)

    def _record(self, asked: _Asked, response: httpx.Response, headers: list[tuple[str, str]], body: bytes) -> None:
        if "x-fakescope-error" in response.headers:
            return  # a simulator's own failure is nobody's answer
        date = [("date", response.headers["date"])] if "date" in response.headers else []
        whole = Response(response.status_code, self._clean_headers([*headers, *date]), self._clean_bytes(body))
        self._recorder.add(Exchange(asked.request, whole, asked.at_ms))

    # -- keys

    def _clean_bytes(self, body: bytes) -> bytes:
        """Without any key, whatever it looks like: the files' own rules know only keys that look like keys."""
        for secret in self._secrets:
            body = body.replace(secret, REDACTED.encode())
        return body

    def _clean(self, text: str) -> str:
        return self._clean_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def _clean_headers(self, headers: Sequence[tuple[str, str]]) -> Headers:
        return tuple((name, self._clean(value)) for name, value in headers)


async def _read(receive: _Receive) -> bytes:
    """The whole body: a price is known only of a whole submission."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_REQUEST_BYTES:
            detail = f"a request has at most {MOST_REQUEST_BYTES} bytes; give large files as links"
            raise _Refusal(413, "TooLarge", detail)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _start(send: _Send, status: int, headers: list[tuple[str, str]]) -> None:
    encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def _answer(send: _Send, refusal: _Refusal) -> None:
    titles = {402: "The budget is spent", 403: "Not sent", 502: "No upstream", 504: "No upstream"}
    body = problem_body(refusal.status, titles.get(refusal.status, "Not forwarded"), refusal.detail)
    own = [("content-type", "application/problem+json"), ("content-length", str(len(body)))]
    await _start(send, refusal.status, [*own, ("x-fakescope-error", refusal.error)])
    await send({"type": "http.response.body", "body": body})
