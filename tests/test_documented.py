"""Every request and answer that the vendor's documents show, as data in fixtures/documented/ (see its README).

A request is sent as it stands, its task (if it gets one) runs to its documented end, and both answers are compared with
the documented ones: the same keys, JSON types and values. What differs on purpose is listed there with a reason;
nothing else may.
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
UNDOCUMENTED = DOCUMENTS.pop("undocumented")["models"]
ENTRIES = ("answer", "example", "refused", "left_out", "effects")

# A task waits up to 15 seconds and runs for up to 10 minutes; 24 hours after its submission it is not known any more.
SECONDS_TO = {"RUNNING": 620, "SUCCEEDED": 620, "FAILED": 620, "UNKNOWN": 86_400}

TEXTS = {
    "<id>": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<time>": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}",
    "<second>": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "<link>": r"https?://[^?]+\.mp4\?Expires=\d+&\S+",
    "<picture>": r"https?://[^?]+\.(png|jpg)\?Expires=\d+&\S+",
    "<rewritten>": r".+",
    "<any>": r".+",
    "<made>": r"AACT\..+",
}
NUMBERS: dict[str, tuple[type, ...]] = {"<count>": (int,), "<seconds>": (float,), "<length>": (int, float)}


class Example:
    """A documented request and the answers it names: `submitted` and `polled`, one to both, or `refused`."""

    def __init__(self, document: dict[str, Any], entry: dict[str, Any]) -> None:
        def answer(step: str, usage: dict[str, Any], differs: list[str]) -> Any:
            found = document["answer"][entry[step]] if step in entry else {"body": {}}
            return found | {"body": found["body"] | usage, "differs": found.get("differs", []) + differs}

        differs = entry.get("differs", [])
        usage = {"usage": entry["usage"]} if "usage" in entry else {}
        self.at_once = "answered" in entry
        self.request = entry["request"]
        self.path: str = entry.get("path", document["document"]["path"])
        self.headers = ({} if self.at_once else {"X-DashScope-Async": "enable"}) | entry.get("headers", {})
        self.region: str = entry.get("region", "beijing")
        self.polled = answer("answered" if self.at_once else "polled", usage, differs)
        self.submitted = self.polled if self.at_once else answer("submitted", {}, [])
        self.before = [Example(document, e) for e in document.get("example", []) if e["name"] == entry.get("after")]
        self.refused = {"status": entry.get("status"), "body": entry.get("answer"), "differs": differs}
        self.succeeds = self.polled["body"].get("output", {}).get("task_status") == "SUCCEEDED"
        self.shown: bool = entry["shown"]
        self.shows_the_wire = entry["shown"] and entry.get("client") == "curl" and "any_order" not in self.polled

    async def submit(self, http: httpx.AsyncClient, clock: Any, **inputs: str) -> httpx.Response:
        """Send the request, with these in its input as well, after the one that makes what it needs."""
        made = {key: value for e in self.before for key, value in (await e.run(http, clock))["output"].items()}
        body = self.request | {"input": self.request["input"] | inputs}
        return await http.post(self.path, json=sendable(body, made), headers=self.headers)

    async def run(self, http: httpx.AsyncClient, clock: Any) -> Any:
        """What is answered at once, or to a query when the task has come to its documented end."""
        answer = (await self.submit(http, clock)).json()
        if self.at_once:
            return answer
        task_id = answer["output"]["task_id"]
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
    if isinstance(expected, str) and expected.startswith("<"):
        return None if stands_for(expected, value) else "other value"
    if type(expected) is type(value):
        return None if expected == value else "other value"
    return "other type" if str(expected).removesuffix(".0") == str(value) else "other value"


def stands_for(word: str, value: Any) -> bool:
    """Whether the word in angle brackets may stand for the value."""
    if word in TEXTS:
        return isinstance(value, str) and re.fullmatch(TEXTS[word], value, re.DOTALL) is not None
    if word in NUMBERS:
        return type(value) in NUMBERS[word] and value > 0
    return word == "<box>" and isinstance(value, list) and [type(side) for side in value] == [int] * 4


def flat(value: Any, at: str = "") -> dict[str, Any]:
    """Dotted key → value, in the order of the keys. An entry of a list has its number; numbers stay together."""
    if isinstance(value, dict):
        parts: list[tuple[Any, Any]] = list(value.items())
    elif isinstance(value, list) and not all(isinstance(part, int) for part in value):
        parts = list(enumerate(value))
    else:
        return {at: value}
    return {key: leaf for name, part in parts for key, leaf in flat(part, f"{at}.{name}".strip(".")).items()}


def sendable(value: Any, made: dict[str, Any]) -> Any:
    """A request with its words in angle brackets replaced by what they stand for: some were made by another task."""
    if isinstance(value, dict):
        return {key: sendable(part, made) for key, part in value.items()}
    if isinstance(value, list):
        return [sendable(part, made) for part in value]
    if value == "<null>":
        return None
    if isinstance(value, str) and (key := re.fullmatch(r"<made (\w+)>", value)):
        return made[key[1]]
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
EXAMPLES, REFUSED, LEFT_OUT = named("example"), named("refused"), named("left_out")
TASKS = {name: e for name, e in EXAMPLES.items() if not e.at_once}
WIRE = {name: e for name, e in EXAMPLES.items() if e.shows_the_wire and e.polled["shown"]}
TAKES_EFFECTS = ("image-to-video-", "keyframes-to-video-")
PICTURED = {e.request["model"]: e for name, e in EXAMPLES.items() if name.startswith(TAKES_EFFECTS) and e.succeeds}
EFFECTS = {t: row["models"] for row in DOCUMENTS["video-effects-2026-02"]["effects"] for t in row["templates"]}
documents = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)


@each(EXAMPLES)
@pytest.mark.anyio
async def test_documented_request_is_accepted(example: Example, make_client: MakeClient, clock: Any) -> None:
    answer = await example.submit(make_client(region=example.region), clock)

    assert answer.status_code == 200
    example.assert_answered(example.submitted, answer.json())


@each(TASKS)
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
async def test_documented_refusal_is_given(example: Example, make_client: MakeClient, clock: Any) -> None:
    answer = await example.submit(make_client(), clock)

    assert answer.status_code == example.refused["status"]
    example.assert_answered(example.refused, answer.json())


@each(LEFT_OUT)
@pytest.mark.anyio
async def test_documented_request_that_is_left_out_is_refused(
    example: Example, make_client: MakeClient, clock: Any
) -> None:
    answer = await example.submit(make_client(), clock)

    assert answer.status_code == 400


@each(PICTURED)
@pytest.mark.anyio
async def test_documented_effects_work_with_their_models_only(
    example: Example, make_client: MakeClient, clock: Any
) -> None:
    http, model = make_client(region=example.region), example.request["model"]
    answers = {template: await example.submit(http, clock, template=template) for template in EFFECTS}
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
    first_name = {alias.name: spec.name for spec in catalog.specs() for alias in spec.aliases}
    sent = {first_name.get(e.request["model"], e.request["model"]) for e in EXAMPLES.values()}
    shown = {first_name.get(e.request["model"], e.request["model"]) for e in EXAMPLES.values() if e.shown}

    assert sent == catalog.names - first_name.keys()
    assert sent - shown == {model for row in UNDOCUMENTED for model in row["names"]}
    assert all(row["why"] for row in UNDOCUMENTED)
