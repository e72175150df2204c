"""The mistakes people make in readable settings, each named with its key and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

from hardening.errors import InputError
from hardening.mailer.rest import read
from hardening.mailer.secret import MASK
from hardening.mailer.service_facts import ground
from hardening.mailer.settings import Credential, MailerSettings, Transport
from hardening.mailer.showing import ADDRESS, DOMAIN, GUID, SERVER_VERSION, looks_secret, shown

_ODD = re.compile(r"['`${}|&!]")  # legal in an address, and a trap in every script an operator pastes it into
_ISSUERS = ("common", "organizations", "consumers")
_MONTH = 30.44  # days
_TLS_AT_ONCE = 465  # SMTP's port without STARTTLS


@dataclass(frozen=True, slots=True)
class Mistake:
    """One value that is wrong; `grave` ones make sending pointless."""

    key: str
    problem: str
    remedy: str
    grave: bool = True
    exposed: bool = False
    """The value is a secret under a wrong key: nothing may carry it on."""


def mistakes(settings: MailerSettings, today: date) -> tuple[Mistake, ...]:
    """Return every mistake, in the order of the document."""
    return (
        *_blanks(settings),
        *_identity(settings),
        *_addresses(settings),
        *_endpoint(settings),
        *_authorities(settings),
        *(m for c in settings.credentials for m in _credential(c, today)),
        *_limits(settings),
    )


def _blanks(settings: MailerSettings) -> Iterator[Mistake]:
    keys = ("tenant", "client_id", "mailbox", "sender", "service_principal", "application", "server_version")
    for key in keys:
        value = getattr(settings, key)
        if value != value.strip():
            name = "from" if key == "sender" else key
            yield Mistake(name, "has a blank at its start or end", "remove the blank; it came with copying")


def _identity(settings: MailerSettings) -> Iterator[Mistake]:
    tenant, client = settings.tenant.strip(), settings.client_id.strip()
    if tenant.lower() in _ISSUERS:
        yield Mistake("tenant", f"{tenant!r} cannot be used without a signed-in user",
                      "use the tenant's GUID (Entra admin center, Overview) or its verified domain")  # fmt: skip
    elif not GUID.match(tenant) and not DOMAIN.match(tenant):
        yield Mistake("tenant", "is neither a GUID nor a domain",
                      "use the tenant's GUID (Entra admin center, Overview) or its verified domain")  # fmt: skip
    if not GUID.match(client):
        yield Mistake("client_id", "is not a GUID",
                      "copy 'Application (client) ID' from the registration's Overview: 36 characters")  # fmt: skip
    elif client.lower() == tenant.lower():
        yield Mistake(
            "client_id", "is the tenant's id", "copy 'Application (client) ID', not 'Directory (tenant) ID'"
        )
    principal = settings.service_principal.strip()
    if principal and not GUID.match(principal):
        yield Mistake("service_principal", "is not a GUID", "copy Object ID of the *Enterprise application*")
    elif principal and principal.lower() == client.lower():
        yield Mistake("service_principal", "is the client id",
                      "copy Object ID of the *Enterprise application*, not its Application ID")  # fmt: skip
    registration = settings.application.strip()
    if registration and not GUID.match(registration):
        yield Mistake("application", "is not a GUID", "copy Object ID from the *registration*'s Overview")
    elif registration and registration.lower() in (client.lower(), principal.lower()):
        yield Mistake("application", "is the client id or the enterprise application's object id",
                      "copy Object ID from the *registration*'s Overview: it is a third GUID")  # fmt: skip
    if not SERVER_VERSION.match(settings.server_version.strip()):
        yield Mistake("server_version", "is not a version that the product knows",
                      "server_version = 'EXCHANGE_2016'")  # fmt: skip


def _addresses(settings: MailerSettings) -> Iterator[Mistake]:
    mailbox, sender = settings.mailbox.strip(), settings.sender.strip()
    if not ADDRESS.match(mailbox):
        yield Mistake("mailbox", "is not a mail address", "mailbox = 'alarms@your-domain'")
    for key, value in (("mailbox", mailbox), *(("calendars.mailboxes", c) for c in settings.calendars)):
        if _ODD.search(value):
            yield Mistake(key, "has a character with a meaning in shells", "give the mailbox a plain alias")
    if sender.lower() != mailbox.lower():
        both = f" ({sender} and {mailbox})" if ADDRESS.match(sender) and ADDRESS.match(mailbox) else ""
        yield Mistake("from", f"differs from the mailbox{both}: Exchange refuses to send as somebody else",
                      "from and mailbox (From and Username) have to be the same address")  # fmt: skip
    if not settings.recipients:
        yield Mistake("recipients", "names nobody", "recipients = ['operators@your-domain']", grave=False)
    for one in (*settings.recipients, *settings.calendars):
        if not ADDRESS.match(one):
            key = "recipients" if one in settings.recipients else "calendars.mailboxes"
            yield Mistake(
                key,
                "holds an entry that is not a mail address",
                "one plain address each, without a name or a blank",
            )


def _endpoint(settings: MailerSettings) -> Iterator[Mistake]:
    if (
        Transport.SMTP in settings.transports
        and urlsplit(f"//{settings.endpoints.smtp}").port == _TLS_AT_ONCE
    ):
        yield Mistake("endpoints.smtp", f"names port {_TLS_AT_ONCE} (implicit TLS): Exchange Online offers STARTTLS only",
                      "smtp = 'smtp.office365.com:587', or leave it out")  # fmt: skip


def _authorities(settings: MailerSettings) -> Iterator[Mistake]:
    if settings.ca_file is not None:
        try:
            found = read(settings.ca_file, shown(settings.ca_file))
        except InputError as problem:
            yield Mistake("ca_file", str(problem), problem.hint, exposed=looks_secret(settings.ca_file.name))
        else:
            if b"-----BEGIN CERTIFICATE-----" not in found:
                yield Mistake("ca_file", "holds no certificate in PEM", "openssl x509 -in FILE -out ca.pem")


def _credential(credential: Credential, today: date) -> Iterator[Mistake]:
    place = credential.place
    if not credential.is_certificate:
        yield from _secret(credential, f"{place}.{'secret' if credential.secret else 'secret_file'}")
    if credential.expires is None:
        yield Mistake(f"{place}.expires", "is not set, so nothing warns before mail stops",
                      f"expires = YYYY-MM-DD under [{place}]: the date the portal shows", grave=False)  # fmt: skip
    elif (
        not credential.is_certificate
        and (credential.expires - today).days > ground().longest_months * _MONTH + 2
    ):
        yield Mistake(f"{place}.expires", f"{credential.expires} is more than {ground().longest_months} months ahead: no client secret lives that long",
                      "copy the date from Certificates & secrets")  # fmt: skip


def _secret(credential: Credential, key: str) -> Iterator[Mistake]:
    try:
        value = credential.value().reveal()
    except InputError as problem:
        path = credential.secret_file
        if path is not None and shown(path) != str(path) and looks_secret(path.name):
            yield Mistake(key, f"{MASK}: this is the secret itself, not a file; treat it as exposed",
                          "make a new secret (Certificates & secrets), put its Value into a file of mode 0600, name that file here, "
                          "and delete the old secret in the portal", exposed=True)  # fmt: skip
        else:
            yield Mistake(key, str(problem).removeprefix(f"{key} "), problem.hint)
        return
    if not value.strip():
        yield Mistake(key, "is empty", "paste the secret's Value (shown once, when it is made)")
    elif GUID.match(value.strip()):
        yield Mistake(key, "is a GUID: that is the Secret ID",
                      "paste the Value column, not the Secret ID; if it is no longer shown, make a new secret")  # fmt: skip
    elif value != value.strip():
        yield Mistake(
            key, "has a blank or an empty line at its start or end", "remove it; it came with copying"
        )
    elif any(c.isspace() for c in value) or not value.isprintable() or not value.isascii():
        yield Mistake(key, "holds a character no secret has (a blank, a line end, a letter outside ASCII)",
                      "copy the Value again with the portal's copy button")  # fmt: skip


def _limits(settings: MailerSettings) -> Iterator[Mistake]:
    limits = settings.limits
    for key, value, most in (
        ("per_minute", limits.per_minute, 30),
        ("recipients_per_day", limits.recipients_per_day, 10_000),
        ("connections", limits.connections, 3),
    ):
        if value < 1 or (value > most and Transport.SMTP in settings.transports):
            yield Mistake(f"limits.{key}", f"has to be 1 to {most}: Exchange Online allows a mailbox no more",
                          f"{key} = {most}", grave=value < 1)  # fmt: skip
