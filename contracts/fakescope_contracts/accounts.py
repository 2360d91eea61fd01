"""Contracts about who does what to a task: cancellation, and two accounts."""

from __future__ import annotations

from datetime import datetime

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.conversation import NO_TASK, Reply
from fakescope_contracts.life import (
    DAY,
    ENDED,
    REFUSED,
    TASKS,
    Lives,
    Watched,
    is_unknown,
    makes_tasks,
    only,
)
from fakescope_contracts.registry import contract

# -- cancellation


@contract(
    "tasks.cancel",
    "A task that is PENDING can be canceled and is CANCELED from then on; any other cannot",
    basis="documented",
    applies=makes_tasks,
    steps=10,
    recorded=True,
)
class Cancellation(Lives):
    def judge(self, task: Watched, reply: Reply, now: datetime | None) -> None:
        if now is not None and task.submitted is not None and now >= task.submitted + DAY:
            return
        status = reply.at("output.task_status")
        where = reply.where("output.task_status")
        if task.canceled:
            reply.has("output.task_status", "CANCELED")
        else:
            reply.hold(status != "CANCELED", "CANCELED, and no cancellation was accepted", f'{where} != "CANCELED"')

    @rule(task=TASKS, seconds=st.sampled_from([0.0, 0.0, 5.0, 60.0]))
    def cancel(self, task: Watched, seconds: float) -> None:
        self.let_pass(seconds)
        self.cancel_at_once(task)

    @rule()
    def cancel_the_newest(self) -> None:
        if len(self.all) < self.most:
            self.cancel_at_once(self.hand_in(smallest_body(self.spec)))

    @rule(task=TASKS, until=st.sampled_from(["RUNNING", "SUCCEEDED"]))
    def cancel_late(self, task: Watched, until: str) -> None:
        self.look_until(task, until, *ENDED)
        self.cancel_at_once(task)

    @initialize()
    def fill_the_lane(self) -> None:
        """With every slot taken, what comes next waits."""
        for _ in range((self.spec.limits.running or 0) if self.has_clock else 0):
            self.hand_in(smallest_body(self.spec))

    most = 12

    def cancel_at_once(self, task: Watched) -> None:
        before = self.look(task)
        at = self.now()
        if before == "UNKNOWN":
            return
        reply = self.talk.cancel(task.id)
        self.judge_cancel(task, before, reply, stood_still=at is not None and at == self.now())
        self.look(task)

    def judge_cancel(self, task: Watched, before: str, reply: Reply, *, stood_still: bool) -> None:
        if reply.status_code == 200:
            came = f"a task that was {before} was canceled"
            reply.hold(before == "PENDING", came, f"{reply.name}.status_code == 400")
            only(reply, "", "request_id")
            task.canceled = True
        else:
            came = f"a task that is PENDING was refused with HTTP {reply.status_code}"
            reply.hold(not (stood_still and before == "PENDING"), came, f"{reply.name}.status_code == 200")
            reply.has_status(400).has("code", REFUSED)
            message = reply.at("message")
            claim = f"isinstance({reply.where('message')}, str)"
            reply.hold(isinstance(message, str) and bool(message), f"message is {message!r}", claim)


# -- accounts


@contract(
    "tasks.isolation",
    "No account sees, cancels or lists what another has submitted",
    basis="seen",
    needs={"accounts"},
    applies=makes_tasks,
    steps=12,
)
class Isolation(Lives):
    accounts: tuple[str, ...] = ("a", "b")

    def judge(self, task: Watched, reply: Reply, now: datetime | None) -> None:
        status = reply.at("output.task_status")
        where = reply.where("output.task_status")
        if now is None or task.submitted is None or now < task.submitted + DAY:
            reply.hold(status != "UNKNOWN", "its owner does not see it", f'{where} != "UNKNOWN"')
        reply.hold(status != "CANCELED", "CANCELED by somebody else", f'{where} != "CANCELED"')

    @rule(task=TASKS)
    def spy(self, task: Watched) -> None:
        is_unknown(self.talk.poll(task.id, account=other(task)), task)

    @rule(task=TASKS)
    def meddle(self, task: Watched) -> None:
        reply = self.talk.cancel(task.id, account=other(task))
        reply.hold(reply.status_code != 200, "another's task was canceled", f"{reply.name}.status_code != 200")
        nothing = self.talk.cancel(NO_TASK, account=other(task))
        said, there = ((one.status_code, one.at("code")) for one in (nothing, reply))
        parts = (f"({one.name}.status_code, {one.where('code')})" for one in (nothing, reply))
        came = f"another's task is refused as {there}, one that is not there as {said}"
        reply.hold(said == there, came, " == ".join(parts))
        self.look(task)

    @rule(task=TASKS)
    def browse(self, task: Watched) -> None:
        reply = self.talk.list({"page_size": 50}, account=other(task))
        if reply.status_code != 200:
            return  # who lists nothing shows nothing
        theirs = {one.id: one for one in self.all if one.account == task.account}
        rows = reply.at("data")
        shown = [row.get("task_id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        for one in (theirs[id] for id in shown if id in theirs):
            claim = f'{one.named} not in [row["task_id"] for row in {reply.name}.json()["data"]]'
            reply.hold(False, f"another's task is listed: {one.id}", claim)


def other(task: Watched) -> str:
    return "b" if task.account == "a" else "a"
