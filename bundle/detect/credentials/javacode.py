"""The bytecode of one Java method, followed roughly: the literals that calls, fields and comparisons are given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bundle.classfile import LDC, LDC_W, OPERANDS, VARIABLE, WIDE, after
from bundle.detect.credentials.javamethod import Around, Method, Variables, variables
from bundle.detect.credentials.javapool import Call, Constants, types

Said = tuple[str, list[str | None]]
"""A call by name with its arguments, `=name` with what it is given, `~name` with what a local variable is, `*name` with an element of a list,
`?name` with what it is held against, `@name` with an entry. For a parameter without a name `#` stands, and the name of the
method where it answers yes or no."""

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
EQUALS = frozenset(name.encode() for name in ("java/lang/String", *_EQUALS_OF_TWO))
WITH_OWNER = ("basic",)
"""Methods whose name says nothing without that of their class."""
MAP, PAIRS, DEFAULT = b"java/util/Map", ("of", "entry"), "orElse"
_OF_KEY = frozenset("get getParameter getProperty getAttribute getString getHeader getField getenv".split())
"""Methods that return what their argument names."""
_TABLE = frozenset(("put", "add", "putIfAbsent", "setProperty"))
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


@dataclass(slots=True)
class _State:
    """What is known while a method is followed."""

    variables: Variables
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


def followed(method: Method, pool: Constants, around: Around) -> Iterator[Said]:
    """Follow the stack of a method roughly: literals are pushed, everything else is unknown, or a name.

    Errors: IndexError, struct.error, KeyError, ValueError where the code is damaged.
    """
    code, at, actions, operands = method.code, 0, _ACTIONS, OPERANDS
    state = _State(variables(method, pool), parameters=_unnamed(method))
    stack = state.stack
    if method.descriptor.endswith(")Z"):
        state.method = method.name.split("$")[1] if method.name.startswith("lambda$") else method.name
    while at < len(code):
        op = code[at]
        action = actions[op]
        if action == _PUSH:
            stack.append(None)
        elif action == _LITERAL:
            stack.append(pool.literal(code[at + 1] if op == LDC else code[at + 1] << 8 | code[at + 2]))
        elif action > _MOVE:
            if action == _SWITCH:
                at = after(code, at)
                if op != WIDE:
                    stack.clear()
                continue
            yield from _referred(state, code, at, pool, around)
        elif action == _MOVE:
            if op in _INTO_VARIABLES and state.variables and stack and (text := _literal(stack[-1])):
                yield from _kept_locally(state, code, at, text)
            _moved(state, code, at)
        at += 1 + operands[op]


def _referred(state: _State, code: bytes, at: int, pool: Constants, around: Around) -> Iterator[Said]:
    """Do what an instruction does that refers to a method or a field, and say what it is given."""
    op, index = code[at], code[at + 1] << 8 | code[at + 2]
    if op in _INVOKES:
        yield from _invoked(state, op, pool.call(index), around)
    elif op == DYNAMIC:
        descriptor = pool.text(pool.number(pool.number(index, 2), 2)).decode()
        _result(state, descriptor, len(types(descriptor)), around.made.get(pool.number(index)))
    elif op in _PUTS:
        name = pool.call(index).name
        value = state.pop(op - _PUTS[0] or 1)
        if _literal(value) is not None:
            yield f"={name}", [value]
        elif isinstance(value, _Items):
            for one in value.texts[:_MOST_ITEMS]:
                yield f"*{name}", [one]
    else:
        if op == _GETS[1]:
            state.pop()
        called = pool.call(index)
        begins = around.held.get(called.name) if called.owner == around.own else None
        state.stack.append(_Name(called.name) if begins is None else begins)


def _kept_locally(state: _State, code: bytes, at: int, text: str) -> Iterator[Said]:
    """Say the literal that a local variable with a name begins with: its name holds from the next instruction on."""
    op = code[at]
    begins = at + 1 + OPERANDS[op]
    for low, _, name in state.variables.get(code[at + 1] if op == _STORE else op - _STORES_OF_ONE[0], ()):
        if low == begins:
            yield f"~{name}", [text]


def _unnamed(method: Method) -> dict[int, str]:
    """Return the parameters of a method that are objects: `#` and the number, by the number of their variable."""
    found, slot = {}, 0 if method.static else 1
    for number, kind in enumerate(types(method.descriptor), 1):
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
_PUSH, _LITERAL, _MOVE, _REFER, _SWITCH = range(1, 6)
_ACTIONS = bytes(
    {
        **dict.fromkeys((_NEW_LIST, *_POPS, *_CLEARS, *_COPY), _MOVE),
        **dict.fromkeys(_PUSHES, _PUSH),
        **dict.fromkeys((_LOAD, *_LOADS, *_INTO_VARIABLES), _MOVE),
        **dict.fromkeys((LDC, LDC_W), _LITERAL),
        **dict.fromkeys((*_INVOKES, DYNAMIC, *_PUTS, *_GETS), _REFER),
        **dict.fromkeys(VARIABLE, _SWITCH),
    }.get(code, 0)
    for code in range(256)
)
"""What is done for each opcode; those that change nothing that matters are the rest."""


def _moved(state: _State, code: bytes, at: int) -> None:
    """Do what an opcode without a constant does to the stack."""
    op, stack = code[at], state.stack
    if op == _LOAD or op in _LOADS:
        number = code[at + 1] if op == _LOAD else op - _LOADS[0]
        held = state.slots.get(number)
        if _literal(held) is None:
            own = state.variables.get(number, ())
            name = next((n for low, high, n in own if low <= at < high), "")
            if len(name) < _SHORTEST and number in state.parameters:
                name = state.parameters[number]
            held = _Name(name) if name else held
        stack.append(held)
    elif op == _STORE or op in _STORES_OF_ONE:
        state.slots[code[at + 1] if op == _STORE else op - _STORES_OF_ONE[0]] = state.pop()
    elif op == _NEW_LIST:
        stack[-1:] = [_Items()]
    elif op in _COPY:
        stack.append(stack[-1] if stack else None)
    elif op in _POPS:
        if op == _INTO_LIST:
            _filled(state)
        state.pop(_POPS[op])
        if op in _MAKES:
            stack[-1:] = [None]
    else:
        stack.clear()


def _filled(state: _State) -> None:
    """Put a literal into the list that it is stored in."""
    filled, text = (
        (state.stack[-_ENTRY], _literal(state.stack[-1])) if len(state.stack) >= _ENTRY else (None, None)
    )
    if isinstance(filled, _Items) and text is not None:
        filled.texts.append(text)


def _invoked(state: _State, op: int, called: Call, around: Around) -> Iterator[Said]:
    """Say a call, and leave what it returns."""
    owner, name, descriptor, _ = called
    stack, wanted = state.stack, len(called.types)
    raw = stack[len(stack) - wanted :] if 0 < wanted <= len(stack) else []
    given = [_literal(v) for v in raw]
    receiver = stack[-wanted - 1] if op != _STATIC and len(stack) > wanted else None
    if wanted == 1 and name.encode() in COMPARES:
        yield from _compared(state, [receiver, *raw])
    elif wanted == _PAIR and name.encode() in COMPARES and owner in _EQUALS_OF_TWO:
        yield from _compared(state, raw)
    elif any(v is not None for v in given):
        yield from _given(owner, name, given, receiver)
        if owner == around.own and name == "<init>":
            yield from _kept(given, around.kept.get(descriptor, {}))
    copied = name in _SAME_VALUE or (
        wanted == 1 and name == "<init>" and (owner in _COPIES or owner.endswith("/OctetString"))
    )
    same = raw[0] if raw and (op == _STATIC or name == "<init>") else receiver
    value = same if copied else _named_by(name, given)
    if copied and name == "<init>":
        state.pop(wanted + 2)  # what `new` made, and its copy
        stack.append(value)
        return
    _result(state, descriptor, wanted if op == _STATIC else wanted + 1, value)


def _given(owner: str, name: str, given: list[str | None], receiver: str | None) -> Iterator[Said]:
    """Say a call that is given literals, by its name or by its class."""
    if name in PAIRS and owner.encode() == MAP:
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


def _result(state: _State, descriptor: str, taken: int, value: str | None) -> None:
    """Take the arguments of a call from the stack, and put its result there."""
    state.pop(taken)
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
