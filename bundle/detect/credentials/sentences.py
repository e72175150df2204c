"""A line of a text for people as its words alone, without its marks, and where each of them stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from bundle.detect.credentials.keyword import ascii_name
from hardening.records import dataclass

_PIECE = re.compile(
    r"""(?P<tag></?[A-Za-z][A-Za-z0-9]*(?:\s[^<>\n]{0,120})?/?>|&nbsp;|&quot;|\\f(?:[BIRPC]|\(?[A-Z]{2})|\\(?=["'-]))
    |(?P<mark>["`'*_]{1,3})
    |(?P<sign>[,;()|=/]|^[ \t]*:(?=[A-Za-z])|:(?=\s|$|["'`*<\\])|[.!?]+(?=\s|$|["'`*<\\)]))
    |(?P<word>(?:[^\s"`'*<>,;()|=/.!?:&\\]|[*'.!?:&/=](?=[^\s"`'*<>,;()|=/.!?:&\\])|!)+)
    |(?P<other>[^\s])""",
    re.VERBOSE,
)
_CELL = re.compile(r"(?i)</?(?:t[dhr]|d[dt]|li|br|p|div)\b")
_OPEN, _CLOSED = "\u00ab", "\u00bb"
_ONE_SIGN = re.compile(r"(?P<first>[A-Za-z][^:/=]*)(?P<sign>[:/=])(?P<last>[^:/=]+)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words of a line with one blank between them, marked ones in angle quotes, and where they stood."""

    text: str
    places: tuple[tuple[int, int, int], ...]
    """For each word where it begins here, and where it began and ended in the line."""

    def span(self, at: int) -> tuple[int, int]:
        """Return where the word that begins at an offset stood in the line."""
        return next(((first, last) for here, first, last in self.places if here == at), (0, 0))


def _words(line: str) -> Iterator[tuple[str, int, int, bool]]:
    """Yield words and signs with their places, and whether a mark stands before and behind them."""
    opened = False
    pieces = list(_PIECE.finditer(line))
    for number, one in enumerate(pieces):
        if one["tag"] or one["mark"]:
            if one["tag"] and _CELL.match(one[0]):
                yield "|", one.start(), one.end(), False
            opened = True
            continue
        behind = pieces[number + 1] if number + 1 < len(pieces) else None
        closed = behind is not None and bool(behind["tag"] or behind["mark"]) and behind.start() == one.end()
        before = pieces[number - 1].end() == one.start() if number else False
        marked = bool(one["word"]) and opened and before and closed
        opened = False
        parted = _ONE_SIGN.fullmatch(one[0]) if one["word"] else None
        if parted is None:
            yield one[0].strip(), one.start(), one.end(), marked
            continue
        for group in ("first", "sign", "last"):
            yield (
                parted[group],
                one.start() + parted.start(group),
                one.start() + parted.end(group),
                marked and group != "sign",
            )


@lru_cache(maxsize=64)  # a line may be of interest to several
def read(line: str) -> Sentence:
    """Return a line, one character for each byte, as its words."""
    text, places = "", []
    for word, first, last, marked in _words(line):
        if word == "|" and text.endswith(" |"):
            continue  # the end of a cell and the beginning of the next one
        plain = word if word.isascii() else ascii_name(word) or "?"
        text += f" {_OPEN}{plain}{_CLOSED}" if marked else f" {plain}"
        places.append((len(text) - len(plain) - marked, first, last))
    return Sentence(text, tuple(places))
