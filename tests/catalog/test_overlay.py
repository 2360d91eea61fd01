"""Family files of a user's own, laid over the catalogue: a good one works, a broken one is told in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakescope import Settings, create_app
from fakescope.catalog import Catalog, load
from fakescope.catalog import loader as loading
from fakescope.catalog.checks import check
from fakescope.cli import main
from fakescope.errors import CatalogError

OURS = (loading.HERE / "models" / "keyframes-to-video.toml").read_text("utf-8")
PATH = "/api/v1/services/aigc/video-generation/video-synthesis"

# A family with a row of nearly every sort, for tests that break one of them.
MINE = """
[family]
name     = "my-family"
title    = "Films of my own"
path     = "/api/v1/services/aigc/video-generation/video-synthesis"
mode     = "async"
problems = "task"
wording  = "worker"
basis    = "inferred"
checked  = 2026-11-21
source   = { document = "My notes" }
metrics  = false
constraints = [
  { kind = "one_of",      fields = ["input.prompt", "input.img_url"] },
  { kind = "ignored",     fields = ["parameters.tags"], is = { "parameters.style" = "plain" } },
  { kind = "most_of",     fields = ["parameters.tags"], value = "fox", limit = 1 },
  { kind = "most_chars",  fields = ["input.prompt"], limit = 90 },
  { kind = "same_length", fields = ["parameters.tags", "parameters.notes"] },
  { kind = "first_active", groups = [["parameters.seed"], ["parameters.style"]] },
]

[family.pace]
wait_s = [0, 1]
run_s  = [1, 2]
fail_s = [0, 0.5]
basis  = "inferred"

[family.media]
file    = "mp4"
results = "parameters.n"

[family.input]
prompt  = { kind = "text", max_chars = 80, too_long = "refuse" }
img_url = { kind = "media", media = "image", schemes = ["https"], formats = ["png"] }

[family.parameters]
n        = { kind = "integer", range = [1, 4], default = 1, says = { range = "value_range" } }
size     = { kind = "size", tiers = ["720P"], default = "1280*720" }
style    = { kind = "choice", values = ["plain", "fancy"], default = "plain" }
tags     = { kind = "list", item = { kind = "choice", values = ["fox", "owl"] }, count = [1, 3] }
notes    = { kind = "list", item = { kind = "text" }, count = [1, 3] }
duration = { kind = "integer", values = [5, 10], default = 5 }
seed     = { kind = "integer", range = [0, 9] }
box      = { kind = "box", ratios = ["1:1"], says = { range = "missing_or_invalid", ratio = "missing_or_invalid" } }
free     = { kind = "pixels", side_px = [64, 128], words = { S = "64*64" } }
files    = { kind = "assets", types = { a = [0, 1], b = [0, 1] }, schemes = ["https"] }

[family.tiers]
720P = ["1280*720", "720*1280"]

[family.output]
video_url = { fact = "result_url" }

[family.usage]
seconds = { fact = "output_seconds" }
width   = { fact = "width" }
style   = { value = "parameters.style", words = { plain = "p", fancy = "f" } }
rate    = { constant = 1.5 }

[shape.short]
seconds = { fact = "output_seconds" }

[[model]]
name    = "my-film-1.0"
aliases = [{ name = "my-film-sg", regions = ["singapore"] }]
regions = ["beijing"]
limits  = { submits = 2, per_s = 1, running = 2 }
free    = { output_seconds = 50 }
price   = [{ when = { lines = 720 }, cny_per_second = 0.10 }]
usage   = "short"

