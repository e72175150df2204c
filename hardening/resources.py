"""The one door to files that ship beside the code."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "_shipped"  # in a wheel
_CHECKOUT = _PACKAGE.parent  # in a clone


def _root() -> Path:
    return _SHIPPED if _SHIPPED.is_dir() else _CHECKOUT


def tls_data() -> Path:
    """Return the folder of the TLS tables (importlib.resources would cost each command its own start again)."""
    return _PACKAGE / "tls" / "data"


def templates() -> Path:
    """Return the folder of Jinja2 templates."""
    return _root() / "templates"


def playbooks() -> Path:
    """Return the folder of Ansible playbooks, roles and plugins."""
    return _root() / "playbooks"


def ci() -> Path:
    """Return the folder of the script and the templates for CI jobs."""
    return _root() / "ci"


def docs() -> Path:
    """Return the folder of the documentation's pages, as Markdown."""
    return _root() / "docs"


def infra() -> Path:
    """Return the folder of pytest-testinfra suites that operators run against their fleet."""
    shipped = _SHIPPED / "infra"
    return shipped if shipped.is_dir() else _CHECKOUT / "tests" / "infra"
