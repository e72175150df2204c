"""Checks of password hashes: whether the text is one, and whether one of the usual passwords has it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from bundle.detect.credentials.judging import cracking
from bundle.detect.credentials.judging.keyword import Kind, kind_of
from bundle.detect.credentials.judging.values import common
from bundle.detect.credentials.rules.catch import Catch

_DIGESTS = {32: ("md5",), 40: ("sha1",), 64: ("sha256",), 96: ("sha384",), 128: ("sha512",)}


_ACCOUNTS = frozenset(
    "user toor default operator engineer supervisor technician tech viewer aspect cylon".split()
)
"""Accounts that are their own passwords, and `default`, more often words of a program: no digest of one stands anywhere by chance."""


@cache
def _defaults() -> tuple[str, ...]:
    """Return what unsalted hashes are held against: the list as it is, capitalised and in upper case."""
    words = sorted(common() | _ACCOUNTS)
    return tuple(dict.fromkeys((*words, *(w.capitalize() for w in words), *(w.upper() for w in words), "")))


def _hex(algorithm: str, data: bytes) -> str:
    return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()


@cache
def _table(algorithm: str) -> frozenset[str]:
    """Return the hashes of the usual passwords under one unsalted algorithm, in lower case."""
    if algorithm == "nt":
        return frozenset(cracking.nt_hash(word).lower() for word in _defaults())
    if algorithm == "old-mysql":
        return frozenset(cracking.old_mysql(word) for word in _defaults() if word)
    if algorithm == "mysql":
        return frozenset(
            "*" + _hex("sha1", hashlib.sha1(word.encode(), usedforsecurity=False).digest())
            for word in _defaults()
        )
    once = frozenset(_hex(algorithm, word.encode()) for word in _defaults())
    return once | {_hex(algorithm, digest.encode()) for digest in once}


def _usual(value: str, *algorithms: str) -> bool:
    return any(value.lower() in _table(one) for one in algorithms)


def cracked(caught: Catch) -> Catch:
    """Say that a hash is that of a password tried first."""
    return replace(caught, mark="cracked", evidence="cracked")


_FEWEST = 6
"""Different digits that a hash of 16 bytes and more has at least; others are pictures of one."""


def mysql(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """MySQL's PASSWORD() of 4.1 and later."""
    if len(set(caught.value[1:].lower())) < _FEWEST:
        return None
    return cracked(caught) if _usual(caught.value, "mysql") else caught


_HASH_OF = re.compile(r"(?i)_?hash(?:ed)?$")
"""Behind a word for a password that is written as one with it: `pwhash`."""


def digest(caught: Catch, match: re.Match[str]) -> Catch | None:
    """An unsalted digest beside the name of a password, or of an account in a list of accounts."""
    name = match.groupdict().get("key")
    if name is not None and Kind.PASSWORD not in (kind_of(name), kind_of(_HASH_OF.sub("", name))):
        return None
    value = caught.value
    if len(set(value.lower())) < _FEWEST:
        return None
    if _usual(value, *_DIGESTS.get(len(value), ())) or (len(value) == 32 and _usual(value, "nt")):  # noqa: PLR2004 - MD5 and NT are of one length
        return cracked(caught)
    if name is None and caught.user.lower() == "user":  # `"user": "..."`, which is who it is
        return None
    return caught.by("digest")


_OF_ACCOUNT = re.compile(r"(?i)(?:admin|root|login|operator|nt|ntlm)_?hash$")
"""What only an account has, and no file: `ADMIN_HASH`."""
_FEW = 6


def of_usual(caught: Catch, match: re.Match[str]) -> Catch | None:
    """An unsalted digest of one of the passwords tried first, and no other."""
    if _usual(caught.value, *_DIGESTS.get(len(caught.value), ())) or _usual(caught.value, "nt"):
        return cracked(caught)
    sure = _OF_ACCOUNT.match(match["key"]) and len(set(caught.value)) > _FEW
    return caught.by("digest") if sure else None


