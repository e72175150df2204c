"""What a Java class has to hold before its bytecode is looked at."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from bundle.classfile import CONSTANT, TEXT
from bundle.detect.credentials.java.said import ACCOUNTS
from bundle.detect.credentials.judging.wanted import COMMANDS, ENCODERS, PAIRED, STORES_OPENED
from bundle.detect.credentials.rules.families import Sink

_MANY_MEANINGS = frozenset("root service guest support manager installer".split())
"""Accounts whose names are words of many classes: alone they are no reason to follow one."""


TWO_TEXTS = b"(Ljava/lang/String;Ljava/lang/String;)Z"
"""What a method takes that is asked whether somebody may come in."""
CHECKS = frozenset(b"check verify validate isValid isAllowed accept".split())
"""Such methods by names that others have as well."""
_MEANT = {
    **{len(name).to_bytes(2, "big") + name: re.compile(re.escape(TWO_TEXTS)) for name in CHECKS},
    b"Token": re.compile(rb"Token(?!i[zs]er)"),
    b"token": re.compile(rb"token(?!i[zs]er)"),
    b"/Connection": re.compile(rb"(?<!/sql)/Connection(?![A-Za-z])"),
}
"""Words of many classes, and where they may be meant: no tokenizer has a secret, and nobody logs in to a database's own type."""


def is_meant(data: bytes, words: Collection[bytes]) -> bool:
    """Whether a class holds one of the words that were found in it as it is meant."""
    return any(word not in _MEANT or _MEANT[word].search(data) for word in words)


_KEYS = (b"aes", b"des", b"hmac", b"cipher", b"crypt", b"encryption", b"raw")


def class_words(sinks: Iterable[Sink]) -> Iterator[bytes]:
    """Yield what a Java class has to hold before its bytecode is followed, which one in fifty is worth.

    A method's name stands in the constant pool with its length in front; a constructor's class ends a path.
    """
    for name in (*(s.callee for s in sinks), *STORES_OPENED, *ENCODERS, *PAIRED, *COMMANDS):
        text = name.encode()
        yield len(text).to_bytes(2, "big") + text
        if name[:1].isupper():  # a folder is no class
            yield b"/" + text
    for word in (
        b"password",
        b"passwd",
        b"passphrase",
        b"pwd",
        b"secret",
        b"token",
        b"credential",
        b"apikey",
        b"psk",
    ):
        yield from (word, word.upper(), word.capitalize())
    yield from (
        b"PASS",
        b"Pass",
        b"\0\4pass",
        b"_pass",
        b"dbpass",
        b"\0\2pw",
        b"\0\2PW",
        b"_PW",
        b"_pw",
        b"Pw\1",
    )
    yield from (
        b"asswort",
        b"ennwort",
        b"otDePasse",
        b"motdepasse",
        b"ontrasen",
        b"\0\5clave",
        b"Cred;",
        b"Creds;",
        b"Account;",
        *(bytes((1, 0, len(name))) + name.encode() for name in ACCOUNTS - _MANY_MEANINGS),
        *(len(name).to_bytes(2, "big") + name for name in CHECKS),
        b"\0\5USERS",
        b"\0\5users",
        b"ACCOUNTS",
        b"LOGINS",
        b"\0\6logins",
        b"CREDS",
        b"\0\5creds",
        b"assword:",
        b"ommunity",
        b"\0\6signIn",
        *(begin + b"User" + bytes((tag,)) for begin in (b"/", b"$") for tag in (TEXT, *CONSTANT)),
        b"api-key",
        b"Api-Key",
        b"API-KEY",
        b"piKey",
        b"API_KEY",
        *(
            one
            for word in _KEYS
            for one in (word + b"Key", word.upper() + b"_KEY", word.capitalize() + b"Key")
        ),
    )
