"""Report a verification of hosts: their plan, and the audit of their files compared with the one before the upgrade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from hardening.findings import Examined, Finding, Result, Run, Severity, Subject, Verdict
from hardening.host import playbook
from hardening.host.playbook import Receipt
from hardening.upgrade import audited, rules


def judged(receipt: Receipt, started: datetime) -> Run:
    """Return a verification's receipt as a run: one subject per host, with its audit."""
    plans = [
        replace(one, tasks=[t for t in one.tasks if "audit" not in t["result"]]) for one in receipt.hosts
    ]
    audits = {
        one.host: t["result"]["audit"] for one in receipt.hosts for t in one.tasks if "audit" in t["result"]
    }
    run = playbook.judged(replace(receipt, hosts=tuple(plans)), started)
    found = [finding for host, audit in audits.items() for finding in _findings(host, audit)]
    results = [_result(host, audit) for host, audit in audits.items()]
    subjects = [_subject(one, audits.get(one.id)) for one in run.subjects]
    return replace(run, subjects=tuple(subjects)).merged(Run.of((), found, results, started=started))


def _findings(host: str, audit: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield findings: what was there before is known, and what another look decides is for information.

    Where it is not known what was there before, only what may never be on a host is said.
    """
    rows = [row for row in audit["rows"] if row["counts"] or "before" in audit]
    findings = audited.findings(
        host, {**audit, "rows": rows}, back=False, new="was not there before the upgrade"
    )
    for row, one in zip(rows, findings, strict=True):
        if row["counts"]:
            yield one
        elif row["new"]:
            yield replace(one, severity=Severity.INFO)
        else:
            yield replace(one, known=True)


def _result(host: str, audit: Mapping[str, Any]) -> Result:
    verdict = Verdict.FAIL if audit.get("failing") else Verdict.PASS
    if audit.get("why"):
        verdict = Verdict.SKIPPED if audit.get("skipped") else Verdict.INCONCLUSIVE
    return Result(rule=rules.AUDITED, subject=host, verdict=verdict, reason=audited.sentence(audit))


def _subject(one: Subject, audit: Mapping[str, Any] | None) -> Subject:
    """Return the subject, examined in part where its files could not be looked at, or not all of them."""
    if audit is None or audit.get("skipped") or one.examined is not Examined.FULL:
        return one
    reason = audit.get("why") or audit.get("partial")
    return replace(one, examined=Examined.PARTIAL, reason=str(reason)) if reason else one
