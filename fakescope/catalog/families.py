"""One family file → the specs of its models. The format is explained in models/README.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from fakescope.catalog import rules
from fakescope.catalog.rules import RULES, Rule
from fakescope.catalog.spec import (
    BEFORE_FIELDS,
    FACTS,
    Alias,
    Condition,
    Constraint,
    Field,
    Free,
    Limits,
    Media,
    MediaWhen,
    ModelSpec,
    Node,
    Pace,
    Part,
    Price,
    Source,
    Terms,
)
from fakescope.catalog.tables import Table, plain

__all__ = ["read_family"]


class _Family(NamedTuple):
    """What the models of one file share."""

    table: Table
    basis: str
    source: Source
    shapes: Mapping[str, dict[str, Any]]
    tiers: Mapping[str, tuple[str, ...]]
    utc_offset_ms: int
    checked: str


_ANSWERS = ("output", "rejected", "usage")
_SHARED = ("title", "path", "sync_path", "mode", "problems", "wording", "phases", "metrics", "needs_parameters")


def read_family(file: Table, utc_offset_ms: int) -> list[ModelSpec]:
    """The specs of the models of one file, aliases included. Raises CatalogError."""
    table = file.table("family")
    sizes = table.table("tiers", {})
    tiers = {tier: sizes.words(tier) for tier in sizes.names}
    named = file.table("shape", {})
    shapes: dict[str, dict[str, Any]] = {name: named.take(name, dict) for name in named.names}
    for key in _ANSWERS:
        if key in named:
            raise named.fail(f"{key} is the family's own: write [family.{key}], or take another name")
        shapes[key] = table.take(key, dict, {})
    checked: date | None = table.take("checked", date, None)
    shown = checked.isoformat()[:10] if checked else ""
    family = _Family(table, table.basis(None), table.source(None), shapes, tiers, utc_offset_ms, shown)
    specs = [spec for model in file.tables("model") for spec in _model(model, family)]
    for key in ("name", "input", "parameters", "pace", "media", "constraints", *_SHARED):
        table.take(key, object, None)
    table.done()
    file.done()
    return specs


def _model(table: Table, family: _Family) -> Iterator[ModelSpec]:
    name = table.take("name", str)
    basis, source = table.basis(family.basis), table.source(family.source)

    def own(key: str) -> Table:
        """The model's table if it has the key, else the family's."""
        return table if key in table else family.table

    fields = tuple(_fields(table, family, basis, source))
    position = {field.path: i for i, field in enumerate(fields)}
    places = _Places(fields, position)
    rows = _constraint_rows(table, family)
    constraints = tuple(_constraint(row, places, family.tiers, basis, source) for row in rows)
    media = _media(own("media").table("media"), places)
    spec = ModelSpec(
        name=name,
        family=family.table.take("name", str),
        title=own("title").take("title", str),
        path=own("path").take("path", str),
        sync_path=own("sync_path").take("sync_path", str, ""),
        mode=own("mode").one_of("mode", ("async", "sync")),
        problems=own("problems").one_of("problems", ("task", "submit", "presence")),
        wording=own("wording").take("wording", str),
        regions=table.words("regions"),
        limits=_limits(table.table("limits"), basis, source),
        pace=_pace(own("pace").table("pace")),
        phases=own("phases").take("phases", bool, False),
        metrics=_metrics(own("metrics")),
        utc_offset_ms=family.utc_offset_ms,
        media=media,
        fields=fields,
        parts=tuple(places.parts.values()),
        position=position,
        places=tuple((where, key) for where, _, key in (path.partition(".") for path in position)),
        defaults=tuple(field.default for field in fields),
        required=frozenset(i for i, field in enumerate(fields) if field.required),
        nested=tuple(i for i, field in enumerate(fields) if "." in field.name),
        empties=tuple(i for i, field in enumerate(fields) if field.empty_is_absent),
        references=tuple(i for i, field in enumerate(fields) if field.rule.kind == "reference"),
        constraints=tuple(one for one in constraints if one.kind in BEFORE_FIELDS),
        between=tuple(one for one in constraints if one.kind not in BEFORE_FIELDS),
        needs_parameters=own("needs_parameters").take("needs_parameters", bool, False),
        tiers=family.tiers,
        output=_shape(table, "output", family, position),
        rejected=_shape(table, "rejected", family, position),
        usage=_shape(table, "usage", family, position),
        prices=tuple(_prices(table, position, basis, source)),
        trial_only=table.take("trial_only", bool, False),
        free=_free(table.table("free"), basis, source) if "free" in table else None,
        elsewhere={},
        aliases=tuple(_aliases(table, basis, source)),
        basis=basis,
        source=source,
        checked=family.checked,
    )
    spec = spec._replace(elsewhere=dict(_elsewhere(table, spec)))
    table.done()
    yield spec
    for alias in spec.aliases:
        yield spec._replace(name=alias.name, regions=alias.regions, limits=alias.limits or spec.limits, aliases=())


def _fields(table: Table, family: _Family, basis: str, source: Source) -> Iterator[Field]:
    """The family's rows with the model's laid over them, row by row; `false` takes a row away."""
    for where in ("input", "parameters"):
        rows = {**family.table.take(where, dict, {}), **table.take(where, dict, {})}
        for key, row in rows.items():
            if row is not False:
                at = f"{table.at}.{where}.{key}"
                yield _field(Table(row, at), f"{where}.{key}", family.tiers, basis, source)


def _field(row: Table, path: str, tiers: Mapping[str, tuple[str, ...]], basis: str, source: Source) -> Field:
    rule = _rule(row, tiers)
    required, default = row.take("required", bool, False), plain(row.take("default", object, None))
    says = row.texts("says")
    empty = row.take("empty_is_absent", bool, False)
    field = Field(path, rule, required, default, empty, says, row.basis(basis), row.source(source))
    row.done()
    if default is not None and (mistake := rule.check(default)):
        raise row.fail(f"the default {default!r} breaks its own rule ({mistake}): {rule.allowed()}")
    return field


def _rule(row: Table, tiers: Mapping[str, tuple[str, ...]]) -> Rule:
    match row.one_of("kind", tuple(RULES)):
        case "text":
            return rules.Text(
                max_chars=row.count("max_chars", None),
                too_long=row.one_of("too_long", ("cut", "refuse"), "refuse"),
                not_blank=row.take("not_blank", bool, False),
                counts=row.one_of("counts", rules.COUNTS, "characters"),
            )
        case "integer":
            return rules.Integer(
                bounds=row.bounds(),
                values=row.items("values", int, []) or None,
                too_high=row.one_of("too_high", ("cut", "refuse"), "refuse"),
            )
        case "number":
            return rules.Number(bounds=row.bounds())
        case "boolean":
            return rules.Boolean(values=row.items("values", bool, [True, False]))
        case "choice":
            return rules.Choice(values=row.words("values"))
        case "size":
            wanted = row.words("tiers")
            if missing := [tier for tier in wanted if tier not in tiers]:
                raise row.fail(f"tier {missing[0]} is not among the family's: {', '.join(tiers)}")
            return rules.Size(values=tuple(size for tier in wanted for size in tiers[tier]))
        case "pixels":
            return rules.Pixels(
                side_px=row.bounds("side_px"),
                area_px=row.bounds("area_px"),
                ratio=row.bounds("ratio"),
                words=row.texts("words"),
            )
        case "media":
            return _media_rule(row)
        case "messages":
            text = rules.Text(max_chars=row.count("max_chars", None), too_long="cut")
            return rules.Messages(text=text, image=_media_rule(row), images=row.bounds("images"))
        case "assets":
            types = row.table("types")
            counts = {word: types.bounds(word) for word in types.names}
            apart, beside = row.table("apart", {}), row.table("beside", {})
            return rules.Assets(
                url=_media_rule(row),
                types=counts,
                count=row.bounds("count"),
                needs=row.words("needs", []),
                apart={word: apart.words(word) for word in apart.names},
                beside={word: beside.words(word) for word in beside.names},
                files=dict(_files(row.table("files", {}), counts)),
            )
        case "list":
            return rules.ListRule(
                item=_item(row.table("item"), tiers),
                bounds=row.bounds("count"),
                too_many=row.one_of("too_many", ("cut", "refuse"), "refuse"),
            )
        case "object":
            keys = row.table("keys")
            return rules.ObjectRule(keys={key: _item(keys.table(key), tiers) for key in keys.names})
        case "box":
            return rules.Box(ratios=row.words("ratios", []))
        case "reference":
            return rules.Reference(prefix=row.take("prefix", str))
        case kind:
            return RULES[kind]()


def _item(row: Table, tiers: Mapping[str, tuple[str, ...]]) -> Rule:
    """A rule inside another one."""
    rule = _rule(row, tiers)
    row.done()
    return rule


def _files(table: Table, types: Mapping[str, rules.Bounds]) -> Iterator[tuple[str, rules.MediaRule]]:
    for word, row in table.each():
        if word not in types:
            raise table.fail(f"{word} is not one of types: {', '.join(types)}")
        yield word, _media_rule(row)
        row.done()


_STATUSES = ("PENDING", "RUNNING", "SUCCEEDED", "FAILED")


def _metrics(table: Table) -> frozenset[str]:
    """The statuses in which `task_metrics` is shown: all for true, none for false, or those of a list."""
    given: Any = table.take("metrics", (bool, list), False)
    statuses = (_STATUSES if given else ()) if isinstance(given, bool) else table.words("metrics")
    if unknown := [status for status in statuses if status not in _STATUSES]:
        raise table.fail(f"metrics: {unknown[0]!r} is not one of {', '.join(_STATUSES)}")
    return frozenset(statuses)


def _media_rule(row: Table) -> rules.MediaRule:
    return rules.MediaRule(
        media=row.one_of("media", ("image", "audio", "video", "image or video", "file"), "image"),
        schemes=row.words("schemes"),
        formats=row.words("formats", []),
        alpha=row.take("alpha", bool, None),
        ascii_only=row.take("ascii_only", bool, False),
        side_px=row.bounds("side_px"),
        long_px=row.bounds("long_px"),
        short_px=row.bounds("short_px"),
        ratio=row.bounds("ratio"),
        max_bytes=row.count("max_bytes", None),
        seconds=row.bounds("seconds"),
        fps=row.bounds("fps"),
    )


class _Places:
    """Where fields are, and parts of fields, which are given their places as rows name them."""

    def __init__(self, fields: Sequence[Field], position: Mapping[str, int]) -> None:
        self.position, self.parts = position, dict[str, Part]()
        self._fields = fields

    def part(self, path: str) -> Part | None:
        """The part of a field that a path goes on to, as in `input.media.first_frame`."""
        outer, _, word = path.rpartition(".")
        if outer not in self.position:
            return None
        at = self.position[outer]
        rule = self._fields[at].rule
        if not isinstance(rule, rules.Assets | rules.ListRule | rules.Messages) or word not in rule.parts:
            return None
        return Part(at, rule, word)

    def at(self, row: Table, path: str) -> int:
        """The place of a field or a part."""
        part = self.part(path)
        if part is None:
            return self.position[_path(row, path, self.position)]
        self.parts.setdefault(path, part)
        return len(self._fields) + list(self.parts).index(path)


def _media(table: Table, places: _Places) -> Media:
    media = Media(
        file=table.one_of("file", ("mp4", "png", "jpg", "none"), "mp4"),
        frames_per_s=_deciding(table, "frames_per_s", None, places),
        sound=table.take("sound", bool, False),
        results=_deciding(table, "results", 1, places) or 0,
        seconds=_lasting(table, places),
        billed_seconds=_paths_of_files(table, "billed_seconds", places),
        billed_caps=tuple(map(float, table.items("billed_caps", (int, Decimal), []))),
        when=tuple(_media_when(row, places) for row in table.tables("when")),
    )
    table.done()
    return media


def _media_when(row: Table, places: _Places) -> MediaWhen:
    when = MediaWhen(
        tuple(_conditions(row, places)),
        _deciding(row, "results", None, places),
        _lasting(row, places),
        _deciding(row, "frames_per_s", None, places),
    )
    row.done()
    return when


def _deciding(table: Table, key: str, default: int | None, places: _Places) -> int | str | None:
    """A number, or the path of the field that has it."""
    given: Any = table.take(key, (int, str), default)
    return _path(table, given, places.position) if isinstance(given, str) else given


def _lasting(table: Table, places: _Places) -> int | tuple[str, ...] | None:
    """Seconds, or the paths of the files that decide."""
    given: Any = table.take("seconds", (int, list), None)
    return _paths_of_files(table, "seconds", places) if isinstance(given, list) else given


def _paths_of_files(table: Table, key: str, places: _Places) -> tuple[str, ...]:
    """Paths of files, of lists of files, or of one type in a list of assets: `input.media.video`."""
    for path in (given := table.words(key, [])):
        if places.part(path) is None:
            _path(table, path, places.position)
    return given


def _constraint_rows(table: Table, family: _Family) -> list[Table]:
    """The family's constraints, then the model's. `constraints = false` in a model leaves the family's out."""
    if table.take("constraints", object, None) is False:
        return []
    own = table.tables("constraints") if "constraints" in table else []
    return family.table.tables("constraints") + own


