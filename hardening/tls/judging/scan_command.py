"""The command that asks a server itself what its configuration cannot say."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hardening.tls.offer import Offer

_STARTTLS = {
    "21": "ftp", "24": "lmtp", "25": "smtp", "110": "pop3", "143": "imap", "389": "ldap", "587": "smtp",
    "3306": "mysql", "4190": "sieve", "5222": "xmpp", "5432": "postgres",
}  # fmt: skip
"""Ports where TLS starts inside another protocol."""
_SUBJECT = re.compile(r"#(?P<name>[^#]*):(?P<port>\d+)$")
_HOST = r"(?=[^.]*[.])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?"


def hosts(subjects: Iterable[str]) -> tuple[str, ...]:
    """Return the DNS names among the names of servers (`path#name:port`), each once."""
    found = (_SUBJECT.search(one) for one in subjects)
    return tuple(
        dict.fromkeys(m["name"].lower() for m in found if m and re.fullmatch(_HOST, m["name"], re.IGNORECASE))
    )


def scan_command(offer: Offer, policies: Iterable[str], *, deep: bool = False) -> str:
    """Return such as `harden tls scan HOST:443 --policy aspect`; HOST stands where no file names the server."""
    found = _SUBJECT.search(offer.subject)
    host = next(iter(hosts((offer.subject, *offer.also))), "HOST")
    port = found["port"] if found else ""
    scheme = "ssh" if offer.ssh is not None else _STARTTLS.get(port, "")
    at = f"{f'{scheme}://' if scheme else ''}{host}{f':{port}' if port else ''}"
    return " ".join(
        ("harden tls scan", at, *(f"--policy {one}" for one in policies), *(("--deep",) if deep else ()))
    )
