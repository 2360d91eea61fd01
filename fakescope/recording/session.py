"""A cassette while it is open: what is played from it, what goes out and is kept, and what is written at the end.

It knows values only. Whatever catches the requests of a program asks it: today VCR.py does (`recording/vcr.py`).
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import urlsplit

from fakescope._version import __version__
from fakescope.clock import MAX_RATE, REAL, Clock, ClockSetting, Instant, SystemClock, command, now_at
from fakescope.errors import CassetteError, SettingsError
from fakescope.recording.exchange import Basis, Cassette, Exchange, Provenance, Request, Response
from fakescope.recording.files import load, save
from fakescope.recording.matching import meaning_of
from fakescope.recording.misses import NotRecordedError
from fakescope.recording.player import Player
from fakescope.recording.tape import is_vendors
from fakescope.recording.timelines import library_of

__all__ = ["MODES", "Options", "RecordMode", "Session", "options", "use_cassette"]

RecordMode = Literal["none", "once", "new_episodes", "all", "rewrite"]
MODES: tuple[RecordMode, ...] = get_args(RecordMode)


_ENDS = "The recording ends here"
"""How the player's hint begins in the last answer that was recorded of a task, if the task had not ended."""

_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "record_mode": MODES,
    "replay": ("time", "polls"),
    "media": ("keep", "describe", "drop"),
}


class Options(NamedTuple):
    """How a cassette is used.

    `record_mode`: what may go out and is kept: nothing (none), everything if there is no file yet (once), what no
    recording answers (new_episodes), everything, keeping old recordings that were not made again (all), everything
    into a new file (rewrite). `speed`: how much faster than recorded a task runs; inf ends it at the first poll, 0
    leaves it where it is until `Session.advance`. `replay`: "time", or "polls" for one recorded state per poll.
    `media`: what becomes of result files, see `files.save`. `ignore_hosts` are neither recorded nor replayed.
    """

    record_mode: RecordMode = "none"
    speed: float = inf
    replay: Literal["time", "polls"] = "time"
    media: Literal["keep", "describe", "drop"] = "describe"
    ignore_hosts: tuple[str, ...] = ()


