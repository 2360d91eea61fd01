"""What each kind of rule takes, and the word with which it finds fault: plain values.

Files are in test_media_rule.py, rules of several parts in test_rules_in_parts.py.
"""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.catalog.rules import (
    RULES,
    Boolean,
    Bounds,
    Choice,
    Fixed,
    Integer,
    Number,
    ObjectRule,
    Pixels,
    Reference,
    Rule,
    Size,
    Text,
    details,
    is_video,
    measured,
)


def test_kinds_are_named_as_in_the_catalogue() -> None:
    assert {kind: rule.kind for kind, rule in RULES.items()} == {kind: kind for kind in RULES}


# -- text


def test_text_takes_text() -> None:
    assert Text(max_chars=5).check("a fox and more") is None


@pytest.mark.parametrize("value", [5, True, 1.5, [], {}, ["a"]], ids=repr)
def test_text_takes_nothing_else(value: object) -> None:
    assert Text().check(value) == "type"


def test_text_is_cut_by_characters() -> None:
    assert Text(max_chars=2).accept("雪狐狸") == "雪狐"
    assert Text().accept("a fox") == "a fox"


@pytest.mark.parametrize(("value", "mistake"), [("12345", None), ("123456", "length")])
def test_text_that_is_not_cut_may_be_too_long(value: str, mistake: str | None) -> None:
    assert Text(max_chars=5, too_long="refuse").check(value) == mistake


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("a fox", (5, 5, 2)),
        ("雪狐狸", (3, 6, 3)),
        ("a 雪狐 b", (6, 8, 4)),
        ("a,  - b", (7, 7, 2)),
        ("狐a狸", (3, 5, 3)),
        ("", (0, 0, 0)),
    ],
)
def test_a_length_is_in_characters_widths_or_words(text: str, lengths: tuple[int, int, int]) -> None:
    assert tuple(measured(text, counts) for counts in ("characters", "widths", "words")) == lengths


@pytest.mark.parametrize(
    ("counts", "text", "cut"),
    [
        ("widths", "a fox in snow", "a fox in"),
        ("widths", "雪狐狸和鸟", "雪狐狸和"),
        ("widths", "abc雪狐狸", "abc雪狐"),
        ("widths", "雪狐ab", "雪狐ab"),
        ("words", "一二三四五六七八九", "一二三四五六七八"),
    ],
)
def test_text_is_cut_as_it_is_counted(counts: str, text: str, cut: str) -> None:
    assert Text(max_chars=8, counts=counts).accept(text) == cut


@pytest.mark.parametrize(
    ("text", "mistake"), [("one two three", None), ("one two three four", "length"), ("雪狐狸和", "length")]
)
def test_text_may_have_too_many_words(text: str, mistake: str | None) -> None:
    assert Text(max_chars=3, counts="words", too_long="refuse").check(text) == mistake


@pytest.mark.parametrize("value", ["", " ", "\n\t", "\u3000"])
def test_text_may_have_to_say_something(value: str) -> None:
    assert Text(not_blank=True).check(value) == "blank"
    assert Text().check(value) is None


# -- boolean


@pytest.mark.parametrize("value", [True, False])
def test_boolean_takes_true_and_false(value: bool) -> None:
    assert Boolean().check(value) is None
    assert Boolean().accept(value) is value


@pytest.mark.parametrize("value", [0, 1, "true", "false", "", [], 0.0], ids=repr)
def test_boolean_takes_nothing_else(value: object) -> None:
    assert Boolean().check(value) == "type"


# -- integer


@pytest.mark.parametrize(
    ("value", "mistake"), [(2, None), (15, None), (7, None), (1, "range"), (16, "range"), (-5, "range"), (0, "range")]
)
def test_integer_in_a_range_includes_both_ends(value: int, mistake: str | None) -> None:
    assert Integer(bounds=Bounds(2, 15)).check(value) == mistake


