"""How sure a find is, once its place is known: `high` is for what proves itself, and for what stands where values are set.

A name and a literal in a program are as often a label, a default that nobody uses or a part of the program as a
credential. So there a generator has to have drawn the value, or it is a password as people choose them that says whose it
is. What is not so sure is of medium confidence, and lost to nobody.
"""

from __future__ import annotations

import re

from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.naming import DUMMIES
from bundle.detect.credentials.judging.score import is_drawn, is_of_all_signs
from bundle.detect.credentials.judging.values import common, is_picked
from bundle.detect.credentials.proof import is_random
from bundle.detect.credentials.rules.catch import Catch
from bundle.detect.credentials.rules.families import Family
from bundle.detect.credentials.texts import place
from bundle.detect.credentials.texts.textview import View
from bundle.walk.member import Member

_BY_NAME = frozenset(("credential/assignment", "credential/xml"))
"""Families of which a name alone says that something is a secret."""
_CALL, _ADDRESS, _COMMAND = "credential/login-call", "credential/url", "credential/command-line"
_BACK_DOOR = "credential/back-door"
_BY_PLACE = frozenset((_CALL, _ADDRESS, _COMMAND, _BACK_DOOR, "credential/sql"))
"""Families that take whatever stands in a place."""
_OF_PROGRAMS = frozenset((_CALL, _BACK_DOOR))
"""Families of what only programs do, whatever holds the program."""
_OF_FILES = frozenset(("credential/daemon-setting", "credential/password-file"))
"""Families of files whose lines have a form of their own."""
_SETTINGS = frozenset((place.CONFIG, place.SHELL, place.SQL, place.MARKUP))
"""Kinds of text in which a value is set, and not declared, shown or filled in."""
_LONGEST_SETTINGS = 64 << 10
"""Bytes of a file that no name tells to be settings, and that might list words as well."""
_NAME_OF_SETTINGS = "config(?:uration)?|conf|settings?|credentials|secrets"
_OF_A_STAGE = r"[._-](?:inc|defaults?|local|dist|global|prod\w*|dev\w*)"
_OF_SETTINGS = re.compile(
    rf"(?i)(?:^|[/._-])(?:{_NAME_OF_SETTINGS})(?:{_OF_A_STAGE})*\.(?:php|inc|py|rb|pl|pm|js|cjs|mjs|ts)$"
    r"|(?:^|/)(?:defaults|wp-config)\.(?:inc\.)?(?:php|py|rb|js)$"
)
"""Programs that are configurations: `config.inc.php`, `settings.py`."""
_NEAR = 240
_ACCOUNT_NAME = r"(?:\b|_)(?:user(?:_?name|_?id)?|u(?:id|name|sr)|login|account|admin|owner)"
_TYPE = r"(?::\s?[\w.]{1,30}(?=\s?=))?"
_OR_ELSE = r"(?:[\w.]{1,30}\s{0,2}(?:\|\||\?\?|or)\s{0,2})?"
_ACCOUNT = re.compile(
    rf"""(?i){_ACCOUNT_NAME}["'\]}})]{{0,3}}{_TYPE}\s{{0,4}}(?:=>|:=|=|:|,)\s{{0,4}}{_OR_ELSE}[bu]?["'][\w.@\\-]{{2,40}}["']"""
)
"""A setting or an argument that names an account by a literal."""
_ANYBODY = re.compile(r"""(?i)["']anonymous["']""")
"""An account that takes any password."""
_TOLD = re.compile(r"(?i)\buser(?:name)?\s?[:=]\s{0,4}[\w.@-]{2,40}(?:\\[rn]|\s|$)")
"""An account in a text: `Username: alpine`."""
_IN_AN_ADDRESS = re.compile(r"(?i)\b(?:user(?:name|_?id)?|uid)=[\w.@-]{2,40}[&;\s\"']")
"""An account in an address: `?user=feed&password=`."""
_WHOSE = re.compile(
    r"(?i)default|initial|factory|(?<![a-z])(?:root|admin|sa|mysql|postgres|mongo|redis|rabbitmq)|_(?:db|sql)_|(?<![a-z])(?:db|ftp|smtp|ldap|bind)_?p"
)
"""What a name says of the account that a password is of, or that everybody has it who changed nothing."""
_BEFORE = re.compile(r"(?i)[\"'$]?[a-z]{3,30}\d{0,3}[_.-](?:\w+[_.-])?(?:pass|pw|psw|secret|key|token)")
"""A word before the one for a password: `MQTT_PASSWORD`."""
_OF_A_STORE = re.compile(r"(?i)store")
_SALT = re.compile(r"(?i)(?<!auth_)(?<!nonce_)(?<!logged_in_)salt\d{0,2}$")
"""A salt is no secret by itself, but for WordPress's."""
_COUNTED = re.compile(r"[A-Za-z]+\d$|\d+$")
"""A word with its number, as programs call their things, and a number alone: `init1`."""
_OF_A_TEXT = re.compile(r"[\s\[\](){}<>\\|]")
"""Signs of programs, sections and patterns: where one stands between words, these are what is meant."""
_OF_A_SECTION = re.compile(r"[\s\[\]\\]")
_NOBODY = frozenset("user username name me key login myuser youruser someuser johndoe testuser".split())
"""Accounts that stand for one, as `user:password` does."""
_ONE_WORD = frozenset(("token", "secret", "credential", "credentials", "community", "bearer"))
_OF_AN_ID = re.compile(r"[0-9a-fA-F]+$")
_DUMMY = re.compile(r"(?i)dummy|fake|placeholder|example|sample|(?<![a-z])demo(?![a-z])")
_FEWEST = 3
_PACKED = 500
"""Bytes of one line that nobody wrote by hand."""


