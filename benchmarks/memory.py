"""What a hundred thousand tasks weigh, and whether a poll notices them."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.load import exchange, lifecycles, page, poll, rate, task_ids_in
from benchmarks.report import Row, rounds
from benchmarks.servers import Server, running

__all__ = ["memory"]

_MANY, _FEW = 100_000, 1_000
_PAGE = 10


def memory(count: int) -> Iterator[Row]:
    with running() as few, running() as many:
        before = many.rss_mb()
        for _ in rounds(1, f"submitting {_MANY:,} tasks"):
            lifecycles(many.port, _MANY, polls=0)
        yield Row(f"MB of memory that {_MANY:,} tasks add", [many.rss_mb() - before], most=120)
        lifecycles(few.port, _FEW, polls=0)
        queries = [_spread(many, _MANY), _spread(few, _FEW)]
        rates: tuple[list[float], list[float]] = [], []
        for number in rounds(count, f"polls among {_MANY:,} tasks"):
            for i in (0, 1) if number % 2 else (1, 0):
                rates[i].append(rate((many, few)[i].port, queries[i]))
    yield Row(f"polls per second of {_FEW:,} among {_MANY:,} tasks (against: among {_FEW:,})", *rates, least=0.90)


def _spread(server: Server, tasks: int) -> list[bytes]:
    """Queries of a thousand tasks, from all over the list, when all have ended."""
    ids = []
    with server.connect() as connection:
        for number in range(1, tasks // _PAGE + 1, tasks // _FEW):
            ids += task_ids_in(exchange(connection, page(number, _PAGE)))
        newest = poll(ids[0])
        while b"SUCCEEDED" not in exchange(connection, newest):
            pass  # five seconds at most
    return [poll(task_id) for task_id in ids]
