"""What of an image nothing in it leads to: a boot loader's programs lie there, or what somebody hides."""

from __future__ import annotations

from collections.abc import Iterator

from bundle.walk.formats.raw import Raw
from bundle.walk.source import Source, chunks

_WORD = 4
"""Bytes that are counted as one, for things begin on such places."""
_MOST = 272 << 20
"""Bytes of an image that are counted; all behind them is said as if nothing led to it."""


class Unused:
    """The bytes of an image up to its end, less those that were taken."""

    def __init__(self, source: Source, end: int) -> None:
        """Begin with every byte in front of `end`."""
        self._source = source
        self._end = end
        self._taken = bytearray(-(-min(end, _MOST) // _WORD))

    def take(self, start: int, stop: int) -> None:
        """Note that something leads to these bytes."""
        first, behind = start // _WORD, min(-(-stop // _WORD), len(self._taken))
        if first < behind:
            self._taken[first:behind] = b"\1" * (behind - first)

    def members(self) -> Iterator[Raw]:
        """Say what is left and is not empty, once everything has been taken."""
        at, counted = 0, len(self._taken)
        while (first := self._taken.find(0, at)) >= 0:
            behind = self._taken.find(1, first)
            at = behind if behind >= 0 else counted
            yield from self._between(first * _WORD, at * _WORD)
        yield from self._between(counted * _WORD, self._end)

    def _between(self, start: int, stop: int) -> Iterator[Raw]:
        stop = min(stop, self._end)
        if any(block.strip(b"\0") for block in chunks(self._source, start, stop)):
            data = chunks(self._source, start, stop)
            yield Raw(name=f"<data at {start}>", size=stop - start, data=data, hidden=True)
