"""Private keys and key stores, made when the corpus is."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator

from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

_NONE = form.NoEncryption()


def jks(key: bytes, word: str) -> bytes:
    """A JKS store with one key entry; the entry's own protection is not what is tested, its seal is."""
    alias = b"server"
    body = struct.pack(">4sIII", b"\xfe\xed\xfe\xed", 2, 1, 1) + struct.pack(">H", len(alias)) + alias
    body += struct.pack(">QI", 1_600_000_000_000, len(key)) + key + struct.pack(">I", 0)
    seal = hashlib.sha1(word.encode("utf-16-be") + b"Mighty Aphrodite" + body, usedforsecurity=False).digest()
    return body + seal


def keys(pick: random.Random, rounds: int) -> Iterator[tuple[str, str, bytes, int | None]]:
    """Group, path, content and line of each."""
    pem, der = form.Encoding.PEM, form.Encoding.DER
    for number in range(rounds):
        key = ec.generate_private_key(ec.SECP256R1())
        any_key = key if number % 4 else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        word = pick.choice(["changeit", "password", "secret", "123456"])
        sealed = form.BestAvailableEncryption(word.encode())
        plain = any_key.private_bytes(pem, form.PrivateFormat.PKCS8, _NONE)
        old = any_key.private_bytes(pem, form.PrivateFormat.TraditionalOpenSSL, _NONE)
        ssh = any_key.private_bytes(pem, form.PrivateFormat.OpenSSH, _NONE)
        yield "keys", "etc/ssl/server.key", plain, 1
        yield "keys", "etc/ssl/old.pem", b"# key\n" + old, 2
        yield "keys", "root/.ssh/id_any", ssh, 1
        yield "keys", "html/key.php", b"<?php\n$private = '" + old.strip() + b"';\n", 2
        yield "keys", "etc/ssl/locked.pem", key.private_bytes(pem, form.PrivateFormat.PKCS8, sealed), 1
        store = pkcs12.serialize_key_and_certificates(b"server", key, None, None, sealed)
        yield "stores", "conf/server.p12", store, None
        yield "stores", "conf/server.der", any_key.private_bytes(der, form.PrivateFormat.PKCS8, _NONE), None
        yield (
            "stores",
            "conf/keystore.jks",
            jks(key.private_bytes(der, form.PrivateFormat.PKCS8, _NONE), word),
            None,
        )
