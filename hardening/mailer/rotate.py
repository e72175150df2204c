"""Change the credential without an outage: stage, prove, swap, and retire the old one later.

The settings may rest encrypted: they are written back as they were, under the same keys.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from hardening.errors import HardeningError, RolledBackError, UsageError
from hardening.mailer.net import RefusedBy
from hardening.mailer.rest import Keys, edit
from hardening.mailer.settings import Credential, MailerSettings, load
from hardening.mailer.tokens import acquire, resource

_HEADER = re.compile(rb"(?m)^([ \t]*\[[ \t]*)(credential|next_credential)([ \t]*\])")
_STAGED = re.compile(rb"(?ms)^[ \t]*\[[ \t]*next_credential[ \t]*\].*?(?=^[ \t]*\[|\Z)")


def promote(path: Path, keys: Keys, *, dry_run: bool = False, wait: float = 0) -> Iterator[str]:
    """Swap the two credentials once the staged one has got a token for every transport, within `wait` seconds.

    Errors: UsageError (nothing is staged), RolledBackError (it is refused; nothing was changed).
    """
    settings = load(path, keys)
    if len(settings.credentials) < 2:  # noqa: PLR2004 - the one in use and the staged one
        raise UsageError(f"{path}: nothing is staged", hint="add the new credential as [next_credential]")
    staged = settings.credentials[1]
    for scope in sorted({resource(settings, transport) for transport in settings.transports}):
        try:
            _patiently(settings, staged, scope, time.monotonic() + wait)
        except HardeningError as problem:
            raise RolledBackError(
                f"the staged credential is refused: {problem}; it is not in use", hint=problem.hint
            ) from problem
        yield f"the staged credential gets a token for {scope}"
    if dry_run:
        return
    edit(path, keys, _swapped)
    yield f"{path}: the staged credential is in use, the old one is the fall-back"
    yield "next: install it again where a relay runs; after a few days: harden mailer rotate --retire"


def retire(path: Path, keys: Keys) -> Iterator[str]:
    """Unregister the fall-back where that can be done from here, and take it out of the settings.

    Errors: UsageError (there is none, or it is the newer one), RefusedBy (removeKey).
    """
    from hardening.mailer.certificates import unregister

    settings = load(path, keys)
    if len(settings.credentials) < 2:  # noqa: PLR2004 - the one in use and the fall-back
        raise UsageError(f"{path}: there is no [next_credential] to retire", hint="there is nothing to do")
    current, old = settings.credentials
    client, cert = settings.client_id.strip(), " --cert" if old.is_certificate else ""
    if current.expires and old.expires and old.expires > current.expires:
        raise UsageError(
            f"{path}: [next_credential] ends after [credential]: it looks staged, not old",
            hint="put it in use first: harden mailer rotate; remove an old credential yourself",
        )
    by_hand = (
        f"next: az ad app credential list --id {client}{cert}   # find the keyId of the old one (OLD), then:"
        f" az ad app credential delete --id {client}{cert} --key-id OLD"
    )
    if old.is_certificate and old.key_id and settings.application:
        unregister(settings, old)
        yield "the old certificate is unregistered (removeKey)"
        by_hand = ""
    edit(path, keys, lambda text: _STAGED.sub(b"", text).rstrip() + b"\n")
    yield f"{path}: [next_credential] is gone"
    if by_hand:
        yield by_hand
    for file in (old.secret_file, old.key_file):
        if file is not None:
            yield f"next: rm {file}   # nothing uses it any more"


def _patiently(settings: MailerSettings, staged: Credential, scope: str, end: float) -> None:
    """Ask until the staged credential is known: what was registered just now takes a while to spread."""
    pause = 0.5
    while True:
        try:
            acquire(settings, staged, scope)
        except RefusedBy as problem:
            if problem.answer.name != "invalid_client" or time.monotonic() + pause > end:
                raise
            time.sleep(pause)
            pause = min(pause * 2, 20)
        else:
            return


def _swapped(text: bytes) -> bytes:
    swapped, count = _HEADER.subn(_other, text)
    if count != 2:  # noqa: PLR2004 - one header each
        raise UsageError(
            "[credential] and [next_credential] are not written as two tables",
            hint="write each as a table; harden docs mailer shows them",
        )
    return swapped


def _other(found: re.Match[bytes]) -> bytes:
    name = b"credential" if found[2] == b"next_credential" else b"next_credential"
    return found[1] + name + found[3]
