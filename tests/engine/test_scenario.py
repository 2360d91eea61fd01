"""How a submission's end is chosen: its own mistake first, then the marks in its prompt."""

from __future__ import annotations

import pytest

from fakescope.catalog import Catalog
from fakescope.engine.scenario import outcome_of
from fakescope.engine.task import ENDLESS, SUCCESS, Outcome, Problem

WRONG = Problem("InvalidParameter", "size must be in 1*1", "parameters.size:choice", "", "inferred")


def test_a_plain_prompt_succeeds(catalog: Catalog) -> None:
    assert outcome_of(None, "A fox in the snow", catalog.failures) == SUCCESS


def test_no_prompt_succeeds(catalog: Catalog) -> None:
    assert outcome_of(None, None, catalog.failures) == SUCCESS


def test_a_problem_wins_over_every_mark(catalog: Catalog) -> None:
    assert outcome_of(WRONG, "[fakescope:stuck]", catalog.failures) == Outcome(WRONG)


def test_fail_ends_with_the_code_and_the_text_of_the_catalogue(catalog: Catalog) -> None:
    problem = outcome_of(None, "A fox [fakescope:fail=DataInspectionFailed]", catalog.failures).problem

    assert problem is not None
    assert (problem.code, problem.basis) == ("DataInspectionFailed", "seen")
    assert problem.message == "Input data may contain inappropriate content."


def test_fail_with_a_code_that_is_not_known_says_so(catalog: Catalog) -> None:
    problem = outcome_of(None, "[fakescope:fail=Made.Up]", catalog.failures).problem

    assert problem is not None
    assert (problem.code, problem.basis) == ("Made.Up", "inferred")
    assert problem.message == "Made.Up was ordered by a mark in the prompt; its text is not known."


def test_fail_leaves_a_trace_of_who_ordered_it(catalog: Catalog) -> None:
    problem = outcome_of(None, "[fakescope:fail=InternalError]", catalog.failures).problem

    assert problem is not None
    assert problem.rule == "test_prompt:InternalError"
    assert "[fakescope:fail=…]" in problem.hint


def test_stuck_never_ends(catalog: Catalog) -> None:
    assert outcome_of(None, "A fox [fakescope:stuck] in the snow", catalog.failures) == ENDLESS


@pytest.mark.parametrize(("mark", "run_s"), [("seconds=0", 0.0), ("seconds=2.5", 2.5), ("seconds=90000", 86_400.0)])
def test_seconds_sets_the_running_time_up_to_a_day(catalog: Catalog, mark: str, run_s: float) -> None:
    assert outcome_of(None, f"[fakescope:{mark}]", catalog.failures) == Outcome(run_s=run_s)


def test_seconds_goes_with_fail(catalog: Catalog) -> None:
    outcome = outcome_of(None, "[fakescope:fail=InternalError][fakescope:seconds=3]", catalog.failures)

    assert outcome.problem is not None
    assert outcome.run_s == 3.0


@pytest.mark.parametrize(
    "mark",
    ["seconds", "seconds=", "seconds=soon", "seconds=nan", "seconds=-1", "fail", "fail=", "fail=a b", "nonsense", ""],
)
def test_a_mark_that_is_none_is_part_of_the_prompt(catalog: Catalog, mark: str) -> None:
    assert outcome_of(None, f"A fox [fakescope:{mark}]", catalog.failures) == SUCCESS


def test_every_failure_of_the_catalogue_can_be_ordered(catalog: Catalog) -> None:
    for code, failure in catalog.failures.items():
        problem = outcome_of(None, f"[fakescope:fail={code}]", catalog.failures).problem

        assert problem is not None
        assert (problem.code, problem.message) == (code, failure.message)
