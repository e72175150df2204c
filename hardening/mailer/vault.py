"""Read a document encrypted by `ansible-vault encrypt` (format 1.1 and 1.2), so that settings rest encrypted."""

from __future__ import annotations

import hmac
from binascii import Error as NotHex
from binascii import unhexlify

from hardening.errors import RefusedError
from hardening.mailer.secret import Secret

HEADER = b"$ANSIBLE_VAULT;"
_ROUNDS = 10_000  # the format's own


def is_vault(data: bytes) -> bool:
    """Whether the document is an Ansible vault."""
    return data.startswith(HEADER)


def opened(data: bytes, password: Secret, *, source: str) -> bytes:
    """Return the plain document. Errors: RefusedError (wrong password, damaged)."""
    from cryptography.hazmat.primitives import hashes, padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    try:
        salt, wanted, sealed = (
            unhexlify(part) for part in unhexlify(b"".join(data.split()[1:])).split(b"\n", 2)
        )
    except (NotHex, ValueError) as problem:
        raise RefusedError(f"{source}: the vault is damaged", hint="ansible-vault view FILE") from problem
    material = PBKDF2HMAC(algorithm=hashes.SHA256(), length=80, salt=salt, iterations=_ROUNDS).derive(
        password.reveal().encode()
    )
    if not hmac.compare_digest(hmac.digest(material[32:64], sealed, "sha256"), wanted):
        raise RefusedError(
            f"{source}: the vault password does not open it", hint="check --vault-password-file"
        )
    plain = Cipher(algorithms.AES(material[:32]), modes.CTR(material[64:])).decryptor().update(sealed)
    unpad = padding.PKCS7(128).unpadder()
    return unpad.update(plain) + unpad.finalize()
