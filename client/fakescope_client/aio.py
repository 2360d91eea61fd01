"""The client for asyncio: does what the flows ask, and lets others go on meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, closing
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, Unpack, cast

import httpx

from fakescope_client.core import Options
from fakescope_client.model import Task
from fakescope_client.shortcuts import Verbs
from fakescope_client.wire import FAILURES, Answer, Body, Flow, Found, Request, Sleep, failed, prepared

P = ParamSpec("P")
T = TypeVar("T")


def _verb(
    flow: Callable[Concatenate[Verbs, P], Flow[T]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """The flow as a method: what it returns."""

    @wraps(flow)
    async def call(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._drive(flow(self._protocol, *args, **kwargs))

    return call


def _each(
    flow: Callable[Concatenate[Verbs, P], Flow[Any]],
) -> Callable[Concatenate[AsyncClient, P], AsyncIterator[Task]]:
    """The flow as a method: what it finds, as it is found."""

    @wraps(flow)
    def call(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[Task]:
        return self._iterate(flow(self._protocol, *args, **kwargs))

    return call


class AsyncClient:
    """As `Client`, for asyncio: await the verbs, iterate over `list` and `wait_many` with `async for`."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[object]] | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._protocol, self._sleep = Verbs(api_key, **options), sleep or _sleep
        self._own = httpx.AsyncClient(trust_env=not self._protocol.is_local) if http is None else None
        self._http = self._own or http or httpx.AsyncClient()

    submit, run, wait, resume = (_verb(Verbs.submit), _verb(Verbs.run), _verb(Verbs.wait), _verb(Verbs.resume))
    fetch, cancel, detect = _verb(Verbs.fetch), _verb(Verbs.cancel), _verb(Verbs.detect)
    upload, download = _verb(Verbs.upload), _verb(Verbs.download)
    list, wait_many = _each(Verbs.list), _each(Verbs.wait_many)

    text_to_video, image_to_video = _verb(Verbs.text_to_video), _verb(Verbs.image_to_video)
    keyframes_to_video = _verb(Verbs.keyframes_to_video)
    text_to_image, edit_image = _verb(Verbs.text_to_image), _verb(Verbs.edit_image)

    async def aclose(self) -> None:
        """Close the connections, unless they are yours."""
        if self._own is not None:
            await self._own.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._protocol.base!r})"

    async def _drive(self, flow: Flow[T]) -> T:
        """Do what the flow asks until it returns; what goes wrong, or interrupts us, is its to judge."""
        go_on: Callable[[], Request | Sleep | Found] = partial(next, flow)
        while True:
            try:
                step = go_on()
            except StopIteration as done:
                return cast(T, done.value)
            go_on = await self._do(flow, step)

    async def _iterate(self, flow: Flow[Any]) -> AsyncIterator[Task]:
        go_on: Callable[[], Request | Sleep | Found] = partial(next, flow)
        with closing(flow):
            while True:
                try:
                    step = go_on()
                except StopIteration:
                    return
                if isinstance(step, Found):
                    yield step.value
                go_on = await self._do(flow, step)

    async def _do(self, flow: Flow[T], step: Request | Sleep | Found) -> Callable[[], Request | Sleep | Found]:
        answer: Answer | None = None
        try:
            if isinstance(step, Request):
                answer = await self._exchange(step)
            elif isinstance(step, Sleep) and step.seconds > 0:
                await self._sleep(step.seconds)
        except BaseException as stop:
            return partial(flow.throw, stop)
        return partial(flow.send, answer)

    async def _exchange(self, step: Request) -> Answer:
        protocol, began = self._protocol, self._protocol.clock()
        with prepared(self._http, step, protocol.key) as request:
            try:
                response = await self._http.send(request, stream=True, follow_redirects=not step.is_ours)
            except FAILURES as error:
                return failed(error)
            async with aclosing(response):
                with closing(Body(step, response, protocol.clock, began)) as body:
                    try:
                        async for chunk in response.aiter_bytes():
                            body.take(chunk)
                    except FAILURES as error:
                        return body.broken(error)
                    return body.answer()


async def _sleep(seconds: float) -> None:
    from asyncio import sleep  # deferred: whoever gets here has it loaded, whoever only imports us may not

    await sleep(seconds)
