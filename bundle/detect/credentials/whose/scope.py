"""What of a line belongs to a value: the element or the object that it stands in, and not those beside it.

A file that a program wrote may be one line with the accounts of several services.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.texts.textview import View

_TAG = re.compile(r"<(?P<end>/?)[A-Za-z][\w:.-]*(?:\"[^\"<>]*\"|'[^'<>]*'|[^<>\"'])*?(?P<empty>/?)>")
"""A tag of XML, whole: the start of an element, its end, or both at once."""
_BRACE = re.compile(
    r"""(?:["'][\w. -]{1,60}["']\s{0,4}[:=]>?\s{0,4})?(?<![$#%{\\])\{(?![{%])|(?<!\})\}(?!\})"""
)
"""The start of an object with its name, or the end of one, and no variable's."""
_VARIABLE = re.compile(r"[$#%]\{[^{}]*\}")
_LEVELS = 4
"""Blocks around a value that may name its account."""
BESIDE = 2
"""How many of these may name it by their other elements, too: those further out name it by their own attributes."""


Block = tuple[int, int, bool]
"""Start and end of an element or an object, and whether it holds others."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A piece of a line around a value."""

    start: int
    text: str
    """With blanks for other blocks: in XML for those that hold others."""
    bare: str
    """With blanks for every other block."""


def scopes(view: View, one: Catch, *, markup: bool) -> list[Scope]:
    """Return what of the line of a value may name its account, the nearest first.

    The line itself is the last where fewer blocks than `_LEVELS` stand around the value.
    """
    start, end = view.window(one.start + 1, multiline=False)
    line, at, past = view.text(start, end), one.start - start, one.end - start
    blocks = list(_elements(line) if markup else _objects(line))
    around = sorted((b for b in blocks if b[0] <= at and past <= b[1]), key=lambda b: b[1] - b[0])
    tag = next((m for m in _TAG.finditer(line) if m.start() < at and past <= m.end()), None)
    if markup and tag:
        around = [(*tag.span(), False), *(b for b in around if b[:2] != tag.span())]
    around = around[:_LEVELS]
    if len(around) < _LEVELS:
        around.append((0, len(line), True))
    others = [b for b in blocks if not (b[0] <= at and past <= b[1])]
    # an element beside the value's may name its account, and one that holds others may not
    apart = [b for b in others if b[2]] if markup else others
    return [
        Scope(
            start + first,
            _without(line, first, last, apart if level < BESIDE else others),
            _without(line, first, last, others),
        )
        for level, (first, last, _) in enumerate(around)
    ]


def _elements(line: str) -> Iterator[Block]:
    """Yield the elements of a line, each from its first sign to its last."""
    opened: list[tuple[int, bool]] = []
    for tag in _TAG.finditer(line):
        if tag["end"]:
            if opened:
                start, holds = opened.pop()
                yield start, tag.end(), holds
            continue
        if opened:
            opened[-1] = (opened[-1][0], True)
        if tag["empty"]:
            yield tag.start(), tag.end(), False
        else:
            opened.append((tag.start(), False))
    yield from ((start, len(line), holds) for start, holds in opened)


def _objects(line: str) -> Iterator[Block]:
    """Yield the objects of a line, each between its braces."""
    opened: list[int] = []
    for brace in _BRACE.finditer(_VARIABLE.sub(lambda m: " " * len(m[0]), line)):
        if brace[0].endswith("{"):
            opened.append(brace.start())
        elif opened:
            yield opened.pop(), brace.end(), False
    yield from ((start, len(line), False) for start in opened)


def _without(line: str, first: int, last: int, others: list[Block]) -> str:
    """Return a piece of a line with blanks in the place of other blocks in it."""
    text = line[first:last]
    for start, end, _ in others:
        if first <= start and end <= last:
            text = text[: start - first] + " " * (end - start) + text[end - first :]
    return text
