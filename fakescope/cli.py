"""The command line. One line for every failure; exit status 0 ok, 1 a check failed, 2 usage, 3 environment.

What did not come to its end has no such status: 130 after Ctrl-C, 141 when the reader of a pipe has gone, as a shell
says it. A check that was cut short must not look like one that found nothing.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from fakescope._version import __version__
from fakescope.commands.environment import in_url, pointing_at
from fakescope.errors import FakescopeError, SettingsError
from fakescope.settings import SETTINGS, Setting, Settings, load, misspelt

__all__ = ["main"]

USAGE, ENVIRONMENT, INTERRUPTED, PIPE_CLOSED = 2, 3, 130, 141


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command and exit with its status."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or (given[0].startswith("-") and given[0] not in ("--help", "-h", "--version")):
        given = ["serve", *given]  # `fakescope --port 0` is `fakescope serve --port 0`
    try:
        # Not `_command(…)`, which would end with status 1 when the reader of a pipe has gone.
        with _command.make_context("fakescope", given) as context:
            sys.exit(_command.invoke(context))
    except click.exceptions.Exit as done:  # --help, --version
        sys.exit(done.exit_code)
    except click.ClickException as error:
        _end(" ".join(error.format_message().split()), USAGE)
    except FakescopeError as error:
        _end(str(error), USAGE)
    except (click.Abort, KeyboardInterrupt):
        _stop(INTERRUPTED)
    except BrokenPipeError:  # `fakescope models | head`
        _stop(PIPE_CLOSED)
    except OSError as error:  # a full disk behind standard output, a folder that is gone
        _end(error.strerror or str(error), ENVIRONMENT)


def _end(message: str, status: int) -> NoReturn:
    print(f"fakescope: {message}", file=sys.stderr)
    sys.exit(status)


def _stop(status: int) -> NoReturn:
    """End with nothing more said: what is still to be written would wait for a reader, or fail for want of one."""
    _to_nowhere(sys.stdout)
    sys.exit(status)


def _to_nowhere(stream: TextIO) -> None:
    """What the stream still holds, and what is written to it from now on, is lost."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _reader(setting: Setting) -> Callable[[str], Any]:
    """What reads a flag's text: its row of the settings table."""

    def read(value: str) -> Any:
        try:
            return setting.read(value)
        except ValueError as error:
            raise click.BadParameter(f"{value!r} {error}") from None

    return read


def _flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """A flag per row of the settings table, each with its twin in the environment named in the help."""
    for setting in reversed(SETTINGS):
        default = Settings._field_defaults[setting.name]
        shown = f"{setting.help} [{setting.variable}]"
        if setting.is_switch:
            name = f"{setting.flag}/--no-{setting.flag[2:]}"
            option = click.option(
                name, setting.name, default=None, help=f"{shown} [default: {'on' if default else 'off'}]"
            )
        else:
            told = (
                ""
                if default in (None, ())
                else f" [default: {default:g}]"
                if isinstance(default, float)
                else f" [default: {default}]"
            )
            option = click.option(
                setting.flag, setting.name, type=_reader(setting), metavar=setting.shown, help=shown + told
            )
        command = option(command)
    return command


_ELSEWHERE = {
    "cassette": "fakescope.commands.cassette",
    "contract": "fakescope_contracts.command",
    "drift": "fakescope_contracts.command",
    "openapi": "fakescope.commands.openapi",
    "record": "fakescope.commands.record",
    "replay": "fakescope.commands.replay",
}
"""Commands that live in a module of their own, and under their own name in it: loaded when they are asked for."""


