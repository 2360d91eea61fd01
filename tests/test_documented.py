"""Every request and answer that the vendor's documents show, as data in fixtures/documented/ (see its README).

A request is sent as it stands, its task runs to its documented end, and both answers are compared with the documented
ones: the same keys, JSON types and values. What differs on purpose is listed there with a reason; nothing else may.
"""

from __future__ import annotations

import re
import struct
import tomllib
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import compress, crc32

import httpx
import pytest

from fakescope.catalog import Catalog

FOLDER = Path(__file__).parent.parent / "fixtures" / "documented"
DOCUMENTS = {file.stem: tomllib.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.toml"))}
DIFFERENCES = DOCUMENTS.pop("differences")
ENTRIES = ("answer", "example", "refused", "effects")

# A task waits up to 10 seconds and runs for 1 to 5 minutes; 24 hours after its submission it is not known any more.
SECONDS_TO = {"SUCCEEDED": 310, "FAILED": 310, "UNKNOWN": 86_400}

WORDS = {
    "<id>": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<time>": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}",
    "<link>": r"https?://[^?]+\.mp4\?Expires=\d+&\S+",
    "<rewritten>": r".+",
}


class Example:
    """A documented request and the answers it names: `submitted` and `polled`, or `refused`."""

    def __init__(self, document: dict[str, Any], entry: dict[str, Any]) -> None:
        def answer(step: str, usage: dict[str, Any], differs: list[str]) -> Any:
            found = document["answer"][entry[step]] if step in entry else {"body": {}}
            return found | {"body": found["body"] | usage, "differs": found.get("differs", []) + differs}

        differs = entry.get("differs", [])
        self.request = sendable(entry["request"])
        self.path: str = entry.get("path", document["document"]["path"])
        self.headers = {"X-DashScope-Async": "enable"} | entry.get("headers", {})
        self.region: str = entry.get("region", "beijing")
        self.submitted = answer("submitted", {}, [])
        self.polled = answer("polled", {"usage": entry["usage"]} if "usage" in entry else {}, differs)
        self.refused = {"status": entry.get("status"), "body": entry.get("answer"), "differs": differs}
        self.succeeds = self.polled["body"].get("output", {}).get("task_status") == "SUCCEEDED"
        self.shows_the_wire = entry["shown"] and entry.get("client") == "curl"

    async def submit(self, http: httpx.AsyncClient, **inputs: str) -> httpx.Response:
        """Send the request, with these in its input as well."""
        body = self.request | {"input": self.request["input"] | inputs}
        return await http.post(self.path, json=body, headers=self.headers)

    async def run(self, http: httpx.AsyncClient, clock: Any) -> Any:
        """What a query answers when the task has come to its documented end."""
        task_id = (await self.submit(http)).json()["output"]["task_id"]
        clock.advance(seconds=SECONDS_TO[self.polled["body"]["output"]["task_status"]])
        return (await http.get(f"/api/v1/tasks/{task_id}")).json()

    def assert_answered(self, documented: dict[str, Any], sent: Any) -> None:
        """`sent` is as documented, but for what `differs` lists: all of that, and nothing else."""
        prompt = self.request["input"].get("prompt")
        shown = {key: prompt if value == "<prompt>" else value for key, value in flat(documented["body"]).items()}
        got = {key: value for key, value in flat(sent).items() if key in shown or not documented.get("excerpt")}
        found = {(key, kind) for key in shown | got if (kind := difference(key, shown, got))}
        listed = [DIFFERENCES[name] for name in documented["differs"]]
        assert found == {(key, row["kind"]) for row in listed for key in row["keys"]}


def difference(key: str, shown: dict[str, Any], got: dict[str, Any]) -> str | None:
    """How a key differs from what the document shows, in the words of differences.toml."""
    if key not in got or key not in shown:
        return "not sent" if key in shown else "also sent"
    expected, value = shown[key], got[key]
    if expected in WORDS:
        return None if isinstance(value, str) and re.fullmatch(WORDS[expected], value) else "other value"
    if type(expected) is type(value):
        return None if expected == value else "other value"
    return "other type" if str(expected).removesuffix(".0") == str(value) else "other value"


def flat(value: Any, at: str = "") -> dict[str, Any]:
    """Dotted key → value, in the order of the keys."""
    if not isinstance(value, dict):
        return {at: value}
    return {key: leaf for part in value for key, leaf in flat(value[part], f"{at}.{part}".strip(".")).items()}


def sendable(value: Any) -> Any:
    """A request with its words in angle brackets replaced by what they stand for."""
    if isinstance(value, dict):
        return {key: sendable(part) for key, part in value.items()}
    if value == "<null>":
        return None
    if isinstance(value, str) and (sides := re.fullmatch(r"<png (\d+)x(\d+)>", value)):
        return "data:image/png;base64," + b64encode(png(int(sides[1]), int(sides[2]))).decode()
    return value


def png(width: int, height: int) -> bytes:
    """A black picture without an alpha channel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = compress(b"\0" * (1 + 3 * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def texts(value: Any) -> Iterator[str]:
    """Every text in the data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts(part)


def entries_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every answer, example, refusal and list of effects."""
    kinds = [document.get(kind, []) for kind in ENTRIES]
    return [entry for kind in kinds for entry in (kind.values() if isinstance(kind, dict) else kind)]


def named(kind: str) -> dict[str, Example]:
    """File and name → example, over all documents."""
    return {
        f"{file}: {entry['name']}": Example(document, entry)
        for file, document in DOCUMENTS.items()
        for entry in document.get(kind, [])
    }


def each(examples: dict[str, Example]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", examples.values(), ids=examples)


MakeClient = Callable[..., httpx.AsyncClient]
EXAMPLES, REFUSED = named("example"), named("refused")
WIRE = {name: e for name, e in EXAMPLES.items() if e.shows_the_wire and e.polled["shown"]}
PICTURED = {e.request["model"]: e for e in EXAMPLES.values() if "t2v" not in e.request["model"] and e.succeeds}
EFFECTS = {t: row["models"] for row in DOCUMENTS["video-effects-2026-02"]["effects"] for t in row["templates"]}
documents = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)


@each(EXAMPLES)
@pytest.mark.anyio
async def test_documented_request_is_accepted(example: Example, make_client: MakeClient) -> None:
    answer = await example.submit(make_client(region=example.region))

    assert answer.status_code == 200
    example.assert_answered(example.submitted, answer.json())


@each(EXAMPLES)
@pytest.mark.anyio
async def test_documented_task_ends_as_documented(example: Example, make_client: MakeClient, clock: Any) -> None:
    answer = await example.run(make_client(region=example.region), clock)

    example.assert_answered(example.polled, answer)


@each(WIRE)
@pytest.mark.anyio
async def test_documented_http_answer_keeps_its_key_order(
    example: Example, make_client: MakeClient, clock: Any
) -> None:
    got = flat(await example.run(make_client(), clock))

    shown = flat(example.polled["body"])
    assert [key for key in got if key in shown] == [key for key in shown if key in got]


@each(REFUSED)
@pytest.mark.anyio
async def test_documented_refusal_is_given(example: Example, make_client: MakeClient) -> None:
    answer = await example.submit(make_client())

    assert answer.status_code == example.refused["status"]
    example.assert_answered(example.refused, answer.json())


@each(PICTURED)
@pytest.mark.anyio
async def test_documented_effects_work_with_their_models_only(
    example: Example, make_client: MakeClient, clock: Any
) -> None:
    http, model = make_client(region=example.region), example.request["model"]
    answers = {template: await example.submit(http, template=template) for template in EFFECTS}
    ids = {template: answer.json()["output"]["task_id"] for template, answer in answers.items()}

    clock.advance(seconds=SECONDS_TO["SUCCEEDED"])
    ends = {template: (await http.get(f"/api/v1/tasks/{task_id}")).json() for template, task_id in ids.items()}

    taken = {template for template, end in ends.items() if end["output"]["task_status"] == "SUCCEEDED"}
    assert taken == {template for template, models in EFFECTS.items() if model in models}


@documents
def test_document_says_what_it_is_and_where_each_part_stands(document: dict[str, Any]) -> None:
    head = document["document"]

    assert head["title"]
    assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", head["date"])
    assert all(entry["section"] for entry in entries_of(document))


@documents
def test_document_has_prompts_and_addresses_of_our_own(document: dict[str, Any]) -> None:
    written = [text for entry in entries_of(document) for text in texts(entry)]

    assert not [text for text in written if re.search(r"[\u3000-\u9fff\uff00-\uffef]{13}", text)]
    assert not [text for text in written if re.match(r"\w+://(?!example\.com/|dashscope-instant/made-up/)", text)]


def test_every_intended_difference_has_a_reason_and_is_used() -> None:
    used = {
        name for document in DOCUMENTS.values() for entry in entries_of(document) for name in entry.get("differs", [])
    }

    assert used == DIFFERENCES.keys()
    assert all(row["why"] for row in DIFFERENCES.values())


def test_every_model_has_a_documented_example(catalog: Catalog) -> None:
    specs = catalog.specs()
    aliases = {alias.name for spec in specs for alias in spec.aliases}

    assert {example.request["model"] for example in EXAMPLES.values()} == {spec.name for spec in specs} - aliases