[[model]]
name    = "my-film-2.0"
regions = ["beijing"]
limits  = { submits = 2, per_s = 1 }
price   = [{ cny_per_second = 0.20, basis = "documented" }]
price_source = { document = "My price list" }
"""


def overlay(folder: Path, text: str | bytes) -> Path:
    file = folder / "mine.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def changed(text: str, old: str, new: str) -> str:
    assert old in text, "the example no longer has the passage that this test changes"
    return text.replace(old, new, 1)


# -- good ones


def test_overlay_adds_a_model(tmp_path: Path) -> None:
    file = overlay(tmp_path, OURS.replace('"wan2.2-kf2v-flash"', '"wan9.9-kf2v-flash"'))

    catalog = load(overlays=[file])

    added = catalog.find("wan9.9-kf2v-flash")
    assert added is not None
    assert added.path == "/api/v1/services/aigc/image2video/video-synthesis"
    assert "wan9.9-kf2v-flash" in catalog.names


def test_overlay_replaces_a_model_of_the_same_name(tmp_path: Path) -> None:
    file = overlay(tmp_path, OURS.replace("submits = 2", "submits = 7"))

    found = load(overlays=[file]).find("wan2.2-kf2v-flash")

    assert found is not None
    assert found.limits.submits == 7


def test_overlay_stays_when_others_of_the_family_are_read(tmp_path: Path) -> None:
    flash, _, _plus = OURS.rpartition("[[model]]")
    catalog = load(overlays=[overlay(tmp_path, flash.replace("submits = 2", "submits = 7"))])

    others = catalog.find("wanx2.1-kf2v-plus")
    found = catalog.find("wan2.2-kf2v-flash")

    assert others is not None
    assert found is not None
    assert (others.limits.submits, found.limits.submits) == (2, 7)


def test_of_two_overlays_the_later_counts(tmp_path: Path) -> None:
    (first := tmp_path / "first.toml").write_text(OURS.replace("submits = 2", "submits = 7"))
    second = overlay(tmp_path, OURS.replace("submits = 2", "submits = 8"))

    found = load(overlays=[first, second]).find("wan2.2-kf2v-flash")

    assert found is not None
    assert found.limits.submits == 8


@pytest.mark.anyio
async def test_overlay_serves_a_new_model_and_bills_a_new_price(tmp_path: Path, clock: Any) -> None:
    """A film of my own, and one of the vendor's at another price, from submission to ledger."""
    dearer = changed(OURS, "cny_per_second = 0.20", "cny_per_second = 0.99").replace("\r", "")
    (prices := tmp_path / "prices.toml").write_text(dearer)
    settings = Settings(seed=1, speed=inf, catalog=(str(overlay(tmp_path, MINE)), str(prices)))
    headers = {"Authorization": "Bearer sk-fake-test", "X-DashScope-Async": "enable"}
    transport = httpx.ASGITransport(create_app(settings, clock=clock))
    mine = {"model": "my-film-2.0", "input": {"prompt": "A fox"}, "parameters": {"n": 1}}
    frame = {"model": "wan2.2-kf2v-flash", "input": {"first_frame_url": "https://h/a.png"}}

    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as http:
        made = await http.post(PATH, json=mine)
        dear = await http.post("/api/v1/services/aigc/image2video/video-synthesis", json=frame)
        poll = (await http.get(f"/api/v1/tasks/{made.json()['output']['task_id']}")).json()
        film = await http.get(poll["output"]["video_url"])
        ledger = (await http.get("/_fakescope/ledger")).json()

    assert dear.status_code == 200, dear.text
    assert (film.status_code, film.headers["content-type"]) == (200, "video/mp4")
    assert poll["usage"] == {"seconds": 5, "width": 1280, "style": "p", "rate": 1.5}
    assert {"1.00", "4.95"} <= set(_texts(ledger))  # 5 s at 0.20, and 5 s at 0.99


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        return [text for part in (value.values() if isinstance(value, dict) else value) for text in _texts(part)]
    return [str(value)]


