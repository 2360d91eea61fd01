"""The options of `pytest --pyargs fakescope_contracts --fakescope-url http://127.0.0.1:8900`.

Found by pytest through its entry point in every run, so it loads nothing and does nothing but take them.
"""

from __future__ import annotations

import pytest

_OPTIONS = {
    "url": ("URL", None, "run the contracts of fakescope_contracts against this server"),
    "cassettes": ("DIR", None, "run the contracts of fakescope_contracts against the recordings in this folder"),
    "models": ("NAMES", "", "only these models, with commas"),
    "only": ("IDS", "", "only contracts with these ids, or that begin so"),
    "basis": ("WORDS", "", "only what is known in these ways: seen, documented, inferred"),
    "can": ("WORDS", "", "what the server can do, if it does not say so itself"),
    "max-examples": ("N", 100, "examples for each contract; its models share them [default: 100]"),
    "seed": ("N", 0, "draw other examples [default: 0]"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fakescope contracts")
    for name, (metavar, default, help_text) in _OPTIONS.items():
        kind = int if isinstance(default, int) else str
        group.addoption(f"--fakescope-{name}", metavar=metavar, default=default, type=kind, help=help_text)


def pytest_report_header(config: pytest.Config) -> str | None:
    url = config.getoption("--fakescope-url")
    if folder := config.getoption("--fakescope-cassettes"):
        return f"fakescope contracts: the recordings in {folder}"
    return f"fakescope contracts: {url}, seed {config.getoption('--fakescope-seed')}" if url else None
