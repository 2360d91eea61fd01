"""What a user's family file has to keep beyond its form, so that no request finds a gap in it.

The form itself (keys, types, names) is read in `families`. Here it is asked whether every refusal has its words,
whether every answer can be made from what a request gives, and whether rules between fields fit the fields. Ours keep
all of this, too: a test asks them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, time
from difflib import get_close_matches
from string import Formatter
from typing import Any

from fakescope.catalog.rules import (
    Assets,
    Boolean,
    Box,
    Choice,
    Fixed,
    Integer,
    ListRule,
    MediaRule,
    Messages,
    Number,
    ObjectRule,
    Pixels,
    Reference,
    Rule,
    Size,
    Text,
    sayable,
)
from fakescope.catalog.spec import Constraint, Field, ModelSpec, Node, ProblemText
from fakescope.errors import CatalogError

__all__ = ["check"]

_SERVICES = "/api/v1/services/"
_NUMBERS = ("result_count", "output_seconds", "input_seconds", "total_seconds", "lines", "width", "height")
_MOST_RESULTS = 100
_MOST_SECONDS = 86_400.0
_DEEPEST = 20


def check(
    specs: Collection[ModelSpec],
    file: str,
    regions: Collection[str],
    problems: Mapping[str, ProblemText],
    wordings: Mapping[str, Mapping[str, str]],
) -> None:
    """Raises CatalogError for the first thing in a family file with which a request could not be answered."""
    if not specs:
        raise CatalogError(f"{file}: no model; a family needs at least one [[model]] with a name")
    seen: set[str] = set()
    for spec in specs:
        try:
            if spec.name in seen:
                raise _Wrong("name", "is in this file twice; names and aliases are each used once")
            seen.add(spec.name)
            _check_service(spec, regions)
            _check_numbers(spec)
            for field in spec.fields:
                _check_rule(field.rule, field.path)
                if not _is_json(field.default, 0):
                    raise _Wrong(f"{field.path}.default", f"{field.default!r:.80} is nothing that JSON has")
            _check_texts(spec, problems, wordings)
            for constraint in (*spec.constraints, *spec.between):
                _check_constraint(constraint, spec)
            _Answers(spec).check()
        except _Wrong as wrong:
            raise CatalogError(f"{file}: model {spec.name}: {wrong}") from None


class _Wrong(Exception):  # noqa: N818 - it never leaves this module
    """Where in a model, and what is wrong there."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")


def _known(word: str, where: str, what: str, known: Collection[str], how: str = "") -> None:
    if word not in known:
        near = get_close_matches(word[:80], known, n=1)
        meant = f"did you mean {near[0]}?" if near else how or f"known are {', '.join(sorted(known))}"
        raise _Wrong(where, f"there is no {what} {word!r}; {meant}")


# -- the service


def _check_service(spec: ModelSpec, regions: Collection[str]) -> None:
    if not spec.name or not spec.name.isprintable() or " " in spec.name or len(spec.name) > 100:
        raise _Wrong("name", f"{spec.name[:80]!r} is no name; 1 to 100 characters without spaces")
    if not spec.regions:
        raise _Wrong("regions", f"are none; give some of {', '.join(regions)}")
    for region in spec.regions:
        _known(region, "regions", "region", regions)
    for key, path in (("path", spec.path), ("sync_path", spec.sync_path)):
        is_path = path.startswith(_SERVICES) and path.isascii() and path.isprintable() and not path.endswith("/")
        if not (is_path and not set(path) & set(" ?#%\\")) and (path or key == "path"):
            raise _Wrong(key, f"{path[:80]!r} is no endpoint; write {_SERVICES}… as the vendor's documents do")
    if spec.sync_path == spec.path:
        raise _Wrong("sync_path", 'is path once more; leave it out, or say mode = "sync"')


def _check_numbers(spec: ModelSpec) -> None:
    for key, ends in zip(("wait_s", "run_s", "fail_s"), spec.pace[:3], strict=True):
        if not 0 <= ends[0] <= ends[1] <= _MOST_SECONDS:
            raise _Wrong(f"pace.{key}", f"{list(ends)} is not within 0 to {_MOST_SECONDS:g} seconds")
    if isinstance(spec.media.results, int) and not 1 <= spec.media.results <= _MOST_RESULTS:
        raise _Wrong("media.results", f"{spec.media.results} is not from 1 to {_MOST_RESULTS}, nor a field that counts")
    if isinstance(spec.media.seconds, int) and not 0 <= spec.media.seconds <= _MOST_SECONDS:
        raise _Wrong("media.seconds", f"{spec.media.seconds} is not from 0 to {_MOST_SECONDS:g}")
    if any(not 0 <= cap <= _MOST_SECONDS for cap in spec.media.billed_caps):
        raise _Wrong("media.billed_caps", f"{list(spec.media.billed_caps)} are not seconds from 0 to {_MOST_SECONDS:g}")
    for price in spec.prices:
        if not 0 <= price.cny <= 1_000_000:
            raise _Wrong("price", f"{price.cny} is not from 0 to 1000000 CNY a {price.unit}")
    if spec.free is not None and spec.free.amount < 0:
        raise _Wrong("free", f"{spec.free.amount} is less than nothing")


