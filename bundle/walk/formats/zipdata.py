"""Content of zip entries: unpacked by its method and compared with what the directory promises."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator

from bundle.walk import stream, zstd
from bundle.walk.formats.raw import ReaderContext
from bundle.walk.formats.zipdir import ZipEntry
from bundle.walk.limits import WalkLimits
from bundle.walk.problem import Broken
from bundle.walk.source import Slice, Source, chunks

_AT_ONCE = 1 << 20
METHODS = {0: "stored", 8: "deflate", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz"}


def refused(reason: str, message: str) -> Iterator[bytes]:
    """Return content that cannot be read, for this reason."""
    raise Broken(reason, message)
    yield b""


def content(source: Source, row: ZipEntry, begin: int, context: ReaderContext) -> bytes | Iterator[bytes]:
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


def unpack(packed: Source, method: int, context: ReaderContext) -> Iterator[bytes]:
    """Undo a method of `METHODS`. Errors: Broken."""
    blocks = chunks(packed)
    if method == 0:
        return blocks
    if method == 8:
        return stream.inflate(blocks)
    if method == 12:
        return stream.bunzip2(blocks)
    if method == 93:
        return zstd.unzstd(blocks, window=context.limits.window)
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


def _checked(blocks: Iterator[bytes], row: ZipEntry) -> Iterator[bytes]:
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


def unlisted(source: Source, row: ZipEntry, begin: int, end: int) -> tuple[bytes | Iterator[bytes], int]:
    """Return the content of an entry that has only a local header, and how many packed bytes it takes."""
    if row.flags & 1:
        return refused("encrypted", "is encrypted"), row.packed
    if row.flags & 8 and not row.packed:  # its length is known once it has been unpacked
        if row.method != 8:
            return b"", 0
        return _deflated(source, begin, end)
    if row.method not in METHODS:
        return refused("unsupported", f"is packed with method {row.method}"), row.packed
    limited = Slice(source, begin, max(0, min(row.packed, end - begin)))
    return unpack(limited, row.method, ReaderContext("", WalkLimits())), row.packed


def _deflated(source: Source, begin: int, end: int) -> tuple[bytes, int]:
    made = stream.inflater(-15)
    out: list[bytes] = []
    size = used = 0
    try:
        for block in chunks(source, begin, end):
            used += len(block)
            piece = block
            full = False
            while (piece or full) and not made.eof and size < 64 << 20:
                out.append(made.decompress(piece, stream.OUT))
                size += len(out[-1])
                full = len(out[-1]) >= stream.OUT
                piece = made.unconsumed_tail
            if made.eof or size >= 64 << 20:
                break
    except stream.CORRUPT:
        pass
    return b"".join(out), max(0, used - len(made.unused_data))
