"""What a user can set: one table for the command line, the environment, the file and the documentation.

The order is flag, then environment (`FAKESCOPE_<NAME>`), then `fakescope.toml` or `[tool.fakescope]`, then default.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from fakescope.errors import SettingsError

__all__ = ["SETTINGS", "AccountSetting", "Setting", "Settings", "load", "misspelt"]


class AccountSetting(NamedTuple):
    """An `[[account]]` of the file: keys that lead to one main account, its region if it is bound to one.

    `only` closes the server to every key that no account names.
    """

    name: str
    keys: tuple[str, ...]
    region: str | None
    only: bool


class Settings(NamedTuple):
    """Everything that was set, checked. `speed` is inf for max; `seed` None draws a fresh one at the start."""

    host: str = "127.0.0.1"
    port: int = 8900
    speed: float = 60.0
    seed: int | None = None
    limits: bool = True
    region: str = "beijing"
    errors: str = "vendor"
    log: str = "lines"
    extra_headers: bool = True
    test_values: bool = True
    unknown_models: str = "vendor"
    catalog: tuple[str, ...] = ()
    accounts: tuple[AccountSetting, ...] = ()


class Setting(NamedTuple):
    """One row: its name, how its text is read, and what it does. The default is that of `Settings`."""

    name: str
    read: Callable[[str], Any]
    shown: str
    help: str

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return "FAKESCOPE_" + self.name.upper()

    @property
    def is_switch(self) -> bool:
        return self.read is _switch


def _host(value: str) -> str:
    # Nothing else can be listened on, and nothing else is safe in what `fakescope env` prints for a shell.
    if not re.fullmatch(r"[\w.:%-]+", value, re.ASCII):
        raise ValueError("must be the name or the address of a host")
    return value


def _port(value: str) -> int:
    return _whole(value, 0, 65_535)


def _seed(value: str) -> int:
    return _whole(value, 0, 2**63 - 1)


def _whole(value: str, low: int, high: int) -> int:
    if not (value.isascii() and value.isdecimal() and low <= int(value) <= high):
        raise ValueError(f"must be a whole number from {low} to {high}")
    return int(value)


def _speed(value: str) -> float:
    if value == "max":
        return inf
    try:
        speed = float(value)
    except ValueError:
        speed = 0.0
    if not 0.001 <= speed <= 1_000_000:
        raise ValueError("must be a number from 0.001 to 1000000 (1 is the vendor's pace), or max")
    return speed


def _switch(value: str) -> bool:
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("must be true or false")


def _files(value: str) -> tuple[str, ...]:
    return tuple(filter(None, value.split(",")))


def _word(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    return read


_region = _word("beijing", "singapore", "virginia")

SETTINGS: tuple[Setting, ...] = (
    Setting("host", _host, "HOST", "Address to listen on."),
    Setting("port", _port, "PORT", "Port to listen on; 0 takes a free one."),
    Setting(
        "speed", _speed, "N|max", "How much faster than the vendor tasks run; 1 is the vendor's pace, max is at once."
    ),
    Setting("seed", _seed, "N", "Seed of ids and durations: the same seed, the same run. Default: a fresh one."),
    Setting("limits", _switch, "", "Enforce the vendor's rate and concurrency limits."),
    Setting("region", _region, "NAME", "Region served: beijing, singapore or virginia."),
    Setting(
        "errors",
        _word("vendor", "early"),
        "WHEN",
        "Where wrong fields show: vendor (as the vendor) or early (HTTP 400).",
    ),
    Setting("log", _word("lines", "off"), "HOW", "Access lines on standard error: lines or off."),
    Setting("extra_headers", _switch, "", "Send X-Fakescope-* headers: version, and on refusals rule, hint and basis."),
    Setting("test_values", _switch, "", "Let test keys and marks in prompts provoke what the vendor does."),
    Setting(
        "unknown_models",
        _word("vendor", "nearest", "permissive"),
        "HOW",
        "Unknown models: vendor (refused), nearest (as the newest of a like family), permissive (never wrong).",
    ),
    Setting(
        "catalog", _files, "FILE,…", "Family files laid over the catalogue: new models, or others of the same name."
    ),
)
"""Every setting. `fakescope serve --help`, the environment, the file and the README read this table."""


def load(flags: Mapping[str, Any], environ: Mapping[str, str], folder: Path) -> Settings:
    """Settings from flags (already read), the environment and the file in `folder`. Raises SettingsError."""
    file, data = _file(flags.get("config") or environ.get("FAKESCOPE_CONFIG"), folder)
    accounts = tuple(
        _account(row, f"{file}: account[{i}]") for i, row in enumerate(_rows(data.pop("account", []), file))
    )
    keys = [key for account in accounts for key in account.keys]
    if twice := [key for key in dict.fromkeys(keys) if keys.count(key) > 1]:
        raise SettingsError(f"{file}: account.keys: {twice[0]!r} is named twice; a key leads to one account")
    values: dict[str, Any] = {"accounts": accounts}
    for setting in SETTINGS:
        given = data.pop(setting.name.replace("_", "-"), data.pop(setting.name, None))
        if flags.get(setting.name) is not None:
            values[setting.name] = flags[setting.name]
        elif setting.variable in environ:
            values[setting.name] = _read(setting, environ[setting.variable], setting.variable)
        elif given is not None:
            shown = ",".join(map(str, given)) if isinstance(given, list) else str(given)
            shown = shown.lower() if isinstance(given, bool) else shown
            values[setting.name] = _read(setting, shown, f"{file}: {setting.name}")
    if data:
        known = ", ".join(["account", *(setting.name for setting in SETTINGS)])
        raise SettingsError(f"{file}: unknown setting {next(iter(data))!r}; known are {known}")
    return Settings(**values)


def misspelt(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Variables that look like settings and are none, each with the one that was probably meant.

    Only near misses: a cluster with a service of the name fakescope sets variables of its own (FAKESCOPE_SERVICE_HOST).
    """
    known = ["FAKESCOPE_CONFIG", *(setting.variable for setting in SETTINGS)]
    odd = [name for name in environ if name.startswith("FAKESCOPE_") and name not in known]
    if not odd:
        return []
    from difflib import get_close_matches  # deferred: most starts need none of it

    return [(name, near[0]) for name in sorted(odd) if (near := get_close_matches(name, known, 1, cutoff=0.85))]


