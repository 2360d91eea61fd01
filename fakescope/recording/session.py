"""A cassette while it is open: what is played from it, what goes out and is kept, and what is written at the end.

It knows values only. Whatever catches the requests of a program asks it: today VCR.py does (`recording/vcr.py`).
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from difflib import get_close_matches
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import urlsplit

from fakescope.clock import MAX_RATE, REAL, Clock, ClockSetting, Instant, SystemClock, command, now_at
from fakescope.errors import CassetteError, FakescopeError, SettingsError
from fakescope.recording.budget import FREE, Budget, Charge, Purse, estimate_anywhere, no_purse, parse_budget
from fakescope.recording.exchange import Cassette, Exchange, Request, Response
from fakescope.recording.files import load
from fakescope.recording.matching import meaning_of
from fakescope.recording.media import Policy
from fakescope.recording.misses import NotRecordedError
from fakescope.recording.player import By, Player
from fakescope.recording.recorder import Recorder, refuse_if_claimed
from fakescope.recording.timelines import library_of

__all__ = ["MODES", "Departure", "Options", "RecordMode", "Session", "opened", "options", "use_cassette"]

RecordMode = Literal["none", "once", "new_episodes", "all", "rewrite"]
MODES: tuple[RecordMode, ...] = get_args(RecordMode)


_ENDS = "The recording ends here"
"""How the player's hint begins in the last answer that was recorded of a task, if the task had not ended."""

_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "record_mode": MODES,
    "replay": get_args(By),
    "media": get_args(Policy),
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
    replay: By = "time"
    media: Policy = "describe"
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


class Departure(NamedTuple):
    """When a request was sent, in milliseconds since the recording began, and what was set aside for it."""

    at_ms: int
    charge: Charge = Charge()


class Session:
    """One use of a cassette. All methods may be called from any thread.

    `purse` is asked for when a submission that costs money is about to be sent. Raises CassetteError if the file is
    there and cannot be read, or if somebody else is recording into it.
    """

    def __init__(
        self,
        path: Path,
        chosen: Options | None = None,
        clock: Clock | None = None,
        purse: Callable[[], Purse] = no_purse,
    ) -> None:
        self.path, self.options, self._real = path, chosen or Options(), clock or SystemClock()
        refuse_if_claimed(path)
        mode, there = self.options.record_mode, path.exists()
        self.records = mode in ("new_episodes", "all", "rewrite") or (mode == "once" and not there)
        self._old = load(path) if there and mode != "rewrite" else None
        self.misses: list[NotRecordedError] = []
        self.held_back: list[FakescopeError] = []
        """Submissions that were not sent, because of what they may cost."""
        self._ask_for_purse = purse
        self._purse: Purse | None = None
        self._lost: list[str] = []
        self._dangling: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._time, speed = _pace(self.options.speed, self._real.read())
        played = [self._old] if self._old and mode != "all" else []
        self._player = Player(played, by=self.options.replay, speed=speed)
        self._recorder = None
        if self.records:
            versions, media = {"vcrpy": version("vcrpy")}, self.options.media
            self._recorder = Recorder(self._real, path, media=media, versions=versions, merged=self._merged)

    # -- requests

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

    def depart(self, request: Request) -> Departure:
        """A request is about to go out. Raises NotSentError, or what is wrong with the budget, if it must not."""
        with self._lock:
            try:
                charge = Charge()
                if (estimate := estimate_anywhere(request)) is not FREE:
                    self._purse = self._ask_for_purse()
                    charge = self._purse.set_aside(estimate)
            except FakescopeError as error:
                self.held_back.append(error)
                raise
            return Departure(self._recorder.now_ms() if self._recorder else 0, charge)

    def take(self, request: Request, response: Response, departure: Departure | None = None) -> None:
        """Keep what a request that went out was answered."""
        with self._lock:
            if self._recorder is None:
                return
            if departure is None:  # a redirect that a client followed by itself
                departure = Departure(self._recorder.now_ms())
            self._settle(departure.charge, response.status, response.body)
            self._recorder.add(Exchange(request, response, departure.at_ms))

    def lose(self, why: str, status: int, departure: Departure | None) -> None:
        """A request was answered, and the answer cannot be kept: told when the session is closed."""
        with self._lock:
            self._lost.append(f"an exchange is left out: {why}")
            self._settle(departure.charge if departure else Charge(), status, b"")

    def _settle(self, charge: Charge, status: int, body: bytes) -> None:
        if self._purse is not None:  # else nothing of this session has cost anything yet
            self._purse.settle(charge, status, body)

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

    def _merged(self, new: Cassette) -> Cassette:
        """What the file is to hold: what was recorded now, after what it had and keeps."""
        if self._old is None:
            return new
        old = _without(self._old, new) if self.options.record_mode == "all" else self._old.exchanges
        after = max((exchange.at_ms for exchange in old), default=-1) + 1
        provenance = new.provenance
        if old and self._old.provenance.basis != provenance.basis:
            provenance = provenance._replace(basis="unknown")  # of two kinds; nothing is called seen that was not
        shifted = tuple(exchange._replace(at_ms=after + exchange.at_ms) for exchange in new.exchanges)
        return Cassette(provenance, (*old, *shifted), self._old.name)

    def close(self) -> None:
        """Write what was recorded, if anything was. Raises CassetteError if that is not all, or not where it belongs;
        what could be kept is kept then, too.
        """
        if self._recorder is not None:
            trouble = (*self._lost, self._recorder.close().trouble)
            self._lost.clear()
            if any(trouble):
                raise CassetteError("; ".join(filter(None, trouble)))


