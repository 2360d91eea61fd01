"""What was measured, as rows of medians with a verdict."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any, NamedTuple

__all__ = ["Row", "rounds", "table"]


class Row(NamedTuple):
    """One value per round. With `against`, the ratio is judged, taken within each round; without, the value itself."""

    what: str
    ours: Sequence[float]
    against: Sequence[float] = ()
    least: float | None = None
    most: float | None = None

    @property
    def ratio(self) -> float | None:
        return median(a / b for a, b in zip(self.ours, self.against, strict=True)) if self.against else None

    @property
    def verdict(self) -> str:
        """`ok`, `over`, or nothing for a row without a bar, which is for information."""
        judged = median(self.ours) if self.ratio is None else self.ratio
        if self.least is None and self.most is None:
            return ""
        return "ok" if (self.least or 0) <= judged <= (self.most or judged) else "over"

    def as_dict(self) -> dict[str, Any]:
        return {**self._asdict(), "ratio": self.ratio, "verdict": self.verdict}


def table(rows: Sequence[Row]) -> str:
    """Medians, aligned. The ratio is the median of the rounds' ratios, so a slow minute weighs on both sides."""
    cells = [("what", "ours", "against", "ratio", "bar", "")]
    for row in rows:
        bar = f">= {row.least:g}" if row.least is not None else f"<= {row.most:g}" if row.most is not None else ""
        against = _number(median(row.against)) if row.against else ""
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        cells.append((row.what, _number(median(row.ours)), against, ratio, bar, row.verdict))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for what, *others in cells:
        aligned = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([what.ljust(widths[0]), *aligned]).rstrip())
    return "\n".join(lines)


def rounds(count: int, what: str) -> Iterator[int]:
    """Count rounds, and say on the terminal which one it is."""
    for number in range(1, count + 1):
        print(f"\r\033[K{what}: round {number} of {count}", end="", file=sys.stderr, flush=True)
        yield number
    print("\r\033[K", end="", file=sys.stderr, flush=True)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
