"""The rows of an answer: objects, lists, and every kind of leaf."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakescope.catalog.spec import ModelSpec
from fakescope.engine.facts import shape
from fakescope.engine.task import SUCCESS, Outcome, Partial, Task

FOUR = """
    media.results = "parameters.n"
    parameters.n = { kind = "integer", default = 4 }
"""
Shown = Callable[..., dict[str, Any]]


@pytest.fixture
def shown(make_spec: Callable[[str], ModelSpec], make_task: Callable[..., Task]) -> Shown:
    """The output of a task of a model with these rows, these values by path, and this outcome."""

    def shown(rows: str, given: dict[str, Any] | None = None, outcome: Outcome = SUCCESS) -> dict[str, Any]:
        spec = make_spec(rows)
        return shape(spec.output, spec)(make_task(spec, given, outcome), lambda task, n: f"http://{task.id}/{n}")

    return shown


# -- leaves


def test_rows_keep_the_catalogues_order(shown: Shown) -> None:
    output = shown("""
        output.b = { constant = 1 }
        output.a = { constant = 2 }
        output.c = { constant = 3 }
    """)

    assert list(output.items()) == [("b", 1), ("a", 2), ("c", 3)]


@pytest.mark.parametrize(("written", "value"), [("true", True), ("0", 0), ('""', ""), ("[1, 2]", [1, 2])])
def test_constant_is_shown_as_it_is(shown: Shown, written: str, value: object) -> None:
    assert shown(f"output.a = {{ constant = {written} }}") == {"a": value}


def test_fact_is_computed_for_the_task(shown: Shown) -> None:
    assert shown('output.url = { fact = "result_url" }') == {"url": "http://task/0"}


def test_value_is_that_of_a_field(shown: Shown) -> None:
    rows = """
        parameters.ratio = { kind = "text", default = "16:9" }
        output.ratio = { value = "parameters.ratio" }
    """

    assert shown(rows, {"parameters.ratio": "1:1"}) == {"ratio": "1:1"}
    assert shown(rows) == {"ratio": "16:9"}


def test_words_say_a_value_in_another_way(shown: Shown) -> None:
    rows = """
        parameters.mode = { kind = "choice", values = ["wan-std", "wan-pro"] }
        output.ratio = { value = "parameters.mode", words = { wan-std = "standard", wan-pro = "pro" } }
    """

    assert shown(rows, {"parameters.mode": "wan-std"}) == {"ratio": "standard"}
    assert shown(rows, {"parameters.mode": "wan-pro"}) == {"ratio": "pro"}


def test_seconds_of_is_the_length_of_a_file(shown: Shown) -> None:
    rows = """
        input.sound = { kind = "media", media = "audio", schemes = ["https"], seconds = [3, 4] }
        output.seconds = { seconds_of = "input.sound" }
    """

    seconds = shown(rows, {"input.sound": "https://h/a.mp3"})["seconds"]

    assert 3 <= seconds <= 4
    assert shown(rows, {"input.sound": "https://h/a.mp3"}) == {"seconds": seconds}


@pytest.mark.parametrize(
    ("cast", "value", "cast_value"),
    [
        ("integer", 4.6, 5),
        ("integer", 5, 5),
        ("number", 5, 5.0),
        ("text", 5, "5"),
        ("text", 4.5, "4.5"),
    ],
)
def test_cast_changes_the_type(shown: Shown, cast: str, value: object, cast_value: object) -> None:
    rows = f"""
        parameters.x = {{ kind = "number" }}
        output.x = {{ value = "parameters.x", as = "{cast}" }}
    """

    x = shown(rows, {"parameters.x": value})["x"]

    assert (x, type(x)) == (cast_value, type(cast_value))


@pytest.mark.parametrize("cast", ["integer", "number", "text"])
def test_facts_are_cast_too(shown: Shown, cast: str) -> None:
    x = shown(f'output.x = {{ fact = "result_count", as = "{cast}" }}')["x"]

    assert type(x) is {"integer": int, "number": float, "text": str}[cast]


@pytest.mark.parametrize(
    "row",
    [
        '{ value = "input.a" }',
        '{ value = "input.a", as = "text" }',
        '{ value = "input.a", as = "integer" }',
        '{ value = "input.a", as = "number" }',
        '{ seconds_of = "input.a" }',
        '{ fact = "prompt" }',
    ],
)
def test_a_key_without_a_value_is_left_out(shown: Shown, row: str) -> None:
    output = shown(f"""
        input.a = {{ kind = "media", schemes = ["https"] }}
        output.a = {row}
        output.b = {{ constant = 1 }}
    """)

    assert output == {"b": 1}


# -- objects and lists


def test_a_table_of_rows_is_an_object(shown: Shown) -> None:
    assert shown('output.results.video_url = { fact = "result_url" }') == {"results": {"video_url": "http://task/0"}}


def test_wrap_makes_a_list_of_just_that_object(shown: Shown) -> None:
    output = shown(FOUR + "output.choices = { wrap = true, reason = { constant = 1 } }")

    assert output == {"choices": [{"reason": 1}]}


def test_each_makes_a_list_with_an_entry_per_result(shown: Shown) -> None:
    rows = FOUR + 'output.results = { each = true, url = { fact = "result_url" }, n = { constant = 7 } }'

    assert shown(rows, {"parameters.n": 2}) == {
        "results": [{"url": "http://task/0", "n": 7}, {"url": "http://task/1", "n": 7}]
    }
    assert len(shown(rows)["results"]) == 4


def test_each_makes_a_list_of_plain_values_of_a_leaf(shown: Shown) -> None:
    rows = FOUR + 'output.urls = { fact = "result_url", each = true }'

    assert shown(rows, {"parameters.n": 2}) == {"urls": ["http://task/0", "http://task/1"]}


def test_what_stands_inside_a_list_knows_its_result(shown: Shown) -> None:
    """As the newer image models answer: a choice per image, and a list of one inside each."""
    rows = (
        FOUR
        + """
        [output.choices]
        each = true
        message.content = { wrap = true, image = { fact = "result_url" } }
    """
    )

    assert shown(rows, {"parameters.n": 2}) == {
        "choices": [
            {"message": {"content": [{"image": "http://task/0"}]}},
            {"message": {"content": [{"image": "http://task/1"}]}},
        ]
    }


def test_a_list_may_stand_inside_a_list_of_one(shown: Shown) -> None:
    """As the models that answer at once do: one choice, with all images inside."""
    rows = FOUR + 'output.choices = { wrap = true, content = { each = true, image = { fact = "result_url" } } }'

    assert shown(rows, {"parameters.n": 2}) == {
        "choices": [{"content": [{"image": "http://task/0"}, {"image": "http://task/1"}]}]
    }


# -- when only some results were made

BLOCKED = {"code": "Blocked", "message": "not shown"}


@pytest.mark.parametrize(
    ("made", "entries"),
    [
        (2, [{"url": "http://task/0"}, {"url": "http://task/1"}, BLOCKED, BLOCKED]),
        (0, [BLOCKED] * 4),
        (9, [{"url": f"http://task/{n}"} for n in range(4)]),
    ],
)
def test_results_that_were_not_made_say_why(shown: Shown, made: int, entries: list[Any]) -> None:
    rows = FOUR + 'output.results = { each = true, url = { fact = "result_url" } }'

    output = shown(rows, outcome=Outcome(partial=Partial(made, "Blocked", "not shown")))

    assert output == {"results": entries}


def test_plain_values_are_there_for_the_results_that_were_made(shown: Shown) -> None:
    rows = FOUR + 'output.urls = { fact = "result_url", each = true }'

    output = shown(rows, outcome=Outcome(partial=Partial(1, "Blocked", "not shown")))

    assert output == {"urls": ["http://task/0"]}
