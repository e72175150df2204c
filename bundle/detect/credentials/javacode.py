"""The bytecode of one Java method, followed roughly: the literals that calls, fields and comparisons are given."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bundle.classfile import LDC, LDC_W, OPERANDS, VARIABLE, WIDE, after

Pool = Mapping[int, tuple[int, bytes]]
"""The constants of a class by number: tag and bytes."""
Said = tuple[str, list[str | None]]
"""A call by name with its arguments, `=name` with what it is given, `~name` with what a local variable is, `*name` with an element of a list,
`?name` with what it is held against, `@name` with an entry. For a parameter without a name `#` stands, and the name of the
method where it answers yes or no."""

_STRING = 8
_INVOKES = (182, 183, 184, 185)
DYNAMIC = 186
_STATIC, _PUTS, _GETS = 184, (179, 181), (178, 180)
_OF_OWNER = ("load", "store", "getKey", "init", "setKeyEntry")
NAMES_OF_OWNER = frozenset(name.encode() for name in _OF_OWNER)
_STORES = ("java/security/KeyStore", "javax/net/ssl/KeyManagerFactory")
_SAME_VALUE = frozenset(
    "toCharArray getBytes trim intern valueOf toLowerCase toString strip requireNonNull ofNullable asList".split()
)
_COPIES = ("java/lang/String", "java/lang/StringBuilder", "java/lang/StringBuffer")
COMPARES = frozenset((b"equals", b"equalsIgnoreCase", b"contentEquals", b"compareTo", b"deepEquals"))
_EQUALS_OF_TWO = ("java/util/Objects", "java/util/Arrays")
EQUALS = ("java/lang/String", *_EQUALS_OF_TWO)
WITH_OWNER = ("basic",)
"""Methods whose name says nothing without that of their class."""
MAP, PAIRS, DEFAULT = "java/util/Map", ("of", "entry"), "orElse"
_OF_KEY = frozenset("get getParameter getProperty getAttribute getString getHeader getField getenv".split())
"""Methods that return what their argument names."""
_TABLE = frozenset(("put", "add", "putIfAbsent", "setProperty"))
_RETURN = 0xB0
_PARAMETER = re.compile(rb"\x2a(?:([\x2b-\x2d])|\x19(.))\xb5(..)", re.DOTALL)
"""`this.field = parameter`: aload_0, aload, putfield."""
ACCOUNTS = frozenset(
    "admin administrator root service operator guest support manager supervisor superuser maintenance sysadmin engineer technician installer".split()
)
"""Accounts that many systems have, by which a comparison tells that what follows it is a password."""
_ACCOUNT = re.compile(r"(?i)user|login|account|benutzer|usuario|utilisateur")
_PAIR = 2
_ENTRY = 3
"""The arguments of `setKeyEntry` up to the password."""


class _Name(str):
    """What is known of a value that is no literal: the variable, field, getter or key that it comes from."""

    __slots__ = ()


class _Items(_Name):
    """A list that is being filled: the literals in it."""

    __slots__ = ("texts",)

    def __init__(self, *_: str) -> None:
        self.texts: list[str] = []


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a class."""

    name: str
    descriptor: str
    code: bytes
    variables: list[tuple[int, int, int, str]] = field(default_factory=list)
    """Where the compiler kept their names: number, first and last offset, name."""
    static: bool = False


@dataclass(slots=True)
class _State:
    """What is known while a method is followed."""

    stack: list[str | None] = field(default_factory=list)
    slots: dict[int, str | None] = field(default_factory=dict)
    """What variables were last given, in the order of the code."""
    account: str = ""
    """The account that the method has compared something with."""
    method: str = ""
    """The name of the method, where it answers yes or no."""
    parameters: dict[int, str] = field(default_factory=dict)
    """The parameters that are texts, for where no name says anything: `#` and the number, by the number of their variable."""

    def pop(self, count: int = 1) -> str | None:
        last = self.stack[-1] if self.stack else None
        del self.stack[max(0, len(self.stack) - count) :]
        return last


