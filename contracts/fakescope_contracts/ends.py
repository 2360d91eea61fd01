"""Contracts about what tasks end with: results and their links, counts, failures.

What a model returns, and where, is read from the catalogue; what was asked for from the body that was sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from hypothesis import strategies as st
from hypothesis.stateful import rule

from fakescope.catalog.spec import ModelSpec, Node
from fakescope_contracts.bodies import taken
from fakescope_contracts.boundaries import smallest_body
from fakescope_contracts.conversation import ABSENT, Conversation, Reply, UndecidedError
from fakescope_contracts.life import DAY, ENDED, TASKS, Lives, Watched, instant, makes_tasks
from fakescope_contracts.registry import Draw, contract
from fakescope_contracts.strategies import broken_bodies, valid_bodies

_LINKS = ("result_url", "second_url")
_OPTIONAL = ("prompt", "rewritten_prompt", "used_prompt")
_PLACES = ("results", "choices", "video_url", "output_image_url", "output_video_url", "render_urls")


class Ends(Lives):
    """Tasks of any valid body, and of bodies with a mistake, are followed to their ends."""

    def bodies(self, data: st.DataObject) -> tuple[Any, str]:
        match data.draw(st.sampled_from(["smallest", "right", "wrong"])):
            case "smallest":
                return smallest_body(self.spec), "right"
            case "wrong":
                return data.draw(broken_bodies(self.spec)).body, "wrong"
        return data.draw(valid_bodies(self.spec)), "right"

    @rule(data=st.data())
    def live(self, data: st.DataObject) -> None:
        """From its submission to its end."""
        if len(self.all) < self.most:
            made = self.made_of(*self.bodies(data))
            if made is not None:
                self.look_until(made, *ENDED)

    @rule(task=TASKS)
    def follow(self, task: Watched) -> None:
        self.look_until(task, *ENDED)


# -- results


@contract(
    "tasks.result",
    "A result is there in SUCCEEDED only: in its model's place, as many as asked for, each an absolute link",
    basis="documented",
    per="model",
    applies=makes_tasks,
    steps=3,
    recorded=True,
)
class Results(Ends):
    def judge(self, task: Watched, reply: Reply, now: datetime | None) -> None:
        del now
        if reply.at("output.task_status") == "SUCCEEDED":
            # What a test sends is made whole; of what others have sent some may have been lost.
            lost = 0 if task.fate == "right" else lost_in(task.spec, reply)
            _Shape(reply, asked_for(task.spec, task.body), lost).whole(task.spec.output)
            return
        places = [node.key for node in task.spec.output if any(leaf.fact in _LINKS for leaf in _leaves(node))]
        reply.lacks(*(f"output.{name}" for name in dict.fromkeys([*places, *_PLACES])))


class _Shape:
    """Compares what came with the catalogue's rows."""

    def __init__(self, reply: Reply, count: int | None, lost: int) -> None:
        self.reply, self.count, self.lost = reply, count, lost

    def whole(self, nodes: tuple[Node, ...]) -> None:
        output = self.reply.has_status(200).at("output")
        self._object(nodes, output, f'{self.reply.name}.json()["output"]', "output")

    def _object(self, nodes: tuple[Node, ...], found: Any, where: str, path: str) -> None:
        self.reply.hold(isinstance(found, dict), f"{path} is {found!r}", f"isinstance({where}, dict)")
        for node in nodes:
            if node.key in found or not (node.fact in _OPTIONAL or node.kind in ("value", "seconds_of")):
                here = f'{where}["{node.key}"]'
                self._node(node, found.get(node.key, ABSENT), here, f"{path}.{node.key}")

    def _node(self, node: Node, found: Any, where: str, path: str) -> None:
        if node.each or node.wrap:
            count = 1 if node.wrap else self.count
            self.reply.hold(isinstance(found, list), f"{path} is {found!r:.200}", f"isinstance({where}, list)")
            kept = count is None or len(found) == count
            self.reply.hold(kept, f"{path} has {len(found)} entries instead of {count}", f"len({where}) == {count}")
            for n, entry in enumerate(found):
                if self.lost and says_why_not(entry):
                    continue
                self._node(node._replace(each=False, wrap=False), entry, f"{where}[{n}]", f"{path}[{n}]")
        elif node.kind == "list":
            kept = isinstance(found, list) and len(found) == len(node.children)
            self.reply.hold(kept, f"{path} is {found!r:.200}", f"len({where}) == {len(node.children)}")
            for n, child in enumerate(node.children):
                self._object(child.children, found[n], f"{where}[{n}]", f"{path}[{n}]")
        elif node.children:
            self._object(node.children, found, where, path)
        elif node.fact in _LINKS:
            kept = (
                isinstance(found, str) and urlsplit(found).scheme in ("http", "https") and bool(urlsplit(found).netloc)
            )
            claim = f'{where}.startswith(("http://", "https://"))'
            self.reply.hold(kept, f"{path} is {found!r:.200}", claim)
        else:
            self.reply.hold(found not in (None, ABSENT), f"{path} is {found!r}", f"{where} is not None")


