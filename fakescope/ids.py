"""Identifiers and choices, all from a seed: the same seed and the same requests give the same run."""

from __future__ import annotations

import random
import secrets
from zlib import crc32

__all__ = ["IdSource", "fraction", "fresh_seed", "request_id_of"]


class IdSource:
    """An endless sequence of UUIDs that depends on the seed and the name alone.

    >>> IdSource(7, "demo").task_id() == IdSource(7, "demo").task_id()
    True
    """

    __slots__ = ("_bits",)

    def __init__(self, seed: int, name: str) -> None:
        self._bits = random.Random(f"{seed}/{name}").getrandbits

    def task_id(self) -> str:
        """A UUID of version 4, as the vendor's task ids are."""
        h = self._bits(128).to_bytes(16, "big").hex()
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[int(h[16], 16) & 3]}{h[17:20]}-{h[20:]}"

    def request_id(self) -> str:
        """A UUID whose third group starts with 9, as the vendor's request ids are."""
        h = self._bits(128).to_bytes(16, "big").hex()
        return f"{h[:8]}-{h[8:12]}-9{h[13:16]}-{h[16:20]}-{h[20:]}"


def fraction(task_id: str, what: str) -> float:
    """A number in [0, 1) that is settled by the task's id and the question alone.

    The id comes from the seed, so a task's fate depends on the seed and not on how many requests came before.
    """
    return crc32(f"{what}/{task_id}".encode()) / 4_294_967_296


def request_id_of(task_id: str) -> str:
    """The id of the request that made a task. Derived, so that a hundred thousand tasks need not keep one each.

    >>> request_id_of("0fcfa6e6-bec0-4938-a444-f23a47e8dd48")
    '84dd8e74-a32f-944a-8394-0ceb6e6afcf0'
    """
    h = task_id[::-1].replace("-", "")
    return f"{h[:8]}-{h[8:12]}-9{h[13:16]}-{h[16:20]}-{h[20:]}"


def fresh_seed() -> int:
    """A seed for a run that nobody asked to be repeatable; short enough to type."""
    return secrets.randbelow(1_000_000)
