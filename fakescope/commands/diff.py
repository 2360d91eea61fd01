"""`fakescope cassette diff`: recordings against the simulator."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click

from fakescope.recording.counted import counted

__all__ = ["diff"]

_BEGAN_MS = 1_770_600_000_000
_DRIFT = 1


class _Still:
    """A machine's clock that stands: the accounts' own clocks are moved instead."""

    def read(self) -> int:
        return _BEGAN_MS


@click.command("diff")
@click.argument("where", metavar="DIR|FILE", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def diff(where: Path, as_json: bool) -> int:
    """Compare recordings with what the simulator would answer. Exit status 1 if they differ.

    Names, JSON types, forms of times and links, order of states, HTTP status and codes are compared; texts, numbers,
    durations and headers are not. Each difference comes with the rule of ours that it contradicts.
    """
    # Deferred: other commands need no simulator.
    from fakescope.app import create_app
    from fakescope.catalog import load as load_catalog
    from fakescope.recording.compare import Report, compare
    from fakescope.recording.files import load_all
    from fakescope.settings import Settings

    cassettes = load_all(where)
    catalog = load_catalog()

    async def all_of_them() -> list[Report]:
        reports = []
        for cassette in cassettes:
            app = create_app(Settings(seed=0, speed=1.0, limits=False), catalog=catalog, clock=_Still())
            reports.append(await compare(cassette, app, catalog))
        return reports

    reports = asyncio.run(all_of_them())
    compared = sum(report.compared for report in reports)
    drifts = [drift for report in reports for drift in report.drifts]
    left_out = [line for report in reports for line in report.left_out]
    if as_json:
        told = {"compared": compared, "left_out": left_out, "drift": [drift._asdict() for drift in drifts]}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        for drift in drifts:
            click.echo(f"{drift.cassette} {drift.number}: {drift.request}: {drift.at}")
            click.echo(f"  recorded   {drift.recorded}\n  simulated  {drift.simulated}\n  rule       {drift.rule}")
        for line in left_out:
            click.echo(f"not compared: {line}")
        of = f"{counted(compared, 'exchange')} in {counted(len(cassettes), 'recording')}"
        click.echo(f"{of} compared, {counted(len(drifts), 'difference')}")
    return _DRIFT if drifts else 0
