"""Stretches of an archive, copied as they lie in the file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

from hardening.errors import ArchiveError

_PIECE = 1 << 20


def temporary() -> IO[bytes]:
    """Return an unnamed file that is gone when it is closed, however the process ends."""
    return tempfile.TemporaryFile(prefix="harden-")


def pieces(source: IO[bytes], start: int, end: int) -> Iterator[bytes]:
    """Yield what lies between two offsets. Errors: ArchiveError (the file ends before)."""
    source.seek(start)
    while start < end:
        piece = source.read(min(_PIECE, end - start))
        if not piece:
            raise ArchiveError(
                "the archive ends inside a member", hint="obtain it again and compare its size"
            )
        yield piece
        start += len(piece)


def copy(source: IO[bytes], target: IO[bytes], start: int, end: int) -> None:
    """Write what lies between two offsets of one file to another. Errors: ArchiveError (the file ends before)."""
    for piece in pieces(source, start, end):
        target.write(piece)
