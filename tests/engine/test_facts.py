"""What is computed from a task for answers and bills. Prices times seconds are worked out by hand here."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from fakescope.catalog import Catalog
from fakescope.catalog.spec import FACTS, ModelSpec
from fakescope.engine.facts import BUILDERS, cost_of, fact
from fakescope.engine.task import Outcome, Partial, Task

MakeSpec = Callable[[str], ModelSpec]
MakeTask = Callable[..., Task]
ValueOf = Callable[..., Any]
FILM, OTHER_FILM, PICTURE = "https://h/a.mp4", "https://h/b.mp4", "https://h/c.png"


def spec_of(catalog: Catalog, model: str) -> ModelSpec:
    spec = catalog.find(model)
    assert spec is not None
    return spec


def link(task: Task, n: int) -> str:
    return f"http://result/{task.id}/{n}"


@pytest.fixture
def value_of(catalog: Catalog, make_task: MakeTask) -> ValueOf:
    """The value of a fact for a task of a model, or of a spec, with these values by the ends of their paths."""

    def value_of(name: str, model: str | ModelSpec, uncut: str | None = None, **given: Any) -> Any:
        spec = spec_of(catalog, model) if isinstance(model, str) else model
        path_of = {field.path.rpartition(".")[2]: field.path for field in spec.fields}
        values = {path_of[end]: value for end, value in given.items()}
        return fact(name, spec)(make_task(spec, values, uncut=uncut), 0, link)

    return value_of


def test_every_fact_of_the_catalogue_can_be_computed_and_no_other() -> None:
    assert BUILDERS.keys() == FACTS.keys()


# -- what depends on a parameter

BY_MODE = """
    media = { frames_per_s = "parameters.fps", seconds = 5, results = 1, when = [
        { is = { "input.mode" = "long" }, seconds = ["input.film"], frames_per_s = 25 },
        { given = ["input.film"], results = "parameters.n" },
    ] }
    input.mode = { kind = "choice", values = ["short", "long"], default = "short" }
    input.film = { kind = "media", schemes = ["https"], seconds = [20, 20] }
    parameters.fps = { kind = "integer", default = 15 }
    parameters.n = { kind = "integer", default = 3 }
