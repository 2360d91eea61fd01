"""Ctrl-C that is not lost.

Python raises KeyboardInterrupt wherever the program is at that moment. That may be a place from which no exception gets
out, such as what a weak dictionary does when one of its keys goes, a callback of the garbage collector, or a `__del__`:
then it is printed and dropped, and the run goes on. So it is remembered, too, and raised again before the next request.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["interruptible", "raise_if_interrupted"]

_pressed = threading.Event()  # of the process, as signals are


def raise_if_interrupted() -> None:
    """Raises KeyboardInterrupt if Ctrl-C was pressed within `interruptible`."""
    if _pressed.is_set():
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Remember a Ctrl-C until the end. Nothing changes where Ctrl-C means something else, or in another thread."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    shown = sys.unraisablehook

    def press(_signal: int, _frame: FrameType | None) -> None:
        _pressed.set()
        raise KeyboardInterrupt

    def drop(unraisable: Any) -> None:
        if unraisable.exc_type is not KeyboardInterrupt:  # that one is not lost
            shown(unraisable)

    signal.signal(signal.SIGINT, press)
    sys.unraisablehook = drop
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        sys.unraisablehook = shown
        _pressed.clear()
