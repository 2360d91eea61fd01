"""Rules between fields: every kind, and the conditions under which one applies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakescope.catalog import Catalog
from fakescope.catalog.between import SENTENCES, in_english
from fakescope.catalog.families import _CONSTRAINTS
from fakescope.catalog.spec import ModelSpec, ProblemText
from fakescope.engine.task import Draft, Problem, Submission
from fakescope.engine.validation import validate

FIELDS = """
    input.a = { kind = "text", max_chars = 9, too_long = "refuse" }
    input.b = { kind = "text" }
    input.mode = { kind = "choice", values = ["plain", "fancy", "odd"], default = "plain" }
    parameters.more = { kind = "list", item = { kind = "choice", values = ["x", "y"] } }
    parameters.others = { kind = "list", item = { kind = "text" } }
    parameters.n = { kind = "integer", default = 1 }
    parameters.left = { kind = "integer", default = 0 }
    parameters.right = { kind = "integer", default = 0 }
    parameters.files = { kind = "list", item = { kind = "media", media = "image or video", schemes = ["https"] } }
    parameters.assets = { kind = "assets", types = { frame = [0, 3], film = [0, 3] }, schemes = ["https"] }
    parameters.messages = { kind = "messages", schemes = ["https"] }
"""
Taken = Callable[..., dict[str, Any] | str]


@pytest.fixture
def taken(make_spec: Callable[[str], ModelSpec], catalog: Catalog) -> Taken:
    """What a model with these constraints takes, by name of the field; or the rule that it finds broken."""

    def taken(constraints: str, **given: Any) -> dict[str, Any] | str:
        spec = make_spec(f"constraints = [{constraints}]\n{FIELDS}")
        wheres = {field.name: field.path.partition(".")[0] for field in spec.fields}
        body: dict[str, Any] = {"model": spec.name, "input": {}, "parameters": {}}
        for name, value in given.items():
            body[wheres[name]][name] = value
        result = validate(spec, Draft(spec.path, True, False, body), catalog.problem)
        if isinstance(result, Problem):
            return result.rule
        assert isinstance(result, Submission)
        return {field.name: value for field, value in zip(spec.fields, result.values, strict=True)}

    return taken


def accepts(result: dict[str, Any] | str) -> bool:
    return isinstance(result, dict)


# -- kinds


IGNORED = '{ kind = "ignored", fields = ["input.a", "parameters.n"], given = ["input.b"] }'


def test_ignored_fields_take_their_defaults(taken: Taken) -> None:
    result = taken(IGNORED, a="A fox", n=3, b="x")

    assert isinstance(result, dict)
    assert (result["a"], result["n"], result["b"]) == (None, 1, "x")


def test_ignored_fields_are_not_looked_at(taken: Taken) -> None:
    assert taken(IGNORED, a="far too long a text") == "input.a:length"
    assert accepts(taken(IGNORED, a="far too long a text", n="three", b="x"))


def test_ignored_fields_do_not_count_for_other_constraints(taken: Taken) -> None:
    both = IGNORED + ', { kind = "excludes", fields = ["input.a", "input.b"] }'

    assert accepts(taken(both, a="A fox", b="x"))


NARROWED = (
    '{ kind = "narrowed", fields = ["input.mode"], given = ["input.b"], '
    'rule = { kind = "choice", values = ["plain", "odd"] } }'
)


@pytest.mark.parametrize(
    ("given", "taken_so"),
    [
        ({"mode": "fancy"}, True),
        ({"mode": "odd", "b": "x"}, True),
        ({"b": "x"}, True),
        ({"mode": "fancy", "b": "x"}, False),
    ],
)
def test_a_narrowed_field_keeps_another_rule_as_well(taken: Taken, given: dict[str, Any], taken_so: bool) -> None:
    assert accepts(taken(NARROWED, **given)) == taken_so


def test_a_narrowed_field_keeps_its_own_rule_too(taken: Taken) -> None:
    assert taken(NARROWED.replace('"odd"', '"odd", "strange"'), mode="strange", b="x") == "input.mode:choice"


def test_a_narrowed_number_has_narrower_bounds(taken: Taken) -> None:
    row = '{ kind = "narrowed", fields = ["parameters.n"], rule = { kind = "integer", range = [1, 4] } }'

    assert accepts(taken(row, n=4))
    assert taken(row, n=5) == "parameters.n:range"
    assert taken(row.replace("rule", 'says = "most_of", rule', 1), n=5) == "parameters.n:most_of"


def test_the_text_of_a_narrowed_field_names_what_is_left(
    make_spec: Callable[[str], ModelSpec], catalog: Catalog
) -> None:
    spec = make_spec(f"constraints = [{NARROWED}]\n{FIELDS}")

    problem = validate(spec, Draft(spec.path, True, False, {"input": {"mode": "fancy", "b": "x"}}), catalog.problem)

    assert isinstance(problem, Problem)
    assert problem.message == "Input should be 'plain' or 'odd'"
    assert problem.hint == "test-model: input.mode must be one of plain, odd while input.b is given."


DEFAULT = '{ kind = "default", fields = ["parameters.n"], value = 12, is = { "input.mode" = "fancy" } }'


@pytest.mark.parametrize(
    ("given", "n"), [({}, 1), ({"mode": "fancy"}, 12), ({"mode": "fancy", "n": 3}, 3), ({"mode": "odd"}, 1)]
)
def test_a_field_may_have_another_default(taken: Taken, given: dict[str, Any], n: int) -> None:
    result = taken(DEFAULT, **given)

    assert isinstance(result, dict)
    assert result["n"] == n


def test_texts_are_counted_together_as_their_fields_count(
    make_spec: Callable[[str], ModelSpec], catalog: Catalog
) -> None:
    spec = make_spec("""
        constraints = [{ kind = "most_chars", fields = ["input.a", "input.b"], limit = 3 }]
        input.a = { kind = "text", counts = "words" }
        input.b = { kind = "text", counts = "words" }
    """)

    def rule_of(a: str, b: str) -> str | None:
        result = validate(spec, Draft(spec.path, True, False, {"input": {"a": a, "b": b}}), catalog.problem)
        return result.rule if isinstance(result, Problem) else None

    assert rule_of("an arctic", "狐") is None
    assert rule_of("an arctic", "狐狸") == "input.a:most_chars"


# -- parts of fields

FILM, PICTURE = "https://h/a.MP4?x=1", "https://h/a.png"


def files(*types: str) -> list[dict[str, str]]:
    return [{"type": word, "url": PICTURE} for word in types]


def a_message(images: int) -> list[Any]:
    return [{"role": "user", "content": [{"text": "A fox"}, *[{"image": PICTURE}] * images]}]


@pytest.mark.parametrize(("films", "taken_so"), [(1, True), (2, False)])
def test_videos_among_files_can_be_counted(taken: Taken, films: int, taken_so: bool) -> None:
    row = '{ kind = "most_items", fields = ["parameters.files.video"], limit = 1 }'

    assert accepts(taken(row, files=[PICTURE, PICTURE] + [FILM] * films)) == taken_so


@pytest.mark.parametrize(
    ("types", "mistake"),
    [(["frame"] * 2, None), (["frame", "film"], None), (["frame", "film", "film"], "parameters.assets:most_items")],
)
def test_files_of_several_types_can_be_counted_together(taken: Taken, types: list[str], mistake: str | None) -> None:
    row = '{ kind = "most_items", fields = ["parameters.assets.frame", "parameters.assets.film"], limit = 2 }'

    result = taken(row, assets=files(*types))

    assert accepts(result) if mistake is None else result == mistake


def test_a_list_can_have_an_entry_per_picture(taken: Taken) -> None:
    row = '{ kind = "same_length", fields = ["parameters.more", "parameters.messages.image"] }'

    assert accepts(taken(row, more=["x", "y"], messages=a_message(2)))
    assert taken(row, more=["x", "y"], messages=a_message(1)) == "parameters.more:same_length"


@pytest.mark.parametrize(("condition", "types", "applies"), [
    ("given", [], False), ("given", ["film"], False), ("given", ["frame"], True),
    ("absent", [], True), ("absent", ["film"], True), ("absent", ["frame"], False),
    ("several", ["frame"], False), ("several", ["frame", "film"], False), ("several", ["frame", "frame"], True),
])  # fmt: skip
def test_a_constraint_can_depend_on_a_part(taken: Taken, condition: str, types: list[str], applies: bool) -> None:
    row = f'{{ kind = "required", fields = ["input.a"], {condition} = ["parameters.assets.frame"] }}'

    assert (taken(row, assets=files(*types)) == "input.a:missing") == applies


def test_the_parts_of_an_ignored_field_are_ignored(taken: Taken) -> None:
    ignored = '{ kind = "ignored", fields = ["parameters.assets"], given = ["input.b"] }'
    row = f'{ignored}, {{ kind = "required", fields = ["input.a"], given = ["parameters.assets.frame"] }}'

    assert taken(row, assets=files("frame")) == "input.a:missing"
    assert accepts(taken(row, assets=files("frame"), b="x"))


@pytest.mark.parametrize("value", ["text", [5], [{"type": ["frame"]}], {"type": "frame"}, [{"content": 5}]], ids=repr)
def test_parts_of_a_wrong_value_break_nothing(taken: Taken, value: Any) -> None:
    rows = ", ".join(
        f'{{ kind = "ignored", fields = ["input.a"], given = ["parameters.{part}"] }}'
        for part in ("assets.frame", "messages.image", "files.video")
    )

    assert not any(accepts(taken(rows, **{field: value})) for field in ("assets", "messages", "files"))


REQUIRED = '{ kind = "required", fields = ["input.a"], is = { "input.mode" = "fancy" } }'


@pytest.mark.parametrize("given", [{}, {"a": None}])
def test_required_field_must_be_given(taken: Taken, given: dict[str, Any]) -> None:
    assert taken(REQUIRED, mode="fancy", **given) == "input.a:missing"
    assert accepts(taken(REQUIRED, mode="fancy", a="A fox"))
    assert accepts(taken(REQUIRED, mode="plain", **given))


ONE_OF = '{ kind = "one_of", fields = ["input.a", "input.b"] }'


@pytest.mark.parametrize("given", [{"a": "A fox"}, {"b": "A fox"}, {"a": "A fox", "b": "A fox"}])
def test_one_of_needs_at_least_one(taken: Taken, given: dict[str, Any]) -> None:
    assert accepts(taken(ONE_OF, **given))


@pytest.mark.parametrize("given", [{}, {"a": None}, {"a": "", "b": ""}])
def test_one_of_finds_nothing_in_what_is_empty(taken: Taken, given: dict[str, Any]) -> None:
    assert taken(ONE_OF, **given) == "input.a:one_of"


EXCLUDES = '{ kind = "excludes", fields = ["input.a", "input.b"] }'


def test_excludes_allows_at_most_one(taken: Taken) -> None:
    assert accepts(taken(EXCLUDES))
    assert accepts(taken(EXCLUDES, a="A fox"))
    assert accepts(taken(EXCLUDES, a="A fox", b=""))
    assert taken(EXCLUDES, a="A fox", b="A fox") == "input.a:excludes"


SAME_LENGTH = '{ kind = "same_length", fields = ["parameters.more", "parameters.others"] }'


@pytest.mark.parametrize(
    ("more", "others", "same"),
    [(["x"], ["a"], True), (["x", "y"], ["a", "b"], True), (["x"], ["a", "b"], False), (["x"], None, True)],
)
def test_same_length_compares_lists_that_were_given(taken: Taken, more: Any, others: Any, same: bool) -> None:
    result = taken(SAME_LENGTH, more=more, others=others)

    assert accepts(result) if same else result == "parameters.more:same_length"


MOST_ITEMS = '{ kind = "most_items", fields = ["parameters.more", "parameters.others"], limit = 3 }'


@pytest.mark.parametrize(
    ("more", "others", "few"),
    [(["x"] * 3, None, True), (["x"], ["a"] * 2, True), (["x"] * 2, ["a"] * 2, False), (None, ["a"] * 4, False)],
)
def test_most_items_counts_lists_together(taken: Taken, more: Any, others: Any, few: bool) -> None:
    result = taken(MOST_ITEMS, more=more, others=others)

    assert accepts(result) if few else result == "parameters.more:most_items"


MOST_CHARS = '{ kind = "most_chars", fields = ["input.a", "input.b"], limit = 5 }'


@pytest.mark.parametrize(("a", "b", "few"), [("雪狐", "abc", True), ("雪狐", "abcd", False), (None, "abcde", True)])
def test_most_chars_counts_texts_together(taken: Taken, a: Any, b: Any, few: bool) -> None:
    result = taken(MOST_CHARS, a=a, b=b)

    assert accepts(result) if few else result == "input.a:most_chars"


MOST_OF = '{ kind = "most_of", fields = ["parameters.more"], value = "x", limit = 1 }'


@pytest.mark.parametrize(
    ("more", "few"), [(["y", "y", "y"], True), (["x", "y"], True), (["x", "y", "x"], False), (None, True)]
)
def test_most_of_counts_one_value_in_a_list(taken: Taken, more: Any, few: bool) -> None:
    result = taken(MOST_OF, more=more)

    assert accepts(result) if few else result == "parameters.more:most_of"


FIRST_ACTIVE = (
    '{ kind = "first_active", groups = [["input.mode"], ["parameters.left", "parameters.right"], ["parameters.n"]] }'
)


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        ({}, ("plain", 0, 0, 1)),
        ({"mode": "fancy", "left": 5, "n": 3}, ("fancy", 0, 0, 1)),
        ({"mode": "plain", "left": 5, "right": 6, "n": 3}, ("plain", 5, 6, 1)),
        ({"left": 0, "n": 3}, ("plain", 0, 0, 3)),
        ({"mode": None, "right": 6, "n": 3}, ("plain", 0, 6, 1)),
    ],
    ids=repr,
)
def test_first_active_group_counts_and_the_others_take_defaults(
    taken: Taken, given: dict[str, Any], counts: tuple[Any, ...]
) -> None:
    result = taken(FIRST_ACTIVE, **given)

    assert isinstance(result, dict)
    assert (result["mode"], result["left"], result["right"], result["n"]) == counts


# -- conditions


@pytest.mark.parametrize(
    ("condition", "given", "applies"),
    [
        ('given = ["input.b"]', {"b": "x"}, True),
        ('given = ["input.b"]', {}, False),
        ('given = ["input.b"]', {"b": ""}, False),
        ('given = ["parameters.others"]', {"others": []}, False),
        ('given = ["parameters.left"]', {"left": 0}, True),
        ('absent = ["input.b"]', {}, True),
        ('absent = ["input.b"]', {"b": ""}, True),
        ('absent = ["input.b"]', {"b": "x"}, False),
        ('is = { "input.mode" = "fancy" }', {"mode": "fancy"}, True),
        ('is = { "input.mode" = "fancy" }', {}, False),
        ('is = { "input.mode" = "plain" }', {}, True),  # its default
        ('is = { "input.mode" = ["fancy", "odd"] }', {"mode": "odd"}, True),
        ('is = { "input.mode" = ["fancy", "odd"] }', {"mode": "plain"}, False),
        ('is_not = { "input.mode" = "plain" }', {}, False),
        ('is_not = { "input.mode" = "plain" }', {"mode": "odd"}, True),
        ('is_not = { "input.mode" = ["plain", "odd"] }', {"mode": "odd"}, False),
        ('given = ["input.b"], is = { "input.mode" = "odd" }', {"b": "x", "mode": "odd"}, True),
        ('given = ["input.b"], is = { "input.mode" = "odd" }', {"b": "x"}, False),
        ('given = ["input.b"], is = { "input.mode" = "odd" }', {"mode": "odd"}, False),
        ("", {}, True),
    ],
)
def test_a_constraint_applies_while_all_its_conditions_hold(
    taken: Taken, condition: str, given: dict[str, Any], applies: bool
) -> None:
    comma = "," if condition else ""

    result = taken(f'{{ kind = "required", fields = ["input.a"]{comma} {condition} }}', **given)

    assert (result == "input.a:missing") == applies


def test_a_condition_on_a_value_of_a_wrong_type_breaks_nothing(taken: Taken) -> None:
    assert taken(REQUIRED, mode=["fancy"]) == "input.mode:type"


# -- in English, and how well it is known


@pytest.mark.parametrize(
    ("constraint", "told"),
    [
        (IGNORED, "input.a and parameters.n are ignored while input.b is given"),
        (REQUIRED, "input.a must be given while input.mode is fancy"),
        (ONE_OF, "at least one of input.a and input.b must be given"),
        (EXCLUDES, "at most one of input.a and input.b may be given"),
        (SAME_LENGTH, "parameters.more and parameters.others must have equally many items where given"),
        (MOST_ITEMS, "parameters.more and parameters.others may have at most 3 items together"),
        (MOST_CHARS, "input.a and input.b may have at most 5 characters together"),
        (MOST_OF, "parameters.more may have x at most once"),
        (MOST_OF.replace("limit = 1", "limit = 2"), "parameters.more may have x at most 2 times"),
        ('{ kind = "most_items", fields = ["parameters.more"], limit = 1 }', "parameters.more may have at most 1 item"),
        (
            FIRST_ACTIVE,
            "of these only the first counts that differs from its default: "
            "input.mode; parameters.left and parameters.right; parameters.n",
        ),
        (
            '{ kind = "required", fields = ["input.a"], absent = ["input.b"], '
            'is_not = { "input.mode" = ["odd", "plain"] } }',
            "input.a must be given while input.b is not given and input.mode is not odd or plain",
        ),
        (
            '{ kind = "ignored", fields = ["input.a"], is = { "parameters.n" = 3, "parameters.left" = 0 } }',
            "input.a is ignored while parameters.n is 3 and parameters.left is 0",
        ),
    ],
)
def test_a_constraint_reads_as_english(make_spec: Callable[[str], ModelSpec], constraint: str, told: str) -> None:
    spec = make_spec(f"constraints = [{constraint}]\n{FIELDS}")
    (read,) = (*spec.constraints, *spec.between)

    assert in_english(read, spec) == told


def test_every_kind_of_constraint_can_be_said() -> None:
    assert SENTENCES.keys() == set(_CONSTRAINTS)


SEEN, DOCUMENTED, INFERRED = "seen", "documented", "inferred"


@pytest.mark.parametrize(
    ("constraint", "given"),
    [
        (ONE_OF, {}),
        (REQUIRED, {"mode": "fancy"}),
        (EXCLUDES, {"a": "A fox", "b": "A fox"}),
    ],
)
@pytest.mark.parametrize(
    ("text", "rule", "refusal"),
    [
        (SEEN, DOCUMENTED, DOCUMENTED),
        (SEEN, INFERRED, INFERRED),
        (DOCUMENTED, SEEN, DOCUMENTED),
        (DOCUMENTED, INFERRED, INFERRED),
        (INFERRED, DOCUMENTED, INFERRED),
        (SEEN, SEEN, SEEN),
    ],
)
def test_a_refusal_is_no_better_known_than_the_rule_between_fields(
    make_spec: Callable[[str], ModelSpec], constraint: str, given: dict[str, Any], text: str, rule: str, refusal: str
) -> None:
    based = constraint.replace("kind", f'basis = "{rule}", kind', 1)
    spec = make_spec(f"constraints = [{based}]\n{FIELDS}")
    words = ProblemText("words", "Code", "{field} is wrong", text, frozenset(), spec.source)

    problem = validate(spec, Draft(spec.path, True, False, {"input": given}), lambda *_: words)

    assert isinstance(problem, Problem)
    assert problem.basis == refusal
    (read,) = (*spec.constraints, *spec.between)
    assert problem.hint == f"test-model: {in_english(read, spec)}."


def test_a_constraint_has_basis_and_source_of_its_own_or_its_models(make_spec: Callable[[str], ModelSpec]) -> None:
    own = EXCLUDES.replace("kind", 'basis = "documented", source = { document = "A letter" }, kind', 1)
    spec = make_spec(f"constraints = [{ONE_OF}, {own}]\n{FIELDS}")

    assert [(one.basis, one.source.document) for one in spec.between] == [
        ("inferred", "none"),
        ("documented", "A letter"),
    ]


def test_what_a_constraint_asks_for_is_missing_where_the_others_are_wrong(
    make_spec: Callable[[str], ModelSpec], catalog: Catalog
) -> None:
    spec = make_spec(f"constraints = [{REQUIRED}, {ONE_OF}, {EXCLUDES}]\n{FIELDS}")

    def is_missing(given: dict[str, Any]) -> bool:
        problem = validate(spec, Draft(spec.path, True, False, {"input": given}), catalog.problem)
        assert isinstance(problem, Problem)
        return problem.is_missing

    assert is_missing({})
    assert is_missing({"mode": "fancy"})
    assert not is_missing({"a": "A fox", "b": "A fox"})
    assert not is_missing({"a": "far too long a text"})


# -- which is told


def test_a_wrong_field_is_told_before_what_is_wrong_between_fields(taken: Taken) -> None:
    assert taken(EXCLUDES, a="A fox", b="A fox", n="three") == "parameters.n:type"


def test_of_two_broken_constraints_the_first_is_told(taken: Taken) -> None:
    both = f"{MOST_CHARS}, {EXCLUDES}", f"{EXCLUDES}, {MOST_CHARS}"

    rules = [taken(constraints, a="A fox", b="A fox") for constraints in both]

    assert rules == ["input.a:most_chars", "input.a:excludes"]


def test_a_constraint_may_name_the_problem_itself(taken: Taken) -> None:
    says = EXCLUDES.replace('excludes"', 'excludes", says = "two_modes"', 1)

    assert taken(says, a="A fox", b="A fox") == "input.a:two_modes"
