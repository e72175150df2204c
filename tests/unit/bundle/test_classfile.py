"""The lengths of instructions of Java classes, on whatever bytes an archive holds."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.classfile import IINC, LOOKUPSWITCH, TABLESWITCH, VARIABLE, WIDE, after
from bundle.detect.credentials.java import classes
from bundle.detect.java.opcodes import method_prints


@given(st.binary(max_size=40), st.sampled_from(VARIABLE), st.binary(max_size=24))
def test_an_instruction_always_ends_further_on(before: bytes, opcode: int, rest: bytes) -> None:
    try:
        end = after(before + bytes([opcode]) + rest, len(before))
    except (IndexError, struct.error):
        return
    assert end > len(before)


@pytest.mark.parametrize("at", range(4))
def test_switches_begin_at_multiples_of_four(at: int) -> None:
    pad = bytes(3 - at)
    table = bytes(at) + bytes([TABLESWITCH]) + pad + struct.pack(">iii3i", 9, 5, 7, 1, 2, 3)
    assert after(table, at) == len(table)
    lookup = bytes(at) + bytes([LOOKUPSWITCH]) + pad + struct.pack(">ii4i", 9, 2, 1, 2, 3, 4)
    assert after(lookup, at) == len(lookup)
    assert after(lookup[: at + 1] + pad + struct.pack(">ii", 9, 0), at) == at + 1 + len(pad) + 8


def test_wide_instructions() -> None:
    assert after(bytes([WIDE, IINC, 0, 1, 0, 2]), 0) == 6
    assert after(bytes([WIDE, 21, 0, 1]), 0) == 4


def _class(code: bytes) -> bytes:
    """Return a class whose one method has this code."""
    pool = [b"Code", b"m", b"()V"]
    constants = b"".join(b"\x01" + struct.pack(">H", len(text)) + text for text in pool)
    body = struct.pack(">HHI", 9, 9, len(code)) + code + struct.pack(">HH", 0, 0)
    method = struct.pack(">4H", 1, 2, 3, 1) + struct.pack(">HI", 1, len(body)) + body
    head = b"\xca\xfe\xba\xbe" + struct.pack(">HHH", 0, 52, len(pool) + 1) + constants
    return head + struct.pack(">6H", 1, 0, 0, 0, 0, 1) + method + struct.pack(">H", 0)


@pytest.mark.parametrize("bounds", [(6, 0), (2**31 - 1, -(2**31)), (0, -4)])
def test_a_switch_that_says_it_ends_before_it_begins_ends_the_reading(bounds: tuple[int, int]) -> None:
    """A count below nothing led back to an instruction that was read already, and so without end."""
    code = bytes([TABLESWITCH, 0, 0, 0]) + struct.pack(">iii", 0, *bounds) + bytes(40)
    assert list(classes.calls(_class(code))) == []
    assert len(list(method_prints(_class(code)))) == 1
