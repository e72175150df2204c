"""Archives written as text: Base64 in scripts, mails, JSON and data: addresses, and uuencode."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from bundle.walk.derive import wrapped
from bundle.walk.embedded.extents import FoundExtent
from bundle.walk.formats import ends
from bundle.walk.identify import CONTAINERS, HEAD, identify
from bundle.walk.problem import Broken
from bundle.walk.source import CHUNK, Memory, Source
from bundle.walk.stream import bunzip2, gunzip

_STARTS = (b"\x1f\x8b\x08", b"PK\3\4", b"\xfd7zXZ\0", b"7z\xbc\xaf\x27\x1c", b"\x28\xb5\x2f\xfd", b"Rar!\x1a\x07",
           b"MSCF\0\0\0\0", b"\xed\xab\xee\xdb", b"!<arch>\n", b"070701")  # fmt: skip
_BEGIN = b"\nbegin "
_BZIP2 = tuple(f"BZh{level}1AY&SY".encode() for level in range(1, 10))
_BASE64 = frozenset(base64.b64encode(start)[: len(start) * 8 // 6] for start in (*_STARTS, *_BZIP2))
_BARE = frozenset(
    b"M" + binascii.b2a_uu(start.rstrip(b"\0"))[1:][: len(start.rstrip(b"\0")) * 8 // 6]
    for start in (*_STARTS, *_BZIP2)
)
"""A full line of uuencode, for the line `begin` may be written when it is undone, or not at all (PHP, Perl)."""


@dataclass(frozen=True, slots=True)
class _Coding:
    """One more way to write bytes as text."""

    name: str
    spelt: Callable[[bytes], Iterable[bytes]]
    """Returns how the first bytes of an archive may be written."""
    run: re.Pattern[bytes]
    """What belongs to the text, from its first letter on."""
    undo: Callable[[bytes], bytes]
    """Returns the bytes. Errors: ValueError."""
    quoted: bool = False
    """Whether the text is a literal, which ends at the quote that it begins behind."""


def _listed(text: bytes) -> bytes:
    return bytes(int(number, 16 if number[:2] in (b"0x", b"0X") else 10) for number in _NUMBER.findall(text))


def _hex(text: bytes) -> bytes:
    digits = b"".join(text.split())
    return bytes.fromhex(digits[: len(digits) // 2 * 2].decode())


def _base32(text: bytes) -> bytes:
    letters = b"".join(text.split()).split(b"=")[0]
    letters = letters[: len(letters) // 8 * 8] if len(letters) % 8 not in (2, 4, 5, 7) else letters
    return base64.b32decode(letters + b"=" * (-len(letters) % 8))


def _letter(match: re.Match[bytes]) -> bytes:
    hexadecimal, octal, other = match.groups()
    if hexadecimal or octal:
        return bytes([int(hexadecimal, 16) if hexadecimal else int(octal, 8) & 255])
    return _NAMED_LETTERS.get(other, other)


def _escaped(start: bytes) -> Iterator[bytes]:
    """Say how bytes stand in a literal: all of them escaped, or those alone that cannot be printed."""
    for form in (b"\\x%02x", b"\\x%02X", b"\\%03o"):
        yield b"".join(form % byte for byte in start)
        yield b"".join(bytes([byte]) if 32 < byte < 127 else form % byte for byte in start)


def _numbers(start: bytes) -> Iterator[bytes]:
    for form in (b"0x%02x", b"0x%02X", b"%d"):
        for between in (b",", b", "):
            yield between.join(form % byte for byte in start) + b","


_NUMBER = re.compile(rb"0[xX][0-9a-fA-F]{1,2}|\d{1,3}")
_LETTER = re.compile(rb"(?s)\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))")
_NAMED_LETTERS = {
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"f": b"\f",
    b"a": b"\a",
    b"b": b"\b",
    b"\n": b"",
}
_EXACT = tuple(  # first bytes of which nothing is left open, in whole groups of five letters
    start[:-1] + bytes([last]) if start[:2] == b"\x1f\x8b" else start
    for start in (b"\x1f\x8b\x08\0", *(one for one in _STARTS[1:] if len(one) >= 4), *_BZIP2)
    for last in ((0, 8) if start[:2] == b"\x1f\x8b" else (0,))
)
_CODINGS = (
    _Coding("hex", lambda start: (start.hex().encode(), start.hex().upper().encode()), re.compile(rb"[0-9a-fA-F\s]+"), _hex),
    _Coding("escapes", _escaped, re.compile(rb"(?s)(?:[^\\'\"]|\\.)*"), bytes, quoted=True),
    _Coding("numbers", _numbers, re.compile(rb"(?:0[xX][0-9a-fA-F]{1,2}|\d{1,3}|[,\s])+"), _listed),
    _Coding("base32", lambda start: (base64.b32encode(start)[: len(start) * 8 // 5],), re.compile(rb"[A-Z2-7=\s]+"),
            _base32),
)  # fmt: skip
_ASCII85, _BASE85 = (
    _Coding("base85", lambda start: (base64.a85encode(start[:4]),), re.compile(rb"[!-uz\s]+"),
            base64.a85decode, quoted=True),
    _Coding("base85", lambda start: (base64.b85encode(start[:4]),), re.compile(rb"[!-~\s]+"),
            lambda text: base64.b85decode(b"".join(text.split())), quoted=True),
)  # fmt: skip
_CODED = {
    **{mark: coding for coding in _CODINGS for start in (*_STARTS, *_BZIP2) for mark in coding.spelt(start)},
    **{mark: coding for coding in (_ASCII85, _BASE85) for start in _EXACT for mark in coding.spelt(start)},
}
"""How an archive begins in each coding."""
MARKS = _BASE64 | _BARE | {_BEGIN} | _CODED.keys()
"""How an archive begins when it is written as text: the letters that its first bytes settle."""

_OUTSIDE = re.compile(rb"[^A-Za-z0-9+/\s\\]|\\[^nrt]")
_LEAST = 60
_QUOTES = (b"'", b'"')
_OPENING = (b"", b"\n", *_QUOTES)
_FULL = 63
"""Bytes of a full line of uuencode, its end included."""
_FIRST = 512
_ENOUGH = 16 << 10
"""Bytes of text, or of what it holds, by which an archive is known."""
_HEAD = re.compile(rb"\nbegin [0-7]{3,4} ([^\r\n]{1,255})\r?\n")


class CodedText:
    """One text, with what is asked of it at many marks and found once."""

    def __init__(self, source: Source) -> None:
        """Take it, and ask nothing yet."""
        self.source = source
        self._reached = 0
        self._ended = False

    @cached_property
    def carries(self) -> bool:
        """Whether it says words of unwrapping."""
        return wrapped.worth_it(self.source.read(0, self.source.size))

    def run(self, place: int, most: int) -> int:
        """Return how many bytes belong to the run at a place, or somewhat more than `most`; what marks share is read once."""
        if place >= self._reached:
            self._reached, self._ended = place, False
        while not self._ended and self._reached - place <= most:
            block = self.source.read(self._reached, min(CHUNK, most + 2))
            outside = _OUTSIDE.search(block)
            last = self._reached + len(block) >= self.source.size
            self._ended = last or outside is not None
            self._reached += outside.start() if outside else len(block) - (not last)
        return self._reached - place


def at(  # noqa: PLR0911 - one return for each coding
    text: CodedText, place: int, mark: bytes
) -> FoundExtent | None:
    """Return the archive whose text starts at a mark."""
    source = text.source
    if mark == _BEGIN:
        return _uuencoded(source, place)
    if mark in _BARE:
        return _bare(text, place)
    if mark in _CODED:
        return _otherwise(text, place, _CODED[mark])
    before = source.read(place - 1, 1) if place else b""
    if before.isalnum() or before in (b"+", b"/"):
        return None  # the middle of a longer run, which some other alignment reads
    length = text.run(place, _ENOUGH)
    head = b"".join(_decoded(source, place, min(length, _ENOUGH)))
    if length < _LEAST or identify(head[:HEAD], Memory(head)) not in CONTAINERS:
        return None
    length = text.run(place, source.size)
    if not _is_archive(head, length, text):
        return None
    return FoundExtent(place, length, f"<base64 at {place}>", _decoded(source, place, length))


_MOST = 64 << 20
"""Bytes of a text in another coding than Base64 and uuencode."""


def _otherwise(text: CodedText, place: int, coding: _Coding) -> FoundExtent | None:
    """Return the archive that a text in one of `_CODINGS` holds."""
    source = text.source
    before = source.read(place - 1, 1) if place else b""
    if coding.quoted:
        if before not in _QUOTES and (coding is not _ASCII85 or source.read(place - 2, 2) != b"<~"):
            return None
        letters = _literal(source, place)
    elif before.isalnum():
        return None
    else:
        match = coding.run.match(source.read(place, min(source.size - place, _MOST)))
        letters = match.group() if match else b""
    if len(letters) < 2 * _LEAST:
        return None
    try:
        plain = coding.undo(_LETTER.sub(_letter, letters) if coding.quoted and before in _QUOTES else letters)
    except ValueError:
        return None
    kind = identify(plain[:HEAD], Memory(plain))
    if kind not in CONTAINERS or (kind == "gzip" and not ends.GZIP(Memory(plain))):
        return None
    return FoundExtent(place, len(letters), f"<{coding.name} at {place}>", plain)


def _literal(source: Source, place: int) -> bytes:
    """Return the literal that a place is in, up to the quote that ends it, or up to the end of a here-document's block."""
    front = source.read(max(0, place - 3), min(place, 3))
    whole = source.read(place, min(source.size - place, _MOST))
    quote = front[-1:]
    if quote not in _QUOTES:
        return whole.split(b"~>")[0]
    quote = quote * 3 if front == quote * 3 else quote
    at = whole.find(quote)
    while at > 0 and (at - len(whole[:at].rstrip(b"\\"))) % 2:
        at = whole.find(quote, at + 1)
    return whole[:at] if at >= 0 else whole


