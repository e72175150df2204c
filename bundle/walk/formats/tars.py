"""Tar: v7, ustar, GNU and PAX, with the places where readers are known to disagree."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import chain
from math import isfinite

from bundle.walk.formats import sparse
from bundle.walk.formats.octal import number
from bundle.walk.formats.raw import Note, Raw, ReaderContext, decoded
from bundle.walk.problem import Broken
from bundle.walk.stream import Stream

BLOCK = 512
_ZERO = bytes(BLOCK)
_KINDS = {
    b"0": "file", b"\0": "file", b"7": "file", b"1": "hardlink", b"2": "symlink", b"3": "device", b"4": "device",
    b"5": "directory", b"6": "fifo", b"S": "file",
}  # fmt: skip
DIGITS = frozenset((*b" 01234567", *range(128, 256)))
"""How a number above zero begins; no text is asked for more."""
_MOST_SUMMED = 256 * BLOCK
_META = 16 << 20  # the longest PAX or long-name record that is believed
_AT_ONCE = 1 << 20
_MAP = "GNU.sparse.map"
_PIECES = frozenset({"GNU.sparse.offset", "GNU.sparse.numbytes"})
_NARROW = 8 << 30  # from here on a size needs PAX or base-256


def is_tar(head: bytes) -> bool:
    """Whether a block is a tar header: by its checksum, which v7 has too."""
    if len(head) < BLOCK or not head[0] or head[148] not in DIGITS:
        return False
    return _summed(head[:BLOCK])


def _summed(block: bytes) -> bool:
    """Whether the header's checksum is right; some writers add signed bytes."""
    checksum = number(block[148:156])
    if not 0 < checksum < _MOST_SUMMED:  # no number: most files, each of which is asked
        return False
    counted = block[:148] + block[156:]
    if counted.isascii():  # nearly all headers are; Adler-32 adds up their bytes, to less than its prime
        return checksum == (zlib.adler32(counted) & 0xFFFF) - 1 + 256
    unsigned = sum(counted) + 256
    return checksum == unsigned or checksum == unsigned - 256 * sum(1 for byte in counted if byte > 127)


@dataclass(slots=True)
class _Pending:
    """What the extended headers in front of an entry said."""

    pax: dict[str, bytes] = field(default_factory=dict)
    long_name: bytes = b""
    long_link: bytes = b""
    notes: list[str] = field(default_factory=list)


def members(stream: Stream, _context: ReaderContext) -> Iterator[Raw | Note]:
    """Say the members of a tar in order."""
    everywhere: dict[str, bytes] = {}
    pending = _Pending()
    behind_end = False
    while True:
        block = stream.read(BLOCK)
        if block == _ZERO:
            behind_end = True
            continue
        if len(block) < BLOCK or not _summed(block):
            if not block and (pending.pax or pending.long_name):
                yield Note("truncated", "ends after an extended header")
            else:
                yield from _no_header(stream, block, behind_end=behind_end)
            return
        if behind_end:
            behind_end = False
            yield Note(
                "two-readings", "members follow the end mark; some unpackers read them, some stop there"
            )
        kind = block[156:157]
        size = number(block[124:136])
        if size < 0:
            raise Broken("corrupt", f"no size in the header at byte {stream.position - BLOCK}")
        if kind in b"xgXLK" and kind:
            record = _record(stream, size)
            if kind in b"xXg":
                (everywhere if kind == b"g" else pending.pax).update(_pax(record))
            elif kind == b"L":
                pending.long_name = record.split(b"\0", 1)[0]
            else:
                pending.long_link = record.split(b"\0", 1)[0]
            continue
        yield from _entry(stream, block, kind, size, {**everywhere, **pending.pax}, pending, everywhere)
        pending = _Pending()


def _no_header(stream: Stream, block: bytes, *, behind_end: bool) -> Iterator[Raw | Note]:
    """Say what ends the members, where it is no header: nothing, padding, or data that belongs to no member."""
    place = f"<data at {stream.position - len(block)}>"
    if not stream.position:
        yield Note("truncated", "is empty")
    if len(block) < BLOCK and not block.strip(b"\0"):
        return
    if behind_end:
        yield Note("trailing-data", "data behind the end of the archive", place)
    elif len(block) < BLOCK:
        yield Note("truncated", "ends inside a header")
    else:
        yield from _behind_members(stream, block)
        return
    yield Raw(name=place, data=block if len(block) < BLOCK else chain([block], stream.rest()), hidden=True)


