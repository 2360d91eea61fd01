"""What a recording is made of: exchanges with the vendor, when each happened, and how we came by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

__all__ = ["Basis", "Cassette", "Exchange", "Headers", "Provenance", "Request", "Response"]

Headers = tuple[tuple[str, str], ...]
"""Names as sent, values as text, in order."""

Basis = Literal["seen", "simulated", "documented", "unknown"]
"""How we came by an exchange: from the vendor, from our own simulator, or from the vendor's documents.

`unknown` is a file of VCR.py, which does not say: nothing is called seen that nobody called so.
"""


class Request(NamedTuple):
    """What was sent. `url` is whole: scheme, host, path and query."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""


class Response(NamedTuple):
    """What came back. `body` is decoded: no transfer or content encoding is left on it."""

    status: int
    headers: Headers = ()
    body: bytes = b""


class Exchange(NamedTuple):
    """One request and its response; `at_ms` is when it was sent, in milliseconds since the recording began."""

    request: Request
    response: Response
    at_ms: int = 0


class Provenance(NamedTuple):
    """Where a recording is from: its basis, the date it was made (ISO), by which client, with which versions."""

    basis: Basis
    recorded: str
    client: str = ""
    versions: Mapping[str, str] = {}


class Cassette(NamedTuple):
    """A recording. The exchanges are in the order of their `at_ms`."""

    provenance: Provenance
    exchanges: tuple[Exchange, ...]
    name: str = ""
