"""Java classes: the literal arguments of calls that log in, out of the bytecode (JVMS chapter 4)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from bundle.detect.credentials.java import annotated
from bundle.detect.credentials.java.code import DYNAMIC, followed
from bundle.detect.credentials.java.known import LINES, Said
from bundle.detect.credentials.java.lambdas import lambdas
from bundle.detect.credentials.java.marks import Marks, Wanted, compared, getters, marks, promises
from bundle.detect.credentials.java.methods import Alone, Method, fields_of, taken, variables
from bundle.detect.credentials.java.pool import Constants

_LONGEST = 1 << 22
_OF_A_PASSWORD = re.compile(
    rb"\x01\0[\x03-\x18][a-zA-Z]\w{0,14}?(?:assword|asswd|assphrase|asswort|ennwort|ass|wd)(?=[\x01-\x14])"
)
"""A short text, followed by another constant, that may be the name of a variable for a password."""
_ATTRIBUTE, _MEMBER = struct.Struct(">HI"), struct.Struct(">4H")
_RETURNS = (")Ljava/lang/String;", ")[C", ")[B", ")Ljava/lang/Object;")
_ARRAYS = (b"\xbc\x05\x59", b"\xbc\x08\x59")
"""What makes an array of characters or bytes that is written out."""
_SHORTEST_TEXT, _LONGEST_TEXT = 12, 10_000
_TEXT = ord("s")
"""What marks a text in an annotation."""
_DEFAULTS = b"\1\0\x11AnnotationDefault"
_STATIC = 0x0008
"""The flag of a method that has no `this`."""
_PUTS = (b"\xb3", b"\xb5")


def calls(data: bytes, wanted: Wanted | None = None, *, constants: bool = True) -> Iterator[Said]:
    """Yield each call by name with its arguments: the text of a literal, None for anything else.

    A class that cannot be read in full yields what was read up to there. Methods that hold nothing that is `wanted`
    are not followed; `constants` of fields are said, or not.
    """
    if len(data) > _LONGEST:
        return
    try:
        yield from _Class(data, wanted).calls(constants=constants)
    except (IndexError, struct.error, KeyError, ValueError):
        return


class _Class:
    """One class while it is read."""

    def __init__(self, data: bytes, wanted: Wanted | None) -> None:
        self.data, self.wanted = data, wanted
        self.pool = pool = Constants(data)
        own, interfaces = struct.unpack_from(">2xH2xH", data, pool.end)
        self.own = pool.text(pool.number(own)) if own else b""
        self.at = pool.end + 8 + 2 * interfaces
        self.marked = annotated.holds(data)
        self.arrays = any(array in data for array in _ARRAYS)
        empty = not pool.literals and not self.arrays  # then no method can give anybody a text
        self.marks = None if wanted is None else Marks() if empty else marks(pool, wanted, self.own)
        self.local = (
            not empty and b"LocalVariableTable" in data and bool(_OF_A_PASSWORD.search(data, 10, pool.end))
        )

    def calls(self, *, constants: bool) -> Iterator[Said]:
        fixed: set[str] = set()
        yield from self._fields(fixed, constants=constants)
        said = self.marks is None or self.marks or _DEFAULTS in self.data or self.marked or self.local
        if not said and not ((self.pool.literals or self.arrays) and getters(self.pool, self.wanted)):
            return
        methods: list[Method] = []
        yield from self._methods(methods)
        made = lambdas(self.data, self.at, self.pool, methods)
        if self.marked:
            yield from self._attributes()
        yield from self._texts()
        last: list[Said] = []  # what a call is given counts as the call's
        around = _Around(self, methods, made)
        self._extended(around)
        for method in methods:
            if not self._worth(method, made):
                continue
            for one in followed(method, self.pool, around):
                if one[0][:1] == "~":
                    last.append(one)
                elif one[0][:1] != "=" or one[0][1:] not in fixed:
                    yield one
        yield from last

    def _extended(self, around: _Around) -> None:
        """Count what matters because of what constructors keep."""
        marks = self.marks
        if marks is not None and marks.keyed and around.keeps(marks.keys):
            marks.called += marks.keyed
        if marks is not None and marks.made and around.keeps_a_secret():
            marks.called += marks.made

    def _texts(self) -> Iterator[Said]:
        """Say the literals of several lines, or that end one."""
        for text in dict.fromkeys(self.pool.strings):
            if b"\n" in text[_SHORTEST_TEXT:] and len(text) <= _LONGEST_TEXT:
                yield LINES, [text.decode("utf-8", "replace")]

    def _worth(self, method: Method, made: dict[int, str]) -> bool:
        """Whether a method is worth following."""
        code = method.code
        if self.marks is None:
            return True
        if not (method.loads or (made and DYNAMIC in code)):
            return False
        if self.marks.within(code) or (self.local and self._names_one(method)):
            return True
        name = method.name.split("$")[1] if method.name.startswith("lambda$") else method.name
        return method.descriptor.endswith(_RETURNS) and promises(self.wanted, name)

    def _fields(self, fixed: set[str], *, constants: bool) -> Iterator[Said]:
        """Say the fields that have a constant as assignments: the name after `=`, and the text; remember the names."""
        data, pool, at = self.data, self.pool, self.at + 2
        for _ in range(data[at - 2] << 8 | data[at - 1]):
            number, attributes = struct.unpack_from(">2xH2xH", data, at)
            at += 8
            for _ in range(attributes):
                attribute, size = _ATTRIBUTE.unpack_from(data, at)
                kind = pool.text(attribute)
                if kind == b"ConstantValue":
                    name = pool.text(number).decode("utf-8", "replace")
                    fixed.add(name)
                    text = pool.literal(data[at + 6] << 8 | data[at + 7])
                    if constants or " " in (text or ""):  # words apart are read by no other
                        yield f"={name}", [text]
                elif self.marked:
                    yield from self._written(kind, at + 6, size)
                at += 6 + size
        self.at = at

    def _methods(self, found: list[Method]) -> Iterator[Said]:
        """Read the methods, and say what their annotations say."""
        data, pool, at = self.data, self.pool, self.at + 2
        kinds: dict[int, bytes] = {}
        for _ in range(data[at - 2] << 8 | data[at - 1]):
            flags, name, descriptor, attributes = _MEMBER.unpack_from(data, at)
            at += 8
            for _ in range(attributes):
                attribute, size = _ATTRIBUTE.unpack_from(data, at)
                kind = kinds.get(attribute) or kinds.setdefault(attribute, pool.text(attribute))
                if kind == b"Code":
                    (length,) = struct.unpack_from(">I", data, at + 10)
                    code = data[at + 14 : at + 14 + length]
                    own, loads = (
                        pool.text(name),
                        pool.loads(code) or (self.arrays and any(one in code for one in _ARRAYS)),
                    )
                    if loads or self.local or DYNAMIC in code or own == b"<init>" or self.marks is None:
                        types = pool.text(descriptor).decode("utf-8", "replace")
                        static = bool(flags & _STATIC)
                        found.append(
                            Method(
                                own.decode("utf-8", "replace"), types, code, at + 14 + length, static, loads
                            )
                        )
                elif kind == b"AnnotationDefault" and data[at + 6] == _TEXT:
                    text = pool.text(data[at + 7] << 8 | data[at + 8]).decode("utf-8", "replace")
                    yield f"={pool.text(name).decode('utf-8', 'replace')}", [text]
                elif self.marked:
                    yield from self._written(kind, at + 6, size)
                at += 6 + size
        self.at = at

    def _attributes(self) -> Iterator[Said]:
        """Say what the annotations of the class itself say."""
        at = self.at + 2
        for _ in range(self.data[at - 2] << 8 | self.data[at - 1]):
            attribute, size = _ATTRIBUTE.unpack_from(self.data, at)
            yield from self._written(self.pool.text(attribute), at + 6, size)
            at += 6 + size

    def _written(self, name: bytes, at: int, size: int) -> Iterator[Said]:
        """Say the elements of annotations, where an attribute holds them, as assignments."""
        if name in annotated.NAMES:
            data = self.data[at : at + size]
            for key, text in annotated.written(data, self.pool, parameters=b"Parameter" in name):
                yield f"={key}", [text]

    def _names_one(self, method: Method) -> bool:
        """Whether a local variable of a method, and not a parameter, has the name of a password."""
        wanted = self.wanted
        return wanted is not None and any(
            low and compared(wanted, name.encode())
            for places in variables(method, self.pool).values()
            for low, _, name in places
        )


class _Around:
    """What a method is followed with that stands elsewhere in its class."""

    def __init__(self, whole: _Class, methods: Sequence[Method], made: Mapping[int, str]) -> None:
        self.own, self.made = whole.own.decode("utf-8", "replace"), made
        self._whole, self._methods = whole, methods

    @cached_property
    def kept(self) -> Mapping[str, Mapping[int, str]]:
        """What constructors keep in which field, by descriptor."""
        pool, names = self._whole.pool, self.taken
        return {
            m.name + m.descriptor: {**names.get(m.name + m.descriptor, {}), **fields_of(m, pool)}
            for m in self._methods
            if m.name == "<init>"
        }

    @cached_property
    def taken(self) -> Mapping[str, Mapping[int, str]]:
        """What the arguments of methods are called, by name and descriptor."""
        if not self._whole.local:
            return {}
        return {m.name + m.descriptor: taken(m, self._whole.pool) for m in self._methods}

    @cached_property
    def held(self) -> Mapping[str, str]:
        """The texts that fields begin with, where their names promise nothing: a key in `KEY`, given to a cipher later."""
        wanted, pool = self._whole.wanted, self._whole.pool
        if not self._whole.marks:
            return {}
        around = Alone(self.own)
        return {
            name[1:]: given[0]
            for method in self._starting()
            for name, given in followed(method, pool, around)
            if name.startswith("=") and given[0] and not (wanted is not None and wanted.named(name[1:]))
        }

    def _starting(self) -> Iterator[Method]:
        """Yield the methods that give fields what they begin with, where that may be a text."""
        for method in self._methods:
            code = method.code
            puts = method.name in ("<clinit>", "<init>") and any(put in code for put in _PUTS)
            if puts and method.loads:
                yield method

    def keeps_a_secret(self) -> bool:
        """Whether a constructor keeps what is wanted, or may be given its name."""
        wanted, marks = self._whole.wanted, self._whole.marks
        names = (name for kept in self.kept.values() for name in kept.values())
        return wanted is None or bool(marks and marks.keys_of_settings) or any(map(wanted.named, names))

    def keeps(self, keys: Sequence[bytes]) -> bool:
        """Whether a key that is wanted may be in a field when it is used."""
        return any(key in method.code for method in self._starting() for key in keys)
