"""Zip (jar, war, ear, docx ...), read by its central directory and by its local headers; the two have to agree."""

from __future__ import annotations

import calendar
import lzma
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

from bundle.walk import stream
from bundle.walk.formats.raw import Context, Note, Opened, Raw, decoded
from bundle.walk.limits import Limits
from bundle.walk.member import Entry
from bundle.walk.problem import Broken
from bundle.walk.source import Slice, Source, chunks

LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_FULL = 0xFFFFFFFF
_AT_ONCE = 1 << 20
METHODS = {0: "stored", 8: "deflate", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz"}


@dataclass(frozen=True, slots=True)
class Row:
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
class _Directory:
    rows: tuple[Row, ...]
    start: int
    """Where the central directory starts."""
    end: int
    """Where the archive ends, its comment included."""


def open_zip(source: Source, context: Context) -> Opened:
    """Understand a zip. Without a directory its local headers are walked, and that is said."""
    directory = _directory(source)
    if directory is None:
        return Opened(_without_directory(source))
    entries = tuple(Entry(row.text, row.size, row.crc) for row in directory.rows)
    return Opened(_members(source, directory, context), entries)


def _directory(source: Source) -> _Directory | None:
    span = min(source.size, 65557)
    tail = source.read(source.size - span, span)
    at = len(tail)
    while (at := tail.rfind(END, 0, at)) >= 0:
        if len(tail) - at >= _END.size:
            found = _directory_at(source, source.size - span + at, tail[at:])
            if found is not None:
                return found
    return None


def _directory_at(source: Source, position: int, tail: bytes) -> _Directory | None:
    _, _disk, _first, _here, count, size, offset, comment = _END.unpack_from(tail)
    end = position + _END.size + comment
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
    if shift < 0 or (count and source.read(start, 4) != CENTRAL):
        return None
    rows = _rows(source.read(start, size), count, shift)
    return None if rows is None else _Directory(rows, start, end)


def _rows(raw: bytes, count: int, shift: int) -> tuple[Row, ...] | None:
    rows: list[Row] = []
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
            Row(
                name,
                flags,
                method,
                crc,
                packed,
                size,
                where + shift,
                mode,
                _moment(day, clock),
                extra if flags & 1 else b"",
                clock,
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


def _members(source: Source, directory: _Directory, context: Context) -> Iterator[Raw | Note]:
    """Say the members in the order they are stored, and what lies between them."""
    reached = 0
    overlapping = 0
    for number, row in enumerate(sorted(directory.rows, key=lambda r: r.at)):
        if row.at > reached:
            yield from _gap(source, reached, row.at, first=number == 0)
        elif row.at < reached and number:
            overlapping += 1
        ended = row.at
        try:
            local, head = _local(source, row)
            yield from _differences(row, local)
            begin = row.at + _LOCAL.size + len(local.name) + head
            ended = begin + row.packed
            if ended > directory.start and row.packed:
                yield Note("corrupt", "reaches into the central directory", row.text)
        except Broken as problem:
            yield Note(problem.reason, str(problem), row.text, row.size)
            continue
        yield from _member(source, row, begin, context)
        if row.flags & 8:
            ended += _descriptor(source, ended, row)
        reached = max(reached, ended)
    if overlapping:
        yield Note("overlap", f"{overlapping} entries start inside the one before them")
    if reached < directory.start:
        yield from _gap(source, reached, directory.start, first=not directory.rows)
    if directory.end < source.size:
        yield from _rest(source, directory.end, source.size, "data behind the end of the archive")


def _local(source: Source, row: Row) -> tuple[Row, int]:
    """Return the local header of a row, and the length of its extra field. Errors: Broken."""
    raw = source.read(row.at, _LOCAL.size + len(row.name) + 256)
    found = _parse_local(source, row.at, raw)
    if found is None:
        raise Broken("corrupt", "the directory points at no local header")
    return found


def _parse_local(source: Source, at: int, raw: bytes) -> tuple[Row, int] | None:
    if len(raw) < _LOCAL.size or raw[:4] != LOCAL:
        return None
    _, _need, flags, method, clock, day, crc, packed, size, n, m = _LOCAL.unpack_from(raw)
    if _LOCAL.size + n + m > len(raw):
        raw = source.read(at, _LOCAL.size + n + m)
        if len(raw) < _LOCAL.size + n + m:
            return None
    name = raw[_LOCAL.size : _LOCAL.size + n]
    if _FULL in (packed, size):
        size, packed, _ = _zip64(raw[_LOCAL.size + n : _LOCAL.size + n + m], size, packed, 0)
    return Row(name, flags, method, crc, packed, size, at, None, _moment(day, clock)), m


def _differences(row: Row, local: Row) -> Iterator[Note]:
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
    if different:
        yield Note(
            "two-readings", f"directory and local header disagree about {' and '.join(different)}", row.text
        )


def _descriptor(source: Source, at: int, row: Row) -> int:
    """Return the length of the data descriptor that follows the content."""
    raw = source.read(at, 24)
    crc = row.crc.to_bytes(4, "little")
    signed = 4 if raw[:4] == b"PK\7\10" else 0
    if raw[signed : signed + 4] != crc:
        return signed and 16
    narrow = raw[signed + 4 : signed + 12] == struct.pack("<2I", row.packed & _FULL, row.size & _FULL)
    return signed + (12 if narrow else 20)


def _member(source: Source, row: Row, begin: int, context: Context) -> Iterator[Raw | Note]:
    name = row.text
    kind = "directory" if name.endswith("/") and not row.size else "file"
    mode = row.mode & 0o7777 if row.mode is not None else None
    link = ""
    if row.mode is not None and row.mode & 0o170000 == 0o120000:
        kind = "symlink"
    elif row.mode is not None and row.mode & 0o170000 in _SPECIAL:
        kind = _SPECIAL[row.mode & 0o170000]
    if row.flags & 1:
        from bundle.walk.formats.zipcrypt import decrypted

        plain = decrypted(source, row, begin, context.passwords)
        if plain is None:
            yield Raw(
                name=name,
                kind=kind,
                size=row.size,
                mode=mode,
                mtime=row.mtime,
                data=_refused("encrypted", "is encrypted"),
            )
            return
        data: bytes | Iterator[bytes] = plain
    elif row.method not in METHODS:
        data = _refused("unsupported", f"is packed with method {row.method}")
    else:
        data = _content(source, row, begin, context)
    if kind == "symlink":
        data = data if isinstance(data, bytes) else b"".join(data)
        link, data = decoded(data[: context.limits.path]), b""
    yield Raw(name=name, kind=kind, size=row.size, mode=mode, mtime=row.mtime, link=link, data=data)


_SPECIAL = {0o020000: "device", 0o060000: "device", 0o010000: "fifo", 0o140000: "socket"}


def _refused(reason: str, message: str) -> Iterator[bytes]:
    raise Broken(reason, message)
    yield b""


def _content(source: Source, row: Row, begin: int, context: Context) -> bytes | Iterator[bytes]:
    """Return the content: at once where that is the whole truth and small, else in pieces that are checked."""
    if row.size <= _AT_ONCE and row.packed <= _AT_ONCE:
        packed = source.read(begin, row.packed)
        if row.method == 0 and len(packed) == row.size and zlib.crc32(packed) == row.crc:
            return packed
        if row.method == 8:
            made = stream.inflater(-15)
            try:
                plain = made.decompress(packed, row.size + 1)
                if len(plain) == row.size and (made.eof or not row.size) and zlib.crc32(plain) == row.crc:
                    return plain
            except stream.CORRUPT:
                pass
    return _checked(
        unpack(Slice(source, begin, max(0, min(row.packed, source.size - begin))), row.method, context), row
    )


def unpack(packed: Source, method: int, context: Context) -> Iterator[bytes]:
    """Undo a method of `METHODS`. Errors: Broken."""
    blocks = chunks(packed)
    if method == 0:
        return blocks
    if method == 8:
        return stream.inflate(blocks)
    if method == 12:
        return stream.bunzip2(blocks)
    if method == 93:
        return stream.unzstd(blocks, window=context.limits.window)
    if method == 95:
        return stream.unxz(blocks, window=context.limits.window)
    head = packed.read(0, 9)
    if len(head) < 9 or head[2:4] != b"\5\0":
        raise Broken("corrupt", "the LZMA header is damaged")
    if int.from_bytes(head[5:9], "little") > context.limits.window:
        raise Broken("limit-window", "the LZMA stream asks for more memory than allowed")
    properties = head[4]
    filters = [
        {
            "id": lzma.FILTER_LZMA1,
            "dict_size": max(4096, int.from_bytes(head[5:9], "little")),
            "lc": properties % 9,
            "lp": properties // 9 % 5,
            "pb": properties // 45,
        }
    ]
    return stream.raw_lzma(chunks(packed, 9), filters)


def _checked(blocks: Iterator[bytes], row: Row) -> Iterator[bytes]:
    """Pass the content on and compare it with what the directory promises. Errors: Broken."""
    crc = 0
    size = 0
    for block in blocks:
        crc = zlib.crc32(block, crc)
        size += len(block)
        yield block
    if size < row.size:
        raise Broken("truncated", f"unpacks to {size} of {row.size} bytes")
    if size > row.size:
        raise Broken("two-readings", f"unpacks to {size} bytes, not to the {row.size} of the directory")
    if crc != row.crc:
        raise Broken("checksum", "CRC-32 of the content is not the one in the directory")


def _gap(source: Source, start: int, end: int, *, first: bool) -> Iterator[Raw | Note]:
    """Say what lies between two entries: members the directory does not list, a stub in front, or loose data."""
    at = start
    span = min(end - start, 64 << 20)
    window = source.read(start, min(span, 1 << 20))
    if not window.strip(b"\0"):
        return
    found = window.find(LOCAL)
    if found >= 0:
        if found and window[:found].strip(b"\0"):
            yield Raw(name=f"<data at {start}>", size=found, data=window[:found])
        at = start + found
        while at < end:
            raw = source.read(at, _LOCAL.size + 512)
            parsed = _parse_local(source, at, raw)
            if parsed is None:
                break
            row, extra = parsed
            begin = at + _LOCAL.size + len(row.name) + extra
            yield Note("hidden-member", "is in the archive but not in its directory", row.text)
            content, used = _unlisted(source, row, begin, end)
            yield Raw(name=row.text, size=None, mtime=row.mtime, data=content, hidden=True)
            at = begin + used
            if row.flags & 8:
                at += _descriptor(source, at, row) or 0
    if source.read(at, 4) == CENTRAL:
        at = _behind_directory(source, at, end)
    if at < end:
        yield from _rest(source, at, end, "data between the entries of the archive", quiet=first)


def _behind_directory(source: Source, at: int, end: int) -> int:
    """Return where the directory of an earlier archive in the same file ends, or its start where it has no end."""
    window = source.read(at, min(end - at, 16 << 20))
    found = window.rfind(END)
    return at + found + _END.size if 0 <= found <= len(window) - _END.size else at


def _unlisted(source: Source, row: Row, begin: int, end: int) -> tuple[bytes | Iterator[bytes], int]:
    """Return the content of an entry that has only a local header, and how many packed bytes it takes."""
    if row.flags & 1:
        return _refused("encrypted", "is encrypted"), row.packed
    if row.flags & 8 and not row.packed:  # its length is known once it has been unpacked
        if row.method != 8:
            return b"", 0
        return _deflated(source, begin, end)
    if row.method not in METHODS:
        return _refused("unsupported", f"is packed with method {row.method}"), row.packed
    limited = Slice(source, begin, max(0, min(row.packed, end - begin)))
    return unpack(limited, row.method, Context("", Limits())), row.packed


def _deflated(source: Source, begin: int, end: int) -> tuple[bytes, int]:
    made = stream.inflater(-15)
    out: list[bytes] = []
    size = used = 0
    try:
        for block in chunks(source, begin, end):
            used += len(block)
            piece = block
            while piece and not made.eof and size < 64 << 20:
                out.append(made.decompress(piece, stream.OUT))
                size += len(out[-1])
                piece = made.unconsumed_tail
            if made.eof or size >= 64 << 20:
                break
    except stream.CORRUPT:
        pass
    return b"".join(out), max(0, used - len(made.unused_data))


def _rest(source: Source, start: int, end: int, message: str, *, quiet: bool = False) -> Iterator[Raw | Note]:
    """Say loose data as a member of its own, unless it is padding."""
    if not any(block.strip(b"\0") for block in chunks(source, start, end)):
        return
    name = "<data in front>" if quiet else f"<data at {start}>"
    if not quiet:
        yield Note("trailing-data", message, name)
    yield Raw(name=name, size=end - start, data=chunks(source, start, end), hidden=True)


def _without_directory(source: Source) -> Iterator[Raw | Note]:
    """Walk the local headers of a zip whose directory is missing."""
    yield Note("truncated", "has no central directory")
    at = 0
    while at < source.size:
        parsed = _parse_local(source, at, source.read(at, _LOCAL.size + 512))
        if parsed is None:
            break
        row, extra = parsed
        begin = at + _LOCAL.size + len(row.name) + extra
        content, used = _unlisted(source, row, begin, source.size)
        known = not row.flags & 8
        yield Raw(name=row.text, size=row.size if known else None, mtime=row.mtime, data=content)
        at = begin + used
        if row.flags & 8:
            at += _descriptor(source, at, row) or 0
