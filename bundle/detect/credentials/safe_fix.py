"""Which credentials a program may replace unasked: the policy behind `fix.safe` and `bundle clean`.

A replacement is safe where all of these hold; otherwise a person decides, and the finding's fix says why:

1. the find has high confidence;
2. the place is known to hold a secret: an argument of a call that logs in, a statement of SQL about an account, the
   user part of an address, a setting whose name is one of a password and whose whole value is the literal;
3. the value proves itself: a generator drew it, or it is a usual password of an account that is known;
4. the file is one that a person wrote and a program reads: no lock file, script for browsers or documentation;
5. the value is written as it is, or in a code that can be written again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from bundle.detect.credentials.judging.keyword import Kind, kind_of, names_an_account
from bundle.detect.credentials.proof import encoding_of, is_random, is_usual, may_be_coded
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import View
from bundle.walk.member import Member
from hardening.findings import Confidence

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
_BY_HAND = {
    "back-door": "the program compares with it",
    "password-hash": "it is a hash",
    "sudo-rule": "it is a rule",
}

_BROWSER = (".js", ".mjs", ".css", ".map", ".ts", ".scss", ".less", ".htm", ".html", ".svg")
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
_OF_A_SHELL = re.compile(
    r"""(?:^|[;&|({`])\s*(?:(?:export|local|readonly|declare|env|sudo|then|do|else|set|SET|ENV|ARG)\s+["']?)*(?:\w+=\S*\s+)*\w+=["']?$"""
    r"""|\s(?:-e|--env)[\s=]+["']?[A-Z][A-Z0-9_]*=["']?$|^\s*\$[\w:{}]+\s*=\s*["']$|^\s*(?:ENV|ARG)\s+\w+\s+["']?$"""
)
"""The same in a shell, at the beginning of a command and without blanks around the sign: elsewhere it is an argument, of `test` or `grep`."""
_COMPARED = re.compile(r"(?i)\bwhere\b[^;]*$")
"""What stands before a value that a statement of SQL looks for."""
_CONDITIONS = frozenset(
    "if elif elsif elseif else unless while until when case where and or not return assert test on having select".split()
)
"""Words of statements in which one sign compares."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a value may be replaced: why not, else in which code the new one has to be written."""

    reason: str = ""
    encoding: str = ""
    plain: str = ""
    """The value without its code."""


def decide(member: Member, view: View, family: str, one: Catch, kind: str) -> Decision:
    """Return what may be done with a catch whose account, service and confidence are known."""
    reason = (
        _BY_HAND.get(family, "")
        or _of_the_file(member, view, one, kind)
        or ("it may be no credential" if one.confidence is not Confidence.HIGH else "")
        or ("stored data was signed with it" if one.service == "signature" else "")
    )
    if reason:
        return Decision(reason)
    if family not in _SETTINGS | _SINKS | _LINES | {_TOKEN}:
        return Decision(plain=one.value)  # a rule of the user's own
    if not _place_is_known(view, family, one, kind):
        return Decision("the place may hold something else")
    return Decision(plain=one.value) if family == _TOKEN else _of_the_value(view, family, one)


def _of_the_file(member: Member, view: View, one: Catch, kind: str) -> str:
    if _LOCKS.search(member.name):
        return "the file is a list of packages"
    if place.is_documentation(member.parts[-1], kind):
        return "the file explains"
    if member.name.lower().endswith(_BROWSER):
        return "the file goes to browsers"
    return "a program wrote the line" if len(view.line(one.start)) > _PACKED else ""


def _of_the_value(view: View, family: str, one: Catch) -> Decision:
    """Return what may be done with a value at a known place."""
    as_it_is = family in _AS_IT_IS or (family == "sql" and "identified" in view.before(one.start).lower())
    sink = family in _SINKS
    account = one.user or (one.key if names_an_account(one.key) else "")
    if family == "password-file" and account == one.value:
        account = ""  # a list of names has the same form: `admin:admin`
    encoding, plain = ("", one.value) if as_it_is else encoding_of(one.value)
    if encoding and family in _SETTINGS and is_proved(plain, account, sink=sink):
        return Decision(encoding=encoding, plain=plain)
    if encoding or (not as_it_is and may_be_coded(one.value)):
        return Decision("it may be encoded, encrypted or a digest")
    value = unquote(one.value) if family == "url" else one.value
    if not is_proved(value, account, sink=sink):
        return Decision("the value may be a name, a reference or a placeholder")
    return Decision(plain=one.value)


def is_proved(value: str, account: str, *, sink: bool) -> bool:
    """Return whether a value proves itself: it was drawn, or is a usual password of this account."""
    return is_random(value) or is_usual(value, account, sink=sink)


def _place_is_known(view: View, family: str, one: Catch, kind: str) -> bool:
    """Return whether the place holds nothing but a secret, and the value is all that stands there."""
    line, before = view.line(one.start), view.before(one.start)
    if family in _LINES or family in _BY_FORM:
        return family != "sql" or _COMPARED.search(before) is None
    behind = line[len(before) + one.end - one.start :]
    quote = before[-1:] if before[-1:] in ("'", '"') else ""
    if quote and not behind.startswith(quote):
        return False
    behind = behind[len(quote) :]
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
