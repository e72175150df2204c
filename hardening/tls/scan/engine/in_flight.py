"""How dense the questions were: a refusal counts only where something as dense has succeeded.

Whatever limits a rate sees how much time the last k connections took. A success after k connections within a
time shows that no limit was at work at that density; a refusal at one that no success has shown may be about
the pace. Where a question was answered much later than others were, the server may have seen it late, and its
neighbours closer together: so a stalled machine makes refusals doubtful, never believed.
"""

from __future__ import annotations

from collections.abc import Sequence

SLOW = 0.5
"""Seconds an answer from which a server is slow."""
FEWEST = 8
"""Connections that every limit on a rate lets through."""
SLACK = 0.1
"""Seconds by which two densities may differ and count as the same."""
SHARE = 0.1
"""The same, as a share of a longer time."""
STALL = 0.5
"""Seconds by which an answer may be late without a thought; those of a slow server by half of what its fastest took."""
LONGEST = 512
"""Connections before a question that are looked at."""

Ages = tuple[float, ...]
"""For FEWEST connections before a question and each further one, the shortest time that may lie between."""


class Load:
    """When questions went out and how late the server may have seen them."""

    def __init__(self) -> None:
        self._late: dict[int, float] = {}
        """Per question that stalled, by how much."""
        self._proven: list[float] = []
        """As Ages: the shortest time between a question that succeeded and the k-th before it, at most."""
        self._quickest: float | None = None

    def answered(self, place: int, starts: Sequence[float], now: float, *, whole: bool = True) -> None:
        """Note that the question that went out as number `place` was answered; not `whole`: by a close or by silence."""
        took = now - starts[place]
        if self._quickest is None or (whole and took < self._quickest):
            self._quickest = took
        late = took - self._quickest - max(STALL, self._quickest / 2)
        if late > 0:
            self._late[place] = late

    def succeeded(self, place: int, starts: Sequence[float]) -> None:
        """Note a success: the density at which it came is harmless."""
        proven = self._proven
        seen = starts[place] + self._late.get(place, 0.0)
        for at in range(min(place, LONGEST) - FEWEST + 1):
            age = seen - starts[place - FEWEST - at]
            if at >= len(proven):
                proven.append(age)
            elif age < proven[at]:
                proven[at] = age

    def ages(self, place: int, starts: Sequence[float]) -> Ages:
        """Return how dense the questions before this one may have been, as the server saw them."""
        began, late = starts[place], self._late
        first = max(0, place - LONGEST)
        if not late:  # they went out in order, so the last ones are the youngest
            return tuple([began - start for start in starts[first : max(first, place - FEWEST + 1)][::-1]])
        found = sorted(max(0.0, began - starts[n] - late.get(n, 0.0)) for n in range(first, place))
        return tuple(found[FEWEST - 1 :])

    def covers(self, ages: Ages) -> bool:
        """Tell whether something as dense has succeeded, however many connections are looked at."""
        if len(ages) > len(self._proven):
            return False
        quickest = self._quickest or 0.0
        # answers of a slow server come in waves: what goes out with the next wave is later by a whole answer
        slack = SLACK + (quickest if quickest >= SLOW else 0.25 * quickest)
        return all(
            proven <= age * (1 + SHARE) + slack for proven, age in zip(self._proven, ages, strict=False)
        )
