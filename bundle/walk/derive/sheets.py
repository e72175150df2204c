"""Rows of a workbook (ECMA-376, SpreadsheetML), whose cells and whose texts are in different parts of it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from html import unescape
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from bundle.walk.member import Entry
from bundle.walk.source import Source

_LARGEST = 8 << 20
"""Bytes of a workbook, and of one of its parts, that are read: lists of accounts are short."""
_MOST_SHEETS = 20
_MOST_ROWS = 5000
_TEXTS = "xl/sharedStrings.xml"
_SHEET = re.compile(r"xl/worksheets/[^/]{1,80}\.xml$")
_ITEM = re.compile(rb"<si>(.*?)</si>", re.DOTALL)
_ROW = re.compile(rb"<row\b[^>]*>(.*?)</row>", re.DOTALL)
_CELL = re.compile(rb"<c\b(?P<about>[^>]*?)(?:/>|>(?P<held>.*?)</c>)", re.DOTALL)
_COLUMN = re.compile(rb"\br=\"([A-Z]{1,3})\d")
_SHARED = re.compile(rb"\bt=\"s\"")
_VALUE = re.compile(rb"<v>([^<]*)</v>")
_RUN = re.compile(rb"<t(?:\s[^>]*)?>([^<]*)</t>")
_LETTERS = 26
_MOST_COLUMNS = 200
_BROKEN = (BadZipFile, zlib.error, KeyError, EOFError, OSError, ValueError, RuntimeError, NotImplementedError)


def is_workbook(entries: Sequence[Entry]) -> bool:
    """Whether a container's directory is that of a workbook."""
    return any(_SHEET.match(one.name) for one in entries)


def sheets(source: Source) -> Iterator[bytes]:
    """Yield each sheet of a workbook as lines of cells with tabs between them; nothing of one that cannot be read."""
    if source.size > _LARGEST:
        return
    try:
        with ZipFile(BytesIO(source.read(0, source.size))) as book:
            names = book.namelist()
            texts = [_text(item) for item in _ITEM.findall(_part(book, _TEXTS))] if _TEXTS in names else []
            names = [name for name in names if _SHEET.match(name)]
            for name in names[:_MOST_SHEETS]:
                yield _lines(_part(book, name), texts)
    except _BROKEN:
        return


def _part(book: ZipFile, name: str) -> bytes:
    with book.open(name) as part:
        return part.read(_LARGEST)


def _text(item: bytes) -> bytes:
    said = unescape(b"".join(_RUN.findall(item)).decode("utf-8", "replace"))
    return " ".join(said.split()).encode()


def _lines(sheet: bytes, texts: Sequence[bytes]) -> bytes:
    rows = []
    for number, row in enumerate(_ROW.finditer(sheet)):
        if number >= _MOST_ROWS:
            break
        cells: list[bytes] = []
        for cell in _CELL.finditer(row[1]):
            at = _place(cell["about"], len(cells))
            cells += [b""] * (at - len(cells))
            cells.append(_held(cell, texts))
        rows.append(b"\t".join(cells))
    return b"\n".join(row for row in rows if row.strip()) + b"\n" if rows else b""


def _place(about: bytes, following: int) -> int:
    """Return the number of a cell's column: the one it says, unless that is far off or behind the last one."""
    said = _COLUMN.search(about)
    if said is None:
        return following
    number = 0
    for letter in said[1]:
        number = number * _LETTERS + letter - ord("A") + 1
    return number - 1 if following < number <= _MOST_COLUMNS else following


def _held(cell: re.Match[bytes], texts: Sequence[bytes]) -> bytes:
    held = cell["held"] or b""
    value = _VALUE.search(held)
    if value is None:
        return _text(held)
    if not _SHARED.search(cell["about"]):
        return _text(b"<t>" + value[1] + b"</t>")
    number = int(value[1]) if value[1].isdigit() and len(value[1]) < 8 else len(texts)
    return texts[number] if number < len(texts) else b""
