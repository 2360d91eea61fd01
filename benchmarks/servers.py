"""The processes that are measured: each on a free port, on a core that the load does not use."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter, sleep

from benchmarks.load import exchange, submit

__all__ = ["BARE", "CORES", "LEAN", "OURS", "Server", "pin", "running"]

_HERE = Path(__file__).parent
_FLAGS = "--http httptools --loop uvloop --ws none --lifespan off --interface asgi3 --no-access-log --no-server-header"

OURS = [sys.executable, "-m", "fakescope", "serve", "--no-limits", "--log", "off", "--seed", "1", "--port"]
"""As users run it, but for three flags: no rate limits, no access lines, and always the same ids."""
BARE = [sys.executable, "-m", "uvicorn", "--app-dir", str(_HERE), "bare:app", *_FLAGS.split(), "--port"]
LEAN = [sys.executable, str(_HERE / "bare.py")]
"""The same application, started by the fewest imports that uvicorn can do with."""

# An installed package has its bytecode: where the environment forbids to write any, that would be compiled each time.
_ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
_ALLOWED = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
CORES = (_ALLOWED[0], _ALLOWED[-1]) if len(_ALLOWED) > 1 else None
"""The servers' core and the load's; None where there is one core, or no way to choose."""


def pin(core: int) -> None:
    """Keep this process, and what it starts from now on, on the servers' core (0) or the load's (1)."""
    if CORES is not None:
        os.sched_setaffinity(0, {CORES[core]})


class Server:
    """A process that listens, or is about to."""

    def __init__(self, command: list[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        pin(0)
        self.spawned = perf_counter()
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen([*command, str(self.port)], stdout=quiet, stderr=quiet, env=_ENVIRONMENT)
        pin(1)

    def connect(self) -> socket.socket:
        """A connection, as soon as one is taken."""
        deadline = monotonic() + 10
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port))
            except ConnectionRefusedError:
                if self._process.poll() is not None or monotonic() > deadline:
                    raise RuntimeError(f"{self._process.args!r} does not listen") from None
                sleep(0.0005)

    def rss_mb(self) -> float:
        """Resident memory, in millions of bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6

    def cpu_s(self) -> float:
        """The processor time that it has had, in seconds."""
        times = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> tuple[float, int]:
        """Ask it to end: how many milliseconds that took, and its exit status."""
        started = perf_counter()
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(10)
        return (perf_counter() - started) * 1000, status


@contextmanager
def running(command: list[str] = OURS, mark: str = "") -> Iterator[Server]:
    """A server that has answered a submission, until the end of the block."""
    server = Server(command)
    try:
        with server.connect() as connection:
            exchange(connection, submit(mark))
        yield server
    finally:
        server.stop()
