"""What a value in quotes means where the server reads escapes in it: Redis, PostgreSQL and Exim, each in its own way."""

from __future__ import annotations

import re

_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_REDIS = re.compile(r'"(?P<double>(?:[^"\\]|\\.)*)"|\'(?P<single>(?:[^\'\\]|\\.)*)\'')
_POSTGRESQL = re.compile(r"'(?P<said>(?:[^'\\]|\\.|'')*)'")
_EXIM = re.compile(r'"(?P<said>(?:[^"\\]|\\.)*)"')


def redis(value: str) -> str:
    r"""Return a word: `\xHH` and letters between double quotes, `\'` alone between single ones."""
    if (found := _REDIS.fullmatch(value)) is None:
        return value
    if found["single"] is not None:
        return found["single"].replace("\\'", "'")
    return _read(found["double"], "abnrt", r"x[0-9A-Fa-f]{2}")


def postgresql(value: str) -> str:
    r"""Return a value without what follows its closing quote: `''` is one quote, `\ooo` and letters are escapes."""
    if (found := _POSTGRESQL.match(value)) is None:
        return value
    return _read(found["said"].replace("''", "\\'"), "bfnrt", r"[0-7]{1,3}")


def exim(value: str) -> str:
    r"""Return a value: `\ooo`, `\xHH` and letters are escapes between double quotes."""
    if (found := _EXIM.fullmatch(value)) is None:
        return value
    return _read(found["said"], "bfnrtv", r"x[0-9A-Fa-f]{1,2}|[0-7]{1,3}")


def _read(text: str, letters: str, numbers: str) -> str:
    """Return a text with its escapes read; a backslash before anything else goes away alone."""

    def meant(found: re.Match[str]) -> str:
        word = found[1]
        if len(word) == 1 and not word.isdigit():
            return _LETTERS[word] if word in letters else word
        if word[0] == "x":
            return chr(int(word[1:], 16))
        return chr(int(word, 8) & 0xFF) if set(word) <= set("01234567") else word

    return re.sub(rf"\\({numbers}|.)", meant, text)
