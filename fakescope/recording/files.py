"""Cassettes as files: the YAML of VCR.py, and beside it what VCR.py passes over: where it is from, and when what was.

    fakescope: {format: 1, basis: seen, recorded: 2026-11-20, client: …, versions: {…}}
    interactions:
    - at_ms: 0
      request: {method: …, uri: …, headers: …, body: …}
      response: {status: …, headers: …, body: {string: …}}
    version: 1

Files are read without trust (`fakescope.recording.reading`), and written only as `fakescope.recording.redaction` leaves
them and if `fakescope.recording.secrets` finds nothing in any byte.
"""

from __future__ import annotations

import contextlib
import os
import re
import zlib
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple, get_args
from urllib.parse import urlsplit

from fakescope.errors import CassetteError
from fakescope.recording import secrets
from fakescope.recording.exchange import Basis, Cassette, Exchange, Headers, Provenance, Request, Response
from fakescope.recording.media import STAND_IN, Media, Policy, extension, media_of, note, stand_in
from fakescope.recording.reading import Table, need_yaml, read_yaml
from fakescope.recording.redaction import redact, redact_text

__all__ = ["FORMAT", "CassetteError", "Row", "load", "load_folder", "read_file", "rows", "save"]

FORMAT = 1
MOST_BYTES = 50_000_000
"""The largest cassette and the largest body that are read."""
_BASES: tuple[str, ...] = get_args(Basis)


class Row(NamedTuple):
    """An interaction as it stands in a file: its line, and whether the file says when it was."""

    exchange: Exchange
    line: int
    timed: bool


# -- reading


def load(path: Path | str) -> Cassette:
    """The recording in a file, whether fakescope or VCR.py wrote it. Raises CassetteError: one line, file and place.

    Where a file of VCR.py does not say when its exchanges were, the vendor's own time headers do, else `Date`, else
    they are a second apart. Bodies come without content encoding; a result file that was not kept comes as a small
    stand-in, marked by the header `X-Fakescope-Stand-In`.
    """
    path = Path(path)
    provenance, found = rows(path)
    timed = _timed(found)
    exchanges = sorted(timed, key=lambda exchange: exchange.at_ms)
    return Cassette(provenance, tuple(exchanges), path.stem)


def load_folder(folder: Path | str) -> tuple[Cassette, ...]:
    """All recordings (*.yaml, *.yml) in a folder and below it, in the order of their paths; names are relative."""
    folder = Path(folder)
    if not folder.is_dir():
        raise CassetteError(f"{folder}: no such folder")
    inside = folder.resolve()
    loaded = []
    for path in sorted(p for kind in ("*.yaml", "*.yml") for p in folder.rglob(kind)):
        if not path.resolve().is_relative_to(inside):
            raise CassetteError(f"{path}: a link that leads out of {folder}; put the file itself there")
        if path.is_dir():
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        loaded.append(load(path)._replace(name=name))
    return tuple(loaded)


def read_file(path: Path) -> bytes:
    """The bytes of a regular file of bounded size that lies where its path says."""
    try:
        if not path.resolve().is_relative_to(path.parent.resolve()):
            raise CassetteError(f"{path}: a link that leads out of its folder; put the file itself there")
        if not path.is_file():
            raise CassetteError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
        if path.stat().st_size > MOST_BYTES:
            size = path.stat().st_size // 1_000_000
            raise CassetteError(
                f"{path}: {size} MB; at most {MOST_BYTES // 1_000_000} MB are read. Record films with --media describe"
            )
        return path.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CassetteError(f"{path}: cannot be read: {why}") from None


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
    if not isinstance(document, Table) or not isinstance(document.get("interactions"), list):
        raise CassetteError(f"{place}: not a cassette: it has no list named interactions")
    provenance = _provenance(document, place)
    found = [_row(item, n, path) for n, item in enumerate(document["interactions"], 1)]
    _refuse_duplicates(((row.exchange, row.line) for row in found), place)
    return provenance, found


