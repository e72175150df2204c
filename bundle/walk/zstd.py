"""zstd, frame by frame and block by block (RFC 8878)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import zstandard

from bundle.walk.problem import Broken
from bundle.walk.stream import Stream

MAGIC = b"\x28\xb5\x2f\xfd"


def unzstd(source: Iterator[bytes], *, window: int) -> Iterator[bytes]:
    """Undo zstd, all frames of it; `window` bounds the memory. Errors: Broken.

    The decompressor is fed block by block (RFC 8878, 3.1.1): each makes at most 128 KiB, so that a run-length
    bomb cannot make much at once, and a frame that was cut is noticed.
    """
    stream = Stream(source)
    limit = 1 << max(10, min(window, 1 << 31).bit_length() - 1)
    try:
        while _skip_skippable(stream):
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


def _skip_skippable(stream: Stream) -> bool:
    """Go to the next frame; return whether there is one."""
    while True:
        magic = stream.peek(4)
        if magic == MAGIC:
            return True
        if len(magic) == 4 and magic[1:] == b"\x2a\x4d\x18" and magic[0] & 0xF0 == 0x50:
            stream.skip(4)
            stream.skip(int.from_bytes(stream.exactly(4), "little"))
            continue
        if not magic:
            return False
        for block in stream.rest():
            if block.strip(b"\0"):
                raise Broken("trailing-data", "data follows the zstd stream", chain([block], stream.rest()))
        return False


def _frame_header(stream: Stream) -> tuple[bytes, bool]:
    """Return the frame's header and whether a checksum ends the frame."""
    head = stream.exactly(5)
    flags = head[4]
    single = bool(flags & 0x20)
    length = (0 if single else 1) + (0, 1, 2, 4)[flags & 3] + ((1 if single else 0), 2, 4, 8)[flags >> 6]
    return head + stream.exactly(length), bool(flags & 4)
