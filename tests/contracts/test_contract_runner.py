"""What is tried, how often, and what is said of it: kept, broken with the smallest example, skipped with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from fakescope.catalog import Catalog
from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.asgi import App, AsgiTarget
from fakescope_contracts.conversation import Broken, Conversation, Exchange, UndecidedError
from fakescope_contracts.registry import Contract, Draw, all_contracts, contract
from fakescope_contracts.runner import Plan, Verdict, trials, try_out
from fakescope_contracts.target import NoAnswerError, Request

PLAN = Plan(max_examples=50, seed=3)


@pytest.fixture
def target(simulator: Callable[[], App]) -> Iterator[AsgiTarget]:
    with closing(AsgiTarget(simulator())) as target:
        yield target


@pytest.fixture
def specs(catalog: Catalog) -> list[ModelSpec]:
    found = (catalog.find(name) for name in ("qwen-image-2.0", "wan2.2-t2v-plus", "wan2.2-t2v-plus"))
    return [spec for spec in found if spec][:2]


def judged(
    one: Contract, target: AsgiTarget, specs: list[ModelSpec], catalog: Catalog, plan: Plan = PLAN
) -> list[Verdict]:
    return [try_out(trial, target, catalog, plan) for trial in trials([one], target, specs, plan)]


def of(check: Any, **differs: Any) -> Contract:
    return contract("x.y", "It is so", **{"basis": "seen", **differs})(check)


def never_tried(_talk: Conversation, _spec: ModelSpec, _draw: Draw) -> None:
    raise AssertionError("it was tried")


def test_the_smallest_example_is_shown_with_all_that_was_said(
    target: AsgiTarget, specs: list[ModelSpec], catalog: Catalog
) -> None:
    def check(talk: Conversation, _spec: ModelSpec, draw: Draw) -> None:
        number = draw(st.integers(0, 10_000))
        talk.poll(f"id-{number}")
        talk.hold(number < 77, f"{number} came", "r1.status_code == 201")

    (verdict,) = judged(of(check), target, specs, catalog)

    assert (verdict.outcome, verdict.said) == ("broken", "77 came")
    assert verdict.broken is not None
    (said,) = verdict.broken.history
    assert isinstance(said, Exchange)
    assert (said.request.path, said.response.status) == ("/api/v1/tasks/id-77", 200)


def test_a_machine_is_a_contract_too(target: AsgiTarget, specs: list[ModelSpec], catalog: Catalog) -> None:
    class Machine(RuleBasedStateMachine):
        def __init__(self, talk: Conversation, _spec: ModelSpec) -> None:
            super().__init__()
            self.talk, self.asked = talk, 0

        @rule()
        def ask(self) -> None:
            self.asked += 1
            self.talk.list()
            self.talk.hold(self.asked < 3, "it was asked three times", "False")

    (verdict,) = judged(of(Machine), target, specs, catalog)

    assert (verdict.outcome, verdict.said) == ("broken", "it was asked three times")
    assert verdict.broken is not None
    assert len(verdict.broken.history) == 3


def test_each_example_begins_in_an_empty_world(target: AsgiTarget, specs: list[ModelSpec], catalog: Catalog) -> None:
    def check(talk: Conversation, _spec: ModelSpec, draw: Draw) -> None:
        draw(st.integers())
        talk.list().has("total", 0)
        talk.submit(specs[1], {"model": specs[1].name, "input": {"prompt": "a"}})
        talk.list().has("total", 1)

    (verdict,) = judged(of(check), target, specs[1:], catalog)

    assert (verdict.outcome, verdict.examples) == ("kept", 50)


def test_the_same_seed_draws_the_same_and_another_seed_something_else(
    target: AsgiTarget, specs: list[ModelSpec], catalog: Catalog
) -> None:
    drawn: list[int] = []

    def check(_talk: Conversation, _spec: ModelSpec, draw: Draw) -> None:
        drawn.append(draw(st.integers()))

    def numbers(seed: int) -> list[int]:
        drawn.clear()
        judged(of(check), target, specs, catalog, Plan(50, seed))
        return list(drawn)

    assert numbers(1) == numbers(1)
    assert numbers(1) != numbers(2)


def test_models_share_the_examples_of_a_contract(target: AsgiTarget, specs: list[ModelSpec], catalog: Catalog) -> None:
    def check(_talk: Conversation, _spec: ModelSpec, draw: Draw) -> None:
        draw(st.integers())

    verdicts = judged(of(check, per="model"), target, specs, catalog)

    assert [(one.trial.shown, one.examples) for one in verdicts] == [("qwen-image-2.0", 25), ("wan2.2-t2v-plus", 25)]


def test_there_is_at_least_one_example_for_each_model(target: AsgiTarget, catalog: Catalog) -> None:
    found = trials([of(never_tried, per="model")], target, catalog.specs(), Plan(max_examples=3))

    assert {one.examples for one in found} == {1}
    assert len(found) == len(catalog.specs()) > 90


@pytest.mark.parametrize(
    ("differs", "abilities", "reason"),
    [
        ({"needs": {"clock"}}, {"free"}, "the target lacks clock (its clock can be moved)"),
        ({}, (), "it costs money here"),
        ({"applies": lambda _: "it has no prompt"}, {"free"}, "it has no prompt"),
        ({"basis": "inferred"}, {"free"}, "its basis is inferred"),
    ],
)
def test_what_cannot_be_tried_is_skipped_with_the_reason(
    differs: dict[str, Any],
    abilities: set[str],
    reason: str,
    specs: list[ModelSpec],
    catalog: Catalog,
    simulator: Callable[[], App],
) -> None:
    with closing(AsgiTarget(simulator(), abilities=abilities)) as target:
        verdicts = judged(of(never_tried, **differs), target, specs, catalog, Plan(bases=("seen", "documented")))

    assert [(one.outcome, one.said) for one in verdicts] == [("skipped", reason)]


def test_a_model_that_is_not_sold_there_is_skipped(
    specs: list[ModelSpec], catalog: Catalog, simulator: Callable[[], App]
) -> None:
    with closing(AsgiTarget(simulator(), region="virginia", abilities={"free"})) as target:
        (one, _) = judged(of(never_tried, per="model"), target, specs, catalog)

    assert (one.outcome, one.said) == ("skipped", "the model is not sold in virginia")


def test_what_costs_nothing_is_tried_where_other_things_cost_money(
    specs: list[ModelSpec], catalog: Catalog, simulator: Callable[[], App]
) -> None:
    with closing(AsgiTarget(simulator(), abilities=())) as target:
        (verdict,) = judged(of(lambda _talk, _spec, _draw: None, costs=False), target, specs, catalog)

    assert verdict.outcome == "kept"


def test_a_contract_that_fails_by_itself_neither_holds_nor_is_broken(
    target: AsgiTarget, specs: list[ModelSpec], catalog: Catalog
) -> None:
    def check(_talk: Conversation, _spec: ModelSpec, _draw: Draw) -> None:
        raise ZeroDivisionError("a slip of ours")

    (verdict,) = judged(of(check), target, specs, catalog)

    assert (verdict.outcome, verdict.said) == ("error", "ZeroDivisionError: a slip of ours")


def test_a_contract_that_draws_nothing_that_will_do_is_an_error(
    target: AsgiTarget, specs: list[ModelSpec], catalog: Catalog
) -> None:
    def check(_talk: Conversation, _spec: ModelSpec, draw: Draw) -> None:
        assume(draw(st.integers(0, 5)) > 9)

    (verdict,) = judged(of(check), target, specs, catalog)

    assert (verdict.outcome, verdict.examples) == ("error", 0)


def test_examples_that_say_nothing_are_counted(target: AsgiTarget, specs: list[ModelSpec], catalog: Catalog) -> None:
    def check(_talk: Conversation, _spec: ModelSpec, draw: Draw) -> None:
        if draw(st.integers(1, 10)) > 4:
            raise UndecidedError("it took too long")

    (verdict,) = judged(of(check), target, specs, catalog)

    assert verdict.outcome == "kept"
    assert verdict.said == "6 of 10 examples say nothing: it took too long"


def test_a_promise_that_is_broken_only_now_and_then_is_broken(
    target: AsgiTarget, specs: list[ModelSpec], catalog: Catalog
) -> None:
    seen: list[int] = []

    def check(talk: Conversation, _spec: ModelSpec, draw: Draw) -> None:
        seen.append(draw(st.integers()))
        talk.hold(len(seen) != 7, "the seventh came", "False")

    (verdict,) = judged(of(check), target, specs, catalog)

    assert (verdict.outcome, verdict.said) == ("broken", "the seventh came")


def test_no_two_contracts_have_the_same_id_and_all_say_what_they_promise() -> None:
    contracts = all_contracts()

    assert len({one.id for one in contracts}) == len(contracts) >= 35
    assert len({one.promise for one in contracts}) == len(contracts)


# -- targets that do not answer


def test_a_request_without_an_answer_is_told_and_not_sent_again(
    specs: list[ModelSpec], catalog: Catalog, monkeypatch: pytest.MonkeyPatch, simulator: Callable[[], App]
) -> None:
    asked: list[str] = []
    right = simulator()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/v1/tasks/"):
            asked.append(scope["path"])
            await asyncio.Event().wait()
        await right(scope, receive, send)

    def check(talk: Conversation, _spec: ModelSpec, draw: Draw) -> None:
        talk.poll(str(draw(st.integers(0, 10**9))))

    monkeypatch.setattr("fakescope_contracts.asgi.TIMEOUT_S", 0.05)
    with closing(AsgiTarget(app, abilities={"free"})) as target:
        (verdict,) = judged(of(check), target, specs, catalog)

    assert verdict.outcome == "broken"
    assert verdict.said.startswith("no answer: GET /api/v1/tasks/")
    assert len(asked) == 1


def test_a_broken_promise_is_not_forgotten_when_a_smaller_example_has_no_answer(
    target: AsgiTarget, specs: list[ModelSpec], catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    polls: list[str] = []
    really = target.send

    def send(request: Request, account: str | None = "a") -> Any:
        if request.path.startswith("/api/v1/tasks/x"):
            polls.append(request.path)
            if len(polls) > 1:
                raise NoAnswerError("too late")
        return really(request, account)

    def check(talk: Conversation, _spec: ModelSpec, draw: Draw) -> None:
        talk.poll(f"x{draw(st.integers(5, 10**9))}")
        talk.hold(False, "the first came", "False")

    monkeypatch.setattr(target, "send", send)
    (verdict,) = judged(of(check), target, specs, catalog)

    assert (verdict.outcome, verdict.said, len(polls)) == ("broken", "the first came", 2)


def test_a_target_that_has_gone_ends_the_run(
    target: AsgiTarget, specs: list[ModelSpec], catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(talk: Conversation, _spec: ModelSpec, _draw: Draw) -> None:
        talk.list()

    def gone(*_: Any) -> Any:
        raise NoAnswerError("connection refused")

    monkeypatch.setattr(target, "send", gone)

    with pytest.raises(NoAnswerError, match="connection refused"):
        judged(of(check), target, specs, catalog)


# -- tasks that are waited for


def polled(statuses: list[str]) -> Any:
    """A service whose task has one status after the other, and stays at the last."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await receive()
        status = statuses.pop(0) if statuses[1:] else statuses[0]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"output": {"task_status": "%s"}}' % status.encode()})

    return app


def ended(statuses: list[str], catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[float]]:
    waited: list[float] = []
    with closing(AsgiTarget(polled(statuses), abilities={"free"})) as target:
        monkeypatch.setattr(target, "advance", lambda seconds, _account: waited.append(seconds))
        return Conversation(target, catalog).ended("1").at("output.task_status"), waited


def test_a_task_is_waited_for_until_it_has_ended(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    status, waited = ended(["PENDING", "RUNNING", "SUCCEEDED"], catalog, monkeypatch)

    assert status == "SUCCEEDED"
    assert len(waited) == 2


def test_a_task_is_not_waited_for_longer_than_a_few_seconds(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UndecidedError, match="no task ended within 3 s"):
        ended(["RUNNING"], catalog, monkeypatch)


def test_a_status_that_does_not_exist_is_not_waited_for(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Broken, match=r"output\.task_status is 'CANCELLED'"):
        ended(["RUNNING", "CANCELLED"], catalog, monkeypatch)
