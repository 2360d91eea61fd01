"""The operations on tasks: list, query, cancel."""

from __future__ import annotations

from typing import Any

from fakescope.catalog.spec import Service
from fakescope.openapi.answers import STATUSES, VERSIONED, objects, ref, refused
from fakescope.openapi.values import Schema

__all__ = ["TASK_ID", "task_paths"]

_TASK = "/api/v1/tasks/{task_id}"
_LAST_PAGE = 10_000_000

TASK_ID: Schema = {
    "name": "task_id",
    "in": "path",
    "required": True,
    "description": "From the answer to the submission.",
    "schema": {"type": "string", "pattern": "^[^/]+$", "examples": ["13b1848b-5493-4c0e-8c44-68d038b492af"]},
}


def task_paths(service: Service, polled: dict[str, Any]) -> dict[str, Any]:
    """Path → its operations. `polled` are examples of what a query for a task is answered with."""
    tasks = refused("Task", ("400", "401", "404", "429"))

    def operation(name: str, summary: str, schema: Schema, parameters: list[Schema]) -> dict[str, Any]:
        answer = {"description": summary, "headers": VERSIONED, "content": {"application/json": {"schema": schema}}}
        return {
            "operationId": name,
            "tags": ["tasks"],
            "summary": summary,
            "parameters": parameters,
            "responses": {"200": answer} | tasks,
        }

    by_id = [{"$ref": "#/components/parameters/TaskId"}]
    fetch = operation("fetch_task", "A task as it stands; UNKNOWN if there is none", ref("Task"), by_id)
    if polled:
        fetch["responses"]["200"]["content"]["application/json"]["examples"] = polled
    done = objects({"request_id": {"type": "string"}})
    return {
        "/api/v1/tasks/": {
            "get": operation("list_tasks", "Tasks of the last 24 hours", ref("TaskList"), _query(service))
        },
        _TASK: {"get": fetch},
        f"{_TASK}/cancel": {"post": operation("cancel_task", "Cancel a task that is PENDING", done, by_id)},
    }


# Months have their days, and years that begin a century their 29th of February once in four of them. No year is 0000.
_YEAR = "([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_FOURTH = "(0[48]|[2468][048]|[13579][26])"
_DAY = (
    f"({_YEAR}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])"
    f"|{_YEAR}(0[13-9]|1[0-2])(29|30)"
    f"|{_YEAR}(0[13578]|1[02])31"
    f"|([0-9]{{2}}{_FOURTH}|{_FOURTH}00)0229)"
)
_INSTANT = f"^{_DAY}([01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]$"


def _query(service: Service) -> list[Schema]:
    schemas: dict[str, Schema] = {
        "task_id": {"type": "string"},
        "start_time": {"type": "string", "pattern": _INSTANT, "examples": ["20260209120000"]},
        "end_time": {"type": "string", "pattern": _INSTANT, "examples": ["20260209180000"]},
        "model_name": {"type": "string"},
        "status": {"type": "string", "enum": [*STATUSES]},
        "page_no": {"type": "integer", "minimum": 1, "maximum": _LAST_PAGE, "default": 1},
        "page_size": {
            "type": "integer",
            "minimum": 1,
            "maximum": service.page_size_most,
            "default": service.page_size_default,
        },
    }
    told = dict.fromkeys(("start_time", "end_time"), "YYYYMMDDhhmmss in UTC+8.")
    return [
        {
            "name": name,
            "in": "query",
            "allowEmptyValue": True,
            "schema": schema,
            **({"description": told[name]} if name in told else {}),
        }
        for name, schema in schemas.items()
    ]
