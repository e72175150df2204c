"""Where the project is on the web: one setting, empty until it is published."""

from __future__ import annotations

URL = ""
"""The address of the documentation, without a slash at its end; with one, reports link each rule to its page there."""


def rule_page(rule_id: str) -> str:
    """Return the address of a rule's page; empty while the project has no address."""
    return f"{URL}/rules/{rule_id}/" if URL else ""
