"""What is recorded into one file: exchanges as they come, saved as they come, and kept whatever happens at the end.

A recording was paid for. So one exchange that must not be written costs that exchange only, a full disk costs the place
and not the file, and a process that is killed loses its last moments.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple
from urllib.parse import urlsplit

from fakescope._version import __version__
from fakescope.clock import Clock
from fakescope.errors import CassetteError
from fakescope.recording import secrets
from fakescope.recording.counted import counted
from fakescope.recording.exchange import Basis, Cassette, Exchange, Provenance, Request
from fakescope.recording.files import RefusedError, save
from fakescope.recording.json_bodies import output_of
from fakescope.recording.media import Policy
from fakescope.recording.timelines import TERMINAL

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


__all__ = ["Claim", "Recorder", "Saved", "is_vendors", "refuse_if_claimed", "save_what_may_be"]

_REST = 20
"""After a save, so many times as long nothing is saved: recording is slowed down by a twentieth at most."""


def is_vendors(host: str) -> bool:
    """Whether a host is one of the vendor's own."""
    return host == "aliyuncs.com" or host.endswith(".aliyuncs.com")


class Saved(NamedTuple):
    """What became of a recording: the file and how many exchanges it has, or None; and what was not as it should be."""

    path: Path | None
    exchanges: int = 0
    left_out: tuple[str, ...] = ()
    elsewhere: str = ""
    """Why the file is not where it was to be, or why there is none."""

    @property
    def trouble(self) -> str:
        """One line about it, or nothing."""
        lines = []
        if self.left_out:
            of = counted(self.exchanges + len(self.left_out), "exchange")
            lines.append(f"{len(self.left_out)} of {of} left out: {self.left_out[0]}")
        if self.elsewhere:
            lines.append(f"saved elsewhere, as {self.path}: {self.elsewhere}" if self.path else self.elsewhere)
        return "; ".join(lines)


class Recorder:
    """Records from now on, on a clock that is read here only. With a `path` it saves while it records.

    `merged` makes of what is new what the file is to hold. Not for two threads at once. Raises CassetteError if
    somebody else is recording into this file, or if its name could not be written.
    """

    def __init__(
        self,
        clock: Clock,
        path: Path | None = None,
        *,
        media: Policy = "describe",
        versions: Mapping[str, str] | None = None,
        merged: Callable[[Cassette], Cassette] = lambda new: new,
    ) -> None:
        self.path, self._media, self._merged = path, media, merged
        self._versions = {"fakescope": __version__, **(versions or {})}
        self._clock, self._began = clock, clock.read()
        self._exchanges: list[Exchange] = []
        self._is_unsaved, self._next_save = False, self._began
        self._claim = Claim(path) if path is not None else None

    def __len__(self) -> int:
        return len(self._exchanges)

    def now_ms(self) -> int:
        """Milliseconds since the recording began."""
        return self._clock.read() - self._began

    def add(self, exchange: Exchange) -> None:
        """Keep an exchange; and once a task has ended, save what there is."""
        self._exchanges.append(exchange)
        self._is_unsaved = self._is_unsaved or not _goes_on(exchange)
        if self.path is not None and self._is_unsaved and (now := self._clock.read()) >= self._next_save:
            with contextlib.suppress(CassetteError):  # told at the end, if it is still so
                _save_clean(self._merged(self.cassette()), self.path, self._media)
            self._is_unsaved, ended = False, self._clock.read()
            self._next_save = ended + _REST * (ended - now)

    def cassette(self) -> Cassette:
        """What was recorded, in the order in which requests were sent."""
        exchanges = tuple(sorted(self._exchanges, key=lambda exchange: exchange.at_ms))
        day = datetime.fromtimestamp(self._began / 1000, UTC).date().isoformat()
        client = next((agent for each in exchanges if (agent := _agent(each.request))), "")
        provenance = Provenance(_basis(exchanges), day, client, self._versions)
        return Cassette(provenance, exchanges, self.path.stem if self.path else "")

    def close(self) -> Saved:
        """Save what was recorded, if anything was, and let go of the file. A second time does nothing."""
        try:
            if self.path is None or not self._exchanges:
                return Saved(None)
            recorded = self._merged(self.cassette())
            self._exchanges = []
            return save_what_may_be(recorded, self.path, self._media)
        finally:
            if self._claim is not None:
                self._claim.release()
                self._claim = None


