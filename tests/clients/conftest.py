"""An account of its own for every test, on one simulator in a process of its own; its clock stands still."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest


class SimulatedAccount(NamedTuple):
    """Where the simulator is, the key of an account, and that account's clock."""

    base: str
    key: str

    def order_clock(self, action: str, **values: float) -> None:
        origin = self.base.removesuffix("/api/v1")
        headers = {"Authorization": f"Bearer {self.key}"}
        order = {"action": action, **values}
        answer = httpx.put(f"{origin}/_fakescope/clock", json=order, headers=headers, trust_env=False, timeout=60)
        answer.raise_for_status()

    def advance(self, *, seconds: float = 0, hours: float = 0) -> None:
        self.order_clock("advance", seconds=seconds + hours * 3600)

    def finish_tasks_when_polled(self) -> None:
        """Let every poll come 311 seconds later: a task waits at most 10 and runs at most 300."""
        self.order_clock("tick", auto_advance_s=311)


@pytest.fixture(scope="session")
def address(start_server: Callable[..., Any]) -> str:
    """The base address of a simulator at the vendor's own pace."""
    return str(start_server("--speed", "1", "--no-limits").base)


@pytest.fixture
def account(address: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> SimulatedAccount:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # the SDK asks a proxy for 127.0.0.1, too
    account = SimulatedAccount(address, f"sk-fake-{request.node.nodeid}")
    account.order_clock("freeze")
    return account


@pytest.fixture
def boxes_of() -> Callable[[bytes], list[str]]:
    """The names of an MP4's top-level boxes (ISO/IEC 14496-12, 4.2): they fill the file to its last byte."""

    def boxes(film: bytes) -> list[str]:
        names, at = [], 0
        while at < len(film):
            names.append(film[at + 4 : at + 8].decode("ascii"))
            at += int.from_bytes(film[at : at + 4])
        assert at == len(film)
        return names

    return boxes
