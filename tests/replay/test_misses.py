"""What is said of a request that no recording answers: a person can act on it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from fakescope.errors import CassetteError
from fakescope.recording.exchange import Exchange, Request
from fakescope.recording.misses import NotRecordedError
from fakescope.recording.player import Player

PATH = "/services/aigc/video-generation/video-synthesis"
ADVICE = "Record it, or send what was recorded; `fakescope replay --miss simulate` lets the simulator answer instead."


def missed(player: Player, request: Request) -> list[str]:
    with pytest.raises(NotRecordedError) as miss:
        player.answer(request, 0)
    return str(miss.value).split("\n")


@pytest.fixture
def player(tapes: Any) -> Player:
    ids = [f"{n:08d}-0000-4000-8000-000000000000" for n in range(3)]
    tasks = [tapes.task(prompt, ids[n], at=n * 200) for n, prompt in enumerate(("a boat", "a cat", "a dog"))]
    return Player([tapes.cassette(*(exchange for task in tasks for exchange in task), name="pets")])


def test_nearest_recording_is_the_one_whose_prompt_is_most_alike(player: Player, tapes: Any) -> None:
    assert missed(player, tapes.submission("a bat")) == [
        f"No recording answers POST {PATH}, model 'wan2.6-t2v'.",
        "The nearest is exchange 1 of pets:",
        "  input.prompt: recorded 'a boat', sent 'a bat'",
        ADVICE,
    ]


def test_nearest_recording_is_the_one_with_the_fewest_differences(player: Player, tapes: Any) -> None:
    request = tapes.submission("a dog", parameters={"size": "960*960", "seed": 1})
    assert missed(player, request)[1:-1] == [
        "The nearest is exchange 11 of pets:",
        "  parameters.size: recorded '1280*720', sent '960*960'",
        "  parameters.seed: recorded nothing, sent 1",
    ]


def test_other_path_is_named(player: Player, tapes: Any) -> None:
    other = tapes.submission("a cat", url="http://h/api/v1/services/aigc/image2video/video-synthesis")
    assert missed(player, other)[2] == (
        f"  path: recorded 'POST {PATH}', sent 'POST /services/aigc/image2video/video-synthesis'"
    )


def test_long_texts_are_shown_where_they_part(tapes: Any) -> None:
    player = Player([tapes.cassette(*tapes.task("so " * 2_000 + "a cat " + "on " * 2_000))])
    line = missed(player, tapes.submission("so " * 2_000 + "a dog " + "on " * 2_000))[2]
    assert len(line) < 200
    assert " cat " in line
    assert " dog " in line


def test_unknown_task_is_told_from_those_that_were_given(player: Player, tapes: Any) -> None:
    assert missed(player, tapes.poll("nothing"))[1].startswith("Submit first: it gave none yet. Recorded are 0000")
    player.answer(tapes.submission("a cat"), 0)
    assert missed(player, tapes.poll("nothing"))[:2] == [
        "No recording has the task 'nothing', and this replay gave no such id to this account.",
        "It gave 00000001-0000-4000-8000-000000000000.",
    ]


def test_kind_of_request_that_is_not_recorded_at_all_is_said_so(tapes: Any) -> None:
    listed = Exchange(Request("GET", "http://h/api/v1/tasks"), tapes.json({"total": 0}))
    player = Player([tapes.cassette(*tapes.task(), listed, name="pets")])
    assert missed(player, Request("DELETE", "http://h/api/v1/files/1"))[:2] == [
        "No recording answers DELETE /files/1.",
        "pets: no request of this kind is recorded at all.",
    ]


def test_request_without_any_recording_is_a_miss(tapes: Any) -> None:
    assert missed(Player([]), tapes.submission())[1].startswith("Record it, or ")  # no cassette: of none is told


def test_key_and_headers_are_in_no_text(player: Player, tapes: Any) -> None:
    request = tapes.submission("a bat")
    request = request._replace(headers=(*request.headers, ("Authorization", "Bearer sk-very-secret")))
    assert "sk-very-secret" not in "\n".join(missed(player, request))


def test_hostile_bodies_are_misses(player: Player, tapes: Any) -> None:
    deep = b'{"input":' * 90 + b"1" + b"}" * 90
    for body in (b"\xff" * 1_000, deep, b"[" * 50_000, b'{"input": {"prompt": "' + b"x" * 300_000 + b'"}}'):
        assert len("\n".join(missed(player, tapes.submission()._replace(body=body)))) < 5_000


def test_many_differences_are_shortened(player: Player, tapes: Any) -> None:
    lines = missed(player, tapes.submission("a cat", parameters={f"p{n}": n for n in range(50)}))
    assert lines[-2] == "  and 43 fields more"  # 50 new ones and the size that is missing, of which 8 are shown
    assert len(lines) == 12


def test_misses_are_counted(player: Player, tapes: Any) -> None:
    missed(player, tapes.submission("none"))
    missed(player, tapes.poll("none"))
    assert player.misses == 2


def test_miss_is_a_cassette_error_and_can_be_pickled(player: Player, tapes: Any) -> None:
    with pytest.raises(NotRecordedError) as miss:
        player.answer(tapes.submission("none"), 0)
    assert isinstance(miss.value, CassetteError)
    again = pickle.loads(pickle.dumps(miss.value))
    assert (type(again), again.lines) == (NotRecordedError, miss.value.lines)


def test_thousands_of_recordings_are_compared_in_reasonable_time(tapes: Any) -> None:
    made = [Exchange(tapes.submission(f"cat {n}"), tapes.standing(f"t{n}", "PENDING"), n) for n in range(5_000)]
    assert "cat" in missed(Player([tapes.cassette(*made)]), tapes.submission("dog"))[2]
