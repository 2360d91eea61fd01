"""Rules of several parts: lists, boxes, messages and lists of assets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.catalog.rules import (
    Assets,
    Bounds,
    Box,
    Choice,
    Integer,
    ListRule,
    MediaRule,
    Messages,
    Rule,
    Text,
    details,
)

PICTURE, FILM = "https://example.com/a.png", "https://example.com/a.mp4"
FILE = MediaRule(media="image", schemes=("http", "https"))


def a_list(**differs: Any) -> ListRule:
    chosen: dict[str, Any] = {"item": FILE, "bounds": Bounds(1, 3)} | differs
    return ListRule(**chosen)


def a_message(*content: Any) -> list[Any]:
    return [{"role": "user", "content": list(content)}]


def messages(images: Bounds | None = None, most: int | None = None) -> Messages:
    return Messages(text=Text(max_chars=most, too_long="cut"), image=FILE, images=images or Bounds(1, 4))


def assets(**differs: Any) -> Assets:
    types = {"first_frame": Bounds(0, 1), "reference_image": Bounds(0, 3), "reference_video": Bounds(0, 3)}
    chosen: dict[str, Any] = {"url": FILE, "types": types, "count": Bounds(1, 5)} | differs
    return Assets(**chosen)


def an_asset(kind: Any, url: Any = PICTURE) -> dict[str, Any]:
    return {"type": kind, "url": url}


# -- list


@pytest.mark.parametrize(("count", "mistake"), [(0, "count"), (1, None), (3, None), (4, "count")])
def test_list_has_as_many_items_as_allowed(count: int, mistake: str | None) -> None:
    assert a_list().check([PICTURE] * count) == mistake


def test_list_that_may_be_too_long_is_cut() -> None:
    rule = ListRule(item=Choice(values=("a", "b", "c")), bounds=Bounds(1, 2), too_many="cut")

    assert rule.check(["a", "b", "c"]) is None
    assert rule.accept(["a", "b", "c"]) == ["a", "b"]
    assert rule.check([]) == "count"


def test_list_without_bounds_has_any_number_of_items() -> None:
    rule = a_list(bounds=Bounds())

    assert rule.check([]) is None
    assert rule.accept([PICTURE] * 100) == [PICTURE] * 100


@pytest.mark.parametrize("value", [PICTURE, {"0": PICTURE}, 5, True], ids=repr)
def test_list_takes_nothing_but_a_list(value: object) -> None:
    assert a_list().check(value) == "type"


@pytest.mark.parametrize(
    ("items", "mistake"),
    [([PICTURE, "a.png"], "scheme"), ([PICTURE, 5], "type"), ([None, PICTURE], "type"), ([5, "a.png"], "type")],
    ids=repr,
)
def test_list_tells_the_first_mistake_of_an_item(items: list[Any], mistake: str) -> None:
    assert a_list().check(items) == mistake


def test_list_takes_every_item_as_its_rule_does() -> None:
    assert a_list(item=Integer()).accept([1.0, 2]) == [1, 2]
    assert a_list(item=Text(max_chars=2)).accept(["雪狐狸"]) == ["雪狐"]


def test_list_of_lists_holds_both_bounds() -> None:
    colour = ListRule(item=Integer(bounds=Bounds(0, 255)), bounds=Bounds(3, 3))
    rule = ListRule(item=colour, bounds=Bounds())

    assert rule.check([[0, 128, 255], [1, 2, 3]]) is None
    assert rule.check([[0, 128]]) == "count"
    assert rule.check([[0, 128, 256]]) == "range"
    assert rule.check([0, 128, 255]) == "type"


# -- box


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ([0, 0, 100, 100], None),
        ([10, 20, 30, 400], None),
        ([0, 0, 0, 100], "range"),
        ([0, 100, 100, 100], "range"),
        ([100, 0, 0, 100], "range"),
        ([-1, 0, 100, 100], "range"),
        ([0, -1, 100, 100], "range"),
        ([0, 0, 100], "type"),
        ([0, 0, 100, 100, 100], "type"),
        ([0, 0, 100.5, 100], "type"),
        ([0, 0, True, 100], "type"),
        ([0, 0, "100", 100], "type"),
        ("0,0,100,100", "type"),
        ({}, "type"),
    ],
    ids=repr,
)
def test_box_is_four_whole_pixels_left_top_right_bottom(value: object, mistake: str | None) -> None:
    assert Box().check(value) == mistake


def test_a_box_takes_whole_numbers_however_they_are_written() -> None:
    assert Box(ratios=("1:1",)).check([0.0, 10, 100.0, 110]) is None
    assert Box().check([0, 10, 100.5, 110]) == "type"


@pytest.mark.parametrize(
    ("box", "ratio"),
    [
        ([0, 0, 100, 100], "1:1"),
        ([0, 0, 105, 100], "1:1"),
        ([0, 0, 95, 100], "1:1"),
        ([0, 0, 106, 100], None),
        ([0, 0, 75, 100], "3:4"),
        ([10, 10, 88, 110], "3:4"),  # 0.78, 4 % off
        ([0, 0, 100, 75], None),
    ],
    ids=repr,
)
def test_box_has_one_of_its_ratios_within_five_per_cent(box: list[int], ratio: str | None) -> None:
    rule = Box(ratios=("1:1", "3:4"))

    assert rule.ratio_of(box) == ratio
    assert rule.check(box) == (None if ratio else "ratio")


# -- messages


def test_messages_are_one_message_with_a_text_and_pictures() -> None:
    value = a_message({"text": "A fox"}, {"image": PICTURE}, {"image": PICTURE})

    assert messages().check(value) is None
    assert messages().accept(value) is value


@pytest.mark.parametrize(
    "value",
    [
        [],
        [{}, {}],
        a_message({"text": "A fox"}) * 2,
        "A fox",
        {"content": [{"text": "A fox"}]},
        ["A fox"],
        [{"role": "user"}],
        [{"content": "A fox"}],
        [{"content": ["A fox"]}],
        [{"content": {"text": "A fox"}}],
    ],
    ids=repr,
)
def test_messages_of_any_other_form_are_wrong(value: object) -> None:
    assert messages(Bounds()).check(value) == "type"


@pytest.mark.parametrize(("texts", "mistake"), [(0, "texts"), (1, None), (2, "texts")])
def test_messages_have_one_text(texts: int, mistake: str | None) -> None:
    assert messages().check(a_message({"image": PICTURE}, *[{"text": "A fox"}] * texts)) == mistake


@pytest.mark.parametrize(("images", "mistake"), [(0, "count"), (1, None), (4, None), (5, "count")])
def test_messages_have_as_many_pictures_as_the_model_takes(images: int, mistake: str | None) -> None:
    assert messages().check(a_message({"text": "A fox"}, *[{"image": PICTURE}] * images)) == mistake


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ([{"text": 5}, {"image": PICTURE}], "type"),
        ([{"text": "A fox"}, {"image": "a.png"}], "scheme"),
        ([{"text": "A fox"}, {"image": None}], "type"),
        ([{"text": "A fox"}, {"image": PICTURE}, {"image": "ftp://h/a"}], "scheme"),
    ],
    ids=repr,
)
def test_messages_tell_what_is_wrong_with_a_part(content: list[Any], mistake: str) -> None:
    assert messages().check(a_message(*content)) == mistake


def test_messages_with_a_long_text_are_taken() -> None:
    assert messages(most=3).check(a_message({"text": "A fox in the snow"}, {"image": PICTURE})) is None


def test_messages_with_the_wrong_number_of_pictures_tell_how_many_there_are() -> None:
    assert details(messages(), a_message({"image": 1}, {"text": "A fox"}, {"image": 2})) == {"count": 2}


# -- assets


def test_assets_are_addresses_with_a_type() -> None:
    assert assets().check([an_asset("first_frame"), an_asset("reference_video", FILM)]) is None


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ([an_asset("noise")], "choice"),
        ([{"url": PICTURE}], "choice"),
        ([an_asset("first_frame"), an_asset("noise", "not looked at")], "choice"),
        ([an_asset(5)], "type"),
        ([an_asset(["first_frame"])], "type"),
        ([PICTURE], "type"),
        (an_asset("first_frame"), "type"),
        ([an_asset("first_frame", "a.png")], "scheme"),
        ([an_asset("first_frame", None)], "type"),
        ([{"type": "first_frame"}], "type"),
    ],
    ids=repr,
)
def test_assets_of_any_other_form_are_wrong(value: object, mistake: str) -> None:
    assert assets().check(value) == mistake


@pytest.mark.parametrize(
    ("kinds", "mistake"),
    [
        ([], "count"),
        (["first_frame"] * 2, "count"),
        (["reference_image"] * 3, None),
        (["reference_image"] * 4, "count"),
        (["reference_image"] * 3 + ["reference_video"] * 2, None),
        (["reference_image"] * 3 + ["reference_video"] * 3, "count"),
    ],
    ids=repr,
)
def test_assets_are_counted_by_type_and_in_all(kinds: list[str], mistake: str | None) -> None:
    assert assets().check([an_asset(kind) for kind in kinds]) == mistake


@pytest.mark.parametrize(
    ("kinds", "mistake"),
    [(["first_frame"], "needs"), (["first_frame", "reference_image"], None), (["reference_video"], None)],
)
def test_assets_may_need_one_of_some_types(kinds: list[str], mistake: str | None) -> None:
    rule = assets(needs=("reference_image", "reference_video"))

    assert rule.check([an_asset(kind) for kind in kinds]) == mistake


@pytest.mark.parametrize(
    ("kinds", "mistake"),
    [
        (["first_frame", "reference_image"], "apart"),
        (["reference_image", "first_frame"], "apart"),
        (["first_frame", "reference_video"], None),
    ],
)
def test_assets_may_have_to_stand_apart(kinds: list[str], mistake: str | None) -> None:
    assert assets(apart={"first_frame": ["reference_image"]}).check([an_asset(kind) for kind in kinds]) == mistake


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        (["first_frame", "noise"], {"count": 2, "index": 1}),
        (["first_frame"], {"count": 1, "index": 0}),
        (["first_frame", ["noise"]], {"count": 2, "index": 1}),
    ],
)
def test_assets_tell_how_many_there_are_and_which_has_a_wrong_type(kinds: list[Any], told: dict[str, int]) -> None:
    known = {"quoted": "'first_frame', 'reference_image' or 'reference_video'"}

    assert details(assets(), [an_asset(kind) for kind in kinds]) == told | known


SOUND = MediaRule(media="audio", schemes=("https",), ascii_only=True)


def test_files_of_a_type_may_have_a_rule_of_their_own() -> None:
    rule = assets(files={"reference_video": SOUND})

    assert rule.check([an_asset("first_frame", "http://h/狐.png"), an_asset("reference_video", "https://h/a")]) is None
    assert rule.check([an_asset("reference_video", "http://h/a")]) == "scheme"
    assert rule.check([an_asset("reference_video", "https://h/狐")]) == "ascii"
    assert rule.allowed().endswith("; reference_video: audio address, https: any format, ASCII only")


@pytest.mark.parametrize(
    ("kinds", "mistake"),
    [
        (["first_frame"], None),
        (["reference_image"], "needs"),
        (["reference_image", "first_frame"], None),
        (["reference_image", "reference_video"], None),
    ],
)
def test_assets_may_need_others_beside_them(kinds: list[str], mistake: str | None) -> None:
    rule = assets(beside={"reference_image": ["first_frame", "reference_video"]})

    assert rule.check([an_asset(kind) for kind in kinds]) == mistake


# -- in words


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (a_list(item=Integer()), "a list from 1 to 3 items, each: a whole number"),
        (a_list(item=Integer(), bounds=Bounds()), "a list, each: a whole number"),
        (Box(), "[left, top, right, bottom] in pixels"),
        (Box(ratios=("1:1", "3:4")), "[left, top, right, bottom] in pixels in the ratio 1:1 or 3:4"),
        (
            messages(most=800),
            "one user message with one text, cut after 800 characters and from 1 to 4 images "
            "(image address, http or https: any format)",
        ),
        (
            assets(types={"video": Bounds(1, 1), "sound": Bounds(0, 2)}),
            "a list, from 1 to 5 items, of video (from 1 to 1), sound (from 0 to 2); "
            "each: image address, http or https: any format",
        ),
    ],
    ids=["list", "any list", "box", "box in a ratio", "messages", "assets"],
)
def test_a_rule_in_parts_says_what_it_takes(rule: Rule, allowed: str) -> None:
    assert rule.allowed() == allowed


@pytest.mark.parametrize(
    ("rule", "slots"),
    [
        (a_list(item=Choice(values=("a", "b"))), {"allowed": "a,b", "low": 1, "high": 3}),
        (messages(), {"low": 1, "high": 4}),
        (assets(types={"a": Bounds(), "b": Bounds()}), {"allowed": "'a' or 'b'", "low": 1, "high": 5}),
        (Box(), {}),
    ],
    ids=["list", "messages", "assets", "box"],
)
def test_a_rule_in_parts_fills_the_vendors_texts(rule: Rule, slots: dict[str, object]) -> None:
    assert rule.slots() == slots


ONE_OF_EACH: list[Rule] = [a_list(), a_list(too_many="cut"), Box(ratios=("1:1",)), messages(), assets()]
words = st.sampled_from(["type", "url", "text", "image", "content", "role", "first_frame", PICTURE, "a.png", "A fox"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(ONE_OF_EACH), json_values)
def test_a_rule_in_parts_finds_fault_or_accepts_and_never_breaks(rule: Rule, value: object) -> None:
    mistake = rule.check(value)

    details(rule, value)
    if mistake is None:
        assert rule.check(rule.accept(value)) is None
