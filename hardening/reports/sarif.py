"""SARIF 2.1.0, within what GitHub code scanning accepts.

A finding inside an archive names the innermost file through `artifacts[].parentIndex`, and once more as a
logical location (`a.zip!/b.tar!/c`) for viewers that do not follow parents. GitHub's limits, from
docs.github.com "SARIF support for code scanning": 25,000 results and rules a run, 20 tags a rule.
"""

from __future__ import annotations

import json
from typing import Any

from hardening.findings import Finding, Result, Rule, Run, Severity, Verdict
from hardening.reports import How
from hardening.reports.json import instant
from hardening.reports.plain import valid, visible
from hardening.reports.sarif_places import Artifacts

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RESULTS = 25_000
_GRADES = {
    Severity.CRITICAL: ("error", "9.5"),
    Severity.HIGH: ("error", "8.0"),
    Severity.MEDIUM: ("warning", "5.5"),
    Severity.LOW: ("note", "2.0"),
    Severity.INFO: ("note", "0.1"),
}
"""Level and security-severity. GitHub reads: over 9.0 critical, 7.0 to 8.9 high, 4.0 to 6.9 medium, 0.1 to 3.9 low."""
_KINDS = {
    Verdict.PASS: "pass",
    Verdict.NOT_APPLICABLE: "notApplicable",
    Verdict.INCONCLUSIVE: "open",
    Verdict.ERROR: "open",
    Verdict.SKIPPED: "open",
    Verdict.PENDING: "review",
    Verdict.MANUAL: "review",
}
"""Failed and waived results are not here: their findings say so themselves."""


def write(run: Run, how: How) -> bytes:
    """Return one run as UTF-8 JSON; over the limit the least severe results are left out, and it is said."""
    table = Artifacts()
    rules = _rules(run)
    index = {rule.id: at for at, rule in enumerate(rules)}
    found = sorted(run.findings, key=lambda f: (not f.counts, -f.level))
    has_known = any(finding.known for finding in found)
    said = [result for result in run.results if result.verdict in _KINDS]
    total = len(found) + len(said)
    results = [_finding(one, index, table, has_known=has_known) for one in found[:RESULTS]]
    results += [_result(one, index) for one in said[: max(0, RESULTS - len(found))]]
    code = run.exit_code(how.fail_on)
    notes = [
        {"level": "warning", "message": {"text": f"{s.id}: examined {s.examined.value}: {visible(s.reason)}"}}
        for s in run.subjects
        if s.examined.value != "full"
    ]
    if total > RESULTS:
        notes.append({"level": "warning", "message": {"text": f"{total - RESULTS} results are left out"}})
    invocation = {
        "executionSuccessful": code not in (1, 2),
        "exitCode": int(code),
        "startTimeUtc": instant(run.started),
        "endTimeUtc": instant(run.finished),
        "toolExecutionNotifications": notes,
    }
    driver = {
        "name": run.tool,
        "version": run.version,
        "semanticVersion": run.version,
        "rules": [_rule(rule) for rule in rules],
    }
    body = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "artifacts": table.rows,
        "results": results,
    }
    whole = {"$schema": SCHEMA, "version": "2.1.0", "runs": [body]}
    return (json.dumps(whole, indent=1) + "\n").encode("ascii")


def _rules(run: Run) -> list[Rule]:
    said = {r.rule.id: r.rule for r in run.results} | {f.rule.id: f.rule for f in run.findings}
    return [said[rule_id] for rule_id in sorted(said)][:RESULTS]


def _rule(rule: Rule) -> dict[str, Any]:
    links = "\n".join(f"- <{link}>" for link in rule.references)
    text = f"{rule.rationale}\n\nRemedy: {rule.remedy}"
    row: dict[str, Any] = {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.id.replace("/", "-").split("-")),
        "shortDescription": {"text": valid(rule.title)},
        "fullDescription": {"text": valid(rule.rationale or rule.title)},
        "help": {
            "text": valid(text + (f"\n\n{links}" if links else "")),
            "markdown": valid(
                f"{rule.rationale}\n\n**Remedy:** {rule.remedy}" + (f"\n\n{links}" if links else "")
            ),
        },
        "defaultConfiguration": {"level": _GRADES[rule.severity][0]},
        "properties": {
            "security-severity": _GRADES[rule.severity][1],
            "tags": ["security", rule.id.partition("/")[0]],
        },
    }
    if rule.references:
        row["helpUri"] = rule.references[0]
    return row


def _finding(finding: Finding, index: dict[str, int], table: Artifacts, *, has_known: bool) -> dict[str, Any]:
    message = visible(finding.message) + (f" Remedy: {visible(finding.advice)}" if finding.advice else "")
    row: dict[str, Any] = {
        "ruleId": finding.rule.id,
        "ruleIndex": index[finding.rule.id],
        "kind": "fail",
        "level": _GRADES[finding.level][0],
        "message": {"text": message},
        "locations": [table.location(finding)],
        "partialFingerprints": {"harden/v1": finding.fingerprint},
        "properties": {
            "severity": finding.level.label,
            "confidence": finding.confidence.label,
            "subject": visible(finding.subject),
            "evidence": visible(finding.evidence),
            "policies": list(finding.policies),
        },
    }
    if finding.waived is not None:
        why = f"{finding.waived.reason} ({finding.waived.owner}, until {finding.waived.expires.isoformat()})"
        row["suppressions"] = [{"kind": "external", "status": "accepted", "justification": visible(why)}]
    if has_known:
        row["baselineState"] = "unchanged" if finding.known else "new"
    return row


def _result(result: Result, index: dict[str, int]) -> dict[str, Any]:
    return {
        "ruleId": result.rule.id,
        "ruleIndex": index[result.rule.id],
        "kind": _KINDS[result.verdict],
        "level": "none",
        "message": {"text": visible(result.reason or f"{result.verdict.value}: {result.rule.title}")},
        "locations": [{"logicalLocations": [{"fullyQualifiedName": visible(result.subject)}]}],
        "properties": {"verdict": result.verdict.value},
    }
