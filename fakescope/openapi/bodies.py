"""A model's request body as a JSON schema: its fields, and the rules between them as far as a schema can say those.

Two views of one model: what its documents state, and what a submission is accepted with (see `document.VIEWS`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fakescope.catalog.between import in_english
from fakescope.catalog.rules import Assets, ListRule, Messages, Rule
from fakescope.catalog.spec import Condition, Constraint, Field, ModelSpec, Source
from fakescope.openapi.values import BEYOND, Schema, of_type, or_left_out, schema_of

__all__ = ["model_body", "named_source", "presence_body"]


def model_body(spec: ModelSpec) -> Schema:
    """The body as the model's documents state it. The model's own name is left to the caller."""
    return _Body(spec, schema_of, _stated).schema()


def presence_body(spec: ModelSpec) -> Schema:
    """The body of a submission that is accepted: what has to be there is there, whatever its value."""
    return _Body(spec, lambda _: {"type": ["array", "boolean", "number", "object", "string"]}, _presence).schema()


def named_source(source: Source) -> str:
    """Document, section and address in one line."""
    via = f" (via {source.via})" if source.via else ""
    return f"{', '.join(filter(None, (source.document, source.section)))}{via} <{source.url}>"


# -- schemas that are put together

_ALWAYS: Schema = {}
_NEVER: Schema = {"not": {}}


def _all(schemas: Iterable[Schema]) -> Schema:
    found = [schema for schema in schemas if schema != _ALWAYS]
    if _NEVER in found:
        return _NEVER
    return found[0] if len(found) == 1 else {"allOf": found} if found else _ALWAYS


def _any(schemas: Iterable[Schema]) -> Schema:
    found = [schema for schema in schemas if schema != _NEVER]
    if _ALWAYS in found:
        return _ALWAYS
    return found[0] if len(found) == 1 else {"anyOf": found} if found else _NEVER


def _not(schema: Schema) -> Schema:
    return schema["not"] if schema.keys() == {"not"} else {"not": schema}


def _while(condition: Schema, rule: Schema) -> Schema:
    """The rule, where the condition holds."""
    return rule if condition == _ALWAYS else _ALWAYS if condition == _NEVER else {"if": condition, "then": rule}


def _at(path: str, schema: Schema) -> Schema:
    """That a body has this path, and there something that the schema takes."""
    for key in reversed(path.split(".")):
        schema = {"type": "object", "required": [key], "properties": {key: schema}}
    return schema


def _wherever(path: str, schema: Schema) -> Schema:
    """That what a body has at this path, if anything, is as the schema says."""
    for key in reversed(path.split(".")):
        schema = {"properties": {key: schema}}
    return schema


# -- one body

Between = Callable[["_Body", Constraint], Schema | None]


class _Body:
    """The rules between fields in their order: what one ignores or fills in counts for those that come after it."""

    def __init__(self, spec: ModelSpec, of: Callable[[Rule], Schema], between: Between) -> None:
        self.spec, self._of, self._between = spec, of, between
        self._ignored: dict[int, list[Schema]] = {}
        self._filled: dict[int, list[tuple[Schema, object]]] = {}

    def schema(self) -> Schema:
        spec, kept, beyond = self.spec, [], []
        for constraint in (*spec.constraints, *spec.between):
            condition = _all(map(self.holds, constraint.conditions))
            match constraint.kind:
                case "ignored":
                    self._ignore(constraint.fields, condition)
                case "first_active":
                    self._keep_first(constraint.groups)
                case "default":
                    for at in constraint.fields:
                        self._filled.setdefault(at, []).append((condition, constraint.value))
                case "required":
                    kept.append(self._told(constraint, _while(condition, _all(map(self.given, constraint.fields)))))
                case _:
                    rule = self._between(self, constraint)
                    if rule is None:
                        beyond.append(in_english(constraint, spec))
                    else:
                        kept.append(self._told(constraint, _while(condition, rule)))
        tables = {"input": self._table("input"), "parameters": self._table("parameters")}
        for at, conditions in self._ignored.items():
            field = spec.fields[at]
            kept.append(_while(_not(_any(conditions)), _wherever(field.path, self._value_of(field))))
        kept = [schema for schema in kept if schema != _ALWAYS]
        needs = "required" in tables["parameters"] or spec.needs_parameters
        if not needs:
            tables["parameters"] = tables["parameters"] | {"type": ["object", "null"]}
        return {
            "type": "object",
            "required": ["model", "input", *["parameters"] * needs],
            "properties": {"model": {"type": "string"}, **tables},
            **({"allOf": kept} if kept else {}),
            **({BEYOND: beyond} if beyond else {}),
        }

    def _told(self, constraint: Constraint, schema: Schema) -> Schema:
        """The schema of a rule between fields, and the rule in English, and how it is known."""
        if schema == _ALWAYS:
            return schema
        about = {"description": in_english(constraint, self.spec), "x-fakescope-basis": constraint.basis}
        source = {"x-fakescope-source": named_source(constraint.source)}
        return schema | about | (source if constraint.source != self.spec.source else {})

    def _table(self, where: str) -> Schema:
        """`input` or `parameters`, with the fields in it; a nested field makes an object of what it is in."""
        table: Schema = {"type": "object"}
        for at, field in enumerate(self.spec.fields):
            first, *path = field.path.split(".")
            if first != where:
                continue
            inner = table
            for key in path[:-1]:
                inner = inner.setdefault("properties", {}).setdefault(key, {})
            hidden = at in self._ignored
            shown = {} if hidden else self._value_of(field)
            inner.setdefault("properties", {})[path[-1]] = shown | _about(field, self.spec)
            if field.required:
                inner.setdefault("required", []).append(path[-1])
        return table

    def _value_of(self, field: Field) -> Schema:
        schema = self._of(field.rule)
        if field.required:
            return {"allOf": [schema, {"not": {"const": ""}}]} if field.empty_is_absent else schema
        if self._between is _presence:
            return _ALWAYS
        return or_left_out(schema, empty=field.empty_is_absent)

    # -- what is there

    def _nothing(self, at: int) -> list[str | None]:
        return [None, ""] if self.spec.fields[at].empty_is_absent else [None]

    def _counts(self, at: int) -> Schema:
        """That the field is looked at, if it is there."""
        return _not(_any(self._ignored.get(at, ())))

    def _is_there(self, at: int) -> Schema:
        """That the field has a value that counts."""
        there = _at(self.spec.fields[at].path, {"not": {"enum": self._nothing(at)}})
        return _all([there, self._counts(at)])

    def given(self, at: int) -> Schema:
        """That the field has a value that counts, its own or one that was filled in."""
        return _any([self._is_there(at), *(condition for condition, _ in self._filled.get(at, ()))])

    def present(self, at: int) -> Schema:
        """That a field or part is there and not empty, as rules between fields see it."""
        if at >= len(self.spec.fields):
            return self.parts(at, 1, None)
        there = _at(self.spec.fields[at].path, {"not": {"enum": [None, "", []]}})
        return _any([_all([there, self._counts(at)]), *(condition for condition, _ in self._filled.get(at, ()))])

    def parts(self, at: int, least: int, most: int | None) -> Schema:
        """That a field has so many of a part."""
        part = self.spec.parts[at - len(self.spec.fields)]
        what = {Messages: {"required": [part.word]}, Assets: of_type(part.word)}.get(
            type(part.rule), _of_films(part.word)
        )
        count: Schema = {"type": "array", "contains": what, "minContains": least}
        count |= {} if most is None else {"maxContains": most}
        if isinstance(part.rule, Messages):
            count = {"type": "array", "contains": _at("content", count)}
        there = _all([_at(self.spec.fields[part.at].path, count), self._counts(part.at)])
        return there if least else _any([there, _not(self.present(part.at))])

    def holds(self, condition: Condition) -> Schema:
        at = condition.at
        match condition.test:
            case "given":
                return self.present(at)
            case "absent":
                return _not(self.present(at))
            case "several":
                several = _at(self.spec.fields[at].path, {"type": "array", "minItems": 2})
                return _all([several, self._counts(at)])
        values = [*condition.values]
        among = _all([_at(self.spec.fields[at].path, {"enum": values}), self._is_there(at)])
        filled = self._filled.get(at, [])
        by_default = [_all([_not(self._is_there(at)), c]) for c, value in filled if value in values]
        if self.spec.fields[at].default in values:
            by_default.append(
                _all([_not(self._is_there(at)), *(_not(c) for c, value in filled if value not in values)])
            )
        found = _any([among, *by_default])
        return found if condition.test == "is" else _not(found)

    def _ignore(self, fields: Iterable[int], condition: Schema) -> None:
        for at in fields:
            self._ignored.setdefault(at, []).append(condition)

    def _keep_first(self, groups: Sequence[Sequence[int]]) -> None:
        active: list[Schema] = []
        for group in groups:
            found = [
                _all(
                    [
                        self._is_there(at),
                        _at(self.spec.fields[at].path, {"not": {"const": self.spec.fields[at].default}}),
                    ]
                )
                for at in group
            ]
            self._ignore(group, _any(active)) if active else None
            active += found


def _of_films(word: str) -> Schema:
    """That an address is one of a video, or of a picture, by its ending or MIME type."""
    endings = "|".join(
        f"[{a}{a.upper()}][{b}{b.upper()}][{c}{c.upper()}]"
        for a, b, c in ("avi", "flv", "mkv", "mov", "mp4", "mpg", "mxf")
    )
    film = {
        "type": "string",
        "pattern": rf"^[^?#]*\.({endings}|[tT][sS]|[wW][eE][bB][mM])([?#]|$)|^[dD][aA][tT][aA]:[vV][iI][dD][eE][oO]\/",
    }
    return film if word == "video" else {"type": "string", "not": film}


def _about(field: Field, spec: ModelSpec) -> Schema:
    """What a person wants to know of a field: what it accepts, its default, and how we know."""
    about: Schema = {"description": field.rule.allowed()[:1].upper() + field.rule.allowed()[1:] + "."}
    if field.default is not None:
        about["default"] = field.default
    if field.basis != spec.basis:
        about["x-fakescope-basis"] = field.basis
    if field.source != spec.source:
        about["x-fakescope-source"] = named_source(field.source)
    return about


# -- rules between fields; None for one that no schema can say

_MOST_CASES = 12


def _presence(body: _Body, constraint: Constraint) -> Schema | None:
    return _any(map(body.present, constraint.fields)) if constraint.kind == "one_of" else _ALWAYS


def _stated(body: _Body, constraint: Constraint) -> Schema | None:
    spec, fields = body.spec, constraint.fields
    match constraint.kind:
        case "one_of":
            return _any(map(body.present, fields))
        case "excludes":
            pairs = [(one, other) for n, one in enumerate(fields) for other in fields[n + 1 :]]
            return _all(_not(_all([body.present(one), body.present(other)])) for one, other in pairs)
        case "narrowed" if constraint.rule is not None:
            rule = or_left_out(schema_of(constraint.rule), empty=True)
            return _all(_wherever(spec.fields[at].path, rule) for at in fields)
        case "most_of":
            few = {"contains": {"const": constraint.value}, "minContains": 0, "maxContains": constraint.limit}
            return _all(_wherever(spec.fields[at].path, few) for at in fields)
        case "most_items" if constraint.limit <= _MOST_CASES and len(fields) <= 2:
            shares = (
                [(constraint.limit,)]
                if len(fields) == 1
                else [(n, constraint.limit - n) for n in range(constraint.limit + 1)]
            )
            return _any(_all(_at_most(body, at, n) for at, n in zip(fields, share, strict=True)) for share in shares)
        case "same_length" if len(fields) == 2:
            return _same_length(body, constraint)
    return None


def _at_most(body: _Body, at: int, most: int) -> Schema:
    if at < len(body.spec.fields):
        return _wherever(body.spec.fields[at].path, {"maxItems": most})
    return body.parts(at, 0, most)


def _same_length(body: _Body, constraint: Constraint) -> Schema | None:
    """Both have one item, or two, …, up to the most that either may have; or one of them is not there."""
    mosts = [_most(body.spec, at) for at in constraint.fields]
    most = min((n for n in mosts if n is not None), default=None)
    if most is None or most > _MOST_CASES:
        return None
    cases = [[_counted(body, at, n, n) for at in constraint.fields] for n in range(1, most + 1)]
    cases.append([_counted(body, at, most + 1, None) for at in constraint.fields])  # where what is too long is cut
    return _any([*map(_all, cases), *(_not(body.present(at)) for at in constraint.fields)])


def _counted(body: _Body, at: int, least: int, most: int | None) -> Schema:
    if at >= len(body.spec.fields):
        return body.parts(at, least, most)
    high = {} if most is None else {"maxItems": most}
    return _at(body.spec.fields[at].path, {"type": "array", "minItems": least, **high})


def _most(spec: ModelSpec, at: int) -> int | None:
    rule = spec.parts[at - len(spec.fields)].rule if at >= len(spec.fields) else spec.fields[at].rule
    high = rule.bounds.high if isinstance(rule, ListRule) else rule.images.high if isinstance(rule, Messages) else None
    return None if high is None else int(high)
