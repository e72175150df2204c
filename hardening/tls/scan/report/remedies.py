"""The command that writes the settings for what a scan found: of the server that answered, or of those that speak the protocol."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from hardening.findings import Finding, Fix, Severity
from hardening.tls.judging import rules
from hardening.tls.scan.endpoint import DIRECT_PORTS, ScanTarget
from hardening.tls.scan.strategy.messages import OtherProtocol

_HEADERS = {
    "nginx": "nginx", "openresty": "nginx", "apache": "httpd", "lighttpd": "lighttpd", "jetty": "jetty",
    "apache-coyote": "tomcat", "squid": "squid",
}  # fmt: skip
"""Targets by the product that the Server header of HTTP names (RFC 9110 section 10.2.4), in lower case."""
_SPEAKING = {
    "https": ("nginx", "httpd", "haproxy", "lighttpd", "tomcat", "jetty"),
    "smtp": ("postfix", "exim"),
    "lmtp": ("dovecot", "postfix"),
    "imap": ("dovecot",),
    "pop3": ("dovecot",),
    "sieve": ("dovecot",),
    "ftp": ("vsftpd", "proftpd"),
    "ldap": ("slapd",),
    "postgres": ("postgresql",),
    "mysql": ("mariadb", "mysql"),
    "ssh": ("openssh",),
}
"""Targets that speak a protocol, the usual one first."""
_PORTS = {
    port: name.removesuffix("s") if name != "https" else name
    for name, port in DIRECT_PORTS.items()
    if name != "tls"
}
_SETTINGS = frozenset(
    rule.id for rule in (rules.GROUP, rules.PROTOCOL, rules.SUITE, rules.PREFERENCE, rules.DH_BITS)
)


def with_command(found: Iterable[Finding], target: ScanTarget, header: str = "") -> Iterator[Finding]:
    """Yield findings about settings with the command that writes them; `header` is the Server header of HTTP."""
    servers = _servers(target, header)
    for one in found:
        about = one.rule.id in _SETTINGS or one.rule.id.startswith(("tls/attack-", "tls/ssh-"))
        if not (about and one.policies and one.level > Severity.INFO and one.fix is None):
            yield one
            continue
        first, *others = servers or ("SERVER",)
        also = f" (or {', '.join(others)} for {first})" if others else ""
        also = also if servers else " for the server that runs there (`harden tls targets` lists them)"
        action = f"run `harden tls render {first} --policy {one.policies[0]}`{also}: it writes the settings"
        yield replace(one, fix=Fix(action=action, safe=False, operation="set-directive"))


def _servers(target: ScanTarget, header: str) -> tuple[str, ...]:
    product = re.match(r"[\w-]+", header)
    if product and (known := _HEADERS.get(product[0].lower())):
        return (known,)
    protocol = "ssh" if target.ssh else target.starttls or ("https" if target.is_http else "")
    return _SPEAKING.get(protocol or _PORTS.get(target.port, ""), ())


def instead(target: ScanTarget, other: OtherProtocol, policy: str) -> str:
    """Return what to do about an endpoint that speaks another protocol in the place of TLS, with the command."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    at = f"{host}:{target.port}"
    if other is OtherProtocol.HTTP:
        first, *more = _SPEAKING["https"]
        way = f"switch TLS on: `harden tls render {first} --policy {policy}` (or {', '.join(more)}) writes the settings"
        if target.port == DIRECT_PORTS["https"]:
            return f"{way[:1].upper()}{way[1:]}."
        return f"Scan the port that has TLS, such as `harden tls scan {host}:443 --policy {policy}`. If this port has to have it, {way}."
    scan = [f"`harden tls scan {name}://{at} --policy {policy}`" for name in _OTHERS[other]]
    return f"Scan it as what it is: {' or '.join(scan)}."


_OTHERS = {
    OtherProtocol.SSH: ("ssh",),
    OtherProtocol.SMTP: ("smtp", "ftp"),
    OtherProtocol.IMAP: ("imap",),
    OtherProtocol.POP3: ("pop3",),
}
