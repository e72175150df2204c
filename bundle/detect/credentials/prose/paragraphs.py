"""Sentences that go on over the end of a line, as texts are filled: the word for a password on one, what it is on the next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from bundle.detect.credentials.prose import plainly, strays, telling
from bundle.detect.credentials.prose.pairs import told_as_a_pair
from bundle.detect.credentials.prose.sentences import read
from bundle.detect.credentials.prose.words import HOPE, may_be_one
from bundle.detect.credentials.rules.catch import Catch

_FILLED = 40
"""Letters of the shortest line that was ended because it was full."""
_OPEN = re.compile(r"[\w,:(=\"'`*\x80-\xff]\s*$")
"""The end of a line that no sentence ends with."""
_MARK = re.compile(r"[ \t]*(?:#+|;+|//+|>+|rem\b)?[ \t]*")
"""What stands before each line of a comment or a quotation."""
_GOES_ON = re.compile(r"[\w\"'`<(\x80-\xff]|\*{1,2}\w")
_WORD = r"(?:passw\w{1,5}|passphrase|passcode|kennwort|wachtwoord|pass|pwd?|pin|mot de passe|contrase\S{1,2}a|clave|senha|parola)"
_NEAR_THE_END = re.compile(rf"(?i){_WORD}\b[^.!?;\n]{{0,24}}$")
_TAIL = 48
"""Letters at the end of a line in which the word is that the next line goes on from."""
_NEAR_THE_BEGIN = re.compile(rf"(?i)\W{{0,12}}(?:\w[\w-]{{0,40}}+[^\w-]{{1,3}}){{0,4}}{_WORD}\b")
_FIRST_WORDS = 3
_AROUND = ".,;:!?()\"'`*<>"
_BOTH = re.compile(r"(?P<secret>[^\n]*\n[^\n]*)")


def told(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The password that a line of a text tells, by itself or with the line before or behind it."""
    return (
        telling.told_in_a_sentence(caught, match)
        or _with_the_next(caught, match)
        or _with_the_last(caught, match)
        or strays.told(caught, match)
        or plainly.told(caught, match)
    )


_MARKED = re.compile(r"(?i)\s*(?:#|//|--|/?\*|<!--|<%--|\{#|[;%']\s|rem\s|dnl\s)")
"""What a line begins with that is a comment as a whole."""
_A_NAME = re.compile(r"(?i)(?:pass(?:w\w{1,6})?|pwd|pw|secret|token|key)\d{0,2}$")
"""A variable that a program has beside another one: `password2`."""


_SET = re.compile(r"""(?:=>?|["'\]]\s{0,4}:)[\s("'`\\]{0,8}\Z""")
"""What gives a setting its value, which is read as one: what a comment tells has a colon, or nothing."""
_SIGNS = 12


def told_in_a_comment(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The same in a comment of a program: what is told on another line has to be in one as well, and is no variable."""
    found = told(caught, match)
    if found is None or _A_NAME.match(found.value):
        return None
    line, first = match.string, match.start("secret")
    at = first + found.start - caught.start
    if _SET.search(line, max(0, at - _SIGNS), at):
        return None
    other = at >= match.end("secret") or at < first
    return None if other and not _MARKED.match(line, line.rfind("\n", 0, at) + 1) else found


def _with_the_next(caught: Catch, match: re.Match[str]) -> Catch | None:
    text, (first, end) = match.string, match.span("secret")
    if not text.startswith("\n", end):
        return None
    below = (end + 1, _end_of_line(text, end + 1))
    words = _going_on(text, below).split(None, _FIRST_WORDS)[:_FIRST_WORDS]
    if not _hope(words) or not _NEAR_THE_END.search(match["secret"][-_TAIL:]):
        return None
    return _over(caught, text, (text.rfind("\n", 0, first) + 1, end), below, first)


def _with_the_last(caught: Catch, match: re.Match[str]) -> Catch | None:
    text, first = match.string, match.start("secret")
    begin = text.rfind("\n", 0, first) + 1
    if not begin or not _NEAR_THE_BEGIN.match(match["secret"]):
        return None
    line = (begin, match.end("secret"))
    if not _hope(_going_on(text, line).split()):
        return None
    return _over(caught, text, (text.rfind("\n", 0, begin - 1) + 1, begin - 1), line, first)


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return end if end >= 0 else len(text)


def _going_on(text: str, line: tuple[int, int]) -> str:
    """Return a line behind its mark if it may go on with the one before it: few do."""
    mark = _MARK.match(text, *line)
    return text[mark.end() : line[1]] if mark and _GOES_ON.match(text, mark.end(), line[1]) else ""


def _hope(words: Iterable[str]) -> bool:
    return any(may_be_one(word.strip(_AROUND)) == HOPE for word in words)


def _over(caught: Catch, text: str, one: tuple[int, int], other: tuple[int, int], first: int) -> Catch | None:
    """Return what two lines tell together, where the second goes on with what the first begins; `first` is where `caught` lies."""
    mark, next_mark = _MARK.match(text, *one), _MARK.match(text, *other)
    if mark is None or next_mark is None or mark[0].strip() != next_mark[0].strip():
        return None
    begin, line = mark.end(), text[mark.end() : one[1]]
    behind = text[next_mark.end() : other[1]]
    if len(line) < _FILLED or "\t" in line or not _OPEN.search(line):
        return None  # a line that was not filled, or a row of a table
    blank = " " * (next_mark.end() - begin - len(line) - 1)
    both = _BOTH.match(f"{line}\n{blank}{behind}")
    if both is None:
        return None
    caught = replace(caught, start=caught.start + begin - first)
    sentence = read(both["secret"])
    for word in telling.NAMED.finditer(sentence.text):
        account = telling.whose(both, sentence.text, word)
        found = None if account is None else telling.told_here(caught, both, sentence, word, account)
        if found is not None:
            return found
    return None


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {
    "told-in-a-sentence": told,
    "told-in-a-comment": told_in_a_comment,
    "told-as-a-pair": told_as_a_pair,
    "stray": strays.given,
}
