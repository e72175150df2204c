"""Images of cramfs, made by code: what mkfs.cramfs writes, and what it never would."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

SUMMED, EXTENDED = 0x3, 0x803
FILE, FOLDER, LINK, DEVICE = 0o100644, 0o040755, 0o120777, 0o020666
SUPER = 76

Stored = Callable[[int, str], bytes]
"""Makes what an inode leads to, of its place and the byte order."""


@dataclass(frozen=True)
class Entry:
    name: bytes
    content: bytes | Stored | list[Entry] = b""
    mode: int = FILE
    size: int | None = None
    """None: that of the content."""
    place: int | None = None
    """None: where the content is put; else the content is not put anywhere."""
    named: int | None = None


def blocks(content: bytes, page: int = 4096) -> Stored:
    """The content as mkfs.cramfs -z stores it: blocks of zeros are holes."""

    def stored(at: int, order: str) -> bytes:
        pages = [content[n : n + page] for n in range(0, len(content), page)]
        body, pointers = b"", b""
        for one in pages:
            body += zlib.compress(one) if one.strip(b"\0") else b""
            pointers += struct.pack(f"{order}I", at + 4 * len(pages) + len(body))
        return pointers + body

    return stored


def pointing(*pointers: int, body: bytes = b"") -> Stored:
    """Pointers as they are given, less the place of the file where they are below the flags, and what follows them."""
    return lambda at, order: (
        struct.pack(f"{order}{len(pointers)}I", *(at + p if p < 1 << 30 else p for p in pointers)) + body
    )


def inode(entry: Entry, order: str, size: int, place: int, named: int) -> bytes:
    if order == "<":
        return struct.pack("<3I", entry.mode | 1000 << 16, size | 10 << 24, named | place // 4 << 6)
    return struct.pack(">3I", entry.mode << 16 | 1000, size << 8 | 10, named << 26 | place // 4)


def image(
    *entries: Entry,
    order: str = "<",
    boot: bytes = b"",
    flags: int = SUMMED,
    size: int | None = None,
    crc: int | None = None,
) -> bytes:
    """An image with these entries in its root; `boot` is what stands in front."""
    out = bytearray(boot + bytes(SUPER))

    def put(one: Entry) -> tuple[int, int]:
        """Return the size and the place of what an inode leads to."""
        if isinstance(one.content, list):
            place, length = len(out), sum(12 + len(padded(inner.name)) for inner in one.content)
            out.extend(bytes(length))
            at = place
            for inner in one.content:
                name = padded(inner.name)
                named = len(name) // 4 if inner.named is None else inner.named
                out[at : at + 12 + len(name)] = inode(inner, order, *put(inner), named) + name
                at += 12 + len(name)
        else:
            place = len(out)
            made = one.content
            length = len(made) if isinstance(made, bytes) else 0
            if one.place is None and made:
                data = blocks(made) if isinstance(made, bytes) else made
                out.extend(padded(data(place, order)))
        if one.place is not None:
            place = one.place
        return (length if one.size is None else one.size), (place if one.content or one.place else 0)

    root = Entry(b"", list(entries), FOLDER)
    head = inode(root, order, *put(root), 0)
    out.extend(bytes(-len(out) % 4096))
    start = len(boot)
    said = len(out) if size is None else size
    out[start : start + SUPER] = (
        struct.pack(f"{order}4I16s4I16s", 0x28CD3D45, said, flags, 0, b"Compressed ROMFS", 0, 0, 1, 1, b"x")
        + head
    )
    if flags & 1:
        total = zlib.crc32(out[start:]) if crc is None else crc
        struct.pack_into(f"{order}I", out, start + 32, total)
    return bytes(out)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def nested(depth: int, name: bytes = b"d") -> Entry:
    """Folders in folders."""
    entry = Entry(b"f", b"content")
    for _ in range(depth):
        entry = Entry(name, [entry], FOLDER)
    return entry


def again(entry: Entry, count: int) -> list[Entry]:
    """The same under many names."""
    return [replace(entry, name=b"%06d" % n) for n in range(count)]
