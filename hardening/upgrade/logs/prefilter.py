"""Which lines of a log are worth a closer look: one pass over all messages, at the speed of reading.

The gate lets through more than matches (anchors are dropped, look-arounds are approximated), never less; what it
lets through is decided by Python's `re` on the line, so that with and without Hyperscan the answer is the same.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from typing import Any

Buffer = bytes | mmap.mmap

_CHUNK = 8 << 20
"""Bytes that are looked at in one go: all that matches in them is held in memory."""
_OVERLAP = 512
"""Bytes of a line longer than that which are looked at twice, for what it says may lie across."""
_ANCHOR = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[\^$]")
_LOOK = re.compile(r"\(\?[!=][^()]*(?:\([^()]*\)[^()]*)*\)|\(\?<[!=][^()]*\)")
_FLAGS = re.compile(r"\(\?[a-z]+\)")


def loose(pattern: re.Pattern[str]) -> str:
    r"""Return a pattern that matches wherever `pattern` does, without anchors and look-arounds.

    Neither do words have ends: what was told to a terminal stands right before one (`\x1b[31mnpm`).
    """
    text = _FLAGS.sub("", _LOOK.sub("", pattern.pattern))
    return _ANCHOR.sub(lambda m: "" if m[0] in ("^", "$", r"\b") else m[0], text)


class LogGate:
    """A set of patterns, compiled once."""

    def __init__(self, patterns: Sequence[re.Pattern[str]], *, engine: str = "auto") -> None:
        """Compile; `engine` is `auto` or `plain`."""
        self._texts = [loose(p) for p in patterns]
        insensitive = [bool(p.flags & re.IGNORECASE) for p in patterns]
        self._database = _compiled(self._texts, insensitive) if engine == "auto" else None
        if self._database is None:
            words = (f"(?i:{t})" if i else f"(?:{t})" for t, i in zip(self._texts, insensitive, strict=True))
            self._plain = re.compile("|".join(words).encode())

    @property
    def engine(self) -> str:
        """The engine in use: `hyperscan` or `plain`."""
        return "plain" if self._database is None else "hyperscan"

    def lines(self, content: Buffer) -> Iterator[tuple[int, int]]:
        """Yield start and end of each line that may match, in order, each once."""
        start = 0
        while start < len(content):
            cut = len(content)
            if start + _CHUNK < cut:
                cut = content.rfind(b"\n", start, start + _CHUNK) + 1 or start + _CHUNK
            yield from self._chunk(content, start, cut)
            whole = cut == len(content) or content[cut - 1 : cut] == b"\n"
            start = cut if whole else cut - _OVERLAP

    def hits(self, content: Buffer, start: int, end: int) -> set[int] | None:
        """Return the numbers of the patterns that may match in a piece; None where some may and nobody knows which."""
        if self._database is None:
            return None if self._plain.search(content, start, end) else set()
        found: set[int] = set()

        def seen(number: int, _start: int, _end: int, _flags: int, _context: Any) -> None:
            found.add(number)

        self._database.scan(content[start:end], match_event_handler=seen)
        return found

    def _chunk(self, content: Buffer, start: int, cut: int) -> Iterator[tuple[int, int]]:
        done = start
        for end in self._ends(content, start, cut):
            if end <= done:
                continue
            line_start = content.rfind(b"\n", start, end - 1) + 1 or start
            line_end = content.find(b"\n", end - 1, cut)
            done = cut if line_end < 0 else line_end + 1
            yield line_start, cut if line_end < 0 else line_end

    def _ends(self, content: Buffer, start: int, cut: int) -> list[int]:
        if self._database is None:
            return [m.end() for m in self._plain.finditer(content, start, cut)]
        found: list[int] = []

        def seen(_number: int, _start: int, end: int, _flags: int, _context: Any) -> None:
            found.append(start + end)

        with memoryview(content) as whole, whole[start:cut] as piece:
            self._database.scan(piece, match_event_handler=seen)
        found.sort()
        return found


def _compiled(texts: Sequence[str], insensitive: Sequence[bool]) -> Any | None:
    try:
        import hyperscan
    except ImportError:
        return None
    database = hyperscan.Database()
    flags = [hyperscan.HS_FLAG_PREFILTER | (hyperscan.HS_FLAG_CASELESS if one else 0) for one in insensitive]
    database.compile(
        expressions=[t.encode() for t in texts], ids=list(range(len(texts))), elements=len(texts), flags=flags
    )
    return database
