"""One stream out of a compound file (MS-CFB), as programs of the nineties kept their documents in."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_HEADER = 512
_END = 0xFFFFFFF0
"""The first of the numbers that are no sector's: free, the end of a chain, a part of the table itself."""
_IN_HEADER = 109
_ENTRY = 128
_STREAM = 2
_SHIFTS = (7, 9, 12)
_CUTOFF = 4096
"""Bytes from which a stream has sectors of its own."""


def stream(data: bytes, names: Sequence[str]) -> bytes:
    """Return the stream of the first name that is there; empty where none is, or where the file is damaged before it."""
    if len(data) < _HEADER:
        return b""
    large, small = struct.unpack_from("<HH", data, 30)
    if large not in _SHIFTS or small >= large:
        return b""
    first_of_directory, _, _, first_of_small = struct.unpack_from("<4I", data, 48)
    table = _table(data, large)
    directory = _chain(data, table, first_of_directory, large, len(data))
    entries = [directory[at : at + _ENTRY] for at in range(0, len(directory) - _ENTRY + 1, _ENTRY)]
    by_name = {_name(entry): entry for entry in reversed(entries) if entry[66] == _STREAM}
    wanted = next((by_name[name] for name in names if name in by_name), None)
    if wanted is None:
        return b""
    first, size = struct.unpack_from("<II", wanted, 116)
    if size >= _CUTOFF:
        return _chain(data, table, first, large, size)
    (root,) = struct.unpack_from("<I", entries[0], 116)
    held = _chain(data, table, root, large, len(data))
    links = _numbers(_chain(data, table, first_of_small, large, len(data)))
    return _chain(held, links, first, small, size, base=0)


def _name(entry: bytes) -> str:
    length = min(int.from_bytes(entry[64:66], "little"), 64)
    return entry[: max(0, length - 2)].decode("utf-16-le", "replace")


def _numbers(data: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4]))


def _table(data: bytes, shift: int) -> list[int]:
    """Return for each sector the one that follows it; the sectors of the table are listed in the header, and behind it in turn."""
    listed = list(struct.unpack_from(f"<{_IN_HEADER}I", data, 76))
    (further,) = struct.unpack_from("<I", data, 68)
    seen: set[int] = set()
    while further < _END and further not in seen:
        seen.add(further)
        *more, further = _numbers(_sector(data, further, shift)) or [_END]
        listed += more
    found: list[int] = []
    for number in dict.fromkeys(listed):
        if number < _END:
            found += _numbers(_sector(data, number, shift))
    return found


def _sector(data: bytes, number: int, shift: int, base: int = 1) -> bytes:
    at = (number + base) << shift
    return data[at : at + (1 << shift)]


def _chain(data: bytes, table: Sequence[int], first: int, shift: int, size: int, *, base: int = 1) -> bytes:
    """Return what the sectors of a chain hold, up to a size; a chain that turns back on itself ends there."""
    found, held = bytearray(), len(table)
    seen: set[int] = set()
    while first < held and first not in seen and len(found) < size:
        seen.add(first)
        found += _sector(data, first, shift, base)
        first = table[first]
    return bytes(found[:size])
