"""Nothing that could be billed leaves the gate without a budget, whatever is thrown at it.

The stand-in takes everything for a submission that anybody could take for one: any way to write a key, a path, a
header or JSON that some server somewhere reads. What it starts, it counts.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakescope.catalog import load
from fakescope_contracts.asgi import AsgiTarget
from fakescope_contracts.strategies import broken_bodies, valid_bodies
from fakescope_contracts.target import Request
from fakescope_contracts.vendor import Gate, WithheldError

KEY = "sk-0123456789abcdef0123456789abcdef"
CATALOG = load()
SPECS = {spec.name: spec for spec in CATALOG.specs()}
FILM, PICTURES = SPECS["wan2.2-t2v-plus"], SPECS["wan2.2-t2i-flash"]
AT_ONCE = SPECS["qwen-image-max"]
BODY = {"model": FILM.name, "input": {"prompt": "a cat"}, "parameters": {}}


class Greedy:
    """A vendor that starts something wherever it can. `billed` is every request that it would send a bill for."""

    def __init__(self) -> None:
        self.billed: list[str] = []
        self.asked = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = (await receive())["body"]
        raw = scope["raw_path"].decode() + "?" + scope["query_string"].decode()
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        self.asked += 1
        answer: dict[str, Any] = {"code": "InvalidParameter", "message": "no", "request_id": "r"}
        if self._starts(scope["method"], raw, headers, body):
            self.billed.append(f"{scope['method']} {raw} {headers} {body!r}")
            answer = {"output": {"task_id": f"t-{self.asked}", "task_status": "PENDING"}, "request_id": "r"}
        status = 200 if "output" in answer else 400
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    @staticmethod
    def _starts(method: str, raw: str, headers: list[tuple[str, str]], body: bytes) -> bool:
        whole = raw
        for _ in range(3):
            whole = unquote(whole)
        everything = [whole, *(value for _, value in headers), body.decode("latin-1")]
        if not any(KEY in text for text in everything) or method in ("HEAD", "OPTIONS"):
            return False
        path, _, query = whole.partition("?")
        while ".." in path and re.search(r"[^/]+/\.\./", path):
            path = re.sub(r"[^/]+/\.\./", "", path, count=1)
        path = re.sub("/+", "/", path).lower()
        if "/services/" not in path or "/fakescope" in path or (method == "GET" and not body):
            return False
        films = path.rstrip("/").endswith("video-synthesis")
        wanted = any(name.replace("_", "-") in ("x-dashscope-async", "x-dashscope-sse") for name, _ in headers)
        if films and not wanted:
            return False
        return any(starts_something(one) for one in readings(body, query))


def readings(body: bytes, query: str) -> Iterator[Any]:
    """Everything that some reader finds in a body, or in the query."""
    yield {key: values[-1] for key, values in parse_qs(query).items()} | {"input": {}}
    raws = [body]
    with suppress(OSError, EOFError):
        raws.append(gzip.decompress(body))
    for raw in raws:
        for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"):
            try:
                text = raw.decode(encoding).strip()
            except UnicodeDecodeError:
                continue
            yield {key: values[-1] for key, values in parse_qs(text).items()} | {"input": {}}
            for pairs in (dict, lambda pairs: dict(reversed(pairs))):
                with suppress(ValueError, RecursionError):  # what stands behind the first value is not looked at
                    yield json.JSONDecoder(object_pairs_hook=pairs, strict=False).raw_decode(text)[0]
            if text.startswith(("{", "[")):
                with suppress(yaml.YAMLError, ValueError, RecursionError, TypeError):
                    yield yaml.safe_load(text)  # single quotes, no quotes, comments, commas too many


def starts_something(value: Any) -> bool:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return False
    plain = {str(key).strip().lower(): part for key, part in value.items()}
    for low in (plain, {**{str(k).strip().lower(): v for k, v in reversed(value.items())}}):
        model = low.get("model")
        model = model[0] if isinstance(model, list) and len(model) == 1 else model
        is_one = (
            isinstance(model, str)
            and bool(model.strip())
            and "fakescope" not in model.lower()
            and "no-such" not in model.lower()
        )
        if is_one and any(part is not None for key, part in low.items() if key not in ("model", "parameters")):
            return True
    return False


@pytest.fixture
def vendor() -> Iterator[tuple[Greedy, Gate]]:
    greedy = Greedy()
    target = AsgiTarget(greedy, abilities=(), keys={"a": KEY})
    yield greedy, Gate(target, CATALOG, sleep=lambda _: None)
    target.close()


def sent(gate: Gate, request: Request, account: str | None = "a") -> bool:
    try:
        gate.send(request, account)
    except WithheldError:
        return False
    return True


def post(path: str, body: object, *headers: tuple[str, str]) -> Request:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", path, (("Content-Type", "application/json"), *headers), raw)


ASYNC = ("X-DashScope-Async", "enable")


# -- what is free goes through

FREE: dict[str, tuple[Request, str | None]] = {
    "no key": (post(FILM.path, BODY, ASYNC), None),
    "nobody's key": (post(FILM.path, BODY, ASYNC, ("Authorization", "Bearer sk-fake-invalid")), None),
    "too short for a key": (post(FILM.path, BODY, ASYNC, ("Authorization", "Basic YTpi")), None),
    "a task": (Request("GET", "/api/v1/tasks/1111"), "a"),
    "a task with an odd id": (Request("GET", "/api/v1/tasks/%E4%B8%AD%2F%2e%2e"), "a"),
    "the list": (Request("GET", "/api/v1/tasks?page_no=1&page_size=10"), "a"),
    "the list behind two slashes": (Request("GET", "/api/v1//tasks"), "a"),
    "a cancellation": (Request("POST", "/api/v1/tasks/8f3c-1/cancel"), "a"),
    "another method on a task": (Request("DELETE", "/api/v1/tasks/8f3c-1"), "a"),
    "reading where others submit": (Request("GET", FILM.path), "a"),
    "reading where nothing is": (Request("GET", "/api/v1/fakescope-no-such-path"), "a"),
    "no model where nothing is": (post("/api/v1/services/aigc/fakescope/nowhere", {}), "a"),
    "a film without the header": (post(FILM.path, BODY), "a"),
    "no body": (post(FILM.path, b"", ASYNC), "a"),
    "half a body": (post(FILM.path, b'{"model": "wan2.2-t2v-plus", "input": {', ASYNC), "a"),
    "no object": (post(PICTURES.path, [1, 2], ASYNC), "a"),
    "no model": (post(AT_ONCE.path, {"input": {"messages": []}}), "a"),
    "an empty model": (post(AT_ONCE.path, {"model": "", "input": {"messages": []}}), "a"),
    "a number as a model": (post(AT_ONCE.path, {"model": 5, "input": {"messages": []}}), "a"),
    "nobody's model": (post(AT_ONCE.path, {"model": "fakescope-no-such-model", "input": {"messages": []}}), "a"),
    "no input": (post(FILM.path, {"model": FILM.name, "parameters": {}}, ASYNC), "a"),
    "null as input": (post(AT_ONCE.path, {"model": AT_ONCE.name, "input": None}), "a"),
}


@pytest.mark.parametrize("name", FREE)
def test_what_cannot_be_billed_is_sent(vendor: tuple[Greedy, Gate], name: str) -> None:
    greedy, gate = vendor
    before = greedy.asked

    assert sent(gate, *FREE[name])
    assert (greedy.asked, greedy.billed) == (before + 1, [])


# -- what is not for sure stays here

NOT_FREE = {
    "a film": post(FILM.path, BODY, ASYNC),
    "an empty input": post(FILM.path, {**BODY, "input": {}}, ASYNC),
    "a wrong value": post(FILM.path, {**BODY, "input": {"prompt": 5}}, ASYNC),
    "a header that says no": post(FILM.path, BODY, ("x-dashscope-async", "disable")),
    "pictures without the header": post(PICTURES.path, {**BODY, "model": PICTURES.name}),
    "pictures at once": post(AT_ONCE.path, {**BODY, "model": AT_ONCE.name}),
    "a model of a text": post(AT_ONCE.path, {**BODY, "model": "qwen-max"}),
    "a path of a text": post("/api/v1/services/aigc/text-generation/generation", {**BODY, "model": "qwen-max"}),
    "two bytes a letter": post(FILM.path, json.dumps(BODY).encode("utf-16"), ASYNC),
    "a mark before it": post(FILM.path, b"\xef\xbb\xbf" + json.dumps(BODY).encode(), ASYNC),
    "packed": post(FILM.path, gzip.compress(json.dumps(BODY).encode()), ASYNC),
    "rubbish behind it": post(FILM.path, json.dumps(BODY).encode() + b"rubbish", ASYNC),
    "other quotes": post(FILM.path, b"{'model': 'wan2.2-t2v-plus', 'input': {}}", ASYNC),
    "escaped": post(FILM.path, b'{"\\u006dodel": "wan2.2-t2v-plus", "input": {}}', ASYNC),
    "two models": post(FILM.path, b'{"model": "fakescope-x", "model": "wan2.2-t2v-plus", "input": {}}', ASYNC),
    "two models, the good one first": post(
        FILM.path, b'{"model": "wan2.2-t2v-plus", "model": "fakescope-x", "input": {}}', ASYNC
    ),
    "two kinds of content": Request(
        "POST",
        FILM.path,
        (("Content-Type", "application/x-www-form-urlencoded"), ("Content-Type", "application/json"), ASYNC),
        b"model=wan2.2-t2v-plus",
    ),
    "a stream": post(FILM.path, BODY, ("X-DashScope-SSE", "enable")),
    "a way up to what could be deleted": Request("DELETE", "/api/v1/fakescope/../files/file-1"),
    "the same in other letters": Request("DELETE", "/api/v1/fakescope/%252e%252e/files/file-1"),
    "two spellings": post(FILM.path, b'{"model": "fakescope-x", "Model": "wan2.2-t2v-plus", "input": {}}', ASYNC),
    "a list of one": post(FILM.path, [BODY], ASYNC),
    "a model in the query": post(FILM.path + "?model=wan2.2-t2v-plus", {"input": {}}, ASYNC),
    "a form": Request("POST", FILM.path, (("Content-Type", "application/x-www-form-urlencoded"), ASYNC), b"model=wan"),
    "a way around": post("/api/v1/tasks/..%2fservices%2faigc%2ftext2image%2fimage-synthesis%3f/cancel", BODY, ASYNC),
    "an unknown header": post(FILM.path, BODY, ("X-HTTP-Method-Override", "POST")),
    "two requests in one": post(FILM.path, BODY, ("Content-Length", "3")),
    "a reading with a body": Request("GET", PICTURES.path, (ASYNC,), json.dumps(BODY).encode()),
    "another method": Request("PUT", PICTURES.path, (ASYNC,), json.dumps(BODY).encode()),
    "another host": Request("GET", "//elsewhere.test/"),
    "another host as a user's": Request("GET", "@elsewhere.test/"),
}


@pytest.mark.parametrize("name", NOT_FREE)
def test_what_might_be_billed_or_go_elsewhere_is_not_sent(vendor: tuple[Greedy, Gate], name: str) -> None:
    greedy, gate = vendor
    before = greedy.asked

    assert not sent(gate, NOT_FREE[name])
    assert (greedy.asked, greedy.billed) == (before, [])


@pytest.mark.parametrize("header", ["Content-Length", "Transfer-Encoding", "Host", "Connection", "Upgrade"])
def test_what_could_make_two_requests_of_one_is_not_sent_without_a_key_either(
    vendor: tuple[Greedy, Gate], header: str
) -> None:
    greedy, gate = vendor

    assert not sent(gate, post(FILM.path, BODY, (header, "3")), None)
    assert greedy.asked == 0


@pytest.mark.parametrize("key", [KEY, KEY.upper(), "sk-ffffffffffffffffffffffffffffffff", "st-0123456789abcdef0123"])
def test_a_key_that_may_be_somebodys_is_not_tried(vendor: tuple[Greedy, Gate], key: str) -> None:
    greedy, gate = vendor

    assert not sent(gate, post(FILM.path, BODY, ASYNC, ("Authorization", f"Bearer {key}")), None)
    assert greedy.billed == []


# -- anything at all

ANYTHING = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

MODELS = st.sampled_from([*SPECS, "qwen-max", "fakescope-x", "", " ", "FAKESCOPE", "wan9"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | MODELS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["model", "Model", "input", "parameters", "prompt", "model "]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
BODIES = st.builds(
    lambda model, given, more: {"model": model, "input": given, **more},
    MODELS | JSON,
    JSON,
    st.dictionaries(st.sampled_from(["parameters", "Model", "MODEL", "x"]), JSON, max_size=2),
)
SPELLINGS = st.sampled_from(
    [
        lambda text: text.encode("utf-8", "surrogatepass"),
        lambda text: text.encode("utf-16", "surrogatepass"),
        lambda text: text.encode("utf-32-le", "surrogatepass"),
        lambda text: b"\xef\xbb\xbf" + text.encode("utf-8", "surrogatepass"),
        lambda text: gzip.compress(text.encode("utf-8", "surrogatepass")),
        lambda text: text.replace('"', "'").encode("utf-8", "surrogatepass"),
        lambda text: text.replace("m", "\\u006d").encode("utf-8", "surrogatepass"),
        lambda text: b"[" + text.encode("utf-8", "surrogatepass") + b"]",
        lambda text: text.encode("utf-8", "surrogatepass") + b" rubbish }",
        lambda text: text.encode("utf-8", "surrogatepass")[:-1],
        lambda text: text.encode("utf-8", "surrogatepass")[:-1] + b', "model": "wan2.2-t2v-plus", "input": {}}',
    ]
)
PATHS = st.builds(
    lambda path, end: path + end,
    st.sampled_from(sorted({path for spec in SPECS.values() for path in (spec.path, spec.sync_path) if path}))
    | st.sampled_from(
        [
            "/api/v1/tasks",
            "/api/v1/tasks/a-1",
            "/api/v1/tasks/a-1/cancel",
            "/api/v1/tasks/..%2fservices%2faigc%2fvideo-generation%2fvideo-synthesis",
            "/api/v1/tasks/../services/aigc/text2image/image-synthesis",
            "/api/v1/fakescope",
            "/api/v1/fakescope/../services/aigc/text2image/image-synthesis",
            "/api/v1//services/aigc/text2image/image-synthesis",
            "/api/v1/services/aigc/text-generation/generation",
            "/api/v1/services/aigc/text2image/fakescope",
            "/",
        ]
    ),
    st.sampled_from(["", "", "/", "//", "?model=wan2.2-t2v-plus", "?", "%3f/cancel", ";x", "#", "/cancel"]),
)
HEADERS = st.lists(
    st.sampled_from(
        [
            ASYNC,
            ("x-dashscope-async", "Enable"),
            ("X_DashScope_Async", "enable"),
            ("X-DashScope-Async", "disable"),
            ("X-DashScope-SSE", "enable"),
            ("Content-Type", "application/json"),
            ("Content-Type", "application/json; charset=utf-16"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Content-Encoding", "gzip"),
            ("X-HTTP-Method-Override", "POST"),
            ("Authorization", f"Bearer {KEY}"),
            ("Authorization", f"bearer  {KEY.upper()}"),
            ("Authorization", KEY),
            ("Authorization", "Bearer sk-fake-invalid"),
            ("Cookie", f"key={KEY}"),
        ]
    ),
    max_size=4,
)


@st.composite
def requests_of_any_kind(draw: st.DrawFn) -> Request:
    whole = draw(BODIES | JSON)
    text = json.dumps(whole, ensure_ascii=draw(st.booleans()))
    body = draw(st.just(draw(SPELLINGS)(text)) | st.binary(max_size=30))
    method = draw(st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "DELETE", "PATCH", "HEAD", "post", "X"]))
    return Request(method, draw(PATHS), tuple(draw(HEADERS)), body)


@ANYTHING
@given(requests_of_any_kind(), st.sampled_from(["a", None]))
def test_no_request_of_any_kind_is_billed(vendor: tuple[Greedy, Gate], request: Request, account: str | None) -> None:
    greedy, gate = vendor

    sent(gate, request, account)

    assert greedy.billed == []


@settings(ANYTHING, max_examples=100)
@given(st.data())
def test_no_submission_that_keeps_or_breaks_the_rules_is_billed(
    vendor: tuple[Greedy, Gate], data: st.DataObject
) -> None:
    greedy, gate = vendor
    spec = data.draw(st.sampled_from(list(SPECS.values())), "model")
    body = data.draw(valid_bodies(spec, "AACT.x") | broken_bodies(spec, "AACT.x").map(lambda one: one.body), "body")
    headers = data.draw(HEADERS)

    sent(gate, post(spec.path, body, *headers))

    assert greedy.billed == []


def test_the_stand_in_counts_what_it_would_bill() -> None:
    greedy = Greedy()
    target = AsgiTarget(greedy, abilities=(), keys={"a": KEY})
    for request in (
        post(FILM.path, BODY, ASYNC),
        post(PICTURES.path + "/", {**BODY, "model": PICTURES.name}),
        post(FILM.path, json.dumps(BODY).encode("utf-16"), ASYNC),
        post(FILM.path, b"{model: wan2.2-t2v-plus, input: {},}", ASYNC),
        post("/api/v1/tasks/..%2fservices%2faigc%2fvideo-generation%2fvideo-synthesis%3f/cancel", BODY, ASYNC),
    ):
        target.send(request)
    target.close()

    assert len(greedy.billed) == 5


def test_something_that_started_all_the_same_is_canceled_and_nothing_is_submitted_any_more() -> None:
    asked: list[str] = []

    async def surprising(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await receive()
        asked.append(f"{scope['method']} {scope['path']}")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"output": {"task_id": "ab-1", "task_status": "PENDING"}}'})

    target = AsgiTarget(surprising, abilities=(), keys={"a": KEY})
    gate = Gate(target, CATALOG, sleep=lambda _: None)
    gate.send(post(FILM.path, {"model": FILM.name}, ASYNC))
    with pytest.raises(WithheldError, match="nothing is submitted any more"):
        gate.send(post(FILM.path, b"", ASYNC))
    target.close()

    assert asked == [f"POST {FILM.path}", "POST /api/v1/tasks/ab-1/cancel"]
