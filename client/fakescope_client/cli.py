"""The client on the command line: `fakescope client …` or `python -m fakescope_client …`.

Exit status: 0 succeeded, 1 failed or refused, 2 wrong use, 3 transport, 124 timeout, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from fakescope_client.core import REGIONS
from fakescope_client.errors import DashScopeError, TaskTimeoutError, TransportError
from fakescope_client.model import Task, TaskStatus
from fakescope_client.sync import Client

_BAD = (TaskStatus.FAILED, TaskStatus.CANCELED, TaskStatus.UNKNOWN)
_INPUT, _PARAMETER = "a field of input: text, JSON, or @FILE; may be repeated", "a parameter: text or JSON"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("fakescope client", description=__doc__, epilog="The key is DASHSCOPE_API_KEY.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--base-url", default="", metavar="URL", help="instead of DASHSCOPE_HTTP_BASE_URL")
    common.add_argument("--region", default="", choices=list(REGIONS), help="whose public address to use")
    common.add_argument("--patience", type=float, default=300.0, metavar="S", help="seconds of trouble that are borne")
    common.add_argument("--json", action="store_true", help="for programs: one JSON object per line")
    submits, waits = argparse.ArgumentParser(add_help=False), argparse.ArgumentParser(add_help=False)
    submits.add_argument("model")
    submits.add_argument("prompt", nargs="?")
    submits.add_argument("-i", "--input", action="append", default=[], metavar="KEY=VALUE", help=_INPUT)
    submits.add_argument("-p", "--parameter", action="append", default=[], metavar="KEY=VALUE", help=_PARAMETER)
    submits.add_argument("--path", default="", help="the endpoint after /services/, for models that are not known")
    submits.add_argument("--on-ambiguous", default="adopt", choices=["adopt", "raise", "resubmit"])
    waits.add_argument("--timeout", type=float, default=3600.0, metavar="S", help="seconds (default: 3600)")
    waits.add_argument("--to", metavar="PATH", help="download the results to this file or folder")
    waits.add_argument("--cancel-on-interrupt", action="store_true", help="Ctrl-C cancels a task that is PENDING")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, help: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=help, description=help, parents=[*parents, common])

    verb("run", "submit a task, wait for it, print the links of its results", submits, waits)
    verb("submit", "submit a task and print its id", submits)
    verb("wait", "wait for a task and print the links of its results", waits).add_argument("task")
    verb("fetch", "print how a task stands").add_argument("task")
    verb("cancel", "cancel a task that is PENDING").add_argument("task")
    listing = verb("list", "print the tasks of the last 24 hours, newest first")
    listing.add_argument("--model", default="")
    listing.add_argument("--status", default="")
    upload = verb("upload", "upload a file for a model and print its oss:// address")
    upload.add_argument("file", type=Path)
    upload.add_argument("model")
    download = verb("download", "download the results of a task, or a link")
    download.add_argument("source", help="task id or link")
    download.add_argument("to", help="file or folder")
    return parser


def main(arguments: list[str]) -> int:
    """Run one command; its exit status. Results go to standard output, all else to standard error."""
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as done:
        return int(done.code or 0)
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.ERROR)
    logging.getLogger("fakescope_client").setLevel(logging.WARNING)
    progress = _Progress()
    try:
        where: Any = {"base_url": options.base_url, "region": options.region, "patience": options.patience}
        with Client(sleep=progress.sleep, **where) as client:
            return _run(client, options, progress)
    except DashScopeError as error:
        progress.end()
        if options.json:
            about = {name: value for name, value in vars(error).items() if isinstance(value, str | int)}
            print(json.dumps({"error": type(error).__name__, **about}, ensure_ascii=False))
        print(f"fakescope client: {error}", file=sys.stderr)
        return 124 if isinstance(error, TaskTimeoutError) else 3 if isinstance(error, TransportError) else 1
    except (ValueError, OSError) as error:
        progress.end()
        print(f"fakescope client: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        progress.end()
        print(*getattr(stop, "__notes__", ["interrupted"]), sep="\n", file=sys.stderr)
        return 130


def _run(client: Client, options: argparse.Namespace, progress: _Progress) -> int:
    match options.verb:
        case "submit" | "run":
            given = {"prompt": options.prompt} if options.prompt is not None else {}
            given |= dict(map(_field, options.input))
            rest = {"path": options.path, "on_ambiguous": options.on_ambiguous}
            task = client.submit(options.model, given, dict(map(_field, options.parameter)), **rest)
            if options.verb == "submit":
                return _show(task, options, [task.id])
            print(f"task {task.id}", file=sys.stderr)
            return _wait(client, task, options, progress)
        case "wait":
            return _wait(client, options.task, options, progress)
        case "fetch":
            task = client.fetch(options.task)
            return _show(task, options, [task.status, *task.results, task.message])
        case "cancel":
            done = client.cancel(options.task)
            said = "canceled" if done else "too late: it is not PENDING"
            print(json.dumps({"task_id": options.task, "canceled": done}) if options.json else said)
            return 0 if done else 1
        case "list":
            for task in client.list(model=options.model, status=options.status):
                when = f"{task.submitted_at:%Y-%m-%d %H:%M:%S}" if task.submitted_at else "-"
                _show(task, options, [f"{task.id}  {task.status:<9}  {when}  {task.model}"])
        case "upload":
            address = client.upload(options.file, options.model)
            print(json.dumps({"url": address}) if options.json else address)
        case "download":
            source = options.source
            _save(client, source if source.startswith("http") else client.fetch(source), options.to, options, progress)
    return 0


def _field(text: str) -> tuple[str, Any]:
    """`KEY=VALUE`: a file if the value begins with @, else JSON if it is, else text."""
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not KEY=VALUE")
    if value.startswith("@"):
        return key, Path(value[1:])
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _wait(client: Client, task: Task | str, options: argparse.Namespace, progress: _Progress) -> int:
    progress.begin(client, task)
    cancels = options.cancel_on_interrupt
    task = client.wait(task, timeout=options.timeout, on_poll=progress.show, cancel_on_interrupt=cancels)
    progress.end()
    if options.to:
        _save(client, task, options.to, options, progress)
    return _show(task, options, list(task.results) if not options.to else [])


def _save(client: Client, source: Task | str, to: str, options: argparse.Namespace, progress: _Progress) -> None:
    for path in client.download(source, to, on_progress=progress.bytes):
        progress.end()
        print(json.dumps({"file": os.fspath(path)}) if options.json else path)


def _show(task: Task, options: argparse.Namespace, lines: list[str]) -> int:
    if options.json:
        about = asdict(task) | {"usage": task.usage._asdict()}
        print(json.dumps({k: v for k, v in about.items() if v not in (None, "", ())}, ensure_ascii=False, default=str))
    elif shown := [line for line in lines if line]:
        print(*shown, sep="\n")
    return 1 if task.status in _BAD else 0


class _Progress:
    """A line on a terminal that is written over once a second; plain lines, one per change, in a pipe."""

    def __init__(self) -> None:
        self._is_terminal, self._began = sys.stderr.isatty(), time.monotonic()
        self._said, self._about = "", ""

    def begin(self, client: Client, task: Task | str) -> None:
        """Look up how long tasks of this model took lately, if anybody is there to read it."""
        self._began = time.monotonic()
        if self._is_terminal and isinstance(task, Task):
            try:
                done = islice(client.list(model=task.model, status="SUCCEEDED"), 20)
                took = [(t.ended_at - t.submitted_at).total_seconds() for t in done if t.ended_at and t.submitted_at]
                self._about = f" of about {_minutes(median(took))}" if took else ""
            except DashScopeError:
                pass  # it is only a guess

    def show(self, task: Task) -> None:
        if task.status != self._said and not self._is_terminal:
            print(f"{task.status} after {time.monotonic() - self._began:.0f} s", file=sys.stderr)
        self._said = task.status
        self._draw(f"{self._said} {_minutes(time.monotonic() - self._began)}{self._about}")

    def sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._said:
                self._draw(f"{self._said} {_minutes(time.monotonic() - self._began)}{self._about}")
            time.sleep(min(left, 1.0) if self._is_terminal else left)

    def bytes(self, done: int, total: int | None) -> None:
        self._draw(f"{done / 1e6:.1f} MB" + (f" of {total / 1e6:.1f} MB" if total else ""))

    def _draw(self, line: str) -> None:
        if self._is_terminal:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        self._said = ""
        self._draw("")


def _minutes(seconds: float) -> str:
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"
