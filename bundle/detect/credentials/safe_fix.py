"""What is known of a credential that a program might replace: features for the rows `by-hand` of `decide`.

A replacement is safe where none of these rows holds: the find has high confidence, the place is known to hold a secret, the
value proves itself, and a person wrote the file for a program that reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from bundle.detect.credentials.encodings import code_between, encoding_of
from bundle.detect.credentials.judging.keyword import Kind, kind_of, names_an_account
from bundle.detect.credentials.proof import is_random, is_usual, may_be_coded
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import View
from bundle.walk.member import Member

_SETTINGS = frozenset(("assignment", "xml"))
"""Families that go by the name of a setting."""
_SINKS = frozenset(("login-call", "sql", "url", "command-line"))
"""Families of places that take nothing but the password of an account."""
_AS_IT_IS = frozenset(("login-call", "url", "command-line"))
"""Families of places that take a password as it is, so that no digest and no encoded value stands there."""
_BY_FORM = frozenset(("url", "sql", "command-line"))
"""Families whose pattern holds the place from end to end."""
_LINES = frozenset(("daemon-setting", "password-file"))
"""Families of files whose lines are known by their form."""
_TOKEN = "service-token"  # noqa: S105 - a family, not one
_OTHERS = frozenset(("back-door", "password-hash", "sudo-rule"))
"""Families that are never replaced."""

_BROWSER = (
    ".js",
    ".mjs",
    ".css",
    ".map",
    ".ts",
    ".scss",
    ".less",
    ".htm",
    ".html",
    ".svg",
    ".vue",
    ".svelte",
    ".jsx",
    ".tsx",
)
_LOCKS = re.compile(r"(?i)(?:[-._]lock(?:file|\.\w{1,8})?|\.sum|-shrinkwrap\.\w{1,8})$")
"""Lists of packages that a program wrote: `yarn.lock`, `package-lock.json`, `go.sum`."""
_PACKED = 1500
"""Characters of a line from which a program wrote it."""

_NAME = r"""(?:[\w$@][\w$@.>\[\]'"/-]*|(?P<n>["'])[\w.$/-]+(?P=n))"""
_ARGUMENT = re.compile(r"\s*[,)]")
_END = re.compile(r"\s*(?:$|[;,)\]}]|#|//|/\*|--|\?>)")
_END_OF_A_BARE_VALUE = re.compile(r"\s*(?:$|[}\]]|,\s)|\s+(?:[#;]|//)")
_END_IN_A_SHELL = re.compile(r"$|[\s;&|)}`\"']")
"""What follows a literal that is all of a value."""
_STATEMENT = re.compile(
    rf"""(?:^|[{{,;\[]|\barray\s*\(|<\?(?:php|=)?)\s*(?P<words>(?:[\w<][\w<>\[\].*?]*\s+){{0,6}}){_NAME}\s*(?:=>|:=|=|:)\s*["']$"""
)
"""What stands before a literal that is assigned: the name at the beginning of a statement or an entry, and one sign."""
_GIVEN = re.compile(r"""\b(?:define|setProperty)\s*\(\s*(?P<n>["'])[\w.-]+(?P=n)\s*,\s*["']$""")
"""The same as the second argument of a call that sets what the first one names."""
_SETTING = re.compile(
    rf"""(?:^\s*(?:-\s+)?(?:(?:export|set|local|readonly|ENV|ARG)\s+)?|[{{,]\s*|^\s*(?:-\s+)?["'](?=\w+=)){_NAME}\s*(?:=>|:=|=|:)\s*["']?$"""
)
"""What stands before a value in a file of settings: the name at the beginning of the line or the entry, and one sign."""
_LEADING = r"""(?:export|local|readonly|declare|env|sudo|then|do|else|set|SET|ENV|ARG)\s+["']?"""
_ASSIGNMENT = rf"""(?:^|[;&|({{`])\s*(?:{_LEADING})*(?:\w+=\S*\s+)*\w+=["']?$"""
_OPTION = r"""\s(?:-e|--env)[\s=]+["']?[A-Z][A-Z0-9_]*=["']?$"""
_OF_POWERSHELL = r"""^\s*\$[\w:{}]+\s*=\s*["']$"""
_OF_DOCKER = r"""^\s*(?:ENV|ARG)\s+\w+\s+["']?$"""
_OF_A_SHELL = re.compile(f"{_ASSIGNMENT}|{_OPTION}|{_OF_POWERSHELL}|{_OF_DOCKER}")
"""The same in a shell, at the beginning of a command and without blanks around the sign: elsewhere it is an argument, of `test` or `grep`."""
_DECODERS = {
    code: re.compile(rf"""(?:[\w.]*\.)?\b(?:{calls})\s*\(\s*(?P<quote>["'])$""")
    for code, calls in (
        ("base64", "base64_decode|b64decode|atob"),
        ("hex", "hex2bin|unhexlify|fromhex"),
        ("hex-upper", "hex2bin|unhexlify|fromhex"),
        ("url", "rawurldecode|urldecode|unquote"),
    )
}
"""Calls that decode the literal behind them."""
_COMPARED = re.compile(r"(?i)\bwhere\b[^;]*$")
"""What stands before a value that a statement of SQL looks for."""
_CONDITIONS = frozenset(
    "if elif elsif elseif else unless while until when case where and or not return assert test on having select".split()
)
"""Words of statements in which one sign compares."""


@dataclass(frozen=True, slots=True)
class Replacing:
    """What is known of a value that may be replaced."""

    features: frozenset[str]
    encoding: str = ""
    """The code in which the new value has to be written."""
    plain: str = ""
    """The value without its code."""


def describe(member: Member, view: View, family: str, one: Catch, kind: str) -> Replacing:
    """Return the features by which `decide.by_hand` tells whether a catch whose account and service are known may be replaced."""
    encoding, plain, coded, proved = _of_the_value(view, family, one)
    ours = family in _SETTINGS | _SINKS | _LINES | {_TOKEN} or family in _OTHERS
    found = {
        "lock-file": bool(_LOCKS.search(member.name)),
        "browser-file": member.name.lower().endswith(_BROWSER),
        "packed-line": len(view.line(one.start)) > _PACKED,
        "signs": one.service == "signature",
        "place-known": not ours or _place_is_known(view, family, one, kind, encoding),
        "coded": ours and coded,
        "value-proved": not ours or proved,
    }
    return Replacing(frozenset(name for name, holds in found.items() if holds), encoding, plain)


def _of_the_value(view: View, family: str, one: Catch) -> tuple[str, str, bool, bool]:
    """Return the code of a value and what it says, whether it may be coded in a way not known, and whether it is proved."""
    if family not in _SETTINGS | _SINKS | _LINES:
        return "", one.value, False, True  # a token of a known form, or what a rule of the user's own finds
    as_it_is = family in _AS_IT_IS or (family == "sql" and "identified" in view.before(one.start).lower())
    sink = family in _SINKS
    account = one.user or (one.key if names_an_account(one.key) else "")
    if family == "password-file" and account == one.value:
        account = ""  # a list of names has the same form: `admin:admin`
    written = code_between(view.value(one.start, one.end), one.value)
    if written:  # the place decodes it
        return written, one.value, False, is_proved(one.value, account, sink=sink)
    encoding, plain = ("", one.value) if as_it_is else encoding_of(one.value)
    if encoding and family in _SETTINGS and is_proved(plain, account, sink=sink):
        return encoding, plain, False, True
    if encoding or (not as_it_is and may_be_coded(one.value)):
        return "", one.value, True, False
    value = unquote(one.value) if family == "url" else one.value
    return "", value, False, is_proved(value, account, sink=sink)


def is_proved(value: str, account: str, *, sink: bool) -> bool:
    """Return whether a value proves itself: it was drawn, or is a usual password of this account."""
    return is_random(value) or is_usual(value, account, sink=sink)


def _place_is_known(view: View, family: str, one: Catch, kind: str, encoding: str) -> bool:
    """Return whether the place holds nothing but a secret, and the value is all that stands there."""
    line, before = view.line(one.start), view.before(one.start)
    if family in _LINES or family in _BY_FORM:
        return family != "sql" or _COMPARED.search(before) is None
    behind = line[len(before) + one.end - one.start :]
    quote = before[-1:] if before[-1:] in ("'", '"') else ""
    if quote and not behind.startswith(quote):
        return False
    behind = behind[len(quote) :]
    decoder = _DECODERS[encoding].search(before) if encoding else None
    if decoder and behind.startswith(")"):
        before, behind = before[: decoder.start()] + quote, behind[1:]
    if family == "login-call":
        return bool(quote) and _ARGUMENT.match(behind) is not None
    if not _names_a_secret(one, family):
        return False
    if kind == place.MARKUP or family == "xml":
        return bool(quote) or (before[-1:] == ">" and behind[:1] == "<")
    end = _END_IN_A_SHELL if kind == place.SHELL else _END if quote else _END_OF_A_BARE_VALUE
    return end.match(behind) is not None and _is_set(before, quote, kind)


def _names_a_secret(one: Catch, family: str) -> bool:
    """Return whether the name is one of a password, or one of a token that was drawn; a token of a known form needs none."""
    if family == _TOKEN:
        return True
    name = kind_of(one.key)
    return name is Kind.PASSWORD or (name is Kind.TOKEN and is_random(one.value))


def _is_set(before: str, quote: str, kind: str) -> bool:
    """Return whether what stands before a value sets it, by the grammar of the kind of text."""
    if kind == place.SHELL:
        return _OF_A_SHELL.search(before) is not None
    if kind in (place.CONFIG, place.OTHER) and _SETTING.search(before):
        return True
    found = _STATEMENT.search(before) if quote else None
    if found is None:
        return bool(quote) and _GIVEN.search(before) is not None
    return not _CONDITIONS & set(found["words"].lower().split())
