"""The client as a package of its own: what is in its wheel, what it needs, what it loads, how large it is."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

import fakescope
import fakescope_client

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "client" / "fakescope_client"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's own wheel, built from its folder without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT / "client", check=True, capture_output=True, timeout=600)
    (built,) = folder.iterdir()
    return built


def test_wheel_holds_the_client_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert wheel.name == f"fakescope_client-{fakescope_client.__version__}-py3-none-any.whl"
    assert names == {f"fakescope_client/{path.name}" for path in PACKAGE.iterdir() if path.is_file()}
    assert "fakescope_client/py.typed" in names


def test_wheel_needs_httpx_alone(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        about = Parser().parsestr(archive.read(name).decode())

    assert about.get_all("Requires-Dist") == ["httpx>=0.27"]
    assert (about["Name"], about["Requires-Python"]) == ("fakescope-client", ">=3.11")


def test_wheel_installs_and_runs_where_the_simulator_is_not(wheel: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", tmp_path, wheel],
        check=True,
        capture_output=True,
        timeout=600,
    )
    program = (
        "import sys, fakescope_client as c; sys.modules['fakescope'] = None\n"
        "from fakescope_client.cli import main; print(c.__file__, main(['list', '--help']))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

    assert said.endswith(f"{tmp_path}/fakescope_client/__init__.py 0\n")


def test_versions_agree() -> None:
    assert fakescope_client.__version__ == fakescope.__version__


def test_root_asks_for_what_the_client_needs() -> None:
    root, client = (tomllib.loads((ROOT / at / "pyproject.toml").read_text("utf-8")) for at in (".", "client"))

    assert set(client["project"]["dependencies"]) <= set(root["project"]["dependencies"])


def loaded_by(program: str) -> set[str]:
    listing = f"{program}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_import_loads_httpx_and_nothing_heavy_besides() -> None:
    more = loaded_by("import httpx, fakescope_client") - loaded_by("import httpx")

    assert {name.partition(".")[0] for name in more} - {"heapq", "_heapq"} == {"fakescope_client"}


def test_folder_is_no_package() -> None:
    assert not (ROOT / "client" / "__init__.py").exists()


def code_lines(source: str) -> int:
    """Lines that are neither blank nor comment nor docstring."""
    prose: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            prose |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(source.splitlines(), 1)
    return sum(1 for n, line in lines if line.strip() and not line.strip().startswith("#") and n not in prose)


def test_client_can_be_read_in_one_sitting() -> None:
    lines = {path.name: code_lines(path.read_text("utf-8")) for path in PACKAGE.glob("*.py")}

    assert sum(lines.values()) < 1_200
    assert max(lines.values()) < 250


def test_public_names_are_documented() -> None:
    kinds = [getattr(fakescope_client, name) for name in fakescope_client.__all__]
    classes = [kind for kind in kinds if isinstance(kind, type)]
    verbs = [getattr(fakescope_client.Client, name) for name in dir(fakescope_client.Client) if name[0] != "_"]

    assert [thing for thing in [*classes, *verbs] if not thing.__doc__] == []


def test_public_names_are_these() -> None:
    errors = {name for name, kind in vars(fakescope_client.errors).items() if isinstance(kind, type)}
    others = {"AsyncClient", "Client", "Options", "Task", "TaskStatus", "Usage", "__version__"}

    assert set(fakescope_client.__all__) == errors | others