def _leaves(node: Node) -> Iterator[Node]:
    if not node.children:
        yield node
    for child in node.children:
        yield from _leaves(child)


def asked_for(spec: ModelSpec, body: Any) -> int | None:
    """How many results a body asks for, where that can be read from it."""
    if any(row.results is not None for row in spec.media.when):
        return None
    of = spec.media.results
    return of if isinstance(of, int) else int(taken(spec, body)[of])


def says_why_not(entry: Any) -> bool:
    """Whether an entry of a list of results stands for one that was not made."""
    return isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("code", "message"))


def lost_in(spec: ModelSpec, reply: Reply) -> int:
    """How many results a task says were not made; not all of them, because then it had FAILED."""
    lists = [reply.at(f"output.{node.key}") for node in spec.output if node.each]
    entries = [entry for found in lists if isinstance(found, list) for entry in found]
    lost = sum(map(says_why_not, entries))
    return lost if lost < len(entries) else 0


def links_in(spec: ModelSpec, reply: Reply) -> list[str]:
    """Every link in what a task has returned."""
    found: list[str] = []
    waiting = [reply.at("output")]
    keys = {leaf.key for node in spec.output for leaf in _leaves(node) if leaf.fact in _LINKS}
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for key, inner in value.items():
                found += [one for one in ([inner] if isinstance(inner, str) else []) if key in keys]
                found += (
                    [one for one in inner if isinstance(one, str)] if isinstance(inner, list) and key in keys else []
                )
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found


