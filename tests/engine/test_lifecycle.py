"""Planning a lane, planning it again without one task, and reading a plan."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fakescope.catalog.spec import Pace
from fakescope.engine.lifecycle import Needs, needs_of, plan, plan_without, status_at
from fakescope.engine.task import ENDLESS, SUCCESS, Lane, Outcome, Problem, Task, TaskStatus, Timeline

PENDING, RUNNING, SUCCEEDED = TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.SUCCEEDED
FAILED, CANCELED, UNKNOWN = TaskStatus.FAILED, TaskStatus.CANCELED, TaskStatus.UNKNOWN
LIFE = 10_000
PACE = Pace(wait_s=(1.0, 3.0), run_s=(60.0, 300.0), fail_s=(0.05, 0.15), basis="inferred")
WRONG = Outcome(Problem("InvalidParameter", "size must be in …", "parameters.size:choice", "", "inferred"))


# -- how long


@pytest.mark.parametrize(
    ("draw", "needs"), [(0.0, Needs(1_000, 60_000)), (0.5, Needs(2_000, 180_000)), (0.75, Needs(2_500, 240_000))]
)
def test_a_draw_picks_a_point_between_the_ends_of_the_pace(draw: float, needs: Needs) -> None:
    assert needs_of(PACE, False, SUCCESS, (draw, draw), 1.0) == needs


def test_speed_divides_waiting_and_running() -> None:
    assert needs_of(PACE, False, SUCCESS, (0.0, 0.0), 10.0) == Needs(100, 6_000)


def test_infinite_speed_takes_no_time() -> None:
    assert needs_of(PACE, False, SUCCESS, (0.5, 0.5), inf) == Needs(0, 0)


def test_a_wrong_field_is_found_without_waiting_and_at_once() -> None:
    assert needs_of(PACE, False, WRONG, (0.5, 0.5), 1.0) == Needs(0, 100)


def test_an_ordered_running_time_is_kept_whatever_the_speed() -> None:
    assert needs_of(PACE, False, Outcome(run_s=7.5), (0.0, 0.0), 100.0) == Needs(10, 7_500)


def test_waiting_and_running_are_drawn_apart() -> None:
    assert needs_of(PACE, False, SUCCESS, (0.0, 0.5), 1.0) == Needs(1_000, 180_000)


@pytest.mark.parametrize(("outcome", "phases"), [(SUCCESS, True), (Outcome(run_s=7.5), True), (WRONG, False)])
def test_only_a_task_that_does_its_work_has_phases(outcome: Outcome, phases: bool) -> None:
    assert needs_of(PACE, True, outcome, (0.0, 0.0), 1.0).phases is phases
    assert needs_of(PACE, False, outcome, (0.0, 0.0), 1.0).phases is False


# -- plan


def test_a_task_in_a_free_lane_starts_after_its_wait() -> None:
    timeline, slots = plan((0, 0), Needs(10, 100), SUCCESS, 1_000, LIFE)

    assert timeline == Timeline((1_000, 1_010, 1_110), (PENDING, RUNNING, SUCCEEDED))
    assert slots == (0, 1_110)


def test_a_task_in_a_full_lane_starts_when_the_first_slot_is_free() -> None:
    timeline, slots = plan((1_500, 1_700), Needs(10, 100), SUCCESS, 1_000, LIFE)

    assert timeline.instants == (1_000, 1_500, 1_600)
    assert slots == (1_600, 1_700)


def test_a_lane_without_slots_makes_nobody_wait() -> None:
    timeline, slots = plan((), Needs(10, 100), SUCCESS, 1_000, LIFE)

    assert timeline.instants == (1_000, 1_010, 1_110)
    assert slots == ()


def test_a_task_with_a_problem_ends_failed() -> None:
    timeline, _ = plan((0,), Needs(0, 100), WRONG, 1_000, LIFE)

    assert timeline == Timeline((1_000, 1_000, 1_100), (PENDING, RUNNING, FAILED))


def test_phases_take_a_tenth_at_each_end_of_the_work() -> None:
    timeline, slots = plan((0,), Needs(10, 100, phases=True), SUCCESS, 1_000, LIFE)

    assert timeline.instants == (1_000, 1_010, 1_020, 1_100, 1_110)
    assert timeline.statuses == ("PENDING", "PRE-PROCESSING", "RUNNING", "POST-PROCESSING", "SUCCEEDED")
    assert slots == (1_110,)


def test_phases_of_no_time_are_never_seen() -> None:
    timeline, _ = plan((), Needs(0, 0, phases=True), SUCCESS, 1_000, LIFE)

    assert status_at(timeline, 1_000, LIFE) is SUCCEEDED


@pytest.mark.parametrize(("outcome", "end"), [(WRONG, FAILED), (ENDLESS, RUNNING)], ids=["wrong", "endless"])
def test_a_task_that_does_not_do_its_work_goes_through_no_phases(outcome: Outcome, end: TaskStatus) -> None:
    timeline, _ = plan((), Needs(0, 100, phases=True), outcome, 1_000, LIFE)

    assert timeline.statuses == (PENDING, RUNNING, FAILED)[: (PENDING, RUNNING, FAILED).index(end) + 1]


def test_an_endless_task_runs_and_holds_its_slot_until_it_expires() -> None:
    timeline, slots = plan((0,), Needs(10, 100), ENDLESS, 1_000, LIFE)

    assert timeline == Timeline((1_000, 1_010), (PENDING, RUNNING))
    assert slots == (1_000 + LIFE,)


def test_an_expired_task_gives_its_slot_back() -> None:
    _, slots = plan((0,), Needs(0, 3 * LIFE), SUCCESS, 1_000, LIFE)

    assert slots == (1_000 + LIFE,)


@pytest.mark.parametrize("outcome", [SUCCESS, ENDLESS], ids=["success", "endless"])
def test_a_task_that_expires_before_its_turn_takes_no_slot(outcome: Outcome) -> None:
    _, slots = plan((50_000,), Needs(0, 100), outcome, 1_000, LIFE)

    assert slots == (50_000,)


# -- status_at


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (1_000, PENDING),
        (1_999, PENDING),
        (2_000, RUNNING),
        (2_999, RUNNING),
        (3_000, SUCCEEDED),
        (1_000 + LIFE - 1, SUCCEEDED),
        (1_000 + LIFE, UNKNOWN),
        (1_000 + 9 * LIFE, UNKNOWN),
    ],
)
def test_a_status_holds_from_its_instant_on(now: int, status: TaskStatus) -> None:
    assert status_at(Timeline((1_000, 2_000, 3_000), (PENDING, RUNNING, SUCCEEDED)), now, LIFE) is status


def test_of_steps_at_one_instant_the_last_is_seen() -> None:
    assert status_at(Timeline((5, 5, 5), (PENDING, RUNNING, SUCCEEDED)), 5, LIFE) is SUCCEEDED


def test_a_task_that_never_ends_expires_all_the_same() -> None:
    stuck = Timeline((0, 10), (PENDING, RUNNING))

    assert (status_at(stuck, LIFE - 1, LIFE), status_at(stuck, LIFE, LIFE)) == (RUNNING, UNKNOWN)


def test_a_task_that_expires_while_it_waits_is_unknown() -> None:
    assert status_at(Timeline((0, 2 * LIFE, 3 * LIFE), (PENDING, RUNNING, SUCCEEDED)), 2 * LIFE, LIFE) is UNKNOWN


# -- plan_without


def a_task(name: str, *instants: int, outcome: Outcome = SUCCESS) -> Task:
    statuses = (PENDING, RUNNING, SUCCEEDED)[: len(instants)]
    return Task(name, "model", (), {}, outcome, Timeline(instants, statuses))


def needs_of_100(_task: Task) -> Needs:
    return Needs(0, 100)


def test_a_canceled_task_is_canceled_from_now_on() -> None:
    running, waiting = a_task("a", 0, 0, 100), a_task("b", 1, 100, 200)

    changed, _ = plan_without(waiting, [running, waiting], Lane((200,), ()), needs_of_100, 40, LIFE)

    assert [(task.id, task.timeline) for task in changed] == [("b", Timeline((1, 40), (PENDING, CANCELED)))]


def test_who_stood_behind_a_canceled_task_moves_up() -> None:
    a, b, c = a_task("a", 0, 0, 100), a_task("b", 1, 100, 200), a_task("c", 2, 200, 300)

    changed, lane = plan_without(b, [a, b, c], Lane((300,), (0, 1, 2)), needs_of_100, 40, LIFE)

    assert {task.id: task.timeline.instants for task in changed} == {"b": (1, 40), "c": (2, 100, 200)}
    assert lane == Lane((200,), (0, 1, 2))


def test_who_stood_before_a_canceled_task_keeps_the_plan() -> None:
    a, b, c = a_task("a", 0, 0, 100), a_task("b", 1, 100, 200), a_task("c", 2, 200, 300)

    changed, lane = plan_without(c, [a, b, c], Lane((300,), ()), needs_of_100, 40, LIFE)

    assert [task.id for task in changed] == ["c"]
    assert lane.free_at == (200,)


def test_a_task_that_moves_up_keeps_its_phases() -> None:
    steps = (PENDING, TaskStatus.PRE_PROCESSING, RUNNING, TaskStatus.POST_PROCESSING, SUCCEEDED)
    a, b = a_task("a", 0, 50, 150), Task("b", "model", (), {}, SUCCESS, Timeline((1, 150, 160, 240, 250), steps))

    changed, _ = plan_without(a, [a, b], Lane((250,), ()), lambda _: Needs(0, 100, phases=True), 40, LIFE)

    assert changed[1].timeline == Timeline((1, 40, 50, 130, 140), steps)


def test_a_task_in_its_first_phase_keeps_its_slot() -> None:
    steps = (PENDING, TaskStatus.PRE_PROCESSING, RUNNING, TaskStatus.POST_PROCESSING, SUCCEEDED)
    preparing = Task("a", "model", (), {}, SUCCESS, Timeline((0, 30, 45, 115, 130), steps))
    b, c = a_task("b", 1, 130, 230), a_task("c", 2, 230, 330)

    changed, lane = plan_without(b, [preparing, b, c], Lane((330,), ()), needs_of_100, 40, LIFE)

    assert {task.id: task.timeline.instants for task in changed} == {"b": (1, 40), "c": (2, 130, 230)}
    assert lane.free_at == (230,)


def test_a_slot_kept_for_a_canceled_task_is_free_at_once() -> None:
    first, second = a_task("a", 0, 50, 150), a_task("b", 1, 150, 250)

    changed, lane = plan_without(first, [first, second], Lane((250,), ()), needs_of_100, 40, LIFE)

    assert changed[1].timeline.instants == (1, 40, 140)
    assert lane.free_at == (140,)


def test_a_task_that_starts_at_the_very_instant_keeps_its_slot() -> None:
    a, b, c = a_task("a", 0, 40, 140), a_task("b", 1, 140, 240), a_task("c", 2, 240, 340)

    changed, lane = plan_without(b, [a, b, c], Lane((340,), ()), needs_of_100, 40, LIFE)

    assert {task.id: task.timeline.instants for task in changed} == {"b": (1, 40), "c": (2, 140, 240)}
    assert lane.free_at == (240,)


def test_an_endless_task_keeps_its_slot_when_the_lane_is_planned_again() -> None:
    stuck, waiting = a_task("a", 0, 0, outcome=ENDLESS), a_task("b", 1, LIFE, LIFE + 100)

    _, lane = plan_without(waiting, [stuck, waiting], Lane((LIFE + 100,), ()), needs_of_100, 40, LIFE)

    assert lane.free_at == (LIFE,)


def test_expired_tasks_hold_no_slots_when_the_lane_is_planned_again() -> None:
    expired = [a_task("a", 0, 0, outcome=ENDLESS), a_task("b", 5, LIFE, outcome=ENDLESS)]
    now = LIFE + 40
    c, d, e = (a_task(name, LIFE + 20, now + 100 * i, now + 100 * i + 100) for i, name in enumerate("cde", 1))

    changed, _ = plan_without(c, [*expired, c, d, e], Lane((now + 400,), ()), needs_of_100, now, LIFE)

    starts = {task.id: task.timeline.instants[1] for task in changed}
    assert starts == {"c": now, "d": now, "e": now + 100}


def test_a_cancellation_in_a_lane_without_slots_moves_nobody() -> None:
    a, b = a_task("a", 0, 50, 150), a_task("b", 1, 51, 151)

    changed, lane = plan_without(a, [a, b], Lane((), (0, 1)), needs_of_100, 40, LIFE)

    assert [task.id for task in changed] == ["a"]
    assert lane == Lane((), (0, 1))


Wish = tuple[int, int, int]
"""When a task comes, how long until it could start, how long it runs: milliseconds."""


def step_by_step(wishes: list[Wish], slots: int, canceled: int | None = None, at: int = -1) -> dict[int, int]:
    """Starts by the number of the wish, found by walking through every millisecond."""
    line: list[int] = []
    busy_until: dict[int, int] = {}
    starts: dict[int, int] = {}
    for now in range(sum(sum(wish) for wish in wishes) + 2):
        line += [i for i, wish in enumerate(wishes) if wish[0] == now]
        if now == at and canceled is not None:
            line = [i for i in line if i != canceled]
            busy_until.pop(canceled, None)
            starts.pop(canceled, None)
        busy_until = {i: until for i, until in busy_until.items() if until > now}
        while line and len(busy_until) < slots:
            i = line.pop(0)
            submitted, wait, run = wishes[i]
            starts[i] = max(now, submitted + wait)
            if starts[i] + run > now:
                busy_until[i] = starts[i] + run
    return starts


wishes_in_order = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 6), st.integers(0, 9)), min_size=1, max_size=7
).map(sorted)


def planned(wishes: list[Wish], slots: int) -> tuple[dict[int, Task], Lane]:
    tasks, lane = {}, Lane((0,) * slots, ())
    for i, (submitted, wait, run) in enumerate(wishes):
        timeline, free_at = plan(lane.free_at, Needs(wait, run), SUCCESS, submitted, LIFE)
        tasks[i] = Task(str(i), "model", (), {}, SUCCESS, timeline)
        lane = Lane(free_at, ())
    return tasks, lane


@given(wishes_in_order, st.integers(1, 3))
def test_planning_agrees_with_a_walk_through_every_millisecond(wishes: list[Wish], slots: int) -> None:
    tasks, _ = planned(wishes, slots)

    assert {i: task.timeline.instants[1] for i, task in tasks.items()} == step_by_step(wishes, slots)


@given(wishes_in_order, st.integers(1, 3), st.data())
def test_planning_without_a_task_agrees_with_a_walk_through_every_millisecond(
    wishes: list[Wish], slots: int, data: st.DataObject
) -> None:
    tasks, lane = planned(wishes, slots)
    last_came, last_starts = wishes[-1][0], max(task.timeline.instants[1] for task in tasks.values())
    assume(last_came < last_starts)
    now = data.draw(st.integers(last_came, last_starts - 1))
    which = data.draw(st.sampled_from([i for i, task in tasks.items() if task.timeline.instants[1] > now]))

    queue = [task for task in tasks.values() if task.ended > now]
    changed, lane = plan_without(tasks[which], queue, lane, lambda task: Needs(*wishes[int(task.id)][1:]), now, LIFE)
    newcomer, _ = plan(lane.free_at, Needs(0, 1), SUCCESS, now, LIFE)

    tasks |= {int(task.id): task for task in changed} | {len(wishes): Task("", "", (), {}, SUCCESS, newcomer)}
    starts = {i: task.timeline.instants[1] for i, task in tasks.items() if i != which}
    assert starts == step_by_step([*wishes, (now, 0, 1)], slots, which, now)
