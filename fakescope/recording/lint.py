"""Looks through cassettes that others wrote or changed by hand: secrets anywhere, and files that cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fakescope.errors import CassetteError
from fakescope.recording import secrets
from fakescope.recording.document import Row, rows
from fakescope.recording.media import is_text
from fakescope.recording.reading import leads_out, read_file

__all__ = ["lint", "looked_through"]


def lint(path: Path) -> Iterator[str]:
    """One line per finding in what is looked through: `file:line: what. What to do`."""
    for file in looked_through(path):
        yield from _file(file)


def looked_through(path: Path) -> list[Path]:
    """All files of a folder, or the file, and if it is a cassette its result files."""
    if path.is_dir():
        return [file for file in sorted(path.rglob("*")) if leads_out(file, path) or file.is_file()]
    beside = path.with_name(f"{path.stem}.media")
    return [path, *(looked_through(beside) if _is_cassette(path) and beside.is_dir() else ())]


def _is_cassette(path: Path) -> bool:
    return path.suffix.lower() in (".yaml", ".yml")


def _file(path: Path) -> Iterator[str]:
    for finding in secrets.find_in_name(path.name):
        yield _line(path, finding)
    try:
        content = read_file(path)
    except CassetteError as error:
        yield str(error)
        return
    is_to_be_text = _is_cassette(path) or path.suffix.lower() == ".har"  # though a byte of it may be none
    found = secrets.find(content) if is_to_be_text or is_text(content) else secrets.find_in_media(content)
    for finding in found:
        yield _line(path, finding)
    if _is_cassette(path):
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
    fix = finding.fix
    if path.suffix.lower() == ".har":
        fix = fix.replace("cassette scrub", "cassette convert")
    elif not _is_cassette(path):  # neither command reads it
        fix = re.sub("run `[^`]+` on the file", "take it out of the file", fix, flags=re.IGNORECASE)
        fix = fix[:1].upper() + fix[1:]
    return f"{path}:{finding.line}: {finding.kind}: looks like {finding.what}. {fix}"
