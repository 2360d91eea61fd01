"""When fakescope itself fails: our own shape, never the vendor's, and no traceback on the wire."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fakescope import Settings, create_app
from fakescope.errors import StoreConflict, StoreError
from fakescope.store.memory import MemoryStore

pytestmark = pytest.mark.anyio

TEXT = "/api/v1/services/aigc/video-generation/video-synthesis"
DRAFT = {"model": "wan2.6-t2v", "input": {"prompt": "A heron"}}
CALLS = [
    ("POST", TEXT),
    ("GET", "/api/v1/tasks/1111"),
    ("GET", "/api/v1/tasks"),
    ("POST", "/api/v1/tasks/1111/cancel"),
    ("PUT", "/_fakescope/clock"),
    ("GET", "/_fakescope/tasks"),
]


class FailingStore(MemoryStore):
    """Fails in every operation that a request begins with."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def read_control(self, account: str) -> Any:  # noqa: ARG002
        raise self._error


class ContestedStore(MemoryStore):
    """Somebody else commits first, so many times."""

    def __init__(self, conflicts: float) -> None:
        super().__init__()
        self.left = conflicts

    async def commit(self, *args: Any) -> Any:
        if self.left > 0:
            self.left -= 1
            raise StoreConflict("lane moved on")
        return await super().commit(*args)


@pytest.fixture
def client_of(make_client: Callable[..., httpx.AsyncClient], catalog: Any, clock: Any) -> Callable[..., Any]:
    """A client of a simulator on this store, without limits."""

    def make(store: MemoryStore, **differs: Any) -> httpx.AsyncClient:
        settings = Settings(**{"seed": 1, "limits": False, "speed": 1.0} | differs)
        return make_client(app=create_app(settings, catalog=catalog, clock=clock, store=store))

    return make


async def send(client: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    return await client.request(method, path, json=DRAFT, headers={"X-DashScope-Async": "enable"})


def assert_own_shape(answer: httpx.Response, status: int, error: str) -> None:
    """An RFC 9457 problem, marked as ours, with nothing that a client could take for the vendor's."""
    body = answer.json()
    assert answer.status_code == body["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-fakescope-error"] == error
    assert answer.headers["x-fakescope-version"]
    assert set(body) == {"type", "title", "status", "detail"}
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_store_that_cannot_answer_is_503(client_of: Any, method: str, path: str) -> None:
    answer = await send(client_of(FailingStore(StoreError("the disk is full"))), method, path)

    assert_own_shape(answer, 503, "StoreError")
    assert answer.json()["detail"] == "the disk is full"


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_bug_is_500_and_keeps_its_details(client_of: Any, method: str, path: str) -> None:
    answer = await send(client_of(FailingStore(RuntimeError("a secret of ours"))), method, path)

    assert_own_shape(answer, 500, "RuntimeError")
    assert "secret" not in answer.text


async def test_bug_is_logged_with_its_traceback(client_of: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "fakescope"):
        await send(client_of(FailingStore(RuntimeError("a secret of ours"))), "GET", "/api/v1/tasks/1111")

    (record,) = caplog.records
    assert "/api/v1/tasks/1111" in record.getMessage()
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "a secret of ours"


async def test_failure_stays_marked_as_ours_with_extra_headers_off(client_of: Any) -> None:
    client = client_of(FailingStore(RuntimeError()), extra_headers=False)

    answer = await send(client, "GET", "/api/v1/tasks/1111")

    assert answer.headers["x-fakescope-error"] == "RuntimeError"
    assert "x-fakescope-version" not in answer.headers


async def test_conflict_a_few_times_is_not_seen(client_of: Any) -> None:
    calm, contested = client_of(MemoryStore()), client_of(ContestedStore(conflicts=3))

    answers = [await send(client, "POST", TEXT) for client in (calm, contested)]

    assert answers[1].status_code == 200
    assert answers[0].content == answers[1].content  # nor does a second try draw a second id


async def test_conflict_a_few_times_does_not_stop_a_cancellation(client_of: Any) -> None:
    store = ContestedStore(conflicts=0)
    client = client_of(store)
    task_id = (await send(client, "POST", TEXT)).json()["output"]["task_id"]

    store.left = 3
    answer = await send(client, "POST", f"/api/v1/tasks/{task_id}/cancel")

    assert answer.status_code == 200
    output = (await send(client, "GET", f"/api/v1/tasks/{task_id}")).json()["output"]
    assert output["task_status"] == "CANCELED"


@pytest.mark.parametrize("call", ["submit", "cancel"])
async def test_conflict_for_ever_is_503_and_changes_nothing(client_of: Any, call: str) -> None:
    store = ContestedStore(conflicts=0)
    client = client_of(store)
    task_id = (await send(client, "POST", TEXT)).json()["output"]["task_id"]

    store.left = float("inf")
    answer = await send(client, "POST", TEXT if call == "submit" else f"/api/v1/tasks/{task_id}/cancel")

    assert_own_shape(answer, 503, "StoreError")
    rows = (await send(client, "GET", "/api/v1/tasks")).json()["data"]
    assert [(row["task_id"], row["status"]) for row in rows] == [(task_id, "PENDING")]
