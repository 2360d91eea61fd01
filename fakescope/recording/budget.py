"""What a submission may cost, before it is sent, and how much of a budget is left. It sends nothing itself.

An estimate is never below the bill by the catalogue's prices: a length that only a download would show counts as the
longest the model takes, and where the region is not known the dearest counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from ipaddress import ip_address
from threading import Lock
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson

from fakescope.catalog import load
from fakescope.catalog.loader import Catalog
from fakescope.engine import gate
from fakescope.engine.facts import most_cost_of
from fakescope.engine.task import SUCCESS, Account, Draft, Problem, Task, TaskStatus, Timeline
from fakescope.engine.validation import validate
from fakescope.engine.vendor_error import VendorError
from fakescope.errors import FakescopeError
from fakescope.recording.counted import counted
from fakescope.recording.exchange import Request
from fakescope.recording.json_bodies import output_of

__all__ = [
    "FREE", "Budget", "BudgetError", "Charge", "Estimate", "NotSentError", "Prices", "Purse", "estimate_anywhere",
    "no_purse", "parse_budget",
]  # fmt: skip

_MOST_CNY = Decimal(1_000_000)
_CANCEL = re.compile(r"/api/v1/tasks/[0-9A-Za-z-]{1,64}/cancel/?")
_SLASHES = re.compile("//+")
_DONE = Timeline((0, 0, 0), (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.SUCCEEDED))


class BudgetError(FakescopeError):
    """A budget is no amount of money. The message says what was given and what is."""


class NotSentError(FakescopeError):
    """A submission was held back: NoBudget, OverBudget or Unpriced, which `reason` says. Nothing was spent."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"not sent: {detail}")
        self.reason = reason


class Estimate(NamedTuple):
    """What a request may cost in CNY; None if that cannot be said, and `why` not."""

    cny: Decimal | None
    why: str = ""


FREE = Estimate(Decimal(0))
"""Of what is no submission: this very value, not one like it."""


def parse_budget(text: str) -> Decimal:
    """An amount in CNY, 0 included. Raises BudgetError."""
    try:
        cny = Decimal(text.strip())
    except InvalidOperation:
        cny = Decimal("NaN")
    if not (cny.is_finite() and 0 <= cny <= _MOST_CNY):
        raise BudgetError(f"a budget is an amount in CNY from 0 to {_MOST_CNY}, such as 5 or 2.50; got {text!r:.40}")
    return Decimal(f"{abs(cny):f}")  # "1e3" and "-0" as they are to be shown


class Prices:
    """Estimates by the catalogue. `host` is the upstream's, which says the region; any other host may be of any."""

    def __init__(self, catalog: Catalog, host: str) -> None:
        region = catalog.service.region_of_host.get(host.lower())
        self._catalog = catalog
        self._regions: Sequence[str] = [region] if region else list(catalog.service.regions)

    def of(self, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes) -> Estimate:
        """What a request may cost; `path` is without query. Reading and cancelling are free.

        Whatever else is not known may cost anything.
        """
        path = _SLASHES.sub("/", path)  # an address that ends in a slash, joined with a path that begins with one
        if method in ("GET", "HEAD") or (method == "POST" and _CANCEL.fullmatch(path)):
            return FREE
        bare = path.rstrip("/")
        if method != "POST" or bare not in {known.rstrip("/") for known in self._catalog.paths}:
            return Estimate(None, f"{method} {path:.100} is not a submission that the catalogue knows")
        given = {name.lower(): value.strip().lower() for name, value in headers}
        asynchronous = given.get("x-dashscope-async") == "enable"
        try:
            draft = Draft(bare, asynchronous, True, orjson.loads(body))
            model = gate.model_of(draft)
            spec = self._catalog.find(model)
            estimates = []
            for region in self._regions:
                if spec is None or region in spec.regions or len(self._regions) == 1:
                    checked = gate.check(spec, Account("", region), draft, self._catalog.names)
                    found = validate(checked, draft, self._catalog.problem)
                    if isinstance(found, Problem):
                        return Estimate(None, f"a field is wrong, as far as we know: {found.hint}")
                    task = Task("", checked.name, found.values, found.uncut, SUCCESS, _DONE, region)
                    estimates.append(most_cost_of(checked, task))
        except orjson.JSONDecodeError as error:
            return Estimate(None, f"its body is not JSON: {error}")
        except VendorError as refused:
            return Estimate(None, refused.hint)
        known = [cny for cny in estimates if cny is not None]
        if len(known) < len(estimates):
            return Estimate(None, f"no price of {model:.80} is known for such a request")
        return Estimate(max(known))


