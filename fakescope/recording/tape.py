"""What a recorder keeps: exchanges, when each was sent, and what may be said of where they are from."""

from __future__ import annotations

from urllib.parse import urlsplit

from fakescope.clock import Clock
from fakescope.recording.exchange import Basis, Cassette, Exchange, Provenance

__all__ = ["Tape", "is_vendors"]


def is_vendors(host: str) -> bool:
    """Whether a host is one of the vendor's own."""
    return host == "aliyuncs.com" or host.endswith(".aliyuncs.com")


class Tape:
    """What was exchanged since the start, on a clock that is read here only."""

    def __init__(self, clock: Clock, upstream: str) -> None:
        parts = urlsplit(upstream)
        # Nobody can check what stands behind a host that is not the vendor's: it is never called "seen".
        seen = parts.scheme == "https" and is_vendors(parts.hostname or "")
        self.basis: Basis = "seen" if seen else "simulated"
        self._clock = clock
        self._began = clock.read()
        self._exchanges: list[Exchange] = []
        self._client = ""

    def __len__(self) -> int:
        return len(self._exchanges)

    def now_ms(self) -> int:
        return self._clock.read() - self._began

    def add(self, exchange: Exchange) -> None:
        """Keep an exchange. One answer of a simulator makes the whole recording a simulated one."""
        if any(name.lower().startswith("x-fakescope-") for name, _ in exchange.response.headers):
            self.basis = "simulated"
        agent = next((value for name, value in exchange.request.headers if name.lower() == "user-agent"), "")
        self._client = self._client or agent.partition(";")[0].strip()[:80]
        self._exchanges.append(exchange)

    def cassette(self, recorded: str, versions: dict[str, str], name: str) -> Cassette:
        """All of it, in the order in which requests were sent."""
        exchanges = tuple(sorted(self._exchanges, key=lambda exchange: exchange.at_ms))
        return Cassette(Provenance(self.basis, recorded, self._client, versions), exchanges, name)
