"""What the bytecode of Python does with literals: assignments, keys, arguments, defaults and comparisons.

Each code object is followed once from its first instruction to its last, with what is on the stack as far as it is known:
a literal (bytes), a tuple of such, an expression that can be written out (str), a code object, or None. Nothing is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from bundle.walk.derive.marshalled import Code, Compiled
from bundle.walk.derive.opcodes import actions
from bundle.walk.derive.python_text import LEAST, LONGEST, MOST_ITEMS, Full, Lines, is_literal
from bundle.walk.derive.stack import Stack, named

_MOST = 0xFFFFFFFF
_UNKNOWN: tuple[list[None], ...] = ([], [None])
_SIGNS = {2: "==", 3: "!="}
_HAVE_ARGUMENT = 90
_LONG_TEXT = 40
_DEFAULTS, _OF_KEYWORDS, _ANNOTATIONS, _VARIABLES = 1, 2, 4, 8
"""What a function is made with: defaults, those of keywords, types of parameters, and variables from around it."""


def statements(held: Compiled, size: int) -> Lines:
    """Return what a file of a size says; the outer code first."""
    lines = Lines(2 * size + (1 << 20))
    left = 4 * size  # many code objects may share one bytecode in a file that was made for it
    with suppress(Full):
        for code in reversed(held.codes):
            left -= len(code.code) + len(code.constants)
            if left < 0:
                break
            if any(map(_matters, code.constants[1:])) or (code.constants and _begins(code.constants[0])):
                _Followed(lines, held.version, code).follow()
    return lines


def _matters(constant: Any) -> bool:
    if type(constant) is bytes:
        return LEAST <= len(constant) <= LONGEST
    return type(constant) is tuple and any(is_literal(one) for one in constant[:MOST_ITEMS])


def _begins(constant: Any) -> bool:
    """Whether the first constant matters: most are what documents a function, and nothing loads it."""
    long = isinstance(constant, bytes) and (
        b"\n" in constant or (len(constant) > _LONG_TEXT and b" " in constant)
    )
    return not long and _matters(constant)


def _instructions(code: bytes, *, three: bool) -> Iterable[tuple[int, int]]:
    """Return number and argument of each instruction; those of Python 3 are two bytes each (from 3.6 on)."""
    return zip(code[::2], code[1::2], strict=False) if three else _words(code)


def _words(code: bytes) -> Iterator[tuple[int, int]]:
    """Yield number and argument of each instruction before 3.6, which are one byte or three."""
    at, size = 0, len(code)
    while at < size:
        number = code[at]
        if number < _HAVE_ARGUMENT:
            yield number, 0
            at += 1
        elif at + 2 < size:
            yield number, code[at + 1] | code[at + 2] << 8
            at += 3
        else:
            return


class _Followed(Stack):
    """One code object while it is followed."""

    _other: tuple[int, bytes] | None = None
    """How much is on the stack below a literal that a condition's first branch left, and the literal."""

    def follow(self) -> None:
        """Follow every instruction once, in the order they stand."""
        steps, stack, code = _steps(self.version), self.stack, self.code.code
        variables, constants, three = self.code.variables, self.code.constants, self.version >= (3,)
        more, shift = 0, 8 if three else 16
        for number, argument in _instructions(code, three=three):
            step = steps[number]
            if step is _NOTHING:
                continue
            argument |= more  # noqa: PLW2901 - the other half of it
            more = 0
            if step is _VARIABLE:
                stack.append(variables[argument] if argument < len(variables) else None)
            elif step is _CONSTANT:
                stack.append(constants[argument] if argument < len(constants) else None)
            elif step is _MORE:
                more = argument << shift & _MOST
            elif step is None:
                stack.clear()
            elif isinstance(step, tuple):
                if step[0]:
                    del stack[-step[0] :]
                stack += _UNKNOWN[step[1]]
            else:
                step(self, argument)

    def _on_to_name(self, argument: int) -> None:
        self._store(named(self.code.names, argument), self.pop())

    def _on_to_fast(self, argument: int) -> None:
        self._store(named(self.code.variables, argument), self.pop())

    def _on_to_fast2(self, argument: int) -> None:
        self._on_to_fast(argument >> 4)
        self._on_to_fast(argument & 15)

    def _on_to_fast_fast(self, argument: int) -> None:
        self._on_to_fast(argument >> 4)
        self._on_fast(argument & 15)

    def _on_to_deref(self, argument: int) -> None:
        self._store(named(self.code.cells, argument), self.pop())

    def _on_to_attr(self, argument: int) -> None:
        value, _ = self.popped(2)
        self._store(named(self.code.names, argument), value)

    def _store(self, name: str | None, value: Any) -> None:
        other, self._other = self._other, None
        if other is not None and other[0] == len(self.stack):
            self.lines.stored(name, other[1])
        if type(value) is bytes or type(value) is tuple:
            self.lines.stored(name, value)

    def _on_jump(self, _: int) -> None:
        """Leave the value of a condition's first branch, for the second pushes another in its place."""
        value = self.pop()
        self._other = (len(self.stack), value) if isinstance(value, bytes) else None

    def _on_to_key(self, _: int) -> None:
        value, held, key = self.popped(3)
        if held != "__annotations__":
            self.lines.entry(key, value)

    def _on_to_map(self, _: int) -> None:
        first, second = self.popped(2)
        if self.version < (3, 8):
            first, second = second, first
        self.lines.entry(first, second)

    def _on_map(self, argument: int) -> None:
        if self.version >= (3,):
            values = self.popped(2 * argument)
            for key, value in zip(values[::2], values[1::2], strict=False):
                self.lines.entry(key, value)
        self.stack.append(None)

    def _on_keyed(self, argument: int) -> None:
        keys, values = self.pop(), self.popped(argument)
        pairs = zip(keys, values, strict=False) if isinstance(keys, tuple) else ()
        self.stack.append(_Dictionary([self.lines.entry(key, value) for key, value in pairs]))

    def _on_keys(self, argument: int) -> None:
        constants = self.code.constants
        self.keys = constants[argument] if argument < len(constants) else ()

    def _on_call(self, argument: int) -> None:
        if self.version >= (3,):
            self._called(self.popped(argument), (), pair=False)
            return
        named = self.popped(2 * (argument >> 8))
        self._called(self.popped(argument & 255) + named[1::2], tuple(named[::2]), pair=False)

    def _on_call_pair(self, argument: int) -> None:
        keys, self.keys = self.keys, ()
        self._called(self.popped(argument), keys, pair=True)

    def _on_call_keys(self, argument: int) -> None:
        keys = self.pop()  # in Python 2 a dictionary that is unpacked
        if self.version < (3,):
            self._on_call(argument)
        else:
            self._called(self.popped(argument), keys, pair=False)

    def _on_call_pair_keys(self, argument: int) -> None:
        keys = self.pop()
        self._called(self.popped(argument), keys, pair=True)

    def _on_star(self, argument: int) -> None:
        self.pop()
        self._on_call(argument)

    def _on_stars(self, argument: int) -> None:
        self.popped(2)
        self._on_call(argument)

    def _on_unpacked(self, argument: int) -> None:
        self.popped(2 + (argument & 1) + (self.version >= (3, 11)))
        self.stack.append(None)

    def _called(self, values: list[Any], keys: Any, *, pair: bool) -> None:
        callees = self.popped(2 if pair else 1)
        for one in values:
            if type(one) is bytes or type(one) is tuple:
                break
        else:  # most calls have no literal
            self.stack.append(None)
            return
        callee = next((one for one in callees if isinstance(one, str)), None)
        if not isinstance(keys, tuple) or len(keys) > len(values):
            keys = ()
        first = len(values) - len(keys)
        named = list(zip(keys, values[first:], strict=True))
        self.stack.append(self.lines.call(callee, values[:first], named))

    def _on_function(self, argument: int) -> None:
        if (3,) < self.version < (3, 11):
            self.pop()  # its whole name
        code = self.pop()
        if self.version < (3,):
            self._with_defaults(code, tuple(self.popped(argument)))
        else:
            for part in (_VARIABLES, _ANNOTATIONS, _OF_KEYWORDS):
                held = self.pop() if argument & part else None
                if part == _ANNOTATIONS and isinstance(held, _Dictionary):
                    self.lines.forget(held.lines)  # what types are called is not what is kept
            if argument & _DEFAULTS:
                self._with_defaults(code, self.pop())
        self.stack.append(code)

    def _on_closure(self, argument: int) -> None:
        code, _ = self.pop(), self.pop()
        self._with_defaults(code, tuple(self.popped(argument)))
        self.stack.append(code)

    def _on_defaults(self, argument: int) -> None:
        function, value = self.pop(), self.pop()
        if argument == _DEFAULTS:
            self._with_defaults(function, value)
        self.stack.append(function)

    def _with_defaults(self, code: Any, values: Any) -> None:
        if isinstance(code, Code) and isinstance(values, tuple) and len(values) <= code.parameters:
            names = code.variables[code.parameters - len(values) : code.parameters]
            for name, value in zip(names, values, strict=False):
                self.lines.stored(name, value)

    def _on_compare(self, argument: int) -> None:
        kind = argument >> (5 if self.version >= (3, 13) else 4 if self.version >= (3, 12) else 0)
        left, right = self.popped(2)
        if isinstance(left, bytes):
            left, right = right, left
        if kind in _SIGNS and isinstance(left, str) and isinstance(right, bytes):
            self.lines.compared(left, _SIGNS[kind], right)
        self.stack.append(None)


@dataclass(frozen=True, slots=True)
class _Dictionary:
    """A dictionary that was written out, and the lines that were said of it."""

    lines: list[str | None]


_Step = Callable[[_Followed, int], None] | tuple[int, int]
_NOTHING, _VARIABLE, _CONSTANT, _MORE = (0, 0), (0, 1), (0, 2), (0, 3)
"""What is done so often that it is done in the loop; all others are what is taken off the stack and pushed, or a step."""
_OFTEN = {"0-0": _NOTHING, "fast": _VARIABLE, "const": _CONSTANT, "more": _MORE}


@cache
def _steps(version: tuple[int, int]) -> tuple[_Step | None, ...]:
    """Return what is done for each instruction of a version; None where a statement ends."""
    return tuple(_step(action) if action else None for action in actions(version))


def _step(action: str) -> _Step:
    if action in _OFTEN:
        return _OFTEN[action]
    if action[0].isdigit():
        return int(action[0]), int(action[2])
    step: _Step = getattr(_Followed, f"_on_{action}")
    return step