def of_usual_alone(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """An unsalted digest of one of the passwords tried first, in a row whose first cell may be an account."""
    usual = _usual(caught.value, *_DIGESTS.get(len(caught.value), ()))
    return cracked(caught) if usual and kind_of(caught.user) is None else None


def old_mysql(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """MySQL's PASSWORD() before 4.1, which a home computer undoes."""
    if len(set(caught.value.lower())) < _FEWEST:
        return None
    return cracked(caught) if _usual(caught.value, "old-mysql") else caught


def postgres(caught: Catch, match: re.Match[str]) -> Catch:
    """What PostgreSQL keeps of a password: MD5's digest has the account's name for its salt."""
    user = caught.user or match["owner"] or "postgres"
    usual = any(f"md5{_hex('md5', (word + user).encode())}" == caught.value for word in _defaults())
    return cracked(caught) if usual else caught


_DUMMY = re.compile(r"(?i)(?:dummy|fake|test_?(?:hash|crypt))\w{0,20}\W{1,20}(?:\w{1,10}\W{1,4})?\Z")
"""A name of what takes as long to compare as a real one, and lets nobody in."""
_OF_NOBODY = re.compile(r"(?i)usesomesillystring|abcdefghijklmnopqrstuu|0123456789abcdef")
"""Salts of PHP's manual and of tests of bcrypt."""


def crypt(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A crypt(3) hash; characters of its alphabet in one run are a picture of one."""
    if _OF_NOBODY.search(caught.value) or _DUMMY.search(match.string, 0, match.start("secret")):
        return None
    if len(set(caught.value)) < 12:  # noqa: PLR2004 - a real one has more characters
        return None
    return _tried(caught)


def doubled(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A crypt(3) hash in a text whose own variables begin with a dollar, so that its dollars stand twice."""
    return crypt(replace(caught, value=caught.value.replace("$$", "$")), match)


def _tried(caught: Catch) -> Catch:
    found = cracking.opened(caught.value, caught.user)
    if found is None:
        return replace(caught, mark="not-tried")
    return cracked(caught) if found else caught


_PARTS_BEHIND = 2
"""Salt and hash behind the number of rounds."""
_LDAP = {
    "{SSHA": ("sha1", 20), "{SHA": ("sha1", 20), "{MD5": ("md5", 16), "{SMD5": ("md5", 16), "{SSHA256": ("sha256", 32), "{SHA256": ("sha256", 32),
    "{SSHA512": ("sha512", 64), "{SHA512": ("sha512", 64), "{SSHA384": ("sha384", 48), "{SHA384": ("sha384", 48),
}  # fmt: skip


def ldap(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """RFC 2307 userPassword values."""
    scheme, _, rest = caught.value.partition("}")
    if scheme.upper() in ("{CRYPT", "{PLAIN-MD5"):
        hexed = scheme.upper() == "{PLAIN-MD5"
        found = _usual(rest, "md5") if hexed else cracking.opened(rest, caught.user)
        return cracked(caught) if found else caught
    if scheme.upper().startswith("{PBKDF2"):
        return caught if rest.count("$") == _PARTS_BEHIND else None
    try:
        raw = base64.b64decode(rest, validate=True)
    except (binascii.Error, ValueError):
        return None
    name, size = _LDAP.get(scheme.upper(), ("", 0))
    if not name:
        return caught
    if len(raw) < size:
        return None
    salt = raw[size:]
    weak = any(
        hashlib.new(name, w.encode() + salt, usedforsecurity=False).digest() == raw[:size]
        for w in _defaults()
    )
    return cracked(caught) if weak else caught


_FIELDS_BEHIND = re.compile(r":\d{0,6}:\d{0,6}:\d{0,6}:|:\d{1,6}:\d{1,6}:[^:]*:/")
"""What stands behind a hash in shadow and in passwd."""


def des(caught: Catch, match: re.Match[str]) -> Catch | None:
    """The old crypt of htpasswd and passwd files: 13 characters that are not a word."""
    value = caught.value
    line = match.string[match.start() :].split("\n", 1)[0]
    if not re.fullmatch(r"[\w.@-]+:[./A-Za-z0-9]{13}(?::.*)?\s*", line):
        return None
    mixed = sum((any(c.isdigit() for c in value), any(c.isupper() for c in value), any(c.islower() for c in value)))  # fmt: skip
    if mixed < 3 and not (mixed == 2 and _FIELDS_BEHIND.search(line)):  # noqa: PLR2004 - kinds of characters
        return None
    tried = _tried(caught)
    return tried if tried.mark == "cracked" else tried.by("short-hash")


def des_alone(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """The old crypt in a file of a web server's accounts, where nothing else is of its length."""
    return _tried(caught)


_OF_GUESTS = re.compile(r":50[134]:")
"""The numbers of accounts that Windows makes and leaves shut."""


def ntlm(caught: Catch, match: re.Match[str]) -> Catch | None:
    """A line of a Windows or Samba password dump; accounts for guests have no password, and are shut."""
    if len(set(caught.value.lower())) < _FEWEST:
        return None
    if _OF_GUESTS.search(match[0]) and caught.value.lower() == cracking.nt_hash("").lower():
        return None
    return cracked(caught) if _usual(caught.value, "nt") else caught


def no_password(caught: Catch, _match: re.Match[str]) -> Catch | None:
    """An account of passwd or shadow whose field of the password is empty: anybody is let in."""
    return replace(caught, mark="no-password")


CHECKS: Mapping[str, Callable[[Catch, re.Match[str]], Catch | None]] = {
    "mysql": mysql,
    "digest": digest,
    "usual-digest": of_usual,
    "usual-digest-alone": of_usual_alone,
    "old-mysql": old_mysql,
    "postgres": postgres,
    "crypt": crypt,
    "doubled": doubled,
    "ldap": ldap,
    "des": des,
    "des-alone": des_alone,
    "ntlm": ntlm,
    "no-password": no_password,
}
