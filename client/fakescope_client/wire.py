"""What the protocol asks a driver to do, what comes back, and the few lines that turn both into httpx and out of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, Protocol, TypeVar

import httpx

from fakescope_client.errors import DashScopeError, TransportError, kind_of

T = TypeVar("T")
NOTHING: Mapping[str, str] = {}


class Sink(Protocol):
    """Where a body goes that is too large to keep."""

    def open(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether the body of this answer is wanted; if not, it is read like any other."""

    def write(self, chunk: bytes) -> None: ...

    def close(self) -> None: ...


class Request(NamedTuple):
    """One HTTP request. With `is_ours` it carries the key; `within_s` bounds the whole exchange but for a sink."""

    method: str
    url: str
    within_s: float = 30.0
    headers: Mapping[str, str] = NOTHING
    body: bytes | None = None
    is_ours: bool = True
    form: Mapping[str, str] | None = None
    file: tuple[str, bytes | os.PathLike[str]] | None = None
    sink: Sink | None = None


class Answer(NamedTuple):
    """What came back: all of it, its beginning and a `failure`, or with status 0 nothing but a failure.

    `unsent` if the request certainly did not reach anybody.
    """

    status: int = 0
    headers: Mapping[str, str] = NOTHING
    body: bytes = b""
    failure: str = ""
    unsent: bool = False


class Sleep(NamedTuple):
    """Wait for so many seconds."""

    seconds: float


class Found(NamedTuple):
    """One of several values, handed out while the flow goes on."""

    value: Any


Flow = Generator[Request | Sleep | Found, Any, T]
"""A conversation: yields what to do, is sent an Answer for each Request, and returns a result."""


@contextmanager
def prepared(http: httpx.Client | httpx.AsyncClient, request: Request, key: str) -> Iterator[httpx.Request]:
    """The request as httpx takes it, its file open inside."""
    headers = {**request.headers, **({"Authorization": f"Bearer {key}"} if request.is_ours else {})}
    timeout = httpx.Timeout(request.within_s, connect=min(10.0, request.within_s))
    with ExitStack() as stack:
        files = None
        if request.file is not None:
            name, file = request.file
            files = {"file": (name, file if isinstance(file, bytes) else stack.enter_context(open(file, "rb")))}
        given = {"headers": headers, "content": request.body, "data": request.form, "files": files, "timeout": timeout}
        yield http.build_request(request.method, request.url, **given)  # type: ignore[arg-type]


_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


Failure = httpx.HTTPError | httpx.StreamError
FAILURES = (httpx.HTTPError, httpx.StreamError)
"""What a driver turns into an answer; anything else is nobody's failure but ours."""


def failed(error: Failure, status: int = 0, headers: Mapping[str, str] = NOTHING) -> Answer:
    """No answer, or no more of it. The text names the kind of failure: httpx says nothing of some."""
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    return Answer(status, headers, b"", text, isinstance(error, _UNSENT))


class Body:
    """Takes an answer in piece by piece: a sink's into the sink, any other into memory, and not for ever."""

    def __init__(self, request: Request, response: httpx.Response, clock: Callable[[], float], began: float) -> None:
        self._status, self._headers = response.status_code, dict(response.headers.items())
        self._clock, self._until = clock, began + request.within_s
        wanted = request.sink is not None and request.sink.open(self._status, self._headers)
        self._sink, self._parts = request.sink if wanted else None, list[bytes]()

    def take(self, chunk: bytes) -> None:
        if self._sink is not None:
            self._sink.write(chunk)
            return
        self._parts.append(chunk)
        if self._clock() > self._until:
            raise httpx.ReadTimeout("the answer came too slowly")

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()

    def answer(self) -> Answer:
        return Answer(self._status, self._headers, b"".join(self._parts))

    def broken(self, error: Failure) -> Answer:
        return failed(error, self._status, self._headers)


def read(answer: Answer, secret: str = "") -> dict[str, Any]:
    """The JSON object of a good answer. Raises DashScopeError for any other; `secret` is blotted out of its text."""
    if answer.failure:
        lost = TransportError(answer.failure.replace(secret or "\0", "***"), http_status=answer.status)
        lost.unsent = answer.unsent
        lost.request_id = answer.headers.get("x-request-id", "")
        raise lost
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    whole = body if isinstance(body, dict) else {}
    nested = whole.get("error")
    said = nested if isinstance(nested, dict) else whole
    code, message = str(said.get("code") or ""), str(said.get("message") or "")
    if answer.status == 200 and isinstance(body, dict) and not code:
        return body
    if answer.status == 200 and not code:
        kind: type[DashScopeError] = TransportError
        message = f"the answer is not a JSON object, but {answer.body[:60]!r}"
    else:
        kind = kind_of(400 if answer.status == 200 else answer.status, code, message)
    raise kind(
        (message or f"an answer without words: {answer.body[:60]!r}").replace(secret or "\0", "***"),
        code=code,
        request_id=str(whole.get("request_id") or answer.headers.get("x-request-id") or ""),
        http_status=answer.status,
        retry_after_s=_retry_after_s(answer.headers),
    )


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, or a date against the server's own. Source: RFC 9110, 10.2.3; the vendor was never seen to send it."""
    given = headers.get("retry-after", "")
    try:
        return max(0.0, float(given))
    except ValueError:
        pass
    try:
        return (parsedate_to_datetime(given) - parsedate_to_datetime(headers["date"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None


def server_ms(_: dict[str, Any], answer: Answer) -> int:
    """When the server answered, epoch milliseconds: by its own header (seen in captures), or by `Date`."""
    try:
        stamp = answer.headers.get("resp-start-time")
        return int(stamp) if stamp else round(parsedate_to_datetime(answer.headers["date"]).timestamp() * 1000)
    except (KeyError, TypeError, ValueError):
        raise TransportError("the answer does not say what time it is") from None
