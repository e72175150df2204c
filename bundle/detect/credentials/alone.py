"""Checks that ask a value alone, in places where words of other kinds stand as well, or none do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.score import is_drawn
from bundle.detect.credentials.judging.values import SECRET_WORD, common, is_chosen, is_placeholder
from bundle.detect.credentials.lines.places import named
from bundle.detect.credentials.prose.telling import FOLLOWS
from bundle.detect.credentials.prose.words import is_no_value
from bundle.detect.credentials.rules.catch import Catch

_SIGNED_WITH = frozenset("dev default debug".split())
"""Words that tutorials have a key be until somebody sets another one."""


def chosen(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """A generated value, or a usual password with digits; one with a word for a password in it may be a name."""
    sure = is_chosen(caught.value) and not SECRET_WORD.search(caught.value)
    return caught.by("chosen") if sure else None


def drawn(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """What a generator drew, in a list whose name says what its items are: of words, a list is one of kinds or of names."""
    sure = is_drawn(caught.value) and not SECRET_WORD.search(caught.value)
    return caught.by("drawn") if sure else None


def chosen_and_told(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The same in a text that says whose it is: of a network, or of a device."""
    found = chosen(caught, match) or _usual(caught, match)
    return None if found is None or is_no_value(caught.value) else replace(found, told=True)


def _usual(caught: Catch, match: re.Match[str]) -> Catch | None:
    """One of the passwords tried first: a number, or a word behind a colon, as labels have it."""
    value = caught.value.lower()
    label = ":" in match.string[match.start() : match.start("secret")]
    told = value in common() - DUMMIES - FOLLOWS and (value.isdigit() or label)
    return caught.by("usual") if told else None


def number_and_told(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """The number that a text says is typed at a menu or a door."""
    return replace(caught, evidence="number", told=True)


def number(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """The number, or what else looks like a password, of a setting that has nothing but numbers to type in."""
    value = caught.value
    if value.isdigit() and len(value) >= _SHORTEST_NUMBER:
        return caught.by("number")
    return caught.by("chosen") if is_chosen(value) or value.lower() in common() - DUMMIES else None


_SHORTEST_NUMBER = 3


def even_a_word(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """Any value but one that stands for another, in a place where a program has nothing else."""
    value = caught.value
    nothing = is_placeholder(value) and value.lower() not in _SIGNED_WITH
    return None if nothing or kind_of(value) is Kind.TOKEN else caught.by("word")


_MOST = 40
"""Lines above an account in which the name of the list is: lists of shipped accounts are short."""
_OF_PASSWORDS = re.compile(r"(?i)[ \t]*(?:\w{1,20}_)?passwords:\s*$")


def under_passwords(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A generated value beside an account in YAML, right under a name that says that passwords follow."""
    above = match.string[: match.start("indent")].splitlines()[-_MOST:]
    for line in reversed(above):
        if line.strip() and not line.startswith(match["indent"]):
            return chosen(caught, match) if _OF_PASSWORDS.match(line) else None
    return None


def of_a_property(caught: Catch, match: re.Match[str]) -> Catch | None:
    """What a program of Java is started with; `-Ddb.password=password` is a password, for there are no texts among what is given."""
    found = named(caught, match)
    usual = caught.value in ("password", "passwd", "secret") and "." in match["key"]
    if found is None and usual and kind_of(match["key"]) is Kind.PASSWORD:
        return caught.by("word")
    return found


_TYPED = re.compile(r"(?i)pass(?:wor|phr|wd|\b)|passwd|\bpwd?\b|kennwort|\bpin\b")
_MADE = re.compile(r"(?i)\b(?:md5|sha-?\d{0,3}|digest|hash)")
_OF_A_FILE = re.compile(r"(?i)checksum|download|\bfiles?\b|stream|\bjar\b|archive|signature|integrity")
_NEAR = 400
_FEW = 4
"""Digits of which so few are in it fill a place, and are a digest of nothing."""


def digested(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A digest that a program compares with, where what was digested right above is a password and no file."""
    above = match.string[max(0, match.start() - _NEAR) : match.start()]
    typed = _TYPED.search(above) and _MADE.search(above) and not _OF_A_FILE.search(above)
    return caught.by("digest") if typed and len(set(caught.value)) > _FEW else None


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {
    "chosen": chosen,
    "chosen-and-told": chosen_and_told,
    "number-and-told": number_and_told,
    "drawn": drawn,
    "number": number,
    "digested": digested,
    "even-a-word": even_a_word,
    "under-passwords": under_passwords,
    "property": of_a_property,
}