def text_of(pool: Pool, index: int) -> str | None:
    """Return the text of a constant that is a literal."""
    tag, raw = pool.get(index, (0, b""))
    return pool[int.from_bytes(raw, "big")][1].decode("utf-8", "replace") if tag == _STRING else None


def returned(method: Method, pool: Pool) -> str | None:
    """Return the literal that is all a method returns."""
    code = method.code
    if len(code) not in (3, 4) or code[-1] != _RETURN or code[0] not in (LDC, LDC_W):
        return None
    return text_of(pool, int.from_bytes(code[1:-1], "big"))


def fields_of(method: Method, pool: Pool) -> dict[int, str]:
    """Return which argument of a constructor is kept in which field: number of the argument, name of the field."""
    slots, slot = {}, 1
    for number, kind in enumerate(_types(method.descriptor)):
        slots[slot] = number
        slot += 2 if kind in "JD" else 1
    found = {}
    for short, long, index in _PARAMETER.findall(method.code):
        number = slots.get(short[0] - 0x2A if short else long[0], -1)
        if number >= 0 and int.from_bytes(index, "big") in pool:
            found[number] = reference(pool, int.from_bytes(index, "big"))[1]
    return found


def followed(  # noqa: C901, PLR0912 - one branch for each kind of opcode
    method: Method,
    pool: Pool,
    own: str,
    kept: Mapping[str, Mapping[int, str]],
    held: Mapping[str, str],
    made: Mapping[int, str],
) -> Iterator[Said]:
    """Follow the stack of a method roughly: literals are pushed, everything else is unknown, or a name.

    `own` is the class, `kept` what its constructors keep, by descriptor, and `held` what its fields begin with, and `made`
    what lambdas return that do nothing else, by the number of their bootstrap.
    Errors: IndexError, struct.error, KeyError, ValueError where the code is damaged.
    """
    code, at = method.code, 0
    state = _State(parameters=_unnamed(method))
    if method.descriptor.endswith(")Z"):
        state.method = method.name.split("$")[1] if method.name.startswith("lambda$") else method.name
    while at < len(code):
        op = code[at]
        if op in VARIABLE:
            at = after(code, at)
            if op != WIDE:
                state.stack.clear()
            continue
        if op in (LDC, LDC_W):
            state.stack.append(
                text_of(pool, code[at + 1] if op == LDC else int.from_bytes(code[at + 1 : at + 3], "big"))
            )
        elif op in _INVOKES:
            yield from _invoked(
                state, op, reference(pool, int.from_bytes(code[at + 1 : at + 3], "big")), own, kept
            )
        elif op == DYNAMIC:
            number, pair = struct.unpack(">HH", pool[int.from_bytes(code[at + 1 : at + 3], "big")][1])
            (descriptor,) = struct.unpack_from(">H", pool[pair][1], 2)
            _result(state, pool[descriptor][1].decode(), 0, made.get(number))
        elif op in _PUTS:
            _, name, _ = reference(pool, int.from_bytes(code[at + 1 : at + 3], "big"))
            value = state.pop(op - _PUTS[0] or 1)
            if _literal(value) is not None:
                yield f"={name}", [value]
            elif isinstance(value, _Items):
                for one in value.texts[:_MOST_ITEMS]:
                    yield f"*{name}", [one]
        elif op in _GETS:
            if op == _GETS[1]:
                state.pop()
            owner, name, _ = reference(pool, int.from_bytes(code[at + 1 : at + 3], "big"))
            begins = held.get(name) if owner == own else None
            state.stack.append(_Name(name) if begins is None else begins)
        else:
            if (
                op in _INTO_VARIABLES
                and method.variables
                and (text := _literal(state.stack[-1] if state.stack else None))
            ):
                yield from _kept_locally(method, at, text)
            _moved(state, method, at)
        at += 1 + OPERANDS[op]


def _kept_locally(method: Method, at: int, text: str) -> Iterator[Said]:
    """Say the literal that a local variable with a name begins with: its name holds from the next instruction on."""
    op = method.code[at]
    number = method.code[at + 1] if op == _STORE else op - _STORES_OF_ONE[0]
    begins = at + 1 + OPERANDS[op]
    for index, low, _, name in method.variables:
        if index == number and low == begins:
            yield f"~{name}", [text]