"""


@pytest.mark.parametrize(
    ("given", "seconds", "frames", "count"),
    [
        ({}, 5, 15, 1),
        ({"fps": 24}, 5, 24, 1),
        ({"mode": "long", "film": FILM}, 20, 25, 3),
        ({"film": FILM, "n": 2}, 5, 15, 2),
        ({"mode": "long"}, 0, 25, 1),
    ],
)
def test_a_result_may_differ_by_what_was_asked_for(
    value_of: ValueOf, make_spec: MakeSpec, given: dict[str, Any], seconds: int, frames: int, count: int
) -> None:
    spec = make_spec(BY_MODE.replace("\n        ", " ").replace("\n    ] }", " ] }").replace(", ] }", " ] }"))

    facts = [value_of(name, spec, **given) for name in ("output_seconds", "frames_per_s", "result_count")]

    assert facts == [seconds, frames, count]


def test_what_is_cut_of_a_video_is_not_billed(value_of: ValueOf, make_spec: MakeSpec) -> None:
    spec = make_spec("""
        media = { seconds = ["input.film"], billed_seconds = ["input.film"] }
        input.film = { kind = "media", schemes = ["https"], seconds = [20, 20] }
        parameters.duration = { kind = "integer", default = 0 }
    """)

    assert [value_of("total_seconds", spec, film=FILM, duration=cut) for cut in (0, 4, 30)] == [40, 8, 40]


def test_a_second_file_of_a_result_has_an_address_behind_the_results(make_spec: MakeSpec, make_task: MakeTask) -> None:
    task = make_task(spec := make_spec("media.results = 2"))

    assert [fact("second_url", spec)(task, n, link) for n in (0, 1)] == ["http://result/task/2", "http://result/task/3"]


@pytest.mark.parametrize(("extend", "used"), [(False, "A fox"), (True, "A fox Cinematic light, rich detail.")])
def test_the_prompt_of_a_message_is_used_as_given_or_rewritten(value_of: ValueOf, extend: bool, used: str) -> None:
    messages = [{"role": "user", "content": [{"text": "A fox"}]}]

    assert value_of("used_prompt", "z-image-turbo", messages=messages, prompt_extend=extend) == used
    assert value_of("prompt", "z-image-turbo", messages=messages) == "A fox"


@pytest.mark.parametrize(("region", "cny"), [("beijing", "0.25"), ("singapore", "0.256873"), ("", "0.25")])
def test_a_price_may_be_another_in_a_region(catalog: Catalog, make_task: MakeTask, region: str, cny: str) -> None:
    spec = spec_of(catalog, "qwen-image")

    assert cost_of(spec, make_task(spec)._replace(region=region)) == Decimal(cny)


# -- texts


def test_prompt_is_the_text_as_it_was_given(value_of: ValueOf) -> None:
    assert value_of("prompt", "wan2.6-t2v", prompt="A fox", uncut="A fox in the snow") == "A fox in the snow"
    assert value_of("prompt", "wan2.6-t2v", prompt="A fox") == "A fox"


@pytest.mark.parametrize("model", ["wan2.6-i2v", "videoretalk"], ids=["not given", "no such field"])
def test_prompt_is_absent_when_none_was_given(value_of: ValueOf, model: str) -> None:
    assert value_of("prompt", model) is None


def test_rewritten_prompt_begins_with_what_the_model_took(value_of: ValueOf) -> None:
    rewritten = value_of("rewritten_prompt", "wan2.2-t2v-plus", prompt="A fox", uncut="A fox and more")

    assert rewritten.startswith("A fox ")
    assert "and more" not in rewritten


@pytest.mark.parametrize("given", [{"prompt": "A fox", "prompt_extend": False}, {"prompt": None}], ids=repr)
def test_rewritten_prompt_is_absent_without_prompt_extend_or_prompt(value_of: ValueOf, given: dict[str, Any]) -> None:
    assert value_of("rewritten_prompt", "wan2.2-i2v-flash", **given) is None


# -- results


def test_result_url_is_where_a_result_is(catalog: Catalog, make_task: MakeTask) -> None:
    spec = spec_of(catalog, "wan2.2-t2i-plus")

    address = fact("result_url", spec)

    assert [address(make_task(spec), n, link) for n in range(2)] == ["http://result/task/0", "http://result/task/1"]


def test_result_id_is_what_a_later_task_refers_to(value_of: ValueOf) -> None:
    assert value_of("result_id", "animate-anyone-template-gen2") == "AACT.task"


@pytest.mark.parametrize(
    ("model", "given", "count"),
    [("wan2.6-t2v", {}, 1), ("wan2.2-t2i-plus", {}, 4), ("wan2.2-t2i-plus", {"n": 2}, 2), ("emo-detect-v1", {}, 1)],
)
def test_result_count_is_one_or_as_many_as_asked_for(
    value_of: ValueOf, model: str, given: dict[str, Any], count: int
) -> None:
    assert value_of("result_count", model, **given) == count


@pytest.mark.parametrize(("kept", "count"), [(0, 0), (3, 3), (9, 4)])
def test_result_count_is_what_an_order_left(catalog: Catalog, make_task: MakeTask, kept: int, count: int) -> None:
    spec = spec_of(catalog, "wan2.2-t2i-plus")

    task = make_task(spec, outcome=Outcome(partial=Partial(kept, "Code", "text")))

    assert fact("result_count", spec)(task, 0, link) == count


# -- seconds


@pytest.mark.parametrize(
    ("model", "given", "seconds"),
    [
        ("wan2.6-t2v", {"duration": 12}, 12),
        ("wan2.6-t2v", {}, 5),
        ("wan2.2-t2v-plus", {}, 5),
        ("wanx2.1-i2v-turbo", {"duration": 3}, 3),
        ("wan3.0-video", {"duration": -1}, 5),
    ],
)
def test_seconds_are_what_was_asked_for_or_what_the_model_always_makes(
    value_of: ValueOf, model: str, given: dict[str, Any], seconds: int
) -> None:
    assert value_of("output_seconds", model, **given) == seconds
    assert value_of("total_seconds", model, **given) == seconds
    assert value_of("input_seconds", model, **given) == 0


def test_seconds_of_a_file_are_always_the_same_and_within_its_bounds(make_spec: MakeSpec, value_of: ValueOf) -> None:
    spec = make_spec("""
        media.seconds = ["input.film"]
        input.film = { kind = "media", media = "video", schemes = ["https"], seconds = [40, 42] }
    """)

    lengths = [value_of("output_seconds", spec, film=f"https://h/{n}.mp4") for n in range(50)]

    assert lengths == [value_of("output_seconds", spec, film=f"https://h/{n}.mp4") for n in range(50)]
    assert all(40 <= length <= 42 for length in lengths)
    assert len(set(lengths)) > 10


def two_files(make_spec: MakeSpec, seconds: str, more: str = "") -> ModelSpec:
    return make_spec(f"""
        media.seconds = [{seconds}]
        input.short = {{ kind = "media", media = "audio", schemes = ["https"], seconds = [2, 3] }}
        input.long = {{ kind = "media", media = "video", schemes = ["https"], seconds = [20, 30] }}
        {more}
    """)


def test_seconds_are_those_of_the_shortest_file_that_decides(make_spec: MakeSpec, value_of: ValueOf) -> None:
    both = two_files(make_spec, '"input.long", "input.short"')
    long_one = two_files(make_spec, '"input.long"')

    assert 2 <= value_of("output_seconds", both, short=FILM, long=FILM) <= 3
    assert 20 <= value_of("output_seconds", long_one, short=FILM, long=FILM) <= 30
    assert 20 <= value_of("output_seconds", both, short=None, long=FILM) <= 30


@pytest.mark.parametrize(("duration", "low", "high"), [(0, 20, 30), (4, 4, 4), (60, 20, 30)])
def test_seconds_of_a_file_are_cut_to_what_was_asked_for(
    make_spec: MakeSpec, value_of: ValueOf, duration: int, low: int, high: int
) -> None:
    spec = two_files(make_spec, '"input.long"', 'parameters.duration = { kind = "integer", default = 0 }')

    assert low <= value_of("output_seconds", spec, long=FILM, duration=duration) <= high


def test_seconds_of_an_asset_are_those_of_its_type(make_spec: MakeSpec, value_of: ValueOf) -> None:
    spec = make_spec("""
        media.seconds = ["input.media.video"]

        [input.media]
        kind = "assets"
        types = { video = [0, 1], image = [0, 1] }
        schemes = ["https"]
        seconds = [7, 8]
    """)

    assert 7 <= value_of("output_seconds", spec, media=[{"type": "video", "url": FILM}]) <= 8
    assert value_of("output_seconds", spec, media=[{"type": "image", "url": FILM}]) == 0


BILLED = """
    media.billed_seconds = ["input.files"]
    media.billed_caps = [5, 2.5]
    input.files = { kind = "list", item = { kind = "media", schemes = ["https"], seconds = [10, 20] } }
    parameters.duration = { kind = "integer", default = 4 }
