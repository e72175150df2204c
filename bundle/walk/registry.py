"""Which reader opens which format."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from bundle.walk import stream
from bundle.walk.formats import ars, compressed, cpio, disks, outside, rpms, selfextract, stripped, tars, zips
from bundle.walk.formats.raw import Note, Opened, Raw, ReaderContext
from bundle.walk.identify import HEAD, identify
from bundle.walk.problem import Broken
from bundle.walk.source import Slice, Source, chunks

_WHOLE = {"deb": ars.members, "ar": ars.members, "disk": disks.members}
"""Readers that look where they want to in a source."""


def open_container(source: Source, kind: str, context: ReaderContext) -> Opened:
    """Return the members of a container of a known format. Errors: Broken, now or while they are read."""
    if kind in ("zip", "zip-stub"):
        return zips.open_zip(source, context)
    if kind in ("makeself", "self-extracting"):
        return _behind_script(source, context)
    if kind == "rpm":
        return _rpm(source, context)
    return Opened(_sequential(source, kind, context))


def _sequential(source: Source, kind: str, context: ReaderContext) -> Iterator[Raw | Note]:
    if kind == "tar":
        return tars.members(stream.Stream(chunks(source)), context)
    if kind == "cpio":
        return cpio.members(stream.Stream(chunks(source)), context)
    if kind in _WHOLE:
        return _WHOLE[kind](source, context)
    if kind in ("squashfs", "ext", "cramfs"):
        from bundle.walk.formats import cramfs, ext, squashfs

        readers = {"squashfs": squashfs.members, "ext": ext.members, "cramfs": cramfs.members}
        return readers[kind](source, context)
    if kind in outside.FORMATS:
        return outside.members(source, kind, context)
    blocks = compressed.unpacked(source, kind, context)
    if blocks is None:
        blocks = outside.unpacked(source, kind, context)
    return compressed.members(blocks, context)


def _rpm(source: Source, context: ReaderContext) -> Opened:
    header, start, texts = rpms.payload_at(source)
    payload = Slice(source, start, source.size - start)
    kind = identify(payload.read(0, HEAD), payload)
    if kind == "empty":
        return Opened(iter(()), facts=texts)
    blocks = compressed.unpacked(payload, kind, context)
    if payload.read(0, len(stripped.MAGIC)) == stripped.MAGIC:
        blocks = chunks(payload)
    if blocks is None:
        return Opened(_sequential(payload, kind, context), facts=texts)

    def by_number(reader: stream.Stream) -> Iterator[Raw | Note]:
        return stripped.members(reader, stripped.Files(source, header), context)

    return Opened(compressed.members(blocks, context, by_number), facts=texts)


def _behind_script(source: Source, context: ReaderContext) -> Opened:
    found = selfextract.archive_behind(source)
    if found is None:
        raise Broken("corrupt", "no archive follows the script")
    return Opened(_payload(source, found, context), script=found.start)


def _payload(source: Source, found: selfextract.Payload, context: ReaderContext) -> Iterator[Raw | Note]:
    if found.makeself:
        from bundle.walk.formats import makeself

        yield from makeself.differences(source.read(0, found.start))
    if found.encoded:
        end = selfextract.encoded_end(source, found.start)
        yield from compressed.members(_base64(source, found.start, end), context)
        if any(block.strip() for block in chunks(source, end)):  # the script goes on, and may hold more
            name = f"<data at {end}>"
            yield Raw(name=name, size=source.size - end, data=chunks(source, end), hidden=True)
        return
    at = found.start
    spans = [length for length in found.sections if length] or [found.end - at]
    for length in spans:
        part = Slice(source, at, min(length, source.size - at))
        if part.size < length:
            yield Note("truncated", f"ends {length - part.size} bytes too early")
        if part.size <= 0:
            break
        yield from section(part, context)
        at += part.size
    if at < source.size and any(block.strip(b"\0\n") for block in chunks(source, at)):
        yield Note("trailing-data", "data behind the last section", f"<data at {at}>")
        yield Raw(name=f"<data at {at}>", size=source.size - at, data=chunks(source, at), hidden=True)


def section(part: Source, context: ReaderContext) -> Iterator[Raw | Note]:
    """Say what is in the archive behind a script or a program: a compressed tar is one level, not two."""
    head = part.read(0, HEAD)
    if head.startswith((b"Salted__", b"\x8c\x0d", b"\x85")):
        yield Note("encrypted", "the archive behind the script is encrypted", "<payload>", part.size)
        return
    kind = identify(head, part)
    if kind in ("tar", "cpio", "gzip", "bzip2", "xz", "lzma", "zstd", "lz4", "compress", "lzop"):
        yield from _sequential(part, kind, context)
    else:
        yield Raw(name="<payload>", size=part.size, data=chunks(part))


def _base64(source: Source, start: int, end: int) -> Iterator[bytes]:
    held = b""
    for block in chunks(source, start, end):
        letters = held + b"".join(block.split())
        padded = letters.find(b"=")  # what follows the padding is the script again
        usable = len(letters) // 4 * 4 if padded < 0 else min(len(letters) // 4, padded // 4 + 1) * 4
        held = letters[usable:]
        try:
            yield base64.b64decode(letters[:usable], validate=True)
        except (binascii.Error, ValueError) as problem:
            raise Broken("corrupt", "the Base64 payload is damaged") from problem
        if padded >= 0:
            return
