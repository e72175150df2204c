"""Stretches of a file that no line of theirs tells by itself: its documentation, and its comments over several lines."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from bundle.detect.credentials.texts import place
from bundle.walk.member import Content, Member

_LONGEST = 1 << 24
"""Bytes that are looked through; who writes longer sources writes no documentation into them."""
_TRIPLE = (b'"""', b"'''")
_FRONT = re.compile(rb"[ \t]*(?:(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*(?:[\w.]{1,30}\([ \t]*)?)?[rRuUbBfF]{0,2}")
"""All that stands on its line before a text of its own."""
_LONGEST_FRONT = 2000
_TEXTS = re.compile(
    rb"(?i)^(?:documentation|examples?|returns?|usage|synopsis|help|epilog|description|__doc__|doc)$"
)
"""Names that modules give to the texts that explain them."""
_POD = re.compile(
    rb"^=(?:pod|head\d|over|item|begin|for|encoding)\b.*?(?:^=cut\b|\Z)", re.MULTILINE | re.DOTALL
)
_SHOWN = re.compile(
    rb"""<<[~-]?(?P<q>["']?)(?P<tag>\w{0,12}(?:EXAMPLE|USAGE|HELP|MANUAL)\w{0,4})(?P=q)[^\n]*\n(?:(?![ \t]*(?P=tag)\b)[^\n]*\n){0,400}"""
)
"""A text of several lines whose end is called after what it is: `return <<"EoEXAMPLE";`."""
_DECLARED = rb"(?:(?:export|public|private|static|async|local|void|int|sub|function|func|fn|proc|def)[ \t]+){0,4}(?:\w{1,20}[_:.]{1,2}){0,2}"
_NAME_OF_HELP = (
    rb"(?:(?:print|show|display|do|echo|write)_?)?(?i:usage|help(?:_?(?:text|message|msg))?|synopsis|manual)"
)
_OPENED = rb"[ \t]*(?:\([^(){}\n]{0,80}\)|\{\})?[ \t]*(?:\n[ \t]*)?\{[ \t]*\n"
_BODY = rb"(?:(?!(?P=in)\})[^\n]*\n){1,400}(?P=in)\}"
_USE = re.compile(rb"^(?P<in>[ \t]*)" + _DECLARED + _NAME_OF_HELP + _OPENED + _BODY, re.MULTILINE)
"""The body of a function that says how a program is used: `sub usage {`, `usage() {`."""
_HELP = re.compile(
    rb"""^[ \t]*set[ \t]+(?:msg|text|usage|help(?:_?\w{1,12})?|manual)[ \t]+\{[ \t]*\n(?:(?![ \t]*\}[ \t]*\n)[^\n]*\n){3,800}""",
    re.MULTILINE,
)
"""A text for people of a program in Tcl: `set help {`."""
_RUBY = re.compile(rb"^=begin\b.*?^=end\b", re.MULTILINE | re.DOTALL)
_HEAD = re.compile(rb":[ \t]*(?:#[^\n]*)?(?:\n[ \t]*#[^\n]*)*\Z")
"""The colon of a head with what somebody says about it."""
_YAML = re.compile(
    rb"^(?:EXAMPLES?|RETURN)[ \t]*:[ \t]*[|>][-+]?[ \t]*\r?\n(?:[ \t][^\n]*\n|\r?\n)*", re.MULTILINE
)
_BLOCK, _EXPLAINING = b"/*", b"/**"
"""What opens a comment, and what Javadoc, PHPDoc, JSDoc and Doxygen take for documentation."""
_INDENT = 400
"""Blanks before a comment that are looked at."""
_NEAR = 8192
"""Bytes before a text that are looked at: a licence, or the head of a function."""
_MARKUP = re.compile(rb"<!--.*?-->", re.DOTALL)
_POWERSHELL = re.compile(rb"<#.*?#>", re.DOTALL)