class _Group(click.Group):
    """All commands; those of other modules are found by their names, so that `fakescope serve` does not load them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *(name for name, at in _ELSEWHERE.items() if _is_there(at))])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (at := _ELSEWHERE.get(cmd_name)) is None or not _is_there(at):
            return super().get_command(ctx, cmd_name)
        command: click.Command | None = getattr(import_module(at), cmd_name, None)
        return command


def _is_there(module: str) -> bool:
    return find_spec(module) is not None


@click.group(
    cls=_Group, name="fakescope", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120}
)
@click.version_option(__version__, message="%(version)s")
def _command() -> None:
    """A simulator of DashScope's asynchronous image and video API: no key, no cost, and time that you control.

    \b
    fakescope                        start it on http://127.0.0.1:8900
    eval "$(fakescope env)"          point the SDK of any language at it
    fakescope models NAME            what a model accepts

    Exit status: 0 ok, 1 a check failed, 2 wrong use, 3 environment (port in use, no server), 130 interrupted.
    """


@_command.command("serve")
@_flags
@click.option("--config", metavar="FILE", help="Settings file, instead of ./fakescope.toml. [FAKESCOPE_CONFIG]")
def _serve(**flags: Any) -> int:
    """Start the simulator. The first line on standard output says when it is ready; Ctrl-C ends it.

    Every flag can also be set in the environment, or in fakescope.toml or pyproject.toml ([tool.fakescope]).
    """
    settings = load(flags, os.environ, Path.cwd())
    for name, meant in misspelt(os.environ):
        print(f"fakescope: {name} is no setting and does nothing; did you mean {meant}?", file=sys.stderr)
    # Deferred: `fakescope env` and `fakescope --help` need no server.
    from fakescope.app import create_app
    from fakescope.ids import fresh_seed
    from fakescope.server import bind, serve

    if settings.seed is None:
        settings = settings._replace(seed=fresh_seed())
    logging.basicConfig(stream=sys.stderr, format="fakescope: %(message)s", level=logging.ERROR)
    app = create_app(settings, log=sys.stderr)
    try:
        listener = bind(settings.host, settings.port)
    except OSError as error:
        _end(_cannot_listen(settings, error), ENVIRONMENT)
    port = listener.getsockname()[1]
    serve(app, listener, lambda: _say_ready(settings, port))
    return 0


def _say_ready(settings: Settings, port: int) -> None:
    from shutil import which  # deferred: `fakescope env` needs none of it

    base = f"http://{in_url(settings.host)}:{port}/api/v1"
    where = f"--port {port}" if settings.host == Settings().host else f"--host {settings.host} --port {port}"
    print(f"fakescope ready on {base}", flush=True)
    command = "fakescope" if which("fakescope") else f"{sys.executable} -m fakescope"  # `make run` installs into .venv
    speed = "at once" if settings.speed == float("inf") else f"{settings.speed:g}x the vendor's pace"
    try:
        print(
            f'  point a client at it:  eval "$({command} env {where})"\n'
            f"  or by hand:            export DASHSCOPE_HTTP_BASE_URL={base} DASHSCOPE_API_KEY=sk-fake-me\n"
            f"  tasks run {speed}; seed {settings.seed}; region {settings.region}; Ctrl-C ends it",
            file=sys.stderr,
            flush=True,
        )
    except BrokenPipeError:  # `2>&1 | head -1`: whoever has read the first line needs no more
        _to_nowhere(sys.stderr)


def _cannot_listen(settings: Settings, error: OSError) -> str:
    where = f"{in_url(settings.host)}:{settings.port}"
    if _health(settings.host, settings.port) is not None:
        return f"another fakescope already runs on http://{where}/api/v1; use it, or choose another --port (0: any)"
    return f"cannot listen on {where}: {error.strerror}; choose another --port (0: any) or --host"


def _where(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags of a command that looks for a simulator."""
    row = {setting.name: setting for setting in SETTINGS}
    host, port = _reader(row["host"]), _reader(row["port"])
    command = click.option("--port", type=port, metavar="PORT", help="Its port. [FAKESCOPE_PORT]")(command)
    return click.option("--host", type=host, metavar="HOST", help="Where the simulator is. [FAKESCOPE_HOST]")(command)


# -- env

_SHELLS: dict[str, Callable[[str, str], str]] = {
    "sh": lambda name, value: f"export {name}='{value}'",
    "fish": lambda name, value: f"set -gx {name} '{value}'",
    "pwsh": lambda name, value: f"$env:{name} = '{value}'",
    "dotenv": lambda name, value: f"{name}={value}",
}


@_command.command("env")
@click.option("--shell", type=click.Choice(list(_SHELLS)), default="sh", show_default=True, help="Whose syntax.")
@_where
@click.option("--key", default="sk-fake-me", show_default=True, metavar="KEY", help="The key is the account.")
def _env(shell: str, host: str | None, port: int | None, key: str) -> None:
    """Print the environment that points a client at the simulator: eval "$(fakescope env)".

    Set it before Python imports dashscope: the SDK reads it on import.
    """
    if not re.fullmatch(r"[\w.:/@+=-]+", key, re.ASCII):
        raise click.BadParameter("a key in a shell holds letters, digits and .:/@+=_- only", param_hint="--key")
    settings = load({"host": host, "port": port}, os.environ, Path.cwd())
    if settings.port == 0:
        raise click.BadParameter("0 is no address; give the port of the ready line", param_hint="--port")
    for name, value in pointing_at(settings.host, settings.port, key, os.environ).items():
        click.echo(_SHELLS[shell](name, value))


