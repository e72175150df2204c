"""cramfs, read without mounting it: superblock, inodes that stand before their names, pointers to blocks, blocks of zlib.

Sources: the on-disk structures as Linux fs/cramfs/README and include/uapi/linux/cramfs_fs.h describe them, and what mkfs.cramfs
of util-linux writes. An image is in the byte order of its machine, and times are not in it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from bundle.walk.formats import ends
from bundle.walk.formats.cramblocks import Blocks
from bundle.walk.formats.raw import Note, Raw, ReaderContext, decoded
from bundle.walk.formats.unused import Unused
from bundle.walk.problem import Broken
from bundle.walk.source import Source, chunks
from hardening.records import dataclass

BOOT = 512
"""Bytes for boot code that may stand in front of a superblock."""
LENGTH = 76
"""Bytes of a superblock."""
_MAGICS = {b"\x45\x3d\xcd\x28": "<", b"\x28\xcd\x3d\x45": ">"}
_CRC, _ROOT = 32, 64
"""Where the checksum and the inode of the root stand in a superblock."""
_INODE = 12
_SUMMED = 0x1
"""Feature: the superblock says the image's true size and its CRC-32."""
_KNOWN = 0xFF | 0x100 | 0x200 | 0x400 | 0x800
"""Features that kernels know: holes, another signature, a root that lies elsewhere, flags in pointers."""
_KINDS = {0x4: "directory", 0x8: "file", 0xA: "symlink", 0x2: "device", 0x6: "device", 0x1: "fifo", 0xC: "socket"}  # fmt: skip
_FOLDER = 0x4
_LONGEST_NAME, _LONGEST_LINK = 252, 4096
_LEAST = _INODE + 4
"""Bytes of an inode with the shortest name."""


def is_cramfs(head: bytes) -> bool:
    """Whether content begins with the magic, in either byte order."""
    return head[:4] in _MAGICS


def is_behind_boot_code(head: bytes) -> bool:
    """Whether a superblock stands behind boot code: what its root says counts from the begin of the boot code."""
    order = _MAGICS.get(head[BOOT : BOOT + 4])
    if order is None or len(head) < BOOT + LENGTH:
        return False
    root = _inode(head[BOOT + _ROOT :], order)
    return root.mode >> 12 == _FOLDER and (not root.size or root.place >= BOOT + LENGTH)


def members(source: Source, context: ReaderContext) -> Iterator[Raw | Note]:
    """Say the members, folder by folder. Errors: Broken, now or while they are read."""
    image = _Image(source)
    yield from image.problems()
    todo: list[tuple[str, int]] = [("", 0)]  # where entries lie: paths of a million would fill the memory
    seen = {image.root.place}
    while todo and image.left >= 0:
        above, at = todo.pop()
        name, inode = image.entry(at) if at else ("", image.root)
        folder = f"{above}/{name}" if above else name
        inner: list[tuple[str, int]] = []
        try:
            for at, name, entry in image.folder(inode):
                path = f"{folder}/{name}" if folder else name
                yield from image.member(path, entry)
                if entry.mode >> 12 != _FOLDER or not entry.size:
                    continue
                if entry.place in seen:
                    yield Note("corrupt", "a folder contains itself", path)
                elif len(path) > context.limits.path:
                    yield Note("corrupt", "a folder lies deeper than any path leads", path)
                else:
                    seen.add(entry.place)
                    inner.append((folder, at))
        except Broken as problem:
            yield Note(problem.reason, str(problem), folder)
        todo.extend(reversed(inner))
    yield from image.unused.members()
    yield from ends.behind(source, image.end)


@dataclass(frozen=True, slots=True)
class _Inode:
    mode: int
    uid: int
    gid: int
    size: int
    """Of a device its number."""
    place: int
    named: int
    """Bytes that its name takes."""


def _inode(raw: bytes, order: str) -> _Inode:
    first, second, third = struct.unpack_from(f"{order}3I", raw)
    if order == "<":
        return _Inode(
            first & 0xFFFF, first >> 16, second >> 24, second & 0xFFFFFF, third >> 6 << 2, (third & 63) << 2
        )
    return _Inode(
        first >> 16, first & 0xFFFF, second & 0xFF, second >> 8, (third & 0x3FFFFFF) << 2, third >> 26 << 2
    )


