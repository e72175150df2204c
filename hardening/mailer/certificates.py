"""A certificate as credential: made here by openssl, registered by Graph `addKey`, retired by `removeKey`.

Both calls want no permission but a proof: a short JWT signed by a certificate that is registered already. So the first
certificate is registered by a person, and every later one by the one before it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hardening.errors import HardeningError, UsageError
from hardening.mailer.graph import checked
from hardening.mailer.net import RefusedBy
from hardening.mailer.rest import Keys, edit, read
from hardening.mailer.service_facts import ground
from hardening.mailer.settings import Credential, MailerSettings, Transport, load
from hardening.mailer.tokens import acquire, resource
from hardening.mailer.web import WebClient

DAYS = 365
_BUSY = (429, 500, 502, 503, 504)


def make(certificate: Path, key: Path, *, days: int = DAYS) -> None:
    """Make a key and its certificate; the key is its owner's alone from the first byte. Errors: UsageError."""
    argv = [
        "openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-sha256", "-subj", "/CN=aspect-mailer",
        "-days", str(days), "-keyout", str(key), "-out", str(certificate),
    ]  # fmt: skip
    _make_room(key, 0o600)
    try:
        _make_room(certificate, 0o666)
    except UsageError:
        key.unlink()
        raise
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            raise UsageError(  # noqa: TRY301 - whatever the reason, no half of a pair stays
                f"openssl cannot make a certificate: {done.stderr.strip()[-160:]}", hint="openssl version"
            )
    except BaseException as problem:
        key.unlink()
        certificate.unlink()
        if isinstance(problem, OSError | subprocess.SubprocessError):
            raise UsageError(f"cannot run openssl: {problem}", hint="is openssl installed?") from problem
        raise


def _make_room(path: Path, mode: int) -> None:
    """Make an empty file where none is. Errors: UsageError."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    except OSError as problem:
        hint = (
            "name another file, or use the certificate that is there"
            if path.exists()
            else "choose a folder that exists and is writable"
        )
        raise UsageError(f"cannot make {path}: {problem.strerror}", hint=hint) from problem


def stage(path: Path, keys: Keys, *, days: int = DAYS) -> Iterator[str]:
    """Make a certificate beside the settings, register it, and stage it as [next_credential].

    Errors: UsageError (no certificate in use, something is staged already), RefusedBy (addKey).
    """
    settings = load(path, keys)
    first = settings.credentials[0]
    if not first.is_certificate:
        raise UsageError(
            f"{path}: the credential in use is a secret, but only a certificate in use can register the next one",
            hint="make the first one with harden mailer rotate --make-certificate FILE, and upload it yourself",
        )
    if len(settings.credentials) > 1:
        raise UsageError(
            f"{path}: [next_credential] is already in use", hint="harden mailer rotate, or --retire first"
        )
    if not settings.application.strip():
        raise UsageError(
            f"{path}: application is not set: addKey names the registration by its own object id",
            hint=f"az ad app show --id {settings.client_id.strip()} --query id -o tsv",
        )
    stem = f"mailer-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    certificate, key = path.parent / f"{stem}.crt", path.parent / f"{stem}.key"
    make(certificate, key, days=days)
    try:
        added = register(settings, certificate)
    except HardeningError:
        for file in (certificate, key):
            file.unlink()
        raise
    end = (datetime.now(UTC) + timedelta(days=days)).date()
    table = (
        f'\n[next_credential]\ncertificate_file = "{certificate.name}"\nkey_file = "{key.name}"\n'
        f"expires = {end}\n"
    ) + (f'key_id = "{added}"\n' if added else "")
    try:
        edit(path, keys, lambda text: text.rstrip() + b"\n" + table.encode())
    except HardeningError as problem:
        raise UsageError(
            f"{problem}; {certificate} is registered all the same, as {added or 'the newest'}",
            hint=f"add by hand: {' '.join(table.split(chr(10))).strip()}",
        ) from problem
    yield f"{certificate} is registered and staged; its key never left this machine"
    if not added:
        yield "the service returned no key id: remove this certificate from the registration yourself when you retire it"


_KEY_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


def register(settings: MailerSettings, certificate: Path) -> str:
    """Add a certificate to the registration (addKey); return its key id, empty where the answer does not tell it. Errors: RefusedBy."""
    key = {
        "type": "AsymmetricX509Cert", "usage": "Verify", "displayName": "aspect-mailer",
        "key": base64.b64encode(_der(read(certificate))).decode(),
    }  # fmt: skip
    answer = _call(settings, "addKey", {"keyCredential": key, "passwordCredential": None})
    try:
        key_id = answer.json()["keyId"]
    except (
        ValueError,
        TypeError,
        KeyError,
        RecursionError,
    ):  # cut short on its way: it is registered all the same
        key_id = ""
    return key_id if isinstance(key_id, str) and _KEY_ID.fullmatch(key_id) else ""


def unregister(settings: MailerSettings, old: Credential) -> None:
    """Remove a certificate from the registration (removeKey). Errors: RefusedBy."""
    _call(settings, "removeKey", {"keyId": old.key_id})


def _call(settings: MailerSettings, verb: str, body: dict[str, Any]) -> Any:
    """POST with a proof; Microsoft's pages name two audiences for it, a refusal of the first is followed by the second."""
    first, application = settings.credentials[0], settings.application.strip()
    token = acquire(settings, first, resource(settings, Transport.GRAPH))
    url = f"https://{settings.endpoints.graph}/v1.0/applications/{application}/{verb}"
    problem: RefusedBy | None = None
    for audience in ground().proof_audiences:
        proof = _proof(first, audience, application)
        with WebClient(settings) as client:
            answer = client.post(
                url,
                json={**body, "proof": proof},
                headers={"Authorization": f"Bearer {token.value.reveal()}"},
            )
        try:
            checked(answer, (200, 201, 204))
        except RefusedBy as refusal:
            problem = refusal
            if refusal.answer.status in _BUSY:
                break
        else:
            return answer
    assert problem is not None  # noqa: S101 - there is one audience at least
    raise problem


def _proof(credential: Credential, audience: str, issuer: str) -> str:
    """Return a JWT that holds ten minutes, signed by the certificate's key."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    assert credential.certificate_file is not None  # noqa: S101 - the callers ask for certificates alone
    thumb = hashlib.sha1(_der(read(credential.certificate_file)), usedforsecurity=False).digest()
    now = int(time.time())
    head = {"alg": "RS256", "typ": "JWT", "x5t": _b64u(thumb)}
    claims = {"aud": audience, "iss": issuer, "nbf": now - 5, "exp": now + 590}
    text = ".".join(_b64u(json.dumps(part).encode()) for part in (head, claims))
    key = load_pem_private_key(credential.key(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise UsageError(
            f"{credential.key_file}: is not an RSA key", hint="make the certificate with rsa:3072"
        )
    return f"{text}.{_b64u(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _der(pem: bytes) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def _b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
