"""Lines of configurations and programs as a report may quote them."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

LONGEST = 400
"""Characters of a line."""
_WORDS = re.compile(r"[^\W_]+")


def masked(line: str, explained: Collection[str] = ()) -> str:
    """Return a line with all replaced by `***` that is neither plain, nor a name of TLS, nor a word in `explained`."""
    from bundle.redact.lines import clear

    line = line.rstrip("\r")
    names = _names() | _words(explained) if explained else _names()
    return clear(line[:LONGEST], names) + ("..." if len(line) > LONGEST else "")


def _words(texts: Collection[str]) -> frozenset[str]:
    return frozenset(word.lower() for text in texts for word in _WORDS.findall(text))


@cache
def _names() -> frozenset[str]:
    """Return the words of which names of versions, suites, groups and signatures are made, in small letters."""
    from hardening.tls import registry

    names = [*registry.PROTOCOLS]
    for suite in registry.suites():
        names += [suite.iana, *suite.openssl, *suite.jsse, suite.gnutls or "", suite.nss or ""]
    for group in registry.groups():
        names += [group.name, group.openssl or "", group.nist or ""]
    for scheme in registry.schemes():
        names += [scheme.name, scheme.openssl or ""]
    return _words(names)
