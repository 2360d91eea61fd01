"""The two clients: the verbs as they are, for asyncio, and over steps that end at once, for ordinary code."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, Unpack

import httpx

from fakescope_client.core import Options, T
from fakescope_client.model import Task
from fakescope_client.verbs import Found, Verbs

P = ParamSpec("P")


class AsyncClient(Verbs):
    """As `Client`, for asyncio: await the verbs, iterate over `list` and `wait_many` with `async for`."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[object]] | None = None,
        **options: Unpack[Options],
    ) -> None:
        from asyncio import sleep as doze  # deferred: whoever gets here has it loaded, whoever only imports us may not

        super().__init__(api_key, **options)
        self._http = client = http or httpx.AsyncClient(trust_env=not self._is_local)
        self._own, self._sleep = None if http else client, sleep or doze
        self._send, self._chunks, self._close = client.send, httpx.Response.aiter_bytes, httpx.Response.aclose

    async def aclose(self) -> None:
        """Close the connections, unless they are yours."""
        if self._own:
            await self._own.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _soon(call: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    async def step(*args: P.args, **kwargs: P.kwargs) -> T:
        return call(*args, **kwargs)

    return step


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    for chunk in response.iter_bytes():
        yield chunk


def _end_of(step: Any) -> Any:
    """What a coroutine returns that never waits."""
    try:
        step.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a verb has waited for an event loop")


def _verb(verb: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Client, P], T]:
    @wraps(verb)
    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = _end_of(verb(self._steps, *args, **kwargs))
        return result  # at once: Ctrl-C finds no call on the way here in which a paid task could get lost

    return call


def _each(verb: Callable[Concatenate[Any, P], Found]) -> Callable[Concatenate[Client, P], Iterator[Task]]:
    @wraps(verb)
    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[Task]:
        found = verb(self._steps, *args, **kwargs)
        try:
            while True:
                yield _end_of(anext(found))
        except StopAsyncIteration:
            return
        finally:
            _end_of(found.aclose())

    return call


class Client:
    """A client of DashScope's asynchronous API, for one key, safe to share among threads. Close it, or use `with`.

    `http` is an `httpx.Client` of yours, which stays open; `sleep` waits so many seconds; for `options` see Options.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        http: httpx.Client | None = None,
        sleep: Callable[[float], object] = time.sleep,
        **options: Unpack[Options],
    ) -> None:
        self._steps = steps = Verbs(api_key, **options)
        steps._http = client = http or httpx.Client(trust_env=not steps._is_local)
        self._own, steps._sleep, steps._chunks = None if http else client, _soon(sleep), _chunks
        steps._send, steps._close = _soon(client.send), _soon(httpx.Response.close)

    submit, run, wait, resume = (_verb(Verbs.submit), _verb(Verbs.run), _verb(Verbs.wait), _verb(Verbs.resume))
    fetch, cancel, detect = _verb(Verbs.fetch), _verb(Verbs.cancel), _verb(Verbs.detect)
    upload, download, edit_image = _verb(Verbs.upload), _verb(Verbs.download), _verb(Verbs.edit_image)
    list, wait_many = _each(Verbs.list), _each(Verbs.wait_many)
    text_to_video, image_to_video = _verb(Verbs.text_to_video), _verb(Verbs.image_to_video)
    keyframes_to_video, text_to_image = _verb(Verbs.keyframes_to_video), _verb(Verbs.text_to_image)

    def close(self) -> None:
        """Close the connections, unless they are yours."""
        if self._own:
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._steps._base!r})"
