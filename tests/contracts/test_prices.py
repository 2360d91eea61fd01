"""What a task costs: exactly one price for everything that can be asked for, and bills worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Any, NamedTuple

import pytest

from fakescope.catalog import load
from fakescope.catalog.rules import Boolean
from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.values import accepted

SPECS = {spec.name: spec for spec in load().specs()}
FREE = {
    "image-erase-completion",
    "image-instance-segmentation",
    "shoemodel-v1",
    "virtualmodel-v2",
    "wanx-poster-generation-v1",
    "wanx-virtualmodel",
    "wanx-x-painting",
}
PRICE_UNKNOWN = {"emoji-detect-v1", "emoji-v1"}

LINES = {
    480: ("832*480", "480*832", "624*624", "480P"),
    720: ("1280*720", "720*1280", "960*960", "1088*832", "832*1088", "720P"),
    1080: ("1920*1080", "1080*1920", "1440*1440", "1632*1248", "1248*1632", "1080P"),
}
LINES_OF = {text: lines for lines, texts in LINES.items() for text in texts}
BOXES: dict[str, list[int]] = {"1:1": [0, 0, 100, 100], "3:4": [0, 0, 75, 100]}


class Bill(NamedTuple):
    """What was sent beyond what the model needs, what is billed by hand (`units` × `price`), and where it shows.

    Without `units` a file decides how long the result is; the answer's own number is taken.
    """

    model: str
    given: dict[str, Any]
    key: str
    price: str
    units: str = ""


FILMS = [f"https://example.com/{n}.mp4" for n in "abc"]
MIXED = [FILMS[0], "https://example.com/a.png"]
PICTURES = ["https://example.com/a.png", "https://example.com/b.png"]

BILLS = [
    # per second, by size or tier
    Bill("wan2.6-t2v", {"size": "1280*720", "duration": 10}, "duration", "0.60", "10"),
    Bill("wan2.6-t2v", {}, "duration", "1.00", "5"),
    Bill("wan2.2-t2v-plus", {"size": "624*624"}, "video_duration", "0.14", "5"),
    Bill("wan2.2-i2v-flash", {}, "duration", "0.20", "5"),
    Bill("wan2.2-i2v-flash", {"resolution": "480P"}, "duration", "0.10", "5"),
    Bill("wan2.2-i2v-plus", {}, "duration", "0.70", "5"),
    Bill("wan2.2-i2v-plus", {"resolution": "480P"}, "duration", "0.14", "5"),
    Bill("wanx2.1-i2v-turbo", {"resolution": "480P", "duration": 3}, "video_duration", "0.24", "3"),
    Bill("wanx2.1-i2v-plus", {}, "video_duration", "0.70", "5"),
    Bill("wan2.2-kf2v-flash", {"resolution": "480P"}, "video_duration", "0.10", "5"),
    Bill("wan2.2-kf2v-flash", {}, "video_duration", "0.20", "5"),
    Bill("wan2.2-kf2v-flash", {"resolution": "1080P"}, "video_duration", "0.48", "5"),
    Bill("wanx2.1-kf2v-plus", {}, "video_duration", "0.70", "5"),
    # with sound and without
    Bill("wan2.6-i2v-flash", {"resolution": "720P", "duration": 15}, "duration", "0.30", "15"),
    Bill("wan2.6-i2v-flash", {"duration": 10, "audio": False}, "duration", "0.25", "10"),
    # seconds given and seconds made: five seconds shared by all references, pictures are free
    Bill("wan2.6-r2v", {"size": "1280*720", "reference_urls": [*FILMS, *PICTURES]}, "duration", "0.60", "8"),
    Bill("wan2.6-r2v", {"reference_urls": [FILMS[0], *PICTURES]}, "duration", "1.00", "6.65"),
    Bill("wan2.6-r2v", {"reference_urls": FILMS, "duration": 10}, "duration", "1.00", "14.95"),
    Bill("wan2.6-r2v", {"reference_urls": PICTURES, "duration": 2}, "duration", "1.00", "2"),
    Bill("wan2.6-r2v-flash", {"size": "960*960", "audio": False, "reference_urls": MIXED}, "duration", "0.15", "7.5"),
    # as long as a file
    Bill("emo-v1", {"ext_bbox": BOXES["1:1"]}, "video_duration", "0.08"),
    Bill("emo-v1", {"ext_bbox": BOXES["3:4"]}, "video_duration", "0.16"),
    Bill("wan2.2-animate-move", {"mode": "wan-std"}, "video_duration", "0.4"),
    Bill("wan2.2-animate-move", {"mode": "wan-pro"}, "video_duration", "0.6"),
    Bill("wan2.2-animate-mix", {"mode": "wan-std"}, "video_duration", "0.6"),
    Bill("wan2.2-animate-mix", {"mode": "wan-pro"}, "video_duration", "0.9"),
    Bill("wan2.2-s2v", {}, "duration", "0.5"),
    Bill("wan2.2-s2v", {"resolution": "720P"}, "duration", "0.9"),
    Bill("animate-anyone-gen2", {}, "video_duration", "0.08"),
    Bill("animate-anyone-template-gen2", {"video_url": FILMS[0]}, "video_duration", "0.08"),
    Bill("liveportrait", {}, "video_duration", "0.02"),
    Bill("videoretalk", {}, "video_duration", "0.08"),
    Bill("video-style-transform", {}, "duration", "0.5"),
    Bill("video-style-transform", {"min_len": 540}, "duration", "0.2"),
    # per image
    Bill("wanx2.1-imageedit", {"n": 3}, "image_count", "0.14", "3"),
    Bill("wanx-background-generation-v2", {"n": 4}, "image_count", "0.08", "4"),
    Bill("wanx-style-repaint-v1", {}, "image_count", "0.12", "1"),
    Bill("image-out-painting", {}, "image_count", "0.18", "1"),
    Bill("wan2.7-image", {"n": 2}, "image_count", "0.20", "2"),
    Bill("wan2.7-image-pro", {"n": 3}, "image_count", "0.50", "3"),
    Bill("qwen-image-edit-plus", {"n": 6}, "image_count", "0.20", "6"),
    # per picture looked at, whatever is found
    Bill("emo-detect-v1", {}, "image_count", "0.004", "1"),
    Bill("liveportrait-detect", {}, "image_count", "0.004", "1"),
    Bill("wan2.2-s2v-detect", {}, "image_count", "0.004", "1"),
    Bill("animate-anyone-detect-gen2", {}, "image_count", "0.004", "1"),
]  # fmt: skip


def with_values(spec: ModelSpec, body: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The body with these values, by the names of their fields."""
    for at, (where, name) in enumerate(spec.places):
        if name in values:
            body.setdefault(where, {})[name] = values[name]
            if spec.fields[at].path == "input.reference_urls":
                body["input"].pop("reference_video_urls", None)
    return body


