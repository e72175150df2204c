"""ext2, ext3 and ext4, read without mounting them: superblock, group descriptors, inodes, maps of blocks and folders.

Sources: the on-disk structures as Linux Documentation/filesystems/ext4 describes them. What is deleted, and what a journal
still holds, is not said.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from bundle.walk.formats import ends
from bundle.walk.formats.raw import Note, Raw, ReaderContext, decoded
from bundle.walk.problem import Broken
from bundle.walk.source import CHUNK, Source
from hardening.records import dataclass

SUPER = 1024
"""Where the superblock begins."""
_LENGTH = 1024
_MAGIC = b"\x53\xef"
_ROOT, _FIRST = 2, 11
_EXTENTS, _INLINE, _ENCRYPTED, _COMPRESSED = 0x80000, 0x10000000, 0x800, 0x4
_WIDE = 0x80
"""Features: addresses of blocks have more than 32 bits."""
_KNOWN = 0x2 | 0x4 | 0x40 | _WIDE | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x20000
"""Features that do not change where things lie, or are told file by file."""
_KINDS = {0x4: "directory", 0x8: "file", 0xA: "symlink", 0x2: "device", 0x6: "device", 0x1: "fifo", 0xC: "socket"}  # fmt: skip
_TREE = 0xF30A
_DEEPEST = 5
_UNWRITTEN = 32768
_DIRECT = 12
_SHORT_LINK = 60
_LONGEST_LINK = 4096
_MOST_OF_A_FOLDER = 64 << 20


def is_ext(head: bytes) -> bool:
    """Whether content begins with a superblock: its magic, and numbers that can be true."""
    at = SUPER
    if len(head) < at + 100 or head[at + 56 : at + 58] != _MAGIC:
        return False
    inodes, blocks = struct.unpack_from("<2I", head, at)
    first, log, _, group = struct.unpack_from("<4I", head, at + 20)
    return bool(inodes and blocks and group) and first <= 1 and log <= 6  # blocks of 64 KiB at most


def size(source: Source) -> int:
    """Return the bytes that the superblock says the file system has."""
    head = source.read(SUPER, _LENGTH)
    blocks, log = int.from_bytes(head[4:8], "little"), int.from_bytes(head[24:28], "little")
    if int.from_bytes(head[96:100], "little") & _WIDE:
        blocks |= int.from_bytes(head[336:340], "little") << 32
    return blocks << 10 + min(log, 6)


def members(source: Source, _context: ReaderContext) -> Iterator[Raw | Note]:
    """Say the members, folder by folder. Errors: Broken, now or while they are read."""
    image = _Image(source)
    whole = size(source)
    if whole > source.size:
        yield Note("truncated", f"ends {whole - source.size} bytes too early")
    todo: list[tuple[str, int]] = [("", _ROOT)]
    seen: set[int] = set()
    while todo:
        folder, number = todo.pop()
        if number in seen:
            yield Note("corrupt", "a folder contains itself", folder)
            continue
        seen.add(number)
        inner: list[tuple[str, int]] = []
        try:
            for name, entry in image.folder(number):
                path = f"{folder}/{name}" if folder else name
                raw = image.member(path, entry)
                yield raw
                if raw.kind == "directory":
                    inner.append((path, entry))
        except Broken as problem:
            yield Note(problem.reason, str(problem), folder)
        todo.extend(reversed(inner))
    yield from ends.behind(source, whole)


@dataclass(frozen=True, slots=True)
class _Inode:
    mode: int
    uid: int
    gid: int
    mtime: int
    flags: int
    size: int
    map: bytes
    """Sixty bytes that say where the content lies, or are the content."""


class _Image:
    def __init__(self, source: Source) -> None:
        head = source.read(SUPER, _LENGTH)
        if len(head) < _LENGTH:
            raise Broken("truncated", "ends inside the superblock")
        self._inodes = int.from_bytes(head[:4], "little")
        first, log = struct.unpack_from("<2I", head, 20)
        (self._in_a_group,) = struct.unpack_from("<I", head, 40)
        (revision,) = struct.unpack_from("<I", head, 76)
        (features,) = struct.unpack_from("<I", head, 96)
        self._length = int.from_bytes(head[88:90], "little") if revision else 128
        if features & ~_KNOWN:
            raise Broken("unsupported", f"ext with features {features & ~_KNOWN:#x}")
        if log > 6 or not self._in_a_group or not 128 <= self._length <= 4096:  # what kernels mount
            raise Broken("corrupt", "the superblock is damaged")
        self._source = source
        self._block = 1024 << log
        self._step = max(int.from_bytes(head[254:256], "little"), 32) if features & _WIDE else 32
        self._groups = (first + 1) * self._block

    def _inode(self, number: int) -> _Inode:
        if not 0 < number <= self._inodes:
            raise Broken("corrupt", f"no inode {number}")
        group, index = divmod(number - 1, self._in_a_group)
        about = self._source.read(self._groups + group * self._step, self._step)
        if len(about) < self._step:
            raise Broken("truncated", "ends inside the group descriptors")
        table = int.from_bytes(about[8:12], "little")
        if self._step > 32:  # the upper halves lie behind the lower ones
            table |= int.from_bytes(about[40:44], "little") << 32
        raw = self._source.read(table * self._block + index * self._length, 128)
        if len(raw) < 128:  # what every inode has
            raise Broken("truncated", "ends inside the inodes")
        mode, uid, low, _, _, mtime, _, gid = struct.unpack_from("<2H5IH", raw)
        (flags,) = struct.unpack_from("<I", raw, 32)
        high = int.from_bytes(raw[108:112], "little") if mode >> 12 == 0x8 else 0  # files alone
        return _Inode(mode, uid, gid, mtime, flags, high << 32 | low, raw[40:100])

    def folder(self, number: int) -> Iterator[tuple[str, int]]:
        """Say (name, number of the inode) of what is in a folder."""
        inode = self._inode(number)
        if inode.flags & _INLINE:
            listing = bytes(4) + inode.map[4:]  # its parent stands before its entries
            yield from _entries(listing[4 : max(4, inode.size)])
            return
        if inode.size > min(_MOST_OF_A_FOLDER, self._source.size):
            raise Broken("corrupt", f"a folder of {inode.size} bytes")
        for block in self._content(inode):
            for at in range(0, len(block), self._block):
                yield from _entries(block[at : at + self._block])

    def member(self, path: str, number: int) -> Raw:
        """Return one member by its inode."""
        inode = self._inode(number)
        kind = _KINDS.get(inode.mode >> 12, "device")
        raw = Raw(
            name=path, kind=kind, mode=inode.mode & 0o7777, uid=inode.uid, gid=inode.gid, mtime=float(inode.mtime),
        )  # fmt: skip
        if kind == "symlink":
            short = inode.size < _SHORT_LINK and not inode.flags & _EXTENTS
            link = (
                inode.map if short else b"".join(self._content(inode)) if inode.size <= _LONGEST_LINK else b""
            )
            raw.link = decoded(link[: inode.size])
        elif kind == "file":
            raw.size, raw.data = inode.size, self._content(inode)
        return raw

    def _content(self, inode: _Inode) -> Iterator[bytes]:
        """Yield a file's content, what is contiguous at once; holes are zeros."""
        if inode.flags & (_ENCRYPTED | _COMPRESSED):
            raise Broken(
                "encrypted" if inode.flags & _ENCRYPTED else "unsupported",
                "a file that the kernel has packed",
            )
        if inode.flags & _INLINE:
            if inode.size > len(inode.map):
                raise Broken("unsupported", "a file whose end lies among its attributes")
            yield inode.map[: inode.size]
            return
        left, at = inode.size, 0
        for first, count, start in self._extents(inode):
            if left <= 0:
                return
            if first < at or not count:
                raise Broken("corrupt", "the blocks of a file are out of order")
            if first > at:
                yield from _zeros(min(left, (first - at) * self._block))
                left -= min(left, (first - at) * self._block)
            want = min(left, count * self._block)
            yield from self._run(start, want) if start else _zeros(want)
            left, at = left - want, first + count
        yield from _zeros(left)

    def _run(self, start: int, length: int) -> Iterator[bytes]:
        at, end = start * self._block, start * self._block + length
        while at < end:
            block = self._source.read(at, min(CHUNK, end - at))
            if not block:
                raise Broken("truncated", "ends inside a file")
            yield block
            at += len(block)

    def _extents(self, inode: _Inode) -> Iterator[tuple[int, int, int]]:
        """Say (first block of the file, how many, where they lie), in order; they lie nowhere (0) where they are zeros."""
        if inode.flags & _EXTENTS:
            yield from self._in_tree(inode.map, _DEEPEST)
            return
        blocks = -(-inode.size // self._block)
        first = count = start = 0
        for at, place in self._mapped(inode.map, blocks):
            if count and (at, place) == (first + count, start + count):
                count += 1
                continue
            if count:
                yield first, count, start
            first, count, start = at, 1, place
        if count:
            yield first, count, start

    def _in_tree(self, node: bytes, deepest: int) -> Iterator[tuple[int, int, int]]:
        magic, entries, _, depth = struct.unpack_from("<4H", node)
        if magic != _TREE or depth > deepest or 12 * (entries + 1) > len(node):
            raise Broken("corrupt", "a tree of extents is damaged")
        if not entries and deepest < _DEEPEST:
            raise Broken("corrupt", "a tree of extents has an empty branch")
        for at in range(12, 12 * (entries + 1), 12):
            if depth:
                _, low, high = struct.unpack_from("<2IH", node, at)
                below = self._source.read((high << 32 | low) * self._block, self._block)
                yield from self._in_tree(below, depth - 1)
            else:
                first, count, high, low = struct.unpack_from("<I2HI", node, at)
                unwritten = count > _UNWRITTEN
                yield first, count - _UNWRITTEN if unwritten else count, 0 if unwritten else high << 32 | low

    def _mapped(self, numbers: bytes, blocks: int) -> Iterator[tuple[int, int]]:
        """Say (block of the file, where it lies) for each that lies anywhere, by the map of ext2 and ext3."""
        places = struct.unpack("<15I", numbers)
        for first, place in enumerate(places[: min(_DIRECT, blocks)]):
            if place:
                yield first, place
        first = _DIRECT
        for level, place in enumerate(places[_DIRECT:], 1):
            if first >= blocks:
                return
            yield from self._indirect(place, level, first, blocks)
            first += (self._block // 4) ** level

    def _indirect(self, place: int, level: int, first: int, blocks: int) -> Iterator[tuple[int, int]]:
        if not place:
            return
        table = self._source.read(place * self._block, self._block)
        if len(table) < self._block:
            raise Broken("truncated", "ends inside a map of blocks")
        below = (self._block // 4) ** (level - 1)
        for (inner,) in struct.iter_unpack("<I", table):
            if first >= blocks:
                return
            if inner and level == 1:
                yield first, inner
            elif inner:
                yield from self._indirect(inner, level - 1, first, blocks)
            first += below


def _zeros(length: int) -> Iterator[bytes]:
    while length > 0:
        yield bytes(min(CHUNK, length))
        length -= CHUNK


def _entries(listing: bytes) -> Iterator[tuple[str, int]]:
    """Say the names in one block of a folder; what indexes it looks like entries that are not used."""
    at = 0
    while at + 8 <= len(listing):
        number, length, named = struct.unpack_from("<IHB", listing, at)
        length = len(listing) - at if length in (0, 0xFFFF) and len(listing) > _UNWRITTEN else length
        if length < 8 or at + length > len(listing) or named > length - 8:  # what stands before a name
            raise Broken("corrupt", "a folder's listing is damaged")
        name = listing[at + 8 : at + 8 + named]
        if number and name not in (b".", b"..", b""):
            yield decoded(name), number
        at += length
