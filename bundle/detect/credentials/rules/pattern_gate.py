"""Where in a text a closer look pays: one pass of Vectorscan over all patterns, or `re` where it is missing."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from bundle.detect.credentials.rules import factors
from bundle.walk import pattern_cache
from bundle.walk.member import Content
from hardening import user_cache

_STRETCH = 1 << 28
_FEW = 96 << 10
"""Bytes that are searched with `re` before Vectorscan's automaton is compiled: `re` needs some 14 s a MB, compiling some 7 s once."""
_OVERLAP = 4096
_MANY = 100
"""Patterns that take more than a second to compile."""
_CASELESS, _MULTILINE = 1, 4
"""Flags of Vectorscan (HS_FLAG_CASELESS, HS_FLAG_MULTILINE), which may not be installed."""


MOST = 100_000
"""Hits, beside one for each ten bytes, after which a text is searched no further."""


class Hits(dict[int, list[int]]):
    """For each pattern that is met the offsets where matches end, ascending."""

    reach: int | None = None
    """The offset up to which the text was searched; None for all of it."""


class PatternGate:
    """Patterns that are bounded, so that a hit gives its end and a window finds the rest.

    What was compiled before is loaded. Else the first texts are searched with `re`, and only then Vectorscan compiles:
    that takes seconds, and most small archives end before.
    """

    def __init__(self, patterns: Sequence[str | None], *, engine: str = "auto") -> None:
        """Load what is kept; `engine` is `auto`, `plain`, or `hyperscan` to compile at once. None keeps its number and is not searched."""
        self.patterns = tuple(patterns)
        self._numbers = _numbered(patterns)
        self._of = {numbers[0]: numbers for numbers in self._numbers.values()}
        self._left = _FEW
        self._words: list[tuple[bytes, ...]] = []
        self._engine = engine
        self._database: Any | None = None
        if engine != "plain":
            self._database = pattern_cache.kept(*_expressions(self._numbers))
        if engine == "hyperscan":
            self.compile()

    @staticmethod
    def is_kept(patterns: Sequence[str | None]) -> bool:
        """Whether a gate over the patterns was compiled before and is at hand."""
        return pattern_cache.is_kept(*_expressions(_numbered(patterns)))

    @property
    def engine(self) -> str:
        """The engine in use: `hyperscan` or `plain`."""
        return "plain" if self._database is None else "hyperscan"

    def compile(self) -> None:
        """Compile Vectorscan's automaton now and keep it, unless it is loaded or Vectorscan is not installed."""
        if self._database is None and self._engine != "plain":
            if len(self._numbers) >= _MANY:
                _announce()
            self._database = pattern_cache.database(*_expressions(self._numbers))
            if self._database is None:
                self._engine = "plain"

    def hits(self, content: Content) -> Hits:
        """Return what is met, of a text that is hardly anything else only up to the most hits."""
        if self._database is None and self._engine != "plain":
            self._left -= len(content)
            if self._left < 0:
                self.compile()
        found = self._searched(content) if self._database is None else self._scanned(content)
        hits = Hits((number, ends) for first, ends in found.items() for number in self._of[first])
        hits.reach = found.reach
        return hits

    def _searched(self, content: Content) -> Hits:
        """Return what `re` finds, which is asked only of patterns whose words are there."""
        if not self._words:
            self._words = factors.of_all(list(self._numbers))
        small, seen = bytes(content).lower(), dict[tuple[bytes, ...], bool]()
        found = Hits()
        for (pattern, numbers), words in zip(self._numbers.items(), self._words, strict=True):
            if words not in seen:
                seen[words] = not words or any(word in small for word in words)
            if seen[words] and (ends := _ends(_compiled(pattern), content)):
                found[numbers[0]] = ends
        return _first(found, MOST + len(content) // 10)

    def _scanned(self, content: Content) -> Hits:
        """Return what Vectorscan finds."""
        found = Hits()
        base, size = 0, len(content)
        scan, left = self._database.scan, MOST + size // 10  # type: ignore[union-attr]  # asked only where there is one

        def seen(number: int, _start: int, end: int, _flags: int, _context: Any) -> bool:
            nonlocal left
            left -= 1
            if left < 0:
                found.reach = base + end
                return True
            found.setdefault(number, []).append(base + end)
            return False

        try:
            if 0 < size <= _STRETCH:
                scan(content, match_event_handler=seen)
            elif size:
                for base in range(0, size, _STRETCH):
                    scan(content[base : base + _STRETCH + _OVERLAP], match_event_handler=seen)
        except pattern_cache.stopped():
            pass
        hits = Hits((number, sorted(set(ends))) for number, ends in found.items())
        hits.reach = found.reach
        return hits


def _first(found: Hits, most: int) -> Hits:
    """Return the first hits of a text in its order, no more than so many."""
    if sum(map(len, found.values())) <= most:
        return found
    reach = sorted(end for ends in found.values() for end in ends)[most]
    kept = ((number, [end for end in ends if end < reach]) for number, ends in found.items())
    hits = Hits((number, ends) for number, ends in kept if ends)
    hits.reach = reach
    return hits


@cache
def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode(), re.MULTILINE)


@cache
def _announce() -> None:
    """Log once what takes seconds, and where it is kept; logging writes it to standard error if nobody set up a handler."""
    place = next((str(one) for one in user_cache.folders(pattern_cache.KIND, make=True)), "")
    logging.getLogger("harden").warning(
        "harden: preparing the credential patterns (once, some 15 seconds); %s",
        f"kept in {place}" if place else "no folder can be written, so every run prepares them again",
    )


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
