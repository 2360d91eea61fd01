"""Requests per second, and whole lifecycles: ours and a bare uvicorn application, in turn, under the same load."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.load import CONNECTIONS, exchange, lifecycles, poll, rate, submit, task_id_in
from benchmarks.report import Row, rounds
from benchmarks.servers import OURS, Server, pair

__all__ = ["polls", "polls_with_log", "submits", "whole_lifecycles"]

_LIFECYCLES = 10_000


def polls(count: int) -> Iterator[Row]:
    yield Row("polls per second, half RUNNING, half SUCCEEDED", *_compare("polls", _poll_rate, count, OURS), least=0.70)


def polls_with_log(count: int) -> Iterator[Row]:
    with_log = ["lines" if flag == "off" else flag for flag in OURS]
    yield Row("the same with --log lines", *_compare("polls, log", _poll_rate, count, with_log))


def submits(count: int) -> Iterator[Row]:
    yield Row("submissions per second, 600 bytes", *_compare("submits", _submit_rate, count, OURS), least=0.40)


def whole_lifecycles(count: int) -> Iterator[Row]:
    what = f"seconds for {_LIFECYCLES:,} lifecycles: a submission, 3 polls"
    yield Row(what, *_compare("lifecycles", lambda server: lifecycles(server.port, _LIFECYCLES), count, OURS), most=2.0)


def _compare(
    what: str, measure: Callable[[Server], float], count: int, ours: list[str]
) -> tuple[list[float], list[float]]:
    found: tuple[list[float], list[float]] = [], []
    for number in rounds(count, what):
        with pair(ours) as servers:
            order = (0, 1) if number % 2 else (1, 0)  # who comes first takes turns, too
            for i in order:
                found[i].append(measure(servers[i]))
    return found


def _poll_rate(server: Server) -> float:
    requests = []
    with server.connect() as connection:
        for n in range(2 * CONNECTIONS):
            task_id = task_id_in(exchange(connection, submit(f"[fakescope:seconds={n % 2 * 3600}]")))
            requests.append(poll(task_id))
        while any(b"PENDING" in exchange(connection, request) for request in requests):
            pass  # a sixth of a second at most
    return rate(server.port, requests)


def _submit_rate(server: Server) -> float:
    return rate(server.port, [submit()])
