"""What a cassette's YAML says, checked line by line: exchanges, where they are from, and when they were.

VCR.py's own files are read as well, in all the forms that its versions have written.
"""

from __future__ import annotations

import binascii
import re
import zlib
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, get_args
from urllib.parse import urlsplit

from fakescope.errors import CassetteError
from fakescope.recording.exchange import Basis, Exchange, Headers, Provenance, Request, Response
from fakescope.recording.media import STAND_IN, Media, extension, note, stand_in
from fakescope.recording.reading import MOST_BYTES, Table, leads_out, name_of, read_file, read_yaml

__all__ = ["BASES", "FORMAT", "Row", "duplicates", "is_address", "rows"]

FORMAT = 1
"""The newest form of our own part of a cassette that is read, and the one that is written."""
BASES: tuple[str, ...] = get_args(Basis)


class Row(NamedTuple):
    """An interaction as it stands in a file: its line, and whether the file says when it was."""

    exchange: Exchange
    line: int
    timed: bool


def rows(path: Path) -> tuple[Provenance, list[Row]]:
    """Everything in a file, in its order. Raises CassetteError."""
    content = read_file(path)
    place = str(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CassetteError(f"{place}:{line}: not UTF-8") from None
    document = read_yaml(text, place)
    if isinstance(document, list) and document and isinstance(document[0], Table) and "request" in document[0]:
        raise CassetteError(f"{place}: written by a VCR.py before 1.0; record it again")
    provenance = _provenance(document, place) if isinstance(document, Table) else None  # a newer format says so first
    if provenance is None or not isinstance(document.get("interactions"), list):
        raise CassetteError(f"{place}: not a cassette: it has no list named interactions")
    if "fakescope" in document and "version" not in document:  # we write it last
        raise CassetteError(f"{place}: cut off: a cassette ends with its version")
    found = [_row(item, n, path) for n, item in enumerate(document["interactions"], 1)]
    if (twice := duplicates([row.exchange for row in found])) is not None:
        first, second = twice
        what = f"interaction {second + 1} is the same as interaction {first + 1}"
        raise CassetteError(f"{place}:{found[second].line}: {what}; remove one of them")
    return provenance, found


def _provenance(document: Table, place: str) -> Provenance:
    table = document.get("fakescope")
    if table is None:
        return Provenance("unknown", "")
    if not isinstance(table, Table):
        raise CassetteError(f"{place}: fakescope must be a mapping with format and basis")
    at = f"{place}:{table.line}"
    number = table.get("format")
    if not isinstance(number, int) or number < 1:
        raise CassetteError(f"{at}: fakescope.format must be a number from 1; this fakescope writes {FORMAT}")
    if number > FORMAT:
        raise CassetteError(f"{at}: format {number} is newer than this fakescope, which reads {FORMAT}; upgrade it")
    if table.get("basis") not in BASES:
        raise CassetteError(f"{at}: fakescope.basis is {table.get('basis')!r:.40}; allowed: {', '.join(BASES)}")
    versions = table.get("versions")
    if versions is not None and not isinstance(versions, Table):
        raise CassetteError(f"{at}: fakescope.versions must be a mapping")
    return Provenance(
        table["basis"],
        str(table.get("recorded") or ""),
        str(table.get("client") or ""),
        {name: str(version) for name, version in (versions or {}).items()},
    )


def _row(item: Any, n: int, path: Path) -> Row:
    at = f"{path}:{item.line}: interaction {n}" if isinstance(item, Table) else f"{path}: interaction {n}"
    if not isinstance(item, Table) or not all(isinstance(item.get(half), Table) for half in ("request", "response")):
        raise CassetteError(f"{at}: must be a mapping with request and response")
    at_ms = item.get("at_ms")
    if at_ms is not None and not (isinstance(at_ms, int) and 0 <= at_ms < 10**12):
        raise CassetteError(f"{at}: at_ms must be milliseconds since the recording began")
    request, response = _request(item["request"], at), _response(item["response"], at)
    if item.get("media") is not None:
        response = _with_media(response, item["media"], path, at)
    return Row(Exchange(request, response, at_ms or 0), item.line, at_ms is not None)


def _request(table: Table, at: str) -> Request:
    method, url = table.get("method"), table.get("uri")
    if not isinstance(method, str) or not re.fullmatch(r"[A-Za-z]{1,20}", method):
        raise CassetteError(f"{at}: request.method must be a word such as GET")
    if not isinstance(url, str) or not is_address(url):
        raise CassetteError(f"{at}: request.uri must be an address that begins with http:// or https://")
    headers = _headers(table.get("headers"), f"{at}: request")
    return Request(method.upper(), url, *_decoded(headers, _body(table.get("body"), f"{at}: request"), at))


def _response(table: Table, at: str) -> Response:
    status = table.get("status")
    code = table.get("status_code", status.get("code") if isinstance(status, Table) else status)
    if isinstance(code, str) and re.fullmatch(r"[0-9]{3}", code, re.ASCII):
        code = int(code)
    if not isinstance(code, int) or not 100 <= code <= 599:
        raise CassetteError(f"{at}: response.status.code must be a number from 100 to 599")
    headers = _headers(table.get("headers"), f"{at}: response")
    body = table.get("body", table.get("content"))  # `content` and `status_code`: VCR.py before 6, from httpx
    return Response(code, *_decoded(headers, _body(body, f"{at}: response"), at))


def is_address(url: str) -> bool:
    """Whether a request can have gone there."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\x00-\x20\x7f]", url)


def _headers(given: Any, at: str) -> Headers:
    if given is None:
        return ()
    if not isinstance(given, Table):
        raise CassetteError(f"{at}.headers must be a mapping from names to lists of texts")
    headers = []
    for name, values in given.items():
        if not re.fullmatch(r"[\w!#$%&'*+.^`|~-]{1,200}", name, re.ASCII):
            raise CassetteError(f"{at}.headers: {name[:40]!r} is no name of a header")
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, bytes):
                value = value.decode("latin-1")
            if not isinstance(value, str | int) or re.search(r"[\x00-\x08\x0a-\x1f\x7f]", str(value)):
                raise CassetteError(f"{at}.headers: {name[:40]!r} must be a list of texts of one line")
            headers.append((name, str(value)))
    return tuple(headers)


def _body(given: Any, at: str) -> bytes:
    if isinstance(given, Table):
        encoded = given.get("base64_string")
        if isinstance(encoded, str):  # as other VCRs write what is not text
            try:
                return binascii.a2b_base64(encoded.encode("ascii"), strict_mode=False)
            except (binascii.Error, UnicodeEncodeError):
                raise CassetteError(f"{at}.body.base64_string is not base64") from None
        given = given.get("string")
    if isinstance(given, list) and all(isinstance(part, str | bytes) for part in given):
        given = b"".join(part.encode() if isinstance(part, str) else part for part in given)
    if given is None:
        return b""
    if isinstance(given, int):
        given = str(given)
    if isinstance(given, str):
        return given.encode()
    if not isinstance(given, bytes):
        raise CassetteError(f"{at}.body must be text or !!binary")
    return given


def _decoded(headers: Headers, body: bytes, at: str) -> tuple[Headers, bytes]:
    """Headers and body without content encoding."""
    encodings = [value.strip().lower() for name, value in headers if name.lower() == "content-encoding"]
    if not encodings:
        return headers, body
    rest = tuple((name, value) for name, value in headers if name.lower() != "content-encoding")
    if not body or encodings == ["identity"] or body.lstrip()[:1] in (b"{", b"["):  # decoded before it was recorded
        return rest, body
    if len(encodings) > 1 or encodings[0] not in ("gzip", "x-gzip", "deflate"):
        raise CassetteError(f"{at}: content-encoding {', '.join(encodings)[:40]!r} is not read; gzip and deflate are")
    for window in (47, -15):  # 47: gzip or zlib, as they begin; -15: deflate without a head, which servers send, too
        reader = zlib.decompressobj(window)
        try:
            plain = reader.decompress(body, MOST_BYTES)
        except zlib.error:
            continue
        if reader.unconsumed_tail:
            raise CassetteError(f"{at}: its body unpacks to more than {MOST_BYTES // 1_000_000} MB")
        if reader.eof:
            return rest, plain
    raise CassetteError(f"{at}: its body is not {encodings[0]}, though content-encoding says so")


def _with_media(response: Response, table: Any, path: Path, at: str) -> Response:
    """The answer with its file back: read from beside the cassette, or a stand-in."""
    kind, size, digest = (
        (table.get(key) for key in ("type", "bytes", "sha256")) if isinstance(table, Table) else [None] * 3
    )
    if not (
        isinstance(kind, str)
        and re.fullmatch(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}", kind)
        and isinstance(size, int)
        and 0 <= size < 10**15
        and isinstance(digest, str | int)
        and re.fullmatch(r"[0-9a-f]{64}", str(digest))
    ):
        raise CassetteError(f"{at}: media must have type, bytes and sha256 (64 hexadecimal digits)")
    media = Media(kind, size, str(digest), dropped=bool(table.get("dropped")))
    if table.get("file") is None:
        body = b"" if media.dropped else stand_in(kind)
        return Response(response.status, (*response.headers, (STAND_IN, note(media))), body)
    file = path.with_name(f"{path.stem}.media") / f"{media.sha256}.{extension(kind)}"
    expected = name_of(file.relative_to(path.parent))
    if table["file"] != expected:
        raise CassetteError(f"{at}: media.file must be {expected}, nothing else is read")
    if leads_out(file, path.parent):
        raise CassetteError(f"{at}: media.file leads out of the folder; put the file itself there")
    content = read_file(file)
    if sha256(content).hexdigest() != media.sha256:
        raise CassetteError(f"{at}: {expected} is not the file that was recorded: its SHA-256 differs")
    return response._replace(body=content)


def duplicates(exchanges: Iterable[Exchange]) -> tuple[int, int] | None:
    """The places, from 0, of the same answer twice, with the request id that the vendor gives once only: so look files
    that were merged by hand. None if there is no such pair.
    """
    seen: dict[Any, int] = {}
    for n, (request, response, at_ms) in enumerate(exchanges):
        if b'"request_id"' in response.body:
            key = (request.method, request.url, request.body, response.status, response.body, at_ms)
            if (first := seen.setdefault(key, n)) != n:
                return first, n
    return None
