"""Which learned library a set of classes is: by checksum and size of each class, read from the directory.

A jar that lost its manifest, was merged into another, or lies unpacked has the same classes still.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bundle.walk.member import ContainerEntry

_VERSIONED = re.compile(r"META-INF/versions/\d+/")
LEAST_SHARE = 0.6
"""Share of a library's classes that have to be there; less may be a neighbour that shares some."""
LEAST_CODE_SHARE = 0.7
LEAST_METHODS = 10
"""Fewer methods with enough code say too little of a library."""
_LEAST_CLASSES = 2
_SURE_SHARE = 0.9


class Print(NamedTuple):
    """CRC-32 and size of a class file."""

    crc32: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """One learned version of a library."""

    name: str
    version: str
    classes: frozenset[Print]
    purl: str = ""
    opcodes: frozenset[int] = frozenset()
    """Prints of its methods' code; see `bundle.detect.java.opcodes`."""
    packages: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Match:
    """A learned library that is there, with the share of its classes found; versions that are equal alike."""

    library: Library
    share: float
    versions: tuple[str, ...]
    names: tuple[str, ...]


def class_prints(entries: Iterable[ContainerEntry]) -> Iterator[tuple[Print, str]]:
    """Yield the prints of the classes among a container's entries, each with its name."""
    for entry in entries:
        if entry.name.endswith(".class") and not _VERSIONED.search(entry.name):
            yield Print(entry.crc32, entry.size), entry.name


class LibraryPrints:
    """Learned libraries by the prints of their classes, and by those of their code."""

    def __init__(self, libraries: Iterable[Library]) -> None:
        self.libraries = tuple(libraries)
        self._by_code: dict[int, list[int]] = {}
        for number, library in enumerate(self.libraries):
            for code in library.opcodes:
                self._by_code.setdefault(code, []).append(number)
        self._by_print: dict[Print, list[int]] = {}
        for number, library in enumerate(self.libraries):
            for one in library.classes:
                self._by_print.setdefault(one, []).append(number)

    def matches(self, entries: Iterable[ContainerEntry]) -> tuple[Match, ...]:
        """Return the libraries whose classes are there, the best version of each, by name."""
        if not self._by_print:
            return ()
        present = {one for one, _ in class_prints(entries)} & self._by_print.keys()
        hits = Counter(number for one in present for number in self._by_print[one])
        by_name: dict[str, list[tuple[float, int]]] = {}
        for number, count in hits.items():
            library = self.libraries[number]
            share = count / len(library.classes)
            if share >= LEAST_SHARE and (count >= _LEAST_CLASSES or share == 1.0):
                by_name.setdefault(library.name, []).append((share, number))
        return tuple(self._best(name, by_name[name]) for name in sorted(by_name))

    @property
    def knows_code(self) -> bool:
        """Whether reading code can find anything."""
        return bool(self._by_code)

    def code_matches(self, codes: Iterable[int]) -> tuple[Match, ...]:
        """Return the libraries whose methods are there, whatever their classes are called, by name."""
        hits = Counter(number for one in set(codes) for number in self._by_code.get(one, ()))
        by_name: dict[str, list[tuple[float, int]]] = {}
        for number, count in hits.items():
            library = self.libraries[number]
            share = count / len(library.opcodes)
            if share >= LEAST_CODE_SHARE and count >= LEAST_METHODS:
                by_name.setdefault(library.name, []).append((share, number))
        return tuple(self._best(name, by_name[name]) for name in sorted(by_name))

    def _best(self, name: str, found: list[tuple[float, int]]) -> Match:
        best = max(share for share, _ in found)
        ties = [self.libraries[number] for share, number in found if share == best]
        most = max(len(library.classes) for library in ties)
        ties = [library for library in ties if len(library.classes) == most]
        return Match(ties[0], best, tuple(sorted({library.version for library in ties})), (name,))


def sure(match: Match) -> bool:
    """Whether the version is as good as read, not just the library."""
    return match.share >= _SURE_SHARE and len(match.versions) == 1
