"""What is computed from a task for answers and bills. Prices times seconds are worked out by hand here."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fakescope.catalog import Catalog
from fakescope.catalog.spec import FACTS, ModelSpec, Row
from fakescope.engine.facts import BUILDERS, cost_of, fact, shape
from fakescope.engine.task import SUCCESS, Task, TaskStatus, Timeline


def spec_of(catalog: Catalog, model: str) -> ModelSpec:
    spec = catalog.find(model)
    assert spec is not None
    return spec


def a_task(spec: ModelSpec, uncut: str | None = None, **given: Any) -> Task:
    """A task with these values by field name, and defaults for the rest."""
    values = tuple(given.get(field.name, field.default) for field in spec.fields)
    whole = {} if uncut is None else {spec.position["input.prompt"]: uncut}
    timeline = Timeline((0, 10, 20), (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.SUCCEEDED))
    return Task("task", spec.name, values, whole, SUCCESS, timeline)


def link(task: Task, n: int) -> str:
    return f"http://result/{task.id}/{n}"


def value_of(catalog: Catalog, name: str, model: str, **given: Any) -> Any:
    spec = spec_of(catalog, model)
    return fact(name, spec)(a_task(spec, **given), link)


def test_every_fact_of_the_catalogue_can_be_computed_and_no_other() -> None:
    assert BUILDERS.keys() == FACTS.keys()


def test_prompt_is_the_text_as_it_was_given(catalog: Catalog) -> None:
    assert value_of(catalog, "prompt", "wan2.6-t2v", prompt="A fox", uncut="A fox in the snow") == "A fox in the snow"
    assert value_of(catalog, "prompt", "wan2.6-t2v", prompt="A fox") == "A fox"


def test_prompt_is_absent_when_none_was_given(catalog: Catalog) -> None:
    assert value_of(catalog, "prompt", "wan2.6-i2v") is None


def test_rewritten_prompt_begins_with_what_the_model_took(catalog: Catalog) -> None:
    rewritten = value_of(catalog, "rewritten_prompt", "wan2.2-t2v-plus", prompt="A fox", uncut="A fox and more")

    assert rewritten.startswith("A fox ")
    assert "and more" not in rewritten


@pytest.mark.parametrize("given", [{"prompt": "A fox", "prompt_extend": False}, {"prompt": None}], ids=repr)
def test_rewritten_prompt_is_absent_without_prompt_extend_or_prompt(catalog: Catalog, given: dict[str, Any]) -> None:
    assert value_of(catalog, "rewritten_prompt", "wan2.2-i2v-flash", **given) is None


def test_result_url_is_where_the_first_result_is(catalog: Catalog) -> None:
    assert value_of(catalog, "result_url", "wan2.6-t2v") == "http://result/task/0"


@pytest.mark.parametrize(
    ("model", "given", "seconds"),
    [
        ("wan2.6-t2v", {"duration": 12}, 12),
        ("wan2.6-t2v", {}, 5),
        ("wan2.2-t2v-plus", {}, 5),
        ("wanx2.1-i2v-turbo", {"duration": 3}, 3),
    ],
)
def test_seconds_are_what_was_asked_for_or_what_the_model_always_makes(
    catalog: Catalog, model: str, given: dict[str, Any], seconds: int
) -> None:
    assert value_of(catalog, "output_seconds", model, **given) == seconds
    assert value_of(catalog, "total_seconds", model, **given) == seconds
    assert value_of(catalog, "input_seconds", model, **given) == 0


@pytest.mark.parametrize(
    ("model", "given", "lines"),
    [
        ("wan2.6-t2v", {"size": "1920*1080"}, 1080),
        ("wan2.6-t2v", {"size": "832*1088"}, 720),
        ("wan2.2-t2v-plus", {"size": "624*624"}, 480),
        ("wan2.6-i2v", {"resolution": "720P"}, 720),
    ],
)
def test_lines_are_those_of_the_tier(catalog: Catalog, model: str, given: dict[str, Any], lines: int) -> None:
    assert value_of(catalog, "lines", model, **given) == lines


def test_size_is_as_asked_for_and_absent_where_there_is_none(catalog: Catalog) -> None:
    assert value_of(catalog, "size", "wan2.6-t2v", size="960*960") == "960*960"
    assert value_of(catalog, "size", "wan2.6-i2v") is None


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
    catalog: Catalog, model: str, given: dict[str, Any], sound: bool
) -> None:
    assert value_of(catalog, "sound", model, **given) is sound


def test_there_is_one_result(catalog: Catalog) -> None:
    assert value_of(catalog, "result_count", "wan2.6-t2v") == 1


def test_a_shape_keeps_the_catalogues_order_and_constants(catalog: Catalog) -> None:
    spec = spec_of(catalog, "wan2.6-t2v")
    rows = (Row("b", "size", None), Row("a", "", "standard"))

    shown = {key: make(a_task(spec, size="960*960"), link) for key, make in shape(rows, spec)}

    assert list(shown.items()) == [("b", "960*960"), ("a", "standard")]


@pytest.mark.parametrize(
    ("model", "given", "cost"),
    [
        ("wan2.6-t2v", {}, Decimal("1.00") * 5),
        ("wan2.6-t2v", {"size": "1280*720", "duration": 10}, Decimal("0.60") * 10),
        ("wan2.5-t2v-preview", {"size": "480*832", "duration": 10}, Decimal("0.30") * 10),
        ("wan2.2-t2v-plus", {"size": "480*832"}, Decimal("0.14") * 5),
        ("wanx2.1-t2v-turbo", {"size": "832*480"}, Decimal("0.24") * 5),
        ("wan2.6-t2v-us", {"size": "1280*720", "duration": 10}, Decimal("7.33924")),
        ("wan2.6-i2v-flash", {"resolution": "720P", "audio": False, "duration": 15}, Decimal("0.15") * 15),
        ("wan2.6-i2v-flash", {"resolution": "1080P", "duration": 2}, Decimal("0.50") * 2),
        ("wanx2.1-i2v-turbo", {"resolution": "480P", "duration": 3}, Decimal("0.72")),
        ("wan2.2-kf2v-flash", {"resolution": "480P"}, Decimal("0.50")),
        ("wan2.1-kf2v-plus", {}, Decimal("3.50")),
    ],
)
def test_cost_is_the_price_of_a_second_times_seconds(
    catalog: Catalog, model: str, given: dict[str, Any], cost: Decimal
) -> None:
    spec = spec_of(catalog, model)

    assert cost_of(spec, a_task(spec, **given)) == cost


def test_cost_is_exact_money(catalog: Catalog) -> None:
    spec = spec_of(catalog, "wan2.6-t2v-us")

    assert str(cost_of(spec, a_task(spec, size="1280*720", duration=15))) == "11.008860"


def test_cost_is_not_known_without_a_price(catalog: Catalog) -> None:
    spec = spec_of(catalog, "wan2.6-t2v")._replace(prices=())

    assert cost_of(spec, a_task(spec)) is None
