"""`fakescope cassette`: look through recordings, show what is in them, clean them, make them of other tools' files."""

from __future__ import annotations

import json
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any, get_args

import click

from fakescope.commands.diff import diff
from fakescope.errors import CassetteError
from fakescope.recording import files
from fakescope.recording.convert import convert
from fakescope.recording.counted import counted
from fakescope.recording.exchange import Basis
from fakescope.recording.lint import lint, looked_through
from fakescope.recording.media import Policy, media_of
from fakescope.recording.summary import summary

__all__ = ["cassette"]

_media = click.option(
    "--media",
    type=click.Choice(get_args(Policy)),
    help="Films and pictures: kept beside the file by their hash, described, or dropped. [default: as they are, else "
    "described]",
)
_paths = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))


@click.group()
def cassette() -> None:
    """Recordings of exchanges with DashScope: look through them, clean them, convert others."""
    if isinstance(sys.stdout, TextIOWrapper):  # names of files may be no text
        sys.stdout.reconfigure(errors="backslashreplace")


cassette.add_command(diff)


@cassette.command("lint")
@_paths
def _lint(paths: tuple[Path, ...]) -> int:
    """Look for secrets in files and folders, and for cassettes that cannot be read. Exit status 1 if there is one."""
    looked = found = 0
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise CassetteError(f"{path}: no such file or folder")
        if not (files := len(looked_through(path))):
            raise CassetteError(f"{path}: a folder without files")
        looked += files
        for line in lint(path):
            click.echo(line)
            found += 1
    click.echo(f"{counted(looked, 'file')}, {counted(found, 'finding') if found else 'nothing found'}", err=True)
    return 1 if found else 0


@cassette.command("info")
@_paths
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def _info(paths: tuple[Path, ...], as_json: bool) -> None:
    """Say what is inside: where it is from, models, tasks and their states, durations, size."""
    found = [summary(files.load(path), path) for path in _files(paths)]
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for one in found:
        _show(one)


def _show(one: dict[str, Any]) -> None:
    by = f" by {one['client']}" if one["client"] else ""
    on = f" on {one['recorded']}" if one["recorded"] else ""
    versions = "".join(f", {name} {version}" for name, version in one["versions"].items())
    click.echo(f"{one['file']}: {one['basis']}{on}{by}{versions}")
    click.echo(
        f"  {counted(one['exchanges'], 'exchange')} in {one['seconds']:g} s, {counted(one['bytes'], 'byte')}; "
        f"{counted(len(one['tasks']), 'task')}, {counted(one['media'], 'result file')}, "
        f"{counted(one['other_exchanges'], 'other exchange')}"
    )
    for task in one["tasks"]:
        states = " > ".join(f"{step['state']} {step['at_s']:g} s" for step in task["states"])
        code = f" ({task['code']})" if task["code"] else ""
        model, polls = task["model"] or "not submitted here", counted(task["asked"], "poll")
        click.echo(f"  {task['task_id']}  {model}  {states}{code}; {polls}")
        if task["prompt"]:
            click.echo(f"    {' '.join(task['prompt'].split())[:90]}")


@cassette.command("scrub")
@_paths
@_media
def _scrub(paths: tuple[Path, ...], media: Policy | None) -> int:
    """Write files again, redacted: secrets go, ids become fakes, all else stays. What was committed stays in Git.

    If one of them cannot be read, none is written; exit status 1 if one cannot be cleaned.
    """
    try:
        recordings = [(path, files.load(path)) for path in _files(paths)]
    except CassetteError as error:
        raise CassetteError(f"{error}; nothing is written") from None
    status = 0
    for path, recording in recordings:
        kept = any((found := media_of(each.response)) and found.content is not None for each in recording.exchanges)
        ours = recording.provenance.basis != "unknown"
        try:
            files.save(recording, path, media=media or ("keep" if kept and ours else "describe"))
        except CassetteError as error:
            click.echo(f"fakescope: {error}", err=True)
            status = 1
        else:
            click.echo(f"{path}: {counted(len(recording.exchanges), 'exchange')} written again")
    return status


@cassette.command("convert")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The cassette.")
@click.option(
    "--basis",
    type=click.Choice(get_args(Basis)),
    required=True,
    help="How you came by it: seen of the real service, simulated, documented; unknown if nobody can say.",
)
@click.option("--client", metavar="NAME", help="What sent the requests.")
@_media
def _convert(source: Path, output: Path, basis: Basis, client: str | None, media: Policy | None) -> None:
    """Make a cassette of a file of VCR.py or of a HAR file of a browser. Only exchanges with DashScope are kept."""
    if output.suffix.lower() not in (".yaml", ".yml"):
        raise CassetteError(f"{output}: a cassette's name ends in .yaml")
    if output.exists() or output.is_symlink():
        raise CassetteError(f"{output} is there already: choose another name, or remove it")
    recording, left_out = convert(source)
    said = recording.provenance._replace(basis=basis)
    if client:
        said = said._replace(client=client)
    files.save(recording._replace(provenance=said), output, media=media or "describe")
    others = f"; left out, because it is not with DashScope or has no answer: {left_out}" if left_out else ""
    click.echo(f"{output}: {counted(len(recording.exchanges), 'exchange')}{others}")


def _files(paths: tuple[Path, ...]) -> list[Path]:
    """The files themselves, and the cassettes in folders."""
    found: list[Path] = []
    for path in paths:
        files.refuse_if_empty(path)
        found += files.cassettes_in(path) if path.is_dir() else [path]
    return found
