"""Numbers for the charts of the HTML report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChartShare:
    """One part of a chart, in per cent of the whole, and where it starts."""

    name: str
    count: int
    start: float
    width: float


def shares(counts: Mapping[str, int], order: Sequence[str]) -> list[ChartShare]:
    """Return the parts of the whole in the given order; a missing name counts as none."""
    total = sum(counts.get(name, 0) for name in order) or 1
    shares, start = [], 0.0
    for name in order:
        width = round(100 * counts.get(name, 0) / total, 3)
        shares.append(ChartShare(name, counts.get(name, 0), round(start, 3), width))
        start += width
    return shares
