"""What each kind of rule takes, and the word with which it finds fault."""

from __future__ import annotations

from base64 import b64encode
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.catalog.rules import RULES, Boolean, Choice, Fixed, Integer, MediaRule, Rule, Size, Text

IMAGE: dict[str, Any] = {
    "media": "image",
    "schemes": ("http", "https", "oss", "data"),
    "formats": ("jpeg", "png"),
    "alpha": False,
    "side_px": (360, 2_000),
    "max_bytes": 1_000,
}


def a_png(width: int, height: int, *, alpha: bool = False, more: int = 0) -> str:
    """A picture as a `data:` address: a PNG's head, and as many bytes more."""
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return "data:image/png;base64," + b64encode(head + bytes([8, 6 if alpha else 2, 0, 0, 0]) + bytes(more)).decode()


def test_kinds_are_named_as_in_the_catalogue() -> None:
    assert {kind: rule.kind for kind, rule in RULES.items()} == {kind: kind for kind in RULES}
    assert sorted(RULES) == ["boolean", "choice", "fixed", "integer", "media", "size", "text"]


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
    assert Integer(range=(2, 15)).check(value) == mistake


@pytest.mark.parametrize(("value", "mistake"), [(5, None), (10, None), (7, "choice"), (0, "choice"), (-5, "choice")])
def test_integer_may_be_one_of_a_few(value: int, mistake: str | None) -> None:
    assert Integer(values=(5, 10)).check(value) == mistake


@pytest.mark.parametrize("value", [True, False, "5", 5.5, nan, inf, -inf, [5], {}], ids=repr)
@pytest.mark.parametrize(
    "rule", [Integer(range=(0, 10)), Integer(values=(0, 1, 5)), Integer()], ids=["range", "few", "any"]
)
def test_integer_takes_no_other_type(rule: Integer, value: object) -> None:
    assert rule.check(value) == "type"


@pytest.mark.parametrize("value", [10**30, -(10**30), 1e300, 2.0**63], ids=repr)
def test_integer_may_be_huge_and_is_out_of_range(value: float) -> None:
    assert Integer(range=(0, 2_147_483_647)).check(value) == "range"
    assert Integer(values=(5,)).check(value) == "choice"
    assert Integer().check(value) is None


@pytest.mark.parametrize("value", [5, 5.0])
def test_integer_written_with_a_fraction_of_nothing_is_an_integer(value: float) -> None:
    accepted = Integer(range=(2, 15)).accept(value)

    assert (accepted, type(accepted)) == (5, int)


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


# -- media


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/a.png",
        "https://example.com/a",
        "HTTPS://EXAMPLE.COM/A.PNG",
        "oss://dashscope-instant/a/b.png",
    ],
)
def test_media_takes_an_address(address: str) -> None:
    assert MediaRule(**IMAGE).check(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "", "a.png", "/a.png", "//example.com/a.png", "ftp://example.com/a.png", "file:///a.png", "http:example.com",
        "http://", "http:///a.png", "http://?a", "http://#a", "http:// example.com", ":", "雪",
    ],
)  # fmt: skip
def test_media_takes_no_other_text(address: str) -> None:
    assert MediaRule(**IMAGE).check(address) == "scheme"


def test_media_takes_only_the_schemes_of_its_field() -> None:
    audio = MediaRule(media="audio", schemes=("https",), formats=("wav", "mp3"))

    assert audio.check("https://example.com/a.mp3") is None
    assert audio.check("http://example.com/a.mp3") == "scheme"
    assert audio.check("data:audio/wav;base64,UklGRgAAAABXQVZF") == "scheme"


@pytest.mark.parametrize("value", [5, True, [], {"url": "http://example.com"}], ids=repr)
def test_media_takes_nothing_but_text(value: object) -> None:
    assert MediaRule(**IMAGE).check(value) == "type"


