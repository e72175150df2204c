"""Stretches of a file that no line of theirs tells by itself: its documentation, and its comments over several lines."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from bundle.detect.credentials import place
from bundle.walk.member import Content, Member

_LONGEST = 1 << 24
"""Bytes that are looked through; who writes longer sources writes no documentation into them."""
_TRIPLE = re.compile(
    rb"""(?P<head>^[ \t]*(?:(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*(?:[\w.]{1,30}\([ \t]*)?)?)?[rRuUbBfF]{0,2}(?P<q>\"{3}|'{3})""",
    re.MULTILINE,
)
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
_RUBY = re.compile(rb"^=begin\b.*?^=end\b", re.MULTILINE | re.DOTALL)
_HEAD = re.compile(rb":[ \t]*(?:#[^\n]*)?(?:\n[ \t]*#[^\n]*)*\Z")
"""The colon of a head with what somebody says about it."""
_YAML = re.compile(
    rb"^(?:EXAMPLES?|RETURN)[ \t]*:[ \t]*[|>][-+]?[ \t]*\r?\n(?:[ \t][^\n]*\n|\r?\n)*", re.MULTILINE
)
_BLOCK = re.compile(rb"^[ \t]*/\*.*?\*/", re.MULTILINE | re.DOTALL)
_EXPLAINING = re.compile(rb"^[ \t]*/\*\*(?=\s).*?\*/", re.MULTILINE | re.DOTALL)
"""What Javadoc, PHPDoc, JSDoc and Doxygen take for documentation."""
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
            found.documentation = sorted(_each(_POD, text) + _each(_SHOWN, text))
        elif suffix == "rb" or member.format == "ruby":
            found.comments = _each(_RUBY, text)
        elif suffix in ("yml", "yaml"):
            found.documentation = _each(_YAML, text)
        elif suffix in ("ps1", "psm1"):
            found.comments = _each(_POWERSHELL, text)
        elif kind == place.MARKUP:
            found.comments = _each(_MARKUP, text)
        elif kind in (place.CODE, place.SQL):
            found.documentation = _each(_EXPLAINING, text)
            found.comments = _each(_BLOCK, text)
        return found

    def documents(self, at: int) -> bool:
        """Whether an offset is in documentation."""
        return _within(self.documentation, at)

    def comment(self, at: int) -> bool:
        """Whether an offset is in a comment."""
        return _within(self.comments, at)


def _each(pattern: re.Pattern[bytes], text: bytes) -> list[tuple[int, int]]:
    return [found.span() for found in pattern.finditer(text)]


def _within(spans: list[tuple[int, int]], at: int) -> bool:
    number = bisect_right(spans, (at, len(spans) and spans[-1][1]))
    return number > 0 and at < spans[number - 1][1]


def _explained(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield the docstrings of a Python module, and the texts that names such as EXAMPLES are given.

    A literal of three quotes that is neither is what the program works with.
    """
    at = 0
    while opened := _TRIPLE.search(text, at):
        end = text.find(opened["q"], opened.end())
        if end < 0:
            return
        name = opened["name"]
        alone = opened["head"] is not None and name is None
        if (name and _TEXTS.match(name)) or (alone and _begins_a_body(text, opened.start())):
            yield opened.start(), end
        at = end + len(opened["q"])


def _begins_a_body(text: bytes, at: int) -> bool:
    """Whether what stands before a line is a head that ends in a colon, or nothing but comments from the file's begin."""
    before = text[max(0, at - _NEAR) : at].rstrip()
    if before.endswith(b":") or _HEAD.search(before):
        return True
    lines = before.splitlines() if at < _NEAR else [b"-"]
    return all(not line.strip() or line.lstrip().startswith(b"#") for line in lines)
