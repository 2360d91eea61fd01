"""The closed set of rules a parameter can have. A rule names the mistake it found and knows no texts.

`check` gives the word for what is wrong (type, blank, length, range, choice, scheme, format, side, …) or None. The
words are looked up in a row's `says`, then in the family's wording, which name a problem in errors.toml.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Protocol, TypeGuard

from fakescope.catalog.pictures import describe_data_uri

__all__ = [
    "COUNTS",
    "RULES",
    "Assets",
    "Boolean",
    "Bounds",
    "Box",
    "Choice",
    "Fixed",
    "Integer",
    "ListRule",
    "MediaRule",
    "Messages",
    "Number",
    "ObjectRule",
    "Parted",
    "Pixels",
    "Reference",
    "Rule",
    "Size",
    "Text",
    "details",
    "is_video",
    "measured",
    "sayable",
]


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

    def mistakes(self) -> Iterable[str]:
        """Every word that `check` can give, so that a catalogue can be asked beforehand whether it has texts."""
        ...

    def allowed(self) -> str:
        """What is accepted, for a person."""
        ...

    def slots(self) -> dict[str, object]:
        """Values for {allowed}, {low} and {high} in a problem's text."""
        ...


class Parted(Rule, Protocol):
    """A rule for values with parts that have names: files of a type, the pictures of a message."""

    @property
    def parts(self) -> Collection[str]:
        """The names of the parts."""
        ...

    def part(self, word: str, value: object) -> list[object]:
        """What a value has of a part. Of a value that breaks the rule, what can be made out."""
        ...


class _Plain:
    """A rule that takes values as they are and has nothing to fill into a text."""

    __slots__ = ()
    takes_as_is = True

    def accept(self, value: object) -> object:
        return value

    def slots(self) -> dict[str, object]:
        return {}


