"""XML configuration with places: elements, attributes and text, each with line and span.

Entities that lie outside the file are never followed: each is a problem with its line, for what it holds is not examined.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import field
from xml.parsers import expat

from hardening.records import dataclass
from hardening.tls.targets.reading.tree import Tree

_ATTRIBUTE = re.compile(r"""\s+(?P<name>[^\s=<>/"']+)\s*=\s*(?P<value>"[^"]*"|'[^']*')""")
_DEEPEST = 256
_ENTITIES = 1 << 20
"""Characters that entities may add."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute; the span takes in the blanks before it."""

    value: str
    line: int
    first: int
    last: int


@dataclass(slots=True)
class Element:
    """One element; `first` and `last` span it whole, `named` is where the name in its start tag ends."""

    name: str
    path: str
    line: int
    first: int
    named: int
    attributes: dict[str, Attribute]
    children: list[Element] = field(default_factory=list)
    text: str = ""
    last: int = 0
    inner: int = 0
    """Where its content begins."""

    def value(self, name: str) -> str:
        """Return an attribute's value, or nothing."""
        found = self.attributes.get(name)
        return found.value if found else ""

    def every(self, name: str) -> Iterator[Element]:
        """Yield the elements of a name at any depth, this one included."""
        waiting = [self]
        while waiting:
            one = waiting.pop()
            if one.name == name:
                yield one
            waiting.extend(reversed(one.children))


def read(tree: Tree, path: str) -> Element | None:
    """Return the outermost element of a file (a real path), as far as it can be read; problems are recorded."""
    source = tree.source(path)
    return None if source is None else _Reader(tree, path, source.text).read()


class _TooMuchError(Exception):
    """More elements within each other, or more text out of entities, than any configuration has."""


class _Reader:
    """One document being read."""

    def __init__(self, tree: Tree, path: str, text: str) -> None:
        self.tree, self.path = tree, path
        self.text = text.encode("utf-8", "replace").decode("utf-8")
        self.raw = self.text.encode()
        self.plain = len(self.raw) == len(self.text)
        self.lines = [m.start() for m in re.finditer("\n", self.text)]
        self.left = 2 * len(self.text) + _ENTITIES
        self.root: Element | None = None
        self.open: list[Element] = []
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = self._entity
        self.parser.ExternalEntityRefHandler = self._outside
        self.parser.SkippedEntityHandler = self._skipped

    def read(self) -> Element | None:
        try:
            self.parser.Parse(self.raw, True)  # noqa: FBT003 - the parser's own parameter has no name
        except expat.ExpatError as wrong:
            self._wrong(wrong)
        except _TooMuchError:
            pass  # said where it was found
        for one in self.open:
            one.last = len(self.text)
        return self.root

    def line(self, offset: int) -> int:
        return bisect_right(self.lines, offset - 1) + 1 if offset else 1

    def offset(self) -> int:
        at = self.parser.CurrentByteIndex
        return at if self.plain else len(self.raw[:at].decode("utf-8", "ignore"))

    def _wrong(self, wrong: expat.ExpatError) -> None:
        last = self.text.count("\n") + 1
        line = min(max(wrong.lineno, 1), last)
        message = expat.ErrorString(wrong.code)
        if self.open and wrong.code in {_CODE["NO_ELEMENTS"], _CODE["TAG_MISMATCH"], _CODE["UNCLOSED_TOKEN"]}:
            one = self.open[-1]
            why = f"<{one.name}> of line {one.line} is never closed ({message} at line {line})"
            self.tree.say("unclosed", self.path, one.line, why)
        elif wrong.code == _CODE["JUNK_AFTER_DOC_ELEMENT"] and self.root is not None:
            why = f"not XML: something follows <{self.root.name}>; one element, such as <Server>, has to hold all others"
            self.tree.say("syntax", self.path, line, why)
        else:
            self.tree.say("syntax", self.path, line, f"not XML: {message}")

    def _start(self, name: str, values: dict[str, str]) -> None:
        self._spend(sum(map(len, values.values())))
        first = self.offset()
        named = first + 1 + len(name)
        attributes, at = {}, named
        while found := _ATTRIBUTE.match(self.text, at):
            begins = found.start("name")
            value = values.get(found["name"], found["value"][1:-1])
            attributes[found["name"]] = Attribute(value, self.line(begins), found.start(), found.end())
            at = found.end()
        closes = self.text.find(">", at)
        inner = closes + 1 if closes >= 0 else len(self.text)
        one = Element(name, self.path, self.line(first), first, named, attributes, last=inner, inner=inner)
        if self.open:
            self.open[-1].children.append(one)
        elif self.root is None:
            self.root = one
        self.open.append(one)
        if len(self.open) > _DEEPEST:
            self.tree.say("syntax", self.path, one.line, f"more than {_DEEPEST} elements within each other")
            raise _TooMuchError

    def _end(self, _name: str) -> None:
        one = self.open.pop()
        closes = self.text.find(">", self.offset())
        one.last = max(one.last, closes + 1 if self.offset() >= one.inner and closes >= 0 else one.inner)

    def _spend(self, size: int) -> None:
        """Entities may stand for a lot of text; the file's own is always within bounds."""
        self.left -= size
        if self.left < 0:
            line = min(self.parser.CurrentLineNumber, len(self.lines) + 1)
            self.tree.say(
                "syntax", self.path, line, "its entities expand to more text than any configuration has"
            )
            raise _TooMuchError

    def _characters(self, text: str) -> None:
        self._spend(len(text))
        if self.open:
            self.open[-1].text += text

    def _entity(
        self, name: str, parameter: bool, value: str | None, _base: str | None, system: str | None, _public: str | None, _notation: str | None
    ) -> None:  # fmt: skip
        if value is None:
            kind = "parameter entity" if parameter else "entity"
            why = f"{kind} {name!r} lies outside the file ({system}) and is not followed"
            self.tree.say(
                "unreadable", self.path, min(self.parser.CurrentLineNumber, len(self.lines) + 1), why
            )

    def _outside(self, _context: str, _base: str | None, _system: str | None, _public: str | None) -> int:
        return 1  # as if it were empty

    def _skipped(self, name: str, _parameter: bool) -> None:
        self.tree.say(
            "unreadable", self.path, self.parser.CurrentLineNumber, f"entity {name!r} is not followed"
        )


_CODE = {
    "JUNK_AFTER_DOC_ELEMENT": expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT],
    "NO_ELEMENTS": expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    "TAG_MISMATCH": expat.errors.codes[expat.errors.XML_ERROR_TAG_MISMATCH],
    "UNCLOSED_TOKEN": expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
}
