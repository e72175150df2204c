"""Single compressed files; a tar or cpio inside is read as it is unpacked, anything else is one member."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from bundle.walk import stream, zstd
from bundle.walk.formats import cpio, stripped, tars
from bundle.walk.formats.raw import Note, Raw, ReaderContext
from bundle.walk.problem import Broken
from bundle.walk.source import Source, chunks

_ENDINGS = {
    ".tgz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".tzst": ".tar", ".gz": "", ".bz2": "", ".xz": "",
    ".lzma": "", ".zst": "", ".lz4": "", ".lz": "", ".lzo": "", ".z": "", ".svgz": ".svg", ".uu": "",
    ".zlib": "", ".zz": "",
}  # fmt: skip


def unpacked(source: Source, kind: str, context: ReaderContext, start: int = 0) -> Iterator[bytes] | None:
    """Return what a compressed file unpacks to, or None for a format that only libarchive knows."""
    blocks = chunks(source, start)
    window = context.limits.window
    known: dict[str, Callable[[], Iterator[bytes]]] = {
        "gzip": lambda: stream.gunzip(blocks),
        "zlib": lambda: stream.unzlib(blocks),
        "bzip2": lambda: stream.bunzip2(blocks),
        "xz": lambda: stream.unxz(blocks, window=window),
        "lzma": lambda: stream.unxz(blocks, window=window),
        "zstd": lambda: zstd.unzstd(blocks, window=window),
    }
    made = known.get(kind)
    return _in_time(made(), context.deadline) if made else None


def _in_time(blocks: Iterator[bytes], deadline: float) -> Iterator[bytes]:
    """Pass blocks on until the walk has to be over: no limit counts what is read and is no member's."""
    for block in blocks:
        if time.monotonic() > deadline:
            raise Broken("limit-time", "takes more time than allowed to be read to its end")
        yield block


def members(
    blocks: Iterator[bytes],
    context: ReaderContext,
    by_number: Callable[[stream.Stream], Iterator[Raw | Note]] | None = None,
) -> Iterator[Raw | Note]:
    """Say what is inside an unpacked stream, and what lies behind it; `by_number` reads what `stripped` describes."""
    reader = stream.Stream(blocks)
    behind: list[Broken] = []
    head = reader.peek(512)
    try:
        if tars.is_tar(head):
            yield from tars.members(reader, context)
            for _ in reader.rest():  # the checksum is at the end
                pass
        elif cpio.is_cpio(head):
            yield from cpio.members(reader, context)
            for _ in reader.rest():
                pass
        elif by_number is not None and head.startswith(stripped.MAGIC):
            yield from by_number(reader)
        else:
            yield Raw(name=inner_name(context.name), data=_up_to_trailing(reader, behind))
    except Broken as problem:
        if problem.rest is None:
            raise
        behind.append(problem)
    for trailing in behind:
        yield Note("trailing-data", str(trailing), "<data behind>")
        yield Raw(name="<data behind>", data=trailing.rest or b"", hidden=True)


def _up_to_trailing(reader: stream.Stream, behind: list[Broken]) -> Iterator[bytes]:
    try:
        yield from reader.rest()
    except Broken as problem:
        if problem.rest is None:
            raise
        behind.append(problem)


def inner_name(name: str) -> str:
    """Return what a compressed file's content is called."""
    base = name.rsplit("/", 1)[-1]
    low = base.lower()
    for ending, instead in _ENDINGS.items():
        if low.endswith(ending) and len(base) > len(ending):
            return base[: -len(ending)] + instead
    return "<content>"
