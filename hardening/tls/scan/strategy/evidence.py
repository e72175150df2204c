"""What was said on every connection, and what it says against a server that lies.

A server that lies in one word betrays itself wherever another answer comes: a ServerHello, and just as well a refusal in
another word. So every answer but those in the word of a refusal counts against the lie that the refusal may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import gcd

HELLO = -1
"""The word of a ServerHello, beside the numbers of alerts."""

LONGEST = 24
"""The longest period that is looked for; of a longer one, no place among so many is likely to be hit twice and nothing else."""


class Evidence:
    """Every answer that was one, by its place among all connections."""

    def __init__(self) -> None:
        self.successes = 0
        self._words: list[int | None] = []
        self._often: dict[int, int] = {}
        self._answers = 0

    def note(self, place: int, word: int) -> None:
        """Note an answer: HELLO, or the number of an alert."""
        words = self._words
        if place >= len(words):
            words.extend([None] * (place + 1 - len(words)))
        words[place] = word
        self._answers += 1
        self.successes += word == HELLO
        self._often[word] = self._often.get(word, 0) + 1

    def against(self, word: int) -> int:
        """Return how many answers a server would have given otherwise, had it lied in that word."""
        return self._answers - self._often.get(word, 0)

    def counted(self, places: Sequence[int], word: int) -> bool:
        """Tell whether saying that word on every n-th connection explains it all: n divides the distances, and nothing else was said there."""
        first = places[0]
        span = gcd(*[place - first for place in places])
        if span < 2:
            return False
        words, meant = self._words, {None, word}
        for n in range(2, min(span, LONGEST) + 1):
            if span % n == 0 and meant.issuperset(words[first % n :: n]):
                return True
        return False


@lru_cache(maxsize=4096)
def spread(places: tuple[int, ...], backends: int) -> int:
    """Return how much is missing until each of any number of servers up to that has been met, where they take turns; 0 for nothing."""
    return sum(n - len({place % n for place in places}) for n in range(2, backends + 1))
