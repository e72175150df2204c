"""String constants of Java classes and of compiled Python, with their names first, then in the order they are stored.

A constant that is a text of its own (a PHP page that an installer writes, a script) is said as it is, for
on one line, with its quotes escaped, it would read as something else.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from functools import cache
from itertools import islice

from bundle.classfile import CONSTANT, TEXT
from bundle.walk.literals import Gate

_WORDS = (b"passw", b"passphrase", b"secret", b"credential", b"apikey", b"api_key", b"api-key", b"private", b"token", b"jdbc:",
          b"mysql:", b"://", b"pwd", b"-----begin",
          b"<?php", b"kennwort", b"basic ", b"sshpass", b"mysqldump", b"mysql -", b"identified by", b"ghp_", b"sk_live_", b"akia",
          b"glpat-", b"xoxb-", b"$2a$", b"$2y$", b"$2b$", b"bearer ", b"admin_hash")  # fmt: skip
_TOKENS = (b"AIza", b"GOCSPX-", b"T3BlbkFJ", b"sk-ant-", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"npm_", b"xoxp-", b"xapp-", b"shpat_", b"dop_v1_",
           b"glsa_", b"hvs.", b"dckr_pat_", b"pypi-AgE", b"lin_api_", b"PMAK-", b"NRAK-", b"AGE-SECRET-KEY-", b"adminHash")  # fmt: skip
"""What tokens begin with, or hold, in the letters in which they are published."""
_U2 = struct.Struct(">H")
_PAGE = re.compile(rb"\s*(?:#!/|<%|<\?xml)|(?s:.*?)<\?(?:php|=)")
"""How a constant begins, or what it says, that is a text of its own; many lines alone are documentation as a rule."""
_MOST_TEXTS = 1000
_LOOK = 256


@cache
def _gate() -> Gate:
    return Gate((*_TOKENS, *(made for word in _WORDS for made in (word, word.upper(), word.capitalize()))))


def worth_it(data: bytes) -> bool:
    """Whether a class says a word that makes its constants worth reading: most of 100,000 classes do not."""
    return bool(_gate().hits(data))


def class_constants(data: bytes) -> tuple[bytes, list[bytes]]:
    """Return `NAME = "value";` for constant fields, then the other string literals, one a line; and texts of their own."""
    try:
        return _class_constants(data)
    except (IndexError, struct.error, KeyError):
        return b"", []  # not a class after all; its bytes were examined as they are


def _class_constants(data: bytes) -> tuple[bytes, list[bytes]]:
    texts: dict[int, bytes] = {}
    literals: dict[int, int] = {}
    (count,) = _U2.unpack_from(data, 8)
    at, index = 10, 1
    while index < count:
        tag = data[at]
        if tag == TEXT:
            end = at + 3 + (data[at + 1] << 8 | data[at + 2])
            texts[index] = data[at + 3 : end]
            at = end
        else:
            if tag == 8:
                literals[index] = data[at + 1] << 8 | data[at + 2]
            elif tag == 5 or tag == 6:  # noqa: PLR1714 - quicker, and asked for each constant of each class
                index += 1
            at += 1 + CONSTANT[tag]
        index += 1
    if not literals:
        return b"", []
    named = _constant_fields(data, at, texts, literals)
    lines = [
        b'%s = "%s";' % (texts.get(name, b"?"), _joined(texts.get(literals[value], b"")))
        for name, value in named
    ]
    used = {value for _, value in named}
    lines += [
        b'"%s"' % _joined(texts.get(text, b"")) for index, text in literals.items() if index not in used
    ]
    return _lines(lines), _own(texts.get(text, b"") for text in literals.values())


def _constant_fields(
    data: bytes, at: int, texts: dict[int, bytes], literals: dict[int, int]
) -> list[tuple[int, int]]:
    """Return (name, constant) of fields that are initialised with a string literal."""
    found: list[tuple[int, int]] = []
    (interfaces,) = _U2.unpack_from(data, at + 6)
    at += 8 + 2 * interfaces
    (fields,) = _U2.unpack_from(data, at)
    at += 2
    for _ in range(fields):
        _, name, _, attributes = struct.unpack_from(">4H", data, at)
        at += 8
        for _ in range(attributes):
            attribute, length = struct.unpack_from(">HI", data, at)
            if texts.get(attribute) == b"ConstantValue" and length == 2:
                (value,) = _U2.unpack_from(data, at + 6)
                if value in literals:
                    found.append((name, value))
            at += 6 + length
    return found


def _line(text: bytes) -> bytes:
    return text.replace(b"\\", b"\\\\").replace(b"\r", b"\\r").replace(b"\n", b"\\n").replace(b'"', b'\\"')


def _joined(text: bytes) -> bytes:
    r"""Return a literal as a line; what is joined to it when the program runs is `\\1` (StringConcatFactory)."""
    return _line(text.replace(b"\1", b"__joined__"))


_SHORT = frozenset(b"zZ\xfa\xda")
_LONG = frozenset(b"aAust\xe1\xc1\xf5\xf3\xf4")
_MARK = re.compile(rb"[zZ\xfa\xdaaAust\xe1\xc1\xf5\xf3\xf4]")
_PRINTABLE = frozenset(range(32, 127)) | frozenset(b"\t\n\r") | frozenset(range(128, 256))
_ALLOWED = bytes(sorted(_PRINTABLE))
_BARE = bytes(sorted(_PRINTABLE - frozenset(b'\n\r\\"<#')))
"""What stands on a line as it is, and is in no page's beginning."""


