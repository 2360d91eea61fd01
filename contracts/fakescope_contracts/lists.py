"""The contract about lists: what is listed is what is fetched, on whatever pages, by whatever filter."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from fakescope.catalog.spec import ModelSpec
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.conversation import ABSENT, Conversation, Reply
from fakescope_contracts.life import (
    DAY,
    TASKS,
    ZONE,
    Lives,
    Watched,
    instant,
    makes_tasks,
    may_follow,
    seconds_of,
)
from fakescope_contracts.registry import contract

_DEFAULT_PAGE = 10
_WHOLE = 50  # rows, more than there are tasks in an example
_SAME = {"gmt_create": "submit_time", "start_time": "scheduled_time", "end_time": "end_time"}
_FILTERS = ("start_time", "end_time", "status", "model_name", "task_id")
_SECOND = timedelta(seconds=1)


@contract(
    "tasks.list",
    "A list has every task of the last 24 hours once, on whatever pages, as a query shows it",
    basis="documented",
    needs={"clock"},
    applies=makes_tasks,
    steps=6,
    recorded=True,
)
class Listing(Lives):
    most = 12  # more than a page has by default

    def __init__(self, talk: Conversation, spec: ModelSpec) -> None:
        super().__init__(talk, spec)
        fits = (s for s in talk.catalog.specs() if s.name != spec.name and talk.target.region in s.regions)
        self.other = next((one for one in fits if not makes_tasks(one) and spec.regions[0] in one.regions), spec)

    @rule(count=st.integers(1, 6), seconds=st.sampled_from([0.0, 3.0, 20.0]))
    def submit_some(self, count: int, seconds: float) -> None:
        for n in range(min(count, self.most - len(self.all))):
            spec = self.other if n % 2 else self.spec
            self.hand_in(smallest_body(spec), spec=spec)
            self.let_pass(seconds)

    @rule()
    def wait_for_a_day(self) -> None:
        self.let_pass(DAY.total_seconds() + 1)

    @rule(task=TASKS)
    def cancel(self, task: Watched) -> None:
        self.talk.cancel(task.id)

    @initialize(seconds=st.sampled_from([3.0, 0.0, 20.0]), size=st.none() | st.integers(1, 7))
    def submit_both(self, seconds: float, size: int | None) -> None:
        self.submit_some(4, seconds)
        self.compare(size, 0)

    @rule(size=st.none() | st.integers(1, 7), pick=st.integers(0, 12))
    def compare(self, size: int | None, pick: int) -> None:
        self.let_pass(1.1)  # queries and lists have windows of a second, and nothing may pass from here on
        fetched = {task.id: self.talk.poll(task.id) for task in self.all}
        there = {id: reply for id, reply in fetched.items() if reply.at("output.task_status") != "UNKNOWN"}
        kept = [task for task in self.all if task.id in there]
        rows, reply = self.rows({}, kept)
        for row in rows:
            task = next(task for task in self.all if task.id == row["task_id"])
            self.same(task, row, there[task.id], reply)
        for by in _FILTERS if kept else ():
            self.rows(*self.filtered(by, kept[pick % len(kept)], kept, there))
        for chosen in kept:
            (status, some), (model, others) = (
                self.filtered(by, chosen, kept, there) for by in ("status", "model_name")
            )
            if some != others and len(some) < len(kept):
                self.rows(status | model, [task for task in some if task in others])
                break
        self.pages(size, reply, [row["task_id"] for row in rows])

    def filtered(
        self, by: str, chosen: Watched, there: list[Watched], fetched: dict[str, Reply]
    ) -> tuple[dict[str, Any], list[Watched]]:
        """A query, and the tasks that it is to find."""
        if by == "status":
            word = fetched[chosen.id].at("output.task_status")
            return {by: word}, [task for task in there if fetched[task.id].at("output.task_status") == word]
        if by == "model_name":
            return {by: chosen.spec.name}, [task for task in there if task.spec.name == chosen.spec.name]
        if by == "task_id":
            return {by: chosen.id}, [chosen]
        times = [(task.submitted, task) for task in there if task.submitted]
        cut = next(at for at, task in times if task is chosen).replace(microsecond=0) + _SECOND
        if any(cut <= at <= cut + _SECOND for at, _ in times):
            return {}, there  # which side that is on is nobody's promise
        written = cut.astimezone(ZONE).strftime("%Y%m%d%H%M%S")
        if by == "start_time":
            return {by: written}, [task for at, task in times if at > cut]
        return {by: written}, [task for at, task in times if cut - DAY < at < cut]

    def rows(self, query: dict[str, Any], wanted: list[Watched]) -> tuple[list[dict[str, Any]], Reply]:
        """Everything on one page, which is to have these tasks."""
        reply = self.talk.list({**query, "page_size": _WHOLE}).has_status(200)
        data, where = reply.at("data"), f"[row['task_id'] for row in {reply.where('data')}]"
        whole = isinstance(data, list) and all(isinstance(row, dict) and "task_id" in row for row in data)
        reply.hold(whole, f"data is {data!r:.200}", f"{where} is not None")
        found = [row["task_id"] for row in data]
        came = f"the list by {query or 'nothing'} has {len(found)} tasks instead of {len(wanted)}"
        kept = sorted(found) == sorted(task.id for task in wanted)
        reply.hold(kept, came, f"sorted({where}) == sorted([{', '.join(task.named for task in wanted)}])")
        return data, reply

    def pages(self, size: int | None, whole: Reply, listed: list[str]) -> None:
        """The pages of a size, put together, are the list on one page."""
        asked = {} if size is None else {"page_size": size}
        size = size or _DEFAULT_PAGE
        for page_no in range(1, -(-len(listed) // size) + 2):
            first = {} if page_no == 1 else {"page_no": page_no}
            reply = self.talk.list({**asked, **first}).has_status(200)
            reply.has("total", len(listed)).has("total_page", -(-len(listed) // size))
            reply.has("page_no", page_no).has("page_size", size)
            rows = reply.at("data")
            shown = [row.get("task_id") for row in rows] if isinstance(rows, list) else []
            first_row, last_row = (page_no - 1) * size, page_no * size
            expected = listed[first_row:last_row]
            here, there = (f"[row['task_id'] for row in {one.name}.json()['data']]" for one in (reply, whole))
            claim = f"{here} == {there}[{first_row}:{last_row}]"
            came = (
                f"page {page_no} of {size} has {len(shown)} rows, not the {len(expected)} that stand there in the whole"
            )
            reply.hold(shown == expected, came, claim)

    def listed(self, reply: Reply) -> None:
        """In a recording only what was submitted there is known, and time has passed since it was seen last."""
        rows = reply.at("data")
        ids = [row.get("task_id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        for task in self.all:
            many = ids.count(task.id)
            claim = f"[row['task_id'] for row in {reply.where('data')}].count({task.named}) <= 1"
            reply.hold(many <= 1, f"{task.id} is listed {many} times", claim)
            if many:
                row = rows[[isinstance(row, dict) and row.get("task_id") == task.id for row in rows].index(True)]
                status = row.get("status")
                here = f"next(row for row in {reply.where('data')} if row['task_id'] == {task.named})"
                came = f"{task.status} became {status} in the list"
                reply.hold(may_follow(task.status, str(status)), came, f'{here}["status"] != {status!r}')
                self.same(task, row, task.seen[-1][2] if task.seen else task.made, reply)

    def same(self, task: Watched, row: dict[str, Any], fetched: Reply, reply: Reply) -> None:
        """A row says what a query says."""
        where = f"next(row for row in {reply.name}.json()['data'] if row['task_id'] == {task.named})"

        def says(key: str, wanted: Any, named: str) -> None:
            found = row.get(key, ABSENT)
            kept = type(found) is type(wanted) and found == wanted
            reply.hold(kept, f"{key} of a row is {found!r} instead of {wanted!r}", f"{where}.get({key!r}) == {named}")

        if self.has_clock:
            says("status", fetched.at("output.task_status"), fetched.where("output.task_status"))
        says("model_name", task.spec.name, repr(task.spec.name))
        says("request_id", task.made.at("request_id"), task.made.where("request_id"))
        for key, name in _SAME.items():
            written = instant(fetched.at(f"output.{name}"))
            if written is not None:
                says(key, round(written.timestamp() * 1000), f"round({seconds_of(fetched, name)} * 1000)")
        for key in ("output", "usage", "results", "video_url"):
            reply.hold(key not in row, f"a row has {key}", f"{key!r} not in {where}")
