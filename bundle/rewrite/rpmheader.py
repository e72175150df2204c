"""The header structure of rpm (its signature has the same form): entries of tag, type, count and data, and a region.

Integers are big-endian and stand at multiples of their size; the data of the entries stands in their order.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO

from hardening.errors import ArchiveError

_MAGIC = b"\x8e\xad\xe8\x01"
_MOST = 256 << 20
_ROW = 16
"""Bytes of an entry in the index, and of what stands in front of the index."""
BINARY, STRING, STRINGS, I18N = 7, 6, 8, 9
_INTEGERS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "Q"}
_SIZES = {0: 0, 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
_REGIONS = frozenset({61, 62, 63})
"""Tags of the entry that says which entries a digest or signature is over: it comes first, its data last."""


@dataclass(slots=True)
class HeaderEntry:
    """One entry; `data` is its value as it is stored, without the padding in front."""

    tag: int
    type: int
    count: int
    data: bytes


@dataclass(slots=True)
class Header:
    """A header, its region apart, which `packed` makes again over everything."""

    entries: list[HeaderEntry]
    region: int = 0
    """The tag of its region; 0 where it has none, as in packages of rpm 3."""
    reserved: bytes = bytes(4)
    _places: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._places = {entry.tag: number for number, entry in enumerate(self.entries)}

    def find(self, tag: int) -> HeaderEntry | None:
        """Return the entry of a tag."""
        number = self._places.get(tag)
        return None if number is None else self.entries[number]

    def numbers(self, tag: int) -> list[int]:
        """Return the integers of a tag; empty where it is absent. Errors: ArchiveError (of another type)."""
        entry = self.find(tag)
        if entry is None:
            return []
        letter = _INTEGERS.get(entry.type)
        if letter is None:
            raise ArchiveError(f"rpm: tag {tag} holds no numbers", hint="the package is corrupt")
        return list(struct.unpack(f">{entry.count}{letter}", entry.data))

    def strings(self, tag: int) -> list[bytes]:
        """Return the strings of a tag; empty where it is absent."""
        entry = self.find(tag)
        return [] if entry is None else entry.data.split(b"\0")[:-1]

    def set_numbers(self, tag: int, values: Sequence[int]) -> None:
        """Give a tag that is there these integers, in the width it has. Errors: ArchiveError (too large)."""
        entry = self.find(tag)
        if entry is None:
            return
        try:
            entry.data = struct.pack(f">{len(values)}{_INTEGERS[entry.type]}", *values)
        except struct.error as problem:
            raise ArchiveError(
                f"rpm: a number is too large for tag {tag}", hint="build it again"
            ) from problem
        entry.count = len(values)

    def set_strings(self, tag: int, values: Sequence[bytes]) -> None:
        """Give a tag that is there these strings."""
        entry = self.find(tag)
        if entry is not None:
            entry.data, entry.count = b"".join(value + b"\0" for value in values), len(values)

    def without(self, tags: frozenset[int]) -> Header:
        """Return the header without these tags."""
        return Header([e for e in self.entries if e.tag not in tags], self.region, self.reserved)

    def packed(self) -> bytes:
        """Return the header as it is stored, from its magic on."""
        index, store = b"", bytearray()
        for entry in self.entries:
            width = _SIZES.get(entry.type, 1) or 1
            store += bytes(-len(store) % width)
            index += struct.pack(">4I", entry.tag, entry.type, len(store), entry.count)
            store += entry.data
        count = len(self.entries)
        if self.region:
            count += 1
            index = struct.pack(">4I", self.region, BINARY, len(store), 16) + index
            store += struct.pack(">2IiI", self.region, BINARY, -16 * count, 16)
        return _MAGIC + self.reserved + struct.pack(">2I", count, len(store)) + index + bytes(store)


def read(source: IO[bytes]) -> Header:
    """Read the header at the file's position, which is behind it then. Errors: ArchiveError."""
    head = source.read(_ROW)
    if len(head) < _ROW or head[:4] != _MAGIC:
        raise _damaged("has no header where one should be")
    count, size = struct.unpack(">2I", head[8:])
    if _ROW * count + size > _MOST:
        raise _damaged("has a header of impossible size")
    index, store = source.read(_ROW * count), source.read(size)
    if len(index) < _ROW * count or len(store) < size:
        raise _damaged("ends inside its header")
    entries, region = [], 0
    for number, (tag, kind, offset, many) in enumerate(struct.iter_unpack(">4I", index)):
        if number == 0 and tag in _REGIONS and kind == BINARY:
            region = tag
            continue
        entries.append(HeaderEntry(tag, kind, many, _data(store, kind, offset, many)))
    return Header(entries, region, head[4:8])


def _data(store: bytes, kind: int, offset: int, many: int) -> bytes:
    if kind in _SIZES:
        end = offset + _SIZES[kind] * many
    elif kind in (STRING, STRINGS, I18N):
        end = offset
        for _ in range(many if kind != STRING else 1):
            end = store.find(b"\0", end) + 1
            if not end:
                raise _damaged("has a string without an end")
    else:
        raise _damaged(f"has an entry of the unknown type {kind}")
    if end > len(store):
        raise _damaged("has an entry that ends outside its header")
    return store[offset:end]


def _damaged(what: str) -> ArchiveError:
    return ArchiveError(f"rpm: the package {what}", hint="obtain it again and compare its size")
