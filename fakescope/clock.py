"""The only place that reads the system's clock, and the arithmetic of a clock that users control.

An instant is a whole number of milliseconds since 1970-01-01 UTC: exact, ordered, eight bytes in a file, and the
resolution at which the vendor states its own times. Rates and instants meet only here, so nothing drifts.
"""

from __future__ import annotations

import time
from reprlib import repr as shortened  # an order may be nested more deeply than repr can follow
from typing import NamedTuple, Protocol

from fakescope.errors import CommandError

__all__ = ["MAX_STEP_S", "REAL", "Clock", "ClockSetting", "Instant", "SystemClock", "command", "now_at", "ticked"]

Instant = int
"""Milliseconds since 1970-01-01 UTC."""

MAX_STEP_S = 10 * 365 * 86_400
"""Longest single step of a clock, in seconds: ten years, so that every time can still be written."""
MAX_RATE = 1_000_000
_LAST_INSTANT = 32_503_680_000_000  # the year 3000: times stay writable however often a clock is advanced


class Clock(Protocol):
    """Gives the real instant. One read per request; everything below a use case is handed the answer."""

    def read(self) -> Instant: ...


class SystemClock:
    """The machine's clock, which stands still here while the machine's is set back: stores rely on the order."""

    def __init__(self) -> None:
        self._last = 0

    def read(self) -> Instant:
        now = time.time_ns() // 1_000_000
        if now > self._last:
            self._last = now
        return self._last


class ClockSetting(NamedTuple):
    """How an account's time follows real time: `now = at + rate × (real - real_at)`.

    `mode` is what the user asked for: real, frozen, rate or tick. In tick mode each poll adds `auto_advance_ms`.
    """

    mode: str = "real"
    at: Instant = 0
    real_at: Instant = 0
    rate: float = 1.0
    auto_advance_ms: int = 0


REAL = ClockSetting()
"""The clock of a new world: real time itself."""


def now_at(setting: ClockSetting, real: Instant) -> Instant:
    """The account's instant at the real instant `real`; never before the last order, even if `real` is."""
    if setting is REAL:
        return real
    if setting.rate == 1.0:
        return min(setting.at + max(0, real - setting.real_at), _LAST_INSTANT)
    return min(setting.at + int(setting.rate * max(0, real - setting.real_at)), _LAST_INSTANT)


def ticked(setting: ClockSetting, real: Instant) -> ClockSetting:
    """The setting after one poll: moved by `auto_advance_ms`, the order a user gave with `tick`."""
    return setting._replace(at=now_at(setting, real) + setting.auto_advance_ms, real_at=real)


def command(setting: ClockSetting, order: object, real: Instant) -> ClockSetting:
    """Carry out an order such as `{"action": "advance", "seconds": 600}`. Time only goes forward.

    Raises CommandError with what was given and what is allowed.
    """
    if not isinstance(order, dict):
        raise CommandError('the body must be a JSON object such as {"action": "advance", "seconds": 600}')
    now = now_at(setting, real)
    match order.get("action"):
        case "freeze":
            return ClockSetting("frozen", now, real, 0.0)
        case "advance":
            step = _number(order, "seconds", most=MAX_STEP_S)
            return ClockSetting(*setting)._replace(at=now + round(step * 1000), real_at=real)
        case "rate":
            return ClockSetting("rate", now, real, _number(order, "rate", most=MAX_RATE))
        case "tick":
            step = _number(order, "auto_advance_s", most=MAX_STEP_S)
            return ClockSetting("tick", now, real, 0.0, round(step * 1000))
        case "real":
            return REAL if now <= real else ClockSetting("real", now, real)
        case other:
            raise CommandError(f"action {shortened(other)} is not one of freeze, advance, rate, tick, real")


def _number(order: dict[str, object], key: str, *, most: int) -> float:
    value = order.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise CommandError(
            f"{key} must be a number from 0 to {most}; got {shortened(value)}. A clock only goes forward"
        )
    return float(value)