@pytest.mark.parametrize("bill", BILLS, ids=lambda bill: f"{bill.model}-{bill.price}-{bill.units}")
def test_bill_is_as_worked_out_by_hand(bill: Bill, new_desk: Any) -> None:
    desk, spec = new_desk, SPECS[bill.model]
    body = with_values(spec, smallest_body(spec, desk.reference(spec)), bill.given)

    (end,) = desk.ends(spec, [body])

    shown = Decimal(str(desk.answer(spec, end)["usage"][bill.key]))
    assert shown == Decimal(bill.units or shown)
    assert shown > 0
    ledger = desk.get(spec, "/_fakescope/ledger")["models"][bill.model]
    assert Decimal(ledger["cost_cny"]) == shown * Decimal(bill.price)
    assert (ledger["succeeded"], ledger["unpriced"]) == (1, 0)


# -- everything that is sold


def priced_by(spec: ModelSpec, key: str) -> str:
    """The field that decides what a price depends on."""
    names = {"lines": "parameters.resolution", "sound": "parameters.audio", "box_ratio": "input.ext_bbox"}
    path = names.get(key, key)
    return path if path in spec.position else "parameters.size"


def facts_of(key: str, value: Any) -> Any:
    """What the price depends on, from the value of that field, as the documents' tables of sizes and tiers have it."""
    if key == "lines":
        return LINES_OF[value]
    return next(ratio for ratio, box in BOXES.items() if box == value) if key == "box_ratio" else value


@pytest.mark.parametrize("spec", [s for s in SPECS.values() if s.prices], ids=lambda spec: spec.name)
def test_everything_that_is_sold_has_exactly_one_price(spec: ModelSpec, desk: Any) -> None:
    keys = list(dict.fromkeys(key for price in spec.prices for key in price.when))
    fields = [spec.fields[spec.position[priced_by(spec, key)]] for key in keys]
    values = [
        list(BOXES.values()) if key == "box_ratio" else accepted(f.rule) for key, f in zip(keys, fields, strict=True)
    ]
    reference = desk.reference(spec)

    for chosen in product(*values):
        facts = {key: facts_of(key, value) for key, value in zip(keys, chosen, strict=True)}
        for region in reversed(spec.regions):  # the first is the one that is asked
            prices = [price for price in spec.prices_in(region) if price.when.items() <= facts.items()]
            assert len(prices) == 1, (region, facts)
        body = with_values(
            spec, smallest_body(spec, reference), {f.name: v for f, v in zip(fields, chosen, strict=True)}
        )
        (end,) = desk.ends(spec, [body])
        usage = desk.answer(spec, end)["usage"]
        billed = (
            usage.get("duration", usage.get("video_duration")) if prices[0].unit == "second" else usage["image_count"]
        )
        if end.shown is not None:
            assert Decimal(end.shown["cost_cny"]) == prices[0].cny * Decimal(str(billed)), facts


@pytest.mark.parametrize("model", sorted(FREE | PRICE_UNKNOWN))
def test_what_cannot_be_bought_costs_nothing_and_is_counted(model: str, new_desk: Any) -> None:
    desk, spec = new_desk, SPECS[model]

    desk.ends(spec, [smallest_body(spec)])

    ledger = desk.get(spec, "/_fakescope/ledger")
    assert ledger == {"cost_cny": "0", "models": {model: {"succeeded": 1, "cost_cny": "0", "unpriced": 1}}}


def test_every_model_has_a_price_or_a_reason_to_have_none() -> None:
    assert {name for name, spec in SPECS.items() if not spec.prices} == FREE | PRICE_UNKNOWN


def test_sizes_and_switches_are_the_only_things_that_prices_depend_on() -> None:
    kinds = {key for spec in SPECS.values() for price in spec.prices for key in price.when}

    assert kinds == {"lines", "sound", "box_ratio", "parameters.mode", "parameters.min_len", "parameters.prompt_extend"}
    assert all(isinstance(s.fields[s.position["parameters.audio"]].rule, Boolean) for s in SPECS.values()
               if any("sound" in price.when for price in s.prices))  # fmt: skip
