"""The methods of a Java class: their code, the names of their variables, and what can be told without following it."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bundle.classfile import LDC, LDC_W
from bundle.detect.credentials.java.pool import Constants, types

_RETURN = 0xB0
_PARAMETER = re.compile(rb"\x2a(?:([\x2b-\x2d])|\x19(.))\xb5(..)", re.DOTALL)
"""`this.field = parameter`: aload_0, aload, putfield."""


Variables = Mapping[int, list[tuple[int, int, str]]]
"""Where the compiler kept their names: first and last offset and name, by the number of the variable."""


@dataclass(slots=True)
class Method:
    """One method of a class."""

    name: str
    descriptor: str
    code: bytes
    behind: int
    """Where in the class what follows the code begins."""
    static: bool = False
    loads: bool = True
    """Whether it loads a literal."""


def returned(method: Method, pool: Constants) -> str | None:
    """Return the literal that is all a method returns."""
    code = method.code
    if len(code) not in (3, 4) or code[-1] != _RETURN or code[0] not in (LDC, LDC_W):
        return None
    return pool.literal(int.from_bytes(code[1:-1], "big"))


def fields_of(method: Method, pool: Constants) -> dict[int, str]:
    """Return which argument of a constructor is kept in which field: number of the argument, name of the field."""
    slots, slot = {}, 1
    for number, kind in enumerate(types(method.descriptor)):
        slots[slot] = number
        slot += 2 if kind in "JD" else 1
    found = {}
    for short, long, index in _PARAMETER.findall(method.code):
        number = slots.get(short[0] - 0x2A if short else long[0], -1)
        if number >= 0:
            found[number] = pool.name(index[0] << 8 | index[1]).decode()
    return found


def taken(method: Method, pool: Constants) -> dict[int, str]:
    """Return what the arguments of a method are called, by number, where the compiler kept it."""
    found, slot, known = {}, 0 if method.static else 1, variables(method, pool)
    for number, kind in enumerate(types(method.descriptor)):
        name = next((name for low, _, name in known.get(slot, ()) if not low), "")
        if name:
            found[number] = name
        slot += 2 if kind in "JD" else 1
    return found


def variables(method: Method, pool: Constants) -> Variables:
    """Return the variables of a method, where the compiler kept their names."""
    data, at = pool.data, method.behind
    at += 2 + 8 * (data[at] << 8 | data[at + 1])
    found: dict[int, list[tuple[int, int, str]]] = {}
    for _ in range(data[at] << 8 | data[at + 1]):
        attribute, size = struct.unpack_from(">HI", data, at + 2)
        if pool.text(attribute) == b"LocalVariableTable":
            (count,) = struct.unpack_from(">H", data, at + 8)
            for first, length, name, _type, number in struct.iter_unpack(
                ">5H", data[at + 10 : at + 10 + 10 * count]
            ):
                text = pool.text(name).decode("utf-8", "replace")
                found.setdefault(number, []).append((first, first + length, text))
        at += 6 + size
    return found


class Around(Protocol):
    """What stands elsewhere in the class of a method."""

    @property
    def own(self) -> str:
        """The class."""
        ...

    @property
    def kept(self) -> Mapping[str, Mapping[int, str]]:
        """What its constructors keep, by name and descriptor: number of the argument, name of the field."""
        ...

    @property
    def taken(self) -> Mapping[str, Mapping[int, str]]:
        """What the arguments of its methods are called, by name and descriptor, where the compiler kept it."""
        ...

    @property
    def held(self) -> Mapping[str, str]:
        """What its fields begin with."""
        ...

    @property
    def made(self) -> Mapping[int, str]:
        """What lambdas return that do nothing else, by the number of their bootstrap."""
        ...


@dataclass(frozen=True, slots=True)
class Alone:
    """A method for itself."""

    own: str
    kept: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    taken: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[int, str] = field(default_factory=dict)
