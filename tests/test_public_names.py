"""What `import fakescope` gives: the names it promises, each loaded on first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fakescope


def in_a_new_process(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    ).stdout.strip()


def test_public_names_are_these_and_no_others() -> None:
    names = ["FakescopeError", "Settings", "Simulator", "__version__", "create_app", "use_cassette"]
    assert names == fakescope.__all__ == dir(fakescope)


@pytest.mark.parametrize("name", fakescope.__all__)
def test_public_name_can_be_imported_first(name: str) -> None:
    # In a process of its own: whether a name loads must not depend on what was loaded before.
    assert in_a_new_process(f"from fakescope import {name} as it; print(it is not None)") == "True"


def test_star_import_gives_the_public_names() -> None:
    program = "from fakescope import *; print(*sorted(n for n in dir() if n == '__version__' or n[0] != '_'))"
    assert in_a_new_process(program).split() == sorted(fakescope.__all__)


def test_public_name_is_the_thing_itself() -> None:
    from fakescope.app import create_app

    assert fakescope.create_app is create_app


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'fakescope' has no attribute 'nothing'"):
        fakescope.nothing  # noqa: B018 - reading it is the test


@pytest.mark.parametrize("module", ["fakescope", "fakescope.cli"])
def test_import_alone_loads_no_server(module: str) -> None:
    program = f"import sys, {module}; print(*{{'uvicorn', 'starlette', 'orjson', 'uvloop'}} & sys.modules.keys())"
    assert in_a_new_process(program) == ""


def test_application_loads_no_starlette_before_the_control_api_is_used() -> None:
    program = "import sys, fakescope; fakescope.create_app(); print('starlette' in sys.modules)"
    assert in_a_new_process(program) == "False"
