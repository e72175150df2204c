"""Which methods and fields that a Java class refers to are worth following the bytecode for."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Protocol

from bundle.classfile import LDC, LDC_W
from bundle.detect.credentials.java.holding import CHECKS, TWO_TEXTS
from bundle.detect.credentials.java.pool import FIELD, Constants
from bundle.detect.credentials.java.said import (
    ACCOUNTS,
    ASKS,
    COMPARES,
    EQUALS,
    JOINS,
    MAP,
    NAMES_OF_OWNER,
    PAIRS,
    SENDS,
    WITH_OWNER,
)
from bundle.detect.credentials.judging.wanted import OF_LOGINS

_ONE_BYTE = 255
_LONGEST_PROMPT = 60
_OF_LOGINS = tuple(one.encode() for one in OF_LOGINS)
_JOINED = re.compile(rb"(?i:password|passwd|pwd|pass)=(?:%|$)")
_ACCOUNTS = frozenset(name.encode() for name in ACCOUNTS)


class Wanted(Protocol):
    """What somebody asks of the calls of a class."""

    def __hash__(self) -> int:
        """What it answers is remembered by it."""
        ...

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


_CALLED, _SETS, _OF_OWNER, _COMPARES, _PAIRS, _SENDS, _JOINS = (1 << bit for bit in range(7))


@lru_cache(maxsize=50_000)  # the same names stand in many classes, and a lookup costs less than its reading
def _method(wanted: Wanted, name: bytes) -> int:
    """Return what a method of this name, or the making of an object of a class, may matter for."""
    text = name.decode("utf-8", "replace")
    if name in COMPARES:
        return _COMPARES
    if text in PAIRS or text in WITH_OWNER:
        return _PAIRS
    found = _CALLED if wanted.called(text) else 0
    if name == b"<init>" or name in NAMES_OF_OWNER:
        return found | _OF_OWNER
    return found | (
        _SETS if wanted.sets(text) else _SENDS if text in SENDS else _JOINS if text in JOINS else 0
    )


@lru_cache(maxsize=50_000)
def _lists(wanted: Wanted, name: bytes) -> bool:
    return wanted.lists(name.decode("utf-8", "replace"))


@lru_cache(maxsize=50_000)
def _named(wanted: Wanted, name: bytes) -> bool:
    return wanted.named(name.decode("utf-8", "replace"))


@lru_cache(maxsize=50_000)
def _is_key(wanted: Wanted, text: bytes) -> bool:
    """Whether a literal may be the key of a setting that is wanted."""
    return _named(wanted, text.rsplit(b".", 1)[-1]) or text.endswith(_OF_LOGINS)


@lru_cache(maxsize=50_000)
def compared(wanted: Wanted, name: bytes) -> bool:
    """Whether what has this name matters where it is compared with a literal."""
    return wanted.compared(name.decode("utf-8", "replace"))


def promises(wanted: Wanted | None, name: str) -> bool:
    """Whether the name of a method promises that it returns a secret."""
    if wanted is None:
        return False
    return _named(wanted, (name.removeprefix("get")).encode("utf-8", "replace"))


def getters(pool: Constants, wanted: Wanted | None) -> bool:
    """Whether a method may return a secret that its name promises."""
    return wanted is None or any(
        _named(wanted, one[3:] if one.startswith(b"get") else one) for one in pool.short
    )


_PUTS, _GETS, _CALLS = (179, 181), (178, 180), range(182, 186)


@dataclass(slots=True)
class Marks:
    """What the bytecode holds where it does something that is wanted: the numbers of what instructions refer to."""

    called: list[bytes] = field(default_factory=list)
    stored: list[bytes] = field(default_factory=list)
    """Fields whose names promise a secret: it matters what they are given, and what they are compared with."""
    read: list[bytes] = field(default_factory=list)
    """Fields that may hold accounts."""
    comparing: list[bytes] = field(default_factory=list)
    made: list[bytes] = field(default_factory=list)
    """Constructors of the class itself, which matter where they keep what is wanted."""
    keyed: list[bytes] = field(default_factory=list)
    """Methods that matter where a key that is wanted is in the same method."""
    keys_of_settings: bool = False
    keys: list[bytes] = field(default_factory=list)
    """What loads such a key."""

    def __bool__(self) -> bool:
        """Whether anything is wanted."""
        return bool(self.called or self.stored or self.read or self.keyed or self.made)

    def within(self, code: bytes) -> bool:
        """Whether a method holds something that is wanted."""
        return (
            _holds(code, self.called, _CALLS)
            or _holds(code, self.stored, _PUTS)
            or _holds(code, self.read, _GETS)
            or (
                bool(self.stored)
                and _holds(code, self.stored, _GETS)
                and _holds(code, self.comparing, _CALLS)
            )
            or (
                bool(self.keyed)
                and any(key in code for key in self.keys)
                and _holds(code, self.keyed, _CALLS)
            )
        )


def _holds(code: bytes, marks: Sequence[bytes], opcodes: Collection[int]) -> bool:
    for mark in marks:
        at = code.find(mark, 1)
        while at > 0:
            if code[at - 1] in opcodes:
                return True
            at = code.find(mark, at + 1)
    return False


def marks(pool: Constants, wanted: Wanted, own: bytes) -> Marks:
    """Return what is wanted of a class; `own` is its name."""
    found, asked = Marks(), _Asked(pool, wanted, own)
    data, places = pool.data, pool.places
    for index in pool.references:
        at = places[index]
        pair = places[data[at + 3] << 8 | data[at + 4]]
        text = places[data[pair + 1] << 8 | data[pair + 2]]
        name = data[text + 3 : text + 3 + (data[text + 1] << 8 | data[text + 2])]
        if data[at] == FIELD:
            if _named(wanted, name):
                found.stored.append(index.to_bytes(2, "big"))
            if _lists(wanted, name):
                found.stored.append(index.to_bytes(2, "big"))
                found.read.append(index.to_bytes(2, "big"))
        elif what := _method(wanted, name):
            asked.about(index, name, what, found)
    found.keys = asked.keys if found.keyed else []
    found.keys_of_settings = bool(found.made and asked.keys)
    return found


class _Asked:
    """What is asked of one class, where the name of a method alone does not say it."""

    def __init__(self, pool: Constants, wanted: Wanted, own: bytes) -> None:
        self._pool, self._wanted, self._own = pool, wanted, own

    def about(self, index: int, name: bytes, what: int, found: Marks) -> None:
        """Sort a method in."""
        mark = index.to_bytes(2, "big")
        if what & _CALLED:
            found.called.append(mark)
        elif what == _SETS:
            if self.keys:
                found.keyed.append(mark)
        elif what == _COMPARES:
            if self._pool.owner(index) in EQUALS:
                found.comparing.append(mark)
                if self._compared or self._asks:
                    found.called.append(mark)
        elif what in (_SENDS, _JOINS):
            if self._asks if what == _SENDS else self._joins:
                found.called.append(mark)
        else:
            self._of_owner(mark, name, what, self._pool.owner(index), found)

    def _of_owner(self, mark: bytes, name: bytes, what: int, owner: bytes, found: Marks) -> None:
        """Sort a method in of which the class says what it is for."""
        last = owner.rsplit(b"/", 1)[-1]
        if what == _PAIRS:
            if owner == MAP and self._wanted.sets("put") and self.keys:
                found.keyed.append(mark)
            last += b"." + name
        if (
            name == b"<init>"
            and self._wanted.sets(last.rsplit(b"$", 1)[-1].decode("utf-8", "replace"))
            and self.keys
        ):
            found.keyed.append(mark)
        if _method(self._wanted, last) & _CALLED:
            found.called.append(mark)
        elif what != _PAIRS and owner == self._own and (self.keys or self._held):
            found.made.append(mark)

    @cached_property
    def keys(self) -> list[bytes]:
        """What loads a literal that may be a key of a setting that is wanted."""
        pool = self._pool
        return [
            bytes((LDC, one)) if one <= _ONE_BYTE else bytes((LDC_W, one >> 8, one & _ONE_BYTE))
            for one, text in zip(pool.literals, pool.strings, strict=True)
            if _is_key(self._wanted, text)
        ]

    @cached_property
    def _asks(self) -> bool:
        """Whether a literal asks for a password."""
        texts = (one[-_LONGEST_PROMPT:] for one in self._pool.strings if b"ass" in one)
        return any(ASKS.search(one.decode("utf-8", "replace")) for one in texts)

    @cached_property
    def _joins(self) -> bool:
        """Whether a literal ends with the name of a password, or has a place for one."""
        return any(_JOINED.search(one) for one in self._pool.strings if b"=" in one)

    @cached_property
    def _compared(self) -> bool:
        asked = not CHECKS.isdisjoint(self._pool.short) and TWO_TEXTS in self._pool.data
        return (
            asked
            or not _ACCOUNTS.isdisjoint(self._pool.strings)
            or any(compared(self._wanted, one) for one in self._pool.short)
        )

    @cached_property
    def _held(self) -> bool:
        return any(_named(self._wanted, one) for one in self._pool.short)
