"""Measure, and print the table. This reports and judges nobody, unless it is asked to with --check."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import client, in_process, memory, replay, startstop, throughput
from benchmarks.load import has_wrk
from benchmarks.report import Row, table
from benchmarks.servers import CORES, OURS, pin

SUBJECTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "polls": throughput.polls,
    "log": throughput.polls_with_log,
    "submits": throughput.submits,
    "validation": in_process.validation,
    "lifecycles": throughput.whole_lifecycles,
    "replay": replay.replay,
    "start": startstop.start,
    "stop": startstop.stop,
    "memory": memory.memory,
    "growth": in_process.growth,
    "linear": in_process.linear,
    "life": in_process.life,
    "import": client.imported,
    "virtual": client.virtual,
    "crowd": client.crowd,
}
NEED_WRK = ("polls", "log", "submits", "memory")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="how often, in turn (default: 5)")
    parser.add_argument("--only", metavar="NAME,...", help="out of " + ", ".join(SUBJECTS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the value of every round, too")
    parser.add_argument("--check", action="store_true", help="end with status 1 if a bar is missed")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(SUBJECTS)
    if unknown := set(names) - set(SUBJECTS):
        parser.error(f"--only: {', '.join(unknown)} is not one of {', '.join(SUBJECTS)}")
    if not has_wrk() and set(names).intersection(NEED_WRK):
        parser.error(f"{', '.join(NEED_WRK)} need wrk, which is not on the PATH: apt-get install wrk")
    pin(1)
    rows = [row for name in names for row in SUBJECTS[name](options.rounds)]
    if options.json:
        options.json.write_text(json.dumps([row.as_dict() for row in rows], indent=2) + "\n")
    print(table(rows))
    print(f"\nMedians of {options.rounds} rounds in turn; against the bare application, where nothing else is named.")
    print(
        "Servers and load share the cores." if CORES is None else "Servers on core {}, load on core {}.".format(*CORES)
    )
    print(f"Ours is fakescope {' '.join(OURS[3:-1])}.")
    return int(options.check and any(row.verdict == "over" for row in rows))


sys.exit(main())
