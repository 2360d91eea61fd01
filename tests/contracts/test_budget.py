"""A budget is counted down before anything is sent; what was not billed comes back. The simulator sends the bills."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakescope import Settings, create_app
from fakescope.catalog import load
from fakescope_contracts.asgi import AsgiTarget
from fakescope_contracts.target import NoAnswerError, Request, Response
from fakescope_contracts.vendor import Gate, Purse, WithheldError

CATALOG = load()
ASYNC = (("Content-Type", "application/json"), ("X-DashScope-Async", "enable"))
T2V = CATALOG.find("wan2.2-t2v-plus")
assert T2V is not None
FILM = {"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}, "parameters": {"size": "624*624"}}
FILM_CNY = Decimal("0.70")  # 5 seconds at 0.14


class World(NamedTuple):
    """A simulator that runs at the vendor's pace by a clock that is moved, and a gate in front of it."""

    vendor: AsgiTarget

    def gate(self, budget: str) -> tuple[Gate, Purse]:
        self.vendor.reset()
        purse = Purse(Decimal(budget))
        return Gate(self.vendor, CATALOG, purse), purse

    def billed(self) -> Decimal:
        shown = json.loads(self.vendor.send(Request("GET", "/_fakescope/ledger")).body)
        assert all(row["unpriced"] == 0 for row in shown["models"].values())
        return Decimal(shown["cost_cny"])


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    vendor = AsgiTarget(create_app(Settings(seed=1, speed=1), catalog=CATALOG))
    yield World(vendor)
    vendor.close()


def submit(gate: Gate, body: Any = FILM, path: str = T2V.path) -> Response:
    return gate.send(Request("POST", path, ASYNC, json.dumps(body).encode()))


def task_of(response: Response) -> str:
    return str(json.loads(response.body)["output"]["task_id"])


def test_a_submission_is_counted_down_by_its_price(world: World) -> None:
    gate, purse = world.gate("2")

    submit(gate)

    assert (purse.spent, purse.left) == (FILM_CNY, Decimal("1.30"))
    assert gate.kept[-1].cny == FILM_CNY


def test_nothing_is_submitted_that_the_budget_cannot_pay(world: World) -> None:
    gate, purse = world.gate("1.39")
    submit(gate)

    with pytest.raises(WithheldError, match=r"0\.69 CNY left of 1\.39, and this may cost 0\.70"):
        submit(gate)

    assert (purse.spent, len(gate.kept)) == (FILM_CNY, 1)


def test_a_refused_submission_gives_its_price_back(world: World) -> None:
    gate, purse = world.gate("10")
    long_one = {**FILM, "model": "wan2.6-t2v", "parameters": {"size": "1280*720"}}  # 5 seconds at 0.60

    refused = submit(gate, long_one, "/api/v1/services/aigc/image2video/video-synthesis")

    assert (refused.status, gate.kept[-1].cny, purse.spent) == (400, Decimal("3.00"), Decimal(0))


@pytest.mark.parametrize("end", ["fails", "is canceled"])
def test_a_task_that_does_not_succeed_gives_its_price_back_once(world: World, end: str) -> None:
    gate, purse = world.gate("5")
    submit(gate)
    submit(gate)
    body = FILM if end == "is canceled" else {**FILM, "input": {"prompt": "[fakescope:fail=InternalError]"}}
    world.vendor.advance(1.5)
    task_id = task_of(submit(gate, body))
    assert purse.spent == 3 * FILM_CNY

    if end == "is canceled":
        assert gate.send(Request("POST", f"/api/v1/tasks/{task_id}/cancel")).status == 200
    world.vendor.advance(3600)
    for _ in range(2):
        gate.send(Request("GET", f"/api/v1/tasks/{task_id}"))

    assert purse.spent == 2 * FILM_CNY


def test_a_task_that_succeeds_keeps_its_price(world: World) -> None:
    gate, purse = world.gate("5")
    task_id = task_of(submit(gate))
    world.vendor.advance(3600)

    shown = gate.send(Request("GET", f"/api/v1/tasks/{task_id}"))

    assert b"SUCCEEDED" in shown.body
    assert purse.spent == FILM_CNY == world.billed()


@pytest.mark.parametrize("answer", [Response(500, (), b'{"code": "InternalError"}'), Response(400, (), b"?"), None])
def test_what_may_have_been_started_all_the_same_is_counted(answer: Response | None) -> None:
    class Broken(AsgiTarget):
        def send(self, request: Request, account: str | None = "a") -> Response:  # noqa: ARG002
            if answer is None:
                raise NoAnswerError("too late")
            return answer

    target = Broken(create_app(Settings(seed=1)), abilities=())
    purse = Purse(Decimal(1))
    gate = Gate(target, CATALOG, purse, sleep=lambda _: None)
    try:
        submit(gate)
    except NoAnswerError:
        assert answer is None
    target.close()

    assert purse.spent == FILM_CNY


