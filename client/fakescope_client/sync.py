"""The client for ordinary code: does what the flows ask, one thing after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, Unpack, cast

import httpx

from fakescope_client.core import Options
from fakescope_client.model import Task
from fakescope_client.shortcuts import Verbs
from fakescope_client.wire import FAILURES, Answer, Body, Flow, Found, Request, Sleep, failed, prepared

P = ParamSpec("P")
T = TypeVar("T")


def _verb(flow: Callable[Concatenate[Verbs, P], Flow[T]]) -> Callable[Concatenate[Client, P], T]:
    """The flow as a method: what it returns."""

    @wraps(flow)
    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._drive(flow(self._protocol, *args, **kwargs))

    return call


def _each(flow: Callable[Concatenate[Verbs, P], Flow[Any]]) -> Callable[Concatenate[Client, P], Iterator[Task]]:
    """The flow as a method: what it finds, as it is found."""

    @wraps(flow)
    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[Task]:
        return self._iterate(flow(self._protocol, *args, **kwargs))

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
        self._protocol, self._sleep = Verbs(api_key, **options), sleep
        self._own = httpx.Client(trust_env=not self._protocol.is_local) if http is None else None
        self._http = self._own or http or httpx.Client()

    submit, run, wait, resume = (_verb(Verbs.submit), _verb(Verbs.run), _verb(Verbs.wait), _verb(Verbs.resume))
    fetch, cancel, detect = _verb(Verbs.fetch), _verb(Verbs.cancel), _verb(Verbs.detect)
    upload, download = _verb(Verbs.upload), _verb(Verbs.download)
    list, wait_many = _each(Verbs.list), _each(Verbs.wait_many)

    text_to_video, image_to_video = _verb(Verbs.text_to_video), _verb(Verbs.image_to_video)
    keyframes_to_video = _verb(Verbs.keyframes_to_video)
    text_to_image, edit_image = _verb(Verbs.text_to_image), _verb(Verbs.edit_image)

    def close(self) -> None:
        """Close the connections, unless they are yours."""
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._protocol.base!r})"

    def _drive(self, flow: Flow[T]) -> T:
        try:
            next(self._iterate(flow))
        except StopIteration as done:
            return cast(T, done.value)
        raise AssertionError("a flow with one result has found something on its way")

    def _iterate(self, flow: Flow[T]) -> Generator[Task, None, T]:
        """Do what the flow asks until it returns; what goes wrong, or interrupts us, is its to judge."""
        go_on: Callable[[], Request | Sleep | Found] = partial(next, flow)
        while True:
            try:
                step = go_on()
            except StopIteration as done:
                return cast(T, done.value)
            answer: Answer | None = None
            try:
                if isinstance(step, Request):
                    answer = self._exchange(step)
                elif isinstance(step, Found):
                    yield step.value
                elif step.seconds > 0:
                    self._sleep(step.seconds)
            except BaseException as stop:
                go_on = partial(flow.throw, stop)
            else:
                go_on = partial(flow.send, answer)

    def _exchange(self, step: Request) -> Answer:
        protocol, began = self._protocol, self._protocol.clock()
        with prepared(self._http, step, protocol.key) as request:
            try:
                response = self._http.send(request, stream=True, follow_redirects=not step.is_ours)
            except FAILURES as error:
                return failed(error)
            with closing(response), closing(Body(step, response, protocol.clock, began)) as body:
                try:
                    for chunk in response.iter_bytes():
                        body.take(chunk)
                except FAILURES as error:
                    return body.broken(error)
                return body.answer()