def _read(setting: Setting, text: str, where: str) -> Any:
    try:
        return setting.read(text)
    except ValueError as error:
        raise SettingsError(f"{where}: {text!r} {error}") from None


def _file(named: str | None, folder: Path) -> tuple[str, dict[str, Any]]:
    """The settings file: the one that was named, else fakescope.toml, else [tool.fakescope] of pyproject.toml."""
    if named:
        return named, _toml(Path(named))
    own, project = folder / "fakescope.toml", folder / "pyproject.toml"
    if own.is_file():
        return own.name, _toml(own)
    if project.is_file():
        tools = _toml(project).get("tool")
        ours = tools.get("fakescope", {}) if isinstance(tools, dict) else {}
        if not isinstance(ours, dict):
            raise SettingsError(f"{project.name}: tool.fakescope must be written as [tool.fakescope]")
        return f"{project.name} [tool.fakescope]", ours
    return "", {}


def _toml(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not TOML: {error}") from error


def _rows(value: Any, file: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise SettingsError(f"{file}: account must be written as [[account]]")
    return value


def _account(row: dict[str, Any], where: str) -> AccountSetting:
    keys = row.pop("keys", [])
    name, region, only = row.pop("name", ""), row.pop("region", None), row.pop("only", False)
    if row:
        raise SettingsError(f"{where}: unknown key {next(iter(row))!r}; known are name, keys, region, only")
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) and key for key in keys):
        raise SettingsError(f"{where}.keys: must be a list of keys; got {keys!r}")
    if not isinstance(name, str) or not isinstance(only, bool) or not isinstance(region, str | None):
        raise SettingsError(f"{where}: name and region are texts, only is true or false")
    if region is not None:
        try:
            _region(region)
        except ValueError as error:
            raise SettingsError(f"{where}.region: {region!r} {error}") from None
    return AccountSetting(name or keys[0], tuple(keys), region, only)