def _unnamed(method: Method) -> dict[int, str]:
    """Return the parameters of a method that are objects: `#` and the number, by the number of their variable."""
    found, slot = {}, 0 if method.static else 1
    for number, kind in enumerate(_types(method.descriptor), 1):
        if kind == "L":
            found[slot] = f"#{number}"
        slot += 2 if kind in "JD" else 1
    return found


_SHORTEST = 2
"""Letters of a name that says something."""
_NEW_LIST, _INTO_LIST = 189, 83
_MOST_ITEMS = 8
_LOADS, _LOAD = range(42, 46), 25
_STORES_OF_ONE, _STORE = range(75, 79), 58
_INTO_VARIABLES = frozenset((*_STORES_OF_ONE, _STORE))
_PUSHES = (*range(1, 46), 187)
_MAKES = frozenset((*range(46, 54), *range(96, 116), *range(120, 132), *range(148, 153)))
"""Opcodes that make one value of two: elements of arrays, arithmetic."""
_POPS = {
    **dict.fromkeys((*range(54, 79), 87, 88, *_MAKES), 1),
    **dict.fromkeys(range(79, 87), 3),
}
"""How many values fewer there are after each opcode (JVM specification, 6.5), longs and doubles counted as one."""
_CLEARS = frozenset((*range(153, 178), 191, 194, 195))
_COPY = range(89, 95)


def _moved(  # noqa: C901 - one branch for each kind of opcode
    state: _State, method: Method, at: int
) -> None:
    """Do what an opcode without a constant does to the stack."""
    op = method.code[at]
    if op == _LOAD or op in _LOADS:
        number = method.code[at + 1] if op == _LOAD else op - _LOADS[0]
        held = state.slots.get(number)
        if _literal(held) is None:
            name = next((n for i, low, high, n in method.variables if i == number and low <= at < high), "")
            if len(name) < _SHORTEST and number in state.parameters:
                name = state.parameters[number]
            held = _Name(name) if name else held
        state.stack.append(held)
    elif op == _STORE or op in _STORES_OF_ONE:
        state.slots[method.code[at + 1] if op == _STORE else op - _STORES_OF_ONE[0]] = state.pop()
    elif op == _NEW_LIST:
        state.stack[-1:] = [_Items()]
    elif op in _COPY:
        state.stack.append(state.stack[-1] if state.stack else None)
    elif op in _PUSHES:
        state.stack.append(None)
    elif op in _POPS:
        if op == _INTO_LIST:
            _filled(state)
        state.pop(_POPS[op])
        if op in _MAKES:
            state.stack[-1:] = [None]
    elif op in _CLEARS:
        state.stack.clear()


def _filled(state: _State) -> None:
    """Put a literal into the list that it is stored in."""
    filled, text = (
        (state.stack[-_ENTRY], _literal(state.stack[-1])) if len(state.stack) >= _ENTRY else (None, None)
    )
    if isinstance(filled, _Items) and text is not None:
        filled.texts.append(text)


def _invoked(
    state: _State, op: int, called: tuple[str, str, str], own: str, kept: Mapping[str, Mapping[int, str]]
) -> Iterator[Said]:
    """Say a call, and leave what it returns."""
    owner, name, descriptor = called
    stack, wanted = state.stack, len(_types(descriptor))
    raw = stack[len(stack) - wanted :] if 0 < wanted <= len(stack) else []
    given = [_literal(v) for v in raw]
    receiver = stack[-wanted - 1] if op != _STATIC and len(stack) > wanted else None
    if wanted == 1 and name.encode() in COMPARES:
        yield from _compared(state, [receiver, *raw])
    elif wanted == _PAIR and name.encode() in COMPARES and owner in _EQUALS_OF_TWO:
        yield from _compared(state, raw)
    elif any(v is not None for v in given):
        yield from _given(owner, name, given, receiver)
        if owner == own and name == "<init>":
            yield from _kept(given, kept.get(descriptor, {}))
    copied = name in _SAME_VALUE or (
        wanted == 1 and name == "<init>" and (owner in _COPIES or owner.endswith("/OctetString"))
    )
    same = raw[0] if raw and (op == _STATIC or name == "<init>") else receiver
    value = same if copied else _named_by(name, given)
    if copied and name == "<init>":
        state.pop(wanted + 2)  # what `new` made, and its copy
        stack.append(value)
        return
    _result(state, descriptor, 0 if op == _STATIC else 1, value)


