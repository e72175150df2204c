"""Payloads that scripts carry wrapped: Base64, hex, deflate, rot13, reversed, several layers deep.

What `eval(gzinflate(base64_decode('...')))` would run is made readable, by content: every long literal is tried
with every unwrapping, and what comes out as text (or wrapped again) is kept. Nothing is run.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import cache
from itertools import chain
from urllib.parse import unquote_to_bytes

from bundle.walk import scan
from bundle.walk.derive import evaluated, joined
from bundle.walk.literals import Gate
from bundle.walk.problem import Broken

_COMMANDS = frozenset(
    (b"-EncodedCommand", b"-encodedcommand", b"-encodedCommand", b"-enc ", b"-Enc ", b"-ENC ")
)
"""How PowerShell is told a command in Base64."""
WORDS = (b"base64", b"b64decode", b"gzinflate", b"gzuncompress", b"str_rot13", b"hex2bin", b"atob(", b"\\x", b"fromCharCode",
          b"pack('H", b'pack("H', b"xxd -r", b"unhexlify", b"gzdecode", b"urldecode", b"__halt_compiler",
          b"PD9waH", b".chr(", *_COMMANDS, b"85decode", *(b"\\%03o\\" % letter for letter in b"aeto"))  # fmt: skip
"""Words of unwrapping: a script that says none of them carries no payload."""
_JOINING = (
    b"implode(",
    b"join('')",
    b'join("")',
    b"join(``)",
    b"''.join(",
    b'"".join(',
    b"join('',",
    b'join("",',
)
"""How a list is made one text with nothing in between."""
_UU = (b"uudecode", b"a2b_uu", b"'uu'", b'"uu"', *(b"unpack" + at + mark + b"u" for at in (b"(", b" ", b"( ") for mark in (b"'", b'"')))  # fmt: skip
"""How uuencoded text is undone: in PHP and the shell, Python, Perl."""
_NAMED = (b"base64_decode", b"b64decode", b"atob")
_OCTALS = tuple(b"\\%03o\\" % letter for letter in range(64, 128))
SELF = b"__FILE__"
"""How a script names itself, which may read what lies behind its code."""
ASKED = tuple(dict.fromkeys((*WORDS, *_JOINING, *_UU, *_NAMED, *_OCTALS, b"chr(", SELF)))
"""What one pass over a text tells of it; what each step below looks for begins with one of them."""
_LITERAL = re.compile(rb"[A-Za-z0-9+/]{60}[A-Za-z0-9+/\s]*={0,2}")
_SHORT = tuple(  # one for each name: what begins with a literal is looked for many times quicker
    (name, re.compile(name + rb"""\(\s*b?["']([A-Za-z0-9+/]{8,59}={0,2})["']""")) for name in _NAMED
)
_PIPED = re.compile(
    rb"""\becho\s+(?:-\w\s+)?["']?([A-Za-z0-9+/]{16,59}={0,2})["']?\s*\|\s*base64\s+(?:-d|-D|--decode)\b"""
)
"""What the shell pipes to where it is read: what is longer is read anyhow."""
_PIPE = re.compile(rb"\|\s*base64\s")
_POWERSHELL = re.compile(rb"(?i)\s-e(?:nc(?:odedcommand)?)?\s+[\"']?([A-Za-z0-9+/]{32,}={0,2})")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}\s*+){32,}+")
_ESCAPED = re.compile(rb"\\(?:x[0-9a-fA-F]{2}|[0-7]{3})(?:\\(?:x[0-9a-fA-F]{2}|[0-7]{3})){7,}+")
_ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})|\\([0-7]{3})")
_PERCENT = re.compile(  # its first sign stands alone, for that is looked for many times quicker
    rb"%[0-9A-Fa-f]{2}[A-Za-z0-9_.+-]{0,3}(?:%[0-9A-Fa-f]{2}[A-Za-z0-9_.+-]{0,3}+){23,}+"
)
_HALT = re.compile(rb"__halt_compiler\s*\(\s*\)\s*(?:;|\?>\r?\n?)", re.IGNORECASE)
_UUENCODED = re.compile(rb"(?:^M[\x20-\x60]{60}\r?\n){2,}(?:^[\x21-\x4c][\x20-\x60]*\r?\n)?", re.MULTILINE)
_CHARACTERS = re.compile(rb"(?:\bchr\(\s*+\d{1,3}+\s*+\)\s*+(?:\.\s*+)?+){8,}+", re.IGNORECASE)
_NUMBER = re.compile(rb"\d+")
_BASE85 = re.compile(rb"""[ab]85decode\(\s*b?(['"]{1,3})([!-~\s]{20,}?)\1""")
_ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_RUNS = bytes(65 if byte in _ALPHABET else 32 for byte in range(256))
_LETTERS = 60
_LONG = rb"[A-Za-z0-9+/]{60}"
_RARE = (
    rb"(?:\\(?:x[0-9a-fA-F]{2}|[0-7]{3})){8}",
    rb"(?i)(?:chr\(\s*\d{1,3}\s*\)\s*(?:\.\s*)?){8}",
    rb"(?i)__halt_compiler",
)
_ESCAPES, _CALLS, _HALTS = range(3)
_CODED = (rb"\S{60}", *evaluated.RARE[2:])
"""What few texts hold, and is slow to look for."""
MOST = 8 << 20
"""Bytes a payload is unwrapped to."""
_MANY = 200
_SIGNS = 64 << 10
_CODE_LETTERS = bytes(range(33, 127)) + b"\r\n"
_ROT13 = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    b"NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm",
)
_TEXT = bytes(range(32, 127)) + b"\t\n\r\f"


