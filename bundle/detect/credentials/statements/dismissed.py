"""What one look at a hit tells: most names promise nothing, and most of the others are given a sentence or a program's own word.

Nothing is dismissed here that the whole reading would keep; it takes a tenth of the time.
"""

from __future__ import annotations

import re
from functools import lru_cache

from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.naming import token
from bundle.detect.credentials.judging.values import common
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.vocabulary import any_of
from bundle.walk.member import Content

PROMISE = re.compile(any_of("name/promises-a-secret"))
"""The words of the gate, in a text made lower case: that is several times quicker than to ask for either case."""
CODED = re.compile(r"(?i)b64|unescape|unquote|H\*|base_?64|decode|atob|hex|rot13|encoded|obf")
"""What says of a name or a call that a value is in a code."""
_REACH = 100
"""Bytes before a hit in which a short name with its sign is."""
_LONGEST_LINE = 200
"""Bytes before a hit that tell whether it is within a literal or a comment."""
_OF_A_NAME = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.$"
_NO_LETTER = b"0123456789-."
_SIGNS = b" \t:=>,\"']"
_PLAIN = frozenset((b":", b'":', b"':", b"=", b"=>", b'"=>', b"'=>", b",", b'",', b"',"))
"""What stands between name and value where nothing is to be thought about."""
_ARROW = ord(">")
_INDEXED = frozenset((b"']=", b'"]='))
_ALONE = frozenset(b" \t\r\n{,(;")
"""What stands before a name that is no part of a longer one."""
_QUOTES = frozenset(b"\"'")
_LONGEST_LITERAL = 400
_ENDS = frozenset((b",", b"}", b")", b"]", b";"))
"""Signs behind a literal to which nothing is joined."""
_STATE = re.compile(r"[a-z][a-z._-]*")
_DIGIT = re.compile(r"\d")
_SHORT = 30
"""Letters of a literal in which no generator has room for all kinds of signs."""
_OPENED = re.compile(rb"[\[{][\s\"']")
"""A list or table, which is no value."""
_BARE = re.compile(
    rb"[\w$]+(?:(?:\.|->|::)[\w$]+){0,4}(?:\(\))?[ \t]{0,2}[;,)}]|[^%\"'`\\\n(][^\"'`\\\n]{0,200}(?<![(.:>\s])(?<!\{\{)[ \t\r]{0,4}\n"
)
"""A word of a program, or a line without a literal and none to come in brackets; what stands for it has no quotes."""
_MEMBER = re.compile(rb":[A-Za-z_]\w{0,60}+(?=[ \t]?[;|,])")
"""What a class has, with its second colon: the value of something else, as `Token::KEYWORD` is in all tables of a lexer."""
_GIVEN = (b"=", b"=>", b"|")
_ENDS_OF_LINE = (b"\n", b"\r")
_BARE_WORD = re.compile(
    rb"[\w$]+[ \t]*(?:[,;)\]}]|=|\r?\n)|[)\]}:#*+/.,;?^]|@[A-Za-z]|(?:return|def|class|if|for|raise|with)[ \t]"
)
"""A word or sign of a program that no literal stands in: what a name is given on the line below it, or behind a comma."""
_GENERIC_QUOTE = re.compile(rb"[%q][qQ]?[{(\[]|^q")
_PLAIN_CODE = _OF_A_NAME + b",(){}[]=&|!?+:;@ \t"
"""What a line has before a name that is in no literal and no comment."""
_COMMENTS = (b"rem ", b"dnl ", b"::", b"--")


