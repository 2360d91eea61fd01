"""Numbers of things as people write them."""

from __future__ import annotations

import pytest

from fakescope.recording.counted import counted


@pytest.mark.parametrize(("number", "told"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1_000, "1,000 files")])
def test_one_is_one_and_all_else_is_many(number: int, told: str) -> None:
    assert counted(number, "file") == told
