"""What a hundred thousand tasks weigh, and whether a poll notices them."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.load import exchange, lifecycles, poll, rate, submit, task_id_in
from benchmarks.report import Row, rounds
from benchmarks.servers import Server, running

__all__ = ["memory"]

_MANY = 100_000


def memory(count: int) -> Iterator[Row]:
    with running() as few, running() as many:
        before = many.rss_mb()
        for _ in rounds(1, f"submitting {_MANY:,} tasks"):
            lifecycles(many.port, _MANY, polls=0)
        yield Row(f"MB of memory that {_MANY:,} tasks add", [many.rss_mb() - before], most=120)
        queries = [_running_task(server) for server in (many, few)]
        rates: tuple[list[float], list[float]] = [], []
        for number in rounds(count, f"polls beside {_MANY:,} tasks"):
            for i in (0, 1) if number % 2 else (1, 0):
                rates[i].append(rate((many, few)[i].port, [queries[i]]))
    yield Row(f"polls per second beside {_MANY:,} tasks (against: none)", *rates, least=0.90)


def _running_task(server: Server) -> bytes:
    """The query of a task that runs for an hour."""
    with server.connect() as connection:
        query = poll(task_id_in(exchange(connection, submit("[fakescope:seconds=3600]"))))
        while b"RUNNING" not in exchange(connection, query):
            pass
    return query
