"""The last look at a sentence that speaks of a password and has one word in it that can be nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from bundle.detect.credentials.judging.drawn import is_drawn, is_picked
from bundle.detect.credentials.judging.values import Strength, common, is_example, strength
from bundle.detect.credentials.prose import telling
from bundle.detect.credentials.prose.sentences import read
from bundle.detect.credentials.rules.catch import Catch

_PLAIN = re.compile(
    r"(?=[^\d]*\d[^\d]*\d)(?=[^A-Za-z]*[A-Za-z][^A-Za-z]*[A-Za-z])[A-Za-z0-9][\w!@#$%^&*?+=~.-]{6,31}$"
)
"""Two digits and two letters at least, and no sign that stands between names."""
_NAMED = re.compile(
    r"[A-Z0-9_.-]+$|[0-9a-f-]+$|[A-Za-z]+[#_-]?\d+$|\w+[#.=]\w*\d\w*$|[a-z]{1,3}\d+[a-z]+$|[a-z]+\d+[a-z]{1,2}$|(?:[A-Za-z]+\d{0,2}[-_.])+\w*$|[A-Za-z0-9]+[_-][A-Za-z0-9]+[_-][\w-]+$"
    r"|(?i:base|utf|sha|aes|win|md|rsa|crc|u?int|float|amd|arm|mips|ieee|mac|cfg|ath|http|ipv|latin|windows|iso)\d+\w*$"
)
"""Codes in capitals, digests, names with a number, options, chains of words, and what is called by its bits."""
_OF_A_YEAR = re.compile(r"[A-Z][a-z]{3,}[!@#$%&*-]?(?:19|20)\d\d$")
"""A word with a year behind it, which people choose and nothing else is called: `Summer2024`."""
_OF_TWO_WORDS = re.compile(r"[A-Za-z]{4,}\d{2,4}[a-z]{3,}$")
"""Words with a number between them: `gravel77pit`."""
_AMONG = re.compile(r"[$%]")
_GIVEN = re.compile(
    r"""(?i)(?:=>?|(?<![\w.-])[\w.-]*(?:pass\w*|pwd|pw|secret|token|key)["'*_`]{0,3}\s{0,3}:)[\["'(*_`\s]{0,6}\Z"""
)
"""What gives a setting its value: assignments and labels are read as such."""
_ASSIGNED = re.compile(r"""[\s#;]{0,20}(?:export\s|set\s)?\s{0,4}[\w.$"'\[\]-]{1,80}\s{0,8}(?:=|:)""")
"""A line that is an assignment itself, which is read as such."""
_VERBS = frozenset(("pass", "pin"))
"""Words for a password that texts about programs and boards have for others."""
_SAID = frozenset("changeme changeit letmein qwerty".split())
"""Usual passwords of letters alone that are no words of a text."""
_MAY_BE = re.compile(rf"\d|(?i:{'|'.join(sorted(_SAID))})")
"""What every word has that can be nothing else: a digit, or a usual password of letters alone."""
_LONG_ENOUGH = 6
_SIGNS = frozenset("!@$%&*?+")
_TALKS = re.compile(
    r"(?i)\b(?:e\.? ?g|for (?:example|instance)|examples?|such as|z ?\. ?b|beispiel\w*|par exemple|por ejemplo|should|could|must|at least|minimum|maximum"
    r"|characters?|letters|digits|zeichen|caracteres|formats?|regex|patterns?|strength|strong|weak|entropy|crack\w*|guess\w*|brute|leak\w*|hash\w*|digests?|checksums?|algorithms?"
    r"|sha\d*|md\d|bcrypt|scrypt|argon\w*|crypt|base ?64|encod\w+|versions?|commits?|bugs?|issues?|fix(?:e[sd])?|patch\w*|releases?|rfc ?\d*|cve|serial|licen[cs]e|part|order|model|firmware)\b"
)
"""What a sentence speaks of that explains passwords, or tells of other things with digits in their names."""


def told(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The one word of a sentence about a password that a generator or a person made for one."""
    found = _stray(match)
    if found is None:
        return None
    place, word, text = found
    return telling.caught_at(caught, match, place, telling.whose(match, text, word) or "")


def given(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The same on a line of settings, or of a shell, in which nothing else tells what is given to what."""
    found = None if _ASSIGNED.match(match["secret"]) else _stray(match)
    if found is None:
        return None
    place, word, _ = found
    return replace(telling.caught_at(caught, match, place, ""), key=word[0].strip(), note="")


def _stray(match: re.Match[str]) -> tuple[tuple[int, int], re.Match[str], str] | None:
    """Return where the one word of a line is that can be nothing else, the word for a password, and the line's words."""
    line = match["secret"]
    if not _MAY_BE.search(line):  # as in most lines
        return None
    sentence = read(line)
    text = sentence.text
    found = [(first, last) for _, first, last in sentence.places if can_be_nothing_else(line[first:last])]
    if len(found) != 1 or _TALKS.search(text) or _GIVEN.search(line, 0, found[0][0]):
        return None
    word = next((one for one in telling.NAMED.finditer(text) if one[0].lower() not in _VERBS), None)
    return None if word is None else (found[0], word, text)


@lru_cache(maxsize=20_000)  # texts have few words, thousands of times
def can_be_nothing_else(value: str) -> bool:
    """Whether a word of a text is a password wherever one is spoken of."""
    if _OF_A_YEAR.match(value):
        return not is_example(value)
    if value.lower() in common():
        return value.lower() in _SAID or (
            len(value) >= _LONG_ENOUGH and value.isalnum() and not value.isalpha() and not value.isdigit()
        )
    if not _PLAIN.match(value) or _NAMED.match(value) or is_example(value):
        return False
    if telling.is_no_value(value[0] + _AMONG.sub("S", value[1:])):
        return False
    made = is_drawn(value) or (
        is_picked(value) and (bool(_OF_TWO_WORDS.match(value)) or not _SIGNS.isdisjoint(value))
    )
    return made and strength(value) is Strength.MIXED