Where = Callable[[bytes, int], int]
"""What tells where a piece, found at an offset of the text that was read, lies in the stored one."""
_UNWRAPPING = frozenset((*WORDS, *_UU))
_OCTAL = frozenset(_OCTALS)


@cache
def _gate() -> Gate:
    return Gate(ASKED)


def words_of(data: bytes) -> Mapping[bytes, int]:
    """Return what of `ASKED` a text says."""
    return _gate().hits(data)


def worth_it(data: bytes, hits: Mapping[bytes, int] | None = None, *, php: bool = False) -> bool:
    """Whether a script says one of the words of unwrapping; `hits`, where it was looked through for them already.

    PHP can build every word at run time, so a long run of letters in it is enough.
    """
    if php and scan.held(_CODED, data):
        return True
    found = words_of(data) if hits is None else hits
    return bool(found and not _UNWRAPPING.isdisjoint(found)) or (SELF in found and b"\0" in data)


def unwrapped(
    data: bytes, layers: int, hits: Mapping[bytes, int] | None = None, *, php: bool = False
) -> Iterator[tuple[str, bytes, int]]:
    """Say (how, text, line of the stored file) of every payload, outer layers first; `hits` as in `worth_it`.

    Errors: Broken, at the end: what is left is more than is undone, or PHP evaluates what could not be decoded.
    """
    seen: set[bytes] = set()
    todo: list[tuple[str, bytes, int | None, int]] = [("", data, None, 0)]
    line_of = _lines(data)
    deeper = False
    left: tuple[int, int] | None = None
    while todo:
        how, text, line, depth = todo.pop(0)
        if depth >= layers:
            deeper = deeper or any(
                inner and inner not in seen for _, inner, _ in _payloads(text, words_of(text))
            )
            continue
        found = _payloads(text, words_of(text) if hits is None or depth else hits)
        for word, inner, at in chain(found, _evaluated(text, depth) if depth or php else ()):
            if word == UNDECODED:
                left = left or (line if line is not None else line_of(at), len(inner))
                continue
            if not inner or inner in seen:
                continue
            if len(seen) >= _MANY:
                raise Broken("limit-members", f"wraps more than {_MANY} texts; the rest was not unwrapped")
            seen.add(inner)
            place = line if line is not None else line_of(at)
            name = f"{how}+{word}" if how else f"unwrapped:{word}"
            yield name, inner, place
            todo.append((name, inner, place, depth + 1))
    if deeper:
        raise Broken("limit-depth", f"wraps a text more than {layers} times; the innermost was not unwrapped")
    if left is not None:
        raise Broken("unsupported", NOT_DECODED % (left[1], left[0]))