def _given(owner: str, name: str, given: list[str | None], receiver: str | None) -> Iterator[Said]:
    """Say a call that is given literals, by its name or by its class."""
    if owner == MAP and name in PAIRS:
        yield from (("put", list(pair)) for pair in zip(given[::2], given[1::2], strict=False))
        return
    named = isinstance(receiver, _Name) and receiver[:1] != "#"
    if name == DEFAULT and named:
        yield "getProperty", [str(receiver), given[0]]
        return
    made = name == "<init>" or (name in _OF_OWNER and owner.startswith(_STORES))
    last = owner.rsplit("/", 1)[-1]
    if made and name == "setKeyEntry":
        given = given[:_ENTRY]
    yield (last if made else f"{last}.{name}" if name in WITH_OWNER else name), given
    if name in _TABLE and named and len(given) == _PAIR:
        yield f"@{receiver}", given


def _kept(given: list[str | None], fields: Mapping[int, str]) -> Iterator[Said]:
    """Say what a constructor of the class keeps in which field; a constant of an enumeration names what it holds."""
    account = next((given[n] for n, name in fields.items() if n < len(given) and _ACCOUNT.search(name)), None)
    for number, name in fields.items():
        if number < len(given) and given[number] is not None:
            yield f"={name}", [given[number], account]
    texts = [value for value in given[_PAIR:] if value is not None]
    if (
        given[0] and given[0].isupper() and len(texts) >= _PAIR
    ):  # its key, and what it is where nobody sets it
        yield f"={given[0]}", [texts[-1]]


def _result(state: _State, descriptor: str, more: int, value: str | None) -> None:
    """Take the arguments of a call from the stack, and put its result there."""
    state.pop(len(_types(descriptor)) + more)
    if not descriptor.endswith(")V"):
        state.stack.append(value)


def _literal(value: str | None) -> str | None:
    return None if isinstance(value, _Name) else value


def _named_by(name: str, given: list[str | None]) -> str | None:
    """Return the name of what a method returns: its own behind `get`, or the key that it is asked for."""
    if name in _OF_KEY and given and given[0]:
        return _Name(given[0])
    return _Name(name[3:]) if name.startswith("get") and not given else None


def _compared(state: _State, pair: list[str | None]) -> Iterator[Said]:
    """Say a comparison of a literal with something else: its name, where it has one, after `?`, the text, and the account."""
    texts = [v for v in pair if v and not isinstance(v, _Name)]
    names = [v for v in pair if isinstance(v, _Name)]
    if len(texts) != 1 or len(names) != 1:
        return
    nameless = names[0].startswith("#")
    yield f"?#{state.method}" if nameless else f"?{names[0]}", [texts[0], state.account or None]
    if _ACCOUNT.search(names[0]) or texts[0].lower() in ACCOUNTS:
        state.account = texts[0]


def reference(pool: Pool, index: int) -> tuple[str, str, str]:
    """Return class, name and descriptor of a method reference."""
    owner, pair = struct.unpack(">HH", pool[index][1])
    name, descriptor = struct.unpack(">HH", pool[pair][1])
    (owner_name,) = struct.unpack(">H", pool[owner][1])
    return pool[owner_name][1].decode(), pool[name][1].decode(), pool[descriptor][1].decode()


def _types(descriptor: str) -> list[str]:
    """Return the first letters of the arguments' types that a method takes."""
    at, found = 1, []
    while descriptor[at] != ")":
        found.append(descriptor[at])
        while descriptor[at] == "[":
            at += 1
        at = descriptor.index(";", at) + 1 if descriptor[at] == "L" else at + 1
    return found
