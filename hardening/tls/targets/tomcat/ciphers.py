"""What a list of ciphers means to Tomcat, which reads OpenSSL's language by itself.

Its table holds the suites of TLS 1.3 among the others, with no key exchange of their own: HIGH and AESGCM select them,
ECDHE+AESGCM does not, and what `ciphers` selects comes on top of what `cipherSuites` names.
"""

from __future__ import annotations

import re
from functools import lru_cache

from hardening.tls import openssl, registry
from hardening.tls.libraries import builds

DEFAULT13 = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
"""What `cipherSuites` is where nothing says it."""
_NEWER: dict[str, frozenset[str]] = {
    "TLS_AES_256_GCM_SHA384": frozenset({"AES", "AES256", "AESGCM"}),
    "TLS_CHACHA20_POLY1305_SHA256": frozenset({"CHACHA20"}),
    "TLS_AES_128_GCM_SHA256": frozenset({"AES", "AES128", "AESGCM"}),
    "TLS_AES_128_CCM_SHA256": frozenset({"AES", "AES128", "AESCCM"}),
    "TLS_AES_128_CCM_8_SHA256": frozenset({"AES", "AES128", "AESCCM", "AESCCM8"}),
}
_EVERY = frozenset({"ALL", "DEFAULT", "HIGH", "TLSv1.3"})
_WIDEST = ("1.1.1w-upstream", "1.0.2l-upstream")
"""Builds whose lists together hold nearly all of Tomcat's own table."""


@lru_cache(maxsize=1024)
def older(string: str) -> tuple[str, ...]:
    """Return the IANA names an OpenSSL list or a list of Java's names means, without TLS 1.3."""
    if ":" not in string and (found := [registry.find_suite(w) for w in re.split(r"[,\s]+", string) if w]):
        suites = [s for s in found if s is not None]
        if len(suites) == len(found):
            return tuple(s.iana for s in suites if not s.tls13)
    string = re.sub(r"\s*,\s*", ":", string.strip())
    lists = [openssl.resolve(string, builds.build(b)).ciphers for b in _WIDEST]
    return tuple(dict.fromkeys(c.iana for ciphers in lists for c in ciphers if not c.sslv2))


@lru_cache(maxsize=1024)
def newer(string: str) -> tuple[str, ...]:
    """Return the IANA names of the suites of TLS 1.3 that a list selects."""
    found: dict[str, None] = {}
    never: set[str] = set()
    for word in re.split(r"[:,\s]+", string):
        if word.startswith("+"):
            continue  # an order, no choice
        hit = [n for n in _NEWER if all(_is(part, n) for part in word.lstrip("!-").split("+"))]
        if word.startswith(("!", "-")):
            never.update(hit if word[0] == "!" else ())
            for name in hit:
                found.pop(name, None)
        else:
            found |= dict.fromkeys(n for n in hit if n not in never)
    return tuple(found)


def _is(part: str, name: str) -> bool:
    return part == name or part in _EVERY or part in _NEWER[name]
