"""The tokens of a Java source, and what it declares: constants, methods with the names of their parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

WORD, TEXT, LETTER, NUMBER, SIGN = "word", "text", "letter", "number", "sign"
_REMARK = r"//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)"
_BLOCK = r'"""(?:[^"\\]|\\.|"(?!""))*+(?:"""|\Z)'
_STRING = r'"(?:[^"\\\n]|\\[^\n])*+"'
_LETTER = r"'(?:[^'\\\n]|\\[^\n])++'"
_SIGN = r"->|::|[=!<>]=|&&|\|\||\S"
_TOKEN = re.compile(
    rf"(?:\s|{_REMARK})*+(?:(?P<word>[A-Za-z_$][\w$]*+)|(?P<text>{_BLOCK}|{_STRING})|(?P<letter>{_LETTER})"
    rf"|(?P<number>\d[\w.]*+)|(?P<open>[\"'][^\n]*+)|(?P<sign>{_SIGN})|(?P<end>\Z))",
    re.DOTALL,
)
"""A quote that nothing closes takes the rest of its line with it. Nothing is given back, so that each text is read once."""
_ESCAPE = re.compile(r"\\(?:u+([0-9a-fA-F]{4})|([0-7]{1,3})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "s": " "}
_MODIFIERS = frozenset("final static public private protected volatile transient".split())
_NO_TYPE = frozenset("return new throw else case assert yield instanceof".split())
_BODIES = ("{", "throws", ";", "default")
"""What follows the parameters of a method that is declared."""
_MOST_TOKENS = 200_000
_LONGEST_LIST = 1000


class Token(NamedTuple):
    """A token: its kind, its text, where it begins and ends."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(slots=True)
class Declared:
    """What a source declares."""

    methods: dict[int, tuple[str, tuple[str, ...], str]] = field(default_factory=dict)
    """Methods and constructors by the place of the name: name, names of the parameters, the type that is returned."""
    parameters: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    """The names of the parameters by the name of the method, or class, and how many it has."""


def tokens(text: str) -> list[Token]:
    """Return the tokens of a source without its comments; of one with too many, none."""
    found: list[Token] = []
    for one in _TOKEN.finditer(text):
        kind = one.lastgroup or SIGN
        if kind == "end":
            break
        if kind == "open":
            continue
        found.append(Token(kind, one[kind], one.start(kind), one.end(kind)))
        if len(found) > _MOST_TOKENS:
            return []
    return found


def unescaped(raw: str) -> str:
    """Return what a literal with its quotes says."""
    if raw.startswith('"""'):
        body = raw[3:-3]
        return "\n".join(line.strip() for line in body.strip().split("\n"))
    body = raw[1:-1]
    return _ESCAPE.sub(_meant, body) if "\\" in body else body


def _meant(found: re.Match[str]) -> str:
    if found[1]:
        return chr(int(found[1], 16))
    return chr(int(found[2], 8)) if found[2] else _ESCAPES.get(found[3], found[3])


def brackets(found: Sequence[Token]) -> list[int]:
    """Return for each bracket that opens the place of the one that closes it; for all else, and where there is none, the end."""
    ends, opened = [len(found)] * (len(found) + 1), []
    for place, token in enumerate(found):
        if token.kind != SIGN:
            continue
        if token.text in "([{":
            opened.append(place)
        elif token.text in ")]}" and opened:
            ends[opened.pop()] = place
    return ends


def declared(found: Sequence[Token], ends: Sequence[int]) -> Declared:
    """Return what methods, constructors and records are declared."""
    known = Declared()
    for at in range(1, len(found) - 2):
        token, before = found[at], found[at - 1]
        if token.kind != WORD or found[at + 1].text != "(":
            continue
        if (
            before.text == "."
            or before.text in _NO_TYPE
            or token.text in ("if", "for", "while", "switch", "catch")
        ):
            continue
        end = ends[at + 1] + 1
        follows = found[end].text if end < len(found) else ""
        record = before.text == "record"
        typed = before.kind == WORD or before.text in (">", "]")
        if not record and (
            follows not in _BODIES or not (typed or (before.text in ("}", ";", "{") and follows != ";"))
        ):
            continue
        names = list(_parameters(found, at + 2, ends[at + 1]))
        if follows == ";" and not names and not record:
            continue
        known.methods[at] = (token.text, tuple(names), "" if record else before.text)
        known.parameters.setdefault((token.text, len(names)), tuple(names))
    return known


def _parameters(found: Sequence[Token], at: int, end: int) -> Iterator[str]:
    """Yield the names of parameters that are declared with their types, from behind a bracket to its end."""
    if end - at > _LONGEST_LIST:
        return
    depth, last = 0, at
    for place in range(at, end + 1):
        text = found[place].text if place < len(found) else ")"
        if text in ("<", "(", "["):
            depth += 1
        elif text in (">", ")", "]") and place < end:
            depth -= 1
        elif (text == "," and not depth) or place == end:
            words = [one for one in found[last:place] if one.kind == WORD and one.text not in _MODIFIERS]
            if len(words) > 1 and found[place - 1].kind == WORD:
                yield words[-1].text
            last = place + 1


def fields(found: Sequence[Token]) -> Mapping[str, str]:
    """Return the fields that are given what has a short name, by that: `password = p;`."""
    return {
        found[at + 1].text: found[at - 1].text
        for at in range(1, len(found) - 2)
        if found[at].text == "="
        and found[at + 1].kind == found[at - 1].kind == WORD
        and len(found[at + 1].text) == 1
        and found[at + 2].text == ";"
    }


def constants(found: Sequence[Token]) -> Mapping[str, Token]:
    """Return the literals of constants by their names: `static final String X = "...";`."""
    return {
        found[at - 2].text: found[at]
        for at in range(3, len(found) - 1)
        if found[at].kind == TEXT
        and found[at - 1].text == "="
        and found[at - 2].kind == WORD
        and found[at - 3].text == "String"
        and found[at + 1].text == ";"
    }
