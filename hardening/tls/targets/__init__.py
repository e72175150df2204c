"""The servers we can write for and read. One module each; add yours to TARGETS."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib import import_module

from hardening.errors import UsageError
from hardening.tls.targets.base import Target

__all__ = ["TARGETS", "Target", "find", "parted", "targets"]

TARGETS = (
    "httpd",
    "lighttpd",
    "nginx",
    "haproxy",
    "mariadb",
    "mysql",
    "coturn",
    "crypto_policies",
    "dovecot",
    "exim",
    "java_security",
    "jetty",
    "openssh",
    "openssh_client",
    "openssl_cnf",
    "postfix",
    "postgresql",
    "proftpd",
    "redis",
    "squid",
    "stunnel",
    "tomcat",
    "vsftpd",
)
"""The module of each target; imported when it is asked for, so that rendering one does not load them all."""


@cache
def _load(name: str) -> Target:
    found = import_module(f"hardening.tls.targets.{name}").TARGET
    if not isinstance(found, Target):
        raise TypeError(f"hardening.tls.targets.{name}.TARGET is no Target")
    return found


@cache
def targets() -> tuple[Target, ...]:
    """Return every target in the order of TARGETS."""
    return tuple(_load(name) for name in TARGETS)


def parted(asked: str) -> tuple[str, str | None]:
    """Return name and version of `TARGET[@VERSION]`. Errors: UsageError (an `@` and nothing behind it)."""
    name, mark, version = asked.partition("@")
    if mark and not version:
        raise UsageError(
            f"{asked!r} has no version behind the @", hint=f"{name} alone means the newest that is known"
        )
    return name, version or None


def find(name: str) -> Target:
    """Return the target with this name. Errors: UsageError with the nearest known one."""
    if name in TARGETS:
        return _load(name)
    close = get_close_matches(name, TARGETS, n=1)
    raise UsageError(
        f"unknown target {name!r}",
        hint=f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(TARGETS),
    )
