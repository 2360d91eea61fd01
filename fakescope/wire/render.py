"""Views to the vendor's JSON: key order, envelope, times in UTC+8, headers."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

import orjson

from fakescope.engine.task import Account, Task
from fakescope.engine.view import TaskView
from fakescope.simulator import Page
from fakescope.wire.http import Answer, Header

__all__ = ["Renderer"]

_STATIC_TASKS: tuple[Header, ...] = (
    (b"content-type", b"application/json;charset=UTF-8"),
    (b"server", b"istio-envoy"),
    (b"vary", b"Accept-Encoding"),
    (b"x-envoy-upstream-service-time", b"0"),
    (b"req-cost-time", b"0"),
)
_STATIC_SUBMIT: tuple[Header, ...] = (
    (b"content-type", b"application/json"),
    (b"server", b"istio-envoy"),
    (b"vary", b"Origin,Access-Control-Request-Method,Access-Control-Request-Headers, Accept-Encoding"),
    (b"x-dashscope-call-gateway", b"true"),
    (b"x-dashscope-timeout", b"298"),
    (b"x-envoy-upstream-service-time", b"0"),
    (b"req-cost-time", b"0"),
)
"""Source: raw captures in cnblogs/dashscope-sdk. Answering takes no time of the account's clock, hence the zeros."""


class Renderer:
    """Answers in the vendor's form. `extra` are headers of ours that go on every answer."""

    def __init__(self, utc_offset_ms: int, region_ids: dict[str, str], extra: tuple[Header, ...]) -> None:
        self._offset_ms = utc_offset_ms
        self._region_ids = region_ids
        self._tasks = [*_STATIC_TASKS, *extra]
        self._submit = [*_STATIC_SUBMIT, *extra]

    def submitted(self, view: TaskView, task: Task) -> Answer:
        """The answer to a submission: PENDING, or of a model that answers at once, everything."""
        request_id = task.request_id
        headers = [*self._submit, *_times(view.at), (b"x-request-id", request_id.encode())]
        if view.output is not None:
            whole = {"output": view.output, "usage": view.usage, "request_id": request_id}
            return Answer(200, headers, orjson.dumps(whole), f"{task.model} answered at once")
        body = f'{{"output":{{"task_status":"{view.status}","task_id":"{task.id}"}},"request_id":"{request_id}"}}'
        return Answer(200, headers, body.encode(), task)

    def polled(self, view: TaskView, shown: bytes, now: int, request_id: str) -> Answer:
        """The answer to a query at an instant, from what `task` made of the view."""
        headers = [*self._tasks, *_times(now)]
        return Answer(200, headers, b'{"request_id":"%b",%b' % (request_id.encode(), shown), view)

    def task(self, view: TaskView) -> bytes:
        """That answer but for its id. A key without a value is left out: clients choke on null."""
        output: dict[str, object] = {"task_id": view.task_id, "task_status": view.status}
        if view.submitted is not None:
            output["submit_time"] = self.stamp(view.submitted)
        if view.scheduled is not None:
            output["scheduled_time"] = self.stamp(view.scheduled)
        if view.ended is not None:
            output["end_time"] = self.stamp(view.ended)
        body: dict[str, object] = {"output": output}
        if view.output is not None:
            output.update(view.output)
            body["usage"] = view.usage
        elif view.problem is not None:
            output["code"] = view.problem.code
            output["message"] = view.problem.message
        if view.metrics is not None:
            output["task_metrics"] = view.metrics
        return orjson.dumps(body)[1:]

    def listed(self, page: Page, page_no: int, page_size: int, account: Account, request_id: str) -> Answer:
        """The answer to a list: flat, times as epoch milliseconds, no results."""
        owner = str(int(account.id, 16))[:16]
        rows = []
        for task, spec, view in page.rows:
            row: dict[str, object] = {"api_key_id": owner[:6], "caller_parent_id": owner, "caller_uid": owner}
            if view.ended is not None:
                row["end_time"] = view.ended
            row |= {"gmt_create": task.submitted, "model_name": task.model, "region": self._region_ids[account.region]}
            row["request_id"] = task.request_id
            if view.scheduled is not None:
                row["start_time"] = view.scheduled
            row |= {"status": view.status, "task_id": task.id}
            row["user_api_unique_key"] = f"apikey:v1:{spec.function}:{task.model}"
            rows.append(row)
        body = {
            "total": page.total,
            "data": rows,
            "total_page": -(-page.total // page_size),
            "page_no": page_no,
            "request_id": request_id,
            "page_size": page_size,
        }
        headers = [*self._tasks, *_times(page.at)]
        return Answer(200, headers, orjson.dumps(body), f"{len(rows)} of {page.total} tasks")

    def canceled(self, task_id: str, at: int, request_id: str) -> Answer:
        """The answer to a cancellation: nothing but its id."""
        headers = [*self._tasks, *_times(at)]
        return Answer(200, headers, orjson.dumps({"request_id": request_id}), f"{task_id} CANCELED")

    def stamp(self, instant: int) -> str:
        """`YYYY-MM-DD HH:mm:ss.SSS`, in the vendor's zone, which is not written."""
        second, ms = divmod(instant + self._offset_ms, 1000)
        return f"{_second(second)}.{ms:03d}"


@lru_cache(maxsize=16_384)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _times(instant: int) -> tuple[Header, Header]:
    text = b"%d" % instant
    return (b"req-arrive-time", text), (b"resp-start-time", text)
