"""Sequential reading of chunks, and the decompressors that make them."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import Any, Protocol, cast

from bundle.walk.problem import Broken
from bundle.walk.source import CHUNK

try:  # about 2.5 times the speed of zlib where its wheel exists (x86-64, aarch64)
    from isal import isal_zlib

    _inflater: Any = isal_zlib.decompressobj
    _crc32: Any = isal_zlib.crc32
    CORRUPT: tuple[type[Exception], ...] = (zlib.error, cast("type[Exception]", isal_zlib.error))
except ImportError:
    _inflater = zlib.decompressobj
    _crc32 = zlib.crc32
    CORRUPT = (zlib.error,)

OUT = 512 << 10
"""Most bytes a decompressor gives at once."""

_FIRST_PIECE, _LAST_PIECE = 512, 8 << 10
"""Packed bytes an inflater gets at once: what it made of a piece is lost where the piece turns out to be damaged."""


class Inflater(Protocol):
    """What zlib and isal have in common."""

    eof: bool
    unused_data: bytes
    unconsumed_tail: bytes

    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes:
        """Return at most `max_length` bytes."""
        ...


def inflater(wbits: int) -> Inflater:
    """Return a decompressor: -15 raw deflate, 15 zlib, 31 gzip."""
    return cast("Inflater", _inflater(wbits))


class Stream:
    """A buffered reader over chunks. What the chunks' maker raises comes once all before it has been read."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._buffer = b""
        self._at = 0
        self._before = 0
        self._error: Broken | None = None

    @property
    def position(self) -> int:
        """Bytes that were read so far."""
        return self._before + self._at

    def _more(self) -> bool:
        if self._error is not None:
            return False
        try:
            for block in self._source:
                if block:
                    self._before += self._at
                    self._buffer = self._buffer[self._at :] + block if self._at < len(self._buffer) else block
                    self._at = 0
                    return True
        except Broken as problem:
            self._error = problem
        return False

    def peek(self, length: int) -> bytes:
        """Return up to `length` bytes without reading them."""
        while len(self._buffer) - self._at < length and self._more():
            pass
        return self._buffer[self._at : self._at + length]

    def read(self, length: int) -> bytes:
        """Return `length` bytes; fewer only at the end."""
        at = self._at
        if len(self._buffer) - at >= length:
            self._at = at + length
            return self._buffer[at : at + length]
        gathered: list[bytes] = []
        left = length
        while left:
            if gathered and self._at >= len(self._buffer) and not self._more():
                break
            block = self.some(left)
            if not block:
                break
            gathered.append(block)
            left -= len(block)
        return b"".join(gathered)

    def some(self, length: int) -> bytes:
        """Return what is there, at least one byte and at most `length`; empty only at the end."""
        if self._at >= len(self._buffer) and not self._more():
            if self._error is not None:
                raise self._error
            return b""
        block = self._buffer[self._at : self._at + length]
        self._at += len(block)
        return block

    def exactly(self, length: int) -> bytes:
        """Return `length` bytes. Errors: Broken `truncated`."""
        block = self.read(length)
        if len(block) != length:
            raise Broken("truncated", f"ends {length - len(block)} bytes too early")
        return block

    def parts(self, length: int) -> Iterator[bytes]:
        """Say `length` bytes in pieces. Errors: Broken `truncated`."""
        while length:
            block = self.some(min(length, CHUNK))
            if not block:
                raise Broken("truncated", f"ends {length} bytes too early")
            length -= len(block)
            yield block

    def skip(self, length: int) -> None:
        """Read and drop. Errors: Broken `truncated`."""
        for _ in self.parts(length):
            pass

    def rest(self) -> Iterator[bytes]:
        """Say everything that is left."""
        while block := self.some(CHUNK):
            yield block


