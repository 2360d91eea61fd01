"""How an accepted submission ends: in success, unless a mark in one of its texts or addresses orders otherwise."""

from __future__ import annotations

import pytest

from fakescope.catalog import Catalog
from fakescope.engine.scenario import outcome_of
from fakescope.engine.task import ENDLESS, SUCCESS, Outcome, Partial


def test_a_plain_prompt_succeeds(catalog: Catalog) -> None:
    assert outcome_of(("A fox in the snow",), catalog) == SUCCESS


def test_no_prompt_succeeds(catalog: Catalog) -> None:
    assert outcome_of((None,), catalog) == SUCCESS


def test_fail_ends_with_the_code_and_the_text_of_the_catalogue(catalog: Catalog) -> None:
    problem = outcome_of(("A fox [fakescope:fail=DataInspectionFailed]",), catalog).problem

    assert problem is not None
    assert (problem.code, problem.basis) == ("DataInspectionFailed", "seen")
    assert problem.message == "Input data may contain inappropriate content."


def test_fail_with_a_code_that_is_not_known_says_so(catalog: Catalog) -> None:
    problem = outcome_of(("[fakescope:fail=Made.Up]",), catalog).problem

    assert problem is not None
    assert (problem.code, problem.basis) == ("Made.Up", "inferred")
    assert problem.message == "Made.Up was ordered by a mark in the request; its text is not known."


def test_fail_leaves_a_trace_of_who_ordered_it(catalog: Catalog) -> None:
    problem = outcome_of(("[fakescope:fail=InternalError]",), catalog).problem

    assert problem is not None
    assert problem.rule == "test_prompt:InternalError"
    assert "[fakescope:fail=…]" in problem.hint


def test_stuck_never_ends(catalog: Catalog) -> None:
    assert outcome_of(("A fox [fakescope:stuck] in the snow",), catalog) == ENDLESS


@pytest.mark.parametrize(("mark", "run_s"), [("seconds=0", 0.0), ("seconds=2.5", 2.5), ("seconds=90000", 86_400.0)])
def test_seconds_sets_the_running_time_up_to_a_day(catalog: Catalog, mark: str, run_s: float) -> None:
    assert outcome_of((f"[fakescope:{mark}]",), catalog) == Outcome(run_s=run_s)


def test_seconds_goes_with_fail(catalog: Catalog) -> None:
    outcome = outcome_of(("[fakescope:fail=InternalError][fakescope:seconds=3]",), catalog)

    assert outcome.problem is not None
    assert outcome.run_s == 3.0


@pytest.mark.parametrize(
    "mark",
    [
        "seconds",
        "seconds=",
        "seconds=soon",
        "seconds=nan",
        "seconds=-1",
        "fail",
        "fail=",
        "fail=a b",
        "partial",
        "partial=all",
        "nonsense",
        "",
    ],
)
def test_a_mark_that_is_none_is_part_of_the_prompt(catalog: Catalog, mark: str) -> None:
    assert outcome_of((f"A fox [fakescope:{mark}]",), catalog) == SUCCESS


@pytest.mark.parametrize("kept", [1, 2])
def test_partial_leaves_only_the_first_results(catalog: Catalog, kept: int) -> None:
    """Model Studio error codes: what stands in place of an image that was blocked."""
    blocked = Partial(kept, "DataInspectionFailed", "Output data may contain inappropriate content.")

    assert outcome_of((f"[fakescope:partial={kept}]",), catalog) == Outcome(partial=blocked)


@pytest.mark.parametrize("kept", ["0", "0.5"])
def test_partial_that_leaves_nothing_fails_the_task(catalog: Catalog, kept: str) -> None:
    """A task of which some images were blocked has SUCCEEDED (Wan text-to-image V2 API reference): not all of them."""
    outcome = outcome_of((f"[fakescope:partial={kept}][fakescope:seconds=3]",), catalog)

    assert outcome.problem is not None
    assert (outcome.problem.code, outcome.problem.rule) == ("DataInspectionFailed", "test_prompt:partial")
    assert outcome.problem.message == "Output data may contain inappropriate content."
    assert (outcome.partial, outcome.run_s) == (None, 3.0)


def test_partial_goes_with_seconds(catalog: Catalog) -> None:
    outcome = outcome_of(("[fakescope:partial=1][fakescope:seconds=3]",), catalog)

    assert outcome.partial is not None
    assert outcome.run_s == 3.0


def test_reject_finds_nothing(catalog: Catalog) -> None:
    assert outcome_of(("https://h/a.png#[fakescope:reject]",), catalog) == Outcome(rejected=True)


@pytest.mark.parametrize(
    "value",
    [
        "https://h/a.png#[fakescope:stuck]",
        ["https://h/a.png", "https://h/b.png#[fakescope:stuck]"],
        [{"type": "first_frame", "url": "https://h/a.png#[fakescope:stuck]"}],
        [{"role": "user", "content": [{"image": "https://h/a.png"}, {"text": "A fox [fakescope:stuck]"}]}],
    ],
    ids=["address", "list", "assets", "message"],
)
def test_a_mark_may_stand_in_any_text_or_address(catalog: Catalog, value: object) -> None:
    assert outcome_of((None, 5, True, value, "A fox"), catalog) == ENDLESS


def test_every_failure_of_the_catalogue_can_be_ordered(catalog: Catalog) -> None:
    for name, failure in catalog.failures.items():
        problem = outcome_of((f"[fakescope:fail={name}]",), catalog).problem

        assert problem is not None
        assert (problem.code, problem.message) == (failure.code, failure.message)