def _record(stream: Stream, size: int) -> bytes:
    if size > _META:
        raise Broken("corrupt", f"an extended header of {size} bytes")
    record = stream.exactly(size)
    _pad(stream, size)
    return record


def _pad(stream: Stream, size: int) -> bytes:
    return stream.read(-size % BLOCK)


def _goes_on(block: bytes) -> bool:
    """Return whether the tar goes on with this block: what fills the block in front of it may be anything then."""
    return len(block) == BLOCK and (block == _ZERO or _summed(block))


def _behind_members(stream: Stream, read: bytes) -> Iterator[Raw | Note]:
    """Say what follows where a header should be: the tar is damaged or unfinished, and the rest is a member of its own."""
    at = stream.position - len(read)
    yield Note("corrupt", f"no header at byte {at}; the rest was examined as it is")
    yield Raw(name=f"<data at {at}>", data=chain([read], stream.rest()), hidden=True)


def _pax(record: bytes) -> dict[str, bytes]:
    """Read `length key=value` lines. Errors: Broken."""
    found: dict[str, bytes] = {}
    pieces: list[bytes] = []
    at = 0
    while at < len(record) and record[at]:
        space = record.find(b" ", at, at + 20)
        digits = record[at:space] if space > 0 else b""
        length = int(digits) if digits.isdigit() else 0
        line = record[space + 1 : at + length]
        key, equals, value = line.partition(b"=")
        if length <= space - at + 1 or at + length > len(record) or not equals or not line.endswith(b"\n"):
            raise Broken("corrupt", "a PAX header is damaged")
        word = decoded(key)
        if word in _PIECES:  # format 0.0 says each offset and length in a record of its own
            pieces.append(value[:-1])
        found[word] = value[:-1]
        at += length
    if pieces:
        found[_MAP] = b",".join(pieces)
    return found


def _entry(
    stream: Stream,
    block: bytes,
    kind: bytes,
    header_size: int,
    pax: dict[str, bytes],
    pending: _Pending,
    everywhere: dict[str, bytes],
) -> Iterator[Raw | Note]:
    plain = _plain_name(block)
    name = pax.get("path") or pending.long_name or plain
    link = pax.get("linkpath") or pending.long_link or block[157:257].split(b"\0", 1)[0]
    word = _KINDS.get(kind, "file")
    if word == "file" and kind == b"\0" and name.endswith(b"/"):
        word = "directory"
    size = _decimal(pax["size"]) if "size" in pax else header_size
    text = decoded(name)
    yield from _tricks(text, name, header_size, size, pending, everywhere)
    stored = yield from _stored(stream, word, size, text)
    shape: sparse.Sparse | None = None
    data: bytes | Iterator[bytes]
    if kind == b"S" or any(key.startswith("GNU.sparse.") for key in pax):
        text = decoded(pax["GNU.sparse.name"]) if "GNU.sparse.name" in pax else text
        shape = (
            sparse.old_gnu(stream, block, number(block[483:495]))
            if kind == b"S"
            else sparse.pax(stream, pax, size)
        )
        stored -= shape.used
        notes = list(_of_sparse(shape, stored, text))
        yield from notes
        shape = shape if len(notes) == 1 else None
    data = stream.read(stored) if stored <= _AT_ONCE else stream.parts(stored)
    begin = stream.position
    if isinstance(data, bytes) and len(data) < stored:
        data = _cut(data, stored)
    streamed = not isinstance(data, bytes)
    if shape is not None:
        data = shape.filled(iter((data,)) if isinstance(data, bytes) else data)
    raw = Raw(
        name=text, kind=word, size=stored if shape is None else shape.logical, mode=_bits(block[100:108]),
        uid=_owner(pax.get("uid"), block[108:116]), gid=_owner(pax.get("gid"), block[116:124]),
        owner=decoded(pax.get("uname") or block[265:297].split(b"\0", 1)[0]) if block[257:262] == b"ustar" else "",
        group=decoded(pax.get("gname") or block[297:329].split(b"\0", 1)[0]) if block[257:262] == b"ustar" else "",
        mtime=_seconds(pax.get("mtime"), block[136:148]), link=decoded(link) if word in ("symlink", "hardlink") else "",
        more=_more(pax, block if word == "device" else b""), data=data,
    )  # fmt: skip
    yield raw
    if streamed:
        stream.skip(max(0, stored - (stream.position - begin)))
    padding = _pad(stream, stored)
    if padding.strip(b"\0") and not _goes_on(stream.peek(BLOCK)):
        yield from _behind_members(stream, padding)


