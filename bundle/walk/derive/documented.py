"""Texts that document modules, classes and functions of compiled Python: what they hold are examples."""

from __future__ import annotations

from bundle.walk.derive.marshalled import Code, Compiled
from bundle.walk.derive.opcodes import names

_RETURNS = {(3, 12): 121, (3, 13): 103}
"""The instruction that returns a constant, in the versions that have one."""
_NEAR = 8
"""Bytes between a text and its name, `__doc__`, the interpreter's own notes included."""


def documentation(held: Compiled) -> frozenset[bytes]:
    """Return the texts of several lines that are documentation and nothing else.

    That of a function is its first constant, which no instruction loads; that of a module or class is kept as `__doc__`.
    """
    known = names(held.version)
    loads = (known["LOAD_CONST"], _RETURNS.get(held.version, 0))
    found: set[bytes] = set()
    for code in held.codes:
        if "__doc__" in code.names:
            found.update(_kept(code, loads[0], known["STORE_NAME"], wide=held.version < (3,)))
        first = code.constants[0] if code.constants else None
        if (
            type(first) is bytes
            and b"\n" in first
            and not any(bytes((n, 0)) in code.code for n in loads if n)
        ):
            found.add(first)
    return frozenset(found)


def _kept(code: Code, load: int, store: int, *, wide: bool) -> list[bytes]:
    """Return the text that a module or class keeps as its documentation."""
    name = code.names.index("__doc__")
    for number, one in enumerate(code.constants[:256]):
        if type(one) is bytes and b"\n" in one:
            at = code.code.find(bytes((load, number, 0) if wide else (load, number)))
            if at >= 0 and bytes((store, name & 255)) in code.code[at + 2 : at + 2 + _NEAR]:
                return [one]
    return []
