"""A task as it is seen at one instant."""

from __future__ import annotations

import pytest

from fakescope.catalog import Catalog
from fakescope.engine.task import ENDLESS, SUCCESS, Outcome, Partial, Problem, Task, TaskStatus, Timeline
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


# -- phases: the vendor's word for what comes before and after the work

PRE, POST = TaskStatus.PRE_PROCESSING, TaskStatus.POST_PROCESSING
PHASES = Timeline((1_000, 2_000, 2_100, 2_900, 3_000), (PENDING, PRE, RUNNING, POST, SUCCEEDED))


@pytest.mark.parametrize(("now", "status"), [(2_000, PRE), (2_100, RUNNING), (2_999, POST)])
def test_a_task_in_any_phase_shows_when_it_started_and_no_result(
    catalog: Catalog, now: int, status: TaskStatus
) -> None:
    assert seen(catalog, PHASES, now) == TaskView("task", status, now, 1_000, 2_000)


def test_a_task_with_phases_ends_with_the_last(catalog: Catalog) -> None:
    view = seen(catalog, PHASES, 3_000)

    assert (view.status, view.scheduled, view.ended) == (SUCCEEDED, 2_000, 3_000)


# -- metrics: how many results were asked for, were made, were not

IMAGES = "wan2.2-t2i-plus"  # four images, unless n says otherwise


@pytest.mark.parametrize(
    ("now", "metrics"),
    [
        (1_500, {"TOTAL": 4, "SUCCEEDED": 0, "FAILED": 0}),
        (2_500, {"TOTAL": 4, "SUCCEEDED": 0, "FAILED": 0}),
        (3_000, {"TOTAL": 4, "SUCCEEDED": 4, "FAILED": 0}),
    ],
)
def test_metrics_count_what_has_been_made_so_far(catalog: Catalog, now: int, metrics: dict[str, int]) -> None:
    assert seen(catalog, DONE, now, model=IMAGES).metrics == metrics


def test_metrics_count_results_that_were_not_made(catalog: Catalog) -> None:
    view = seen(catalog, DONE, 3_000, Outcome(partial=Partial(3, "Code", "text")), IMAGES)

    assert view.metrics == {"TOTAL": 4, "SUCCEEDED": 3, "FAILED": 1}
    assert view.usage == {"image_count": 3}


def test_metrics_of_a_failed_task_have_one_failure(catalog: Catalog) -> None:
    """Wan text-to-image V2 API reference, failed task: TOTAL 1, FAILED 1."""
    view = seen(catalog, BROKEN, 3_000, Outcome(WRONG), IMAGES)

    assert view.metrics == {"TOTAL": 1, "SUCCEEDED": 0, "FAILED": 1}


def test_metrics_show_only_in_the_statuses_that_have_them(catalog: Catalog) -> None:
    spec = catalog.find(IMAGES)
    assert spec is not None
    task = Task("task", spec.name, tuple(field.default for field in spec.fields), {}, SUCCESS, DONE)

    view = ModelView(spec._replace(metrics=frozenset({"RUNNING"})))

    shown = {now: view.at(task, now, LIFE, lambda _task, _n: "").metrics is not None for now in (1_500, 2_500, 3_000)}
    assert shown == {1_500: False, 2_500: True, 3_000: False}


def test_a_model_without_metrics_shows_none(catalog: Catalog) -> None:
    assert seen(catalog, DONE, 3_000).metrics is None


# -- detections

REJECTED = Outcome(rejected=True)


def test_a_detection_that_found_nothing_succeeds_and_says_so(catalog: Catalog) -> None:
    view = seen(catalog, DONE, 3_000, REJECTED, "liveportrait-detect")

    assert view.status is SUCCEEDED
    assert view.output == {"pass": False, "message": "No human face detected."}
    assert view.usage == {"image_count": 1}


def test_a_detection_that_found_something_says_where(catalog: Catalog) -> None:
    view = seen(catalog, DONE, 3_000, model="emoji-detect-v1")

    assert view.output is not None
    assert view.output.keys() == {"bbox_face", "ext_bbox_face"}


def test_a_model_that_detects_nothing_cannot_reject(catalog: Catalog) -> None:
    assert seen(catalog, DONE, 3_000, REJECTED).output == seen(catalog, DONE, 3_000).output


def test_the_same_instant_gives_the_same_view(catalog: Catalog) -> None:
    assert seen(catalog, DONE, 3_500) == seen(catalog, DONE, 3_500)
