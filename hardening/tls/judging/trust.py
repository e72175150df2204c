"""Whether a chain leads to an authority one trusts, and is sent in order; judged by OpenSSL's verifier.

OpenSSL's, since cryptography's own refuses private authorities that do not follow the public web's rules.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from OpenSSL import crypto

from hardening.errors import InputError
from hardening.findings import Finding, OnWire, Rule, Severity
from hardening.tls.certificate import certifies, read
from hardening.tls.judging.certificate_facts import chains
from hardening.tls.judging.rules import CHAIN_ORDER
from hardening.tls.offer import Offer

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


def rules() -> tuple[Rule, ...]:
    """Return every rule of this module."""
    return (UNTRUSTED,)


def load_store(source: str) -> crypto.X509Store:
    """Return the authorities of a PEM file, or the system's for `system`. Errors: InputError."""
    path = next((p for p in _SYSTEM_FILES if Path(p).exists()), "") if source == SYSTEM else source
    if not path or not Path(path).is_file():
        raise InputError(f"{path or 'system store'}: no such file", hint="name a PEM file with --trust")
    store = crypto.X509Store()
    try:
        store.load_locations(path)
    except crypto.Error as problem:
        why = "no certificate in it" if os.access(path, os.R_OK) else "permission denied"
        raise InputError(f"{path}: {why}", hint="name a PEM file with --trust") from problem
    return store


def check(
    chains: Sequence[Sequence[bytes]], store: crypto.X509Store | None, subject: str, now: datetime
) -> Iterator[Finding]:
    """Yield what is wrong with the chains an endpoint sent."""
    at = OnWire(subject)
    for chain in chains:
        first = read(chain[0])
        name = first.subject if first else "that cannot be read"
        if store is not None and (why := untrusted(chain, store, now)):
            yield Finding(
                rule=UNTRUSTED, subject=subject, location=at, evidence=name,
                message=f"certificate {name}: {why}",
            )  # fmt: skip
        if not all(certifies(issuer, one) for one, issuer in pairwise(chain)):
            yield Finding(
                rule=CHAIN_ORDER, subject=subject, location=at, evidence=name,
                message=f"certificate {name}: what follows it does not certify it",
            )  # fmt: skip


def of_files(offer: Offer, store: crypto.X509Store, now: datetime) -> Iterator[Finding]:
    """Yield the certificates of a configuration's files that lead to no authority of the store."""
    for chain in chains(offer.certificates):
        if why := untrusted([one.der for one in chain], store, now):
            first = chain[0]
            yield Finding(
                rule=UNTRUSTED, subject=offer.subject, location=first.at or offer.at, evidence=first.subject,
                message=f"certificate {first.subject}: {why}",
            )  # fmt: skip


def untrusted(chain: Sequence[bytes], store: crypto.X509Store, now: datetime) -> str:
    """Return why a chain leads to no authority of the store, empty where it does; certificates are read by OpenSSL itself, which takes some that cryptography does not."""
    store.set_time(now.replace(tzinfo=None))
    try:
        first, *others = [crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in chain]
    except crypto.Error:
        return "OpenSSL cannot read it, or one that is sent with it"
    try:
        crypto.X509StoreContext(store, first, others).verify_certificate()
    except crypto.X509StoreContextError as problem:
        return str(problem)[:200]
    return ""
