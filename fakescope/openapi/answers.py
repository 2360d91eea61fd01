"""What the service answers, as JSON schemas: submissions, tasks in each status, lists, refusals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fakescope.catalog.loader import Catalog
from fakescope.catalog.rules import Boolean, Integer, Number, Rule
from fakescope.catalog.spec import ModelSpec, Node, Refusal
from fakescope.openapi.bodies import named_source
from fakescope.openapi.values import Schema

__all__ = [
    "FACT_SCHEMAS",
    "STATUSES",
    "VERSIONED",
    "listed",
    "objects",
    "pending",
    "ref",
    "refusals",
    "refused",
    "result_of",
    "task_in",
]

STATUSES = ("PENDING", "PRE-PROCESSING", "RUNNING", "POST-PROCESSING", "SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN")

VERSIONED: Schema = {"X-Fakescope-Version": {"$ref": "#/components/headers/X-Fakescope-Version"}}
"""The header of ours that every answer has."""

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
MILLISECONDS: Schema = {"type": "integer", "description": "Milliseconds since 1970, UTC."}
TIME: Schema = {
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}$",
    "description": "YYYY-MM-DD hh:mm:ss.SSS in UTC+8, which is not written.",
}
SECOND: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$"}
BOX: Schema = {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}
LINK: Schema = {"type": "string", "format": "uri"}
ID: Schema = {"type": "string", "minLength": 1}

FACT_SCHEMAS: dict[str, Schema] = {
    "prompt": TEXT,
    "rewritten_prompt": TEXT,
    "used_prompt": TEXT,
    "result_url": LINK,
    "second_url": LINK,
    "result_count": COUNT,
    "result_id": TEXT,
    "output_seconds": {"type": "number"},
    "input_seconds": {"type": "number"},
    "total_seconds": {"type": "number"},
    "frames_per_s": {"type": "integer"},
    "lines": {"type": "integer"},
    "size": {"type": "string"},
    "width": {"type": "integer"},
    "height": {"type": "integer"},
    "sound": {"type": "boolean"},
    "box_ratio": {"type": "string"},
    "face_box": BOX,
    "wide_box": BOX,
    "started": SECOND,
}
"""What each fact of the catalogue is in JSON."""

_MAY_BE_ABSENT = frozenset(
    ("prompt", "rewritten_prompt", "used_prompt", "frames_per_s", "lines", "size", "sound", "box_ratio")
)
_CASTS: dict[str, Schema] = {"integer": {"type": "integer"}, "number": {"type": "number"}, "text": TEXT}


def ref(component: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{component}"}


def refused(kind: str, statuses: Iterable[str]) -> dict[str, Schema]:
    """References to the refusals of an operation, by status."""
    return {status: {"$ref": f"#/components/responses/{kind}{status}"} for status in statuses}


def objects(properties: Schema, *optional: str) -> Schema:
    """An object with these keys, all there but the optional ones; there may be more."""
    required = [key for key in properties if key not in optional]
    return {"type": "object", **({"required": required} if required else {}), "properties": properties}


def pending() -> Schema:
    """The answer to a submission that became a task."""
    return objects({"output": objects({"task_status": {"const": "PENDING"}, "task_id": ID}), "request_id": ID})


def result_of(spec: ModelSpec) -> tuple[Schema, Schema]:
    """Output and usage of a task of this model that succeeded, without what every task has."""
    output = _object(spec.output, spec)
    if spec.rejected:
        output = {"anyOf": [output, _object(spec.rejected, spec)]}
    return output, _object(spec.usage, spec)


def _object(nodes: Iterable[Node], spec: ModelSpec) -> Schema:
    found = {node.key: _node(node, spec) for node in nodes}
    required = [key for key, (_, always) in found.items() if always]
    properties = {key: schema for key, (schema, _) in found.items()}
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _node(node: Node, spec: ModelSpec) -> tuple[Schema, bool]:
    """What a key has, and whether it is always there."""
    if node.each and node.kind != "object":
        one, _ = _node(node._replace(each=False), spec)
        return {"type": "array", "items": one}, True
    match node.kind:
        case "constant" if type(node.constant) is int:  # stands for a number that only the service can know
            return {"type": "integer", "examples": [node.constant]}, True
        case "constant":
            return {"const": node.constant}, True
        case "fact":
            return _CASTS.get(node.cast, FACT_SCHEMAS[node.fact]), node.fact not in _MAY_BE_ABSENT
        case "value":
            field = spec.fields[node.at]
            if node.words is not None:
                return {"enum": [*node.words.values()]}, False
            return _CASTS.get(node.cast, _plain(field.rule)), field.required or field.default is not None
        case "seconds_of":
            return _CASTS.get(node.cast, {"type": "number"}), spec.fields[node.at].required
        case "list":
            return {
                "type": "array",
                "items": {"anyOf": [_object(child.children, spec) for child in node.children]},
            }, True
    one = _object(node.children, spec)
    if node.each:
        return {"type": "array", "items": {"anyOf": [one, ref("PartialFailure")]}}, True
    return ({"type": "array", "items": one} if node.wrap else one), True


def _plain(rule: Rule) -> Schema:
    """What a value that keeps a rule is in an answer."""
    match rule:
        case Integer():
            return {"type": "integer"}
        case Boolean():
            return {"type": "boolean"}
        case Number():
            return {"type": "number"}
    return TEXT


def task_in(status: str, results: Iterable[Schema] = ()) -> Schema:
    """The answer to a query for a task that stands there. `results` are what SUCCEEDED adds, one per kind of result."""
    output: Schema = {"task_id": ID, "task_status": {"const": status}}
    if status == "UNKNOWN":
        return objects({"request_id": ID, "output": objects(output)})
    output["submit_time"] = TIME
    if status not in ("PENDING", "CANCELED"):
        output["scheduled_time"] = TIME
    if status in ("SUCCEEDED", "FAILED", "CANCELED"):
        output["end_time"] = TIME
    if status == "FAILED":
        output |= {"code": TEXT, "message": TEXT}
    output["task_metrics"] = ref("TaskMetrics")
    answer = objects({"request_id": ID, "output": objects(output, "task_metrics")})
    kinds = [*results] if status == "SUCCEEDED" else []
    return answer | ({"anyOf": kinds} if kinds else {})


def listed() -> Schema:
    """The answer to a list."""
    row = {
        "api_key_id": TEXT,
        "caller_parent_id": TEXT,
        "caller_uid": TEXT,
        "end_time": MILLISECONDS,
        "gmt_create": MILLISECONDS,
        "model_name": TEXT,
        "region": TEXT,
        "request_id": ID,
        "start_time": MILLISECONDS,
        "status": ref("TaskStatus"),
        "task_id": ID,
        "user_api_unique_key": TEXT,
    }
    page = {"total": COUNT, "total_page": COUNT, "page_no": COUNT, "page_size": COUNT, "request_id": ID}
    return objects(page | {"data": {"type": "array", "items": objects(row, "end_time", "start_time")}})


# -- refusals

_HEADERS = {
    name: {"$ref": f"#/components/headers/{name}"}
    for name in ("X-Fakescope-Version", "X-Fakescope-Rule", "X-Fakescope-Hint", "X-Fakescope-Basis")
}


def refusals(catalog: Catalog, *, of_tasks: bool) -> dict[str, Schema]:
    """HTTP status → the response that refuses, with an example per entry of the error table that has this status."""
    found: dict[str, list[Refusal]] = {}
    for refusal in catalog.refusals.values():
        if refusal.name in _OF_BOTH or of_tasks == (refusal.name in _OF_TASKS_ONLY):
            found.setdefault(str(refusal.status), []).append(refusal)
    return {status: _refusal(found[status], catalog, of_tasks=of_tasks) for status in sorted(found)}


_OF_TASKS_ONLY = frozenset(("cancel_refused", "list_parameter"))
_OF_BOTH = frozenset(("method_not_supported", "no_api_key", "invalid_api_key", "path_unknown", "rate_quota"))


def _refusal(rows: list[Refusal], catalog: Catalog, *, of_tasks: bool) -> Schema:
    codes = dict.fromkeys(row.code for row in rows)
    if not of_tasks and rows[0].status == 400:
        codes |= dict.fromkeys(problem.code for problem in catalog.problems.values())
    body = {"allOf": [ref("Refusal"), {"properties": {"code": {"enum": [*codes]}}}]}
    return {
        "description": "; ".join(dict.fromkeys(f"`{row.code}`" for row in rows)),
        "headers": _HEADERS,
        "content": {"application/json": {"schema": body, "examples": dict(_examples(rows))}},
    }


def _examples(rows: Iterable[Refusal]) -> Iterator[tuple[str, Any]]:
    for row in rows:
        error = {"code": row.code, "message": row.message}
        request_id = {"request_id": "5e6a1b2c-0f3d-4c47-9a8e-2b7d6c1f0a94"}
        value = error | request_id if row.envelope == "gateway" else request_id | error
        about = {"x-fakescope-basis": row.basis, "x-fakescope-source": named_source(row.source)}
        yield row.name, {"summary": f"{row.name} ({row.basis})", "value": value, **about}
