"""From spawning the process to its first good answers, and from SIGTERM to its end."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from benchmarks.load import CONNECTIONS, exchange, poll, submit, task_id_in
from benchmarks.report import Row, rounds
from benchmarks.servers import BARE, LEAN, OURS, Server, running

__all__ = ["start", "stop"]

_STARTS = 3  # in each round, because they are short


def start(count: int) -> Iterator[Row]:
    commands = {"ours": OURS, "bare": BARE, "lean": LEAN}
    submitted: dict[str, list[float]] = {name: [] for name in commands}
    polled: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():  # once for the bytecode and the disk
        with running(command):
            pass
    for _ in rounds(count * _STARTS, "start"):
        for name, command in commands.items():
            first, second = _start(command)
            submitted[name].append(first)
            polled[name].append(second)
    yield Row("ms from spawn to a submission answered", submitted["ours"], submitted["bare"], most=1.6)
    yield Row("ms from spawn to its poll answered", polled["ours"], polled["bare"], most=1.6)
    yield Row("the same against a leaner start of uvicorn", polled["ours"], polled["lean"])


def _start(command: list[str]) -> tuple[float, float]:
    server = Server(command)
    try:
        with server.connect() as connection:
            answer = exchange(connection, submit())
            submitted = perf_counter()
            exchange(connection, poll(task_id_in(answer)))
            polled = perf_counter()
    finally:
        server.stop()
    return (submitted - server.spawned) * 1000, (polled - server.spawned) * 1000


def stop(count: int) -> Iterator[Row]:
    for connections in (0, CONNECTIONS):
        slowest = max(_stop(connections) for _ in rounds(count, f"stop, {connections} connections"))
        yield Row(f"ms from SIGTERM to exit status 0, {connections} connections, the slowest", [slowest], most=300)


def _stop(connections: int) -> float:
    with running() as server:
        opened = [server.connect() for _ in range(connections)]
        for connection in opened:
            exchange(connection, poll("unknown"))
        took, status = server.stop()
        for connection in opened:
            connection.close()
    if status:
        raise RuntimeError(f"SIGTERM ended it with exit status {status}")
    return took
