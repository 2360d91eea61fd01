"""The catalogue for people: which models there are, and what each accepts, costs and is known by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fakescope.catalog.loader import Catalog
from fakescope.catalog.spec import Limits, ModelSpec, Price, Service, Source

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
        "wrong fields": _WRONG_FIELDS[spec.problems],
        "source": f"{spec.source.document}: {spec.source.section} <{spec.source.url}>",
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
    """Everything known under a code, a rule id (`parameters.size:choice`, `model_not_exist`) or a problem's name."""
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
    if word in catalog.failures:
        failure = catalog.failures[word]
        found[f"failure {word}"] = [_text(word, failure.message, "a failed task", failure.basis, failure.source)]
    path, _, mistake = word.partition(":")
    rows: dict[tuple[str, ...], list[str]] = {}
    for spec in catalog.specs():
        at = spec.position.get(path)
        text = None if at is None else catalog.text_of(spec, spec.fields[at], mistake)
        if at is not None and text is not None:
            basis = "seen" if spec.name in text.seen_for else text.basis
            row = _text(text.code, text.message, spec.fields[at].rule.allowed(), basis, text.source)
            rows.setdefault(tuple(row.values()), []).append(spec.name)
    if rows:
        found[f"rule {word}"] = [
            {
                "models": ", ".join(names),
                **dict(zip(("code", "message", "accepts", "basis", "source"), row, strict=True)),
            }
            for row, names in rows.items()
        ]
    return found


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
        for title in ("fields", "prices"):
            rows = shown[title]
            if rows:
                lines += ["", "| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
                lines += [
                    "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row.values()) + " |" for row in rows
                ]
        lines.append("")
    for title, rows in _texts(catalog).items():
        lines += [f"## {title}", "", "| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row.values()) + " |" for row in rows]
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
    failures = [_said(code, f.message, f.basis, f.source) for code, f in catalog.failures.items()]
    return {"Refusals": refusals, "Problems of fields": problems, "Failures on order": failures}


def _said(code: str, message: str, basis: str, source: Source) -> dict[str, str]:
    return {"code": code, "message": message, "basis": basis, "source": source.document}