def dismissed(  # noqa: PLR0911 - one return for each way to tell
    data: Content, position: int, at: int, kind: str
) -> int | None:
    """Return from where to read on behind a hit of which all can be told at once, and is nothing; else None."""
    if data[at - 1] == _ARROW:  # `=>` is hit at its end, and once more at the value
        behind = data[at : at + _REACH]
        at += len(behind) - len(behind.lstrip(b" \t")) + 1
        if at > len(data):
            return None
    floor = max(position, at - _REACH)
    piece = data[floor : at - 1]
    named = piece.rstrip(_SIGNS)
    if not named and floor == position:
        return position  # signs alone: the name was looked at before
    between = piece[len(named) :].translate(None, b" \t")
    if named[-1:] in _ENDS_OF_LINE:
        if kind != place.CONFIG and _BARE_WORD.match(data, at - 1):
            return floor + len(named) - 1
        named, between = named.rstrip().removesuffix(b","), b","
    front = named.rstrip(_OF_A_NAME)
    if not front or not _stands_alone(front, between):
        return None
    said = _said(named[len(front) :])
    if said is None:
        return None
    name, promised = said
    if kind == place.CODE and piece.endswith(b":") and (member := _MEMBER.match(data, at - 1)):
        return member.end() if front.rstrip().endswith(_GIVEN) else None
    if promised is None:
        return position
    begin = floor + len(front) - (front[-1] in _QUOTES)
    nothing = (
        (between == b"," and _is_an_argument(data, at, front.rstrip(), name))
        or _is_text(data, at, name, promised, kind)
        or (kind == place.CODE and _is_code(data, at, begin))
    )
    return floor + len(named) if nothing else None


def _is_an_argument(data: Content, at: int, front: bytes, name: str) -> bool:
    """Whether what stands behind a comma is another argument: one that is no constant's value, in no pair of its own."""
    if data[at - 1] not in _QUOTES:
        return _BARE_WORD.match(data, at - 1) is not None
    return front[-1:] not in (b"", b"{") and not name.rsplit(".", 1)[-1].isupper()


def _stands_alone(front: bytes, between: bytes) -> bool:
    """Whether a name is no part of a longer one, by what stands before it, and between it and its value."""
    before = front[-1]
    if before not in _QUOTES:
        return before in _ALONE and between in _PLAIN
    if between in _PLAIN:
        return between[0] == before and (len(front) == 1 or front[-2] in _ALONE)
    if between not in _INDEXED or front[-2:-1] != b"[":
        return False
    table = front[len(front[:-2].rstrip(_OF_A_NAME)) : -2]
    return table.startswith(b"$") and not PROMISE.search(table.decode("ascii").lower())


def _is_code(data: Content, at: int, begin: int) -> bool:
    """Whether a value is no literal, outside of literals and comments."""
    if _OPENED.match(data, at - 1):
        return True
    bare = _BARE.match(data, at - 1)
    if bare is None or _GENERIC_QUOTE.search(bare[0]):
        return False
    line = data[max(0, at - _LONGEST_LINE) : begin].rpartition(b"\n")
    return (
        bool(line[1])
        and not line[2].translate(None, _PLAIN_CODE)
        and not line[2].lstrip().lower().startswith(_COMMENTS)
    )


@lru_cache(maxsize=20_000)
def _said(run: bytes) -> tuple[str, Kind | None] | None:
    """Return a name and what it promises; None where the word that was hit is not in it, or the name goes on."""
    name = run.lstrip(_NO_LETTER).decode("ascii")
    if name.endswith(("-", ".")) or not PROMISE.search(name.lower()):
        return None
    return name, kind_of(name)


def _is_text(data: Content, at: int, name: str, promised: Kind, kind: str) -> bool:
    """Whether the value is a literal, to which nothing is joined, that is a sentence or a state of a program's."""
    if data[at - 1] not in _QUOTES:
        return False
    end = data.find(data[at - 1 : at], at, at + _LONGEST_LITERAL)
    if end <= at:
        return False
    said = data[at:end].decode("latin-1")
    if "\\" in said or "\n" in said:
        return False
    if is_sentence(name, said):
        return True
    return (
        promised is Kind.TOKEN
        and kind == place.CODE
        and data[end + 1 : end + _REACH].lstrip()[:1] in _ENDS
        and is_state(name, said)
    )


def is_sentence(name: str, said: str) -> bool:
    """Whether a literal is no more than words, which is what most names with a word for a secret are given: texts of a program."""
    bare = said.strip()
    return (
        " " in bare
        and (len(said) < _SHORT or not _DIGIT.search(bare))
        and "%" not in bare
        and bare[0] != "{"
        and "phrase" not in name.lower()
        and bare.lower() not in common()
    )


@lru_cache(maxsize=4096)  # the lexers of an editor have a few words, thousands of times
def is_state(name: str, said: str) -> bool:
    """Whether a name of a token is given a word of the program's own, as all lexers do: `token: "comment"`."""
    return bool(_STATE.fullmatch(said)) and not CODED.search(name) and token(name, said) is None
