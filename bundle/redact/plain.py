"""Which parts of a log line a report may quote: plain words, numbers, paths, and what known messages are made of.

Everything else is masked. A password has no form of its own, so no list of forms finds each of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from importlib.resources import files

from bundle.detect.credentials.judging.letters import is_gibberish, is_odd
from hardening.toml_rows import Table

MASK = "***"
_DATA = files("hardening.upgrade") / "data"
_RUN = re.compile(r"[^\W_]+")
_CLOSED = re.compile(r"[\s.,;:!?)\]}>'\"\u201d\u00bb\u3002\uff0c\u3001]*\Z")
"""What ends a token and belongs to the sentence."""
_OPENS = re.compile(r"[=:/(\[{<,;|&?@\"'`\u00ab\u201e\u201c\uff1a\u300c]")
"""What a part of a token begins behind."""
_TRANSACTION = r"\d{8}T\d{6}Z-[0-9a-f]{8}(?:\+\d+)?(?![^\W_])"
"""An upgrade or a transaction of ours."""
_TIME = r"(?<![^\W_])\d{4}-?\d\d-?\d\dT\d\d:?\d\d(?::?\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?(?![^\W_])"
_AREA = "component|credential|engine|host|key|log|tls|trust|upgrade|walk"
_RULE_PART = r"(?:[a-z]{1,16}|\d{1,4})"
_RULE = rf"(?<!\S)(?:{_AREA})(?:/{_RULE_PART}(?:[-.]{_RULE_PART})*){{1,2}}(?=[\s,:;]|\Z)"
"""A rule of ours."""
_HEXADECIMAL = r"(?<![^\W_])0[xX][0-9a-fA-F]{1,8}(?![^\W_])"
_UNIT = r"[kKMGTP]i?[Bb]?|[mun]?s|min|MHz|GHz|bit|bytes?|st|nd|rd|th|x"
_AMOUNT = rf"(?<![^\W_.])\d+(?:[.,]\d+)?(?:{_UNIT})(?![^\W_])"
_SUFFIX = r"[a-z]{1,6}\d{0,3}|\d{1,4}[a-z]{0,6}\d{0,3}|\d+"
_VERSION = rf"(?<![^\W_.])\d+(?:[.:]\d+)+(?:[-+~.:](?:{_SUFFIX})(?:u\d{{1,2}})?){{1,8}}(?![^\W_])"
_DPKG = r"(?<!\S)[a-z0-9][a-z0-9+.-]*:(?:amd64|i386|arm64|armhf|armel|all|any)(?![^\W_])"
_DEB = r"(?<![^\s/-])[a-z0-9][a-z0-9+.-]*_[\w.+~%-]+_(?:amd64|i386|arm64|armhf|armel|all)\.deb\b"
_RPM = r"(?<![^\s/])[\w.+-]+-[\w.+~]+-[\w.+~]+\.(?:noarch|x86_64|i[3-6]86|aarch64|src)(?:\.rpm)?(?![^\W_])"
_MAC = r"(?<![^\W_:])(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}(?![^\W_:])"
_IPV6 = r"(?<![^\W_:])(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}(?![^\W_:])"
_SHORT_IPV6 = r"(?<![^\W_:])(?:fe80|fd[0-9a-f]{2}|2[0-9a-f]{3})?::?(?:[0-9a-fA-F]{1,4}:){0,6}[0-9a-fA-F]{1,4}(?=[\]/%\s]|\Z)"
_KINDS = (
    _TRANSACTION,
    _TIME,
    _RULE,
    _HEXADECIMAL,
    _AMOUNT,
    _VERSION,
    _DPKG,
    _DEB,
    _RPM,
    _MAC,
    _IPV6,
    _SHORT_IPV6,
)
_KNOWN = re.compile("|".join(_KINDS))
"""Syntax that holds letters beside digits and no secret."""
_SHORT = re.compile(r"(?:[a-z]{1,4}|[A-Z]{1,4})\d{1,3}|\d{1,4}(?:[a-z]{1,2}|[A-Z]{1,2})")
"""`el6`, `x86`, `eth0`, `SHA256`: of such parts a token may have one that no known message has."""
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_OPTION = re.compile(r"-[pPwWakK]\Z")
"""Options behind which programs take a password."""
_SCRIPTS = "\u0590"
"""From here on letters have no case, and words no blank between them."""
_LONG = 8
_PART = 3


@cache
def vocabulary() -> frozenset[str]:
    """Return the words of the shipped messages: their texts, examples and explanations."""
    return words_of(
        "".join((_DATA / name).read_text("utf-8") for name in ("log_messages.toml", "secret_words.toml"))
    )


def words_of(text: str) -> frozenset[str]:
    """Return the words in a text, in small letters; escapes of a regular expression are none."""
    return frozenset(one.lower() for one in _RUN.findall(re.sub(r"\\[A-Za-z]", " ", text)))


@cache
def _secret_words() -> tuple[tuple[re.Pattern[str], ...], frozenset[str]]:
    """Return what finds the value of a secret, from the surest form on, and the words that are no such value."""
    table = Table.load(_DATA / "secret_words.toml")
    anywhere, whole, assigned, weak, between = (
        "|".join(
            re.escape(one).replace(r"\ ", r"\s{1,2}")
            for one in sorted(table.texts(key), key=len, reverse=True)
        )
        for key in ("anywhere", "whole", "assigned", "weak", "between")
    )
    about = frozenset(table.texts("about"))
    table.done()
    word = rf"(?:(?:{anywhere})[^\W_]{{0,12}}|(?<![^\W_])(?:{whole})(?![^\W_]))(?!\s+realm=)"
    sign = r"[\])}'\"\u201d\u00bb]?\s{0,4}(?:=>|->|:=|[=:|~\uff1a\u2192\uff1d](?!//))\s{0,4}"
    few = r"(?:[_-]\w{1,24}|\s{1,2}[^\s:=]{1,24}){0,4}?"
    forms = (
        rf"(?i){word}{few}{sign}",
        rf"(?i)(?<![^\W_])(?:{assigned})(?![^\W_]){sign}",
        rf"(?i)(?<![^\W_])(?:{weak})(?![^\W_]){sign}",
        rf"(?i)(?<![^\W_])(?:{assigned}|{weak})\s{{1,4}}",
        rf"(?i){word}{few}\s(?:is|ist|lautet|est|es|jest|это|(?:changed|set|reset|updated)\s(?:to|from))\s{{1,2}}",
        rf"(?i){word}(?:\s{{1,4}}|(?<=[^\x00-\x7f])(?=[\x21-\x7e])|(?=[(\[<\"'\u201c\u201e\u00ab\u300c]))(?:(?:{between}|\d)\s{{1,2}}){{0,3}}",
    )
    return tuple(map(re.compile, forms)), about


_VALUE = re.compile(
    r"(?:[(\[<{]*)(?:\"[^\"]*(?:\"|\Z)|'[^']*(?:'|\Z)|`[^`']*(?:[`']|\Z)|[\u201c\u201e][^\u201c\u201d]*(?:[\u201c\u201d]|\Z)|\u00ab[^\u00bb]*(?:\u00bb|\Z)|\u300c[^\u300d]*(?:\u300d|\Z)|\S+)"
)
_USED = re.compile(r"(?i)(?:yes|no)\)")
"""MySQL's `(using password: YES)`."""
_LABEL = r"\"[^\"]*\"|'[^']*'|[^\s:]+"
_SAYS = r"\s(?:is|was|ist|est|es)\s[^:=\n]{0,40}?|\sas\s[^:=\n]{0,12}?|:\s(?:wrong|bad|invalid|incorrect)\s"
_WORD_FOR_ONE = r"pass(?:word|wd|phrase|code)|secret|token|pin\b|pw\b|passwort|kennwort|mot de passe|contrase\u00f1a|senha"
_BEFORE = re.compile(rf"(?i)({_LABEL})((?:{_SAYS})(?:{_WORD_FOR_ONE}))")
"""What is said of a value before the word: `X is not a valid password`."""
_CHANGED = re.compile(r"(\*{3}\s(?:to|->|by)\s)\S+")
"""`changed from *** to X`."""
_WHOLE_REST = re.compile(r"(?i)phrase|seed|recovery|credential")
_SYNTAX = re.compile(r"(?i)(?:unexpected|invalid|near|illegal)\s(?:unexpected\s)?\Z")
"""Before `token`: a parser speaks."""


