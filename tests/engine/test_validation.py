"""A draft's fields against a model's rules: what is taken, what is wrong, and which mistake is told first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakescope.catalog import Catalog, load
from fakescope.catalog.rules import MediaRule
from fakescope.engine.task import Draft, Problem, Submission
from fakescope.engine.validation import validate

CATALOG = load()
T2V, T2V_PLUS, T2V_25 = "wan2.6-t2v", "wan2.2-t2v-plus", "wan2.5-t2v-preview"
I2V, I2V_FLASH, I2V_21 = "wan2.6-i2v", "wan2.6-i2v-flash", "wanx2.1-i2v-turbo"
PICTURE = "https://example.com/first.png"


def validated(
    model: str, given_input: dict[str, Any], *, resolves_oss: bool = False, **parameters: Any
) -> Submission | Problem:
    spec = CATALOG.find(model)
    assert spec is not None
    draft = Draft(spec.path, True, resolves_oss, {"model": model, "input": given_input, "parameters": parameters})
    return validate(spec, draft, CATALOG.problem)


def accepted(
    model: str, given_input: dict[str, Any], *, resolves_oss: bool = False, **parameters: Any
) -> dict[str, Any]:
    """Path → value of an accepted draft, and the texts as they were before they were cut under `uncut`."""
    submission = validated(model, given_input, resolves_oss=resolves_oss, **parameters)
    assert isinstance(submission, Submission), submission
    spec = CATALOG.find(model)
    assert spec is not None
    paths = [field.path for field in spec.fields]
    uncut = {paths[at]: text for at, text in submission.uncut.items()}
    return {**dict(zip(paths, submission.values, strict=True)), "uncut": uncut}


def problem_of(model: str, given_input: dict[str, Any], **parameters: Any) -> Problem:
    problem = validated(model, given_input, **parameters)
    assert isinstance(problem, Problem), problem
    return problem


FOX = {"prompt": "A fox in the snow"}


# -- what is taken


def test_fields_left_out_take_their_defaults() -> None:
    assert accepted(T2V, FOX) == {
        "input.prompt": "A fox in the snow",
        "input.negative_prompt": None,
        "input.audio_url": None,
        "parameters.prompt_extend": True,
        "parameters.watermark": False,
        "parameters.seed": None,
        "parameters.size": "1920*1080",
        "parameters.duration": 5,
        "parameters.shot_type": "single",
        "uncut": {},
    }


def test_null_is_the_same_as_leaving_a_field_out() -> None:
    assert accepted(T2V, {**FOX, "negative_prompt": None}, size=None, duration=None) == accepted(T2V, FOX)


def test_unknown_fields_are_ignored() -> None:
    assert accepted(T2V, {**FOX, "history": []}, n=1, style="<auto>") == accepted(T2V, FOX)


@pytest.mark.parametrize("parameters", [{}, {"parameters": None}, {"parameters": {}}], ids=repr)
def test_parameters_may_be_missing_null_or_empty(catalog: Catalog, parameters: dict[str, Any]) -> None:
    spec = catalog.find(T2V)
    assert spec is not None

    draft = Draft(spec.path, True, False, {"model": T2V, "input": FOX, **parameters})

    assert isinstance(validate(spec, draft, catalog.problem), Submission)


@pytest.mark.parametrize("duration", [2, 15, 2.0, 15.0])
def test_a_range_includes_both_its_ends(duration: float) -> None:
    assert accepted(T2V, FOX, duration=duration)["parameters.duration"] == duration


def test_a_whole_number_written_as_a_fraction_becomes_an_integer() -> None:
    duration = accepted(T2V, FOX, duration=10.0)["parameters.duration"]

    assert (duration, type(duration)) == (10, int)


def test_a_long_text_is_cut_and_kept_whole_beside_it() -> None:
    prompt = "雪" * 1_501

    taken = accepted(T2V, {"prompt": prompt})

    assert taken["input.prompt"] == "雪" * 1_500
    assert taken["uncut"] == {"input.prompt": prompt}


def test_a_text_of_just_the_limit_is_not_cut() -> None:
    assert accepted(T2V, {"prompt": "x" * 1_500})["uncut"] == {}


def test_a_field_inside_another_is_found_by_its_path() -> None:
    edges = {"foreground_edge": [PICTURE], "background_edge": None}

    taken = accepted(
        "wanx-background-generation-v2",
        {"base_image_url": PICTURE, "ref_prompt": "A desk", "reference_edge": edges},
    )

    assert taken["input.reference_edge.foreground_edge"] == [PICTURE]
    assert taken["input.reference_edge.background_edge"] is None


@pytest.mark.parametrize("outer", [None, 5, "x", [], {}], ids=repr)
def test_a_field_inside_something_else_is_not_there(outer: object) -> None:
    taken = accepted(
        "wanx-background-generation-v2", {"base_image_url": PICTURE, "ref_prompt": "A desk", "reference_edge": outer}
    )

    assert taken["input.reference_edge.foreground_edge"] is None


@pytest.mark.parametrize(("title", "taken_as"), [("", None), ("Sale", "Sale")])
def test_an_empty_text_may_count_as_left_out(title: str, taken_as: str | None) -> None:
    taken = accepted(
        "wanx-background-generation-v2", {"base_image_url": PICTURE, "ref_prompt": "A desk", "title": title}
    )

    assert taken["input.title"] == taken_as


def test_every_text_is_cut_at_its_own_limit() -> None:
    taken = accepted(T2V_PLUS, {"prompt": "x" * 801, "negative_prompt": "y" * 501})

    assert (len(taken["input.prompt"]), len(taken["input.negative_prompt"])) == (800, 500)
    assert taken["uncut"].keys() == {"input.prompt", "input.negative_prompt"}


# -- what is wrong


@pytest.mark.parametrize("given_input", [{}, {"prompt": None}, {"prompt": ""}, {"prompt": " \n"}], ids=repr)
def test_a_prompt_that_is_missing_or_blank_is_wrong(given_input: dict[str, Any]) -> None:
    problem = problem_of(T2V, given_input)

    assert (problem.code, problem.message) == ("InvalidParameter", "prompt must contain words")


@pytest.mark.parametrize(
    ("model", "given_input", "message"),
    [
        (I2V_21, {}, "img_url must be set for image to video method"),
        ("wan2.2-kf2v-flash", {}, "video frames must be set"),
        ("wanx2.1-kf2v-plus", {"last_frame_url": PICTURE}, "video frames must be set"),
    ],
)
def test_a_picture_that_is_missing_is_wrong(model: str, given_input: dict[str, Any], message: str) -> None:
    assert problem_of(model, given_input).message == message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt_extend", "true"),
        ("watermark", 1),
        ("seed", "12345"),
        ("seed", True),
        ("seed", 1.5),
        ("size", 1920),
        ("size", ["1920*1080"]),
        ("duration", "5"),
        ("duration", {"seconds": 5}),
        ("shot_type", False),
    ],
)
def test_a_wrong_json_type_is_wrong(field: str, value: object) -> None:
    problem = problem_of(T2V, FOX, **{field: value})

    assert problem.message == (f"Required parameter({field}) missing or invalid, please check the request parameters.")
    assert problem.rule == f"parameters.{field}:type"


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        (T2V, {"duration": 1}, "Duration should be between 2 and 15"),
        (T2V, {"duration": 16}, "Duration should be between 2 and 15"),
        (T2V_25, {"duration": 7}, "duration must be in 5,10"),
        (T2V_PLUS, {"duration": 5}, "duration customization is not supported"),
        (T2V, {"seed": -1}, "Range of seed should be [0, 2147483647]"),
        (T2V, {"seed": 2_147_483_648}, "Range of seed should be [0, 2147483647]"),
        (T2V, {"shot_type": "triple"}, "shot_type must be in single,multi"),
        (
            T2V_PLUS,
            {"size": "1280*720"},
            "size must be in 1080*1920,1920*1080,1440*1440,1632*1248,1248*1632,480*832,832*480,624*624",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_wrong(model: str, parameters: dict[str, Any], message: str) -> None:
    problem = problem_of(model, FOX, **parameters)

    assert (problem.code, problem.message) == ("InvalidParameter", message)


def test_a_resolution_that_is_not_allowed_is_wrong() -> None:
    assert problem_of(I2V, {"img_url": PICTURE}, resolution="480P").message == "The resolution is not valid 480P"


def test_an_effect_of_another_model_is_wrong() -> None:
    problem = problem_of(I2V, {"img_url": PICTURE, "template": "flying"})

    assert problem.message == "The template is not valid flying"


@pytest.mark.parametrize("address", ["first.png", "ftp://example.com/a.png", "https:///a.png", "", "https://"])
def test_an_address_that_is_none_is_wrong(address: str) -> None:
    assert problem_of(I2V, {"img_url": address}).code == "InvalidURL"


def test_an_uploaded_file_needs_the_header_that_resolves_it() -> None:
    problem = problem_of(I2V, {"img_url": "oss://dashscope-instant/a.png"})

    assert (problem.code, problem.rule) == ("InvalidURL", "input.img_url:scheme")
    assert "X-DashScope-OssResourceResolve: enable" in problem.hint


def test_an_uploaded_file_is_taken_with_the_header() -> None:
    taken = accepted(I2V, {"img_url": "oss://dashscope-instant/a.png"}, resolves_oss=True)

    assert taken["input.img_url"] == "oss://dashscope-instant/a.png"


UPLOADED = "oss://dashscope-instant/a.png"


@pytest.mark.parametrize(
    ("model", "given_input", "parameters"),
    [
        ("shoemodel-v1", {"template_image_url": PICTURE, "shoe_image_url": [PICTURE, UPLOADED]}, {}),
        ("wan3.0-video", {"media": [{"type": "first_frame", "url": UPLOADED}]}, {}),
        ("wan2.6-image", {"messages": [{"content": [{"text": "A fox"}, {"image": UPLOADED}]}]}, {}),
    ],
    ids=["list", "assets", "message"],
)
def test_an_uploaded_file_anywhere_needs_the_header(
    model: str, given_input: dict[str, Any], parameters: dict[str, Any]
) -> None:
    assert "OssResourceResolve" in problem_of(model, given_input, **parameters).hint
    assert accepted(model, given_input, resolves_oss=True, **parameters)


def test_an_uploaded_file_where_none_is_taken_gets_no_advice_to_send_the_header() -> None:
    spec = CATALOG.find(I2V)
    assert spec is not None
    field = spec.fields[spec.position["input.img_url"]]
    rule = MediaRule(media="image", schemes=("https",))
    spec = spec._replace(fields=tuple(f._replace(rule=rule) if f is field else f for f in spec.fields))

    problem = validate(spec, Draft(spec.path, True, False, {"input": {"img_url": UPLOADED}}), CATALOG.problem)

    assert isinstance(problem, Problem)
    assert "OssResourceResolve" not in problem.hint


@pytest.mark.parametrize(
    ("model", "given_input"),
    [
        (T2V, {"prompt": "oss://a fox"}),
        ("wan2.6-image", {"messages": [{"content": [{"text": "oss://a fox"}, {"image": PICTURE}]}]}),
        (
            "wanx-background-generation-v2",
            {
                "base_image_url": PICTURE,
                "ref_prompt": "A fox",
                "reference_edge": {"foreground_edge": [PICTURE], "foreground_edge_prompt": ["oss://a fox"]},
            },
        ),
    ],
    ids=["prompt", "message", "list of texts"],
)
def test_a_text_may_look_like_an_uploaded_file(model: str, given_input: dict[str, Any]) -> None:
    assert accepted(model, given_input)


def test_of_two_mistakes_the_first_field_of_the_model_is_told() -> None:
    assert problem_of(T2V, {"prompt": ""}, size="1*1", duration=99).rule == "input.prompt:blank"
    assert problem_of(T2V, FOX, duration=99, size="1*1").rule == "parameters.size:choice"


# -- what is said about it


def test_a_hint_says_what_was_given_and_what_is_allowed() -> None:
    hint = problem_of(T2V, FOX, duration=99).hint

    assert hint == "parameters.duration is '99'; wan2.6-t2v takes a whole number from 2 to 15."


def test_a_hint_says_what_is_missing() -> None:
    assert problem_of(T2V, {}).hint.startswith("input.prompt is missing; wan2.6-t2v takes text")


def test_a_hint_shows_the_beginning_of_a_long_value() -> None:
    hint = problem_of(T2V, FOX, size="9" * 10_000).hint

    assert f"parameters.size is '{'9' * 117}...'" in hint


def test_a_hint_shows_true_as_json_does() -> None:
    assert problem_of(T2V, FOX, duration=True).hint.startswith("parameters.duration is 'true';")


def test_a_text_is_seen_for_the_models_that_showed_it_and_inferred_for_others() -> None:
    assert problem_of(T2V_PLUS, FOX, size="1*1").basis == "seen"
    assert problem_of(T2V, FOX, size="1*1").basis == "inferred"


def test_a_value_nested_without_end_is_only_wrong() -> None:
    nested: list[Any] = []
    for _ in range(10_000):
        nested = [nested]

    assert problem_of(T2V, FOX, size=nested).rule == "parameters.size:type"


# -- fields that are not looked at


def test_shot_type_is_ignored_without_prompt_extend() -> None:
    taken = accepted(T2V, FOX, prompt_extend=False, shot_type="triple")

    assert taken["parameters.shot_type"] == "single"


def test_audio_is_ignored_beside_an_audio_address() -> None:
    taken = accepted(T2V_25, {**FOX, "audio_url": "https://example.com/a.mp3"}, audio=False)

    assert taken["parameters.audio"] is True


def test_audio_stands_without_an_audio_address() -> None:
    assert accepted(T2V_25, FOX, audio=False)["parameters.audio"] is False


def test_an_audio_address_is_ignored_when_silence_is_asked_for() -> None:
    taken = accepted(I2V_FLASH, {"img_url": PICTURE, "audio_url": "nonsense"}, audio=False)

    assert taken["input.audio_url"] is None


def test_a_prompt_is_ignored_beside_an_effect() -> None:
    taken = accepted(I2V_21, {"img_url": PICTURE, "prompt": "A fox", "template": "flying"})

    assert (taken["input.prompt"], taken["input.template"]) == (None, "flying")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_whatever_is_given_is_a_submission_or_a_problem(data: st.DataObject) -> None:
    spec = data.draw(st.sampled_from(CATALOG.specs()))
    names = [name for where, name in spec.places]
    fields = st.dictionaries(st.sampled_from(names), json_values, max_size=4)
    body = {"model": spec.name, "input": data.draw(fields), "parameters": data.draw(fields)}

    outcome = validate(spec, Draft(spec.path, True, False, body), CATALOG.problem)

    assert isinstance(outcome, Problem) or len(outcome.values) == len(spec.fields)
