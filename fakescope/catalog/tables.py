"""TOML tables that are read strictly: an unknown key, a wrong type or a missing source names file, entry and key."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from fakescope.catalog.rules import Bounds
from fakescope.catalog.spec import BASES, Source
from fakescope.errors import CatalogError

__all__ = ["Table", "parse"]

T = TypeVar("T")


class Table:
    """A TOML table that remembers where it is and which of its keys were read."""

    def __init__(self, data: object, at: str) -> None:
        if not isinstance(data, dict):
            raise CatalogError(f"{at}: {data!r} is not a table")
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
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise CatalogError(f"{self.at}.{key}: {value!r} is not {_wanted(kind)}")
        return value

    def one_of(self, key: str, words: tuple[str, ...], default: Any = ...) -> str:
        word: str = self.take(key, str, default)
        if word not in words:
            raise CatalogError(f"{self.at}.{key}: {word!r} is not one of {', '.join(words)}")
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
        return tuple(self.take(key, list, default))

    def pair(self, key: str, default: Any = ...) -> Any:
        values: Any = self.take(key, list, default)
        if values is None:
            return None
        if not (len(values) == 2 and all(type(end) in (int, Decimal) for end in values) and values[0] <= values[1]):
            raise CatalogError(f"{self.at}.{key}: {values!r} is not [lowest, highest]")
        return tuple(values)

    def bounds(self, prefix: str = "") -> Bounds:
        """`range = [low, high]`, `above`, `below`; with a prefix the range is the prefix itself, as in `side_px`."""
        range_, joint = prefix or "range", f"{prefix}_" if prefix else ""
        low, high = self.pair(range_, None) or (None, None)
        low, high = self._number(f"{joint}from", low), self._number(f"{joint}to", high)
        return Bounds(low, high, self._number(f"{joint}above", None), self._number(f"{joint}below", None))

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


def _wanted(kind: Any) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join({"str": "text", "dict": "a table", "list": "a list"}.get(k.__name__, k.__name__) for k in kinds)


def parse(file: Path) -> Table:
    try:
        with file.open("rb") as stream:
            return Table(tomllib.load(stream, parse_float=Decimal), file.name)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CatalogError(f"{file}: {error}") from error
