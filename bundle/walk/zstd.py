"""zstd, frame by frame and block by block (RFC 8878)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import zstandard

from bundle.walk.problem import Broken
from bundle.walk.stream import Stream

MAGIC = b"\x28\xb5\x2f\xfd"
_SEEKABLE = b"\xb1\xea\x92\x8f"
"""The end of a table of places, which the seekable form of zstd keeps in a frame that is skipped."""
_HIDDEN = "frames that are skipped hold data"
_SIZE, _LARGE = 8, 1 << 20
"""Bytes in which parallel zstd notes a frame's size, and more than the frames that are skipped honestly hold."""


def unzstd(source: Iterator[bytes], *, window: int) -> Iterator[bytes]:
    """Undo zstd, all frames of it; `window` bounds the memory. Errors: Broken.

    The decompressor is fed block by block (RFC 8878, 3.1.1): each makes at most 128 KiB, so that a run-length
    bomb cannot make much at once, and a frame that was cut is noticed.
    """
    stream = Stream(source)
    skipped: list[bytes] = []
    limit = 1 << max(10, min(window, 1 << 31).bit_length() - 1)
    try:
        while _next_frame(stream, skipped):
            made = zstandard.ZstdDecompressor(max_window_size=limit).decompressobj()
            head, checksum = _frame_header(stream)
            yield made.decompress(head)
            last = False
            while not last:
                header = stream.exactly(3)
                word = int.from_bytes(header, "little")
                last, kind, size = bool(word & 1), word >> 1 & 3, word >> 3
                yield made.decompress(header + stream.exactly(1 if kind == 1 else size))
            if checksum:
                yield made.decompress(stream.exactly(4))
    except zstandard.ZstdError as problem:
        if "memory" in str(problem):
            raise Broken("limit-window", "the zstd frame asks for more memory than allowed") from problem
        raise Broken("corrupt", f"the zstd stream is damaged: {problem}") from problem


def _next_frame(stream: Stream, skipped: list[bytes]) -> bool:
    """Go to the next frame; return whether there is one. What frames hold that are skipped is given at the end, as loose data."""
    while True:
        magic = stream.peek(4)
        if magic == MAGIC:
            return True
        if len(magic) == 4 and magic[1:] == b"\x2a\x4d\x18" and magic[0] & 0xF0 == 0x50:
            stream.skip(4)
            size = int.from_bytes(stream.exactly(4), "little")
            if size + sum(map(len, skipped)) > _LARGE:
                raise Broken("trailing-data", _HIDDEN, chain(skipped, stream.rest()))
            held = stream.exactly(size)
            if size > _SIZE and not held.endswith(_SEEKABLE):
                skipped.append(held)
            continue
        rest = stream.rest()
        behind = next((block for block in rest if block.strip(b"\0")), b"")
        if skipped or behind:
            message = "data follows the zstd stream" if behind else _HIDDEN
            raise Broken("trailing-data", message, chain(skipped, (behind,) if behind else (), rest))
        return False


def _frame_header(stream: Stream) -> tuple[bytes, bool]:
    """Return the frame's header and whether a checksum ends the frame."""
    head = stream.exactly(5)
    flags = head[4]
    single = bool(flags & 0x20)
    length = (0 if single else 1) + (0, 1, 2, 4)[flags & 3] + ((1 if single else 0), 2, 4, 8)[flags >> 6]
    return head + stream.exactly(length), bool(flags & 4)
