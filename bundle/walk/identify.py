"""What content is, by content alone."""

from __future__ import annotations

import codecs
import lzma
import re
import zlib

from bundle.walk import scan, unopened
from bundle.walk.formats.ars import MAGIC as AR
from bundle.walk.formats.disks import is_disk
from bundle.walk.formats.tars import BLOCK, DIGITS, is_tar
from bundle.walk.source import Source

HEAD = 4096
"""Bytes looked at from the start."""

_MAGICS: tuple[tuple[bytes, str], ...] = (
    (b"PK\3\4", "zip"), (b"PK\5\6", "zip"), (b"PK\7\10PK\3\4", "zip"), (b"PK00PK\3\4", "zip"),
    (b"\x1f\x8b\x08", "gzip"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"), (b"\x02\x21\x4c\x18", "lz4"), (b"\x1f\x9d", "compress"), (b"LZIP", "lzip"), (b"\x89LZO\0\r\n\x1a\n", "lzop"),
    (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "rar"), (b"MSCF\0\0\0\0", "cab"), (b"xar!", "xar"),
    (b"070701", "cpio"), (b"070702", "cpio"), (b"070707", "cpio"), (b"\xc7\x71", "cpio-binary"), (b"\x71\xc7", "cpio-binary"),
    (b"\xed\xab\xee\xdb", "rpm"), (b"hsqs", "squashfs"),
    (b"\xca\xfe\xba\xbe", "class"), (b"\x7fELF", "elf"), (b"MZ", "pe"), (b"%PDF-", "pdf"),
    (b"SQLite format 3\0", "sqlite"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"), (b"OggS", "ogg"), (b"ID3", "mp3"),
    (b"\xfe\xed\xfe\xed", "jks"), (b"wOFF", "font"), (b"wOF2", "font"), (b"\0\1\0\0\0", "font"), (b"OTTO", "font"),
    (b"{\\rtf", "rtf"),
)  # fmt: skip
_BY_TWO: dict[bytes, tuple[tuple[bytes, str], ...]] = {}
for _magic, _name in _MAGICS:
    _BY_TWO[_magic[:2]] = (*_BY_TWO.get(_magic[:2], ()), (_magic, _name))

_FIRST = frozenset((*(magic[0] for magic, _ in _MAGICS), *b"B!"))
"""How what `_by_magic` tells begins."""
_FURTHER = frozenset((*b"#", *range(0x50, 0x60), *codecs.BOM_UTF16_LE))
"""How what `_further` tells begins, except what has a NUL or its mark behind its first byte."""

CONTAINERS = frozenset(
    {
        "zip", "tar", "gzip", "bzip2", "xz", "lzma", "zstd", "lz4", "compress", "lzip", "lzop", "7z", "rar", "cab", "xar",
        "zlib", "cpio", "rpm", "deb", "ar", "iso", "squashfs", "lha", "uu", "cpio-binary", "self-extracting", "makeself", "zip-stub",
        "disk", "ext", "cramfs",
    }
)  # fmt: skip
"""Formats the walker looks inside."""

_CRAMFS, _BOOT = (b"\x45\x3d\xcd\x28", b"\x28\xcd\x3d\x45"), 512
"""The magics of cramfs, and the bytes of boot code that may stand in front of one."""

_PHP = re.compile(rb"<\?(?:php|=)")
_MARKUP = re.compile(rb"[\xef\xbb\xbf \t\r\n]*<(?:(\?xml)|!doctype html|html)", re.IGNORECASE)
_NO_SPACE = dict.fromkeys(b"\t\n\r\f")
_RARE = (rb"[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f]", rb"<\?(?:php|=)")
_CONTROLS, _OPENS = range(2)
"""What most texts do not hold."""
_CONTROL = bytes(b for b in range(32) if b not in b"\t\n\r\f\x1b\b")
_ALONE, _PROPERTIES, _WINDOW = 13, 225, 136 << 20
"""Bytes of the header of a lone LZMA stream, the first byte that is no properties, and the memory for a look."""
_ARJ = 38
"""Bytes of the shortest main header of ARJ, its checksum included."""
_SOME = 32
"""Bytes that random data does not unpack to by chance, nor has every second one zero."""
_PYC = frozenset(range(3000, 3700)) | {62161, 62211}


def identify(  # noqa: PLR0911 - one return per family of formats
    head: bytes, source: Source
) -> str:
    """Return a word for the format of content whose first `HEAD` bytes are `head`."""
    if not head:
        return "empty"
    first = head[0]
    if first in _FIRST:
        name = _by_magic(head, source)
        if name:
            return name
    if head.startswith(b"ustar", 257) or (len(head) >= BLOCK and head[148] in DIGITS and is_tar(head)):
        return "tar"
    held = scan.held(_RARE, head)
    binary = _CONTROLS in held and len(head.translate(None, _CONTROL)) != len(head)
    if (binary and _lzma(head)) or first in _FURTHER or head.startswith(b"-l", 2):
        name = _further(head, source)
        if name:
            return name
    if binary:
        if head.startswith(b"\r\n", 2) and int.from_bytes(head[:2], "little") in _PYC:
            return "pyc"
        return _binary(head, source)
    return "php" if _OPENS in held and _PHP.search(head) is not None else _text(head, source)


def _text(head: bytes, source: Source) -> str:
    if head.startswith(b"begin ") and head[6:9].isdigit():
        return "uu"
    markup = _MARKUP.match(head)
    if markup is not None:
        return "xml" if markup.group(1) else "html"
    return _stubbed(source, "text") if source.size > HEAD else "text"


def _by_magic(head: bytes, source: Source) -> str:
    """Return what the first bytes tell; empty where they tell nothing."""
    for magic, name in _BY_TWO.get(head[:2], ()):
        if head.startswith(magic):
            if name in ("pe", "elf"):
                return _stubbed(source, name)
            if name == "class":
                return (
                    "class" if int.from_bytes(head[6:8], "big") >= 45 else "macho"
                )  # the fat Mach-O shares the magic
            if name == "cpio-binary" and not _binary_cpio(head):
                continue
            return name
    if head.startswith(b"BZh") and head[4:10] in (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"):
        return "bzip2"
    if head.startswith(AR):
        return "deb" if head[8:24].startswith(b"debian-binary") else "ar"
    return ""


def _further(head: bytes, source: Source) -> str:
    """Return what few contents are that begin like others; empty for those others."""
    if _lzma(head):
        return "lzma"
    if head[2:4] == b"-l" and head[6:7] == b"-" and head[4:5] in (b"h", b"z"):
        return "lha"
    if head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:
        return _behind_skippable(source)
    if head[:2] == b"#!":
        return _script(head, source)
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and _is_utf16(head):
        return "utf-16"
    return ""


def _binary(head: bytes, source: Source) -> str:
    if source.size > 0x8006 and source.read(0x8001, 5) == b"CD001":
        return "iso"
    if head[12:16] in (b"\x61\x15\x06\0", b"\0\x06\x15\x61"):
        return "bdb"
    if (head[1:2] == b"\0" or head[:1] == b"\0") and wide(head):
        return "utf-16"
    system = _file_system(head)
    if system or unopened.at_start(head, source) is not None or _arj(head):
        return system or "unread"
    image = _behind_boot_code(head, source)
    if image or _zlib(head):
        return image or "zlib"
    return _stubbed(source, "php" if b"<?php" in head else "data")


def _file_system(head: bytes) -> str:
    """Return which file system that is opened this is, of those whose magic is binary or stands far behind its begin."""
    if head[:4] in _CRAMFS:
        return "cramfs"
    if not head.startswith(b"\x53\xef", 0x438):
        return ""
    from bundle.walk.formats import ext

    return "ext" if ext.is_ext(head) else ""


def _behind_boot_code(head: bytes, source: Source) -> str:
    """Return what follows boot code; a table of partitions, which says where more is to be looked for, comes first."""
    if is_disk(head, source.size):
        return "disk"
    if head[_BOOT : _BOOT + 4] not in _CRAMFS:
        return ""
    from bundle.walk.formats import cramfs

    return "cramfs" if cramfs.is_behind_boot_code(head) else ""


def _arj(head: bytes) -> bool:
    """Whether the main header of an ARJ archive is there: its sizes and its kind, for two bytes are no magic."""
    if head[:2] != b"\x60\xea" or len(head) < _ARJ:
        return False
    return 26 <= head[4] < int.from_bytes(head[2:4], "little") <= 2600 and head[10] == 2


def _is_utf16(head: bytes) -> bool:
    """Whether text follows the mark: no other content begins with it and decodes to letters."""
    try:
        return head[: len(head) // 2 * 2].decode("utf-16").translate(_NO_SPACE).isprintable()
    except UnicodeDecodeError:
        return False


def wide(head: bytes) -> str:
    """Return the encoding of a text of two bytes a letter that begins without a mark; empty for all else.

    Of its first letters one byte is always the same zero, and all of it decodes to letters.
    """
    if len(head) < _SOME or (any(head[1:_SOME:2]) and any(head[:_SOME:2])):
        return ""
    coding = "utf-16-be" if any(head[1:_SOME:2]) else "utf-16-le"
    text = (
        head[: len(head) // 2 * 2].decode(coding, "replace").rstrip("\ufffd")
    )  # a letter of four bytes may be cut
    return coding if text and text.translate(_NO_SPACE).isprintable() else ""


def _script(head: bytes, source: Source) -> str:
    """A script, perhaps with an archive behind it."""
    from bundle.walk.formats.selfextract import archive_behind

    found = archive_behind(source)
    if found is not None:
        return "makeself" if found.makeself else "self-extracting"
    line = head[:256].split(b"\n", 1)[0]
    for word in (b"python", b"perl", b"php", b"ruby", b"node"):
        if word in line:
            return word.decode()
    return "shell" if b"sh" in line else "script"


def _stubbed(source: Source, plain: str) -> str:
    """A file whose end is that of a zip is one (`zip-stub`), whatever its start looks like."""
    if source.size < 22:
        return plain
    if source.read(source.size - 22, 4) == b"PK\5\6":
        return "zip-stub"
    if plain in ("pe", "elf", "data"):
        span = min(source.size, 65557)
        tail = source.read(source.size - span, span)
        at = tail.rfind(b"PK\5\6")
        if 0 <= at <= len(tail) - 22 and at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") == len(
            tail
        ):
            start = source.size - span + at - int.from_bytes(tail[at + 12 : at + 16], "little")
            if start >= 0 and source.read(start, 4) == b"PK\1\2":
                return "zip-stub"
    return plain


def _behind_skippable(source: Source) -> str:
    """zstd and lz4 share frames that carry nothing; the first real one tells."""
    at = 0
    for _ in range(64):
        frame = source.read(at, 8)
        if frame[1:4] != b"\x2a\x4d\x18":
            return {b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4"}.get(frame[:4], "data")
        at += 8 + int.from_bytes(frame[4:8], "little")
    return "data"


def _lzma(head: bytes) -> bool:
    """Whether this has the header of a lone LZMA stream, which has no magic; unusual ones have to unpack as well."""
    if len(head) <= _ALONE or head[_ALONE] or head[0] >= _PROPERTIES:
        return False
    window, size = int.from_bytes(head[1:5], "little"), int.from_bytes(head[5:13], "little")
    if not _round(window) or (size != (1 << 64) - 1 and size >= 1 << 40):
        return False
    if head[:3] == b"\x5d\0\0":
        return True
    if window < HEAD or not size or not any(head[_ALONE + 1 : _ALONE + 5]):  # zeros unpack, to zeros
        return False
    made = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_WINDOW)
    try:
        return bool(made.decompress(head, HEAD)) or made.eof
    except (lzma.LZMAError, EOFError):
        return False


def _zlib(head: bytes) -> bool:
    """Whether this has the header of RFC 1950, which one in a thousand other files has too, and unpacks."""
    if head[0] & 0x8F != 8 or len(head) < 3 or head[1] & 0x20 or int.from_bytes(head[:2], "big") % 31:
        return False
    made = zlib.decompressobj(-zlib.MAX_WBITS)  # without its checksum: a wrong one is said where it is read
    try:
        return len(made.decompress(head[2:], HEAD)) >= _SOME or made.eof
    except zlib.error:
        return False


def _round(window: int) -> bool:
    """Whether an encoder would choose this dictionary: 2^n or 2^n + 2^(n-1)."""
    low = window & -window
    return window in (low, 3 * low)


def _binary_cpio(head: bytes) -> bool:
    order = "little" if head[0] == 0xC7 else "big"
    mode = int.from_bytes(head[6:8], "little" if order == "little" else "big")
    return len(head) > 26 and mode & 0o170000 in (0o040000, 0o100000, 0o120000)