def _lines(data: bytes) -> Callable[[int], int]:
    """Return what tells the line of a place; places mostly come in order, so that few lines are counted twice."""
    reached, ended = 0, 0

    def line(at: int) -> int:
        nonlocal reached, ended
        if at < reached:
            return data.count(b"\n", 0, at) + 1
        ended += data.count(b"\n", reached, at)
        reached = at
        return ended + 1

    return line


def _payloads(data: bytes, hits: Mapping[bytes, int]) -> Iterator[tuple[str, bytes, int]]:
    text = joined.built(data)  # 'abc' . 'def', and $a .= 'def'
    if any(word in hits for word in _JOINING):
        text = joined.listed(text)
    whole = len(text) == len(data)
    if not whole:
        hits = words_of(text)  # a word may have been in pieces as well
    rare = scan.held(_RARE, data)
    held = rare if whole else scan.held(_RARE, text)
    where = _where(data, whole=whole)
    yield from _runs(text, where)
    yield from _escaped(text, hits, held, where)
    yield from _called(text, hits, held, where)
    yield from _behind(data, halts=_HALTS in rare)


def _where(data: bytes, *, whole: bool) -> Where:
    """Return what tells where a piece lies in a stored text that was read as it is, or with its joints left out."""
    if whole:
        return lambda _piece, at: at
    found = cache(data.find)
    return lambda piece, _at: max(0, found(piece))


def _runs(text: bytes, where: Where) -> Iterator[tuple[str, bytes, int]]:
    """Say what long runs of letters hold."""
    after = _run_after(text)
    at = after(0)
    while at >= 0:
        match = _LITERAL.match(text, at)
        end = at + _LETTERS
        if match is not None:
            end = match.end()
            digits = _HEX.match(match.group())
            if (
                digits is not None and digits.end() > len(match.group()) - 80
            ):  # the word that ends a here-document follows
                found = _from_bytes("hex", bytes.fromhex(digits.group().decode()))
            else:
                found = _tried(match.group())
            yield from _placed(found, where, match.group(), at)
        at = after(end)


def _run_after(text: bytes) -> Callable[[int], int]:
    """Return what tells where the next long run of letters begins, below 0 where there is none."""
    end = scan.first(_LONG, text)
    if end is not None:
        return lambda at: end(at) - _LETTERS
    runs = text.translate(_RUNS)  # finding a run of one byte is many times quicker than a pattern
    return lambda at: runs.find(b"A" * _LETTERS, at)


def _called(
    text: bytes, hits: Mapping[bytes, int], held: Collection[int], where: Where
) -> Iterator[tuple[str, bytes, int]]:
    """Say what stands in forms that only a function's name tells."""
    called = (match for name, pattern in _SHORT if name in hits for match in pattern.finditer(text))
    for match in sorted(called, key=re.Match.start):
        yield from _placed(_short(match.group(1)), where, match.group(), match.start())
    for match in _PIPED.finditer(text) if b"base64" in hits and _PIPE.search(text) else ():
        yield from _placed(_short(match.group(1)), where, match.group(), match.start())
    for match in _POWERSHELL.finditer(text) if not _COMMANDS.isdisjoint(hits) else ():
        wide = _decoded(match.group(1)).decode("utf-16-le", "replace").encode()
        yield from _placed(_from_bytes("base64", wide), where, match.group(), match.start())
    if any(word in hits for word in _UU) and (text.startswith(b"M") or b"\nM" in text):
        for match in _UUENCODED.finditer(text):
            yield from _placed(
                _from_bytes("uuencode", _uudecoded(match.group())), where, match.group(), match.start()
            )
    if b"85decode" in hits:
        for match in _BASE85.finditer(text):
            yield from _placed(
                _from_bytes("base85", _base85(match.group(2))), where, match.group(), match.start()
            )
    for match in _CHARACTERS.finditer(text) if b"chr(" in hits and _CALLS in held else ():
        raw = bytes(int(number) & 255 for number in _NUMBER.findall(match.group()))
        yield from _placed(_from_bytes("characters", raw), where, match.group(), match.start())


