"""Ranges of numbers: which numbers are inside, and how the range is told."""

from __future__ import annotations

import pytest

from fakescope.catalog.rules import Bounds


@pytest.mark.parametrize(("value", "inside"), [(1.9, False), (2, True), (7, True), (15, True), (15.1, False)])
def test_low_and_high_are_inside(value: float, inside: bool) -> None:
    assert Bounds(2, 15).hold(value) is inside


@pytest.mark.parametrize(("value", "inside"), [(2, False), (2.1, True), (14.9, True), (15, False)])
def test_above_and_below_are_just_outside(value: float, inside: bool) -> None:
    assert Bounds(above=2, below=15).hold(value) is inside


@pytest.mark.parametrize(
    ("bounds", "smallest", "largest"),
    [(Bounds(low=1), 1, 10**30), (Bounds(high=1), -(10**30), 1), (Bounds(), -(10**30), 10**30)],
    ids=str,
)
def test_an_end_that_is_not_given_is_open(bounds: Bounds, smallest: int, largest: int) -> None:
    assert bounds.hold(smallest)
    assert bounds.hold(largest)


def test_zero_is_an_end_like_any_other() -> None:
    assert not Bounds(low=0).hold(-1)
    assert not Bounds(above=0).hold(0)
    assert not Bounds(high=0).hold(1)


@pytest.mark.parametrize(
    ("bounds", "ends"),
    [
        (Bounds(2, 15), (2, 15)),
        (Bounds(above=1, below=180), (1, 180)),
        (Bounds(above=0, high=1), (0, 1)),
        (Bounds(high=9), (None, 9)),
        (Bounds(), (None, None)),
    ],
    ids=str,
)
def test_ends_are_told_whether_inside_or_just_outside(bounds: Bounds, ends: tuple[object, object]) -> None:
    assert bounds.ends == ends


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        (Bounds(2, 15), "from 2 to 15"),
        (Bounds(0.25, 4.0), "from 0.25 to 4"),
        (Bounds(above=1, below=180), "above 1 below 180"),
        (Bounds(above=0, high=1), "above 0 to 1"),
        (Bounds(low=0), "from 0"),
        (Bounds(), "any"),
    ],
    ids=str,
)
def test_bounds_are_told_in_words(bounds: Bounds, text: str) -> None:
    assert str(bounds) == text
