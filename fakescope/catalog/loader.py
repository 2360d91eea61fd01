"""TOML → values. Strict: an unknown key, a wrong type or a missing source is an error that names file, entry and key.

A family is read when one of its models is first asked for, so a start costs the same with three families as with
forty. Which file a model is in is read off the lines of the text; a test compares that with the parsed files.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from fakescope.catalog.rules import RULES, Rule, Size
from fakescope.catalog.spec import (
    BASES,
    FACTS,
    Alias,
    Condition,
    Failure,
    Field,
    Ignored,
    Limits,
    Media,
    ModelSpec,
    Pace,
    Price,
    ProblemText,
    Refusal,
    RegionSpec,
    Row,
    Service,
    Source,
    TestKey,
    TestPrompt,
)
from fakescope.errors import CatalogError

__all__ = ["Catalog", "load"]

HERE = Path(__file__).parent
T = TypeVar("T")


def load(folder: Path = HERE) -> Catalog:
    """The catalogue in `folder`: `service.toml`, `errors.toml` and `models/*.toml`."""
    return Catalog(folder)


class Catalog:
    """All model specs and vendor texts. Names of models are looked up without reading every family."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file_of: dict[str, Path] = {}
        self._specs: dict[str, ModelSpec] = {}
        self.paths: dict[str, None] = {}
        for file in sorted((folder / "models").glob("*.toml")):
            names, paths = _outline(file.read_text("utf-8"))
            for known in names:
                if known in self._file_of:
                    raise CatalogError(f"{file.name}: model {known} is already in {self._file_of[known].name}")
                self._file_of[known] = file
            self.paths.update(dict.fromkeys(paths))
        self.service = _service(_parse(folder / "service.toml"))

    @property
    def names(self) -> Collection[str]:
        """Every model name, aliases included, as the files have them."""
        return self._file_of.keys()

    def find(self, name: str) -> ModelSpec | None:
        """The spec of the model with this name or alias, or None. An alias gives a spec that carries its own name."""
        spec = self._specs.get(name)
        if spec is None and name in self._file_of:
            self._specs.update((s.name, s) for s in _family(_parse(self._file_of[name])))
            spec = self._specs[name]
        return spec

    def specs(self) -> list[ModelSpec]:
        """Every model, every family read."""
        return [spec for name in self._file_of if (spec := self.find(name)) is not None]

    def refusal(self, name: str) -> Refusal:
        return self._texts.refusals[name]

    @property
    def refusals(self) -> Mapping[str, Refusal]:
        return self._texts.refusals

    @property
    def failures(self) -> Mapping[str, Failure]:
        """Code → the text a task fails with when that code is ordered."""
        return self._texts.failures

    def problem(self, spec: ModelSpec, field: Field, mistake: str) -> ProblemText:
        """The vendor's words for this mistake in this field of this model."""
        name = field.says.get(mistake) or self._texts.wordings[spec.wording][mistake]
        return self._texts.problems[name]

    @cached_property
    def _texts(self) -> _Texts:
        return _texts(_parse(self._folder / "errors.toml"))


def _outline(text: str) -> tuple[list[str], list[str]]:
    """Names of models and paths of endpoints, read off a family file line by line: a tenth of what parsing it costs.

    A model begins with its name, then its aliases if it has any, each on a line of its own.
    """
    names, paths = [], []
    before = ""
    for line in text.splitlines():
        key, _, value = line.partition("=")
        match key.rstrip():
            case "name" if before == "[[model]]":
                names.append(value.split('"')[1])
            case "aliases":
                names += [part.split('"')[0] for part in value.split('name = "')[1:]]
            case "path":
                paths.append(value.split('"')[1])
        before = line.rstrip()
    return names, paths


class _Texts(NamedTuple):
    refusals: Mapping[str, Refusal]
    problems: Mapping[str, ProblemText]
    wordings: Mapping[str, Mapping[str, str]]
    failures: Mapping[str, Failure]


