"""Whether no is about the question: it is said among control questions in a random order, so that no pattern in time explains it.

A server that says no for reasons of its own (every third connection, by chance, at a limit) does not know what it will be
asked. That its refusals fall on the question and not on the control questions is then luck, and luck can be counted: it is
the share of all orders of the same questions in which they would (an exact permutation test, whatever the pattern).
"""

from __future__ import annotations

import random
from math import comb

DOUBT = 1 / 1000
"""How likely mere luck may be where a refusal of a server that has lied is believed."""
FIRST_DOUBT = 1 / 20
"""The same for a server that has not, where something else is strange."""
MOST = 64
"""Questions and control questions after which a refusal stays unknown."""


class Trial:
    """One question, refused so far."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.asked = 0
        self._refused = 0
        self._controls = 0
        self._denied = 0

    def asks_control(self) -> bool:
        """Tell whether the control question is next."""
        self.asked += 1
        return self._dice.random() < 0.5

    def refused(self) -> None:
        """Note that the question was refused once more."""
        self._refused += 1

    def control(self, *, accepted: bool) -> None:
        """Note what became of a control question."""
        self._controls += 1
        self._denied += not accepted

    def sure(self, doubt: float) -> bool:
        """Tell whether luck is out of the question."""
        likely = comb(self._refused + self._denied, self._refused)
        return likely <= doubt * comb(self._refused + self._controls, self._refused)

    @property
    def over(self) -> bool:
        """Whether it has been asked as often as it is going to be."""
        return self.asked >= MOST
