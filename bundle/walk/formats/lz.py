"""LZO1X and LZ4 blocks, as squashfs stores them.

Sources: Linux Documentation/staging/lzo.rst; lz4_Block_format.md of the LZ4 project.
"""

from __future__ import annotations

from bundle.walk.problem import Broken


def unlz4(packed: bytes, most: int) -> bytes:
    """Undo one LZ4 block that makes at most `most` bytes. Errors: Broken."""
    out = bytearray()
    at, end = 0, len(packed)
    try:
        while at < end:
            token = packed[at]
            count, at = _more_lz4(packed, token >> 4, at + 1)
            if at + count > end:
                raise _damaged()
            out += packed[at : at + count]
            at += count
            if at >= end:
                break
            distance = packed[at] | packed[at + 1] << 8
            count, at = _more_lz4(packed, token & 15, at + 2)
            _copy(out, distance, count + 4, most)
    except IndexError as problem:
        raise _damaged() from problem
    return bytes(out)


def _more_lz4(packed: bytes, count: int, at: int) -> tuple[int, int]:
    if count == 15:
        byte = 255
        while byte == 255:
            byte = packed[at]
            count += byte
            at += 1
    return count, at


def unlzo(packed: bytes, most: int) -> bytes:
    """Undo one LZO1X block that makes at most `most` bytes. Errors: Broken."""
    out = bytearray()
    at = state = 0
    try:
        if packed[0] > 17:
            state = min(packed[0] - 17, 4)
            at = packed[0] - 16
            out += packed[1:at]
        while True:
            word = packed[at]
            at += 1
            if word < 16 and not state:
                count, at = _more_lzo(packed, word, 15, at)
                out += packed[at : at + count + 3]
                at += count + 3
                state = 4
                continue
            distance, count, state, at = _match(packed, word, state, at)
            if not distance:
                break
            _copy(out, distance, count, most)
            out += packed[at : at + state]
            at += state
            if len(out) > most:
                raise _damaged()
    except IndexError as problem:
        raise _damaged() from problem
    return bytes(out)


def _match(packed: bytes, word: int, state: int, at: int) -> tuple[int, int, int, int]:
    """Return distance (0: the end), length, literals that follow, and where they stand."""
    if word < 16:
        far = (word >> 2) + (packed[at] << 2)
        return (far + 2049, 3, word & 3, at + 1) if state == 4 else (far + 1, 2, word & 3, at + 1)
    if word >= 64:
        return (word >> 2 & 7) + (packed[at] << 3) + 1, (word >> 5) + 1, word & 3, at + 1
    if word >= 32:
        count, at = _more_lzo(packed, word & 31, 31, at)
        pair = packed[at] | packed[at + 1] << 8
        return (pair >> 2) + 1, count + 2, pair & 3, at + 2
    count, at = _more_lzo(packed, word & 7, 7, at)
    pair = packed[at] | packed[at + 1] << 8
    distance = ((word & 8) << 11) + (pair >> 2)
    return (distance + 0x4000 if distance else 0), count + 2, pair & 3, at + 2


def _more_lzo(packed: bytes, count: int, base: int, at: int) -> tuple[int, int]:
    if not count:
        count = base
        while not packed[at]:
            count += 255
            at += 1
        count += packed[at]
        at += 1
    return count, at


def _copy(out: bytearray, distance: int, count: int, most: int) -> None:
    have = len(out)
    if not 0 < distance <= have or have + count > most:
        raise _damaged()
    start = have - distance
    if distance >= count:
        out += out[start : start + count]
    else:  # it repeats what it makes
        out += (out[start:] * (count // distance + 1))[:count]


def _damaged() -> Broken:
    return Broken("corrupt", "a block is damaged")