@pytest.mark.parametrize("command", [["models", "my-film-2.0", "--json"], ["explain", "input.prompt:one_of", "--json"]])
def test_commands_know_an_overlay(
    tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKESCOPE_CATALOG", str(overlay(tmp_path, MINE)))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as end:
        main(command)

    assert end.value.code in (0, None)
    assert "my-film-2.0" in str(json.loads(capsys.readouterr().out))


def test_what_is_asked_of_an_overlay_is_kept_by_every_model_of_ours(catalog: Catalog) -> None:
    texts = catalog.problems, catalog._texts.wordings

    for spec in catalog.specs():
        check([spec], "ours", catalog.service.regions, *texts)


# -- broken ones: what stands in the example, what stands there instead, and what is told of it

IMAGE = 'img_url = { kind = "media", media = "image", schemes = ["https"], formats = ["png"] }'
ONE_OF = 'kind = "one_of",      fields = ["input.prompt", "input.img_url"]'
N = 'n        = { kind = "integer", range = [1, 4], default = 1, says = { range = "value_range" } }'
LONG = "x" * 101

BROKEN: dict[str, tuple[str, str, str]] = {
    # keys that nobody knows, or that are not there
    "unknown key of the file": ("[family.pace]", "[x]\n[family.pace]", "mine.toml: unknown key x; known are"),
    "unknown key of the family": ("metrics  = false", "metric = false", "family: unknown key metric;"),
    "unknown key of a model": ("usage   = ", "usages = ", "model[0]: unknown key usages;"),
    "unknown key of free": (
        "{ output_seconds = 50 }",
        "{ output_seconds = 50, x = 1 }",
        "model[0].free: unknown key x",
    ),
    "free of what": ("{ output_seconds = 50 }", "{ films = 50 }", "model[0].free: output_seconds is missing"),
    "unknown key of limits": ("per_s = 1, running", "per_s = 1, runing", "model[0].limits: unknown key runing"),
    "unknown key of an alias": ('"singapore"] }', '"singapore"], x = 1 }', "model[0].aliases[0]: unknown key x"),
    "unknown key of a price": ("cny_per_second = 0.10", "cny_per_second = 0.10, x = 1", "price[0]: unknown key x"),
    "price per what": ("cny_per_second = 0.10", "cny_per_film = 0.10", "price[0]: cny_per_second is missing"),
    "unknown key of a field": ("max_chars = 80", "max_cars = 80", "input.prompt: unknown key max_cars"),
    "key of another kind": ('"box", ratios', '"fixed", ratios', "parameters.box: unknown key ratios"),
    "unknown key of an item": ('item = { kind = "text" }', 'item = { kind = "text", x = 1 }', "notes.item: unknown"),
    "unknown key of a source": ('{ document = "My notes" }', '{ document = "My notes", x = 1 }', "source: unknown key"),
    "family without a path": ("path     =", "# path =", "family: path is missing"),
    "family without a basis": ('basis    = "inferred"', "", "family: basis is missing"),
    "family without a source": ("source   =", "# source =", "family: source is missing; say where this stands"),
    "model without a name": ('name    = "my-film-2.0"', "", "model[1]: name is missing"),
    "model without regions": ('regions = ["beijing"]\nlimits  = { submits = 2, per_s = 1 }', "", "regions is missing"),
    "model without limits": ("limits  = { submits = 2, per_s = 1 }", "", "model[1]: limits is missing"),
    "field without a kind": ('{ kind = "text", max', "{ max", "input.prompt: kind is missing"),
    "list without an item": ('item = { kind = "text" }, ', "", "parameters.notes: item is missing"),
    "media without schemes": ('schemes = ["https"], f', "f", "input.img_url: schemes is missing"),
    # types
    "name is a number": ('name     = "my-family"', "name = 5", "family.name: 5 is not text"),
    "path is a list": ("path     = ", "path = [] # ", "family.path: [] is not text"),
    "family is a list": ("[family]\n", "[[family]]\n", "mine.toml"),
    "model is a table": ("[[model]]", "[model]", "mine.toml"),
    "regions are a text": ('regions = ["beijing"]', 'regions = "beijing"', "model[0].regions: 'beijing' is not a list"),
    "a region is a number": ('regions = ["beijing"]', "regions = [5]", "model[0].regions[0]: 5 is not text"),
    "says is a text": ('says = { range = "value_range" }', 'says = "x"', "parameters.n.says: 'x' is not a table"),
    "says a number": ('says = { range = "value_range" }', "says = { range = 5 }", "n.says.range: 5 is not text"),
    "values of a choice": ('values = ["plain", "fancy"]', "values = [1]", "style.values[0]: 1 is not text"),
    "values of an integer": ("values = [5, 10]", 'values = ["5"]', "duration.values[0]: '5' is not a whole number"),
    "true is no number": ("values = [5, 10]", "values = [true]", "duration.values[0]: True is not a whole number"),
    "bounds": ("range = [0, 9]", 'range = ["a", 9]', "parameters.seed.range: ['a', 9] is not [lowest, highest]"),
    "an end": ("range = [0, 9]", 'from = "a"', "parameters.seed.from: 'a' is not a whole number or a decimal"),
    "schemes": ('schemes = ["https"], f', "schemes = [1], f", "input.img_url.schemes[0]: 1 is not text"),
    "checked is a text": ("2026-11-21", '"today"', "family.checked: 'today' is not a date"),
    "free is a number": ("{ output_seconds = 50 }", "50", "model[0].free: 50 is not a table"),
    "free of a text": ("{ output_seconds = 50 }", '{ images = "50" }', "model[0].free.images: '50' is not a whole"),
    "money is a text": ("cny_per_second = 0.10", 'cny_per_second = "1"', "cny_per_second: '1' is not a decimal number"),
    "results is true": ('results = "parameters.n"', "results = true", "results: True is not a whole number or text"),
    "words of a size": ('words = { S = "64*64" }', "words = { S = 64 }", "free.words.S: 64 is not text"),
    "tiers": ('720P = ["1280*720", "720*1280"]', "720P = [1280]", "family.tiers.720P[0]: 1280 is not text"),
    "rows of an answer": ('video_url = { fact = "result_url" }', "video_url = 5", "output.video_url: 5 is not a table"),
    "a shape": (
        '[shape.short]\nseconds = { fact = "output_seconds" }',
        "[shape]\nshort = 5",
        "shape.short: 5 is not a",
    ),
    # words and names
    "unknown basis": ('basis    = "inferred"', 'basis = "rumoured"', "'rumoured' is not one of seen, documented"),
    "unknown kind": ('kind = "box"', 'kind = "crate"', "parameters.box.kind: 'crate' is not one of assets, boolean"),
    "unknown fact": ('{ fact = "width" }', '{ fact = "breadth" }', "width.fact: 'breadth' is not one of prompt"),
    "unknown wording": ('wording  = "worker"', 'wording = "workr"', "no wording 'workr'; did you mean worker?"),
    "unknown region": ('["singapore"]', '["singapur"]', "my-film-sg: regions: there is no region 'singapur'; did you"),
    "no region": (
        'regions = ["beijing"]',
        "regions = []",
        "model my-film-1.0: regions: are none; give some of beijing",
    ),
    "unknown shape": ('usage   = "short"', 'usage = "shrt"', "usage = 'shrt' is not a shape of this file: short"),
    "shape of the family's": (
        "[shape.short]",
        "[shape.usage]",
        "shape: usage is the family's own: write [family.usage]",
    ),
    "unknown tier": ('tiers = ["720P"]', 'tiers = ["4K"]', "tier 4K is not among the family's: 720P"),
    "unknown problem": (
        '"value_range"',
        '"value_rang"',
        "n.says.range: there is no problem 'value_rang'; did you mean",
    ),
    "unlike any problem": ('"value_range"', '"zzz"', "problem 'zzz'; `fakescope models --markdown` ends with a list"),
    "says of what cannot be": (
        "says = { range",
        "says = { rnge",
        "no mistake of kind integer 'rnge'; did you mean range?",
    ),
    "unknown field in when": ("when = { lines = 720 }", "when = { line = 720 }", "when.line is neither a fact nor a"),
    "unknown field that counts": ('"parameters.n"', '"parameters.m"', "parameters.m is not a field of this model; it"),
    "a name with a space": ('"my-film-2.0"', '"my film"', "name: 'my film' is no name; 1 to 100 characters"),
    "a name too long": ('"my-film-2.0"', f'"{LONG}"', "is no name; 1 to 100 characters without spaces"),
    "no name": ('"my-film-2.0"', '""', "name: '' is no name"),
    "a field's name": (IMAGE, IMAGE + "\n'a b' = { kind = 'text' }", "'a b' is no name of a field"),
    "an endpoint elsewhere": ("/api/v1/services/aigc/v", "/_fakescope/v", "path: '/_fakescope/video-generation/video-"),
    "two endpoints in one": (
        'mode     = "async"',
        f'sync_path = "{PATH}"\nmode = "async"',
        "sync_path: is path once more",
    ),
    # the same name twice
    "a model twice": ('"my-film-2.0"', '"my-film-1.0"', "model my-film-1.0: name: is in this file twice"),
    "an alias of itself": ('"my-film-sg"', '"my-film-1.0"', "model my-film-1.0: name: is in this file twice"),
    "an alias of another": ('"my-film-sg"', '"my-film-2.0"', "model my-film-2.0: name: is in this file twice"),
    # texts
    "no text for needs": (
        'schemes = ["https"] }',
        'schemes = ["https"], needs = ["a"] }',
        "has no text for 'needs'; name",
    ),
    "no text for apart": (
        'schemes = ["https"] }',
        'schemes = ["https"], apart = { a = ["b"] } }',
        "no text for 'apart'",
    ),
    "a text of another kind": (
        'range = "value_range"',
        'range = "field_choice"',
        "needs {quoted}, and kind integer has",
    ),
    "says between fields": (
        ONE_OF,
        f'{ONE_OF}, says = "nothing"',
        "one_of of input.prompt: wording 'worker' has no text",
    ),
    "sizes between fields": (ONE_OF, f'{ONE_OF}, says = "image_area"', "of input.prompt: the text of 'image_area'"),
    # rules between fields
    "rule without fields": (ONE_OF, 'kind = "one_of"', "constraints[0]: fields is missing"),
    "rule of no fields": (ONE_OF, 'kind = "one_of", fields = []', "constraints[0]: one_of needs fields"),
    "rule of one field": (ONE_OF, 'kind = "one_of", fields = ["input.prompt"]', "one_of: needs two fields or more"),
    "one field twice": (ONE_OF, ONE_OF.replace("img_url", "prompt"), "one_of: needs two fields or more"),
    "rule of an unknown field": (
        ONE_OF,
        ONE_OF.replace("img_url", "image"),
        "input.image is not a field of this model",
    ),
    "most_of without a value": ('value = "fox", limit', "limit", "constraints[2]: value is missing"),
    "most_of without a limit": ('value = "fox", limit = 1', 'value = "fox"', "constraints[2]: limit is missing"),
    "a limit of none": ("limit = 1 }", "limit = 0 }", "constraints[2].limit: 0 is not a whole number from 1 to"),
    "a value that cannot be": (
        'value = "fox"',
        'value = "fux"',
        "parameters.tags never has 'fux'; each of it is one of",
    ),
    "a condition that cannot be": (
        '= "plain" } }',
        '= "plan" } }',
        "parameters.style is never 'plan'; it takes one of",
    ),
    "a condition of two sorts": (
        'is = { "parameters.style" = "plain" }',
        'is = ["x"]',
        "constraints[1].is: ['x'] is not a",
    ),
    "a condition of no values": (
        '= "plain" } }',
        "= [] } }",
        "constraints[1]: is: parameters.style has no values; give",
    ),
    "a condition on a number": (
        'is = { "parameters.style" = "plain" }',
        "given = [5]",
        "constraints[1].given[0]: 5 is not",
    ),
    "characters of a list": (
        '"most_chars",  fields = ["input.prompt"]',
        '"most_chars", fields = ["parameters.tags"]',
        "most_chars: compares texts, and parameters.tags is of kind list",
    ),
    "lengths of a text": (
        '"parameters.notes"] }',
        '"input.prompt"] }',
        "compares lists, and input.prompt is of kind text",
    ),
    "a limit of nothing": (ONE_OF, f"{ONE_OF}, limit = 1", "constraints[0]: unknown key limit"),
    "groups of nothing": (ONE_OF, f'{ONE_OF}, groups = [["input.prompt"]]', "constraints[0]: unknown key groups"),
    "groups of texts": (
        '[["parameters.seed"], ["parameters.style"]]',
        '["parameters.seed"]',
        "groups[0]: 'parameters.seed' is not a list",
    ),
    "one group": ('[["parameters.seed"], ["parameters.style"]]', '[["parameters.seed"]]', "needs two groups or more"),
    "an empty group": ('["parameters.seed"], [', "[], [", "constraints[5]: first_active needs fields"),
    "a group at times": (
        'groups = [["parameters.seed"]',
        'given = ["input.prompt"], groups = [["parameters.seed"]',
        "unknown key given",
    ),
    "rule of an unknown basis": (ONE_OF, f'{ONE_OF}, basis = "x"', "constraints[0].basis: 'x' is not one of seen"),
    # numbers that make no sense
    "no submissions": (
        "limits  = { submits = 2, per_s = 1 }",
        "limits = { submits = 0, per_s = 1 }",
        "submits: 0 is not a whole number from 1",
    ),
    "millions at once": (
        "running = 2",
        "running = 2_000_000",
        "running: 2000000 is not a whole number from 1 to 10000",
    ),
    "a negative pace": ("wait_s = [0, 1]", "wait_s = [-1, 1]", "pace.wait_s: [-1.0, 1.0] is not within 0 to 86400"),
    "an endless pace": ("run_s  = [1, 2]", "run_s = [1, inf]", "inf is no number that a catalogue can hold"),
    "no number at all": ("run_s  = [1, 2]", "run_s = [1, nan]", "nan is no number that a catalogue can hold"),
    "too large a number": ("run_s  = [1, 2]", "run_s = [1, 1e99]", "1e99 is no number that a catalogue can hold"),
    "a range upside down": ("range = [0, 9]", "from = 9, to = 1", "parameters.seed: nothing is from 9 to 1"),
    "texts of no length": ("max_chars = 80", "max_chars = 0", "input.prompt.max_chars: 0 is not a whole number from 1"),
    "a negative price": (
        "cny_per_second = 0.10",
        "cny_per_second = -0.10",
        "price: -0.10 is not from 0 to 1000000 CNY",
    ),
    "less than nothing free": ("{ output_seconds = 50 }", "{ output_seconds = -1 }", "free: -1 is less than nothing"),
    "too many results": (
        'results = "parameters.n"',
        "results = 1_000_000",
        "media.results: 1000000 is not from 1 to 100",
    ),
    "a whole number too long": ("range = [0, 9]", f"to = {'9' * 30}", "parameters.seed.to: 9999"),
    "a default that breaks its rule": ("default = 5 }", "default = 6 }", "the default 6 breaks its own rule (choice)"),
    # answers that could not be made
    "as many as may be missing": (
        N,
        'n = { kind = "integer", range = [1, 4] }',
        "parameters.n does not count: it needs",
    ),
    "as many as a text says": (N, 'n = { kind = "text", default = "x" }', "parameters.n does not count: it needs kind"),
    "as many as you like": (
        N,
        'n = { kind = "integer", default = 1 }',
        "parameters.n may be more than 100; give it a range",
    ),
    "length unknown": (", default = 5 }", " }", "seconds: nothing says how long a result is; give media.seconds"),
    "length of a text": (
        'duration = { kind = "integer", values = [5, 10], default = 5 }',
        'duration = { kind = "text" }',
        "and seconds are a number",
    ),
    "length of a prompt": (
        'file    = "mp4"',
        'file = "mp4"\nseconds = ["input.prompt"]',
        "media.seconds: input.prompt has no files",
    ),
    "lines of nothing": ("720P = [", "HD = [", "mine.toml"),
    "width of anything": (
        'size     = { kind = "size", tiers = ["720P"], default = "1280*720" }',
        'size = { kind = "choice", values = ["any"], default = "any" }',
        "width: 'any' is not width*height",
    ),
    "width of nothing": (', default = "1280*720"', "", "width and height need parameters.size as a size that is"),
    "a size that is none": ('"1280*720", "720*1280"]', '"1280*720", "big"]', "size.tiers: 'big' is not width*height"),
    "a word that is no size": ('S = "64*64"', 'S = "small"', "free.words.S: 'small' is not width*height"),
    "a ratio that is none": ('ratios = ["1:1"]', 'ratios = ["square"]', "box.ratios: 'square' is not width:height"),
    "a link to nothing": ('file    = "mp4"', 'file = "none"', "output.video_url: result_url needs a result"),
    "a word that is missing": (
        'words = { plain = "p", fancy = "f" }',
        'words = { plain = "p" }',
        "fancy of parameters.style",
    ),
    "words for a number": ('value = "parameters.style"', 'value = "parameters.n"', "parameters.n may have no word"),
    "a text as a number": (
        '{ fact = "width" }',
        '{ fact = "result_url", as = "integer" }',
        "result_url is no number; leave",
    ),
    "seconds of a text": (
        '{ fact = "width" }',
        '{ seconds_of = "input.prompt" }',
        "input.prompt is no file; seconds_of needs",
    ),
    "a date in an answer": (
        "{ constant = 1.5 }",
        "{ constant = 2026-11-21 }",
        "usage.rate: '2026-11-21' is nothing that JSON",
    ),
    "many digits in an answer": ("{ constant = 1.5 }", f"{{ constant = {'9' * 30} }}", "larger than 64 bits hold"),
    "each of an object": (
        "[family.output]",
        "[family.output]\neach = true",
        "output is one object: each and wrap belong",
    ),
    "types of nothing": ("types = { a = [0, 1], b = [0, 1] }", "types = {}", "parameters.files.types: are none; write"),
    "needs of nothing": (
        'schemes = ["https"] }',
        'schemes = ["https"], needs = ["c"] }',
        "there is no type 'c'; known are a, b",
    ),
    "apart of numbers": (
        'schemes = ["https"] }',
        'schemes = ["https"], apart = { a = [5] } }',
        "apart.a[0]: 5 is not text",
    ),
    "an unknown scheme": (
        'schemes = ["https"], f',
        'schemes = ["gopher"], f',
        "['gopher'] are not some of http, https, oss",
    ),
    # a key may hold anything
    "a line end in a key": ("[family.tiers]", '[family."x\\ny"]\n[family.tiers]', r"unknown key x\ny"),
    "a very long value": ('title    = "Films of my own"', f"title = [{'5,' * 5000}]", "5, 5... is not text"),
    "one of many in one": (
        "[family.output]",
        f"[family.output]\n{'a.' * 100}b = {{ constant = 1 }}",
        "is nested more than",
    ),
    "too many in one": (
        "[family.output]",
        f"[family.output]\n{'a.' * 3000}b = {{ constant = 1 }}",
        "nested too deeply",
    ),
}


def assert_one_line(message: str, what: str) -> None:
    assert "mine.toml" in message
    assert what in message
    assert message.isprintable()
    assert len(message) <= 1_000


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_overlay_is_told_in_one_line_and_changes_nothing(catalog: Catalog, tmp_path: Path, name: str) -> None:
    old, new, what = BROKEN[name]
    before = list(catalog.names)

    with pytest.raises(CatalogError) as error:
        catalog.lay_over(overlay(tmp_path, changed(MINE, old, new)))

    assert_one_line(str(error.value), what)
    assert list(catalog.names) == before


def test_the_example_that_is_broken_above_is_good(tmp_path: Path) -> None:
    assert len(BROKEN) >= 60
    assert load(overlays=[overlay(tmp_path, MINE)]).find("my-film-sg") is not None


FILES: dict[str, tuple[str | bytes, str]] = {
    "an empty file": ("", "family is missing"),
    "a family without models": (MINE.partition("[[model]]")[0], "no model; a family needs at least one [[model]]"),
    "not TOML": (MINE + "\nnot toml", "not TOML: Expected '=' after a key"),
    "a key twice": (MINE + '\nname = "again"', "not TOML: Cannot overwrite a value"),
    "not UTF-8": (MINE.encode() + b"\n# \xff\xfe", "not UTF-8 at byte"),
    "UTF-16": (MINE.encode("utf-16"), "not UTF-8 at byte 0; save it in that encoding"),
    "five megabytes": ("# a long story\n" * 350_000, "larger than 1048576 bytes, which no family file is"),
    "brackets": ("x = " + "[" * 100_000, "cannot be read"),
    "digits": ("x = " + "9" * 10_000, "cannot be read"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(200), "not UTF-8 at byte 0"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_family_is_told_in_one_line(catalog: Catalog, tmp_path: Path, name: str) -> None:
    text, what = FILES[name]

    with pytest.raises(CatalogError) as error:
        catalog.lay_over(overlay(tmp_path, text))

    assert_one_line(str(error.value), what)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda _file: None, "No such file or directory"),
        (lambda file: file.mkdir(), "Is a directory"),
        (lambda file: file.symlink_to(file), "Too many levels of symbolic links"),
    ],
    ids=["no file", "a directory", "a link to itself"],
)
def test_a_file_that_cannot_be_opened_is_told_in_one_line(
    tmp_path: Path, make: Callable[[Path], None], what: str
) -> None:
    make(file := tmp_path / "mine.toml")

    with pytest.raises(CatalogError) as error:
        load(overlays=[file])

    assert_one_line(str(error.value), what)


@pytest.mark.parametrize("command", ["serve", "models", "explain"])
def test_the_command_line_says_it_and_ends_with_status_2(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKESCOPE_CATALOG", str(overlay(tmp_path, changed(MINE, '"value_range"', '"value_rang"'))))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as end:
        main([command, *["one_of"] * (command == "explain")])

    printed = capsys.readouterr()
    assert (end.value.code, printed.out) == (2, "")
    assert printed.err == (
        "fakescope: mine.toml: model my-film-1.0: parameters.n.says.range: there is no problem 'value_rang'; "
        "did you mean value_range?\n"
    )
