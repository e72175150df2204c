"""Files that documents and databases hold: streams of a PDF, values of a SQLite row."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from bundle.walk.derive import sqlite
from bundle.walk.formats.raw import Raw
from bundle.walk.identify import CONTAINERS, HEAD, identify
from bundle.walk.limits import MIB
from bundle.walk.source import Memory, Source

_MOST = 32 * MIB
_STREAM = re.compile(rb"<<(.{0,2000}?)>>\s*stream\r?\n", re.DOTALL)
_LEAST = 60


def members(form: str, source: Source) -> Iterator[Raw]:
    """Say the files that a document holds in a form of its own."""
    if form == "pdf" and source.size <= _MOST:
        yield from _pdf(source.read(0, source.size))
    elif form == "sqlite" and source.size <= _MOST:
        yield from _sqlite(source)


def _pdf(data: bytes) -> Iterator[Raw]:
    for match in _STREAM.finditer(data):
        about = match.group(1)
        if b"/FlateDecode" not in about or b"/Image" in about:
            continue
        end = data.find(b"endstream", match.end())
        try:
            body = zlib.decompressobj().decompress(data[match.end() : end if end >= 0 else len(data)], _MOST)
        except zlib.error:
            continue
        if b"/EmbeddedFile" in about or _is_archive(body):
            yield Raw(name=f"<stream at {match.end()}>", data=body, hidden=True)


def _sqlite(source: Source) -> Iterator[Raw]:
    for table, number, column, value in sqlite.values(source):
        if len(value) >= _LEAST and _is_archive(value):
            name = f"<{table.decode('utf-8', 'backslashreplace')} row {number} column {column}>"
            yield Raw(name=name, data=value, hidden=True)


def _is_archive(data: bytes) -> bool:
    return identify(data[:HEAD], Memory(data)) in CONTAINERS
