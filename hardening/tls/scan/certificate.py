"""Certificates as a server sends them, read with cryptography; imported when one is there to read."""

from __future__ import annotations

import warnings
from datetime import UTC
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from hardening.tls.offer import Certificate


@lru_cache(maxsize=4096)
def read(der: bytes) -> Certificate | None:
    """Return what a certificate says, or None when it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old certificates break rules that newer libraries warn about
        try:
            return _read(x509.load_der_x509_certificate(der))
        except (ValueError, TypeError, UnsupportedAlgorithm, OverflowError):
            return None


def _read(one: x509.Certificate) -> Certificate:
    return Certificate(
        subject=one.subject.rfc4514_string(),
        issuer=one.issuer.rfc4514_string(),
        not_before=one.not_valid_before_utc.astimezone(UTC),
        not_after=one.not_valid_after_utc.astimezone(UTC),
        key=_key(one),
        signature=_signature(one),
        sha256=one.fingerprint(hashes.SHA256()).hex(),
        names=_names(one),
        self_signed=one.subject == one.issuer,
        ca=_is_ca(one),
    )


def _key(one: x509.Certificate) -> str:
    try:
        key = one.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return ""
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa:{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ec:{key.curve.name}"
    if isinstance(key, dsa.DSAPublicKey):
        return f"dsa:{key.key_size}"
    return type(key).__name__.removesuffix("PublicKey").lower()


def _signature(one: x509.Certificate) -> str:
    oid = one.signature_algorithm_oid
    name = oid._name  # noqa: SLF001 - cryptography has no public name for it
    if "pss" in name.lower():
        try:
            algorithm = one.signature_hash_algorithm
        except UnsupportedAlgorithm:
            algorithm = None
        return f"{name}-{algorithm.name}" if algorithm else name
    return name if name != "Unknown OID" else oid.dotted_string


def _names(one: x509.Certificate) -> tuple[str, ...]:
    try:
        names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return ()
    hosts = names.get_values_for_type(x509.DNSName)
    addresses = (str(a) for a in names.get_values_for_type(x509.IPAddress))
    return tuple(dict.fromkeys((*hosts, *addresses)))


def _is_ca(one: x509.Certificate) -> bool:
    try:
        return bool(one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False