def is_proved(one: Catch, family: Family, member: Member, kind: str, view: View | None = None) -> bool:
    """Return whether the value or its place proves that this is a credential, so that a find may be of high confidence."""
    name = family.rule.id
    kind = _counted_as(member, kind)
    if name not in _OF_FILES:
        return name not in _BY_NAME | _BY_PLACE or _proves(one, name, kind, view)
    listed = kind not in _SETTINGS or _OF_A_SECTION.search(one.value)  # a list of words, a section's head
    value = one.value.rpartition(":")[2]  # what an account may stand before
    word = value.lower() in DUMMIES and not one.user
    return not listed or is_drawn(value) or (is_picked(value) and not word)


def _counted_as(member: Member, kind: str) -> str:
    """Return the kind of a text as it counts here.

    A page is no settings, nor is a list that only looks like them, but a program may be; a text packed into a program is its manual.
    """
    if kind == place.OTHER and any(part.startswith("<data at") for part in member.parts):
        return place.PROSE
    if member.format == "html":
        return place.CODE
    if kind == place.CODE and _OF_SETTINGS.search(member.name):
        return place.CONFIG
    unnamed = kind == place.CONFIG and not place.by_name(member)
    listed = unnamed and member.size > _LONGEST_SETTINGS
    return place.OTHER if listed else kind


def _proves(one: Catch, family: str, kind: str, view: View | None) -> bool:
    """Whether a value without a form of its own is surely a credential."""
    if _SALT.search(one.key):
        return is_of_all_signs(one.value)
    if _says_otherwise(one):
        return False
    if is_drawn(one.value):
        return True
    if kind == place.PROSE or _OF_A_TEXT.search(one.value):
        return False
    if kind in _SETTINGS and family not in _OF_PROGRAMS:
        return (family in _BY_PLACE and _is_enough(one.value)) or is_picked(one.value)
    return _is_meant(one, family) and _is_of_somebody(one, family, kind, view)


def _joins_words(one: Catch) -> bool:
    """Whether the value beside the name of a token has letters and digits of words: `Token="InstallGatex64"`."""
    return kind_of(one.key) is Kind.TOKEN and one.value.isalnum() and not is_random(one.value)


def _is_enough(value: str) -> bool:
    """Whether a value has the letters and digits of the shortest password: `%2` is filled in."""
    return sum(c.isalnum() for c in value) >= _FEWEST


def _is_meant(one: Catch, family: str) -> bool:
    """Whether a value in a program is more than a name or a number; addresses with usual passwords are shown to people."""
    usual = one.value.lower() in common()
    return family != _ADDRESS if usual else is_picked(one.value) and not _COUNTED.match(one.value)


def _says_otherwise(one: Catch) -> bool:
    """Whether a name says that it is for a dummy, or a value is a word for a password that is nobody's by name.

    Nor is it a secret what is written as identifiers are beside a name that is one word: `Token="b77a5c561934e089"`.
    """
    somebody = one.user and one.user.lower() not in _NOBODY
    word = one.value.lower() in DUMMIES and not (somebody or _says_whose(one.key))
    known = one.key.isalpha() and one.key.lower() in _ONE_WORD and bool(_OF_AN_ID.match(one.value))
    return word or known or _joins_words(one) or bool(_DUMMY.search(one.key))


def _says_whose(name: str) -> bool:
    """Whether the name of a password says whose it is: a default's, an administrator's, a database's."""
    return kind_of(name) is Kind.PASSWORD and bool(_WHOSE.search(name)) and not _OF_A_STORE.search(name)


def is_told_whose(one: Catch, family: Family, member: Member, kind: str, view: View | None) -> bool:
    """Return whether the name of a value, or a literal near it, says what it opens.

    The name of a setting does by any word before the one for a password.
    """
    if _says_whose(one.key):
        return True
    kind = _counted_as(member, kind)
    if kind in _SETTINGS and kind_of(one.key) is not None and _BEFORE.match(one.key):
        return True
    return view is not None and _names_an_account(_around(one, view), family.rule.id, kind)


def _around(one: Catch, view: View) -> str:
    return view.text(max(0, one.start - _NEAR), one.end + _NEAR)


def _names_an_account(near: str, family: str, kind: str) -> bool:
    """Whether what stands near a value names an account by a literal."""
    told = _ACCOUNT.search(near) or (kind == place.OTHER and _TOLD.search(near))
    return bool(told or (family == _ADDRESS and _IN_AN_ADDRESS.search(near)))


def _is_of_somebody(one: Catch, family: str, kind: str, view: View | None) -> bool:
    """Whether a program says whose password a value is, on lines that people wrote.

    A command asks nobody whose a usual password is, nor does a call or a comparison whose other ones are.
    """
    near = "" if view is None else _around(one, view)
    if (view is not None and len(view.line(one.start)) > _PACKED) or _ANYBODY.search(near):
        return False
    usual = one.value.lower() in common()
    by_place = family == _COMMAND if usual else family in (_CALL, _BACK_DOOR)
    return bool(one.user or _says_whose(one.key) or by_place or _names_an_account(near, family, kind))