def _provenance(document: Table, place: str) -> Provenance:
    said = document.get("fakescope")
    if said is None:
        return Provenance("unknown", "")
    if not isinstance(said, Table):
        raise CassetteError(f"{place}: fakescope must be a mapping with format and basis")
    at = f"{place}:{said.line}"
    number = said.get("format")
    if not isinstance(number, int) or number < 1:
        raise CassetteError(f"{at}: fakescope.format must be a number from 1; this fakescope writes {FORMAT}")
    if number > FORMAT:
        raise CassetteError(f"{at}: format {number} is newer than this fakescope, which reads {FORMAT}; upgrade it")
    if said.get("basis") not in _BASES:
        raise CassetteError(f"{at}: fakescope.basis is {said.get('basis')!r:.40}; allowed: {', '.join(_BASES)}")
    versions = said.get("versions")
    if versions is not None and not isinstance(versions, Table):
        raise CassetteError(f"{at}: fakescope.versions must be a mapping")
    return Provenance(
        said["basis"],
        str(said.get("recorded") or ""),
        str(said.get("client") or ""),
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


def _request(said: Table, at: str) -> Request:
    method, url = said.get("method"), said.get("uri")
    if not isinstance(method, str) or not re.fullmatch(r"[A-Za-z]{1,20}", method):
        raise CassetteError(f"{at}: request.method must be a word such as GET")
    if not isinstance(url, str) or not _is_address(url):
        raise CassetteError(f"{at}: request.uri must be an address that begins with http:// or https://")
    headers = _headers(said.get("headers"), f"{at}: request")
    return Request(method.upper(), url, *_decoded(headers, _body(said.get("body"), f"{at}: request"), at))


def _response(said: Table, at: str) -> Response:
    status = said.get("status")
    code = said.get("status_code", status.get("code") if isinstance(status, Table) else status)
    if isinstance(code, str) and re.fullmatch(r"[0-9]{3}", code, re.ASCII):
        code = int(code)
    if not isinstance(code, int) or not 100 <= code <= 599:
        raise CassetteError(f"{at}: response.status.code must be a number from 100 to 599")
    headers = _headers(said.get("headers"), f"{at}: response")
    body = said.get("body", said.get("content"))  # `content` and `status_code`: VCR.py before 6, from httpx
    return Response(code, *_decoded(headers, _body(body, f"{at}: response"), at))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\x00-\x20\x7f]", url)


def _headers(said: Any, at: str) -> Headers:
    if said is None:
        return ()
    if not isinstance(said, Table):
        raise CassetteError(f"{at}.headers must be a mapping from names to lists of texts")
    headers = []
    for name, values in said.items():
        if not re.fullmatch(r"[\w!#$%&'*+.^`|~-]{1,200}", name, re.ASCII):
            raise CassetteError(f"{at}.headers: {name[:40]!r} is no name of a header")
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, bytes):
                value = value.decode("latin-1")
            if not isinstance(value, str | int) or re.search(r"[\x00-\x08\x0a-\x1f\x7f]", str(value)):
                raise CassetteError(f"{at}.headers: {name[:40]!r} must be a list of texts of one line")
            headers.append((name, str(value)))
    return tuple(headers)


def _body(said: Any, at: str) -> bytes:
    if isinstance(said, Table):
        encoded = said.get("base64_string")
        if isinstance(encoded, str):  # as other VCRs write what is not text
            import binascii  # deferred: few files have it

            try:
                return binascii.a2b_base64(encoded.encode("ascii"), strict_mode=False)
            except (binascii.Error, UnicodeEncodeError):
                raise CassetteError(f"{at}.body.base64_string is not base64") from None
        said = said.get("string")
    if isinstance(said, list) and all(isinstance(part, str | bytes) for part in said):
        said = b"".join(part.encode() if isinstance(part, str) else part for part in said)
    if said is None:
        return b""
    if isinstance(said, int):
        said = str(said)
    if isinstance(said, str):
        return said.encode()
    if not isinstance(said, bytes):
        raise CassetteError(f"{at}.body must be text or !!binary")
    return said


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


