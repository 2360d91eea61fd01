"""The catalogue for people: which models there are, and what each accepts, costs and is known by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fakescope.catalog.between import SENTENCES, in_english
from fakescope.catalog.loader import Catalog
from fakescope.catalog.spec import BASES, Constraint, Limits, ModelSpec, Price, Service, Source

__all__ = ["explain", "families", "markdown", "model", "test_value_rows"]


def families(catalog: Catalog) -> dict[str, Any]:
    """Family title → its models, one row each."""
    rows: dict[str, Any] = {}
    for spec in catalog.specs():
        prices = sorted({price.cny for price in spec.prices})
        shown = "–".join(str(price) for price in dict.fromkeys([prices[0], prices[-1]])) if prices else "unknown"
        row = {
            "model": spec.name,
            "regions": ", ".join(spec.regions),
            "price": f"{shown} CNY/{spec.prices[0].unit}" if spec.prices else shown,
        }
        rows.setdefault(f"{spec.title}  POST {spec.path}", []).append(row)
    return rows


def _pace(spec: ModelSpec) -> str:
    if spec.mode == "sync":
        return "answers at once"
    waits, runs, fails = (f"{low:g}–{high:g} s" for low, high in (spec.pace.wait_s, spec.pace.run_s, spec.pace.fail_s))
    also = f"; answers at once at POST {spec.sync_path}" if spec.sync_path else ""
    return f"waits {waits}, runs {runs}, fails after {fails} ({spec.pace.basis}){also}"


def _result(spec: ModelSpec) -> str:
    """What a result is: `mp4, 30 frames/s, with sound`."""
    media = spec.media
    if media.file == "none":
        return "no file"
    if media.file != "mp4":
        return media.file
    sound = "with sound" if media.sound else "no sound"
    if "parameters.audio" in spec.position:
        sound = "with sound if parameters.audio is true"
    return ", ".join([media.file, *[f"{media.frames_per_s} frames/s"] * bool(media.frames_per_s), sound])


def _free(spec: ModelSpec) -> str:
    """What costs nothing at first: `50 seconds (inferred)`."""
    free = spec.free
    if free is None:
        return "not known"
    return f"{free.amount or 'no'} {free.unit}{'' if free.amount == 1 else 's'} ({free.basis})"


_WRONG_FIELDS = {
    "task": "fail the task",
    "submit": "are refused with HTTP 400",
    "presence": "fail the task; missing ones are refused with HTTP 400",
}


def model(spec: ModelSpec) -> dict[str, Any]:
    """Everything known about one model, as rows of a table or as JSON."""
    elsewhere = [(name, terms.limits) for name, terms in spec.elsewhere.items() if terms.limits is not None]
    return {
        "model": spec.name,
        "family": spec.title,
        "endpoint": f"POST {spec.path}",
        "regions": ", ".join(spec.regions),
        "limits": "; ".join([_limits(spec.limits), *(f"in {name}: {_limits(own)}" for name, own in elsewhere)]),
        "pace": _pace(spec),
        "result": _result(spec),
        "free quota": _free(spec),
        "wrong fields": _WRONG_FIELDS[spec.problems],
        "source": f"{spec.source.document}: {spec.source.section} <{spec.source.url}>",
        "read on": spec.checked or "not noted",
        "fields": [
            {
                "field": field.path,
                "need": "required" if field.required else "optional",
                "accepts": field.rule.allowed(),
                "default": ""
                if field.default is None
                else f"default {str(field.default).lower() if isinstance(field.default, bool) else field.default}",
                "basis": field.basis,
            }
            for field in spec.fields
        ],
        "between fields": [
            {"rule": in_english(constraint, spec), "basis": constraint.basis} for constraint in _constraints(spec)
        ],
        "prices": [
            {
                "price": f"{price.cny} CNY/{price.unit}",
                "when": ", ".join(f"{fact} {str(value).lower()}" for fact, value in when.items()) or "always",
                "basis": price.basis,
                "source": price.source.document + (f" (via {price.source.via})" if price.source.via else ""),
            }
            for when, price in _prices(spec)
        ],
    }


def _constraints(spec: ModelSpec) -> tuple[Constraint, ...]:
    """Every rule between fields, in the order in which they are looked at."""
    return (*spec.constraints, *spec.between)


def _limits(limits: Limits) -> str:
    return f"{limits.submits} submissions in {limits.per_s} s, {limits.running or 'any number'} at once"


def _prices(spec: ModelSpec) -> Iterator[tuple[Mapping[str, object], Price]]:
    """Every price, and when it holds; the region comes first where it matters."""
    yield from ((price.when, price) for price in spec.prices)
    for region, terms in spec.elsewhere.items():
        yield from (({"region": region, **price.when}, price) for price in terms.prices or ())


def test_value_rows(service: Service) -> dict[str, Any]:
    """Test keys and marks, one row each."""
    return {
        "Keys (alone, or followed by - and any name)": [
            {"key": k.key, "meaning": k.meaning} for k in service.test_keys
        ],
        "Marks in a text or an address": [{"mark": p.mark, "meaning": p.meaning} for p in service.test_prompts],
    }


def explain(catalog: Catalog, word: str) -> dict[str, Any]:
    """Everything known under a code, a rule id, a problem's name, or a kind of rules between fields.

    `parameters.size:choice` and `model_not_exist` are rule ids, `one_of` is a kind.
    """
    found: dict[str, Any] = {}
    for refusal in catalog.refusals.values():
        if word in (refusal.name, refusal.code):
            where = f"HTTP {refusal.status}"
            found[f"refusal {refusal.name}"] = [
                _text(refusal.code, refusal.message, where, refusal.basis, refusal.source)
            ]
    for problem in catalog.problems.values():
        if word in (problem.name, problem.code):
            found[f"problem {problem.name}"] = [
                _text(problem.code, problem.message, "a wrong field", problem.basis, problem.source)
            ]
    for name, failure in catalog.failures.items():
        if word in (name, failure.code):
            found[f"failure {name}"] = [
                _text(failure.code, failure.message, "a failed task", failure.basis, failure.source)
            ]
    path, _, mistake = word.partition(":")
    rows: dict[tuple[str, ...], list[str]] = {}
    for spec in catalog.specs():
        for row in _refused_by(catalog, spec, path, mistake):
            rows.setdefault(tuple(row.values()), []).append(spec.name)
    if rows:
        found[f"rule {word}"] = [
            {
                "models": ", ".join(names),
                **dict(zip(("code", "message", "accepts", "basis", "source"), row, strict=True)),
            }
            for row, names in rows.items()
        ]
    if word in SENTENCES:
        found[f"rules between fields: {word}"] = _of_kind(catalog, word)
    return found


def _refused_by(catalog: Catalog, spec: ModelSpec, path: str, mistake: str) -> Iterator[dict[str, str]]:
    """What this mistake in this field of a model is told with: by the field's own rule, by rules between fields."""
    at = spec.position.get(path)
    if at is None:
        return
    field = spec.fields[at]
    text = catalog.text_of(spec, field, mistake)
    if text is None:
        return
    known = "seen" if spec.name in text.seen_for else text.basis
    if (field.required and mistake == "missing") or mistake in field.rule.mistakes():
        yield _text(text.code, text.message, field.rule.allowed(), known, text.source)
    asking = [one for one in spec.constraints if one.kind == "required" and mistake == "missing" and at in one.fields]
    comparing = [one for one in spec.between if one.says == mistake and one.fields[0] == at]
    for constraint in asking + comparing:
        basis = max(known, constraint.basis, key=BASES.index)
        yield _text(text.code, text.message, in_english(constraint, spec), basis, text.source)


