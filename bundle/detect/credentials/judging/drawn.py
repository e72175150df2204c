"""Whether a generator drew a value, or a person chose it as a password: what names of a program are not taken for."""

from __future__ import annotations

import re
from functools import lru_cache

from bundle.detect.credentials.judging.letters import is_gibberish, is_odd
from bundle.detect.credentials.judging.values import common

_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^A-Za-z0-9]+")
_OF_A_GENERATOR = re.compile(r"[\w+/=!@#$%^&*?~.-]{8,512}$", re.ASCII)
_OF_ALL_SIGNS = re.compile(r"[!-~]{30,512}$")
"""As long as what a generator is told of by signs of many kinds: Django's and WordPress's keys."""
_OF_A_PERSON = re.compile(r"[\w!@#$%^&*?+=.~-]{3,64}$")
_HEXADECIMAL = re.compile(r"(?:[0-9a-f]{12,}|[0-9A-F]{12,})$")
_WORD, _LONGEST_WORD = 4, 15
"""Letters of a piece of a value that may be a word: no fewer, no more."""
_PIECES = ((12, 5), (24, 4), (512, 3))
"""Lengths up to which a value has so many pieces at least: more of them where little is left for chance."""
_LONG_ENOUGH = 16
"""Letters without a digit among them that say by themselves that they make no word."""
_FEWEST_LETTERS = 8
"""Letters without anything else that are a password where they make no word."""
_SIGNED = 3
"""One in so many signs is what is not put together by them."""
_KINDS = 6
_NAME = re.compile(
    r"(?:[A-Za-z]+\d{0,2}[-_.:/])+[A-Za-z]*\d{0,2}$|[a-z]{2,}2[a-z]{2,}$|[a-z]+(?:[A-Z][a-z]+)+\d?$|\d{1,3}$"
)
"""Words joined by signs or by great letters, a number behind them; what turns one thing into another (`wsdl2java`); a count."""


def is_of_all_signs(value: str) -> bool:
    """Whether a long value has signs of so many kinds, and digits, that a generator drew it from a whole keyboard."""
    signs = {c for c in value if not c.isalnum()}
    return len(signs) >= _KINDS and any(c.isdigit() for c in value) and bool(_OF_ALL_SIGNS.match(value))


@lru_cache(maxsize=256)
def is_drawn(value: str) -> bool:
    """Whether letters, digits and signs change so often that words are less than half of a value."""
    signs = [c for c in value if not c.isalnum()]
    plain = len(value) - len(signs)
    pieces = _PIECE.findall(value)
    words = sum(len(p) for p in pieces if _WORD <= len(p) <= _LONGEST_WORD and _is_word(p))
    if words * 2 >= plain or not any(c.isalpha() for c in value):
        return False  # a number is an account's, an address, a count
    if is_of_all_signs(value):
        return True
    if not _OF_A_GENERATOR.match(value) or len(signs) * _SIGNED > len(value):
        return False
    if not any(c.isdigit() for c in value):
        return value.isalnum() and len(value) >= _LONG_ENOUGH and is_gibberish(value)
    fewest = next(fewest for below, fewest in _PIECES if len(value) <= below)
    return bool(_HEXADECIMAL.match(value)) or sum(p.isalnum() for p in pieces) >= fewest


def _is_word(piece: str) -> bool:
    return piece.isalpha() and not is_odd(piece.lower())


def is_picked(value: str) -> bool:
    """Whether a value is a usual password, or has digits or signs as people put them into one; no name of a program."""
    if value.lower() in common():
        return True
    if value.isalpha():
        return len(value) >= _FEWEST_LETTERS and is_gibberish(value)
    whole = any(c.isalpha() for c in value) or value.isdigit()
    return whole and bool(_OF_A_PERSON.match(value)) and not _is_a_name(value)


def _is_a_name(value: str) -> bool:
    """Whether a value is put together as the names of a program are, of words."""
    return bool(_NAME.match(value)) and not is_gibberish(value)