# -- fields


def _check_rule(rule: Rule, where: str) -> None:
    outer, _, name = where.partition(".")
    if not name or not name.isascii() or not name.isprintable() or set(name) & set(" :,"):
        raise _Wrong(outer, f"{name[:80]!r} is no name of a field; letters, digits, _ and . make one")
    match rule:
        case Pixels(words=words):
            for word, size in words.items():
                _check_size(size, f"{where}.words.{word}")
        case Size(values=sizes):
            for size in sizes:
                _check_size(size, f"{where}.tiers")
        case Box(ratios=ratios):
            for ratio in ratios:
                if not _is_pair(ratio, ":"):
                    raise _Wrong(f"{where}.ratios", f"{ratio!r} is not width:height, as in 3:4")
        case Boolean(values=values) if not values:
            raise _Wrong(f"{where}.values", "are none; write true, false or both")
        case ObjectRule(keys=keys):
            for inner in keys.values():
                _check_rule(inner, where)
        case ListRule(item=item):
            if isinstance(item, Reference):
                raise _Wrong(f"{where}.item", "a reference stands in a field of its own")
            _check_rule(item, where)
        case Messages(image=image):
            _check_rule(image, where)
        case MediaRule(schemes=schemes):
            if not schemes or not set(schemes) <= {"http", "https", "oss", "data"}:
                raise _Wrong(f"{where}.schemes", f"{list(schemes)} are not some of http, https, oss, data")
        case Assets(url=url, types=types, needs=needs, apart=apart, beside=beside, files=files):
            for file in (url, *files.values()):
                _check_rule(file, where)
            if not types:
                raise _Wrong(f"{where}.types", "are none; write { word = [lowest, highest] }")
            others = [other for words in (*apart.values(), *beside.values()) for other in words]
            for word in (*needs, *apart, *beside, *files, *others):
                _known(word, where, "type", types)


def _check_size(size: str, where: str) -> None:
    if not _is_pair(size, "*"):
        raise _Wrong(where, f"{size[:80]!r} is not width*height, as in 1280*720")


def _is_pair(text: str, by: str) -> bool:
    sides = text.split(by)
    return len(sides) == 2 and all(s.isascii() and s.isdigit() and 0 < len(s) < 7 and int(s) > 0 for s in sides)


# -- texts


def _check_texts(
    spec: ModelSpec, problems: Mapping[str, ProblemText], wordings: Mapping[str, Mapping[str, str]]
) -> None:
    _known(spec.wording, "wording", "wording", wordings)
    words = wordings[spec.wording]
    for field in spec.fields:
        mistakes = dict.fromkeys(["missing", *field.rule.mistakes()])
        for mistake, name in field.says.items():
            _known(mistake, f"{field.path}.says", f"mistake of kind {field.rule.kind}", mistakes)
            _known(name, f"{field.path}.says.{mistake}", "problem", problems, _LISTED)
        for mistake in mistakes:
            _check_text(field, mistake, sayable(field.rule, mistake), field.path, spec.wording, words, problems)
    for constraint in spec.between:
        field = spec.fields[spec.place_of(constraint.fields[0])]
        where = f"constraints, {constraint.kind} of {field.path}"
        if constraint.rule is not None:
            for mistake in [constraint.says] if constraint.says else constraint.rule.mistakes():
                slots = sayable(constraint.rule, mistake)
                _check_text(field, mistake, slots, where, spec.wording, words, problems)
            continue
        slots = sayable(field.rule, "missing")  # nothing is known of its value
        _check_text(field, constraint.says, slots, where, spec.wording, words, problems)


_LISTED = "`fakescope models --markdown` ends with a list of them"


def _check_text(
    field: Field,
    mistake: str,
    slots: set[str],
    where: str,
    wording: str,
    words: Mapping[str, str],
    problems: Mapping[str, ProblemText],
) -> None:
    name = field.says.get(mistake) or words.get(mistake, mistake)
    if name not in problems:
        why = f"wording {wording!r} has no text for {mistake!r}"
        raise _Wrong(where, f"{why}; name a problem in its says, of those at the end of `fakescope models --markdown`")
    for _, slot, _, _ in Formatter().parse(problems[name].message):
        if slot and slot not in slots:
            told = ", ".join(f"{{{known}}}" for known in sorted(slots))
            why = f"the text of {name!r} ({mistake}) needs {{{slot}}}, and kind {field.rule.kind} has {told}"
            raise _Wrong(where, f"{why}; name another problem in its says")


