"""The pytest plugin: a cassette for each test that is marked.

Loading it loads nothing else: it is loaded in every run of pytest of an environment that has fakescope.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Iterator, Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fakescope.errors import FakescopeError, SettingsError

if TYPE_CHECKING:
    from decimal import Decimal

    from fakescope.recording.budget import Purse
    from fakescope.recording.session import Session

__all__ = ["UnusedRecordingWarning"]

MARK = "fakescope_cassette"
_MODES = ("none", "once", "new_episodes", "all", "rewrite")  # those of a session, which is not loaded yet

_SESSION: pytest.StashKey[Session] = pytest.StashKey()
_PASSED: pytest.StashKey[bool] = pytest.StashKey()
_PURSE: pytest.StashKey[Purse] = pytest.StashKey()
_BUDGET, _UNPRICED = "--fakescope-budget", "--fakescope-allow-unpriced"


class UnusedRecordingWarning(pytest.PytestWarning):
    """A cassette has recordings that its test did not ask for."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fakescope", "fakescope: cassettes of a vendor's asynchronous tasks")
    group.addoption(
        "--fakescope-record-mode",
        choices=_MODES,
        default=None,
        help="what may go out and is kept; wins over marks and fakescope_config (default: none)",
    )
    group.addoption(
        "--fakescope-unused",
        choices=("error", "warn"),
        default=None,
        help="what recordings are that a test which passed did not ask for (default: warn)",
    )
    group.addoption(
        _BUDGET,
        metavar="CNY",
        default=None,
        help="the most that submissions to the service may cost in this run; needed to record any that costs something",
    )
    group.addoption(_UNPRICED, action="store_true", help="also send what has no known price, uncounted")
    parser.addini("fakescope_budget", f"as {_BUDGET}, which wins over it", default="")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{MARK}(name=None, **options): play or record the cassette of this name, by default "
        "cassettes/<module>/<test>.yaml beside the test's file",
    )
    try:
        _budget(config)
    except FakescopeError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_itemcollected(item: pytest.Item) -> None:
    """A marked test gets its cassette before all other fixtures of its own: their requests are in it, too."""
    if not isinstance(item, pytest.Function):
        return
    names = item.fixturenames
    if item.get_closest_marker(MARK) is None and MARK not in names:
        return
    if MARK in names:
        names.remove(MARK)
    defined = item._fixtureinfo.name2fixturedefs
    wide = [name for name in names if name in defined and defined[name][-1].scope != "function"]
    names.insert(max(map(names.index, wide), default=-1) + 1, MARK)


@pytest.fixture(scope="session")
def fakescope_config() -> Mapping[str, Any]:
    """Options for cassettes; override it, in any scope. Marks and the command line win over it."""
    return {}


@pytest.fixture
def fakescope_cassette(request: pytest.FixtureRequest, fakescope_config: Mapping[str, Any]) -> Iterator[Session]:
    """The cassette of this test, open: all HTTP clients of this process are answered from it, or recorded into it."""
    from fakescope.recording.session import opened, options  # deferred: see above

    node = request.node
    try:
        name, chosen = _chosen(node, fakescope_config)
        unused, folder = chosen.pop("unused", "warn"), chosen.pop("cassette_dir", None)
        purse = partial(_purse, node.config)
        with opened(_path(node, name, folder), options(chosen), purse) as session:
            node.stash[_SESSION] = session
            yield session
    except FakescopeError as error:  # the file cannot be read, or must not be written
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    if node.stash.get(_PASSED, False) and session.held_back:  # somebody swallowed it: the recording has a hole
        pytest.fail(str(session.held_back[0]), pytrace=False)
    if node.stash.get(_PASSED, False) and not session.records and (left := session.unused()):
        text = f"{session.path}: nothing asked for\n" + "\n".join(f"  {recording}" for recording in left)
        if unused == "error":
            pytest.fail(text, pytrace=False)
        node.warn(UnusedRecordingWarning(text))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        item.stash[_PASSED] = report.passed
    session = item.stash.get(_SESSION, None)
    if session is not None and call.when != "teardown" and (trouble := [*session.misses, *session.held_back]):
        report.sections.append(("fakescope cassette", _shown("\n\n".join(dict.fromkeys(map(str, trouble))))))
    return report


