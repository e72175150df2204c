"""The payload of rpms whose files are too large for cpio, and of format 6: content alone, by the numbers of the header's files.

Source: rpm's lib/cpio.c and lib/rpmfi.cc (a record is a magic and a file's number; sizes and names are the header's).
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator

from bundle.walk.formats import cpio
from bundle.walk.formats.raw import Note, Raw, ReaderContext, decoded
from bundle.walk.problem import Broken
from bundle.walk.source import Source
from bundle.walk.stream import Stream

MAGIC = b"07070X"
_RECORD, _PAD = 14, 4
_AT_ONCE = 1 << 20
_BASENAMES, _FOLDERS, _FOLDER_OF, _OLD_NAMES = 1117, 1118, 1116, 1027
_SIZES, _LONG_SIZES, _MODES, _TIMES = 1028, 5008, 1030, 1034
_DEVICES, _INODES, _USERS, _GROUPS = 1095, 1096, 1039, 1040
_WIDTHS = {2: "B", 3: "H", 4: "I", 5: "Q"}
_KINDS = {
    stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFCHR: "device", stat.S_IFBLK: "device", stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}  # fmt: skip


class Files:
    """What the header of a package says of its files."""

    def __init__(self, source: Source, at: int) -> None:
        """Read the header that begins at `at`. Errors: Broken, struct.error, LookupError."""
        self._count, size = struct.unpack(">2I", source.read(at + 8, 8))
        self._index = source.read(at + 16, 16 * self._count)
        self._store = source.read(at + 16 + 16 * self._count, size)
        self.names = self._strings(_OLD_NAMES)
        if not self.names:
            folders = self._strings(_FOLDERS)
            rows = zip(self._numbers(_FOLDER_OF), self._strings(_BASENAMES), strict=True)
            self.names = [folders[number] + base for number, base in rows]
        self.sizes = self._numbers(_LONG_SIZES) or self._numbers(_SIZES)
        self.modes, self.times = self._numbers(_MODES), self._numbers(_TIMES)
        self.owners, self.groups = self._strings(_USERS), self._strings(_GROUPS)
        nodes = list(zip(self._numbers(_DEVICES), self._numbers(_INODES), strict=True))
        self._last = {node: number for number, node in enumerate(nodes) if stat.S_ISREG(self.modes[number])}
        self._nodes = nodes

    def stored(self, number: int) -> int:
        """Return the bytes of a file's content: of several names of one the last alone has any."""
        mode = self.modes[number]
        if stat.S_ISREG(mode):
            last = self._last.get(self._nodes[number], number) if self._nodes else number
            return self.sizes[number] if number == last else 0
        return self.sizes[number] if stat.S_ISLNK(mode) else 0

    def _entry(self, tag: int) -> tuple[int, int, int] | None:
        rows = struct.iter_unpack(">4I", self._index)
        return next(((kind, offset, count) for one, kind, offset, count in rows if one == tag), None)

    def _numbers(self, tag: int) -> list[int]:
        kind, offset, count = self._entry(tag) or (4, 0, 0)
        return list(struct.unpack_from(f">{count}{_WIDTHS[kind]}", self._store, offset))

    def _strings(self, tag: int) -> list[bytes]:
        _, offset, count = self._entry(tag) or (8, 0, 0)
        return self._store[offset:].split(b"\0", count)[:count]


def members(stream: Stream, files: Files, context: ReaderContext) -> Iterator[Raw | Note]:
    """Say the members in order. Errors: Broken, LookupError, ValueError."""
    while stream.peek(len(MAGIC)) == MAGIC:
        number = int(stream.exactly(_RECORD)[len(MAGIC) :], 16)
        stream.read(-_RECORD % _PAD)
        size, mode = files.stored(number), files.modes[number]
        kind, link = _KINDS.get(stat.S_IFMT(mode), "file"), ""
        content: bytes | Iterator[bytes] = b""
        if kind == "symlink" and size <= context.limits.path:
            link = decoded(stream.exactly(size))
        else:
            content = stream.exactly(size) if size <= _AT_ONCE else stream.parts(size)
        yield Raw(
            name="." + decoded(files.names[number]), kind=kind, size=size, mode=mode & 0o7777, link=link, data=content,
            owner=decoded(files.owners[number]), group=decoded(files.groups[number]), mtime=float(files.times[number]),
        )  # fmt: skip
        if not isinstance(content, bytes):
            for _ in content:  # what its reader left
                pass
        stream.read(-size % _PAD)
    if not cpio.is_cpio(stream.peek(6)):
        raise Broken("corrupt", f"no header at byte {stream.position}")
    yield from cpio.members(stream, context)
    for _ in stream.rest():  # a checksum is at the end
        pass
