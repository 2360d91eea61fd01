"""A task as it is seen at one instant."""

from __future__ import annotations

import pytest

from fakescope.catalog import Catalog
from fakescope.engine.task import ENDLESS, SUCCESS, Outcome, Problem, Task, TaskStatus, Timeline
from fakescope.engine.view import ModelView, TaskView, unknown

PENDING, RUNNING, SUCCEEDED = TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.SUCCEEDED
FAILED, CANCELED, UNKNOWN = TaskStatus.FAILED, TaskStatus.CANCELED, TaskStatus.UNKNOWN
LIFE = 86_400_000
WRONG = Problem("InvalidParameter", "prompt must contain words", "input.prompt:blank", "", "seen")

DONE = Timeline((1_000, 2_000, 3_000), (PENDING, RUNNING, SUCCEEDED))
BROKEN = Timeline((1_000, 2_000, 3_000), (PENDING, RUNNING, FAILED))


def seen(
    catalog: Catalog, timeline: Timeline, now: int, outcome: Outcome = SUCCESS, model: str = "wan2.6-t2v"
) -> TaskView:
    spec = catalog.find(model)
    assert spec is not None
    given = {"input.prompt": "A fox"}
    values = () if outcome.problem else tuple(given.get(field.path, field.default) for field in spec.fields)
    task = Task("task", model, values, {}, outcome, timeline)
    return ModelView(spec).at(task, now, LIFE, lambda task, n: f"http://result/{task.id}/{n}")


def test_a_pending_task_shows_when_it_was_submitted(catalog: Catalog) -> None:
    assert seen(catalog, DONE, 1_500) == TaskView("task", PENDING, 1_500, 1_000)


def test_a_running_task_shows_when_it_started(catalog: Catalog) -> None:
    assert seen(catalog, DONE, 2_500) == TaskView("task", RUNNING, 2_500, 1_000, 2_000)


def test_a_succeeded_task_shows_its_times_and_its_result(catalog: Catalog) -> None:
    view = seen(catalog, DONE, 3_000)

    assert (view.status, view.submitted, view.scheduled, view.ended) == (SUCCEEDED, 1_000, 2_000, 3_000)
    assert view.output == {"orig_prompt": "A fox", "video_url": "http://result/task/0"}
    assert view.problem is None


def test_usage_is_that_of_the_models_own_document(catalog: Catalog) -> None:
    """Wan text-to-video API reference, response parameters: wan2.6 and the models before it."""
    new, old = seen(catalog, DONE, 3_000), seen(catalog, DONE, 3_000, model="wan2.2-t2v-plus")

    assert new.usage == {
        "duration": 5,
        "size": "1920*1080",
        "input_video_duration": 0,
        "output_video_duration": 5,
        "video_count": 1,
        "SR": 1080,
    }
    assert old.usage == {"video_duration": 5, "video_ratio": "1920*1080", "video_count": 1}


def test_what_has_no_value_is_left_out(catalog: Catalog) -> None:
    spec = catalog.find("wan2.2-i2v-flash")
    assert spec is not None
    task = Task("task", spec.name, tuple(field.default for field in spec.fields), {}, SUCCESS, DONE)

    view = ModelView(spec).at(task, 3_000, LIFE, lambda _task, _n: "http://result")

    assert view.output == {"video_url": "http://result"}


def test_a_failed_task_shows_its_problem_and_no_result(catalog: Catalog) -> None:
    view = seen(catalog, BROKEN, 3_000, Outcome(WRONG))

    assert view == TaskView("task", FAILED, 3_000, 1_000, 2_000, 3_000, problem=WRONG)


@pytest.mark.parametrize("now", [1_000, 2_999])
def test_a_problem_does_not_show_before_the_task_has_failed(catalog: Catalog, now: int) -> None:
    assert seen(catalog, BROKEN, now, Outcome(WRONG)).problem is None


def test_a_canceled_task_was_never_scheduled(catalog: Catalog) -> None:
    canceled = Timeline((1_000, 1_800), (PENDING, CANCELED))

    assert seen(catalog, canceled, 1_800) == TaskView("task", CANCELED, 1_800, 1_000, None, 1_800)


def test_a_task_that_never_ends_shows_no_end(catalog: Catalog) -> None:
    stuck = Timeline((1_000, 2_000), (PENDING, RUNNING))

    assert seen(catalog, stuck, LIFE, ENDLESS) == TaskView("task", RUNNING, LIFE, 1_000, 2_000)


def test_an_expired_task_looks_like_one_that_never_was(catalog: Catalog) -> None:
    assert seen(catalog, DONE, 1_000 + LIFE) == unknown("task", 1_000 + LIFE)
    assert unknown("task", 5) == TaskView("task", UNKNOWN, 5)


def test_the_same_instant_gives_the_same_view(catalog: Catalog) -> None:
    assert seen(catalog, DONE, 3_500) == seen(catalog, DONE, 3_500)
