"""Contracts about limits: how many tasks run at once, how many requests a second are taken."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.conversation import Conversation, Reply
from fakescope_contracts.life import PHASES, Lives, makes_tasks
from fakescope_contracts.registry import Draw, contract

_RATE = "Throttling.RateQuota"
_FEW = 15  # so many can be looked at in a second, and some more


def has_few_slots(spec: ModelSpec) -> str:
    """Why it cannot be seen that a model's lane is full, or ""."""
    running = spec.limits.running
    return makes_tasks(spec) or ("" if running is not None and running <= _FEW else "no limit that can be reached")


@contract(
    "tasks.lanes",
    "Of one model no more tasks of an account run at once than its limit says; the others wait",
    basis="documented",
    needs={"clock"},
    per="model",
    applies=has_few_slots,
    steps=8,
)
class Lanes(Lives):
    def __init__(self, talk: Conversation, spec: ModelSpec) -> None:
        super().__init__(talk, spec)
        self.slots = spec.limits_in(talk.target.region).running or 0
        self.most = self.slots + 4

    @initialize()
    def fill(self) -> None:
        for _ in range(self.slots + 2):
            self.hand_in(smallest_body(self.spec))

    @rule(seconds=st.sampled_from([0.0, 5.0, 20.0, 60.0, 200.0]))
    def count(self, seconds: float) -> None:
        self.let_pass(1.1 + seconds)
        words = ("RUNNING", *PHASES)
        names = [task.seen[-1][2].name for task in self.all if self.look(task) in words]
        running = ", ".join(f'{name}.json()["output"]["task_status"]' for name in names)
        came = f"{len(names)} tasks run at once, where {self.slots} may"
        self.talk.hold(
            len(names) <= self.slots, came, f"sum(word in {words!r} for word in [{running}]) <= {self.slots}"
        )


def submit_at_once(talk: Conversation, spec: ModelSpec) -> Reply:
    """A submission that is not tried again."""
    headers = {"X-DashScope-Async": "enable", "X-DashScope-OssResourceResolve": "enable"}
    return talk.send("POST", spec.path, body=smallest_body(spec), headers=headers, patient=False)


@contract(
    "limits.rate",
    "Submissions up to a model's rate are taken, of others all the same; what is more is 429 and makes no task",
    basis="documented",
    needs={"clock"},
    per="model",
    applies=makes_tasks,
)
def rate_is_kept(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    limits = spec.limits_in(talk.target.region)
    over = draw(st.integers(1, 3))
    for _ in range(limits.submits):
        talk.task_of(submit_at_once(talk, spec))
    for _ in range(over):
        submit_at_once(talk, spec).has_status(429).has("code", _RATE)
    others = [one for one in talk.catalog.specs() if one.name != spec.name and talk.target.region in one.regions]
    another = next(one for one in others if not makes_tasks(one) and not one.references)
    talk.task_of(submit_at_once(talk, another))
    talk.let_pass(limits.per_s + 0.001)
    talk.task_of(submit_at_once(talk, spec))
    talk.list().has("total", limits.submits + 2)