def _shown(text: str) -> str:
    """A text as the terminal can show it: of one that it cannot, pytest would escape the ends of lines, too."""
    encoding = getattr(sys.__stdout__, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What recording may have cost, if it cost anything."""
    if (purse := config.stash.get(_PURSE, None)) is not None:
        terminalreporter.write_line(f"fakescope: {purse.spent()}")


def _budget(config: pytest.Config) -> Decimal | None:
    """What the command line says, else the ini file; None if neither does. Raises BudgetError."""
    given = config.getoption(_BUDGET)
    given = config.getini("fakescope_budget") or None if given is None else given
    if given is None:
        return None
    from fakescope.recording.budget import parse_budget  # deferred: it loads the catalogue's code

    return parse_budget(given)


def _purse(config: pytest.Config) -> Purse:
    """The money of this run, one purse for all its tests. Asked for only when a submission is to be sent that costs."""
    from fakescope.recording.budget import Budget, NotSentError, Purse

    if _PURSE not in config.stash:
        given = _budget(config)
        if given is None:
            detail = f"it costs money at the service; say how much this run may cost with {_BUDGET} CNY"
            raise NotSentError("NoBudget", detail)
        if hasattr(config, "workerinput"):  # each worker would spend all of it
            raise NotSentError("NoBudget", f"workers of pytest-xdist cannot share {_BUDGET}; record with -n 0")
        unpriced = bool(config.getoption(_UNPRICED))
        budget = Budget(given)
        config.stash[_PURSE] = Purse(budget, allow_unpriced=unpriced, flags=(_BUDGET, _UNPRICED))
    return config.stash[_PURSE]


def _chosen(node: pytest.Item, config: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """The cassette's name, if a mark has one, and options: the fixture's, then marks from far to near, then flags."""
    if not isinstance(config, Mapping):
        raise SettingsError(f"the fixture fakescope_config gives {config!r}; it must give a mapping of options")
    name, chosen = None, dict(config)
    for mark in reversed(list(node.iter_markers(MARK))):
        if len(mark.args) > 1 or not all(isinstance(given, str) and given for given in mark.args):
            raise SettingsError(f"@pytest.mark.{MARK} takes one file name, and options by name; got {mark.args!r}")
        name = mark.args[0] if mark.args else name
        chosen |= mark.kwargs
    for option in ("record_mode", "unused"):
        if (given := node.config.getoption(f"fakescope_{option}")) is not None:
            chosen[option] = given
    if chosen.get("unused", "warn") not in ("error", "warn"):
        raise SettingsError(f"unused is {chosen['unused']!r}; it can be error, warn")
    if not isinstance(chosen.get("cassette_dir", ""), str | PathLike):
        raise SettingsError(f"cassette_dir is {chosen['cassette_dir']!r}; it can be a path")
    return name, chosen


def _path(node: pytest.Item, name: str | None, folder: str | PathLike[str] | None) -> Path:
    """Beside the test's file: `cassettes/<module>/`, or the folder that was chosen."""
    place = node.path.parent / (folder or f"cassettes/{node.path.stem}")
    if name is not None:
        return place / name
    owner = f"{node.cls.__name__}." if isinstance(node, pytest.Function) and node.cls else ""
    return place / f"{_file_name(owner + node.name)}.yaml"


def _file_name(test: str) -> str:
    """A name that every file system takes. A digest makes up for what it loses: no two tests share a file."""
    plain = re.sub(r"[^\w.\[\], =+-]", "-", test)
    if plain == test and len(test.encode()) <= 200:
        return test
    from hashlib import blake2b

    return f"{plain[:60]}-{blake2b(test.encode(), digest_size=5).hexdigest()}"
