"""The vendor as a target, behind a gate that lets nothing through that could cost money, or more than was allowed.

The gate stands around any target, so that it can be tried on one that costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple
from unittest import SkipTest
from urllib.parse import urlsplit

from fakescope.catalog import Catalog
from fakescope.catalog.spec import ModelSpec
from fakescope.errors import SettingsError
from fakescope_contracts.billing import READING, SUBMITTED_TO, Judge, Judgement
from fakescope_contracts.conversation import UndecidedError
from fakescope_contracts.spending import Spending
from fakescope_contracts.target import NoAnswerError, Request, Response, Target, UrlTarget

__all__ = ["Gate", "Kept", "Purse", "SpentError", "VendorTarget", "WithheldError", "gated", "open_target"]

KEY_VARIABLE = "DASHSCOPE_API_KEY"
_STAND_IN = "<DASHSCOPE_API_KEY>"
_SHORTEST_KEY = 20
_MOST_KEPT = 20_000  # bytes of a body
_VENDORS = (".aliyuncs.com", ".alibabacloud.com")
_PRIVATE = frozenset(("set-cookie", "x-dashscope-apikeyid", "x-dashscope-uid"))
_REMOVED = "<removed>"


class WithheldError(UndecidedError, SkipTest):
    """The gate did not send a request, so that the example says nothing. Hypothesis shrinks no skipped test."""


class SpentError(WithheldError):
    """Nothing that costs money is sent any more, or not as much."""

    is_last = True


class Kept(NamedTuple):
    """An exchange with the vendor, kept for the report: no key in it, and of large bodies the beginning.

    `cny` is what it was counted as, at most.
    """

    request: Request
    account: str | None
    response: Response
    cny: Decimal


# -- money


class Purse:
    """A budget in CNY. Money is taken out before a submission is sent, so `spent` never is more than `budget`."""

    def __init__(self, budget: Decimal) -> None:
        self.budget, self.spent = budget, Decimal(0)
        self._lock = Lock()
        self._of_task: dict[str, Decimal] = {}

    def __str__(self) -> str:
        return f"at most {self.spent} CNY of {self.budget} spent"

    @property
    def left(self) -> Decimal:
        return self.budget - self.spent

    def take(self, cny: Decimal) -> None:
        """Raises SpentError if there is not as much left."""
        with self._lock:
            if cny > self.left:
                raise SpentError(f"the budget has {self.left} CNY left of {self.budget}, and this may cost {cny}")
            self.spent += cny

    def give_back(self, cny: Decimal) -> None:
        """Put back what a refused submission did not cost."""
        with self._lock:
            self.spent -= cny

    def made(self, task_id: str, cny: Decimal) -> None:
        """Remember what was taken for a task."""
        with self._lock:
            self._of_task[task_id] = cny

    def ended_free(self, task_id: str) -> None:
        """Put back what was taken for a task that failed or was canceled, once."""
        with self._lock:
            self.spent -= self._of_task.pop(task_id, Decimal(0))


# -- the gate


class Gate:
    """Another target, and what may be sent to it.

    Without a purse only what cannot be billed, whatever is made of it; with one also submissions, as long as it lasts.
    Requests are at most half as many a second as the vendor allows. `kept` is every exchange, in order; `vendor` is
    the vendor's address, "" for anybody else. Raises WithheldError for what is not sent.
    """

    def __init__(
        self,
        target: Target,
        catalog: Catalog,
        purse: Purse | None = None,
        *,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._target, self._catalog, self.purse = target, catalog, purse
        self.name, self.region, self.keys = target.name, target.region, target.keys
        # No "regions": a Host header is not let through.
        self.abilities = target.abilities - {"free", "money", "regions"} | ({"money"} if purse else set())
        self.vendor = target.url if isinstance(target, VendorTarget) else ""
        self.kept: list[Kept] = []
        self._judge = Judge(catalog, target.region)
        self._clock, self._sleep = clock, sleep or ((lambda _: None) if "clock" in target.abilities else target.advance)
        self._next_turn: dict[str, float] = {}
        self._closed = ""

    def send(self, request: Request, account: str | None = "a") -> Response:
        judged = self._judge.judge(request, account, self.keys.values())
        is_submission = request.path.startswith(SUBMITTED_TO) and request.method not in READING
        is_somebodys = self._judge.is_somebodys(request, account, self.keys.values())
        if self._closed and is_submission and is_somebodys:
            raise SpentError(f"nothing is submitted any more: {self._closed}")
        self._let_through(request, judged)
        self._wait(request, judged)
        response = self._target.send(request, account)
        self._keep(request, account, response, judged.cny)
        said = _said(response)
        if judged.verdict == "costs":
            self._settle(judged.cny, response, said)
        elif is_submission and is_somebodys and response.status // 100 == 2:
            self._stop(request, judged, said)
        self._notice_end(request, said)
        return response

    def _let_through(self, request: Request, judged: Judgement) -> None:
        """Take the money for it, if it may go."""
        shown = f"{request.method} {request.path:.100}"
        if judged.verdict == "never":
            raise WithheldError(f"{shown} could cost money, or do harm: {judged.why}")
        if judged.verdict == "costs":
            if self.purse is None:
                raise WithheldError(f"{shown} could cost money: {judged.why}; --budget CNY allows it")
            self.purse.take(judged.cny)

    def _settle(self, cny: Decimal, response: Response, said: Mapping[str, Any]) -> None:
        """A refusal costs nothing. Of anything else, also a failure of the service's, it is not known."""
        task_id = _at(said, "output", "task_id")
        assert self.purse is not None
        if 400 <= response.status < 500 and isinstance(said.get("code"), str):
            self.purse.give_back(cny)
        elif response.status == 200 and isinstance(task_id, str):
            self.purse.made(task_id, cny)

    def _stop(self, request: Request, judged: Judgement, said: Mapping[str, Any]) -> None:
        """What could not start did: stop it, and submit nothing any more."""
        self._closed = f"{request.path} was answered well although {judged.why}"
        task_id = _at(said, "output", "task_id")
        if isinstance(task_id, str) and task_id.replace("-", "").isalnum():
            with suppress(NoAnswerError):
                cancel = Request("POST", f"/api/v1/tasks/{task_id}/cancel")
                self._keep(cancel, "a", self._target.send(cancel), Decimal(0))

    def _keep(self, request: Request, account: str | None, response: Response, cny: Decimal) -> None:
        request = request._replace(body=request.body[:_MOST_KEPT])
        self.kept.append(Kept(request, account, response._replace(body=response.body[:_MOST_KEPT]), cny))

    def _notice_end(self, request: Request, said: Mapping[str, Any]) -> None:
        """A task that failed or was canceled is free."""
        task_id, status = _at(said, "output", "task_id"), _at(said, "output", "task_status")
        fetched = request.method == "GET" and request.path == f"/api/v1/tasks/{task_id}"
        if self.purse is not None and fetched and status in ("FAILED", "CANCELED"):
            self.purse.ended_free(task_id)

    def _wait(self, request: Request, judged: Judgement) -> None:
        """Wait for this request's turn."""
        kind, per_s = "tasks", self._catalog.service.calls_per_s / 2
        if request.path.startswith(SUBMITTED_TO):
            kind, per_s = "refused", 1.0
            spec = self._spec_of(request) if judged.verdict == "costs" else None
            if spec is not None:
                limits = spec.limits_in(self.region)
                kind, per_s = spec.name, limits.submits / limits.per_s / 2
        now = self._clock()
        turn = max(now, self._next_turn.get(kind, now))
        self._next_turn[kind] = turn + 1 / per_s
        if turn > now:
            self._sleep(turn - now)

    def _spec_of(self, request: Request) -> ModelSpec | None:
        return self._catalog.find(json.loads(request.body)["model"])

    def advance(self, seconds: float, account: str = "a") -> None:
        self._target.advance(seconds, account)

    def now(self, account: str = "a") -> datetime | None:
        return self._target.now(account)

    def reset(self) -> None:
        self._target.reset()

    def close(self) -> None:
        self._target.close()


