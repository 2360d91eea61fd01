"""`fakescope openapi`: the simulated API as a document that other tools read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from fakescope.catalog import Catalog
from fakescope.catalog import load as load_catalog
from fakescope.engine.gate import nearest
from fakescope.errors import SettingsError
from fakescope.openapi import VIEWS, document
from fakescope.settings import load

__all__ = ["openapi"]


@click.command("openapi")
@click.option("--format", "form", type=click.Choice(["json", "yaml"]), default="json", show_default=True)
@click.option("--models", default=None, metavar="NAME,…", help="Only these models. Default: all.")
@click.option("--region", default=None, metavar="NAME", help="Only what this region has. Default: every region.")
@click.option(
    "--bodies",
    type=click.Choice([*VIEWS]),
    default="stated",
    show_default=True,
    help="What request bodies are: as the models' documents state them, or all that a submission is accepted with.",
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Default: standard output.")
def openapi(form: str, models: str | None, region: str | None, bodies: str, output: Path | None) -> None:
    """Print the simulated API as an OpenAPI 3.1 document: models, limits, defaults, answers, refusals, examples.

    \b
    fakescope openapi --output openapi.json
    fakescope openapi --format yaml --models NAME,NAME
    A running server has its own: http://127.0.0.1:8900/_fakescope/openapi.json
    """
    settings = load({}, os.environ, Path.cwd())
    catalog = load_catalog(overlays=[Path(file) for file in settings.catalog])
    if region is not None and region not in catalog.service.regions:
        raise SettingsError(f"--region: {region!r} is not one of {', '.join(catalog.service.regions)}")
    names = () if models is None else tuple(_known(models, catalog))
    if models is not None and not names:
        raise SettingsError(f"--models: {models!r} names no model; leave it out for all of them")
    made = document(catalog, view=bodies, models=names, region=region)
    if not any(path.startswith("/api/v1/services/") for path in made["paths"]):
        raise SettingsError(f"--models: {models} is in no model of {region}; `fakescope models` says where each is")
    text = _yaml(made) if form == "yaml" else json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise SettingsError(f"--output: {output}: {error.strerror}") from error


def _known(models: str, catalog: Catalog) -> Iterator[str]:
    for name in filter(None, map(str.strip, models.split(","))):
        if name not in catalog.names:
            hint = nearest(name, catalog.names)
            raise SettingsError(f"--models: {name!r} is not a known model.{hint} `fakescope models` lists them")
        yield name


def _yaml(made: dict[str, Any]) -> str:
    try:
        import yaml  # deferred: the one thing here that is not always installed
    except ImportError:
        raise SettingsError("--format yaml needs PyYAML: pip install 'fakescope[openapi]', or take json") from None
    dumper = yaml.SafeDumper
    # Parts that are shared are written out: anchors are more than some readers of OpenAPI take.
    plain = type("_Plain", (dumper,), {"ignore_aliases": lambda *_: True})
    return str(yaml.dump(made, Dumper=plain, sort_keys=False, allow_unicode=True, width=120))