_CONSTRAINTS = (
    "ignored",
    "required",
    "default",
    "narrowed",
    "one_of",
    "excludes",
    "same_length",
    "most_items",
    "most_chars",
    "most_of",
    "first_active",
)


_OF_PARTS = ("one_of", "excludes", "same_length", "most_items")


def _constraint(
    row: Table, places: _Places, tiers: Mapping[str, tuple[str, ...]], basis: str, source: Source
) -> Constraint:
    kind = row.one_of("kind", _CONSTRAINTS)

    def fields(paths: tuple[str, ...]) -> tuple[int, ...]:
        if not paths:
            raise row.fail(f"{kind} needs fields")
        return tuple(places.at(row, path) for path in paths)

    # What a kind does not have is not read, and so an unknown key.
    in_groups, counted = kind == "first_active", kind.startswith("most_")
    constraint = Constraint(
        kind=kind,
        fields=() if in_groups else fields(row.words("fields")),
        conditions=() if in_groups else tuple(_conditions(row, places)),
        groups=tuple(fields(group) for group in row.lists("groups")) if in_groups else (),
        limit=row.count("limit") if counted else 0,
        value=plain(row.take("value", object)) if kind in ("default", "most_of") else None,
        rule=_item(row.table("rule"), tiers) if kind == "narrowed" else None,
        says=kind if kind in BEFORE_FIELDS else row.take("says", str, "" if kind == "narrowed" else kind),
        basis=row.basis(basis),
        source=row.source(source),
    )
    row.done()
    if kind not in _OF_PARTS and max((0, *constraint.fields)) >= len(places.position):
        raise row.fail(f"{kind} is for fields; for their parts there are {', '.join(_OF_PARTS)}")
    return constraint


