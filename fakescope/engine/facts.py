"""The closed list of facts a catalogue may show, computed from a task and its model's spec."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import inf
from typing import Any, TypeVar

from fakescope.catalog.rules import Assets, Bounds, Box, Integer, ListRule, MediaRule, Messages, Pixels, is_video
from fakescope.catalog.spec import MediaWhen, ModelSpec, Node, Price
from fakescope.engine.conditions import all_hold, with_parts
from fakescope.engine.task import Task
from fakescope.ids import fraction

__all__ = [
    "BUILDERS",
    "REFERENCE",
    "Fact",
    "Link",
    "cost_of",
    "fact",
    "most_cost_of",
    "price_of",
    "result_count",
    "shape",
]

Link = Callable[[Task, int], str]
"""The address of a task's n-th result, counted from 0."""

Fact = Callable[[Task, int, Link], Any]
"""From a task, which of its results, and where they are, to a JSON value; None means that the key is absent."""

Shape = Callable[[Task, Link], dict[str, Any]]

Length = Callable[[str, Bounds], float]
"""How many seconds a file has, by its address and the bounds that the model sets."""

T = TypeVar("T")

REFERENCE = "AACT."
"""How an identifier begins that a task returns for a later one; the task's id follows."""


def fact(name: str, spec: ModelSpec) -> Fact:
    """The named fact, bound to where this model keeps its fields."""
    return BUILDERS[name](spec)


def shape(nodes: tuple[Node, ...], spec: ModelSpec) -> Shape:
    """The catalogue's rows as a function, keys in the catalogue's order."""
    build = _object(nodes, spec)
    return lambda task, link: build(task, 0, link)


def result_count(spec: ModelSpec) -> Callable[[Task], int]:
    """How many results a task of this model was asked for."""
    counted = _by_media(spec, lambda row: row.results, spec.media.results)

    def count(task: Task) -> int:
        of = counted(task)
        return of if isinstance(of, int) else int(task.values[spec.position[of]])

    asked = spec.media.results
    return (lambda _task: asked) if isinstance(asked, int) and not spec.media.when else count


def _by_media(spec: ModelSpec, of: Callable[[MediaWhen], T | None], otherwise: T) -> Callable[[Task], T]:
    """What the first row of the model's media that holds and has it says, or else `otherwise`."""
    rows = [(row.conditions, said) for row in spec.media.when if (said := of(row)) is not None]
    if not rows:
        return lambda _task: otherwise

    def said_of(task: Task) -> T:
        values = with_parts(list(task.values), spec)
        return next((said for conditions, said in rows if all_hold(conditions, values, spec)), otherwise)

    return said_of


def cost_of(spec: ModelSpec, task: Task) -> Decimal | None:
    """CNY for a task that succeeded: billed seconds or images times the price that holds; None if none is known."""
    price = price_of(spec, task)
    if price is None:
        return None
    billed = fact("total_seconds" if price.unit == "second" else "result_count", spec)(task, 0, _no_link)
    return price.cny * Decimal(str(billed))


def most_cost_of(spec: ModelSpec, task: Task) -> Decimal | None:
    """The most that a task can cost: as `cost_of`, with every file that nobody opens as long as the model takes it.

    A duration that is left to the model is the longest it makes. None if no price is known, or no such length.
    """
    price = price_of(spec, task)
    if price is None or price.unit != "second":
        return cost_of(spec, task)
    at = spec.position.get("parameters.duration")
    rule = None if at is None else spec.fields[at].rule
    if at is not None and isinstance(rule, Integer) and (task.values[at] is None or task.values[at] < 1):
        ends = [end for end in (*(rule.values or ()), rule.bounds.ends[1]) if end is not None]
        task = task._replace(values=(*task.values[:at], max(ends, default=inf), *task.values[at + 1 :]))
    seconds = _total_seconds(spec, _longest)(task, 0, _no_link)
    return None if seconds is None or seconds == inf else price.cny * Decimal(str(seconds))


def price_of(spec: ModelSpec, task: Task) -> Price | None:
    """The one price whose conditions hold."""
    for price in spec.prices_in(task.region):
        if all(_priced_by(name, spec, task) == wanted for name, wanted in price.when.items()):
            return price
    return None


