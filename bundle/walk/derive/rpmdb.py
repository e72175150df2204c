"""Installed rpms, read from rpm's own database without rpm: Berkeley DB (to EL8) or SQLite (from EL9 on).

Sources: the hash access method of Berkeley DB (dbinc/db_page.h); header blobs as rpm's lib/header.c stores them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice

from bundle.walk.derive import sqlite
from bundle.walk.source import Source

HASH = 0x061561
"""Magic of a Berkeley DB hash, at byte 12, in the byte order of its maker."""
_HASH_PAGES, _OVERFLOW, _OFFPAGE, _KEYDATA = (2, 13), 7, 3, 1
_PAGE = 26
_MOST_HEADER = 64 << 20
_MOST_PACKAGES = 200_000
_TAGS = {
    1000: "name",
    1001: "version",
    1002: "release",
    1003: "epoch",
    1011: "vendor",
    1022: "arch",
    1010: "distribution",
}
_INT32, _STRING, _I18N = 4, 6, 9


def installed(form: str, source: Source) -> bytes:
    """Return one line a package (name, epoch:version-release, architecture, vendor, between tabs); empty for no rpm database."""
    blobs = _sqlite(source) if form == "sqlite" else _hash(source)
    first = list(islice(blobs, 4))
    lines = [line for blob in first if (line := _line(blob))]
    if not lines:
        return b""
    lines += (line for blob in islice(blobs, _MOST_PACKAGES) if (line := _line(blob)))
    return b"\n".join(sorted(lines)) + b"\n"


def _sqlite(source: Source) -> Iterator[bytes]:
    for _, _, column, value in sqlite.values(source, b"Packages"):
        if column == 2:
            yield value


def _hash(source: Source) -> Iterator[bytes]:
    """Say the values of a Berkeley DB hash, page by page."""
    head = source.read(0, 512)
    order = "<" if len(head) > 72 and struct.unpack_from("<I", head, 12)[0] == HASH else ">"
    if len(head) <= 72 or struct.unpack_from(f"{order}I", head, 12)[0] != HASH:
        return
    (size,) = struct.unpack_from(f"{order}I", head, 20)
    if not 512 <= size <= 65536 or size & (size - 1):
        return
    for number in range(1, source.size // size):
        page = source.read(number * size, size)
        count, kind = struct.unpack_from(f"{order}H", page, 20)[0], page[25]
        if kind not in _HASH_PAGES or _PAGE + 2 * count > size:
            continue
        places = struct.unpack_from(f"{order}{count}H", page, _PAGE)
        for before, place in zip(places[::2], places[1::2], strict=False):
            yield from _value(source, page, before, place, (order, size))


def _value(source: Source, page: bytes, before: int, place: int, shape: tuple[str, int]) -> Iterator[bytes]:
    """Say the value that starts at `place`; its key, which lies behind it, starts at `before`."""
    order, size = shape
    if not _PAGE < place < before <= size:
        return
    if page[place] == _KEYDATA:
        yield page[place + 1 : before]
    elif page[place] == _OFFPAGE and place + 12 <= size:
        number, length = struct.unpack_from(f"{order}II", page, place + 4)
        yield _chain(source, number, min(length, _MOST_HEADER), shape)


def _chain(source: Source, number: int, length: int, shape: tuple[str, int]) -> bytes:
    order, size = shape
    pieces: list[bytes] = []
    left = length
    while left > 0 and number:
        page = source.read(number * size, size)
        if len(page) < size or page[25] != _OVERFLOW:
            break
        following, _, used = struct.unpack_from(f"{order}IHH", page, 16)
        if not 0 < used <= size - _PAGE:
            break
        pieces.append(page[_PAGE : _PAGE + used])
        left -= used
        number = following
    return b"".join(pieces)[:length]


def _line(blob: bytes) -> bytes:
    """Return what a header says of its package; empty where it is no header."""
    if len(blob) < 40:
        return b""
    rows, store = struct.unpack_from(">II", blob)
    start = 8 + 16 * rows
    if not 0 < rows < 65536 or start + store > len(blob):
        return b""
    values: dict[str, bytes] = {}
    for tag, kind, offset, _ in islice(struct.iter_unpack(">IIII", blob[8:start]), rows):
        word = _TAGS.get(tag)
        if word is None or offset >= store:
            continue
        at = start + offset
        if kind in (_STRING, _I18N):
            values[word] = blob[at : blob.find(b"\0", at)].translate(None, b"\t\r\n")
        elif kind == _INT32:
            values[word] = str(int.from_bytes(blob[at : at + 4], "big")).encode()
    if not values.get("name") or not values.get("version"):
        return b""
    epoch = values["epoch"] + b":" if values.get("epoch", b"0") != b"0" else b""
    full = epoch + values["version"] + b"-" + values.get("release", b"")
    vendor = b" ".join(filter(None, (values.get("vendor", b""), values.get("distribution", b""))))
    return b"\t".join((values["name"], full, values.get("arch", b""), vendor))
