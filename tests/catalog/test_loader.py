"""The loader is strict: what it does not understand is an error that names file, entry and key."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from fakescope.catalog import Catalog, load
from fakescope.catalog.loader import HERE
from fakescope.errors import CatalogError

T2V, I2V, R2V = (f"models/{family}-to-video.toml" for family in ("text", "image", "reference"))
T2I, EMO, MOVE = (f"models/{family}.toml" for family in ("text-to-image", "emo", "animate"))
PAINT, ALL = (f"models/{family}.toml" for family in ("image-out-painting", "all-in-one-video"))
Break = Callable[[str, str, str], str]


def read_whole(folder: Path) -> Catalog:
    catalog = load(folder)
    catalog.specs()
    catalog.refusal("arrearage")
    return catalog


@pytest.fixture
def told_of(tmp_path: Path) -> Break:
    """What is said of a catalogue in which one passage of one file reads differently."""

    def broken(file: str, old: str, new: str) -> str:
        folder = shutil.copytree(HERE, tmp_path / "catalog")
        text = (folder / file).read_text("utf-8")
        assert old in text, "the catalogue no longer has the passage that this test changes"
        (folder / file).write_text(text.replace(old, new, 1), "utf-8")
        with pytest.raises(CatalogError) as error:
            read_whole(folder)
        return str(error.value)

    return broken


def assert_told(message: str, file: str, what: str) -> None:
    """The message begins with the file and names entry and key."""
    assert message.startswith(Path(file).name)
    assert what in message


def test_a_copy_of_the_catalogue_loads_as_it_is(tmp_path: Path, catalog: Catalog) -> None:
    copied = read_whole(shutil.copytree(HERE, tmp_path / "catalog"))

    assert [spec.name for spec in copied.specs()] == [spec.name for spec in catalog.specs()]


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (T2V, "[family]\n", "[family]\nnmae = 1\n", "family: unknown key nmae; known are basis, "),
        (T2V, "wait_s = ", "x = 1\nwait_s = ", "family.pace: unknown key x; "),
        (T2V, "[family.pace]\n", "[x]\n[family.pace]\n", ": unknown key x; known are family, "),
        (T2V, "max_chars = 800", "max_cahrs = 800", "model[0].input.prompt: unknown key max_cahrs"),
        (T2V, "sound = false,", "x = 1, sound = false,", "model[0].media: unknown key x; "),
        (T2V, "running = 2", "runing = 2", "model[0].limits: unknown key runing; "),
        (T2V, "free    =", "fre =", "model[0]: unknown key fre; known are "),
        (T2V, "cny_per_second = 0.14", "x = 1, cny_per_second = 0.14", "model[0].price[0]: unknown"),
        (T2V, 'given = ["input', 'x = 1, given = ["input', "model[1].constraints[0]: unknown key x; "),
        (T2V, '{ name = "wan2.1-t2v-plus",', '{ name = "wan2.1-t2v-plus", x = 1,', "[4].aliases[0]: unknown key x"),
        (T2V, '{ fact = "size" }', '{ fact = "size", x = 1 }', "model[2].usage.size: unknown key x"),
        (T2V, 'section = "HTTP"', 'x = "HTTP"', "family.source: unknown key x; known are document, "),
        ("errors.toml", "status = 404", "x = 1\nstatus = 404", "refusal.path_unknown: unknown key x; "),
        ("errors.toml", "seen_for = ", "sen_for = ", "problem.image_missing: unknown key sen_for; "),
        ("errors.toml", "[sources]", "[x]\n[sources]", ": unknown key x; known are blocked, failure, "),
        ("service.toml", "calls_per_s ", "x = 1\ncalls_per_s ", "tasks: unknown key x; "),
        ("service.toml", "meaning =", "x = 1\nmeaning =", "test_key[0]: unknown key x; "),
        ("service.toml", "[results]", "[x]\n[results]", ": unknown key x; "),
    ],
)  # fmt: skip
def test_an_unknown_key_is_told(told_of: Break, file: str, old: str, new: str, told: str) -> None:
    assert_told(told_of(file, old, new), file, told)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (T2V, 'name     = "text-to-video"', "name = 5", "family.name: 5 is not text"),
        (T2V, "max_chars = 800", 'max_chars = "800"', "model[0].input.prompt.max_chars: '800' is not a whole number"),
        (T2V, "max_chars = 800", "max_chars = true", "model[0].input.prompt.max_chars: True is not a whole number"),
        (T2V, "required = true", "required = 1", "model[0].input.prompt.required: 1 is not true or false"),
        (T2V, "submits = 2", 'submits = "2"', "model[0].limits.submits: '2' is not a whole number"),
        (T2V, "sound = false", 'sound = "no"', "model[0].media.sound: 'no' is not true or false"),
        (T2V, "cny_per_second = 0.14", "cny_per_second = 1", "price[0].cny_per_second: 1 is not a decimal number"),
        (T2V, "values = [5, 10]", "values = 5", "model[1].parameters.duration.values: 5 is not a list"),
        (T2V, "says = { range", "says = 5, x = { range", "model[0].parameters.seed.says: 5 is not a table"),
        (T2V, "wait_s = [0.03, 10.0]", 'wait_s = "soon"', "family.pace.wait_s: 'soon' is not a list"),
        (T2V, "wait_s = [0.03, 10.0]", 'wait_s = ["a", "b"]', "family.pace.wait_s: ['a', 'b'] is not [lowest, "),
        (T2V, "range = [0, 2_147_483_647]", "range = [5, 0]", "parameters.seed.range: [5, 0] is not [lowest, "),
        (T2V, "range = [0, 2_147_483_647]", "range = [5]", "parameters.seed.range: [5] is not [lowest, "),
        (T2V, "[family.input]\n", "[family.input]\nx = 5\n", "model[0].input.x: 5 is not a table"),
        (T2V, '{ fact = "size" }', "5", "model[2].usage.size: 5 is not a table"),
        (T2V, 'given = ["input.audio_url"]', "given = 5", "model[1].constraints[0].given: 5 is not a list"),
        (T2V, "when = { lines = 480 }", "when = 5", "model[0].price[0].when: 5 is not a table"),
        (R2V, "count = [1, 5]", "count = [5, 1]", "input.reference_urls.count: [5, 1] is not [lowest, highest]"),
        (R2V, 'billed_caps    = [5, 2.5', 'billed_caps    = 5 # [5, 2.5', "family.media.billed_caps: 5 is not a list"),
        (EMO, "seconds_to = 60", 'seconds_to = "60"', "audio_url.seconds_to: '60' is not a whole number or a decimal"),
        (EMO, 'ratios = ["1:1", "3:4"]', "ratios = 1", "input.ext_bbox.ratios: 1 is not a list"),
        (T2I, "each          = true", "each = 1", "results.each: 1 is not true or false"),
        (T2I, "metrics  = true", "metrics = 5", "family.metrics: 5 is not true or false or a list"),
        (T2V, "price   = [\n", "price = [5,\n", "model[0].price[0]: 5 is not a table"),
        (T2V, "constraints = [\n", 'constraints = ["x",\n', "model[1].constraints[0]: 'x' is not a table"),
        (T2V, '480P  = ["480*832", "832*480", "624*624"]', "480P = 5", "family.tiers.480P: 5 is not a list"),
        (T2V, 'usage   = "usage_2_5"', "usage = 5", "model[0].usage: 5 is not text or a table"),
        ("errors.toml", "status = 404", 'status = "404"', "refusal.path_unknown.status: '404' is not a whole number"),
        ("service.toml", "86_400", '"a day"', "tasks.life_s: 'a day' is not a whole number"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_told(told_of: Break, file: str, old: str, new: str, told: str) -> None:
    assert_told(told_of(file, old, new), file, told)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (T2V, 'mode     = "async"', 'mode = "later"', "family.mode: 'later' is not one of async, sync"),
        (T2V, 'problems = "task"', 'problems = "x"', "family.problems: 'x' is not one of task, submit, presence"),
        (T2V, 'basis    = "documented"', 'basis = "x"', "family.basis: 'x' is not one of seen, documented, inferred"),
        (T2V, 'kind = "boolean"', 'kind = "bool"', "parameters.prompt_extend.kind: 'bool' is not one of assets, "),
        (T2V, 'too_long = "cut"', 'too_long = "x"', "input.prompt.too_long: 'x' is not one of cut, refuse"),
        (T2V, '"audio", schemes', '"noise", schemes', "audio_url.media: 'noise' is not one of image, audio, video"),
        (T2V, '"total_seconds"', '"minutes"', "model[2].usage.duration.fact: 'minutes' is not one of prompt, "),
        (T2V, '["1080P", "480P"]', '["4K"]', "size: tier 4K is not among the family's: 1080P, 720P, 480P"),
        (T2V, '"usage_2_5"', '"usage_9"', "model[0]: usage = 'usage_9' is not a shape of this file: usage_2_6, "),
        (T2V, 'kind = "ignored"', 'kind = "ignore"', "constraints[0].kind: 'ignore' is not one of ignored, required"),
        (T2V, '["parameters.audio"]', '["parameters.x"]', "constraints[0]: parameters.x is not a field of "),
        (T2V, '["input.audio_url"]', '["input.x"]', "constraints[0]: input.x is not a field of "),
        (T2V, '{ "parameters.prompt_extend" =', '{ "parameters.x" =', "parameters.x is not a field of this model"),
        (PAINT, '["parameters.output_ratio"]', '["parameters.x"]', "parameters.x is not a field of this model"),
        (T2V, "lines = 480", "line = 480", "model[0].price[0]: when.line is neither a fact nor a field; "),
        (T2I, '"parameters.n"', '"parameters.x"', "family.media: parameters.x is not a field of this model; "),
        (T2I, 'file    = "png"', 'file = "gif"', "family.media.file: 'gif' is not one of mp4, png, jpg, none"),
        (T2I, "metrics  = true", 'metrics = ["DONE"]', "metrics: 'DONE' is not one of PENDING, RUNNING, "),
        (EMO, 'seconds = ["input.audio_url"]', 'seconds = ["input.x"]', "media: input.x is not a field of this model"),
        (R2V, 'billed_seconds = ["input.reference_urls"', 'billed_seconds = ["input.x"', "input.x is not a field"),
        (ALL, '"input.media.reference_video"', '"input.media.film"', "media: input.media.film is not a field"),
        (EMO, 'as = "number"', 'as = "float"', "video_duration.as: 'float' is not one of integer, number, text"),
        (MOVE, 'value = "parameters.mode"', 'value = "parameters.x"', "parameters.x is not a field of this model"),
        (R2V, '"image or video"', '"smell"', "reference_urls.item.media: 'smell' is not one of image, audio, video"),
        ("errors.toml", 'envelope = "service"', 'envelope = "x"', "cancel_refused.envelope: 'x' is not one"),
        ("errors.toml", '"value_choice"', '"x"', "wording.worker.choice: there is no problem 'x'"),
    ],
)  # fmt: skip
def test_a_word_that_is_none_of_those_allowed_is_told(told_of: Break, file: str, old: str, new: str, told: str) -> None:
    assert_told(told_of(file, old, new), file, told)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (T2V, 'title    = "Video from text (Wan)"\n', "", "family: title is missing"),
        (T2V, 'kind = "boolean", ', "", "model[0].parameters.prompt_extend: kind is missing"),
        (T2V, "submits = 2, ", "", "model[0].limits: submits is missing"),
        (T2V, 'regions = ["beijing", "singapore"]\n', "", "model[0]: regions is missing"),
        (T2V, '{ document = "Wan text-to-video API reference", ', "{ ", "family.source: document is missing"),
        (T2V, "source   = {", "checked2 = {", "family: source is missing; say where this stands"),
        (T2V, 'basis    = "documented"\n', "", "family: basis is missing"),
        ("errors.toml", 'source = "logs"\n', "", "refusal.method_not_supported: source is missing"),
        ("errors.toml", 'source = "logs"', 'source = "hearsay"', "source 'hearsay' is not in [sources]: error_codes, "),
        ("errors.toml", 'basis = "seen"\n', "", "refusal.method_not_supported: basis is missing"),
        ("service.toml", 'basis       = "documented"\n', "", "region.beijing: basis is missing"),
        ("service.toml", "source       =", "sources =", "gateway: source is missing; say where this stands"),
        ("service.toml", "calls_per_s       = 20\n", "", "tasks: calls_per_s is missing"),
    ],
)  # fmt: skip
def test_what_is_missing_is_told(told_of: Break, file: str, old: str, new: str, told: str) -> None:
    assert_told(told_of(file, old, new), file, told)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("default = true", "default = 1", "prompt_extend: the default 1 breaks its own rule (type): true or false"),
        (
            'default = "1920*1080"',
            'default = "1*1"',
            "size: the default '1*1' breaks its own rule (choice): one of 1080*",
        ),
        ("default = 5", "default = 7", "duration: the default 7 breaks its own rule (choice): one of 5, 10"),
    ],
)
def test_a_default_that_breaks_its_own_rule_is_told(told_of: Break, old: str, new: str, told: str) -> None:
    assert told in told_of(T2V, old, new)


def test_a_model_named_twice_in_one_file_is_told(told_of: Break) -> None:
    told = told_of(T2V, '"wan2.5-t2v-preview"', '"wan2.2-t2v-plus"')

    assert told == "text-to-video.toml: model wan2.2-t2v-plus is already in text-to-video.toml"


def test_a_model_named_in_two_files_is_told(told_of: Break) -> None:
    told = told_of(T2V, '"wan2.5-t2v-preview"', '"wan2.6-i2v"')

    assert told == "text-to-video.toml: model wan2.6-i2v is already in image-to-video.toml"


def test_an_alias_that_is_taken_is_told(told_of: Break) -> None:
    told = told_of(T2V, '"wan2.1-t2v-plus"', '"wan2.6-t2v"')

    assert told == "text-to-video.toml: model wan2.6-t2v is already in text-to-video.toml"


@pytest.mark.parametrize("file", [T2V, "errors.toml", "service.toml"])
def test_a_file_that_is_not_toml_is_told_with_its_place(told_of: Break, file: str) -> None:
    told = told_of(file, "\nbasis", "\nbasis basis")

    assert file in told
    assert "line" in told


def test_a_catalogue_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"service\.toml: .*No such file"):
        load(tmp_path)


# -- looking up without reading


def models_written_in(file: Path) -> list[str]:
    names = []
    for model in tomllib.loads(file.read_text("utf-8"))["model"]:
        names += [model["name"], *(alias["name"] for alias in model.get("aliases", []))]
    return names


def test_names_found_by_pattern_are_those_of_the_parsed_files(catalog: Catalog) -> None:
    files = sorted((HERE / "models").glob("*.toml"))

    assert list(catalog.names) == [name for file in files for name in models_written_in(file)]
    assert [spec.name for spec in catalog.specs()] == list(catalog.names)


def test_paths_found_by_pattern_are_those_of_the_parsed_files(catalog: Catalog) -> None:
    specs = catalog.specs()

    assert set(catalog.paths) == {path for spec in specs for path in (spec.path, spec.sync_path) if path}


def test_only_the_family_that_is_asked_for_is_read(tmp_path: Path) -> None:
    folder = shutil.copytree(HERE, tmp_path / "catalog")
    text = (folder / I2V).read_text("utf-8")
    (folder / I2V).write_text(text + "\nnot toml", "utf-8")

    catalog = load(folder)

    assert catalog.find("wan2.6-t2v") is not None
    with pytest.raises(CatalogError):
        catalog.find("wan2.6-i2v")


def test_an_unknown_name_is_nobody(catalog: Catalog) -> None:
    assert catalog.find("wan9") is None


# -- what a model inherits


def test_a_model_replaces_whole_rows_of_its_family(catalog: Catalog) -> None:
    longer, plain = catalog.find("wan2.6-t2v"), catalog.find("wan2.2-t2v-plus")
    assert longer is not None
    assert plain is not None

    assert longer.fields[longer.position["input.prompt"]].rule.slots() == {"high": 1_500}
    assert plain.fields[plain.position["input.prompt"]].rule.slots() == {"high": 800}


def test_a_row_without_source_or_basis_has_those_of_its_model_or_family(catalog: Catalog) -> None:
    spec = catalog.find("wan2.5-t2v-preview")
    assert spec is not None

    fields = {field.name: field for field in spec.fields}

    assert (fields["seed"].basis, fields["seed"].source) == ("documented", spec.source)
    assert fields["audio"].source.document == "Wan text-to-video API reference (2025-11)"


def test_a_model_may_have_an_endpoint_and_a_mode_of_its_own(catalog: Catalog) -> None:
    video, detection = catalog.find("emo-v1"), catalog.find("emo-detect-v1")
    assert video is not None
    assert detection is not None

    assert (video.path, video.mode) == ("/api/v1/services/aigc/image2video/video-synthesis", "async")
    assert (detection.path, detection.mode) == ("/api/v1/services/aigc/image2video/face-detect", "sync")


def test_a_model_can_take_a_row_of_its_family_away(catalog: Catalog) -> None:
    with_ratio, without = catalog.find("happyhorse-1.0-t2v"), catalog.find("happyhorse-1.0-i2v")
    assert with_ratio is not None
    assert without is not None

    assert "parameters.ratio" in with_ratio.position
    assert "parameters.ratio" not in without.position


def test_an_alias_carries_its_own_name_regions_and_limits(catalog: Catalog) -> None:
    model, alias = catalog.find("wanx2.1-kf2v-plus"), catalog.find("wan2.1-kf2v-plus")
    assert model is not None
    assert alias is not None

    assert (alias.name, alias.regions, alias.limits.submits) == ("wan2.1-kf2v-plus", ("singapore",), 1)
    assert (model.regions, model.limits.submits) == (("beijing",), 2)
    assert alias.fields == model.fields


def test_money_is_exact(catalog: Catalog) -> None:
    spec = catalog.find("wan2.6-t2v-us")
    assert spec is not None

    assert [price.cny for price in spec.prices] == [Decimal("0.733924"), Decimal("1.100886")]


def test_a_price_is_per_second_or_per_image(catalog: Catalog) -> None:
    prices = {name: spec.prices[0] for name in ("wan2.6-t2v", "wan2.2-t2i-plus") if (spec := catalog.find(name))}

    assert {name: (price.unit, price.cny) for name, price in prices.items()} == {
        "wan2.6-t2v": ("second", Decimal("0.60")),
        "wan2.2-t2i-plus": ("image", Decimal("0.20")),
    }


def test_a_price_names_the_copy_it_was_read_from(catalog: Catalog) -> None:
    spec = catalog.find("wan2.6-t2v")
    assert spec is not None

    assert {price.source.via for price in spec.prices} == {"third-party copies of the price table"}


# -- terms of a region


def test_a_region_may_have_limits_and_prices_of_its_own(catalog: Catalog) -> None:
    t2i, qwen = catalog.find("wan2.6-t2i"), catalog.find("qwen-image")
    assert t2i is not None
    assert qwen is not None

    assert [t2i.limits_in(region).submits for region in ("beijing", "singapore", "virginia")] == [1, 5, 5]
    assert t2i.prices_in("singapore") == t2i.prices
    assert [price.cny for price in qwen.prices_in("singapore")] == [Decimal("0.256873")]
    everywhere, there = qwen.free, qwen.elsewhere["singapore"].free
    assert everywhere is not None
    assert there is not None
    assert [(free.amount, free.unit) for free in (everywhere, there)] == [(100, "image"), (0, "image")]


def test_an_alias_has_the_terms_of_its_region(catalog: Catalog) -> None:
    alias = catalog.find("wan2.1-t2i-plus")
    assert alias is not None

    assert [price.cny for price in alias.prices_in("singapore")] == [Decimal("0.366962")]


QWEN, TALK, SPEAK = "models/qwen-text-to-image.toml", "models/videoretalk.toml", "models/liveportrait.toml"
ON_PROMPT, ON_LINK = (
    f'kind = "narrowed", fields = ["{path}"]' for path in ("parameters.prompt_extend", "input.media.link")
)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (QWEN, "in.singapore", "in.virginia", "in.virginia: the model is not in virginia; "),
        (QWEN, "in.singapore = { ", "in.singapore = { x = 1, ", "in.singapore: unknown key x"),
        (ALL, "reference_video = { media", "film = { media", "input.media.files: film is not one of types: first"),
        (ALL, '"input.media.file"', '"input.media.film"', "input.media.film is not a field of this model; "),
        (ALL, ON_PROMPT, ON_LINK, "narrowed is for fields; for their parts there are one_of, "),
        (ALL, ', rule = { kind = "boolean", values = [true] }', "", "constraints[1]: rule is missing"),
        (TALK, '["input.audio_url"] }]', '["input.audio"] }]', "media.when[0]: input.audio is not a field"),
        (SPEAK, '"parameters.video_fps"', '"parameters.fps"', "media: parameters.fps is not a field of this model"),
    ],
)  # fmt: skip
def test_what_a_row_about_parts_regions_or_cases_gets_wrong_is_told(
    told_of: Break, file: str, old: str, new: str, told: str
) -> None:
    assert_told(told_of(file, old, new), file, told)