_DASHSCOPE = re.compile(r"dashscope[\w-]*\.aliyuncs\.com|[\w.-]+\.maas\.aliyuncs\.com", re.ASCII)


def estimate_anywhere(request: Request) -> Estimate:
    """What a request to any host may cost: anything at the vendor's API by its prices, and submissions at gateways.

    This machine is free: a simulator, or a recorder with a budget of its own. So is what is none of the API's, such as
    an upload to the vendor's storage.
    """
    parts = urlsplit(request.url)
    host = (parts.hostname or "").lower()
    submission = re.search(r"/api/v\d+/services/", parts.path)
    if _is_this_machine(host) or not (_DASHSCOPE.fullmatch(host) or submission):
        return FREE
    path = parts.path if submission is None else parts.path[submission.start() :]
    estimate = _prices_at(host).of(request.method.upper(), path, request.headers, request.body)
    return FREE if estimate.cny == 0 else estimate


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@cache
def _prices_at(host: str) -> Prices:
    return Prices(load(), host)


class Budget:
    """Money that is set aside before a submission is sent, and comes back only if nothing was sold.

    From any thread: between the look at what is left and the setting aside nobody else has a turn.
    """

    def __init__(self, limit: Decimal) -> None:
        self.limit, self.reserved = limit, Decimal(0)
        self._lock = Lock()

    @property
    def left(self) -> Decimal:
        return self.limit - self.reserved

    def reserve(self, cny: Decimal) -> bool:
        """Set aside, or say that it would be too much. What costs nothing is never too much."""
        with self._lock:
            if cny > self.left:
                return False
            self.reserved += cny
            return True

    def give_back(self, cny: Decimal) -> None:
        """Nothing was sold for what was set aside."""
        with self._lock:
            self.reserved -= cny


class Charge(NamedTuple):
    """What was set aside for a request on its way."""

    cny: Decimal = Decimal(0)
    is_submission: bool = False


class Purse:
    """A budget at work: sets aside what a request may cost, and settles when it is answered.

    `flags` are the names under which a user gives a budget, and allows what has no price: refusals say them.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        allow_unpriced: bool = False,
        flags: tuple[str, str] = ("--budget", "--allow-unpriced"),
    ) -> None:
        self.budget, self.allow_unpriced, self._flags = budget, allow_unpriced, flags
        self.uncounted = 0
        """Submissions without a known price that were sent."""
        self._of_task: dict[str, Decimal] = {}

    def set_aside(self, estimate: Estimate) -> Charge:
        """Money for one request. Raises NotSentError if there is not enough, or if it has no known price."""
        if estimate is FREE:
            return Charge()
        cny = estimate.cny
        if cny is None:
            if not self.allow_unpriced:
                detail = f"it could cost anything ({estimate.why}); {self._flags[1]} sends it uncounted"
                raise NotSentError("Unpriced", detail)
            self.uncounted += 1
            return Charge(is_submission=True)
        if not self.budget.reserve(cny):
            left = f"{self.budget.left} CNY of {self.budget.limit} are left"
            raise NotSentError("OverBudget", f"it may cost {cny} CNY and {left}; start with a larger {self._flags[0]}")
        return Charge(cny, is_submission=True)

    def settle(self, charge: Charge, status: int, body: bytes) -> None:
        """Give money back where nothing was sold: the vendor refused, or the task failed or was canceled.

        An answer of 500 and above may hide a task that was accepted: its price stays counted.
        """
        output = output_of(body)
        task_id = output.get("task_id")
        if charge.is_submission:
            if 400 <= status < 500:
                self.budget.give_back(charge.cny)
            elif isinstance(task_id, str) and charge.cny:
                self._of_task[task_id] = charge.cny
        elif output.get("task_status") in ("FAILED", "CANCELED") and isinstance(task_id, str):
            self.budget.give_back(self._of_task.pop(task_id, Decimal(0)))

    def spent(self) -> str:
        """One line about it, at the end."""
        more = f", and {counted(self.uncounted, 'submission')} without a known price" if self.uncounted else ""
        return f"at most {self.budget.reserved} of {self.budget.limit} CNY were spent{more}"


def no_purse() -> Purse:
    """Where nobody has given a budget: raises NotSentError."""
    how = "pytest --fakescope-budget CNY, or use_cassette(…, budget=CNY)"
    raise NotSentError("NoBudget", f"it costs money at the service; say how much all of them may cost with {how}")