def _conditions(row: Table, places: _Places) -> Iterator[Condition]:
    for test in ("given", "absent", "several"):
        for path in row.words(test, []):
            yield Condition(places.at(row, path), test)
    for test in ("is", "is_not"):
        wanted: dict[str, object] = row.take(test, dict, {})
        for path, values in wanted.items():
            several = tuple(plain(values) if isinstance(values, list) else [plain(values)])
            if not several:
                raise row.fail(f"{test}: {path} has no values; give one, or a list of some")
            yield Condition(places.position[_path(row, path, places.position)], test, several)


def _path(row: Table, path: str, position: Mapping[str, int]) -> str:
    if path not in position:
        raise row.fail(f"{path} is not a field of this model; it has {', '.join(position)}")
    return path


def _shape(table: Table, key: str, family: _Family, position: Mapping[str, int]) -> tuple[Node, ...]:
    """The model's own rows, a shape of the family by name, or the family's."""
    own: Any = table.take(key, (str, dict), key)
    rows = own
    if isinstance(own, str):
        if own not in family.shapes:
            raise table.fail(f"{key} = {own!r} is not a shape of this file: {', '.join(family.shapes)}")
        rows = family.shapes[own]
    if "each" in rows or "wrap" in rows:
        raise table.fail(f"{key} is one object: each and wrap belong to a row of it")
    return _nodes(Table(rows, f"{table.at}.{key}"), position)


