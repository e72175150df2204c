"""Checks of entries in tables and lists of a program, and of two things that it compares at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bundle.detect.credentials.catch import Catch
from bundle.detect.credentials.naming import is_joined
from bundle.detect.credentials.values import SECRET_WORD, Strength, is_generated, strength
from bundle.detect.credentials.wanted import FORBIDDEN, holds_accounts
from hardening.findings import Confidence

_OPENED = re.compile(
    r"""(?P<name>[A-Za-z_][\w]{0,40})["'\]]{0,2}\s{0,4}(?:=>?|:)\s{0,4}(?:new\s+\w{1,20}\s?)?(?:array\s?\(|[\[({])[^;()\[\]{}]*\Z"""
)
"""A table that is still open where a text ends, and its name."""
_FAR = 1500
_ACCEPTED = re.compile(r"(?i)^(?:valid|allowed|auth|known|accepted)$")
"""Names of tables that hold accounts where a value looks like a password."""


def tabled(caught: Catch, match: re.Match[str]) -> Catch | None:
    """An account that every system has and its password, in a table whose name says that accounts are in it."""
    opened = _OPENED.search(match.string, max(0, match.start() - _FAR), match.start())
    value = caught.value
    if opened is None or value.lower() == caught.user.lower() or SECRET_WORD.search(value):
        return None
    if holds_accounts(opened["name"]):
        return caught if strength(value) is Strength.MIXED else None
    sure = _ACCEPTED.match(opened["name"]) and is_generated(value)
    return replace(caught, confidence=Confidence.MEDIUM) if sure else None


def several_passwords(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The first of a list of passwords; a list of those that nobody may choose is none."""
    if FORBIDDEN.search(match["key"]):
        return None
    mixed = strength(caught.value) is Strength.MIXED and is_generated(caught.value)
    return replace(caught, confidence=Confidence.MEDIUM) if mixed or is_joined(caught.value) else None


def both(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """What is compared right after an account was: a usual password, or one that looks like one."""
    usual = strength(caught.value) in (Strength.COMMON, Strength.MIXED)
    if not usual or caught.value.lower() == caught.user.lower():
        return None
    return replace(caught, confidence=Confidence.MEDIUM)


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {
    "tabled": tabled,
    "several-passwords": several_passwords,
    "both": both,
}