class _Feed:
    """The compressed side of a decompressor."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._held = b""

    def next(self) -> bytes:
        if self._held:
            block, self._held = self._held, b""
            return block
        return next(self._source, b"")

    def give_back(self, block: bytes) -> None:
        self._held = block + self._held

    def take(self, length: int) -> bytes:
        """Return `length` bytes and go on behind them; fewer only at the end."""
        held = self.at_least(length)
        self._held = held[length:]
        return held[:length]

    def at_least(self, length: int) -> bytes:
        """Return what is held once it is `length` long (or everything is), without taking it."""
        while len(self._held) < length:
            block = next(self._source, b"")
            if not block:
                break
            self._held += block
        return self._held


def _leftover(feed: _Feed, magic: bytes) -> bool:
    """Whether another stream of the kind follows; padding is dropped, anything else is trailing data."""
    while True:
        held = feed.at_least(len(magic))
        if held.startswith(magic) or not held:
            return bool(held)
        rest = held.lstrip(b"\0")
        feed.next()
        if rest:
            feed.give_back(rest)
            if not feed.at_least(len(magic)).startswith(magic):
                raise Broken("trailing-data", "data follows the compressed stream", iter(feed.next, b""))


def gunzip(source: Iterator[bytes]) -> Iterator[bytes]:
    """Undo gzip, all members of it; a checksum that is wrong is said when everything has been given. Errors: Broken."""
    feed = _Feed(source)
    while True:
        _gzip_header(feed)
        made = inflater(-15)
        crc = size = 0
        for block in _inflate(made, feed, "gzip"):
            crc = _crc32(block, crc)
            size += len(block)
            yield block
        feed.give_back(made.unused_data)
        tail = feed.take(8)
        if len(tail) < 8:
            raise Broken("truncated", "the gzip stream ends too early")
        if int.from_bytes(tail[:4], "little") != crc:
            raise Broken("checksum", "the gzip stream is damaged: its content has another CRC-32")
        if int.from_bytes(tail[4:], "little") != size & 0xFFFFFFFF:
            raise Broken("checksum", "the gzip stream is damaged: its content has another length")
        if not _leftover(feed, b"\x1f\x8b"):
            return


def _gzip_header(feed: _Feed) -> None:
    """Go behind the header of a member (RFC 1952, 2.3). Errors: Broken."""
    head = feed.take(10)
    if len(head) < 10:
        raise Broken("truncated", "the gzip stream ends too early")
    if head[2] != 8 or head[3] & 0xE0:
        raise Broken("corrupt", "the gzip stream is damaged: its header names no known method")
    if head[3] & 4:
        feed.take(int.from_bytes(feed.take(2), "little"))
    for text in (8, 16):
        if head[3] & text:
            at = -1
            while at < 0:
                held = feed.at_least(1)
                at = held.find(b"\0")
                if not held:
                    raise Broken("truncated", "the gzip stream ends too early")
                feed.take(at + 1 if at >= 0 else len(held))
    if head[3] & 2:
        feed.take(2)


def inflate(source: Iterator[bytes], wbits: int = -15) -> Iterator[bytes]:
    """Undo deflate (raw by default). Errors: Broken."""
    yield from _inflate(inflater(wbits), _Feed(source), "deflate")


def unzlib(source: Iterator[bytes]) -> Iterator[bytes]:
    """Undo zlib (RFC 1950), all streams that begin alike; a wrong checksum is said at the end. Errors: Broken."""
    feed = _Feed(source)
    magic = feed.at_least(2)[:2]
    while True:
        feed.take(2)
        made, adler = inflater(-15), 1
        for block in _inflate(made, feed, "zlib"):
            adler = zlib.adler32(block, adler)
            yield block
        feed.give_back(made.unused_data)
        tail = feed.take(4)
        if len(tail) < 4:
            raise Broken("truncated", "the zlib stream ends too early")
        if int.from_bytes(tail, "big") != adler:
            raise Broken("checksum", "the zlib stream is damaged: its content has another Adler-32")
        if not _leftover(feed, magic):
            return


def _inflate(made: Inflater, feed: _Feed, what: str) -> Iterator[bytes]:
    """Feed an inflater small pieces, so that what is in front of a damaged place has been given when it is met."""
    step = _FIRST_PIECE
    block, at = b"", 0
    full = False
    try:
        while not made.eof:
            piece = made.unconsumed_tail
            if not piece and not full:  # a full answer may have more behind it, though all input is taken
                if at >= len(block):
                    block, at = feed.next(), 0
                if not block:
                    raise Broken("truncated", f"the {what} stream ends too early")
                piece = block[at : at + step]
                at += len(piece)
                step = min(2 * step, _LAST_PIECE)
            out = made.decompress(piece, OUT)
            full = len(out) >= OUT
            if out:
                yield out
    except CORRUPT as problem:
        text = str(problem)
        reason = "checksum" if "check" in text.lower() else "corrupt"
        raise Broken(reason, f"the {what} stream is damaged: {text}") from problem
    feed.give_back(block[at:])


def bunzip2(source: Iterator[bytes]) -> Iterator[bytes]:
    """Undo bzip2, all streams of it. Errors: Broken."""
    feed = _Feed(source)
    while True:
        made = bz2.BZ2Decompressor()
        try:
            while not made.eof:
                block = feed.next() if made.needs_input else b""
                if made.needs_input and not block:
                    raise Broken("truncated", "the bzip2 stream ends too early")
                yield made.decompress(block, OUT)
        except OSError as problem:
            raise Broken("corrupt", "the bzip2 stream is damaged") from problem
        feed.give_back(made.unused_data)
        if not _leftover(feed, b"BZh"):
            return


def unxz(source: Iterator[bytes], *, window: int) -> Iterator[bytes]:
    """Undo xz or lzma, all streams of it; `window` bounds the memory. Errors: Broken."""
    feed = _Feed(source)
    while True:
        made = lzma.LZMADecompressor(format=lzma.FORMAT_AUTO, memlimit=window)
        yield from _unlzma(made, feed)
        feed.give_back(made.unused_data)
        if not _leftover(feed, b"\xfd7zXZ\0"):
            return


def raw_lzma(source: Iterator[bytes], filters: list[dict[str, int]]) -> Iterator[bytes]:
    """Undo LZMA1 as zip stores it. Errors: Broken."""
    try:
        made = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=filters)
    except (lzma.LZMAError, ValueError) as problem:
        raise Broken("corrupt", f"the LZMA header is damaged: {problem}") from problem
    yield from _unlzma(made, _Feed(source))


def _unlzma(made: lzma.LZMADecompressor, feed: _Feed) -> Iterator[bytes]:
    """Feed small pieces, for the reason `_inflate` does."""
    step = _FIRST_PIECE
    block, at = b"", 0
    try:
        while not made.eof:
            piece = b""
            if made.needs_input:
                if at >= len(block):
                    block, at = feed.next(), 0
                if not block:
                    raise Broken("truncated", "the xz stream ends too early")
                piece = block[at : at + step]
                at += len(piece)
                step = min(2 * step, _LAST_PIECE)
            yield made.decompress(piece, OUT)
    except lzma.LZMAError as problem:
        if "emory" in str(problem):
            raise Broken("limit-window", "the xz stream asks for more memory than allowed") from problem
        raise Broken("corrupt", f"the xz stream is damaged: {problem}") from problem
    except MemoryError as problem:
        raise Broken("limit-window", "the xz stream asks for more memory than there is") from problem
    feed.give_back(block[at:])
