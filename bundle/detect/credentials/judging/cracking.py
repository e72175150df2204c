"""Hold a password hash against the passwords everybody tries first, offline and in bounded time.

Unsalted digests are held against the whole list. A slow hash (crypt's, bcrypt, phpass) is tried with a short list and the
account's own name, and only where its cost is one that people use; what is not tried says so. The system's libcrypt
computes what it knows, two to eighty times quicker; libpass computes the rest. bcrypt needs libcrypt.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any

SHORT = (
    "", "password", "admin", "root", "123456", "changeme", "changeit", "default", "secret", "toor", "12345678", "admin123", "guest", "test", "1234",
    "letmein", "welcome1", "Password1", "P@ssw0rd", "password123", "operator", "manager", "aspect", "cylon", "matrix",
)  # fmt: skip
"""What slow hashes are tried with, and the name of the account."""
_COSTLY = 4
"""Passwords a costly bcrypt is tried with, where one takes a tenth of a second."""
_MOST_ROUNDS = 20_000
_CHEAP_COST, _MOST_COST = 8, 10
_LIBCRYPT = ("libcrypt.so.1", "libcrypt.so.2")
_ALLOWED = 1_500_000
"""Microseconds, as estimated, that one member's hashes may take."""
_OF_BCRYPT, _OF_MD5, _OF_A_ROUND = 50, 180, 0.6
"""Microseconds for one password: for each of the 2 ** cost rounds, for an MD5 crypt, for each round of a SHA crypt."""
_left = [_ALLOWED]


def begin() -> None:
    """Allow a member its share; what it cannot pay for is reported as not tried, so that the result depends on the member alone."""
    _left[0] = _ALLOWED


def _cost(value: str) -> int:
    """Return the microseconds that a hash takes, about."""
    words = len(list(_words(value, "")))
    if cost := re.match(r"\$2[abxy]\$(\d\d)\$", value):
        return words * _OF_BCRYPT * (1 << min(int(cost[1]), _MOST_COST))
    if sha := re.match(r"\$[56]\$(?:rounds=(\d{1,9})\$)?", value):
        return int(words * _OF_A_ROUND * min(int(sha[1] or 5000), _MOST_ROUNDS))
    return words * _OF_MD5


def opened(value: str, user: str = "") -> bool | None:
    """Return whether one of the usual passwords has this hash; None where that was not tried."""
    _left[0] -= _cost(value)
    return _opened(value, user) if _left[0] >= 0 else None


@lru_cache(maxsize=4096)
def _opened(value: str, user: str) -> bool | None:
    hashed = _for(value)
    return None if hashed is None else any(map(hashed, _words(value, user)))


def _words(value: str, user: str) -> Iterator[str]:
    cost = re.match(r"\$2[abxy]\$(\d\d)\$", value)
    words = SHORT if cost is None or int(cost[1]) <= _CHEAP_COST else SHORT[1 : 1 + _COSTLY]
    yield from (*words, *((user,) if user else ()))


_SCHEMES = ("md5_crypt", "apr_md5_crypt", "sha256_crypt", "sha512_crypt", "phpass", "des_crypt")


def _for(value: str) -> Callable[[str], bool] | None:
    """Return the function that tests one password against a hash, or None if the hash costs too much or is of another kind."""
    cost = re.fullmatch(r"\$2[abxy]\$(\d\d)\$[./0-9A-Za-z]{53}", value)
    if cost and int(cost[1]) > _MOST_COST:
        return None
    scheme = None if cost else _scheme(value)
    if scheme is None and not cost:
        return None
    system = _system()
    front = value[: value.rindex("$") + 1 if "$" in value else 2]
    if system is not None and (cost or system("", value).startswith(front)):
        crypt = system
        return lambda word: crypt(word, value) == value and "\0" not in word
    return None if cost else lambda word: _verified(scheme, word, value)


def _scheme(value: str) -> Any | None:
    """Return libpass's scheme of a hash that it can compute at a cost that people use."""
    from passlib import hash as schemes

    for name in _SCHEMES:
        scheme = getattr(schemes, name)
        if scheme.identify(value):
            try:
                rounds = getattr(scheme.from_string(value), "rounds", 1)
            except ValueError:
                return None
            return scheme if (1 << rounds if name == "phpass" else rounds) <= _MOST_ROUNDS else None
    return None


def _verified(scheme: Any, word: str, value: str) -> bool:
    try:
        return bool(scheme.verify(word, value))
    except ValueError:  # a NUL in the name of an account, or 4096 letters
        return False


@cache
def _system() -> Callable[[str, str], str] | None:
    """Return the system's crypt(3), or None."""
    for name in (*_LIBCRYPT, ctypes.util.find_library("crypt") or ""):
        try:
            function = ctypes.CDLL(name).crypt if name else None
        except (OSError, AttributeError):
            continue
        if function is not None:
            function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_char_p, ctypes.c_char_p]
            crypt = function
            return lambda word, setting: (crypt(word.encode(), setting.encode()) or b"*").decode("latin-1")
    return None


def nt_hash(word: str) -> str:
    """Return the NT hash, in upper-case hex."""
    from passlib.hash import nthash

    return str(nthash.hash(word)).upper()


def old_mysql(word: str) -> str:
    """Return the hash of MySQL before 4.1: sixteen hex digits, hardly a hash at all."""
    from passlib.hash import mysql323

    return str(mysql323.hash(word))
