"""The family of fakescope's own errors. What the vendor would refuse is a `VendorError`, in the engine.

FakescopeError
├── CatalogError    a catalogue file is wrong: which file, which entry, which key, what is allowed
├── SettingsError   a flag, a variable or fakescope.toml is wrong
├── CassetteError   a recording cannot be read or may not be written: which file, which line, how to fix it
├── CommandError    an order to the control API is wrong
└── StoreError      the store cannot answer
    └── StoreConflict   a lane moved between reading and committing; the simulator tries again
"""

from __future__ import annotations

__all__ = [
    "CassetteError",
    "CatalogError",
    "CommandError",
    "FakescopeError",
    "SettingsError",
    "StoreConflict",
    "StoreError",
]


class FakescopeError(Exception):
    """Something that is fakescope's to explain, never the vendor's."""


class CatalogError(FakescopeError):
    """A catalogue file says something that cannot be read. The message names file, entry and key."""


class SettingsError(FakescopeError):
    """A setting has a value that is not allowed. The message names the setting and what is."""


class CassetteError(FakescopeError):
    """A recording cannot be read or may not be written. The message names the file and the place in it."""


class CommandError(FakescopeError):
    """An order to the control API cannot be carried out. The message says what would be accepted."""


class StoreError(FakescopeError):
    """The store could not answer."""


class StoreConflict(StoreError):  # noqa: N818 - the word the store uses
    """Somebody else committed to this lane first."""
