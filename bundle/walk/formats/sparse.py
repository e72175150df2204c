"""Sparse members of tars: where the stored pieces belong in the file that an unpacker makes.

Source: GNU tar's manual, appendix D.2 (old GNU format; PAX formats 0.0, 0.1 and 1.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bundle.walk.formats.octal import number
from bundle.walk.problem import Broken
from bundle.walk.stream import Stream

BLOCK = 512
_META = 16 << 20
_HOLES = 64 << 20
"""Bytes of holes that are filled; what has more is examined without them."""
_ZERO = bytes(64 << 10)


@dataclass(frozen=True, slots=True)
class Sparse:
    """One member: the size it has, where its pieces go (offset, length), and the stored bytes that the map took."""

    logical: int
    pieces: tuple[tuple[int, int], ...]
    used: int = 0

    def fits(self, stored: int) -> bool:
        """Whether the pieces are in order, fit the file and are what is stored."""
        at = total = 0
        for offset, length in self.pieces:
            if offset < at or length < 0:
                return False
            at = offset + length
            total += length
        return total == stored and at <= self.logical

    def small(self, stored: int) -> bool:
        """Whether the holes are few enough to fill."""
        return self.logical <= stored + _HOLES

    def filled(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        """Return the file: the pieces that `parts` hold one after another, with zeros where nothing is stored."""
        held, at = b"", 0
        for offset, length in self.pieces:
            yield from _zeros(offset - at)
            at, left = offset + length, length
            while left:
                if not held:
                    held = next(parts, b"")
                    if not held:
                        return  # what is missing has been said by the reader of the parts
                yield held[:left]
                held, left = held[left:], left - len(held[:left])
        yield from _zeros(self.logical - at)


def _zeros(length: int) -> Iterator[bytes]:
    while length > 0:
        yield _ZERO[:length]
        length -= len(_ZERO)


def old_gnu(stream: Stream, block: bytes, logical: int) -> Sparse:
    """Read the map of a header of type S, and step over the blocks that go on with it."""
    table, more = bytearray(block[386:482]), block[482]
    while more:
        block = stream.exactly(BLOCK)
        if len(table) < _META:
            table += block[:504]
        more = block[504]
    rows = (bytes(table[at : at + 24]) for at in range(0, len(table), 24))
    return Sparse(logical, tuple((number(row[:12]), number(row[12:])) for row in rows if row.strip(b"\0 ")))


def pax(stream: Stream, headers: dict[str, bytes], size: int) -> Sparse:
    """Read the map that PAX records hold, or that stands in front of the content. Errors: Broken."""
    logical = _decimal(headers.get("GNU.sparse.realsize") or headers.get("GNU.sparse.size") or b"0")
    if headers.get("GNU.sparse.major") != b"1":
        return Sparse(logical, _pairs(headers.get("GNU.sparse.map", b"").split(b",")))
    blocks = [stream.exactly(BLOCK)]
    lines, wanted = blocks[0].count(b"\n"), _decimal(blocks[0].split(b"\n", 1)[0]) * 2 + 1
    while wanted > 0 and lines < wanted and len(blocks) * BLOCK < min(size, _META):
        blocks.append(stream.exactly(BLOCK))
        lines += blocks[-1].count(b"\n")
    if not 0 < wanted <= lines:
        raise Broken("corrupt", "the sparse map is damaged")
    return Sparse(logical, _pairs(b"".join(blocks).split(b"\n")[1:wanted]), len(blocks) * BLOCK)


def _pairs(numbers: list[bytes]) -> tuple[tuple[int, int], ...]:
    values = [_decimal(one) for one in numbers]
    return tuple(zip(values[::2], values[1::2], strict=False)) if -1 not in values else ((-1, -1),)


def _decimal(value: bytes) -> int:
    return int(value) if value.isdigit() and len(value) < 20 else -1
