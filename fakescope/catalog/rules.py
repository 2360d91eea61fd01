"""The closed set of rules a parameter can have. A rule names the mistake it found and knows no texts.

`check` gives the word for what is wrong (type, blank, length, range, choice, scheme, format, side, …) or None. The
words are looked up in a row's `says`, then in the family's wording, which name a problem in errors.toml.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from fakescope.catalog.pictures import describe_data_uri

__all__ = ["RULES", "Boolean", "Choice", "Fixed", "Integer", "MediaRule", "Rule", "Size", "Text"]


class Rule(Protocol):
    """What one field accepts. `takes_as_is` says that `accept` changes nothing, and need not be called."""

    kind: str
    takes_as_is: bool

    def check(self, value: object) -> str | None:
        """The word for what is wrong with a value that was given (never None), or None."""
        ...

    def accept(self, value: object) -> object:
        """The value as the model takes it: a text cut, anything else unchanged."""
        ...

    def allowed(self) -> str:
        """What is accepted, for a person."""
        ...

    def slots(self) -> dict[str, object]:
        """Values for {allowed}, {low} and {high} in a problem's text."""
        ...


class _Plain:
    """A rule that takes values as they are and has nothing to fill into a text."""

    __slots__ = ()
    takes_as_is = True

    def accept(self, value: object) -> object:
        return value

    def slots(self) -> dict[str, object]:
        return {}


class Text:
    """A string. Too long is cut or wrong, as the documents say; a Chinese character counts as one."""

    __slots__ = ("max_chars", "not_blank", "too_long")
    kind = "text"
    takes_as_is = False

    def __init__(self, *, max_chars: int | None = None, too_long: str = "cut", not_blank: bool = False) -> None:
        self.max_chars, self.too_long, self.not_blank = max_chars, too_long, not_blank

    def check(self, value: object) -> str | None:
        if type(value) is not str:
            return "type"
        if self.not_blank and not value.strip():
            return "blank"
        if self.too_long == "refuse" and self.max_chars is not None and len(value) > self.max_chars:
            return "length"
        return None

    def accept(self, value: object) -> object:
        assert isinstance(value, str)
        return value[: self.max_chars]

    def allowed(self) -> str:
        if self.max_chars is None:
            return "text"
        return f"text, {'cut after' if self.too_long == 'cut' else 'at most'} {self.max_chars} characters"

    def slots(self) -> dict[str, object]:
        return {"high": self.max_chars}


class Boolean(_Plain):
    """true or false."""

    __slots__ = ()
    kind = "boolean"

    def check(self, value: object) -> str | None:
        return None if value is True or value is False else "type"

    def allowed(self) -> str:
        return "true or false"


class Integer:
    """A whole number in an inclusive range, or one of a few. 5.0 is 5: JSON has one kind of number."""

    __slots__ = ("high", "low", "values")
    kind = "integer"
    takes_as_is = False

    def __init__(self, *, range: tuple[int, int] | None = None, values: tuple[int, ...] | None = None) -> None:
        self.low: int | None
        self.high: int | None
        self.low, self.high = range or (None, None)
        self.values = values

    def check(self, value: object) -> str | None:
        if type(value) is not int and not (type(value) is float and value.is_integer()):
            return "type"
        if self.values is not None:
            return None if value in self.values else "choice"
        if self.low is not None and self.high is not None and not self.low <= value <= self.high:
            return "range"
        return None

    def accept(self, value: object) -> object:
        assert isinstance(value, int | float)
        return int(value)

    def allowed(self) -> str:
        if self.values is not None:
            return _one_of(self.values)
        return f"a whole number from {self.low} to {self.high}" if self.low is not None else "a whole number"

    def slots(self) -> dict[str, object]:
        values = self.values or ()
        return {"low": self.low, "high": self.high, "allowed": ",".join(map(str, values))}


