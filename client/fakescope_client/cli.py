"""The client on the command line: `fakescope client …` or `python -m fakescope_client …`.

Exit status: 0 succeeded, 1 failed or refused, 2 wrong use, 3 transport or disk, 124 timeout, 130 interrupted.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from dataclasses import asdict
from itertools import islice
from typing import Any

from fakescope_client.clients import Client
from fakescope_client.core import REGIONS
from fakescope_client.errors import DashScopeError, TaskTimeoutError, TransportError
from fakescope_client.files import as_media, make_way
from fakescope_client.model import Task
from fakescope_client.verbs import as_input

_FLAGS: dict[str, dict[str, Any]] = {
    "-i/--input": {"action": "append", "metavar": "KEY=VALUE", "help": "input: text, JSON, or @FILE; repeats"},
    "-p/--parameter": {"action": "append", "metavar": "KEY=VALUE", "help": "a parameter: text or JSON; repeats"},
    "--path": {"default": "", "help": "the endpoint after /services/, for models that are not known"},
    "--on-ambiguous": {"choices": ["adopt", "raise", "resubmit"], "help": "when a submission is lost (default: adopt)"},
    "--timeout": {"type": float, "default": 3600.0, "metavar": "S", "help": "seconds (default: 3600)"},
    "--to": {"metavar": "PATH", "help": "a file for the result (-1, -2 … if there are several), or a folder/"},
    "--cancel-on-interrupt": {"action": "store_true", "help": "Ctrl-C cancels a task that is PENDING"},
    "--model": {"default": "", "help": "of this model only"},
    "--status": {"default": "", "help": "that stand so only"},
    "--base-url": {"default": "", "metavar": "URL", "help": "instead of DASHSCOPE_HTTP_BASE_URL"},
    "--region": {"default": "", "choices": [*REGIONS], "help": "whose public address to use"},
    "--patience": {"type": float, "default": 300.0, "metavar": "S", "help": "seconds of trouble that are borne"},
    "--json": {"action": "store_true", "help": "for programs: one JSON object per line"},
}
_SUBMITS, _WAITS, _EVERY = [*_FLAGS][:4], [*_FLAGS][4:7], [*_FLAGS][9:]
_VERBS: dict[str, tuple[str, str, list[str]]] = {
    "run": ("submit a task, wait for it, print the links of its results", "model prompt?", _SUBMITS + _WAITS),
    "submit": ("submit a task and print its id", "model prompt?", _SUBMITS),
    "wait": ("wait for a task and print the links of its results", "task", _WAITS),
    "fetch": ("print how a task stands", "task", []),
    "cancel": ("cancel a task that is PENDING", "task", []),
    "list": ("print the tasks of the last 24 hours, newest first", "", ["--model", "--status"]),
    "upload": ("upload a file for a model and print its oss:// address", "file model", []),
    "download": ("download the results of a task, or a link, to a file or a folder/", "task to", []),
}


def main(arguments: list[str]) -> int:
    """Run one command; its exit status. Results go to standard output, all else to standard error."""
    parser = ArgumentParser("fakescope client", description=__doc__, epilog="The key is DASHSCOPE_API_KEY.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, (does, takes, flags) in _VERBS.items():
        command = verbs.add_parser(verb, help=does, description=does)
        for name in takes.split():
            command.add_argument(name.rstrip("?"), nargs="?" if name.endswith("?") else None)
        for flag in flags + _EVERY:
            command.add_argument(*flag.split("/"), **_FLAGS[flag])
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.WARNING)
    progress = _Progress()
    try:
        options = parser.parse_args(arguments)
        if broken := [given for given in arguments if given.encode(errors="ignore").decode() != given]:
            raise ValueError(f"{broken[0]!r} is not UTF-8: write it so, in a UTF-8 locale")
        where: Any = {"base_url": options.base_url, "region": options.region, "patience": options.patience}
        with Client(sleep=progress.sleep, **where) as client:
            return _run(client, options, progress)
    except SystemExit as done:
        return int(done.code or 0)
    except BrokenPipeError:  # nobody reads on: end as tools do that the signal ends, and let Python not complain, too
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        return 141
    except (DashScopeError, ValueError, OSError, RecursionError) as error:
        progress.end()
        if options.json and isinstance(error, DashScopeError):
            about = {"error": type(error).__name__, **vars(error)}
            print(json.dumps({name: value for name, value in about.items() if isinstance(value, str | int)}))
        print("fakescope client:", "nested too deeply" if type(error) is RecursionError else error, file=sys.stderr)
        try:
            print(end="", flush=True)
        except OSError:  # the output itself is full: let Python not try again at the end, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        statuses = {TaskTimeoutError: 124, TransportError: 3, DashScopeError: 1, FileNotFoundError: 2, OSError: 3}
        return next((status for kind, status in statuses.items() if isinstance(error, kind)), 2)
    except KeyboardInterrupt as stop:
        progress.end()
        print(*getattr(stop, "__notes__", ["interrupted"]), sep="\n", file=sys.stderr)
        return 130


def _run(client: Client, options: Namespace, progress: _Progress) -> int:
    task: Any = getattr(options, "task", "")
    passed_on = ("task", "model", "path", "on_ambiguous", "timeout", "cancel_on_interrupt")
    how: Any = {name: value for name, value in vars(options).items() if name in passed_on}
    if "prompt" in options:
        how["input"] = as_input(options.model, {"prompt": options.prompt, **dict(map(_field, options.input or []))})
        how["parameters"] = dict(map(_field, options.parameter or []))
    if (to := getattr(options, "to", None)) is not None:
        make_way(to)  # before there is anything to pay for
    match options.verb:
        case "submit":
            print("task", (task := client.submit(**how)).id, file=sys.stderr)  # whatever becomes of standard output
            return _show(options, task, task.id)
        case "run" | "wait":
            task = getattr(client, options.verb)(**how, on_poll=lambda seen: progress.show(client, seen))
            progress.end()
        case "fetch":
            return _show(options, task := client.fetch(task), task.status, *task.results, task.message)
        case "cancel":
            done = client.cancel(task)
            _show(options, {"task_id": task, "canceled": done}, "canceled" if done else "too late: it is not PENDING")
            return int(not done)
        case "list":
            for task in client.list(model=options.model, status=options.status):
                when = f"{task.submitted_at.astimezone():%Y-%m-%d %H:%M:%S%z}" if task.submitted_at else "-"
                _show(options, task, f"{task.id}  {task.status:<9}  {when}  {task.model}")
            return 0
        case "upload":
            return _show(options, {"url": (url := client.upload(as_media(options.file), options.model))}, url)
        case "download" if not task.startswith("http"):
            task = client.fetch(task).raise_for_status()
    kept, links = [], (task.results or [json.dumps(task.raw.get("output"))]) if isinstance(task, Task) else []
    try:
        if to:
            kept, links = client.download(task, to, on_progress=progress.bytes), []
    finally:  # the results are paid for: whatever became of the download, it is said where they are
        progress.end()
        for path in kept:
            _show(options, {"file": os.fspath(path)}, os.fspath(path))
        status = _show(options, task, *links) if isinstance(task, Task) and options.verb != "download" else 0
    return status


def _field(text: str) -> tuple[str, Any]:
    """`KEY=VALUE`: a file if the value begins with @, else JSON if it is, else text."""
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not KEY=VALUE")
    try:
        return key, as_media(value[1:]) if value.startswith("@") else json.loads(value)
    except ValueError:
        return key, value


def _show(options: Namespace, about: Task | dict[str, Any], *lines: str) -> int:
    """Print what is known as JSON, or these lines; 1 for a task that came to a bad end, or a verdict that is no."""
    known = asdict(about) | {"usage": about.usage._asdict()} if isinstance(about, Task) else about
    if options.json:
        known = {name: value for name, value in known.items() if value not in (None, "", ())}
        lines = (json.dumps(known, default=str),)
    print(*(f"{line}\n" for line in lines if line), sep="", end="", flush=True)
    return int(known.get("status") in ("FAILED", "CANCELED", "UNKNOWN") or getattr(about, "passed", None) is False)


class _Progress:
    """A line on a terminal that is written over once a second; plain lines, one per change, in a pipe."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._began, self._said, self._about = time.monotonic(), "", ""

    def show(self, client: Client, task: Task) -> None:
        """Name a new task, and look up how long those of its model took lately, if anybody is there to read it."""
        if not self._said:
            print(f"task {task.id}", file=sys.stderr)
        if not self._said and self._is_terminal and task.model:
            with suppress(DashScopeError):  # it is only a guess
                done = islice(client.list(model=task.model, status="SUCCEEDED", patience=0.0), 20)
                took = [(t.ended_at - t.submitted_at).total_seconds() for t in done if t.ended_at and t.submitted_at]
                self._about = f" of about {_minutes(sorted(took)[len(took) // 2])}" if took else ""
        if task.status != self._said and not self._is_terminal:
            print(f"{task.status} after {time.monotonic() - self._began:.0f} s", file=sys.stderr)
        self._said = task.status
        self._draw()

    def sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._draw()
            time.sleep(min(left, 1.0) if self._is_terminal else left)

    def bytes(self, done: int, total: int | None) -> None:
        self._draw(f"{done / 1e6:.1f} MB" + (f" of {total / 1e6:.1f} MB" if total else ""))

    def end(self) -> None:
        self._said = ""
        self._draw()

    def _draw(self, line: str = "") -> None:
        line = f"{self._said} {_minutes(time.monotonic() - self._began)}{self._about}" if self._said else line
        if self._is_terminal:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


def _minutes(seconds: float) -> str:
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"
