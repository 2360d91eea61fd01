"""The sliding window: so many in so long, counted back from now."""

from __future__ import annotations

import pytest

from fakescope.engine.admission import is_over


def test_an_empty_window_takes_one_more() -> None:
    assert not is_over((), 1, 1_000, 5_000)


def test_a_window_that_is_not_full_takes_one_more() -> None:
    assert not is_over((5_000,), 2, 1_000, 5_000)


@pytest.mark.parametrize(("now", "over"), [(5_000, True), (5_999, True), (6_000, False)])
def test_a_full_window_takes_one_more_when_its_oldest_is_a_period_old(now: int, over: bool) -> None:
    assert is_over((5_000, 5_000), 2, 1_000, now) is over


def test_only_the_latest_count() -> None:
    assert not is_over((1_000, 2_000, 4_000, 5_500), 2, 1_000, 5_600)
    assert is_over((1_000, 2_000, 5_400, 5_500), 2, 1_000, 5_600)