def _priced_by(name: str, spec: ModelSpec, task: Task) -> Any:
    if name in spec.position:
        return task.values[spec.position[name]]
    return fact(name, spec)(task, 0, _no_link)


def _no_link(_task: Task, _n: int) -> str:
    return ""


# -- rows


def _object(nodes: tuple[Node, ...], spec: ModelSpec) -> Callable[[Task, int, Link], dict[str, Any]]:
    parts = tuple((node.key, _value_of(node, spec)) for node in nodes)

    def build(task: Task, n: int, link: Link) -> dict[str, Any]:
        return {key: value for key, part in parts if (value := part(task, n, link)) is not None}

    return build


def _value_of(node: Node, spec: ModelSpec) -> Fact:
    if node.each and node.kind != "object":
        one_each, count = _value_of(node._replace(each=False), spec), _count(spec)
        return lambda task, _n, link: [one_each(task, n, link) for n in range(count(task, 0, link))]
    match node.kind:
        case "constant":
            return _always(node.constant)
        case "fact":
            return _cast(fact(node.fact, spec), node.cast)
        case "value":
            value = _at(node.at)
            words = node.words
            return _cast(value if words is None else lambda task, n, link: words.get(value(task, n, link)), node.cast)
        case "seconds_of":
            return _cast(_file_seconds(spec, node.at), node.cast)
        case "list":
            entries = [_object(child.children, spec) for child in node.children]
            return lambda task, n, link: [entry(task, n, link) for entry in entries]
    one = _object(node.children, spec)
    if node.each:
        return _each(one, spec)
    return (lambda task, n, link: [one(task, n, link)]) if node.wrap else one


def _each(one: Fact, spec: ModelSpec) -> Fact:
    """A list with an entry per result; where only some succeeded, the rest say why not."""
    count = result_count(spec)

    def entries(task: Task, _n: int, link: Link) -> list[Any]:
        partial = task.outcome.partial
        if partial is None:
            return [one(task, n, link) for n in range(count(task))]
        good = [one(task, n, link) for n in range(min(partial.succeeded, count(task)))]
        return good + [{"code": partial.code, "message": partial.message}] * (count(task) - len(good))

    return entries


def _cast(value: Fact, cast: str) -> Fact:
    match cast:
        case "integer":
            return lambda task, n, link: None if (v := value(task, n, link)) is None else round(v)
        case "number":
            return lambda task, n, link: None if (v := value(task, n, link)) is None else float(v)
        case "text":
            return lambda task, n, link: None if (v := value(task, n, link)) is None else str(v)
    return value


# -- facts


def _always(constant: object) -> Fact:
    return lambda _task, _n, _link: constant


def _at(at: int) -> Fact:
    return lambda task, _n, _link: task.values[at]


def _field(spec: ModelSpec, *paths: str, otherwise: Any = None) -> Fact:
    """The value of the first of these fields that the model has, or `otherwise` if it has none."""
    for path in paths:
        if path in spec.position:
            return _at(spec.position[path])
    return _always(otherwise)


def _prompt(spec: ModelSpec) -> Fact:
    """The prompt as it was given, or the text of the message."""
    at = spec.position.get("input.prompt")
    if at is None:
        return _taken_prompt(spec)
    return lambda task, _n, _link: task.uncut.get(at, task.values[at])


def _taken_prompt(spec: ModelSpec) -> Fact:
    """The prompt as the model took it, which may be shorter."""
    at = spec.position.get("input.messages")
    rule = None if at is None else spec.fields[at].rule
    if at is None or not isinstance(rule, Messages):
        return _field(spec, "input.prompt")
    return lambda task, _n, _link: next(iter(rule.part("text", task.values[at])), None)


def _rewritten_prompt(spec: ModelSpec) -> Fact:
    prompt, extend = _taken_prompt(spec), _field(spec, "parameters.prompt_extend", otherwise=False)

    def rewritten(task: Task, n: int, link: Link) -> str | None:
        text = prompt(task, n, link)
        return f"{text} Cinematic light, rich detail." if text and extend(task, n, link) else None

    return rewritten


def _used_prompt(spec: ModelSpec) -> Fact:
    given, rewritten = _prompt(spec), _rewritten_prompt(spec)
    return lambda task, n, link: rewritten(task, n, link) or given(task, n, link)


