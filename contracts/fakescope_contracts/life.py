"""What the documents promise of a task's life, as a little model, and the state machine that lives tasks against it.

The model is written from the documents and shares no code with the simulator: which status may follow which, how
times are written, how long a task is kept. How long anything takes is not promised, and nothing here assumes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple, rule

from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.conversation import ABSENT, Conversation, Reply, Step

__all__ = [
    "DAY",
    "ENDED",
    "REFUSED",
    "TASKS",
    "TIMES",
    "ZONE",
    "Lives",
    "Watched",
    "has_its_id",
    "instant",
    "is_unknown",
    "makes_tasks",
    "may_follow",
    "only",
    "seconds_of",
    "waits",
]

# Source: Manage asynchronous tasks, Task status; API references, Response parameters. PRE-PROCESSING and
# POST-PROCESSING are documented for the models that have phases.
NEXT = {
    "PENDING": ("PRE-PROCESSING", "RUNNING", "FAILED", "CANCELED"),
    "PRE-PROCESSING": ("RUNNING", "FAILED"),
    "RUNNING": ("POST-PROCESSING", "SUCCEEDED", "FAILED"),
    "POST-PROCESSING": ("SUCCEEDED", "FAILED"),
    "SUCCEEDED": (),
    "FAILED": (),
    "CANCELED": (),
}
"""Status → those that may come next, while the task is kept."""

ENDED = ("SUCCEEDED", "FAILED", "CANCELED")
PHASES = ("PRE-PROCESSING", "POST-PROCESSING")
TIMES = ("submit_time", "scheduled_time", "end_time")
ZONE = timezone(timedelta(hours=8))
"""In which times are written; they do not say so."""

DAY = timedelta(hours=24)
"""How long a task is kept after it was submitted, and a link after it was made."""

REFUSED = "UnsupportedOperation"
"""The code of a cancellation that comes too late. Source: Manage asynchronous tasks, Cancel."""


_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")
_STEPS_S = (0.05, 0.2, 0.8, 3.2, 12.8, 51.2, 204.8, 819.2, 3600.0, 36_000.0)
"""How time is let pass for a status to come: each step about three times as long as all before it, so that a phase is
seen that lasts much longer than what was before it, as running does."""

_PATIENCE_S = 1.0  # for everything in one example, where time cannot be moved and somebody waits


def may_follow(before: str, after: str) -> bool:
    """Whether a task that was seen as `before` may be seen as `after` later; what is between may have been missed."""
    return before == after or any(may_follow(following, after) for following in NEXT.get(before, ()))


def instant(text: Any) -> datetime | None:
    """A time as tasks have it, in UTC+8, or None for what is written in another way."""
    if not isinstance(text, str) or not _WRITTEN.fullmatch(text):
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=ZONE)
    except ValueError:
        return None


def makes_tasks(spec: ModelSpec) -> str:
    """Why a model makes no task that can be followed, or ""."""
    if spec.mode == "sync":
        return "the model answers at once"
    return "the model needs what another has returned" if spec.references else ""


TASKS: Bundle[Any] = Bundle("tasks")
"""Those that an example has submitted."""

waits = st.sampled_from([0.0, 0.02, 1.0, 4.0, 15.0, 60.0, 200.0, 3600.0])


def seconds_of(reply: Reply, name: str) -> str:
    """A time of a task as Python, in seconds since 1970."""
    written = f'{reply.where("output")}["{name}"]'
    return f"__import__('datetime').datetime.fromisoformat({written} + '+08:00').timestamp()"


def only(reply: Reply, path: str, *keys: str) -> None:
    """Hold that the object at a path has these keys and no other. "" is the whole body."""
    found = reply.at(path) if path else reply.json()
    where = reply.where(path) if path else f"{reply.name}.json()"
    kept = isinstance(found, dict) and found.keys() == set(keys)
    reply.hold(kept, f"{path or 'the body'} is {_shortened(found)}", f"sorted({where}) == {sorted(keys)!r}")


@dataclass
class Watched:
    """A task and all that was ever seen of it. `fate` is how its body was made: right, or with a mistake.

    Of a recorded one nobody knows: its fate is "recorded", or "odd" where its body cannot be read by the catalogue.

    `made` is the answer to its submission. A claim names the task by that, because another run gives other ids.
    """

    id: str
    account: str
    spec: ModelSpec
    body: Any
    made: Reply
    submitted: datetime | None
    fate: str = "right"
    status: str = "PENDING"
    canceled: bool = False
    seen: list[tuple[datetime | None, str, Reply]] = field(default_factory=list)

    @property
    def named(self) -> str:
        """Its id, as Python."""
        return f'{self.made.name}.json()["output"]["task_id"]'

    def __repr__(self) -> str:
        return f"<{self.spec.name} {self.id[:8]} {self.status}>"


def has_its_id(reply: Reply, task: Watched) -> None:
    """An answer about a task repeats its id as it was given."""
    found = reply.at("output.task_id")
    came = f"output.task_id is {found!r}"
    reply.hold(found == task.id, came, f"{reply.where('output.task_id')} == {task.named}")


def is_unknown(reply: Reply, task: Watched) -> None:
    """The answer about a task that there is not any more, or not for who asks."""
    reply.has_status(200).has("output.task_status", "UNKNOWN")
    has_its_id(reply, task)
    only(reply, "output", "task_id", "task_status")
    only(reply, "", "output", "request_id")


class Lives(RuleBasedStateMachine):
    """Tasks are submitted, looked at and let be. A contract adds what else is done, and judges what is seen."""

    accounts: tuple[str, ...] = ("a",)
    of_unknown = False
    """Whether a contract judges what is said of a task that there is not any more; only asked for recordings."""
    most = 8
    """So many tasks in one example: all of them can be looked at within a second."""

    def __init__(self, talk: Conversation, spec: ModelSpec) -> None:
        super().__init__()
        self.talk, self.spec = talk, spec
        self.has_clock = "clock" in talk.target.abilities
        self._waited = 0.0
        self._began = {account: talk.now(account) for account in self.accounts} if self.has_clock else {}
        self.all: list[Watched] = []

    # -- what a contract says

    def judge(self, task: Watched, reply: Reply, now: datetime | None) -> None:
        """Judge what was just seen of a task; `task.status` is still what was seen before."""

    def bodies(self, data: st.DataObject) -> tuple[Any, str]:
        """A body to submit, and how it was made."""
        del data
        return smallest_body(self.spec), "right"

    # -- what is done

    def now(self, account: str = "a") -> datetime | None:
        """The account's time: it stood still when the example began, and passed only as it was ordered to."""
        began = self._began.get(account)
        if began is None:
            return None
        passed = sum(one.seconds for one in self.talk.history if isinstance(one, Step) and one.account == account)
        return began + timedelta(seconds=round(passed, 3))

    def now_at_first(self, account: str = "a") -> datetime:
        """When the example began."""
        began = self._began[account]
        assert began is not None
        return began

    def let_pass(self, seconds: float, account: str = "a") -> None:
        """Let time pass, where that can be ordered; for nothing in particular nobody waits."""
        if self.has_clock and seconds > 0:
            self.talk.let_pass(seconds, account)

    def wait_for_it(self, seconds: float, account: str) -> bool:
        """Let time pass for something to happen; False if this example has waited long enough for real."""
        if not self.has_clock:
            seconds = min(seconds / 5, _PATIENCE_S - self._waited)
            self._waited += seconds
            if seconds <= 0:
                self.talk.unseen = f"a task had not ended after {_PATIENCE_S:g} s of waiting, and its end was not seen"
        if seconds > 0:
            self.talk.let_pass(seconds, account)
        return seconds > 0

    def judge_cancel(self, task: Watched, before: str, reply: Reply, *, stood_still: bool) -> None:
        """Judge the answer to a cancellation of a task last seen as `before`, at the same time if it stood still."""
        del before, stood_still
        task.canceled = reply.status_code == 200 or task.canceled

    def listed(self, reply: Reply) -> None:
        """Judge a recorded page of the list by what was seen of the tasks on it."""

    def hand_in(self, body: Any, fate: str = "right", *, spec: ModelSpec | None = None, account: str = "a") -> Watched:
        """Submit a body. Raises Broken if that makes no task."""
        reply = self.talk.submit(spec or self.spec, body, account=account)
        return self._made(reply, body, fate, spec or self.spec, account)

    def made_of(self, body: Any, fate: str, account: str = "a") -> Watched | None:
        """As `hand_in`, but no task of a body with a mistake that shows at once."""
        if fate == "right":
            return self.hand_in(body, account=account)
        reply = self.talk.submit(self.spec, body, account=account)
        return self._made(reply, body, fate, self.spec, account) if reply.status_code == 200 else None

    def _made(self, reply: Reply, body: Any, fate: str, spec: ModelSpec, account: str) -> Watched:
        return self.adopt(Watched(self.talk.task_of(reply), account, spec, body, reply, self.now(account), fate))

    def adopt(self, task: Watched) -> Watched:
        """Watch a task that was just made."""
        self.all.append(task)
        return task

    def look(self, task: Watched, *, patient: bool = True) -> str:
        """Ask for a task and judge it."""
        reply = self.talk.poll(task.id, account=task.account, patient=patient)
        return self.saw(task, reply, self.now(task.account))

    def saw(self, task: Watched, reply: Reply, now: datetime | None) -> str:
        """Judge an answer about a task, and remember it."""
        status = reply.has_status(200).at("output.task_status")
        claim = f"isinstance({reply.where('output.task_status')}, str)"
        reply.hold(isinstance(status, str), f"output.task_status is {status!r}", claim)
        self.judge(task, reply, now)
        task.status = str(status)
        task.seen.append((now, task.status, reply))
        return task.status

    def look_until(self, task: Watched, *statuses: str) -> bool:
        """Let time pass until a task is one of these, looking at it all the while."""
        for seconds in _STEPS_S:
            if self.look(task) in statuses:
                return True
            if task.status in (*ENDED, "UNKNOWN") or not self.wait_for_it(seconds, task.account):
                return False
        return False

    @rule(target=TASKS, data=st.data())
    def submit(self, data: st.DataObject) -> Any:
        if len(self.all) >= self.most:
            return data.draw(st.sampled_from(self.all))
        body, fate = self.bodies(data)
        made = self.made_of(body, fate, data.draw(st.sampled_from(self.accounts)))
        return multiple() if made is None else made

    @rule(task=TASKS)
    def look_at(self, task: Watched) -> None:
        self.look(task)

    @rule(seconds=waits)
    def wait(self, seconds: float) -> None:
        for account in self.accounts:
            self.let_pass(seconds, account)


def _shortened(value: Any) -> str:
    if value is ABSENT:
        return "not there"
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
