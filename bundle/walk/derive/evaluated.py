"""PHP that evaluates an encoded text which nothing here decodes: reported as not examined, never passed over.

The tokens of PHP tell code from literals and comments. A file counts when its code evaluates text (`eval`, a function
whose name is a text) and it holds a long literal in a code (Base64, hex, Base85, bytes that are not text), or many short
ones, which no unwrapping turns into text and which are not a picture, a font, a key or an archive either.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from math import log2

from bundle.walk import scan
from bundle.walk.identify import CONTAINERS, HEAD, identify
from bundle.walk.source import Memory

_COMMENT = rb"/\*.*?(?:\*/|\Z)|(?://|\#(?!\[))(?:(?!\?>)[^\r\n])*"
_SINGLE = rb"'(?P<single>(?:[^'\\]|\\.)*)(?:'|\Z)"
_DOUBLE = rb'"(?P<double>(?:[^"\\]|\\.)*)(?:"|\Z)'
_HEREDOC = (
    rb"""<<<[ \t]*(?P<quote>["']?)(?P<label>[A-Za-z_]\w*)(?P=quote)\r?\n(?P<here>.*?)\n[ \t]*(?P=label)\b"""
)
_OUTSIDE = rb"\?>.*?(?:<\?(?:php|=)?|\Z)"
_HALT = rb"(?P<halt>__halt_compiler\s*\(\s*\)\s*(?:;|\?>)).*"
_CALLS = rb"(?P<evaluates>\b(?:eval|assert|create_function)\s*\()|(?P<called>\$\w+|\]|\}|\))\s*\("
_DECODERS = rb"chr|strrev|str_rot13|\w*decode|hex2bin|pack|implode|join|sprintf|substr"
_GIVEN_TEXT = rb"""(?P<assigned>\$\w+)\s*\.?=(?!=)\s*(?=['"]|\(?\s*(?:%b)\s*\()""" % _DECODERS
_TOKEN = re.compile(
    rb"(?P<comment>%b)|%b|%b|%b|(?P<outside>%b)|%b|%b|%b"
    % (_COMMENT, _SINGLE, _DOUBLE, _HEREDOC, _OUTSIDE, _HALT, _CALLS, _GIVEN_TEXT),
    re.DOTALL | re.IGNORECASE,
)
_LONG, _PIECE, _TOGETHER = 120, 24, 200
"""Letters of a literal that counts alone; of one that counts with others, and of those others together."""
_CODE = re.compile(rb"[A-Za-z0-9+/=_\-\r\n]+")
_MIXED = (re.compile(rb"[a-z]"), re.compile(rb"[A-Z]"), re.compile(rb"[0-9]"))
_DENSE = 5.6
"""Bits a letter of a text that is no language and no program: Base85 has 6.3, minified programs 5.2."""
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3}))")
NUMBERS = re.compile(
    rb"(?:(?:0x[0-9a-f]{1,2}|\d{1,3})\s*,\s*){64,}(?:0x[0-9a-f]{1,2}|\d{1,3})?", re.IGNORECASE
)
_NUMBER = re.compile(rb"0[xX][0-9a-fA-F]{1,2}|\d{1,3}")
RARE = (
    rb"(?i)\b(?:eval|assert|create_function)\s*\(", rb"\$\w+\s*\(|[\])}]\s*\(",
    rb"\S{120}", rb"['\"][A-Za-z0-9+/=]{24}", rb"(?:(?:0x)?[0-9a-fA-F]{1,3}\s*,\s*){30}",
    rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]",
)  # fmt: skip
"""Without one of the first two and one of the others nothing is evaluated that is written in a code."""
_WIDE = re.compile(rb"\b(?:25[6-9]|2[6-9]\d|[3-9]\d\d)\b")
"""A number that is not a byte."""
_TO_LETTER = re.compile(rb"(?i)\b(?:chr|pack|fromCharCode)\s*\(")
_DECODES = re.compile(
    rb"base64\s+(?:-\w*[dD]|--decode)|xxd\s+-\w*r|openssl\s+(?:enc|base64|aes)|(?:64|85|32)_?decode|decode_?(?:64|base64)|unhexlify|fromhex"
    rb"|uudecode|\batob\s*\(|['\"]base64['\"]|unpack\s*\(?\s*['\"][mHu]"
)
_RUNS = re.compile(
    rb"\b(?:exec|eval|system|popen|extractall|spawn)\s*\(|\bmarshal\b|\bsubprocess\b|new\s+Function|\|\s*(?:ba|da|k|z)?sh\b|\|\s*(?:tar|cpio|unzip|gunzip|gzip|xz)\b"
    rb"|\beval\s+[\"'$]|\bsource\s|\btar\s+-?\w*x"
)
_CALLED, _ASSIGNED = re.compile(rb"(\$\w+)\s*\("), re.compile(rb"(\$\w+)\s*\.?=(?!=)")
_SCRIPT = (_DECODES.pattern, _RUNS.pattern, rb"[A-Za-z0-9+/]{60}", rb"['\"][!-&(-~]{400}")
"""Without the first two and one of the others no script runs a `_BLOCK`."""
_BLOCK = re.compile(rb"([A-Za-z0-9+/]{60}[A-Za-z0-9+/\s]{340,}={0,2})|['\"]([!-&(-~]{400,})['\"]")
_QUOTED = re.compile(rb"\\([\\'])")
_HIGH = bytes(range(128, 256))
_TEXT = bytes(range(32, 127)) + b"\t\n\r\f\x1b"


