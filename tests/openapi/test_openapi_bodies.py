"""The schemas of bodies and answers: what they take, what they refuse, and what no schema can refuse."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakescope import Settings, create_app
from fakescope.catalog import load
from fakescope.catalog.spec import ModelSpec
from fakescope.openapi import document
from fakescope_contracts.boundaries import boundary_cases, smallest_body
from fakescope_contracts.strategies import valid_bodies

CATALOG = load()
SPECS = {spec.name: spec for spec in CATALOG.specs()}
FOLDER = Path(__file__).parents[2] / "fixtures" / "documented"
DOCUMENTS = {file.stem: tomllib.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.toml"))}
every_model = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


class Schemas:
    """The schemas of a document, each ready to validate."""

    def __init__(self, view: str) -> None:
        self.document = json.loads(json.dumps(document(CATALOG, view=view)))
        self._ready: dict[str, jsonschema_rs.Draft202012Validator] = {}
        schemas = self.document["components"]["schemas"]
        self.of_model = {name: key for key, one in schemas.items() for name in one.get("x-fakescope-models", ())
                         if "properties" in one and "model" in one["properties"]}  # fmt: skip

    def at(self, pointer: str) -> jsonschema_rs.Draft202012Validator:
        """A validator for what stands there in the document."""
        if pointer not in self._ready:
            whole = {key: self.document[key] for key in ("components", "paths")}
            self._ready[pointer] = jsonschema_rs.Draft202012Validator({"$ref": pointer, **whole})
        return self._ready[pointer]

    def of(self, model: str) -> jsonschema_rs.Draft202012Validator:
        return self.at(f"#/components/schemas/{self.of_model[model]}")

    def submission(self, path: str) -> jsonschema_rs.Draft202012Validator:
        return self.at(f"{self._post(path)}/requestBody/content/application~1json/schema")

    def answers(self, path: str) -> jsonschema_rs.Draft202012Validator:
        return self.at(f"{self._post(path)}/responses/200/content/application~1json/schema")

    def _post(self, path: str) -> str:
        """Where the operation stands, whether or not the path ends in a slash."""
        known = next(one for one in self.document["paths"] if one.rstrip("/") == path.rstrip("/"))
        return f"#/paths/{known.replace('/', '~1')}/post"


STATED, ACCEPTED = Schemas("stated"), Schemas("accepted")


# -- documented requests and answers

SAMPLES = {
    "<id>": "13b1848b-5493-4c0e-8c44-68d038b492af",
    "<time>": "2026-02-09 12:00:00.000",
    "<second>": "2026-02-09 12:00:00",
    "<link>": "https://example.com/film.mp4?Expires=1",
    "<picture>": "https://example.com/picture.png?Expires=1",
    "<made>": "AACT.xyz",
    "<count>": 1,
    "<seconds>": 5.5,
    "<length>": 5,
    "<box>": [1, 2, 3, 4],
    "<null>": None,
}


def filled(value: Any) -> Any:
    """Documented data with a value in the place of each word in angle brackets."""
    if isinstance(value, dict):
        return {key: filled(part) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part) for part in value]
    if isinstance(value, str) and value.startswith("<png "):
        return "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA"
    if isinstance(value, str) and value.startswith("<made "):
        return "AACT.xyz"
    return SAMPLES.get(value, value) if isinstance(value, str) else value


def examples() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for file, whole in DOCUMENTS.items():
        for entry in whole.get("example", []):
            yield f"{file}: {entry['name']}", whole, entry


EXAMPLES = {name: (whole, entry) for name, whole, entry in examples()}
each_example = pytest.mark.parametrize(("whole", "entry"), EXAMPLES.values(), ids=EXAMPLES)


@each_example
def test_a_documented_request_is_as_its_models_schema_says(whole: dict[str, Any], entry: dict[str, Any]) -> None:
    request = filled(entry["request"])
    ends = whole["answer"][entry["polled"]]["body"]["output"] if "polled" in entry else {}
    ordered = "[fakescope:" in json.dumps(request)  # the task fails by our own mark, not by a wrong field

    path = entry.get("path", whole["document"]["path"])
    assert STATED.of(request["model"]).is_valid(request) == STATED.submission(path).is_valid(request)
    if ends.get("code") == "InvalidParameter" and not ordered:
        assert not STATED.of(request["model"]).is_valid(request)
    else:
        assert [error.message for error in STATED.of(request["model"]).iter_errors(request)] == []


DIFFERENCES = DOCUMENTS.pop("differences")
ALSO_SENT = {
    **dict.fromkeys(("submit_time", "scheduled_time", "end_time"), SAMPLES["<time>"]),
    **dict.fromkeys(("orig_prompt", "actual_prompt"), "A heron"),
    **dict.fromkeys(("TOTAL", "SUCCEEDED", "FAILED", "duration", "SR"), 5),
    "audio": True,
}


def as_sent(answer: Any, differs: list[str]) -> Any:
    """The answer without what is known to be otherwise on the wire: differences.toml says what, and why."""
    for row in (DIFFERENCES[name] for name in differs):
        for path in row["keys"]:
            *outer, key = path.split(".")
            table = answer
            for name in outer:
                table = table.setdefault(name, {})
            if row["kind"] == "other type":
                table[key] = int(table[key])
            elif row["kind"] == "also sent" or key == "end_time":
                table[key] = ALSO_SENT[key]
    return answer


@each_example
def test_a_documented_answer_is_as_the_schema_of_answers_says(whole: dict[str, Any], entry: dict[str, Any]) -> None:
    for step in ("submitted", "polled", "answered"):
        documented: dict[str, Any] = whole["answer"][entry[step]] if step in entry else {"excerpt": True}
        if documented.get("excerpt"):
            continue
        usage = {"usage": entry["usage"]} if "usage" in entry and step != "submitted" else {}
        differs = [*documented.get("differs", []), *([] if step == "submitted" else entry.get("differs", []))]
        answer = as_sent(filled(documented["body"] | usage), differs)
        schema = STATED.answers(entry.get("path", whole["document"]["path"]))
        if step == "polled":
            schema = STATED.at(f"#/components/schemas/Task.{answer['output']['task_status']}")
        assert [error.message for error in schema.iter_errors(answer)] == []


# -- bodies that keep all rules, and bodies that break one

INEXPRESSIBLE = {
    ("assets", "format"): "what a file is stands in its bytes, not in its address",
    ("assets", "side"): "sides stand in a picture's bytes",
    ("assets", "too_big"): "sides stand in a picture's bytes",
    ("box", "range"): "a schema cannot compare two items of a list: left < right",
    ("box", "ratio"): "nor divide them",
    ("list", "format"): "as for assets",
    ("list", "range"): "a list of boxes",
    ("list", "same_length"): "a schema cannot compare the lengths of two lists that may be of any length",
    ("list", "side"): "as for assets",
    ("list", "too_big"): "as for assets",
    ("media", "format"): "as for assets",
    ("media", "side"): "as for assets",
    ("media", "too_big"): "as for assets",
    ("messages", "format"): "as for assets",
    ("messages", "side"): "as for assets",
    ("messages", "too_big"): "as for assets",
    ("pixels", "area"): "a schema cannot multiply two numbers in a text",
    ("pixels", "ratio"): "nor divide them",
    ("reference", "unknown"): "what an earlier task has returned is not known to a document",
    ("text", "length"): "a schema counts characters, not words or widths",
    ("text", "most_chars"): "nor the characters of two texts together",
}
"""Kind of rule and mistake → why no schema can refuse it. So is a file of too many bytes, which is not built here."""


@every_model
def test_every_body_at_the_bounds_is_as_the_schema_says(spec: ModelSpec) -> None:
    schema = STATED.of(spec.name)

    for case in boundary_cases(spec):
        if case.mistake is None:
            assert [error.message for error in schema.iter_errors(case.body)] == [], case.path
        elif (spec.fields[spec.position[case.path]].rule.kind, case.mistake) not in INEXPRESSIBLE:
            assert not schema.is_valid(case.body), (case.path, case.mistake, case.value)


def test_what_cannot_be_said_is_little_and_is_named() -> None:
    broken, passed, unnamed = 0, Counter[tuple[str, str]](), []
    for spec in SPECS.values():
        named = set(words_beyond(schema_of(spec)))
        for case in boundary_cases(spec):
            broken += case.mistake is not None
            if case.mistake is not None and STATED.of(spec.name).is_valid(case.body):
                passed[spec.fields[spec.position[case.path]].rule.kind, case.mistake] += 1
                unnamed += [] if case.mistake in named or any(" " in word for word in named) else [(spec.name, case)]

    assert passed.keys() == INEXPRESSIBLE.keys()
    assert passed.total() * 20 < broken  # less than one in twenty
    assert unnamed == []


def words_beyond(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value.get("x-fakescope-beyond", ())
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        yield from words_beyond(part)


@settings(max_examples=100)
@given(st.sampled_from([*SPECS.values()]).flatmap(lambda spec: st.tuples(st.just(spec), valid_bodies(spec))))
def test_any_body_of_a_models_own_spec_is_as_the_schema_says(drawn: tuple[ModelSpec, dict[str, Any]]) -> None:
    spec, body = drawn

    assert [error.message for error in STATED.of(spec.name).iter_errors(body)] == []
    assert STATED.submission(spec.path).is_valid(body)
    assert ACCEPTED.submission(spec.path).is_valid(body)


def test_a_body_of_an_unknown_model_or_of_another_path_is_refused() -> None:
    films = STATED.submission("/api/v1/services/aigc/video-generation/video-synthesis")

    assert films.is_valid({"model": "wan2.6-t2v", "input": {"prompt": "A heron"}})
    assert not films.is_valid({"model": "wan9-t2v", "input": {"prompt": "A heron"}})
    assert not films.is_valid({"model": "wan2.2-t2i-plus", "input": {"prompt": "A heron"}})


# -- the simulator agrees

Post = Callable[[str, Any, bool], httpx.Response]


def posting(**differs: Any) -> Iterator[Post]:
    """Submit to a simulator in this process, in the region of the model, and wait for the answer.

    It waits by itself: Hypothesis draws no examples for coroutines.
    """
    headers = {"Authorization": "Bearer sk-fake-test", "X-DashScope-OssResourceResolve": "enable"}
    clients = {
        region: httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(Settings(seed=1, limits=False, region=region, **differs))),
            base_url="http://test",
            headers=headers,
        )
        for region in CATALOG.service.regions
    }
    with asyncio.Runner() as runner:

        def post(path: str, body: Any, asynchronous: bool) -> httpx.Response:
            http = clients[SPECS[body["model"]].regions[0]]
            return runner.run(
                http.post(path, json=body, headers={"X-DashScope-Async": "enable"} if asynchronous else {})
            )

        yield post


@pytest.fixture(scope="module")
def early() -> Iterator[Post]:
    yield from posting(errors="early")


@pytest.fixture(scope="module")
def vendor() -> Iterator[Post]:
    yield from posting()


def submitted_examples() -> Iterator[tuple[str, str, dict[str, Any], bool]]:
    for path, item in STATED.document["paths"].items():
        shown = item.get("post", {}).get("requestBody", {"content": {}})["content"].get("application/json", {})
        for name, example in shown.get("examples", {}).items():
            spec = SPECS[example["value"]["model"]]
            yield f"{name} at {path}", path, example["value"], path != spec.sync_path and spec.mode == "async"


SUBMITTED = {name: (path, body, asynchronous) for name, path, body, asynchronous in submitted_examples()}
each_request = pytest.mark.parametrize(("path", "body", "asynchronous"), SUBMITTED.values(), ids=SUBMITTED)


@each_request
def test_an_example_of_the_document_is_accepted(
    path: str, body: dict[str, Any], asynchronous: bool, early: Post
) -> None:
    answer = early(path, body, asynchronous)

    assert [error.message for error in STATED.submission(path).iter_errors(body)] == []
    if "made-by-an-earlier-task" in json.dumps(body):
        assert answer.headers["X-Fakescope-Rule"].endswith(":unknown")
    else:
        assert answer.status_code == 200, answer.json()


def answer_examples() -> Iterator[tuple[str, str, Any]]:
    """Name, the place of the schema that stands beside the example, and the example, of every answer that is 200."""
    for path, item in STATED.document["paths"].items():
        for method, operation in item.items():
            media = operation["responses"]["200"]["content"]["application/json"]
            operation_at = f"#/paths/{quote(path.replace('/', '~1'), safe='~')}/{method}"
            at = f"{operation_at}/responses/200/content/application~1json/schema"
            for name, example in media.get("examples", {}).items():
                yield f"{name} at {path}", at, example["value"]


ANSWERS = {name: (at, value) for name, at, value in answer_examples()}


@pytest.mark.parametrize(("at", "value"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_of_the_document_is_as_its_schema_says(at: str, value: Any) -> None:
    assert [error.message for error in STATED.at(at).iter_errors(value)] == []


def test_every_model_has_an_example() -> None:
    shown = {body["model"] for _, body, _ in SUBMITTED.values()}
    aliases = {alias.name for spec in SPECS.values() for alias in spec.aliases}
    firsts = {name for name, spec in SPECS.items() if shown & {alias.name for alias in spec.aliases}}

    assert SPECS.keys() - shown - firsts <= aliases


GARBAGE: tuple[Any, ...] = (None, "", False, 0, "x", [], {})


def anything_for(spec: ModelSpec) -> st.SearchStrategy[dict[str, Any]]:
    """The smallest body with fields left out, or with anything in them."""

    def put(changes: dict[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(json.dumps({"parameters": {}} | smallest_body(spec)))
        for path, change in changes.items():
            *outer, key = path.split(".")
            table = body
            for name in outer:
                table = table.setdefault(name, {})
            if change == "left out":
                table.pop(key, None)
            else:
                table[key] = change
        return body

    paths = st.sampled_from([field.path for field in spec.fields])
    return st.dictionaries(paths, st.sampled_from(["left out", *GARBAGE]), max_size=6).map(put)


PRESENCE = [spec for spec in SPECS.values() if spec.problems == "presence"]


@settings(max_examples=300)
@given(body=st.sampled_from(PRESENCE).flatmap(anything_for))
def test_what_is_accepted_is_what_the_schema_of_submissions_takes(vendor: Post, body: dict[str, Any]) -> None:
    path = SPECS[body["model"]].path

    answer = vendor(path, body, True)

    assert (answer.status_code == 200) == ACCEPTED.submission(path).is_valid(body), answer.json()


def schema_of(spec: ModelSpec) -> Any:
    return STATED.document["components"]["schemas"][STATED.of_model[spec.name]]


SURE = [spec for spec in SPECS.values() if not [*words_beyond(schema_of(spec))]]


@settings(max_examples=300)
@given(body=st.sampled_from(SURE).flatmap(anything_for))
def test_what_is_refused_early_is_what_the_models_schema_refuses(early: Post, body: dict[str, Any]) -> None:
    spec = SPECS[body["model"]]

    answer = early(spec.path, body, spec.mode == "async")

    assert (answer.status_code == 200) == STATED.of(spec.name).is_valid(body), answer.json()


@settings(max_examples=200)
@given(body=st.sampled_from([s for s in SPECS.values() if s.problems == "task"]).flatmap(anything_for))
def test_where_anything_is_accepted_the_schema_of_submissions_takes_it(vendor: Post, body: dict[str, Any]) -> None:
    path = SPECS[body["model"]].path

    answer = vendor(path, body, True)

    assert (answer.status_code == 200) == ACCEPTED.submission(path).is_valid(body), answer.json()
