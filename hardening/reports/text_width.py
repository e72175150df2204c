"""Lines of the text report within the width of a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator

_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_LABEL = re.compile(r" *(?:[a-z-]+ {2,}|decided by )?")
_WHOLE = re.compile(r" +(?:answer|line|\|) ")
"""Lines to copy or to compare by column: they are never broken."""
_WORD = re.compile(r"`[^`]*`\S*|\S+")
"""A command between backticks stays on one line, so that it can be copied."""
_LEAST = 40


def wrapped(line: str, width: int) -> Iterator[str]:
    """Yield a line in parts of at most `width` columns, the later ones indented; no word is broken."""
    bare = _COLOR.sub("", line)
    if len(bare) <= width or width < _LEAST or _WHOLE.match(bare):
        yield line
        return
    found = _LABEL.match(bare)
    label = found[0] if found else ""
    indent = " " * (len(label) if label.strip() else len(label) + 2)
    part, used, end = "", 0, 0
    for word in _WORD.finditer(line):
        gap = line[end : word.start()]
        size = len(_COLOR.sub("", word[0]))
        if used > len(indent) and used + len(gap) + size > width:
            yield part
            part, used, gap = indent, len(indent), ""
        part += gap + word[0]
        used += len(gap) + size
        end = word.end()
    yield part + line[end:]
