"""`/_fakescope/…`: clock, tasks, reset, health, the API as a document. JSON; errors are RFC 9457 problems.

Everything but health and the document belongs to the account of the `Authorization` header, as in the vendor's API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from fakescope.admin.guard import is_cross_origin_write
from fakescope.clock import ClockSetting, Instant
from fakescope.engine.facts import cost_of
from fakescope.engine.task import Account, TaskStatus
from fakescope.engine.vendor_error import VendorError
from fakescope.errors import CommandError
from fakescope.failures import failure_of, problem_body
from fakescope.openapi import VIEWS, document
from fakescope.simulator import Filter, Simulator, TaskRow

__all__ = ["About", "create_admin"]

_MOST_BYTES = 1_000_000
_MOST_TASKS = 1_000
Endpoint = Callable[[Request], Awaitable[Response]]


class About(NamedTuple):
    """What health says of this server."""

    version: str
    region: str
    speed: float
    seed: int


def create_admin(simulator: Simulator, account_of: Callable[[Any], Account], about: About) -> Starlette:
    """The control API as an application. `account_of` finds the account of a request's scope."""

    async def health(_request: Request) -> Response:
        speed: object = "max" if about.speed == float("inf") else about.speed
        return _json({"status": "ok", **about._asdict(), "speed": speed, "models": len(simulator.catalog.names)})

    async def openapi(request: Request) -> Response:
        view = request.query_params.get("bodies") or ("stated" if simulator.rules.early_errors else "accepted")
        if view not in VIEWS:
            raise CommandError(f"bodies must be one of {', '.join(VIEWS)}; got {view!r:.40}")
        server = f"{request.url.scheme}://{request.url.netloc}"
        return _json(document(simulator.catalog, view=view, region=about.region, server=server))

    async def read_clock(request: Request) -> Response:
        return _json(_clock(*await simulator.read_clock(account_of(request.scope).id)))

    async def order_clock(request: Request) -> Response:
        account = account_of(request.scope)
        return _json(_clock(*await simulator.order_clock(account.id, await _body(request))))

    async def reset(request: Request) -> Response:
        await simulator.reset(account_of(request.scope).id)
        return Response(status_code=204)

    async def tasks(request: Request) -> Response:
        account = account_of(request.scope)
        query = request.query_params
        limit, offset = _number(query.get("limit"), "limit", 100), _number(query.get("offset"), "offset", 0)
        status = query.get("status")
        if status is not None and status not in [*TaskStatus]:
            raise CommandError(f"status must be one of {', '.join(TaskStatus)}; got {status!r:.40}")
        wanted = Filter(task_id=query.get("task_id"), model=query.get("model"), status=status)
        origin = f"{request.url.scheme}://{request.url.netloc}"
        page = await simulator.survey(account, wanted, offset, limit, origin)
        rows = [_task(row, simulator) for row in page.rows]
        return _json({"total": page.total, "tasks": rows}, {"X-Total-Count": str(page.total)})

    async def ledger(request: Request) -> Response:
        bills = await simulator.bills(account_of(request.scope).id)
        models = {
            model: {"succeeded": bill.succeeded, "cost_cny": str(bill.cny), "unpriced": bill.unpriced}
            for model, bill in bills.items()
        }
        return _json({"cost_cny": str(sum((bill.cny for bill in bills.values()), Decimal(0))), "models": models})

    routes = [
        Route("/_fakescope/health", _guarded(health), methods=["GET"]),
        Route("/_fakescope/openapi.json", _guarded(openapi), methods=["GET"]),
        Route("/_fakescope/clock", _guarded(read_clock), methods=["GET"]),
        Route("/_fakescope/clock", _guarded(order_clock), methods=["PUT"]),
        Route("/_fakescope/tasks", _guarded(tasks), methods=["GET"]),
        Route("/_fakescope/ledger", _guarded(ledger), methods=["GET"]),
        Route("/_fakescope/reset", _guarded(reset), methods=["POST"]),
    ]

    async def not_there(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        known = ", ".join(f"{'/'.join(sorted(r.methods or ()))} {r.path}" for r in routes)
        return _problem(status, f"{request.method} {request.url.path:.200} is not here. There are {known}")

    app = Starlette(routes=routes, exception_handlers={404: not_there, 405: not_there, Exception: _failed})
    app.router.redirect_slashes = False
    return app


def _guarded(endpoint: Endpoint) -> Endpoint:
    """Refuse web pages of elsewhere; turn what an order did wrong into a problem."""

    async def guarded(request: Request) -> Response:
        if is_cross_origin_write(request):
            return _problem(403, "The control API takes no orders from web pages of other origins.")
        try:
            return await endpoint(request)
        except CommandError as error:
            return _problem(422, str(error))
        except VendorError as error:
            return _problem(401, f"Whose? {error.hint}")
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it

    return guarded


async def _body(request: Request) -> Any:
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > _MOST_BYTES:
            raise CommandError(f"the body must not be larger than {_MOST_BYTES} bytes")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise CommandError(f"the body is not JSON: {error}") from None


def _number(text: str | None, name: str, default: int) -> int:
    if text is None:
        return default
    if text.isascii() and text.isdecimal() and len(text) < 10 and (name != "limit" or 1 <= int(text) <= _MOST_TASKS):
        return int(text)
    bounds = f"from 1 to {_MOST_TASKS}" if name == "limit" else "from 0 on"
    raise CommandError(f"{name} must be a whole number {bounds}; got {text!r:.40}")


def _clock(setting: ClockSetting, now: Instant) -> dict[str, Any]:
    advance_s = setting.auto_advance_ms / 1000
    return {"now": _iso(now), "mode": setting.mode, "rate": setting.rate, "auto_advance_s": advance_s}


_TOLD = ("code", "message", "rule", "hint", "basis")
"""What is told of a problem. That something is missing is said by its rule."""


def _task(row: TaskRow, simulator: Simulator) -> dict[str, Any]:
    """A task as the control API shows it: the vendor's view, the plan, and what only we know."""
    task, spec, view = row
    given: dict[str, dict[str, Any]] = {"input": {}, "parameters": {}}
    for (where, name), value in zip(spec.places, task.values, strict=False):
        if value is not None:
            given[where][name] = value
    problem = task.outcome.problem
    cost = cost_of(spec, task) if view.status is TaskStatus.SUCCEEDED else None
    return {
        "task_id": task.id,
        "model": task.model,
        "status": view.status,
        **given,
        "timeline": [
            {"at": _iso(at), "status": status}
            for at, status in zip(task.timeline.instants, task.timeline.statuses, strict=True)
        ],
        "expires": _iso(task.submitted + simulator.catalog.service.task_life_ms),
        "output": view.output,
        "usage": view.usage,
        "cost_cny": None if cost is None else str(cost),
        "problem": {key: getattr(problem, key) for key in _TOLD} if problem else None,
    }


def _iso(instant: Instant) -> str:
    return datetime.fromtimestamp(instant / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), headers=headers, media_type="application/json")


async def _failed(_request: Request, error: Exception) -> Response:
    status, body, name = failure_of(error)
    return Response(body, status, media_type="application/problem+json", headers={"X-Fakescope-Error": name})


def _problem(status: int, detail: str) -> Response:
    titles = {401: "No account", 403: "Forbidden", 404: "Not found", 405: "Not found", 422: "Not understood"}
    body = problem_body(status, titles.get(status, "Error"), detail)
    return Response(body, status, media_type="application/problem+json", headers={"X-Fakescope-Error": titles[status]})
