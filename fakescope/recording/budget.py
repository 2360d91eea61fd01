"""What a submission may cost, before it is sent, and how much of a budget is left.

An estimate is never below the bill by the catalogue's prices: a length that only a download would show counts as the
longest the model takes, and where the region is not known the dearest counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import orjson

from fakescope.catalog.loader import Catalog
from fakescope.engine import gate
from fakescope.engine.facts import most_cost_of
from fakescope.engine.task import SUCCESS, Account, Draft, Problem, Task, TaskStatus, Timeline
from fakescope.engine.validation import validate
from fakescope.engine.vendor_error import VendorError
from fakescope.errors import FakescopeError

__all__ = ["FREE", "Budget", "BudgetError", "Estimate", "Prices", "parse_budget"]

_MOST_CNY = Decimal(1_000_000)
_CANCEL = re.compile(r"/api/v1/tasks/[0-9A-Za-z-]{1,64}/cancel/?")
_SLASHES = re.compile("//+")
_DONE = Timeline((0, 0, 0), (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.SUCCEEDED))


class BudgetError(FakescopeError):
    """A budget is no amount of money. The message says what was given and what is."""


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


class Budget:
    """Money that is set aside before a submission is sent, and comes back only if nothing was sold.

    Nothing here awaits: between the look at what is left and the setting aside nobody else has a turn.
    """

    def __init__(self, limit: Decimal) -> None:
        self.limit, self.reserved = limit, Decimal(0)

    @property
    def left(self) -> Decimal:
        return self.limit - self.reserved

    def reserve(self, cny: Decimal) -> bool:
        """Set aside, or say that it would be too much. What costs nothing is never too much."""
        if cny > self.left:
            return False
        self.reserved += cny
        return True

    def give_back(self, cny: Decimal) -> None:
        """Nothing was sold for what was set aside."""
        self.reserved -= cny
