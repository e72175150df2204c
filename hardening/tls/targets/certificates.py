"""What a server's certificate and parameter files say, where they can be read: kinds of key, sizes of DH."""

from __future__ import annotations

import base64
import os
import re
import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from hardening.records import dataclass
from hardening.tls.targets import levels
from hardening.tls.targets.inside import opened
from hardening.tls.targets.tree import Tree

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def keys_of(tree: Tree, paths: Iterable[str], *, mixed: bool = False) -> frozenset[str] | None:
    """Return the kinds of key in certificate files (real paths), or None when any cannot be read.

    With `mixed`, files may hold private keys alone, and are passed over then. A key on a curve counts once more by who signed it, for a fixed ECDH suite asks for that: `ecdh-rsa` or `ecdh-ecdsa`,
    and once by its curve (`ec:secp256r1`), which TLS 1.3 has a signature scheme for.
    """
    kinds: set[str] = set()
    for path in paths:
        found = _card(tree, path).kinds
        if mixed and not found and _private(tree, path):
            continue
        if not found:
            return None
        kinds |= found
    return frozenset(kinds) or None


def dh_bits(tree: Tree, path: str) -> int | None:
    """Return the size in bits of the DH parameters in a file (a real path), or None."""
    stamp = _stamp(path) if not tree.in_memory else None
    return _dh_bits(path, stamp) if stamp else None


def rsa_bits(tree: Tree, paths: Iterable[str]) -> int | None:
    """Return the size of the smallest RSA key in certificate files (real paths), or None where there is none to be read."""
    return min((bits for p in paths if (bits := _card(tree, p).rsa_bits) is not None), default=None)


def names(tree: Tree, path: str) -> tuple[str, ...] | None:
    """Return the names that a certificate (a real path) answers for, its subject's first, or None where none is read."""
    return _card(tree, path).names


def x942(tree: Tree, path: str) -> bool:
    """Tell whether a file of DH parameters (a real path) is of the form that `openssl dhparam -dsaparam` writes from 3.0 on.

    What asks OpenSSL 3 for a decoder of "DH" (its command DHParameters, squid) takes none of these.
    """
    stamp = _stamp(path) if not tree.in_memory else None
    return _x942(path, stamp) if stamp else False


def level(tree: Tree, path: str) -> int | None:
    """Return the highest security level at which OpenSSL serves the certificate in a file (a real path), or None where none is read."""
    return _card(tree, path).level


def _private(tree: Tree, path: str) -> bool:
    stamp = _stamp(path) if not tree.in_memory else None
    return stamp is not None and _keys_alone(path, stamp)


@lru_cache(maxsize=1024)
def _keys_alone(path: str, _stamp: tuple[int, int]) -> bool:
    try:
        with opened(path) as file:
            text = file.read(1 << 20)
    except OSError:
        return False
    return b"PRIVATE KEY-----" in text and b"-----BEGIN CERTIFICATE" not in text


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - hot path
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size)


KINDS = frozenset({"rsa", "rsa-pss", "ec", "dsa", "ed25519", "ed448"})
"""The kinds of key, without the marks beside them of who signed one and on which curve it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    """What one file's first certificate says; all of it empty where none can be read."""

    kinds: frozenset[str] = frozenset()
    rsa_bits: int | None = None
    level: int | None = None
    names: tuple[str, ...] | None = None


_NONE = _Card()


def _card(tree: Tree, path: str) -> _Card:
    stamp = _stamp(path) if not tree.in_memory else None
    return _read(path, stamp) if stamp else _NONE


@lru_cache(maxsize=1024)
def _read(path: str, _stamp: tuple[int, int]) -> _Card:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old certificates break rules that newer libraries warn about
        try:
            with opened(path) as file:
                card = x509.load_pem_x509_certificate(file.read(1 << 20))
        except (OSError, ValueError, x509.InvalidVersion):
            return _NONE
    named = _named(card)
    try:
        key, digest = card.public_key(), card.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        return _Card(names=named)
    bits = [256]
    if isinstance(key, rsa.RSAPublicKey):
        bits.append(levels.field_strength(key.key_size))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        bits.append(key.curve.key_size // 2)
    if digest is not None and card.issuer != card.subject:  # nobody asks how one of its own signed itself
        bits.append(levels.digest_strength(digest.name))
    return _Card(
        kinds=_kinds(card, key),
        rsa_bits=key.key_size if isinstance(key, rsa.RSAPublicKey) else None,
        level=levels.highest(min(bits)),
        names=named,
    )


def _named(card: Certificate) -> tuple[str, ...] | None:
    from cryptography import x509

    try:
        found = [str(one.value) for one in card.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
        other = card.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found += other.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        pass
    except (ValueError, x509.InvalidVersion):
        return None
    return tuple(dict.fromkeys(name.lower() for name in found if name and not re.search(r"\s", name)))


def _kinds(card: Certificate, key: object) -> frozenset[str]:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
    from cryptography.x509.oid import PublicKeyAlgorithmOID

    kinds = (
        (rsa.RSAPublicKey, "rsa"),
        (dsa.DSAPublicKey, "dsa"),
        (ed25519.Ed25519PublicKey, "ed25519"),
        (ed448.Ed448PublicKey, "ed448"),
    )
    word = next((word for kind, word in kinds if isinstance(key, kind)), None)
    if card.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS:
        word = "rsa-pss"
    signed = card.signature_algorithm_oid._name.lower()  # noqa: SLF001 - the one place its word is
    fixed = {"ecdh-rsa"} if "rsa" in signed else {"ecdh-ecdsa"} if "ecdsa" in signed else set[str]()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return frozenset({"ec", f"ec:{key.curve.name}"} | fixed)
    return frozenset({word}) if word else frozenset()


@lru_cache(maxsize=1024)
def _dh_bits(path: str, _stamp: tuple[int, int]) -> int | None:
    try:
        with opened(path) as file:
            text = file.read(1 << 20)
    except OSError:
        return None
    found = _PARAMETERS.search(text)
    if found is None:
        return None
    try:
        der = base64.b64decode(b"".join(found[1].split()), validate=True)
        prime = _element(_element(der, _SEQUENCE), _INTEGER)
    except (ValueError, IndexError):
        return None
    return int.from_bytes(prime, "big").bit_length() or None


@lru_cache(maxsize=1024)
def _x942(path: str, _stamp: tuple[int, int]) -> bool:
    try:
        with opened(path) as file:
            found = _PARAMETERS.search(file.read(1 << 20))
    except OSError:
        return False
    return found is not None and found[0].startswith(b"-----BEGIN X9.42")


_PARAMETERS = re.compile(
    rb"-----BEGIN (?:X9\.42 )?DH PARAMETERS-----([A-Za-z0-9+/=\s]+)-----END (?:X9\.42 )?DH PARAMETERS-----"
)
_SEQUENCE, _INTEGER, _LONG = 0x30, 0x02, 0x80


def _element(der: bytes, tag: int) -> bytes:
    """Return the content of the first DER element.

    Errors: ValueError, IndexError for anything else. (PKCS #3 is two integers; the library's own door to it is closing.)
    """
    if der[0] != tag:
        raise ValueError(tag)
    size, start = der[1], 2
    if size >= _LONG:
        start += size - _LONG
        size = int.from_bytes(der[2:start], "big")
    if start + size > len(der):
        raise ValueError(size)
    return der[start : start + size]
