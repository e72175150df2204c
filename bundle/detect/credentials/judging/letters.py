"""Whether letters make words: what a generator made looks like none, in any European language."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_RUN = re.compile(r"[a-z]+")
_SHORTEST = 5
_SHORTEST_ODD = 4
_TRIPLE = 3
_STRANGE = 0.5
"""Share of triples that no word has; one in a hundred words and four in five generated texts are above it."""


@cache
def _known() -> frozenset[str]:
    """Return the triples of letters that words have."""
    text = (files("bundle") / "data" / "credentials" / "trigrams.txt").read_text("utf-8")
    rows = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return frozenset(first + last for first, rest in rows for last in rest)


def _are_strange(text: str, shortest: int) -> list[bool]:
    """Return of each triple in the runs of letters that are long enough whether no word has it."""
    known = _known()
    return [
        run[i : i + _TRIPLE] not in known
        for run in _RUN.findall(text.lower())
        if len(run) >= shortest
        for i in range(len(run) - _TRIPLE + 1)
    ]


def triples(text: str) -> list[bool]:
    """Return of each triple of letters, in their order, whether no word has it."""
    return _are_strange(text, _TRIPLE)


def is_gibberish(text: str) -> bool:
    """Whether at least half of the triples of letters are such as words do not have."""
    if len(text) < _SHORTEST:
        return False
    strange = _are_strange(text, _SHORTEST)
    return bool(strange) and sum(strange) >= _STRANGE * len(strange)


def is_odd(text: str) -> bool:
    """Whether a triple of letters is such as no word has, in at least four of them.

    One in seventeen words has one, so that this tells only where a word has to be told from what somebody chose.
    """
    return any(_are_strange(text, _SHORTEST_ODD))
