"""Code objects of compiled Python, read from what `marshal` writes; nothing is made of them but texts, tuples and `Code`.

The layout is told by the number that a file begins with. `marshal.loads` is not asked: it trusts what it reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from bundle.walk.derive.opcodes import MAGIC
from bundle.walk.derive.python_text import name_of

_DEEPEST = 60
"""Objects in objects: code of functions in functions, tuples in tuples; programs have few."""
_MOST_OBJECTS = 2_000_000
_LEAST, _LONGEST = 3, 1 << 20
_PACKED: Final = 0x80
_PLAIN = frozenset(b"NFTS.0")
_SKIPPED = {ord("i"): 4, ord("I"): 8, ord("g"): 8, ord("y"): 16}
_SHORT_TEXTS = frozenset(b"zZ")
_TEXTS = frozenset(b"stuaA") | _SHORT_TEXTS
_MANY = frozenset(b"([<>")
_REFERENCE, _INTERNED, _INTERNED_BEFORE, _CODE = b"rtRc"
_SMALL_TUPLE, _DICTIONARY, _END = b"){0"
_DIGITS, _REAL, _COMPLEX = b"lfx"
"""An integer of many digits, and numbers that are written as texts."""


class NotRead(Exception):  # noqa: N818 - no error of the program: the file is read in another way
    """A file is damaged, too deep, or of a version whose layout is not told."""


@dataclass(slots=True, eq=False)
class Code:
    """One code object: its parameters, what it says, and its bytecode."""

    parameters: int
    code: bytes
    constants: tuple[Any, ...]
    names: tuple[str | None, ...]
    variables: tuple[str | None, ...]
    cells: tuple[str | None, ...]
    """Names of the variables that are shared with functions within; from 3.11 on, of all variables."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What one file holds: every code object, the inner ones first, and every text in the order it is stored."""

    version: tuple[int, int]
    codes: tuple[Code, ...]
    texts: tuple[bytes, ...]


def read(data: bytes) -> Compiled:
    """Return what a `.pyc` holds. Errors: NotRead."""
    version = MAGIC.get(int.from_bytes(data[:2], "little"))
    if version is None:
        raise NotRead
    header = 8 if version < (3,) else 12 if version < (3, 7) else 16
    reader = _Reader(data, header, version)
    try:
        whole = reader.value(0)
    except (IndexError, ValueError) as error:
        raise NotRead from error
    if not isinstance(whole, Code):
        raise NotRead
    return Compiled(version, tuple(reader.codes), tuple(reader.texts))


class _Reader:
    """Reads one object after the other; what is neither text, tuple nor code is None."""

    def __init__(self, data: bytes, at: int, version: tuple[int, int]) -> None:
        self._data = data
        self._at = at
        self._version = version
        self._left = _MOST_OBJECTS
        self._seen: list[Any] = []
        self._interned: list[bytes] = []
        self._named: dict[int, tuple[tuple[Any, ...], tuple[str | None, ...]]] = {}
        """Names by the tuple that was read, which many code objects may share; it is kept, so that no other takes its place."""
        self.codes: list[Code] = []
        self.texts: list[bytes] = []

    def value(self, depth: int) -> Any:  # noqa: C901 - quicker in one, and asked for each object
        """Return the next object. Errors: NotRead, IndexError, ValueError."""
        data, start = self._data, self._at + 1
        kind = data[start - 1]
        keep = -1
        if kind >= _PACKED and self._version >= (3,):
            kind &= 0x7F
            keep = len(self._seen)
            self._seen.append(None)
        if kind == _REFERENCE:
            self._at = start + 4
            return self._seen[int.from_bytes(data[start : start + 4], "little")]
        if kind in _TEXTS:
            if kind in _SHORT_TEXTS:
                size = data[start]
                start += 1
            else:
                size = int.from_bytes(data[start : start + 4], "little")
                start += 4
            self._at = start + size
            made: Any = data[start : self._at]
            if len(made) != size:
                raise NotRead
            if _LEAST <= size <= _LONGEST:
                self.texts.append(made)
            if kind == _INTERNED and self._version < (3,):
                self._interned.append(made)
        elif kind in _PLAIN:
            self._at = start
            return None
        else:
            self._at = start
            self._left -= 1
            if depth > _DEEPEST or self._left < 0:
                raise NotRead
            made = self._other(kind, depth + 1)
        if keep >= 0:
            self._seen[keep] = made
        return made

    def _other(self, kind: int, depth: int) -> Any:
        if kind == _SMALL_TUPLE:
            self._at += 1
            return self._several(self._data[self._at - 1], depth)
        if kind == _CODE:
            return self._code(depth)
        if kind in _MANY:
            return self._several(self._number(), depth)
        if kind == _INTERNED_BEFORE:
            return self._interned[self._number()]
        self._skip(kind, depth)
        return None

    def _skip(self, kind: int, depth: int) -> None:
        """Pass over what is neither text, tuple nor code."""
        if kind in _SKIPPED:
            self._at += _SKIPPED[kind]
        elif kind == _DIGITS:
            digits = int.from_bytes(self._taken(4), "little", signed=True)
            self._at += 2 * abs(digits)
        elif kind in (_REAL, _COMPLEX):
            for _ in range(1 if kind == _REAL else 2):
                self._at += 1 + self._data[self._at]
        elif kind == _DICTIONARY:
            while self._data[self._at] != _END:
                self.value(depth)
            self._at += 1
        else:
            raise NotRead

    def _several(self, count: int, depth: int) -> tuple[Any, ...]:
        if count > len(self._data) - self._at:
            raise NotRead
        data, seen, found = self._data, self._seen, []
        for _ in range(count):
            at = self._at
            if data[at] == _REFERENCE:  # most are, and most of what is read is a name
                self._at = at + 5
                found.append(seen[int.from_bytes(data[at + 1 : at + 5], "little")])
            else:
                found.append(self.value(depth))
        return tuple(found)

    def _number(self) -> int:
        return int.from_bytes(self._taken(4), "little")

    def _taken(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise NotRead
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def _unsaid(self, depth: int) -> bytes:
        """Return bytes that are no text of the program."""
        before = len(self.texts)
        found = self.value(depth)
        del self.texts[before:]
        return found if isinstance(found, bytes) else b""

    def _names(self, depth: int) -> tuple[str | None, ...]:
        found = self.value(depth)
        if not isinstance(found, tuple):
            return ()
        known = self._named.get(id(found))
        if known is None:
            known = found, tuple([name_of(one) for one in found])
            self._named[id(found)] = known
        return known[1]

    def _code(self, depth: int) -> Code:
        """Read a code object: numbers, then its bytecode and what that names."""
        numbers = 4 if self._version < (3,) else 6 if (3, 8) <= self._version < (3, 11) else 5
        parameters = self._number()
        self._at += 4 * (numbers - 1)
        code = self._unsaid(depth)
        constants = self.value(depth)
        names, variables = self._names(depth), self._names(depth)
        if self._version >= (3, 11):
            cells = variables
            self._unsaid(depth)
        else:
            free = self._names(depth)
            cells = self._names(depth) + free
        for _ in range(3 if self._version >= (3, 11) else 2):  # the file, the name, and the whole name
            self.value(depth)
        self._at += 4  # the first line
        for _ in range(2 if self._version >= (3, 11) else 1):  # of lines and exceptions
            self._unsaid(depth)
        held = constants if isinstance(constants, tuple) else ()
        made = Code(parameters, code, held, names, variables, cells)
        self.codes.append(made)
        return made