def _behind(data: bytes, *, halts: bool) -> Iterator[tuple[str, bytes, int]]:
    """Say what lies behind the code of a script that reads itself."""
    tail = data.rfind(b"?>", 0, 65536)
    if tail >= 0 and SELF in data[:tail]:  # a script that reads itself
        for how, text in _from_bytes("behind the script", data[tail + 2 :].lstrip(), plain=False):
            yield how, text, tail
    halt = _HALT.search(data) if halts else None
    if halt is not None:  # what follows is data of the script, as it is stored
        for how, text in _from_bytes("halt-compiler", data[halt.end() :], plain=False):
            yield how, text, halt.start()


def _escaped(
    text: bytes, hits: Mapping[bytes, int], held: Collection[int], where: Where
) -> Iterator[tuple[str, bytes, int]]:
    """Say what is written as hexadecimal or octal escapes or, for urldecode, with percent signs."""
    if _ESCAPES in held and (b"\\x" in hits or not _OCTAL.isdisjoint(hits)):
        for match in _ESCAPED.finditer(text):
            raw = _plain(match.group())
            yield from _placed(_from_bytes("hex-escapes", raw), where, match.group(), match.start())
    if b"urldecode" in hits:
        for match in _PERCENT.finditer(text):
            yield from _placed(
                _from_bytes("percent", _unquoted(match.group())),
                where,
                match.group(),
                match.start(),
            )


def _plain(escapes: bytes) -> bytes:
    """Return what a run of escapes says; most are hexadecimal throughout, which Python reads at once."""
    with suppress(ValueError):
        return bytes.fromhex(escapes.replace(b"\\x", b"").decode())
    return _ESCAPE.sub(_one, escapes)


def _one(match: re.Match[bytes]) -> bytes:
    return bytes([int(match.group(1), 16) if match.group(1) else int(match.group(2), 8) & 255])


def _unquoted(text: bytes) -> bytes:
    """Return what a run of percent signs says, some of it at a time: what undoes it keeps each sign as an object."""
    made: list[bytes] = []
    at = 0
    while at < len(text):
        end = text.find(b"%", at + _SIGNS)
        end = len(text) if end < 0 else end
        made.append(unquote_to_bytes(text[at:end]))
        at = end
    return b"".join(made)


def _base85(letters: bytes) -> bytes:
    for decode in (base64.b85decode, base64.a85decode):
        with suppress(ValueError):
            return decode(b"".join(letters.split()))
    return b""


def _uudecoded(text: bytes) -> bytes:
    out: list[bytes] = []
    with suppress(binascii.Error):
        out += (binascii.a2b_uu(line) for line in text.splitlines())
    return b"".join(out)


def _placed(
    found: Iterator[tuple[str, bytes]], where: Where, piece: bytes, at: int
) -> Iterator[tuple[str, bytes, int]]:
    """Say what a piece of a text at an offset holds, with its place in the stored text."""
    for how, text in found:
        yield how, text, where(piece, at)


def _tried(literal: bytes) -> Iterator[tuple[str, bytes]]:
    """Say what a Base64-looking literal holds, as it is, reversed and turned by 13 letters."""
    letters = b"".join(literal.split())[: MOST * 2]
    for word, variant in (
        ("base64", letters),
        ("rot13+base64", letters.translate(_ROT13)),
        ("reverse+base64", letters.rstrip(b"=")[::-1]),
    ):
        raw = _decoded(variant)
        found = list(_from_bytes(word, raw)) if raw else []
        if found:
            yield from found
            return


def _short(letters: bytes) -> Iterator[tuple[str, bytes]]:
    raw = _decoded(letters)
    if raw and len(raw) >= 8 and is_plain(raw):
        yield "base64", raw


def _decoded(letters: bytes) -> bytes:
    body = letters.rstrip(b"=")
    try:
        return base64.b64decode(body + b"=" * (-len(body) % 4)) if len(body) % 4 != 1 else b""
    except (binascii.Error, ValueError):
        return b""


def _from_bytes(how: str, raw: bytes, *, plain: bool = True) -> Iterator[tuple[str, bytes]]:
    """Say the text that bytes are, or unpack to; without `plain` only what they unpack to."""
    turned = raw.translate(_ROT13)
    tried = chain(_inflations(raw), ((f"rot13+{word}", text) for word, text in _inflations(turned) if word))
    for word, text in tried:
        if text and is_text(text) and (word or plain):
            yield f"{how}+{word}" if word else how, text
            return
        again = text.translate(_ROT13) if word else b""
        if again and is_text(again):
            yield f"{how}+{word}+rot13", again
            return


