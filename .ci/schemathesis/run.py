"""Schemathesis against a started simulator, with the documents that the simulator itself gives. Exit status as its own.

Run by `make schemathesis`, in the environment that has Schemathesis and nothing of ours: the simulator is a process of
the other one. `--examples N` cases per operation and phase; `--seed N`, printed, draws the same cases again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.request import urlopen

HERE = Path(__file__).parent
KEY = "sk-fake-schemathesis"
# Only a server that knows its keys can refuse a wrong one, which Schemathesis asks for. At full speed and without rate
# limits, because it cannot know whose second is full.
ACCOUNTS = f'[[account]]\nname = "schemathesis"\nkeys = ["{KEY}"]\nonly = true\n'
SERVE = ("serve", "--port", "0", "--no-limits", "--log", "off")
LEAST_CASES = 2_000


def main() -> int:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("fakescope", help="the command, as in .venv/bin/fakescope")
    reader.add_argument("--examples", type=int, default=100)
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--errors", choices=["vendor", "early"], help="only with a simulator of this kind")
    given = reader.parse_args()
    # What is accepted, in every way that Schemathesis knows; then what is stated, where every value a schema does not
    # allow has to be refused. What a schema cannot tell from a right value (`x-fakescope-beyond`) is not sent there.
    every = ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(given.examples)]
    wrong = ["--phases", "coverage", "--mode", "negative"]
    kinds = {"vendor": every, "early": wrong}
    chosen = kinds if given.errors is None else {given.errors: kinds[given.errors]}
    return max([check(given.fakescope, kind, given.seed, how, LEAST_CASES) for kind, how in chosen.items()])


def check(fakescope: str, errors: str, seed: int, arguments: list[str], least: int) -> int:
    print(f"\nfakescope {' '.join(SERVE)} --errors {errors}, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "fakescope.toml").write_text(ACCOUNTS, "utf-8")
        command = [str(Path(fakescope).absolute()), *SERVE, "--errors", errors, "--seed", str(seed)]
        with subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            try:
                assert server.stdout is not None
                base = server.stdout.readline().removeprefix("fakescope ready on ").strip().removesuffix("/api/v1")
                document, report = Path(folder) / "openapi.json", Path(folder) / "report.json"
                with urlopen(f"{base}/_fakescope/openapi.json") as answer:
                    document.write_bytes(answer.read())
                run = [
                    str(Path(sys.executable).with_name("st")),
                    "--config-file",
                    str(HERE / "schemathesis.toml"),
                    "run",
                ]
                run += [str(document), "--url", base, "--header", f"Authorization: Bearer {KEY}", "--no-color"]
                run += ["--seed", str(seed), "--report", "json", "--report-json-path", str(report), *arguments]
                told = {"FAKESCOPE_DOCUMENT": str(document), "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py")}
                status = subprocess.run(run, cwd=folder, env=os.environ | told, check=False).returncode
                return status or judge(json.loads(report.read_text("utf-8")), least)
            finally:
                server.terminate()


def judge(report: dict[str, Any], least: int) -> int:
    """1 if not everything was tested: status 0 of a run that sent little would say nothing."""
    operations, cases = report["operations"], report["test_cases"]
    print(
        f"{operations['tested']} of {operations['total']} operations, {cases['generated']} cases, "
        f"{cases['unique_failures']} failures"
    )
    whole = report["complete"] and operations["tested"] == operations["total"] and cases["generated"] >= least
    if not whole:
        print(f"not all operations were tested, or with fewer than {least} cases", file=sys.stderr)
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
