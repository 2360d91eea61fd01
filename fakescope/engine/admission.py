"""Rate windows: may one more come in now? A window slides; over it the vendor answers 429 and nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["is_over"]


def is_over(recent: Sequence[int], most: int, per_ms: int, now: int) -> bool:
    """Whether `most` of the instants in `recent` (ascending) lie in the `per_ms` milliseconds up to `now`."""
    return len(recent) >= most and recent[-most] > now - per_ms
