"""The client for asyncio: the verbs as they are, over steps that let others go on meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Self, Unpack

import httpx

from fakescope_client.core import Options
from fakescope_client.shortcuts import Verbs


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
        super().__init__(api_key, **options)
        self._own = None if http else httpx.AsyncClient(trust_env=not self._is_local)
        self._http = http or self._own or httpx.AsyncClient()
        self._send, self._chunks, self._close = self._http.send, httpx.Response.aiter_bytes, httpx.Response.aclose
        self._sleep = sleep or _sleep

    async def aclose(self) -> None:
        """Close the connections, unless they are yours."""
        if self._own:
            await self._own.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def _sleep(seconds: float) -> None:
    from asyncio import sleep  # deferred: whoever gets here has it loaded, whoever only imports us may not

    await sleep(seconds)
