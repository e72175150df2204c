"""Certificates that break the rules of their own form, mended so far that a strict reader takes them.

Old appliances write `*` and `_` into a PrintableString, Latin letters into UTF-8, and versions that do not exist; clients read
them all the same. Nothing moves and no length changes, so that validity, key and names stay where they are; a signature
does not hold over what was mended.
"""

from __future__ import annotations

_SEQUENCE, _SET, _OID, _VERSION = 0x30, 0x31, 0x06, 0xA0
_UTF8, _WIDE = 0x0C, {0x1E: "utf-16-be", 0x1C: "utf-32-be"}
_V3 = 2
_ASCII = 0x80
_LONGEST = 4
"""Bytes of a length; a chain has three for the whole certificate."""


def mended(der: bytes) -> bytes:
    """Return the certificate with its version and the strings of its names made readable. Errors: ValueError (no certificate)."""
    out = bytearray(der)
    _, at, end = _element(der, 0, len(der), _SEQUENCE)
    _, at, end = _element(der, at, end, _SEQUENCE)
    tag, start, after = _element(der, at, end)
    if tag == _VERSION:
        out[after - 1] = _V3
        _, _, after = _element(der, after, end)
    _, _, after = _element(der, after, end, _SEQUENCE)  # the signature's algorithm
    _, start, after = _element(der, after, end, _SEQUENCE)
    _name(out, start, after)
    _, _, after = _element(der, after, end, _SEQUENCE)  # validity
    _, start, after = _element(der, after, end, _SEQUENCE)
    _name(out, start, after)
    return bytes(out)


def _name(out: bytearray, at: int, end: int) -> None:
    while at < end:
        _, inner, at = _element(out, at, end, _SET)
        while inner < at:
            _, start, inner = _element(out, inner, at, _SEQUENCE)
            _, _, value = _element(out, start, inner, _OID)
            tag, start, after = _element(out, value, inner)
            text = bytes(out[start:after])
            if not _fits(text, _WIDE.get(tag)):
                out[value] = _UTF8
                out[start:after] = _plain(text)


def _fits(text: bytes, encoding: str | None) -> bool:
    """Tell whether a wide string has its encoding; any other is encoded again."""
    try:
        return encoding is not None and bool(text.decode(encoding))
    except UnicodeDecodeError:
        return False


def _plain(text: bytes) -> bytes:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return bytes(byte if byte < _ASCII else ord("?") for byte in text)
    return text


def _element(data: bytes | bytearray, at: int, end: int, wanted: int | None = None) -> tuple[int, int, int]:
    """Return tag, start and end of what stands there. Errors: ValueError (something else, or past the end)."""
    if at + 2 > end or (wanted is not None and data[at] != wanted):
        raise ValueError("no certificate")
    size, start = data[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        if not 0 < count <= _LONGEST or start + count > end:
            raise ValueError("no certificate")
        size, start = int.from_bytes(data[start : start + count], "big"), start + count
    if start + size > end:
        raise ValueError("no certificate")
    return data[at], start, start + size
