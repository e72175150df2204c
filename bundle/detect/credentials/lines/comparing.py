"""Passwords that a program compares with: back doors, unless they are words of the program."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bundle.detect.credentials.judging import naming
from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.values import Strength, is_generated, is_phrase, strength
from bundle.detect.credentials.rules.catch import Catch

_LONG_TOKEN = 10
_LOGIN = re.compile(
    r"""(?i)(?:user|login|account)\w*['"\])]*\s*(?:={2,3}|\.equals\(|\beq\b)\s*["'][\w.@-]{2,40}["']\)?\s*(?:&&|and)\s"""
)
"""An account compared with a name, right before its password is."""
_TYPED = re.compile(r"(?i)^(?:input|entered|typed|given|eingegebenes?)_?(?=p)")
"""Words before the name of a password that somebody typed."""
_HELD = re.compile(r"(?<=[a-z])_?(?:[fF]ield|[iI]nput|[eE]dit|[bB]ox|[eE]ntry|[tT]xt|[tT]ext)$")
"""What holds what somebody typed, behind the name of a password."""
_CONSTANT = re.compile(r"^[A-Z]{2,}(?:_[A-Z]{2,})+$")
"""A word of the program's, as it calls its ways and states: `LDAP_EXOP`."""
_SET_BY_THE_SITE = re.compile(r"[A-Z][A-Z0-9_]{3,60}$")
"""A constant of the program, which nobody types: whether it is a usual password asks whether its default was left."""
_OPTION = re.compile(r"(?i)^\W*(?:options?|opts?|args?|arguments|attr(?:ibute)?s?|settings)\b")
"""What holds the options of a call, whose `pass` is no password: `$options['pass'] === 'folders'`."""
_GETTER = re.compile(
    r"(?i)\.(?:value|text|trim|val|getText|toString|lower|strip|getBytes|toCharArray|encode)(?:\(\))?$"
)


def compared(  # noqa: PLR0911 - one return for each kind of name and value
    caught: Catch, match: re.Match[str]
) -> Catch | None:
    """A password that a program compares with: a back door, unless it is a word of the program."""
    name = re.split(r"[\[\]{}.>:()]+", _GETTER.sub("", match["key"]).strip("'\"])}("))[-1].strip("'\"$")
    name = _HELD.sub("", _TYPED.sub("", name))
    if name.endswith("-Password") or match.string[: match.start("key")].endswith(("User-", "Cleartext-")):
        return None  # an attribute of RADIUS, which is read as one
    said = strength(caught.value)
    unequal = "!=" in match[0] or "<>" in match[0]
    promised = None if _CONSTANT.match(caught.value) else kind_of(name)
    if promised is Kind.TOKEN:
        sure = is_generated(caught.value) and len(caught.value) >= _LONG_TOKEN
        return caught.by("drawn") if sure else None
    if promised is not Kind.PASSWORD:
        return None
    usual = said is Strength.COMMON and caught.value.lower() in DUMMIES
    if (usual or caught.value == "default") and not unequal:
        before = match.string[max(0, match.start() - 100) : match.start()]
        return caught.by("compared") if _LOGIN.search(before) else None
    if said is Strength.NO or caught.value.lower() in DUMMIES:
        return None
    constant = _SET_BY_THE_SITE.match(match["key"]) is not None
    if said is Strength.COMMON and ((unequal and name.lower() != "php_auth_pw") or constant):
        return None  # whether the default was changed; what a browser sent is held against what lets in
    if said > Strength.WORD:
        return caught
    if _OPTION.match(match["key"]):
        return None
    near = match.string[max(0, match.start() - 200) : match.end() + 200]
    joined = name.lower() not in ("pass", "pw", "pwd") and naming.is_joined(caught.value)
    if is_phrase(caught.value) or joined:
        return caught.by("phrase")
    account = re.search(r"""(?i)(?:user|login|account)\w*['"\])]*\s*(?:[!=]={1,2}|\.equals|\.eq)""", near)
    return caught.by("compared" if account else "state")


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {"compared": compared}