@pytest.mark.parametrize(("value", "mistake"), [(5, None), (10, None), (7, "choice"), (0, "choice"), (-5, "choice")])
def test_integer_may_be_one_of_a_few(value: int, mistake: str | None) -> None:
    assert Integer(values=(5, 10)).check(value) == mistake


@pytest.mark.parametrize("value", [True, False, "5", 5.5, nan, inf, -inf, [5], {}], ids=repr)
@pytest.mark.parametrize(
    "rule", [Integer(bounds=Bounds(0, 10)), Integer(values=(0, 1, 5)), Integer()], ids=["range", "few", "any"]
)
def test_integer_takes_no_other_type(rule: Integer, value: object) -> None:
    assert rule.check(value) == "type"


@pytest.mark.parametrize("value", [10**30, -(10**30), 1e300, 2.0**63], ids=repr)
def test_integer_may_be_huge_and_is_out_of_range(value: float) -> None:
    assert Integer(bounds=Bounds(0, 2_147_483_647)).check(value) == "range"
    assert Integer(values=(5,)).check(value) == "choice"
    assert Integer().check(value) is None


@pytest.mark.parametrize("value", [5, 5.0])
def test_integer_written_with_a_fraction_of_nothing_is_an_integer(value: float) -> None:
    accepted = Integer(bounds=Bounds(2, 15)).accept(value)

    assert (accepted, type(accepted)) == (5, int)


# -- number


@pytest.mark.parametrize(
    ("value", "mistake"),
    [(0, None), (1.5, None), (0.7, None), (1, None), (-0.01, "range"), (1.51, "range"), (2, "range")],
)
def test_number_in_a_range_includes_both_ends(value: float, mistake: str | None) -> None:
    assert Number(bounds=Bounds(0, 1.5)).check(value) == mistake


@pytest.mark.parametrize("value", [True, False, "0.5", nan, inf, -inf, [0.5], {}], ids=repr)
def test_number_takes_no_other_type(value: object) -> None:
    assert Number(bounds=Bounds(0, 1)).check(value) == "type"
    assert Number().check(value) == "type"


def test_number_is_taken_as_it_is() -> None:
    taken = Number().accept(1)

    assert (taken, type(taken)) == (1, int)


# -- choice, size, fixed


@pytest.mark.parametrize(
    ("value", "mistake"),
    [("single", None), ("multi", None), ("Single", "choice"), ("", "choice"), (5, "type"), (["single"], "type")],
)
def test_choice_takes_one_of_a_few_texts(value: object, mistake: str | None) -> None:
    assert Choice(values=("single", "multi")).check(value) == mistake


@pytest.mark.parametrize("value", ["flying", ""])
def test_choice_of_nothing_takes_nothing(value: str) -> None:
    assert Choice(values=()).check(value) == "choice"


@pytest.mark.parametrize(
    ("value", "mistake"), [("720*1280", None), ("720x1280", "choice"), ("1280*720", "choice"), (720, "type")]
)
def test_size_is_one_of_its_tiers(value: object, mistake: str | None) -> None:
    assert Size(values=("720*1280", "960*960")).check(value) == mistake


@pytest.mark.parametrize("value", [5, "5", False, ""], ids=repr)
def test_fixed_takes_nothing_at_all(value: object) -> None:
    assert Fixed().check(value) == "given"


# -- pixels


def free_sides() -> Pixels:
    return Pixels(side_px=Bounds(512, 1_440), area_px=Bounds(), ratio=Bounds())


def free_area() -> Pixels:
    return Pixels(side_px=Bounds(), area_px=Bounds(589_824, 1_638_400), ratio=Bounds(0.25, 4))


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ("512*1440", None),
        ("1440*512", None),
        ("511*1440", "side"),
        ("1440*511", "side"),
        ("1441*512", "side"),
        ("512*1441", "side"),
    ],
)
def test_pixels_hold_each_side_within_its_bounds(value: str, mistake: str | None) -> None:
    assert free_sides().check(value) == mistake


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ("768*768", None),  # 589,824
        ("767*768", "area"),
        ("1280*1280", None),  # 1,638,400
        ("1280*1281", "area"),
        ("400*1600", None),  # 1 to 4
        ("1600*400", None),
        ("400*1604", "ratio"),
        ("1604*400", "ratio"),
        ("100*400", "area"),  # both wrong
    ],
)
def test_pixels_hold_area_and_shape_within_their_bounds(value: str, mistake: str | None) -> None:
    assert free_area().check(value) == mistake


