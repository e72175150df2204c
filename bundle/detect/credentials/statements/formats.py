"""Formats with constant arguments, of any language: `%s` of C and its heirs, `{0}` of .NET and Java, `{}` and names of Python."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

LITERAL = re.compile(
    r"""(?:(?<![\w"'`])(?P<prefix>[bBuUfFrRL@$]{1,2}))?(?P<q>["'`])(?P<text>(?:\\.|(?!(?P=q))[^\\\n]){0,600})(?P=q)"""
)
"""A literal on one line, with the letters that say how it is read."""
_METHOD = re.compile(r"\s{0,20}\.\s{0,4}format(?:ted)?\s{0,4}\(")
_OPERATOR = re.compile(r"\s{0,20}%\s{0,20}(?=[(\[{\"'A-Za-z])|\s{0,8}\)?\s{0,4}-f\s{1,8}")
_ARGUMENTS = re.compile(r"\s{0,20},")
_OF_QT = re.compile(r"\s{0,8}\)?\s{0,20}\.\s{0,4}arg\s{0,4}\(")
"""Qt fills in one after another: `QString("%1:%2").arg("a").arg("b")`."""
_NUMBERED = re.compile(r"%(?P<name>(?!))?(?P<number>\d{1,2})")
_PERCENT = re.compile(
    r"%%|%(?:(?P<number>\d{1,2})\$)?(?:\((?P<name>\w{1,40})\))?[-+\d.]{0,6}(?:[sdvqiux@](?![a-z]{0,2}%[0-9A-F]{2}))"
)
_BRACES = re.compile(
    r"\{\{|\}\}|\{(?:(?P<number>\d{1,2})|(?P<name>[A-Za-z_]\w{0,40}))?(?:![rsa])?(?:[:,][^{}\n]{0,12})?\}"
)
_NAMED = re.compile(
    r"""\s*(?:(?P<name>\w{1,40}|["']\w{1,40}["'])\s*(?:=>|=|:)\s*)?(?:\([a-z]\w{0,20}\s*\*?\)\s*)?"""
)
"""What stands before the literal of an argument: its name, or a type."""
_LIST = re.compile(r"\s*(?:array\s*\(|dict\s*\(|new\s+\w{1,20}\s*\[\s*\]\s*\{|[(\[{])")
_ENDED = re.compile(r"\n\s{0,80}(?![\s,)\]};+.&])")
"""The end of a line where a list without brackets ends."""
_OPEN, _CLOSE = "([{", ")]}"
VARIABLE = "${_}"
"""What stands in a literal for what a variable fills in."""
_LONGEST = 800
_MOST = 24
"""Arguments of a call that people write."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a literal, and where it stands; -1 where it is none of the text's.

    `text` has one character for each byte.
    """

    text: str
    at: int


def interpolates(literal: re.Match[str]) -> bool:
    """Whether expressions may stand within a literal."""
    return literal["q"] == "`" or bool(set(literal["prefix"] or "") & set("fF$")) or "#{" in literal["text"]


def filled(text: str, at: int, parts: Sequence[Part]) -> list[Part] | None:
    """Return the parts of a format, which ends at an offset, with its constant arguments; None where it has none."""
    whole = "".join(part.text for part in parts)
    if "%" not in whole and "{" not in whole:
        return None
    given = _given(text, at)
    if not any(literal for _, literal in given):
        return None
    pattern = _NUMBERED if _OF_QT.match(text, at) else _BRACES
    if pattern is _BRACES and any(place[0] != "%%" for place in _PERCENT.finditer(whole)):
        pattern = _PERCENT
    named = {name: literal for name, literal in given if name}
    made: list[Part] = []
    following, constant = 0, False
    for part in parts:
        begin = 0
        for place in pattern.finditer(part.text):
            made.append(_piece(part, begin, place.start()))
            begin = place.end()
            if place[0] in ("%%", "{{", "}}"):
                made.append(_piece(part, place.start(), place.start() + 1))
                continue
            if place["name"]:
                literal = named.get(place["name"])
            else:
                number = int(place["number"]) - (pattern is not _BRACES) if place["number"] else following
                following += not place["number"]
                literal = given[number][1] if 0 <= number < len(given) else None
            constant = constant or literal is not None
            made.append(literal or Part(VARIABLE, -1))
        made.append(_piece(part, begin, len(part.text)))
    return made if constant else None


def _piece(part: Part, begin: int, end: int) -> Part:
    return Part(part.text[begin:end], part.at + begin if part.at >= 0 else -1)


def _given(text: str, at: int) -> list[tuple[str, Part | None]]:
    """Return name and literal of each argument of the format that ends at an offset; None for what is no literal."""
    given: list[tuple[str, Part | None]] = []
    while len(given) < _MOST and (found := _OF_QT.match(text, at)):
        given += _split(text, found.end())
        at = _closed(text, found.end())
    if given:
        return given
    if found := _METHOD.match(text, at) or _ARGUMENTS.match(text, at):
        return _listed(text, found.end())
    found = _OPERATOR.match(text, at)
    if found is None:
        return []
    if "-f" in found[0] or _LIST.match(text, found.end()):
        return _listed(text, found.end())
    alone = LITERAL.match(text, found.end())
    return [("", Part(alone["text"], alone.start("text")))] if alone else []


def _closed(text: str, at: int) -> int:
    """Return where the bracket closes that was opened before an offset, of a call with one literal or name."""
    literal = LITERAL.match(text, at)
    end = text.find(")", literal.end() if literal else at, at + _LONGEST)
    return end if end >= 0 else len(text)


def _listed(text: str, at: int) -> list[tuple[str, Part | None]]:
    """Return the arguments behind an offset, of a list that is the first of them its items."""
    opened = _LIST.match(text, at)
    if opened:
        return _split(text, opened.end())
    return _split(text, at)


def _split(text: str, at: int) -> list[tuple[str, Part | None]]:
    found: list[tuple[str, Part | None]] = []
    begin, depth, limit = at, 0, min(len(text), at + _LONGEST)
    while at < limit and len(found) < _MOST:
        sign = text[at]
        if literal := LITERAL.match(text, at):
            at = literal.end()
            continue
        closed = (
            sign in _CLOSE
            or sign == ";"
            or (sign == "\n" and _ENDED.match(text, at) and text[begin:at].strip())
        )
        if depth == 0 and (closed or sign == ","):
            found.append(_argument(text, begin, at))
            begin = at + 1
            if closed:
                return found
        depth += (sign in _OPEN) - (sign in _CLOSE)
        at += 1
    return [*found, _argument(text, begin, at)]


def _argument(text: str, begin: int, end: int) -> tuple[str, Part | None]:
    """Return the name that an argument is given under, and the literal that is all it is."""
    front = _NAMED.match(text, begin, end)
    at = front.end() if front else begin
    literal = LITERAL.match(text, at, end)
    name = (front["name"] or "").strip("\"'") if front else ""
    if literal is None or text[literal.end() : end].strip():
        return name, None
    return name, Part(literal["text"], literal.start("text"))