def test_what_has_no_known_price_is_not_sent_for_any_budget(world: World) -> None:
    gate, _ = world.gate("1000000")

    with pytest.raises(WithheldError, match="what emoji-v1 costs at most is not known"):
        submit(gate, {"model": "emoji-v1", "input": {}}, "/api/v1/services/aigc/image2video/video-synthesis")


# -- any sequence

LINK = "https://example.com/a.mp4"
EVERYTHING = {
    "audio_url": LINK,
    "base_image_url": LINK,
    "ext_bbox": [0, 0, 75, 100],
    "face_bbox": [1, 1, 9, 9],
    "function": "stylization_all",
    "image_url": LINK,
    "reference_urls": [LINK] * 2,
}
MODELS = ["wan2.2-t2v-plus", "wan2.2-t2i-plus", "wan2.6-r2v", "emo-v1", "wanx2.1-imageedit", "qwen-image-max"]


@st.composite
def steps(draw: st.DrawFn) -> tuple[Any, ...]:
    kind = draw(st.sampled_from(["submit", "submit", "submit", "poll", "cancel", "wait"]))
    if kind == "wait":
        return kind, draw(st.sampled_from([1.5, 60, 3600, 100_000]))
    if kind != "submit":
        return kind, draw(st.integers(0, 20))
    prompt = draw(
        st.sampled_from(["a", "", "[fakescope:fail=InternalError]", "[fakescope:stuck]", "[fakescope:partial=1]"])
    )
    parameters = draw(st.fixed_dictionaries({}, optional={
        "n": st.integers(-1, 5) | st.text(max_size=1),
        "size": st.sampled_from(["624*624", "1280*720", "1024*1024", "9*9"]),
        "duration": st.integers(-1, 20),
    }))  # fmt: skip
    spec = CATALOG.find(draw(st.sampled_from(MODELS)))
    assert spec is not None
    given_ = {**EVERYTHING, "prompt": prompt, "messages": [{"role": "user", "content": [{"text": prompt}]}]}
    return kind, spec, {"model": spec.name, "input": given_, "parameters": parameters}, draw(st.booleans())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.decimals(0, 30, places=2), st.lists(steps(), max_size=25))
def test_no_sequence_costs_more_than_the_budget(world: World, budget: Decimal, sequence: list[tuple[Any, ...]]) -> None:
    gate, purse = world.gate(str(budget))
    tasks: list[str] = []

    for kind, *rest in sequence:
        task_id = tasks[rest[0] % len(tasks)] if tasks and kind in ("poll", "cancel") else "none"
        if kind == "wait":
            world.vendor.advance(rest[0])
        elif kind == "poll":
            gate.send(Request("GET", f"/api/v1/tasks/{task_id}"))
        elif kind == "cancel":
            gate.send(Request("POST", f"/api/v1/tasks/{task_id}/cancel"))
        else:
            spec, body, right = rest
            headers = ASYNC if right == (spec.mode == "async") else ASYNC[:1]
            try:
                made = gate.send(Request("POST", spec.path, headers, json.dumps(body).encode()))
            except WithheldError:
                continue
            if b"task_id" in made.body:
                tasks.append(task_of(made))
        assert 0 <= purse.spent <= budget
    world.vendor.advance(20_000)
    for task_id in tasks:
        gate.send(Request("GET", f"/api/v1/tasks/{task_id}"))

    assert world.billed() <= purse.spent <= budget


# -- manners


def test_no_more_is_asked_a_second_than_half_of_what_the_vendor_allows() -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    target = AsgiTarget(create_app(Settings(seed=1, limits=True, speed=1), catalog=CATALOG), abilities=())
    gate = Gate(target, CATALOG, Purse(Decimal(100)), clock=lambda: now[0], sleep=sleep)
    for _ in range(21):
        gate.send(Request("GET", "/api/v1/tasks/none"))
    assert now[0] == pytest.approx(20 / 10)  # 20 a second are allowed

    before = now[0]
    for _ in range(5):
        submit(gate)
    target.close()
    assert now[0] - before == pytest.approx(4 / 1)  # 2 a second are allowed


def test_a_budget_that_was_given_in_two_threads_is_spent_once() -> None:
    purse = Purse(Decimal(10))

    def take(_: int) -> bool:
        try:
            purse.take(Decimal(1))
        except WithheldError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(100))) == 10