def _goes_on(exchange: Exchange) -> bool:
    """Whether this tells of a task that has not ended: alone it is not worth a file."""
    status = output_of(exchange.response.body).get("task_status")
    return isinstance(status, str) and status not in TERMINAL


def _agent(request: Request) -> str:
    agent = next((value for name, value in request.headers if name.lower() == "user-agent"), "")
    return re.split(r"[\s;]", agent.strip(), maxsplit=1)[0][:80]


def _basis(exchanges: tuple[Exchange, ...]) -> Basis:
    """Seen, if every answer of the API is the vendor's own; nobody can check what stands behind another host."""
    of_the_api = [exchange for exchange in exchanges if "/api/v1/" in exchange.request.url]
    return "seen" if of_the_api and all(map(_is_of_the_vendor, of_the_api)) else "simulated"


def _is_of_the_vendor(exchange: Exchange) -> bool:
    """Only the vendor's hosts over TLS count; a simulator or a replay says what it is, whatever name its host has."""
    url = urlsplit(exchange.request.url)
    is_ours = any(name.lower().startswith("x-fakescope-") for name, _ in exchange.response.headers)
    return url.scheme == "https" and is_vendors(url.hostname or "") and not is_ours


# -- saving


def save_what_may_be(recorded: Cassette, path: Path, media: Policy) -> Saved:
    """Save a recording without the exchanges that must not be written; elsewhere, if it cannot be written there."""
    try:
        return _save_clean(recorded, path, media)
    except RefusedError as error:
        return Saved(None, elsewhere=f"nothing is saved: {error}")
    except CassetteError as error:
        try:
            there = Path(mkdtemp(prefix="fakescope-")) / path.name
            return _save_clean(recorded, there, media)._replace(elsewhere=str(error))
        except (CassetteError, OSError) as second:
            return Saved(None, elsewhere=f"nothing is saved: {error}; nor elsewhere: {second}")


def _save_clean(recorded: Cassette, path: Path, media: Policy) -> Saved:
    """Save without what is refused. Raises RefusedError if that leaves nothing, CassetteError if it is not that."""
    left_out: tuple[str, ...] = ()
    while True:
        try:
            save(recorded, path, media=media)
        except RefusedError as error:
            if not error.exchanges and recorded.provenance.client:
                recorded = recorded._replace(provenance=recorded.provenance._replace(client=""))
                continue
            kept = tuple(each for n, each in enumerate(recorded.exchanges) if n not in error.exchanges)
            less = len(recorded.exchanges) - len(kept)
            if not kept or not less:
                raise
            left_out += (str(error),) * less
            recorded = recorded._replace(exchanges=kept)
        else:
            return Saved(path, len(recorded.exchanges), left_out)


class Claim:
    """The right to write a file. The system takes it back when this process ends, in whatever way it ends.

    Raises CassetteError if another recorder has it, or if the file's name looks like a secret and would be refused.
    """

    def __init__(self, path: Path) -> None:
        if secrets.find_in_name(path.name):
            raise CassetteError(f"{path.parent}: a file's name looks like a secret and would not be saved; rename it")
        self._place = _claim_of(path)
        self._place.parent.mkdir(parents=True, exist_ok=True)
        while True:
            self._file = os.open(self._place, os.O_CREAT | os.O_RDWR, 0o644)
            try:
                _lock(self._file)
                if os.path.samestat(os.fstat(self._file), self._place.stat()):
                    return
            except FileNotFoundError:
                pass  # whoever had it has let go between our two lines
            except OSError:
                os.close(self._file)
                raise CassetteError(
                    f"{path} is being recorded by another test or process; give each a cassette of its own"
                ) from None
            os.close(self._file)

    def release(self) -> None:
        """Let go. Nothing remains beside the file."""
        with contextlib.suppress(OSError):  # the folder has gone: what saving said of it is what counts
            self._place.unlink()
        os.close(self._file)


def refuse_if_claimed(path: Path) -> None:
    """Raises CassetteError if somebody is recording this file: what it has so far is not all of it."""
    if _claim_of(path).exists():
        with contextlib.suppress(OSError):  # nobody can record where nothing can be written
            Claim(path).release()  # or what a recorder left that was killed


def _claim_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.recording")