class _Image:
    def __init__(self, source: Source) -> None:
        head = source.read(0, BOOT + LENGTH)
        self._at = 0 if is_cramfs(head) else BOOT
        head = head[self._at : self._at + LENGTH]
        if len(head) < LENGTH:
            raise Broken("truncated", "ends inside the superblock")
        order = _MAGICS.get(head[:4])
        if order is None:
            raise Broken("corrupt", "no superblock is there")
        size, features = struct.unpack_from(f"{order}2I", head, 4)
        (self._sum,) = struct.unpack_from(f"{order}I", head, _CRC)
        self.root = _inode(head[_ROOT:], order)
        if features & ~_KNOWN:
            raise Broken("unsupported", f"cramfs with features {features & ~_KNOWN:#x}")
        if self.root.mode >> 12 != _FOLDER:
            raise Broken("corrupt", "the root is not a folder")
        self._summed = bool(features & _SUMMED)
        self.end = size if self._summed else source.size
        if self.end < self._at + LENGTH:
            raise Broken("corrupt", f"an image of {size} bytes")
        self._source = source
        self._order = order
        self.left = source.size // _LEAST
        """Entries that there can be; folders that lie over each other would be read without an end."""
        self.unused = Unused(source, min(self.end, source.size))
        self.unused.take(self._at, self._at + LENGTH)
        self._blocks = Blocks(source, order, self.unused)

    def problems(self) -> Iterator[Note]:
        """Say what is wrong with the image as a whole."""
        missing = self.end - self._source.size
        if missing > 0:
            yield Note("truncated", f"ends {missing} bytes too early")
        elif self._summed and self._crc() != self._sum:
            yield Note("checksum", "the image has another CRC-32 than its superblock says")

    def _crc(self) -> int:
        """Return the checksum, which is of the image with zeros in its own place and without boot code."""
        place = self._at + _CRC
        crc = zlib.crc32(bytes(4), zlib.crc32(self._source.read(self._at, _CRC)))
        for block in chunks(self._source, place + 4, self.end):
            crc = zlib.crc32(block, crc)
        return crc

    def folder(self, folder: _Inode) -> Iterator[tuple[int, str, _Inode]]:
        """Say (where it lies, name, inode) of what is in a folder."""
        at, end = folder.place, folder.place + folder.size
        if folder.size and not folder.place:
            raise Broken("corrupt", "a folder lies nowhere")
        while at < end:
            name, entry = self.entry(at)
            self.left -= 1
            if self.left < 0:
                raise Broken("corrupt", "its folders lie over each other")
            if not name:
                raise Broken("corrupt", "a folder's listing is damaged")
            following = at + _INODE + entry.named
            self.unused.take(at, following)
            yield at, name, entry
            at = following

    def entry(self, at: int) -> tuple[str, _Inode]:
        """Return the name and the inode that lie at a place."""
        raw = self._source.read(at, _INODE + _LONGEST_NAME)
        entry = _inode(raw, self._order) if len(raw) >= _INODE else None
        if entry is None or len(raw) < _INODE + entry.named:
            raise Broken("truncated", "ends inside a folder")
        return decoded(raw[_INODE : _INODE + entry.named].rstrip(b"\0")), entry

    def member(self, path: str, inode: _Inode) -> Iterator[Raw | Note]:
        """Say one member by its inode, and what is wrong with its link."""
        kind = _KINDS.get(inode.mode >> 12, "device")
        raw = Raw(name=path, kind=kind, mode=inode.mode & 0o7777, uid=inode.uid, gid=inode.gid)
        if kind == "symlink":
            try:
                raw.link = decoded(self._link(inode))
            except Broken as problem:
                yield Note(problem.reason, str(problem), path)
        elif kind == "file":
            raw.size, raw.data = inode.size, self._blocks.content(inode.place, inode.size)
        yield raw

    def _link(self, inode: _Inode) -> bytes:
        if inode.size > _LONGEST_LINK:
            raise Broken("corrupt", f"a link of {inode.size} bytes")
        return b"".join(self._blocks.content(inode.place, inode.size))
