"""Whether a value proves by itself that it is a password or a key, and in which code it is written.

Names, references to a store, placeholders and texts are never proved: what is not proved stays as it is.
"""

from __future__ import annotations

import binascii
import re
from itertools import pairwise

from bundle.detect.credentials.judging import decode
from bundle.detect.credentials.judging.letters import is_gibberish, is_odd
from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.values import SECRET_WORD, common, is_digest_or_id

_RUN = re.compile(r"[A-Za-z0-9]+")
_JOINERS = re.compile(r"[-_./:#@|\\]")
"""Signs that join the words of a name, a path or a reference."""
_NAMED = re.compile(r"(?:[a-z]{2,}|[A-Z]{2,}|[A-Z][a-z]+)\d*")
"""A part that may name something, although it is not a word: `kv9.x`, `ssm/x`."""
_DRAWN_FROM = re.compile(r"(?!(\W|_).*\1$)[A-Za-z0-9!*+=?^~&,;_./@#-]+")
"""Signs of a drawn value: none that a variable or a template has, nor the same mark at both ends."""
_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_WORD = 4
"""Letters from which a piece can be a word."""
_SHORTEST, _SHORTEST_OF_TWO = 8, 12
"""Characters of a drawn value with capitals, small letters and digits, and of one with two of these kinds."""
_ALL_KINDS = 3
_CHANGES = 4
"""One change of the kind of sign in so many characters, at least."""
_FEW_WORDS = 5
"""One letter of a word in so many characters, at most: chance makes a short one in a long value."""
_LEET = str.maketrans("01345789@$!", "oieastbgasi")
_SHORTEST_OWN = 3
"""Letters of an account that has its own name for a password."""
_HEX = re.compile(r"(?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+")
_DIGITS = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_SHORTEST_HEX = 16
"""Hexadecimal digits of a drawn value: fewer are an address of an interface, an id or a short checksum."""
_DIGESTS = frozenset((32, 40, 56, 64, 96, 128))
"""Digits of digests; a program that writes one as a number leaves out a zero that it begins with."""
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ASKS = re.compile(r"chang|replac|default|enter|insert")
"""What asks for another value, although shipped products have it: `changeme1`."""


def is_random(value: str) -> bool:
    """Return whether a generator drew the value, so that it cannot be a name, a reference or a placeholder.

    Where signs join its parts as in a name, one part has capitals, small letters and digits, and no part is a word.
    """
    if not _DRAWN_FROM.fullmatch(value) or is_digest_or_id(value):
        return False
    runs = _RUN.findall(value)
    text, joined = "".join(runs), len(_JOINERS.findall(value.rstrip("=")))
    longest = max(runs, key=len, default="")
    if joined:
        drawn = len(longest) >= _SHORTEST and _kinds(longest) == _ALL_KINDS
        named = any(_NAMED.fullmatch(run) for run in runs if run != longest)
        if not drawn or named or joined * _SHORTEST > len(value):
            return False
    if not is_random_text(text):
        return False
    words = sum(len(piece) for run in runs for piece in _PIECE.findall(run) if _is_word(piece))
    return not words or (not joined and (_changes(text) * 2 >= len(text) or words * _FEW_WORDS <= len(text)))


def is_random_text(text: str) -> bool:
    """Return whether letters and digits without a sign among them were drawn."""
    if _HEX.fullmatch(text) and any(map(str.isalpha, text)) and any(map(str.isdigit, text)):
        return len(text) >= _SHORTEST_HEX and len(set(text)) * 3 >= len(text) and not _is_counted(text)
    kinds = _kinds(text)
    if not any(map(str.isdigit, text)):
        return len(text) >= _SHORTEST_HEX and is_gibberish(text)
    if kinds == 1 or len(text) < (_SHORTEST if kinds == _ALL_KINDS else _SHORTEST_OF_TWO):
        return False
    varied = len(set(text)) * 5 >= min(len(text), 20) * 3
    leet = text.lower().translate(_LEET)
    return (
        varied and _changes(text) * _CHANGES >= len(text) and not _is_counted(text)
        and not SECRET_WORD.search(leet) and is_odd(leet)
    )  # fmt: skip


def _kinds(text: str) -> int:
    """Return how many there are of capitals, small letters and digits."""
    return sum(any(map(kind, text)) for kind in (str.islower, str.isupper, str.isdigit))


def _changes(text: str) -> int:
    """Return how often capitals, small letters and digits follow each other."""
    return sum(_kind(a) != _kind(b) for a, b in pairwise(text))


def _kind(sign: str) -> int:
    return 0 if sign.isdigit() else 1 if sign.isupper() else 2


def _is_counted(text: str) -> bool:
    """Return whether the letters or the digits go up one by one, as a person types them: `1a2b3c4d`."""
    return any(
        len(run) > 2 and all(b - a in (0, 1) for a, b in pairwise(run))  # noqa: PLR2004 - two may be chance
        for run in ([ord(c) for c in text.lower() if kind(c)] for kind in (str.isalpha, str.isdigit))
    )


def _is_word(piece: str) -> bool:
    return len(piece) >= _WORD and piece.isalpha() and not is_odd(piece.lower())


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
