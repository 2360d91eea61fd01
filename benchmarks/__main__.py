"""`make bench`: measure, and print the table. It reports and judges nobody, unless it is asked to with `--check`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import in_process, memory, startstop, throughput
from benchmarks.load import has_wrk
from benchmarks.report import Row, table
from benchmarks.servers import CORES, OURS, pin

Subject = Callable[[int], Iterator[Row]]

SUBJECTS: dict[str, Subject] = {
    "polls": throughput.polls,
    "log": throughput.polls_with_log,
    "submits": throughput.submits,
    "lifecycles": throughput.whole_lifecycles,
    "start": startstop.start,
    "stop": startstop.stop,
    "memory": memory.memory,
    "growth": in_process.growth,
    "life": in_process.life,
}
NEED_WRK = {"polls", "log", "submits", "memory"}


def main() -> int:
    options = _options()
    wanted: list[str] = options.only or list(SUBJECTS)
    if NEED_WRK.intersection(wanted) and not has_wrk():
        print("wrk is not on the PATH: `apt-get install wrk`, or leave out " + ", ".join(NEED_WRK), file=sys.stderr)
        return 3
    pin(1)
    rows = [row for name in wanted for row in SUBJECTS[name](options.rounds)]
    print(table(rows))
    where = "servers and load share the cores" if CORES is None else f"servers on core {CORES[0]}, load on {CORES[1]}"
    print(f"\nmedians of {options.rounds} rounds in turn; against: bare uvicorn, unless it says otherwise; {where}")
    print(f"ours: {' '.join(['fakescope', *OURS[3:-1]])}")
    if options.json:
        options.json.write_text(json.dumps([row.as_dict() for row in rows], indent=2) + "\n")
    return int(options.check and any(row.verdict == "over" for row in rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds, in turn (default: 5)")
    parser.add_argument("--only", type=_subjects, metavar="NAME,...", help=", ".join(SUBJECTS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's value as JSON, too")
    parser.add_argument("--check", action="store_true", help="exit with status 1 if a bar is missed")
    return parser.parse_args()


def _subjects(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in SUBJECTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {', '.join(SUBJECTS)}")
    return names


sys.exit(main())