class Bounds:
    """A range of numbers: `low` and `high` are inside, `above` and `below` are just outside."""

    __slots__ = ("above", "below", "high", "low")

    def __init__(
        self,
        low: float | None = None,
        high: float | None = None,
        above: float | None = None,
        below: float | None = None,
    ) -> None:
        self.low, self.high, self.above, self.below = low, high, above, below

    def hold(self, value: float) -> bool:
        return (
            (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """The numbers at both ends, whether inside or just outside."""
        return (self.low if self.above is None else self.above, self.high if self.below is None else self.below)

    def __str__(self) -> str:
        low = "" if self.low is None else f"from {_plain(self.low)}"
        above = "" if self.above is None else f"above {_plain(self.above)}"
        high = "" if self.high is None else f"to {_plain(self.high)}"
        below = "" if self.below is None else f"below {_plain(self.below)}"
        return " ".join(filter(None, (low, above, high, below))) or "any"


COUNTS = ("characters", "widths", "words")
"""What a limit of a text counts: every character once; a Chinese one twice; a Chinese one, or a word, once."""


def measured(text: str, counts: str) -> int:
    """How long a text is, as the limit of its field counts."""
    if counts == "characters":
        return len(text)
    chinese = 0 if text.isascii() else sum(map(_is_chinese, text))
    if counts == "widths":
        return len(text) + chinese
    rest = "".join(" " if _is_chinese(char) else char for char in text) if chinese else text
    return chinese + sum(any(map(str.isalnum, word)) for word in rest.split())


def _is_chinese(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or "\U00020000" <= char <= "\U0003ffff"


class Text:
    """A string. Too long is cut or wrong, as the documents say, and `counts` says what is counted."""

    __slots__ = ("counts", "max_chars", "not_blank", "too_long")
    kind = "text"
    takes_as_is = False

    def __init__(
        self,
        *,
        max_chars: int | None = None,
        too_long: str = "cut",
        not_blank: bool = False,
        counts: str = "characters",
    ) -> None:
        self.max_chars, self.too_long, self.not_blank, self.counts = max_chars, too_long, not_blank, counts

    def check(self, value: object) -> str | None:
        if type(value) is not str:
            return "type"
        if self.not_blank and not value.strip():
            return "blank"
        return "length" if self.too_long == "refuse" and self._is_too_long(value) else None

    def _is_too_long(self, text: str) -> bool:
        # No text is longer than twice its characters, so a short one need not be looked through.
        most = self.max_chars
        return most is not None and len(text) * 2 > most and measured(text, self.counts) > most

    def accept(self, value: object) -> object:
        assert isinstance(value, str)
        if self.counts == "characters" or not self._is_too_long(value):
            return value[: self.max_chars]
        ends = range(len(value) + 1)
        return value[: bisect_right(ends, self.max_chars or 0, key=lambda end: measured(value[:end], self.counts)) - 1]

    def mistakes(self) -> Iterable[str]:
        return ["type", *["blank"] * self.not_blank, *["length"] * (self.too_long == "refuse")]

    def allowed(self) -> str:
        if self.max_chars is None:
            return "text"
        counted = {"characters": "characters", "widths": "characters, Chinese ones twice", "words": "words"}
        return f"text, {'cut after' if self.too_long == 'cut' else 'at most'} {self.max_chars} {counted[self.counts]}"

    def slots(self) -> dict[str, object]:
        return {"high": self.max_chars}


class Boolean(_Plain):
    """true or false, or only one of them."""

    __slots__ = ("values",)
    kind = "boolean"

    def __init__(self, *, values: tuple[bool, ...] = (True, False)) -> None:
        self.values = values

    def check(self, value: object) -> str | None:
        if value is not True and value is not False:
            return "type"
        return None if value in self.values else "choice"

    def mistakes(self) -> Iterable[str]:
        return ["type", *["choice"] * (len(self.values) < 2)]

    def allowed(self) -> str:
        return " or ".join(str(value).lower() for value in self.values)


def _is_whole(value: object) -> TypeGuard[float]:
    """Whether it is a whole number. 5.0 is 5 in JSON."""
    return type(value) is int or (type(value) is float and value.is_integer())


class Integer:
    """A whole number in a range, or one of a few. Too high is wrong, or means the highest. 5.0 is 5 in JSON."""

    __slots__ = ("bounds", "too_high", "values")
    kind = "integer"
    takes_as_is = False

    def __init__(
        self, *, bounds: Bounds | None = None, values: tuple[int, ...] | None = None, too_high: str = "refuse"
    ) -> None:
        self.bounds, self.values, self.too_high = bounds or Bounds(), values, too_high

    def check(self, value: object) -> str | None:
        if not _is_whole(value):
            return "type"
        if self.values is not None:
            return None if value in self.values else "choice"
        return None if self.bounds.hold(value) or self._is_cut(value) else "range"

    def _is_cut(self, value: float) -> bool:
        return self.too_high == "cut" and self.bounds.high is not None and value > self.bounds.high

    def accept(self, value: object) -> object:
        assert isinstance(value, int | float)
        return int(value) if self.too_high == "refuse" or not self._is_cut(value) else int(self.bounds.high or 0)

    def mistakes(self) -> Iterable[str]:
        return ("type", "range" if self.values is None else "choice")

    def allowed(self) -> str:
        if self.values is not None:
            return _one_of(self.values)
        more = ", more means the highest" if self.too_high == "cut" else ""
        return _within("a whole number", self.bounds) + more

    def slots(self) -> dict[str, object]:
        low, high = self.bounds.ends
        allowed = ",".join(map(str, self.values or ()))
        return {"low": _plain(low), "high": _plain(high), "allowed": allowed}


class Number(_Plain):
    """A number in a range."""

    __slots__ = ("bounds",)
    kind = "number"

    def __init__(self, *, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()

    def check(self, value: object) -> str | None:
        if type(value) is not int and not (type(value) is float and isfinite(value)):
            return "type"
        return None if self.bounds.hold(value) else "range"

    def mistakes(self) -> Iterable[str]:
        return ("type", "range")

    def allowed(self) -> str:
        return _within("a number", self.bounds)

    def slots(self) -> dict[str, object]:
        low, high = self.bounds.ends
        return {"low": _plain(low), "high": _plain(high)}


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

    def mistakes(self) -> Iterable[str]:
        return ("type", "choice")

    def allowed(self) -> str:
        return _one_of(self.values) if self.values else "nothing: this model does not have it"

    def slots(self) -> dict[str, object]:
        return {"allowed": ",".join(self.values)}


class Size(Choice):
    """`width*height` out of the family's tiers."""

    __slots__ = ()
    kind = "size"


class Pixels(_Plain):
    """`width*height` that is free within bounds on each side, on the area, or on width divided by height.

    `words` are tiers that may stand for a size, such as 1K, and the size each makes when nothing else decides it.
    """

    __slots__ = ("area_px", "ratio", "side_px", "words")
    kind = "pixels"
    _FORM = re.compile(r"([1-9][0-9]{0,5})\*([1-9][0-9]{0,5})")

    def __init__(
        self, *, side_px: Bounds, area_px: Bounds, ratio: Bounds, words: Mapping[str, str] | None = None
    ) -> None:
        self.side_px, self.area_px, self.ratio, self.words = side_px, area_px, ratio, words or {}

    def check(self, value: object) -> str | None:
        if type(value) is not str:
            return "type"
        if value in self.words:
            return None
        sides = self.sides(value)
        if sides is None:
            return "format"
        width, height = sides
        if not (self.side_px.hold(width) and self.side_px.hold(height)):
            return "side"
        if not self.area_px.hold(width * height):
            return "area"
        return None if self.ratio.hold(width / height) else "ratio"

    def mistakes(self) -> Iterable[str]:
        return ("type", "format", "side", "area", "ratio")

    def sides(self, value: str) -> tuple[int, int] | None:
        """Width and height in a text `width*height`; None for any other text."""
        match = self._FORM.fullmatch(value)
        return None if match is None else (int(match[1]), int(match[2]))

    def allowed(self) -> str:
        limits = {"each side": self.side_px, "area": self.area_px, "width/height": self.ratio}
        bounds = ", ".join(f"{name} {bounds}" for name, bounds in limits.items() if str(bounds) != "any")
        return " or ".join(filter(None, [", ".join(self.words), f"width*height, {bounds}"]))

    def slots(self) -> dict[str, object]:
        bounds = self.side_px if str(self.side_px) != "any" else self.area_px
        low, high = bounds.ends
        return {"low": _plain(low), "high": _plain(high)}


class Fixed(_Plain):
    """A field that cannot be set: giving it at all is the mistake."""

    __slots__ = ()
    kind = "fixed"

    def check(self, value: object) -> str | None:  # noqa: ARG002
        return "given"

    def mistakes(self) -> Iterable[str]:
        return ("given",)

    def allowed(self) -> str:
        return "leave it out: it is fixed for this model"


class MediaRule:
    """A link to a file, or the file itself as a `data:` address.

    What is behind a link is not looked at. Of a `data:` image the head is read: format, alpha channel, sides. The
    limits that need the whole file (seconds, frames per second) are known and shown, not checked.
    """

    __slots__ = (
        "alpha",
        "ascii_only",
        "formats",
        "fps",
        "long_px",
        "max_bytes",
        "media",
        "ratio",
        "schemes",
        "seconds",
        "short_px",
        "side_px",
    )
    kind = "media"
    takes_as_is = True

    def __init__(
        self,
        *,
        media: str,
        schemes: tuple[str, ...],
        formats: tuple[str, ...] = (),
        alpha: bool | None = None,
        ascii_only: bool = False,
        side_px: Bounds | None = None,
        long_px: Bounds | None = None,
        short_px: Bounds | None = None,
        ratio: Bounds | None = None,
        max_bytes: int | None = None,
        seconds: Bounds | None = None,
        fps: Bounds | None = None,
    ) -> None:
        self.media, self.schemes, self.formats, self.alpha, self.ascii_only = media, schemes, formats, alpha, ascii_only
        self.side_px, self.long_px, self.ratio = side_px or Bounds(), long_px or Bounds(), ratio or Bounds()
        self.short_px = short_px or Bounds()
        self.max_bytes, self.seconds, self.fps = max_bytes, seconds or Bounds(), fps or Bounds()

    def check(self, value: object) -> str | None:
        if type(value) is not str:
            return "type"
        scheme, colon, rest = value.partition(":")
        if not colon or scheme.lower() not in self.schemes:
            return "scheme"
        if scheme.lower() == "data":
            return self._check_data(value)
        if not rest.startswith("//") or rest[2:3] in ("", "/", "?", "#", " "):
            return "scheme"
        return "ascii" if self.ascii_only and not value.isascii() else None

    def _check_data(self, value: str) -> str | None:
        file = describe_data_uri(value)
        if file is None:
            return "format"
        if self.max_bytes is not None and file.size_bytes > self.max_bytes:
            return "bytes"
        if (self.formats and file.format not in self.formats) or (self.alpha is not None and file.alpha != self.alpha):
            return "format"
        if file.sides is not None:
            short, long = sorted(file.sides)
            if not self.side_px.hold(short):
                return "side"
            if not (self.side_px.hold(long) and self.long_px.hold(long) and self.ratio.hold(long / short)):
                return "too_big"
            if not self.short_px.hold(short):
                low, _ = self.short_px.ends
                return "side" if low is not None and short <= low else "too_big"
        return None

    def accept(self, value: object) -> object:
        return value

    def mistakes(self) -> Iterable[str]:
        return ("type", "scheme", "ascii", "format", "bytes", "side", "too_big")

    def allowed(self) -> str:
        return f"{self.media} address, {' or '.join(self.schemes)}: " + ", ".join(self._limits())

    def _limits(self) -> Iterator[str]:
        yield "/".join(self.formats) or "any format"
        named = {
            "sides {} px": self.side_px,
            "longer side {} px": self.long_px,
            "shorter side {} px": self.short_px,
            "longer/shorter side {}": self.ratio,
        }
        for text, bounds in {**named, "{} s": self.seconds, "{} frames/s": self.fps}.items():
            if str(bounds) != "any":
                yield text.format(bounds)
        if self.max_bytes:
            yield f"at most {self.max_bytes} bytes"
        if self.alpha is not None:
            yield "with an alpha channel" if self.alpha else "no alpha channel"
        if self.ascii_only:
            yield "ASCII only"

    def slots(self) -> dict[str, object]:
        return {"low": _plain(self.side_px.ends[0]), "high": self.max_bytes}


class ListRule:
    """A list of things that all keep one rule. Too many are wrong, or the first so many are taken."""

    __slots__ = ("bounds", "item", "too_many")
    kind = "list"
    takes_as_is = False

    def __init__(self, *, item: Rule, bounds: Bounds, too_many: str = "refuse") -> None:
        self.item, self.bounds, self.too_many = item, bounds, too_many

    def check(self, value: object) -> str | None:
        if type(value) is not list:
            return "type"
        count = len(value)
        if not self.bounds.hold(count) and not (self.too_many == "cut" and count > (self.bounds.high or 0)):
            return "count"
        for item in value:
            mistake = "type" if item is None else self.item.check(item)
            if mistake is not None:
                return mistake
        return None

    def accept(self, value: object) -> object:
        assert isinstance(value, list)
        most = self.bounds.high
        return [self.item.accept(item) for item in (value if most is None else value[: int(most)])]

    def mistakes(self) -> Iterable[str]:
        return ("type", "count", *self.item.mistakes())

    @property
    def parts(self) -> Collection[str]:
        """Files that are pictures or videos, which their endings tell."""
        return ("image", "video") if isinstance(self.item, MediaRule) and self.item.media == "image or video" else ()

    def part(self, word: str, value: object) -> list[object]:
        files = value if isinstance(value, list) else ()
        return [file for file in files if isinstance(file, str) and is_video(file) == (word == "video")]

    def allowed(self) -> str:
        return f"{_within('a list', self.bounds, ' items')}, each: {self.item.allowed()}"

    def slots(self) -> dict[str, object]:
        low, high = self.bounds.ends
        return {**self.item.slots(), "low": _plain(low), "high": _plain(high)}


class Box(_Plain):
    """[left, top, right, bottom] in whole pixels; its width:height near one of `ratios`, within 5 %."""

    __slots__ = ("ratios",)
    kind = "box"

    def __init__(self, *, ratios: tuple[str, ...] = ()) -> None:
        self.ratios = ratios

    def check(self, value: object) -> str | None:
        if type(value) is not list or len(value) != 4 or not all(map(_is_whole, value)):
            return "type"
        left, top, right, bottom = value
        if not (0 <= left < right and 0 <= top < bottom):
            return "range"
        return None if not self.ratios or self.ratio_of(value) else "ratio"

    def mistakes(self) -> Iterable[str]:
        return ["type", "range", *["ratio"] * bool(self.ratios)]

    def ratio_of(self, box: Sequence[int]) -> str | None:
        """Which of the ratios a box has, if any."""
        across, down = box[2] - box[0], box[3] - box[1]
        for ratio in self.ratios:
            width, height = map(int, ratio.split(":"))
            if abs(across * height - down * width) * 20 <= down * width:  # in whole numbers: 105 to 100 is just inside
                return ratio
        return None

    def allowed(self) -> str:
        shape = f" in the ratio {' or '.join(self.ratios)}" if self.ratios else ""
        return f"[left, top, right, bottom] in pixels{shape}"


class Messages(_Plain):
    """A list with one user message, whose content is a list of `{"text": …}` and `{"image": …}`."""

    __slots__ = ("image", "images", "text")
    kind = "messages"

    def __init__(self, *, text: Text, image: MediaRule, images: Bounds) -> None:
        self.text, self.image, self.images = text, image, images

    def check(self, value: object) -> str | None:
        content = self._content(value)
        if content is None:
            return "type"
        texts = [item["text"] for item in content if "text" in item]
        images = [item["image"] for item in content if "image" in item]
        if len(texts) != 1:
            return "texts"
        if not self.images.hold(len(images)):
            return "count"
        mistakes = (self.text.check(texts[0]), *map(self.image.check, images))
        return next((mistake for mistake in mistakes if mistake), None)

    @property
    def parts(self) -> Collection[str]:
        return ("image", "text")

    def part(self, word: str, value: object) -> list[object]:
        return [item[word] for item in self._content(value) or () if word in item]

    @staticmethod
    def _content(value: object) -> list[dict[str, object]] | None:
        if type(value) is not list or len(value) != 1 or not isinstance(value[0], dict):
            return None
        content = value[0].get("content")
        if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
            return None
        return content

    def mistakes(self) -> Iterable[str]:
        return ("type", "texts", "count", *self.text.mistakes(), *self.image.mistakes())

    def allowed(self) -> str:
        return f"one user message with one {self.text.allowed()} and {self.images} images ({self.image.allowed()})"

    def slots(self) -> dict[str, object]:
        low, high = self.images.ends
        return {"low": _plain(low), "high": _plain(high)}


class Assets(_Plain):
    """A list of `{"type": …, "url": …}`: how many of each type, and how many in all.

    At least one type of `needs` must be there. `beside` says of which types a type needs one, and `apart` which it
    cannot stand beside. Files of a type in `files` have a rule of their own.
    """

    __slots__ = ("apart", "beside", "count", "files", "needs", "types", "url")
    kind = "assets"

    def __init__(
        self,
        *,
        url: MediaRule,
        types: dict[str, Bounds],
        count: Bounds,
        needs: tuple[str, ...] = (),
        apart: Mapping[str, Sequence[str]] | None = None,
        beside: Mapping[str, Sequence[str]] | None = None,
        files: Mapping[str, MediaRule] | None = None,
    ) -> None:
        self.url, self.types, self.count, self.needs, self.apart = url, types, count, needs, apart or {}
        self.beside, self.files = beside or {}, files or {}

    def check(self, value: object) -> str | None:
        if type(value) is not list or not all(isinstance(item, dict) for item in value):
            return "type"
        found = [item.get("type") for item in value]
        if any(word not in self.types for word in found if isinstance(word, str) or word is None):
            return "choice"
        if not all(isinstance(word, str) for word in found):
            return "type"
        if not self.count.hold(len(value)) or not all(b.hold(found.count(word)) for word, b in self.types.items()):
            return "count"
        if any(word in found and other in found for word, others in self.apart.items() for other in others):
            return "apart"
        if self.needs and not any(word in found for word in self.needs):
            return "needs"
        if any(word in found and not any(map(found.count, others)) for word, others in self.beside.items()):
            return "needs"
        return next((mistake for item in value if (mistake := self._url(item["type"], item.get("url")))), None)

    def _url(self, word: str, url: object) -> str | None:
        return "type" if url is None else self.file(word).check(url)

    def file(self, word: str) -> MediaRule:
        """The rule for files of a type."""
        return self.files.get(word, self.url)

    @property
    def parts(self) -> Collection[str]:
        return self.types.keys()

    def part(self, word: str, value: object) -> list[object]:
        assets = value if isinstance(value, list) else ()
        return [asset.get("url") for asset in assets if isinstance(asset, dict) and asset.get("type") == word]

    def mistakes(self) -> Iterable[str]:
        needs = bool(self.needs or self.beside)
        of_all = ["type", "choice", "count", *["apart"] * bool(self.apart), *["needs"] * needs]
        of_files = [word for rule in (self.url, *self.files.values()) for word in rule.mistakes()]
        return dict.fromkeys([*of_all, *of_files])

    def allowed(self) -> str:
        kinds = ", ".join(f"{word} ({bounds})" for word, bounds in self.types.items())
        own = "".join(f"; {word}: {rule.allowed()}" for word, rule in self.files.items())
        return f"a list, {self.count} items, of {kinds}; each: {self.url.allowed()}{own}"

    def slots(self) -> dict[str, object]:
        low, high = self.count.ends
        return {"allowed": _quoted(self.types), "low": _plain(low), "high": _plain(high)}


class ObjectRule(_Plain):
    """An object that has each of these keys; others are not looked at."""

    __slots__ = ("keys",)
    kind = "object"

    def __init__(self, *, keys: Mapping[str, Rule]) -> None:
        self.keys = keys

    def check(self, value: object) -> str | None:
        if not isinstance(value, dict):
            return "type"
        for key, rule in self.keys.items():
            inner = value.get(key)
            mistake = "type" if inner is None else rule.check(inner)
            if mistake is not None:
                return mistake
        return None

    def mistakes(self) -> Iterable[str]:
        return dict.fromkeys(["type", *(word for rule in self.keys.values() for word in rule.mistakes())])

    def allowed(self) -> str:
        return "{ " + ", ".join(f"{key}: {rule.allowed()}" for key, rule in self.keys.items()) + " }"


class Reference(_Plain):
    """An identifier that an earlier task of the same account returned."""

    __slots__ = ("prefix",)
    kind = "reference"

    def __init__(self, *, prefix: str) -> None:
        self.prefix = prefix

    def check(self, value: object) -> str | None:
        if type(value) is not str:
            return "type"
        return None if value.startswith(self.prefix) else "choice"

    def mistakes(self) -> Iterable[str]:
        return ("type", "choice", "unknown")  # the last is found where the account's tasks are known

    def allowed(self) -> str:
        return f"an identifier {self.prefix}… that an earlier task of this account returned"


RULES: dict[str, type[Rule]] = {
    "assets": Assets,
    "boolean": Boolean,
    "box": Box,
    "choice": Choice,
    "fixed": Fixed,
    "integer": Integer,
    "list": ListRule,
    "media": MediaRule,
    "messages": Messages,
    "number": Number,
    "object": ObjectRule,
    "pixels": Pixels,
    "reference": Reference,
    "size": Size,
    "text": Text,
}
"""Kind → rule. A new kind is one class here, one line in this table and one in the loader."""


def details(rule: Rule, value: object) -> dict[str, object]:
    """What a problem's text can say besides a rule's slots, and about the value itself.

    {quoted} choices as 'a', 'b' or 'c'; {width}, {height}, {area} of a size; {count} of pictures in a message or of
    assets; {index} of the first asset whose type is wrong.
    """
    match rule, value:
        case Choice(values=words) | Integer(values=tuple(words)) | Boolean(values=words), _:
            return {"quoted": _quoted(words)}
        case Pixels(), str() if sides := rule.sides(value):
            return {"width": sides[0], "height": sides[1], "area": sides[0] * sides[1]}
        case Messages(), [{"content": list(content)}]:
            return {"count": sum(isinstance(item, dict) and "image" in item for item in content)}
        case Assets(), list():
            types = list(rule.types)  # in a list, because a wrong type may be anything
            known = [isinstance(item, dict) and item.get("type") in types for item in value]
            index = known.index(False) if False in known else 0
            return {"count": len(value), "index": index, "quoted": _quoted(types)}
    return {}


def sayable(rule: Rule, mistake: str) -> set[str]:
    """What a problem's text can say of this mistake: `slots`, and of `details` what is there for sure."""
    names = {"field", "path", "given", *rule.slots()}
    formed = mistake not in ("missing", "type", "format")  # a value of another form has no sides and no items
    match rule:
        case Choice() | Integer(values=tuple()) | Boolean():
            return names | {"quoted"}
        case Pixels() if formed:
            return names | {"width", "height", "area"}
        case Messages() if formed:
            return names | {"count"}
        case Assets() if formed:
            return names | {"count", "index", "quoted"}
    return names


_VIDEOS = frozenset(("avi", "flv", "mkv", "mov", "mp4", "mpg", "mxf", "ts", "webm"))


def is_video(address: str) -> bool:
    """Whether a file is a video, by the ending of its path, or by the MIME type of a `data:` address."""
    if address[:5].lower() == "data:":
        return address[5:11].lower() == "video/"
    _, dot, ending = address.partition("#")[0].partition("?")[0].rpartition(".")
    return bool(dot) and ending.lower() in _VIDEOS


def _quoted(values: Iterable[object]) -> str:
    """'a', 'b' or 'c', as the vendor's newer services write it."""
    names = [repr(value) for value in values]
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _within(noun: str, bounds: Bounds, unit: str = "") -> str:
    """`a list from 1 to 3 items`, or the noun alone where there are no bounds."""
    return noun if str(bounds) == "any" else f"{noun} {bounds}{unit}"


def _one_of(values: tuple[object, ...]) -> str:
    return "one of " + ", ".join(map(str, values))


def _plain(number: float | None) -> object:
    """A whole number without its point."""
    return int(number) if isinstance(number, float) and number.is_integer() else number
