"""Where in a text a closer look pays: one pass of Vectorscan over all patterns, or `re` where it is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bundle.walk import pattern_cache
from bundle.walk.member import Content

_STRETCH = 1 << 28
_OVERLAP = 4096
_CASELESS, _MULTILINE = 1, 4
"""Flags of Vectorscan (HS_FLAG_CASELESS, HS_FLAG_MULTILINE), which may not be installed."""


class PatternGate:
    """Patterns compiled once; each is bounded, so that a hit says its end and a window finds the rest."""

    def __init__(self, patterns: Sequence[str | None], *, engine: str = "auto") -> None:
        """Compile; `engine` is `auto` or `plain`. None keeps its number and is not looked for."""
        self.patterns = tuple(patterns)
        self._numbers = _numbered(patterns)
        self._of = {numbers[0]: numbers for numbers in self._numbers.values()}
        self._database = pattern_cache.database(*_expressions(self._numbers)) if engine == "auto" else None
        self._plain = (
            [(numbers[0], re.compile(p.encode(), re.MULTILINE)) for p, numbers in self._numbers.items()]
            if self._database is None
            else []
        )

    @staticmethod
    def is_kept(patterns: Sequence[str | None]) -> bool:
        """Whether a gate over the patterns was compiled before and is at hand."""
        return pattern_cache.is_kept(*_expressions(_numbered(patterns)))

    @property
    def engine(self) -> str:
        """The engine in use: `hyperscan` or `plain`."""
        return "plain" if self._database is None else "hyperscan"

    def hits(self, content: Content) -> Mapping[int, list[int]]:
        """Return for each pattern that is met the offsets where matches end, ascending."""
        found: dict[int, list[int]] = {}
        if self._database is None:
            for number, pattern in self._plain:
                ends = _ends(pattern, content)
                if ends:
                    found[number] = ends
            return self._shared(found)
        base = 0

        def seen(number: int, _start: int, end: int, _flags: int, _context: Any) -> None:
            found.setdefault(number, []).append(base + end)

        size = len(content)
        if not size:
            return found
        if size <= _STRETCH:
            self._database.scan(content, match_event_handler=seen)
        else:
            for base in range(0, size, _STRETCH):
                piece = content[base : base + _STRETCH + _OVERLAP]
                self._database.scan(piece, match_event_handler=seen)
        if not found:  # as in most texts
            return found
        return self._shared({number: sorted(set(ends)) for number, ends in found.items()})

    def _shared(self, found: dict[int, list[int]]) -> dict[int, list[int]]:
        return {number: ends for first, ends in found.items() for number in self._of[first]}


def _ends(pattern: re.Pattern[bytes], content: Content) -> list[int]:
    """Return where matches end; one over the end of a line hides neither a shorter one nor the next line's."""
    ends: set[int] = set()
    at = 0
    while hit := pattern.search(content, at):
        ends.add(hit.end())
        line = content.find(b"\n", hit.start(), hit.end())
        if line >= 0 and (shorter := pattern.match(content, hit.start(), line)):
            ends.add(shorter.end())
        at = hit.start() + 1
    return sorted(ends)


_WIDE = re.compile(r"((?:\\b)?)\(((?:[^()|\\]|\\.)+(?:\|(?:[^()|\\]|\\.)+){24,})\)((?:[^|\\]|\\.)*)")
_EITHER = re.compile(r"(?:[^|\\]|\\.)+")


def spread(pattern: str) -> list[str]:
    """Return patterns that match together what one does that begins with one of many words.

    Vectorscan makes one slow automaton of so many words, but finds each by itself as quickly as any literal.
    """
    wide = _WIDE.fullmatch(pattern)
    return [pattern] if wide is None else [f"{wide[1]}{word}{wide[3]}" for word in _EITHER.findall(wide[2])]


def _numbered(patterns: Sequence[str | None]) -> dict[str, list[int]]:
    """Return the numbers of each pattern: many rules share one, which is looked for once."""
    numbers: dict[str, list[int]] = {}
    for number, pattern in enumerate(patterns):
        if pattern is not None:
            numbers.setdefault(pattern, []).append(number)
    return numbers


def _expressions(patterns: Mapping[str, Sequence[int]]) -> tuple[list[bytes], list[int], list[int]]:
    """Return what Vectorscan is given: expressions, their flags, and the number that each reports under."""
    expressions, flags, ids = [], [], []
    for pattern, numbers in patterns.items():
        insensitive = pattern.startswith("(?i)")
        for one in spread(pattern.removeprefix("(?i)")):
            expressions.append(one.encode())
            flags.append(_MULTILINE | (_CASELESS if insensitive else 0))
            ids.append(numbers[0])
    return expressions, flags, ids