def _is_archive(head: bytes, length: int, text: CodedText) -> bool:
    """Whether a run is an archive; one compressed text in a script that says how it is undone is unwrapped elsewhere."""
    kind = identify(head[:HEAD], Memory(head))
    if kind not in CONTAINERS:
        return False
    if kind not in ("gzip", "bzip2") or length > wrapped.MOST or not text.carries:
        return True
    plain = b""
    try:
        for block in (gunzip if kind == "gzip" else bunzip2)(iter((head,))):
            plain += block
            if len(plain) >= HEAD:
                break
    except Broken:
        pass  # cut on purpose
    return not wrapped.is_plain(plain)


def _decoded(source: Source, place: int, length: int) -> Iterator[bytes]:
    held = b""
    reached = place
    while reached < place + length:
        block = source.read(reached, min(CHUNK, place + length - reached))
        reached += len(block)
        if block.endswith(b"\\") and reached < place + length:
            block = block[:-1]
            reached -= 1
        letters = held + b"".join(re.sub(rb"\\[nrt]", b"", block).split())
        usable = len(letters) // 4 * 4
        held = letters[usable:]
        yield base64.b64decode(letters[:usable])
    if len(held) > 1:
        yield base64.b64decode(held + b"=" * (-len(held) % 4))


def _uuencoded(source: Source, place: int) -> FoundExtent | None:
    head = source.read(place, 300)
    match = _HEAD.match(head)
    if match is None:
        return None
    start = place + match.end()
    first = source.read(start, 64).split(b"\n", 1)[0].rstrip(b"\r")
    if _line(first) is None:
        return None
    length = match.end() + _extent(source, start)
    return FoundExtent(place, length, f"<uuencoded at {place + 1}>", _undone(source, start))


