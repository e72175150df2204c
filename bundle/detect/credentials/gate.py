"""Where in a text a closer look pays: one pass of Vectorscan over all patterns, or `re` where it is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bundle.detect.credentials import kept
from bundle.walk.member import Content

_STRETCH = 1 << 28
_OVERLAP = 4096


class PatternGate:
    """Patterns compiled once; each is bounded, so that a hit says its end and a window finds the rest."""

    def __init__(self, patterns: Sequence[str], *, engine: str = "auto") -> None:
        """Compile; `engine` is `auto` or `plain`."""
        self.patterns = tuple(patterns)
        self._database = _compiled(self.patterns) if engine == "auto" else None
        self._plain = (
            [re.compile(p.encode(), re.MULTILINE) for p in self.patterns] if self._database is None else []
        )

    @property
    def engine(self) -> str:
        """The engine in use: `hyperscan` or `plain`."""
        return "plain" if self._database is None else "hyperscan"

    def hits(self, content: Content) -> Mapping[int, list[int]]:
        """Return for each pattern that is met the offsets where matches end, ascending."""
        found: dict[int, list[int]] = {}
        if self._database is None:
            for number, pattern in enumerate(self._plain):
                ends = _ends(pattern, content)
                if ends:
                    found[number] = ends
            return found
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
        for ends in found.values():
            ends.sort()
        return found


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


def _compiled(patterns: Sequence[str]) -> Any | None:
    try:
        import hyperscan
    except ImportError:
        return None
    expressions, flags = [], []
    for pattern in patterns:
        insensitive = pattern.startswith("(?i)")
        expressions.append(pattern.removeprefix("(?i)").encode())
        flags.append(hyperscan.HS_FLAG_MULTILINE | (hyperscan.HS_FLAG_CASELESS if insensitive else 0))
    return kept.database(expressions, flags)
