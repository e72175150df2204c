"""Workbooks of the nineties for tests: records of BIFF8 in a compound file, written here for want of a program that still does."""

from __future__ import annotations

import struct
from collections.abc import Sequence

SECTOR = 512
FREE, END, TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def record(kind: int, body: bytes) -> bytes:
    """One record."""
    return struct.pack("<HH", kind, len(body)) + body


def begin(kind: int, version: int = 0x600) -> bytes:
    """What the globals (5) and each sheet (16) begin with."""
    return record(0x809, struct.pack("<HHHHII", version, kind, 0, 0, 0, 0))


def shared(texts: Sequence[str], at_most: int = 8000) -> bytes:
    """The table of shared texts, its record cut where it grows too long, within letters too."""
    pieces = [bytearray(struct.pack("<II", len(texts), len(texts)))]
    for text in texts:
        wide = any(ord(c) > 0xFF for c in text)
        if len(pieces[-1]) + 3 > at_most:
            pieces.append(bytearray())
        pieces[-1] += struct.pack("<HB", len(text), wide)
        for letter in text:
            if len(pieces[-1]) + 2 > at_most:
                pieces.append(bytearray([wide]))
            pieces[-1] += letter.encode("utf-16-le" if wide else "latin-1")
    return record(0xFC, bytes(pieces[0])) + b"".join(record(0x3C, bytes(p)) for p in pieces[1:])


def book(rows: Sequence[Sequence[str | float | None]], at_most: int = 8000) -> bytes:
    """The stream of a workbook of one sheet."""
    texts = sorted({cell for row in rows for cell in row if isinstance(cell, str)})
    cells = b""
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            head = struct.pack("<HHH", number, column, 0)
            if isinstance(cell, str):
                cells += record(0xFD, head + struct.pack("<I", texts.index(cell)))
            elif cell is not None:
                cells += record(0x203, head + struct.pack("<d", cell))
    return globals_then(shared(texts, at_most), begin(16) + cells + record(0x0A, b""))


def globals_then(held: bytes, sheet: bytes, version: int = 0x600) -> bytes:
    """The globals, which say where the sheet begins, and the sheet."""
    name = struct.pack("<BB", 5, 0) if version == 0x600 else struct.pack("<B", 5)
    at = len(begin(5)) + 4 + 6 + len(name) + 5 + len(held) + 4
    listed = record(0x85, struct.pack("<IBB", at, 0, 0) + name + b"Sheet")
    return begin(5, version) + listed + held + record(0x0A, b"") + sheet


def entry(name: str, kind: int, first: int, size: int, child: int = 0xFFFFFFFF) -> bytes:
    """One entry of the directory."""
    raw = name.encode("utf-16-le") + b"\0\0"
    head = raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw), kind, 1, FREE, FREE, child)
    return head + bytes(36) + struct.pack("<IQ", first, size)


def chained(count: int, first: int) -> list[int]:
    """Sectors one behind the other."""
    return [*range(first + 1, first + count), END] if count else []


def compound(data: bytes, name: str = "Workbook") -> bytes:
    """A compound file with one stream: in sectors of its own, or among the small ones."""
    small = len(data) < 4096
    short = -(-len(data) // 64) if small else 0
    held = -(-(short * 64 if small else len(data)) // SECTOR)
    links = struct.pack(f"<{short}I", *chained(short, 0)).ljust(SECTOR, b"\xff") if small else b""
    # the table, the directory, the links of small sectors, what is held
    begun = 2 + (len(links) // SECTOR)
    table = [TABLE, END, *([END] if links else []), *chained(held, begun)]
    assert len(table) <= SECTOR // 4, "one sector of the table is enough for tests"
    assert len(links) <= SECTOR
    root = entry("Root Entry", 5, begun if small else END, short * 64, 1)
    stream = entry(name, 2, 0 if small else begun, len(data))
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
        + bytes(6)
    )
    header += struct.pack("<9I", 0, 1, 1, 0, 4096, 2 if links else END, len(links) // SECTOR, END, 0)
    header += struct.pack("<109I", 0, *[FREE] * 108)
    body = struct.pack(f"<{len(table)}I", *table).ljust(SECTOR, b"\xff") + (root + stream).ljust(
        SECTOR, b"\0"
    )
    return header + body + links + data.ljust(held * SECTOR, b"\0")
