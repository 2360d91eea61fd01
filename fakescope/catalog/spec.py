"""What the catalogue says, as frozen values. Nothing here knows tasks, HTTP or the time."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from fakescope.catalog.rules import Rule

__all__ = [
    "BASES",
    "FACTS",
    "Alias",
    "Condition",
    "Failure",
    "Field",
    "Ignored",
    "Limits",
    "Media",
    "ModelSpec",
    "Pace",
    "Price",
    "ProblemText",
    "Refusal",
    "RegionSpec",
    "Row",
    "Service",
    "Source",
    "TestKey",
    "TestPrompt",
]

BASES = ("seen", "documented", "inferred")
"""How a behaviour is known: seen in a capture or log, on the vendor's pages, or our reading."""

FACTS = {
    "prompt": "the prompt as it was given; absent when there was none",
    "rewritten_prompt": "the prompt the model worked with; absent without prompt_extend or prompt",
    "result_url": "the link to the result",
    "result_count": "how many results there are",
    "output_seconds": "seconds of video made",
    "input_seconds": "seconds of video given",
    "total_seconds": "seconds given plus seconds made: what is billed",
    "lines": "the resolution tier as a number: 480, 720, 1080",
    "size": "width*height as asked for",
    "sound": "whether the result has sound",
}
"""Everything a catalogue row may show, and what it means. The engine computes exactly these."""


class Source(NamedTuple):
    """Where a fact stands: a public document, its section, its address; `via` when only a copy was read."""

    document: str
    section: str = ""
    url: str = ""
    via: str = ""


class Field(NamedTuple):
    """One field of a request. `path` is `input.prompt` or `parameters.size`; `says` names a problem per mistake."""

    path: str
    rule: Rule
    required: bool
    default: object
    says: Mapping[str, str]
    basis: str
    source: Source

    @property
    def name(self) -> str:
        return self.path.partition(".")[2]


class Condition(NamedTuple):
    """Holds when the field at `at` was given (`given`), or has the value `value` after defaults."""

    at: int
    given: bool
    value: object


class Ignored(NamedTuple):
    """The field at `at` is not looked at while every condition holds."""

    at: int
    conditions: tuple[Condition, ...]


class Row(NamedTuple):
    """One key of an answer: a fact by name, or a constant."""

    key: str
    fact: str
    constant: object


class Price(NamedTuple):
    """CNY per second of video while every fact in `when` has its value."""

    when: Mapping[str, object]
    cny_per_second: Decimal
    basis: str
    source: Source


class Limits(NamedTuple):
    """Per main account and model: `submits` every `per_s` seconds; `running` at once, None for no limit."""

    submits: int
    per_s: int
    running: int | None
    basis: str
    source: Source


class Pace(NamedTuple):
    """How long tasks take at the vendor's own pace, seconds from and to: waiting, running, failing on a wrong field."""

    wait_s: tuple[float, float]
    run_s: tuple[float, float]
    fail_s: tuple[float, float]
    basis: str


class Media(NamedTuple):
    """What the result is. `seconds` is its length where no parameter decides it."""

    frames_per_s: int
    sound: bool
    seconds: int | None


class Alias(NamedTuple):
    """Another name for a model, valid in other regions."""

    name: str
    regions: tuple[str, ...]
    limits: Limits | None


class ModelSpec(NamedTuple):
    """Everything known about one model.

    `problems` says where a wrong field shows: `task` (the task fails a moment later) or `submit` (HTTP 400).
    """

    name: str
    family: str
    title: str
    path: str
    mode: str
    problems: str
    wording: str
    regions: tuple[str, ...]
    limits: Limits
    pace: Pace
    media: Media
    fields: tuple[Field, ...]
    position: Mapping[str, int]
    places: tuple[tuple[str, str], ...]
    ignored: tuple[Ignored, ...]
    tiers: Mapping[str, tuple[str, ...]]
    output: tuple[Row, ...]
    usage: tuple[Row, ...]
    prices: tuple[Price, ...]
    free: Mapping[str, int]
    aliases: tuple[Alias, ...]
    basis: str
    source: Source

    @property
    def function(self) -> str:
        """The last three words of the vendor's own key for this service, `group:task:function`."""
        return ":".join(self.path.rstrip("/").rsplit("/", 3)[1:])


class Refusal(NamedTuple):
    """An HTTP answer of the vendor's that refuses a request."""

    name: str
    status: int
    code: str
    message: str
    envelope: str
    basis: str
    source: Source


class ProblemText(NamedTuple):
    """Code and text for something wrong in a request's fields. Seen for the models in `seen_for`."""

    name: str
    code: str
    message: str
    basis: str
    seen_for: frozenset[str]
    source: Source


class Failure(NamedTuple):
    """A code a task can end with on order."""

    code: str
    message: str
    basis: str
    source: Source


class RegionSpec(NamedTuple):
    """One region of the service: its host, its id on the wire, the host of its result links."""

    name: str
    host: str
    id: str
    result_host: str


class TestKey(NamedTuple):
    """A key that is always refused, and with what."""

    key: str
    refusal: str
    meaning: str


class TestPrompt(NamedTuple):
    """A mark in a prompt that decides how its task ends."""

    mark: str
    meaning: str


class Service(NamedTuple):
    """The service around the models. Milliseconds and bytes, as the names say."""

    regions: Mapping[str, RegionSpec]
    region_of_host: Mapping[str, str]
    task_life_ms: int
    calls_per_s: int
    page_size_default: int
    page_size_most: int
    list_window_ms: int
    utc_offset_ms: int
    body_bytes: int
    string_chars: int
    link_life_ms: int
    access_key: str
    test_keys: tuple[TestKey, ...]
    test_prompts: tuple[TestPrompt, ...]
