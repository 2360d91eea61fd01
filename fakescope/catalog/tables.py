"""TOML tables that are read strictly: an unknown key, a wrong type or a missing source names file, entry and key."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from fakescope.catalog.rules import Bounds
from fakescope.catalog.spec import BASES, Source
from fakescope.errors import CatalogError

__all__ = ["Table", "parse", "plain"]

T = TypeVar("T")
_MOST_BYTES = 1_048_576  # of a file: fifty times the largest of ours
_MOST_NUMBER = Decimal(2**63)
_MOST_SHOWN = 80  # characters of a value in a message


class Table:
    """A TOML table that remembers where it is and which of its keys were read."""

    def __init__(self, data: object, at: str) -> None:
        if not isinstance(data, dict):
            raise CatalogError(f"{at}: {_shown(data)} is not a table")
        self._data, self.at, self._read = dict(data), at, set[str]()

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def take(self, key: str, kind: type[T] | tuple[type[T], ...], default: Any = ...) -> T:
        self._read.add(key)
        if key not in self._data:
            if default is ...:
                raise CatalogError(f"{self.at}: {key} is missing")
            return default  # type: ignore[no-any-return]
        value = self._data[key]
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds and object not in kinds):
            raise CatalogError(f"{self.at}.{key}: {_shown(value)} is not {_wanted(kinds)}")
        if isinstance(value, int) and abs(value) > _MOST_NUMBER:
            raise CatalogError(f"{self.at}.{key}: {_shown(value)} is larger than 64 bits hold")
        return value

    def one_of(self, key: str, words: tuple[str, ...], default: Any = ...) -> str:
        word: str = self.take(key, str, default)
        if word not in words:
            raise CatalogError(f"{self.at}.{key}: {_shown(word)} is not one of {', '.join(words)}")
        return word

    def table(self, key: str, default: Any = ...) -> Table:
        return Table(self.take(key, dict, default), f"{self.at}.{key}")

    def tables(self, key: str) -> list[Table]:
        rows: list[object] = self.take(key, list, [])
        return [Table(row, f"{self.at}.{key}[{i}]") for i, row in enumerate(rows)]

    @property
    def names(self) -> Collection[str]:
        """Its keys, read or not."""
        return self._data.keys()

    def each(self) -> Iterator[tuple[str, Table]]:
        for key in self._data:
            yield key, self.table(key)

    def words(self, key: str, default: Any = ...) -> tuple[str, ...]:
        return self.items(key, str, default)

    def items(self, key: str, kind: type | tuple[type, ...], default: Any = ...) -> tuple[Any, ...]:
        """A list whose items are all of one kind."""
        row = self._items(key, default)
        return tuple(row.take(name, kind) for name in row.names)

    def lists(self, key: str) -> list[tuple[str, ...]]:
        """A list of lists of texts."""
        row = self._items(key, ...)
        return [row.words(name) for name in row.names]

    def _items(self, key: str, default: Any) -> Table:
        items: list[object] = self.take(key, list, default)
        return Table({f"{key}[{i}]": item for i, item in enumerate(items)}, self.at)

    def texts(self, key: str) -> dict[str, str]:
        """A table of texts, empty if it is not there."""
        table = self.table(key, {})
        return {name: table.take(name, str) for name in table.names}

    def count(self, key: str, default: Any = ..., most: int = 2**31) -> Any:
        """A whole number from 1 to `most`, or the default."""
        value: int | None = self.take(key, int, default)
        if value is not None and not 1 <= value <= most:
            raise CatalogError(f"{self.at}.{key}: {_shown(value)} is not a whole number from 1 to {most}")
        return value

    def pair(self, key: str, default: Any = ...) -> Any:
        values: list[Any] | None = self.take(key, list, default)
        if values is None:
            return None
        if not (len(values) == 2 and all(map(_is_number, values)) and values[0] <= values[1]):
            raise CatalogError(f"{self.at}.{key}: {_shown(values)} is not [lowest, highest]")
        return tuple(values)

    def bounds(self, prefix: str = "") -> Bounds:
        """`range = [low, high]`, `above`, `below`; with a prefix the range is the prefix itself, as in `side_px`."""
        range_, joint = prefix or "range", f"{prefix}_" if prefix else ""
        low, high = self.pair(range_, None) or (None, None)
        low, high = self._number(f"{joint}from", low), self._number(f"{joint}to", high)
        bounds = Bounds(low, high, self._number(f"{joint}above", None), self._number(f"{joint}below", None))
        least, most = bounds.ends
        if least is not None and most is not None and least > most:
            raise CatalogError(f"{self.at}: nothing is {bounds}")
        return bounds

    def _number(self, key: str, default: Any) -> float | None:
        value: Any = self.take(key, (int, Decimal), default)
        return float(value) if isinstance(value, Decimal) else value

    def source(self, inherited: Source | None, key: str = "source") -> Source:
        if key not in self:
            if inherited is None:
                raise CatalogError(f"{self.at}: {key} is missing; say where this stands")
            return inherited
        table = self.table(key)
        source = Source(
            table.take("document", str),
            table.take("section", str, ""),
            table.take("url", str, ""),
            table.take("via", str, ""),
        )
        table.done()
        return source

    def basis(self, inherited: str | None) -> str:
        return self.one_of("basis", BASES, inherited if inherited is not None else ...)

    def done(self) -> None:
        """Every key was read, or the file says something that nobody understands."""
        unknown = [key for key in self._data if key not in self._read]
        if unknown:
            raise CatalogError(f"{self.at}: unknown key {unknown[0]}; known are {', '.join(sorted(self._read))}")

    def fail(self, why: str) -> CatalogError:
        return CatalogError(f"{self.at}: {why}")


_ENGLISH = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    Decimal: "a decimal number such as 0.50",
    list: "a list",
    dict: "a table",
    date: "a date such as 2026-01-31",
}


def _wanted(kinds: tuple[type, ...]) -> str:
    return " or ".join(_ENGLISH.get(kind, kind.__name__) for kind in kinds)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and -_MOST_NUMBER <= value <= _MOST_NUMBER


def _shown(value: object) -> str:
    """What the file gives, in one short line."""
    shown = repr(plain(value))
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[: _MOST_SHOWN - 3]}..."


def plain(value: Any) -> Any:
    """A value as JSON has it: decimal numbers as floats, all the way down."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def parse(file: Path) -> Table:
    """The file as a table. Raises CatalogError if it cannot be read, is too large, or is not TOML."""
    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise CatalogError(f"{file}: larger than {_MOST_BYTES} bytes, which no family file is")
        return Table(tomllib.loads(data.decode().replace("\r\n", "\n"), parse_float=_decimal), file.name)
    except UnicodeDecodeError as error:
        raise CatalogError(f"{file}: not UTF-8 at byte {error.start}; save it in that encoding") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{file}: not TOML: {error}") from error
    except OSError as error:
        raise CatalogError(f"{file}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"{file}: cannot be read: {error}") from error


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite() or abs(number) > _MOST_NUMBER:
        raise ValueError(f"{text[:40]} is no number that a catalogue can hold")
    return number
