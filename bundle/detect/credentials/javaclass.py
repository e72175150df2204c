"""Java classes: the literal arguments of calls that log in, out of the bytecode (JVMS chapter 4)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import Protocol

from bundle.classfile import CONSTANT, LDC, LDC_W, OPERANDS, TEXT, TWO_SLOTS, VARIABLE, WIDE, after

_LONGEST = 1 << 22
_STRING, _FIELD = 8, 9
_NUMBER = 2
"""Bytes of the number of a constant."""
_REFERENCES = (9, 10, 11)
"""Constants that name a field, a method, a method of an interface."""


class Wanted(Protocol):
    """What somebody asks of the calls of a class."""

    def called(self, name: str) -> bool:
        """Whether a call of a method, or the making of an object of a class, of this name matters."""
        ...

    def sets(self, name: str) -> bool:
        """Whether a method of this name sets what its first argument names."""
        ...

    def named(self, name: str) -> bool:
        """Whether a field, or a key, of this name matters."""
        ...

    def compared(self, name: str) -> bool:
        """Whether a field, a variable, a getter or a key of this name matters where it is compared with a literal."""
        ...


class _Name(str):
    """What is known of a value that is no literal: the variable, field, getter or key that it comes from."""

    __slots__ = ()


class _Reader:
    """Bytes with a position; reading past the end is an IndexError or struct.error for the caller."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def u1(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def u2(self) -> int:
        (value,) = struct.unpack_from(">H", self.data, self.at)
        self.at += 2
        return int(value)

    def u4(self) -> int:
        (value,) = struct.unpack_from(">I", self.data, self.at)
        self.at += 4
        return int(value)

    def skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self.data):
            raise IndexError(self.at)


def calls(data: bytes, wanted: Wanted | None = None) -> Iterator[tuple[str, list[str | None]]]:
    """Yield each call by name with its arguments: the text of a literal, None for anything else.

    A class that cannot be read in full yields what was read up to there. Methods that hold nothing that is `wanted`
    are not followed.
    """
    if len(data) > _LONGEST:
        return
    reader = _Reader(data)
    try:
        pool, reader.at = _pool(data)
        marks = None if wanted is None else _marks(pool, wanted)
        reader.skip(6)
        reader.skip(2 * reader.u2())
        for _ in range(reader.u2()):
            yield from _constant(reader, pool)
        if marks is not None and not marks:
            return
        for _ in range(reader.u2()):
            for code, tables in _member(reader, pool):
                if marks is None or ((LDC in code or LDC_W in code) and any(mark in code for mark in marks)):
                    yield from _invocations(code, pool, _variables(data, tables, pool))
    except (IndexError, struct.error, KeyError, UnicodeDecodeError):
        return


def _pool(data: bytes) -> tuple[dict[int, tuple[int, bytes]], int]:
    """Return the constants by number, and where they end. Errors: IndexError, KeyError."""
    found: dict[int, tuple[int, bytes]] = {}
    index, count = 1, data[8] << 8 | data[9]
    at = 10
    while index < count:
        tag = data[at]
        if tag == TEXT:
            end = at + 3 + (data[at + 1] << 8 | data[at + 2])
            found[index] = (1, data[at + 3 : end])
        else:
            end = at + 1 + CONSTANT[tag]
            found[index] = (tag, data[at + 1 : end])
            index += tag in TWO_SLOTS
        at = end
        index += 1
    if at > len(data):
        raise IndexError(at)
    return found, at


def _marks(pool: dict[int, tuple[int, bytes]], wanted: Wanted) -> list[bytes]:
    """Return what the bytecode holds where it calls a method, or sets a field, that is wanted: the reference's number."""
    known: dict[bytes, bool] = {}
    keyed = cache(lambda: any(wanted.named(key.rsplit(".", 1)[-1]) for key in _literals(pool)))
    compared = cache(lambda: any(wanted.compared(one) for one in _texts(pool)))
    marks = []
    for index, (tag, raw) in pool.items():
        if tag not in _REFERENCES:
            continue
        want = known.get(raw[2:])
        if want is None or tag == _FIELD:
            name = _through(pool, raw[2:])
            text = name.decode("utf-8", "replace")
            if tag == _FIELD:
                want = wanted.named(text)
            elif name == b"<init>" or name in _NAMES_OF_OWNER:
                owner = _through(pool, raw).decode("utf-8", "replace")
                want = wanted.called(text) or wanted.called(owner.rsplit("/", 1)[-1])
            elif name in _COMPARES and _through(pool, raw) == b"java/lang/String":
                want = compared()
            else:
                want = wanted.called(text) or (wanted.sets(text) and keyed())
                known[raw[2:]] = want
        if want:
            marks.append(index.to_bytes(2, "big"))
    return marks


