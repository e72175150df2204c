"""The mailer's settings: one TOML document (or an Ansible vault of one), read whole, every mistake named.

Structure that cannot be read is a DataError here; values that are wrong but readable are `mistakes`.
Paths are relative to the document. docs/mailer.md shows every key.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

from hardening.errors import DataError
from hardening.mailer.clouds import Cloud, clouds
from hardening.mailer.rest import Keys, opened, read
from hardening.mailer.secret import Secret, hide
from hardening.mailer.showing import hidden, is_path, shown
from hardening.toml_rows import Table

_LONGEST_WAIT = 600  # seconds: who has not answered by then will not


_ELSEWHERE = "put the secret's Value into a file of mode 0600, and name the file: [credential] and below it secret_file = 'mailer.secret'"


class Transport(StrEnum):
    """A way out, in the order of least privilege."""

    GRAPH = "graph"
    SMTP = "smtp"
    EWS = "ews"


class Permission(StrEnum):
    """Grant of the application: application RBAC in Exchange, Entra consent, or not known."""

    AUTO = "auto"
    RBAC = "rbac"
    ENTRA = "entra"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A client secret or a certificate; `expires` is what the portal showed."""

    place: str
    """The key in the settings, for messages: `credential` or `next_credential`."""
    secret: Secret | None = None
    secret_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    expires: date | None = None
    key_id: str = ""
    """Under which the registration lists the certificate; `rotate` fills it in, to retire it later."""
    keys: Keys = field(default_factory=Keys, repr=False)

    def value(self) -> Secret:
        """Return the secret, read now. Errors: InputError (absent, unreadable)."""
        if self.secret is not None:
            return self.secret
        assert self.secret_file is not None  # noqa: S101 - the reader made sure of one of the three
        text = opened(
            read(self.secret_file, self.named(self.secret_file)), self.keys, source=str(self.secret_file)
        )
        return Secret(text.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r"))

    def key(self) -> bytes:
        """Return the certificate's private key (PEM), read now. Errors: InputError (absent, unreadable)."""
        assert self.key_file is not None  # noqa: S101 - the reader made sure it comes with the certificate
        return opened(read(self.key_file, self.named(self.key_file)), self.keys, source=str(self.key_file))

    def named(self, path: Path) -> str:
        """Return a file of this credential as it may be printed: its key, and its path unless that may be a secret."""
        keys = {
            self.secret_file: "secret_file",
            self.certificate_file: "certificate_file",
            self.key_file: "key_file",
        }
        return f"{self.place}.{keys[path]} {shown(path)}"

    @property
    def is_certificate(self) -> bool:
        """Return whether it is a certificate with its key."""
        return self.certificate_file is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Addresses of the services, `host` or `host:port`; the cloud's own names unless the settings name others."""

    authority: str
    smtp: str
    graph: str
    outlook: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy that is asked to CONNECT, for HTTPS and (unless `smtp` is false) for SMTP too."""

    url: str
    smtp: bool = True

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 3128


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxLimits:
    """Limits of Exchange Online for one mailbox (data/ground.toml)."""

    per_minute: int = 30
    recipients_per_day: int = 10_000
    connections: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MailerSettings:
    """Everything the mailer is told."""

    source: Path
    tenant: str
    client_id: str
    mailbox: str
    sender: str
    server_version: str
    transports: tuple[Transport, ...]
    cloud: Cloud
    endpoints: Endpoints
    permission: Permission
    service_principal: str
    application: str
    """The registration's own object id, which only rolling a certificate needs."""
    credentials: tuple[Credential, ...]
    """The one in use first, then the one staged for rotation."""
    recipients: tuple[str, ...]
    calendars: tuple[str, ...]
    """Mailboxes whose calendar the product reads."""
    calendars_via: Transport = Transport.GRAPH
    """Over graph, or over ews while it lasts."""
    proxy: Proxy | None = None
    ca_file: Path | None = None
    timeout: int = 20
    limits: MailboxLimits = field(default_factory=MailboxLimits)
    save_to_sent_items: bool = False
    relay: tuple[tuple[str, object], ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it names."""
        named = ((one.secret_file, one.certificate_file, one.key_file) for one in self.credentials)
        return tuple(path for path in (self.ca_file, *chain(*named)) if path is not None)


START = """\
tenant = "TENANT"                   # Directory (tenant) ID, or a verified domain
client_id = "CLIENT-ID"             # Application (client) ID
mailbox = "MAILBOX"                 # From and Username
recipients = ["RECIPIENT"]
[credential]
secret_file = "mailer.secret"       # a file of mode 0600 with the secret's Value
"""
"""Settings to begin with."""


def start(path: Path) -> MailerSettings:
    """Return the settings to begin with, as if they were in a file that is not there yet."""
    found = _read(START, path, Keys())
    hide(())
    return found


def load(path: Path, keys: Keys | None = None) -> MailerSettings:
    """Read the settings. Errors: InputError, DataError, RefusedError (encrypted, and not by these keys)."""
    keys = keys or Keys()
    data = opened(read(path), keys, source=str(path))
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{path}: is written in UTF-16", hint="save it as UTF-8")
    return _read(data.decode("utf-8-sig", "replace"), path, keys)


def _read(text: str, path: Path, keys: Keys) -> MailerSettings:
    table = Table.parse(text, source=str(path), private=True)
    hide(hidden(tomllib.loads(text.removeprefix("\ufeff")), path.parent))
    _present(table)
    found = _settings(table, path, keys)
    table.done()
    return found


_NEEDED = {
    "tenant": "the tenant's GUID or its verified domain",
    "client_id": "Application (client) ID on the Overview of the registration",
    "mailbox": "the address that sends: From and Username of the product",
    "credential": "a table: [credential] and below it secret_file = 'mailer.secret'",
}
_OTHER_WORDS = {
    "client_secret": _ELSEWHERE, "secret": _ELSEWHERE, "secret_file": _ELSEWHERE, "password": _ELSEWHERE, "secret_value": _ELSEWHERE,
    "username": "write it as mailbox", "user": "write it as mailbox", "from_address": "write it as from",
    "tenant_id": "write it as tenant", "directory_id": "write it as tenant", "application_id": "write it as client_id",
    "app_id": "write it as client_id", "to": "write it as recipients",
}  # fmt: skip
"""Top-level keys that people write, and what to do. A secret must not be led to another key by its spelling."""


def _present(table: Table) -> None:
    """Refuse keys of other programs' words, and name every key that is missing at once. Errors: DataError."""
    for key, hint in _OTHER_WORDS.items():
        if key in table:
            raise table.wrong(key, "is not a known key here", hint)
    if missing := [key for key in _NEEDED if key not in table]:
        raise DataError(
            f"{table.source}: missing: {', '.join(missing)}",
            hint="; ".join(f"{key}: {_NEEDED[key]}" for key in missing),
        )


def _settings(table: Table, path: Path, keys: Keys) -> MailerSettings:
    cloud_name = table.text("cloud", "public")
    if cloud_name not in clouds():
        raise table.wrong("cloud", f"{table.shown(cloud_name)} is not one of {', '.join(clouds())}")
    cloud = clouds()[cloud_name]
    mailbox = table.text("mailbox")
    credentials: tuple[Credential, ...] = (_credential(table.table("credential"), path, "credential", keys),)
    if "next_credential" in table:
        credentials += (_credential(table.table("next_credential"), path, "next_credential", keys),)
    calendars = table.table("calendars", optional=True)
    mailboxes = calendars.texts("mailboxes", ()) if "mailboxes" in calendars else ()
    transports = _transports(table)
    via = calendars.choice(
        "via", Transport, Transport.EWS if transports == (Transport.EWS,) else Transport.GRAPH
    )
    if via is Transport.SMTP:
        raise calendars.wrong("via", "a calendar is read over graph or ews")
    calendars.done()
    return MailerSettings(
        source=path,
        tenant=table.text("tenant"),
        client_id=table.text("client_id"),
        mailbox=mailbox,
        sender=table.text("from", mailbox),
        server_version=table.text("server_version", "EXCHANGE_2016"),
        transports=transports,
        cloud=cloud,
        endpoints=_endpoints(table.table("endpoints", optional=True), cloud),
        permission=table.choice("permission", Permission, Permission.AUTO),
        service_principal=table.text("service_principal", ""),
        application=table.text("application", ""),
        credentials=credentials,
        recipients=table.texts("recipients", []),
        calendars=mailboxes,
        calendars_via=via,
        proxy=_proxy(table),
        ca_file=path.parent / table.text("ca_file") if "ca_file" in table else None,
        timeout=_timeout(table),
        limits=_limits(table.table("limits", optional=True)),
        save_to_sent_items=table.flag("save_to_sent_items", default=False),
        relay=_relay(table, path.parent),
    )


def _timeout(table: Table) -> int:
    seconds = table.number("timeout", 20)
    if not 1 <= seconds <= _LONGEST_WAIT:
        raise table.wrong("timeout", f"has to be 1 to {_LONGEST_WAIT} seconds", "timeout = 20")
    return seconds


def _transports(table: Table) -> tuple[Transport, ...]:
    known = [t.value for t in Transport]
    names: Sequence[str] = table.texts("transports", ["graph", "smtp"])
    for name in names:
        if name not in known:
            raise table.wrong("transports", f"{table.shown(name)} is not one of {', '.join(known)}")
    if not names or len(set(names)) != len(names):
        raise table.wrong(
            "transports", f"has to name each of {', '.join(known)} at most once, and one at least"
        )
    return tuple(Transport(name) for name in names)


def _credential(table: Table, path: Path, place: str, keys: Keys) -> Credential:
    ways = [key for key in ("secret", "secret_file", "certificate_file") if key in table]
    if len(ways) != 1:
        raise table.wrong(
            "secret_file", f"one of secret, secret_file, certificate_file is needed, found {len(ways)}",
            "secret_file = 'mailer.secret' keeps the secret out of this document",
        )  # fmt: skip
    if ("key_file" in table) != ("certificate_file" in table):
        raise table.wrong("key_file", "certificate_file and key_file come together")

    def file(key: str) -> Path | None:
        return path.parent / table.text(key) if key in table else None

    found = Credential(
        place=place,
        secret=_inline(table) if "secret" in table else None,
        secret_file=file("secret_file"),
        certificate_file=file("certificate_file"),
        key_file=file("key_file"),
        expires=table.day("expires") if "expires" in table else None,
        key_id=table.text("key_id", ""),
        keys=keys,
    )
    table.done()
    return found


def _inline(table: Table) -> Secret:
    try:
        return Secret(table.text("secret"))
    except DataError:
        raise table.wrong("secret", "has to be a string") from None  # the first error shows the value


def _endpoints(table: Table, cloud: Cloud) -> Endpoints:
    found = Endpoints(
        authority=table.text("authority", cloud.authority),
        smtp=table.text("smtp", f"{cloud.smtp}:587"),
        graph=table.text("graph", cloud.graph),
        outlook=table.text("outlook", cloud.outlook),
    )
    for key in ("authority", "smtp", "graph", "outlook"):
        if not _is_endpoint(getattr(found, key)):
            raise table.wrong(key, "has to be host or host:port")
    table.done()
    return found


def _is_endpoint(text: str) -> bool:
    """Return whether it is `host`, `host:port` or `[v6]:port`."""
    try:
        parts = urlsplit(f"//{text}")
        whole = parts.netloc == text and not re.search(r"[\s@]|:$", text)
        return bool(parts.hostname) and whole and parts.port != 0
    except ValueError:
        return False


def _proxy(table: Table) -> Proxy | None:
    if "proxy" not in table:
        return None
    row = table.table("proxy")
    found = Proxy(url=row.text("url"), smtp=row.flag("smtp", default=True))
    row.done()
    try:
        parts = urlsplit(found.url)
        good = parts.scheme == "http" and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise row.wrong("url", "has to be http://host:port")
    return found


def _limits(table: Table) -> MailboxLimits:
    default = MailboxLimits()
    found = MailboxLimits(
        per_minute=table.number("per_minute", default.per_minute),
        recipients_per_day=table.number("recipients_per_day", default.recipients_per_day),
        connections=table.number("connections", default.connections),
    )
    table.done()
    return found


RELAY_KEYS: dict[str, type[object]] = {
    "listen": str, "spool": str, "status_file": str, "max_bytes": int, "max_queue": int, "digest_after": int,
    "digest_size": int, "priority": list, "give_up_after": int, "alarm_after": int, "alarm_file": str, "alarm_command": list, "webhook": str,
    "syslog": object, "snmp_trap": str, "snmp_community": str, "snmp_oid": str, "allow_recipients": list,
    "transport_tls": str, "renew_days": int, "certificate_days": int,
}  # fmt: skip
"""Keys of `[relay]`, which `harden mailer render` copies into the relay's own settings."""


_LEAST = {"renew_days": 0, "digest_after": 0, "alarm_after": 0}
"""Keys of `[relay]` that may be zero; all other numbers are one at least."""


_PATHS = ("spool", "status_file", "alarm_file")
_FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    "listen": (
        re.compile(r"(127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?\Z"),
        "listen = '127.0.0.1:2525': loopback alone, so that it is not an open relay",
    ),
    "allow_recipients": (
        re.compile(r"[^@\s]*@[^@\s]+\Z"),
        "an address, or '@' and a domain for everybody there",
    ),
    "transport_tls": (re.compile(r"(auto|python|openssl|curl)\Z"), "auto, python, openssl or curl"),
    "webhook": (re.compile(r"(https?://[^/\s]+.*)?\Z"), "webhook = 'https://host/path'"),
    "snmp_oid": (re.compile(r"\.?[012](\.\d+)+\Z"), "numbers with dots: 1.3.6.1.4.1.8072.9999.9999"),
}
"""Keys of `[relay]` whose texts have a form."""


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def _compiled(row: Table, patterns: object) -> None:
    """Refuse subjects that are no regular expressions. Errors: DataError."""
    for one in patterns if isinstance(patterns, list | tuple) else ():
        try:
            re.compile(one)
        except (re.error, TypeError) as problem:
            at = (
                f" at character {problem.pos}"
                if isinstance(problem, re.error) and problem.pos is not None
                else ""
            )
            raise row.wrong("priority", f"holds a text that is not a regular expression{at}") from None


def _relay(table: Table, folder: Path) -> tuple[tuple[str, object], ...]:
    row = table.table("relay", optional=True)
    pairs: list[tuple[str, object]] = []
    for key, kind in RELAY_KEYS.items():
        if key not in row:
            continue
        value: object = row.value(key, kind)
        if key == "syslog" and not isinstance(value, bool | str):
            raise row.wrong(key, "has to be true, false, a socket's path or host:port")
        if (kind is int and not isinstance(value, bool) and int(str(value)) < _LEAST.get(key, 1)) or (
            key == "listen" and not _is_endpoint(str(value))
        ):
            raise row.wrong(
                key, f"{row.shown(value)} cannot be used here", "harden docs mailer shows what can be used"
            )
        if key in _PATHS and value and not is_path(str(value), folder):
            raise row.wrong(
                key, f"{row.shown(value)} cannot be used here", f"{key} = '/var/spool/...': a whole path"
            )
        if key == "priority":
            _compiled(row, value)
        if key in _FORMS and (wrong := [one for one in _texts(value) if not _FORMS[key][0].match(one)]):
            raise row.wrong(key, f"{row.shown(wrong[0])} cannot be used here", _FORMS[key][1])
        pairs.append((key, value))
    row.done()
    return tuple(pairs)
