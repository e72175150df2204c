"""Programs of machine code, and data: their literals lie among other bytes, each as one run of signs that a text has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bundle.detect.credentials.judging.score import is_drawn
from bundle.detect.credentials.judging.values import SECRET_WORD, Strength, strength
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import SWAP, View, codec
from bundle.walk.member import Content, Member

PROGRAMS = frozenset({"elf", "pe", "macho", "zip-stub"})
_CATALOGUES = (b"\xde\x12\x04\x95", b"\x95\x04\x12\xde")
"""What compiled translations of gettext begin with."""
_FORMATS = PROGRAMS | {"data"}
_FORMS = frozenset(f"credential/{name}" for name in ("service-token", "url", "password-hash"))
_STATEMENTS = frozenset(f"credential/{name}" for name in ("command-line", "sql"))
KINDS = (place.CONFIG, place.SHELL, place.SQL)
"""What a literal is read as, for it may be a line of any of these."""

_SIGNS = b"\t" + bytes(range(0x20, 0x7F))
_PRINTED = bytes(b if b in _SIGNS else ord("\n") for b in range(256))
_MARKS = bytes(b for b in range(32) if b not in b"\t\n\r\f\x1b\b")
_HEAD = 1 << 16
_FEW = 100


def is_binary(member: Member) -> bool:
    """Whether a member is a program of machine code, or data that are no text with a stray mark."""
    if member.derived or member.format not in _FORMATS:
        return False
    if bytes(member.content[: len(SWAP)]) == SWAP:
        return False
    return member.format != "data" or not (codec(member.content)[0] or is_text(member.content))


def is_native(member: Member) -> bool:
    """Whether the literals of a member are worth to be read: those of compiled translations are texts for people."""
    return is_binary(member) and bytes(member.content[:4]) not in _CATALOGUES


def is_for(family: str, styles: frozenset[str]) -> bool:
    """Whether a family's net that is for some kinds of text (none: for all) is for literals.

    It is where it knows a secret by its own form, or by the statement that it is part of; a name alone says less there.
    """
    return (family in _FORMS and not styles) or (
        family in _STATEMENTS and (not styles or not styles.isdisjoint(KINDS))
    )


def is_text(content: Content) -> bool:
    """Whether data are a text but for a stray mark in a hundred bytes, as a damaged or padded file has them."""
    head = bytes(content[:_HEAD])
    return (len(head) - len(head.translate(None, _MARKS))) * _FEW <= len(head)


def texts(content: Content) -> Iterator[Content]:
    """Yield what literals lie in: the content, and of Windows' programs and .NET's each second byte, for UTF-16."""
    yield content
    if bytes(content[:2]) == b"MZ":
        data = bytes(content)
        yield from (data[0::2], data[1::2])


def literals(content: Content) -> View:
    """Return the literals, each on a line of its own; offsets hold."""
    return View(bytes(content).translate(_PRINTED))


_SETTING = re.compile(
    r"""\s*(?P<name>[\w.\[\] -]{2,60}?)\s?[:=]\s?["']?(?P<value>[^\s"'(){}<>%,;?\\]{0,64})["']?\s*"""
)
_PARTS = re.compile(r"[;&]")
_USAGE = re.compile(r"\[-|<[a-zA-Z]|%[sd-]|\$\{?[a-zA-Z_]|(?<![dD][rR][iI][vV][eE][rR]=)\{\w{0,12}\}|\.\.\.")
"""What a usage has for values; a driver's name stands in such brackets too."""
_FILLED_IN = re.compile(r"%[-\d.]{0,4}[sdiux]")
"""What a program fills in: beside a drawn value it is not a word of a usage (`ftp://feed:...@%s/new.bin`)."""
_KNOWN_BY_ITSELF = frozenset(("credential/service-token", "credential/password-hash"))


def is_meant(family: str, one: Catch, line: str) -> Catch | None:
    """Return what is caught in a literal as it counts there, None where it is part of a usage or of a message."""
    if family in _KNOWN_BY_ITSELF:
        return one
    if "%" in line and "%" not in one.value and is_drawn(one.value):
        line = _FILLED_IN.sub("", line)
    if strength(one.value) < Strength.COMMON or SECRET_WORD.search(one.value) or _USAGE.search(line):
        return None
    if family != "credential/assignment":
        return one
    if not _is_a_setting(line, one.value):
        return None
    return one.by("in-a-program") if one.is_certain else one


def _is_a_setting(line: str, value: str) -> bool:
    """Whether a literal is a name and its value, or some of these with signs between them, and nothing else."""
    parts = [_SETTING.fullmatch(part) for part in _PARTS.split(line.rstrip("; \t\r"))]
    return all(parts) and any(
        part["value"] == value and value.lower() not in part["name"].lower() for part in parts if part
    )
