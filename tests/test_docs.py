"""The documents: what can run is run, what is generated is compared, and both languages say the same."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.routing import Route

from fakescope import Settings, __version__
from fakescope.admin.api import About, create_admin
from fakescope.catalog import Catalog, describe
from fakescope.clock import SystemClock
from fakescope.engine.task import Account
from fakescope.settings import SETTINGS, Setting, load
from fakescope.simulator import Rules, Simulator
from fakescope.store.memory import MemoryStore

ROOT = Path(__file__).parents[1]
ENGLISH = (ROOT / "README.md").read_text("utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
CLIENT = (ROOT / "docs" / "client.md").read_text("utf-8")
MODELS = (ROOT / "docs" / "models.md").read_text("utf-8")
DOCUMENTS = {
    "client": CLIENT,
    "README": ENGLISH,
    "README.zh-CN": CHINESE,
    "ARCHITECTURE": ARCHITECTURE,
    "CHANGELOG": CHANGELOG,
}
IS_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the example is for people who have curl")


def blocks(language: str) -> list[str]:
    """The README's code blocks in this language. `sh` and `python` blocks are run here, `console` blocks are not."""
    return [code for lang, code in IS_BLOCK.findall(ENGLISH) if lang == language]


def prose(text: str) -> str:
    return IS_BLOCK.sub("", text)


def code_spans(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose(text))


def table(text: str, name: str) -> list[str]:
    """The rows of the table after this mark, without its head."""
    _, _, rest = text.partition(f"<!-- table: {name} -->\n")
    return rest.partition("\n\n")[0].splitlines()[2:]


# -- what can run


@pytest.fixture(scope="module")
def port(start_server: Callable[..., Any]) -> int:
    """A simulator that finishes tasks at once, so that no example waits."""
    return urlsplit(start_server("--speed", "max").base).port or 0


def run(script: str, port: int, folder: Path) -> str:
    """What a reader's shell prints who has pointed it at the simulator as the README says."""
    set_up = f'eval "$({sys.executable} -m fakescope env --port {port})"\n'
    script = set_up + script.replace("127.0.0.1:8900", f"127.0.0.1:{port}")
    done = subprocess.run(["sh", "-euc", script], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_readme_sdk_example_makes_a_film(port: int, tmp_path: Path) -> None:
    sdk_example, _, _ = blocks("python")
    (tmp_path / "film.py").write_text(sdk_example)

    printed = run(f"{sys.executable} film.py", port, tmp_path)

    assert printed.startswith(f"SUCCEEDED http://127.0.0.1:{port}/dashscope-result")


def test_readme_client_example_downloads_a_film(port: int, tmp_path: Path) -> None:
    _, client_example, _ = blocks("python")
    (tmp_path / "boat.py").write_text(client_example)

    assert run(f"{sys.executable} boat.py", port, tmp_path) == "SUCCEEDED boat.mp4\n"
    assert (tmp_path / "boat.mp4").read_bytes()[4:8] == b"ftyp"


def test_client_document_has_examples_that_run(port: int, tmp_path: Path) -> None:
    film, in_process = (code for lang, code in IS_BLOCK.findall(CLIENT) if lang == "python")
    (tmp_path / "film.py").write_text(film)
    (tmp_path / "in_process.py").write_text(in_process)

    run(f"{sys.executable} film.py", port, tmp_path)

    assert (tmp_path / "boat.mp4").exists()
    assert run(f"{sys.executable} in_process.py", port, tmp_path) == "SUCCEEDED 5.0\n"


def test_readme_test_example_passes(tmp_path: Path) -> None:
    _, _, test_example = blocks("python")
    (tmp_path / "test_film.py").write_text(test_example)

    done = subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=tmp_path, capture_output=True, text=True)

    assert "1 passed" in done.stdout, done.stdout


@needs_curl
def test_readme_curl_example_downloads_a_film(port: int, tmp_path: Path) -> None:
    film_example, _, _ = blocks("sh")

    run(film_example, port, tmp_path)

    assert (tmp_path / "film.mp4").read_bytes()[4:8] == b"ftyp"


@needs_curl
def test_readme_clock_example_moves_the_clock(port: int, tmp_path: Path) -> None:
    _, clock_example, _ = blocks("sh")

    printed = run(clock_example + "echo\n" + clock_example, port, tmp_path)

    first, second = (datetime.fromisoformat(json.loads(line)["now"]) for line in printed.splitlines())
    assert timedelta(minutes=10) <= second - first < timedelta(minutes=11)