@pytest.mark.parametrize(
    "value",
    ["", "1024", "1024x1024", "1024*", "*1024", "1024*1024*3", "-1024*1024", " 1024*1024", "0*1024", "1e3*1024"],
)
def test_pixels_are_written_as_width_times_height(value: str) -> None:
    assert free_sides().check(value) == "format"


@pytest.mark.parametrize("value", [1_024, None, True, ["1024*1024"], {"width": 1}], ids=repr)
def test_pixels_take_nothing_but_text(value: object) -> None:
    assert free_sides().check(value) == "type"


@pytest.mark.parametrize(("value", "mistake"), [("1K", None), ("2K", None), ("4K", "format"), ("1k", "format")])
def test_pixels_may_have_words_for_sizes(value: str, mistake: str | None) -> None:
    rule = Pixels(side_px=Bounds(), area_px=Bounds(), ratio=Bounds(), words={"1K": "1280*1280", "2K": "2048*2048"})

    assert rule.check(value) == mistake


# -- reference


@pytest.mark.parametrize(
    ("value", "mistake"),
    [("AACT.1f0c", None), ("1f0c", "choice"), ("aact.1f0c", "choice"), ("", "choice"), (5, "type")],
)
def test_reference_begins_as_its_kind_does(value: object, mistake: str | None) -> None:
    assert Reference(prefix="AACT.").check(value) == mistake


# -- in words


@pytest.mark.parametrize(
    ("values", "quoted"), [((), ""), (("a",), "'a'"), (("a", "b"), "'a' or 'b'"), (("a", "b", "c"), "'a', 'b' or 'c'")]
)
def test_choices_can_be_quoted_as_the_newer_services_do(values: tuple[str, ...], quoted: str) -> None:
    assert details(Choice(values=values), "x") == {"quoted": quoted}


def test_a_size_can_be_told_by_its_sides_and_its_area() -> None:
    assert details(free_sides(), "300*200") == {"width": 300, "height": 200, "area": 60_000}


@pytest.mark.parametrize("value", ["large", 5, None])
def test_what_is_no_size_has_no_sides_to_tell(value: object) -> None:
    assert details(free_sides(), value) == {}


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (Text(), "text"),
        (Text(max_chars=800), "text, cut after 800 characters"),
        (Text(max_chars=800, too_long="refuse"), "text, at most 800 characters"),
        (Boolean(), "true or false"),
        (Integer(), "a whole number"),
        (Integer(bounds=Bounds(2, 15)), "a whole number from 2 to 15"),
        (Integer(values=(5, 10)), "one of 5, 10"),
        (Choice(values=("single", "multi")), "one of single, multi"),
        (Choice(values=()), "nothing: this model does not have it"),
        (Size(values=("960*960",)), "one of 960*960"),
        (Fixed(), "leave it out: it is fixed for this model"),
        (Number(), "a number"),
        (Number(bounds=Bounds(0, 1.5)), "a number from 0 to 1.5"),
        (
            Pixels(side_px=Bounds(512, 1_440), area_px=Bounds(), ratio=Bounds(0.25, 4.0)),
            "width*height, each side from 512 to 1440, width/height from 0.25 to 4",
        ),
        (
            Pixels(side_px=Bounds(), area_px=Bounds(high=4_194_304), ratio=Bounds(), words={"1K": "", "2K": ""}),
            "1K, 2K or width*height, area to 4194304",
        ),
        (Reference(prefix="AACT."), "an identifier AACT.… that an earlier task of this account returned"),
    ],
)
def test_a_rule_says_what_it_takes(rule: Rule, allowed: str) -> None:
    assert rule.allowed() == allowed


