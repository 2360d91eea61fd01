"""Looks through cassettes that others wrote or changed by hand: secrets anywhere, and files that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fakescope.errors import CassetteError
from fakescope.recording import secrets
from fakescope.recording.document import Row, rows
from fakescope.recording.media import is_text
from fakescope.recording.reading import leads_out, read_file

__all__ = ["lint"]

_CASSETTES = (".yaml", ".yml")


def lint(path: Path) -> Iterator[str]:
    """One line per finding in a file, or in all files of a folder: `file:line: what. What to do`."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if leads_out(file, path):
                yield f"{file}:1: a link that leads out of {path}. Put the file itself there"
            elif file.is_file():
                yield from _file(file)
        return
    yield from _file(path)
    beside = path.with_name(f"{path.stem}.media")
    if path.suffix.lower() in _CASSETTES and beside.is_dir():
        yield from lint(beside)


def _file(path: Path) -> Iterator[str]:
    for finding in secrets.find_in_name(path.name):
        yield _line(path, finding)
    try:
        content = read_file(path)
    except CassetteError as error:
        yield str(error)
        return
    if not is_text(content):
        for finding in secrets.find_in_media(content):
            yield _line(path, finding)
        return
    found = secrets.find(content)
    for finding in found:
        yield _line(path, finding)
    if path.suffix.lower() in _CASSETTES:
        try:
            _, interactions = rows(path)
        except CassetteError as error:
            yield str(error)
            return
        yield from _packed(path, interactions, found)


def _packed(path: Path, interactions: list[Row], found: list[secrets.Finding]) -> Iterator[str]:
    """What the text does not show, because it is compressed, in base64 or escaped, and the bodies do."""
    ends = [*(row.line for row in interactions[1:]), 1 << 60]
    for row, end in zip(interactions, ends, strict=False):  # of no interaction there is no end
        shown = {finding.kind for finding in found if row.line <= finding.line < end}
        request, response, _ = row.exchange
        headers = [f"{name}: {value}".encode() for name, value in (*request.headers, *response.headers)]
        for finding in secrets.find(b"\n".join([request.url.encode(), *headers, request.body, response.body])):
            if finding.kind not in shown:
                shown.add(finding.kind)
                yield _line(path, finding._replace(line=row.line))


def _line(path: Path, finding: secrets.Finding) -> str:
    return f"{path}:{finding.line}: {finding.kind}: looks like {finding.what}. {finding.fix}"
