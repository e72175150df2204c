"""What only Perl has: variables that are given words without quotes, and data behind the end of a program."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.values import Strength, is_placeholder, strength
from bundle.detect.credentials.lines.places import named
from bundle.detect.credentials.rules.catch import Catch

_WORD = re.compile(r"\S+")
_DATA = re.compile(r"(?m)^__(?:DATA|END)__[ \t]*\r?$")


def of_words(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The word in the place of the variable that promises a password: `my ($host, $pass) = qw(...)`."""
    names = [one.strip().lstrip("$") for one in match["names"].split(",")]
    words = list(_WORD.finditer(match["secret"]))
    wanted = next((n for n, name in enumerate(names) if kind_of(name) is Kind.PASSWORD), -1)
    if wanted < 0 or len(words) != len(names):
        return None
    word = words[wanted]
    value = word[0]
    if strength(value) is Strength.NO or is_placeholder(value) or value.lower() in DUMMIES:
        return None
    start = caught.start + word.start()
    return replace(caught, start=start, end=start + len(value.encode()), value=value, key=names[wanted])


def behind_the_program(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A setting in the data that a program reads from behind its own end."""
    return named(caught, match) if _DATA.search(match.string, 0, match.start()) else None


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {
    "words-of-perl": of_words,
    "behind-the-program": behind_the_program,
}
