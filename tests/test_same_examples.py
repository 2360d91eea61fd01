"""Every run and worker is given the same examples: what Hypothesis draws from is settled before the first test."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = {"fakescope": ROOT, "fakescope_client": ROOT / "client", "fakescope_contracts": ROOT / "contracts"}


def test_all_modules_are_loaded_whichever_test_comes_first() -> None:
    files = [file.relative_to(at) for name, at in PARTS.items() for file in (at / name).rglob("*.py")]
    names = {".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files}
    modules = {name for name in names if not name.endswith(".__main__")}

    assert len(modules) > 100
    assert modules - sys.modules.keys() == set()
