"""`fakescope cassette`: look through recordings, show what is in them, clean them, make them of other tools' files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import click

from fakescope.commands.diff import diff
from fakescope.errors import CassetteError
from fakescope.recording import files
from fakescope.recording.convert import convert
from fakescope.recording.exchange import Basis
from fakescope.recording.lint import lint
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


cassette.add_command(diff)


@cassette.command("lint")
@_paths
def _lint(paths: tuple[Path, ...]) -> int:
    """Look for secrets and for what cannot be read, in files and folders. Exit status 1 if there is something."""
    found = 0
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise CassetteError(f"{path}: no such file or folder")
        for line in lint(path):
            click.echo(line)
            found += 1
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
        f"  {one['exchanges']} exchanges in {one['seconds']:g} s, {one['bytes']:,} bytes; {len(one['tasks'])} tasks, "
        f"{one['media']} result files, {one['other_exchanges']} other exchanges"
    )
    for task in one["tasks"]:
        states = " > ".join(f"{step['state']} {step['at_s']:g} s" for step in task["states"])
        code = f" ({task['code']})" if task["code"] else ""
        click.echo(
            f"  {task['task_id']}  {task['model'] or 'not submitted here'}  {states}{code}; {task['asked']} polls"
        )
        if task["prompt"]:
            click.echo(f"    {' '.join(task['prompt'].split())[:90]}")


@cassette.command("scrub")
@_paths
@_media
def _scrub(paths: tuple[Path, ...], media: Policy | None) -> None:
    """Write files again, redacted: secrets go, ids become fakes, all else stays. What was committed stays in Git."""
    for path in _files(paths):
        recording = files.load(path)
        kept = any((found := media_of(each.response)) and found.content is not None for each in recording.exchanges)
        ours = recording.provenance.basis != "unknown"
        files.save(recording, path, media=media or ("keep" if kept and ours else "describe"))
        click.echo(f"{path}: {len(recording.exchanges)} exchanges written again")


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
    recording, left_out = convert(source)
    said = recording.provenance._replace(basis=basis)
    if client:
        said = said._replace(client=client)
    files.save(recording._replace(provenance=said), output, media=media or "describe")
    others = f"; left out, because it is not with DashScope or has no answer: {left_out}" if left_out else ""
    click.echo(f"{output}: {len(recording.exchanges)} exchanges{others}")


def _files(paths: tuple[Path, ...]) -> list[Path]:
    """The files themselves, and the cassettes in folders."""
    found: list[Path] = []
    for path in paths:
        inside = [each for kind in ("*.yaml", "*.yml") for each in path.rglob(kind)] if path.is_dir() else [path]
        found += sorted(inside)
    return found