"""


@pytest.mark.parametrize(
    ("files", "seconds"),
    [
        (None, 0),
        ([PICTURE], 0),
        ([FILM], 5),
        ([FILM, PICTURE], 2.5),  # a picture is not billed, and yet it is a file
        ([FILM, OTHER_FILM], 5),
        ([FILM, OTHER_FILM, "https://h/d.MOV?x=1"], 7.5),
    ],
    ids=["nothing", "a picture", "a film", "a film and a picture", "two films", "three films"],
)
def test_films_given_are_billed_up_to_a_cap_by_their_number(
    make_spec: MakeSpec, value_of: ValueOf, files: list[str] | None, seconds: float
) -> None:
    spec = make_spec(BILLED)

    assert value_of("input_seconds", spec, files=files) == seconds
    assert value_of("total_seconds", spec, files=files) == seconds + 4


def test_films_given_are_billed_whole_without_caps(make_spec: MakeSpec, value_of: ValueOf) -> None:
    spec = make_spec(BILLED.replace("media.billed_caps = [5, 2.5]", ""))

    assert 10 <= value_of("input_seconds", spec, files=[FILM]) <= 20
    assert 20 <= value_of("input_seconds", spec, files=[FILM, OTHER_FILM]) <= 40


# -- sizes and boxes


@pytest.mark.parametrize(
    ("model", "given", "lines"),
    [
        ("wan2.6-t2v", {"size": "1920*1080"}, 1080),
        ("wan2.6-t2v", {"size": "832*1088"}, 720),
        ("wan2.2-t2v-plus", {"size": "624*624"}, 480),
        ("wan2.6-i2v", {"resolution": "720P"}, 720),
    ],
)
def test_lines_are_those_of_the_tier(value_of: ValueOf, model: str, given: dict[str, Any], lines: int) -> None:
    assert value_of("lines", model, **given) == lines


def test_size_is_as_asked_for_and_absent_where_there_is_none(value_of: ValueOf) -> None:
    assert value_of("size", "wan2.6-t2v", size="960*960") == "960*960"
    assert value_of("size", "wan2.6-i2v") is None


@pytest.mark.parametrize(
    ("size", "shown"), [("1K", "1024*1024"), ("2K", "2048*2048"), ("1000*800", "1000*800"), (None, None)]
)
def test_size_shows_the_pixels_behind_a_word(
    make_spec: MakeSpec, value_of: ValueOf, size: str | None, shown: str | None
) -> None:
    spec = make_spec('parameters.size = { kind = "pixels", words = { 1K = "1024*1024", 2K = "2048*2048" } }')

    assert value_of("size", spec, size=size) == shown


def test_width_and_height_are_the_sides_of_the_size(value_of: ValueOf) -> None:
    assert value_of("width", "qwen-image-2.0", size="1000*800") == 1_000
    assert value_of("height", "qwen-image-2.0", size="1000*800") == 800
    assert value_of("width", "qwen-image-2.0") == 2_048


@pytest.mark.parametrize(
    ("model", "given", "sound"),
    [
        ("wan2.6-i2v-flash", {"audio": False}, False),
        ("wan2.6-i2v-flash", {}, True),
        ("wan2.6-t2v", {}, True),
        ("wan2.2-t2v-plus", {}, False),
    ],
)
def test_sound_is_as_asked_for_or_as_the_model_always_does(
    value_of: ValueOf, model: str, given: dict[str, Any], sound: bool
) -> None:
    assert value_of("sound", model, **given) is sound


@pytest.mark.parametrize(("box", "ratio"), [([0, 0, 200, 200], "1:1"), ([0, 0, 150, 200], "3:4")])
def test_box_ratio_is_that_of_the_box_that_was_given(value_of: ValueOf, box: list[int], ratio: str) -> None:
    assert value_of("box_ratio", "emo-v1", ext_bbox=box) == ratio


@pytest.mark.parametrize(("ratio", "shape"), [("1:1", 1.0), ("3:4", 0.75)])
def test_wide_box_has_the_ratio_asked_for_and_goes_around_the_face(value_of: ValueOf, ratio: str, shape: float) -> None:
    face = value_of("face_box", "emo-detect-v1", ratio=ratio)
    left, top, right, bottom = value_of("wide_box", "emo-detect-v1", ratio=ratio)

    assert (right - left) / (bottom - top) == shape
    assert left < face[0] < face[2] < right
    assert top < face[1] < face[3] < bottom


def test_started_is_when_the_task_began_to_run_in_the_vendors_zone(value_of: ValueOf) -> None:
    assert value_of("started", "wanx-style-repaint-v1") == "1970-01-01 08:00:00"


# -- money


@pytest.mark.parametrize(
    ("model", "given", "cost"),
    [
        ("wan2.6-t2v", {}, Decimal("1.00") * 5),
        ("wan2.6-t2v", {"parameters.size": "1280*720", "parameters.duration": 10}, Decimal("0.60") * 10),
        ("wan2.5-t2v-preview", {"parameters.size": "480*832", "parameters.duration": 10}, Decimal("0.30") * 10),
        ("wan2.2-t2v-plus", {"parameters.size": "480*832"}, Decimal("0.14") * 5),
        ("wanx2.1-t2v-turbo", {"parameters.size": "832*480"}, Decimal("0.24") * 5),
        ("wan2.6-t2v-us", {"parameters.size": "1280*720", "parameters.duration": 10}, Decimal("7.33924")),
        (
            "wan2.6-i2v-flash",
            {"parameters.resolution": "720P", "parameters.audio": False, "parameters.duration": 15},
            Decimal("0.15") * 15,
        ),
        ("wan2.6-i2v-flash", {"parameters.resolution": "1080P", "parameters.duration": 2}, Decimal("0.50") * 2),
        ("wanx2.1-i2v-turbo", {"parameters.resolution": "480P", "parameters.duration": 3}, Decimal("0.72")),
        ("wan2.2-kf2v-flash", {"parameters.resolution": "480P"}, Decimal("0.50")),
        ("wan2.1-kf2v-plus", {}, Decimal("3.50")),
        ("wan2.2-t2i-plus", {}, Decimal("0.20") * 4),
        ("wan2.2-t2i-plus", {"parameters.n": 1}, Decimal("0.20")),
        ("emo-detect-v1", {"parameters.ratio": "1:1"}, Decimal("0.004")),
    ],
)
def test_cost_is_the_price_of_a_second_or_an_image_times_their_number(
    catalog: Catalog, make_task: MakeTask, model: str, given: dict[str, Any], cost: Decimal
) -> None:
    spec = spec_of(catalog, model)

    assert cost_of(spec, make_task(spec, given)) == cost


@pytest.mark.parametrize(("min_len", "price"), [(720, Decimal("0.5")), (540, Decimal("0.2"))])
def test_a_price_may_depend_on_a_field(make_spec: MakeSpec, make_task: MakeTask, min_len: int, price: Decimal) -> None:
    spec = make_spec("""
        media.seconds = 5
        parameters.min_len = { kind = "integer", values = [720, 540] }
        price = [
            { when = { "parameters.min_len" = 720 }, cny_per_second = 0.5 },
            { when = { "parameters.min_len" = 540 }, cny_per_second = 0.2 },
        ]
    """)

    assert cost_of(spec, make_task(spec, {"parameters.min_len": min_len})) == price * 5


def test_cost_counts_the_films_given(make_spec: MakeSpec, make_task: MakeTask) -> None:
    spec = make_spec(BILLED + "price = [{ cny_per_second = 0.60 }]")

    assert cost_of(spec, make_task(spec, {"input.files": [FILM, PICTURE]})) == Decimal("0.60") * Decimal("6.5")


def test_cost_is_that_of_the_images_that_were_made(catalog: Catalog, make_task: MakeTask) -> None:
    spec = spec_of(catalog, "wan2.2-t2i-plus")

    task = make_task(spec, outcome=Outcome(partial=Partial(3, "Code", "text")))

    assert cost_of(spec, task) == Decimal("0.60")


def test_cost_is_exact_money(catalog: Catalog, make_task: MakeTask) -> None:
    spec = spec_of(catalog, "wan2.6-t2v-us")

    task = make_task(spec, {"parameters.size": "1280*720", "parameters.duration": 15})

    assert str(cost_of(spec, task)) == "11.008860"


def test_cost_is_not_known_without_a_price(catalog: Catalog, make_task: MakeTask) -> None:
    spec = spec_of(catalog, "wan2.6-t2v")._replace(prices=())

    assert cost_of(spec, make_task(spec)) is None