def _pace(speed: float, now: Instant) -> tuple[ClockSetting, float]:
    """The clock of a replay, and how fast its tasks run on it. Any finite speed is a matter of the clock."""
    if speed == inf:
        return REAL, speed
    return command(REAL, {"action": "rate", "rate": speed}, now), 1.0


def _without(old: Cassette, new: Cassette) -> tuple[Exchange, ...]:
    """The old exchanges that were not made again; a task that was submitted again goes with all its polls."""
    again = library_of([new]).by_key.keys()
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


@contextmanager
def use_cassette(
    path: str | os.PathLike[str],
    *,
    budget: str | int | Decimal | None = None,
    allow_unpriced: bool = False,
    **chosen: Any,
) -> Iterator[Session]:
    """Play this cassette to every HTTP client of this process, or record it: see Options for what can be chosen.

    >>> with use_cassette("cat.yaml", record_mode="once", budget=5):          # doctest: +SKIP
    ...     answer = VideoSynthesis.call(MODEL, "a cat")

    `budget` is the most, in CNY, that submissions may cost which are sent to the service; without it none is sent that
    costs anything, and with `allow_unpriced` also what has no known price, uncounted. What leads to this machine is
    free. Also a decorator of ordinary functions, where each call has the budget anew. Raises CassetteError; BudgetError
    and SettingsError for a choice that is none. In its client a request raises NotRecordedError if nothing answers it,
    NotSentError if it is not paid for.
    """
    purse = no_purse
    if budget is not None:
        flags = ("budget=", "allow_unpriced=True")
        mine = Purse(Budget(parse_budget(str(budget))), allow_unpriced=allow_unpriced, flags=flags)

        def purse() -> Purse:
            return mine

    with opened(Path(path), options(chosen), purse) as session:
        yield session


@contextmanager
def opened(path: Path, chosen: Options, purse: Callable[[], Purse]) -> Iterator[Session]:
    """As `use_cassette`, for who has a purse of their own."""
    try:
        from fakescope.recording.vcr import intercepted  # deferred: an extra
    except ImportError as missing:
        raise CassetteError(f"a cassette needs fakescope[cassettes]: {missing}") from None
    try:
        session = Session(path, chosen, purse=purse)
    except OSError as error:
        raise CassetteError(f"{path}: cannot be used: {error.strerror or error}") from None
    try:
        with intercepted(session):
            yield session
    finally:
        session.close()
