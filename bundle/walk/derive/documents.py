"""Text of PDF and office documents, enough for what a detector looks for."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from html import unescape

from bundle.walk.limits import WalkLimits

LARGEST_PDF = 256 << 20
_FIRST, _PIECE = 256, 64 << 10
_STREAM = re.compile(rb">>\s*+stream\r?\n")
_ABOUT = 2002
"""Bytes in front of a stream in which the begin of its dictionary is looked for."""
WORKBOOK = re.compile(r"xl/(?:workbook|worksheets/[^/]{1,80})\.(?:xml|bin)$", re.IGNORECASE)
"""Parts that a workbook has (ECMA-376; MS-XLSB)."""
ENCRYPTED_OFFICE = re.compile("EncryptedPackage".encode("utf-16-le") + rb"\0{32}\x22\0\x02")
"""The directory entry of an Office document that needs a password (MS-OFFCRYPTO 2.3.1)."""
OLD_WORKBOOK = re.compile(rb"(?i:W\0o\0r\0k\0b\0o\0o\0k\0)\0{48}\x12\0\x02|(?i:B\0o\0o\0k\0)\0{56}\x0a\0\x02")
"""The directory entry that a workbook has in a compound file (MS-CFB 2.6.1): its name, the name's length, a stream."""


def streams(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Say of each stream of a PDF what its dictionary says, and where its bytes begin and end."""
    done = end = 0
    for match in _STREAM.finditer(data):
        about = data.find(b"<<", max(done, match.start() - _ABOUT), match.start())
        if about < 0:
            continue
        done = match.end()
        if end < done:
            end = data.find(b"endstream", done)
            end = len(data) if end < 0 else end
        yield data[about + 2 : match.start()], done, end


class Room:
    """How much the streams of one PDF may unpack to: two streams may have the same bytes."""

    def __init__(self, size: int, limits: WalkLimits) -> None:
        """Make room for a PDF of this size."""
        self._left = min(max(limits.ratio_from, limits.ratio * size), limits.total)

    def __bool__(self) -> bool:
        """Whether there is any left."""
        return self._left > 0

    def taken(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Say pieces, and take what each needs."""
        for piece in pieces:
            self._left -= len(piece)
            yield piece


def inflated(data: bytes, start: int, end: int) -> Iterator[bytes]:
    """Undo a stream piece by piece: where one fails, zlib copies what it was given. Errors: zlib.error."""
    unpacker, size = zlib.decompressobj(), _FIRST
    while start < end and not unpacker.eof:
        left = data[start : min(start + size, end)]
        start, size = start + len(left), min(2 * size, _PIECE)
        while left and not unpacker.eof:
            yield unpacker.decompress(left, 16 * _PIECE)
            left = unpacker.unconsumed_tail


def beginning(pieces: Iterator[bytes], most: int) -> bytes:
    """Return what a stream holds as far as it is whole, and no more than a piece behind `most` bytes; the rest is left in `pieces`.

    Errors: zlib.error where nothing of it is whole.
    """
    body = bytearray()  # bytes would be copied again with each piece
    try:
        for piece in pieces:
            body += piece
            if len(body) >= most:
                break
    except zlib.error:
        if not body:
            raise
    return bytes(body)


_OFFICE = re.compile(rb"<(?:w:document|sst|worksheet|p:sld|office:document-content|w:hdr|w:ftr|w:comments)\b")
_BREAK = re.compile(
    rb"</(?:w:p|si|row|a:p|text:p|text:h|w:tr|a:tr|table:table-row|c)>|<(?:w:br|w:cr|text:line-break)/?>"
)
_TAB = re.compile(rb"<w:tab/>|</(?:w:tc|a:tc|table:table-cell)>|<text:tab/>")
_LAST_OF_A_CELL = re.compile(
    rb"</(?:w|a|text):p>\s{0,40}(?:</a:txBody>\s{0,40}(?:<a:tcPr[^<>]{0,400}/>\s{0,40})?)?(?=</(?:w:tc|a:tc|table:table-cell)>)"
)
"""The end of a paragraph that the end of its cell follows: cells of one row are on one line."""
_TAG = re.compile(rb"<[^>]*>")


def is_office(data: bytes) -> bool:
    """Whether this XML is the text part of a document, sheet or slide."""
    return _OFFICE.search(data[:8192]) is not None


def office(data: bytes) -> bytes:
    """Return the text of an office XML part, one paragraph or cell a line."""
    text = _TAG.sub(b"", _TAB.sub(b"\t", _BREAK.sub(b"\n", _LAST_OF_A_CELL.sub(b"", data))))
    return unescape(text.decode("utf-8", "replace")).encode()


_NARROW = re.compile(rb"[\x20-\x7e\t]{6,}")
_WIDE = re.compile(rb"(?:[\x20-\x7e\t]\0){6,}+")


def strings(data: bytes) -> bytes:
    """Return the printable runs of a binary document, one a line, 8-bit and 16-bit."""
    lines = _NARROW.findall(data) + [run.replace(b"\0", b"") for run in _WIDE.findall(data)]
    return b"\n".join(lines) + b"\n" if lines else b""
