"""A line of a text for people as its words alone, without its marks, and where each of them stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from bundle.detect.credentials.judging.keyword import ascii_name
from hardening.records import dataclass

_TAG = r"""</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>\n]{0,120})?/?>|&nbsp;|&quot;|\\f(?:[BIRPC]|\(?[A-Z]{2})|\\(?=["'-])"""
_SIGN = r"""[,;()|=/]|^[ \t]*:(?=[A-Za-z])|:(?=\s|$|["'`*<\\])|[.!?]+(?=\s|$|["'`*<\\)])"""
_WORD = r"""(?:[^\s"`'*<>,;()|=/.!?:&\\]++|[*'.!?:&/=](?=[^\s"`'*<>,;()|=/.!?:&\\])|!)+"""
_PIECE = re.compile(
    rf"""(?P<tag>{_TAG})|(?P<mark>["`'*_]{{1,3}})|(?P<sign>{_SIGN})|(?P<word>{_WORD})|(?P<other>[^\s])"""
)
_MARKS = frozenset(("tag", "mark"))
_CELL = re.compile(r"(?i)</?(?:t[dhr]|d[dt]|li|br|p|div)\b")
_OPEN, _CLOSED = "\u00ab", "\u00bb"
_ENDS = ("*/", "--%>", "-->", "#}")
"""What closes a comment."""
_LEADER = 4
"""Dots that lead from a label to what stands at the end of the line."""
_ELLIPSIS = 3
"""As many lead there with a blank before them; right behind a word they end a sentence."""
_ONE_SIGN = re.compile(r"(?P<first>[A-Za-z][^:/=]*)(?P<sign>[:/=])(?P<last>[^:/=]+)")

_ONE_WORD = re.compile(r"""(?a)["'`*_<>,;()|=/]*([^\W_](?:[\w-]*\w)?)["'`*<>,;()|=/.?:]*\Z""")
"""One word, and around it only what is none wherever it stands."""


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
    pieces = [(one.lastgroup, one[0], *one.span()) for one in _PIECE.finditer(line)]
    opened, reached, last = False, -1, len(pieces) - 1
    for number, (kind, said, start, end) in enumerate(pieces):
        if kind in _MARKS:
            if kind == "tag" and _CELL.match(said):
                yield "|", start, end, False
            opened, reached = True, end
            continue
        if kind != "word":
            dots = 0 if said.strip(".") else len(said)
            leader = dots >= _LEADER or (dots == _ELLIPSIS and line[start - 1 : start] == " ")
            yield ":" if leader else said.strip(), start, end, False
            opened, reached = False, end
            continue
        marked = False
        if opened and reached == start and number < last:
            behind = pieces[number + 1]
            marked = behind[0] in _MARKS and behind[2] == end
        opened, reached = False, end
        parted = None if said.isalnum() else _ONE_SIGN.fullmatch(said)
        if parted is None:
            yield said, start, end, marked
            continue
        for group in ("first", "sign", "last"):
            first, past = parted.span(group)
            yield parted[group], start + first, start + past, marked and group != "sign"


def _opened(line: str) -> str:
    """Return a line without what closes the comment that it is."""
    for end in _ENDS:
        line = line.removesuffix(end)
    return line


def apart(letters: str) -> set[str]:
    """Return all words that what stands between two blanks may be read as, wherever in a line it stands."""
    if plain := _ONE_WORD.match(letters):  # as most are
        return {plain[1]}
    lines = {letters, _opened(letters)}
    if letters.startswith(":"):  # a sign of its own where a line begins
        lines |= {f"- {line}" for line in lines}
    words = {word for line in lines for word, *_ in _words(line)}
    if not letters.isascii():
        words.update(*(_plain(word).split() for word in words))
    return words


def _plain(word: str) -> str:
    return word if word.isascii() else ascii_name(word) or "?"


@lru_cache(maxsize=64)  # a line may be of interest to several
def read(line: str) -> Sentence:
    """Return a line, one character for each byte, as its words."""
    text, places = "", []
    for word, first, last, marked in _words(_opened(line.rstrip())):
        if word == "|" and text.endswith(" |"):
            continue  # the end of a cell and the beginning of the next one
        plain = _plain(word)
        text += f" {_OPEN}{plain}{_CLOSED}" if marked else f" {plain}"
        places.append((len(text) - len(plain) - marked, first, last))
    return Sentence(text, tuple(places))
