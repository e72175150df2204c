"""A log's bytes, whatever it was packed or written with: gzip, bzip2, xz, UTF-16, a pipe, holes of zero bytes."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import mmap
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from hardening.errors import InputError
from hardening.upgrade.logs.prefilter import Buffer

UNPACKED = 16 << 30
"""Bytes of one log, packed or not, that are looked at; what lies beyond is not examined, and that is said."""
HELD = 64 << 20
"""Bytes of a log that is read into memory: who reads a map of a file that is cut (logrotate's copytruncate) is killed."""
NULS = re.compile(rb"\0+")
_HOLE = re.compile(rb"\0{16,}")
_HEAD = 8192
_PIECE = 1 << 16
_PACKED: tuple[tuple[bytes, str, Callable[[IO[bytes]], Any]], ...] = (
    (b"\x1f\x8b", "gzip", lambda stream: gzip.GzipFile(fileobj=stream)),
    (b"BZh", "bzip2", lambda stream: _Streams(stream, bz2.BZ2Decompressor)),
    (b"\xfd7zXZ\0", "xz", lambda stream: _Streams(stream, lzma.LZMADecompressor)),
)
_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError)


def is_text(content: Buffer) -> bool:
    """Return whether the bytes are a log's: without zero bytes at its beginning, except the long runs of a hole in a file."""
    hole = NULS.match(content)
    begin = hole.end() if hole else 0
    head = content[begin : begin + _HEAD]
    return bool(head) and b"\0" not in _HOLE.sub(b"", head)


@contextlib.contextmanager
def opened(path: Path, *, most: int = UNPACKED, copy: bool = False) -> Iterator[tuple[Buffer, str]]:
    """Yield the log's bytes, unpacked and as UTF-8, and what was wrong with the file, if anything. Errors: InputError.

    With `copy`, a large file is copied first. A process that reads the map of a file which somebody cuts is killed (SIGBUS).
    """
    try:
        source = _readable(path)
    except OSError as problem:
        folder = isinstance(problem, IsADirectoryError)
        hint = "give log files, not folders" if folder else "check the path and its permissions"
        raise InputError(f"{path}: {problem.strerror}", hint=hint) from problem
    with source, contextlib.ExitStack() as stack:
        stream: IO[bytes] = source
        problem_text = ""
        if not source.seekable():  # a pipe: it can be read once, and the neighbours have to stay in reach
            stream = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(source, stream, 1 << 20)
        for magic, name, unpacked in _PACKED:
            if _starts(stream, magic):
                plain = stack.enter_context(tempfile.TemporaryFile())
                problem_text = _unpack(unpacked(stream), plain, name, most)
                stream = plain
                break
        if _starts(stream, codecs.BOM_UTF16_LE) or _starts(stream, codecs.BOM_UTF16_BE):
            plain = stack.enter_context(tempfile.TemporaryFile())
            _write_utf8(stream, plain)
            stream = plain
        elif copy and stream is source:
            stream = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(source, stream, 1 << 20)
        stream.flush()
        size = stream.seek(0, 2)
        if not size:
            yield b"", problem_text
            return
        if size > most:
            size, problem_text = most, problem_text or f"more than {most} bytes"
        if stream is source and size <= HELD:
            stream.seek(0)
            yield stream.read(size), problem_text
            return
        yield stack.enter_context(mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ)), problem_text


def _write_utf8(stream: IO[bytes], plain: IO[bytes]) -> None:
    """Write a UTF-16 stream as UTF-8."""
    reader = codecs.getreader("utf-16")(stream, "replace")
    while text := reader.read(1 << 20):
        plain.write(text.encode("utf-8", "replace"))


class _Streams(io.BufferedIOBase):
    """Read streams that follow each other; Python's own classes end silently before one that they cannot read."""

    def __init__(self, source: IO[bytes], new: Callable[[], Any]) -> None:
        self._source, self._new, self._unpacker, self._data = source, new, new(), b""

    def read1(self, size: int = -1, /) -> bytes:
        """Return the next piece, or nothing at the end. Errors: EOFError, OSError, LZMAError."""
        while True:
            if self._unpacker.eof:
                self._data = self._unpacker.unused_data.lstrip(b"\0")  # padding
                while not self._data and (more := self._source.read(_PIECE)):
                    self._data = more.lstrip(b"\0")
                if not self._data:
                    return b""
                self._unpacker = self._new()
            elif self._unpacker.needs_input and not self._data:
                self._data = self._source.read(_PIECE)
                if not self._data:
                    raise EOFError("it ends before its end mark")
            data, self._data = self._data, b""
            if piece := self._unpacker.decompress(data, size):
                return bytes(piece)


def _readable(path: Path) -> io.BufferedReader:
    """Open a file of which something can be read. Errors: OSError."""
    source = path.open("rb")
    try:
        source.peek(1)
    except OSError:
        source.close()
        raise
    return source


def _starts(stream: IO[bytes], magic: bytes) -> bool:
    stream.seek(0)
    found = stream.read(len(magic)) == magic
    stream.seek(0)
    return found


def _unpack(packed: Any, plain: IO[bytes], name: str, most: int) -> str:
    """Copy what a packed log holds, as far as it can be read; return why it ended early, or an empty text."""
    size = 0
    try:
        with packed:
            while piece := packed.read1(_PIECE):  # small ones: what a torn file still holds counts
                plain.write(piece)
                size += len(piece)
                if size > most:
                    return ""
    except _DAMAGE as problem:
        return f"damaged {name} file: {problem}"
    return ""
