"""What a file of cramfs holds: pointers to its blocks, and the blocks, each under zlib of its own or as it is."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from bundle.walk.formats.unused import Unused
from bundle.walk.problem import Broken
from bundle.walk.source import Source

_PAGES = (4096, 8192, 16384, 32768, 65536)
"""Bytes of a block: the page of the machine that the image is for. The image does not say it; nearly all have the first."""
_PLAIN, _DIRECT = 1 << 31, 1 << 30
"""Flags of a pointer: its block is not packed; it says where its block begins, in words, rather than where it ends."""
_ADDRESS = _DIRECT - 1
_LENGTH = 2
"""Bytes in front of a packed block that no other pointer tells the length of."""


class Blocks:
    """The blocks of an image's files."""

    def __init__(self, source: Source, order: str, unused: Unused) -> None:
        """`order` is the byte order as `struct` writes it; what is read is taken from `unused`."""
        self._source = source
        self._order = order
        self._unused = unused
        self._page = 0
        """Zero until a file tells it."""

    def content(self, place: int, size: int) -> Iterator[bytes]:
        """Yield the content of the file whose pointers lie at `place`. Errors: Broken, where it is met."""
        if not size:
            return
        if not place:
            raise Broken("corrupt", "a file lies nowhere")
        page = self._page_of(place, size)
        left = size
        for start, length, plain in self._blocks(place, size, page):
            want = min(page, left)
            left -= want
            if not length:
                yield bytes(want)  # a hole
                continue
            if not 0 < length <= (page if plain else 2 * page):  # what kernels read
                raise Broken("corrupt", f"a block of {length} bytes")
            body = self._source.read(start, length)
            if len(body) < length:
                self._unused.take(start, start + len(body))
                raise Broken("truncated", "ends inside a block")
            block, used, problem = (body[:want], want, None) if plain else _unpacked(body, want)
            if problem is None or block:
                self._unused.take(start, start + used)
            yield block
            if problem is not None:
                raise problem
            if len(block) < want:
                raise Broken("corrupt", "a block is too short")

    def _blocks(self, place: int, size: int, page: int) -> Iterator[tuple[int, int, bool]]:
        """Say (where it lies, its bytes there, whether they are not packed) of each block; holes have no bytes."""
        start = place + 4 * -(-size // page)
        table = self._source.read(place, start - place)
        if len(table) < start - place:
            raise Broken("truncated", "ends inside the pointers to a file's blocks")
        self._unused.take(place, start)
        for number, (pointer,) in enumerate(struct.iter_unpack(f"{self._order}I", table)):
            plain, address = bool(pointer & _PLAIN), pointer & _ADDRESS
            if not pointer & _DIRECT:
                yield start, address - start, plain
                start = address
                continue
            start = address << 2
            if plain:
                yield start, min(page, size - number * page), plain
                start += page
            else:
                length = self._source.read(start, _LENGTH)
                if len(length) < _LENGTH:
                    raise Broken("truncated", "ends in front of a block")
                (packed,) = struct.unpack(f"{self._order}H", length)
                self._unused.take(start, start + _LENGTH)
                yield start + _LENGTH, packed, plain
                start += _LENGTH + packed

    def _page_of(self, place: int, size: int) -> int:
        """Return how long blocks are: of the first file with a whole block, that length to which it unpacks."""
        if self._page or size <= _PAGES[0]:
            return self._page or _PAGES[0]
        (pointer,) = struct.unpack(f"{self._order}I", self._source.read(place, 4).ljust(4, b"\0"))
        for page in _PAGES:
            start = place + 4 * -(-size // page)
            if not 0 < pointer - start <= 2 * page:
                continue
            want = min(page, size)
            block, _, problem = _unpacked(self._source.read(start, pointer - start), want)
            if problem is None and len(block) == want:
                self._page = page
                return page
        return _PAGES[0]


def _unpacked(body: bytes, want: int) -> tuple[bytes, int, Broken | None]:
    """Return a block, how many of its bytes were its own, and what is wrong with it."""
    made = zlib.decompressobj()
    try:
        block = made.decompress(body, want + 1)
    except zlib.error as problem:
        reason = "checksum" if "data check" in str(problem) else "corrupt"
        return b"", 0, Broken(reason, f"a block is damaged: {problem}")
    if len(block) > want:
        return block[:want], 0, Broken("corrupt", "a block is too long")
    if not made.eof:
        return block, len(body), Broken("truncated", "a block ends too early")
    return block, len(body) - len(made.unused_data), None
