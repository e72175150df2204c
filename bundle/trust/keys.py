"""Signing keys: Ed25519 by default, ECDSA P-256 for hosts in FIPS mode; PEM files, encrypted at rest."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from hardening.errors import InputError, UsageError

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey

ALGORITHMS = ("ed25519", "ecdsa-p256")
_LONGEST = 1023
"""Bytes of a passphrase that OpenSSL reads."""
_P = 2**255 - 19
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset((0, 1, _P - 1, _ORDER_8, _P - _ORDER_8))
"""The y of each of the eight points of Ed25519 whose order is 1, 2, 4 or 8: anybody can sign for such a key."""


def generate(algorithm: str = "ed25519") -> PrivateKey:
    """Return a new key of one of `ALGORITHMS`."""
    return (
        ed25519.Ed25519PrivateKey.generate()
        if algorithm == "ed25519"
        else ec.generate_private_key(ec.SECP256R1())
    )


def write(key: PrivateKey, path: Path, *, passphrase: bytes | None) -> Path:
    """Write `path` (mode 0600, PKCS #8) and `path`.pub (SubjectPublicKeyInfo); return the latter.

    Neither file is ever overwritten. Errors: UsageError.
    """
    public = path.with_name(path.name + ".pub")
    if passphrase and len(passphrase) > _LONGEST:
        raise UsageError(
            f"the passphrase has {len(passphrase)} bytes, and OpenSSL takes {_LONGEST}",
            hint="use a shorter one",
        )
    encryption = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    private_pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    public_pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for taken in (path, public):
        if os.path.lexists(taken):  # Path's own raise where a name is too long
            raise UsageError(
                f"{taken} exists already", hint="choose another name; a key is never overwritten"
            )
    create(path, private_pem, 0o600)
    try:
        create(public, public_pem, 0o644)
    except UsageError:
        path.unlink()  # one of the two alone is no pair, and the next try would be refused
        raise
    return public


def create(path: Path, data: bytes, mode: int) -> None:
    """Write a new file that has its mode from the first byte. Errors: UsageError (it exists, it cannot be written)."""
    made = False
    try:
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb"
        ) as out:
            made = True
            out.write(data)
    except OSError as problem:
        if made:
            path.unlink()
        raise UsageError(
            f"cannot write {path}: {problem.strerror}", hint="choose a writable folder"
        ) from problem


def is_encrypted(path: Path) -> bool:
    """Whether the private key file needs a passphrase. Errors: UsageError (a form that is not read here)."""
    strange = _foreign(path)
    if strange:
        raise strange
    return b"ENCRYPTED" in _bytes(path)


def load_private(path: Path, *, passphrase: bytes | None = None) -> PrivateKey:
    """Read a private key. Errors: InputError (absent), UsageError (passphrase, kind, not a key)."""
    data, strange = _bytes(path), _foreign(path)
    if strange:
        raise strange
    try:
        key = serialization.load_pem_private_key(data, passphrase)
    except TypeError as problem:
        needed = passphrase is None
        raise UsageError(
            f"{path}: the key is {'encrypted' if needed else 'not encrypted'}",
            hint="give its passphrase with --passphrase-file" if needed else "leave the passphrase away",
        ) from problem
    except (ValueError, UnsupportedAlgorithm) as problem:
        wrong = b"PRIVATE KEY" in data
        raise UsageError(
            f"{path}: {'wrong passphrase or damaged key' if wrong else 'not a private key in PEM form'}",
            hint="give its passphrase again; of a damaged key fetch your copy"
            if wrong
            else "harden bundle keygen --out KEY makes one",
        ) from problem
    if not isinstance(key, PrivateKey) or not _verifiable(key):
        raise _unsupported(path)
    return key


_FOREIGN = (
    (
        b"-----BEGIN OPENSSH PRIVATE KEY-----", "OpenSSH",
        "ssh-keygen -p -m PKCS8 -f KEY writes an ECDSA P-256 key so; else harden bundle keygen --out KEY makes one",
    ),
    (b" SIGSTORE PRIVATE KEY-----", "cosign", "harden bundle keygen --out KEY makes one, whose envelopes cosign reads"),
    (b" COSIGN PRIVATE KEY-----", "cosign", "harden bundle keygen --out KEY makes one, whose envelopes cosign reads"),
)  # fmt: skip
"""Private keys in forms of other programs: no passphrase opens them here."""


def _foreign(path: Path) -> UsageError | None:
    """Return what is said of a private key in another program's own form, before its passphrase is asked for."""
    data = _bytes(path)
    return next(
        (
            UsageError(f"{path}: a private key in {whose}'s own form, not PKCS #8", hint=hint)
            for mark, whose, hint in _FOREIGN
            if mark in data
        ),
        None,
    )


def _verifiable(key: PrivateKey | PublicKey) -> bool:
    """Whether every host can verify with it: of the curves of ECDSA the verifier there knows P-256 alone."""
    return not isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) or isinstance(
        key.curve, ec.SECP256R1
    )


def weak(raw: bytes) -> bool:
    """Return whether 32 bytes are an Ed25519 public key of small order, or one that RFC 8032 does not decode."""
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    return y >= _P or y in _SMALL_ORDER


def load_public(path: Path) -> PublicKey:
    """Read a public key. Errors: InputError (absent), UsageError (kind, not a public key, a weak one)."""
    data = _bytes(path)
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as problem:
        private = b"PRIVATE KEY" in data
        raise UsageError(
            f"{path}: {'a private key' if private else 'not a public key in PEM form'}",
            hint="give the .pub file that keygen wrote beside the key; the private key stays with the signer",
        ) from problem
    if not isinstance(key, PublicKey) or not _verifiable(key):
        raise _unsupported(path)
    if isinstance(key, ed25519.Ed25519PublicKey) and weak(key.public_bytes_raw()):
        raise UsageError(
            f"{path}: a weak Ed25519 key (small order): anybody can sign for it",
            hint="do not trust it; get the right public key from the signer",
        )
    return key


def _unsupported(path: Path) -> UsageError:
    return UsageError(
        f"{path}: not an Ed25519 or ECDSA key (P-256)", hint="harden bundle keygen --out KEY makes one"
    )


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as source:
            return source.read(1 << 16)
    except OSError as problem:
        raise InputError(
            f"{path}: {problem.strerror}", hint="check the path and its permissions"
        ) from problem


def keyid(key: PublicKey) -> str:
    """Return the key's name in envelopes: SHA-256 of its SubjectPublicKeyInfo in DER, hex."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def sign(key: PrivateKey, message: bytes) -> bytes:
    """Return the signature of `message`: 64 bytes for Ed25519, DER for ECDSA with SHA-256."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def verifies(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is `key`'s over `message`."""
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        else:
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
