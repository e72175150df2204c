"""What is put on a host: the relay with its settings and start scripts, or the product's own mail settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files

from hardening import resources
from hardening.errors import UsageError
from hardening.mailer.settings import Settings, Transport

FOLDER = "/etc/aspect-mail-relay"


def relay_config(settings: Settings, secret_path: str = "") -> dict[str, object]:
    """Return the relay's settings; `secret_path` is where the host keeps the secret in use. It reads the secret from its file, so an inline one is refused. Errors: UsageError."""
    transports = [str(t) for t in settings.transports if t is not Transport.EWS]
    if not transports:
        raise UsageError("the relay delivers by graph or smtp, and transports names neither",
                         hint="transports = ['graph', 'smtp']")  # fmt: skip
    credentials = []
    for one in settings.credentials:
        if one.secret is not None:
            raise UsageError(f"{one.place}.secret: the relay reads its secret from a file",
                             hint="secret_file = 'mailer.secret', mode 0600, owned by the relay's user")  # fmt: skip
        pairs = {
            "secret_file": one.secret_file,
            "certificate_file": one.certificate_file,
            "key_file": one.key_file,
        }
        credentials.append({key: str(path) for key, path in pairs.items() if path is not None})
    if secret_path and "secret_file" in credentials[0]:
        credentials[0]["secret_file"] = secret_path
    return {
        "tenant": settings.tenant.strip(),
        "client_id": settings.client_id.strip(),
        "application": settings.application.strip(),
        "mailbox": settings.mailbox.strip(),
        "senders": [settings.sender.strip()],
        "recipients": list(settings.recipients),
        "credentials": credentials,
        "transports": transports,
        "authority": settings.endpoints.authority,
        "graph": settings.endpoints.graph,
        "graph_resource": settings.cloud.graph,
        "smtp": settings.endpoints.smtp,
        "smtp_resource": settings.cloud.outlook,
        "proxy": settings.proxy.url if settings.proxy else "",
        "proxy_smtp": settings.proxy.smtp if settings.proxy else True,
        "ca_file": str(settings.ca_file or ""),
        "timeout": settings.timeout,
        "per_minute": settings.limits.per_minute,
        "recipients_per_day": settings.limits.recipients_per_day,
        **dict(settings.relay),
    }


def relay_source() -> bytes:
    """Return the relay: one file that runs by itself."""
    return (files("hardening.mailer") / "relay.py").read_bytes()


def relay_files(settings: Settings, secret_path: str = "") -> Iterator[tuple[str, bytes, int]]:
    """Yield name, content and mode of everything a host needs."""
    yield "relay.py", relay_source(), 0o755
    yield (
        "relay.json",
        (json.dumps(relay_config(settings, secret_path), indent=2, sort_keys=True) + "\n").encode(),
        0o640,
    )
    for name, mode in (
        ("aspect-mail-relay.service", 0o644),
        ("aspect-mail-relay.init", 0o755),
        ("sendmail", 0o755),
    ):
        yield name, _rendered(name, settings).encode(), mode


def native_files(settings: Settings) -> Iterator[tuple[str, bytes, int]]:
    """Yield the product's own settings; the format is an adapter (docs/mailer.md), the secret stays in its file."""
    yield (
        "email-notification-service.properties",
        _rendered("email-notification-service.properties", settings).encode(),
        0o640,
    )


def _rendered(name: str, settings: Settings) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(resources.templates() / "mailer"), undefined=StrictUndefined,
        keep_trailing_newline=True, trim_blocks=True, autoescape=select_autoescape(("html",), default_for_string=False),
    )  # fmt: skip
    return environment.get_template(f"{name}.j2").render(settings=settings, folder=FOLDER)
