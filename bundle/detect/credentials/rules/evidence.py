"""What a check found out about a value: rows of `bundle/data/credentials/decide/evidence.toml`, from which `decide` begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from hardening.findings import Confidence
from hardening.toml_rows import Table

Evidence = Literal[
    "place", "more-than-a-word", "long-token", "cracked",
    "chosen", "drawn", "mixed", "usual", "phrase", "word", "community", "number", "hidden", "set", "told", "shipped", "accounts", "compared",
    "digest", "encoded", "token", "identifier", "checksum", "short-hash", "web-token", "example-host", "name-of-a-setting", "in-a-program",
    "one-of-many-rows",
    "label", "word-of-manuals", "name-of-a-secret", "state",
]  # fmt: skip
"""Ids of the rows: the certain ones, the likely ones, the hints."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One row of the table."""

    id: str
    why: str
    confidence: Confidence
    """How much it says alone: the rows of `decide` may leave less."""
    takes: tuple[str, ...]
    """A path and a text, a line each: a candidate in it has this evidence."""


@cache
def rows() -> Mapping[str, Reason]:
    """Return the rows by their ids. Errors: DataError."""
    table = Table.load(files("bundle") / "data" / "credentials" / "decide" / "evidence.toml")
    found = {row.text("id"): _reason(row) for row in table.rows("evidence")}
    table.done()
    return found


def _reason(row: Table) -> Reason:
    made = Reason(
        row.text("id"), row.text("why"), row.choice("confidence", Confidence), tuple(row.texts("takes"))
    )
    row.done()
    return made


def rank(evidence: Evidence) -> Confidence:
    """Return the rank that the table gives an evidence, to compare candidates by."""
    return rows()[evidence].confidence
