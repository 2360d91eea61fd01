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
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, get_args

from fakescope.errors import CassetteError
from fakescope.recording import secrets
from fakescope.recording.document import BASES, FORMAT, Row, duplicates, is_address, rows
from fakescope.recording.exchange import Cassette, Exchange, Headers, Provenance
from fakescope.recording.media import STAND_IN, Policy, extension, media_of
from fakescope.recording.reading import leads_out, name_of, need_yaml
from fakescope.recording.redaction import redact, redact_text

__all__ = [
    "CassetteError",
    "RefusedError",
    "cassettes_in",
    "load",
    "load_all",
    "load_folder",
    "refuse_if_empty",
    "save",
]


class RefusedError(CassetteError):
    """A recording must not be written as it is. `exchanges` are those at fault, from 0 in the order of their times;
    none, if it is not an exchange.
    """

    def __init__(self, message: str, *exchanges: int) -> None:
        super().__init__(message)
        self.exchanges = frozenset(exchanges)


# -- reading


def load(path: Path | str) -> Cassette:
    """The recording in a file, whether fakescope or VCR.py wrote it. Raises CassetteError: one line, file and place.

    Where a file of VCR.py does not say when its exchanges were, the vendor's own time headers do, else `Date`, else
    they are a second apart. Bodies come without content encoding; a result file that was not kept comes as a small
    stand-in, marked by the header `X-Fakescope-Stand-In`.
    """
    path = Path(path)
    provenance, found = rows(path)
    if provenance.basis == "unknown" and not provenance.recorded:
        stamps = [stamp for row in found if (stamp := _stamp(row.exchange.response.headers)) is not None]
        day = datetime.fromtimestamp(min(stamps) / 1000, UTC).date().isoformat() if stamps else ""
        provenance = provenance._replace(recorded=day)
    exchanges = sorted(_timed(found), key=lambda exchange: exchange.at_ms)
    return Cassette(provenance, tuple(exchanges), name_of(Path(path.stem)))


def load_all(path: Path | str) -> tuple[Cassette, ...]:
    """The recording in a file, or those in a folder. Raises CassetteError, also if there is none."""
    path = Path(path)
    refuse_if_empty(path)
    return load_folder(path) if path.is_dir() else (load(path),)


def load_folder(folder: Path | str) -> tuple[Cassette, ...]:
    """All recordings in a folder and below it, in the order of their paths; names are relative."""
    folder = Path(folder)
    if not folder.is_dir():
        raise CassetteError(f"{folder}: no such folder")
    loaded = []
    for path in cassettes_in(folder):
        if leads_out(path, folder):
            raise CassetteError(f"{path}: a link that leads out of {folder}; put the file itself there")
        loaded.append(load(path)._replace(name=name_of(path.relative_to(folder).with_suffix(""))))
    return tuple(loaded)


def cassettes_in(folder: Path) -> list[Path]:
    """The cassettes (*.yaml, *.yml) in a folder and below it, in the order of their paths."""
    return sorted(path for kind in ("*.yaml", "*.yml") for path in folder.rglob(kind) if not path.is_dir())


def refuse_if_empty(path: Path) -> None:
    """Raises CassetteError for a folder without cassettes: a wrong path must not look like one where all is well."""
    if path.is_dir() and not cassettes_in(path):
        raise CassetteError(f"{path} has no cassettes: files that end in .yaml; `fakescope record` makes them")


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
    given = {name.lower(): value for name, value in headers}
    if re.fullmatch(r"[0-9]{12,14}", given.get("req-arrive-time", ""), re.ASCII):
        return int(given["req-arrive-time"])
    try:
        return int(parsedate_to_datetime(given["date"]).timestamp() * 1000)
    except (KeyError, ValueError, TypeError, IndexError, OverflowError):
        return None


# -- writing


def save(cassette: Cassette, path: Path | str, *, media: Policy = "describe") -> None:
    """Redact the recording, look through every byte that is to be written, and write the file at once or not at all.

    `media` says what becomes of result files: kept beside the cassette by their hash, described and replaced by a
    stand-in, or dropped. Raises RefusedError if something still looks like a secret or cannot be read again, and
    CassetteError if the file cannot be written.
    """
    path = Path(path)
    if media not in get_args(Policy):
        raise CassetteError(f"media is {media!r}; allowed: {', '.join(get_args(Policy))}")
    ordered = sorted(cassette.exchanges, key=lambda exchange: exchange.at_ms)
    _refuse_unreadable(cassette.provenance, ordered, path)
    redacted = redact(ordered, f"{path.absolute().parent.name}/{path.stem}")
    if (twice := duplicates(redacted)) is not None:
        first, second = twice
        what = f"interaction {second + 1} is the same as interaction {first + 1}"
        raise RefusedError(f"{path}: not saved: {what}", second)
    files: dict[str, bytes] = {}
    interactions = [_interaction(exchange, path, media, files) for exchange in redacted]
    content = _yaml({"fakescope": _provenance_table(cassette.provenance), "interactions": interactions, "version": 1})
    _refuse_secrets(path, content, interactions, files)
    folder = _media_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for name, body in files.items():
            folder.mkdir(exist_ok=True)
            there = folder / name
            if there.is_symlink() or not there.is_file() or there.read_bytes() != body:
                _write(there, body)
        _write(path, content)
        _remove_stale(folder, set(files))
    except OSError as error:
        raise CassetteError(f"{path}: cannot be written: {error.strerror or error}") from None


