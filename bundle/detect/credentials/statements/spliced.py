"""Literals that a program puts together: joined by a sign, or filled into a format; read as the one literal they make.

What stands around a value, and what tells it, may be in another literal: `'mysql -ukeeper -p' . 'value'`,
`sprintf("://%s:%s@db", "keeper", "value")`. So the literal is made as the program makes it, in its own place on its line,
and the places of its pieces lead back. What a variable would fill in is left as a variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.statements import formats
from bundle.detect.credentials.statements.formats import LITERAL, VARIABLE, Part
from bundle.detect.credentials.texts.textview import View

_QUOTE = "[\"'`]"
_SIGN = r"\)?\s{0,12}(\.{1,2}|\+{1,2}|&|<<|~|\^|<>|\)?\s{0,3}\.\s{0,3}(append|concat)\s{0,3}\()\s{0,12}[a-z@$]{0,2}"
_PLACE = r"(%([svq@]|\d{1,2}|\(\w{1,30}\))|\{\w{0,30}\}|[$#]?\{\s?[\"'])"
"""What a format fills in, and a literal in an expression within one."""
_PROGRAM = r"(mysql|mariadb|sshpass|plink|pscp|curl|wget|smbclient|ldap(search|add|modify)|redis-cli|snmp|7z|zip|base64|b64|btoa|encode)"
_ADJACENT = r"[\s\\]{1,12}[bru]?"
GATES = (
    rf"://[^\s\"'`]{{0,60}}{_QUOTE}({_SIGN}|{_ADJACENT}|\s{{0,3}},\s{{0,3}}){_QUOTE}",
    rf"(\":\"|':'){_SIGN}{_QUOTE}",
    rf"(?i)(pass(wor[dt]|wd|phrase)?|pwd|identified\s{{1,3}}by|basic|bearer|echo)[\s=:(]{{0,3}}(\\?[\"'])?{_QUOTE}({_SIGN}|{_ADJACENT}){_QUOTE}",
    rf"{_PROGRAM}[^\n]{{0,100}}([\s\"']-[a-zA-Z]{{1,2}}\s?|[\w\"'][:%])[\"']?{_QUOTE}({_SIGN}|{_ADJACENT}){_QUOTE}",
    rf"{_QUOTE}(\s{{0,12}}(\.{{1,2}}|\+{{1,2}}|&)\s{{0,12}}|[\s\\]{{1,12}})[bfru]?{_QUOTE}[;&?]?\s?(password|passwd|pwd|PASSWORD|Password|PWD|Pwd)=",
    rf"(?i)(pass(wor[dt]|wd|phrase)?|pwd)[\"'\\]{{0,3}}\s{{0,2}}[=:(]\s{{0,2}}[\"'\\]{{0,3}}{_PLACE}",
    rf"(?i)\b(identified\s{{1,3}}by|password|basic)\s{{1,2}}[\"'\\]{{0,2}}{_PLACE}",
    rf"\becho\s{{1,2}}[\"'\\]{{0,2}}([\w.@-]{{1,30}}:)?{_PLACE}\w{{0,30}}[\"'\\}}]{{0,4}}\s{{0,3}}\|",
    r":%[svq]@",
    r":(%\d\$s|%\(\w{1,30}\)s|\{\w{0,30}\}|[$#]?\{[\"'][^\"'{}\n]{1,60}[\"']\})@",
    rf"{_PROGRAM}[^\n]{{0,100}}[\s\"'`](-(p|pw|a|w|P|U|u)\s?([\w.%{{}}-]{{1,20}}(:|%{{1,2}}))?)[\"'\\]{{0,3}}{_PLACE}",
)
"""Where a literal ends that something goes on with, and where one is filled in at a place that passwords have."""
_JOINS = (
    r"\s{0,40}(?:\)\s{0,4})?\.\s{0,20}(?:append|concat)\s{0,4}\(\s{0,20}"
    r"|\s{0,40}(?:\.{1,2}(?=[\s\"'`$])|\+{1,2}(?!=)|&(?!&)|<<|~|\^|<>)\s{0,40}"
)
_OPERATOR = re.compile(_JOINS)
_OR_NONE = re.compile(_JOINS + r"|\s{0,20}\\?\s{0,40}(?=[bBuUfFrRL]?[\"'])")
"""The same, or nothing between two literals."""
_OPERAND = re.compile(
    r"[$@*&]?[A-Za-z_][\w$]{0,60}(?:(?:\.|->|::)\$?\w{1,60}|\[[^\]\n]{0,40}\]|\([^()\n\"'`]{0,80}\)){0,6}|\([^()\n\"'`]{0,80}\)"
)
"""What is joined and no literal: a variable, a member, a call."""
_TEXT_OF = r"(?:std::w?string|Q?String|CString|QStringLiteral|QLatin1String)\s?\(\s?"
_MADE = re.compile(_TEXT_OF + r"(?=[\"L])")
_MADE_OF = re.compile(rf"(?<![\w.]){_TEXT_OF}\Z")
_LONGEST_MADE = 20
_JOINED_ON = re.compile(r"\s?\)(?=\s{0,40}[+<])")
"""What makes a text of C++ of a literal, which a sign can join another one to."""
_ESCAPED = re.compile(r"\\(?=@)")
"""What Perl has before a sign that begins no list."""
_WITHIN = re.compile(r"""[$#]?\{\s?(?P<q>["'])(?P<text>[^"'{}\n\\]{1,120})(?P=q)\s?\}""")
"""A literal within one that fills in expressions."""
_LONGEST = 1500
"""Bytes of a statement that are looked at."""
_LINES = 8
_BEFORE, _AFTER = 300, 300
_GOES_ON = re.compile(r"""[ \t]*(?:\.[ \t]*(?:["'$]|append|concat)|\.\.|\+|&|<<|["'`)]|[fFbBrRuU]["'])""")
"""The beginning of a line that goes on with what stands on the one before it."""
_OPEN_ENDS = (*".+&~^,(%\\\"'`", "<<")
_INDENTED = 100
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Made:
    """A line with a literal as the program makes it, and where its parts stand."""

    data: bytes
    parts: tuple[tuple[int, int, int], ...]
    """Begin and end of each part of a literal in the line, and its offset in the text."""

    def back(self, one: Catch) -> Catch | None:
        """Return what was caught in the line at its place in the text; None where no literal says it by itself."""
        if VARIABLE in one.value:
            return None
        for begin, end, at in self.parts:
            if begin <= one.start < end:
                start, stop = at + one.start - begin, at + min(one.end, end) - begin
                return replace(one, start=start, end=stop, user="" if VARIABLE in one.user else one.user)
        return None


def made(view: View, ends: Sequence[int], *, adjacent: bool) -> Iterator[Made]:
    """Yield the lines near the hits whose literals are put together, each once.

    Literals that nothing is between are one where they are `adjacent`, as in C and Python.
    """
    if view.apart:
        return
    operator = _OR_NONE if adjacent else _OPERATOR
    position = 0
    for at in ends:
        if at <= position:
            continue
        start, stop = _statement(view, at)
        text = view.text(start, stop)
        place = max(0, position - start)
        while start + place < at and (
            literal := LITERAL.search(text, place, min(len(text), at - start + _LONGEST))
        ):
            if start + literal.start() >= at:
                break
            expression, place = _expression(text, literal, operator)
            position = start + place
            parts = _parts(text, expression, place) if position >= at else None
            if parts is not None:
                yield _line(text, start, literal.start(), place, literal["q"], parts)


def _statement(view: View, at: int) -> tuple[int, int]:
    """Return where the lines begin and end that a statement around an offset may have."""
    start, _ = view.window(at, multiline=False)
    floor = max(0, at - _LONGEST)
    for _ in range(_LINES):
        above = view.data.rfind(b"\n", floor, max(floor, start - 1)) + 1
        if not floor <= above < start:
            break
        if not _GOES_ON.match(view.text(start, start + _INDENTED)) and not _is_open(view.text(above, start)):
            break
        start = above
    return start, min(len(view.data), at + _LONGEST)


def _is_open(line: str) -> bool:
    """Whether a line ends with a sign that the next one goes on behind."""
    return line.rstrip().endswith(_OPEN_ENDS)


def _expression(
    text: str, literal: re.Match[str], operator: re.Pattern[str]
) -> tuple[list[re.Match[str] | None], int]:
    """Return the literals of an expression, None for what is none, and where it ends."""
    found: list[re.Match[str] | None] = [literal]
    at = _behind(text, literal)
    while sign := operator.match(text, at):
        made = _MADE.match(text, sign.end())
        joined = LITERAL.match(text, made.end() if made else sign.end())
        operand = joined or (_OPERAND.match(text, sign.end()) if sign[0].strip() else None)
        if operand is None:
            break
        found.append(joined)
        at = _behind(text, joined) if joined else operand.end()
    return found, at


def _behind(text: str, literal: re.Match[str]) -> int:
    """Return where a literal ends, behind the bracket of what makes an object of it that can be joined."""
    end = literal.end()
    made = _MADE_OF.search(text, max(0, literal.start() - _LONGEST_MADE), literal.start())
    closed = _JOINED_ON.match(text, end) if made else None
    return closed.end() if closed else end


def _parts(text: str, found: Sequence[re.Match[str] | None], at: int) -> list[Part] | None:
    """Return the parts of the literal that is made; None where it stands there as it is."""
    parts: list[Part] = []
    literals = 0
    filled = False
    for one in found:
        if one is None:
            parts.append(Part(VARIABLE, -1))
            continue
        literals += 1
        begin = one.start("text")
        within = _WITHIN.finditer(text, begin, one.end("text")) if formats.interpolates(one) else ()
        for inner in within:
            parts += [Part(text[begin : inner.start()], begin), Part(inner["text"], inner.start("text"))]
            begin, filled = inner.end(), True
        for escape in _ESCAPED.finditer(text, begin, one.end("text")):
            parts.append(Part(text[begin : escape.start()], begin))
            begin = escape.end()
        parts.append(Part(text[begin : one.end("text")], begin))
    given = formats.filled(text, at, parts)
    if given is not None:
        return given
    return parts if literals >= _FEWEST or filled else None


def _line(text: str, base: int, begin: int, end: int, quote: str, parts: Sequence[Part]) -> Made:
    """Return the line that an expression stands on, with the literal that it makes in its place."""
    first = max(text.rfind("\n", 0, begin) + 1, begin - _BEFORE)
    whole = "".join(part.text for part in parts)
    if quote in whole:
        quote = next((other for other in "\"'`" if other not in whole), quote)
    line = text[first:begin] + quote
    placed: list[tuple[int, int, int]] = []
    for part in parts:
        if part.at >= 0:
            placed.append((len(line), len(line) + len(part.text), base + part.at))
        line += part.text
    line += quote + text[end : end + _AFTER]
    return Made(line.encode("latin-1"), tuple(placed))
