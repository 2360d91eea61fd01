"""Numbers of things, for people: `1 file`, `2 files`."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, thing: str) -> str:
    """So many of a thing, whose plural ends in s."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
