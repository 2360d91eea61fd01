"""A faithful simulator of DashScope's asynchronous image and video API.

>>> from fakescope import Settings, create_app
>>> app = create_app(Settings(speed=60))        # an ASGI application
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fakescope._version import __version__

if TYPE_CHECKING:
    from fakescope.app import create_app as create_app
    from fakescope.errors import FakescopeError as FakescopeError
    from fakescope.recording.session import use_cassette as use_cassette
    from fakescope.settings import Settings as Settings
    from fakescope.simulator import Simulator as Simulator

__all__ = ["FakescopeError", "Settings", "Simulator", "__version__", "create_app", "use_cassette"]

_HOMES = {
    "FakescopeError": "fakescope.errors",
    "Settings": "fakescope.settings",
    "Simulator": "fakescope.simulator",
    "create_app": "fakescope.app",
    "use_cassette": "fakescope.recording.session",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: `fakescope env` and a test plugin need a small part of this.
    if name not in _HOMES:
        raise AttributeError(f"module 'fakescope' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
