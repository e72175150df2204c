"""Lines that say in Python's syntax what bytecode does with literals, within bounds."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

LEAST, LONGEST = 3, 300
"""Bytes of a literal that is said with its name: what is longer is a text of its own, and listed as one."""
LONGEST_NAME = 200
MOST_ITEMS = 30
_LONGEST_LINE = 1000
_DEEPEST = 2
_LETTERS = re.compile(rb"[A-Za-z\x80-\xff]{3}")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_OF_THE_COMPILER = frozenset(
    (
        "__doc__",
        "__module__",
        "__qualname__",
        "__name__",
        "__file__",
        "__static_attributes__",
        "__match_args__",
    )
)


class Full(Exception):  # noqa: N818 - no error: what was said until then stays
    """A file says more than it can have been written for."""


class Lines:
    """What is said of one file, each line once, and the literals that stand in them."""

    def __init__(self, room: int) -> None:
        """Say at most `room` letters, those included that are written and not said, or only once."""
        self.room = room
        self.statements: dict[str, None] = {}
        self.literals: set[bytes] = set()

    def stored(self, name: str | None, value: Any) -> None:
        """Say what is kept under a name. Errors: Full."""
        if name and name not in _OF_THE_COMPILER:
            self._pair(f"{name} = ", value, [])

    def entry(self, key: Any, value: Any) -> str | None:
        """Say what is kept under a key that is a literal, and return the line. Errors: Full."""
        return self._pair(f"{quoted(key)}: ", value, [key]) if is_literal(key) else None

    def forget(self, lines: list[str | None]) -> None:
        """Take back what was said."""
        for line in lines:
            if line is not None:
                self.statements.pop(line, None)

    def compared(self, left: str, sign: str, value: bytes) -> None:
        """Say what an expression is compared with. Errors: Full."""
        if is_literal(value) and _LETTERS.search(value):
            literals: list[bytes] = []
            self._say(f"{left} {sign} {self._written(value, literals)}", literals)

    def call(self, callee: str | None, positional: list[Any], named: list[tuple[Any, Any]]) -> str | None:
        """Say a call, and return it where it is short and may stand in an expression. Errors: Full."""
        if len(positional) + len(named) > MOST_ITEMS:
            return None
        if not callee:
            for key, value in named:
                self.stored(name_of(key), value)
            return None
        literals: list[bytes] = []
        given = [self._written(one, literals) for one in positional]
        given += [f"{name_of(key)}={self._written(value, literals)}" for key, value in named]
        made = f"{callee}({', '.join(given)})"
        if len(made) <= _LONGEST_LINE and any(_LETTERS.search(one) for one in literals):
            self._say(made, literals)
        alone = len(given) == len(literals) == len(positional) == 1
        return made if alone and len(made) <= LONGEST_NAME else None

    def _pair(self, before: str, value: Any, literals: list[bytes]) -> str | None:
        known = len(literals)
        shown = self._written(value, literals)
        if len(literals) == known or len(shown) > _LONGEST_LINE:
            return None
        self._say(before + shown, literals)
        return before + shown

    def _say(self, line: str, literals: list[bytes]) -> None:
        self.statements[line] = None
        self.literals.update(one for one in literals if b"\n" not in one)

    def _written(self, value: Any, literals: list[bytes], depth: int = 0) -> str:
        """Return a value as a program writes it, `None` where it is no literal, and add its literals. Errors: Full."""
        self.room -= 4 + (min(len(value), LONGEST) if isinstance(value, bytes) else 0)
        if self.room < 0:
            raise Full
        if isinstance(value, bytes) and len(value) <= LONGEST and not _CONTROL.search(value):
            if len(value) >= LEAST:
                literals.append(value)
            return quoted(value)
        if isinstance(value, tuple) and value and len(value) <= MOST_ITEMS and depth < _DEEPEST:
            inner = ", ".join([self._written(one, literals, depth + 1) for one in value])
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        return "None"


def is_literal(value: Any) -> bool:
    """Whether a value is a text that is said."""
    return isinstance(value, bytes) and LEAST <= len(value) <= LONGEST and not _CONTROL.search(value)


def quoted(text: bytes) -> str:
    """Return a text as a literal on one line; bytes that are no UTF-8 come back with `surrogateescape`."""
    shown = text.decode("utf-8", "surrogateescape").replace("\\", "\\\\")
    return '"' + shown.replace("\r", "\\r").replace("\n", "\\n").replace('"', '\\"') + '"'


def name_of(value: Any) -> str | None:
    """Return a name of the program, if it is one."""
    return _name_of(value) if isinstance(value, bytes) and len(value) <= LONGEST_NAME else None


@lru_cache(maxsize=4096)  # the same names again and again
def _name_of(value: bytes) -> str | None:
    name = value.decode("utf-8", "replace")
    return name if name.isidentifier() else None
