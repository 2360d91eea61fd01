"""Requests per second, and whole lifecycles: ours and a bare uvicorn application, in turn, under the same load."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

from benchmarks.load import CONNECTIONS, exchange, lifecycles, poll, rate, submit, task_id_in
from benchmarks.report import Row, rounds
from benchmarks.servers import BARE, OURS, Server, running

__all__ = ["polls", "polls_with_log", "submits", "whole_lifecycles"]

_LIFECYCLES = 10_000


def polls(count: int) -> Iterator[Row]:
    yield Row("polls per second, half RUNNING, half SUCCEEDED", *_in_turn("polls", _poll_rate, count), least=0.70)


def polls_with_log(count: int) -> Iterator[Row]:
    with_log = ["lines" if flag == "off" else flag for flag in OURS]
    yield Row("the same with --log lines", *_in_turn("polls, log", _poll_rate, count, with_log))


def submits(count: int) -> Iterator[Row]:
    yield Row("submissions per second, 600 bytes", *_in_turn("submits", _submit_rate, count), least=0.40)


def whole_lifecycles(count: int) -> Iterator[Row]:
    what = f"seconds for {_LIFECYCLES:,} lifecycles: a submission, 3 polls"
    yield Row(what, *_in_turn("lifecycles", lambda server: lifecycles(server.port, _LIFECYCLES), count), most=2.0)


def _in_turn(
    what: str, measure: Callable[[Server], float], count: int, ours: list[str] = OURS
) -> tuple[list[float], list[float]]:
    """Ours and bare, in fresh processes every round, because no two of one program are equally fast."""
    found: tuple[list[float], list[float]] = [], []
    for number in rounds(count, what):
        with running(ours) as one, running(BARE) as other:
            for i in (0, 1) if number % 2 else (1, 0):  # who comes first takes turns, too
                found[i].append(measure((one, other)[i]))
    return found


def _poll_rate(server: Server) -> float:
    with server.connect() as connection:
        marks = [f"[fakescope:seconds={n % 2 * 3600}]" for n in range(2 * CONNECTIONS)]
        queries = [poll(task_id_in(exchange(connection, submit(mark)))) for mark in marks]
        while any(b"PENDING" in exchange(connection, query) for query in queries):
            pass  # a sixth of a second at most
    return _rate(server, queries)


def _submit_rate(server: Server) -> float:
    return _rate(server, [submit()])


def _rate(server: Server, requests: Sequence[bytes]) -> float:
    """Requests per second. Where something else took a part of the server's core, once more, but not for ever."""
    for _ in range(5):
        had, started = server.cpu_s(), perf_counter()
        found = rate(server.port, requests)
        share = (server.cpu_s() - had) / (perf_counter() - started)
        if share > 0.9:
            return found
    print(f"\r\033[KThe server had only {share:.0%} of its core; what else runs here?", file=sys.stderr)
    return found
