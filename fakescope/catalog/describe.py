"""The catalogue for people: which models there are, and what each accepts, costs and is known by."""

from __future__ import annotations

from typing import Any

from fakescope.catalog.loader import Catalog
from fakescope.catalog.spec import ModelSpec, Service

__all__ = ["families", "model", "test_value_rows"]


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


def model(spec: ModelSpec) -> dict[str, Any]:
    """Everything known about one model, as rows of a table or as JSON."""
    limits = spec.limits
    return {
        "model": spec.name,
        "family": spec.title,
        "endpoint": f"POST {spec.path}",
        "regions": ", ".join(spec.regions),
        "limits": f"{limits.submits} submissions in {limits.per_s} s, {limits.running or 'any number'} at once",
        "wrong fields": "fail the task" if spec.problems == "task" else "are refused with HTTP 400",
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
                "when": ", ".join(f"{fact} {str(value).lower()}" for fact, value in price.when.items()) or "always",
                "basis": price.basis,
                "source": price.source.document + (f" (via {price.source.via})" if price.source.via else ""),
            }
            for price in spec.prices
        ],
    }


def test_value_rows(service: Service) -> dict[str, Any]:
    """Test keys and marks, one row each."""
    return {
        "Keys (alone, or followed by - and any name)": [
            {"key": k.key, "meaning": k.meaning} for k in service.test_keys
        ],
        "Marks in a prompt": [{"mark": p.mark, "meaning": p.meaning} for p in service.test_prompts],
    }