@needs_curl
def test_readme_shows_the_refusal_that_its_example_gets(port: int, tmp_path: Path) -> None:
    _, _, refusal_example = blocks("sh")
    (shown,) = blocks("http")

    printed = run(refusal_example, port, tmp_path).replace("\r\n", "\n")

    missing = [line for line in shown.partition("…")[0].splitlines() if line not in printed]
    assert missing == []


def test_readme_settings_example_is_accepted(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    (tmp_path / "fakescope.toml").write_text(example)

    settings = load({}, {}, tmp_path)

    assert settings.seed == 7
    assert settings.accounts == (("studio", ("sk-fake-anna", "sk-fake-ben"), "beijing", True),)


def test_readme_names_make_targets_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"(?:^|`)make (\w+)", ENGLISH, re.MULTILINE)

    assert {"run", "test"} <= set(targets)
    assert [target for target in targets if f"\n{target}:" not in makefile] == []


def test_readme_names_commands_that_exist() -> None:
    named = set(re.findall(r"`fakescope (\w+)", ENGLISH)) - {"ready"}  # the ready line is quoted as well
    shown = subprocess.run([sys.executable, "-m", "fakescope", "--help"], capture_output=True, text=True).stdout

    assert named == set(re.findall(r"^  (\w+)  ", shown.partition("Commands:")[2], re.MULTILINE))


# -- what is generated


def test_readme_lists_every_setting() -> None:
    assert table(ENGLISH, "settings") == [settings_row(setting) for setting in SETTINGS]


def settings_row(setting: Setting) -> str:
    match Settings._field_defaults[setting.name]:
        case ():
            default = ""
        case None:
            default = "fresh"
        case bool(on):
            default = "on" if on else "off"
        case float(number):
            default = f"{number:g}"
        case other:
            default = str(other)
    flag = f"`{setting.flag} {setting.shown}`".replace("|", "\\|")  # a bare one would end the cell
    if setting.is_switch:
        flag = f"`{setting.flag}`, `--no-{setting.flag[2:]}`"
    return f"| {flag} | `{setting.variable}` | {default} | {setting.help} |"


def test_readme_lists_every_family(catalog: Catalog) -> None:
    assert table(ENGLISH, "families") == list(family_rows(catalog))


def family_rows(catalog: Catalog) -> Iterator[str]:
    """A row per family, in order of their names: its title, and the endpoints and names of its models."""
    files = (ROOT / "fakescope" / "catalog" / "models").glob("*.toml")
    families = [tomllib.loads(file.read_text("utf-8"))["family"] for file in files]
    titles = {family["name"]: family["title"] for family in families}
    for name, title in sorted(titles.items()):
        specs = [spec for spec in catalog.specs() if spec.family == name]
        paths = dict.fromkeys(path for spec in specs for path in (spec.path, spec.sync_path) if path)
        endpoints = ", ".join(f"`{path.removeprefix('/api/v1/services/aigc/')}`" for path in paths)
        models = ", ".join(f"`{spec.name}`" for spec in specs)
        yield f"| {title} | {endpoints} | {models} |"


def test_readme_names_the_endpoints_that_answer_at_once(catalog: Catalog) -> None:
    specs = catalog.specs()
    at_once = {spec.path for spec in specs if spec.mode == "sync"} | {spec.sync_path for spec in specs} - {""}
    tasks = {spec.path for spec in specs if spec.mode == "async"}

    assert at_once.isdisjoint(tasks)
    assert {path.rpartition("/aigc/")[2].removeprefix("image2video/") for path in at_once} == {
        "face-detect",
        "aa-detect",
        "multimodal-generation/generation",
    }


def test_models_document_is_made_of_the_catalogue(catalog: Catalog) -> None:
    """`fakescope models --markdown > docs/models.md` makes it."""
    assert describe.markdown(catalog) == MODELS


def test_readme_lists_the_test_values(catalog: Catalog) -> None:
    service = catalog.service
    refusals = [(key, catalog.refusal(key.refusal)) for key in service.test_keys]
    keys = [f"| `{key.key}` | {refusal.status} `{refusal.code}` | {key.meaning} |" for key, refusal in refusals]
    marks = [f"| `{prompt.mark}` | 200 | {prompt.meaning} |" for prompt in service.test_prompts]

    shown = table(ENGLISH, "test values")
    assert shown == [*keys[:5], *marks]  # the others are in docs/models.md, which is made of the catalogue
    assert all(f"`{key.key}" in MODELS or f"| {key.key} |" in MODELS for key in service.test_keys)


