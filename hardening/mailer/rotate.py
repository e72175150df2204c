"""Change the credential without an outage: stage, prove, swap, and retire the old one later."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from hardening.errors import HardeningError, RolledBackError, UsageError
from hardening.mailer.settings import load, read
from hardening.mailer.tokens import acquire, resource
from hardening.mailer.vault import is_vault

_HEADER = re.compile(rb"(?m)^([ \t]*\[[ \t]*)(credential|next_credential)([ \t]*\])")


def promote(path: Path, *, vault_password: Path | None = None, dry_run: bool = False) -> Iterator[str]:
    """Swap the two credentials once the staged one has got a token for every transport.

    Errors: UsageError (nothing is staged, a vault), RolledBackError (it is refused; nothing was changed).
    """
    settings = load(path, vault_password=vault_password)
    if len(settings.credentials) < 2:  # noqa: PLR2004 - the one in use and the staged one
        raise UsageError(f"{path}: nothing is staged", hint="add the new credential as [next_credential]")
    staged = settings.credentials[1]
    for scope in sorted({resource(settings, transport) for transport in settings.transports}):
        try:
            acquire(settings, staged, scope)
        except HardeningError as problem:
            raise RolledBackError(
                f"the staged credential is refused: {problem}; nothing was changed", hint=problem.hint
            ) from problem
        yield f"the staged credential gets a token for {scope}"
    if dry_run:
        return
    data = read(path)
    if is_vault(data):
        raise UsageError(
            f"{path}: is an Ansible vault",
            hint="ansible-vault edit: swap the names of [credential] and [next_credential]",
        )
    swapped, count = _HEADER.subn(_other, data)
    if count != 2:  # noqa: PLR2004 - one header each
        raise UsageError(
            f"{path}: [credential] and [next_credential] are not written as two tables",
            hint="see docs/mailer.md",
        )
    _replace(path, swapped)
    yield f"{path}: the staged credential is in use, the old one is the fall-back"
    yield "next: harden mailer render relay where a relay runs; after a few days remove [next_credential], then:"
    yield f"  az ad app credential delete --id {settings.client_id.strip()} --key-id OLD   # az ad app credential list shows them"


def _other(found: re.Match[bytes]) -> bytes:
    name = b"credential" if found[2] == b"next_credential" else b"next_credential"
    return found[1] + name + found[3]


def _replace(path: Path, data: bytes) -> None:
    """Put the new document in place whole, with the old one's mode."""
    real = path.resolve()
    hidden = real.with_name(f".{real.name}.{os.getpid()}")
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        os.fchmod(descriptor, real.stat().st_mode & 0o777)
        file.flush()
        os.fsync(descriptor)
    hidden.replace(real)
