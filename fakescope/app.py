"""Where everything is wired: catalogue, store, clock, simulator, and the three doors in front of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from fakescope._version import __version__
from fakescope.catalog import Catalog, load
from fakescope.clock import Clock, SystemClock
from fakescope.engine import links
from fakescope.engine.vendor_error import VendorError
from fakescope.failures import FailureGuard
from fakescope.ids import fresh_seed
from fakescope.settings import Settings
from fakescope.simulator import Rules, Simulator
from fakescope.store.base import Store
from fakescope.store.memory import MemoryStore
from fakescope.wire.access import AccessLog
from fakescope.wire.auth import Keys, origin_of
from fakescope.wire.http import App, Header, Message, Receive, Scope, Send
from fakescope.wire.media import MediaApp
from fakescope.wire.vendor import VendorApp

if TYPE_CHECKING:
    from fakescope.recording.player import Player
    from fakescope.recording.replay import ReplayApp

__all__ = ["create_app", "create_replay"]


def create_app(
    settings: Settings | None = None,
    *,
    catalog: Catalog | None = None,
    store: Store | None = None,
    clock: Clock | None = None,
    log: TextIO | None = None,
) -> App:
    """The simulator as an ASGI application, for any server or an in-process transport.

    What is not given is made: the catalogue of this package, a store in memory, the system's clock. Access lines go
    to `log`, unless the settings say off. Raises CatalogError.
    """
    settings = settings or Settings()
    seed = fresh_seed() if settings.seed is None else settings.seed
    clock = clock or SystemClock()
    rules = Rules(
        settings.speed, seed, settings.limits, settings.errors == "early", settings.test_values, settings.unknown_models
    )
    simulator = Simulator(
        catalog or load(overlays=[Path(file) for file in settings.catalog]), store or MemoryStore(), clock, rules
    )
    service = simulator.catalog.service
    keys = Keys(service, settings.region, settings.accounts, settings.test_values)
    extra = ((b"x-fakescope-version", __version__.encode()),) if settings.extra_headers else ()
    access = AccessLog(log, clock) if log is not None and settings.log == "lines" else None

    def admin() -> App:
        # Deferred on purpose: the control API brings Starlette, which would make up a third of the time to start.
        from fakescope.admin.api import About, create_admin

        about = About(__version__, settings.region, settings.speed, seed)
        return _marked(create_admin(simulator, lambda scope: keys.caller(scope).account, about), extra)

    async def close() -> None:
        await simulator.close()
        if access is not None:
            access.close()

    vendor = VendorApp(simulator, keys, seed=seed, extra=extra, access=access)
    return FailureGuard(_Doors(vendor, MediaApp(simulator, extra), admin, close), extra)


def create_replay(
    player: Player,
    settings: Settings | None = None,
    *,
    simulates: bool = False,
    clock: Clock | None = None,
    log: TextIO | None = None,
) -> ReplayApp:
    """Recordings as an ASGI application, with the simulator's control API: clocks, health, reset.

    What was not recorded is refused in our own voice, or with `simulates` answered by the simulator, marked. Any key
    is an account, and none is one, too. Raises CatalogError.
    """
    # Deferred: the simulator itself replays nothing.
    from fakescope.recording.replay import ReplayApp, Visitor

    settings = settings or Settings()
    catalog = load(overlays=[Path(file) for file in settings.catalog])
    store, clock = MemoryStore(), clock or SystemClock()
    behind = create_app(settings, catalog=catalog, store=store, clock=clock)  # its lines are written here
    keys = Keys(catalog.service, settings.region, settings.accounts, settings.test_values)
    extra = ((b"x-fakescope-version", __version__.encode()),) if settings.extra_headers else ()

    def visitor(scope: Scope) -> Visitor:
        try:
            account, origin = keys.caller(scope)
        except VendorError:  # result files and uploads come without a key
            return Visitor("", origin_of(scope))
        return Visitor(account.id, origin)

    access = AccessLog(log, clock) if log is not None and settings.log == "lines" else None
    note = access.line if access is not None else None
    close = access.close if access is not None else lambda: None
    clocks = Simulator(catalog, store, clock, Rules())
    return ReplayApp(player, clocks, behind, visitor, simulates=simulates, extra=extra, note=note, close=close)


def _marked(app: App, extra: tuple[Header, ...]) -> App:
    """The application with our own headers on every answer."""

    async def marked(scope: Scope, receive: Receive, send: Send) -> None:
        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await app(scope, receive, mark)

    return marked


class _Doors:
    """Which application a path belongs to."""

    def __init__(self, vendor: App, media: App, admin: Callable[[], App], close: Callable[[], Awaitable[None]]) -> None:
        self._vendor, self._media, self._make_admin, self._close = vendor, media, admin, close
        self._admin: App | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith("/_fakescope"):
                if self._admin is None:
                    self._admin = self._make_admin()
                return self._admin(scope, receive, send)
            if path.startswith(links.PREFIX):
                return self._media(scope, receive, send)
            return self._vendor(scope, receive, send)
        if scope["type"] == "lifespan":
            return self._lifespan(receive, send)
        return send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})
