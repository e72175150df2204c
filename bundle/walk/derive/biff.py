"""Rows of a workbook of the nineties (MS-XLS: BIFF8, and BIFF5 before it), which is a stream of records in a compound file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from bundle.walk.derive.compound import stream

_STREAMS = ("Workbook", "Book")
_LARGEST = 8 << 20
"""Bytes of a workbook that is read, and of its cells: lists of accounts are short."""
_MOST_SHEETS, _MOST_ROWS, _MOST_COLUMNS, _MOST_TEXTS = 20, 5000, 200, 200_000
_LONGEST_CELL, _COST_OF_A_CELL = 1000, 64
"""Letters of a cell that are kept, and bytes that it takes beside them."""
_BEGIN, _END, _GOES_ON, _SEALED = 0x809, 0x0A, 0x3C, 0x2F
_TEXTS, _SHARED, _LABEL, _RICH, _NUMBER, _SHORT, _SHORTS, _FORMULA, _RESULT = (
    0xFC, 0xFD, 0x204, 0xD6, 0x203, 0x27E, 0xBD, 0x06, 0x207,
)  # fmt: skip
_LEAST = {_SHARED: 10, _LABEL: 6, _RICH: 6, _NUMBER: 14, _SHORT: 10, _SHORTS: 6, _FORMULA: 14}
"""Bytes that a record of a cell has at least."""
_BIFF8 = 0x600
_SHEET = 0x10
_WIDE, _FAR_EAST, _FORMATTED = 1, 4, 8
"""What the byte before the letters of a text says of it."""
_HEAD = 6
"""Row, column and format, which begin every cell."""


@dataclass(slots=True)
class _Room:
    """Bytes that cells may take, of all sheets together: many may show one text."""

    left: int = _LARGEST


@dataclass(slots=True)
class _Sheet:
    room: _Room
    rows: dict[int, dict[int, bytes]] = field(default_factory=dict)
    last: tuple[int, int] = (0, 0)
    """The cell whose formula was read, and whose text follows."""

    def put(self, row: int, column: int, text: str) -> None:
        said = " ".join(text[:_LONGEST_CELL].split()).encode("utf-8", "replace")
        cost = len(said) + _COST_OF_A_CELL
        if column >= _MOST_COLUMNS or cost > self.room.left:
            return
        if row in self.rows or len(self.rows) < _MOST_ROWS:
            self.room.left -= cost
            self.rows.setdefault(row, {})[column] = said

    def lines(self) -> bytes:
        """Return the rows as lines of cells with tabs between them."""
        rows = (
            b"\t".join(cells.get(column, b"") for column in range(max(cells) + 1))
            for _, cells in sorted(self.rows.items())
        )
        return b"".join(row + b"\n" for row in rows if row.strip())


def sheets(data: bytes) -> Iterator[bytes]:
    """Yield each sheet as lines; nothing of a workbook that is sealed with a password, or is none."""
    for sheet in _read(stream(data, _STREAMS)) if len(data) <= _LARGEST else ():
        if lines := sheet.lines():
            yield lines


def _records(book: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Yield each record with what continues it."""
    at, kind = 0, -1
    pieces: list[bytes] = []
    while at + 4 <= len(book):
        following, size = struct.unpack_from("<HH", book, at)
        piece = book[at + 4 : at + 4 + size]
        at += 4 + size
        if following == _GOES_ON and pieces:
            pieces.append(piece)
            continue
        if pieces:
            yield kind, pieces
        kind, pieces = following, [piece]
    if pieces:
        yield kind, pieces


def _read(book: bytes) -> list[_Sheet]:
    found: list[_Sheet] = []
    room = _Room()
    texts: list[str] = []
    sheet: _Sheet | None = None
    narrow = False
    for kind, pieces in _records(book):
        body = pieces[0]
        if kind == _SEALED:
            return []
        if kind == _BEGIN and len(body) >= 4:
            version, begun = struct.unpack_from("<HH", body)
            narrow = version != _BIFF8
            sheet = _Sheet(room) if begun == _SHEET and len(found) < _MOST_SHEETS else None
            if sheet is not None:
                found.append(sheet)
        elif kind == _TEXTS:
            texts = list(_shared(pieces))
        elif sheet is not None:
            _cell(sheet, kind, body, texts, narrow=narrow)
    return found


