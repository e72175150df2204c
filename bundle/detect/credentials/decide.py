"""How severe and how sure a credential is, and whether a program may replace it: the only author of all three.

The decisions are rows of `bundle/data/credentials/decide/decisions.toml`, asked in their order; this module only applies them. They
begin with the severity of the family, and with the confidence that `evidence.toml` gives what the check found out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from bundle.detect.credentials.rules.evidence import Evidence, rank
from hardening.findings import Confidence, Role, Severity
from hardening.toml_rows import Table

FEATURES = frozenset(
    "sample test chosen explained somebodys told comment own idle-comment not-live hash-by-form hash-value store-default public proved "
    "one-of-many owned picked stands-for-one elsewhere usual with-account lock-file browser-file packed-line signs place-known coded value-proved".split()
)
"""Features that a row may ask for, beside those that begin with one of `PREFIXES`."""
PREFIXES = ("family:", "role:", "kind:", "mark:", "evidence:", "confidence:")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: when it is applied, and what is left after it."""

    id: str
    why: str
    when: frozenset[str]
    unless: frozenset[str]
    base: Severity | None = None
    severity: Severity | None = None
    """The upper limit; None: no limit."""
    confidence: Confidence | None = None
    """The upper limit; None: no limit."""
    note: str = ""
    drop: bool = False
    """Whether nothing is reported."""

    def holds(self, features: Collection[str], confidence: Confidence) -> bool:
        """Return whether the row is applied to something with these features."""
        now = {*features, f"confidence:{confidence.label}"}
        return self.when <= now and not self.unless & now


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rows make of one candidate."""

    severity: Severity
    confidence: Confidence
    note: str
    because: tuple[str, ...]
    """Ids of the rows that were applied."""
    role: Role = Role.PRODUCT
    features: frozenset[str] = frozenset()
    dropped: bool = False
    """Whether a row says that this is no credential: nothing is reported."""

    @property
    def is_certain(self) -> bool:
        """Whether its confidence is high."""
        return self.confidence is Confidence.HIGH


@cache
def table() -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """Return the rows of decisions, and those that say why a person has to replace a value. Errors: DataError."""
    whole = Table.load(files("bundle") / "data" / "credentials" / "decide" / "decisions.toml")
    decisions = tuple(_row(row) for row in whole.rows("decision"))
    by_hand = tuple(_row(row) for row in whole.rows("by-hand"))
    whole.done()
    return decisions, by_hand


def _row(row: Table) -> Row:
    made = Row(
        id=row.text("id"),
        why=row.text("why"),
        when=asked(row, "when"),
        unless=asked(row, "unless"),
        **effects(row),
    )
    row.done()
    return made


def asked(row: Table, key: str) -> frozenset[str]:
    """Read the features that a row asks for. Errors: DataError, where one is not known."""
    names = frozenset(row.texts(key, []))
    for one in sorted(names):
        if one not in FEATURES and not one.startswith(PREFIXES):
            raise row.wrong(key, f"{one!r} is not a feature", f"known: {', '.join(sorted(FEATURES))}")
    return names


def effects(row: Table) -> dict[str, Any]:
    """Read what a row does once it holds."""
    return {
        "base": row.choice("base", Severity, None),
        "severity": row.choice("severity", Severity, None),
        "confidence": row.choice("confidence", Confidence, None),
        "note": row.text("note", ""),
        "drop": row.flag("drop", default=False),
    }


def decide(
    features: frozenset[str],
    severity: Severity,
    evidence: Evidence = "place",
    role: Role = Role.PRODUCT,
    forms: Sequence[Row] = (),
) -> Decision:
    """Return what the rows leave of the severity of a family and the confidence of an evidence.

    `forms` are the rows of `forms.toml` that the candidate has; they are asked first.
    """
    because, note = [], ""
    features, confidence = features | {f"evidence:{evidence}"}, rank(evidence)
    for row in (*forms, *table()[0]):
        if not row.holds(features, confidence):
            continue
        because.append(row.id)
        severity = severity if row.base is None else row.base
        severity = severity if row.severity is None else min(severity, row.severity)
        confidence = confidence if row.confidence is None else min(confidence, row.confidence)
        note = note or row.note
    dropped = any(row.drop for row in forms)
    return Decision(severity, confidence, note, tuple(because), role, features, dropped)


def by_hand(features: frozenset[str], confidence: Confidence) -> tuple[str, str]:
    """Return why a person has to replace a value, and the id of the row that says so; two empty texts: it is safe."""
    found = next((row for row in table()[1] if row.holds(features, confidence)), None)
    return ("", "") if found is None else (found.why, found.id)


def reasons() -> Iterator[Row]:
    """Yield every row of the table, in its order."""
    decisions, hands = table()
    yield from decisions
    yield from hands