def _stored(stream: Stream, word: str, size: int, text: str) -> Generator[Note, None, int]:
    """Return how many bytes of content follow the header, and say where readers disagree about it."""
    if word == "file" or not size:
        return size
    if word == "directory":
        return 0
    another = is_tar(stream.peek(BLOCK))
    if word == "hardlink":  # old tar programs write the size of the linked file, but not its bytes
        reading = f"is a hard link with {size} bytes of content; some unpackers go on right behind its header"
        yield Note("two-readings", reading, text)
    elif another:  # GNU tar and 7-Zip step over as much, others do not
        yield Note("two-readings", f"is a {word} of {size} bytes; some unpackers go on behind them", text)
    return 0 if another else size


_KNOWN = frozenset({"path", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime"})
"""Records of PAX that have a field of their own in what is said of a member."""


def _more(pax: dict[str, bytes], device: bytes) -> bytes:
    """Return the further records, such as extended attributes, and what device it is."""
    fields = [device[156:157] + device[329:345]] if device else []
    if pax:
        keys = sorted(key for key in pax.keys() - _KNOWN if not key.startswith("GNU.sparse."))
        fields += [f"{key}=".encode() + pax[key] for key in keys]
    return b"\n".join(fields)


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    yield data
    raise Broken("truncated", f"ends {size - len(data)} bytes too early")


def _plain_name(block: bytes) -> bytes:
    name = block[:100].split(b"\0", 1)[0]
    prefix = block[345:500].split(b"\0", 1)[0] if block[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _tricks(
    text: str,
    name: bytes,
    header_size: int,
    size: int,
    pending: _Pending,
    everywhere: dict[str, bytes],
) -> Iterator[Note]:
    """Say where tar readers are known to take different ways."""
    if size < 0:
        raise Broken("corrupt", "a PAX header gives no number as size")
    if size != header_size and (header_size or size < _NARROW):
        yield Note("two-readings", f"the PAX header says {size} bytes, the tar header {header_size}", text)
    if pending.long_name and "path" in pending.pax and pending.long_name != pending.pax["path"]:
        yield Note("two-readings", "a GNU long name and a PAX path disagree", text)
    if pending.long_link and "linkpath" in pending.pax and pending.long_link != pending.pax["linkpath"]:
        yield Note("two-readings", "a GNU long link and a PAX linkpath disagree", text)
    if everywhere.keys() & {"path", "size", "linkpath"}:
        yield Note("two-readings", "a global PAX header renames or resizes every member", text)
    if b"\0" in name:
        yield Note("two-readings", "the PAX path holds a NUL; some readers stop there", text)


def _decimal(value: bytes) -> int:
    return int(value) if value.isdigit() and len(value) < 20 else -1


def _bits(field_: bytes) -> int | None:
    value = number(field_)
    return value & 0o7777 if value >= 0 else None


def _owner(value: bytes | None, field_: bytes) -> int | None:
    found = _decimal(value) if value is not None else number(field_)
    return found if found >= 0 else None


def _seconds(value: bytes | None, field_: bytes) -> float | None:
    if value is not None:
        try:
            seconds = float(value)
        except ValueError:
            return None
        return seconds if isfinite(seconds) else None  # `nan` and `1e999` are no times, and no JSON
    found = number(field_)
    return float(found) if found >= 0 else None


def _of_sparse(shape: sparse.Sparse, stored: int, text: str) -> Iterator[Note]:
    """Say that a member is sparse and, where it is so, why it is examined without its holes."""
    yield Note("special-file", f"is sparse: {max(shape.logical, 0)} bytes of which {stored} are stored", text)
    if not shape.fits(stored):
        yield Note("corrupt", "its sparse map does not fit what is stored; examined without its holes", text)
    elif not shape.small(stored):
        yield Note("unsupported", "has more holes than are filled; examined without them", text)
