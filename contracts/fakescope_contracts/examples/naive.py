"""A fake such as people write by hand in an afternoon: honest, plausible, good enough for one test, and wrong.

    fakescope contract --app fakescope_contracts.examples.naive:app --models wan2.6-t2v --can free,accounts

docs/contracts.md shows what the contracts say of it. Its mistakes are its purpose: do not mend them.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

__all__ = ["app"]

TASKS: dict[str, dict[str, Any]] = {}
LIFE = ["PENDING", "RUNNING", "SUCCEEDED"]


def now() -> str:
    return datetime.now(UTC).isoformat()  # noqa: TID251 - this is how it is done by hand


async def submit(request: Request) -> JSONResponse:
    if not request.headers.get("Authorization", "").startswith("Bearer "):
        return JSONResponse({"code": "InvalidApiKey", "message": "Invalid API-key provided."}, 401)
    body = await request.json()
    if not body["input"].get("prompt"):
        return JSONResponse({"code": "InvalidParameter", "message": "prompt is required"}, 400)
    task_id = str(uuid.uuid4())
    TASKS[task_id] = {"body": body, "polls": 0, "submit_time": now(), "canceled": False}
    return JSONResponse({"request_id": str(uuid.uuid4()), "output": {"task_id": task_id, "task_status": "PENDING"}})


async def query(request: Request) -> JSONResponse:
    task = TASKS.get(request.path_params["task_id"])
    if task is None:
        return JSONResponse({"code": "NotFound", "message": "Task not found"}, 404)
    status = "CANCELLED" if task["canceled"] else LIFE[min(task["polls"], 2)]
    task["polls"] += 1
    output = {"task_id": request.path_params["task_id"], "task_status": status, "submit_time": task["submit_time"]}
    answer: dict[str, Any] = {"request_id": str(uuid.uuid4()), "output": output, "usage": None}
    if status == "SUCCEEDED":
        output["end_time"] = now()
        output["video_url"] = "https://example.com/video.mp4"
        answer["usage"] = {"video_count": 1, "video_duration": 5}
    return JSONResponse(answer)


async def cancel(request: Request) -> JSONResponse:
    task = TASKS.get(request.path_params["task_id"])
    if task is None:
        return JSONResponse({"code": "NotFound", "message": "Task not found"}, 404)
    task["canceled"] = True
    return JSONResponse({"request_id": str(uuid.uuid4())})


app = Starlette(
    routes=[
        Route("/api/v1/services/aigc/video-generation/video-synthesis", submit, methods=["POST"]),
        Route("/api/v1/tasks/{task_id}", query, methods=["GET"]),
        Route("/api/v1/tasks/{task_id}/cancel", cancel, methods=["POST"]),
    ]
)