def _nodes(table: Table, position: Mapping[str, int]) -> tuple[Node, ...]:
    return tuple(_node(key, table.table(key), position) for key in table.names if key not in ("each", "wrap"))


def _node(key: str, row: Table, position: Mapping[str, int]) -> Node:
    cast = row.one_of("as", ("integer", "number", "text"), "") if "as" in row else ""
    each = row.take("each", bool, False)
    if "constant" in row:
        node = Node(key, "constant", constant=plain(row.take("constant", object)))
    elif "fact" in row:
        node = Node(key, "fact", fact=row.one_of("fact", tuple(FACTS)), cast=cast)
    elif "value" in row:
        at = position[_path(row, row.take("value", str), position)]
        words: dict[str, object] | None = plain(row.take("words", dict, None))
        node = Node(key, "value", at=at, words=None if words is None else _keyed(words), cast=cast)
    elif "seconds_of" in row:
        node = Node(key, "seconds_of", at=position[_path(row, row.take("seconds_of", str), position)], cast=cast)
    elif "items" in row:
        entries = row.tables("items")
        children = tuple(Node("", "object", children=_nodes(entry, position)) for entry in entries)
        node = Node(key, "list", children=children)
    else:
        wrap = row.take("wrap", bool, False)
        return Node(key, "object", children=_nodes(row, position), each=each, wrap=wrap)
    row.done()
    return node._replace(each=each)


