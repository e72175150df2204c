"""Names from hostile archives, made harmless: what a terminal or a browser would obey is shown instead."""

from __future__ import annotations

import unicodedata

_OBEYED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that steer rather than show: controls, bidi and zero-width marks, line separators."""


_SURROGATE_ZERO = 0xDC00
"""Where `surrogateescape` starts to count."""


def valid(text: str) -> str:
    r"""Return text that is valid Unicode: what was no UTF-8 in a file's name is written `\xff`."""
    if text.isascii():
        return text
    return "".join(_escape(char) if "\ud800" <= char <= "\udfff" else char for char in text)


def visible(text: str, *, keep: str = "") -> str:
    """Return text in which every character that steers is written as its escape; `keep` names exceptions."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char in keep or unicodedata.category(char) not in _OBEYED else _escape(char) for char in text
    )


def _escape(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # a byte that was no UTF-8, as Python carries it in file names
        return f"\\x{ord(char) - _SURROGATE_ZERO:02x}"
    return char.encode("unicode_escape").decode("ascii")
