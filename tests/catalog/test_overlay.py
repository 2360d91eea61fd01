"""Family files of a user's own, laid over the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakescope.catalog import load
from fakescope.catalog import loader as loading
from fakescope.errors import CatalogError

OURS = (loading.HERE / "models" / "keyframes-to-video.toml").read_text("utf-8")


def overlay(folder: Path, text: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(text, "utf-8")
    return file


def test_overlay_adds_a_model(tmp_path: Path) -> None:
    file = overlay(tmp_path, OURS.replace('"wan2.2-kf2v-flash"', '"wan9.9-kf2v-flash"'))

    catalog = load(overlays=[file])

    added = catalog.find("wan9.9-kf2v-flash")
    assert added is not None
    assert added.path == "/api/v1/services/aigc/image2video/video-synthesis"
    assert "wan9.9-kf2v-flash" in catalog.names


def test_overlay_replaces_a_model_of_the_same_name(tmp_path: Path) -> None:
    file = overlay(tmp_path, OURS.replace("submits = 2", "submits = 7"))

    found = load(overlays=[file]).find("wan2.2-kf2v-flash")

    assert found is not None
    assert found.limits.submits == 7


def test_overlay_is_read_strictly_and_at_once(tmp_path: Path) -> None:
    file = overlay(tmp_path, OURS.replace("sound = false", "sounds = false"))

    with pytest.raises(CatalogError, match=r"mine\.toml.*sounds"):
        load(overlays=[file])


def test_overlay_with_an_unknown_region_is_refused(tmp_path: Path) -> None:
    file = overlay(tmp_path, OURS.replace('regions = ["beijing", "singapore"]', 'regions = ["atlantis"]'))

    with pytest.raises(CatalogError, match="atlantis"):
        load(overlays=[file])
