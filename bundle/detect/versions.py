"""How versions compare in each world: semver, Maven, Debian, rpm, OpenSSL; and ranges of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cmp_to_key
from itertools import zip_longest
from typing import Any

from hardening.numerals import LONGEST, whole

Compare = Callable[[str, str], int]
"""Negative, zero or positive, as the first version is older, equal or newer than the second."""

_TOKEN = re.compile(r"[0-9]+|[a-z]+")
_PRE = {"dev": -6, "alpha": -5, "a": -5, "beta": -4, "b": -4, "milestone": -3, "m": -3, "rc": -2, "cr": -2,
        "pre": -2, "preview": -2, "snapshot": -1}  # fmt: skip
_LETTERS = frozenset("abm")
"""Glued to a number and with none after it these are a later release (`1.0.2b`), else a pre-release (`2.0b3`)."""
_FINAL = {"final", "ga", "release", "stable"}


def is_known(version: str) -> bool:
    """Return whether a version says which: `0.0.0`, `dev`, `${version}` and `@VERSION@` were never filled in."""
    return any(digit in version for digit in "123456789") and not any(sign in version for sign in "${}@")


def plain(left: str, right: str) -> int:
    """Compare the way most projects number: dots, then a word where `rc` is before and `p1`, `b` after.

    `2.0-rc1` < `2.0` = `2.0.0` = `2.0.Final` < `2.0p1`; a letter after digits (`1.0.2k`) is later.
    """
    return _sign(_plain_key(left), _plain_key(right))


def _number(digits: str) -> int:
    """Return a part of a version as a number; one of more digits than any version has is greater than all others."""
    found = whole(digits.lstrip("0") or "0")
    return 10**LONGEST if found is None else found


def _plain_key(text: str) -> list[tuple[int, int, str]]:
    text = text.lower().removeprefix("v").split("+", 1)[0]
    parts: list[tuple[int, int, str]] = []
    last_end = -1
    for token in _TOKEN.finditer(text):
        word = token.group()
        if word.isdigit():
            parts.append((_number(word), 0, ""))
        elif word not in _FINAL:
            glued = token.start() == last_end and word in _LETTERS and not text[token.end() :][:1].isdigit()
            rank = None if glued else _PRE.get(word)
            parts.append((0, 1, word) if rank is None else (0, rank, ""))
        last_end = token.end()
    while parts and parts[-1] == (0, 0, ""):
        parts.pop()
    return parts


def _sign(left: list[tuple[int, int, str]], right: list[tuple[int, int, str]]) -> int:
    for one, other in zip_longest(left, right, fillvalue=(0, 0, "")):
        if one != other:
            return -1 if one < other else 1
    return 0


def maven(left: str, right: str) -> int:
    """Compare Maven versions; qualifiers other than the known ones come after the release."""
    return plain(left.replace("_", "."), right.replace("_", "."))


def deb(left: str, right: str) -> int:
    """Compare Debian versions: epoch, upstream, revision (Debian Policy 5.6.12)."""
    (e1, u1, r1), (e2, u2, r2) = _split_deb(left), _split_deb(right)
    if e1 != e2:
        return -1 if e1 < e2 else 1
    return _deb_part(u1, u2) or _deb_part(r1, r2)


def _split_deb(text: str) -> tuple[int, str, str]:
    epoch, colon, rest = text.partition(":")
    if not colon:
        epoch, rest = "0", text
    upstream, _, revision = rest.rpartition("-")
    return (whole(epoch) or 0, upstream or rest, revision if upstream else "")


def _deb_part(left: str, right: str) -> int:
    while left or right:
        words = [re.match(r"[^0-9]*", one).group() for one in (left, right)]  # type: ignore[union-attr]  # may be empty, always matches
        left, right = left[len(words[0]) :], right[len(words[1]) :]
        for one, other in zip_longest(*words, fillvalue=""):
            if one != other:
                return -1 if _deb_order(one) < _deb_order(other) else 1
        numbers = [re.match(r"[0-9]*", one).group() for one in (left, right)]  # type: ignore[union-attr]  # may be empty, always matches
        left, right = left[len(numbers[0]) :], right[len(numbers[1]) :]
        first, second = _number(numbers[0]), _number(numbers[1])
        if first != second:
            return -1 if first < second else 1
    return 0


def _deb_order(char: str) -> int:
    if char == "~":
        return -1
    if not char:
        return 0
    return ord(char) if char.isalpha() else ord(char) + 256


def rpm(left: str, right: str) -> int:
    """Compare rpm `[epoch:]version[-release]`; a missing release compares equal to any."""
    (e1, v1, r1), (e2, v2, r2) = _split_rpm(left), _split_rpm(right)
    if e1 != e2:
        return -1 if e1 < e2 else 1
    return _rpm_part(v1, v2) or (_rpm_part(r1, r2) if r1 and r2 else 0)


def _split_rpm(text: str) -> tuple[int, str, str]:
    epoch, colon, rest = text.partition(":")
    if not colon:
        epoch, rest = "0", text
    version, _, release = rest.partition("-")
    return (whole(epoch) or 0, version, release)


_RPM_TOKEN = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")


def _rpm_part(left: str, right: str) -> int:  # noqa: PLR0911 - one return per rule of rpmvercmp, in its order
    for one, other in zip_longest(_RPM_TOKEN.findall(left), _RPM_TOKEN.findall(right)):
        if one == other:
            continue
        if "~" in (one, other):
            return -1 if one == "~" else 1
        if "^" in (one, other):
            return _caret(one, other)
        if one is None or other is None:
            return -1 if one is None else 1
        if one.isdigit() != other.isdigit():
            return 1 if one.isdigit() else -1
        if one.isdigit():
            if _number(one) != _number(other):
                return -1 if _number(one) < _number(other) else 1
            continue
        return -1 if one < other else 1
    return 0


def _caret(one: str | None, other: str | None) -> int:
    """`1.0^x` is after `1.0` and before `1.0.1`."""
    if one == "^":
        return 1 if other is None else -1
    return -1 if one is None else 1


SCHEMES: Mapping[str, Compare] = {"plain": plain, "maven": maven, "deb": deb, "rpm": rpm}


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Versions from `start` (included) to `below` (excluded); an empty end is open."""

    start: str = ""
    below: str = ""

    def holds(self, version: str, compare: Compare) -> bool:
        """Whether the version is in the range."""
        return not (self.start and compare(version, self.start) < 0) and not (
            self.below and compare(version, self.below) >= 0
        )

    def covers(self, other: Range, compare: Compare) -> bool:
        """Whether every version of the other range is in this one."""
        low = not self.start or bool(other.start and compare(other.start, self.start) >= 0)
        high = not self.below or bool(other.below and compare(other.below, self.below) <= 0)
        return low and high

    def __str__(self) -> str:
        return " ".join(
            word for word, end in ((f">= {self.start}", self.start), (f"< {self.below}", self.below)) if end
        )


def oldest_first(compare: Compare) -> Callable[[str], Any]:
    """Return a sort key for versions."""
    return cmp_to_key(compare)
