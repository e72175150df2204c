"""Certificates as a server sends them or its files hold them, read with cryptography; imported when one is there to read."""

from __future__ import annotations

import re
import warnings
from base64 import b64decode, b64encode
from datetime import UTC
from functools import lru_cache
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from hardening.tls.certificate_repair import mended
from hardening.tls.offer import Certificate

UNREADABLE = (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.InvalidVersion)
"""What cryptography raises over a certificate that breaks the rules; InvalidVersion is no ValueError."""

_NO_EXTENSION = (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
LONGEST_NAME = 1024
"""Letters of a subject or issuer that are told."""


@lru_cache(maxsize=4096)
def read(der: bytes) -> Certificate | None:
    """Return what a certificate says, or None when it cannot be read."""
    one = strict(der)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old certificates break rules that newer libraries warn about
        try:
            return _read(one or x509.load_der_x509_certificate(mended(der)), der)
        except UNREADABLE:
            return None


def strict(der: bytes) -> x509.Certificate | None:
    """Return a certificate that keeps the rules of its form, whose names can be asked for; None for any other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        try:
            one = x509.load_der_x509_certificate(der)
            _ = one.subject.rfc4514_string(), one.issuer  # both are read when they are first asked for
        except UNREADABLE:
            return None
    return one


def certifies(issuer: bytes, one: bytes) -> bool:
    """Tell whether one certificate certifies another; where one cannot be read it is not said that it does not."""
    known = read(one), read(issuer)
    if known[0] is None or known[1] is None:
        return True
    if known[0].issuer != known[1].subject:
        return False
    above, below = strict(issuer), strict(one)
    if above is None or below is None:
        return True
    try:
        digest = below.signature_hash_algorithm
        if isinstance(digest, hashes.MD5 | hashes.SHA1):
            _verify_broken(below, above, digest)
        else:
            below.verify_directly_issued_by(above)
    except UnsupportedAlgorithm:
        return True
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _verify_broken(
    below: x509.Certificate, above: x509.Certificate, digest: hashes.MD5 | hashes.SHA1
) -> None:
    """Verify a signature over a digest that cryptography refuses: it certifies all the same, and is another finding.

    Errors: InvalidSignature, TypeError (a key of another kind).
    """
    key = above.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(below.signature, below.tbs_certificate_bytes, padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(below.signature, below.tbs_certificate_bytes, ec.ECDSA(digest))
    else:
        raise TypeError(type(key).__name__)


def _read(one: x509.Certificate, der: bytes) -> Certificate:
    return Certificate(
        subject=_name_text(one.subject),
        issuer=_name_text(one.issuer),
        not_before=one.not_valid_before_utc.astimezone(UTC),
        not_after=one.not_valid_after_utc.astimezone(UTC),
        key=_key(one),
        signature=_signature(one),
        sha256=sha256(der).hexdigest(),
        names=_names(one),
        self_signed=one.subject == one.issuer,
        ca=_is_ca(one),
        must_staple=_must_staple(one),
        public=_is_public(one),
        der=der,
    )


def _name_text(name: x509.Name) -> str:
    """Return a name as reports tell it, many times over: a hostile one may have a hundred thousand letters."""
    text = name.rfc4514_string()
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."


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
    except _NO_EXTENSION:
        return ()
    hosts = names.get_values_for_type(x509.DNSName)
    addresses = (str(a) for a in names.get_values_for_type(x509.IPAddress))
    return tuple(dict.fromkeys((*hosts, *addresses)))


def _is_ca(one: x509.Certificate) -> bool:
    try:
        return bool(one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except _NO_EXTENSION:
        return False


_FORUM = re.compile(r"2\.23\.140\.1\.(?:1|2\.[123])")
"""Policies of the CA/Browser Forum's Baseline Requirements (7.1.6.1): EV, DV, OV, IV."""


def _is_public(one: x509.Certificate) -> bool:
    """Return whether the certificate says that a public authority issued it: a policy of the CA/Browser Forum, or timestamps of public logs."""
    try:
        policies = one.extensions.get_extension_for_class(x509.CertificatePolicies).value
        if any(_FORUM.fullmatch(policy.policy_identifier.dotted_string) for policy in policies):
            return True
    except _NO_EXTENSION:
        pass
    return _has(one, x509.PrecertificateSignedCertificateTimestamps)


def _must_staple(one: x509.Certificate) -> bool:
    try:
        features = one.extensions.get_extension_for_class(x509.TLSFeature).value
    except _NO_EXTENSION:
        return False
    return x509.TLSFeatureType.status_request in features


def _has(one: x509.Certificate, extension: type[x509.ExtensionType]) -> bool:
    try:
        one.extensions.get_extension_for_class(extension)
    except _NO_EXTENSION:
        return False
    return True


def public_half(der: bytes) -> bytes:
    """Return the public key of a certificate (SubjectPublicKeyInfo, DER); nothing where it cannot be read."""
    one = strict(der)
    try:
        return _spki(one.public_key()) if one else b""
    except UNREADABLE:
        return b""


def half_of_private(text: bytes) -> bytes | None:
    """Return the public key of the private one in a text in PEM form; None where it cannot be read, as with a passphrase."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        try:
            if alone := _HALF.search(text):
                return b64decode(alone[1])
            found = _PRIVATE.search(text)
            if found and (public := _rsa_half(found[0])):
                return _spki(public)
            return _spki(serialization.load_pem_private_key(found[0], None).public_key()) if found else None
        except UNREADABLE:
            return None


def _rsa_half(pem: bytes) -> rsa.RSAPublicKey | None:
    """Return the public half of an RSA key (RFC 8017 A.1.2) without a look at its primes, which takes 30 to 200 ms each."""
    der = b64decode(b"".join(line for line in pem.split(b"\n")[1:-1] if b":" not in line))
    found = _RSA.search(der[:64])
    if found is None:
        return None
    size = int.from_bytes(found[1] or found[2])
    n, rest = der[found.end() : found.end() + size], der[found.end() + size :]
    e = _EXPONENT.match(rest)
    return rsa.RSAPublicNumbers(int.from_bytes(e[1] or e[2]), int.from_bytes(n)).public_key() if e else None


_RSA = re.compile(rb"\x30\x82..\x02\x01\x00\x02(?:\x81(.)|\x82(..))", re.DOTALL)
"""RSAPrivateKey: version 0, then the modulus, by its length."""
_EXPONENT = re.compile(rb"\x02(?:\x01(.)|\x03(...))", re.DOTALL)


def half_alone(half: bytes) -> bytes:
    """Return the text that stands for a private key of which only the public half may be kept; nothing for none."""
    return b"-----BEGIN HALF OF A PRIVATE KEY-----\n%b\n" % b64encode(half) if half else b""


_HALF = re.compile(rb"-----BEGIN HALF OF A PRIVATE KEY-----\n([A-Za-z0-9+/=]+)\n")
_PRIVATE = re.compile(rb"-----BEGIN ((?:RSA |EC |DSA )?PRIVATE KEY)-----[^-]+-----END \1-----")


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
