"""Whether no is about the question: it is said among control questions in a random order, so that no pattern explains it.

A server that says no for reasons of its own (every third connection, by chance, at a limit) does not know what it will be
asked next. While it lies, a control question is as likely to meet the lie as the question; while it does not, the question is as likely
to be accepted as the control question. So whoever bets on seeing neither a control question refused nor the question
accepted multiplies a stake that a liar, whatever its pattern and whatever it has seen, can multiply by a million in one of
a million trials at most (Ville's inequality for a nonnegative martingale; Shafer, Game-theoretic foundations, 2019, section 2.1).
"""

from __future__ import annotations

from functools import lru_cache
from math import log

SURE = log(1e6)
"""Stake, as a logarithm, at which a refusal of a server that has lied is believed."""
LIKELY = log(20)
"""The same for a server that has not, where something else is strange."""
CLOSED = log(1e3)
"""The same for a close, which a limit or a crash can bring as well as a refusal."""
MOST = 64
"""How often a question is asked in a trial before it stays unknown."""
LEAST_RATE = 0.01


def rate(lies: int, truths: int) -> float:
    """Return how often a server lies, as far as is known; never nothing, since a bet on that is lost by one lie."""
    return max(LEAST_RATE, (lies + 0.5) / (lies + truths + 1))


def accepted(share: float) -> float:
    """Return what the stake grows by (a logarithm) when the control question is accepted.

    `share` is how likely the control question was to be asked rather than this one.
    """
    return -log(share)


def denied(share: float, lying: float) -> float:
    """Return the same when the control question is refused by a server that lies at that rate."""
    return log(lying / (share * lying + 1 - share))


def refused(share: float, lying: float) -> float:
    """Return the same when the question is refused once more."""
    return -log(share * lying + 1 - share)


@lru_cache(maxsize=4096)
def by_chance(lies: int, truths: int) -> float:
    """Return how likely a server that lies by chance is to tell so many lies at one question, and none so often elsewhere.

    At most: whatever its rate of lies is. What is likely here may still be true; it is only not shown.
    """
    total = lies + truths
    return (lies / total) ** lies * (truths / total) ** truths


@lru_cache(maxsize=4096)
def enough(truths: int, doubt: float) -> int:
    """Return how often a question has to be refused, so that chance is as unlikely as that."""
    return next(n for n in range(1, MOST + 1) if n == MOST or by_chance(n, truths) <= doubt)
