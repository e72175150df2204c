"""Codes in which a program may expect a secret, by the names that `harden-secrets/1` has for them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import quote, unquote_to_bytes

ENCODINGS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "": lambda value: value,
        "base64": lambda value: base64.b64encode(value.encode()).decode(),
        "hex": lambda value: value.encode().hex(),
        "hex-upper": lambda value: value.encode().hex().upper(),
        "url": lambda value: quote(value, safe=""),
    }
)
"""How a value is written in each code."""

_SHORTEST = 8
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})")
_PERCENT = re.compile(r"%[0-9A-F]{2}")


def encoding_of(value: str) -> tuple[str, str]:
    """Return the name of the code in which a value is written, and what it says; two empty texts for none.

    A code counts only if it writes the same characters again: the host writes the new value in it.
    """
    if len(value) < _SHORTEST:
        return "", ""
    if _HEX.fullmatch(value):
        names, raw = ["hex", "hex-upper"], bytes.fromhex(value)
    elif _BASE64.fullmatch(value):
        names, raw = ["base64"], base64.b64decode(value)
    elif _PERCENT.search(value) and value.isascii():
        names, raw = ["url"], unquote_to_bytes(value)
    else:
        return "", ""
    text = raw.decode("latin-1")
    name = next((n for n in names if text.isascii() and ENCODINGS[n](text) == value), "")
    return (name, text) if name and text.isprintable() else ("", "")


def code_between(raw: str, value: str) -> str | None:
    """Return the name of the code that writes a value as it stands in a text; None if no code does."""
    return next((name for name, write in ENCODINGS.items() if write(value) == raw), None)