@pytest.mark.parametrize(
    ("rule", "slots"),
    [
        (Text(max_chars=800), {"high": 800}),
        (Boolean(), {}),
        (Integer(bounds=Bounds(2, 15)), {"low": 2, "high": 15, "allowed": ""}),
        (Integer(values=(5, 10)), {"low": None, "high": None, "allowed": "5,10"}),
        (Choice(values=("a", "b")), {"allowed": "a,b"}),
        (Fixed(), {}),
        (Number(bounds=Bounds(above=0.0, high=1.0)), {"low": 0, "high": 1}),
        (Pixels(side_px=Bounds(512, 1_440), area_px=Bounds(1, 9), ratio=Bounds()), {"low": 512, "high": 1_440}),
        (Pixels(side_px=Bounds(), area_px=Bounds(1, 9), ratio=Bounds(0.5, 2)), {"low": 1, "high": 9}),
        (Reference(prefix="AACT."), {}),
    ],
)
def test_a_rule_fills_the_vendors_texts(rule: Rule, slots: dict[str, object]) -> None:
    assert rule.slots() == slots


ONE_OF_EACH: list[Rule] = [
    Text(max_chars=3, not_blank=True),
    Boolean(),
    Integer(bounds=Bounds(0, 9)),
    Integer(values=(5,)),
    Choice(values=("a",)),
    Size(values=("1*1",)),
    Number(bounds=Bounds(0, 1)),
    Fixed(),
    Pixels(side_px=Bounds(1, 9), area_px=Bounds(), ratio=Bounds(0.5, 2), words={"1K": "9*9"}),
    Reference(prefix="AACT."),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(ONE_OF_EACH), json_values)
def test_a_rule_finds_fault_or_accepts_and_never_breaks(rule: Rule, value: object) -> None:
    mistake = rule.check(value)

    if mistake is None:
        assert rule.check(rule.accept(value)) is None


# -- what a documented exception needs


@pytest.mark.parametrize(("value", "taken"), [(1, 1), (4, 4), (5, 4), (99.0, 4)])
def test_integer_that_is_too_high_may_mean_the_highest(value: float, taken: int) -> None:
    rule = Integer(bounds=Bounds(1, 4), too_high="cut")

    assert rule.check(value) is None
    assert rule.accept(value) == taken
    assert rule.check(0) == "range"
    assert rule.allowed() == "a whole number from 1 to 4, more means the highest"


def test_boolean_may_have_one_value_only() -> None:
    rule = Boolean(values=(True,))

    assert [rule.check(value) for value in (True, False, 1)] == [None, "choice", "type"]
    assert rule.allowed() == "true"


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ({"hex": "#aabbcc", "ratio": 0.5}, None),
        ({"hex": "#aabbcc", "ratio": 0.5, "more": []}, None),
        ({"hex": "#aabbcc"}, "type"),
        ({"hex": None, "ratio": 0.5}, "type"),
        ({"hex": "#aabbcc", "ratio": 2}, "range"),
        ("#aabbcc", "type"),
    ],
    ids=repr,
)
def test_object_has_its_keys(value: object, mistake: str | None) -> None:
    assert ObjectRule(keys={"hex": Text(), "ratio": Number(bounds=Bounds(0, 1))}).check(value) == mistake


@pytest.mark.parametrize(
    ("address", "result"),
    [
        ("https://h/a.mp4", True), ("https://h/a.MOV?x=.png#y", True), ("data:video/mp4;base64,AA", True),
        ("https://h/a.png", False), ("https://h.mp4/a", False), ("https://h/a?f=b.mp4", False), ("mp4", False),
        ("data:image/png;base64,.mp4", False),
    ],
)  # fmt: skip
def test_a_video_is_told_by_its_ending(address: str, result: bool) -> None:
    assert is_video(address) == result