def encoded(text: bytes, *, payload: bool) -> list[tuple[int, bytes]]:
    """Return (offset, bytes) of each literal that PHP may evaluate and that is written in a code.

    `payload`: the text is code from its first byte on, as what `eval` gets is.
    """
    rare = set(scan.held(RARE, text))
    start = 0 if payload and b"<?" not in text[:16] else text.find(b"<?")
    if start < 0 or not ({0, 1} & rare and {2, 3, 4, 5} & rare) or not (0 in rare or _calls_a_text(text)):
        return []
    evaluates = False
    called: set[bytes] = set()
    assigned: set[bytes] = set()
    held: list[tuple[int, bytes]] = []
    for match in _TOKEN.finditer(text, start):
        kind = match.lastgroup
        if kind == "evaluates":
            evaluates = True
        elif kind == "called":
            called.add(match["called"])
        elif kind == "assigned":
            assigned.add(match["assigned"])
        elif kind == "halt":
            held.append((match.end("halt"), text[match.end("halt") :]))
        elif kind in ("single", "double", "here"):
            held.append((match.start(kind), _UNDONE.get(kind, bytes)(match[kind])))
    if not (evaluates or called & assigned):
        return []
    listed = (
        (one for one in NUMBERS.finditer(text) if _WIDE.search(one.group()) is None)
        if _TO_LETTER.search(text)
        else ()
    )
    return [*((match.start(), numbers(match.group())) for match in listed), *_in_code(held)]


def _calls_a_text(text: bytes) -> bool:
    """Return whether a variable that is assigned is called somewhere; names in strings and comments count, too."""
    called = set(_CALLED.findall(text))
    return bool(called) and not called.isdisjoint(_ASSIGNED.findall(text))


def in_script(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Say (offset, letters) of each encoded block of a script that decodes text and runs or unpacks what comes out."""
    rare = set(scan.held(_SCRIPT, text))
    if rare >= {0, 1} and rare & {2, 3} and _DECODES.search(text) and _RUNS.search(text):
        for match in _BLOCK.finditer(text):
            letters = match[1] or match[2]
            if match[1] or _is_encoded(letters):
                yield match.start(), letters


def _in_code(held: list[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    pieces: list[tuple[int, bytes]] = []
    for at, literal in held:
        if len(literal) >= _LONG:
            if _is_encoded(literal):
                yield at, literal
        elif _CODE.fullmatch(literal) and (pieces or _is_piece(literal)):
            pieces.append((at, literal))
    while pieces and not _is_piece(pieces[-1][1]) and len(pieces[-1][1]) < 4:
        pieces.pop()
    together = b"".join(literal for _, literal in pieces)
    if sum(len(literal) for _, literal in pieces if _is_piece(literal)) >= _TOGETHER:
        yield pieces[0][0], together


def _is_piece(literal: bytes) -> bool:
    return len(literal) >= _PIECE and all(one.search(literal) for one in _MIXED)


def numbers(listed: bytes) -> bytes:
    """Return the bytes that a list of numbers spells."""
    return bytes(int(one, 16 if one[:2] in (b"0x", b"0X") else 10) & 255 for one in _NUMBER.findall(listed))


_UNDONE: dict[str, Callable[[bytes], bytes]] = {
    "single": lambda literal: _QUOTED.sub(rb"\1", literal),
    "double": lambda literal: _ESCAPE.sub(_byte, literal),
}


def _byte(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16) if match[1] else int(match[2], 8) & 255])


def _is_encoded(literal: bytes) -> bool:
    """Return whether a literal is written in a code, rather than in a language of people or programs."""
    if _CODE.fullmatch(literal):
        return len(set(literal)) > 8 or not literal.isalpha()
    sample = literal[:65536]
    odd = sample.translate(None, _TEXT)
    if len(odd) * 100 > len(sample):
        if len(odd.translate(None, _HIGH)) * 100 > len(sample):
            return True
        try:
            sample.decode()
        except UnicodeDecodeError as problem:
            return problem.start < len(sample) - 4
        return False
    if sample.count(b" ") * 50 > len(sample):
        return False
    counts = Counter(sample)
    return sum(-n / len(sample) * log2(n / len(sample)) for n in counts.values()) > _DENSE


_UNSETTLED = frozenset({"data", "text", "php", "empty", "gzip", "zlib", "bzip2", "xz", "lzma", "bdb"})
"""Formats that say nothing of what is in them."""


_WORDS = re.compile(
    rb"(?i)\b(?:function|echo|eval|return|print|array|include|require|exit|foreach|while|isset|class)\b|\$_[A-Z]{3}|<\?php|</?[a-z]{2,}[ />]"
)


def is_code(text: bytes) -> bool:
    """Return whether a text that PHP evaluates is a program or a page, and not letters of one more code."""
    return _WORDS.search(text) is not None


def is_container(raw: bytes) -> bool:
    """Return whether bytes are an archive."""
    return identify(raw[:HEAD], Memory(raw)) in CONTAINERS


def is_opened(raw: bytes) -> bool:
    """Return whether bytes are a container, which is opened where it stands, or something known by itself."""
    return is_container(raw) or is_known(raw)


def is_known(raw: bytes) -> bool:
    """Return whether bytes are something by themselves: a picture, a font, an archive, a key in DER."""
    if raw.startswith(b"\0asm"):  # WebAssembly
        return True
    if raw[:1] == b"\x30" and raw[1:2] in (b"\x81", b"\x82"):
        wide = raw[1] & 15
        return abs(2 + wide + int.from_bytes(raw[2 : 2 + wide], "big") - len(raw)) <= 3
    return identify(raw[:HEAD], Memory(raw)) not in _UNSETTLED
