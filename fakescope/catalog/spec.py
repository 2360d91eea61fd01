"""What the catalogue says, as frozen values. Nothing here knows tasks, HTTP or the time."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from fakescope.catalog.rules import Parted, Rule

__all__ = [
    "BASES",
    "BEFORE_FIELDS",
    "FACTS",
    "Alias",
    "Condition",
    "Constraint",
    "Failure",
    "Field",
    "Free",
    "Limits",
    "Media",
    "MediaWhen",
    "ModelSpec",
    "Node",
    "Pace",
    "Part",
    "Price",
    "ProblemText",
    "Refusal",
    "RegionSpec",
    "Service",
    "Source",
    "Terms",
    "TestKey",
    "TestPrompt",
]

BASES = ("seen", "documented", "inferred")
"""How a behaviour is known: seen in a capture or log, on the vendor's pages, or our reading."""

FACTS = {
    "prompt": "the prompt as it was given; absent when there was none",
    "rewritten_prompt": "the prompt the model worked with; absent without prompt_extend or prompt",
    "used_prompt": "the prompt the model worked with: as rewritten, or as it was given",
    "result_url": "the link to a result",
    "second_url": "the link to a second file that comes with a result and is not counted",
    "result_count": "how many results there are",
    "result_id": "an identifier that a later task can refer to",
    "output_seconds": "seconds made",
    "input_seconds": "seconds of video given that are billed",
    "total_seconds": "seconds given plus seconds made",
    "frames_per_s": "frames per second of the result",
    "lines": "the resolution tier as a number: 480, 720, 1080",
    "size": "width*height as asked for, or the default",
    "width": "width of the result in pixels",
    "height": "height of the result in pixels",
    "sound": "whether the result has sound",
    "box_ratio": "the aspect of the box that was given: 1:1 or 3:4",
    "face_box": "a box around a face in the picture, as [left, top, right, bottom]",
    "wide_box": "the box around that face which the next model works in, in the ratio that was asked for",
    "started": "when the task started, as the vendor writes it without milliseconds",
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
    empty_is_absent: bool
    says: Mapping[str, str]
    basis: str
    source: Source

    @property
    def name(self) -> str:
        return self.path.partition(".")[2]


class Part(NamedTuple):
    """What constraints and conditions may name besides fields: files of a type, pictures of a message, … at a field.

    The n-th part of a model stands behind its fields, at their number plus n.
    """

    at: int
    rule: Parted
    word: str


class Condition(NamedTuple):
    """Holds when the field or part at `at` was `given`, is `absent`, or has `several` items, or when the field `is` one
    of `values` after defaults, or `is_not`.
    """

    at: int
    test: str
    values: tuple[object, ...] = ()


class Constraint(NamedTuple):
    """A rule between fields, or parts of fields, while every condition holds.

    ignored      the fields are not looked at, and take their defaults
    default      the fields that were left out have `value`
    required     the fields must be given
    narrowed     each of the fields keeps `rule`, besides its own
    one_of       at least one of the fields must be given
    excludes     at most one of the fields may be given
    same_length  the lists have equally many items, where both are given
    most_items   the lists together have at most `limit` items
    most_chars   the texts together have at most `limit` characters, as their fields count them
    most_of      the list has `value` at most `limit` times
    first_active of these groups the first with a field that differs from its default counts; the others are ignored
    """

    kind: str
    fields: tuple[int, ...]
    conditions: tuple[Condition, ...]
    groups: tuple[tuple[int, ...], ...]
    limit: int
    value: object
    rule: Rule | None
    says: str
    basis: str
    source: Source


BEFORE_FIELDS = frozenset(("ignored", "default", "first_active", "required"))
"""Kinds of constraints that decide which fields are looked at; the others compare fields that are each right."""


class Node(NamedTuple):
    """One key of an answer.

    With children it is an object; `each` makes it (or a leaf) a list with one entry per result, `wrap` a list of just
    that object.
    A leaf shows a fact, a constant, the value of a field (`at`), that value in other `words`, or the seconds of the
    file in a field; `cast` turns it into an integer, a number or a text. A node of the kind `list` has its children,
    which have no keys, as items.
    """

    key: str
    kind: str
    fact: str = ""
    constant: object = None
    at: int = -1
    words: Mapping[object, object] | None = None
    cast: str = ""
    children: tuple[Node, ...] = ()
    each: bool = False
    wrap: bool = False


class Price(NamedTuple):
    """CNY per `unit` (second, image) while every fact or field in `when` has its value."""

    when: Mapping[str, object]
    cny: Decimal
    unit: str
    basis: str
    source: Source


class Free(NamedTuple):
    """What a new account has for nothing: so many of `unit` (second, image)."""

    amount: int
    unit: str
    basis: str
    source: Source


class Limits(NamedTuple):
    """Per main account and model: `submits` every `per_s` seconds; `running` at once, None for no limit."""

    submits: int
    per_s: int
    running: int | None
    basis: str
    source: Source


class Terms(NamedTuple):
    """What is allowed and sold in a region where it differs from the others. None: as everywhere."""

    limits: Limits | None
    prices: tuple[Price, ...] | None
    free: Free | None


class Pace(NamedTuple):
    """How long tasks take at the vendor's own pace, seconds from and to: waiting, running, failing on a wrong field."""

    wait_s: tuple[float, float]
    run_s: tuple[float, float]
    fail_s: tuple[float, float]
    basis: str


class MediaWhen(NamedTuple):
    """What differs of a result while every condition holds. None: nothing does."""

    conditions: tuple[Condition, ...]
    results: int | str | None
    seconds: int | tuple[str, ...] | None
    frames_per_s: int | str | None


class Media(NamedTuple):
    """What a result is: its file, how many there are, how long it is, whether it has sound.

    `results`, `seconds` and `frames_per_s` are numbers, or paths of the fields that decide: an integer field, or a file
    whose length it takes. Several paths: the shortest file. `billed_seconds` are paths of videos that are billed with
    the result, each up to the cap (seconds) for as many files as were given. A path may name a type of a list of typed
    files. Of the rows in `when` the first that holds and has one of these counts.
    """

    file: str = "mp4"
    frames_per_s: int | str | None = None
    sound: bool = False
    results: int | str = 1
    seconds: int | tuple[str, ...] | None = None
    billed_seconds: tuple[str, ...] = ()
    billed_caps: tuple[float, ...] = ()
    when: tuple[MediaWhen, ...] = ()


class Alias(NamedTuple):
    """Another name for a model, valid in other regions."""

    name: str
    regions: tuple[str, ...]
    limits: Limits | None


class ModelSpec(NamedTuple):
    """Everything known about one model. `checked` is the day on which its documents were read, if that was noted.

    `nested`, `empties` and `references` are positions of fields that need more than a look at their place, and
    `between` those constraints that are checked after the fields: found once, because every submission asks. `parts`
    are the parts of fields that constraints and conditions name. `elsewhere` has the terms of regions that differ.
    `problems` says where a wrong field shows: `task` (the task fails a moment later), `submit` (HTTP 400), or
    `presence` (a missing field at submission, a wrong value in the task).
    """

    name: str
    family: str
    title: str
    path: str
    sync_path: str
    mode: str
    problems: str
    wording: str
    regions: tuple[str, ...]
    limits: Limits
    pace: Pace
    phases: bool
    metrics: frozenset[str]
    utc_offset_ms: int
    media: Media
    fields: tuple[Field, ...]
    parts: tuple[Part, ...]
    position: Mapping[str, int]
    places: tuple[tuple[str, str], ...]
    defaults: tuple[object, ...]
    required: frozenset[int]
    nested: tuple[int, ...]
    empties: tuple[int, ...]
    references: tuple[int, ...]
    constraints: tuple[Constraint, ...]
    between: tuple[Constraint, ...]
    needs_parameters: bool
    tiers: Mapping[str, tuple[str, ...]]
    output: tuple[Node, ...]
    rejected: tuple[Node, ...]
    usage: tuple[Node, ...]
    prices: tuple[Price, ...]
    trial_only: bool
    free: Free | None
    elsewhere: Mapping[str, Terms]
    aliases: tuple[Alias, ...]
    basis: str
    source: Source
    checked: str

    def path_at(self, at: int) -> str:
        """The path of the field or part at a place."""
        if at < len(self.fields):
            return self.fields[at].path
        part = self.parts[at - len(self.fields)]
        return f"{self.fields[part.at].path}.{part.word}"

    def place_of(self, at: int) -> int:
        """The position of a field; of a part, that of its field."""
        return at if at < len(self.fields) else self.parts[at - len(self.fields)].at

    def limits_in(self, region: str) -> Limits:
        terms = self.elsewhere.get(region)
        return self.limits if terms is None or terms.limits is None else terms.limits

    def prices_in(self, region: str) -> tuple[Price, ...]:
        terms = self.elsewhere.get(region)
        return self.prices if terms is None or terms.prices is None else terms.prices

    def shows(self, fact: str) -> bool:
        """Whether this fact is anywhere in the output."""
        nodes = [*self.output]
        while nodes:
            node = nodes.pop()
            if node.fact == fact:
                return True
            nodes += node.children
        return False

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
