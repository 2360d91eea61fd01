"""Any body of a model's own spec is accepted and answered with that model's rows; any one mistake is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakescope.catalog import load
from fakescope.catalog.spec import ModelSpec, Node
from fakescope_contracts.strategies import broken_bodies, valid_bodies

SPECS = {spec.name: spec for spec in load().specs()}
every_model = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
a_few = settings(max_examples=settings().max_examples // 4)  # for each model


def known_in(spec: ModelSpec, shown: dict[str, Any] | None, body: dict[str, Any]) -> Callable[[Node], bool]:
    """Whether a row of an answer has a value: a prompt that was not given has none, nor has a field without one."""
    seen = shown or body
    given = {
        field.path: seen.get(where, {}).get(name) for field, (where, name) in zip(spec.fields, spec.places, strict=True)
    }
    values = {field.path: field.default if given[field.path] is None else given[field.path] for field in spec.fields}
    prompt, extends = values.get("input.prompt"), values.get("parameters.prompt_extend", False)
    unknown = {"prompt": prompt is None, "rewritten_prompt": not (prompt and extends)}
    unknown["size"] = values.get("parameters.size") is None

    def known(row: Node) -> bool:
        if row.kind in ("value", "seconds_of"):
            return values[spec.fields[row.at].path] is not None
        return not unknown.get(row.fact, False)

    return known


def assert_has_rows(answer: Any, rows: tuple[Node, ...], known: Callable[[Node], bool]) -> None:
    """The keys of these rows, in their order, and no others; lists where there is one entry per result."""
    assert list(answer) == [row.key for row in rows if row.kind == "object" or known(row)]
    for row in rows:
        if row.key in answer:
            assert isinstance(answer[row.key], list) == (row.each or row.wrap or isinstance(answer[row.key], list)), (
                row.key
            )
        if row.kind == "object":
            parts = answer[row.key] if row.each or row.wrap else [answer[row.key]]
            assert len(parts) > 0
            for part in parts:
                assert_has_rows(part, row.children, known)


@every_model
@a_few
@given(data=st.data())
@pytest.mark.anyio
async def test_any_body_of_a_models_own_spec_succeeds_with_that_models_rows(
    spec: ModelSpec, desk: Any, data: st.DataObject
) -> None:
    body = data.draw(valid_bodies(spec, await desk.reference(spec)))

    (end,) = await desk.ends(spec, [body])

    assert (end.where, end.rule) == ("", "")
    known = known_in(spec, end.shown, body)
    assert_has_rows(end.output, spec.output, known)
    assert_has_rows(end.usage, spec.usage, known)


@every_model
@a_few
@given(data=st.data())
@pytest.mark.anyio
async def test_any_single_mistake_is_refused_and_named(spec: ModelSpec, desk: Any, data: st.DataObject) -> None:
    broken = data.draw(broken_bodies(spec, await desk.reference(spec)))

    (end,) = await desk.ends(spec, [broken.body])

    assert end.rule == f"{broken.path}:{broken.mistake}"
