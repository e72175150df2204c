"""Java's properties files, as java.security is one: `name=value`, `name: value`, lines that go on after a backslash."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from hardening.records import dataclass
from hardening.tls.targets.reading.includes import Includes, Manner
from hardening.tls.targets.reading.tree import Tree

_PAIR = re.compile(r"(?P<name>(?:\\.|[^\s=:\\])+)(?:[ \t\f]*[=:][ \t\f]*|[ \t\f]+)?(?P<value>.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Property:
    """One property with where it stands: first line, and the span of all its lines in the text."""

    name: str
    value: str
    path: str
    line: int
    first: int
    last: int


def read(tree: Tree, path: str) -> dict[str, Property]:
    """Return the properties of a file (a real path) by name; the last of a name wins, as in Java."""
    source = tree.source(path)
    return {} if source is None else parse(source.text, path)


def read_included(tree: Tree, path: str, folders: Mapping[str, str]) -> dict[str, Property]:
    """Return the properties of a file with those of files it includes, each where it is included; `folders` are what `${...}` stands for."""
    found: dict[str, Property] = {}
    includes = Includes(tree, Manner(globs=False))

    def take(text: str, path: str) -> None:
        for one in _every(text, path):
            found[one.name] = one
            if one.name != "include":
                continue
            name = _VARIABLE.sub(lambda m: folders.get(m[1], m[0]), one.value)
            if _VARIABLE.search(name):
                tree.say("conditional", path, one.line, f"what include {name} means is said when Java starts")
            else:
                includes.follow(name, posixpath.dirname(path), take, (path, one.line))

    includes.read(path, take)
    return found


def parse(text: str, path: str) -> dict[str, Property]:
    """Return the properties in a text by name; the last of a name wins."""
    return {one.name: one for one in _every(text, path)}


def _every(text: str, path: str) -> Iterator[Property]:
    lines = text.split("\n")
    offset = number = 0
    while number < len(lines):
        first, begin = number, offset
        line = lines[number]
        offset += len(line) + 1
        number += 1
        whole = line.lstrip(" \t\f")
        if not whole or whole[0] in "#!":
            continue
        while _goes_on(whole):
            whole = whole[:-1]
            if number >= len(lines):
                break
            whole += lines[number].lstrip(" \t\f")
            offset += len(lines[number]) + 1
            number += 1
        if pair := _PAIR.match(whole):
            last = min(offset, len(text))
            yield Property(_plain(pair["name"]), _plain(pair["value"]).strip(), path, first + 1, begin, last)


def _goes_on(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _LETTERS.get(m[2], m[2]), text)