def _second_url(spec: ModelSpec) -> Fact:
    """The files that come with results are numbered behind them."""
    count = result_count(spec)
    return lambda task, n, link: link(task, count(task) + n)


def _count(spec: ModelSpec) -> Fact:
    """Results that were made: all, or those that an order left."""
    count = result_count(spec)

    def made(task: Task, _n: int, _link: Link) -> int:
        partial = task.outcome.partial
        return count(task) if partial is None else min(partial.succeeded, count(task))

    return made


def _output_seconds(spec: ModelSpec, length: Length | None = None) -> Fact:
    """Seconds of the shortest of the files that decide, or those asked for; 0 and -1 leave it to the model."""
    asked = _field(spec, "parameters.duration")
    decided = _by_media(spec, lambda row: row.seconds, spec.media.seconds)
    files = {path: _files(spec, path) for path in _deciding_files(spec)}
    measure = length or _length

    def seconds(task: Task, n: int, link: Link) -> float | None:
        cut: float | None = asked(task, n, link)
        cut = None if cut is None or cut < 1 else cut
        of = decided(task)
        if not isinstance(of, tuple):
            return of if cut is None else cut
        lasting = [measure(file, bounds) for given, bounds in map(files.__getitem__, of) for file in given(task)]
        shortest = min(lasting, default=0)
        return shortest if cut is None else min(shortest, cut)

    return seconds


def _deciding_files(spec: ModelSpec) -> list[str]:
    """Paths of the files that decide how long a result is, in any case."""
    cases = (spec.media.seconds, *(row.seconds for row in spec.media.when))
    return [path for paths in cases if isinstance(paths, tuple) for path in paths]


def _input_seconds(spec: ModelSpec, length: Length | None = None) -> Fact:
    """Seconds of the videos given, each counted up to a cap that depends on how many files were given.

    Where a duration cuts a video that decides the length, the rest of it does not count either.
    """
    if not spec.media.billed_seconds:
        return _always(0)
    given = [_files(spec, path) for path in spec.media.billed_seconds]
    chosen = [path not in spec.position for path in spec.media.billed_seconds]  # by type, which says that it is a video
    caps = spec.media.billed_caps
    decides = set(_deciding_files(spec)) & set(spec.media.billed_seconds)
    asked = _field(spec, "parameters.duration") if decides else _always(None)
    measure, any_is = length or _length, length is not None  # who asks for the most takes any address for a video

    def billed(task: Task, n: int, link: Link) -> float:
        files = [(file, b, is_chosen) for (of, b), is_chosen in zip(given, chosen, strict=True) for file in of(task)]
        cap = caps[min(len(files), len(caps)) - 1] if files and caps else float("inf")
        cut: float | None = asked(task, n, link)
        cap = cap if cut is None or cut < 1 else min(cap, cut)
        lengths = [measure(file, bounds) for file, bounds, is_chosen in files if is_chosen or any_is or is_video(file)]
        return _tidy(sum(min(length, cap) for length in lengths))

    return billed


def _total_seconds(spec: ModelSpec, length: Length | None = None) -> Fact:
    given, made = _input_seconds(spec, length), _output_seconds(spec, length)
    if not spec.media.billed_seconds:
        return made
    return lambda task, n, link: _tidy(given(task, n, link) + made(task, n, link))


def _file_seconds(spec: ModelSpec, at: int) -> Fact:
    """The length of the file in a field. Nobody looks behind links: the same address always has the same length."""
    rule = spec.fields[at].rule
    assert isinstance(rule, MediaRule)
    return lambda task, _n, _link: None if (file := task.values[at]) is None else _length(file, rule.seconds)


def _files(spec: ModelSpec, path: str) -> tuple[Callable[[Task], Sequence[str]], Bounds]:
    """The files in a field, in a list, or of one type in a list of assets, and how long they may be."""
    if path in spec.position:
        at = spec.position[path]
        rule = spec.fields[at].rule
        file = rule.item if isinstance(rule, ListRule) else rule
        bounds = file.seconds if isinstance(file, MediaRule) else Bounds(1, 30)
        return lambda task: _as_list(task.values[at]), bounds
    outer, _, word = path.rpartition(".")
    at = spec.position[outer]
    assets = spec.fields[at].rule
    assert isinstance(assets, Assets)
    return lambda task: [a["url"] for a in task.values[at] or () if a["type"] == word], assets.file(word).seconds


