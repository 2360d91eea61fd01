"""A desk where bodies of any model are handed in and their ends are read, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from math import inf
from typing import Any, NamedTuple

import httpx
import orjson
import pytest

from fakescope import Settings, create_app
from fakescope.catalog import Catalog
from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.asgi import App, AsgiTarget
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.target import Request

_HEADERS = {
    "Authorization": "Bearer sk-fake-test",
    "Content-Type": "application/json",
    "X-DashScope-OssResourceResolve": "enable",
}


class End(NamedTuple):
    """What became of a body: where a refusal showed (`submit` or `task`) and its rule, or nothing of that.

    `answer` is the answer to the submission, `shown` the task as the control API shows it.
    """

    answer: dict[str, Any]
    where: str = ""
    rule: str = ""
    shown: dict[str, Any] | None = None


class Desk:
    """A simulator without limits, at full speed, for the region of each model.

    It waits by itself: Hypothesis cannot stop an example while a coroutine draws it.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._loop = asyncio.new_event_loop()
        self._http: dict[str, httpx.AsyncClient] = {}
        self._references: dict[str, str] = {}

    def close(self) -> None:
        self._loop.close()

    def wait_for(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(work)

    def get(self, spec: ModelSpec, path: str) -> Any:
        """What is found at a path, in the region of the model."""
        return self.wait_for(self._http_of(spec).get(path)).json()

    def ends(self, spec: ModelSpec, bodies: Iterable[dict[str, Any]], path: str = "") -> list[End]:
        """What becomes of these bodies, in their order, at the model's endpoint or another one."""
        http, path = self._http_of(spec), path or spec.path
        at_once = spec.mode == "sync" or path == spec.sync_path
        asynchronous = {} if at_once else {"X-DashScope-Async": "enable"}
        answers = [self.wait_for(http.post(path, content=orjson.dumps(b), headers=asynchronous)) for b in bodies]
        newest = self.get(spec, f"/_fakescope/tasks?limit={len(answers)}")["tasks"]
        shown = {task["task_id"]: task for task in newest}
        return [_end(answer, shown) for answer in answers]

    def answer(self, spec: ModelSpec, end: End) -> Any:
        """What the vendor's API says at the end: to a query, or to the submission where the model answers at once."""
        return end.answer if end.shown is None else self.get(spec, f"/api/v1/tasks/{end.shown['task_id']}")

    def reference(self, spec: ModelSpec) -> str:
        """An identifier that a task of the model's family has returned, if the model takes one."""
        if spec.references and spec.family not in self._references:
            makers = (maker for maker in self.catalog.specs() if maker.family == spec.family)
            maker = next(maker for maker in makers if maker.shows("result_id"))
            (made,) = self.ends(maker, [smallest_body(maker)])
            texts = _texts(self.answer(maker, made)["output"])
            self._references[spec.family] = next(text for text in texts if text.startswith("AACT."))
        return self._references.get(spec.family, "") if spec.references else ""

    def _http_of(self, spec: ModelSpec) -> httpx.AsyncClient:
        region = spec.regions[0]
        if region not in self._http:
            app = create_app(Settings(seed=1, limits=False, speed=inf, region=region), catalog=self.catalog)
            transport = httpx.ASGITransport(app)
            self._http[region] = httpx.AsyncClient(transport=transport, base_url="http://test", headers=_HEADERS)
        return self._http[region]


def _end(answer: httpx.Response, shown: dict[str, Any]) -> End:
    body = answer.json()
    if answer.status_code == 400:
        return End(body, "submit", answer.headers["X-Fakescope-Rule"])
    assert answer.status_code == 200, body
    if "usage" in body:
        return End(body)
    task = shown[body["output"]["task_id"]]
    if task["status"] == "FAILED":
        return End(body, "task", task["problem"]["rule"])
    assert task["status"] == "SUCCEEDED", task
    return End(body, shown=task)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


class Standing:
    """A machine's clock that stands still, between two seconds."""

    def read(self) -> int:
        return 1_770_600_000_123


@pytest.fixture(scope="session")
def simulator(catalog: Catalog) -> Callable[..., App]:
    """A fresh simulator that is the same in every run, on every machine: its seed is 1, and only orders move time."""

    def make(**differs: Any) -> App:
        return create_app(Settings(**{"seed": 1, **differs}), catalog=catalog, clock=Standing())

    return make


@pytest.fixture(scope="session")
def desk(catalog: Catalog) -> Iterator[Desk]:
    desk = Desk(catalog)
    yield desk
    desk.close()


@pytest.fixture
def new_desk(catalog: Catalog) -> Iterator[Desk]:
    """A desk of the test's own: nothing was sold yet, and large bodies are not kept."""
    desk = Desk(catalog)
    yield desk
    desk.close()


@pytest.fixture(scope="session")
def where_shown() -> Callable[[ModelSpec, str], str]:
    """Where a wrong field shows: it is refused, or fails its task a moment later, as the family says."""

    def where(spec: ModelSpec, mistake: str) -> str:
        missing = spec.problems == "presence" and mistake in ("missing", "one_of")
        return "submit" if spec.problems == "submit" or missing else "task"

    return where


class _Client:
    """The client of a reproducer, speaking to an application instead of an address."""

    def __init__(self, app: Any) -> None:
        self._target = AsgiTarget(app, abilities=())

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._target.close()

    def request(
        self, method: str, url: str, headers: Any = (), content: bytes = b"", json: Any = None
    ) -> httpx.Response:
        body = content if json is None else httpx.Request("POST", url, json=json).content
        pairs = tuple(headers.items() if isinstance(headers, dict) else headers)
        answer = self._target.send(Request(method, url.removeprefix("http://127.0.0.1:8900"), pairs, body), None)
        request = httpx.Request(method, url)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body, request=request)


@pytest.fixture
def run_reproducer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], None]:
    """Run the one test in a text that `as_pytest` made, against an application."""

    def run(source: str, app: Any) -> None:
        monkeypatch.setattr(httpx, "Client", lambda **_: _Client(app))
        module: dict[str, Any] = {}
        exec(compile(source, "reproducer.py", "exec"), module)
        (test,) = [value for name, value in module.items() if name.startswith("test_")]
        test()

    return run
