"""Render files for a host: the relay with its settings and start scripts, or the product's own mail settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardening import resources
from hardening.errors import DataError, UsageError
from hardening.mailer.rest import encrypted, read
from hardening.mailer.settings import Credential, MailerSettings, Transport
from hardening.mailer.showing import shown
from hardening.packing import zipped

FOLDER = "/etc/aspect-mail-relay"
USER = "aspect-mail"


@dataclass(frozen=True, slots=True)
class RelayHost:
    """Layout of the relay on a host, and the files that go there."""

    folder: str = FOLDER
    user: str = USER
    credentials: bool = False
    """Carry the opened secrets and keys along, as files of the relay's user; else the settings' own paths are named."""
    certificate: bool = False
    """The host makes a certificate of its own (relay certificate) and prefers it once it is registered."""


def relay_config(settings: MailerSettings, host: RelayHost | None = None) -> dict[str, object]:
    """Return the relay's settings. It reads its secret from a plain file on its host. Errors: UsageError."""
    host = host or RelayHost()
    transports = [str(t) for t in settings.transports if t is not Transport.EWS]
    if not transports:
        raise UsageError("the relay delivers by graph or smtp, and transports names neither",
                         hint="transports = ['graph', 'smtp']")  # fmt: skip
    relay = dict(settings.relay)
    keys = f"{relay.get('spool', '/var/spool/aspect-mail-relay')}/keys"
    own = {"certificate_file": f"{keys}/host.crt", "key_file": f"{keys}/host.key"}
    credentials = [
        _carried(one, host.folder) if host.credentials else _named(one) for one in settings.credentials
    ]
    ca_file = (
        f"{host.folder}/ca.pem" if host.credentials and settings.ca_file else str(settings.ca_file or "")
    )
    return {
        "tenant": settings.tenant.strip(),
        "client_id": settings.client_id.strip(),
        "application": settings.application.strip(),
        "mailbox": settings.mailbox.strip(),
        "senders": [settings.sender.strip()],
        "recipients": list(settings.recipients),
        "credentials": [own, *credentials] if host.certificate else credentials,
        "transports": transports,
        "authority": settings.endpoints.authority,
        "graph": settings.endpoints.graph,
        "graph_resource": settings.cloud.graph,
        "smtp": settings.endpoints.smtp,
        "smtp_resource": settings.cloud.outlook,
        "proxy": settings.proxy.url if settings.proxy else "",
        "proxy_smtp": settings.proxy.smtp if settings.proxy else True,
        "ca_file": ca_file,
        "timeout": settings.timeout,
        "per_minute": settings.limits.per_minute,
        "recipients_per_day": settings.limits.recipients_per_day,
        **relay,
    }


def _named(one: Credential) -> dict[str, str]:
    pairs = {
        "secret_file": one.secret_file,
        "certificate_file": one.certificate_file,
        "key_file": one.key_file,
    }
    secret = one.secret_file or one.key_file
    if secret is None or encrypted(read(secret) if secret.exists() else b""):
        raise UsageError(f"{one.place}: the relay reads its secret from a plain file",
                         hint="harden mailer render relay --credentials writes one, for the host alone")  # fmt: skip
    return {key: str(path) for key, path in pairs.items() if path is not None}


def _carried(one: Credential, folder: str) -> dict[str, str]:
    if one.is_certificate:
        return {"certificate_file": f"{folder}/{one.place}.crt", "key_file": f"{folder}/{one.place}.key"}
    return {"secret_file": f"{folder}/{one.place}.secret"}


def credential_files(settings: MailerSettings) -> Iterator[tuple[str, bytes, int]]:
    """Yield name, content and mode of the opened credentials, for the relay's user alone. Errors: InputError."""
    for one in settings.credentials:
        if one.certificate_file is not None:
            yield f"{one.place}.crt", read(one.certificate_file, one.named(one.certificate_file)), 0o600
            yield f"{one.place}.key", one.key(), 0o600
        else:
            yield f"{one.place}.secret", one.value().reveal().encode(), 0o600
    if settings.ca_file is not None:
        yield "ca.pem", read(settings.ca_file, shown(settings.ca_file)), 0o644


def relay_archive() -> bytes:
    """Return the relay: one zip that any Python from 2.6 on runs."""
    return zipped("hardening.onhost.relay.main", docstrings=True)


def relay_files(settings: MailerSettings, host: RelayHost | None = None) -> Iterator[tuple[str, bytes, int]]:
    """Yield name, content and mode of everything a host needs."""
    host = host or RelayHost()
    config = json.dumps(relay_config(settings, host), indent=2, sort_keys=True) + "\n"
    yield "relay.pyz", relay_archive(), 0o644
    yield "relay.json", config.encode(), 0o640
    for name, mode in (
        ("aspect-mail-relay.service", 0o644),
        ("aspect-mail-relay.init", 0o755),
        ("relay", 0o755),
        ("sendmail", 0o755),
    ):
        text = (resources.templates() / "mailer" / f"{name}.j2").read_text("utf-8")
        yield name, _filled(text, folder=host.folder, user=host.user).encode(), mode
    if host.credentials:
        yield from credential_files(settings)


def native_files(settings: MailerSettings, template: Path | None = None) -> Iterator[tuple[str, bytes, int]]:
    """Yield the product's own settings with the secret in it, so for its owner alone.

    The product's file format is not public: the shipped template is an adapter (docs/mailer.md).
    Errors: InputError, DataError (the template), UsageError (certificates alone).
    """
    from jinja2 import TemplateError

    name = "email-notification-service.properties"
    text = read(template or Path(str(resources.templates() / "mailer" / f"{name}.j2"))).decode(
        "utf-8", "replace"
    )
    credential = next((one for one in settings.credentials if not one.is_certificate), None)
    values = {} if credential is None else {"secret": credential.value().reveal()}
    try:
        files = _filled(text, settings=settings, **values)
    except TemplateError as problem:
        if credential is None and "'secret' is undefined" in str(problem.message):
            raise UsageError(
                f"{settings.credentials[0].place}: a certificate, and the product's settings take a client secret",
                hint="name a secret_file too, or let the relay send: harden mailer render relay",
            ) from None
        raise DataError(
            f"{template}: {problem.message}", hint="harden docs mailer lists what a template may name"
        ) from None
    yield name, files.encode(), 0o600


def _filled(text: str, **values: object) -> str:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True, autoescape=False,
    )  # fmt: skip
    return environment.from_string(text).render(**values)
