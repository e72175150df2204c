"""How long an archive is that starts a source, and whether it is one at all: a magic alone proves nothing."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Literal

from bundle.walk import stream, zstd
from bundle.walk.formats import ars, tars
from bundle.walk.formats.raw import Note, Raw
from bundle.walk.limits import MIB
from bundle.walk.problem import Broken
from bundle.walk.source import Source, chunks

_WINDOW = 64 * MIB
_PROVEN = 4096
"""Bytes that a damaged stream has to unpack to before it is believed to be one."""
_ENOUGH = 64 * MIB
"""Bytes after which a stream is believed without having been read to its end."""
_HEADERS = 1_000_000

Measure = Callable[[Source], int]
"""Returns the bytes an archive takes, 0 where it is none. Errors: Broken, ValueError, struct.error, LookupError."""


def behind(source: Source, end: int) -> Iterator[Raw | Note]:
    """Say what lies behind the end of an archive, unless it is padding or the end is not known (0)."""
    if not 0 < end < source.size or not any(block.strip(b"\0") for block in chunks(source, end)):
        return
    name = f"<data at {end}>"
    yield Note("trailing-data", "data behind the end of the archive", name)
    yield Raw(name=name, size=source.size - end, data=chunks(source, end), hidden=True)


def unpacked(unpack: Callable[[Iterator[bytes]], Iterator[bytes]]) -> Measure:
    """Return a measure for compressed streams: they are unpacked, for only that tells a stream from its magic."""

    def length(source: Source) -> int:
        taken = made = 0

        def counted() -> Iterator[bytes]:
            nonlocal taken
            for block in chunks(source):
                taken += len(block)
                yield block

        try:
            for block in unpack(counted()):
                made += len(block)
                if made >= _ENOUGH:
                    return source.size
        except Broken as problem:
            if problem.rest is not None:
                return taken - len(next(problem.rest, b""))
            return source.size if made >= _PROVEN else 0
        return source.size if made >= 32 else 0

    return length


def sevenz(source: Source) -> int:
    """Measure. The header says where the end is, under a checksum of its own."""
    head = source.read(0, 32)
    checksum, offset, size = struct.unpack_from("<IQQ", head, 8)
    return 32 + offset + size if zlib.crc32(head[12:32]) == checksum else 0


def rar(source: Source) -> int:
    """Measure. The checksum of the first header has to be right; the end is not looked for."""
    head = source.read(0, 64)
    if head[6:8] == b"\1\0":
        size, begin = _vint(head, 12)
        body = head[12 : begin + size]
        return source.size if zlib.crc32(body) == int.from_bytes(head[8:12], "little") else 0
    checksum, _kind, _flags, size = struct.unpack_from("<HBHH", head, 7)
    return source.size if 7 <= size <= 57 and zlib.crc32(head[9 : 7 + size]) & 0xFFFF == checksum else 0


def volume(source: Source) -> bool:
    """Whether a rar archive says it is one of several volumes."""
    head = source.read(0, 64)
    if len(head) < 64:
        return False
    if head[6:8] != b"\1\0":
        return bool(head[10] & 1)
    kind = _vint(head, _vint(head, 12)[1])
    flags, at = _vint(head, kind[1])
    if flags & 1:
        at = _vint(head, at)[1]
    return bool(_vint(head, at)[0] & 1)


def lha(source: Source) -> int:
    """Measure. One header of level 0, 1 or 2 after another; a checksum, or what never changes, has to be right."""
    reached = count = 0
    while count < _HEADERS:
        head = source.read(reached, 258)
        if len(head) < 22 or head[2:4] != b"-l" or head[6:7] != b"-" or head[4:5] not in (b"h", b"z"):
            break
        packed = int.from_bytes(head[7:11], "little")
        if head[20] == 2:
            size = int.from_bytes(head[:2], "little")
            good = 26 <= size <= source.size - reached
        else:
            size = head[0] + 2
            good = head[20] < 2 and sum(head[2:size]) & 0xFF == head[1] and len(head) >= size
        if not good or reached + size + packed > source.size:
            break
        reached += size + packed
        count += 1
    return reached + (source.read(reached, 1) == b"\0") if count else 0


def _vint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128 or shift > 63:
            return value, at


def cab(source: Source) -> int:
    """Measure. The header says how long it is."""
    head = source.read(0, 36)
    size, files = int.from_bytes(head[8:12], "little"), int.from_bytes(head[16:20], "little")
    return size if head[24:26] == b"\3\1" and 36 <= files < size else 0


def squashfs(source: Source) -> int:
    """Measure. The superblock says how long it is; images are filled up to 4 KiB."""
    head = source.read(0, 96)
    block, method, log = struct.unpack_from("<I4xHH", head, 12)
    used = int.from_bytes(head[40:48], "little")
    good = head[28:32] == b"\4\0\0\0" and log < 32 and block == 1 << log and 1 <= method <= 6 and used > 96
    return -(-used // 4096) * 4096 if good else 0


def cramfs(source: Source) -> int:
    """Measure. The superblock behind the magic has to be one; old ones do not say how long the image is."""
    head = source.read(0, 76)
    order: Literal["little", "big"] = "little" if head[:1] == b"\x45" else "big"
    magic, size, features = (int.from_bytes(head[at : at + 4], order) for at in (0, 4, 8))
    folder = int.from_bytes(head[64:66], order) >> 12 == 4
    if magic != 0x28CD3D45 or not folder or features > 0xFFF or len(head) < 76:
        return 0
    return (size if size >= 76 else 0) if features & 1 else source.size


def rpm(source: Source) -> int:
    """Measure. The lead and the header behind it have to be there; the end is not looked for."""
    good = source.read(96, 4) == b"\x8e\xad\xe8\1" and source.read(4, 1) in (b"\3", b"\4")
    return source.size if good else 0


def ar(source: Source) -> int:
    """Measure. One header after another."""
    reached = len(ars.MAGIC)
    for _ in range(_HEADERS):
        head = source.read(reached, 60)
        if head[58:60] != b"`\n" or not head[48:58].strip().isdigit():
            break
        size = int(head[48:58])
        reached += 60 + size + size % 2
    return reached if reached > len(ars.MAGIC) else 0


def tar(source: Source) -> int:
    """Measure. One header after another, and the zeros behind the last."""
    reached = 0
    for _ in range(_HEADERS):
        head = source.read(reached, 512)
        if not tars.is_tar(head):
            break
        size = (
            int(head[124:136].strip(b"\0 ") or b"0", 8)
            if not head[124] & 0x80
            else int.from_bytes(head[128:136], "big")
        )
        reached += 512 + -(-size // 512) * 512
    while reached and source.read(reached, 512) == bytes(512):
        reached += 512
    return reached


_NEW_CPIO = re.compile(rb"07070[12][0-9A-Fa-f]{104}")


def cpio(source: Source) -> int:
    """Measure. One header after another, to the trailer."""
    reached = 0
    for _ in range(_HEADERS):
        head = source.read(reached, 124)
        if _NEW_CPIO.match(head) is None:
            break
        size, name = int(head[54:62], 16), int(head[94:102], 16)
        reached += -(-(110 + name) // 4) * 4 + -(-size // 4) * 4
        if head[110:121] == b"TRAILER!!!\0":
            return reached
    return 0


def iso(source: Source) -> int:
    """Measure. The volume descriptor says how many blocks there are."""
    head = source.read(0x8000, 132)
    blocks, step = int.from_bytes(head[80:84], "little"), int.from_bytes(head[128:130], "little")
    return blocks * step if head[:7] == b"\1CD001\1" and step in (512, 1024, 2048) else 0


GZIP = unpacked(stream.gunzip)
BZIP2 = unpacked(stream.bunzip2)
XZ = unpacked(lambda blocks: stream.unxz(blocks, window=_WINDOW))
ZSTD = unpacked(lambda blocks: zstd.unzstd(blocks, window=_WINDOW))
