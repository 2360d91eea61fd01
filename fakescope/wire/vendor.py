"""The front door of the vendor's API: path and method, key, headers and body; then the simulator; then bytes.

Plain ASGI with two dictionary look-ups in front: a poll costs microseconds here, and a router would cost more than
everything else together (benchmarks/ has the figures). Every path is served with and without a final slash.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from fakescope.catalog.loader import Catalog
from fakescope.engine.task import Draft
from fakescope.engine.vendor_error import VendorError
from fakescope.ids import IdSource
from fakescope.simulator import Simulator
from fakescope.wire.access import AccessLog
from fakescope.wire.auth import Caller, Keys
from fakescope.wire.errors import refuse
from fakescope.wire.http import Answer, ClientGone, Header, Receive, Scope, Send, read_body, send_answer
from fakescope.wire.render import Renderer
from fakescope.wire.tasks import Polls, list_query

__all__ = ["VendorApp"]

TASKS = "/api/v1/tasks/"
_SLASHES = re.compile("//+")
Handler = Callable[[Caller, Scope, Receive, str], Awaitable[Answer]]


class VendorApp:
    """The vendor's API as an ASGI application. Refusals have the vendor's shape; anything else is not caught here."""

    def __init__(
        self, simulator: Simulator, keys: Keys, *, seed: int, extra: tuple[Header, ...], access: AccessLog | None
    ) -> None:
        catalog: Catalog = simulator.catalog
        service = catalog.service
        self._simulator, self._keys, self._catalog, self._extra, self._access = simulator, keys, catalog, extra, access
        regions = {name: region.id for name, region in service.regions.items()}
        self._render = Renderer(service.utc_offset_ms, regions, extra)
        self._polls = Polls(simulator, self._render)
        self._request_id = IdSource(seed, "requests").request_id
        self._routes: dict[str, tuple[str, Handler, str]] = {}
        for path in catalog.paths:
            self._route(path, "POST", self._submit)
        self._route(TASKS, "GET", self._list)

    def _route(self, path: str, method: str, handler: Handler) -> None:
        bare = path.rstrip("/")
        self._routes[bare] = self._routes[f"{bare}/"] = method, handler, bare

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except VendorError as error:
            answer = refuse(error, self._catalog, self._request_id(), self._extra)
        except ClientGone:
            return
        if self._access is not None:
            self._access.line(scope["method"], scope["path"], answer.status, answer.about)
        await send_answer(send, answer)

    def _answer(self, scope: Scope, receive: Receive) -> Awaitable[Answer]:
        path: str = scope["path"]
        method, handler, argument = self._find(path)
        given = scope["method"]
        if given != method and not (given == "HEAD" and method == "GET"):
            if method:
                raise VendorError("method_not_supported", f"{path[:200]} takes {method}.", method=given)
            self._keys.caller(scope)  # a wrong key is reported before an unknown path
            raise self._no_such_path(path)
        return handler(self._keys.caller(scope), scope, receive, argument)

    def _find(self, path: str) -> tuple[str, Handler, str]:
        """Method, handler, and the task id or the path as documented; an empty method if there is nothing there."""
        found = self._routes.get(path)
        if found is not None:
            return found
        if path.startswith(TASKS):
            task_id, _, rest = path[len(TASKS) :].partition("/")
            if task_id and not rest:
                return "GET", self._poll, task_id
            if task_id and rest.rstrip("/") == "cancel":
                return "POST", self._cancel, task_id
        if "//" in path:  # an address that ends in a slash, joined with a path that begins with one
            return self._find(_SLASHES.sub("/", path))
        return "", self._list, ""

    async def _submit(self, caller: Caller, scope: Scope, receive: Receive, path: str) -> Answer:
        service = self._catalog.service
        asynchronous = resolves_oss = False
        for name, value in scope["headers"]:
            if name == b"x-dashscope-async":
                asynchronous = value.lower() == b"enable"
            elif name == b"x-dashscope-ossresourceresolve":
                resolves_oss = value.lower() == b"enable"
        raw = await read_body(scope, receive, service.body_bytes)
        body = _parse(raw)
        if len(raw) > service.string_chars:
            _refuse_long_strings(body, service.string_chars)
        draft = Draft(path, asynchronous, resolves_oss, body, b"[fakescope:" in raw)
        task, view = await self._simulator.submit(caller.account, draft, caller.origin)
        return self._render.submitted(view, task)

    async def _poll(self, caller: Caller, _scope: Scope, _receive: Receive, task_id: str) -> Answer:
        sight = await self._simulator.look(caller.account, task_id)
        return self._polls.answer(caller, task_id, sight, self._request_id())

    async def _cancel(self, caller: Caller, _scope: Scope, _receive: Receive, task_id: str) -> Answer:
        at = await self._simulator.cancel(caller.account, task_id)
        return self._render.canceled(task_id, at, self._request_id())

    async def _list(self, caller: Caller, scope: Scope, _receive: Receive, _: str) -> Answer:
        wanted, page_no, page_size = list_query(scope["query_string"].decode("latin-1"), self._catalog.service)
        page = await self._simulator.find(caller.account, wanted, page_no, page_size, caller.origin)
        return self._render.listed(page, page_no, page_size, caller.account, self._request_id())

    def _no_such_path(self, path: str) -> VendorError:
        shown = path[:200]
        if path.startswith("/api/v1/services/"):
            known = ", ".join(self._catalog.paths)
            return VendorError("service_unknown", f"Simulated services: {known}.", resource=shown.lstrip("/"))
        if path.startswith(("/services/", "/tasks")):
            return VendorError("path_unknown", "The base address ends in /api/v1; `fakescope env` prints it.")
        return VendorError("path_unknown", f"{shown} is not simulated. Control API: /_fakescope/health.")


def _parse(raw: bytes) -> Any:
    """The body as JSON. Not UTF-8, not JSON, `NaN`, too deep: one refusal for all, as the vendor's."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise VendorError("body_invalid", f"The body is not JSON: {error}.") from None


def _refuse_long_strings(value: Any, most: int) -> None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str) and len(item) > most:
            raise VendorError("string_too_long", "Give large files as links.", length=len(item), limit=most)
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
