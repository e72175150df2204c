"""Which of some patterns a text holds at all: one pass of Vectorscan, many times quicker than `re` for what begins with no letter."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from functools import cache
from typing import Any

from bundle.walk import pattern_cache


def first(pattern: bytes, data: bytes) -> Callable[[int], int] | None:
    """Return what tells where the first match behind a place ends (-1: nowhere); None where there is no Vectorscan."""
    made = database((pattern,), once=True)
    if made is None:
        return None
    import hyperscan

    whole = memoryview(data)

    def end(start: int) -> int:
        ends: list[int] = []
        with suppress(hyperscan.ScanTerminated):
            made.scan(whole[start:], match_event_handler=_stop, context=ends)
        return start + ends[0] if ends else -1

    return end


def _stop(_number: int, _start: int, end: int, _flags: int, ends: list[int]) -> bool:
    ends.append(end)
    return True


def held(patterns: tuple[bytes, ...], data: bytes) -> Collection[int]:
    """Return the numbers of the patterns that may match; all of them where there is no Vectorscan."""
    made = database(patterns, once=True)
    if made is None:
        return range(len(patterns))
    found: list[int] = []

    def seen(number: int, _start: int, _end: int, _flags: int, _context: Any) -> None:
        found.append(number)

    made.scan(data, match_event_handler=seen)
    return found


@cache
def database(patterns: tuple[bytes, ...], *, once: bool) -> Any | None:
    """Compile patterns, to say each match or each pattern `once`; None where there is no Vectorscan."""
    flag = _ONCE if once else 0
    return pattern_cache.database(patterns, [flag] * len(patterns), range(len(patterns)))


@cache
def rough(patterns: tuple[str, ...]) -> Any | None:
    """Compile patterns so that at least what `re` finds in ASCII, whatever its case, is found; None where that cannot be done."""
    try:
        return pattern_cache.database(
            [one.encode() for one in patterns], [_ROUGH] * len(patterns), range(len(patterns))
        )
    except pattern_cache.PatternRefusedError:
        return None


_ONCE, _ROUGH = 8, 8 | 1 | 128
"""Flags of Vectorscan (HS_FLAG_SINGLEMATCH; with HS_FLAG_CASELESS and HS_FLAG_PREFILTER), which may not be installed."""
