"""Texts of megabytes are read in the memory that they need."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from bundle.walk.derive import documents, joined, wrapped


@pytest.mark.parametrize(
    ("words", "piece"),
    [(b"base64 ", b"41"), (b"base64 \\x ", b"\\x41"), (b"urldecode ", b"%41"), (b"base64 ", b"chr(65).")],
    ids=["hexadecimal", "escapes", "percent signs", "characters"],
)
def test_a_long_run_is_unwrapped_in_memory_that_it_needs(words: bytes, piece: bytes) -> None:
    """Each piece of a run was a place to go back to: one line of 30 MB took 2.6 GB."""
    data = words + piece * (4_000_000 // len(piece))
    tracemalloc.start()
    try:
        assert [len(text) for _, text, _ in wrapped.unwrapped(data, 1)] == [4_000_000 // len(piece)]
        assert tracemalloc.get_traced_memory()[1] < 12 * len(data)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("made", "read"),
    [
        (lambda size: b"a\0" * (size // 2), documents.strings),
        (lambda size: b"x = 'a'" + b"+'b'" * (size // 4), joined.built),
        (lambda size: b"x = 'a'" + b",'b'" * (size // 4), joined.listed),
    ],
    ids=["wide letters", "pieces", "a list"],
)
def test_a_long_text_is_read_in_memory_that_it_needs(
    made: Callable[[int], bytes], read: Callable[[bytes], bytes]
) -> None:
    data = made(4_000_000)
    tracemalloc.start()
    try:
        assert len(read(data)) >= len(data) // 4
        assert tracemalloc.get_traced_memory()[1] < 12 * len(data)
    finally:
        tracemalloc.stop()
