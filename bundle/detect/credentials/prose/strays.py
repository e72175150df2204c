"""The last look at a sentence that speaks of a password and has one word in it that can be nothing else."""

from __future__ import annotations

import re
from dataclasses import replace

from bundle.detect.credentials.prose import telling
from bundle.detect.credentials.prose.sentences import read
from bundle.detect.credentials.prose.words import STRAY, can_be_nothing_else, promise
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.vocabulary import any_of

_GIVEN = re.compile(
    r"""(?i)(?:=>?|(?<![\w.-])[\w.-]*(?:pass\w*|pwd|pw|secret|token|key)["'*_`]{0,3}\s{0,3}:)[\["'(*_`\s]{0,6}\Z"""
)
"""What gives a setting its value: assignments and labels are read as such."""
_ASSIGNED = re.compile(r"""[\s#;]{0,20}(?:export\s|set\s)?\s{0,4}[\w.$"'\[\]-]{1,80}\s{0,8}(?:=|:)""")
"""A line that is an assignment itself, which is read as such."""
_VERBS = frozenset(("pass", "pin"))
"""Words for a password that texts about programs and boards have for others."""
_TALKS = re.compile(rf"(?i)\b(?:{any_of('prose/talks-about-passwords')})\b")
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
    return replace(telling.caught_at(caught, match, place, ""), key=word[0].strip(), told=False)


def _stray(match: re.Match[str]) -> tuple[tuple[int, int], re.Match[str], str] | None:
    """Return where the one word of a line is that can be nothing else, the word for a password, and the line's words."""
    line = match["secret"]
    if not promise(line) & STRAY:  # as in most lines
        return None
    sentence = read(line)
    text = sentence.text
    found = [(first, last) for _, first, last in sentence.places if can_be_nothing_else(line[first:last])]
    if len(found) != 1 or _TALKS.search(text) or _GIVEN.search(line, 0, found[0][0]):
        return None
    word = next((one for one in telling.NAMED.finditer(text) if one[0].lower() not in _VERBS), None)
    return None if word is None else (found[0], word, text)
