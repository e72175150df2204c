"""Values that are written in a code, or sign by sign."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise

from bundle.detect.credentials.judging import decode
from bundle.detect.credentials.judging.factory import is_shipped
from bundle.detect.credentials.judging.keyword import kind_of
from bundle.detect.credentials.judging.values import is_placeholder
from bundle.detect.credentials.lines.places import named
from bundle.detect.credentials.rules.catch import Catch


def coded(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A value in a code that the place names."""
    value = decode.plain(caught.value, asked=True)
    return None if value is None else named(replace(caught, value=value), match)


def decoded(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """Base64 that is read for a program that asks for a password: whatever it says, with its account or without."""
    value = decode.plain(caught.value, asked=True)
    if value is None or is_placeholder(value):
        return None
    user, _, rest = value.strip().rpartition(":")
    return replace(caught, value=rest, user=user)


def sasl(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """The Base64 of an account and its password, as mail servers take them."""
    found = decode.sasl(caught.value)
    if found is None or is_placeholder(found[1]):
        return None
    return replace(caught, value=found[1], user=found[0])


def escaped(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A value as escapes of hexadecimal or octal digits."""
    return named(replace(caught, value=decode.unescaped(caught.value)), match)


def octets(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A value as the registry's bytes, of one or of two for a letter; what cannot be typed is sealed."""
    value = bytes.fromhex(caught.value.replace(",", "")).decode("latin-1").replace("\0", "")
    return named(replace(caught, value=value), match) if value.isascii() and value.isprintable() else None


_PIECE = re.compile(r"""chr\s*\(\s*(?P<n>\d{1,3})|["'](?P<text>[^"'\n]+)["']""", re.IGNORECASE)


def characters(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A value spelt as chr(65).chr(66)..., perhaps with literals among them."""
    value = "".join(m["text"] or chr(min(int(m["n"]), 255)) for m in _PIECE.finditer(caught.value))
    return named(replace(caught, value=value), match)


_UNIT = re.compile(r"'(\\\\.|[^'])'|0x([0-9a-fA-F]{2})|(\d{1,3})")
_SPELT_OUT = re.compile(r"(?i)_?(?:chars?|bytes?|char_?arr(?:ay)?|byte_?arr(?:ay)?)$")
"""What names of such lists end in, beside what they are lists of: `PASSWORD_CHARS`."""
_SHORTEST = 4


def spelt(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A value spelt as a list of characters or of their numbers: a word too, for nobody spells a label so."""
    units = _UNIT.findall(caught.value)
    numbers = [ord(c[-1]) if c else int(x, 16) if x else int(n) for c, x, n in units]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    if not all(32 <= n < 127 for n in numbers):  # noqa: PLR2004 - what can be typed
        return None
    caught = replace(caught, value="".join(map(chr, numbers)))
    name = _SPELT_OUT.sub("", match["key"])
    if name == match["key"]:
        return named(caught, match)
    typed = len(caught.value) >= _SHORTEST and caught.value.isalnum() and not _is_an_alphabet(numbers)
    hidden = typed and kind_of(name) is not None and not is_placeholder(caught.value)
    return replace(caught, key=name, evidence="hidden") if hidden else None


def _is_an_alphabet(numbers: list[int]) -> bool:
    """Whether most of the characters are followed by the next of the alphabet: those that passwords may be made of."""
    following = sum(b - a == 1 for a, b in pairwise(numbers))
    return following * 2 >= len(numbers) - 1


_FAMILIES = ("QzF3n6/9CAtpu0O", "B1IREhcSyrleKvMW8LXx", "7N-dVbwsY2g4oaJZGUDj", "iHkq.mPf5T")
"""Letters that Junos writes with; after one of the first family three follow that say nothing, after one of the last none."""
_LETTERS = "".join(_FAMILIES)
_FILLING = {letter: 3 - number for number, family in enumerate(_FAMILIES) for letter in family}
_WEIGHTS = ((1, 4, 32), (1, 16, 32), (1, 8, 32), (1, 64), (1, 32), (1, 4, 16, 128), (1, 32, 64))
"""What the distance from one letter to the next counts for, for each character in turn."""


def junos(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """A secret that Junos obscures without a key (`$9$`): whatever it says, where it says something."""
    text = caught.value.removeprefix("$9$")
    if any(letter not in _FILLING for letter in text):
        return None
    at, last, said = 1 + _FILLING[text[0]], text[0], ""
    while at < len(text):
        weights = _WEIGHTS[len(said) % len(_WEIGHTS)]
        code = 0
        for letter, weight in zip(text[at : at + len(weights)], weights, strict=False):
            code += ((_LETTERS.index(letter) - _LETTERS.index(last)) % len(_LETTERS) - 1) * weight
            last = letter
        said, at = said + chr(code % 256), at + len(weights)
    return replace(caught, value=said) if said.isprintable() and said else None


def pair_in_base64(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """The Base64 of an account and its password in a setting, which has other values as well."""
    found = decode.pair(caught.value)
    if found is None or is_placeholder(found[1]) or not found[1].isprintable():
        return None
    return replace(caught, value=found[1], user=found[0])


def stored_account(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """The hexadecimal digits or the Base64 of an account's password: any word, for the file holds nothing else."""
    value = decode.plain(caught.value, asked=True)
    return None if value is None else replace(caught, value=value)


def shipped_pair(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """An account and its password as their maker publishes them."""
    return caught if is_shipped(caught.user, caught.value) else None


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {
    "coded": coded,
    "decoded": decoded,
    "sasl": sasl,
    "escaped": escaped,
    "octets": octets,
    "characters": characters,
    "spelt": spelt,
    "junos": junos,
    "pair-in-base64": pair_in_base64,
    "stored-account": stored_account,
    "shipped-pair": shipped_pair,
}
