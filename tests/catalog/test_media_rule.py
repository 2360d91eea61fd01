"""What a field for a file takes: an address, or the file itself, whose head is read."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.catalog.rules import Bounds, MediaRule

IMAGE: dict[str, Any] = {
    "media": "image",
    "schemes": ("http", "https", "oss", "data"),
    "formats": ("jpeg", "png"),
    "alpha": False,
    "side_px": Bounds(360, 2_000),
    "max_bytes": 1_000,
}


def a_png(width: int, height: int, *, alpha: bool = False, more: int = 0) -> str:
    """A picture as a `data:` address: a PNG's head, and as many bytes more."""
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return "data:image/png;base64," + b64encode(head + bytes([8, 6 if alpha else 2, 0, 0, 0]) + bytes(more)).decode()


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


def test_media_is_taken_as_it_is() -> None:
    assert MediaRule(**IMAGE).accept("http://example.com/a b.png") == "http://example.com/a b.png"


def test_media_may_have_to_be_see_through() -> None:
    rule = MediaRule(**(IMAGE | {"alpha": True}))

    assert rule.check(a_png(500, 500, alpha=True)) is None
    assert rule.check(a_png(500, 500)) == "format"


@pytest.mark.parametrize("alpha", [True, False])
def test_media_may_be_see_through_or_not_where_nothing_is_said(alpha: bool) -> None:
    assert MediaRule(**(IMAGE | {"alpha": None})).check(a_png(500, 500, alpha=alpha)) is None


@pytest.mark.parametrize(
    ("bounds", "sides", "mistake"),
    [
        ({"long_px": Bounds(high=2_048)}, (2_048, 10), None),
        ({"long_px": Bounds(high=2_048)}, (10, 2_049), "too_big"),
        ({"ratio": Bounds(high=2)}, (400, 800), None),
        ({"ratio": Bounds(high=2)}, (801, 400), "too_big"),
        ({"ratio": Bounds(below=2)}, (400, 800), "too_big"),
        ({"side_px": Bounds(above=256, below=4_096)}, (257, 4_095), None),
        ({"side_px": Bounds(above=256, below=4_096)}, (256, 4_095), "side"),
        ({"side_px": Bounds(above=256, below=4_096)}, (257, 4_096), "too_big"),
    ],
)
def test_media_hold_their_sides_within_bounds(bounds: Any, sides: tuple[int, int], mistake: str | None) -> None:
    rule = MediaRule(media="image", schemes=("data",), **bounds)

    assert rule.check(a_png(*sides)) == mistake


def test_media_without_formats_take_every_picture() -> None:
    assert MediaRule(media="image", schemes=("data",)).check(a_png(500, 500)) is None


@pytest.mark.parametrize(
    ("address", "mistake"), [("https://example.com/a.png", None), ("https://example.com/狐.png", "ascii")]
)
def test_media_may_want_addresses_in_ascii(address: str, mistake: str | None) -> None:
    assert MediaRule(media="image", schemes=("https",), ascii_only=True).check(address) == mistake
    assert MediaRule(media="image", schemes=("https",)).check(address) is None


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (
            MediaRule(**IMAGE),
            "image address, http or https or oss or data: jpeg/png, sides from 360 to 2000 px, at most 1000 bytes, "
            "no alpha channel",
        ),
        (
            MediaRule(media="audio", schemes=("https",), formats=("wav", "mp3"), seconds=Bounds(3, 30)),
            "audio address, https: wav/mp3, from 3 to 30 s",
        ),
        (
            MediaRule(
                media="video",
                schemes=("http",),
                alpha=True,
                ascii_only=True,
                long_px=Bounds(high=4_096),
                ratio=Bounds(below=2.5),
                fps=Bounds(low=16),
            ),
            "video address, http: any format, longer side to 4096 px, longer/shorter side below 2.5, from 16 frames/s, "
            "with an alpha channel, ASCII only",
        ),
    ],
    ids=["image", "audio", "video"],
)
def test_media_say_what_they_take(rule: MediaRule, allowed: str) -> None:
    assert rule.allowed() == allowed


def test_media_fill_the_vendors_texts_with_the_smallest_side_and_the_most_bytes() -> None:
    assert MediaRule(**IMAGE).slots() == {"low": 360, "high": 1_000}


@given(st.text() | st.text().map("data:image/png;base64,".__add__) | st.text().map("https:".__add__))
def test_media_find_fault_with_any_text_or_take_it_and_never_break(address: str) -> None:
    assert MediaRule(**IMAGE).check(address) in (None, "scheme", "format", "bytes", "side", "too_big")