def _of_kind(catalog: Catalog, kind: str) -> list[dict[str, str]]:
    rows: dict[tuple[str, str], list[str]] = {}
    for spec in catalog.specs():
        for constraint in _constraints(spec):
            if constraint.kind == kind:
                rows.setdefault((in_english(constraint, spec), constraint.basis), []).append(spec.name)
    return [{"models": ", ".join(names), "rule": rule, "basis": basis} for (rule, basis), names in rows.items()]


def _text(code: str, message: str, where: str, basis: str, source: Source) -> dict[str, str]:
    return {
        "code": code,
        "message": message,
        "where": where,
        "basis": basis,
        "source": f"{source.document} {source.url}",
    }


def markdown(catalog: Catalog) -> str:
    """The whole catalogue as a document: docs/models.md is made of it."""
    lines = ["# Models", "", "Made from the catalogue by `fakescope models --markdown`; a test compares the two.", ""]
    for spec in catalog.specs():
        shown = model(spec)
        lines += [f"## {spec.name}", ""]
        lines += [
            f"- {title}: {value}" for title, value in shown.items() if isinstance(value, str) and title != "model"
        ]
        for title in ("fields", "between fields", "prices"):
            rows = shown[title]
            if rows:
                lines += ["", "| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
                lines += [
                    "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row.values()) + " |" for row in rows
                ]
        lines.append("")
    for title, rows in _texts(catalog).items():
        lines += [f"## {title}", "", "| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
        lines += [
            "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "\\n") for cell in row.values()) + " |"
            for row in rows
        ]
        lines.append("")
    return "\n".join(lines)


def _texts(catalog: Catalog) -> dict[str, list[dict[str, str]]]:
    """Every text of the vendor's, and how it is known."""
    refusals = [
        {"name": r.name, "status": str(r.status), **_said(r.code, r.message, r.basis, r.source)}
        for r in catalog.refusals.values()
    ]
    problems = [
        {
            "name": p.name,
            **_said(p.code, p.message, p.basis, p.source),
            "seen for": ", ".join(sorted(p.seen_for)),
        }
        for p in catalog.problems.values()
    ]
    failures = [{"name": name, **_said(f.code, f.message, f.basis, f.source)} for name, f in catalog.failures.items()]
    keys = [
        {"key": test.key, "refusal": test.refusal, "code": catalog.refusal(test.refusal).code, "meaning": test.meaning}
        for test in catalog.service.test_keys
    ]
    return {"Refusals": refusals, "Problems of fields": problems, "Failures on order": failures, "Test keys": keys}


def _said(code: str, message: str, basis: str, source: Source) -> dict[str, str]:
    return {"code": code, "message": message, "basis": basis, "source": source.document}
