"""Protocols, cipher suites, groups and signature schemes: every name of one thing in one record.

The tables under data/registry/ are copies of the IANA registries, with the names that OpenSSL,
GnuTLS, NSS and JSSE give the same code points. IANA names are the keys everywhere in this project.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from operator import itemgetter
from typing import TypeVar

from hardening import resources
from hardening.errors import DataError, UsageError
from hardening.records import dataclass

T = TypeVar("T")
PROTOCOLS = ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
"""Every protocol version, weakest first, as this project writes them."""

WIRE_VERSIONS: Mapping[str, int] = {
    "SSLv2": 0x0002,
    "SSLv3": 0x0300,
    "TLSv1.0": 0x0301,
    "TLSv1.1": 0x0302,
    "TLSv1.2": 0x0303,
    "TLSv1.3": 0x0304,
}


@dataclass(frozen=True, slots=True)
class Suite:
    """One TLS cipher suite code point (RFC 8446 appendix B.4 and its predecessors)."""

    code: int
    iana: str
    registered: bool
    recommended: str | None
    """The IANA column: Y, N, D, or None where unregistered."""
    references: tuple[str, ...]
    openssl: tuple[str, ...]
    gnutls: str | None
    nss: str | None
    jsse: tuple[str, ...]
    kx: str
    auth: str
    enc: str
    bits: int
    """Nominal key size; 3DES is 168 here, its effective strength is 112."""
    mode: str | None
    mac: str
    aead: bool
    forward_secrecy: bool
    min: str
    max: str
    flags: frozenset[str]
    """Weakness words: NULL ANON EXPORT RC4 DES 3DES BLOCK64 CBC MD5-MAC SHA1-MAC STATIC-RSA ..."""
    scsv: bool
    """A signalling value, not a cipher suite (RFC 5746, RFC 7507)."""
    source: str

    @property
    def hex(self) -> str:
        """The code point as the registries print it, such as `0xC02F`."""
        return f"0x{self.code:04X}"

    @property
    def tls13(self) -> bool:
        """Whether the suite is one of TLS 1.3's, which name no key exchange."""
        return self.min == "TLSv1.3"


@dataclass(frozen=True, slots=True)
class Group:
    """One TLS supported group: an elliptic curve, a finite field, or a hybrid with ML-KEM."""

    id: int
    name: str
    kind: str
    """EC, FFDHE, PQ, PQ-hybrid or explicit."""
    openssl: str | None
    nist: str | None
    bits: int | None
    tls12: bool
    tls13: bool
    recommended: str | None
    references: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Scheme:
    """One TLS SignatureScheme, or a TLS 1.2 pair of hash and signature."""

    id: int
    name: str
    openssl: str | None
    sha1: bool
    tls13: bool
    recommended: str | None
    references: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class CipherKind:
    """One SSL 2.0 cipher kind (three bytes); all of them are forbidden by RFC 6176."""

    code: int
    name: str
    openssl: str | None
    enc: str | None
    mac: str | None
    export: bool
    sources: tuple[str, ...]


def _rows(name: str, kind: type[T]) -> list[T]:
    """Return a table's rows as records, ordered by code point; its columns are the record's fields."""
    raw = json.loads((resources.tls_data() / "registry" / f"{name}.json").read_bytes())
    if raw["columns"] != [one.name for one in fields(kind)]:  # type: ignore[arg-type]  # each kind is a data class
        raise DataError(f"registry/{name}.json: columns: not the fields of {kind.__name__}")
    sets = raw["columns"].index("flags") if "flags" in raw["columns"] else -1
    found = []
    for row in sorted(raw["rows"], key=itemgetter(0)):
        values = [tuple(v) if v.__class__ is list else v for v in row]
        if sets >= 0:
            values[sets] = frozenset(values[sets])
        found.append(kind(*values))
    return found


@cache
def suites() -> tuple[Suite, ...]:
    """Return every known code point, signalling values included, in code order."""
    return tuple(_rows("suites", Suite))


@cache
def groups() -> tuple[Group, ...]:
    """Return every supported group in id order."""
    return tuple(_rows("groups", Group))


@cache
def schemes() -> tuple[Scheme, ...]:
    """Return every signature scheme and TLS 1.2 pair in id order."""
    return tuple(_rows("schemes", Scheme))


@cache
def cipher_kinds() -> tuple[CipherKind, ...]:
    """Return the SSL 2.0 cipher kinds in code order."""
    return tuple(_rows("sslv2", CipherKind))


@cache
def suites_by_code() -> Mapping[int, Suite]:
    """Return the suites keyed by code point."""
    return {s.code: s for s in suites()}


def _octets(code: str) -> str:
    """Return a code as registry and `openssl ciphers -V` write it: `0xC0,0x2F`."""
    return ",".join(f"0x{code[at : at + 2]}" for at in range(2, len(code), 2))


@cache
def _suites_by_name() -> Mapping[str, Suite]:
    """Every name of every suite, upper case; a registered suite wins a name that two share."""
    found: dict[str, Suite] = {}
    for suite in sorted(suites(), key=lambda s: not s.registered):
        names = (
            suite.iana,
            *suite.openssl,
            suite.gnutls,
            suite.nss,
            *suite.jsse,
            suite.hex,
            _octets(suite.hex),
        )
        for name in names:
            if name:
                found.setdefault(name.upper(), suite)
    return found


def suite(name: str) -> Suite:
    """Return the suite with this name (IANA, OpenSSL, GnuTLS, NSS, JSSE) or code `0xC02F`.

    Errors: UsageError with the nearest known name.
    """
    found = find_suite(name)
    if found is None:
        close = get_close_matches(name.upper(), _suites_by_name(), n=1)
        raise UsageError(
            f"unknown cipher suite {name!r}",
            hint=f"did you mean {close[0]}?" if close else "harden tls explain accepts any of its names",
        )
    return found


def find_suite(name: str) -> Suite | None:
    """Return the suite with this name, or None."""
    return _suites_by_name().get(name.upper())


@cache
def _groups_by_name() -> Mapping[str, Group]:
    found: dict[str, Group] = {}
    for group in groups():
        for name in (group.name, group.openssl, group.nist, f"0x{group.id:04X}"):
            if name:
                found.setdefault(name.lower(), group)
    return found


def find_group(name: str) -> Group | None:
    """Return the group with this IANA, OpenSSL or NIST name (case does not matter), or None."""
    return _groups_by_name().get(name.lower())


@cache
def _schemes_by_name() -> Mapping[str, Scheme]:
    found: dict[str, Scheme] = {}
    for scheme in schemes():
        for name in (scheme.name, scheme.openssl):
            if name:
                found.setdefault(name.lower(), scheme)
    return found


def find_scheme(name: str) -> Scheme | None:
    """Return the signature scheme with this IANA name or OpenSSL pair, or None."""
    return _schemes_by_name().get(name.lower())