def _said(response: Response) -> Mapping[str, Any]:
    with suppress(ValueError, RecursionError):
        said = json.loads(response.body)
        if isinstance(said, dict):
            return said
    return {}


def _at(said: Mapping[str, Any], *keys: str) -> Any:
    found: Any = said
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


# -- the vendor


class VendorTarget(UrlTarget):
    """The vendor in a region. To be put behind a gate: `open_target` does.

    The key is read from the environment and stands nowhere but in the header that is sent: `keys` has words in its
    place, and an answer that repeats it comes back with those words. Raises SettingsError without a key.
    """

    def __init__(self, catalog: Catalog, region: str, environ: Mapping[str, str], url: str = "") -> None:
        regions = catalog.service.regions
        if region not in regions:
            raise SettingsError(f"{region!r:.40} is not a region; one of {', '.join(regions)}")
        key = environ.get(KEY_VARIABLE, "").strip()
        if not key:
            raise SettingsError(f"there is no key for {region}: set {KEY_VARIABLE} to a key of that region")
        plausible = key.startswith("sk-") and len(key) >= _SHORTEST_KEY
        if not (plausible and key.isascii() and key.isprintable()) or " " in key:
            raise SettingsError(f"{KEY_VARIABLE} holds no key: sk- and at least {_SHORTEST_KEY - 3} letters and digits")
        self._key = key
        where = url or f"https://{regions[region].host}"
        super().__init__(
            where, name=f"DashScope in {region}", region=region, abilities=("invalid_key",), keys={"a": _STAND_IN}
        )

    def _exchange(self, request: Request) -> Response:
        headers = tuple((name, value.replace(_STAND_IN, self._key)) for name, value in request.headers)
        try:
            response = super()._exchange(request._replace(headers=headers))
        except NoAnswerError as error:
            raise type(error)(str(error).replace(self._key, _STAND_IN)) from None
        return Response(
            response.status,
            tuple(
                (name, _REMOVED if name in _PRIVATE else value.replace(self._key, _STAND_IN))
                for name, value in response.headers
            ),
            response.body.replace(self._key.encode(), _STAND_IN.encode()),
        )


