"""A recorded task, replayed: how it stands when it is asked for, whatever the number and the instants of the polls."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from fakescope.recording.exchange import Exchange, Request, Response
from fakescope.recording.misses import NotRecordedError
from fakescope.recording.player import Player

ID = "7d1c53f0-9a2b-4c6e-8f10-2b3c4d5e6f01"
OTHER = "8e2d64a1-0b3c-4d7f-9a21-3c4d5e6f7a02"
DAY_S = 86_400


class Replay:
    """A player at an instant that is moved in seconds."""

    def __init__(self, *cassettes: Any, **options: Any) -> None:
        self.player, self.seconds = Player(cassettes, **options), 0.0

    def ask(self, request: Request, world: str = "") -> Response:
        return self.player.answer(request, round(self.seconds * 1000), world=world)

    def submit(self, request: Request, world: str = "") -> str:
        return str(json.loads(self.ask(request, world).body)["output"]["task_id"])


def at(replay: Replay, seconds: float) -> Replay:
    replay.seconds = seconds
    return replay


@pytest.fixture
def replay(tapes: Any) -> Replay:
    """A film that was PENDING at once, RUNNING after 20 and 60 seconds, SUCCEEDED after 100."""
    return Replay(tapes.cassette(*tapes.task()))


@pytest.fixture
def seen(tapes: Any, status_of: Callable[[Any], str]) -> Callable[..., list[str]]:
    """The statuses that polls at these seconds see."""

    def polls(replay: Replay, seconds: Any, task_id: str = ID) -> list[str]:
        return [status_of(at(replay, second).ask(tapes.poll(task_id))) for second in seconds]

    return polls


# -- 1, 3 and 40 polls


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, ["SUCCEEDED"]),
        (3, ["RUNNING", "RUNNING", "SUCCEEDED"]),
        # Every 2.5 s: 7 polls before second 20, 32 from then on, and the last one at second 100.
        (40, ["PENDING"] * 7 + ["RUNNING"] * 32 + ["SUCCEEDED"]),
    ],
)
def test_recording_of_four_polls_answers_any_number(
    count: int, expected: list[str], replay: Replay, seen: Any, tapes: Any
) -> None:
    replay.submit(tapes.submission())
    assert seen(replay, [100 * (n + 1) / count for n in range(count)]) == expected


def test_state_begins_when_a_poll_first_saw_it(replay: Replay, seen: Any, tapes: Any) -> None:
    replay.submit(tapes.submission())
    instants = (0, 19.999, 20, 99.999, 100, 5_000)
    assert seen(replay, instants) == ["PENDING", "PENDING", "RUNNING", "RUNNING", "SUCCEEDED", "SUCCEEDED"]


def test_time_counts_from_the_submission_of_this_replay(replay: Replay, seen: Any, tapes: Any) -> None:
    at(replay, 1_000).submit(tapes.submission())
    assert seen(replay, (1_000, 1_020, 1_100)) == ["PENDING", "RUNNING", "SUCCEEDED"]


def test_before_the_first_recorded_poll_a_task_stands_as_its_submission_said(seen: Any, tapes: Any) -> None:
    replay = Replay(tapes.cassette(*tapes.task(polls=[(300, "SUCCEEDED")])))
    replay.submit(tapes.submission())
    assert seen(replay, (0, 299, 300)) == ["PENDING", "PENDING", "SUCCEEDED"]


@pytest.mark.parametrize(
    ("speed", "instants", "expected"),
    [
        (10, (1, 2, 10), ["PENDING", "RUNNING", "SUCCEEDED"]),
        (0.5, (39, 40, 200), ["PENDING", "RUNNING", "SUCCEEDED"]),
        (inf, (0,), ["SUCCEEDED"]),
    ],
)
def test_speed_scales_recorded_durations(
    speed: float, instants: Any, expected: list[str], seen: Any, tapes: Any
) -> None:
    replay = Replay(tapes.cassette(*tapes.task()), speed=speed)
    replay.submit(tapes.submission())
    assert seen(replay, instants) == expected


def test_by_polls_every_poll_is_the_next_recorded_one_and_the_last_one_stays(seen: Any, tapes: Any) -> None:
    replay = Replay(tapes.cassette(*tapes.task()), by="polls")
    replay.submit(tapes.submission())
    assert seen(replay, [0] * 6) == ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]


def test_recording_without_durations_goes_by_polls(seen: Any, tapes: Any) -> None:
    polls = [(0, "PENDING"), (0, "RUNNING"), (0, "SUCCEEDED")]
    replay = Replay(tapes.cassette(*tapes.task(polls=polls)))
    replay.submit(tapes.submission())
    assert seen(replay, [0] * 4) == ["PENDING", "RUNNING", "SUCCEEDED", "SUCCEEDED"]


def test_recording_that_never_saw_the_end_stays_and_says_so(tapes: Any, status_of: Any) -> None:
    replay = Replay(tapes.cassette(*tapes.task(polls=[(10, "RUNNING"), (20, "RUNNING")])))
    replay.submit(tapes.submission())
    early, late = (at(replay, seconds).ask(tapes.poll(ID)) for seconds in (10, 5_000))
    assert (status_of(early), status_of(late)) == ("RUNNING", "RUNNING")
    assert "x-fakescope-hint" not in dict(early.headers)
    assert dict(late.headers)["x-fakescope-hint"] == "The recording ends here, and the task had not ended."


def test_recording_that_ends_with_a_refused_poll_says_so_too(tapes: Any) -> None:
    refused = Exchange(tapes.poll(ID), tapes.json({"code": "x", "message": "x", "request_id": "r"}, 503), 20_000)
    replay = Replay(tapes.cassette(*tapes.task(polls=[(10, "RUNNING")]), refused))
    replay.submit(tapes.submission())
    answers = [at(replay, seconds).ask(tapes.poll(ID)) for seconds in (15, 20, 25)]
    assert [answer.status for answer in answers] == [200, 503, 200]
    assert ["x-fakescope-hint" in dict(answer.headers) for answer in answers] == [False, False, True]


def test_submission_that_nobody_polled_stays_pending_and_says_so(replay: Replay, tapes: Any, status_of: Any) -> None:
    replay = Replay(tapes.cassette(*tapes.task(polls=[])))
    replay.submit(tapes.submission())
    answer = at(replay, 500).ask(tapes.poll(ID))
    assert (status_of(answer), "x-fakescope-hint" in dict(answer.headers)) == ("PENDING", True)


def test_task_is_forgotten_after_its_life(replay: Replay, tapes: Any, seen: Any) -> None:
    replay.submit(tapes.submission())
    assert seen(replay, (DAY_S - 0.001, DAY_S)) == ["SUCCEEDED", "UNKNOWN"]
    body = json.loads(replay.ask(tapes.poll(ID)).body)
    assert body["output"] == {"task_id": ID, "task_status": "UNKNOWN"}


# -- many tasks


def test_other_order_and_other_mixture_change_nothing(tapes: Any, seen: Any) -> None:
    replay = Replay(tapes.cassette(*tapes.task("cat", ID), *tapes.task("dog", OTHER, [(50, "FAILED")], at=7)))
    dog, cat = replay.submit(tapes.submission("dog")), at(replay, 5).submit(tapes.submission("cat"))
    assert (dog, cat) == (OTHER, ID)
    assert seen(replay, (25, 49), cat) == ["RUNNING", "RUNNING"]
    assert seen(replay, (49, 50), dog) == ["PENDING", "FAILED"]
    assert seen(replay, (105,), cat) == ["SUCCEEDED"]


def test_recordings_of_one_request_are_given_in_order_then_the_last_one_again(tapes: Any, seen: Any) -> None:
    replay = Replay(tapes.cassette(*tapes.task(task_id=ID), *tapes.task(task_id=OTHER, polls=[(9, "FAILED")], at=200)))
    first, second, third, fourth = (replay.submit(tapes.submission()) for _ in range(4))
    assert (first, second) == (ID, OTHER)
    assert len({first, second, third, fourth}) == 4
    assert [seen(replay, (100,), task)[0] for task in (first, second, third, fourth)] == [
        "SUCCEEDED",
        "FAILED",
        "FAILED",
        "FAILED",
    ]


def test_fresh_id_stands_everywhere_in_the_answers(replay: Replay, tapes: Any) -> None:
    replay.submit(tapes.submission())
    fresh = replay.submit(tapes.submission())
    body = at(replay, 100).ask(tapes.poll(fresh)).body.decode()
    assert ID not in body
    assert body.count(fresh) == 2  # as the task's id, and in the link


def test_file_of_a_fresh_id_is_the_recorded_one(tapes: Any) -> None:
    link = f"https://h.example/1d/{ID}.mp4"
    download = Exchange(Request("GET", f"{link}?Signature=redacted"), Response(200, (), b"a film"), 200_000)
    replay = Replay(tapes.cassette(*tapes.task(), download))
    replay.submit(tapes.submission())
    fresh = replay.submit(tapes.submission())
    assert replay.ask(Request("GET", f"https://h.example/1d/{fresh}.mp4")).body == b"a film"


def test_same_id_in_two_cassettes_is_two_tasks(tapes: Any, seen: Any) -> None:
    one = tapes.cassette(*tapes.task("cat"), name="one")
    other = tapes.cassette(*tapes.task("dog", polls=[(5, "FAILED")]), name="other")
    replay = Replay(one, other)
    cat, dog = replay.submit(tapes.submission("cat")), replay.submit(tapes.submission("dog"))
    assert cat != dog
    assert (seen(replay, (100,), cat), seen(replay, (100,), dog)) == (["SUCCEEDED"], ["FAILED"])


def test_worlds_have_their_own_turns_and_tasks(tapes: Any) -> None:
    replay = Replay(tapes.cassette(*tapes.task()))
    assert [replay.submit(tapes.submission(), world) for world in ("one", "other")] == [ID, ID]
    with pytest.raises(NotRecordedError):
        Replay(tapes.cassette(*tapes.task(task_id=OTHER))).ask(tapes.poll(ID))


def test_reset_gives_every_recording_its_first_turn_again(replay: Replay, tapes: Any) -> None:
    replay.submit(tapes.submission())
    replay.player.reset()
    assert replay.submit(tapes.submission()) == ID


def test_short_id_is_replaced_only_where_it_is_the_whole_text(tapes: Any) -> None:
    replay = Replay(tapes.cassette(*tapes.task(task_id="E", polls=[(0, "PENDING"), (9, "SUCCEEDED")])))
    replay.submit(tapes.submission())
    fresh = replay.submit(tapes.submission())
    output = json.loads(at(replay, 9).ask(tapes.poll(fresh)).body)["output"]
    assert (output["task_id"], output["task_status"]) == (fresh, "SUCCEEDED")


# -- what was not a state


@pytest.fixture
def throttled(tapes: Any) -> list[Exchange]:
    """RUNNING at 10 s, a 429 at 20 s, SUCCEEDED at 30 s."""
    made: list[Exchange] = tapes.task(polls=[(10, "RUNNING"), (30, "SUCCEEDED")])
    refusal = tapes.json({"code": "Throttling.RateQuota", "message": "…", "request_id": "r"}, 429)
    return [*made, Exchange(tapes.poll(ID), refusal, 20_000)]


def test_refused_poll_is_told_once(throttled: list[Exchange], tapes: Any) -> None:
    replay = Replay(tapes.cassette(*throttled))
    replay.submit(tapes.submission())
    assert [at(replay, seconds).ask(tapes.poll(ID)).status for seconds in (15, 21, 22, 30)] == [200, 429, 200, 200]


def test_refused_poll_is_not_told_to_who_comes_later(throttled: list[Exchange], tapes: Any, seen: Any) -> None:
    replay = Replay(tapes.cassette(*throttled))
    replay.submit(tapes.submission())
    assert seen(replay, (35,)) == ["SUCCEEDED"]


def test_refused_poll_is_one_of_the_sequence_by_polls(throttled: list[Exchange], tapes: Any) -> None:
    replay = Replay(tapes.cassette(*throttled), by="polls")
    replay.submit(tapes.submission())
    assert [replay.ask(tapes.poll(ID)).status for _ in range(5)] == [200, 429, 200, 200, 200]


def test_refused_submission_has_its_turn(tapes: Any) -> None:
    refusal = tapes.json({"code": "Throttling.RateQuota", "message": "…", "request_id": "r"}, 429)
    replay = Replay(tapes.cassette(Exchange(tapes.submission(), refusal, 0), *tapes.task(at=2)))
    assert [replay.ask(tapes.submission()).status for _ in range(3)] == [429, 200, 200]


def test_refused_submission_has_its_turn_between_others(tapes: Any) -> None:
    refusal = tapes.json({"code": "Throttling.RateQuota", "message": "…", "request_id": "r"}, 429)
    made = [*tapes.task(), Exchange(tapes.submission(), refusal, 200_000), *tapes.task(task_id=OTHER, at=300)]
    replay = Replay(tapes.cassette(*made))
    assert [replay.ask(tapes.submission()).status for _ in range(3)] == [200, 429, 200]


# -- cancellations


@pytest.fixture
def canceled(tapes: Any) -> list[Exchange]:
    """PENDING at 5 s, canceled at 10 s, CANCELED at 12 s."""
    made: list[Exchange] = tapes.task(polls=[(5, "PENDING"), (12, "CANCELED")])
    return [*made, Exchange(tapes.cancel(ID), tapes.json({"request_id": "r"}), 10_000)]


def test_who_does_not_cancel_never_sees_it(canceled: list[Exchange], tapes: Any, seen: Any) -> None:
    replay = Replay(tapes.cassette(*canceled))
    replay.submit(tapes.submission())
    assert seen(replay, (6, 13, 500)) == ["PENDING", "PENDING", "PENDING"]


@pytest.mark.parametrize("when", [1, 10, 300])
def test_canceled_task_is_canceled_from_then_on(when: float, canceled: list[Exchange], tapes: Any, seen: Any) -> None:
    replay = Replay(tapes.cassette(*canceled))
    replay.submit(tapes.submission())
    assert at(replay, when).ask(tapes.cancel(ID)).status == 200
    assert seen(replay, (when, when + 1, when + 500)) == ["CANCELED"] * 3


def test_cancellation_after_which_nobody_polled_leaves_the_task_as_it_was_last_seen(tapes: Any, seen: Any) -> None:
    pending = tapes.task(polls=[(5, "PENDING")])[1:]  # without its submission
    replay = Replay(tapes.cassette(*pending, Exchange(tapes.cancel(ID), tapes.json({"request_id": "r"}), 10_000)))
    assert at(replay, 1).ask(tapes.cancel(ID)).status == 200
    assert seen(replay, (2, 500)) == ["PENDING", "PENDING"]


def test_refused_cancellation_changes_nothing(tapes: Any, seen: Any) -> None:
    refusal = tapes.json({"code": "UnsupportedOperation", "message": "…", "request_id": "r"}, 400)
    replay = Replay(tapes.cassette(*tapes.task(), Exchange(tapes.cancel(ID), refusal, 30_000)))
    replay.submit(tapes.submission())
    assert at(replay, 5).ask(tapes.cancel(ID)).status == 400
    assert seen(replay, (5, 20, 100)) == ["PENDING", "RUNNING", "SUCCEEDED"]


def test_cancellation_that_was_not_recorded_is_a_miss(replay: Replay, tapes: Any) -> None:
    replay.submit(tapes.submission())
    with pytest.raises(NotRecordedError, match=re.escape("(exchange 1 of film) has no cancellation")):
        replay.ask(tapes.cancel(ID))


# -- recordings that begin later, lists, and the rest


def test_task_that_was_only_polled_begins_with_its_first_poll(tapes: Any, seen: Any) -> None:
    replay = Replay(tapes.cassette(*tapes.task()[2:]))  # RUNNING, 40 s later RUNNING, 80 s later SUCCEEDED
    assert seen(replay, (1_000, 1_079, 1_080)) == ["RUNNING", "RUNNING", "SUCCEEDED"]


def test_recorded_task_can_be_taken_up_without_submitting_it(replay: Replay, seen: Any) -> None:
    assert seen(replay, (50, 70, 150)) == ["PENDING", "RUNNING", "SUCCEEDED"]


def test_lists_are_the_recorded_ones_in_order_with_the_ids_of_this_replay(tapes: Any) -> None:
    url = "https://dashscope.aliyuncs.com/api/v1/tasks?page_no=1&page_size=10"
    lists = [tapes.json({"total": n, "data": [{"task_id": ID}]}) for n in (1, 2)]
    one = tapes.cassette(*tapes.task("cat"), name="one")
    made = [Exchange(Request("GET", url), answer, 500_000 + n) for n, answer in enumerate(lists)]
    replay = Replay(one, tapes.cassette(*tapes.task("dog"), *made, name="other"))
    replay.submit(tapes.submission("cat"))
    dog = replay.submit(tapes.submission("dog"))
    answers = [json.loads(replay.ask(Request("GET", "http://127.0.0.1:1/api/v1/tasks/")).body) for _ in range(3)]
    assert answers == [{"total": n, "data": [{"task_id": dog}]} for n in (1, 2, 2)]


def test_result_of_one_task_is_found_again_as_the_input_of_the_next(tapes: Any) -> None:
    link = json.loads(tapes.standing(ID, "SUCCEEDED").body)["output"]["video_url"]
    given = {"prompt": "go on", "img_url": link}
    follow_up = Exchange(tapes.submission(input=given), tapes.standing(OTHER, "PENDING"), 200_000)
    player = Player([tapes.cassette(*tapes.task(), follow_up)])
    player.answer(tapes.submission(), 0, origin="http://here:1")
    done = player.answer(tapes.poll(ID), 100_000, origin="http://here:1")
    led_here = json.loads(done.body)["output"]["video_url"]
    assert led_here.startswith("http://here:1/recorded/0/1d/7d/")
    again = player.answer(tapes.submission(input=given | {"img_url": led_here}), 100_000, origin="http://here:1")
    assert json.loads(again.body)["output"]["task_id"] == OTHER


def test_links_lead_here_even_where_slashes_were_escaped(tapes: Any) -> None:
    made = tapes.task(polls=[(0, "SUCCEEDED")])
    answer = made[1].response
    made[1] = made[1]._replace(response=answer._replace(body=answer.body.replace(b"/", rb"\/")))
    player = Player([tapes.cassette(*made)], by="polls")
    player.answer(tapes.submission(), 0, origin="http://here:1")
    assert json.loads(player.answer(tapes.poll(ID), 0, origin="http://here:1").body)["output"]["video_url"].startswith(
        "http://here:1/recorded/0/1d/"
    )


def test_address_in_a_prompt_or_a_message_is_left_alone(tapes: Any) -> None:
    output = {"task_id": ID, "task_status": "FAILED", "message": "See https://help.example/a for more"}
    made = Exchange(tapes.poll(ID), tapes.json({"request_id": "https://x.example", "output": output}))
    answer = Player([tapes.cassette(made)]).answer(tapes.poll(ID), 0, origin="http://here:1")
    assert json.loads(answer.body) == {"request_id": "https://x.example", "output": output}


def test_unused_recordings_are_listed_where_they_stand(tapes: Any) -> None:
    cassette = tapes.cassette(*tapes.task("cat"), *tapes.task("dog", OTHER, at=500), name="pets")
    replay = Replay(cassette)
    replay.submit(tapes.submission("cat"))
    assert [str(one) for one in replay.player.unused()] == [
        "pets, exchange 6: POST /services/aigc/video-generation/video-synthesis 'wan2.6-t2v', 'dog'"
    ]
    assert replay.player.recorded == 2


def test_answer_that_is_no_task_is_given_again(tapes: Any) -> None:
    url = "https://dashscope.aliyuncs.com/api/v1/services/aigc/multimodal-generation/generation"
    request = tapes.submission(url=url, mode="disable")
    answer = tapes.json({"output": {"choices": []}, "usage": {"image_count": 1}, "request_id": "r"})
    replay = Replay(tapes.cassette(Exchange(request, answer)))
    bodies = [json.loads(replay.ask(request._replace(headers=())).body) for _ in range(2)]
    assert bodies == [json.loads(answer.body)] * 2


def test_indented_answer_is_given_in_one_line_and_json_says_what_it_is(tapes: Any) -> None:
    body = json.dumps({"request_id": "r", "output": {"task_id": ID, "task_status": "PENDING"}}, indent=2).encode()
    replay = Replay(tapes.cassette(Exchange(tapes.submission(), Response(200, (), body))))
    answer = replay.ask(tapes.submission())
    assert answer.body == b'{"request_id":"r","output":{"task_id":"%b","task_status":"PENDING"}}' % ID.encode()
    assert dict(answer.headers)["content-type"] == "application/json"


# -- files within requests


def test_pictures_are_told_apart_by_their_digest_and_given_in_turn_without_one(tapes: Any) -> None:
    def picture(text: str) -> Request:
        request: Request = tapes.submission(input={"prompt": "p", "img_url": f"data:image/png;base64,{text}"})
        return request

    made = [
        Exchange(picture(text), tapes.standing(f"{n}" * 8 + ID[8:], "PENDING"), n) for n, text in enumerate("AB", 1)
    ]
    replay = Replay(tapes.cassette(*made))
    assert replay.submit(picture("B")).startswith("2222")
    assert replay.submit(picture("A")).startswith("1111")
    with pytest.raises(NotRecordedError, match="file 1: recorded 'sha256"):
        replay.submit(picture("C"))
