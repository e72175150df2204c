"""Java classes: the literal arguments of calls that log in, out of the bytecode (JVMS chapter 4)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from functools import cache
from typing import Protocol

from bundle.classfile import CONSTANT, LDC, LDC_W, TEXT, TWO_SLOTS
from bundle.detect.credentials import annotated
from bundle.detect.credentials.javacode import (
    ACCOUNTS,
    COMPARES,
    DYNAMIC,
    EQUALS,
    MAP,
    NAMES_OF_OWNER,
    PAIRS,
    WITH_OWNER,
    Method,
    Said,
    fields_of,
    followed,
    returned,
    text_of,
)
from bundle.detect.credentials.javalambda import lambdas

_LONGEST = 1 << 22
_STRING, _FIELD = 8, 9
_NUMBER = 2
"""Bytes of the number of a constant."""
_LONGEST_KEY = 60
_OF_A_PASSWORD = re.compile(
    rb"\x01\0[\x03-\x18][a-zA-Z]\w{0,14}?(?:assword|asswd|assphrase|asswort|ennwort|ass|wd)(?=[\x01-\x14])"
)
"""A short text, followed by another constant, that may be the name of a variable for a password."""
_STATIC = 0x0008
"""The flag of a method that has no `this`."""
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

    def lists(self, name: str) -> bool:
        """Whether a field of this name may hold accounts with their passwords."""
        ...

    def compared(self, name: str) -> bool:
        """Whether a field, a variable, a getter or a key of this name matters where it is compared with a literal."""
        ...


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


def calls(  # noqa: C901, PLR0912 - one branch for each part of a class
    data: bytes, wanted: Wanted | None = None, *, constants: bool = True
) -> Iterator[Said]:
    """Yield each call by name with its arguments: the text of a literal, None for anything else.

    A class that cannot be read in full yields what was read up to there. Methods that hold nothing that is `wanted`
    are not followed; `constants` of fields are said, or not.
    """
    if len(data) > _LONGEST:
        return
    reader = _Reader(data)
    try:
        pool, reader.at = _pool(data)
        marked = any(name in annotated.NAMES for _, name in pool.values())
        reader.skip(2)
        own = _through(pool, reader.u2().to_bytes(2, "big")).decode("utf-8", "replace")
        marks = None if wanted is None else _marks(pool, wanted, own)
        reader.skip(2)
        reader.skip(2 * reader.u2())
        fixed: set[str] = set()
        for _ in range(reader.u2()):
            yield from _field(reader, pool, fixed, constants=constants)
        local = b"LocalVariableTable" in data and bool(_OF_A_PASSWORD.search(data))
        if marks is not None and not marks and not marked and not local and not _getters(pool, wanted):
            return
        methods: list[Method] = []
        for _ in range(reader.u2()):
            yield from _method(reader, pool, methods)
        made = lambdas(data, reader.at, pool, methods)
        if marked:
            for _ in range(reader.u2()):
                name, size = pool[reader.u2()][1], reader.u4()
                yield from _written(reader, pool, name, size)
                reader.skip(size)
        kept = {m.descriptor: fields_of(m, pool) for m in methods if m.name == "<init>"}
        held = _held(methods, pool, own, wanted) if marks else {}
        last: list[Said] = []  # what a call is given counts as the call's
        for method in methods:
            if method.name.startswith("get") and (text := returned(method, pool)) is not None:
                yield f"={method.name[3:]}", [text]
            code = method.code
            if marks is None or (
                (LDC in code or LDC_W in code or (made and DYNAMIC in code))
                and (any(mark in code for mark in marks) or (local and _names_one(method, wanted)))
            ):
                for one in followed(method, pool, own, kept, held, made):
                    if one[0][:1] == "~":
                        last.append(one)
                    elif one[0][:1] != "=" or one[0][1:] not in fixed:
                        yield one
        yield from last
    except (IndexError, struct.error, KeyError, ValueError):
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


def _marks(pool: dict[int, tuple[int, bytes]], wanted: Wanted, own: str) -> list[bytes]:
    """Return what the bytecode holds where it calls a method, or sets a field, that is wanted: the reference's number."""
    known: dict[bytes, bool] = {}
    keyed = cache(lambda: any(wanted.named(key.rsplit(".", 1)[-1]) for key in _literals(pool)))
    compared = cache(
        lambda: (
            any(one in ACCOUNTS for one in _literals(pool))
            or any(wanted.compared(one) for one in _texts(pool))
        )
    )
    held = cache(lambda: any(wanted.named(one) for one in _texts(pool)))
    marks = []
    for index, (tag, raw) in pool.items():
        if tag not in _REFERENCES:
            continue
        want = known.get(raw[2:])
        if want is None or tag == _FIELD:
            name = _through(pool, raw[2:])
            text = name.decode("utf-8", "replace")
            if tag == _FIELD:
                want = wanted.named(text) or wanted.lists(text)
            elif name == b"<init>" or name in NAMES_OF_OWNER:
                owner = _through(pool, raw).decode("utf-8", "replace")
                want = wanted.called(text) or wanted.called(owner.rsplit("/", 1)[-1])
                want = want or (owner == own and (keyed() or held()))
            elif name in COMPARES:
                want = _through(pool, raw).decode("utf-8", "replace") in EQUALS and compared()
            elif text in PAIRS or text in WITH_OWNER:
                owner = _through(pool, raw).decode("utf-8", "replace")
                want = owner == MAP and wanted.sets("put") and keyed()
                want = want or wanted.called(f"{owner.rsplit('/', 1)[-1]}.{text}")
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


