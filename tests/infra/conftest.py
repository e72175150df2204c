"""Suites an operator runs against hosts: `HARDEN_SETTINGS=site.toml pytest --hosts=ssh://a,ssh://b tests/infra`.

Nothing is asked of a host but its shell, so hosts without a usable Python are examined too. Without settings
nothing is collected: there would be nothing to hold a host to.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

SETTINGS = os.environ.get("HARDEN_SETTINGS", "")
collect_ignore_glob = [] if SETTINGS else ["test_*.py"]
KNOWN: dict[str, dict[str, type]] = {
    "tls": {"policy": str, "endpoints": list, "place": str, "ignore_certificates": bool},
    "engine": {"port": int, "previous": int, "config": str, "address": str},
    "files": {"absent": list, "private": list, "services": list},
    "mailer": {"folder": str, "spool": str, "port": int, "status": str},
}
"""What the settings may ask; a word that is not here would ask nothing, and everything would pass."""


def pytest_configure() -> None:
    """Refuse settings that would hold a host to less than their writer meant."""
    if SETTINGS:
        try:
            problem = wrong(tomllib.loads(Path(SETTINGS).read_text(encoding="utf-8")))
        except (OSError, ValueError) as unread:
            problem = str(unread)
        if problem:
            raise pytest.UsageError(f"{SETTINGS}: {problem}")


def wrong(found: dict[str, Any]) -> str:
    """Return what is wrong with the settings, empty where nothing is."""
    if not found:
        return f"no table; known: {', '.join(KNOWN)}"
    for table, rows in found.items():
        if table not in KNOWN or not isinstance(rows, dict):
            return f"unknown table {table!r}; known: {', '.join(KNOWN)}"
        for key, value in rows.items():
            kind = KNOWN[table].get(key)
            if kind is None:
                return f"unknown key {table}.{key}; known: {', '.join(KNOWN[table])}"
            if type(value) is not kind:
                return f"{table}.{key} has to be a {kind.__name__}"
    return ""


def pytest_report_header() -> str:
    """Say what hosts are held to."""
    return f"hardening settings: {SETTINGS or 'none; name a TOML file with HARDEN_SETTINGS'}"


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    """Return the operator's settings: tables `tls`, `engine`, `files`, `mailer`, each optional."""
    return tomllib.loads(Path(SETTINGS).read_text(encoding="utf-8"))


def need(settings: dict[str, Any], table: str) -> dict[str, Any]:
    """Return one table of the settings, or skip what it would describe."""
    if table not in settings:
        pytest.skip(f"the settings have no [{table}]")
    found: dict[str, Any] = settings[table]
    return found


@pytest.fixture
def tls(settings: dict[str, Any]) -> dict[str, Any]:
    """Return `policy`, `endpoints`, `place`, and optionally `ignore_certificates`."""
    return need(settings, "tls")


@pytest.fixture
def engine(settings: dict[str, Any]) -> dict[str, Any]:
    """Return `port`, `previous`, `config`."""
    return need(settings, "engine")


@pytest.fixture
def files(settings: dict[str, Any]) -> dict[str, Any]:
    """Return `absent`, `services`, `private`."""
    return need(settings, "files")


@pytest.fixture
def mailer(settings: dict[str, Any]) -> dict[str, Any]:
    """Return `folder`, `spool`, and optionally `port` (2525, as the relay's) and `status`."""
    return need(settings, "mailer")