def _bare(text: CodedText, place: int) -> FoundExtent | None:
    source = text.source
    before = source.read(max(0, place - _FULL), min(place, _FULL))
    if before[-1:] not in _OPENING or (before[-1:] == b"\n" and _line(before.splitlines()[-1])):
        return None  # inside a line, or the middle of a run that was looked at from its start
    length = _extent(source, place)
    head = b"".join(islice(_undone(source, place), _ENOUGH // 45))
    if length < _LEAST or not _is_archive(head, length, text):
        return None
    return FoundExtent(place, length, f"<uuencoded at {place}>", _undone(source, place))


def _extent(source: Source, start: int) -> int:
    """Return how many bytes the lines take, the one that ends them included."""
    length = 0
    for line, size in _lines(source, start):
        length += size
        if not _line(line) or _ends(line):
            break
    return min(length, source.size - start)


def _undone(source: Source, start: int) -> Iterator[bytes]:
    for line, _ in _lines(source, start):
        plain = _line(line)
        if not plain:
            return
        yield plain
        if _ends(line):
            return


def _whole(line: bytes) -> int:
    """Return how many letters the first one of a line says that it has, itself included."""
    return 1 + ((line[0] - 32 & 63) + 2) // 3 * 4


def _ends(line: bytes) -> bool:
    """Whether a literal ends right behind the letters of a line."""
    whole = _whole(line)
    return line[whole : whole + 1] in _QUOTES


def _line(line: bytes) -> bytes | None:
    """Return the bytes of one line, None where it is none."""
    if not line or not 32 <= line[0] <= 96 or len(line) > 90:
        return None
    if _ends(line):
        line = line[: _whole(line)]
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        return None


def _lines(source: Source, start: int) -> Iterator[tuple[bytes, int]]:
    """Say (line, bytes it takes)."""
    held, step = b"", _FIRST  # most that begin like an archive end soon
    while block := source.read(start, step):
        start += len(block)
        step = min(2 * step, CHUNK)
        *whole, held = (held + block).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r"), len(line) + 1
        if len(held) > 4096:
            return
    if held:
        yield held, len(held)