# -- models


@_command.command("models")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--test-values", is_flag=True, help="Keys and prompts that provoke what the vendor does.")
@click.option("--markdown", "as_markdown", is_flag=True, help="The whole catalogue as one document.")
def _models(name: str | None, as_json: bool, test_values: bool, as_markdown: bool) -> None:
    """List the models, or say what one accepts: fields, limits, prices, and how we know."""
    # Deferred: other commands read no catalogue.
    from fakescope.catalog import load as load_catalog
    from fakescope.catalog.describe import families, markdown, model, test_value_rows
    from fakescope.engine.gate import nearest

    settings = load({}, os.environ, Path.cwd())
    catalog = load_catalog(overlays=[Path(file) for file in settings.catalog])
    if as_markdown:
        click.echo(markdown(catalog), nl=False)
    elif test_values:
        _print(test_value_rows(catalog.service), as_json)
    elif name is None:
        _print(families(catalog), as_json)
    else:
        spec = catalog.find(name)
        if spec is None:
            raise SettingsError(
                f"{name!r} is not a known model.{nearest(name, catalog.names)} `fakescope models` lists them"
            )
        _print(model(spec), as_json)


@_command.command("explain")
@click.argument("word")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def _explain(word: str, as_json: bool) -> None:
    """Say what is known of a refusal: by its code, by the rule id of X-Fakescope-Rule, or by a kind of rule.

    \b
    fakescope explain Throttling.RateQuota
    fakescope explain parameters.size:choice
    fakescope explain one_of                 rules between fields
    """
    # Deferred: other commands read no catalogue.
    from fakescope.catalog import load as load_catalog
    from fakescope.catalog.describe import explain
    from fakescope.engine.gate import nearest

    settings = load({}, os.environ, Path.cwd())
    catalog = load_catalog(overlays=[Path(file) for file in settings.catalog])
    found = explain(catalog, word)
    if not found:
        known = [*catalog.refusals, *catalog.problems, *catalog.failures, *{r.code for r in catalog.refusals.values()}]
        raise SettingsError(f"nothing is known of {word!r}.{nearest(word, known)}")
    _print(found, as_json)


def _print(described: Any, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(described, indent=2, ensure_ascii=False, default=_plain))
        return
    for title, rows in described.items():
        if not isinstance(rows, list):
            click.echo(f"{title:<12} {rows}")
            continue
        click.echo(f"\n{title}")
        cells = [[str(cell) for cell in row.values()] for row in rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))] if cells else []
        for row in cells:
            click.echo("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(value)


# -- health


@_command.command("health")
@_where
def _health_command(host: str | None, port: int | None) -> int:
    """Ask a running simulator how it is. Exit status 0 if it answers, 3 if not: made for health checks."""
    settings = load({"host": host, "port": port}, os.environ, Path.cwd())
    health = _health(settings.host, settings.port)
    where = f"http://{in_url(settings.host)}:{settings.port}"
    if health is None:
        _end(f"no fakescope answers on {where}; start one with `fakescope serve`", ENVIRONMENT)
    click.echo(f"fakescope {health['version']} on {where}: {health['status']}")
    return 0


def _health(host: str, port: int) -> dict[str, Any] | None:
    """What the server on this address says of itself, or None if none answers as a fakescope would."""
    from http.client import HTTPConnection, HTTPException  # deferred: a server that starts asks nobody

    connection = HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/_fakescope/health")
        health = json.loads(connection.getresponse().read(10_000))
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return health if isinstance(health, dict) and {"version", "status"} <= health.keys() else None


# -- client


@_command.command("client", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def _client(arguments: tuple[str, ...]) -> int:
    """Be a client: run, submit, wait for, cancel, list and download tasks, here or at the vendor."""
    from fakescope_client.cli import main as client_main  # deferred: nothing else needs an HTTP client

    return client_main(list(arguments))
