"""When to ask again, and how fast at most. Numbers in, numbers out: nobody sleeps here."""

from __future__ import annotations

from collections import deque
from random import Random
from threading import Lock

CALLS_PER_S = 20
"""Query, list and cancel: so many a second each, for the whole account. Source: Manage asynchronous tasks, Limits."""


class Pacer:
    """Turns for the calls of one kind, first come, first served, shared by all threads and coroutines of a client."""

    def __init__(self, per_s: float = CALLS_PER_S) -> None:
        self._gap_s, self._next, self._lock = 1.1 / per_s, float("-inf"), Lock()
        self._gone: deque[float] = deque(maxlen=max(1, int(per_s)))

    def turn(self, now: float) -> float:
        """Take the next turn: in how many seconds it is. They are evenly spaced, a tenth wider than allowed."""
        with self._lock:
            at = max(now, self._next)
            self._next = at + self._gap_s
            return at - now

    def go(self, now: float) -> float:
        """When the turn has come: 0 to go at once, or a pause, because many woke up late and at the same time."""
        with self._lock:
            if len(self._gone) == self._gone.maxlen and now < self._gone[0] + 1.08:
                return self._gone[0] + 1.08 - now
            self._gone.append(now)
            return 0.0


class Rhythm:
    """How long to pause, with jitter from a seed so that many waits do not fall into step."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = Random(seed)

    def poll(self, waited_s: float) -> float:
        """Every 3 s for the first 30 s, then a tenth of the time waited so far, up to 15 s; each up to 10 % longer.

        Source: Wan image generation guide, "every 3 seconds for the first 30 seconds, then at longer intervals"; Wan
        video references, "such as 15 seconds".
        """
        return min(max(3.0, waited_s / 10), 15.0) * self._random.uniform(1.0, 1.1)

    def again(self, failures: int, asked_s: float | None) -> float:
        """After so many failures in a row: 1, 2, 4 … 30 s, up to 25 % longer; at least what the server asked for."""
        pause = min(2.0 ** min(failures - 1, 5), 30.0) * self._random.uniform(1.0, 1.25)
        return max(pause, asked_s or 0.0)
