"""The role of a file (product, test, documentation ...), by the rows of `bundle/data/roles.toml`: by its path, or by its text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from bundle.walk.member import Content
from hardening.findings import Role
from hardening.toml_rows import Table

_HEAD = 16 << 10
"""Bytes of a text in which it says what it is."""


@dataclass(frozen=True, slots=True)
class RolePattern:
    """One way to tell the role of a file, by its path or by its text."""

    id: str
    role: Role
    why: str
    path: re.Pattern[str] | None
    text: re.Pattern[bytes] | None
    takes: tuple[str, ...]
    leaves: tuple[str, ...]


@cache
def rows() -> tuple[RolePattern, ...]:
    """Return the rows in the order in which they are asked."""
    table = Table.load(files("bundle") / "data" / "roles.toml")
    found = tuple(_row(row) for row in table.rows("row"))
    table.done()
    return found


def _row(row: Table) -> RolePattern:
    made = RolePattern(
        id=row.text("id"),
        role=row.choice("role", Role),
        why=row.text("why"),
        path=re.compile(row.text("path"), re.IGNORECASE) if "path" in row else None,
        text=re.compile(row.text("text").encode()) if "text" in row else None,
        takes=row.texts("takes"),
        leaves=row.texts("leaves"),
    )
    row.done()
    return made


@lru_cache(maxsize=4096)
def by_path(path: str) -> tuple[Role, str]:
    """Return the role of a path inside its archive, and the id of the row that says so."""
    for row in rows():
        if row.path and row.path.search(path):
            return row.role, row.id
    return Role.PRODUCT, ""


def of(path: str, content: Content) -> Role:
    """Return the role of a file: by its path, or else by its text."""
    role = by_path(path)[0]
    if role is not Role.PRODUCT:
        return role
    head = bytes(content[:_HEAD])
    return next((row.role for row in rows() if row.text and row.text.search(head)), role)


def is_test(path: str) -> bool:
    """Return whether a path is of a test, or of continuous integration."""
    return by_path(path)[0] in (Role.TEST, Role.CI)
