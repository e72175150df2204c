"""One small entry out of a zip that is in memory, without trusting it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from bundle.walk.member import Content

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_MOST_BYTES = 4 << 20
_MOST_ENTRIES = 200_000
_COMMENT = 65_535
_STORED, _DEFLATED = 0, 8
_SIZE_FOLLOWS = 8


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """One row of the directory."""

    name: str
    crc32: int
    size: int
    packed: int
    method: int
    at: int


def directory(content: Content) -> Iterator[DirectoryEntry]:
    """Yield the rows of the central directory as far as it can be read.

    Where its end is not there, because only the first window of a large jar is, the entries' own headers are read.
    """
    size = len(content)
    end = content.rfind(b"PK\x05\x06", max(0, size - _COMMENT - _END.size))
    if end < 0 or end + _END.size > size:
        yield from _local_headers(content)
        return
    _, _, _, _, count, length, at, _ = _END.unpack_from(content, end)
    shift = max(0, end - length - at)  # a script in front of the zip moves everything
    at += shift
    for _ in range(min(count, _MOST_ENTRIES)):
        if at + _CENTRAL.size > size or content[at : at + 4] != b"PK\x01\x02":
            return
        row = _CENTRAL.unpack_from(content, at)
        method, crc32, packed, plain = row[4], row[7], row[8], row[9]
        lengths, local = row[10:13], row[16] + shift
        name = bytes(content[at + _CENTRAL.size : at + _CENTRAL.size + lengths[0]])
        yield DirectoryEntry(name.decode("utf-8", "replace"), crc32, plain, packed, method, local)
        at += _CENTRAL.size + sum(lengths)


def _local_headers(content: Content) -> Iterator[DirectoryEntry]:
    """An entry whose header leaves its size to what follows ends where the next header starts."""
    at, size = 0, len(content)
    for _ in range(_MOST_ENTRIES):
        if at + _LOCAL.size > size or content[at : at + 4] != b"PK\x03\x04":
            return
        _, _, flags, method, _, _, crc32, packed, plain, name, extra = _LOCAL.unpack_from(content, at)
        start = at + _LOCAL.size + name + extra
        following = start + packed
        if flags & _SIZE_FOLLOWS and not packed:
            following = content.find(b"PK\x03\x04", start)
            if following < 0:
                return
            packed = following - start
        text = bytes(content[at + _LOCAL.size : at + _LOCAL.size + name]).decode("utf-8", "replace")
        yield DirectoryEntry(text, crc32, plain, packed, method, at)
        at = following


def read(content: Content, row: DirectoryEntry) -> bytes:
    """Return an entry's bytes, at most 4 MiB; nothing where it is damaged, encrypted or packed otherwise."""
    if row.at + _LOCAL.size > len(content) or content[row.at : row.at + 4] != b"PK\x03\x04":
        return b""
    local = _LOCAL.unpack_from(content, row.at)
    start = row.at + _LOCAL.size + local[9] + local[10]
    packed = bytes(content[start : start + min(row.packed, _MOST_BYTES)])
    if row.method == _STORED:
        return packed
    if row.method != _DEFLATED:
        return b""
    try:
        return zlib.decompressobj(-15).decompress(packed, _MOST_BYTES)
    except zlib.error:
        return b""
