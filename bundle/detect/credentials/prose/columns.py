"""Tables of accounts in texts for people: columns with blanks, bars or rules between them, and lists under a heading."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bundle.detect.credentials.judging.factory import is_shipped
from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.values import Strength, common, is_chosen, strength
from bundle.detect.credentials.prose.words import EVERYWHERE, SAID, is_no_value
from bundle.detect.credentials.rules.catch import Catch

_RULE = re.compile(r"[\s=+|~:!{}-]*(?:class=\"[^\"\n]*\")?[\s=+|~:-]*$")
_BARS = re.compile(r"\|\||!!|\|")
_BLANKS = re.compile(r"[ ]{2,}|\t+")
_SIGNS = " \t\r`*_.!|'\""
_OF_ACCOUNTS = re.compile(
    r"(?i)\b(?:user|account|login|name|benutzer|konto|device|utilisateur|usuario|utente|gebruiker|uzivatel)"
)
_MOST = 40
"""Rows of a table that are looked at: those of shipped accounts are few."""


def _cells(line: str, *, bars: bool) -> list[tuple[int, str]]:
    """Return the cells of a line with where they begin; what stands before the first bar and behind the last is none."""
    sign = _BARS if bars else _BLANKS
    ends = [(m.start(), m.end()) for m in sign.finditer(line)]
    firsts, lasts = [0, *(end for _, end in ends)], [*(start for start, _ in ends), len(line)]
    cells = []
    for first, last in zip(firsts, lasts, strict=True):
        raw = line[first:last]
        text = raw.strip(_SIGNS if raw.strip().endswith((".", "'", '"')) is False else " \t\r`*_|'\"")
        cells.append((first + (raw.find(text) if text else 0), text))
    while cells and not cells[0][1]:
        cells.pop(0)
    while cells and not cells[-1][1]:
        cells.pop()
    return cells


def told_in_columns(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The password in a row below a line that names the columns, an account's and a password's among them."""
    row = match["secret"]
    bars = _BARS.search(row) is not None
    above = match.string[: match.start("secret")].splitlines()
    for line in reversed(above[-_MOST:]):
        if not line.strip():
            if bars:
                continue
            return None
        if _RULE.match(line) or (_BARS.search(line) is not None) != bars:
            if _RULE.match(line):
                continue
            return None
        head = _cells(line, bars=bars)
        kinds = [kind_of(name.split("|")[-1].strip(_SIGNS)) for _, name in head]
        if Kind.PASSWORD in kinds:
            return _in_row(caught, row, [name for _, name in head], kinds, bars=bars)
    return None


def _in_row(
    caught: Catch, row: str, names: list[str], kinds: list[Kind | None], *, bars: bool
) -> Catch | None:
    cells, column = _cells(row, bars=bars), kinds.index(Kind.PASSWORD)
    account = next((n for n, name in enumerate(names) if n != column and _OF_ACCOUNTS.search(name)), -1)
    if len(cells) != len(names) or account < 0:
        return None
    start, value = cells[column]
    user = cells[account][1]
    usual = value.lower() in common() and (
        value.lower() not in DUMMIES or user.lower() in EVERYWHERE - {"user"}
    )
    shipped = is_shipped(user, value)
    if (
        not (usual or shipped or is_chosen(value))
        or is_no_value(value)
        or (usual and _OF_ACCOUNTS.search(user))
    ):
        return None
    first = caught.start + start
    end = first + len(value)
    found = replace(caught, start=first, end=end, value=value, user=user, key="password")
    return replace(found, evidence="told", told=True)


def itself(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """A usual password that is the name of its account, where a text has one behind the other."""
    same = caught.value.lower() == caught.user.lower() and strength(caught.value) is not Strength.NO
    usual = same and (strength(caught.value) is Strength.COMMON or caught.value.lower() in EVERYWHERE)
    return replace(caught, evidence="told", told=True) if usual else None


def usual_pair(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """A usual password that has digits in it, right behind an account that every system has."""
    alone = is_chosen(caught.value) or caught.value.lower() in SAID
    usual = strength(caught.value) is Strength.COMMON and alone
    return replace(caught, evidence="told", told=True) if usual else None


def made(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """The password of an account that a script makes; a group or a role is no usual one with digits, nor the account itself."""
    itself = caught.value.lower() == caught.user.lower() and caught.user.lower() in EVERYWHERE
    if itself or is_shipped(caught.user, caught.value) or is_chosen(caught.value):
        return caught.by("shipped")
    return None


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {
    "told-in-columns": told_in_columns,
    "itself": itself,
    "usual-pair": usual_pair,
    "made": made,
}
