"""The findings of a host's audit on their way through a playbook's result into a report, with before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from hardening.findings import NESTING, Acceptance, Confidence, Finding, InFile, Rule, Severity
from hardening.waivers import Waiver

MOST_SHOWN = 200
"""Findings of one host that a report gets, those that fail and the worst first."""
NAMED = 3
"""Places that a sentence names."""

Row = dict[str, Any]


def row(one: Finding, waiver: Waiver | None, *, new: bool, counts: bool, fails: bool) -> Row:
    """Return a finding as what a playbook's result can hold."""
    place = one.location if isinstance(one.location, InFile) else InFile((one.where,))
    accepted = waiver and {
        "reason": waiver.reason,
        "owner": waiver.owner,
        "expires": waiver.expires.isoformat(),
    }
    return {
        "rule": {**asdict(one.rule), "severity": one.rule.severity.label, "references": list(one.rule.references)},
        "parts": list(place.parts), "line": place.line, "message": one.message, "evidence": one.evidence,
        "severity": one.level.label, "confidence": one.confidence.label, "remedy": one.remedy,
        "waived": accepted, "new": new, "counts": counts, "fails": fails,
    }  # fmt: skip


def summary(rows: list[Row], *, gone: list[list[str]] | None = None, planned: bool = False) -> Row:
    """Return what one host's audit came to."""

    def order(one: Row) -> tuple[Any, ...]:
        return (not one["fails"], -Severity[one["severity"].upper()], one["rule"]["id"], where(one))

    return {
        "found": len(rows),
        "new": sum(one["new"] for one in rows),
        "failing": sum(one["fails"] for one in rows),
        "gone": (gone or [])[:MOST_SHOWN],
        "rows": sorted(rows, key=order)[:MOST_SHOWN],
        "planned": planned,
    }


def unknown(why: str) -> Row:
    """Return what is said where nothing could be looked at."""
    return {"why": why, "rows": [], "gone": []}


def path(one: Row) -> str:
    """Return the place of a row without its line."""
    return NESTING.join(one["parts"])


def where(one: Row) -> str:
    """Return the place of a row."""
    return path(one) + (f":{one['line']}" if one["line"] else "")


def findings(
    host: str, audit: Mapping[str, Any], *, back: bool, new: str = "came with the upgrade"
) -> Iterable[Finding]:
    """Yield what a report says of a host's audit; where the host was rolled back, what kept it from being proved."""
    for one in audit["rows"]:
        if back and not one["fails"]:
            continue
        rule = {**one["rule"], "severity": Severity[one["rule"]["severity"].upper()]}
        state = f" ({new})" if one["new"] else " (was there before)" if "before" in audit else ""
        waived = one["waived"] and Acceptance(
            **{**one["waived"], "expires": date.fromisoformat(one["waived"]["expires"])}
        )
        yield Finding(
            rule=Rule(**{**rule, "references": tuple(rule["references"])}), subject=host,
            location=InFile(tuple(one["parts"]), one["line"]), message=one["message"] + state,
            severity=Severity[one["severity"].upper()], confidence=Confidence[one["confidence"].upper()],
            evidence=one["evidence"], remedy=one["remedy"], waived=waived or None,
        )  # fmt: skip


def sentence(audit: Mapping[str, Any]) -> str:
    """Return before and after as one sentence."""
    if audit.get("why"):
        return str(audit["why"])
    if audit["planned"]:
        failing = [f"{one['rule']['id']} at {where(one)}" for one in audit["rows"] if one["fails"]]
        return (
            _count(audit["found"])
            + _counts(audit)
            + _named("; have to be gone after the upgrade", failing, audit["failing"])
        )
    before = f"{_count(audit['before'])} before" if "before" in audit else f"before: {audit['unknown']}"
    gone = [f"{rule} at {place}" for rule, place in audit["gone"]]
    return f"{before}, {audit['found']} after{_counts(audit)}, {audit['new']} new" + _named(
        "; gone", gone, len(gone)
    )


def _counts(audit: Mapping[str, Any]) -> str:
    """Return how many of the findings a report gets, where those are not all."""
    return f" (the {MOST_SHOWN} worst are shown)" if audit["found"] > MOST_SHOWN else ""


def _count(number: int) -> str:
    return f"{number} finding" if number == 1 else f"{number} findings"


def _named(what: str, names: list[str], count: int) -> str:
    if not names:
        return ""
    more = f" and {count - NAMED} more" if count > NAMED else ""
    return f"{what}: {', '.join(names[:NAMED])}{more}"