class _Table:
    """A TOML table that remembers where it is and which of its keys were read."""

    def __init__(self, data: object, at: str) -> None:
        if not isinstance(data, dict):
            raise CatalogError(f"{at}: {data!r} is not a table")
        self._data, self._at, self._read = dict(data), at, set[str]()

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def take(self, key: str, kind: type[T] | tuple[type[T], ...], default: Any = ...) -> T:
        self._read.add(key)
        if key not in self._data:
            if default is ...:
                raise CatalogError(f"{self._at}: {key} is missing")
            return default  # type: ignore[no-any-return]
        value = self._data[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise CatalogError(f"{self._at}.{key}: {value!r} is not {_wanted(kind)}")
        return value

    def one_of(self, key: str, words: tuple[str, ...], default: Any = ...) -> str:
        word: str = self.take(key, str, default)
        if word not in words:
            raise CatalogError(f"{self._at}.{key}: {word!r} is not one of {', '.join(words)}")
        return word

    def table(self, key: str, default: Any = ...) -> _Table:
        return _Table(self.take(key, dict, default), f"{self._at}.{key}")

    def tables(self, key: str) -> list[_Table]:
        rows: list[object] = self.take(key, list, [])
        return [_Table(row, f"{self._at}.{key}[{i}]") for i, row in enumerate(rows)]

    def each(self) -> Iterator[tuple[str, _Table]]:
        for key in self._data:
            yield key, self.table(key)

    def words(self, key: str, default: Any = ...) -> tuple[str, ...]:
        return tuple(self.take(key, list, default))

    def pair(self, key: str, default: Any = ...) -> Any:
        values: Any = self.take(key, list, default)
        if values is None:
            return None
        if not (len(values) == 2 and all(type(end) in (int, Decimal) for end in values) and values[0] <= values[1]):
            raise CatalogError(f"{self._at}.{key}: {values!r} is not [lowest, highest]")
        return tuple(values)

    def source(self, inherited: Source | None, key: str = "source") -> Source:
        if key not in self:
            if inherited is None:
                raise CatalogError(f"{self._at}: {key} is missing; say where this stands")
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
            raise CatalogError(f"{self._at}: unknown key {unknown[0]}; known are {', '.join(sorted(self._read))}")

    def fail(self, why: str) -> CatalogError:
        return CatalogError(f"{self._at}: {why}")


def _wanted(kind: Any) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join({"str": "text", "dict": "a table", "list": "a list"}.get(k.__name__, k.__name__) for k in kinds)


def _parse(file: Path) -> _Table:
    try:
        with file.open("rb") as stream:
            return _Table(tomllib.load(stream, parse_float=Decimal), file.name)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CatalogError(f"{file}: {error}") from error


# -- families


class _Family(NamedTuple):
    """What the models of one file share."""

    table: _Table
    data: dict[str, Any]
    basis: str
    source: Source
    shapes: Mapping[str, tuple[Row, ...]]
    tiers: Mapping[str, tuple[str, ...]]


def _family(file: _Table) -> list[ModelSpec]:
    table = file.table("family")
    basis, source = table.basis(None), table.source(None)
    sizes = table.table("tiers", {})
    tiers = {tier: sizes.words(tier) for tier in table.take("tiers", dict, {})}
    shapes = {name: _rows(rows) for name, rows in file.table("shape", {}).each()}
    for key in ("output", "usage"):
        if key in table:
            shapes[key] = _rows(table.table(key))
    family = _Family(table, table._data, basis, source, shapes, tiers)
    specs = [spec for model in file.tables("model") for spec in _model(model, family)]
    for key in ("input", "parameters", "name", "title", "path", "mode", "problems", "wording", "pace", "checked"):
        table.take(key, object, None)
    table.done()
    file.done()
    return specs


def _model(table: _Table, family: _Family) -> Iterator[ModelSpec]:
    name = table.take("name", str)
    basis, source = table.basis(family.basis), table.source(family.source)
    shared = family.table
    fields = tuple(_fields(table, family, basis, source))
    position = {field.path: i for i, field in enumerate(fields)}
    media = table.table("media")
    spec = ModelSpec(
        name=name,
        family=shared.take("name", str),
        title=shared.take("title", str),
        path=shared.take("path", str),
        mode=shared.one_of("mode", ("async", "sync", "either")),
        problems=shared.one_of("problems", ("task", "submit")),
        wording=shared.take("wording", str),
        regions=table.words("regions"),
        limits=_limits(table.table("limits"), basis, source),
        pace=_pace(shared.table("pace")),
        media=Media(media.take("frames_per_s", int), media.take("sound", bool), media.take("seconds", int, None)),
        fields=fields,
        position=position,
        places=tuple((where, key) for where, _, key in (path.partition(".") for path in position)),
        ignored=tuple(_ignored(row, position) for row in table.tables("constraints")),
        tiers=family.tiers,
        output=_shape(table, "output", family),
        usage=_shape(table, "usage", family),
        prices=tuple(_prices(table, basis, source)),
        free={key: value for key, value in table.take("free", dict, {}).items() if key != "basis"},
        aliases=tuple(_aliases(table, basis, source)),
        basis=basis,
        source=source,
    )
    media.done()
    table.done()
    yield spec
    for alias in spec.aliases:
        yield spec._replace(name=alias.name, regions=alias.regions, limits=alias.limits or spec.limits, aliases=())


def _fields(table: _Table, family: _Family, basis: str, source: Source) -> Iterator[Field]:
    """The family's rows with the model's laid over them, row by row, in the family's order."""
    for where in ("input", "parameters"):
        rows = {**family.table.take(where, dict, {}), **table.take(where, dict, {})}
        for key, row in rows.items():
            yield _field(_Table(row, f"{table._at}.{where}.{key}"), f"{where}.{key}", family.tiers, basis, source)


def _field(row: _Table, path: str, tiers: Mapping[str, tuple[str, ...]], basis: str, source: Source) -> Field:
    rule = _rule(row, tiers)
    required, default = row.take("required", bool, False), row.take("default", object, None)
    says: dict[str, str] = row.take("says", dict, {})
    field = Field(path, rule, required, default, says, row.basis(basis), row.source(source))
    row.done()
    if default is not None and (mistake := rule.check(default)):
        raise row.fail(f"the default {default!r} breaks its own rule ({mistake}): {rule.allowed()}")
    return field


def _rule(row: _Table, tiers: Mapping[str, tuple[str, ...]]) -> Rule:
    match row.one_of("kind", tuple(RULES)):
        case "text":
            return RULES["text"](  # type: ignore[call-arg]
                max_chars=row.take("max_chars", int, None),
                too_long=row.one_of("too_long", ("cut", "refuse"), "refuse"),
                not_blank=row.take("not_blank", bool, False),
            )
        case "integer":
            values: list[int] | None = row.take("values", list, None)
            return RULES["integer"](range=row.pair("range", None), values=tuple(values) if values else None)  # type: ignore[call-arg]
        case "choice":
            return RULES["choice"](values=row.words("values"))  # type: ignore[call-arg]
        case "size":
            wanted = row.words("tiers")
            if missing := [tier for tier in wanted if tier not in tiers]:
                raise row.fail(f"tier {missing[0]} is not among the family's: {', '.join(tiers)}")
            return Size(values=tuple(size for tier in wanted for size in tiers[tier]))
        case "media":
            return RULES["media"](  # type: ignore[call-arg]
                media=row.one_of("media", ("image", "audio", "video")),
                schemes=row.words("schemes"),
                formats=row.words("formats", []),
                alpha=row.take("alpha", bool, True),
                side_px=row.pair("side_px", None),
                max_bytes=row.take("max_bytes", int, None),
                seconds=row.pair("seconds", None),
            )
        case kind:
            return RULES[kind]()


def _ignored(row: _Table, position: Mapping[str, int]) -> Ignored:
    row.one_of("kind", ("ignored_when",))
    conditions = [Condition(_known(row, row.take("given", str), position), True, None)] if "given" in row else []
    values: dict[str, object] = row.take("is", dict, {})
    conditions += [Condition(_known(row, path, position), False, value) for path, value in values.items()]
    field = _known(row, row.take("field", str), position)
    row.done()
    return Ignored(field, tuple(conditions))


def _known(row: _Table, path: str, position: Mapping[str, int]) -> int:
    if path not in position:
        raise row.fail(f"{path} is not a field of this model; it has {', '.join(position)}")
    return position[path]


def _shape(table: _Table, key: str, family: _Family) -> tuple[Row, ...]:
    """The model's own rows, a shape of the family by name, or the family's."""
    if key in table and isinstance(table.take(key, (str, dict)), dict):
        return _rows(table.table(key))
    name = table.take(key, str, key)
    if name not in family.shapes:
        raise table.fail(f"{key} = {name!r} is not a shape of this file: {', '.join(family.shapes)}")
    return family.shapes[name]


def _rows(table: _Table) -> tuple[Row, ...]:
    def row(key: str, what: _Table) -> Row:
        if "constant" in what:
            result = Row(key, "", what.take("constant", object))
        else:
            result = Row(key, what.one_of("fact", tuple(FACTS)), None)
        what.done()
        return result

    return tuple(row(key, what) for key, what in table.each())


def _prices(table: _Table, basis: str, source: Source) -> Iterator[Price]:
    price_source = table.source(source, "price_source")
    for row in table.tables("price"):
        price = row.take("cny_per_second", Decimal)
        when: dict[str, object] = row.take("when", dict, {})
        if unknown := [fact for fact in when if fact not in FACTS]:
            raise row.fail(f"when {unknown[0]}: that is not one of {', '.join(FACTS)}")
        yield Price(when, price, row.basis(basis), row.source(price_source))
        row.done()


def _limits(table: _Table, basis: str, source: Source) -> Limits:
    limits = Limits(
        table.take("submits", int),
        table.take("per_s", int),
        table.take("running", int, None),
        table.basis(basis),
        table.source(source),
    )
    table.done()
    return limits


def _aliases(table: _Table, basis: str, source: Source) -> Iterator[Alias]:
    for row in table.tables("aliases"):
        limits = _limits(row.table("limits"), basis, source) if "limits" in row else None
        yield Alias(row.take("name", str), row.words("regions"), limits)
        row.done()


def _pace(table: _Table) -> Pace:
    wait_s, run_s, fail_s = (
        (float(low), float(high)) for low, high in (table.pair(key) for key in ("wait_s", "run_s", "fail_s"))
    )
    pace = Pace(wait_s, run_s, fail_s, table.basis(None))
    table.done()
    return pace


# -- texts and the service


def _texts(file: _Table) -> _Texts:
    sources = {key: table.source(None, "source") for key, table in _named_sources(file)}

    def known(table: _Table) -> Source:
        name = table.take("source", str)
        if name not in sources:
            raise table.fail(f"source {name!r} is not in [sources]: {', '.join(sources)}")
        return sources[name]

    refusals, problems, failures = {}, {}, {}
    for name, row in file.table("refusal").each():
        refusals[name] = Refusal(
            name,
            row.take("status", int),
            row.take("code", str),
            row.take("message", str),
            row.one_of("envelope", ("gateway", "service"), "gateway"),
            row.basis(None),
            known(row),
        )
        row.done()
    for name, row in file.table("problem").each():
        seen_for = frozenset(row.words("seen_for", []))
        problems[name] = ProblemText(
            name, row.take("code", str), row.take("message", str), row.basis(None), seen_for, known(row)
        )
        row.done()
    for code, row in file.table("failure").each():
        failures[code] = Failure(code, row.take("message", str), row.basis(None), known(row))
        row.done()
    wordings: dict[str, dict[str, str]] = file.take("wording", dict)
    for wording, words in wordings.items():
        for mistake, problem in words.items():
            if problem not in problems:
                raise CatalogError(f"errors.toml.wording.{wording}.{mistake}: there is no problem {problem!r}")
    file.done()
    return _Texts(refusals, problems, wordings, failures)


def _named_sources(file: _Table) -> Iterator[tuple[str, _Table]]:
    for key, data in file.take("sources", dict).items():
        yield key, _Table({"source": data}, f"errors.toml.sources.{key}")


def _service(file: _Table) -> Service:
    regions = {}
    for name, row in file.table("region").each():
        regions[name] = RegionSpec(name, row.take("host", str), row.take("id", str), row.take("result_host", str))
        _provenance(row)
    tasks, gateway, results = file.table("tasks"), file.table("gateway"), file.table("results")
    service = Service(
        regions=regions,
        region_of_host={region.host: region.name for region in regions.values()},
        task_life_ms=tasks.take("life_s", int) * 1000,
        calls_per_s=tasks.take("calls_per_s", int),
        page_size_default=tasks.take("page_size_default", int),
        page_size_most=tasks.take("page_size_most", int),
        list_window_ms=tasks.take("list_window_s", int) * 1000,
        utc_offset_ms=tasks.take("utc_offset_s", int) * 1000,
        body_bytes=gateway.take("body_bytes", int),
        string_chars=gateway.take("string_chars", int),
        link_life_ms=results.take("link_life_s", int) * 1000,
        access_key=results.take("access_key", str),
        test_keys=tuple(TestKey(*_texts_in(row, "key", "refusal", "meaning")) for row in file.tables("test_key")),
        test_prompts=tuple(TestPrompt(*_texts_in(row, "mark", "meaning")) for row in file.tables("test_prompt")),
    )
    for table in (tasks, gateway, results):
        _provenance(table)
    file.done()
    return service


def _texts_in(row: _Table, *keys: str) -> list[str]:
    """The texts under these keys, which are all the row has."""
    texts = [row.take(key, str) for key in keys]
    row.done()
    return texts


def _provenance(table: _Table) -> None:
    """A table of the service says how it is known, and nothing that was not read."""
    table.basis(None)
    table.source(None)
    table.done()
