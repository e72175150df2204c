"""The code of a class's methods as prints that survive renaming, relocation and another compiler's constant pool.

A print is made of the opcodes of one method without their operands; `ldc_w` counts as `ldc`. Methods of fewer than 24
bytes of code say too little and are left out. Errors in a class file end the reading; what was read counts.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

from bundle.walk.member import Content

_MAGIC = b"\xca\xfe\xba\xbe"
LEAST_CODE = 24
_MOST = 1 << 16
_UTF8, _LONG, _DOUBLE = 1, 5, 6
_SIZES = {3: 4, 4: 4, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
"""Bytes after the tag of each constant but text, long and double (JVM specification 4.4)."""

_OPERANDS = bytes(
    {
        **dict.fromkeys((16, 18, *range(21, 26), *range(54, 59), 169, 188), 1),
        **dict.fromkeys(
            (17, 19, 20, 132, *range(153, 169), *range(178, 185), 187, 189, 192, 193, 198, 199), 2
        ),
        197: 3,
        **dict.fromkeys((185, 186, 200, 201), 4),
    }.get(code, 0)
    for code in range(256)
)
_TABLESWITCH, _LOOKUPSWITCH, _WIDE, _IINC, _LDC, _LDC_W = 170, 171, 196, 132, 18, 19


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
    if data[:4] != _MAGIC:
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
        if tag == _UTF8:
            (length,) = struct.unpack_from(">H", data, at + 1)
            if length == 4 and data[at + 3 : at + 7] == b"Code":  # noqa: PLR2004 - the word's own length
                code = number
            at += 3 + length
        elif tag in (_LONG, _DOUBLE):
            at += 9
            number += 1
        else:
            at += 1 + _SIZES[tag] if tag in _SIZES else len(data)
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
    operands = _OPERANDS
    while at < size:
        one = code[at]
        found.append(_LDC if one == _LDC_W else one)
        if one == _TABLESWITCH:
            base = at + 4 - at % 4
            low, high = struct.unpack_from(">ii", code, base + 4)
            at = base + 12 + 4 * max(0, high - low + 1)
        elif one == _LOOKUPSWITCH:
            base = at + 4 - at % 4
            at = base + 8 + 8 * max(0, struct.unpack_from(">i", code, base + 4)[0])
        elif one == _WIDE:
            at += 6 if code[at + 1] == _IINC else 4
        else:
            at += 1 + operands[one]
    return bytes(found)
