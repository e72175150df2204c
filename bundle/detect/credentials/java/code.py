"""The bytecode of one Java method, followed roughly: the literals that calls, fields and comparisons are given."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bundle.classfile import LDC, LDC_W, OPERANDS, VARIABLE, WIDE, after
from bundle.detect.credentials.java.known import Items, Name, Said, State, Text, literal, literals
from bundle.detect.credentials.java.methods import Around, Method, variables
from bundle.detect.credentials.java.pool import Constants, types
from bundle.detect.credentials.java.said import command, invoked, listed, result

_INVOKES = (182, 183, 184, 185)
DYNAMIC = 186
_PUTS, _GETS = (179, 181), (178, 180)
_PAIR, _ENTRY = 2, 3
"""A list, a place in it, and what is stored there."""
_ARRAY = re.compile(
    rb"\xbc(?P<type>[\x05\x08])(?P<stores>(?:\x59(?:[\x03-\x08]|\x10.|\x11..)(?:[\x02-\x08]|\x10.|\x11..)[\x54\x55]){4,512})", re.DOTALL
)  # fmt: skip
"""An array of characters or bytes that is written out: `newarray`, then for each a copy of it, a place, a value, and the store."""
_STORED = re.compile(rb"\x59(?:[\x03-\x08]|\x10.|\x11..)([\x02-\x08]|\x10.|\x11..)[\x54\x55]", re.DOTALL)
_CHARACTERS = b"\5"
_LAMBDA = "lambda$"


def followed(  # noqa: C901, PLR0912 - one branch for each kind of opcode
    method: Method, pool: Constants, around: Around
) -> Iterator[Said]:
    """Follow the stack of a method roughly: literals are pushed, everything else is unknown, or a name.

    Errors: IndexError, struct.error, KeyError, ValueError where the code is damaged.
    """
    code, at, actions, operands = method.code, 0, _ACTIONS, OPERANDS
    state = State(variables(method, pool), parameters=_unnamed(method))
    stack, jumps = state.stack, state.jumps
    name = method.name.split("$")[1] if method.name.startswith(_LAMBDA) else method.name
    if method.descriptor.endswith(")Z"):
        state.method = name
    while at < len(code):
        op = code[at]
        if at in jumps:
            yield from _arrived(stack, jumps.pop(at))
        action = actions[op]
        if action == _PUSH or (op == _THIS and not method.static):  # whose name says nothing
            stack.append(None)
        elif action == _LITERAL:
            stack.append(pool.literal(code[at + 1] if op == LDC else code[at + 1] << 8 | code[at + 2]))
        elif action == _JUMP:
            yield from _left(state, code, at, name)
        elif action > _MOVE:
            if action == _SWITCH:
                at = after(code, at)
                if op != WIDE:
                    stack.clear()
                continue
            if action == _WRITTEN:
                if written := _ARRAY.match(code, at):
                    stack[-1:] = [_written(written)]
                    at = written.end()
                    continue
            else:
                yield from _referred(state, code, at, pool, around)
        elif action == _MOVE:
            if op in _INTO_VARIABLES and state.variables and stack:
                yield from _kept_locally(state, code, at, stack[-1])
            _moved(state, code, at)
        at += 1 + operands[op]


def _arrived(stack: list[str | None], other: list[str | None]) -> Iterator[Said]:
    """Join what is on the stack where two ways meet: a literal may be one of two, or stands for what nobody has set."""
    if not stack:
        stack[:] = other
    elif len(stack) == len(other) and stack[-1] != other[-1]:
        texts, names = [*literals(stack[-1]), *literals(other[-1])], (stack[-1], other[-1])
        if texts:
            stack[-1] = text = Text(texts[0])
            text.also = texts[1:_MOST_ITEMS]
        for one in names:
            if texts and isinstance(one, Name) and not one.startswith("#"):
                yield "getProperty", [str(one), texts[0]]


def _left(state: State, code: bytes, at: int, method: str) -> Iterator[Said]:
    """Do what a jump or a return does: what is on the stack is there again where the jump arrives."""
    op, stack = code[at], state.stack
    if op == _RETURN and stack:
        for text in literals(stack[-1]):
            yield f"<{method}", [text]
        yield from command(stack[-1])
    if op in _JUMPS:
        state.pop(_TAKEN.get(op, 1))
        target = at + int.from_bytes(code[at + 1 : at + 3], "big", signed=True)
        if target > at and 0 < len(stack) <= _DEEPEST and len(state.jumps) < _MOST_JUMPS:
            if target in state.jumps:
                before = state.jumps[target]
                if len(before) == len(stack) and (texts := [*literals(before[-1]), *literals(stack[-1])]):
                    before[-1] = text = Text(texts[0])
                    text.also = texts[1:_MOST_ITEMS]
            else:
                state.jumps[target] = stack.copy()
        if op != _GOTO:
            return
    stack.clear()


def _written(found: re.Match[bytes]) -> str:
    """Return an array that is written out: as a text, or in hexadecimal where it is none."""
    values = [
        push[0] - 3 if len(push) == 1 else int.from_bytes(push[1:], "big", signed=True)
        for push in _STORED.findall(found["stores"])
    ]
    if found["type"] == _CHARACTERS:
        return "".join(chr(one & 0xFFFF) for one in values)
    data = bytes(one & 0xFF for one in values)
    return data.decode("ascii") if data.isascii() and data.decode("ascii").isprintable() else data.hex()


def _referred(state: State, code: bytes, at: int, pool: Constants, around: Around) -> Iterator[Said]:
    """Do what an instruction does that refers to a method or a field, and say what it is given."""
    op, index = code[at], code[at + 1] << 8 | code[at + 2]
    if op in _INVOKES:
        yield from invoked(state, op, pool.call(index), around)
    elif op == DYNAMIC:
        descriptor = pool.text(pool.number(pool.number(index, 2), 2)).decode()
        result(state, descriptor, len(types(descriptor)), around.made.get(pool.number(index)))
    elif op in _PUTS:
        name = pool.call(index).name
        value = state.pop(op - _PUTS[0] or 1)
        for text in literals(value):
            yield f"={name}", [text]
        if isinstance(value, Items):
            yield from listed(name, value)
    else:
        if op == _GETS[1]:
            state.pop()
        called = pool.call(index)
        begins = around.held.get(called.name) if called.owner == around.own else None
        state.stack.append(Name(called.name) if begins is None else begins)


def _kept_locally(state: State, code: bytes, at: int, value: str | None) -> Iterator[Said]:
    """Say the literal that a local variable with a name is given: a new name holds from the next instruction on."""
    op = code[at]
    begins = at + 1 + OPERANDS[op]
    for low, high, name in state.variables.get(code[at + 1] if op == _STORE else op - _STORES_OF_ONE[0], ()):
        if low <= begins < high:
            for text in literals(value):
                yield f"~{name}", [text]
            if isinstance(value, Items):
                yield from listed(name, value)


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
_MOST_ITEMS = 40
_LOADS, _LOAD, _THIS = range(42, 46), 25, 42
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
_RETURN, _GOTO = 176, 167
_JUMPS = frozenset((*range(153, 168), 198, 199))
_TAKEN = {**dict.fromkeys(range(159, 167), 2), _GOTO: 0}
"""How many values a jump takes from the stack, where it is not one."""
_LEAVES = frozenset((*range(168, 178), 191, *_JUMPS)) - frozenset(VARIABLE)
_MOST_JUMPS, _DEEPEST = 200, 64
_CLEARS = frozenset((194, 195))
_NEW_ARRAY = 188
_COPY = range(89, 95)
_PUSH, _LITERAL, _JUMP, _MOVE, _REFER, _SWITCH, _WRITTEN = range(1, 8)
_ACTIONS = bytes(
    {
        **dict.fromkeys((_NEW_LIST, *_POPS, *_CLEARS, *_COPY), _MOVE),
        **dict.fromkeys(_PUSHES, _PUSH),
        **dict.fromkeys((_LOAD, *_LOADS, *_INTO_VARIABLES), _MOVE),
        **dict.fromkeys((LDC, LDC_W), _LITERAL),
        **dict.fromkeys((*_INVOKES, DYNAMIC, *_PUTS, *_GETS), _REFER),
        **dict.fromkeys(VARIABLE, _SWITCH),
        **dict.fromkeys(_LEAVES, _JUMP),
        _NEW_ARRAY: _WRITTEN,
    }.get(code, 0)
    for code in range(256)
)
"""What is done for each opcode; those that change nothing that matters are the rest."""


def _moved(state: State, code: bytes, at: int) -> None:
    """Do what an opcode without a constant does to the stack."""
    op, stack = code[at], state.stack
    if op == _LOAD or op in _LOADS:
        number = code[at + 1] if op == _LOAD else op - _LOADS[0]
        held = state.slots.get(number)
        if literal(held) is None and not isinstance(held, Items):
            own = state.variables.get(number, ())
            name = next((n for low, high, n in own if low <= at < high), "")
            if len(name) < _SHORTEST and number in state.parameters:
                name = state.parameters[number]
            held = Name(name) if name and (len(name) >= _SHORTEST or held is None) else held
        stack.append(held)
    elif op == _STORE or op in _STORES_OF_ONE:
        state.slots[code[at + 1] if op == _STORE else op - _STORES_OF_ONE[0]] = state.pop()
    elif op == _NEW_LIST:
        stack[-1:] = [Items()]
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


def _filled(state: State) -> None:
    """Put a literal into the list that it is stored in."""
    if len(state.stack) >= _ENTRY and isinstance(filled := state.stack[-_ENTRY], Items):
        value = state.stack[-1]
        filled.texts.append(value if isinstance(value, Items) else literal(value))