@pytest.mark.parametrize(
    ("address", "mistake"),
    [
        (a_png(360, 2_000), None),
        (a_png(2_000, 360), None),
        (a_png(359, 2_000), "side"),
        (a_png(360, 2_001), "too_big"),
        (a_png(100, 5_000), "side"),
        (a_png(500, 500, alpha=True), "format"),
        (a_png(500, 500, more=1_000), "bytes"),
        ("data:image/png;base64,AAAA", "format"),
        ("data:image/png;base64,", "format"),
        ("data:image/png;base64,!!!!", "format"),
        ("data:image/png,plain", "format"),
        ("data:", "format"),
        ("data:image/bmp;base64," + b64encode(b"BM" + bytes(30)).decode(), "format"),
        ("DATA:IMAGE/PNG;BASE64," + a_png(500, 500).partition(",")[2], None),
    ],
    ids=[
        "smallest", "largest", "a side too small", "a side too large", "too small before too large", "see-through",
        "too many bytes", "no picture", "empty", "no base64", "not base64", "nothing", "another format", "capitals",
    ],
)  # fmt: skip
def test_media_looks_into_a_picture_that_is_sent_along(address: str, mistake: str | None) -> None:
    assert MediaRule(**IMAGE).check(address) == mistake


@pytest.mark.parametrize(("more", "mistake"), [(1_000 - 29, None), (1_000 - 28, "bytes")])
def test_media_may_have_just_as_many_bytes_as_allowed(more: int, mistake: str | None) -> None:
    assert MediaRule(**IMAGE).check(a_png(500, 500, more=more)) == mistake


def test_media_may_be_see_through_where_that_is_allowed() -> None:
    assert MediaRule(**(IMAGE | {"alpha": True})).check(a_png(500, 500, alpha=True)) is None


def test_media_is_taken_as_it_is() -> None:
    assert MediaRule(**IMAGE).accept("http://example.com/a b.png") == "http://example.com/a b.png"


# -- in words


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (Text(), "text"),
        (Text(max_chars=800), "text, cut after 800 characters"),
        (Text(max_chars=800, too_long="refuse"), "text, at most 800 characters"),
        (Boolean(), "true or false"),
        (Integer(), "a whole number"),
        (Integer(range=(2, 15)), "a whole number from 2 to 15"),
        (Integer(values=(5, 10)), "one of 5, 10"),
        (Choice(values=("single", "multi")), "one of single, multi"),
        (Choice(values=()), "nothing: this model does not have it"),
        (Size(values=("960*960",)), "one of 960*960"),
        (Fixed(), "leave it out: it is fixed for this model"),
        (
            MediaRule(**IMAGE),
            "image address, http or https or oss or data: jpeg/png, sides 360 to 2000 px, at most 1000 bytes, "
            "no alpha channel",
        ),
        (
            MediaRule(media="audio", schemes=("https",), formats=("wav", "mp3"), seconds=(3, 30)),
            "audio address, https: wav/mp3, 3 to 30 s",
        ),
    ],
)
def test_a_rule_says_what_it_takes(rule: Rule, allowed: str) -> None:
    assert rule.allowed() == allowed


@pytest.mark.parametrize(
    ("rule", "slots"),
    [
        (Text(max_chars=800), {"high": 800}),
        (Boolean(), {}),
        (Integer(range=(2, 15)), {"low": 2, "high": 15, "allowed": ""}),
        (Integer(values=(5, 10)), {"low": None, "high": None, "allowed": "5,10"}),
        (Choice(values=("a", "b")), {"allowed": "a,b"}),
        (Fixed(), {}),
        (MediaRule(**IMAGE), {"low": 360, "high": 1_000}),
    ],
)
def test_a_rule_fills_the_vendors_texts(rule: Rule, slots: dict[str, object]) -> None:
    assert rule.slots() == slots


ONE_OF_EACH: list[Rule] = [
    Text(max_chars=3, not_blank=True),
    Boolean(),
    Integer(range=(0, 9)),
    Integer(values=(5,)),
    Choice(values=("a",)),
    Size(values=("1*1",)),
    Fixed(),
    MediaRule(**IMAGE),
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