def options(given: Mapping[str, Any]) -> Options:
    """Options from plain values. Raises SettingsError: which one, what it is, what is allowed."""
    for name in given:
        if name not in Options._fields:
            near = get_close_matches(str(name), Options._fields, 1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise SettingsError(f"{name!r} is no option of a cassette{hint} There are {', '.join(Options._fields)}")
    for name, allowed in _ALLOWED.items():
        if name in given and given[name] not in allowed:
            raise SettingsError(f"{name} is {given[name]!r}; it can be {', '.join(allowed)}")
    speed = given.get("speed", Options().speed)
    if speed == "max":
        speed = inf
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not (speed == inf or 0 <= speed <= MAX_RATE):
        raise SettingsError(f"speed is {speed!r}; it can be a number from 0 to {MAX_RATE}, or 'max'")
    hosts = given.get("ignore_hosts", ())
    if not isinstance(hosts, list | tuple | set) or not all(isinstance(host, str) for host in hosts):
        raise SettingsError(f"ignore_hosts is {hosts!r}; it can be a list of host names")
    return Options(**{**given, "speed": float(speed), "ignore_hosts": tuple(host.lower() for host in hosts)})


class Session:
    """One use of a cassette. All methods may be called from any thread.

    Raises CassetteError if the file is there and cannot be read, or if somebody else is recording into it.
    """

    def __init__(self, path: Path, chosen: Options | None = None, clock: Clock | None = None) -> None:
        self.path, self.options, self._real = path, chosen or Options(), clock or SystemClock()
        mode, there = self.options.record_mode, path.exists()
        self.records = mode in ("new_episodes", "all", "rewrite") or (mode == "once" and not there)
        self._old = load(path) if there and mode != "rewrite" else None
        self.misses: list[NotRecordedError] = []
        self._new: list[Exchange] = []
        self._dangling: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._began = self._real.read()
        self._time, speed = _pace(self.options.speed, self._began)
        played = [self._old] if self._old and mode != "all" else []
        self._player = Player(played, by=self.options.replay, speed=speed)
        self._claim = _claimed(path) if self.records else None

    # -- requests

    def now(self) -> Instant:
        """The real instant, for `take`."""
        return self._real.read()

    def passes_by(self, url: str) -> bool:
        """Whether a request is none of ours: to a host that is ignored, or for the simulator's control API."""
        parts = urlsplit(url)
        return parts.hostname in self.options.ignore_hosts or parts.path.startswith("/_fakescope/")

    def find(self, request: Request) -> Response | None:
        """The recorded answer, or None if the request is to go out. Raises NotRecordedError if it must not."""
        with self._lock:
            try:
                answer = self._player.answer(request, now_at(self._time, self._real.read()))
            except NotRecordedError as miss:
                if self.records:
                    return None
                raise self._missed(*miss.lines[:-1]) from None  # the last line is advice for users of a server
            if any(name == "x-fakescope-hint" and text.startswith(_ENDS) for name, text in answer.headers):
                self._refuse_for_ever(request)
            return answer

    def take(self, request: Request, response: Response, sent: Instant | None = None) -> None:
        """Keep what a request that went out at this instant was answered."""
        with self._lock:
            at_ms = (self._real.read() if sent is None else sent) - self._began
            self._new.append(Exchange(request, response, at_ms))

    def advance(self, seconds: float) -> None:
        """Let recorded time go on by so much. Raises CommandError if it would go back."""
        with self._lock:
            self._time = command(self._time, {"action": "advance", "seconds": seconds}, self._real.read())

    def _missed(self, *lines: str) -> NotRecordedError:
        where = f"{self.path}{'' if self.path.exists() else ', which is not there'}"
        advice = f"Cassette: {where}; record mode {self.options.record_mode} (new_episodes adds what is missing)."
        self.misses.append(NotRecordedError((*lines, advice)))
        return self.misses[-1]

    def _refuse_for_ever(self, request: Request) -> None:
        """A task whose end was not recorded is polled as often as it was then; clients would wait for ever."""
        path = urlsplit(request.url).path
        self._dangling[path] += 1
        recorded = Counter(meaning_of(old.request).task_id for old in self._old.exchanges) if self._old else Counter()
        recorded[""] = 1
        if self._dangling[path] > max(recorded.values()):
            raise self._missed(
                f"The recording of GET {path} ends here, and the task had not ended: record it again, until it has."
            )

    # -- the end

    def unused(self) -> tuple[str, ...]:
        """The recordings that nothing asked for."""
        return tuple(str(recording) for recording in self._player.unused())

    def recorded(self) -> Cassette | None:
        """What the file is to hold, in the order in which it was sent; None if it stays as it is."""
        new = tuple(sorted(self._new, key=lambda exchange: exchange.at_ms))
        if not new:
            return None
        provenance = _provenance(new, self._began)
        if self._old is None:
            return Cassette(provenance, new, self.path.stem)
        old = _without(self._old, new) if self.options.record_mode == "all" else self._old.exchanges
        after = max((exchange.at_ms for exchange in old), default=-1) + 1
        if old and self._old.provenance.basis != provenance.basis:
            provenance = provenance._replace(basis="unknown")  # of two kinds; nothing is called seen that was not
        shifted = tuple(exchange._replace(at_ms=after + exchange.at_ms) for exchange in new)
        return Cassette(provenance, (*old, *shifted), self._old.name)

    def close(self) -> None:
        """Write what was recorded, if anything was. Raises CassetteError if it must not be written."""
        try:
            if cassette := self.recorded():
                self._new.clear()
                save(cassette, self.path, media=self.options.media)
        finally:
            if self._claim is not None:
                with suppress(OSError):  # the folder has gone: what save said of it is what counts
                    self._claim.unlink()
                self._claim = None


def _pace(speed: float, now: Instant) -> tuple[ClockSetting, float]:
    """The clock of a replay, and how fast its tasks run on it. Any finite speed is a matter of the clock."""
    if speed == inf:
        return REAL, speed
    return command(REAL, {"action": "rate", "rate": speed}, now), 1.0


def _without(old: Cassette, new: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
    """The old exchanges that were not made again; a task that was submitted again goes with all its polls."""
    again = library_of([Cassette(old.provenance, new)]).by_key.keys()
    places, tasks = set[int](), set[str]()
    for key, recordings in library_of([old]).by_key.items():
        for recording in recordings if key in again else ():
            places.add(recording.place)
            if recording.timeline is not None:
                tasks.add(recording.timeline.task_id)
    return tuple(
        exchange
        for place, exchange in enumerate(old.exchanges)
        if place not in places and meaning_of(exchange.request).task_id not in tasks - {""}
    )


def _provenance(exchanges: tuple[Exchange, ...], began: Instant) -> Provenance:
    day = datetime.fromtimestamp(began / 1000, UTC).date().isoformat()
    asked = [exchange for exchange in exchanges if "/api/v1/" in exchange.request.url]
    basis: Basis = "seen" if asked and all(map(_is_of_the_vendor, asked)) else "simulated"
    versions = {"fakescope": __version__, "vcrpy": version("vcrpy")}
    client = next((value for name, value in exchanges[0].request.headers if name.lower() == "user-agent"), "")
    return Provenance(basis, day, client.partition(" ")[0].rstrip(";"), versions)


def _is_of_the_vendor(exchange: Exchange) -> bool:
    """Only the vendor's own hosts over TLS count; a simulator or a replay says what it is, whatever name it has."""
    url = urlsplit(exchange.request.url)
    is_ours = any(name.lower().startswith("x-fakescope-") for name, _ in exchange.response.headers)
    return url.scheme == "https" and is_vendors(url.hostname or "") and not is_ours


def _claimed(path: Path) -> Path:
    """Take the right to write this file, so that no other process writes it meanwhile."""
    claim = path.with_name(f".{path.name}.recording")
    claim.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(claim, os.O_CREAT | os.O_EXCL, 0o644))
    except FileExistsError:
        raise CassetteError(
            f"{path} is being recorded by another test or process; give each a cassette of its own, or, if none runs, "
            f"delete {claim}"
        ) from None
    return claim


@contextmanager
def use_cassette(path: str | os.PathLike[str], **chosen: Any) -> Iterator[Session]:
    """Play this cassette to every HTTP client of this process, or record it: see Options for what can be chosen.

    >>> with use_cassette("cat.yaml", record_mode="once"):          # doctest: +SKIP
    ...     answer = VideoSynthesis.call(MODEL, "a cat")

    Also a decorator of ordinary functions. Raises CassetteError and, for a choice that is none, SettingsError. A
    request that nothing answers raises NotRecordedError in its client.
    """
    try:
        from fakescope.recording.vcr import intercepted  # deferred: an extra
    except ImportError as missing:
        raise CassetteError(f"a cassette needs fakescope[cassettes]: {missing}") from None
    try:
        session = Session(Path(path), options(chosen))
    except OSError as error:
        raise CassetteError(f"{path}: cannot be used: {error.strerror or error}") from None
    try:
        with intercepted(session):
            yield session
    finally:
        session.close()