def _length(file: str, bounds: Bounds) -> float:
    low, high = bounds.ends
    low = 1.0 if low is None else low
    high = low + 20 if high is None else min(high, low + 20)
    return round(low + (high - low) * (0.1 + 0.8 * fraction(file, "seconds")), 2)


def _longest(_file: str, bounds: Bounds) -> float:
    """The most seconds a file may have."""
    high = bounds.ends[1]
    return inf if high is None else high


def _tidy(seconds: float) -> float:
    """Two places at most, and none where they are zero."""
    seconds = round(seconds, 2)
    return int(seconds) if float(seconds).is_integer() else seconds


def _as_list(value: Any) -> Sequence[str]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _frames_per_s(spec: ModelSpec) -> Fact:
    frames = _by_media(spec, lambda row: row.frames_per_s, spec.media.frames_per_s)

    def per_second(task: Task, _n: int, _link: Link) -> int | None:
        of = frames(task)
        return int(task.values[spec.position[of]]) if isinstance(of, str) else of

    return per_second


def _lines(spec: ModelSpec) -> Fact:
    if "parameters.resolution" in spec.position:
        at = spec.position["parameters.resolution"]
        return lambda task, _n, _link: int(task.values[at][:-1])
    lines_of = {size: int(tier[:-1]) for tier, sizes in spec.tiers.items() for size in sizes}
    size = _field(spec, "parameters.size")
    return lambda task, n, link: lines_of.get(size(task, n, link))


def _size(spec: ModelSpec) -> Fact:
    size = _field(spec, "parameters.size")
    rule = spec.fields[spec.position["parameters.size"]].rule if "parameters.size" in spec.position else None
    if not isinstance(rule, Pixels) or not rule.words:
        return size
    words = rule.words
    return lambda task, n, link: words.get(asked := size(task, n, link), asked)


def _side(which: int) -> Callable[[ModelSpec], Fact]:
    def build(spec: ModelSpec) -> Fact:
        size = _size(spec)
        return lambda task, n, link: int(size(task, n, link).split("*")[which])

    return build


def _box_ratio(spec: ModelSpec) -> Fact:
    at = spec.position["input.ext_bbox"]
    rule = spec.fields[at].rule
    assert isinstance(rule, Box)
    return lambda task, _n, _link: None if (box := task.values[at]) is None else rule.ratio_of(box)


def _wide_box(spec: ModelSpec) -> Fact:
    """A box of the ratio that was asked for, around the box of `face_box`."""
    ratio = _field(spec, "parameters.ratio", otherwise="1:1")
    return lambda task, n, link: [100, 20, 676, 788] if ratio(task, n, link) == "3:4" else [100, 20, 868, 788]


def _started(spec: ModelSpec) -> Fact:
    def started(task: Task, _n: int, _link: Link) -> str:
        at = datetime.fromtimestamp((task.timeline.instants[1] + spec.utc_offset_ms) // 1000, UTC)
        return at.strftime("%Y-%m-%d %H:%M:%S")

    return started


BUILDERS: dict[str, Callable[[ModelSpec], Fact]] = {
    "prompt": _prompt,
    "rewritten_prompt": _rewritten_prompt,
    "used_prompt": _used_prompt,
    "result_url": lambda _spec: lambda task, n, link: link(task, n),
    "second_url": _second_url,
    "result_count": _count,
    "result_id": lambda _spec: lambda task, _n, _link: REFERENCE + task.id,
    "output_seconds": _output_seconds,
    "input_seconds": _input_seconds,
    "total_seconds": _total_seconds,
    "frames_per_s": _frames_per_s,
    "lines": _lines,
    "size": _size,
    "width": _side(0),
    "height": _side(1),
    "sound": lambda spec: _field(spec, "parameters.audio", otherwise=spec.media.sound),
    "box_ratio": _box_ratio,
    "face_box": lambda _spec: _always([302, 286, 610, 593]),
    "wide_box": _wide_box,
    "started": _started,
}
"""One builder per name in `catalog.spec.FACTS`; a test compares the two."""
