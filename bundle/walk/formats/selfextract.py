"""Scripts with an archive behind them: makeself installers of any version, and any other self-extractor.

Nothing is ever run. The offset is found by content: where the header says how many lines to skip, there; else at
the first archive magic that follows the script's last line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bundle.walk.formats.tars import is_tar
from bundle.walk.source import Source, chunks

SCRIPT = 1 << 20
"""Bytes of script that are looked at."""

_SKIP = re.compile(rb'^skip=["\']?(\d{1,6})["\']?\s*$', re.MULTILINE)
_OFFSET = re.compile(rb"head -n (\d{1,6}) \"?\$0\"?")
_LINE = re.compile(rb"\n")
_DIGITS = 18
_SIZES = re.compile(rb'^filesizes=["\']([\d ]+)["\']', re.MULTILINE)
_MAGIC = (
    rb"\x1f\x8b\x08",  # gzip
    rb"BZh[1-9]1AY&SY",  # bzip2
    rb"\xfd7zXZ\0",  # xz
    rb"\x28\xb5\x2f\xfd",  # zstd
    rb"\x04\x22\x4d\x18",  # lz4
    rb"PK\x03\x04",  # zip
    rb"7z\xbc\xaf\x27\x1c",  # 7z
    rb"\xed\xab\xee\xdb",  # rpm
    rb"!<arch>\n",  # ar, deb
    rb"07070[127]\d",  # cpio
    rb"LZIP",
    rb"\x5d\0\0[\0-\xff]{2}\xff\xff\xff\xff",  # lzma
    rb"\x89LZO",
    rb"\x1f\x9d",  # compress
    rb"Salted__",  # openssl enc
    rb"Rar!",
)
_MAGICS = re.compile(rb"\n(?=%b)" % b"|".join(_MAGIC))
_ANYWHERE = re.compile(rb"\x1f\x8b\x08[\0-\x1f]|\xfd7zXZ\0|PK\x03\x04|7z\xbc\xaf\x27\x1c|BZh[1-9]1AY&SY")
_USTAR = re.compile(rb"ustar[\0 ]")
_BASE64 = re.compile(rb"\n(?:[A-Za-z0-9+/]{60,76}\r?\n){8}")


@dataclass(frozen=True, slots=True)
class Payload:
    """Where the archive behind a script lies."""

    start: int
    end: int
    makeself: bool
    encoded: bool = False
    """Written as Base64 lines."""
    sections: tuple[int, ...] = ()
    """Length of each archive, where the header says."""


def archive_behind(source: Source) -> Payload | None:
    """Return where the archive of a self-extracting script starts; None for a plain script."""
    if source.size < 40:
        return None
    script = source.read(0, SCRIPT)
    makeself = b"akeself" in script[:65536] and (b"filesizes=" in script or b"MS_" in script)
    if makeself:
        found = _by_header(script, source)
        if found is not None:
            return found
    if b"\0" not in script and not makeself and _BASE64.search(script) is None:
        return None
    at = _by_content(script)
    if at is not None:
        return Payload(at, source.size, makeself)
    coded = _BASE64.search(script)
    if coded is not None and _decodes_to_archive(script[coded.start() : coded.start() + 4096]):
        return Payload(coded.start() + 1, source.size, makeself, encoded=True)
    return None


def _by_header(script: bytes, source: Source) -> Payload | None:
    """makeself 2.4 and later say `skip=`, earlier ones `head -n N`."""
    sizes = _SIZES.search(script)
    words = sizes.group(1).split() if sizes else ()
    lengths = tuple(map(int, words)) if all(len(word) <= _DIGITS for word in words) else ()
    ends = [0, *(match.end() for match in _LINE.finditer(script))]
    for pattern in (_SKIP, _OFFSET):
        for count in dict.fromkeys(int(match.group(1)) for match in pattern.finditer(script)):
            at = ends[count] if count < len(ends) else source.size
            if at >= source.size:
                continue
            head = script[at : at + 512]
            encoded = _decodes_to_archive(script[at : at + 4096]) and not _is_archive(head)
            if encoded or _is_archive(head):
                end = min(source.size, at + sum(lengths)) if lengths and not encoded else source.size
                return Payload(at, end, makeself=True, encoded=encoded, sections=lengths)
    return None


_LAST_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2}\s*")


def encoded_end(source: Source, start: int) -> int:
    """Return where a Base64 payload ends: its lines are of one length, except the last."""
    at, width = start, 0
    while at < source.size:
        end = _newline(source, at)
        length = end - at
        if width and length != width:
            line = source.read(at, min(length, width))
            whole = length < width and len(line.strip()) % 4 == 0 and _LAST_LINE.fullmatch(line)
            return end if whole else at
        width = length
        at = end
        if b"=" in source.read(max(start, end - 4), 4):
            break
    return at


def _newline(source: Source, at: int) -> int:
    """Return where the line that starts at `at` ends, its newline included."""
    for block in chunks(source, at, step=4096):
        found = block.find(b"\n")
        if found >= 0:
            return at + found + 1
        at += len(block)
    return source.size


def _is_archive(head: bytes) -> bool:
    return is_tar(head) or _MAGICS.match(b"\n" + head) is not None


def _by_content(script: bytes) -> int | None:
    match = _MAGICS.search(script)
    if match is not None:
        return match.end()
    for found in _USTAR.finditer(script):
        at = found.start() - 257
        if at > 0 and is_tar(script[at : at + 512]):
            return at
    nul = script.find(b"\0")
    if nul < 0:
        return None
    found_any = _ANYWHERE.search(script, max(0, nul - 64))
    return found_any.start() if found_any else None


def _decodes_to_archive(text: bytes) -> bool:
    import base64
    import binascii

    letters = b"".join(text.split()).split(b"=", 1)[0]  # what follows the padding is the script again
    try:
        head = base64.b64decode(letters[: len(letters) // 4 * 4], validate=True)
    except (binascii.Error, ValueError):
        return False
    return _is_archive(head[:512])
