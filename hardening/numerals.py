"""Numbers as files write them: what `str.isdigit` takes and `int` does not (a superscript, thousands of digits) is none."""

from __future__ import annotations

LONGEST = 18
"""Digits that are read: more than any size, version or limit has, and each such number fits in 64 bits."""


def whole(text: str | bytes | None) -> int | None:
    """Return a number written in the digits 0 to 9 alone, at most LONGEST of them; None for anything else."""
    if not text or len(text) > LONGEST or not text.isascii() or not text.isdigit():
        return None
    return int(text)
