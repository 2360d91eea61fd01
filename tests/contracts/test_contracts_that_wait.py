"""Where the clock cannot be moved tasks are waited for a little, and what was not seen to end is said."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from fakescope import Settings, create_app
from fakescope.catalog import Catalog
from fakescope_contracts.asgi import AsgiTarget
from fakescope_contracts.registry import contract_of
from fakescope_contracts.runner import Plan, Verdict, trials, try_out


@pytest.fixture
def judge(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Verdict]:
    """What a contract says of a simulator whose clock it may not move; nobody waits for real."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)

    def judged(id: str, **settings: Any) -> Verdict:
        app = create_app(Settings(seed=1, limits=False, **settings), catalog=catalog)
        with closing(AsgiTarget(app, abilities={"free", "reset"})) as target:
            plan = Plan(max_examples=10)
            specs = [spec for spec in catalog.specs() if spec.name == "wan2.6-t2v"]
            (trial,) = trials([contract_of(id)], target, specs, plan)
            verdict = try_out(trial, target, catalog, plan)
            assert sum(waited) <= 1.001 * verdict.examples
            return verdict

    return judged


def test_ends_that_were_not_seen_are_told(judge: Callable[..., Verdict]) -> None:
    verdict = judge("tasks.result", speed=1)

    assert verdict.outcome == "kept"
    assert "its end was not seen" in verdict.said


def test_ends_that_were_seen_need_no_word(judge: Callable[..., Verdict]) -> None:
    verdict = judge("tasks.result", speed=float("inf"))

    assert (verdict.outcome, verdict.said) == ("kept", "")
