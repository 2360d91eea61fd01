"""The most that a submission can cost: by hand for a few, and never less than what the simulator sends a bill for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakescope.catalog import load
from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.pricing import dearest, most_it_costs
from fakescope_contracts.strategies import valid_bodies

SPECS = {spec.name: spec for spec in load().specs()}
NOT_KNOWN = {
    *("image-erase-completion", "image-instance-segmentation", "shoemodel-v1", "virtualmodel-v2"),  # not for sale
    *("wanx-poster-generation-v1", "wanx-virtualmodel", "wanx-x-painting"),
    *("emoji-detect-v1", "emoji-v1"),  # no document has a price
}


def body(model: str, parameters: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {"model": model, "input": given, "parameters": parameters}


FILMS = ["https://example.com/a.mp4"] * 3


@pytest.mark.parametrize(
    ("asked", "cny"),
    [
        # seconds by the price of the tier
        (body("wan2.6-t2v", {"size": "1280*720", "duration": 10}, prompt="a"), "6.00"),
        (body("wan2.6-t2v", {}, prompt="a"), "5.00"),
        (body("wan2.2-t2v-plus", {"size": "624*624"}, prompt="a"), "0.70"),
        (body("wan2.6-i2v-flash", {"resolution": "720P", "duration": 10, "audio": False}, img_url=FILMS[0]), "1.50"),
        # pictures by their number
        (body("wan2.2-t2i-plus", {"n": 3}, prompt="a"), "0.60"),
        (body("wan2.2-t2i-plus", {}, prompt="a"), "0.80"),
        # the videos given: five seconds at most for all, and the fifteen made
        (body("wan2.6-r2v", {"size": "1280*720", "duration": 10}, reference_urls=FILMS), "9.00"),
        # wrong, or not to be trusted: the dearest that the field could mean
        (body("wan2.2-t2i-plus", {"n": "a few"}, prompt="a"), "0.80"),
        (body("wan2.2-t2i-plus", {"n": 9}, prompt="a"), "1.80"),
        (body("wan2.2-t2i-plus", {"n": "9"}, prompt="a"), "1.80"),
        (body("wan2.2-t2v-plus", {"size": "9*9"}, prompt="a"), "3.50"),
        (body("wan2.6-t2v", {"size": "1280*720", "duration": 99}, prompt="a"), "59.40"),
        # as long as a file may be: 60 s at the dearer of the two boxes
        (body("emo-v1", {}, audio_url=FILMS[0]), "9.60"),
    ],
)  # fmt: skip
def test_a_submission_costs_at_most_what_was_worked_out_by_hand(asked: dict[str, Any], cny: str) -> None:
    assert most_it_costs(SPECS[asked["model"]], "beijing", asked) == Decimal(cny)


def test_what_has_no_price_costs_nobody_knows_what() -> None:
    assert {name for name, spec in SPECS.items() if dearest(spec, "beijing") is None} == NOT_KNOWN


def test_the_dearest_is_all_that_can_be_asked_for() -> None:
    assert dearest(SPECS["wan2.2-t2i-plus"], "beijing") == Decimal("0.80")  # 4 pictures at 0.20
    assert dearest(SPECS["wan2.6-t2v"], "beijing") == Decimal("15.00")  # 15 s at 1.00


@pytest.mark.parametrize("spec", [s for s in SPECS.values() if s.name not in NOT_KNOWN], ids=lambda spec: spec.name)
def test_no_bill_is_higher_than_the_most_that_was_said(spec: ModelSpec, desk: Any) -> None:
    region, reference = spec.regions[0], desk.reference(spec)
    each = min(price.cny for price in spec.prices)  # of models that answer at once

    @settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(valid_bodies(spec, reference))
    def holds(drawn: dict[str, Any]) -> None:
        (end,) = desk.ends(spec, [drawn])
        billed = Decimal(end.shown["cost_cny"]) if end.shown else each * end.answer["usage"]["image_count"]
        for most in (most_it_costs(spec, region, drawn), dearest(spec, region)):
            assert most is not None
            assert 0 <= billed <= most

    holds()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(set(SPECS) - NOT_KNOWN)), st.data())
def test_any_body_at_all_has_a_price_or_none_and_never_a_traceback(model: str, data: st.DataObject) -> None:
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["n", "duration", "size", "media", "type", "audio", "resolution"]), inner)
        ),
        max_leaves=8,
    )
    given_ = data.draw(st.fixed_dictionaries({"input": anything, "parameters": anything}))

    cny = most_it_costs(SPECS[model], "beijing", {"model": model, **given_})

    assert cny is None or cny >= 0
