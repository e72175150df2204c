"""Images of whole disks: what partition tables say (MBR and its chain of logical ones, GPT; UEFI 2.10, chapter 5).

Each partition is a member, which may be a file system that is opened, or one of which is said that it is not. What lies
between them and is not empty is a member as well: boot loaders keep programs there, and others hide things there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from bundle.walk.formats.raw import Note, Raw, ReaderContext
from bundle.walk.source import Source, chunks

SECTOR = 512
_TABLE, _SIGNATURE = 446, 510
_ENTRY = struct.Struct("<B3xB3xII")
_ENTRIES = 4
_EXTENDED = frozenset((0x05, 0x0F, 0x85))
_PROTECTIVE = 0xEE
_GPT = b"EFI PART"
_HEADER = struct.Struct("<8s16x2Q32xQ2I")
"""Magic, where the header itself and its copy are, and where the table is, its rows and their size."""
_ROW = struct.Struct("<16s16x2Q")
_MOST = 256
_LARGEST_SECTOR = 4096
_ROWS = range(128, 4097)
"""Bytes that a row may have."""
_EMPTY = b"\0" * 16

Span = tuple[int, int]


def is_disk(head: bytes, size: int) -> bool:
    """Whether the first bytes of a content are a boot sector with a table that fits its size."""
    if head[_SIGNATURE : _SIGNATURE + 2] != b"\x55\xaa":
        return False
    rows = _rows(head)
    used = [row for row in rows if row is not None and row[1]]
    return (
        None not in rows
        and bool(used)
        and all(start and count and start * SECTOR < size for _, start, count in _partitions(used))
    )


def _rows(sector: bytes) -> list[tuple[int, int, int, int] | None]:
    """Return the four rows of a boot sector; None for what is none."""
    rows: list[tuple[int, int, int, int] | None] = []
    for number in range(_ENTRIES):
        at = _TABLE + number * _ENTRY.size
        status, kind, start, count = _ENTRY.unpack_from(sector, at)
        sound = status in (0, 0x80) and (kind or sector[at : at + _ENTRY.size] == _EMPTY)
        rows.append((status, kind, start, count) if sound else None)
    return rows


def _partitions(rows: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int]]:
    return [(kind, start, count) for _, kind, start, count in rows]


def members(source: Source, _context: ReaderContext) -> Iterator[Raw | Note]:
    """Say the partitions of a disk, and what lies between them."""
    found, tables = _by_gpt(source) or _by_mbr(source)
    for number, (start, end) in enumerate(found, 1):
        name = f"<partition {number}>"
        if end > source.size:
            yield Note(
                "truncated", f"ends {end - source.size} bytes too early", name, end - max(start, source.size)
            )
        if start < source.size:
            stop = min(end, source.size)
            yield Raw(name=name, size=stop - start, data=chunks(source, start, stop))
    at = 0
    for start, end in sorted((*found, *tables, (source.size, source.size))):
        if start > at and any(block.strip(b"\0") for block in chunks(source, at, min(start, source.size))):
            stop = min(start, source.size)
            yield Raw(name=f"<data at {at}>", size=stop - at, data=chunks(source, at, stop), hidden=True)
        at = max(at, end)


def _by_mbr(source: Source) -> tuple[list[Span], list[Span]]:
    """Return the partitions that boot sectors tell, and where these sectors are."""
    found, tables = [], [(0, SECTOR)]
    chains: list[int] = []
    for row in _rows(source.read(0, SECTOR)):
        if row is None or row[1] in (0, _PROTECTIVE):
            continue
        _, kind, start, count = row
        if kind in _EXTENDED:
            chains.append(start)
        else:
            found.append(_span(start, count))
    for base in chains:
        at, seen = base, set[int]()
        while at not in seen and len(found) < _MOST:
            seen.add(at)
            sector = source.read(at * SECTOR, SECTOR)
            if sector[_SIGNATURE:] != b"\x55\xaa":
                break
            tables.append(_span(at, 1))
            own, following, *_ = _rows(sector)
            if own is not None and own[1] and own[3]:
                found.append(_span(at + own[2], own[3]))
            if following is None or following[1] not in _EXTENDED:
                break
            at = base + following[2]
    return found, tables


def _by_gpt(source: Source) -> tuple[list[Span], list[Span]] | None:
    """Return the partitions that a GPT tells, and where its parts are; None where there is none."""
    for sector in (SECTOR, _LARGEST_SECTOR):
        head = source.read(sector, _HEADER.size)
        if head.startswith(_GPT) and len(head) == _HEADER.size:
            break
    else:
        return None
    _, _, copy, table, rows, size = _HEADER.unpack(head)
    if size not in _ROWS or not 0 < rows <= _MOST:
        return None
    tables = [(0, 2 * sector), (table * sector, table * sector + rows * size)]
    if copy * sector < source.size:  # its table lies in front of it
        before = -(-rows * size // sector) + 1
        tables.append((max(0, copy + 1 - before) * sector, (copy + 1) * sector))
    found = []
    for at in range(table * sector, table * sector + rows * size, size):
        row = source.read(at, _ROW.size + 16)
        if len(row) < _ROW.size:
            break
        kind, first, last = _ROW.unpack_from(row)
        if kind != _EMPTY and 0 < first <= last:
            found.append((first * sector, (last + 1) * sector))
    return found, tables


def _span(start: int, count: int) -> Span:
    return start * SECTOR, (start + count) * SECTOR