def pyc_strings(data: bytes) -> tuple[bytes, list[bytes]]:
    """Return what compiled Python does with its literals, a statement a line, then its other strings; and texts of their own."""
    from bundle.walk.derive import documented, followed, marshalled  # few bundles hold compiled Python

    try:
        held = marshalled.read(data)
    except marshalled.NotRead:
        found = _searched(data)
        return _lines([_line(text) for text in found]), _own(found)
    written = followed.statements(held, len(data))
    lines = [line.encode("utf-8", "surrogateescape") for line in written.statements]
    pages: list[bytes] = []
    explained = documented.documentation(held)
    for text in dict.fromkeys(held.texts):
        if text in explained:
            continue
        bare = not text.translate(None, _BARE)
        if not bare:
            if b"<?php" not in text[:_LOOK] and text.translate(None, _ALLOWED):
                continue
            pages.append(text)
        if text not in written.literals:
            lines.append(text if bare else _line(text))
    return _lines(lines), _own(pages)


def _searched(data: bytes) -> list[bytes]:
    """Return every string of a marshalled code object that is damaged, or of a version whose layout is not told.

    The marks and lengths are searched, not unmarshalled: unmarshalling what somebody else wrote is not safe.
    """
    found: list[bytes] = []
    at = 8
    while match := _MARK.search(data, at):
        start = match.end()
        if data[match.start()] in _SHORT:
            size, begin = (data[start] if start < len(data) else 0), start + 1
        else:
            size, begin = int.from_bytes(data[start : start + 4], "little"), start + 4
        start_of_it = data[
            begin : begin + min(size, _LOOK)
        ]  # most marks are none, and say lengths that cost a copy
        php = b"<?php" in start_of_it
        if not 3 <= size <= 1 << 20 or not (php or _PRINTABLE.issuperset(start_of_it)):
            at = start
            continue
        text = data[begin : begin + size]
        if len(text) == size and (php or _PRINTABLE.issuperset(text)):
            found.append(text)
            at = begin + size
        else:
            at = start
    return found


def _lines(lines: list[bytes]) -> bytes:
    return b"\n".join(lines) + b"\n" if lines else b""


def _own(constants: Iterable[bytes]) -> list[bytes]:
    """Return the constants that are texts of their own."""
    return list(islice(dict.fromkeys(one for one in constants if _PAGE.match(one)), _MOST_TEXTS))