def test_readme_lists_every_control_route(catalog: Catalog) -> None:
    simulator = Simulator(catalog, MemoryStore(), SystemClock(), Rules())
    admin = create_admin(simulator, lambda _scope: Account("", "beijing"), About("", "", 1, 1))
    routes = [
        f"{method} {route.path}"
        for route in admin.routes
        if isinstance(route, Route)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]

    assert [code_spans(row)[0] for row in table(ENGLISH, "control routes")] == routes


def test_readme_names_every_code_that_has_a_text(catalog: Catalog) -> None:
    assert {failure.code for failure in catalog.failures.values()} <= set(code_spans(ENGLISH))


def test_documents_name_every_inferred_text() -> None:
    texts = tomllib.loads((ROOT / "fakescope" / "catalog" / "errors.toml").read_text("utf-8"))
    inferred = [
        name for kind in ("refusal", "problem") for name, row in texts[kind].items() if row["basis"] == "inferred"
    ]
    named = [line.split(" | ")[0].removeprefix("| ") for line in MODELS.splitlines() if " | inferred | " in line]

    assert inferred
    assert [name for name in inferred if name not in named] == []
    assert "(docs/models.md) ends with every text" in ENGLISH


def test_readme_quotes_the_numbers_of_the_catalogue(catalog: Catalog) -> None:
    service = catalog.service
    example = catalog.find("wan2.6-t2v")
    assert example is not None
    wait, run, fail = (f"{low:g}–{high:g} s" for low, high in example.pace[:3])
    quoted = [f"{service.body_bytes // 2**20} MiB", f"at most {service.page_size_most} to a page"]
    quoted += [f"`{example.name}` waits {wait} and runs {run}", f"after {fail}"]
    quoted += [f"over {service.calls_per_s} a second", f"{service.task_life_ms // 3_600_000} hours"]

    assert [number for number in quoted if number not in ENGLISH] == []


# -- both languages, and all documents


def test_readmes_have_the_same_headings() -> None:
    def levels(text: str) -> list[int]:
        return [len(marks) for marks in re.findall(r"^(#+) ", prose(text), re.MULTILINE)]

    assert levels(CHINESE) == levels(ENGLISH)


def test_readmes_have_the_same_code_blocks() -> None:
    assert IS_BLOCK.findall(CHINESE) == IS_BLOCK.findall(ENGLISH)


def test_readmes_have_the_same_code_in_the_same_table_rows() -> None:
    def rows(text: str) -> list[list[str]]:
        return [code_spans(line) for line in prose(text).splitlines() if line.startswith("|")]

    assert rows(CHINESE) == rows(ENGLISH)


def test_readmes_name_the_same_things_in_their_prose() -> None:
    assert set(code_spans(CHINESE)) == set(code_spans(ENGLISH))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_names_only_files_of_this_repository(name: str) -> None:
    made_by_readers = {"fakescope.toml", ".venv/bin/fakescope", ".venv/bin/python", "answer.json", "film.mp4"}
    text = DOCUMENTS[name]
    files = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    files += [span for span in code_spans(text) if re.fullmatch(r"[\w./-]+(\.(md|py|toml|json|mp4)|/)", span)]
    # Modules named by their last part, as in a table of one package, are looked up there.
    known = [ROOT, ROOT / "fakescope"]

    missing = [file for file in files if not any((folder / file).exists() for folder in known)]

    assert [file for file in missing if file not in made_by_readers and not file.startswith("/")] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_leads_nowhere_else_on_this_machine(name: str) -> None:
    paths = re.findall(r"(?<![\w/.:…}*`\]])/[\w.-]+(?:/[\w.-]+)*|\.\./", DOCUMENTS[name])
    paths += [span for span in code_spans(DOCUMENTS[name]) if span.startswith("/")]

    assert [path for path in paths if not path.startswith(("/_fakescope", "/api/v1"))] == []


def test_architecture_names_every_part_of_the_house() -> None:
    parts = [part.name for part in (ROOT / "fakescope").iterdir() if not part.name.startswith(("_", "py.typed"))]

    assert [part for part in parts if part not in ARCHITECTURE] == []


def test_changelog_has_an_entry_for_this_version() -> None:
    assert f"\n## [{__version__}]" in CHANGELOG
