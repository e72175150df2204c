"""What is asked of a Java class: the calls and names that a finding can be made of."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from bundle.detect.credentials.keyword import Kind, kind_of

SETTERS = frozenset(
    "put setProperty set add addProperty setAttribute setParameter putString addParameter".split()
)
"""Methods that set what their first argument names."""
STORES_OPENED = frozenset("KeyStore KeyStore$PasswordProtection KeyManagerFactory".split())
_LONGEST_NAME = 1000
"""Letters of a name that is judged; what is judged is remembered, and a class may hold thousands of 64 KiB each."""

_PASSWORD = re.compile(r"(?i)p(?:ass|wd|w\b|in\b)|kennwort|heslo|clave")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `javaclass.calls` is asked for."""

    sinks: Collection[str]
    """Names of functions that log in, in lower case."""

    def called(self, name: str) -> bool:
        """Whether a call of this name logs in or opens a store."""
        return name.lower() in self.sinks or name in STORES_OPENED

    def sets(self, name: str) -> bool:
        """Whether a method of this name sets what its first argument names."""
        return name in SETTERS

    def compared(self, name: str) -> bool:
        """Whether what has this name, or what a getter of this name returns, is a password."""
        return bool(_PASSWORD.search(name)) and kind_of(name.removeprefix("get")) is Kind.PASSWORD

    def named(self, name: str) -> bool:
        """Whether a name promises a secret."""
        return len(name) <= _LONGEST_NAME and kind_of(name) is not None