def _inflations(raw: bytes) -> Iterator[tuple[str, bytes]]:
    yield "", raw
    for word, bits, start in (("gzip", 31, b"\x1f\x8b"), ("zlib", 15, b"\x78"), ("inflate", -15, b"")):
        if raw.startswith(start):
            made = zlib.decompressobj(bits)
            try:
                plain = made.decompress(raw, MOST)
            except zlib.error:
                continue
            if len(plain) >= 8 and (made.eof or len(plain) == MOST):
                yield word, plain
    if raw.startswith(b"BZh"):
        try:
            yield "bzip2", bz2.BZ2Decompressor().decompress(raw, MOST)
        except OSError:
            return


def left_in_script(data: bytes) -> tuple[int, int] | None:
    """Return (line, letters) of the first encoded block that a script decodes and nothing here does."""
    for at, letters in evaluated.in_script(data):
        whole = letters.rstrip().rpartition(b"\n")[0]  # the word that ends a here-document may follow
        tried = [*_raws(letters), *_raws(whole)]
        known = any(evaluated.is_opened(raw) or next(_from_bytes("", raw), None) for raw in tried)
        if not known:
            return data.count(b"\n", 0, at) + 1, len(letters)
    return None


NOT_DECODED = (
    "runs an encoded text of %d letters (line %d) that could not be decoded, so that text was not examined. "
    "Decode it as the script does, and audit the result"
)
UNDECODED = ""
"""How a text was unwrapped that could not be."""


def _evaluated(text: bytes, depth: int) -> Iterator[tuple[str, bytes, int]]:
    """Say what the encoded literals hold that PHP evaluates, and each (`UNDECODED`) that nothing decodes."""
    built = joined.built(text)
    where = _where(text, whole=len(built) == len(text))
    for at, literal in evaluated.encoded(built, payload=depth > 0):
        found = list(_decodings(literal))
        yield from _placed(iter(found), where, literal, at)
        if not any(evaluated.is_code(plain) for _, plain in found) and not _is_known(literal):
            yield UNDECODED, literal, where(literal, at)


def _decodings(literal: bytes) -> Iterator[tuple[str, bytes]]:
    """Say each text that an unwrapping makes of a literal."""
    yield from _from_bytes("literal", literal, plain=bool(literal.translate(None, _CODE_LETTERS)))
    for raw in _raws(literal):
        yield from _from_bytes("literal", raw)


def _is_known(literal: bytes) -> bool:
    return any(evaluated.is_known(text) for raw in (literal, *_raws(literal)) for _, text in _inflations(raw))


def _raws(literal: bytes) -> Iterator[bytes]:
    letters = b"".join(literal.split())
    for one in (letters, letters.translate(_ROT13), letters.rstrip(b"=")[::-1]):
        yield from filter(None, (_decoded(one), _unhexed(one)))
    yield from filter(None, (_base85(letters),))


def _unhexed(letters: bytes) -> bytes:
    with suppress(ValueError):
        return bytes.fromhex(letters.decode())
    return b""


_SPOKEN = re.compile(rb"[\t\n\r\f\x20-\x7e]{64}")


def is_text(raw: bytes) -> bool:
    """Whether bytes read as text, or hold some: a block of other bytes in a comment hides no program."""
    if is_plain(raw):
        return True
    if evaluated.is_container(raw):  # it is opened where it stands
        return False
    odd = len(raw.translate(None, _TEXT))
    return odd * 5 < len(raw) or _SPOKEN.search(raw) is not None


def is_plain(raw: bytes) -> bool:
    """Whether bytes read as text in ASCII or UTF-8."""
    sample = raw[:4096]
    odd = len(sample.translate(None, _TEXT))
    if odd * 100 <= len(sample):
        return True
    if odd * 2 > len(sample):
        return False
    try:
        raw[:4096].decode("utf-8")
    except UnicodeDecodeError as problem:
        return problem.start > 4090 and b"\0" not in sample
    return len(sample.translate(None, bytes(range(32)))) >= len(sample) - sample.count(b"\n") - sample.count(
        b"\r"
    ) - sample.count(b"\t")
