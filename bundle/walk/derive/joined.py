"""Literals that a script writes in pieces, put together: `'abc' . 'def'` is `'abcdef'`.

A minified script holds a quote every forty bytes, and few of them join anything: Vectorscan says where, where there is one.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from bundle.walk import scan

_BUILT = re.compile(rb"""['"]\s*(?:\.|\+|;\s*\$?\w+\s*(?:\.|\+)=)\s*['"]""")
_LISTED = re.compile(rb"""['"]\s*,\s*['"]""")
_SPACE = b" \t\n\r\f\v"
_REACH = 512
"""Bytes in which the quote is looked for that a joint begins with; where one is longer, the pattern looks for all itself."""


def built(data: bytes) -> bytes:
    """Return a text with what is joined by a sign, or by one assignment after another, in one piece."""
    ends = _ends(_BUILT, data)
    if ends is None:
        return _BUILT.sub(b"", data)
    if not ends:
        return data
    kept = bytearray()
    reached = 0
    for end in ends:
        start = _quote(data, end - 1)
        if start < reached:
            continue  # it begins with the quote that the one before ends with
        if _BUILT.match(data, start, end) is None:
            return _BUILT.sub(b"", data)
        kept += data[reached:start]
        reached = end
    return bytes(kept + data[reached:])


def listed(data: bytes) -> bytes:
    """Return a text with the literals of a list in one piece."""
    ends = _ends(_LISTED, data)
    if ends is None:
        return _LISTED.sub(b"", data)
    kept = bytearray()
    reached = 0
    for end in ends:  # there are thousands in a text of tables
        literal = data[reached : end - 1].rstrip(_SPACE)[:-1].rstrip(_SPACE)
        if literal:  # else it begins with the quote that the one before ends with
            kept += literal[:-1]
            reached = end
    return bytes(kept + data[reached:])


def _quote(data: bytes, end: int) -> int:
    """Return where the last quote in front of a place stands, or a place that holds none where that is far."""
    near = data[max(0, end - _REACH) : end]
    return end - len(near) + max(near.rfind(b"'"), near.rfind(b'"'))


def _ends(joint: re.Pattern[bytes], data: bytes) -> Sequence[int] | None:
    """Return where matches end, ascending; None where there is no Vectorscan."""
    database = scan.database((joint.pattern,), once=False)
    if database is None:
        return None
    ends = array("Q")  # a text made for it holds millions

    def seen(_number: int, _start: int, end: int, _flags: int, _context: Any) -> None:
        ends.append(end)

    database.scan(data, match_event_handler=seen)
    return ends if all(one < other for one, other in pairwise(ends)) else sorted(set(ends))
