"""The `harden-report/1` report: a versioned copy of the run, not a dump of internal types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from hardening.findings import (
    Acceptance,
    Finding,
    Fix,
    InFile,
    Location,
    Result,
    Rule,
    Run,
    Severity,
    Subject,
)
from hardening.reports import RenderOptions, key_agreement
from hardening.reports.plain import valid

SCHEMA = "harden-report/1"


def write(run: Run, options: RenderOptions) -> bytes:
    """Return the report as UTF-8 (in fact ASCII: what a terminal would obey stays escaped)."""
    return (json.dumps(report(run, options.fail_on), indent=2, allow_nan=False) + "\n").encode("ascii")


def report(run: Run, fail_on: Severity | None) -> dict[str, Any]:
    """Return the report as plain values, in the order of the schema file."""
    counts = run.counts()
    rules = numbered(run)
    whole: dict[str, Any] = {
        "schema": SCHEMA,
        "tool": {"name": run.tool, "version": run.version},
        "started": instant(run.started),
        "finished": instant(run.finished),
        "subjects": [_subject(one) for one in run.subjects],
        "findings": [_finding(one, rules) for one in run.findings],
        "results": [_result(one, rules) for one in run.results],
        "rules": [_rule(one) for one in rules],
        "threshold": "never" if fail_on is None else fail_on.label,
        "summary": {
            **{severity.label: counts[severity.label] for severity in reversed(Severity)},
            "waived": counts["waived"],
            "exit_code": int(run.exit_code(fail_on)),
        },
    }
    if rows := key_agreement.table(run):
        whole["key_agreement"] = [
            {"host": row.host, **{of.value: dict(sorted(count.items())) for of, count in row.seen.items()}}
            for row in rows
        ]
    if run.extra_codes:
        whole["extra_codes"] = sorted(int(code) for code in run.extra_codes)
    if run.changes is not None:
        whole["changes"] = [asdict(one) for one in run.changes]
    if run.sources:
        whole["sources"] = [
            {"path": one.path, "lines": [list(line) for line in one.lines], "diff": one.diff}
            | ({"mends": list(one.mends)} if one.mends else {})
            for one in run.sources
        ]
    plain: dict[str, Any] = _plain(whole)
    return plain


def numbered(run: Run) -> dict[Rule, int]:
    """Return every rule of the run by its id; a rule is named by its number where another one has its id."""
    every = dict.fromkeys((*(f.rule for f in run.findings), *(r.rule for r in run.results)))
    order = sorted(every, key=lambda rule: rule.id)
    return {rule: number for number, rule in enumerate(order)}


def _rule(rule: Rule) -> dict[str, Any]:
    return asdict(rule) | {"severity": rule.severity.label, "references": list(rule.references)}


def instant(when: datetime) -> str:
    """Return a time as RFC 3339 in UTC, to the second."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _subject(subject: Subject) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": subject.id,
        "kind": subject.kind.value,
        "examined": subject.examined.value,
        "reason": subject.reason,
        "stats": {key: subject.stats[key] for key in sorted(subject.stats)},
        "policies": dict(subject.policies),
    }
    if subject.scope:
        row["scope"] = subject.scope
    if subject.unanswered:
        row["unanswered"] = [
            {"policy": u.policy, "rule": u.rule, "reason": u.reason, "command": u.command}
            for u in subject.unanswered
        ]
    if subject.offer is not None:
        row["offer"] = subject.offer
    if subject.same_as:
        row["same_as"] = subject.same_as
    return row


def _finding(finding: Finding, rules: Mapping[Rule, int]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "rule": finding.rule.id,
        "rule_number": rules[finding.rule],
        "title": finding.rule.title,
        "severity": finding.level.label,
        "confidence": finding.confidence.label,
        "message": finding.message,
        "subject": finding.subject,
        "location": _location(finding.location),
        "evidence": finding.evidence,
        "remedy": finding.advice,
        "references": list(finding.rule.references),
        "fingerprint": finding.fingerprint,
        "fingerprints": finding.fingerprints,
        "policies": list(finding.policies),
        "waived": _acceptance(finding.waived),
        "known": finding.known,
        "fix": _fix(finding.fix),
    }
    if finding.left_out:
        row["left_out"] = finding.left_out
    if finding.further:
        row["further"] = [_location(one) for one in finding.further]
    if finding.also:
        row["also"] = list(finding.also)
    if finding.credential:
        row["credential"] = {
            "number": finding.credential,
            "places": finding.places,
            "account": finding.account,
            "service": finding.service,
        }
        if finding.accounts:
            row["credential"]["accounts"] = list(finding.accounts)
    if finding.role is not None:
        row["role"] = finding.role.value
    if finding.matched:
        row["matched"] = list(finding.matched)
    if finding.because:
        row["because"] = list(finding.because)
    if finding.secret_hmac:
        row["secret_hmac"] = finding.secret_hmac
    return row


def _location(location: Location) -> dict[str, Any]:
    if isinstance(location, InFile):
        return {"path": location.path, "line": location.line, "column": location.column}
    return {"endpoint": location.endpoint}


def _acceptance(waived: Acceptance | None) -> dict[str, Any] | None:
    if waived is None:
        return None
    return {
        "reason": waived.reason,
        "owner": waived.owner,
        "expires": waived.expires.isoformat() if waived.expires else None,
    }


def _fix(fix: Fix | None) -> dict[str, Any] | None:
    if fix is None:
        return None
    more = {"operation": fix.operation, "target": fix.target, "blocked": fix.blocked}
    return {"action": fix.action, "safe": fix.safe} | {key: value for key, value in more.items() if value}


def _result(result: Result, rules: Mapping[Rule, int]) -> dict[str, Any]:
    row = {
        "rule": result.rule.id,
        "rule_number": rules[result.rule],
        "subject": result.subject,
        "verdict": result.verdict.value,
        "reason": result.reason,
    }
    return row | {"because": [list(one) for one in result.because]} if result.because else row


def _plain(value: Any) -> Any:
    """Return only what JSON knows, every string valid; whatever else a subject's stats hold as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {valid(str(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(one) for one in value), key=str)
    return instant(value) if isinstance(value, datetime) else valid(str(value))
