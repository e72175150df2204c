"""Host names of each Microsoft cloud, as reviewed data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from hardening.toml_rows import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """The host names of one cloud; `verified` is how sure they are (data/clouds.toml)."""

    name: str
    title: str
    authority: str
    smtp: str
    outlook: str
    graph: str
    portal: str
    az: str
    exchange: str
    verified: str


@cache
def clouds() -> dict[str, Cloud]:
    """Return every known cloud by its name in settings."""
    table = Table.load(files("hardening.mailer") / "data" / "clouds.toml")
    known = {}
    for name in table.keys():  # noqa: SIM118 - a Table is no dict
        row = table.table(name)
        known[name] = Cloud(name=name, **{k: row.text(k) for k in row.keys()})  # noqa: SIM118 - a Table is no dict
        row.done()
    return known
