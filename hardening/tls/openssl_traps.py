"""The classic traps of cipher strings, found in what a string resolved to."""

from __future__ import annotations

from hardening.tls.openssl import Resolution


def notes(_resolution: Resolution) -> tuple[str, ...]:
    """Return one sentence per trap the string steps into, worst first."""
    return ()
