"""The line of a credential as a report may quote it: every candidate in it masked, and all else that is not plain."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter

from bundle.detect.credentials.reporting import SUDO, named
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Family
from bundle.detect.credentials.texts.textview import View
from bundle.redact.configured import LONGEST, masked

MASK = "***"
_SPAN = 2048
"""Bytes before and behind an offset that are looked at."""
_FRONT = 120
"""Characters before the mark where a line is too long."""
_VALUES = 2000
"""Values that are looked for in other places of the text."""
_CONTEXT = f"password: {MASK}"
"""What stands before a piece behind a value, so that the piece is masked as if it were read with it."""
_QUOTES = re.compile(r"[\"'`]*\Z")

Caught = Sequence[tuple[Family, Catch]]


class Snippets:
    """The lines of one text."""

    def __init__(self, view: View, caught: Caught, references: Mapping[tuple[int, int], str]) -> None:
        """Keep what is masked; `references` has what a program may write in the place of a value, by its offsets."""
        self._view = view
        self._caught = [one for family, one in caught if family.rule.id != SUDO]
        self._references = references
        self._spans = _apart([*((one.start, one.end) for one in self._caught), *references])
        self._shown: dict[int, tuple[str, str]] = {}
        self._pieces_shown: dict[tuple[str, bool], str] = {}

    def around(self, at: int) -> tuple[str, str]:
        """Return the masked line that an offset is on, and the same line with references; the second is empty without any."""
        data = self._view.data
        low, high = max(0, at - _SPAN), at + _SPAN
        start = data.rfind(b"\n", low, at) + 1 or low
        if start not in self._shown:
            end = data.find(b"\n", at, high)
            self._shown[start] = self._line(start, end if end >= 0 else min(len(data), high), at)
        return self._shown[start]

    def _line(self, start: int, end: int, at: int) -> tuple[str, str]:
        begun = bisect_right(self._spans, start, key=itemgetter(1))
        spans = [
            (max(low, start), min(high, end))
            for low, high in self._spans[begun : bisect_left(self._spans, end, key=itemgetter(0))]
        ]
        edges = [start, *(edge for span in spans for edge in span), end]
        pieces, front, is_whole = self._pieces(
            list(zip(edges[::2], edges[1::2], strict=True)), sum(low < at for low, _ in spans)
        )
        plain = _joined(pieces, [MASK] * (len(pieces) - 1))
        if not is_whole or len(plain) > LONGEST:
            low = max(0, front - _FRONT)
            return f"{'...' if low else ''}{plain[low : low + LONGEST]}...", ""
        mends = [self._references.get(span, "") for span in spans]
        return plain, _joined(pieces, [one or MASK for one in mends]) if any(mends) else ""

    def _pieces(self, between: Sequence[tuple[int, int]], mark: int) -> tuple[list[str], int, bool]:
        """Return the pieces around the mark that a report has room for, the characters before it, and whether that is all.

        A long line of many values is not masked whole for each of them.
        """
        first = last = mark
        shown = deque([self._piece(*between[mark], first=not mark)])
        front, behind = len(shown[0]), 0
        while first and front <= _FRONT:
            first -= 1
            shown.appendleft(self._piece(*between[first], first=not first))
            front += len(shown[0]) + len(MASK)
        while last < len(between) - 1 and behind <= LONGEST - min(front, _FRONT):
            last += 1
            shown.append(self._piece(*between[last], first=False))
            behind += len(shown[-1]) + len(MASK)
        while first and front + behind <= LONGEST:
            first -= 1
            shown.appendleft(self._piece(*between[first], first=not first))
            front += len(shown[0]) + len(MASK)
        return list(shown), front, len(shown) == len(between)

    def _piece(self, start: int, end: int, *, first: bool) -> str:
        """Return a piece between values, masked; the same piece comes hundreds of times in a long line."""
        text = self._view.value(start, end)
        if (text, first) not in self._pieces_shown:
            self._pieces_shown[text, first] = self._masked(text, first=first)
        return self._pieces_shown[text, first]

    def _masked(self, text: str, *, first: bool) -> str:
        """Return a piece masked; a quote at its end stays, although it opens a value."""
        text = self._others.sub(MASK, text)
        quotes = _QUOTES.search(text)
        tail = quotes[0] if quotes else ""
        text = text[: len(text) - len(tail)]
        if first:
            return masked(text, self._keys) + tail
        return masked(_CONTEXT + text, self._keys).removeprefix(_CONTEXT) + tail

    @cached_property
    def _keys(self) -> frozenset[str]:
        return frozenset(one.key for one in self._caught if one.key)

    @cached_property
    def _others(self) -> re.Pattern[str]:
        """What finds a value where it stands once more, and an account that may be a password."""
        values = dict.fromkeys(_secrets(self._caught[:_VALUES]))
        return re.compile("|".join(map(re.escape, sorted(values, key=len, reverse=True))) or r"(?!)")


_SHORTEST = 3


def _secrets(caught: Iterable[Catch]) -> Iterable[str]:
    for one in caught:
        doubtful = () if named(one) == one else (one.user, *one.others)
        yield from (text for text in (one.value, *doubtful) if len(text) >= _SHORTEST)


def _joined(pieces: Sequence[str], between: Sequence[str]) -> str:
    parts = [pieces[0]]
    for value, piece in zip(between, pieces[1:], strict=True):
        parts += (value, piece)
    return "".join(parts).rstrip("\r")


def _apart(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans that do not overlap, in order."""
    made: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if made and start < made[-1][1]:
            made[-1] = (made[-1][0], max(made[-1][1], end))
        else:
            made.append((start, end))
    return made