# -- rules between fields


def _check_constraint(constraint: Constraint, spec: ModelSpec) -> None:
    where = f"constraints, {constraint.kind}"
    fields = [spec.fields[at] for at in constraint.fields if at < len(spec.fields)]
    for condition in constraint.conditions:
        field = spec.fields[spec.place_of(condition.at)]
        for value in condition.values:
            if value != field.default and field.rule.check(value) is not None:
                raise _Wrong(where, f"{field.path} is never {value!r}; it takes {field.rule.allowed()}")
    match constraint.kind:
        case "one_of" | "excludes" | "same_length" if len(set(constraint.fields)) < 2:
            raise _Wrong(where, "needs two fields or more")
        case "first_active" if len(constraint.groups) < 2:
            raise _Wrong(where, "needs two groups or more")
        case "default":
            for field in fields:
                if field.rule.check(constraint.value) is not None:
                    raise _Wrong(where, f"{field.path} is never {constraint.value!r}; it takes {field.rule.allowed()}")
        case "narrowed":
            assert constraint.rule is not None
            _check_rule(constraint.rule, fields[0].path)
            _only(fields, (type(constraint.rule),), where, f"{constraint.rule.kind} with {constraint.rule.kind}")
        case "most_chars":
            _only(fields, (Text,), where, "texts")
        case "most_items" | "same_length":
            _only(fields, (ListRule, Assets), where, "lists")
        case "most_of":
            _only(fields, (ListRule,), where, "lists")
            for field in fields:
                assert isinstance(field.rule, ListRule)
                if field.rule.item.check(constraint.value) is not None:
                    takes = field.rule.item.allowed()
                    raise _Wrong(where, f"{field.path} never has {constraint.value!r}; each of it is {takes}")


def _only(fields: Collection[Field], kinds: tuple[type, ...], where: str, what: str) -> None:
    for field in fields:
        if not isinstance(field.rule, kinds):
            raise _Wrong(where, f"compares {what}, and {field.path} is of kind {field.rule.kind}")


# -- answers


