"""The package as people install it: what is in the wheel, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

from fakescope import __version__

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=300)
    (built,) = folder.iterdir()
    return built


def names_in(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def text_in(wheel: Path, ending: str) -> str:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(ending))
        return archive.read(name).decode()


def metadata(wheel: Path) -> Message:
    return Parser().parsestr(text_in(wheel, ".dist-info/METADATA"))


def test_wheel_is_for_every_platform(wheel: Path) -> None:
    assert wheel.name == f"fakescope-{__version__}-py3-none-any.whl"


def test_wheel_holds_the_three_packages(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in names_in(wheel)}
    assert tops == {"fakescope", "fakescope_client", "fakescope_contracts", f"fakescope-{__version__}.dist-info"}


def test_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "fakescope").rglob("*.*") if path.is_file()}
    ours = {name for name in files if "/__pycache__/" not in name}  # where others may be writing just now
    assert {name for name in names_in(wheel) if name.startswith("fakescope/")} == ours


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "wire/film.mp4",
        "catalog/errors.toml",
        "catalog/service.toml",
        "catalog/models/text-to-video.toml",
        "catalog/models/image-to-video.toml",
        "catalog/models/keyframes-to-video.toml",
    ],
)
def test_wheel_holds_the_data(wheel: Path, name: str) -> None:
    assert f"fakescope/{name}" in names_in(wheel)


def test_wheel_gives_the_command(wheel: Path) -> None:
    entry_points = ConfigParser()
    entry_points.read_string(text_in(wheel, ".dist-info/entry_points.txt"))
    assert dict(entry_points["console_scripts"]) == {"fakescope": "fakescope.cli:main"}


def test_wheel_says_what_it_is_and_needs(wheel: Path) -> None:
    about = metadata(wheel)
    assert (about["Name"], about["Version"]) == ("fakescope", __version__)
    assert (about["License-Expression"], about["Requires-Python"]) == ("MIT", ">=3.11")
    assert "MIT License" in text_in(wheel, "licenses/LICENSE")


def test_wheel_needs_no_tools_of_ours_to_run(wheel: Path) -> None:
    # People install it beside the vendor's SDK, which brings fastapi: few packages, wide ranges.
    needs = [need for need in metadata(wheel).get_all("Requires-Dist", []) if "extra ==" not in need]
    names = {re.split(r"[^\w-]", need)[0] for need in needs}
    assert names == {"click", "httptools", "httpx", "orjson", "starlette", "uvicorn", "uvloop"}


def test_wheel_runs_where_only_it_is_seen(wheel: Path, tmp_path: Path) -> None:
    program = "import fakescope.cli as cli; print(cli.__file__); cli.main(['models'])"
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    said = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert said.startswith(str(tmp_path))
    assert "wan2.6-t2v" in said


def test_lowest_releases_that_are_tried_are_the_lowest_that_are_allowed() -> None:
    """`make lowest` runs with these."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    needs = [*project["dependencies"], *(need for name, needs in extras.items() if name != "dev" for need in needs)]
    allowed = {(found[1], found[2]) for need in needs if (found := re.match(r"([\w-]+)>=([\d.]+)", need))}

    pinned = dict(re.findall(r"^([\w-]+)==([\d.]+)", (ROOT / ".ci/lowest/requirements.txt").read_text("utf-8"), re.M))
    assert len(allowed) == len({need.partition(">")[0] for need in needs})
    for name, least in allowed:
        assert f"{pinned[name]}.".startswith(f"{least}."), (name, least)
    assert pinned.keys() == {name for name, _ in allowed}
