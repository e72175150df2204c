"""zip and its kin: local entries that stay are copied raw, the central directory gets new offsets."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import IO

from bundle.rewrite import zip64
from bundle.rewrite.copying import copy
from bundle.rewrite.edit import Change, Remove, Replace, file_only
from hardening.errors import ArchiveError

_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_LIMIT = 0xFFFFFFFF
_UTF8 = 0x800
_DESCRIPTOR = 0x08
_DEFLATED = 8
_CRC_AT = 16


@dataclass(slots=True)
class _Entry:
    info: zipfile.ZipInfo
    central: bytearray
    """The record of the central directory with name, extra and comment, as it lies in the file."""
    start: int
    """Where the local entry begins in the file."""


def matches(head: bytes) -> bool:
    """Whether the file begins as a zip does (a self-extracting one does not)."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def behind(source: IO[bytes]) -> bool:
    """Whether this is a program or other data with a zip behind it, by the zip's end."""
    source.seek(0)
    found = zipfile.is_zipfile(source)
    source.seek(0)
    return found


def rewrite(source: IO[bytes], target: IO[bytes], change: Change) -> None:
    """Copy the archive, asking `change` about each member; what lies before it stays.

    Offsets count from the start of the file or of the archive, as they did.
    """
    entries, directory_at, end = _read(source)
    base = directory_at - zip64.start(end)
    bounds = sorted({e.start for e in entries} | {directory_at})
    ends = dict(pairwise(bounds))
    kept: list[_Entry] = []
    position = 0
    moved: dict[int, int] = {}
    with zipfile.ZipFile(source) as archive:
        for entry in sorted(entries, key=lambda e: e.start):
            if entry.start < position:
                raise ArchiveError(
                    f"{entry.info.filename}: zip entries overlap",
                    hint="this zip was made to deceive; do not ship it",
                )
            copy(source, target, position, entry.start)  # what lies between: a prefix, padding
            position = ends[entry.start]
            decision = change(_name(entry.info), lambda e=entry: _content(archive, e.info))  # type: ignore[misc]  # mypy has no type for a lambda that binds by default value
            if isinstance(decision, Remove):
                copy(source, target, min(_behind(source, entry), position), position)
                continue
            moved[entry.start] = target.tell()
            if isinstance(decision, Replace):
                file_only(entry.info.filename, is_file=not entry.info.is_dir())
                with decision.content as content:
                    _replace(source, target, entry, content)
            else:
                copy(source, target, entry.start, position)
            kept.append(entry)
    copy(source, target, position, directory_at)
    in_order = [e for e in entries if e.start in moved]
    _directory(target, in_order, moved, end, base)


def _name(info: zipfile.ZipInfo) -> str:
    """Return the name as the walk reads it: many packers write UTF-8 without the flag that says so."""
    name = info.orig_filename
    if info.flag_bits & _UTF8 or name.isascii() or "\0" in name:
        return info.filename
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeDecodeError:
        return name


def _read(source: IO[bytes]) -> tuple[list[_Entry], int, bytes]:
    """Return the entries in the directory's order, where the directory begins, and the end records."""
    try:
        with zipfile.ZipFile(source) as archive:
            infos = archive.infolist()
            directory_at = archive.start_dir
    except (zipfile.BadZipFile, NotImplementedError) as problem:
        raise ArchiveError(f"zip: {problem}", hint="the archive is truncated or corrupt") from problem
    source.seek(directory_at)
    rest = source.read()
    entries, at = [], 0
    for info in infos:
        fields = _CENTRAL.unpack_from(rest, at)
        length = _CENTRAL.size + fields[10] + fields[11] + fields[12]
        entries.append(_Entry(info, bytearray(rest[at : at + length]), info.header_offset))
        at += length
    end = rest[at:]
    if not end.startswith((b"PK\x05\x06", zip64.END)):
        raise ArchiveError(
            "zip: a signed central directory cannot be rewritten", hint="pack the archive again without it"
        )
    return entries, directory_at, end


def _behind(source: IO[bytes], entry: _Entry) -> int:
    """Return where an entry ends by its own header: what lies from there to the next one is not its own."""
    source.seek(entry.start)
    fields = _LOCAL.unpack(source.read(_LOCAL.size))
    at: int = entry.start + _LOCAL.size + fields[9] + fields[10] + entry.info.compress_size
    if not fields[2] & _DESCRIPTOR:
        return at
    source.seek(at)
    raw = source.read(24)
    marked = 4 if raw.startswith(b"PK\x07\x08") else 0
    narrow = struct.pack("<2I", entry.info.compress_size & _LIMIT, entry.info.file_size & _LIMIT)
    return at + marked + (12 if raw[marked + 4 : marked + 12] == narrow else 20)


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    try:
        return io.BytesIO(archive.read(info))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error) as problem:
        raise ArchiveError(
            f"{info.filename}: {problem}", hint="it cannot be opened, so not changed"
        ) from problem


def _replace(source: IO[bytes], target: IO[bytes], entry: _Entry, content: IO[bytes]) -> None:
    """Write the local header again with new sums and sizes, then the content, packed as it was."""
    data = content.read()
    method = entry.info.compress_type
    if method == _DEFLATED:
        packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(data) + packer.flush()
    elif method == 0:
        packed = data
    else:
        raise ArchiveError(
            f"{entry.info.filename}: compression method {method} cannot be written",
            hint="pack it with deflate",
        )
    if len(data) >= _LIMIT:
        raise ArchiveError(f"{entry.info.filename}: over 4 GiB", hint="so large a change cannot be written")
    source.seek(entry.start)
    fields = list(_LOCAL.unpack(source.read(_LOCAL.size)))
    tail = source.read(fields[9] + fields[10])
    fields[2] &= ~_DESCRIPTOR
    fields[6] = zlib.crc32(data)
    header = bytearray(_LOCAL.pack(*fields) + tail)
    sizes = {"packed": len(packed), "size": len(data)}
    zip64.set_local(header, sizes)
    target.write(header + packed)
    entry.central[_CRC_AT : _CRC_AT + 4] = fields[6].to_bytes(4, "little")
    zip64.set_central(entry.central, sizes)
    flags = int.from_bytes(entry.central[8:10], "little") & ~_DESCRIPTOR
    entry.central[8:10] = flags.to_bytes(2, "little")


def _directory(
    target: IO[bytes], entries: list[_Entry], moved: dict[int, int], end: bytes, base: int
) -> None:
    start = target.tell()
    for entry in entries:
        zip64.set_central(entry.central, {"offset": moved[entry.start] - base})
        target.write(entry.central)
    target.write(zip64.end(end, count=len(entries), size=target.tell() - start, start=start - base))
