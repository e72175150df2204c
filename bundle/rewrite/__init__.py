"""Archives rewritten with some members removed or replaced and everything else byte for byte.

A rewriter copies what stays as it lies in the file: compressed data is not decompressed, headers keep
owner, mode, time and order. Formats are told by content. What cannot be written is an error that says so.
"""

from __future__ import annotations

import lzma
import shutil
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO

from bundle.rewrite import ars, cpios, debs, rpms, scripts, streams, tars, zips
from bundle.rewrite.copying import temporary
from bundle.rewrite.edit import KEEP, Change, Keep, Remove, Replace, TextEdit, plain, walked
from hardening.errors import ArchiveError

__all__ = ["KEEP", "Keep", "Remove", "Replace", "TextEdit", "rewrite"]

Rewriter = Callable[[IO[bytes], IO[bytes], Change], None]


@dataclass(frozen=True, slots=True)
class Format:
    """An archive format that can be written again."""

    name: str
    matches: Callable[[bytes], bool]
    rewrite: Rewriter


FORMATS = (
    Format("zip", zips.matches, zips.rewrite),
    Format("tar", tars.matches, tars.rewrite),
    Format("deb", debs.matches, debs.rewrite),
    Format("ar", ars.matches, ars.rewrite),
    Format("cpio", cpios.matches, cpios.rewrite),
    Format("rpm", rpms.matches, rpms.rewrite),
)
"""The archive formats, in the order they are tried."""

_HEAD = 1024
_DAMAGE = (EOFError, ValueError, IndexError, KeyError, struct.error, zlib.error, lzma.LZMAError, OSError)
"""What decompressors and parsers make of damaged bytes, beside their own words."""


def rewrite(source: IO[bytes], target: IO[bytes], edits: Iterable[TextEdit]) -> None:
    """Write the archive `source` to `target` with `edits` carried out, at any nesting.

    Both are seekable binary files. Errors: ArchiveError where a format cannot be written or an edit
    matched no member, so that nothing is ever called done that was not.
    """
    wanted = tuple(edits)
    used: set[TextEdit] = set()
    try:
        _rewrite(source, target, wanted, used)
    except _DAMAGE as problem:
        if isinstance(problem, OSError) and problem.errno is not None:
            raise  # of the disk, not of the archive
        word = "ends too early" if isinstance(problem, EOFError) else f"cannot be read: {problem}"
        raise ArchiveError(
            f"an archive {word}", hint="it is truncated or corrupt: obtain it again"
        ) from problem
    missed = [e for e in wanted if e.origin not in {u.origin for u in used}]
    if missed:
        raise ArchiveError(
            f"{'!/'.join(missed[0].origin)}: no such member to change",
            hint="audit the bundle again; it is not the one that was audited",
        )


def _rewrite(source: IO[bytes], target: IO[bytes], edits: tuple[TextEdit, ...], used: set[TextEdit]) -> None:
    head = source.read(_HEAD)
    source.seek(0)
    found = next((f for f in FORMATS if f.matches(head)), None)
    if found is not None:
        found.rewrite(source, target, lambda name, content: _decide(name, content, edits, used))
        return
    stream = streams.find(head)
    if stream is None:
        _rewrite_behind(source, target, edits, used)
        return
    with temporary() as plain_in, temporary() as plain_out:
        stream.unpack(source, plain_in)
        plain_in.seek(0)
        _rewrite_below_stream(plain_in, plain_out, edits, used)
        plain_out.seek(0)
        stream.pack(plain_out, target, head, None)


def _rewrite_behind(
    source: IO[bytes], target: IO[bytes], edits: tuple[TextEdit, ...], used: set[TextEdit]
) -> None:
    """Write a script or program with an archive behind it, or refuse with a word of what can be done."""
    where = "!/".join(edits[0].origin[: len(edits[0].origin) - len(edits[0].parts)]) or "bundle"
    payload = scripts.behind(source)
    if payload is not None:
        scripts.rewrite(source, target, payload, lambda part, made: _rewrite_section(part, made, edits, used))
    elif zips.behind(source):
        zips.rewrite(source, target, lambda name, content: _decide(name, content, edits, used))
    else:
        raise ArchiveError(
            f"{where}: this archive format cannot be rewritten",
            hint="unpack it, remove the member and pack it again with the format's own tool",
        )


def _rewrite_section(
    part: IO[bytes], made: IO[bytes], edits: tuple[TextEdit, ...], used: set[TextEdit]
) -> bool:
    """Write one section of a self-extractor; whether it is another than before."""
    before = len(used)
    head = part.read(_HEAD)
    part.seek(0)
    if any(f.matches(head) for f in FORMATS if f.name in ("tar", "cpio")) or streams.find(head):
        _rewrite(part, made, edits, used)
    else:
        inner = tuple(e.deeper() for e in edits if e.parts[0] == "<payload>" and len(e.parts) > 1)
        if inner:
            _rewrite(part, made, inner, used)
    return len(used) > before


def _rewrite_below_stream(
    source: IO[bytes], target: IO[bytes], edits: tuple[TextEdit, ...], used: set[TextEdit]
) -> None:
    """A compressed tar or cpio is one archive, as the walk has it; anything else is the stream's one member."""
    head = source.read(_HEAD)
    source.seek(0)
    if not _one_member(head):
        _rewrite(source, target, edits, used)
        return
    replaced = next((e for e in edits if len(e.parts) <= 1 and e.content is not None), None)
    inner = tuple(e.deeper() for e in edits if len(e.parts) > 1)
    if replaced is not None:
        used.add(replaced)
        target.write(replaced.content or b"")
    elif inner:
        _rewrite(source, target, inner, used)
    else:
        shutil.copyfileobj(source, target)


def _one_member(head: bytes) -> bool:
    """Whether what a stream unpacks to is a file of its own, and not an archive on the level of the stream."""
    return not tars.matches(head) and not cpios.matches(head)


_ONE_IN = 2
"""Parts of an edit of what lies in the member itself."""


def _one_file(content: Callable[[], IO[bytes]]) -> bool:
    """Whether this is a file that is compressed by itself, which goes with its content; no archive."""
    with content() as packed:
        stream = streams.find(packed.read(_HEAD))
        if stream is None:
            return False
        packed.seek(0)
        with temporary() as plain:
            stream.unpack(packed, plain)
            plain.seek(0)
            return _one_member(plain.read(_HEAD))


def _decide(
    name: str, content: Callable[[], IO[bytes]], edits: tuple[TextEdit, ...], used: set[TextEdit]
) -> Keep | Remove | Replace:
    """Return what happens to one member, going into it where an edit lies deeper."""
    path = plain(walked(name))
    mine = [e for e in edits if e.touches(path)]
    if not mine:
        return KEEP
    whole = next((e for e in mine if len(e.parts) == 1), None)
    if whole is not None:
        used.add(whole)
        return Remove() if whole.content is None else Replace.of(whole.content)
    only = next((e for e in mine if len(e.parts) == _ONE_IN and e.content is None and not e.folder), None)
    if only is not None and _one_file(content):
        used.add(only)
        return Remove()
    result = temporary()
    try:
        with content() as inner:
            _rewrite(inner, result, tuple(e.deeper() for e in mine), used)
    except BaseException:
        result.close()
        raise
    result.seek(0)
    return Replace(result)