def open_target(
    url: str,
    catalog: Catalog,
    environ: Mapping[str, str],
    spending: Spending = Spending(),  # noqa: B008 - a value
    *,
    abilities: Collection[str] | None = None,
    keys: Mapping[str, str] | None = None,
) -> Target:
    """The target at an address, or the vendor in a region if there is no address.

    The vendor always stands behind a gate, any other target if that is asked for. Raises SettingsError, and
    NoAnswerError.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:  # what it is about is told below
        host = ""
    if url and host not in catalog.service.region_of_host and not host.endswith(_VENDORS):
        try:
            return gated(UrlTarget(url, abilities=abilities, keys=keys), catalog, spending)
        except ValueError as error:
            raise SettingsError(str(error)) from None
    if keys:
        raise SettingsError(f"a key of the vendor's comes from {KEY_VARIABLE} and nowhere else: leave out --key")
    if url and not url.startswith("https://"):
        raise SettingsError(f"{url:.100} would send the key in the clear: begin with https://")
    region = spending.region or catalog.service.region_of_host.get(host, "beijing")
    return gated(VendorTarget(catalog, region, environ, url), catalog, spending)


def gated(target: Target, catalog: Catalog, spending: Spending) -> Target:
    """The target behind a gate, if it is the vendor or that was asked for. Raises SettingsError."""
    if spending.zero_cost and spending.budget is not None:
        raise SettingsError("--zero-cost and --budget exclude each other: give one of them")
    if spending.budget is not None:
        return Gate(target, catalog, Purse(spending.budget))
    return Gate(target, catalog) if spending.zero_cost or isinstance(target, VendorTarget) else target
