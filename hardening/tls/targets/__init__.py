"""The servers we can write for and read. One module each; add yours to TARGETS."""

from __future__ import annotations

from difflib import get_close_matches

from hardening.errors import UsageError
from hardening.tls.targets import httpd, lighttpd, nginx
from hardening.tls.targets.base import Target

__all__ = ["TARGETS", "Target", "find"]

TARGETS: tuple[Target, ...] = (httpd.TARGET, lighttpd.TARGET, nginx.TARGET)


def find(name: str) -> Target:
    """Return the target with this name. Errors: UsageError with the nearest known one."""
    for one in TARGETS:
        if one.name == name:
            return one
    close = get_close_matches(name, [t.name for t in TARGETS], n=1)
    raise UsageError(
        f"unknown target {name!r}",
        hint=f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(t.name for t in TARGETS),
    )
