"""Where an archive inside another file starts and ends. A magic alone proves nothing: what follows it has to agree."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from bundle.classfile import CONSTANT, TEXT, TWO_SLOTS
from bundle.walk.formats import ends
from bundle.walk.formats.raw import Note, Raw
from bundle.walk.formats.zipdir import directory_of
from bundle.walk.problem import Broken
from bundle.walk.source import Slice, Source, chunks


@dataclass(frozen=True, slots=True)
class FoundExtent:
    """An archive inside a file."""

    start: int
    length: int
    """Bytes it takes in the file."""
    name: str = ""
    data: bytes | Iterator[bytes] | None = None
    """What it is, where that is not what the file stores."""

    def raw(self, source: Source) -> Raw:
        """Return it as a member of the file."""
        name = self.name or f"<data at {self.start}>"
        if self.data is not None:
            return Raw(name=name, data=self.data, hidden=True)
        data = chunks(source, self.start, self.start + self.length)
        return Raw(name=name, size=self.length, data=data, hidden=True)


def at(source: Source, place: int, mark: bytes) -> FoundExtent | None:
    """Return the archive that a mark at `place` belongs to, if it belongs to one behind the file's first byte."""
    back, length_of = MARKS[mark]
    start = place - back
    if mark == _END:
        return _zip(source, place)
    if start <= 0:
        return None
    try:
        length = length_of(Slice(source, start, source.size - start))
    except (Broken, ValueError, struct.error, LookupError):
        return None
    return FoundExtent(start, min(length, source.size - start)) if length else None


_USUAL_END = b"\0\0\0\2"
"""Length of the attribute with the name of the source, with which most classes end."""


def class_end(source: Source) -> int:
    """Return where a Java class ends (JVM specification, 4.1); 0 where it is damaged, or ends as most do."""
    if source.read(max(0, source.size - 6), 4) == _USUAL_END or source.size > _LARGEST_CLASS:
        return 0
    data = source.read(0, source.size)
    try:
        return _after_class(data)
    except (LookupError, struct.error):
        return 0


_LARGEST_CLASS = 16 << 20


def _after_class(data: bytes) -> int:
    (count,) = struct.unpack_from(">H", data, 8)
    at, number = 10, 1
    while number < count:
        tag = data[at]
        at += 3 + int(struct.unpack_from(">H", data, at + 1)[0]) if tag == TEXT else 1 + CONSTANT[tag]
        number += 2 if tag in TWO_SLOTS else 1
    at += 6
    at += 2 + 2 * int(struct.unpack_from(">H", data, at)[0])
    for _ in range(2):  # fields, methods
        (many,) = struct.unpack_from(">H", data, at)
        at += 2
        for _ in range(many):
            at = _attributes(data, at + 6)
    return _attributes(data, at)


def _attributes(data: bytes, at: int) -> int:
    (many,) = struct.unpack_from(">H", data, at)
    at += 2
    for _ in range(many):
        at += 6 + int(struct.unpack_from(">I", data, at + 2)[0])
    return at


def sqlite_end(source: Source) -> int:
    """Return where a SQLite database ends (https://www.sqlite.org/fileformat.html, 1.3); 0 where its header does not say."""
    head = source.read(0, 100)
    if len(head) < 100:
        return 0
    page, pages = struct.unpack_from(">H", head, 16)[0], struct.unpack_from(">I", head, 28)[0]
    return int(65536 if page == 1 else page) * int(pages) if head[24:28] == head[92:96] else 0


def tail(source: Source, end: int) -> Iterator[Raw | Note]:
    """Say what lies behind the end of a file, unless it is padding."""
    if 0 < end < source.size and any(block.strip(b"\0") for block in chunks(source, end)):
        yield Note("trailing-data", "data behind the end of the file", f"<data at {end}>")
        yield Raw(name=f"<data at {end}>", size=source.size - end, data=chunks(source, end), hidden=True)


_END = b"PK\5\6"


def _zip(source: Source, place: int) -> FoundExtent | None:
    """A zip is found by its end, which says where its directory lies, which says where its entries lie."""
    tail = source.read(place, 22)
    if len(tail) < 22:
        return None
    end = min(source.size, place + 22 + int.from_bytes(tail[20:22], "little"))
    directory = directory_of(Slice(source, 0, end))
    if directory is None or directory.end != end or not directory.rows:
        return None
    start = min(row.at for row in directory.rows)
    if not 0 < start < directory.start or source.read(start, 4) != b"PK\3\4":
        return None
    return FoundExtent(start, end - start)


MARKS: dict[bytes, tuple[int, ends.Measure]] = {
    _END: (0, lambda _source: 0),
    b"\x1f\x8b\x08": (0, ends.GZIP), b"\xfd7zXZ\0": (0, ends.XZ), b"1AY&SY": (4, ends.BZIP2), b"\x28\xb5\x2f\xfd": (0, ends.ZSTD),
    b"7z\xbc\xaf\x27\x1c": (0, ends.sevenz), b"Rar!\x1a\x07": (0, ends.rar), b"MSCF\0\0\0\0": (0, ends.cab),
    b"hsqs": (0, ends.squashfs), b"\xed\xab\xee\xdb": (0, ends.rpm), b"!<arch>\n": (0, ends.ar), b"ustar": (257, ends.tar),
    b"07070": (0, ends.cpio), b"CD001\1": (0x8001, ends.iso), b"Compressed ROMFS": (16, ends.cramfs),
    **{b"-%b-" % method: (2, ends.lha) for method in (b"lh0", b"lh1", b"lh4", b"lh5", b"lh6", b"lh7", b"lhd", b"lzs", b"lz4", b"lz5")},
}  # fmt: skip
"""What to look for, how many bytes of the archive lie in front of it, and what tells its length."""
