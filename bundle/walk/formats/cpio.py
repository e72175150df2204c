"""cpio: new ASCII (with and without checksum) and old ASCII, several in a row as in an initrd."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from bundle.walk.formats.raw import Note, Raw, ReaderContext, decoded
from bundle.walk.frame import MOST_NAMES
from bundle.walk.problem import Broken
from bundle.walk.stream import Stream

MAGICS = (b"070701", b"070702", b"070707")
_KINDS = {
    0o010000: "fifo", 0o020000: "device", 0o040000: "directory", 0o060000: "device", 0o100000: "file",
    0o120000: "symlink", 0o140000: "socket",
}  # fmt: skip
_AT_ONCE = 1 << 20
_LINK = 64 << 10
_WORD, _PADDING = 4, 4096
"""Bytes that padding is counted in, and of which it is read at once."""


def is_cpio(head: bytes) -> bool:
    """Whether this is a cpio in one of the ASCII forms."""
    return head[:6] in MAGICS


Links = dict[tuple[int, ...], str]
"""The first name of each file that has several, by what its names share."""


def members(stream: Stream, context: ReaderContext) -> Iterator[Raw | Note]:
    """Say the members in order; after the trailer another cpio, or whatever lies there, follows."""
    links: Links = {}
    while True:
        magic = stream.peek(6)
        if magic not in MAGICS:
            raise Broken(
                "corrupt" if len(magic) == 6 else "truncated", f"no header at byte {stream.position}"
            )
        read = _old if magic == b"070707" else _new
        raw = read(stream, context, links, summed=magic == b"070702")
        if raw is not None:
            yield raw
            if not isinstance(raw.data, bytes):
                for _ in raw.data:  # what its reader left
                    pass
            continue
        links.clear()
        while zeros := _zeros(stream.peek(_PADDING)):
            stream.read(zeros)
        behind = stream.peek(6)
        if not behind.strip(b"\0"):
            return
        if behind not in MAGICS:
            name = f"<data at {stream.position}>"
            block = stream.some(512)
            yield Raw(name=name, data=chain([block], stream.rest()), hidden=True)
            return


def _zeros(piece: bytes) -> int:
    """Return how many bytes of padding these begin with: whole words, and what is left at the end of the file."""
    zeros = len(piece) - len(piece.lstrip(b"\0"))
    return zeros if zeros == len(piece) else zeros // _WORD * _WORD


def _new(stream: Stream, context: ReaderContext, links: Links, *, summed: bool) -> Raw | None:
    head = stream.exactly(110)
    try:
        values = [int(head[at : at + 8], 16) for at in range(6, 110, 8)]
    except ValueError as problem:
        raise Broken("corrupt", f"a number is damaged before byte {stream.position}") from problem
    inode, mode, uid, gid, count, mtime, size, major, minor, *_, name_size, check = values
    name = _name(stream, name_size, context, pad=-(110 + name_size) % 4)
    if name == b"TRAILER!!!":
        return None
    raw = _raw(stream, name, (mode, uid, gid, mtime, size), pad=-size % 4, check=check if summed else None)
    if raw.kind == "device":
        raw.more = head[14:22] + head[78:94]
    return _linked(raw, count, (inode, major, minor), links)


def _old(stream: Stream, context: ReaderContext, links: Links, *, summed: bool) -> Raw | None:
    del summed  # the old form has no sum
    head = stream.exactly(76)
    widths = (6, 6, 6, 6, 6, 6, 6, 11, 6, 11)
    values, at = [], 6
    try:
        for width in widths:
            values.append(int(head[at : at + width], 8))
            at += width
    except ValueError as problem:
        raise Broken("corrupt", f"a number is damaged before byte {stream.position}") from problem
    device, inode, mode, uid, gid, count, _rdev, mtime, name_size, size = values
    name = _name(stream, name_size, context, pad=0)
    if name == b"TRAILER!!!":
        return None
    raw = _raw(stream, name, (mode, uid, gid, mtime, size), pad=0, check=None)
    if raw.kind == "device":
        raw.more = head[18:24] + head[42:48]
    return _linked(raw, count, (inode, device), links)


def _linked(raw: Raw, count: int, node: tuple[int, ...], links: Links) -> Raw:
    """Say of a further name of a file which its first is; its content may stand at any of them."""
    if raw.kind == "file" and count > 1 and (len(links) < MOST_NAMES or node in links):
        first = links.setdefault(node, raw.name)
        raw.link = "" if first is raw.name else first
    return raw


def _name(stream: Stream, size: int, context: ReaderContext, *, pad: int) -> bytes:
    if not 0 < size <= context.limits.path + 4096:
        raise Broken("corrupt", f"a name of {size} bytes")
    name = stream.exactly(size)
    stream.read(pad)
    return name.split(b"\0", 1)[0]


def _raw(
    stream: Stream, name: bytes, values: tuple[int, int, int, int, int], *, pad: int, check: int | None
) -> Raw:
    mode, uid, gid, mtime, size = values
    kind = _KINDS.get(mode & 0o170000, "file")
    link = ""
    data: bytes | Iterator[bytes]
    if kind == "symlink" and size <= _LINK:
        link = decoded(stream.exactly(size))
        stream.read(pad)
        data = b""
    elif size <= _AT_ONCE:
        data = stream.read(size)
        stream.read(pad)
        if len(data) < size:
            data = _cut(data, size)
        elif check is not None and sum(data) & 0xFFFFFFFF != check:
            data = _bad(data)
    else:
        data = _long(stream, size, pad, check)
    return Raw(
        name=decoded(name), kind=kind, size=size, mode=mode & 0o7777, uid=uid, gid=gid,
        mtime=float(mtime), link=link, data=data,
    )  # fmt: skip


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    yield data
    raise Broken("truncated", f"ends {size - len(data)} bytes too early")


def _bad(data: bytes) -> Iterator[bytes]:
    yield data
    raise Broken("checksum", "the sum of its bytes is not the one in the header")


def _long(stream: Stream, size: int, pad: int, check: int | None) -> Iterator[bytes]:
    total = 0
    for block in stream.parts(size):
        if check is not None:
            total += sum(block)
        yield block
    stream.read(pad)
    if check is not None and total & 0xFFFFFFFF != check:
        raise Broken("checksum", "the sum of its bytes is not the one in the header")
