"""Scripts with an archive behind them: the archive is rewritten, and what the script says of it is said again.

makeself keeps checksum, MD5, SHA-256 and size of each section in its header; other self-extractors are served where
they write down size, offset or a digest of the archive as it is. The script keeps its number of lines, so an offset
in lines stays true. Nothing is ever run.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from bundle.rewrite.copying import copy, pieces, temporary
from bundle.walk.formats.selfextract import Payload, archive_behind
from hardening.errors import ArchiveError

_REVERSED = bytes(int(f"{b:08b}"[::-1], 2) for b in range(256))
_LEAST_NUMBER = 4
"""Digits from which a number in a foreign script that equals a size is taken for that size."""
_DIGESTS = ("md5", "sha1", "sha256", "sha512")

Inside = Callable[[IO[bytes], IO[bytes]], bool]
"""Writes one section again; whether anything in it changed."""


@dataclass(slots=True)
class _File:
    """A seekable file as the walker's readers want it."""

    file: IO[bytes]
    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        self.file.seek(offset)
        return self.file.read(max(0, min(length, self.size - offset)))

    def view(self, offset: int, length: int) -> bytes:
        """Return the window."""
        return self.read(offset, length)


@dataclass(frozen=True, slots=True)
class _Sums:
    """What a script may say of one stretch of bytes."""

    size: int
    cksum: int
    digests: tuple[str, ...]


def behind(source: IO[bytes]) -> Payload | None:
    """Return where the archive behind this script lies; None where the file is no such script."""
    size = source.seek(0, 2)
    source.seek(0)
    if source.read(2) != b"#!":
        source.seek(0)
        return None
    found = archive_behind(_File(source, size))
    source.seek(0)
    return found


def spans(source: IO[bytes], found: Payload) -> list[tuple[int, int]]:
    """Return start and end of each section."""
    at, made = found.start, []
    for length in [n for n in found.sections if n] or [found.end - at]:
        made.append((at, at + length))
        at += length
    if at > source.seek(0, 2):
        raise ArchiveError("the installer ends too early", hint="obtain it again and compare its size")
    return made


def rewrite(source: IO[bytes], target: IO[bytes], found: Payload, inside: Inside) -> None:
    """Write the installer to `target` (seekable) with each section as `inside` makes it."""
    if found.encoded:
        raise ArchiveError(
            "an installer with a Base64 payload cannot be rewritten", hint="have it built without --base64"
        )
    source.seek(0)
    script = source.read(found.start)
    old, new = [], []
    sections = spans(source, found)
    with temporary() as body:
        for start, end in sections:
            old.append(_sums(source, start, end))
            at = body.tell()
            with temporary() as part, temporary() as made:
                copy(source, part, start, end)
                part.seek(0)
                if inside(part, made):
                    copy(made, body, 0, made.seek(0, 2))
                else:
                    copy(part, body, 0, end - start)
            new.append(_sums(body, at, body.tell()))
            body.seek(0, 2)
        copy(source, body, sections[-1][1], source.seek(0, 2))
        target.write(_makeself(script, old, new) if found.makeself else _foreign(script, old, new))
        copy(body, target, 0, body.seek(0, 2))


def _sums(source: IO[bytes], start: int, end: int) -> _Sums:
    values = [hashlib.new(name, usedforsecurity=False) for name in _DIGESTS]
    crc, size = 0xFFFFFFFF, end - start
    for piece in pieces(source, start, end):
        for value in values:
            value.update(piece)
        crc = zlib.crc32(piece.translate(_REVERSED), crc)
    length = size.to_bytes((size.bit_length() + 7) // 8, "little")
    crc = zlib.crc32(length.translate(_REVERSED), crc)
    return _Sums(size, int(f"{crc:032b}"[::-1], 2), tuple(v.hexdigest() for v in values))


def _makeself(script: bytes, old: list[_Sums], new: list[_Sums]) -> bytes:
    """Return makeself's header with the sums and sizes of the new sections."""
    by_name: dict[bytes, tuple[list[str], list[str]]] = {
        b"CRCsum": ([str(s.cksum) for s in old], [str(s.cksum) for s in new]),
        b"MD5": ([s.digests[0] for s in old], [s.digests[0] for s in new]),
        b"SHA": ([s.digests[2] for s in old], [s.digests[2] for s in new]),
        b"filesizes": ([str(s.size) for s in old], [str(s.size) for s in new]),
        b"totalsize": ([str(sum(s.size for s in old))], [str(sum(s.size for s in new))]),
    }
    for name, (before, after) in by_name.items():
        script = re.sub(
            rb'^(%s=["\']?)([\w ]*)' % name,
            lambda m, name=name, before=before, after=after: m[1] + _listed(name, m[2], before, after),  # type: ignore[misc]  # mypy has no type for a lambda that binds by default value
            script,
            count=1,
            flags=re.MULTILINE,
        )
    return script


def _listed(name: bytes, digests: bytes, before: list[str], after: list[str]) -> bytes:
    """Return the words of one field; a sum of zeros means that there is none and stays."""
    words = digests.decode().split(" ")
    for index, word in enumerate(words):
        if not word.strip("0"):
            continue
        if index >= len(before) or word != before[index]:
            raise ArchiveError(
                f"the installer's {name.decode()} does not fit what is behind it",
                hint="it was damaged or changed; obtain it again",
            )
        words[index] = after[index]
    return " ".join(words).encode()


def _foreign(script: bytes, old: list[_Sums], new: list[_Sums]) -> bytes:
    """Return another extractor's script with the sizes, digests and offsets that it writes down."""
    words: dict[str, str] = {}
    for before, after in zip(old, new, strict=True):
        words |= dict(zip(before.digests, after.digests, strict=True))
        words |= {str(before.cksum): str(after.cksum), str(before.size): str(after.size)}
    made = script
    for _ in range(8):
        offsets = {str(len(script)): str(len(made)), str(len(script) + 1): str(len(made) + 1)}
        again = _with_words(script, words | offsets)
        if again == made:
            return made
        made = again
    raise ArchiveError("the installer's own offset cannot be settled", hint="have it built again")


def _with_words(script: bytes, words: dict[str, str]) -> bytes:
    known = {old: new for old, new in words.items() if len(old) >= _LEAST_NUMBER and old != new}
    if not known:
        return script
    pattern = re.compile(rb"(?<![\w.])(?:%s)(?![\w.])" % b"|".join(re.escape(w.encode()) for w in known))
    return pattern.sub(lambda m: known[m[0].decode()].encode(), script)
