"""Identifiers and choices, all from a seed: the same seed and the same requests give the same run."""

from __future__ import annotations

import os
from hashlib import blake2b

__all__ = ["IdSource", "draws", "fraction", "fresh_seed", "request_id_of"]


_ALL = (1 << 128) - 1
_STEP = 0x9E3779B97F4A7C15F39CC0605CEDC835  # 2**128 divided by the golden ratio: neighbours look unlike


class IdSource:
    """An endless sequence of UUIDs that depends on the seed and the name alone.

    >>> IdSource(7, "demo").task_id() == IdSource(7, "demo").task_id()
    True
    """

    __slots__ = ("_at",)

    def __init__(self, seed: int, name: str) -> None:
        self._at = int.from_bytes(blake2b(f"{seed}/{name}".encode(), digest_size=16).digest())

    def task_id(self) -> str:
        """A UUID of version 4, as the vendor's task ids are."""
        h = self._next()
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[int(h[16], 16) & 3]}{h[17:20]}-{h[20:]}"

    def request_id(self) -> str:
        """A UUID whose third group starts with 9, as the vendor's request ids are."""
        h = self._next()
        return f"{h[:8]}-{h[8:12]}-9{h[13:16]}-{h[16:20]}-{h[20:]}"

    def _next(self) -> str:
        # Odd steps come round only after 2**128 of them: unique, quick, and one number for every key that ever came.
        self._at = (self._at + _STEP) & _ALL
        return self._at.to_bytes(16).hex()


def fraction(task_id: str, what: str) -> float:
    """A number in [0, 1) that is settled by the task's id and the question alone; questions are independent.

    The id comes from the seed, so a task's fate depends on the seed and not on how many requests came before.
    """
    return int.from_bytes(blake2b(f"{what}/{task_id}".encode(), digest_size=4).digest()) / 4_294_967_296


def draws(task_id: str) -> tuple[float, float]:
    """Two independent numbers in [0, 1) that are settled by the task's id: for how long it waits and how long it runs.

    As `fraction` twice, at half the price, because every submission pays it.
    """
    both = int.from_bytes(blake2b(task_id.encode(), digest_size=8).digest())
    return (both >> 32) / 4_294_967_296, (both & 0xFFFF_FFFF) / 4_294_967_296


def request_id_of(task_id: str) -> str:
    """The id of the request that made a task. Derived, so that a hundred thousand tasks need not keep one each.

    >>> request_id_of("0fcfa6e6-bec0-4938-a444-f23a47e8dd48")
    '84dd8e74-a32f-944a-8394-0ceb6e6afcf0'
    """
    h = task_id[::-1].replace("-", "")
    return f"{h[:8]}-{h[8:12]}-9{h[13:16]}-{h[16:20]}-{h[20:]}"


def fresh_seed() -> int:
    """A seed for a run that nobody asked to be repeatable; short enough to type."""
    return int.from_bytes(os.urandom(4)) % 1_000_000
