"""Files that documents and databases hold: streams of a PDF, values of a SQLite row, files of a phar."""

from __future__ import annotations

import re
import struct
import time
import zlib
from collections.abc import Iterator

from bundle.walk.derive import documents, sqlite
from bundle.walk.formats.raw import Note, Raw, ReaderContext, decoded
from bundle.walk.identify import CONTAINERS, HEAD, identify
from bundle.walk.limits import MIB
from bundle.walk.problem import Broken
from bundle.walk.source import Memory, Source
from bundle.walk.stream import bunzip2, inflate

_MOST = 32 * MIB
_LEAST = 60


def members(form: str, source: Source, context: ReaderContext) -> Iterator[Raw | Note]:
    """Say the files that a document holds in a form of its own."""
    if form == "pdf":
        if source.size > documents.LARGEST_PDF:
            yield Note(
                "limit-member",
                f"is a PDF of more than {documents.LARGEST_PDF // MIB} MiB, whose streams were not opened",
            )
            return
        yield from _pdf(source.read(0, source.size), context)
    elif form == "php":
        yield from _phar(source)
    elif form == "sqlite" and source.size <= _MOST:
        yield from _sqlite(source)


PHAR = b"__HALT_COMPILER();"
"""What ends the code of a PHP archive."""
_HALT = re.compile(re.escape(PHAR) + rb"(?: ?\?>)?(?:\r?\n)?")


def _phar(source: Source) -> Iterator[Raw]:
    """A PHP archive: a stub, a manifest (https://www.php.net/manual/en/phar.fileformat.phar.php), the files in a row."""
    match = _HALT.search(source.read(0, min(source.size, MIB)))
    if match is None:
        return
    size, count, _version, _flags, alias = struct.unpack(
        "<IIHII", source.read(match.end(), 18).ljust(18, b"\xff")
    )
    if not 18 <= size <= 64 * MIB or count > size // 24 or match.end() + 4 + size > source.size:
        return
    manifest = source.read(match.end() + 4, size)
    data = match.end() + 4 + size
    at = 14 + alias
    try:
        at += 4 + struct.unpack_from("<I", manifest, at)[0]
        for _ in range(count):
            (length,) = struct.unpack_from("<I", manifest, at)
            name = manifest[at + 4 : at + 4 + length]
            whole, time, packed, _crc, flags, about = struct.unpack_from("<6I", manifest, at + 4 + length)
            at += 28 + length + about
            body = source.read(data, packed)
            data += packed
            yield Raw(
                name=decoded(name),
                size=whole,
                mode=flags & 0o777,
                mtime=float(time),
                data=_plain(body, flags),
            )
    except struct.error:
        return


def _plain(body: bytes, flags: int) -> bytes | Iterator[bytes]:
    if flags & 0x1000:
        return inflate(iter((body,)))
    return bunzip2(iter((body,))) if flags & 0x2000 else body


def _pdf(data: bytes, context: ReaderContext) -> Iterator[Raw | Note]:
    room = documents.Room(len(data), context.limits)
    for about, start, end in documents.streams(data):
        if b"/FlateDecode" not in about or b"/Image" in about:
            continue
        if not room:
            yield Note(
                "bomb",
                f"is a PDF whose streams unpack to more than {context.limits.ratio} times its size; the rest was not opened",
            )
            return
        if time.monotonic() > context.deadline:
            yield Note(
                "limit-time",
                f"more than {context.limits.seconds:g} seconds; the rest of its streams was not opened",
            )
            return
        pieces = room.taken(documents.inflated(data, start, end))
        try:
            body = documents.beginning(pieces, _MOST)
        except zlib.error:
            continue
        if b"/EmbeddedFile" in about or _is_archive(body):
            yield Raw(name=f"<stream at {start}>", data=_rest(body, pieces), hidden=True)


def _rest(body: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Say a stream's beginning and what follows it. Errors: Broken."""
    yield body
    try:
        yield from pieces
    except zlib.error as problem:
        raise Broken("corrupt", "the stream is damaged") from problem


def _sqlite(source: Source) -> Iterator[Raw]:
    for table, number, column, value in sqlite.values(source, least=_LEAST):
        if len(value) >= _LEAST and _is_archive(value):
            name = f"<{table.decode('utf-8', 'backslashreplace')} row {number} column {column}>"
            yield Raw(name=name, data=value, hidden=True)


def _is_archive(data: bytes) -> bool:
    return identify(data[:HEAD], Memory(data)) in CONTAINERS
