"""Zip (jar, war, ear, docx ...), read by its central directory and by its local headers; the two have to agree."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import chain

from bundle.walk.formats.raw import Note, Opened, Raw, ReaderContext, decoded
from bundle.walk.formats.zipdata import METHODS, content, refused, unlisted
from bundle.walk.formats.zipdir import (
    CENTRAL,
    END,
    HEADER,
    LOCAL,
    TAIL,
    Directory,
    ZipEntry,
    agreed,
    beside_sizes,
    descriptor,
    differences,
    directory_of,
    local_header,
    parse_local,
    reads_differently,
)  # fmt: skip
from bundle.walk.limits import WalkLimits
from bundle.walk.member import ContainerEntry
from bundle.walk.problem import Broken
from bundle.walk.source import Source, chunks


def open_zip(source: Source, context: ReaderContext) -> Opened:
    """Understand a zip. Without a directory its local headers are walked, and that is said."""
    directory = directory_of(source, max(context.limits.members, WalkLimits().members))
    if directory is None:
        return Opened(_without_directory(source))
    entries = tuple(ContainerEntry(row.text, row.size, row.crc) for row in directory.rows)
    return Opened(_members(source, directory, context), entries)


def _members(source: Source, directory: Directory, context: ReaderContext) -> Iterator[Raw | Note]:
    """Say the members in the order they are stored, and what lies between them."""
    reached = 0
    overlapping = 0
    if directory.counted is not None:
        message = (
            f"the end record counts {directory.counted} entries, the directory lists {len(directory.rows)}"
        )
        yield Note("two-readings", message)
    for number, row in enumerate(sorted(directory.rows, key=lambda r: r.at)):
        if row.at > reached:
            yield from _gap(source, reached, row.at, first=number == 0)
        elif row.at < reached and number:
            overlapping += 1
        reached = max(reached, (yield from _listed(source, directory, row, context)))
    if overlapping:
        yield Note("overlap", f"{overlapping} entries start inside the one before them")
    if reached < directory.start:
        yield from _gap(source, reached, directory.start, first=not directory.rows)
    comment = source.read(directory.end - directory.comment, directory.comment)
    if comment.strip():
        yield Raw(name="<comment>", size=len(comment), data=comment, hidden=True)
    if directory.end < source.size:
        yield from _rest(source, directory.end, source.size, "data behind the end of the archive")


def _listed(
    source: Source, directory: Directory, row: ZipEntry, context: ReaderContext
) -> Generator[Raw | Note, None, int]:
    """Say one entry as the directory has it, and as its local header does where that is another; return its end."""
    local = row
    head = agreed(source, row)
    if head is None:
        try:
            local, head = local_header(source, row)
        except Broken as problem:
            yield Note(problem.reason, str(problem), row.text, row.size)
            return row.at
        yield from differences(row, local)
    begin = row.at + HEADER.size + len(local.name) + head
    ended = begin + row.packed
    if ended > directory.start and row.packed:
        yield Note("corrupt", "reaches into the central directory", row.text)
    fields = source.read(begin - head, head) if head else b""
    yield from _member(source, row, begin, context, _more(row.fields, fields))
    if local is not row and reads_differently(row, local):
        data, used = unlisted(source, local, begin, directory.start)
        yield from _other_reading(local, data)
        return max(ended, begin + used)
    return ended + descriptor(source, ended, row) if row.flags & 8 else ended


def _more(listed: bytes, local: bytes) -> bytes:
    """Return the extra fields of the directory and of the local header: some unpackers heed the one, some the other."""
    if not listed and not local:
        return b""
    listed = beside_sizes(listed)
    return len(listed).to_bytes(2, "little") + listed + beside_sizes(local)


def _member(
    source: Source, row: ZipEntry, begin: int, context: ReaderContext, more: bytes
) -> Iterator[Raw | Note]:
    name = row.text
    kind = "directory" if name.endswith("/") and not row.size else "file"
    mode = row.mode & 0o7777 if row.mode is not None else None
    link = ""
    if row.mode is not None and row.mode & 0o170000 == 0o120000:
        kind = "symlink"
    elif row.mode is not None and row.mode & 0o170000 in _SPECIAL:
        kind = _SPECIAL[row.mode & 0o170000]
    if row.flags & 1:
        from bundle.walk.formats.zipcrypt import decrypted

        plain = decrypted(source, row, begin, context.passwords)
        if plain is None:
            yield Raw(
                name=name,
                kind=kind,
                size=row.size,
                mode=mode,
                mtime=row.mtime,
                more=more,
                data=refused("encrypted", _LOCKED_STILL if context.passwords else "is encrypted"),
            )
            return
        data: bytes | Iterator[bytes] = plain
    elif row.method not in METHODS:
        data = refused("unsupported", f"is packed with method {row.method}")
    else:
        data = content(source, row, begin, context)
    if kind == "symlink":
        data = data if isinstance(data, bytes) else b"".join(data)
        link = decoded(data[: context.limits.path])
        if len(data) > context.limits.path:
            message = f"is a link of {len(data)} bytes; who knows no links writes a file"
            yield Note("two-readings", message, name)
            yield Raw(name=name, mode=mode, mtime=row.mtime, more=more, data=data, hidden=True)
        data = b""
    yield Raw(
        name=name, kind=kind, size=row.size, mode=mode, mtime=row.mtime, link=link, more=more, data=data
    )


def _other_reading(local: ZipEntry, data: bytes | Iterator[bytes]) -> Iterator[Raw]:
    """Say what the local header makes of an entry, as far as it makes anything of it: that the two differ is said."""
    blocks = iter((data,)) if isinstance(data, bytes) else _as_far_as_it_goes(data)
    first = next(blocks, b"")
    if first:
        yield Raw(name=local.text, mtime=local.mtime, data=chain((first,), blocks), hidden=True)


def _as_far_as_it_goes(blocks: Iterator[bytes]) -> Iterator[bytes]:
    with suppress(Broken):
        yield from blocks


_LOCKED_STILL = "is encrypted, and none of the passwords given opens it"
_SPECIAL = {0o020000: "device", 0o060000: "device", 0o010000: "fifo", 0o140000: "socket"}


def _gap(source: Source, start: int, end: int, *, first: bool) -> Iterator[Raw | Note]:
    """Say what lies between two entries: members the directory does not list, a stub in front, or loose data."""
    at = start
    span = min(end - start, 64 << 20)
    window = source.read(start, min(span, 1 << 20))
    if not window.strip(b"\0"):
        return
    found = window.find(LOCAL)
    if found >= 0:
        if found and window[:found].strip(b"\0"):
            yield Raw(name=f"<data at {start}>", size=found, data=window[:found])
        at = start + found
        while at < end:
            raw = source.read(at, HEADER.size + 512)
            parsed = parse_local(source, at, raw)
            if parsed is None:
                break
            row, extra = parsed
            begin = at + HEADER.size + len(row.name) + extra
            yield Note("hidden-member", "is in the archive but not in its directory", row.text)
            content, used = unlisted(source, row, begin, end)
            yield Raw(name=row.text, size=None, mtime=row.mtime, data=content, hidden=True)
            at = begin + used
            if row.flags & 8:
                at += descriptor(source, at, row) or 0
    if source.read(at, 4) == CENTRAL:
        at = _behind_directory(source, at, end)
    if at < end:
        yield from _rest(source, at, end, "data between the entries of the archive", quiet=first)


def _behind_directory(source: Source, at: int, end: int) -> int:
    """Return where the directory of an earlier archive in the same file ends, or its start where it has no end."""
    window = source.read(at, min(end - at, 16 << 20))
    found = window.rfind(END)
    return at + found + TAIL.size if 0 <= found <= len(window) - TAIL.size else at


def _rest(source: Source, start: int, end: int, message: str, *, quiet: bool = False) -> Iterator[Raw | Note]:
    """Say loose data as a member of its own, unless it is padding."""
    if not any(block.strip(b"\0") for block in chunks(source, start, end)):
        return
    name = "<data in front>" if quiet else f"<data at {start}>"
    if not quiet:
        yield Note("trailing-data", message, name)
    yield Raw(name=name, size=end - start, data=chunks(source, start, end), hidden=True)


def _without_directory(source: Source) -> Iterator[Raw | Note]:
    """Walk the local headers of a zip whose directory is missing."""
    yield Note("truncated", "has no central directory")
    at = 0
    while at < source.size:
        parsed = parse_local(source, at, source.read(at, HEADER.size + 512))
        if parsed is None:
            break
        row, extra = parsed
        begin = at + HEADER.size + len(row.name) + extra
        content, used = unlisted(source, row, begin, source.size)
        known = not row.flags & 8
        yield Raw(name=row.text, size=row.size if known else None, mtime=row.mtime, data=content)
        at = begin + used
        if row.flags & 8:
            at += descriptor(source, at, row) or 0
