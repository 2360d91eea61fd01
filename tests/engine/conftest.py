"""Small models and their tasks, for promises about one row of the catalogue's format."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from fakescope.catalog.families import read_family
from fakescope.catalog.spec import ModelSpec
from fakescope.catalog.tables import Table
from fakescope.engine.task import SUCCESS, Outcome, Task, TaskStatus, Timeline

BARE = """
name = "test"
title = "A family for a test"
path = "/api/v1/services/aigc/test"
mode = "async"
problems = "task"
wording = "schema"
basis = "inferred"
source = { document = "none" }
pace = { wait_s = [0, 0], run_s = [1, 1], fail_s = [0, 0], basis = "inferred" }
media = {}
"""


@pytest.fixture(scope="session")
def make_spec() -> Callable[[str], ModelSpec]:
    """The spec of a model whose family has these rows, written as in a family file, and otherwise nothing."""

    def make(rows: str) -> ModelSpec:
        family = tomllib.loads(BARE) | tomllib.loads(rows, parse_float=Decimal)
        model = {"name": "test-model", "regions": ["beijing"], "limits": {"submits": 1, "per_s": 1}}
        model["price"] = family.pop("price", [])
        (spec,) = read_family(Table({"family": family, "model": [model]}, "test.toml"), 28_800_000)
        return spec

    return make


def a_task(
    spec: ModelSpec, given: Mapping[str, Any] | None = None, outcome: Outcome = SUCCESS, uncut: str | None = None
) -> Task:
    """A task that ran from 10 to 20 ms, with these values by path, and defaults for the rest."""
    unknown = set(given or {}) - {field.path for field in spec.fields}
    assert not unknown, f"{spec.name} has no {unknown}"
    values = tuple((given or {}).get(field.path, field.default) for field in spec.fields)
    whole = {} if uncut is None else {spec.position["input.prompt"]: uncut}
    timeline = Timeline((0, 10, 20), (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.SUCCEEDED))
    return Task("task", spec.name, values, whole, outcome, timeline)


@pytest.fixture(scope="session")
def make_task() -> Callable[..., Task]:
    """`make_task(spec, {"input.prompt": "A fox"}, outcome)`."""
    return a_task
