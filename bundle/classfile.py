"""What every reader of Java classes has to know: how long constants and instructions are (JVM specification, chapters 4 and 6)."""

from __future__ import annotations

import struct

MAGIC = b"\xca\xfe\xba\xbe"
TEXT, LONG, DOUBLE = 1, 5, 6
TWO_SLOTS = (LONG, DOUBLE)
"""Constants that take two numbers of the pool."""
CONSTANT = {
    3: 4, 4: 4, LONG: 8, DOUBLE: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2,
}  # fmt: skip
"""Bytes after the tag of each constant but text (4.4)."""
OPERANDS = bytes(
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
"""Bytes after each opcode (6.5) but those of `VARIABLE`."""
TABLESWITCH, LOOKUPSWITCH, WIDE, IINC, LDC, LDC_W = 170, 171, 196, 132, 18, 19
VARIABLE = (TABLESWITCH, LOOKUPSWITCH, WIDE)


def after(code: bytes, at: int) -> int:
    """Return where an instruction of `VARIABLE` ends; always further on, whatever its counts say.

    Errors: IndexError, struct.error where the code ends within it.
    """
    if code[at] == WIDE:
        return at + (6 if code[at + 1] == IINC else 4)
    base = at + 4 - at % 4  # both begin at a multiple of four
    if code[at] == LOOKUPSWITCH:
        (pairs,) = struct.unpack_from(">i", code, base + 4)
        return base + 8 + 8 * max(0, int(pairs))
    low, high = struct.unpack_from(">ii", code, base + 4)
    return base + 12 + 4 * max(0, int(high) - int(low) + 1)