class Choice:
    """One of a few texts. No values at all means that the field does not exist for this model."""

    __slots__ = ("_own", "values")
    kind = "choice"
    takes_as_is = False

    def __init__(self, *, values: tuple[str, ...]) -> None:
        self.values = values
        self._own = {value: value for value in values}

    def check(self, value: object) -> str | None:
        if type(value) is not str:
            return "type"
        return None if value in self._own else "choice"

    def accept(self, value: object) -> object:
        return self._own[value]  # type: ignore[index]  # the catalogue's own text, so that tasks share it

    def allowed(self) -> str:
        return _one_of(self.values) if self.values else "nothing: this model does not have it"

    def slots(self) -> dict[str, object]:
        return {"allowed": ",".join(self.values)}


class Size(Choice):
    """`width*height` out of the family's tiers."""

    __slots__ = ()
    kind = "size"


class Fixed(_Plain):
    """A field that cannot be set: giving it at all is the mistake."""

    __slots__ = ()
    kind = "fixed"

    def check(self, value: object) -> str | None:  # noqa: ARG002
        return "given"

    def allowed(self) -> str:
        return "leave it out: it is fixed for this model"


class MediaRule:
    """A link to a file, or the file itself as a `data:` address.

    What is behind a link is not looked at. Of a `data:` image the head is read: format, alpha channel, sides.
    """

    __slots__ = ("alpha", "formats", "max_bytes", "media", "schemes", "seconds", "side_px")
    kind = "media"
    takes_as_is = True

    def __init__(
        self,
        *,
        media: str,
        schemes: tuple[str, ...],
        formats: tuple[str, ...] = (),
        alpha: bool = True,
        side_px: tuple[int, int] | None = None,
        max_bytes: int | None = None,
        seconds: tuple[float, float] | None = None,
    ) -> None:
        self.media, self.schemes, self.formats, self.alpha = media, schemes, formats, alpha
        self.side_px, self.max_bytes, self.seconds = side_px, max_bytes, seconds

    def check(self, value: object) -> str | None:
        if type(value) is not str:
            return "type"
        scheme, colon, rest = value.partition(":")
        if not colon or scheme.lower() not in self.schemes:
            return "scheme"
        if scheme.lower() != "data":
            return None if rest.startswith("//") and rest[2:3] not in ("", "/", "?", "#", " ") else "scheme"
        return self._check_data(value)

    def _check_data(self, value: str) -> str | None:
        file = describe_data_uri(value)
        if file is None:
            return "format"
        if self.max_bytes is not None and file.size_bytes > self.max_bytes:
            return "bytes"
        if file.format not in self.formats or (file.alpha and not self.alpha):
            return "format"
        if self.side_px is not None and file.sides is not None:
            low, high = self.side_px
            if min(file.sides) < low:
                return "side"
            if max(file.sides) > high:
                return "too_big"
        return None

    def accept(self, value: object) -> object:
        return value

    def allowed(self) -> str:
        return f"{self.media} address, {' or '.join(self.schemes)}: " + ", ".join(self._limits())

    def _limits(self) -> Iterator[str]:
        yield "/".join(self.formats)
        if self.side_px:
            yield f"sides {self.side_px[0]} to {self.side_px[1]} px"
        if self.seconds:
            yield f"{self.seconds[0]} to {self.seconds[1]} s"
        if self.max_bytes:
            yield f"at most {self.max_bytes} bytes"
        if not self.alpha:
            yield "no alpha channel"

    def slots(self) -> dict[str, object]:
        low = self.side_px[0] if self.side_px else None
        return {"low": low, "high": self.max_bytes}


RULES: dict[str, type[Rule]] = {
    "boolean": Boolean,
    "choice": Choice,
    "fixed": Fixed,
    "integer": Integer,
    "media": MediaRule,
    "size": Size,
    "text": Text,
}
"""Kind → rule. A new kind is one class here and one line in this table."""


def _one_of(values: tuple[object, ...]) -> str:
    return "one of " + ", ".join(map(str, values))
