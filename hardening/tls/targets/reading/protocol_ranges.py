"""Protocol versions as servers write them: a least and a greatest, a list, or options that switch off."""

from __future__ import annotations

from collections.abc import Iterable

from hardening.findings import Location
from hardening.tls.offer import Located
from hardening.tls.registry import PROTOCOLS

NAMES = {name.lower(): name for name in PROTOCOLS} | {
    "tlsv1": "TLSv1.0", "tls1": "TLSv1.0", "tls1.0": "TLSv1.0", "tls1.1": "TLSv1.1", "tls1.2": "TLSv1.2",
    "tls1.3": "TLSv1.3", "tlsv1_1": "TLSv1.1", "tlsv1_2": "TLSv1.2", "tlsv1_3": "TLSv1.3", "tlsv11": "TLSv1.1",
    "tlsv12": "TLSv1.2", "tlsv13": "TLSv1.3", "tlsv10": "TLSv1.0",
}  # fmt: skip
"""Every way the servers we know write a version, lower case."""


def named(word: str) -> str | None:
    """Return the version a word means, or None."""
    return NAMES.get(word.strip().lower())


def between(least: str, greatest: str, at: Location) -> tuple[Located, ...]:
    """Return every version from one to another, both included; an unknown word is no limit."""
    low = PROTOCOLS.index(named(least) or PROTOCOLS[0])
    high = PROTOCOLS.index(named(greatest) or PROTOCOLS[-1])
    return tuple(Located(n, at) for n in PROTOCOLS[low : high + 1])


def listed(words: Iterable[str], at: Location) -> tuple[Located, ...]:
    """Return the versions in a list, weakest first."""
    found = {named(w) for w in words}
    return tuple(Located(n, at) for n in PROTOCOLS if n in found)


def commanded(value: str, on: Iterable[str]) -> set[str]:
    """Return what OpenSSL's command `Protocol` makes of the versions that are on: its words switch, one after the other."""
    found = set(on)
    for word in value.replace(",", " ").split():
        name = word.lstrip("+-").lower()
        meant = set(PROTOCOLS) - {"SSLv2"} if name == "all" else {named(name) or ""} & set(PROTOCOLS)
        found = found - meant if word.startswith("-") else found | meant
    return found


def older(name: str) -> str:
    """Return `TLSv1.0` as most servers write it: `TLSv1`."""
    return "TLSv1" if name == "TLSv1.0" else name
