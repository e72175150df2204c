"""How much may be done for one text: work is counted in units, so that a result does not depend on the machine.

A unit is about a microsecond of one core. Ordinary texts need a hundredth of what they may spend; what spends all of it
is made of almost nothing but places that look like credentials, and is reported as partial (`walk/limit-work`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterator, Mapping
from heapq import merge
from itertools import islice
from typing import TypeVar

from bundle.walk.member import Content

FLOOR = 800_000
"""Units for any text, however short, to look with, and as many to judge with."""
EACH = 0.3
"""Units for each byte beyond."""
_MANY = 5000
"""Hits up to which a text is looked at in one go."""
_AT_A_TIME = 500
_LONGEST_LINE = 4096
Key = TypeVar("Key", bound=Hashable)


class Work:
    """The units that are left for a text and all texts within it."""

    def __init__(self, size: int) -> None:
        """Allow what a text of this many bytes may cost."""
        self.left = FLOOR + EACH * size
        self.judging = self.left

    def spend(self, units: float) -> None:
        """Count units as spent."""
        self.left -= units

    @property
    def is_spent(self) -> bool:
        """Whether nothing more should be done."""
        return self.left < 0


def slices(data: Content, hits: Mapping[Key, list[int]]) -> Iterator[tuple[int, Mapping[Key, list[int]]]]:
    """Yield the hits in pieces of the text, each with the offset at which it begins: whole lines where they are short."""
    if sum(map(len, hits.values())) <= _MANY:
        yield 0, hits
        return
    ends, begin = merge(*hits.values()), 0
    for last in iter(lambda: max(islice(ends, _AT_A_TIME), default=-1), -1):
        if last <= begin:
            continue
        line = data.find(b"\n", last, last + _LONGEST_LINE)
        stop = line if line >= 0 else last
        piece = {
            key: all_[bisect_right(all_, begin) : bisect_right(all_, stop)] for key, all_ in hits.items()
        }
        yield begin, {key: some for key, some in piece.items() if some}
        begin = stop


def before(hits: Mapping[Key, list[int]], stop: int) -> dict[Key, list[int]]:
    """Return the hits that end before an offset."""
    cut = {key: ends[: bisect_left(ends, stop)] for key, ends in hits.items()}
    return {key: ends for key, ends in cut.items() if ends}
