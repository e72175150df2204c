"""Random access to the bytes of one member: in memory, or a region of a file that is open."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from typing import Protocol

from hardening.records import dataclass

CHUNK = 256 << 10
"""Bytes that travel at once."""


class Source(Protocol):
    """Content that may be read at any place, any number of times."""

    @property
    def size(self) -> int:
        """Bytes there are."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; short only at the end."""
        ...

    def view(self, offset: int, length: int) -> bytes | mmap.mmap:
        """Return a window as the detectors get it; `offset` is a multiple of the page size."""
        ...


@dataclass(frozen=True, slots=True)
class Memory:
    """Content that is small enough to be held."""

    data: bytes

    @property
    def size(self) -> int:
        """Bytes there are."""
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        return self.data[offset : offset + length]

    def view(self, offset: int, length: int) -> bytes:
        """Return the window."""
        if offset == 0 and length >= len(self.data):
            return self.data
        return self.data[offset : offset + length]


@dataclass(frozen=True, slots=True)
class Region:
    """Part of an open file: one on disk, or one extent of the spill file."""

    fd: int
    start: int
    size: int
    own: bool = False
    """Whether the file is this program's: another one may be cut at any time, and who reads a map of it is killed."""

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        length = min(length, self.size - offset)
        return os.pread(self.fd, length, self.start + offset) if length > 0 else b""

    def view(self, offset: int, length: int) -> bytes | mmap.mmap:
        """Return a read-only map; of a file of somebody else's, and where the region does not start on a page, a copy."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        if not self.own or (self.start + offset) % mmap.ALLOCATIONGRANULARITY:
            return self.read(offset, length)
        return mmap.mmap(self.fd, length, prot=mmap.PROT_READ, offset=self.start + offset)


@dataclass(frozen=True, slots=True)
class Slice:
    """Part of another source."""

    whole: Source
    start: int
    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        return self.whole.read(self.start + offset, max(0, min(length, self.size - offset)))

    def view(self, offset: int, length: int) -> bytes | mmap.mmap:
        """Return a copy of the window."""
        return self.read(offset, length)


def chunks(source: Source, start: int = 0, end: int | None = None, step: int = CHUNK) -> Iterator[bytes]:
    """Say the bytes of a source in order."""
    stop = source.size if end is None else min(end, source.size)
    while start < stop:
        block = source.read(start, min(step, stop - start))
        if not block:
            return
        yield block
        start += len(block)


@dataclass(frozen=True, slots=True)
class Watched:
    """A source that says how far it has been read."""

    inner: Source
    reached: Callable[[int], None]

    @property
    def size(self) -> int:
        """Bytes there are."""
        return self.inner.size

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        self.reached(min(offset + length, self.inner.size))
        return self.inner.read(offset, length)

    def view(self, offset: int, length: int) -> bytes | mmap.mmap:
        """Return the window."""
        return self.inner.view(offset, length)


def region(source: Source) -> Region | None:
    """Return where in an open file the source lies, if it does."""
    if isinstance(source, Region):
        return source
    if isinstance(source, Watched):
        return region(source.inner)
    if isinstance(source, Slice):
        outer = region(source.whole)
        return Region(outer.fd, outer.start + source.start, source.size, outer.own) if outer else None
    return None