def named(line: str) -> str:
    """Return the line with the value masked that stands behind a word for a secret, whatever it looks like."""
    (named_so, assigned, weak, bare, quoted, behind), about = _secret_words()
    line = _each(named_so, line, frozenset())
    line = _each(assigned, line, frozenset())
    line = _each(weak, line, vocabulary())
    line = _each(bare, line, vocabulary())
    line = _each(quoted, line, about)
    line = _each(behind, line, about)
    line = _CHANGED.sub(rf"\1{MASK}", line)
    return _BEFORE.sub(lambda one: one[0] if _spared("", one, one[1], vocabulary()) else MASK + one[2], line)


def _each(pattern: re.Pattern[str], line: str, about: Collection[str]) -> str:
    """Mask the value behind each match, but where all its words are in `about`."""
    done, at = [], 0
    while (found := pattern.search(line, at)) is not None:
        value = _VALUE.match(line, found.end())
        spared = (
            value is None
            or _USED.match(line, found.end())
            or (about and _spared(line, found, value[0], about))
        )
        if value is None or spared:
            done.append(line[at : found.end()])
            at = found.end()
            continue
        end = len(line) if _WHOLE_REST.search(found[0]) and value[0][:1] not in "\"'" else value.end()
        tail = _CLOSED.search(value[0]) if value[0][:1] not in "\"'`" else None
        kept = tail[0] if tail is not None and end == value.end() and tail.start() else ""
        done += [line[at : found.end()], MASK, kept]
        at = end
    return "".join(done) + line[at:]


