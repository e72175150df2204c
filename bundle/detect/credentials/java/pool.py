"""The constants of a Java class by number: where each stands is looked up once, what it says when somebody asks."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from bundle.classfile import CONSTANT, LDC, LDC_W, TEXT, TWO_SLOTS

STRING, FIELD = 8, 9
_LONGEST_NAME = 60
_ONE_BYTE = 255
_REFERENCES = (9, 10, 11)
"""Constants that name a field, a method, a method of an interface."""
_SIZES = [0] * 256
for _tag, _size in CONSTANT.items():
    _SIZES[_tag] = 1 + _size


class Call(NamedTuple):
    """What an instruction refers to: a method, or a field."""

    owner: str
    name: str
    descriptor: str
    types: str
    """The first letters of the types of the arguments."""


class Constants:
    """The constants of one class. Errors: IndexError, KeyError where they are damaged, or not what is asked for."""

    __slots__ = ("_calls", "_short", "_strings", "data", "end", "literals", "places", "references")

    def __init__(self, data: bytes) -> None:
        """Look up where each constant stands."""
        self.data = data
        self.places = places = [0]
        """Where each constant begins, by number; 0 for none."""
        self.literals: list[int] = []
        """The numbers of those that are literals."""
        self.references: list[int] = []
        """The numbers of those that name a field or a method."""
        self._calls: dict[int, Call] = {}
        self._short: list[bytes] = []
        self._strings: list[bytes] = []
        place, literal, refer = places.append, self.literals.append, self.references.append
        index, count, at, sizes = 1, data[8] << 8 | data[9], 10, _SIZES
        while index < count:
            tag = data[at]
            place(at)
            if tag == TEXT:
                at += 3 + (data[at + 1] << 8 | data[at + 2])
            else:
                if tag in _REFERENCES:
                    refer(index)
                elif tag == STRING:
                    literal(index)
                elif tag in TWO_SLOTS:
                    place(0)
                    index += 1
                elif not sizes[tag]:
                    raise KeyError(tag)
                at += sizes[tag]
            index += 1
        if at > len(data):
            raise IndexError(at)
        self.end = at

    def __getitem__(self, index: int) -> tuple[int, bytes]:
        """Return the tag of a constant, and its bytes."""
        at = self.places[index]
        tag = self.data[at]
        if not at:
            raise KeyError(index)
        if tag == TEXT:
            return TEXT, self.text(index)
        return tag, self.data[at + 1 : at + _SIZES[tag]]

    def text(self, index: int) -> bytes:
        """Return a text."""
        data, at = self.data, self.places[index]
        if data[at] != TEXT or not at:
            raise KeyError(index)
        return data[at + 3 : at + 3 + (data[at + 1] << 8 | data[at + 2])]

    def number(self, index: int, more: int = 0) -> int:
        """Return the number of the constant that a constant refers to; `more` is 2 for the second."""
        at = self.places[index] + 1 + more
        return self.data[at] << 8 | self.data[at + 1]

    def literal(self, index: int) -> str | None:
        """Return the text of a constant that is a literal."""
        at = self.places[index] if index < len(self.places) else 0
        if not at or self.data[at] != STRING:
            return None
        return self.text(self.number(index)).decode("utf-8", "replace")

    @property
    def short(self) -> list[bytes]:
        """The texts that are short enough for a name or a key."""
        if not self._short:
            data = self.data
            self._short = [
                data[at + 3 : at + 3 + data[at + 2]]
                for at in self.places
                if data[at] == TEXT and data[at + 2] <= _LONGEST_NAME and not data[at + 1]
            ]
        return self._short

    @property
    def strings(self) -> list[bytes]:
        """What the literals say, in their order."""
        if len(self._strings) != len(self.literals):
            text, number = self.text, self.number
            self._strings = [text(number(one)) for one in self.literals]
        return self._strings

    def loads(self, code: bytes) -> bool:
        """Whether a method loads a literal."""
        places, data = self.places, self.data
        at = code.find(LDC)
        while at >= 0:
            index = code[at + 1] if at + 1 < len(code) else 0
            if index < len(places) and data[places[index]] == STRING:
                return True
            at = code.find(LDC, at + 1)
        at = code.find(LDC_W) if len(places) > _ONE_BYTE else -1
        while at >= 0:
            index = int.from_bytes(code[at + 1 : at + 3], "big")
            if index < len(places) and data[places[index]] == STRING:
                return True
            at = code.find(LDC_W, at + 1)
        return False

    def name(self, index: int) -> bytes:
        """Return the name of what a reference refers to."""
        return self.text(self.number(self.number(index, 2)))

    def owner(self, index: int) -> bytes:
        """Return the class of what a reference refers to."""
        return self.text(self.number(self.number(index)))

    def call(self, index: int) -> Call:
        """Return what a reference refers to. Errors: ValueError where its type is damaged."""
        known = self._calls.get(index)
        if known is None:
            pair = self.number(index, 2)
            descriptor = self.text(self.number(pair, 2)).decode()
            known = self._calls[index] = Call(
                self.owner(index).decode(),
                self.text(self.number(pair)).decode(),
                descriptor,
                types(descriptor),
            )
        return known


@lru_cache(maxsize=5_000)  # the same few hundred stand in many classes
def types(descriptor: str) -> str:
    """Return the first letters of the arguments' types that a method takes; of a field, nothing."""
    if descriptor[:1] != "(":
        return ""
    at, found = 1, []
    while descriptor[at] != ")":
        found.append(descriptor[at])
        while descriptor[at] == "[":
            at += 1
        at = descriptor.index(";", at) + 1 if descriptor[at] == "L" else at + 1
    return "".join(found)