def _method(reader: _Reader, pool: dict[int, tuple[int, bytes]], found: list[Method]) -> Iterator[Said]:
    """Read one method, and say what its annotations say."""
    flags = reader.u2()
    own, kind = (pool[reader.u2()][1].decode("utf-8", "replace") for _ in range(2))
    for _ in range(reader.u2()):
        name, size = pool[reader.u2()][1], reader.u4()
        end = reader.at + size
        if name == b"Code":
            reader.skip(4)
            length = reader.u4()
            code = reader.data[reader.at : reader.at + length]
            names = _variables(reader.data, reader.at + length, pool)
            found.append(Method(own, kind, code, names, static=bool(flags & _STATIC)))
        else:
            yield from _written(reader, pool, name, size)
        reader.at = end
        reader.skip(0)


def _names_one(method: Method, wanted: Wanted | None) -> bool:
    """Whether a local variable of a method, and not a parameter, has the name of a password."""
    return wanted is not None and any(low and wanted.compared(name) for _, low, _, name in method.variables)


def _held(
    methods: list[Method], pool: dict[int, tuple[int, bytes]], own: str, wanted: Wanted | None
) -> dict[str, str]:
    """Return the texts that fields begin with, where their names promise nothing: a key in `KEY`, given to a cipher later."""
    return {
        name[1:]: given[0]
        for method in methods
        if method.name in ("<clinit>", "<init>")
        for name, given in followed(method, pool, own, {}, {}, {})
        if name.startswith("=") and given[0] and not (wanted is not None and wanted.named(name[1:]))
    }


def _written(reader: _Reader, pool: dict[int, tuple[int, bytes]], name: bytes, size: int) -> Iterator[Said]:
    """Say the elements of annotations, where an attribute holds them, as assignments."""
    if name in annotated.NAMES:
        data = reader.data[reader.at : reader.at + size]
        for key, text in annotated.written(data, pool, parameters=b"Parameter" in name):
            yield f"={key}", [text]


def _getters(pool: dict[int, tuple[int, bytes]], wanted: Wanted | None) -> bool:
    """Whether a method may return a secret that its name promises."""
    return wanted is None or any(one.startswith("get") and wanted.named(one[3:]) for one in _texts(pool))


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


def _field(
    reader: _Reader, pool: dict[int, tuple[int, bytes]], fixed: set[str], *, constants: bool
) -> Iterator[Said]:
    """Say a field that has a constant as an assignment: its name after `=`, and the text; remember its name."""
    reader.skip(2)
    name = pool[reader.u2()][1].decode("utf-8", "replace")
    reader.skip(2)
    for _ in range(reader.u2()):
        attribute, size = pool[reader.u2()][1], reader.u4()
        if attribute == b"ConstantValue":
            fixed.add(name)
            if constants:
                yield (
                    f"={name}",
                    [text_of(pool, int.from_bytes(reader.data[reader.at : reader.at + 2], "big"))],
                )
        yield from _written(reader, pool, attribute, size)
        reader.skip(size)
