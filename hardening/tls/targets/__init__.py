"""The servers that this program can write for and read: one module or one folder each. Add yours to TARGETS.

A target may import `reading`, the judging, the policies and the libraries, and no other target's folder but `java`.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib import import_module

from hardening.errors import UsageError
from hardening.tls.targets.base import Target

__all__ = ["TARGETS", "Target", "find", "parted", "targets"]

TARGETS = {
    "httpd": "httpd.target",
    "lighttpd": "lighttpd.target",
    "nginx": "nginx.target",
    "haproxy": "haproxy.target",
    "mariadb": "mariadb",
    "mysql": "mysql",
    "coturn": "coturn",
    "crypto_policies": "crypto_policies",
    "dovecot": "dovecot",
    "exim": "exim.target",
    "java_security": "java.security",
    "jetty": "jetty.target",
    "mosquitto": "mosquitto",
    "openssh": "openssh.sshd",
    "openssh_client": "openssh.client",
    "openssl_cnf": "openssl_cnf",
    "postfix": "postfix.target",
    "postgresql": "postgresql",
    "proftpd": "proftpd",
    "redis": "redis",
    "slapd": "slapd",
    "squid": "squid",
    "stunnel": "stunnel",
    "tomcat": "tomcat.target",
    "vsftpd": "vsftpd",
}
"""The module of each target; imported when it is asked for, so that rendering one does not load them all."""


ALIASES = {
    "apache": "httpd",
    "apache2": "httpd",
    "java": "java_security",
    "openssl": "openssl_cnf",
    "postgres": "postgresql",
    "openldap": "slapd",
    "ssh": "openssh",
    "sshd": "openssh",
    "turnserver": "coturn",
}
"""What else a server is called; neither case nor `-` for `_` matters."""


@cache
def _load(name: str) -> Target:
    module = f"hardening.tls.targets.{TARGETS[name]}"
    found = import_module(module).TARGET
    if not isinstance(found, Target):
        raise TypeError(f"{module}.TARGET is not a Target")
    return found


@cache
def targets() -> tuple[Target, ...]:
    """Return every target in the order of TARGETS."""
    return tuple(_load(name) for name in TARGETS)


def parted(text: str) -> tuple[str, str | None]:
    """Return name and version of `TARGET[@VERSION]`. Errors: UsageError (an `@` and nothing behind it)."""
    name, mark, version = text.partition("@")
    if mark and not version:
        raise UsageError(
            f"{text!r} has no version behind the @", hint=f"{name} alone means the newest that is known"
        )
    return name, version or None


def find(name: str) -> Target:
    """Return the target with this name. Errors: UsageError with the nearest known one."""
    plain = name.strip().lower().replace("-", "_")
    plain = ALIASES.get(plain, plain)
    if plain in TARGETS:
        return _load(plain)
    close = get_close_matches(plain, (*TARGETS, *ALIASES), n=1)
    raise UsageError(
        f"unknown target {name!r}",
        hint=f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(TARGETS),
    )
