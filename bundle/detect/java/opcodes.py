"""The code of a class's methods as prints that survive renaming, relocation and another compiler's constant pool.

A print is made of the opcodes of one method without their operands; `ldc_w` counts as `ldc`. Methods of fewer than 24
bytes of code say too little and are left out. Errors in a class file end the reading; what was read counts.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

from bundle.classfile import CONSTANT, LDC, LDC_W, MAGIC, OPERANDS, TEXT, TWO_SLOTS, VARIABLE, after
from bundle.walk.member import Content

LEAST_CODE = 24
_MOST = 1 << 16


def method_prints(content: Content) -> Iterator[int]:
    """Yield the print (64 bits) of each method of a class file that has enough code."""
    try:
        for code in _codes(bytes(content)):
            if len(code) >= LEAST_CODE:
                shape = _shape(code)
                yield int.from_bytes(hashlib.blake2b(shape, digest_size=8).digest(), "little")
    except (struct.error, IndexError, ValueError):
        return


def _codes(data: bytes) -> Iterator[bytes]:
    if data[:4] != MAGIC:
        return
    at, code_name = _constants(data)
    at += 6
    at += 2 + 2 * struct.unpack_from(">H", data, at)[0]
    at = _members_end(data, at)
    (count,) = struct.unpack_from(">H", data, at)
    at += 2
    for _ in range(count):
        attributes = struct.unpack_from(">H", data, at + 6)[0]
        at += 8
        for _ in range(attributes):
            name, length = struct.unpack_from(">HI", data, at)
            if name == code_name:
                (size,) = struct.unpack_from(">I", data, at + 10)
                yield data[at + 14 : at + 14 + min(size, _MOST)]
            at += 6 + length


def _constants(data: bytes) -> tuple[int, int]:
    """Return where the constant pool ends, and the number of the constant `Code`."""
    (count,) = struct.unpack_from(">H", data, 8)
    at, number, code = 10, 1, 0
    while number < count:
        tag = data[at]
        if tag == TEXT:
            (length,) = struct.unpack_from(">H", data, at + 1)
            if length == 4 and data[at + 3 : at + 7] == b"Code":  # noqa: PLR2004 - the word's own length
                code = number
            at += 3 + length
        else:
            at += 1 + CONSTANT[tag] if tag in CONSTANT else len(data)
            number += tag in TWO_SLOTS
        number += 1
    return at, code


def _members_end(data: bytes, at: int) -> int:
    """Return where the fields end."""
    (count,) = struct.unpack_from(">H", data, at)
    at += 2
    for _ in range(count):
        (attributes,) = struct.unpack_from(">H", data, at + 6)
        at += 8
        for _ in range(attributes):
            at += 6 + struct.unpack_from(">I", data, at + 2)[0]
    return at


def _shape(code: bytes) -> bytes:
    """Return the opcodes alone."""
    found = bytearray()
    at, size = 0, len(code)
    operands = OPERANDS
    while at < size:
        one = code[at]
        found.append(LDC if one == LDC_W else one)
        at = after(code, at) if one in VARIABLE else at + 1 + operands[one]
    return bytes(found)
