"""`fakescope record`: a proxy that records, as a server or around a command."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, get_args
from urllib.parse import urlsplit

import click

from fakescope.clock import SystemClock
from fakescope.commands.environment import in_url, pointing_at
from fakescope.errors import CassetteError, SettingsError
from fakescope.recording.counted import counted
from fakescope.recording.media import Policy

if TYPE_CHECKING:
    from fakescope.clock import Clock
    from fakescope.recording.recorder import Recorder, Saved

__all__ = ["record"]

KEY_VARIABLES = ("FAKESCOPE_UPSTREAM_API_KEY", "DASHSCOPE_API_KEY")
_STAND_IN_KEY = "sk-fake-me"
_CHECK_FAILED, _ENVIRONMENT = 1, 3


@click.command("record")
@click.option(
    "--upstream", default="https://dashscope.aliyuncs.com", show_default=True, metavar="URL", help="Whom to ask."
)
@click.option("--cassette", "folder", required=True, metavar="DIR", help="Where the recording goes: one file per run.")
@click.option(
    "--budget", metavar="CNY", help="The most that submissions may cost. Required; 0 submits nothing billable."
)
@click.option("--name", metavar="NAME", help="The file's name, without .yaml. [default: date and time]")
@click.option("--allow-unpriced", is_flag=True, help="Also send what has no known price, uncounted.")
@click.option(
    "--media",
    type=click.Choice(get_args(Policy)),
    default="describe",
    show_default=True,
    help="Result files: keep or describe what is downloaded, for which links lead here; or leave links as they are.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65_535), help="0: any. [default: 8901, or any with a command]")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def record(
    upstream: str,
    folder: str,
    budget: str | None,
    name: str | None,
    allow_unpriced: bool,
    media: Policy,
    host: str,
    port: int | None,
    command: tuple[str, ...],
) -> int:
    """Forward requests to the real service and record them: fakescope record --cassette DIR --budget CNY [-- CMD …].

    With a command, runs it with the SDK's environment pointing here, saves, and ends with its exit status; without one,
    serves until Ctrl-C. The key of the service is read from FAKESCOPE_UPSTREAM_API_KEY or DASHSCOPE_API_KEY, and from
    nowhere else; the command is given a stand-in. Uploads go straight to the vendor's storage and are not seen.
    """
    # Deferred: `fakescope --help` needs no server, no HTTP client and no catalogue.
    from fakescope.catalog import load
    from fakescope.recording.budget import Budget, Prices, Purse, parse_budget
    from fakescope.recording.proxy import Proxy, make_client
    from fakescope.recording.reading import need_yaml
    from fakescope.server import bind, serve

    need_yaml()  # before any money is spent
    if budget is None:
        raise SettingsError("recording costs money: say how much it may cost with --budget CNY (0: nothing billable)")
    purse = Purse(Budget(parse_budget(budget)), allow_unpriced=allow_unpriced)
    upstream = _checked_upstream(upstream)
    key = _key(os.environ)
    clock = SystemClock()
    began = datetime.fromtimestamp(clock.read() / 1000, UTC)
    path = _checked_path(Path(folder), name, began)
    if port is None:
        port = 0 if command else 8901
    try:
        listener = bind(host, port)
    except OSError as error:
        return _fail(f"cannot listen on {in_url(host)}:{port}: {error.strerror}; choose another --port (0: any)")
    port = listener.getsockname()[1]
    prices = Prices(load(), urlsplit(upstream).hostname or "")
    recorder = _begun(path, clock, media, is_named=name is not None)
    app = Proxy(upstream, key, client=make_client(), recorder=recorder, prices=prices, purse=purse, media=media)
    child = _Child(command, host, port) if command else None
    status = 0
    try:
        serve(app, listener, child.start if child else lambda: _say_ready(host, port, upstream, purse.budget.limit))
    finally:
        # Whatever ended it: what was paid for is kept.
        if child is not None:
            status = child.status
        basis = recorder.cassette().provenance.basis
        if not len(recorder) and (child is None or child.is_started):
            print(f"fakescope: nothing was recorded: {_why_nothing(app.requests)}", file=sys.stderr)
        saved = _say_saved(recorder.close(), basis)
        status = status or saved
        print(f"fakescope: {purse.spent()}", file=sys.stderr)
    return status


def _key(environ: Mapping[str, str]) -> str:
    for variable in KEY_VARIABLES:
        if key := environ.get(variable, "").strip():
            if not (key.isascii() and key.isprintable()) or " " in key:
                raise SettingsError(f"{variable} is no key: it has characters that no header can carry")
            return key
    raise SettingsError(f"no key for the service: set {' or '.join(KEY_VARIABLES)} in the environment")


def _checked_upstream(text: str) -> str:
    """Scheme and host, no more: paths are the client's. The key is not sent to the vendor in the clear."""
    wrong = f"--upstream is scheme and host, such as https://dashscope.aliyuncs.com; got {text!r:.80}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise SettingsError(wrong) from None
    if parts.username or parts.password:
        raise SettingsError("--upstream takes no user and password: the key is read from the environment")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise SettingsError(wrong)
    from fakescope.recording.recorder import is_vendors

    if parts.scheme == "http" and is_vendors(parts.hostname):
        raise SettingsError(f"the key would travel unencrypted: use https://{parts.hostname}")
    return f"{parts.scheme}://{in_url(parts.hostname)}{'' if port is None else f':{port}'}"


