"""Identifiers and choices from a seed."""

from __future__ import annotations

import re
from collections import Counter
from uuid import UUID

import pytest

from fakescope.ids import IdSource, draws, fraction, fresh_seed, request_id_of

TASK = "0fcfa6e6-bec0-4938-a444-f23a47e8dd48"


def drawn(seed: int, name: str, count: int = 1_000) -> list[str]:
    source = IdSource(seed, name)
    return [source.task_id() for _ in range(count)]


def test_task_ids_are_uuids_of_version_4() -> None:
    for task_id in drawn(1, "alice"):
        assert str(UUID(task_id)) == task_id
        assert (UUID(task_id).version, UUID(task_id).variant) == (4, "specified in RFC 4122")


def test_request_ids_are_uuids_whose_third_group_starts_with_9() -> None:
    source = IdSource(1, "alice")

    for request_id in (source.request_id() for _ in range(1_000)):
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-9[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", request_id)


def test_the_same_seed_and_name_give_the_same_ids() -> None:
    assert drawn(7, "alice") == drawn(7, "alice")


@pytest.mark.parametrize(("seed", "name"), [(71, "bob"), (8, "1bob"), (7, "bob"), (7, "")])
def test_another_seed_or_name_gives_other_ids(seed: int, name: str) -> None:
    assert not set(drawn(7, "1bob")) & set(drawn(seed, name))


def test_ids_never_repeat() -> None:
    assert len(set(drawn(1, "alice", 10_000))) == 10_000


def test_two_sources_do_not_disturb_each_other() -> None:
    alone = drawn(7, "alice", 3)

    alice, bob = IdSource(7, "alice"), IdSource(7, "bob")
    mixed = []
    for _ in range(3):
        mixed.append(alice.task_id())
        bob.task_id()

    assert mixed == alone


def test_request_id_of_a_task_is_its_id_backwards_with_a_9() -> None:
    assert request_id_of(TASK) == "84dd8e74-a32f-944a-8394-0ceb6e6afcf0"


def test_request_ids_of_tasks_have_the_vendors_form_and_differ() -> None:
    request_ids = {request_id_of(task_id) for task_id in drawn(1, "alice")}

    assert len(request_ids) == 1_000
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-9[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", it) for it in request_ids)


def test_a_fraction_is_settled_by_task_and_question() -> None:
    assert fraction(TASK, "wait") == fraction(TASK, "wait")
    assert fraction(TASK, "wait") != fraction(TASK, "run")
    assert fraction(TASK, "wait") != fraction(TASK[::-1], "wait")


def test_fractions_spread_evenly_from_0_up_to_1() -> None:
    tenths = [0] * 10
    for task_id in drawn(1, "alice", 10_000):
        drawn_number = fraction(task_id, "run")
        assert 0 <= drawn_number < 1
        tenths[int(drawn_number * 10)] += 1

    assert all(900 < count < 1_100 for count in tenths)


def test_draws_are_settled_by_the_task_and_reach_from_0_up_to_1() -> None:
    assert draws(TASK) == draws(TASK)
    assert draws(TASK) != draws(TASK[::-1])
    for numbers in zip(*map(draws, drawn(1, "alice", 10_000)), strict=True):
        tenths = Counter(int(10 * number) for number in numbers)
        assert sorted(tenths) == list(range(10))
        assert all(900 < count < 1_100 for count in tenths.values())


def test_a_fresh_seed_is_short_enough_to_type() -> None:
    assert all(0 <= fresh_seed() < 1_000_000 for _ in range(100))


def test_the_two_draws_of_a_task_are_independent() -> None:
    keys = drawn(1, "independence", 16_000)

    cells = Counter((int(4 * to_wait), int(4 * to_run)) for to_wait, to_run in map(draws, keys))

    assert len(cells) == 16
    assert all(850 < count < 1_150 for count in cells.values())  # a thousand each, give or take
