"""What lists of suites select in a JDK, in the form that cipher strings of OpenSSL are resolved to."""

from __future__ import annotations

from hardening.tls.libraries import jsse_build
from hardening.tls.openssl import Resolution


def resolve(string: str, ciphersuites: str | None, name: str) -> Resolution:
    """Return what lists of names with `:` between them select: those the JDK supports, in the list's order."""
    found = jsse_build.build(name)
    by_name = {c.name: c for c in (*found.ciphers, *found.tls13)}
    words = [w for text in (string, ciphersuites) if text for w in text.split(":") if w]
    chosen = [by_name[real] for w in dict.fromkeys(words) if (real := found.jdk.find(w))]
    refused = None if chosen or not words else "it supports none of these suites"
    return Resolution(
        string=string,
        build=found,
        error=refused,
        ciphers=tuple(c for c in chosen if not c.tls13),
        tls13=tuple(c for c in chosen if c.tls13),
        security_level=None,
    )
