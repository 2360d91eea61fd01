"""Recordings that others made, as cassettes: YAML of VCR.py, and HAR files (1.2) as browsers save them."""

from __future__ import annotations

import binascii
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from fakescope.errors import CassetteError
from fakescope.recording.counted import counted
from fakescope.recording.exchange import Cassette, Exchange, Headers, Provenance, Request, Response
from fakescope.recording.files import load
from fakescope.recording.reading import read_file

__all__ = ["Converted", "convert"]

_PATHS = re.compile(r"/+api/v1/(?:services|tasks|uploads)(?:/|$)")
_HOSTS = re.compile(r"(?:.*\.)?(?:dashscope[\w-]*\.aliyuncs\.com|maas\.aliyuncs\.com|dashscope-[\w-]+\.oss-.*)")


class Converted(NamedTuple):
    """What was read: a cassette of the vendor's exchanges, and how many others, or without an answer, were left out."""

    cassette: Cassette
    left_out: int


def convert(path: Path) -> Converted:
    """Read a HAR file or a cassette of any tool that writes VCR's YAML. Raises CassetteError with the place.

    Kept are exchanges with the vendor: its hosts, its paths on any host (a proxy, a simulator), and the links that its
    answers give. The basis is what the file says, or unknown.
    """
    cassette, unanswered = _har(path) if _is_har(path) else (load(path), 0)
    links = {
        link.split("?")[0].encode()
        for exchange in cassette.exchanges
        if _is_vendor(exchange.request.url)
        for link in re.findall(
            r"https?:\\?/\\?/[^\"\\\s]+", exchange.response.body[:1_000_000].decode("utf-8", "replace")
        )
    }
    kept = tuple(
        exchange
        for exchange in cassette.exchanges
        if _is_vendor(exchange.request.url) or exchange.request.url.split("?")[0].encode() in links
    )
    if not kept:
        raise CassetteError(f"{path}: of {counted(len(cassette.exchanges), 'exchange')} none is with DashScope")
    first = min(exchange.at_ms for exchange in kept)
    kept = tuple(exchange._replace(at_ms=exchange.at_ms - first) for exchange in kept)
    return Converted(cassette._replace(exchanges=kept), len(cassette.exchanges) - len(kept) + unanswered)


def _is_vendor(url: str) -> bool:
    parts = urlsplit(url)
    return bool(_PATHS.match(parts.path) or _HOSTS.fullmatch((parts.hostname or "").lower()))


def _is_har(path: Path) -> bool:
    if path.suffix.lower() == ".har":
        return True
    return (
        path.suffix.lower() not in (".yaml", ".yml") and re.match(rb'\s*\{\s*"log"', read_file(path)[:200]) is not None
    )


def _har(path: Path) -> tuple[Cassette, int]:
    """All exchanges of a HAR file, and how many of its entries are none."""
    try:
        document = json.loads(read_file(path).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise CassetteError(f"{path}: not UTF-8") from None
    except json.JSONDecodeError as error:
        raise CassetteError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError):
        raise CassetteError(f"{path}: not JSON that can be read: too deep, or a number too long") from None
    log = document.get("log") if isinstance(document, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(log, dict) or not isinstance(entries, list):
        raise CassetteError(f"{path}: not a HAR file: it has no log.entries")
    found = [_entry(entry, f"{path}: entry {n}") for n, entry in enumerate(entries, 1)]
    complete = [(at, exchange) for at, exchange in found if exchange is not None]
    first = min((at for at, _ in complete), default=0)
    exchanges = sorted((exchange._replace(at_ms=at - first) for at, exchange in complete), key=lambda e: e.at_ms)
    day = datetime.fromtimestamp(first / 1000, UTC).date().isoformat() if complete else ""
    cassette = Cassette(Provenance("unknown", day, _creator(log)), tuple(exchanges), path.stem)
    return cassette, len(found) - len(complete)


def _creator(log: dict[str, Any]) -> str:
    for who in (log.get("browser"), log.get("creator")):
        if isinstance(who, dict) and isinstance(who.get("name"), str):
            return f"{who['name'][:60]} {str(who.get('version') or '')[:40]}".strip()
    return ""


def _entry(entry: Any, at: str) -> tuple[int, Exchange | None]:
    """When it began, and the exchange; None for one that has no answer, because it was blocked or stopped."""
    sent, got = (entry.get("request"), entry.get("response")) if isinstance(entry, dict) else (None, None)
    if not isinstance(sent, dict) or not isinstance(got, dict):
        raise CassetteError(f"{at}: must have a request and a response")
    method, url, status = sent.get("method"), sent.get("url"), got.get("status")
    if not isinstance(method, str) or not re.fullmatch(r"[A-Za-z]{1,20}", method) or not isinstance(url, str):
        raise CassetteError(f"{at}: its request must have a method and a url")
    if status == 0 or not url.startswith(("http://", "https://")):  # blocked; or wss:, data:, chrome-extension:
        return 0, None
    if not isinstance(status, int) or not 100 <= status <= 599:
        raise CassetteError(f"{at}: its response has no status from 100 to 599")
    try:
        _ = urlsplit(url).port
        began = round(datetime.fromisoformat(str(entry.get("startedDateTime"))).timestamp() * 1000)
        datetime.fromtimestamp(began / 1000, UTC)  # its day is told later
    except (ValueError, OverflowError):
        raise CassetteError(f"{at}: its url or its startedDateTime cannot be read") from None
    request = Request(
        method.upper(), url.split("#")[0], _pairs(sent.get("headers"), at), _sent(sent.get("postData"), at)
    )
    content = got.get("content")
    body = _content(content if isinstance(content, dict) else {}, at)
    return began, Exchange(request, Response(status, _pairs(got.get("headers"), at), body))


def _pairs(said: Any, at: str) -> Headers:
    """Header names and values, without those that only HTTP/2 has and without the encoding that HAR has taken off."""
    if not isinstance(said, list):
        return ()
    headers = []
    for header in said:
        name, value = (header.get("name"), header.get("value")) if isinstance(header, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(value, str):
            raise CassetteError(f"{at}: headers must be a list of names and values")
        if not name.startswith(":") and name.lower() != "content-encoding":
            headers.append((name, value))
    return tuple(headers)


def _sent(posted: Any, at: str) -> bytes:
    if not isinstance(posted, dict):
        return b""
    text, fields = posted.get("text"), posted.get("params")
    if not text and isinstance(fields, list):
        pairs = [(str(field.get("name")), str(field.get("value", ""))) for field in fields if isinstance(field, dict)]
        return urlencode(pairs).encode()
    return _content(posted, at)


def _content(content: dict[str, Any], at: str) -> bytes:
    text = content.get("text") or ""
    if not isinstance(text, str):
        raise CassetteError(f"{at}: a body must be text")
    if content.get("encoding") != "base64":
        return text.encode("utf-8", "replace")
    try:
        return binascii.a2b_base64(text.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        raise CassetteError(f"{at}: a body says that it is base64 and is not") from None
