"""Formats that libarchive, PDFium and calamine read, in a child process: a parser's fault costs a finding, not the run.

The child is a fresh interpreter that gets one file descriptor to read from and one to write to, an address space, CPU
time and no file size. It sends frames: `H` + length + JSON for a member, `D` + length + bytes for content, `M` + JSON for
the end of a member, `E` + JSON for the end of everything.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import IO, Any

from bundle.walk.formats import documents, ends, isos
from bundle.walk.formats.raw import Note, Raw, ReaderContext
from bundle.walk.limits import WalkLimits
from bundle.walk.problem import Broken
from bundle.walk.source import Memory, Source, chunks, region

FORMATS = {
    "7z": "7zip", "rar": "rar", "cab": "cab", "xar": "xar", "iso": "iso9660", "lha": "lha", "cpio-binary": "cpio",
    "zip": "zip",
}  # fmt: skip
FILTERS = {"lz4": "lz4", "compress": "compress", "lzip": "lzip", "lzop": "lzop", "uu": "uu"}
_ENDS = {"7z": ends.sevenz, "cab": ends.cab, "iso": ends.iso}
_FRAME = struct.Struct("<cI")
_LONGEST = 1 << 20
_PATIENCE = 10.0
"""Seconds that the child may take to end once it has said everything, or what cannot be read."""
_SIGNATURE = 32
"""Bytes of the header that a 7z archive begins with."""
_DOCUMENTS = {"pdf": "PDFium", "workbook": "calamine"}
_LONGEST_READ = 60.0
"""Seconds of CPU time that a document may take."""
HINT = (
    "apt install libarchive13t64 (Debian 13, Ubuntu 24.04), libarchive13 (older), or dnf install libarchive"
)


def library() -> str:
    """Return the shared library, or nothing where there is none; it is not loaded into this process.

    The child is told, for it may start no program that looks for it: root alone could all the same.
    """
    return os.environ.get("LIBARCHIVE") or found()


@cache
def found() -> str:
    """Return the library that the system has; asked once."""
    from ctypes.util import find_library

    return find_library("archive") or ""


def members(source: Source, kind: str, context: ReaderContext) -> Iterator[Raw | Note]:
    """Say the members of a container of a format in FORMATS. Errors: Broken."""
    if kind == "rar" and ends.volume(source):
        yield Note(
            "truncated", "is one volume of several: what begins or ends in another one is not examined"
        )
    if kind == "7z" and source.size > _SIGNATURE and source.read(12, 20) == bytes(20):
        yield Note("corrupt", "was never finished: its header says that it is empty, and content follows")
    files = 0
    for raw in _Child(source, FORMATS[kind], "none", context).members():
        files += isinstance(raw, Raw) and raw.kind != "directory"
        yield raw
    if kind == "iso":
        yield from isos.beside(source, files)
    if kind in _ENDS:
        yield from ends.behind(source, _ENDS[kind](source))


def unpacked(source: Source, kind: str, context: ReaderContext) -> Iterator[bytes]:
    """Return the content of a file compressed with one of FILTERS. Errors: Broken."""
    for raw in _Child(source, "raw", FILTERS[kind], context).members():
        if isinstance(raw, Raw) and not isinstance(raw.data, bytes):
            yield from raw.data


def texts(source: Source, kind: str, limits: WalkLimits) -> Iterator[bytes | Note]:
    """Yield the text of a PDF, or each sheet of a workbook; a note if some of it was not read."""
    limited = replace(limits, seconds=min(limits.seconds, _LONGEST_READ))
    left = documents.MOST + _LONGEST
    try:
        for raw in _Child(source, kind, "none", ReaderContext("", limited)).members():
            if not isinstance(raw, Raw) or isinstance(raw.data, bytes):
                continue
            text = bytearray()
            ended: Broken | None = None
            try:
                for piece in raw.data:
                    text += piece
                    left -= len(piece)
                    if left < 0:  # the child stops before that, if it is still the child
                        raise Broken("limit-member", documents.LONGER)  # noqa: TRY301 - as the child reports it
            except Broken as problem:
                ended = problem
            yield bytes(text)
            if ended is not None:
                raise ended
    except Broken as problem:
        yield Note(problem.reason, str(problem))


class _Child:
    def __init__(self, source: Source, form: str, through: str, context: ReaderContext) -> None:
        self._source = source
        self._request = {
            "format": form,
            "filter": through,
            "window": context.limits.window,
            "seconds": int(min(context.limits.seconds, 3600)) + 1,
            "passwords": [word.hex() for word in context.passwords],
        }
        self._answer: dict[str, Any] | None = None
        self._library = _DOCUMENTS.get(form, "libarchive")

    def members(self) -> Iterator[Raw | Note]:
        if self._library == "libarchive" and not library():
            raise Broken("library-missing", f"needs libarchive: {HINT}")
        fd, start, size, close = _descriptor(self._source)
        self._request |= {"fd": fd, "start": start, "size": size}
        try:
            child = subprocess.Popen(
                [sys.executable, "-I", "-X", "utf8", "-c", _start_code(), json.dumps(self._request | {"passwords": []})],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, pass_fds=(fd,),
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "LIBARCHIVE": library()}, close_fds=True,
            )  # fmt: skip
        except OSError as problem:
            if close:
                os.close(fd)
            raise Broken(
                "crashed", f"{self._library}'s process cannot be started: {problem.strerror}"
            ) from problem
        assert child.stdin is not None  # noqa: S101 - tells mypy what PIPE means
        assert child.stdout is not None  # noqa: S101 - as above
        try:
            with suppress(BrokenPipeError):
                child.stdin.write(json.dumps(self._request["passwords"]).encode())
                child.stdin.close()
            yield from self._frames(child)
            if self._answer is None:
                raise self._death(child)
            if self._answer.get("reason"):
                raise Broken(str(self._answer["reason"]), str(self._answer["message"]))
        finally:
            child.stdout.close()
            with suppress(OSError):
                child.kill()
            child.wait()
            if close:
                os.close(fd)

    def _death(self, child: subprocess.Popen[bytes], where: str = "") -> Broken:
        """Return why the child stopped before it had sent everything."""
        try:
            code = child.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            return Broken(
                "crashed", f"{self._library}'s process sent what cannot be read{where}, and did not end"
            )
        if code == -signal.SIGXCPU:
            return Broken(
                "limit-time", f"{self._library} took more than {self._request['seconds']} seconds{where}"
            )
        return Broken("crashed", f"{self._library}'s process ended with {_ending(code)}{where}")

    def _frames(self, child: subprocess.Popen[bytes]) -> Iterator[Raw | Note]:
        assert child.stdout is not None  # noqa: S101 - tells mypy what PIPE means
        pipe = child.stdout
        while True:
            mark, body = _frame(pipe)
            if mark == b"H":
                head = json.loads(body)
                content = self._content(child, pipe)
                yield Raw(data=content, **head)
                for _ in content:
                    pass
            elif mark == b"E":
                self._answer = json.loads(body)
                return
            else:
                return

    def _content(self, child: subprocess.Popen[bytes], pipe: IO[bytes]) -> Iterator[bytes]:
        while True:
            mark, body = _frame(pipe)
            if mark == b"D":
                yield body
            elif mark == b"M":
                end = json.loads(body)
                if end.get("reason"):
                    raise Broken(str(end["reason"]), str(end["message"]))
                return
            else:
                raise self._death(child, " inside this member")


def _frame(pipe: IO[bytes]) -> tuple[bytes, bytes]:
    head = pipe.read(_FRAME.size)
    if len(head) < _FRAME.size:
        return b"", b""
    mark, length = _FRAME.unpack(head)
    if length > _LONGEST:
        return b"", b""
    body = pipe.read(length)
    return (mark, body) if len(body) == length else (b"", b"")


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"


@cache
def _start_code() -> str:
    """The child's first line: it finds this package and libarchive-c where this process found them."""
    return f"import sys; sys.path[:0] = {[entry for entry in sys.path if entry]!r}; import bundle.walk.formats.child as c; c.main()"


def _descriptor(source: Source) -> tuple[int, int, int, bool]:
    """Return a descriptor the child may read, where in it, how much, and whether it is ours to close."""
    place = region(source)
    if place is not None:
        return place.fd, place.start, place.size, False
    fd = os.memfd_create("harden")
    for block in chunks(source) if not isinstance(source, Memory) else (source.data,):
        view = memoryview(block)
        while view:
            view = view[os.write(fd, view) :]
    return fd, 0, source.size, True
