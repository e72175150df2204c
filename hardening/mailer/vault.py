"""Read and write what `ansible-vault` encrypts (format 1.1; 1.2 is read too), so that settings rest encrypted."""

from __future__ import annotations

import hmac
import os
from binascii import Error as NotHex
from binascii import hexlify, unhexlify

from hardening.errors import RefusedError
from hardening.mailer.secret import Secret

HEADER = b"$ANSIBLE_VAULT;"
_ROUNDS = 10_000  # the format's own


def is_vault(data: bytes) -> bool:
    """Return whether the document is an Ansible vault."""
    return data.startswith(HEADER)


def opened(data: bytes, password: Secret, *, source: str) -> bytes:
    """Return the plain document. Errors: RefusedError (wrong password, damaged)."""
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    try:
        salt, wanted, sealed = (
            unhexlify(part) for part in unhexlify(b"".join(data.split()[1:])).split(b"\n", 2)
        )
    except (NotHex, ValueError) as problem:
        raise RefusedError(f"{source}: the vault is damaged", hint="ansible-vault view FILE") from problem
    material = _material(password, salt)
    if not hmac.compare_digest(hmac.digest(material[32:64], sealed, "sha256"), wanted):
        raise RefusedError(
            f"{source}: the vault password does not open it", hint="check --vault-password-file"
        )
    plain = Cipher(algorithms.AES(material[:32]), modes.CTR(material[64:])).decryptor().update(sealed)
    unpad = padding.PKCS7(128).unpadder()
    return unpad.update(plain) + unpad.finalize()


def closed(data: bytes, password: Secret) -> bytes:
    """Return the document as `ansible-vault encrypt` writes it."""
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    salt = os.urandom(32)
    material = _material(password, salt)
    pad = padding.PKCS7(128).padder()
    plain = pad.update(data) + pad.finalize()
    sealed = Cipher(algorithms.AES(material[:32]), modes.CTR(material[64:])).encryptor().update(plain)
    proof = hmac.digest(material[32:64], sealed, "sha256")
    text = hexlify(b"\n".join(hexlify(part) for part in (salt, proof, sealed)))
    lines = [text[at : at + 80] for at in range(0, len(text), 80)]
    return b"\n".join((HEADER + b"1.1;AES256", *lines, b""))


def _material(password: Secret, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    rounds = PBKDF2HMAC(algorithm=hashes.SHA256(), length=80, salt=salt, iterations=_ROUNDS)
    return rounds.derive(password.reveal().encode())
