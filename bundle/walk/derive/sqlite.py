"""Rows of a SQLite file as INSERT statements, read from its pages without SQLite."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from functools import cache, partial

from bundle.walk.source import Source

_MOST = 8 << 20
_COLUMN = re.compile(r"""[\s(,]*["'`\[]?(\w+)""")
_NOT_COLUMNS = frozenset({"primary", "unique", "check", "foreign", "constraint"})
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Bytes of an integer, by the number of its type."""
_FIXED = {8: 0, 9: 1}
_BLOB = 12
"""The first type that says the length of a blob or text."""
_SMALL = 128
"""What a number of one byte is below."""
_MOST_COLUMNS = 2000

Value = bytes | int | float | None


def dump(source: Source) -> bytes:
    """Return `INSERT INTO table (columns) VALUES (...);` for the rows that can be read, up to 8 MiB."""
    reader = _reader(source)
    if reader is None:
        return b""
    lines: list[bytes] = []
    length = 0
    for name, columns, root in list(_tables(reader)):
        front = cache(partial(_front, name, tuple(columns)))
        for row in reader.rows(root):
            line = front(len(row)) + b", ".join(map(_literal, row)) + b");"
            lines.append(line)
            length += len(line)
            if length > _MOST:
                return b"\n".join(lines) + b"\n"
    return b"\n".join(lines) + b"\n" if lines else b""


def values(source: Source, only: bytes = b"", least: int = 0) -> Iterator[tuple[bytes, int, int, bytes]]:
    """Say (table, row, column, value) of every text or blob, of one table or of all; rows and columns count from 1.

    Rows of fewer bytes than the `least` are counted and not read.
    """
    reader = _reader(source)
    if reader is None:
        return
    for name, _, root in list(_tables(reader)):
        if only and name != only:
            continue
        for number, row in enumerate(reader.rows(root, least), 1):
            for column, value in enumerate(row, 1):
                if isinstance(value, bytes):
                    yield name, number, column, value


def _reader(source: Source) -> _Pages | None:
    size = int.from_bytes(source.read(16, 2), "big")
    reader = _Pages(source, 65536 if size == 1 else size)
    return None if reader.page_size < 512 or reader.page_size & (reader.page_size - 1) else reader


def _tables(reader: _Pages) -> Iterator[tuple[bytes, list[str], int]]:
    for row in reader.rows(1):
        if len(row) >= 5 and row[0] == b"table" and isinstance(row[3], int):
            name, sql = row[1], row[4]
            text = sql.decode("utf-8", "replace") if isinstance(sql, bytes) else ""
            yield name if isinstance(name, bytes) else b"?", _columns(text), row[3]


def _columns(sql: str) -> list[str]:
    """Return the names of the columns of a CREATE TABLE statement."""
    _, _, body = sql.partition("(")
    names: list[str] = []
    depth = 0
    start = 0
    for at, letter in enumerate(body):
        if letter == "(":
            depth += 1
        elif letter in ",)" and depth == 0:
            match = _COLUMN.match(body[start:at])
            if match and match.group(1).lower() not in _NOT_COLUMNS:
                names.append(match.group(1))
            start = at + 1
            if letter == ")":
                break
        elif letter == ")":
            depth -= 1
    return names


def _front(name: bytes, columns: Sequence[str], count: int) -> bytes:
    """Return the statement for a row of so many values up to the first of them."""
    listed = f" ({', '.join(columns[:count])})".encode() if columns else b""
    return b"INSERT INTO " + name + listed + b" VALUES ("


def _literal(value: Value) -> bytes:
    if isinstance(value, bytes):
        text = value.replace(b"'", b"''").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
        return b"'" + text + b"'" if b"\0" not in text else b"X'" + value[:64].hex().encode() + b"'"
    return b"NULL" if value is None else str(value).encode()


class _Pages:
    def __init__(self, source: Source, page_size: int) -> None:
        self._source = source
        self.page_size = page_size
        self._usable = page_size - (source.read(20, 1) or b"\0")[0]

    def _page(self, number: int) -> bytes:
        return self._source.read((number - 1) * self.page_size, self.page_size) if number > 0 else b""

    def rows(self, root: int, least: int = 0) -> Iterator[list[Value]]:
        """Say the rows of a table's tree, empty ones for those of fewer bytes than the `least`; every page is visited once."""
        seen: set[int] = set()
        todo = [root]
        while todo:
            number = todo.pop()
            if number in seen:
                continue
            seen.add(number)
            page = self._page(number)
            at = 100 if number == 1 else 0
            if len(page) < at + 12:
                continue
            kind, count = page[at], int.from_bytes(page[at + 3 : at + 5], "big")
            if kind == 5:
                cells = struct.unpack_from(f">{min(count, (len(page) - at - 12) // 2)}H", page, at + 12)
                todo.append(int.from_bytes(page[at + 8 : at + 12], "big"))
                todo.extend(int.from_bytes(page[cell : cell + 4], "big") for cell in reversed(cells))
            elif kind == 13:
                for cell in struct.unpack_from(f">{min(count, (len(page) - at - 8) // 2)}H", page, at + 8):
                    row = self._row(page, cell, least)
                    if row is not None:
                        yield row

    def _row(self, page: bytes, cell: int, least: int) -> list[Value] | None:
        """Return a row; None where it is damaged."""
        try:
            size, at = _varint(page, cell)
            if size < least:
                return []
            _, at = _varint(page, at)
            return _record(self._payload(page, at, size))
        except (IndexError, struct.error):
            return None

    def _payload(self, page: bytes, at: int, size: int) -> bytes:
        most = self._usable - 35
        if size <= most:
            return page[at : at + size]
        least = (self._usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (self._usable - 4)
        local = local if local <= most else least
        data = page[at : at + local]
        following = int.from_bytes(page[at + local : at + local + 4], "big")
        seen: set[int] = set()
        while following and following not in seen and len(data) < min(size, _MOST):
            seen.add(following)
            block = self._page(following)
            data += block[4 : self._usable]
            following = int.from_bytes(block[:4], "big")
        return data[:size]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for _ in range(8):
        byte = data[at]
        at += 1
        value = value << 7 | byte & 127
        if byte < 128:
            return value, at
    return value << 8 | data[at], at + 1


def _record(data: bytes) -> list[Value]:
    end, at = (data[0], 1) if data[0] < _SMALL else _varint(data, 0)
    body = end
    row: list[Value] = []
    while at < end and len(row) < _MOST_COLUMNS:
        kind = data[at]
        if kind < _SMALL:
            at += 1
        else:
            kind, at = _varint(data, at)
        if kind >= _BLOB:
            length = (kind - _BLOB) // 2
            row.append(data[body : body + length])
            body += length
        elif kind in _INTEGERS:
            length = _INTEGERS[kind]
            row.append(int.from_bytes(data[body : body + length], "big", signed=True))
            body += length
        elif kind == 7:
            row.append(struct.unpack(">d", data[body : body + 8])[0])
            body += 8
        else:
            row.append(_FIXED.get(kind))
    return row
