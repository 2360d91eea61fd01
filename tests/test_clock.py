"""A clock that users control: every order, and that time only goes forward."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.clock import REAL, ClockSetting, SystemClock, command, now_at, ticked
from fakescope.errors import CommandError

NOON = 1_770_600_000_000  # real time at the first order of each test
HOUR = 3_600_000
YEAR_3000 = 32_503_680_000_000


def ordered(*orders: dict[str, Any], real: int = NOON) -> ClockSetting:
    """The setting after these orders, all given at one real instant."""
    setting = REAL
    for order in orders:
        setting = command(setting, order, real)
    return setting


# -- the machine's clock


def test_system_clock_reads_milliseconds_since_1970(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_770_600_000_123_999_999)

    assert SystemClock().read() == 1_770_600_000_123


def test_system_clock_stands_still_while_the_machine_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, readings = SystemClock(), iter([5_000_000_000, 2_000_000_000, 6_000_000_000])
    monkeypatch.setattr(time, "time_ns", lambda: next(readings))

    assert [clock.read(), clock.read(), clock.read()] == [5_000, 5_000, 6_000]


# -- orders


def test_the_clock_of_a_new_world_is_real_time() -> None:
    assert now_at(REAL, NOON) == NOON
    assert now_at(REAL, NOON + HOUR) == NOON + HOUR


def test_a_frozen_clock_stands() -> None:
    setting = ordered({"action": "freeze"})

    assert (setting.mode, setting.rate) == ("frozen", 0.0)
    assert now_at(setting, NOON + HOUR) == NOON


def test_advance_moves_a_frozen_clock_and_leaves_it_frozen() -> None:
    setting = ordered({"action": "freeze"}, {"action": "advance", "seconds": 600})

    assert setting.mode == "frozen"
    assert now_at(setting, NOON + HOUR) == NOON + 600_000


def test_advance_moves_a_real_clock_and_lets_it_run() -> None:
    setting = ordered({"action": "advance", "seconds": 600})

    assert setting.mode == "real"
    assert now_at(setting, NOON + HOUR) == NOON + HOUR + 600_000


def test_advances_add_up_and_take_fractions() -> None:
    setting = ordered({"action": "advance", "seconds": 0.25}, {"action": "advance", "seconds": 1})

    assert now_at(setting, NOON) == NOON + 1_250


def test_advance_by_nothing_changes_no_instant() -> None:
    assert now_at(ordered({"action": "advance", "seconds": 0}), NOON) == NOON


def test_rate_runs_from_the_instant_of_the_order() -> None:
    setting = ordered({"action": "advance", "seconds": 10}, {"action": "rate", "rate": 60})

    assert setting.mode == "rate"
    assert now_at(setting, NOON) == NOON + 10_000
    assert now_at(setting, NOON + 1_000) == NOON + 10_000 + 60_000


def test_rate_zero_stands_and_a_slow_rate_crawls() -> None:
    assert now_at(ordered({"action": "rate", "rate": 0}), NOON + HOUR) == NOON
    assert now_at(ordered({"action": "rate", "rate": 0.5}), NOON + HOUR) == NOON + HOUR // 2


def test_tick_moves_by_polls_alone() -> None:
    setting = ordered({"action": "tick", "auto_advance_s": 30})

    assert (setting.mode, setting.auto_advance_ms) == ("tick", 30_000)
    assert now_at(setting, NOON + HOUR) == NOON
    assert now_at(ticked(ticked(setting, NOON + 5), NOON + 9), NOON + HOUR) == NOON + 60_000


def test_advance_in_tick_mode_keeps_ticking() -> None:
    setting = ordered({"action": "tick", "auto_advance_s": 30}, {"action": "advance", "seconds": 1})

    assert now_at(ticked(setting, NOON), NOON) == NOON + 31_000


@pytest.mark.parametrize("action", [{"action": "freeze"}, {"action": "rate", "rate": 2}])
def test_another_mode_ends_ticking(action: dict[str, Any]) -> None:
    assert ordered({"action": "tick", "auto_advance_s": 30}, action).auto_advance_ms == 0


def test_real_goes_back_to_real_time_when_the_clock_is_behind() -> None:
    setting = command(ordered({"action": "freeze"}), {"action": "real"}, NOON + HOUR)

    assert setting == REAL


def test_real_runs_on_from_ahead_when_the_clock_is_ahead() -> None:
    setting = ordered({"action": "advance", "seconds": 3_600}, {"action": "real"})

    assert setting.mode == "real"
    assert now_at(setting, NOON + 1_000) == NOON + HOUR + 1_000


def test_an_order_is_relative_to_its_own_moment() -> None:
    running = ordered({"action": "rate", "rate": 10})

    frozen = command(running, {"action": "freeze"}, NOON + 1_000)

    assert now_at(frozen, NOON + HOUR) == NOON + 10_000


# -- only forward


@pytest.mark.parametrize(
    "order",
    [
        {"action": "freeze"},
        {"action": "advance", "seconds": 5},
        {"action": "rate", "rate": 60},
        {"action": "tick", "auto_advance_s": 5},
    ],
    ids=lambda order: str(order["action"]),
)
def test_a_machine_that_is_set_back_moves_no_clock_before_its_order(order: dict[str, Any]) -> None:
    setting = ordered(order)

    assert now_at(setting, NOON - HOUR) == now_at(setting, NOON)


def test_time_stops_before_dates_that_cannot_be_written() -> None:
    setting = REAL
    for _ in range(200):  # ten years each
        setting = command(setting, {"action": "advance", "seconds": 315_360_000}, NOON)

    assert now_at(setting, NOON) == YEAR_3000
    assert now_at(ticked(ordered({"action": "rate", "rate": 1_000_000}), 10**18), 10**18) == YEAR_3000


orders = st.one_of(
    st.just({"action": "freeze"}),
    st.just({"action": "real"}),
    st.builds(lambda seconds: {"action": "advance", "seconds": seconds}, st.floats(0, 1e6)),
    st.builds(lambda rate: {"action": "rate", "rate": rate}, st.floats(0, 1e6)),
    st.builds(lambda step: {"action": "tick", "auto_advance_s": step}, st.floats(0, 1e6)),
)


@given(st.lists(st.tuples(st.integers(0, 10_000_000), orders), max_size=8))
def test_no_history_of_orders_moves_time_backwards(history: list[tuple[int, dict[str, Any]]]) -> None:
    setting, real, latest = REAL, NOON, NOON
    for later_ms, order in history:
        real += later_ms
        assert now_at(setting, real) >= latest
        latest = now_at(setting, real)

        setting = command(setting, order, real)

        assert now_at(setting, real) >= latest
        latest = now_at(setting, real)
        assert now_at(ticked(setting, real), real) >= latest


# -- bad orders


@pytest.mark.parametrize(
    ("order", "cure"),
    [
        (None, 'the body must be a JSON object such as {"action": "advance", "seconds": 600}'),
        ([], "the body must be a JSON object"),
        ("freeze", "the body must be a JSON object"),
        ({}, "action None is not one of freeze, advance, rate, tick, real"),
        ({"action": "rewind"}, "action 'rewind' is not one of freeze, advance, rate, tick, real"),
        ({"action": ["freeze"]}, "is not one of freeze, advance, rate, tick, real"),
        ({"action": "advance"}, "seconds must be a number from 0 to 315360000; got None"),
        ({"action": "advance", "seconds": -1}, "got -1. A clock only goes forward"),
        ({"action": "advance", "seconds": "600"}, "seconds must be a number from 0 to 315360000; got '600'"),
        ({"action": "advance", "seconds": True}, "seconds must be a number from 0 to 315360000; got True"),
        ({"action": "advance", "seconds": float("nan")}, "got nan"),
        ({"action": "advance", "seconds": float("inf")}, "got inf"),
        ({"action": "advance", "seconds": 315_360_001}, "got 315360001"),
        ({"action": "rate"}, "rate must be a number from 0 to 1000000; got None"),
        ({"action": "rate", "rate": -0.5}, "got -0.5"),
        ({"action": "rate", "rate": 1_000_001}, "got 1000001"),
        ({"action": "tick"}, "auto_advance_s must be a number from 0 to 315360000; got None"),
        ({"action": "tick", "auto_advance_s": []}, "auto_advance_s must be a number from 0 to 315360000; got []"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_bad_order_is_refused_with_what_would_be_taken(order: object, cure: str) -> None:
    with pytest.raises(CommandError) as refused:
        command(REAL, order, NOON)

    assert cure in str(refused.value)


@pytest.mark.parametrize("seconds", [0, 315_360_000])
def test_the_ends_of_what_is_allowed_are_taken(seconds: int) -> None:
    assert now_at(ordered({"action": "advance", "seconds": seconds}), NOON) == NOON + seconds * 1_000
