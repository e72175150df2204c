"""A run as rows of plain text, for tables that people open: subjects, results, findings."""

from __future__ import annotations

from collections.abc import Iterator

from hardening.findings import InFile, Run, verdict_words
from hardening.reports.cards import state
from hardening.reports.key_agreement import WORDS
from hardening.reports.plain import visible
from hardening.reports.verdict import readiness

SUBJECTS = ("subject", "kind", "examined", "reason", "policies", "key agreement", "readiness")
RESULTS = ("requirement", "text", "subject", "verdict", "reason")
FINDINGS = (
    "severity", "state", "rule", "title", "subject", "place", "line", "message", "evidence", "remedy", "policies",
    "fingerprint", "owner", "until",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(text: object) -> str:
    """Return text that a spreadsheet shows and does not evaluate."""
    plain = visible(str(text))
    return f"'{plain}" if plain.startswith(_FORMULA) else plain


def subjects(run: Run) -> Iterator[tuple[str, ...]]:
    """Yield a row for each subject."""
    for one in run.subjects:
        policies = "; ".join(f"{name}: {verdict_words(one, name)}" for name in one.policies)
        agreement = WORDS.get((one.offer or {}).get("key_agreement", ""), "")
        ready = "; ".join(readiness(one))
        row = (one.id, one.kind.value, one.examined.value, one.reason, policies, agreement, ready)
        yield tuple(map(cell, row))


def results(run: Run) -> Iterator[tuple[str, ...]]:
    """Yield a row for each result."""
    for one in run.results:
        yield tuple(map(cell, (one.rule.id, one.rule.title, one.subject, one.verdict.value, one.reason)))


def findings(run: Run) -> Iterator[tuple[str, ...]]:
    """Yield a row for each finding."""
    for one in run.findings:
        line = one.location.line if isinstance(one.location, InFile) else None
        waived = one.waived
        values = (
            one.level.label, state(one) or "counts", one.rule.id, one.rule.title, one.subject, one.where, line or "",
            one.message, one.evidence, one.advice, ", ".join(one.policies), one.fingerprint,
            waived.owner if waived else "", (waived.expires or "") if waived else "",
        )  # fmt: skip
        yield tuple(map(cell, values))
