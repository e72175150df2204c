"""Dates and limits of Exchange Online, from data/ground.toml."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from hardening.toml_rows import Table


@dataclass(frozen=True, slots=True)
class Ground:
    """Limits and end dates of the service."""

    ews_blocked: date
    ews_ends: date
    basic_off: date
    longest_months: int
    exchange_resource: str
    graph_resource: str
    proof_audiences: tuple[str, ...]
    """Whom a proof of possession is for; Microsoft's pages name two."""

    def ews_days(self, today: date) -> int:
        """Days until EWS ends; negative afterwards."""
        return (self.ews_ends - today).days


@cache
def ground() -> Ground:
    """Return the reviewed facts."""
    table = Table.load(files("hardening.mailer") / "data" / "ground.toml")
    ews, basic, permissions = table.table("ews"), table.table("basic_smtp"), table.table("permissions")
    return Ground(
        ews.day("blocked"),
        ews.day("ends"),
        basic.day("off_by_default"),
        table.table("secret").number("longest_months"),
        permissions.text("exchange_resource"),
        permissions.text("graph_resource"),
        table.table("proof").texts("audiences"),
    )
