"""Literals that a script writes in pieces, put together: `'abc' . 'def'` is `'abcdef'`.

A minified script holds a quote every forty bytes, and few of them join anything: Vectorscan says where, where there is one.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_BUILT = re.compile(rb"""['"]\s*(?:\.|\+|;\s*\$?\w+\s*(?:\.|\+)=)\s*['"]""")
_LISTED = re.compile(rb"""['"]\s*,\s*['"]""")
_REACH = 512
"""Bytes in which the quote is looked for that a joint begins with; where one is longer, the pattern looks for all itself."""


def built(data: bytes) -> bytes:
    """Return a text with what is joined by a sign, or by one assignment after another, in one piece."""
    return without(_BUILT, data)


def listed(data: bytes) -> bytes:
    """Return a text with the literals of a list in one piece."""
    return without(_LISTED, data)


def without(joint: re.Pattern[bytes], data: bytes) -> bytes:
    """Return a text without what a pattern matches: a quote, no further quote, a quote."""
    database = _database(joint.pattern)
    if database is None:
        return joint.sub(b"", data)
    ends: set[int] = set()

    def seen(_number: int, _start: int, end: int, _flags: int, _context: Any) -> None:
        ends.add(end)

    database.scan(data, match_event_handler=seen)
    if not ends:
        return data
    kept: list[bytes] = []
    reached = 0
    for end in sorted(ends):
        near = data[max(0, end - 1 - _REACH) : end - 1]
        start = end - 1 - len(near) + max(near.rfind(b"'"), near.rfind(b'"'))
        if start < reached:
            continue  # it begins with the quote that the one before ends with
        if joint.match(data, start, end) is None:
            return joint.sub(b"", data)
        kept.append(data[reached:start])
        reached = end
    kept.append(data[reached:])
    return b"".join(kept)


@cache
def _database(pattern: bytes) -> Any | None:
    try:
        import hyperscan
    except ImportError:
        return None
    made = hyperscan.Database()
    made.compile(expressions=[pattern], ids=[0], elements=1, flags=[0])
    return made
