"""`fakescope replay`: recordings as a server, for any language."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click

from fakescope.commands.environment import in_url
from fakescope.recording.counted import counted
from fakescope.settings import SETTINGS, Settings, load

__all__ = ["replay"]

_ENVIRONMENT = 3
_MOST_TOLD = 20  # recordings that nobody used, on standard error; /_fakescope/replay has more


def _setting(name: str) -> Callable[[Any], Any]:
    """The flag of a row of the settings table."""
    row = next(row for row in SETTINGS if row.name == name)

    def read(_context: click.Context, param: click.Parameter, value: str | None) -> Any:
        try:
            return None if value is None else row.read(value)
        except ValueError as error:
            raise click.BadParameter(f"{value!r} {error}", param=param) from None

    default = Settings._field_defaults[name]
    told = f"{default:g}" if isinstance(default, float) else default
    shown = f"{row.help} [{row.variable}] [default: {told}]"
    return click.option(row.flag, row.name, callback=read, metavar=row.shown, help=shown)


@click.command("replay")
@click.argument("where", metavar="DIR|FILE", type=click.Path(path_type=Path))
@_setting("host")
@_setting("port")
@_setting("speed")
@_setting("log")
@click.option(
    "--replay",
    "by",
    type=click.Choice(["time", "polls"]),
    default="time",
    show_default=True,
    help="What moves a task on: the time since its submission, or every poll by one recorded poll.",
)
@click.option(
    "--miss",
    type=click.Choice(["error", "simulate"]),
    default="error",
    show_default=True,
    help="What becomes of a request that was not recorded: a 404 that says what is nearest, or the simulator's answer.",
)
@click.option("--config", metavar="FILE", help="Settings file, instead of ./fakescope.toml. [FAKESCOPE_CONFIG]")
def replay(where: Path, by: Literal["time", "polls"], miss: str, **flags: Any) -> int:
    """Answer from one cassette or those of a folder. The first line of output says when it is ready; Ctrl-C ends it.

    Any key is accepted, and each key replays for itself. At the end, what nobody asked for is listed. Every setting
    of `fakescope serve` counts in the environment and in fakescope.toml; `fakescope env` points clients here, too.
    """
    settings = load(flags, os.environ, Path.cwd())
    # Deferred: `fakescope --help` needs no server.
    from fakescope.app import create_replay
    from fakescope.recording.files import load_all
    from fakescope.recording.player import Player
    from fakescope.server import bind, serve

    cassettes = load_all(where)
    logging.basicConfig(stream=sys.stderr, format="fakescope: %(message)s", level=logging.ERROR)
    player = Player(cassettes, by=by, speed=settings.speed)
    app = create_replay(player, settings, simulates=miss == "simulate", log=sys.stderr)
    host = in_url(settings.host)
    try:
        listener = bind(settings.host, settings.port)
    except OSError as error:
        address = f"{host}:{settings.port}"
        why = f"cannot listen on {address}: {error.strerror}; choose another --port (0: any) or --host"
        print(f"fakescope: {why}", file=sys.stderr)
        return _ENVIRONMENT
    port = listener.getsockname()[1]

    def say_ready() -> None:
        base = f"http://{host}:{port}/api/v1"
        print(f"fakescope ready on {base}", flush=True)
        pace = "at once" if settings.speed == float("inf") else f"{settings.speed:g}x as fast as recorded"
        told = "one recorded state per poll" if by == "polls" else f"tasks run {pace}"
        known = f"{counted(player.recorded, 'recorded request')} of {counted(len(cassettes), 'cassette')}"
        print(f"  {known}; {told}; Ctrl-C ends it", file=sys.stderr, flush=True)

    serve(app, listener, say_ready)
    _say_unused(player)
    return 0


def _say_unused(player: Any) -> None:
    unused = player.unused()
    lines = [f"fakescope: not used: {len(unused)} of {counted(player.recorded, 'recorded request')}"] if unused else []
    lines += [f"  {one}" for one in unused[:_MOST_TOLD]]
    if len(unused) > _MOST_TOLD:
        lines.append(f"  and {len(unused) - _MOST_TOLD} more")
    if player.misses:
        lines.append(f"fakescope: not recorded: {counted(player.misses, 'request')}")
    if lines:
        print("\n".join(lines), file=sys.stderr, flush=True)
