"""Files from anywhere, read without trust: plain values only, nothing constructed, bounded in depth and in size.

The events of the parser are put together here instead of by a YAML loader: so depth, aliases and tags are seen before
anything is built from them, and every mapping knows its line.
"""

from __future__ import annotations

import binascii
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from fakescope.errors import CassetteError

__all__ = ["MOST_BYTES", "Table", "leads_out", "name_of", "need_yaml", "read_file", "read_yaml"]

MOST_BYTES = 50_000_000
"""The largest file and the largest body that are read."""
MOST_DEPTH = 40
MOST_VALUES = 5_000_000
"""Values in one file, those behind aliases counted each time they are used."""

_TAG = "tag:yaml.org,2002:"
_TEXT = {_TAG + name for name in ("str", "python/str", "python/unicode")}
_LISTS = {None, "!", _TAG + "seq", _TAG + "python/tuple"}
_BYTESIO = _TAG + "python/object/new:_io.BytesIO"  # how older versions of VCR.py wrote an uploaded file
_INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,18})")


class Table(dict[str, Any]):
    """A mapping, and the line where it begins."""

    line = 0


def need_yaml() -> Any:
    """PyYAML, or one line that says how to get it."""
    try:
        import yaml  # deferred: an extra, and slow to load
    except ImportError:
        raise CassetteError("cassettes need PyYAML and VCR.py: pip install 'fakescope[cassettes]'") from None
    return yaml


def name_of(path: Path) -> str:
    """A path as text that can be sent and written, whatever bytes it has and whatever the system takes for text."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a path is a symbolic link, or below one, to somewhere outside of the folder, or in a circle."""
    try:
        return not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # RuntimeError: in a circle
        return True


def read_file(path: Path) -> bytes:
    """The bytes of a regular file of bounded size that lies where its path says."""
    try:
        if leads_out(path, path.parent):
            raise CassetteError(f"{path}: a link that leads out of its folder; put the file itself there")
        if not path.is_file():
            raise CassetteError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
        if path.stat().st_size > MOST_BYTES:
            size = path.stat().st_size // 1_000_000
            raise CassetteError(
                f"{path}: {size} MB; at most {MOST_BYTES // 1_000_000} MB are read. Record films with --media describe"
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CassetteError(f"{path}: cannot be read: {why}") from None


def read_yaml(text: str, place: str) -> Any:
    """The one document in `text`: Table, list, str, bytes, int or None. Raises CassetteError with the line."""
    yaml = need_yaml()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    reader = _Reader(place)
    try:
        for event in yaml.parse(text, Loader=loader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CassetteError(f"{place}:{line}: not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise CassetteError(f"{place}: not YAML: {' '.join(str(error).split())[:200]}") from None
    except RecursionError:
        raise CassetteError(f"{place}: nested more than {MOST_DEPTH} deep") from None
    return reader.document


class _Reader:
    def __init__(self, place: str) -> None:
        self.document: Any = None
        self._place, self._documents, self._values = place, 0, 0
        self._open: list[_Level] = []
        self._anchors: dict[str, tuple[Any, int]] = {}

    def take(self, event: Any) -> None:
        match type(event).__name__:
            case "ScalarEvent":
                self._add(self._scalar(event), event, 1)
            case "SequenceStartEvent" | "MappingStartEvent":
                self._begin(event)
            case "SequenceEndEvent" | "MappingEndEvent":
                level = self._open.pop()
                self._add(level.value(self._fail), level.event, self._values - level.before + 1)
            case "AliasEvent":
                if event.anchor not in self._anchors:
                    self._fail(event, f"*{event.anchor} refers to nothing that is complete before it")
                value, size = self._anchors[event.anchor]
                self._add(value, event, size, named=False)
            case "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    self._fail(event, "a second document begins; a cassette is one")

    def _begin(self, event: Any) -> None:
        if len(self._open) >= MOST_DEPTH:
            self._fail(event, f"nested more than {MOST_DEPTH} deep")
        is_list = type(event).__name__ == "SequenceStartEvent"
        if event.tag not in (_LISTS if is_list else {None, "!", _TAG + "map", _BYTESIO}):
            self._refuse_tag(event)
        self._open.append(_Level(event, is_list, self._values))

    def _add(self, value: Any, event: Any, size: int, *, named: bool = True) -> None:
        if named:
            self._values += 1
        else:
            self._values += size
        if self._values > MOST_VALUES:
            self._fail(event, f"more than {MOST_VALUES:,} values, aliases counted as often as they are used")
        if named and event.anchor is not None:
            self._anchors[event.anchor] = value, size
        if self._open:
            self._open[-1].items.append((value, event))
        else:
            self.document = value

    def _scalar(self, event: Any) -> Any:
        tag, text = event.tag, event.value
        if not text.isascii() and re.search("[\ud800-\udfff]", text):
            self._fail(event, "half a character (a lone surrogate)")
        if tag in (None, "!"):
            if not event.implicit[0] or tag == "!":
                return text
            if text in ("", "~", "null", "Null", "NULL"):
                return None
            return int(text) if _INTEGER.fullmatch(text) else text
        if tag in _TEXT:
            return text
        if tag == _TAG + "null":
            return None
        if tag == _TAG + "int" and _INTEGER.fullmatch(text):
            return int(text)
        if tag == _TAG + "binary":
            try:
                return binascii.a2b_base64("".join(text.split()).encode("ascii"))
            except (binascii.Error, UnicodeEncodeError):
                self._fail(event, "!!binary that is not base64")
        return self._refuse_tag(event)

    def _refuse_tag(self, event: Any) -> NoReturn:
        shown = str(event.tag).removeprefix(_TAG)[:80]
        self._fail(event, f"the tag {shown!r} is not read: a cassette holds texts, numbers and !!binary")

    def _fail(self, event: Any, why: str) -> NoReturn:
        raise CassetteError(f"{self._place}:{event.start_mark.line + 1}: {why}")


class _Level:
    """A list or a mapping that is not complete yet."""

    def __init__(self, event: Any, is_list: bool, before: int) -> None:
        self.event, self.items, self.before = event, list[tuple[Any, Any]](), before
        self._is_list = is_list

    def value(self, fail: Callable[[Any, str], NoReturn]) -> Any:
        if self._is_list:
            return [value for value, _ in self.items]
        table = Table()
        table.line = self.event.start_mark.line + 1
        for (key, at), (value, _) in zip(self.items[::2], self.items[1::2], strict=True):
            if not isinstance(key, str | int):
                fail(at, "a key that is not text")
            if str(key) in table:
                fail(at, f"the key {str(key)[:80]!r} stands twice")
            table[str(key)] = value
        if self.event.tag == _BYTESIO:
            state = table.get("state")
            return state[0] if isinstance(state, list) and state and isinstance(state[0], str | bytes) else b""
        return table