def _spared(line: str, found: re.Match[str], value: str, about: Collection[str]) -> bool:
    """Return whether a word behind a word for a secret only says something about it."""
    parts = _RUN.findall(value.lower())
    if value.startswith(("-", MASK)) or all(
        one in about or (len(one) <= _PART and one.isdigit() and about is vocabulary()) for one in parts
    ):
        return True
    return found[0].lower().startswith("token") and bool(_SYNTAX.search(line[: found.start()]))


def masked(line: str, explained: Collection[str] = ()) -> str:
    """Return the line with every part masked that is neither plain nor one of the words in `explained`."""
    done, last = [], ""
    for token in re.split(r"(\s+)", line):
        if token and not token.isspace():
            done.append(_token(token, explained, strict=bool(_OPTION.match(last))))
            last = token
        else:
            done.append(token)
    return "".join(done)


def _token(token: str, explained: Collection[str], *, strict: bool) -> str:
    signs = _SIGN.search(token.replace("&", "").replace("%", "") if "://" in token else token) is not None
    known = [] if signs else [one.span() for one in _KNOWN.finditer(token)]
    path = token.startswith(("/", "./", "../", "~/")) or "://" in token
    short = int(signs)
    for run in _runs(token):
        if any(start <= run.start() and run.end() <= end for start, end in known):
            continue
        before = token[: run.start()]
        odd = (
            strict
            or (not path and before.endswith((":", "/")) and before[-2:-1].isalnum())
            or before in _FLAGS
        )
        letters = run[0].isalpha() or run[0].isdigit()
        if (letters or not signs) and _plain(run[0], explained, strict=odd):
            continue
        if _SHORT.fullmatch(run[0]) and not strict and before not in _FLAGS and not short:
            short += 1
            continue
        begins = max(
            (one.end() for one in _OPENS.finditer(before)), default=len(before) - len(before.lstrip("-"))
        )
        tail = _CLOSED.search(token)
        return token[:begins] + MASK + (tail[0] if tail is not None and tail.start() >= run.end() else "")
    return token


_SIGN = re.compile(r"(?<=[^\W_])[!$^#%&*](?=[^\W_])")
"""Signs within a word: what holds digits as well is a password rather than a name."""
_FLAGS = frozenset(("-p", "-P", "-w", "-a"))


def _runs(token: str) -> list[re.Match[str]]:
    """Return the runs of letters and digits; where a script without blanks meets ASCII a new one begins."""
    return [
        one
        for run in _RUN.finditer(token)
        for one in re.compile(rf"[{_SCRIPTS}-\U0010ffff]+|[^{_SCRIPTS}-\U0010ffff]+").finditer(
            token, *run.span()
        )
    ]


def _plain(run: str, explained: Collection[str], *, strict: bool) -> bool:
    low = run.lower()
    if run.isdigit() or low in vocabulary() or low in explained:
        return True
    if not run.isalpha():
        return False
    if strict:
        return False
    if not run.isascii():
        return run.islower() or run.isupper() or run.istitle() or run[0] >= _SCRIPTS
    parts = _CAMEL.findall(run)
    if len(parts) > 1 and not all(len(one) >= _PART or one.lower() in vocabulary() for one in parts):
        return False
    return all(
        one.lower() in vocabulary() or not (is_odd(one) if len(one) >= _LONG else is_gibberish(one))
        for one in parts
    )
