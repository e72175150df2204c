"""Tables of any length, a few rows at a time, each piece under the heading of the table: no window reaches over hundreds of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bundle.detect.credentials.texts.textview import View
from bundle.walk.member import Content

_LONGEST = 1 << 20
"""Bytes of a table that are read."""
_ROWS = 24
_LONGEST_ROWS = 8192
_BEFORE = 400
"""Bytes before the cell that says password in which the others of its heading are, where each has a line of its own."""
_END = re.compile(rb"\n[ \t\r]*\n(?![^\n|]{0,400}\|)")
"""A blank line, unless rows with bars go on behind it."""
_END_OF_HTML = re.compile(rb"(?i:</table)")
_RULE = re.compile(rb"[\s=+|~:!*-]*$")
_NEAR = 900
"""Bytes behind a row that says password in which others are looked at, where it may be no heading."""
_END_OF_ROW = re.compile(rb"(?i:</tr>)")


def pieces(view: View, at: int) -> Iterator[tuple[int, str, int]]:
    """Yield the rows below a heading that ends at `at`: the offset that a text begins at, the text, and where in it rows begin.

    A text is the heading with some of the rows, so that offsets of rows hold and those of the heading do not.
    """
    data = view.data
    line = data.rfind(b"\n", 0, at) + 1
    begun = max(line, at - _BEFORE) if at - line < _BEFORE else at - _BEFORE
    html = b"<th" in data[begun:at].lower()
    if html:
        begun = max(0, at - _BEFORE)
        closed = _END_OF_ROW.search(data, at, at + _LONGEST_ROWS)
        first = closed.end() if closed else at
    else:
        first = data.find(b"\n", at) + 1 or len(data)
    rule = data.find(b"\n", first) + 1 or len(data)
    head = view.text(begun, first if html else min(rule, first + _BEFORE))
    ended = (_END_OF_HTML if html else _END).search(data, max(0, first - 1), first + _LONGEST)
    limit = ended.start() if ended else min(len(data), first + _LONGEST)
    if not html and _goes_on(bytes(data[max(0, line - _LONGEST_ROWS) : line]), bytes(data[line:at])):
        limit = min(limit, first + _NEAR)  # a row that speaks of a password, in a list of other things
    position = first
    while position < limit:
        end = _some(data, position, limit, html=html)
        if position == first:
            yield begun, view.text(begun, end), first - begun
        else:
            yield position - len(head), head + view.text(position, end), len(head)
        position = end


def _goes_on(above: bytes, heading: bytes) -> bool:
    """Whether the line above a heading is a row with as many columns: the heading is none then, nor its table one of accounts."""
    row = above.rstrip(b"\r\n").rpartition(b"\n")[2]
    sign = next((s for s in (b"|", b"\t") if s in heading), b"  ")
    return bool(row.strip()) and not _RULE.match(row) and row.count(sign) >= heading.count(sign)


def _some(data: Content, position: int, limit: int, *, html: bool) -> int:
    """Return where some rows end."""
    end = position
    for _ in range(_ROWS):
        if html:
            closed = _END_OF_ROW.search(data, end, min(limit, end + _LONGEST_ROWS))
            behind = closed.end() if closed else 0
        else:
            behind = data.find(b"\n", end, min(limit, end + _LONGEST_ROWS)) + 1
        if not behind or behind - position > _LONGEST_ROWS:
            break
        end = behind
    return end if end > position else min(limit, position + _LONGEST_ROWS)
