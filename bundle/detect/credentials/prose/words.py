"""What single words of a text may be, and what the words of a line promise before it is read as a sentence: most promise nothing."""

from __future__ import annotations

import re
from functools import cache, lru_cache, reduce
from operator import or_

from bundle.detect.credentials.judging.letters import is_gibberish
from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.score import is_drawn
from bundle.detect.credentials.judging.values import (
    Strength,
    common,
    is_digest_or_id,
    is_example,
    is_generated,
    is_phrase,
    is_picked,
    strength,
)
from bundle.detect.credentials.prose.sentences import apart, read
from bundle.detect.credentials.vocabulary import any_of

EVERYWHERE = frozenset(
    "admin administrator root operator service maint maintenance installer support guest supervisor tech technician engineer sysadmin webadmin superuser "
    "manager user demo bms aspect aamuser cylon default".split()
)
"""Accounts that devices ship with, this product's among them."""
KNOWN = EVERYWHERE - {"user", "default"}
"""Those of them that are nothing else in a sentence."""
SHIPPED = DUMMIES | frozenset(("default", "user"))
WEAKEST = frozenset("password pass secret".split())
OF_PASSWORDS = frozenset("!@#$%&*+")
"""Signs that people put into passwords."""
TELLS = re.compile(rf"(?i)\b(?:{any_of('prose/tells-a-password')})\b")
_BEGINS = re.compile(rf"\b(?:{any_of('prose/begins-to-tell')})")
"""What the first word is like of all that `TELLS` knows."""
_NO_VALUE = re.compile(
    rf"(?i)(?:{any_of('prose/before-a-name-with-a-number')})?(?:{any_of('prose/name-with-a-number')})-?\d[\d.x_-]*(?:-?[a-z]+)?$"
    rf"|{any_of('prose/no-value')}"
)
_PLAIN = re.compile(
    r"(?=[^\d]*\d[^\d]*\d)(?=[^A-Za-z]*[A-Za-z][^A-Za-z]*[A-Za-z])[A-Za-z0-9][\w!@#$%^&*?+=~.-]{6,31}$"
)
"""Two digits and two letters at least, and no sign that stands between names."""
_NAMED = re.compile(rf"{any_of('prose/code-or-name')}|(?i:{any_of('prose/called-by-its-bits')})\d+\w*$")
"""Codes in capitals, digests, names with a number, options, chains of words, and what is called by its bits."""
_OF_A_YEAR = re.compile(r"[A-Z][a-z]{3,}[!@#$%&*-]?(?:19|20)\d\d$")
"""A word with a year behind it, which people choose and nothing else is called: `Summer2024`."""
_OF_TWO_WORDS = re.compile(r"[A-Za-z]{4,}\d{2,4}[a-z]{3,}$")
"""Words with a number between them: `gravel77pit`."""
_AMONG = re.compile(r"[$%]")
SAID = frozenset("changeme changeit letmein qwerty".split())
"""Usual passwords of letters alone that are no words of a text."""
_OF_A_FIELD = re.compile(r"pass(?:word|wd)?[1-9]$")
"""One of several passwords of a form or of settings, by its name: `password1`."""
_LONG_ENOUGH = 6
_SIGNS = frozenset("!@$%&*?+")
HOPE, WEAK, _BEGUN, STRAY = 1, 2, 4, 8
"""What may be a password, what may be one with a default alone, what `TELLS` may begin with, and what can be nothing else."""


@cache
def _hoped_for() -> frozenset[str]:
    """Return the accounts that devices ship with, and the usual passwords that no word for one is."""
    return KNOWN | (common() - SHIPPED - {"pw", "token"})


@lru_cache(maxsize=20_000)  # texts have few words, thousands of times
def may_be_one(word: str) -> int:
    """Return `HOPE` for what may be a password, or an account that devices ship with; `WEAK` for a word that is one with a default alone."""
    value = word.strip("\u00ab\u00bb")
    small = value.lower()
    if small in _hoped_for():
        return HOPE
    if value.isalpha() and not is_gibberish(value):  # as most words; what follows takes ten times as long
        return WEAK if small in WEAKEST else 0
    formed = (
        is_mixed(value)
        or not OF_PASSWORDS.isdisjoint(value.rstrip("!"))
        or is_phrase(value)
        or is_generated(value)
    )
    if formed and not is_no_value(value) and strength(value) is Strength.MIXED:
        return HOPE
    return WEAK if small in WEAKEST else 0


def is_no_value(value: str) -> bool:
    """Whether a word with a number in it is the name of something: of a version, a code, a size, a file."""
    return bool(_NO_VALUE.match(value))


def is_mixed(value: str) -> bool:
    """Whether there are letters and digits."""
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))


_OF_A_FORM = re.compile(r"(?i)\w%5B\w+%5D")
"""The name of a field, as a browser sends it: `user%5Bpassword%5D`."""


@lru_cache(maxsize=20_000)  # texts have few words, thousands of times
def can_be_nothing_else(value: str) -> bool:
    """Whether a word of a text is a password wherever one is spoken of."""
    if _OF_A_YEAR.match(value):
        return not is_example(value)
    if value.lower() in common():
        return value.lower() in SAID or (
            len(value) >= _LONG_ENOUGH
            and value.isalnum()
            and not value.isalpha()
            and not value.isdigit()
            and not _OF_A_FIELD.match(value)
        )
    if not _PLAIN.match(value) or _NAMED.match(value) or is_example(value) or is_digest_or_id(value):
        return False
    if _OF_A_FORM.search(value):
        return False
    if is_no_value(value[0] + _AMONG.sub("S", value[1:])):
        return False
    made = is_drawn(value) or (
        is_picked(value) and (bool(_OF_TWO_WORDS.match(value)) or not _SIGNS.isdisjoint(value))
    )
    return made and strength(value) is Strength.MIXED


@lru_cache(maxsize=20_000)  # texts have few words, thousands of times
def _promised(letters: str) -> int:
    """Return what all words promise that may stand between two blanks."""
    kinds = 0
    for word in apart(letters):
        kinds |= may_be_one(word)
        if _BEGINS.search(word.lower()):
            kinds |= _BEGUN
        if (kinds & HOPE or not word.isalpha()) and can_be_nothing_else(word):
            kinds |= STRAY
    return kinds


@lru_cache(maxsize=64)  # a line may be of interest to several
def promise(line: str) -> int:
    """Return the kinds of the words that a line may have, and of others that it is only taken to have."""
    return reduce(or_, map(_promised, line.split()), 0)


@lru_cache(maxsize=64)
def hopeful(line: str) -> bool:
    """Whether a sentence holds a word that may be a password, or the account of one: most sentences about passwords do not."""
    promised = promise(line)
    if not promised & HOPE and not (promised & WEAK and promised & _BEGUN):
        return False
    text = read(line).text
    kinds = {may_be_one(word) for word in text.split()}
    return HOPE in kinds or (WEAK in kinds and TELLS.search(text) is not None)
