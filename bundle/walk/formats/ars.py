"""ar: Debian packages and static libraries, with GNU and BSD long names."""

from __future__ import annotations

from collections.abc import Iterator

from bundle.walk.formats.raw import Note, Raw, ReaderContext, decoded
from bundle.walk.problem import Broken
from bundle.walk.source import Source, chunks
from bundle.walk.stream import Stream

MAGIC = b"!<arch>\n"
_AT_ONCE = 1 << 20
_TABLE = 4 << 20
_INDEXES = (b"/", b"/SYM64/", b"__.SYMDEF", b"__.SYMDEF SORTED")


def members(source: Source, context: ReaderContext) -> Iterator[Raw | Note]:
    """Say the members in order."""
    stream = Stream(chunks(source))
    stream.skip(len(MAGIC))
    table = b""
    while True:
        at = stream.position
        head = stream.read(60)
        if not head.strip(b"\0\n"):
            yield from _behind(source, at)
            return
        if len(head) < 60 or head[58:60] != b"`\n":
            reason, message = (
                ("corrupt", f"no header at byte {at}")
                if len(head) == 60
                else ("truncated", "ends inside a header")
            )
            yield Note(reason, f"{message}; the rest was examined as it is")
            yield Raw(name=f"<data at {at}>", size=source.size - at, data=chunks(source, at), hidden=True)
            return
        size = _int(head[48:58], 10)
        if size < 0:
            raise Broken("corrupt", f"no size in the header at byte {stream.position - 60}")
        name = head[:16].rstrip(b" ")
        if name == b"//":
            if size > _TABLE:
                raise Broken("corrupt", f"a table of names of {size} bytes")
            table = stream.exactly(size)
            _pad(stream, size)
            continue
        before = stream.position
        name = _full_name(stream, name, table, min(size, context.limits.path + 4096))
        stored = size - (stream.position - before)
        data: bytes | Iterator[bytes] = stream.parts(stored)
        if stored <= _AT_ONCE:
            got = stream.read(stored)
            data = got if len(got) == stored else _cut(got, stored)
        yield Raw(
            name="<symbols>" if name in _INDEXES else decoded(name),
            size=stored, mode=_bits(head[40:48]), uid=_owner(head[28:34]), gid=_owner(head[34:40]),
            mtime=_time(head[16:28]), data=data,
        )  # fmt: skip
        if not isinstance(data, bytes):
            for _ in data:  # what its reader left
                pass
        _pad(stream, size)


def _full_name(stream: Stream, name: bytes, table: bytes, longest: int) -> bytes:
    """Return the name that a header means: a long one stands in front of the content (BSD) or in the table (GNU). Errors: Broken."""
    if name.startswith(b"#1/"):
        length = _int(name[3:], 10)
        if not 0 <= length <= longest:
            raise Broken("corrupt", f"a name of {length} bytes")
        return stream.exactly(length).rstrip(b"\0")
    if name.startswith(b"/") and name[1:].isdigit():
        return table[int(name[1:]) :].split(b"\n", 1)[0].removesuffix(b"/")
    return name if name in _INDEXES else name.removesuffix(b"/")


def _pad(stream: Stream, size: int) -> None:
    """Go behind the byte that fills a member of odd size, unless what follows is a tail that has none."""
    if size % 2 and (stream.peek(1) in (b"\n", b"\0", b"") or stream.peek(61)[59:] == b"`\n"):
        stream.read(1)


def _behind(source: Source, at: int) -> Iterator[Raw | Note]:
    """Say what lies behind the last member, unless it is padding."""
    if any(block.strip(b"\0\n") for block in chunks(source, at)):
        yield Note("trailing-data", "data behind the end of the archive", f"<data at {at}>")
        yield Raw(name=f"<data at {at}>", size=source.size - at, data=chunks(source, at), hidden=True)


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    yield data
    raise Broken("truncated", f"ends {size - len(data)} bytes too early")


def _int(field: bytes, base: int) -> int:
    text = field.strip(b" ")
    try:
        return int(text, base) if text.isdigit() else -1
    except ValueError:
        return -1


def _bits(field: bytes) -> int | None:
    value = _int(field, 8)
    return value & 0o7777 if value >= 0 else None


def _owner(field: bytes) -> int | None:
    value = _int(field, 10)
    return value if value >= 0 else None


def _time(field: bytes) -> float | None:
    value = _int(field, 10)
    return float(value) if value >= 0 else None
