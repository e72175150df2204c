"""What a pattern sees around a hit: the line that the last character of the hit is in."""

from __future__ import annotations

import pytest

from bundle.detect.credentials.texts.textview import View

TEXT = b"first\nsecond\n"


@pytest.mark.parametrize(
    ("end", "seen"),
    [
        (0, b"first"),
        (1, b"first"),
        (5, b"first"),
        (6, b"first"),
        (7, b"second"),
        (12, b"second"),
        (13, b"second"),
    ],
)
def test_the_line_of_a_hit(end: int, seen: bytes) -> None:
    start, stop = View(TEXT).window(end, multiline=False)
    assert TEXT[start:stop] == seen
