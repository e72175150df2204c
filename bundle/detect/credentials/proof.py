"""Whether a value proves by itself that it is a password or a key, and in which code it is written.

Names, references to a store, placeholders and texts are never proved: what is not proved stays as it is.
"""

from __future__ import annotations

import binascii
import re

from bundle.detect.credentials.judging import decode
from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.score import is_surely_drawn
from bundle.detect.credentials.judging.values import common, is_digest_or_id

_JOINERS = re.compile(r"[-_./:#@|\\]")
"""Signs that join the words of a name, a path or a reference."""
_NAMED = re.compile(r"(?<![A-Za-z0-9])(?:[a-z]{2,}|[A-Z]{2,}|[A-Z][a-z]+)\d*(?![A-Za-z0-9])")
"""A part that may name something, although it is not a word: `kv9.x`, `ssm/x`."""
_DRAWN_FROM = re.compile(r"(?!(\W|_).*\1$)[A-Za-z0-9!*+=?^~&,;_./@#-]+")
"""Signs of a drawn value: none that a variable or a template has, nor the same mark at both ends."""
_SHORTEST_OWN = 3
"""Letters of an account that has its own name for a password."""
_DIGITS = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_DIGESTS = frozenset((32, 40, 56, 64, 96, 128))
"""Digits of digests; a program that writes one as a number leaves out a zero that it begins with."""
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ASKS = re.compile(r"chang|replac|default|enter|insert")
"""What asks for another value, although shipped products have it: `changeme1`."""


def is_random(value: str) -> bool:
    """Return whether a generator drew the value, so that it cannot be a name, a reference or a placeholder."""
    return (
        bool(_DRAWN_FROM.fullmatch(value)) and not is_digest_or_id(value) and is_surely_drawn(value)
        and not (_JOINERS.search(value.rstrip("=")) and _NAMED.search(value))
    )  # fmt: skip


def is_usual(value: str, account: str, *, sink: bool) -> bool:
    """Return whether the value is a password that everybody tries first, of an account that is known.

    A `sink` takes nothing but passwords. Elsewhere a word may be a label, unless it is the account's own name.
    """
    small = value.lower()
    if not account or account.lower() in DUMMIES or _ASKS.search(small):
        return False
    if sink:
        return small in common() or (value == account and len(value) >= _SHORTEST_OWN)
    letters = "".join(c for c in small if c.isalpha())
    label = small.isalpha() or letters in DUMMIES or value[0].isupper()
    return small in common() and (value == account or not label)


def may_be_coded(value: str) -> bool:
    """Return whether a value may be a digest, or be encoded or encrypted, so that a program decodes it first."""
    if is_digest_or_id(value) or _PERCENT.search(value) or value.startswith("{"):
        return True
    if _DIGITS.fullmatch(value) and not {len(value), len(value) + 1}.isdisjoint(_DIGESTS):
        return True
    if ("=" in value or set(value) & set("+/")) and _BASE64.fullmatch(value):
        return True
    try:
        return decode.plain(value, asked=False) is not None
    except (ValueError, binascii.Error):
        return True
