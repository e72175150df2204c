"""The stack of CPython's interpreter, as far as it can be known without running anything."""

from __future__ import annotations

from typing import Any

from bundle.walk.derive.marshalled import Code
from bundle.walk.derive.python_text import LONGEST_NAME, Lines, quoted

_MOST_UNPACKED = 16
_MOST_UNKNOWN = 30


class Stack:
    """What is on the stack while one code object is followed, and how instructions load it.

    On it are literals (bytes), tuples of such, expressions that can be written out (str), code objects, and None.
    """

    def __init__(self, lines: Lines, version: tuple[int, int], code: Code) -> None:
        """Begin with nothing on it."""
        self.lines = lines
        self.version = version
        self.code = code
        self.stack: list[Any] = []
        self.keys: Any = ()
        """Names of the arguments of the call that follows, in 3.11 and 3.12."""

    def _on_name(self, argument: int) -> None:
        self.stack.append(named(self.code.names, argument))

    def _on_global(self, argument: int) -> None:
        names, paired = self.code.names, self.version >= (3, 11)
        index = argument >> paired
        self.stack.append(names[index] if index < len(names) else None)
        if paired and argument & 1:
            self.stack.append(None)

    def _on_fast(self, argument: int) -> None:
        self.stack.append(named(self.code.variables, argument))

    def _on_fast2(self, argument: int) -> None:
        self._on_fast(argument >> 4)
        self._on_fast(argument & 15)

    def _on_deref(self, argument: int) -> None:
        self.stack.append(named(self.code.cells, argument))

    def _on_attr(self, argument: int) -> None:
        stack, names, paired = self.stack, self.code.names, self.version >= (3, 12)
        index = argument >> paired
        stack.append(_member(stack.pop() if stack else None, names[index] if index < len(names) else None))
        if paired and argument & 1:
            stack.append(None)

    def _on_method(self, argument: int) -> None:
        self._callee(_member(self.pop(), named(self.code.names, argument)), pair=True)

    def _on_super(self, argument: int) -> None:
        self.popped(3)
        self._callee(named(self.code.names, argument >> 2), pair=bool(argument & 1))

    def _callee(self, name: str | None, *, pair: bool) -> None:
        """Push what may be called, and beside it what it is called with; which of them is above differs."""
        self.stack.append(name)
        if pair:
            self.stack.append(None)

    def _on_subscript(self, _: int) -> None:
        held, key = self.popped(2)
        short = isinstance(key, bytes) and isinstance(held, str) and len(held) + len(key) <= LONGEST_NAME
        self.stack.append(f"{held}[{quoted(key)}]" if short else None)

    def _on_list(self, argument: int) -> None:
        self.stack.append(tuple(self.popped(argument)))

    def _on_extend(self, argument: int) -> None:
        items = self.pop()
        if argument == 1 and self.stack and self.stack[-1] == () and isinstance(items, tuple):
            self.stack[-1] = items

    def _on_unpack(self, argument: int) -> None:
        held = self.pop()
        if isinstance(held, tuple) and len(held) == argument <= _MOST_UNPACKED:
            self.stack += held[::-1]
        else:
            self.stack += [None] * min(argument, _MOST_UNPACKED)

    def _on_format(self, argument: int) -> None:
        self._on_joined(2 if argument & 4 else 1)

    def _on_joined(self, argument: int) -> None:
        self.popped(argument)
        self.stack.append(None)

    def _on_copy(self, argument: int) -> None:
        self.stack.append(self.stack[-argument] if 0 < argument <= len(self.stack) else None)

    def _on_swap(self, argument: int) -> None:
        stack = self.stack
        if 0 < argument <= len(stack):
            stack[-1], stack[-argument] = stack[-argument], stack[-1]
        else:
            stack.clear()

    def _on_dup(self, _: int) -> None:
        self._on_copy(1)

    def _on_dup2(self, _: int) -> None:
        self.stack += self.popped(2) * 2

    def _on_dupx(self, argument: int) -> None:
        self.stack += self.popped(min(argument, 5)) * 2

    def _on_rot2(self, _: int) -> None:
        self._rotate(2)

    def _on_rot3(self, _: int) -> None:
        self._rotate(3)

    def _on_rot4(self, _: int) -> None:
        self._rotate(4)

    def _rotate(self, count: int) -> None:
        found = self.popped(count)
        self.stack += found[-1:] + found[:-1]

    def pop(self) -> Any:
        """Return the uppermost; None if it is not known."""
        return self.stack.pop() if self.stack else None

    def popped(self, count: int) -> list[Any]:
        """Return the uppermost, the lowest of them first; None for what is not known."""
        if not count:
            return []
        found = self.stack[-count:]
        del self.stack[-count:]
        missing = count - len(found)
        return [None] * missing + found if missing <= _MOST_UNKNOWN else []


def named(names: tuple[str | None, ...], index: int) -> str | None:
    """Return one of the names of a code object, if there are so many."""
    return names[index] if index < len(names) else None


def _member(held: Any, name: str | None) -> str | None:
    if isinstance(held, str) and name is not None and len(held) + len(name) < LONGEST_NAME:
        return f"{held}.{name}"
    return name
