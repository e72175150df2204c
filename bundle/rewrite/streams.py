"""Single compressed streams: what was compressed is compressed again with the settings its header tells."""

from __future__ import annotations

import bz2
import io
import lzma
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from bundle.walk import stream, zstd
from bundle.walk.limits import WalkLimits
from hardening.errors import ArchiveError

_CHUNK = 1 << 20
_LIMITS = WalkLimits()
_LEAST_DICTIONARY = 4096
"""Bytes; liblzma writes no smaller one."""


@dataclass(frozen=True, slots=True)
class CompressionFormat:
    """A compression format: its first bytes, and both directions."""

    name: str
    magic: bytes
    unpack: Callable[[IO[bytes], IO[bytes]], None]
    pack: Callable[[IO[bytes], IO[bytes], bytes, int | None], None]
    """Takes the head of the old stream too, for the settings that it tells, and the level where it is known."""


def _unpacker(undo: Callable[[Iterator[bytes]], Iterator[bytes]]) -> Callable[[IO[bytes], IO[bytes]], None]:
    """Return what unpacks a file as the walk does: to its end, nothing behind it left out, and no bomb."""

    def unpack(source: IO[bytes], target: IO[bytes]) -> None:
        begin = source.tell()
        most = max(_LIMITS.ratio_from, _LIMITS.ratio * (source.seek(0, io.SEEK_END) - begin))
        source.seek(begin)
        made = 0
        for block in undo(iter(lambda: source.read(_CHUNK), b"")):
            made += len(block)
            if made > most:
                raise ArchiveError(
                    f"unpacks to more than {_LIMITS.ratio} times its size", hint="a bomb is not written again"
                )
            target.write(block)

    return unpack


def _gzip_header(head: bytes) -> bytes:
    """Return the header of a gzip member with its time, name and comment (RFC 1952 section 2.3), as far as the head holds them.

    What its extra field and its checksum say is of the old bytes alone (dictzip's places, BGZF's lengths): they go.
    """
    flags, at, kept, texts = head[3], 10, head[3] & 1, b""
    if flags & 4:
        at += 2 + int.from_bytes(head[at : at + 2], "little")
    for flag in (8, 16):
        if flags & flag:
            end = head.find(b"\0", at) + 1
            if not end:
                break
            kept, texts, at = kept | flag, texts + head[at:end], end
    return head[:3] + bytes([kept]) + head[4:10] + texts


def _pack_gzip(source: IO[bytes], target: IO[bytes], head: bytes, level: int | None) -> None:
    level = {2: 9, 4: 1}.get(head[8], 6) if level is None else level
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    checksum, size = 0, 0
    target.write(_gzip_header(head))
    while chunk := source.read(_CHUNK):
        checksum = zlib.crc32(chunk, checksum)
        size += len(chunk)
        target.write(packer.compress(chunk))
    target.write(packer.flush())
    target.write(checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little"))


def _pack_bzip2(source: IO[bytes], target: IO[bytes], head: bytes, level: int | None) -> None:
    del level  # the head says it
    with bz2.BZ2File(target, "w", compresslevel=head[3] - ord("0")) as packer:
        shutil.copyfileobj(source, packer, _CHUNK)


def _pack_xz(source: IO[bytes], target: IO[bytes], head: bytes, level: int | None) -> None:
    check = head[7] & 0x0F  # the check id of the stream flags
    with lzma.LZMAFile(target, "w", check=check, preset=level) as packer:
        shutil.copyfileobj(source, packer, _CHUNK)


def _pack_lzma(source: IO[bytes], target: IO[bytes], head: bytes, level: int | None) -> None:
    del level  # the head says what an unpacker has to know: three properties and the size of the dictionary
    rest, lc = divmod(head[0], 9)
    pb, lp = divmod(rest, 5)
    size = max(int.from_bytes(head[1:5], "little"), _LEAST_DICTIONARY)
    settings = {"id": lzma.FILTER_LZMA1, "dict_size": size, "lc": lc, "lp": lp, "pb": pb}
    with lzma.LZMAFile(target, "w", format=lzma.FORMAT_ALONE, filters=[settings]) as packer:
        shutil.copyfileobj(source, packer, _CHUNK)


def _pack_zstd(source: IO[bytes], target: IO[bytes], head: bytes, level: int | None) -> None:
    import zstandard

    known = 3 if level is None else level
    zstandard.ZstdCompressor(level=known, write_checksum=bool(head[4] & 4)).copy_stream(source, target)


_UNXZ = _unpacker(lambda blocks: stream.unxz(blocks, window=_LIMITS.window))

STREAMS = (
    CompressionFormat("gzip", b"\x1f\x8b\x08", _unpacker(stream.gunzip), _pack_gzip),
    CompressionFormat("bzip2", b"BZh", _unpacker(stream.bunzip2), _pack_bzip2),
    CompressionFormat("xz", b"\xfd7zXZ\x00", _UNXZ, _pack_xz),
    CompressionFormat(
        "zstd", zstd.MAGIC, _unpacker(lambda blocks: zstd.unzstd(blocks, window=_LIMITS.window)), _pack_zstd
    ),
    CompressionFormat("lzma", b"\x5d\x00\x00", _UNXZ, _pack_lzma),
)


def find(head: bytes) -> CompressionFormat | None:
    """Return the stream format these first bytes belong to."""
    return next((s for s in STREAMS if head.startswith(s.magic)), None)
