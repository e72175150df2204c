"""Documents at rest: plain, an Ansible vault, or sealed with AES-256-GCM under a key that lies elsewhere.

A sealed file is one header line and the Base64 of nonce and ciphertext; the header is authenticated too.
A key file is one line, the Base64 of 32 random bytes.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hardening import atomic, inputs
from hardening.errors import InputError, RefusedError, UsageError
from hardening.mailer import vault
from hardening.mailer.secret import Secret

HEADER = b"$ASPECT-SEALED;1;AES256-GCM\n"
_NONCE, _KEY = 12, 32
_LARGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class Keys:
    """Files that open documents: a vault's password or a sealing key."""

    vault_password: Path | None = None
    key_file: Path | None = None


def read(path: Path, name: str = "") -> bytes:
    """Return a file's bytes. Errors: InputError naming the path, or `name` where that must not be shown."""
    try:
        return inputs.read(path, _LARGEST)
    except OSError as problem:
        raise InputError(
            f"{name or path}: {problem.strerror or type(problem).__name__}",
            hint="check the path and its permissions",
        ) from problem


def is_sealed(data: bytes) -> bool:
    """Return whether the document is sealed with AES-GCM."""
    return data.startswith(HEADER.split(b";", 1)[0])


def encrypted(data: bytes) -> bool:
    """Return whether the document is encrypted in either way."""
    return vault.is_vault(data) or is_sealed(data)


def opened(data: bytes, keys: Keys, *, source: str) -> bytes:
    """Return the plain document. Errors: InputError (no key given), RefusedError (wrong key, damaged)."""
    if vault.is_vault(data):
        return vault.opened(data, _password(keys, source), source=source)
    if is_sealed(data):
        return _unsealed(data, _key(keys, source), source)
    return data


def closed(data: bytes, like: bytes, keys: Keys, *, source: str) -> bytes:
    """Return a document encrypted in the way `like` is, under the same keys; plain where that is plain."""
    if vault.is_vault(like):
        return vault.closed(data, _password(keys, source))
    if is_sealed(like):
        return sealed(data, _key(keys, source))
    return data


def sealed(data: bytes, key: Secret) -> bytes:
    """Return the sealed form of a document."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE)
    body = AESGCM(base64.b64decode(key.reveal())).encrypt(nonce, data, HEADER)
    return HEADER + base64.encodebytes(nonce + body)


def _unsealed(data: bytes, key: Secret, source: str) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    header, _, body = data.partition(b"\n")
    if header + b"\n" != HEADER:
        raise RefusedError(
            f"{source}: sealed in a format that this release does not know", hint="update aspect-hardening"
        )
    try:
        raw = base64.b64decode(b"".join(body.split()), validate=True)
        return AESGCM(base64.b64decode(key.reveal())).decrypt(raw[:_NONCE], raw[_NONCE:], HEADER)
    except (InvalidTag, ValueError) as problem:
        raise RefusedError(
            f"{source}: the key does not open it, or it was changed", hint="check --key-file"
        ) from problem


def _password(keys: Keys, source: str) -> Secret:
    if keys.vault_password is None:
        raise InputError(f"{source}: is an Ansible vault", hint="add --vault-password-file FILE")
    return Secret(read(keys.vault_password).decode("utf-8", "replace").strip())


def _key(keys: Keys, source: str) -> Secret:
    if keys.key_file is None:
        raise InputError(f"{source}: is sealed", hint="add --key-file FILE")
    return load_key(keys.key_file)


def load_key(path: Path) -> Secret:
    """Read a sealing key. Errors: InputError (absent, no key), RefusedError (readable by others)."""
    text = read(path).strip()
    if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise RefusedError(
            f"{path}: other accounts of this machine can read this key", hint=f"chmod 400 {path}"
        )
    try:
        good = len(base64.b64decode(text, validate=True)) == _KEY
    except binascii.Error:
        good = False
    if not good:
        raise InputError(f"{path}: is not a sealing key", hint="harden mailer seal --new-key makes one")
    return Secret(text.decode("ascii"))


def make_key(path: Path) -> None:
    """Make a sealing key, readable by its owner alone. Errors: UsageError (it exists)."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    except OSError as problem:
        raise UsageError(f"cannot make {path}: {problem.strerror}", hint="choose another name") from problem
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(os.urandom(_KEY)) + b"\n")


def replace(path: Path, data: bytes) -> None:
    """Put a new document in place whole, as its owner's and with its mode. Errors: UsageError (nothing was changed)."""
    try:
        atomic.replace(path, data)
    except OSError as problem:
        raise UsageError(
            f"cannot write {path}: {problem.strerror}", hint="its folder has to be writable, and have room"
        ) from problem


def edit(path: Path, keys: Keys, change: Callable[[bytes], bytes]) -> None:
    """Change the document's text and put it in place whole, encrypted as it was."""
    data = read(path)
    changed = change(opened(data, keys, source=str(path)))
    replace(path, closed(changed, data, keys, source=str(path)))