def _keyed(words: Mapping[str, object]) -> Mapping[object, object]:
    """Words by the value they stand for. A key of TOML is a text, and a boolean's is "true" or "false"."""
    booleans: dict[str, object] = {"true": True, "false": False}
    return {booleans.get(key, key): word for key, word in words.items()}


def _prices(table: Table, position: Mapping[str, int], basis: str, source: Source) -> Iterator[Price]:
    price_source = table.source(source, "price_source")
    for row in table.tables("price"):
        unit = "image" if "cny_per_image" in row else "second"
        cny = row.take(f"cny_per_{unit}", Decimal)
        when: dict[str, object] = row.take("when", dict, {})
        for name in when:
            if name not in FACTS and name not in position:
                raise row.fail(f"when.{name} is neither a fact nor a field; facts are {', '.join(FACTS)}")
        yield Price(when, cny, unit, row.basis(basis), row.source(price_source))
        row.done()


def _free(table: Table, basis: str, source: Source) -> Free:
    unit, key = ("image", "images") if "images" in table else ("second", "output_seconds")
    free = Free(table.take(key, int), unit, table.basis(basis), table.source(source))
    table.done()
    return free


def _elsewhere(table: Table, spec: ModelSpec) -> Iterator[tuple[str, Terms]]:
    """Regions with terms of their own; what a region does not say is as in the others."""
    source = table.source(spec.source, "price_source")
    for region, row in table.table("in", {}).each():
        if region not in (known := [*spec.regions, *(name for alias in spec.aliases for name in alias.regions)]):
            raise row.fail(f"the model is not in {region}; it is in {', '.join(known)}")
        limits = _limits(row.table("limits"), spec.basis, spec.source) if "limits" in row else None
        prices = tuple(_prices(row, spec.position, spec.basis, source)) if "price" in row else None
        free = _free(row.table("free"), spec.basis, spec.source) if "free" in row else None
        yield region, Terms(limits, prices, free)
        row.done()


def _limits(table: Table, basis: str, source: Source) -> Limits:
    limits = Limits(
        table.count("submits"),
        table.count("per_s"),
        table.count("running", None, most=10_000),
        table.basis(basis),
        table.source(source),
    )
    table.done()
    return limits


def _aliases(table: Table, basis: str, source: Source) -> Iterator[Alias]:
    for row in table.tables("aliases"):
        limits = _limits(row.table("limits"), basis, source) if "limits" in row else None
        yield Alias(row.take("name", str), row.words("regions"), limits)
        row.done()


def _pace(table: Table) -> Pace:
    wait_s, run_s, fail_s = (
        (float(low), float(high)) for low, high in (table.pair(key) for key in ("wait_s", "run_s", "fail_s"))
    )
    pace = Pace(wait_s, run_s, fail_s, table.basis(None))
    table.done()
    return pace