def _refuse_unreadable(provenance: Provenance, exchanges: Sequence[Exchange], path: Path) -> None:
    """What could be written and not be read again."""
    if provenance.basis not in BASES:
        raise RefusedError(f"{path}: basis is {provenance.basis!r:.40}; allowed: {', '.join(BASES)}")
    for n, (request, response, at_ms) in enumerate(exchanges):
        if not re.fullmatch(r"[A-Za-z]{1,20}", request.method, re.ASCII):
            why = "a method that is no word"
        elif not is_address(request.url):
            why = "an address that does not begin with http:// or https://"
        elif not 100 <= response.status <= 599 or not 0 <= at_ms < 10**12:
            why = "a status outside 100 to 599, or a time before it began"
        else:
            continue
        raise RefusedError(f"{path}: exchange {n + 1} has {why}", n)


def _media_of(path: Path) -> Path:
    """The folder of a cassette's result files."""
    return path.with_name(f"{path.stem}.media")


def _provenance_table(provenance: Provenance) -> dict[str, Any]:
    table: dict[str, Any] = {"format": FORMAT, "basis": provenance.basis, "recorded": redact_text(provenance.recorded)}
    if provenance.client:
        table["client"] = redact_text(provenance.client)
    if provenance.versions:
        table["versions"] = {redact_text(name): redact_text(version) for name, version in provenance.versions.items()}
    return table


def _interaction(exchange: Exchange, path: Path, policy: Policy, files: dict[str, bytes]) -> dict[str, Any]:
    request, response, at_ms = exchange
    table: dict[str, Any] = {"at_ms": at_ms}
    found = media_of(response)
    body = response.body
    if found is not None:
        about: dict[str, Any] = {"type": found.kind, "bytes": found.size, "sha256": found.sha256}
        if policy == "keep" and found.content is not None:
            name = f"{found.sha256}.{extension(found.kind)}"
            about["file"] = name_of(_media_of(path).relative_to(path.parent) / name)
            files[name] = found.content
        elif policy == "drop" or found.dropped:
            about["dropped"] = 1
        table["media"] = about
        body = f"fakescope: {found.size} bytes of {found.kind} that are not in this file".encode()
    headers = [(name, value) for name, value in response.headers if name.lower() != STAND_IN.lower()]
    table["request"] = {
        "method": request.method,
        "uri": request.url,
        "headers": _grouped(request.headers),
        "body": request.body.decode() or None,
    }
    table["response"] = {
        "status": {"code": response.status, "message": _phrase(response.status)},
        "headers": _grouped(headers),
        "body": {"string": body.decode()},
    }
    return table


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


_NOT_SHOWN = re.compile("[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010fffe]")


def _is_indented_json(text: str) -> bool:
    """Whether a text is of the kind of `json_bodies.pretty`, in which YAML sees nothing but lines."""
    around = text[:1] + text[-1:]
    return (
        around in ("{}", "[]")
        and "\n" in text
        and " \n" not in text
        and "\n\n" not in text
        and not _NOT_SHOWN.search(text)
    )


def _yaml(document: dict[str, Any]) -> bytes:
    yaml = need_yaml()

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, name-defined]
        """Not the one in C: that cannot show an emoji, and would write the whole body in escapes for one.

        This one looks at every letter twice, for seconds if there are millions. An indented body needs no such look;
        the bytes are the same.
        """

        def ignore_aliases(self, _data: Any) -> bool:
            return True

        def analyze_scalar(self, scalar: str) -> Any:
            if not _is_indented_json(scalar):
                return super().analyze_scalar(scalar)
            return yaml.emitter.ScalarAnalysis(
                scalar,
                empty=False,
                multiline=True,
                allow_flow_plain=False,
                allow_block_plain=False,
                allow_single_quoted=False,
                allow_double_quoted=True,
                allow_block=True,
            )

        def write_literal(self, text: str) -> None:
            if not _is_indented_json(text):
                super().write_literal(text)
                return
            self.write_indicator("|-", True)
            self.write_line_break()
            indent = " " * self.indent
            self.stream.write(indent + text.replace("\n", "\n" + indent))
            self.write_line_break()

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    dumped: str = yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return dumped.encode()


def _refuse_secrets(path: Path, content: bytes, interactions: Sequence[Any], files: dict[str, bytes]) -> None:
    for finding in secrets.find_in_name(path.name):
        raise RefusedError(f"{path.parent}: not saved: {finding.what}. {finding.fix}")
    if found := secrets.find(content):
        starts = [n for n, line in enumerate(content.split(b"\n"), 1) if line.startswith(b"- at_ms:")]
        places = [bisect_right(starts, finding.line) for finding in found]
        where = f"interaction {places[0]}" if places[0] else "its provenance"
        raise RefusedError(
            f"{path}: not saved: {where} still has what looks like {found[0].what} ({found[0].kind}) after redaction; "
            "take it out of what you record",
            *(place - 1 for place in places if place),
        )
    for name, body in files.items():
        for finding in secrets.find_in_media(body):
            owners = [
                n for n, each in enumerate(interactions) if each.get("media", {}).get("file", "").endswith(f"/{name}")
            ]
            raise RefusedError(f"{path}: not saved: it looks like there is {finding.what}. {finding.fix}", *owners)


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
