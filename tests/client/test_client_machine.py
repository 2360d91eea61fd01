"""Random histories of one client: faults, jumps of the vendor's clock, interruptions, cancellations, timeouts.

What may be true after a call is said here in terms of the tasks that the account has before and after it, which the
machine sees past all faults. It knows nothing of how the client finds out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple, rule, run_state_machine_as_test

from fakescope_client import (
    AmbiguousSubmissionError,
    Client,
    DashScopeError,
    Task,
    TaskFailedError,
    TaskTimeoutError,
    TaskUnknownError,
)

prompts = st.sampled_from(
    ["a cat", "a cat [fakescope:seconds=5]", "a cat [fakescope:fail=InternalError]", "a cat [fakescope:stuck]"]
)
timeouts = st.sampled_from([0, 1, 20, 400])
policies = st.sampled_from(["adopt", "adopt", "raise"])
phases = st.sampled_from(["submit", "submit", "poll", "list", "cancel"])


class ClientHistory(RuleBasedStateMachine):
    """The rules; a subclass brings the world."""

    known = Bundle("known")
    make_world: Callable[..., Any]
    faults: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make_world()
        self.client: Client = self.world.client(sleep=self.sleep)
        self.interrupted_after: int | None = None

    def sleep(self, seconds: float) -> None:
        if self.interrupted_after is not None:
            self.interrupted_after -= 1
            if self.interrupted_after < 0:
                self.interrupted_after = None
                raise KeyboardInterrupt
        self.world.time.sleep(seconds)

    def interrupt(self, _wire: Any, _request: httpx.Request, answered: Callable[[], Any]) -> Any:
        if len(self.world.wire.exchanges) % 2:
            answered()
        raise KeyboardInterrupt

    def jump(self, _wire: Any, request: httpx.Request, answered: Callable[[], Any]) -> Any:
        """The vendor's clock jumps while an answer gets lost."""
        answered()
        self.advance(600)
        raise httpx.ReadError("", request=request)

    # -- what goes wrong

    @rule(phase=phases, data=st.data(), times=st.integers(1, 4), spared=st.integers(0, 2))
    def have_trouble(self, phase: str, data: st.DataObject, times: int, spared: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.faults)))
        self.world.wire.faults.setdefault(phase, []).extend([None] * spared + [self.faults[name]] * times)

    @rule(phase=phases)
    def be_interrupted_in_a_request(self, phase: str) -> None:
        self.world.wire.faults.setdefault(phase, []).append(self.interrupt)

    @rule(sleeps=st.integers(0, 6))
    def be_interrupted_in_a_sleep(self, sleeps: int) -> None:
        self.interrupted_after = sleeps

    @rule()
    def have_the_clock_jump_in_a_submission(self) -> None:
        self.world.wire.faults.setdefault("submit", []).append(self.jump)

    @rule(seconds=st.sampled_from([1, 60, 3_600, 90_000]))
    def advance(self, seconds: int) -> None:
        self.world.ask("PUT", "/_fakescope/clock", b'{"action":"advance","seconds":%d}' % seconds)

    @rule()
    def let_everything_pass(self) -> None:
        self.world.wire.faults.clear()
        self.interrupted_after = None

    # -- what is done about it

    def outcome(self, call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
        try:
            return call(), None
        except (DashScopeError, KeyboardInterrupt) as error:
            return None, error

    def submitting(self, call: Callable[[], Task]) -> Any:
        """The new task if it is known of, after a call that submits."""
        before = set(self.world.task_ids())
        task, error = self.outcome(call)
        new = set(self.world.task_ids()) - before

        assert len(new) <= 1, "paid twice"
        known = {task.id} if task is not None else {vars(error).get("task_id") or ""} - {""}
        assert known <= new, "somebody else's task"
        candidates = {candidate.id for candidate in getattr(error, "candidates", ())}
        assert candidates <= before | new
        if not known and new:
            unsure = isinstance(error, AmbiguousSubmissionError) or "submission" in str(vars(error).get("__notes__"))
            assert unsure, f"a task was lost: {error!r}"
        return multiple(*sorted(known | candidates & new))

    @rule(target=known, prompt=prompts, policy=policies)
    def submit(self, prompt: str, policy: Any) -> Any:
        return self.submitting(lambda: self.client.submit("wan2.6-t2v", {"prompt": prompt}, on_ambiguous=policy))

    @rule(target=known, prompt=prompts, timeout=timeouts, policy=policies, cancels=st.booleans())
    def run(self, prompt: str, timeout: float, policy: Any, cancels: bool) -> Any:
        options: Any = {"timeout": timeout, "on_ambiguous": policy, "cancel_on_interrupt": cancels}
        return self.submitting(lambda: self.client.run("wan2.6-t2v", {"prompt": prompt}, **options))

    @rule(task_id=known, timeout=timeouts)
    def wait(self, task_id: str, timeout: float) -> None:
        began = self.world.time.seconds
        task, error = self.outcome(lambda: self.client.wait(task_id, timeout=timeout))
        stands = self.stands(task_id)

        assert vars(error)["task_id"] == task_id if error else task.id == task_id
        match error:
            case None:
                assert (task.status, stands) == ("SUCCEEDED", "SUCCEEDED")
                assert task.results
            case TaskFailedError():
                assert stands in ("FAILED", "CANCELED")
            case TaskUnknownError():
                assert stands == "UNKNOWN"
            case TaskTimeoutError():
                assert timeout - 1e-6 <= self.world.time.seconds - began <= timeout + 61
            case _:
                assert isinstance(error, KeyboardInterrupt) or getattr(error, "retryable", False)

    @rule(task_ids=st.lists(known, min_size=1, max_size=4, unique=True), timeout=timeouts)
    def wait_many(self, task_ids: list[str], timeout: float) -> None:
        ended: list[Task] = []
        _, error = self.outcome(lambda: ended.extend(self.client.wait_many(task_ids, timeout=timeout)))

        assert {task.id for task in ended} <= set(task_ids)
        assert all(task.status == self.stands(task.id) for task in ended)
        if error is None:
            assert len(ended) == len(task_ids)

    @rule(task_id=known)
    def cancel(self, task_id: str) -> None:
        before = self.stands(task_id)
        done, error = self.outcome(lambda: self.client.cancel(task_id))
        after = self.stands(task_id)

        if error is None:
            assert done == (after == "CANCELED")
        if before not in ("PENDING", "CANCELED"):
            assert after != "CANCELED"

    @rule(task_id=known)
    def fetch(self, task_id: str) -> None:
        task, error = self.outcome(lambda: self.client.fetch(task_id))
        if error is None:
            assert (task.id, task.status) == (task_id, self.stands(task_id))

    def stands(self, task_id: str) -> str:
        return str({task["task_id"]: task["status"] for task in self.world.tasks()}.get(task_id, "UNKNOWN"))


def test_no_history_loses_a_task_or_pays_twice(make_world: Callable[..., Any], faults: dict[str, Any]) -> None:
    history = type("History", (ClientHistory,), {"make_world": staticmethod(make_world), "faults": faults})
    run_state_machine_as_test(history, settings=settings(max_examples=40, stateful_step_count=50, deadline=None))