def _through(pool: dict[int, tuple[int, bytes]], number: bytes) -> bytes:
    """Return the name of what a constant, given by its number, refers to first: a class, or a name with its type."""
    middle = pool.get(number[0] << 8 | number[1])
    name = None if middle is None or len(middle[1]) < _NUMBER else pool.get(middle[1][0] << 8 | middle[1][1])
    return b"" if name is None else name[1]


def _literals(pool: dict[int, tuple[int, bytes]]) -> Iterator[str]:
    for tag, raw in pool.values():
        if tag == _STRING and (text := pool.get(raw[0] << 8 | raw[1])) is not None:
            yield text[1].decode("utf-8", "replace")


def _texts(pool: dict[int, tuple[int, bytes]]) -> Iterator[str]:
    """Yield the names, and the literals that may be keys."""
    for tag, raw in pool.values():
        if tag == TEXT and len(raw) <= _LONGEST_KEY:
            yield raw.decode("utf-8", "replace")


def _member(reader: _Reader, pool: dict[int, tuple[int, bytes]]) -> list[tuple[bytes, int]]:
    """Skip one field or method; return the bytecode it has, and where the tables behind it begin."""
    reader.skip(6)
    found = []
    for _ in range(reader.u2()):
        name, size = pool[reader.u2()][1], reader.u4()
        end = reader.at + size
        if name == b"Code":
            reader.skip(4)
            length = reader.u4()
            found.append((reader.data[reader.at : reader.at + length], reader.at + length))
        reader.at = end
        reader.skip(0)
    return found


def _variables(data: bytes, at: int, pool: dict[int, tuple[int, bytes]]) -> list[tuple[int, int, int, str]]:
    """Return the variables of a method, where the compiler kept their names: number, first and last offset, name."""
    reader, found = _Reader(data), []
    reader.at = at
    reader.skip(8 * reader.u2())
    for _ in range(reader.u2()):
        attribute, size = pool[reader.u2()][1], reader.u4()
        end = reader.at + size
        if attribute == b"LocalVariableTable":
            for _ in range(reader.u2()):
                first, length, name, _type, number = (reader.u2() for _ in range(5))
                found.append((number, first, first + length, pool[name][1].decode("utf-8", "replace")))
        reader.at = end
    return found


def _constant(reader: _Reader, pool: dict[int, tuple[int, bytes]]) -> Iterator[tuple[str, list[str | None]]]:
    """Say a field that has a constant as an assignment: its name after `=`, and the text."""
    reader.skip(2)
    name = pool[reader.u2()][1].decode("utf-8", "replace")
    reader.skip(2)
    for _ in range(reader.u2()):
        attribute, size = pool[reader.u2()][1], reader.u4()
        if attribute == b"ConstantValue":
            yield f"={name}", [_text(pool, int.from_bytes(reader.data[reader.at : reader.at + 2], "big"))]
        reader.skip(size)


def _text(pool: dict[int, tuple[int, bytes]], index: int) -> str | None:
    tag, raw = pool.get(index, (0, b""))
    if tag != _STRING:
        return None
    return pool[int.from_bytes(raw, "big")][1].decode("utf-8", "replace")


def _method(pool: dict[int, tuple[int, bytes]], index: int) -> tuple[str, str, str]:
    """Return class, name and descriptor of a method reference."""
    owner, pair = struct.unpack(">HH", pool[index][1])
    name, descriptor = struct.unpack(">HH", pool[pair][1])
    (owner_name,) = struct.unpack(">H", pool[owner][1])
    return pool[owner_name][1].decode(), pool[name][1].decode(), pool[descriptor][1].decode()


