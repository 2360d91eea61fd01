"""One readable line per request, on standard error: when, what, which task, where it stands and why."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from queue import Full, Queue
from threading import Thread
from typing import TextIO

from fakescope.clock import Clock
from fakescope.engine.task import Task
from fakescope.engine.vendor_error import VendorError
from fakescope.engine.view import TaskView

__all__ = ["AccessLog"]

_FLUSH_S = 0.05
_CLOSE_S = 0.5  # of a machine that is busy; it passes in vain only where nobody reads
_MOST_BATCHES = 200


class AccessLog:
    """Lines are gathered, and a thread writes them twenty times a second: who does not read them stops nothing.

    12:01:02.345 POST 200 video-synthesis MODEL 1f0c… PENDING
    12:01:09.871 GET  200 1f0c… FAILED InvalidParameter: size must be in … (parameters.size is '1*1'; …)
    """

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self._stream, self._clock = stream, clock
        self._lines: list[str] = []
        self._batches: Queue[str | None] = Queue(_MOST_BATCHES)
        self._writer: Thread | None = None
        self._waiting = False

    def line(self, method: str, path: str, status: int, about: Task | TaskView | VendorError | str) -> None:
        """Note one exchange. What came from the client is shown without control characters."""
        at = datetime.fromtimestamp(self._clock.read() / 1000).astimezone()
        text = _printable(_describe(about))
        words = [word for word in map(_printable, _named(path)) if word not in text]
        shown = " ".join([*words, text])
        self._lines.append(f"{at:%H:%M:%S}.{at.microsecond // 1000:03d} {method[:7]:<4} {status} {shown}\n")
        if not self._waiting:
            self._waiting = True
            asyncio.get_running_loop().call_later(_FLUSH_S, self.flush)

    def flush(self) -> None:
        """Hand on what was gathered. When nobody reads, and too much waits already, it is lost."""
        self._waiting = False
        lines, self._lines = self._lines, []
        if self._writer is None:
            self._writer = Thread(target=self._write, daemon=True)
            self._writer.start()
        with contextlib.suppress(Full):
            self._batches.put_nowait("".join(lines))

    def close(self) -> None:
        """Write what is left, if somebody reads it at once."""
        self.flush()
        with contextlib.suppress(Full):
            self._batches.put_nowait(None)
        if self._writer is not None:
            self._writer.join(_CLOSE_S)

    def _write(self) -> None:
        while (batch := self._batches.get()) is not None:
            with contextlib.suppress(OSError, ValueError):  # a stream that is gone is not an error of the request
                self._stream.write(batch)
                self._stream.flush()


def _named(path: str) -> list[str]:
    """The end of a path, which says what was asked for; of a cancellation also the task, one step earlier."""
    steps = path[-200:].rstrip("/").split("/")
    return [step[:60] for step in (steps[-2:] if steps[-1] == "cancel" else steps[-1:])]


def _describe(about: Task | TaskView | VendorError | str) -> str:
    if isinstance(about, Task):
        return f"{about.model} {about.id} PENDING"
    if isinstance(about, TaskView):
        reason = f" {about.problem.code}: {about.problem.message} ({about.problem.hint})" if about.problem else ""
        return f"{about.task_id} {about.status}{reason}"
    if isinstance(about, VendorError):
        return f"{about.problem.code if about.problem else about.name}: {about.hint}"
    return about


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:400]