class _Answers:
    """Whether what a model shows and costs can be computed from what a request gives."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        lost = [one.fields if one.kind == "ignored" else sum(one.groups, ()) for one in spec.constraints]
        self._lost = {at for fields in lost for at in fields}

    def check(self) -> None:
        spec = self._spec
        for key, nodes in (("output", spec.output), ("rejected", spec.rejected), ("usage", spec.usage)):
            for node in nodes:
                self._check_node(node, f"{key}.{node.key}", 1)
        for price in (*spec.prices, *(one for terms in spec.elsewhere.values() for one in terms.prices or ())):
            for name in price.when:
                if name not in spec.position:
                    self._check_fact(name, "price.when")
            self._check_fact("total_seconds" if price.unit == "second" else "result_count", "price")
        self._check_fact("result_count", "media.results")
        media = spec.media
        lasting = [("seconds", paths) for paths in (media.seconds, *(row.seconds for row in media.when))]
        for key, paths in (*lasting, ("billed_seconds", media.billed_seconds)):
            for path in paths if isinstance(paths, tuple) else ():
                if path in spec.position and not _has_files(spec.fields[spec.position[path]].rule):
                    raise _Wrong(f"media.{key}", f"{path} has no files; give fields of kind media, or lists of them")

    def _check_node(self, node: Node, where: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise _Wrong(where.partition(".")[0], f"is nested more than {_DEEPEST} deep")
        match node.kind:
            case "object" | "list":
                for child in node.children:
                    self._check_node(child, f"{where}.{child.key}", depth + 1)
            case "constant":
                if not _is_json(node.constant, depth):
                    raise _Wrong(
                        where, f"{str(node.constant)[:80]!r} is nothing that JSON has; give text, number, true or false"
                    )
            case "fact":
                self._check_fact(node.fact, where)
                if node.cast in ("integer", "number") and node.fact not in _NUMBERS:
                    raise _Wrong(where, f"{node.fact} is no number; leave out as, or say text")
            case "seconds_of":
                if not isinstance(self._spec.fields[node.at].rule, MediaRule):
                    raise _Wrong(where, f"{self._spec.fields[node.at].path} is no file; seconds_of needs kind media")
            case "value":
                self._check_value(node, where)

    def _check_value(self, node: Node, where: str) -> None:
        field = self._spec.fields[node.at]
        if node.words is not None:
            if not isinstance(field.rule, Boolean | Choice) or not self._is_always_there(node.at):
                raise _Wrong(
                    where,
                    f"{field.path} may have no word: words need a choice, required or with a default",
                )
            if missing := [value for value in field.rule.values if value not in node.words]:
                raise _Wrong(f"{where}.words", f"{missing[0]} of {field.path} has no word")
            values = list(node.words.values())
            if not all(_is_json(value, 1) for value in values):
                raise _Wrong(f"{where}.words", f"{values!r:.80} are not all texts, numbers, true or false")
            is_number = all(isinstance(value, int | float) for value in values)
        else:
            is_number = isinstance(field.rule, Integer | Number)
        if node.cast in ("integer", "number") and not is_number:
            raise _Wrong(where, f"{field.path} is no number; leave out as, or say text")

    def _check_fact(self, name: str, where: str) -> None:
        if needed := _NEEDS.get(name):
            needed(self, where)

    def _check_link(self, where: str) -> None:
        if self._spec.media.file == "none":
            raise _Wrong(where, 'result_url needs a result: media has file = "none"')

    def _check_count(self, where: str) -> None:
        media = self._spec.media
        for results in (media.results, *(row.results for row in media.when)):
            if not isinstance(results, str):
                if results is not None and not 0 <= results <= _MOST_RESULTS:
                    raise _Wrong(where, f"{results} is not a whole number from 0 to {_MOST_RESULTS}")
                continue
            at = self._spec.position[results]
            rule = self._spec.fields[at].rule
            if not isinstance(rule, Integer) or not self._is_always_there(at):
                raise _Wrong(
                    where, f"{results} does not count: it needs kind integer, and a default or required = true"
                )
            highest = max(rule.values) if rule.values else rule.bounds.ends[1]
            if highest is None or highest > _MOST_RESULTS:
                raise _Wrong(where, f"{results} may be more than {_MOST_RESULTS}; give it a range")

    def _check_seconds(self, where: str) -> None:
        spec, at = self._spec, self._spec.position.get("parameters.duration")
        if at is not None and not isinstance(spec.fields[at].rule, Integer | Number | Fixed):
            raise _Wrong(where, f"parameters.duration is of kind {spec.fields[at].rule.kind}, and seconds are a number")
        if spec.media.seconds is None and not (at is not None and self._is_always_there(at)):
            raise _Wrong(
                where, "nothing says how long a result is; give media.seconds, or parameters.duration a default"
            )

    def _check_lines(self, where: str) -> None:
        spec, at = self._spec, self._spec.position.get("parameters.resolution")
        if at is None:
            tiers = list(spec.tiers)
        else:
            rule = spec.fields[at].rule
            if not isinstance(rule, Choice) or not self._is_always_there(at):
                raise _Wrong(where, "lines needs parameters.resolution as a choice that is required or has a default")
            tiers = list(rule.values)
        for tier in tiers:
            if not (tier[:-1].isascii() and tier[:-1].isdigit() and len(tier) < 8):
                raise _Wrong(where, f"the lines of {tier!r} cannot be read; write it as 720P")

    def _check_sides(self, where: str) -> None:
        spec, at = self._spec, self._spec.position.get("parameters.size")
        rule = None if at is None else spec.fields[at].rule
        if at is None or not isinstance(rule, Choice | Pixels) or not self._is_always_there(at):
            raise _Wrong(where, "width and height need parameters.size as a size that is required or has a default")
        for size in rule.values if isinstance(rule, Choice) else ():
            _check_size(size, where)

    def _check_box(self, where: str) -> None:
        spec, at = self._spec, self._spec.position.get("input.ext_bbox")
        if at is None or not isinstance(spec.fields[at].rule, Box) or not self._is_always_there(at):
            raise _Wrong(where, "box_ratio needs input.ext_bbox as a box that is required")

    def _is_always_there(self, at: int) -> bool:
        field = self._spec.fields[at]
        return field.default is not None or (field.required and at not in self._lost)


_NEEDS: Mapping[str, Callable[[_Answers, str], None]] = {
    "result_url": _Answers._check_link,
    "second_url": _Answers._check_link,
    "result_count": _Answers._check_count,
    "output_seconds": _Answers._check_seconds,
    "total_seconds": _Answers._check_seconds,
    "lines": _Answers._check_lines,
    "width": _Answers._check_sides,
    "height": _Answers._check_sides,
    "box_ratio": _Answers._check_box,
}
"""Facts that cannot be computed for every model, and what they need."""


def _has_files(rule: Rule) -> bool:
    return isinstance(rule.item if isinstance(rule, ListRule) else rule, MediaRule)


def _is_json(value: Any, depth: int) -> bool:
    """Whether an answer can carry it: 64 bits for a whole number, and no dates."""
    if isinstance(value, date | time) or depth > _DEEPEST:
        return False
    if isinstance(value, list):
        return all(_is_json(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return all(_is_json(item, depth + 1) for item in value.values())
    return not isinstance(value, int) or -(2**63) <= value < 2**63