@dataclass(slots=True)
class Spans:
    """Where documentation and comments begin and end, each in order and apart from each other."""

    documentation: list[tuple[int, int]] = field(default_factory=list)
    comments: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def of(cls, member: Member, data: Content, kind: str) -> Spans:
        """Return those of a text of a kind (see `place`)."""
        text = bytes(data[:_LONGEST])
        suffix = member.name.rsplit(".", 1)[-1].lower()
        found = cls()
        if suffix in ("py", "pyw", "pyi") or member.format == "python":
            found.documentation = list(_explained(text))
        elif suffix in ("pl", "pm", "pod", "t") or member.format == "perl":
            found.documentation = _merged(_each(_POD, text) + _each(_SHOWN, text) + _each(_USE, text))
        elif suffix == "rb" or member.format == "ruby":
            found.comments = _each(_RUBY, text)
        elif suffix in ("tcl", "tk"):
            found.documentation = _each(_HELP, text)
        elif kind == place.SHELL:
            found.documentation = _each(_USE, text)
        elif suffix in ("yml", "yaml"):
            found.documentation = _each(_YAML, text)
        elif suffix in ("ps1", "psm1"):
            found.comments = _each(_POWERSHELL, text)
        elif kind == place.MARKUP:
            found.comments = _each(_MARKUP, text)
        elif kind in (place.CODE, place.SQL):
            found.documentation = _merged([*_blocks(text, _EXPLAINING), *_each(_USE, text)])
            found.comments = list(_blocks(text, _BLOCK))
        return found

    def documents(self, at: int) -> bool:
        """Whether an offset is in documentation."""
        return _within(self.documentation, at)

    def comment(self, at: int) -> bool:
        """Whether an offset is in a comment."""
        return _within(self.comments, at)


def _each(pattern: re.Pattern[bytes], text: bytes) -> list[tuple[int, int]]:
    return [found.span() for found in pattern.finditer(text)]


def _blocks(text: bytes, opening: bytes) -> Iterator[tuple[int, int]]:
    """Yield the comments that begin a line: looking for their two signs is many times quicker than a pattern."""
    at = 0
    while (begin := text.find(opening, at)) >= 0:
        at = begin + 1
        before = text[max(0, begin - _INDENT) : begin]
        front = before.rstrip(b" \t")
        if front[-1:] not in (b"", b"\n") or not (opening is _BLOCK or text[begin + 3 : begin + 4].isspace()):
            continue
        end = text.find(b"*/", begin + len(opening))
        if end < 0:
            return
        yield begin - len(before) + len(front), end + 2
        at = end + 2


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in order and apart: a comment within a function is a part of it."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if found and begin < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def _within(spans: list[tuple[int, int]], at: int) -> bool:
    number = bisect_right(spans, (at, len(spans) and spans[-1][1]))
    return number > 0 and at < spans[number - 1][1]


def _explained(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield the docstrings of a Python module, and the texts that names such as EXAMPLES are given.

    A literal of three quotes that is neither is what the program works with.
    """
    at, size = 0, len(text)
    following = [0, 0]
    while True:
        for number, quotes in enumerate(_TRIPLE):
            if following[number] < size and following[number] <= at:
                found = text.find(quotes, at)
                following[number] = found if found >= 0 else size
        opened = min(following)
        quotes = text[opened : opened + 3]
        end = text.find(quotes, opened + 3) if opened < size else -1
        if end < 0:
            return
        begin = text.rfind(b"\n", max(at, opened - _LONGEST_FRONT), opened) + 1
        front = _FRONT.fullmatch(text, begin, opened)
        if front is not None:
            name = front["name"]
            if _TEXTS.match(name) if name else _begins_a_body(text, begin):
                yield begin, end
        at = end + len(quotes)


def _begins_a_body(text: bytes, at: int) -> bool:
    """Whether what stands before a line is a head that ends in a colon, or nothing but comments from the file's begin."""
    before = text[max(0, at - _NEAR) : at].rstrip()
    if before.endswith((b":", b'"""', b"'''")) or _HEAD.search(before):  # behind another text, too
        return True
    lines = before.splitlines() if at < _NEAR else [b"-"]
    return all(not line.strip() or line.lstrip().startswith(b"#") for line in lines)
