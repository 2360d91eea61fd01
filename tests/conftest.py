"""Factories, and nothing else: every test builds exactly the world it needs."""

from __future__ import annotations

import os
import pkgutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

import fakescope
import fakescope_client
import fakescope_contracts
from fakescope import Settings, create_app
from fakescope.catalog import Catalog, load

for name in list(os.environ):  # a shell that was pointed at a simulator, or at a proxy
    if name.upper().startswith(("FAKESCOPE_", "DASHSCOPE_")) or name.upper().endswith("_PROXY"):
        del os.environ[name]

# A shell that starts a run in the background has it ignore Ctrl-C, and so all that the run starts would, too.
signal.signal(signal.SIGINT, signal.default_int_handler)

PATIENT: Any = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # of a machine that is busy
hypothesis_settings.register_profile("ci", derandomize=True, print_blob=True, **PATIENT)
hypothesis_settings.register_profile("quick", **PATIENT)
hypothesis_settings.register_profile("nightly", max_examples=2_000, stateful_step_count=100, **PATIENT)
hypothesis_settings.load_profile("ci")

# Hypothesis also draws constants that it reads in all of our modules that are loaded: with a fixed seed, too, a test
# would be given other examples after other tests, or in another worker. So all are loaded before the first one.
for package in (fakescope, fakescope_client, fakescope_contracts):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(".__main__"):
            import_module(module.name)
# httpx loads it at the first request, and knows its exceptions from then on. If that is in a pytest within this one,
# which forgets at its end what it loaded, the next request has another httpcore, whose exceptions httpx lets through.
import_module("httpcore")

KEY = "sk-fake-test"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Coroutine tests (`@pytest.mark.anyio`) run on asyncio, as the simulator does."""
    return "asyncio"


class ManualClock:
    """A machine's clock that stands still until it is moved."""

    def __init__(self, now: int = 1_770_600_000_000) -> None:
        self.now = now

    def read(self) -> int:
        return self.now

    def advance(self, *, seconds: float = 0, hours: float = 0) -> None:
        self.now += round((seconds + hours * 3600) * 1000)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make_client(catalog: Catalog, clock: ManualClock) -> Callable[..., httpx.AsyncClient]:
    """An HTTP client of a fresh simulator in this process, on the manual clock: no sockets, no limits, seed 1.

    `make_client(speed=1, limits=True)` sets what differs; `key=None` sends no key, `app=` shares a simulator.
    """

    def make(*, key: str | None = KEY, app: Any = None, **differs: Any) -> httpx.AsyncClient:
        chosen = {"seed": 1, "limits": False, "speed": 1.0} | differs
        app = app or create_app(Settings(**chosen), catalog=catalog, clock=clock)
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=headers)

    return make


class Server:
    """A simulator in a process of its own, on a free port of this machine."""

    def __init__(self, process: subprocess.Popen[str], base: str) -> None:
        self.process, self.base = process, base
        self.origin = base.removesuffix("/api/v1")


@pytest.fixture(scope="session")
def start_server() -> Iterator[Callable[..., Server]]:
    """Start `fakescope serve` with these flags, by default with seed 1; it is stopped at the end of the run."""
    started: list[subprocess.Popen[str]] = []

    def start(*flags: str) -> Server:
        command = [sys.executable, "-m", "fakescope", "serve", "--port", "0", "--log", "off", "--seed", "1", *flags]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        started.append(process)
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("fakescope ready on "), ready
        return Server(process, ready.removeprefix("fakescope ready on ").strip())

    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait(timeout=60)
        assert process.stdout is not None
        process.stdout.close()
