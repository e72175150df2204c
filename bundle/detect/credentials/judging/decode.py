"""Values that are written in a code anybody can undo: Base64, hex, percent signs, Jetty's OBF, WebSphere's {xor}."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote

_BASE64 = re.compile(r"^[A-Za-z0-9+/_-]{4,}={0,2}$")
_HEX = re.compile(r"^(?:[0-9a-fA-F]{2}){3,}$")
_OBF = re.compile(r"^OBF:((?:[0-9a-zA-Z]{4})+)$")
_XOR = re.compile(r"^\{xor\}([A-Za-z0-9+/]+=*)$")
_MARKED = re.compile(r"^\{(?:base64|b64)\}([A-Za-z0-9+/]+={0,2})$", re.IGNORECASE)
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")


def plain(value: str, *, asked: bool) -> str | None:
    """Return what a value decodes to, or None.

    Base64, hex, percent signs and entities are undone only where the place asks for it (`password_b64`, `base64_decode(...)`);
    what names its code itself (`OBF:`, `{xor}`, `{base64}`) is undone anywhere.
    """
    if found := _OBF.match(value):
        return _obf(found[1])
    if found := _XOR.match(value):
        raw = _base64(found[1])
        return None if raw is None else _readable(bytes(b ^ 0x5F for b in raw))
    if found := _MARKED.match(value):
        value, asked = found[1], True
    if not asked:
        return None
    if _HEX.match(value):
        return _readable(bytes.fromhex(value))
    if _PERCENT.search(value):
        return unquote(value)
    raw = (
        entities(value).encode()
        if value.startswith("&#")
        else _base64(value)
        if _BASE64.match(value)
        else None
    )
    return None if raw is None else _readable(raw)


def pair(value: str) -> tuple[str, str] | None:
    """Return user and password of an HTTP Basic credential, or None."""
    raw = _base64(value)
    text = None if raw is None else _readable(raw)
    user, colon, secret = (text or "").partition(":")
    return (user, secret) if colon and user and secret else None


def sasl(value: str) -> tuple[str, str] | None:
    """Return user and password of SASL's PLAIN, which may name another account to act for before them, or None."""
    raw = _base64(value)
    parts = raw.split(b"\0") if raw is not None else []
    if len(parts) != 3 or not parts[1] or not parts[2]:  # noqa: PLR2004 - RFC 4616
        return None
    user, secret = _readable(parts[1]), _readable(parts[2])
    return (user, secret) if user and secret else None


def _base64(value: str) -> bytes | None:
    try:
        return base64.b64decode(
            value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4),
            altchars=b"-_" if set(value) & set("-_") else None,
        )
    except (binascii.Error, ValueError):
        return None


def _readable(raw: bytes) -> str | None:
    wide = len(raw) > 3 and not any(raw[1::2])  # noqa: PLR2004 - UTF-16, as PowerShell encodes
    try:
        text = raw.decode("utf-16-le" if wide else "utf-8").rstrip("\n")
    except UnicodeDecodeError:
        return None
    return text if text and text.isprintable() else None


def _obf(body: str) -> str | None:
    """Jetty: each four digits of base 36 hold the sum and the difference of two characters."""
    raw = bytearray()
    for at in range(0, len(body), 4):
        high, low = divmod(int(body[at : at + 4], 36), 256)
        raw.append((high + low - 254) // 2 % 256)
    return _readable(bytes(raw))


_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|0?[0-3][0-7]{2}|.)")


def unescaped(text: str) -> str:
    """Return a literal as the program sees it."""
    if "\\" not in text:
        return text

    def plain(found: re.Match[str]) -> str:
        word = found[1]
        if word[0] in "ux" and len(word) > 1:
            return chr(int(word[1:], 16))
        if word[0].isdigit() and len(word) > 1:
            return chr(int(word, 8))
        return {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}.get(word, word)

    return _whole(_ESCAPE.sub(plain, text))


def _whole(text: str) -> str:
    """Return text whose characters are all whole: halves of one that stand together are joined, others give way to a mark."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_ENTITY = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}


def entities(text: str) -> str:
    """Return text as an XML reader sees it."""
    for word, char in _ENTITY.items():
        text = text.replace(word, char)
    return _whole(
        re.sub(
            r"&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));",
            lambda m: chr(min(int(m[1], 16) if m[1] else int(m[2]), 0x10FFFF)),
            text,
        )
    )


_BYTES = re.compile(r"0[xX](?P<digits>(?:[0-9a-fA-F]{2})+)")


def number(value: str) -> str:
    """Return a number as it is, and of SQL's bytes in digits (`0x61646d69`) what they say, or the digits; of anything else nothing."""
    found = _BYTES.fullmatch(value)
    if found is None:
        return value if value.isdigit() else ""
    said = bytes.fromhex(found["digits"]).decode("latin-1")
    return said if said.isascii() and said.isprintable() else found["digits"]