def _cell(sheet: _Sheet, kind: int, body: bytes, texts: list[str], *, narrow: bool) -> None:
    """Put what a record says of a cell, or of several beside each other, where it belongs."""
    if kind == _RESULT:
        sheet.put(*sheet.last, _text(body, narrow=narrow))
        return
    least = _LEAST.get(kind)
    if least is None or len(body) < least:
        return
    row, column = struct.unpack_from("<HH", body)
    if kind == _SHORTS:
        for number, at in enumerate(range(6, len(body) - 5, 6)):
            sheet.put(row, column + number, _written(_short(body[at : at + 4])))
    elif kind in (_LABEL, _RICH):
        sheet.put(row, column, _text(body[_HEAD:], narrow=narrow))
    elif kind == _SHARED:
        (number,) = struct.unpack_from("<I", body, _HEAD)
        sheet.put(row, column, texts[number] if number < len(texts) else "")
    else:
        sheet.last = row, column
        sheet.put(row, column, _number(kind, body[_HEAD:]))


def _number(kind: int, raw: bytes) -> str:
    """Return the number of a cell; the result of a formula may be a text, which follows."""
    if kind == _SHORT:
        return _written(_short(raw[:4]))
    if kind == _FORMULA and raw[6:8] == b"\xff\xff":
        return ""
    return _written(*struct.unpack_from("<d", raw))


def _short(raw: bytes) -> float:
    """Return the number that four bytes stand for: a whole one, or the upper half of any, by a hundred or not."""
    (word,) = struct.unpack("<I", raw)
    if word & 2:
        value = float(struct.unpack("<i", raw)[0] >> 2)
    else:
        (value,) = struct.unpack("<d", bytes(4) + struct.pack("<I", word & ~3))
    return value / 100 if word & 1 else value


def _written(value: float) -> str:
    return f"{value:.15g}"


def _text(body: bytes, *, narrow: bool) -> str:
    """Return a text behind its length, with the byte before its letters that says how wide they are, or as BIFF5 has it."""
    if len(body) < 3:
        return ""
    (length,) = struct.unpack_from("<H", body)
    if narrow:
        return body[2 : 2 + length].decode("cp1252", "replace")
    at = 3 + 2 * bool(body[2] & _FORMATTED) + 4 * bool(body[2] & _FAR_EAST)
    return _letters(body[at : at + length * 2], length, wide=bool(body[2] & _WIDE))


def _letters(raw: bytes, length: int, *, wide: bool) -> str:
    return raw[: length * 2].decode("utf-16-le", "replace") if wide else raw[:length].decode("latin-1")


def _shared(pieces: list[bytes]) -> Iterator[str]:
    """Yield the texts that cells share; a record that ends within the letters of one goes on with a byte for their width."""
    reader = _Pieces(pieces)
    reader.take(8)
    for _ in range(_MOST_TEXTS):
        head = reader.take(3)
        if len(head) < 3:
            return
        length, about = struct.unpack("<HB", head)
        runs = int.from_bytes(reader.take(2), "little") if about & _FORMATTED else 0
        further = int.from_bytes(reader.take(4), "little") if about & _FAR_EAST else 0
        yield reader.letters(length, wide=bool(about & _WIDE))
        reader.take(4 * runs + further)


@dataclass(slots=True)
class _Pieces:
    """A record and what continues it, read from the front."""

    pieces: list[bytes]
    number: int = 0
    at: int = 0

    def take(self, size: int) -> bytes:
        """Return as many bytes, over the ends of pieces; fewer at the end of the last one."""
        found = bytearray()
        while len(found) < size and self._is_left():
            some = self.pieces[self.number][self.at : self.at + size - len(found)]
            found += some
            self.at += len(some)
        return bytes(found)

    def letters(self, length: int, *, wide: bool) -> str:
        """Return as many letters; in each further piece a byte says anew how wide they are."""
        found, left, begun = "", length, self.number
        while left and self._is_left():
            if self.number != begun:
                begun, wide = self.number, bool(self.take(1)[0] & _WIDE)
                continue
            here = min(left, (len(self.pieces[begun]) - self.at) >> wide)
            found += _letters(self.take(here << wide), here, wide=wide)
            left -= here
            if not here:  # half a letter at the end of a damaged piece
                self.take(1)
        return found

    def _is_left(self) -> bool:
        """Whether anything is left, at the begin of the next piece where one ends here."""
        while self.number < len(self.pieces) and self.at >= len(self.pieces[self.number]):
            self.number, self.at = self.number + 1, 0
        return self.number < len(self.pieces)
