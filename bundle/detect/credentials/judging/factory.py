"""Accounts that products ship with, with the passwords their makers publish."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def _pairs() -> frozenset[tuple[str, str]]:
    text = (files("bundle") / "data" / "credentials" / "factory.txt").read_text("utf-8")
    lines = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return frozenset((account, password) for account, password in lines)


def is_shipped(account: str, password: str) -> bool:
    """Whether a product is known to ship with this account and this password."""
    return (account.lower(), password.lower()) in _pairs()
