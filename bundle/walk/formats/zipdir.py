"""The two directories of a zip: the central one, and the local headers; where they tell different stories."""

from __future__ import annotations

import calendar
import struct
import zlib
from collections.abc import Iterator
from datetime import date
from functools import cache

from bundle.walk.formats.raw import Note, decoded
from bundle.walk.limits import WalkLimits
from bundle.walk.problem import Broken
from bundle.walk.source import Source
from hardening.records import dataclass

LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
HEADER = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
TAIL = struct.Struct("<4s4H2IH")
_LENGTHS, _LENGTHS_AT = struct.Struct("<3H"), 28
_WINDOW = 4 << 20
_END64 = struct.Struct("<4sQ2H2I4Q")
_FULL = 0xFFFFFFFF
_UNICODE = b"up"
"""The extra field that holds a name in UTF-8 (0x7075)."""


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One entry, as the directory or its local header says it."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    at: int
    mode: int | None
    mtime: float | None
    extra: bytes = b""
    clock: int = 0
    fields: bytes = b""
    """The directory's extra field, whole."""

    @property
    def text(self) -> str:
        """The name decoded: UTF-8 where it is, else code page 437."""
        if self.flags & 0x800:
            return decoded(self.name)
        try:
            return self.name.decode("utf-8")
        except UnicodeDecodeError:
            return self.name.decode("cp437")


@dataclass(frozen=True, slots=True)
class Directory:
    """A central directory that was understood."""

    rows: tuple[ZipEntry, ...]
    start: int
    """Where the central directory starts."""
    end: int
    """Where the archive ends, its comment included."""
    counted: int | None = None
    """How many entries the end record counts, where those are not the ones the directory lists."""
    comment: int = 0
    """Bytes of the archive's comment, the last in front of `end`."""


def directory_of(source: Source, most: int = WalkLimits().members) -> Directory | None:
    """Return the central directory, by the last end record that leads to one. Errors: Broken (more than `most` entries)."""
    span = min(source.size, 65557)
    tail = source.read(source.size - span, span)
    at = len(tail)
    while (at := tail.rfind(END, 0, at)) >= 0:
        if len(tail) - at >= TAIL.size:
            found = _directory_at(source, source.size - span + at, tail[at:], most)
            if found is not None:
                return found
    return None


def _directory_at(source: Source, position: int, tail: bytes, most: int) -> Directory | None:
    _, _disk, _first, _here, count, size, offset, comment = TAIL.unpack_from(tail)
    end = position + TAIL.size + comment
    if end > source.size:
        return None
    before = position
    if count == 0xFFFF or _FULL in (size, offset):
        locator = source.read(position - 20, 20) if position >= 20 else b""
        if locator[:4] == b"PK\6\7":
            where = int.from_bytes(locator[8:16], "little")
            for guess in (where, position - 20 - _END64.size):
                record = source.read(guess, _END64.size) if guess >= 0 else b""
                if len(record) == _END64.size and record[:4] == b"PK\6\6":
                    *_, count, size, offset = _END64.unpack(record)
                    before = guess
                    break
    start = before - size
    if start < 0:
        return None
    shift = start - offset
    if (shift < 0 and not count) or (count and source.read(start, 4) != CENTRAL):
        return None
    if size // _CENTRAL.size > most and _is_longer(source, start, before, most):
        raise Broken("limit-members", f"has a directory of more than {most} entries")
    rows = _rows(source.read(start, size), count, shift)
    if rows is None or (shift < 0 and not _are_there(source, rows)):
        return None
    return Directory(rows, start, end, None if (len(rows) - count) % 0x10000 == 0 else count, comment)


def _is_longer(source: Source, at: int, end: int, most: int) -> bool:
    """Whether a directory has more entries than these: each takes half a kilobyte of memory once it is read."""
    count = 0
    while count <= most:
        window = source.read(at, min(_WINDOW, end - at))
        place = 0
        while place + _CENTRAL.size <= len(window) and count <= most:
            if not window.startswith(CENTRAL, place):
                return False
            place += _CENTRAL.size + sum(_LENGTHS.unpack_from(window, place + _LENGTHS_AT))
            count += 1
        if not place:
            return False
        at += place
    return True


def _are_there(source: Source, rows: tuple[ZipEntry, ...]) -> bool:
    """Whether every entry begins where the directory says, less what lies in front of the archive.

    A zip that is added to a program, or to a script, counts from the begin of that file, which was cut off here.
    """
    return all(row.at >= 0 and source.read(row.at, 4) == LOCAL for row in rows)


def _rows(raw: bytes, count: int, shift: int) -> tuple[ZipEntry, ...] | None:
    rows: list[ZipEntry] = []
    at = 0
    while at + _CENTRAL.size <= len(raw) and raw[at : at + 4] == CENTRAL:
        (
            _,
            made,
            _need,
            flags,
            method,
            clock,
            day,
            crc,
            packed,
            size,
            n,
            m,
            k,
            _disk,
            _internal,
            external,
            where,
        ) = _CENTRAL.unpack_from(raw, at)
        at += _CENTRAL.size
        name, extra = raw[at : at + n], raw[at + n : at + n + m]
        at += n + m + k
        if _FULL in (packed, size, where):
            size, packed, where = _zip64(extra, size, packed, where)
        mode = external >> 16 & 0xFFFF if made >> 8 in (3, 19) else None
        rows.append(
            ZipEntry(
                name,
                flags,
                method,
                crc,
                packed,
                size,
                where + shift,
                mode,
                _moment(day, clock),
                extra if flags & 1 or _UNICODE in extra else b"",
                clock,
                extra,
            )
        )
    return tuple(rows) if rows or not count else None


