"""What every verb stands on: the configuration, one exchange, and how trouble that passes is borne."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from math import inf
from time import monotonic
from typing import Any, Literal, TypedDict, Unpack
from urllib.parse import urlencode, urlsplit

from fakescope_client.errors import DashScopeError
from fakescope_client.model import Task
from fakescope_client.pacing import CALLS_PER_S, Pacer, Rhythm
from fakescope_client.wire import NOTHING, Answer, Flow, Request, Sleep, T, read

log = logging.getLogger("fakescope_client")

REGIONS = {
    "beijing": "https://dashscope.aliyuncs.com/api/v1",
    "singapore": "https://dashscope-intl.aliyuncs.com/api/v1",
    "virginia": "https://dashscope-us.aliyuncs.com/api/v1",
    "hongkong": "https://cn-hongkong.dashscope.aliyuncs.com/api/v1",
    "finance": "https://dashscope-finance.aliyuncs.com/api/v1",
}
"""A key is good in one of them. Source: https://www.alibabacloud.com/help/en/model-studio/base-url"""

OnAmbiguous = Literal["adopt", "raise", "resubmit"]


class Options(TypedDict, total=False):
    """How a client behaves; times in seconds."""

    base_url: str  # ends in /api/v1; wins over `region`, that over DASHSCOPE_HTTP_BASE_URL
    region: str  # one of REGIONS
    workspace: str  # sent as X-DashScope-WorkSpace
    on_ambiguous: OnAmbiguous  # see `submit`; adopt
    patience: float  # how long nothing but throttling and passing failures is borne; 300
    polls_per_s: float  # queries, and as many lists, and as many cancellations; 20, as the vendor allows
    seed: int | None  # of the jitter
    clock: Callable[[], float]  # monotonic; given by tests, as `sleep` is


class WaitOptions(TypedDict, total=False):
    timeout: float | None  # seconds, 3,600 if not given; None for as long as it takes
    on_poll: Callable[[Task], object]  # called with the task after every poll that was answered


class Core:
    """A client's settings, and flows that all verbs share."""

    def __init__(self, api_key: str | None = None, **options: Unpack[Options]) -> None:
        self.key = os.environ.get("DASHSCOPE_API_KEY", "") if api_key is None else api_key
        region, environment = options.get("region", ""), os.environ.get("DASHSCOPE_HTTP_BASE_URL", "")
        if not self.key:
            raise ValueError("no API key: give api_key, or set DASHSCOPE_API_KEY")
        if not (self.key.isascii() and self.key.isprintable()):
            raise ValueError("the API key holds characters that no key has")
        if region and region not in REGIONS:
            raise ValueError(f"region {region!r} is not one of {', '.join(REGIONS)}")
        self.base = options.get("base_url") or REGIONS.get(region) or environment or REGIONS["beijing"]
        if not self.base.startswith(("http://", "https://")):
            raise ValueError(f"the base address {self.base!r} must begin with https:// or http://")
        self.base = self.base.rstrip("/")
        self.is_local = urlsplit(self.base).hostname in ("127.0.0.1", "localhost", "::1")
        self.clock, self.on_ambiguous = options.get("clock", monotonic), options.get("on_ambiguous", "adopt")
        self.patience, self.rhythm = options.get("patience", 300.0), Rhythm(options.get("seed"))
        self._headers = {"X-DashScope-WorkSpace": options["workspace"]} if options.get("workspace") else {}
        self._pacers = {kind: Pacer(options.get("polls_per_s", CALLS_PER_S)) for kind in ("query", "list", "cancel")}

    def _request(self, method: str, path: str, query: Mapping[str, object] = NOTHING, **rest: Any) -> Request:
        url = f"{self.base}/{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json", **self._headers, **rest.pop("headers", NOTHING)}
        return Request(method, url, headers=headers, **rest)

    def _read(self, answer: Answer) -> dict[str, Any]:
        return read(answer, self.key)

    def _turn(self, kind: str) -> Flow[None]:
        """Wait for this client's next turn at query, list or cancel."""
        yield Sleep(self._pacers[kind].turn(self.clock()))
        while pause := self._pacers[kind].go(self.clock()):
            yield Sleep(pause)

    def _ask(
        self,
        what: str,
        request: Request,
        made_of: Callable[[dict[str, Any], Answer], T],
        kind: str = "",
        patience: float = inf,
    ) -> Flow[T]:
        """What is made of the good answer to a request that may be repeated. Raises DashScopeError."""
        trouble = Trouble(self, what, patience)
        while True:
            if kind:
                yield from self._turn(kind)
            answer: Answer = yield request
            try:
                return made_of(self._read(answer), answer)
            except DashScopeError as error:
                yield from trouble.bear(error)


class Trouble:
    """Failures in a row: a longer pause after each, until patience, counted from the first, is at an end."""

    def __init__(self, core: Core, what: str, patience: float = inf) -> None:
        self._core, self._what, self._patience = core, what, min(patience, core.patience)
        self._failures, self._since = 0, 0.0

    def over(self) -> None:
        """There was a good answer in between."""
        self._failures = 0

    def bear(self, error: DashScopeError, until: float = inf) -> Flow[None]:
        """Pause, at most to the instant `until`. Raises the error if it is no passing one, or was borne too long."""
        now = self._core.clock()
        self._since = self._since if self._failures else now
        self._failures += 1
        pause = self._core.rhythm.again(self._failures, error.retry_after_s)
        if not error.retryable or min(now + pause, until) > self._since + self._patience:
            raise error
        pause = max(0.0, min(pause, until - now))
        log.warning("%s: %s; again in %.1f s", self._what, error, pause)
        yield Sleep(pause)