@contract(
    "tasks.links",
    "A link is that of one task, and gives a file to whoever has it, for 24 hours from the end, and no longer",
    basis="documented",
    needs={"clock"},
    per="model",
    applies=makes_tasks,
)
def links_lead_to_files(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    life = Lives(talk, spec)
    task = life.hand_in(smallest_body(spec))
    if not life.look_until(task, "SUCCEEDED"):
        raise UndecidedError(f"a task of {spec.name} is {task.status}")
    _, _, reply = task.seen[-1]
    ended, now = instant(reply.at("output.end_time")), life.now()
    twin = life.hand_in(smallest_body(spec))
    if life.look_until(twin, "SUCCEEDED"):
        shared = set(links_in(spec, reply)) & set(links_in(spec, twin.seen[-1][2]))
        link = f"""re.search(r'"(https?://[^"]+)"', {reply.name}.text)[1]"""
        came = f"another task has the same link, {min(shared, default='')}"
        reply.hold(not shared, came, f"{link} not in {twin.seen[-1][2].name}.text")
        now = life.now()
    own = [urlsplit(link) for link in links_in(spec, reply)]
    paths = [link._replace(scheme="", netloc="").geturl() for link in own if link.netloc in _hosts_of(talk)]
    for path in [*paths, *paths]:
        file = talk.send("GET", path, account=None).has_status(200)
        file.hold(len(file.content) > 0, "the file is empty", f"len({file.name}.content) > 0")
    if ended is None or now is None:
        return
    off = draw(st.sampled_from([-3600, -60, 60, 3600, 86_400]))
    talk.let_pass((ended + DAY - now).total_seconds() + off)
    for path in paths:
        later = talk.send("GET", path, account=None)
        if off < 0:
            later.has_status(200)
        else:
            came = f"HTTP {later.status_code}, {off} s after the link has expired"
            later.hold(later.status_code in (403, 404, 410), came, f"{later.name}.status_code == 403")


def _hosts_of(talk: Conversation) -> set[str]:
    """Where links may be followed to: the target itself, by the names that it is asked by, and nobody else."""
    regions = {region.host for region in talk.catalog.service.regions.values()}
    return regions | {"fakescope.test", urlsplit(getattr(talk.target, "url", "")).netloc}


# -- failures


@contract(
    "tasks.failure",
    "A task that FAILED says why in its output, as a code and a message; no other has either",
    basis="documented",
    per="model",
    applies=makes_tasks,
    steps=3,
    recorded=True,
)
class Failures(Ends):
    def judge(self, task: Watched, reply: Reply, now: datetime | None) -> None:
        del task, now
        reply.has_status(200).lacks("code", "message", "status_code")
        if reply.at("output.task_status") != "FAILED":
            reply.lacks("output.code", "output.message")
            return
        for name in ("code", "message"):
            found, where = reply.at(f"output.{name}"), reply.where(f"output.{name}")
            is_text = isinstance(found, str) and bool(found)
            reply.hold(is_text, f"output.{name} is {found!r}", f"isinstance({where}, str) and {where}")


def has_a_prompt(spec: ModelSpec) -> str:
    """Why nothing can be ordered of a model in its prompt, or ""."""
    return makes_tasks(spec) or ("" if "input.prompt" in spec.position else "it has no prompt to order a failure in")


@contract(
    "tasks.ordered",
    "A failure that a test value orders is the failure that is shown",
    basis="documented",
    needs={"failures"},
    per="model",
    applies=has_a_prompt,
)
def failures_can_be_ordered(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    name = draw(st.sampled_from(sorted(talk.catalog.failures)))
    body = smallest_body(spec)
    body["input"]["prompt"] = f"a [fakescope:fail={name}]"
    reply = talk.ended(talk.task_of(talk.submit(spec, body)))
    wanted = talk.catalog.failures[name]
    reply.has("output.task_status", "FAILED").has("output.code", wanted.code).has("output.message", wanted.message)


# -- counts


def counts_results(spec: ModelSpec) -> str:
    """Why a model's tasks have no counts, or ""."""
    return makes_tasks(spec) or ("" if {"RUNNING", "SUCCEEDED"} <= spec.metrics else "its tasks have no task_metrics")


@contract(
    "tasks.metrics",
    "task_metrics count how many results were asked for, were made and were not",
    basis="documented",
    per="model",
    applies=counts_results,
    steps=3,
    recorded=True,
)
class Metrics(Ends):
    def judge(self, task: Watched, reply: Reply, now: datetime | None) -> None:
        del now
        status = reply.at("output.task_status")
        if status not in task.spec.metrics:
            return
        for name in ("TOTAL", "SUCCEEDED", "FAILED"):
            found = reply.at(f"output.task_metrics.{name}")
            kept = type(found) is int and found >= 0
            reply.hold(kept, f"task_metrics.{name} is {found!r}", f"{reply.where(f'output.task_metrics.{name}')} >= 0")
        total, made, lost = (reply.at(f"output.task_metrics.{name}") for name in ("TOTAL", "SUCCEEDED", "FAILED"))
        came = f"{status}, and task_metrics are {reply.at('output.task_metrics')}"
        where = reply.where("output.task_metrics")
        if status in ("PENDING", "RUNNING"):
            claim = f'{where}["SUCCEEDED"] == {where}["FAILED"] == 0'
            reply.hold(made == lost == 0, came, claim)
        else:
            claim = f'{where}["SUCCEEDED"] + {where}["FAILED"] == {where}["TOTAL"]'
            reply.hold(made + lost == total and bool(made) == (status == "SUCCEEDED"), came, claim)
        if task.fate in ("right", "recorded") and (asked := asked_for(task.spec, task.body)) is not None:
            reply.hold(total == asked, f"{came} for {asked} results", f'{where}["TOTAL"] == {asked}')


def has_several(spec: ModelSpec) -> str:
    """Why a model cannot be asked for several results of which some are lost, or ""."""
    listed = any(node.each and node.kind == "object" for node in spec.output)
    fitting = (
        listed and spec.media.results == "parameters.n" and not spec.media.when and "input.prompt" in spec.position
    )
    return makes_tasks(spec) or ("" if fitting else "it makes one result, or is not told how many by n and a prompt")


@contract(
    "tasks.partial",
    "Where only some results were made, the others say why not, and only those made are counted",
    basis="documented",
    needs={"failures"},
    per="model",
    applies=has_several,
)
def some_are_lost(talk: Conversation, spec: ModelSpec, draw: Draw) -> None:
    body = smallest_body(spec)
    counts = spec.fields[spec.position["parameters.n"]].rule
    most = int(getattr(getattr(counts, "bounds", None), "high", None) or 1)
    if most < 2:
        return
    asked = draw(st.integers(2, most))
    made = draw(st.integers(1, asked - 1))
    body["input"]["prompt"] = f"a [fakescope:partial={made}]"
    body.setdefault("parameters", {})["n"] = asked
    life = Lives(talk, spec)
    task = life.hand_in(body)
    if not life.look_until(task, "SUCCEEDED"):
        talk.fail(f"the task is {task.status}", f'{task.seen[-1][2].where("output.task_status")} == "SUCCEEDED"')
    reply = task.seen[-1][2]
    place = next(node.key for node in spec.output if node.each)
    entries, where = reply.at(f"output.{place}"), reply.where(f"output.{place}")
    kept = isinstance(entries, list) and len(entries) == asked
    reply.hold(kept, f"{place} is {entries!r:.200} instead of {asked} entries", f"len({where}) == {asked}")
    lost = [entry for entry in entries if says_why_not(entry)]
    claim = f'sum("code" in entry for entry in {where}) == {asked - made}'
    reply.hold(len(lost) == asked - made, f"{len(lost)} entries have a code and a message", claim)
    reply.has("usage.image_count", made)