def _zip64(extra: bytes, size: int, packed: int, where: int) -> tuple[int, int, int]:
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        if tag == 1:
            field = extra[at + 4 : at + 4 + length]
            wide = list(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            size = wide.pop(0) if size == _FULL and wide else size
            packed = wide.pop(0) if packed == _FULL and wide else packed
            where = wide.pop(0) if where == _FULL and wide else where
            break
        at += 4 + length
    return size, packed, where


def beside_sizes(extra: bytes) -> bytes:
    """Return an extra field without the wide sizes and offsets, which are others once the archive is written again."""
    if b"\1\0" not in extra:
        return extra  # as nearly all are
    at, kept = 0, b""
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        kept += b"" if tag == 1 else extra[at : at + 4 + length]
        at += 4 + length
    return kept + extra[at:]


def _moment(day: int, clock: int) -> float | None:
    midnight = _midnight(day)
    return (
        None
        if midnight is None
        else midnight + (clock >> 11) * 3600 + (clock >> 5 & 63) * 60 + (clock & 31) * 2.0
    )


@cache
def _midnight(day: int) -> int | None:
    try:
        return calendar.timegm(date((day >> 9) + 1980, day >> 5 & 15, day & 31).timetuple())
    except ValueError:
        return None


def agreed(source: Source, row: ZipEntry) -> int | None:
    """Return the length of the extra field of a local header that tells the directory's story, as nearly all do."""
    name, size = row.name, HEADER.size + len(row.name)
    raw = source.read(row.at, size)
    if len(raw) < size or raw[:4] != LOCAL or raw[HEADER.size :] != name or row.extra:
        return None
    _, _need, flags, method, _clock, _day, crc, packed, whole, length, extra = HEADER.unpack_from(raw)
    if length != len(name) or method != row.method or (flags ^ row.flags) & 1 or _FULL in (packed, whole):
        return None
    if extra and row.at + size + extra > source.size:
        return None
    return extra if flags & 8 or (crc, packed, whole) == (row.crc, row.packed, row.size) else None


def local_header(source: Source, row: ZipEntry) -> tuple[ZipEntry, int]:
    """Return the local header of a row, and the length of its extra field. Errors: Broken."""
    raw = source.read(row.at, HEADER.size + len(row.name) + 256)
    found = parse_local(source, row.at, raw)
    if found is None:
        raise Broken("corrupt", "the directory points at no local header")
    return found


def parse_local(source: Source, at: int, raw: bytes) -> tuple[ZipEntry, int] | None:
    """Return the local header at `at` and the length of its extra field; None where there is none."""
    if len(raw) < HEADER.size or raw[:4] != LOCAL:
        return None
    _, _need, flags, method, clock, day, crc, packed, size, n, m = HEADER.unpack_from(raw)
    if HEADER.size + n + m > len(raw):
        raw = source.read(at, HEADER.size + n + m)
        if len(raw) < HEADER.size + n + m:
            return None
    name = raw[HEADER.size : HEADER.size + n]
    if _FULL in (packed, size):
        size, packed, _ = _zip64(raw[HEADER.size + n : HEADER.size + n + m], size, packed, 0)
    return ZipEntry(name, flags, method, crc, packed, size, at, None, _moment(day, clock)), m


def reads_differently(row: ZipEntry, local: ZipEntry) -> bool:
    """Whether who follows the local header gets other content than who follows the directory."""
    if local.method != row.method or (local.flags ^ row.flags) & 1:
        return True
    return not local.flags & 8 and local.packed != row.packed


def differences(row: ZipEntry, local: ZipEntry) -> Iterator[Note]:
    """Say where the local header and the directory tell different stories."""
    different: list[str] = []
    if local.name != row.name:
        different.append(f"the name ({local.text!r} in the local header)")
    if local.method != row.method:
        different.append("the compression method")
    if (local.flags ^ row.flags) & 1:
        different.append("whether it is encrypted")
    later = local.flags & 8 and not (local.crc or local.packed or local.size)
    if not later and not local.flags & 8:
        if local.size != row.size or local.packed != row.packed:
            different.append("the size")
        elif local.crc != row.crc:
            different.append("the checksum")
    called = other_name(row)
    if called:
        yield Note("two-readings", f"a Unicode path field calls it {called!r}", row.text)
    if different:
        yield Note(
            "two-readings", f"directory and local header disagree about {' and '.join(different)}", row.text
        )


def other_name(row: ZipEntry) -> str:
    """Return the name that a Unicode path field gives to an entry whose own name is plain ASCII and another; else nothing."""
    at = 0
    while at + 4 <= len(row.extra):
        tag, length = struct.unpack_from("<2H", row.extra, at)
        field = row.extra[at + 4 : at + 4 + length]
        if (
            tag == 0x7075
            and field[:1] == b"\1"
            and int.from_bytes(field[1:5], "little") == zlib.crc32(row.name)
        ):
            return decoded(field[5:]) if row.name.isascii() and field[5:] != row.name else ""
        at += 4 + length
    return ""


def descriptor(source: Source, at: int, row: ZipEntry) -> int:
    """Return the length of the data descriptor that follows the content."""
    raw = source.read(at, 24)
    crc = row.crc.to_bytes(4, "little")
    signed = 4 if raw[:4] == b"PK\7\10" else 0
    if raw[signed : signed + 4] != crc:
        return signed and 16
    narrow = raw[signed + 4 : signed + 12] == struct.pack("<2I", row.packed & _FULL, row.size & _FULL)
    return signed + (12 if narrow else 20)
