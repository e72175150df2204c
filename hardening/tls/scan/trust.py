"""Whether a chain leads to an authority one trusts, and is sent in order; judged by OpenSSL's verifier.

OpenSSL's, since cryptography's own refuses private authorities that do not follow the public web's rules.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from OpenSSL import crypto

from hardening.errors import InputError
from hardening.findings import Finding, OnWire, Rule, Severity

SYSTEM = "system"
_SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
_RFC = "https://www.rfc-editor.org/rfc/"
UNTRUSTED = Rule(
    id="tls/certificate-untrusted",
    title="Certificate chain leads to no trusted authority",
    severity=Severity.HIGH,
    rationale="A client with this store refuses the connection, or is taught not to check.",
    remedy="Have the certificate issued by an authority in the store, and send every intermediate with it.",
    references=(_RFC + "rfc5280",),
)
CHAIN_ORDER = Rule(
    id="tls/certificate-chain-order",
    title="Certificates are not sent in order",
    severity=Severity.LOW,
    rationale="Before TLS 1.3 each certificate has to certify the one before it; strict clients give up otherwise.",
    remedy="Put the server's certificate first, then each issuer, in the file the server sends.",
    references=(_RFC + "rfc5246",),
)


def rules() -> tuple[Rule, ...]:
    """Return every rule of this module."""
    return (UNTRUSTED, CHAIN_ORDER)


def load_store(source: str) -> crypto.X509Store:
    """Return the authorities of a PEM file, or the system's for `system`. Errors: InputError."""
    path = next((p for p in _SYSTEM_FILES if Path(p).exists()), "") if source == SYSTEM else source
    if not path or not Path(path).is_file():
        raise InputError(f"{path or 'system store'}: no such file", hint="name a PEM file with --trust")
    store = crypto.X509Store()
    try:
        store.load_locations(path)
    except crypto.Error as problem:
        raise InputError(f"{path}: no certificate in it", hint="name a PEM file with --trust") from problem
    return store


def check(
    chains: Sequence[Sequence[bytes]], store: crypto.X509Store | None, subject: str, now: datetime
) -> Iterator[Finding]:
    """Yield what is wrong with the chains an endpoint sent."""
    at = OnWire(subject)
    for chain in chains:
        read = [one for der in chain if (one := _load(der)) is not None]
        if not read:
            continue
        name = read[0].subject.rfc4514_string()
        if store is not None and (why := _untrusted(read, store, now)):
            yield Finding(
                rule=UNTRUSTED, subject=subject, location=at, evidence=name,
                message=f"certificate {name}: {why}",
            )  # fmt: skip
        if not _in_order(read):
            yield Finding(
                rule=CHAIN_ORDER, subject=subject, location=at, evidence=name,
                message=f"certificate {name}: what follows it does not certify it",
            )  # fmt: skip


def _load(der: bytes) -> x509.Certificate | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        try:
            return x509.load_der_x509_certificate(der)
        except ValueError:
            return None


def _untrusted(chain: list[x509.Certificate], store: crypto.X509Store, now: datetime) -> str:
    store.set_time(now.replace(tzinfo=None))
    converted = [crypto.X509.from_cryptography(one) for one in chain]
    try:
        crypto.X509StoreContext(store, converted[0], converted[1:]).verify_certificate()
    except crypto.X509StoreContextError as problem:
        return str(problem)[:200]
    return ""


def _in_order(chain: list[x509.Certificate]) -> bool:
    for one, issuer in pairwise(chain):
        if one.issuer != issuer.subject:
            return False
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
    return True
