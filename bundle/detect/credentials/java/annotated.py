"""Annotations of a Java class: what is written into their elements (JVM specification, 4.7.16)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

NAMES = frozenset(
    (b"RuntimeVisibleAnnotations", b"RuntimeInvisibleAnnotations", b"RuntimeVisibleParameterAnnotations",
     b"RuntimeInvisibleParameterAnnotations")
)  # fmt: skip
"""The attributes that hold them."""
_DEFAULT = re.compile(r"\$\{([\w.-]{1,100}):([^{}$]{1,200})\}")
"""`${db.password:...}`: a setting, and its value where nobody sets it."""
_CONSTANTS = tuple(bytes((1, 0, len(name))) + name for name in NAMES)
_DEEPEST = 20


class Pool(Protocol):
    """The constants of a class by number."""

    def __getitem__(self, index: int, /) -> tuple[int, bytes]:
        """Return the tag of a constant, and its bytes."""
        ...


def written(data: bytes, pool: Pool, *, parameters: bool) -> Iterator[tuple[str, str]]:
    """Yield names and texts of the elements of an attribute; a setting that has a default counts under its own name.

    Errors: IndexError, KeyError where the attribute is damaged, or deeper than compilers write.
    """
    reader = _Reader(data, pool)
    for _ in range(reader.number(1) if parameters else 1):
        for _ in range(reader.number(2)):
            yield from reader.annotation(0)


def holds(data: bytes) -> bool:
    """Whether a class may have some: the name of an attribute stands in the constant pool with its length in front."""
    return b"Annotations" in data and any(name in data for name in _CONSTANTS)


class _Reader:
    def __init__(self, data: bytes, pool: Pool) -> None:
        self.data, self.pool, self.at = data, pool, 0

    def number(self, size: int) -> int:
        self.at += size
        if self.at > len(self.data):
            raise IndexError(self.at)
        return int.from_bytes(self.data[self.at - size : self.at], "big")

    def text(self) -> str:
        return self.pool[self.number(2)][1].decode("utf-8", "replace")

    def annotation(self, depth: int) -> Iterator[tuple[str, str]]:
        if depth > _DEEPEST:
            raise IndexError(depth)
        self.number(2)
        texts: dict[str, str] = {}
        for _ in range(self.number(2)):
            name = self.text()
            for own, value in self.value(name, depth + 1):
                if own == name:
                    texts.setdefault(name, value)
                yield own, value
                if found := _DEFAULT.fullmatch(value):
                    yield found[1], found[2]
        if "name" in texts and "value" in texts:
            yield texts["name"], texts["value"]

    def value(self, name: str, depth: int) -> Iterator[tuple[str, str]]:
        tag = self.number(1)
        if tag == ord("s"):
            yield name, self.text()
        elif tag == ord("e"):
            self.number(4)
        elif tag == ord("@"):
            yield from self.annotation(depth)
        elif tag == ord("["):
            if depth > _DEEPEST:
                raise IndexError(depth)
            for _ in range(self.number(2)):
                yield from self.value(name, depth + 1)
        else:
            self.number(2)