def _with_media(response: Response, said: Any, path: Path, at: str) -> Response:
    """The answer with its file back: read from beside the cassette, or a stand-in."""
    kind, size, digest = (
        (said.get(key) for key in ("type", "bytes", "sha256")) if isinstance(said, Table) else [None] * 3
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
    media = Media(kind, size, str(digest), dropped=bool(said.get("dropped")))
    if said.get("file") is None:
        body = b"" if media.dropped else stand_in(kind)
        return Response(response.status, (*response.headers, (STAND_IN, note(media))), body)
    expected = f"{path.stem}.media/{media.sha256}.{extension(kind)}"
    if said["file"] != expected:
        raise CassetteError(f"{at}: media.file must be {expected}, nothing else is read")
    file = path.parent / expected
    if not file.resolve().is_relative_to(path.parent.resolve()):
        raise CassetteError(f"{at}: media.file leads out of the folder; put the file itself there")
    content = read_file(file)
    if sha256(content).hexdigest() != media.sha256:
        raise CassetteError(f"{at}: {expected} is not the file that was recorded: its SHA-256 differs")
    return response._replace(body=content)


def _refuse_duplicates(found: Iterable[tuple[Exchange, int]], place: str) -> None:
    """The same answer twice, with the request id that the vendor gives once only: files that were merged by hand."""
    seen: dict[Any, int] = {}
    for n, ((request, response, at_ms), line) in enumerate(found, 1):
        if b'"request_id"' not in response.body:
            continue
        key = (request.method, request.url, request.body, response.status, response.body, at_ms)
        if key in seen:
            at = f"{place}:{line}" if line else place
            raise CassetteError(f"{at}: interaction {n} is the same as interaction {seen[key]}; remove one of them")
        seen[key] = n


def _timed(found: list[Row]) -> Iterable[Exchange]:
    """The exchanges with their times: as the file says, as the answers say, or a second apart."""
    if not found or all(row.timed for row in found):
        return [row.exchange for row in found]
    stamps = [_stamp(row.exchange.response.headers) for row in found]
    known = [stamp for stamp in stamps if stamp is not None]
    if len(known) == len(found):
        first = min(known)
        return [row.exchange._replace(at_ms=stamp - first) for row, stamp in zip(found, known, strict=True)]
    return [row.exchange._replace(at_ms=1000 * n) for n, row in enumerate(found)]


def _stamp(headers: Headers) -> int | None:
    """When an answer was given, in milliseconds: by the vendor's gateway, or by its `Date`."""
    said = {name.lower(): value for name, value in headers}
    if re.fullmatch(r"[0-9]{12,14}", said.get("req-arrive-time", ""), re.ASCII):
        return int(said["req-arrive-time"])
    try:
        return int(parsedate_to_datetime(said["date"]).timestamp() * 1000)
    except (KeyError, ValueError, TypeError, IndexError, OverflowError):
        return None


# -- writing


def save(cassette: Cassette, path: Path | str, *, media: Policy = "describe") -> None:
    """Redact the recording, look through every byte that is to be written, and write the file at once or not at all.

    `media` says what becomes of result files: kept beside the cassette by their hash, described and replaced by a
    stand-in, or dropped. Raises CassetteError if something still looks like a secret, or cannot be written.
    """
    path = Path(path)
    if media not in get_args(Policy):
        raise CassetteError(f"media is {media!r}; allowed: {', '.join(get_args(Policy))}")
    _refuse_unwritable(cassette, path)
    ordered = sorted(cassette.exchanges, key=lambda exchange: exchange.at_ms)
    redacted = redact(ordered, f"{path.absolute().parent.name}/{path.stem}")
    _refuse_duplicates(((exchange, 0) for exchange in redacted), str(path))
    files: dict[str, bytes] = {}
    document = {
        "fakescope": _said(cassette.provenance),
        "interactions": [_interaction(exchange, path, media, files) for exchange in redacted],
        "version": 1,
    }
    content = _yaml(document)
    _refuse_secrets(path, content, files)
    folder = path.parent / f"{path.stem}.media"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for name, body in files.items():
            folder.mkdir(exist_ok=True)
            _write(path.parent / name, body)
        _write(path, content)
        _remove_stale(folder, {Path(name).name for name in files})
    except OSError as error:
        raise CassetteError(f"{path}: cannot be written: {error.strerror or error}") from None


def _refuse_unwritable(cassette: Cassette, path: Path) -> None:
    if cassette.provenance.basis not in _BASES:
        raise CassetteError(f"{path}: basis is {cassette.provenance.basis!r:.40}; allowed: {', '.join(_BASES)}")
    for n, (request, response, at_ms) in enumerate(cassette.exchanges, 1):
        if not re.fullmatch(r"[A-Za-z]{1,20}", request.method, re.ASCII):
            raise CassetteError(f"{path}: exchange {n} has a method that is no word")
        if not _is_address(request.url):
            raise CassetteError(f"{path}: exchange {n} has an address that does not begin with http:// or https://")
        if not 100 <= response.status <= 599 or not 0 <= at_ms < 10**12:
            raise CassetteError(f"{path}: exchange {n} has a status outside 100 to 599, or a time before it began")


def _said(provenance: Provenance) -> dict[str, Any]:
    said: dict[str, Any] = {"format": FORMAT, "basis": provenance.basis, "recorded": redact_text(provenance.recorded)}
    if provenance.client:
        said["client"] = redact_text(provenance.client)
    if provenance.versions:
        said["versions"] = {redact_text(name): redact_text(version) for name, version in provenance.versions.items()}
    return said


def _interaction(exchange: Exchange, path: Path, policy: Policy, files: dict[str, bytes]) -> dict[str, Any]:
    request, response, at_ms = exchange
    said: dict[str, Any] = {"at_ms": at_ms}
    found = media_of(response)
    body = response.body
    if found is not None:
        about: dict[str, Any] = {"type": found.kind, "bytes": found.size, "sha256": found.sha256}
        if policy == "keep" and found.content is not None:
            about["file"] = f"{path.stem}.media/{found.sha256}.{extension(found.kind)}"
            files[about["file"]] = found.content
        elif policy == "drop" or found.dropped:
            about["dropped"] = 1
        said["media"] = about
        body = f"fakescope: {found.size} bytes of {found.kind} that are not in this file".encode()
    headers = [(name, value) for name, value in response.headers if name.lower() != STAND_IN.lower()]
    said["request"] = {
        "method": request.method,
        "uri": request.url,
        "headers": _grouped(request.headers),
        "body": request.body.decode() or None,
    }
    said["response"] = {
        "status": {"code": response.status, "message": _phrase(response.status)},
        "headers": _grouped(headers),
        "body": {"string": body.decode()},
    }
    return said


def _grouped(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    spelled: dict[str, str] = {}
    for name, value in headers:
        grouped.setdefault(spelled.setdefault(name.lower(), name), []).append(value)
    return grouped


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _yaml(document: dict[str, Any]) -> bytes:
    yaml = need_yaml()

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, name-defined]
        """Not the one in C: that cannot show an emoji, and would write the whole body in escapes for one."""

        def ignore_aliases(self, _data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    dumped: str = yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return dumped.encode()


def _refuse_secrets(path: Path, content: bytes, files: dict[str, bytes]) -> None:
    for finding in secrets.find_in_name(path.name):
        raise CassetteError(f"{path.parent}: not saved: {finding.what}. {finding.fix}")
    for finding in secrets.find(content):
        n = len(re.findall(rb"^- at_ms:", b"\n".join(content.split(b"\n")[: finding.line]), re.MULTILINE))
        where = f"interaction {n}" if n else "its provenance"
        raise CassetteError(
            f"{path}: not saved: {where} still has what looks like {finding.what} ({finding.kind}) after redaction; "
            "take it out of what you record"
        )
    for body in files.values():
        for finding in secrets.find_in_media(body):
            raise CassetteError(f"{path}: not saved: it looks like there is {finding.what}. {finding.fix}")


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing: another name first, then renamed."""
    beside = path.with_name(f".{path.name[:100]}.{os.getpid()}.new")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def _remove_stale(folder: Path, kept: set[str]) -> None:
    """Files of an earlier version of the cassette: what was in them may be why it is written again."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for file in folder.iterdir():
        if file.name not in kept and re.fullmatch(r"[0-9a-f]{64}\.[a-z0-9]{1,4}", file.name):
            file.unlink()
    with contextlib.suppress(OSError):  # not empty
        folder.rmdir()