def _checked_path(folder: Path, name: str | None, began: datetime) -> Path:
    """Where the recording goes. Found out before money is spent: the folder can be made, and no file is in the way."""
    from fakescope.recording.secrets import find_in_name

    if name is not None and not re.fullmatch(r"[\w][\w.-]{0,80}", name):
        raise SettingsError(f"--name is letters, digits and ._- only; got {name!r:.80}")
    if name is not None and find_in_name(name):
        raise SettingsError("--name looks like a secret, and would not be saved")
    if folder.suffix.lower() in (".yaml", ".yml"):
        how = f"--cassette {folder.parent} --name {folder.stem}"
        raise SettingsError(f"--cassette {folder} is the name of a file; give its folder, as in {how}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"--cassette {folder} is no folder that can be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise SettingsError(f"--cassette {folder} cannot be written to")
    stem = (name or f"{began:recorded-%Y%m%d-%H%M%S}").removesuffix(".yaml")
    path = folder / f"{stem}.yaml"
    if name is not None and path.exists():
        raise SettingsError(f"{path} is there already: choose another --name, or remove it")
    return path


def _begun(path: Path, clock: Clock, media: Policy, *, is_named: bool) -> Recorder:
    """A recorder into this file; into one like it, if the name is ours and another run has taken it in this second."""
    from fakescope.recording.recorder import Recorder

    begun, n = path, 0
    while True:
        try:
            if not begun.exists():
                return Recorder(clock, begun, media=media)
        except CassetteError:
            if is_named:
                raise
        n += 1
        begun = path.with_name(f"{path.stem}-{n}.yaml")


def _say_ready(host: str, port: int, upstream: str, limit: Decimal) -> None:
    if host not in ("127.0.0.1", "::1", "localhost"):
        print(f"fakescope: whoever reaches {in_url(host)}:{port} spends from this budget", file=sys.stderr)
    print(f"fakescope ready on http://{in_url(host)}:{port}/api/v1", flush=True)
    print(
        f"  forwards to {upstream} with the environment's key, spends at most {limit} CNY; Ctrl-C ends and saves",
        file=sys.stderr,
        flush=True,
    )


def _why_nothing(requests: int) -> str:
    if requests:
        return f"{counted(requests, 'request')} came, and the service answered none"
    return "no request came. A program finds this recorder by DASHSCOPE_HTTP_BASE_URL, and the SDK reads it on import"


def _say_saved(saved: Saved, basis: str) -> int:
    """Say what became of the recording. The exit status."""
    status = 0
    if saved.trouble:
        status = _fail(saved.trouble, _CHECK_FAILED if saved.left_out or saved.path is None else _ENVIRONMENT)
    if saved.path is not None:
        print(f"fakescope: {counted(saved.exchanges, 'exchange')} ({basis}): {saved.path}", file=sys.stderr)
    return status


def _fail(message: str, status: int = _ENVIRONMENT) -> int:
    print(f"fakescope: {message}", file=sys.stderr)
    return status


class _Child:
    """The command, run while the server runs; when it ends, the server does. Its status is ours.

    Ctrl-C reaches it by way of the terminal, and may take its time: we serve on until it has ended. SIGTERM is handed
    on.
    """

    def __init__(self, command: tuple[str, ...], host: str, port: int) -> None:
        self._command = command
        self._environ = {name: value for name, value in os.environ.items() if name not in KEY_VARIABLES}
        self._environ |= pointing_at(host, port, _STAND_IN_KEY, os.environ)
        self.status = 0
        self.is_started = False

    def start(self) -> None:
        end: Callable[..., object] = signal.getsignal(signal.SIGTERM)  # type: ignore[assignment]  # the server's own
        try:
            process = subprocess.Popen(self._command, env=self._environ)
        except OSError as error:
            self.status = _fail(f"cannot run {self._command[0]!r:.100}: {error.strerror}")
            end(signal.SIGTERM, None)
            return
        self.is_started = True
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())

        def wait() -> None:
            status = process.wait()
            self.status = status if status >= 0 else 128 - status  # as a shell says it
            end(signal.SIGTERM, None)

        threading.Thread(target=wait, daemon=True).start()