_INVOKES = (182, 183, 184, 185)
_STATIC, _PUTS = 184, (179, 181)
_OF_OWNER = ("load", "store", "getKey", "init")
_NAMES_OF_OWNER = frozenset(name.encode() for name in _OF_OWNER)
_STORES = ("java/security/KeyStore", "javax/net/ssl/KeyManagerFactory")
_KEEPS = (89, 192, 0)
_SAME_VALUE = ("toCharArray", "getBytes", "trim", "intern", "valueOf", "toLowerCase", "toString")
_COMPARES = frozenset((b"equals", b"equalsIgnoreCase", b"contentEquals", b"compareTo"))
_LOADS, _LOAD, _GETS = range(42, 46), 25, (178, 180)
_OF_KEY = frozenset("get getParameter getProperty getAttribute getString getHeader getField".split())
"""Methods that return what their argument names."""
_LONGEST_KEY = 60


def _invocations(  # noqa: C901, PLR0912 - one branch for each kind of opcode
    code: bytes, pool: dict[int, tuple[int, bytes]], variables: list[tuple[int, int, int, str]]
) -> Iterator[tuple[str, list[str | None]]]:
    """Follow the stack roughly: literals are pushed, everything else that pushes is unknown, or a name."""
    stack: list[str | None] = []
    at = 0
    while at < len(code):
        op = code[at]
        if op in VARIABLE:
            at = after(code, at)
            if op != WIDE:
                stack.clear()
            continue
        if op in (LDC, LDC_W):
            stack.append(
                _text(pool, code[at + 1] if op == LDC else int.from_bytes(code[at + 1 : at + 3], "big"))
            )
        elif op in _INVOKES:
            owner, name, descriptor = _method(pool, int.from_bytes(code[at + 1 : at + 3], "big"))
            wanted = _count(descriptor)
            given = [_literal(v) for v in stack[len(stack) - wanted :]] if 0 < wanted <= len(stack) else []
            if wanted == 1 and name.encode() in _COMPARES:
                yield from _compared(stack)
            elif given and any(v is not None for v in given):
                made = name == "<init>" or (name in _OF_OWNER and owner.startswith(_STORES))
                yield (owner.rsplit("/", 1)[-1] if made else name), given
            copied = name in _SAME_VALUE or (wanted == 1 and name == "<init>" and owner == "java/lang/String")
            kept = stack[-1] if copied and stack else _named_by(name, given)
            if op != _STATIC:
                wanted += 1
            del stack[max(0, len(stack) - wanted) :]
            if not descriptor.endswith(")V") or (copied and name == "<init>"):
                stack.append(kept)
        elif op in _PUTS:
            _, name, _ = _method(pool, int.from_bytes(code[at + 1 : at + 3], "big"))
            if stack and _literal(stack[-1]) is not None:
                yield f"={name}", [stack[-1]]
            stack.clear()
        elif op in _GETS:
            if op == _GETS[1] and stack:
                stack.pop()
            stack.append(_Name(_method(pool, int.from_bytes(code[at + 1 : at + 3], "big"))[1]))
        elif op == _LOAD or op in _LOADS:
            number = code[at + 1] if op == _LOAD else op - _LOADS[0]
            stack.append(
                next((_Name(n) for i, low, high, n in variables if i == number and low <= at < high), None)
            )
        elif op < 54:  # noqa: PLR2004 - constants and loads push one value
            stack.append(None)
        elif op not in _KEEPS and op in (*range(153, 178), 191, 194, 195):
            stack.clear()
        at += 1 + OPERANDS[op]


def _literal(value: str | None) -> str | None:
    return None if isinstance(value, _Name) else value


def _named_by(name: str, given: list[str | None]) -> str | None:
    """Return the name of what a method returns: its own behind `get`, or the key that it is asked for."""
    if name in _OF_KEY and given and given[0]:
        return _Name(given[0])
    return _Name(name[3:]) if name.startswith("get") and not given else None


def _compared(stack: list[str | None]) -> Iterator[tuple[str, list[str | None]]]:
    """Say a comparison of a literal with something that has a name: the name after `?`, and the text."""
    pair = stack[-2:]
    names = [v for v in pair if isinstance(v, _Name)]
    texts = [v for v in pair if v is not None and not isinstance(v, _Name)]
    if len(names) == 1 == len(texts):
        yield f"?{names[0]}", [texts[0]]


def _count(descriptor: str) -> int:
    """Return how many arguments a method takes."""
    at, count = 1, 0
    while descriptor[at] != ")":
        while descriptor[at] == "[":
            at += 1
        at = descriptor.index(";", at) + 1 if descriptor[at] == "L" else at + 1
        count += 1
    return count
