"""Texts that document modules, classes and functions of compiled Python: what they hold are examples."""

from __future__ import annotations

from collections.abc import Iterator

from bundle.walk.derive.marshalled import Code, Compiled
from bundle.walk.derive.opcodes import names

_RETURNS = {(3, 12): 121, (3, 13): 103}
"""The instruction that returns a constant, in the versions that have one."""
_NEAR = 8
"""Bytes between a text and its name, the interpreter's own notes included."""
_NAMES = ("__doc__", "DOCUMENTATION", "EXAMPLES", "RETURN")
"""What documentation is kept as, that of Ansible's modules too."""


def documentation(held: Compiled) -> frozenset[bytes]:
    """Return the texts of several lines that are documentation and nothing else.

    That of a function is its first constant, which no instruction loads; that of a module or class is kept under a name.
    """
    known = names(held.version)
    loads = (known["LOAD_CONST"], _RETURNS.get(held.version, 0))
    found: set[bytes] = set()
    for code in held.codes:
        named = [code.names.index(name) for name in _NAMES if name in code.names]
        if named:
            found.update(_kept(code, loads[0], known["STORE_NAME"], named, wide=held.version < (3,)))
        first = code.constants[0] if code.constants else None
        if (
            type(first) is bytes
            and b"\n" in first
            and not any(bytes((n, 0)) in code.code for n in loads if n)
        ):
            found.add(first)
    return frozenset(found)


def _kept(code: Code, load: int, store: int, named: list[int], *, wide: bool) -> Iterator[bytes]:
    """Yield the texts that a module or class keeps under the names of documentation."""
    for number, one in enumerate(code.constants[:256]):
        if type(one) is bytes and b"\n" in one:
            at = code.code.find(bytes((load, number, 0) if wide else (load, number)))
            behind = code.code[at + 2 : at + 2 + _NEAR]
            if at >= 0 and any(bytes((store, name & 255)) in behind for name in named):
                yield one
