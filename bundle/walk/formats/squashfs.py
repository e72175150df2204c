"""squashfs 4, read without mounting it: superblock, inode and directory tables, data blocks and fragments.

Sources: the on-disk structures as Linux Documentation/filesystems/squashfs.rst describes them.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import zstandard

from bundle.walk.formats import ends, lz
from bundle.walk.formats.raw import Note, Raw, ReaderContext, decoded
from bundle.walk.problem import Broken
from bundle.walk.source import Source

_SUPER = struct.Struct("<5I6H8Q")
_BASE = struct.Struct("<4H2I")
_FRAGMENT = struct.Struct("<QI4x")
_META = 8192
_PLAIN_META, _PLAIN_DATA = 1 << 15, 1 << 24
_NONE = 0xFFFFFFFF
_KINDS = {1: "directory", 2: "file", 3: "symlink", 4: "device", 5: "device", 6: "fifo", 7: "socket"}


def members(source: Source, context: ReaderContext) -> Iterator[Raw | Note]:
    """Say the members, folder by folder in the order of the directory tables."""
    image = _Image(source, context)
    todo: list[tuple[str, int]] = [("", image.root)]
    seen: set[int] = set()
    while todo:
        folder, reference = todo.pop()
        if reference in seen:
            yield Note("corrupt", "a folder contains itself", folder)
            continue
        seen.add(reference)
        inner: list[tuple[str, int]] = []
        for name, entry in image.folder(reference):
            path = f"{folder}/{name}" if folder else name
            raw = image.member(path, entry)
            yield raw
            if raw.kind == "directory":
                inner.append((path, entry))
        todo.extend(reversed(inner))
    yield from ends.behind(source, ends.squashfs(source))


@dataclass(frozen=True, slots=True)
class _Inode:
    kind: int
    mode: int
    uid: int
    gid: int
    mtime: float
    rest: bytes
    """What follows the common part, as far as one metadata block reaches and more."""


class _Image:
    def __init__(self, source: Source, context: ReaderContext) -> None:
        head = source.read(0, _SUPER.size)
        if len(head) < _SUPER.size:
            raise Broken("truncated", "ends inside the superblock")
        (_, self._inodes, _time, self._block, fragments, method, _log, _flags, ids, major, _minor, self.root, used,
         id_table, _xattr, self._inode_table, self._directories, fragment_table, _export) = _SUPER.unpack(head)  # fmt: skip
        if major != 4:
            raise Broken("unsupported", f"squashfs version {major}")
        if used > source.size:
            raise Broken("truncated", f"ends {used - source.size} bytes too early")
        if not 4096 <= self._block <= 1 << 20:
            raise Broken("corrupt", f"blocks of {self._block} bytes")
        self._source = source
        self._unpack = _method(method, context)
        self._blocks: dict[int, tuple[bytes, int]] = {}
        self._ids = struct.unpack(f"<{ids}I", self._table(id_table, 4 * ids)) if ids else ()
        self._fragments, self._fragment_table = fragments, fragment_table
        self._fragment: tuple[int, bytes] = (-1, b"")

    def _meta(self, at: int) -> tuple[bytes, int]:
        """Return one metadata block unpacked, and where the next one starts."""
        known = self._blocks.get(at)
        if known is None:
            head = self._source.read(at, 2)
            if len(head) < 2:
                raise Broken("truncated", "ends inside a table")
            size = int.from_bytes(head, "little")
            length = size & ~_PLAIN_META or _PLAIN_META
            body = self._source.read(at + 2, length)
            known = (body if size & _PLAIN_META else self._unpack(body, _META), at + 2 + length)
            if len(self._blocks) > 256:
                self._blocks.clear()
            self._blocks[at] = known
        return known

    def _run(self, at: int, offset: int, length: int) -> bytes:
        """Return bytes of a table that starts in the block at `at`."""
        out = b""
        block, following = self._meta(at)
        piece = block[offset : offset + length]
        while True:
            out += piece
            if len(out) >= length or following >= self._source.size or not piece:
                return out
            try:
                block, following = self._meta(following)
            except Broken:
                return out
            piece = block[: length - len(out)]

    def _table(self, at: int, length: int) -> bytes:
        """Return a table that is reached through a list of block addresses."""
        count = -(-length // _META)
        raw = self._source.read(at, 8 * count)
        if len(raw) < 8 * count:
            raise Broken("truncated", "ends inside a table")
        return b"".join(self._meta(start)[0] for start in struct.unpack(f"<{count}Q", raw))[:length]

    def _inode(self, reference: int) -> _Inode:
        at, offset = self._inode_table + (reference >> 16), reference & 0xFFFF
        head = self._run(at, offset, _META)
        kind, mode, uid, gid, mtime, _number = _BASE.unpack_from(head)
        return _Inode(kind, mode, self._id(uid), self._id(gid), float(mtime), head[_BASE.size :])

    def _id(self, index: int) -> int:
        return self._ids[index] if index < len(self._ids) else 0

    def folder(self, reference: int) -> Iterator[tuple[str, int]]:
        """Say (name, inode reference) of what is in a folder."""
        inode = self._inode(reference)
        if inode.kind == 1:
            start, _links, size, offset, _parent = struct.unpack_from("<2I2HI", inode.rest)
        else:
            _links, size, start, _parent, _count, offset = struct.unpack_from("<4I2H", inode.rest)
        listing = self._run(self._directories + start, offset, max(0, size - 3))
        at = 0
        while at + 12 <= len(listing):
            count, block, _number = struct.unpack_from("<3I", listing, at)
            at += 12
            if count >= 256:
                raise Broken("corrupt", "a folder's listing is damaged")
            for _ in range(count + 1):
                place, _delta, _kind, length = struct.unpack_from("<HhHH", listing, at)
                name = listing[at + 8 : at + 9 + length]
                at += 9 + length
                yield decoded(name), block << 16 | place

    def member(self, path: str, reference: int) -> Raw:
        """Return one member by its inode."""
        inode = self._inode(reference)
        kind = _KINDS.get(inode.kind - 7 if inode.kind > 7 else inode.kind, "device")
        raw = Raw(
            name=path, kind=kind, mode=inode.mode & 0o7777, uid=inode.uid, gid=inode.gid, mtime=inode.mtime,
        )  # fmt: skip
        if kind == "symlink":
            _links, length = struct.unpack_from("<2I", inode.rest)
            raw.link = decoded(inode.rest[8 : 8 + min(length, 4096)])
        elif kind == "file":
            raw.size, raw.data = self._file(inode, reference)
        return raw

    def _file(self, inode: _Inode, reference: int) -> tuple[int, Iterator[bytes]]:
        if inode.kind == 2:
            start, fragment, offset, size = struct.unpack_from("<4I", inode.rest)
            skip = 16
        else:
            start, size, _sparse, _links, fragment, offset, _xattr = struct.unpack_from("<3Q4I", inode.rest)
            skip = 40
        blocks = size // self._block if fragment != _NONE else -(-size // self._block)
        if blocks > self._source.size // 1 + 1 << 4:
            raise Broken("corrupt", f"a file of {size} bytes")
        at = self._inode_table + (reference >> 16)
        head = self._run(at, reference & 0xFFFF, _BASE.size + skip + 4 * blocks)
        sizes = struct.unpack_from(f"<{blocks}I", head, _BASE.size + skip)
        return size, self._content(start, sizes, size, fragment, offset)

    def _content(
        self, at: int, sizes: tuple[int, ...], size: int, fragment: int, offset: int
    ) -> Iterator[bytes]:
        left = size
        for stored in sizes:
            want = min(self._block, left)
            length = stored & ~_PLAIN_DATA
            if not length:
                yield bytes(want)  # a hole
            else:
                body = self._source.read(at, length)
                if len(body) < length:
                    raise Broken("truncated", "ends inside a data block")
                block = body if stored & _PLAIN_DATA else self._unpack(body, self._block)
                yield block[:want]
                if len(block) < want:
                    raise Broken("corrupt", "a data block is too short")
            at += length
            left -= want
        if left and fragment != _NONE:
            block = self._fragment_block(fragment)
            if offset + left > len(block):
                raise Broken("corrupt", "a fragment is too short")
            yield block[offset : offset + left]

    def _fragment_block(self, number: int) -> bytes:
        if self._fragment[0] != number:
            if number >= self._fragments:
                raise Broken("corrupt", f"no fragment {number}")
            table, row = divmod(number, _META // _FRAGMENT.size)
            place = self._source.read(self._fragment_table + 8 * table, 8)
            rows, _ = self._meta(int.from_bytes(place, "little"))
            at, stored = _FRAGMENT.unpack_from(rows, row * _FRAGMENT.size)
            body = self._source.read(at, stored & ~_PLAIN_DATA)
            block = body if stored & _PLAIN_DATA else self._unpack(body, self._block)
            self._fragment = (number, block)
        return self._fragment[1]


def _whole(block: bytes, *, ended: bool) -> bytes:
    """Return a block whose stream has ended, for only then its checksum was compared. Errors: Broken."""
    if not ended:
        raise Broken("corrupt", "a block is damaged: its stream has no end")
    return block


def _method(number: int, context: ReaderContext) -> Callable[[bytes, int], bytes]:
    """Return the decompressor: a function of packed bytes and the most they may become. Errors: Broken."""

    def inflate(body: bytes, most: int) -> bytes:
        made = zlib.decompressobj()
        block = made.decompress(body, most)
        if not made.eof:
            made.decompress(made.unconsumed_tail, 1)
        return _whole(block, ended=made.eof)

    def unxz(body: bytes, most: int) -> bytes:
        made = lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=context.limits.window)
        block = made.decompress(body, most)
        if not made.eof:
            made.decompress(b"", 1)
        return _whole(block, ended=made.eof)

    def unzstd(body: bytes, most: int) -> bytes:
        return zstandard.ZstdDecompressor(max_window_size=1 << 23).decompress(body, max_output_size=most)

    made = {1: inflate, 2: unxz, 3: lz.unlzo, 4: unxz, 5: lz.unlz4, 6: unzstd}.get(number)
    if made is None:
        raise Broken("unsupported", f"squashfs with compression {number}")

    def guarded(body: bytes, most: int) -> bytes:
        try:
            return made(body, most)
        except (zlib.error, lzma.LZMAError, zstandard.ZstdError) as problem:
            raise Broken("corrupt", f"a block is damaged: {problem}") from problem

    return guarded
