"""SARIF 2.1.0, within what GitHub code scanning accepts.

A finding inside an archive is at the archive, the file that the checkout has; the path inside it stands in the message and is
the logical location (`a.zip!/b.tar!/c`), for no viewer follows nested artifacts. GitHub's limits, from
docs.github.com "SARIF support for code scanning": 25,000 results and rules a run, 20 tags a rule.

Code scanning refuses a whole file for one result without a physical location, and shows each as an alert whatever
its `kind`. So findings alone are results; what was not settled is a notification, what passed a rule without result.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

from hardening.findings import Confidence, Finding, Result, Rule, Run, Severity, Verdict
from hardening.project import URL, rule_page
from hardening.reports import RenderOptions, sarif_fixes
from hardening.reports.json import instant
from hardening.reports.places import alerts, message
from hardening.reports.plain import valid, visible
from hardening.reports.sarif_places import Artifacts
from hardening.reports.verdict import readiness

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RESULTS = 25_000
FIXES = 1000
"""Results that carry their fix: the same change stands in each result that it mends."""
_GRADES = {
    Severity.CRITICAL: ("error", "9.5"),
    Severity.HIGH: ("error", "8.0"),
    Severity.MEDIUM: ("warning", "5.5"),
    Severity.LOW: ("note", "2.0"),
    Severity.INFO: ("note", "0.1"),
}
"""Level and security-severity. GitHub reads: over 9.0 critical, 7.0 to 8.9 high, 4.0 to 6.9 medium, 0.1 to 3.9 low."""
_LEVELS = {
    Verdict.INCONCLUSIVE: "warning",
    Verdict.ERROR: "error",
    Verdict.SKIPPED: "note",
    Verdict.PENDING: "warning",
    Verdict.MANUAL: "note",
}
"""Verdicts that somebody has to hear of; findings say themselves what failed or is waived."""


def write(run: Run, options: RenderOptions) -> bytes:
    """Return one run as UTF-8 JSON; over the limit the least severe results are left out, and it is said."""
    table = Artifacts(run.source_lines())
    rules = _rules(run)
    index = {rule.id: at for at, rule in enumerate(rules)}
    ranked = sorted(
        zip(run.findings, alerts(run), strict=True), key=lambda pair: (not pair[0].counts, -pair[0].level)
    )
    found = [one for one, _ in ranked]
    has_known = any(finding.known for finding in found)
    shown = [result for result in run.results if result.verdict in _LEVELS]
    results = [_finding(one, index, table, alert, has_known=has_known) for one, alert in ranked[:RESULTS]]
    fixes = sarif_fixes.by_fingerprint(run)
    mended = [
        (row, fixes[one.fingerprint])
        for one, row in zip(found, results, strict=False)
        if one.fingerprint in fixes
    ]
    for row, fix in mended[:FIXES]:
        row["fixes"] = fix
    code = run.exit_code(options.fail_on)
    notes = [
        {
            "level": "warning",
            "message": {"text": f"{visible(s.id)}: examined {s.examined.value}: {visible(s.reason)}"},
        }
        for s in run.subjects
        if s.examined.value != "full"
    ]
    notes += [_notification(one, index) for one in shown[:RESULTS]]
    notes += [
        {"level": "note", "message": {"text": visible(f"{one.text} ({one.rule})")}}
        for one in run.changes or ()
    ]
    left_out = max(0, len(found) - RESULTS) + max(0, len(shown) - RESULTS)
    if left_out:
        notes.append({"level": "warning", "message": {"text": f"{left_out} results are left out"}})
    invocation = {
        "executionSuccessful": True,  # what breaks off has no report
        "exitCode": int(code),
        "startTimeUtc": instant(run.started),
        "endTimeUtc": instant(run.finished),
        "toolExecutionNotifications": notes,
    }
    precision: dict[str, Confidence] = {}
    for one in run.findings:
        precision[one.rule.id] = min(one.confidence, precision.get(one.rule.id, Confidence.HIGH))
    driver: dict[str, Any] = {
        "name": run.tool,
        "version": run.version,
        "semanticVersion": run.version,
        "rules": [_rule(rule, precision.get(rule.id, Confidence.HIGH)) for rule in rules],
    }
    if URL:
        driver["informationUri"] = URL
    body: dict[str, Any] = {
        "tool": {"driver": driver},
        "automationDetails": {
            "id": f"harden/{'+'.join(sorted({s.kind.value for s in run.subjects})) or 'run'}/"
        },
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "artifacts": table.rows,
        "results": results,
    }
    if run.changes is not None:
        body["properties"] = {
            "changes": [
                {k: valid(v) if isinstance(v, str) else v for k, v in asdict(one).items()}
                for one in run.changes
            ]
        }
    if ready := {visible(one.id): lines for one in run.subjects if (lines := readiness(one))}:
        body.setdefault("properties", {})["readiness"] = ready
    whole = {"$schema": SCHEMA, "version": "2.1.0", "runs": [body]}
    return (json.dumps(whole, indent=1) + "\n").encode("ascii")


def _rules(run: Run) -> list[Rule]:
    rules = {r.rule.id: r.rule for r in run.results} | {f.rule.id: f.rule for f in run.findings}
    return [rules[rule_id] for rule_id in sorted(rules)]


def _rule(rule: Rule, precision: Confidence) -> dict[str, Any]:
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
            "precision": precision.label,
            "tags": ["security", rule.id.partition("/")[0]],
        },
    }
    page = rule_page(rule.id) or "".join(rule.references[:1])
    if page:
        row["helpUri"] = page
    return row


def _finding(
    finding: Finding, index: dict[str, int], table: Artifacts, alert: str, *, has_known: bool
) -> dict[str, Any]:
    text = message(finding) + (f" Remedy: {visible(finding.advice)}" if finding.advice else "")
    row: dict[str, Any] = {
        "ruleId": finding.rule.id,
        "ruleIndex": index[finding.rule.id],
        "kind": "fail",
        "level": _GRADES[finding.level][0],
        "message": {"text": text},
        "locations": [table.location(finding)],
        "partialFingerprints": {
            **{f"harden/{name}": value for name, value in finding.fingerprints.items()},
            "primaryLocationLineHash": alert,
        },
        "properties": {
            "severity": finding.level.label,
            "confidence": finding.confidence.label,
            "subject": visible(finding.subject),
            "evidence": visible(finding.evidence),
            "policies": list(finding.policies),
        },
    }
    if finding.further:
        row["relatedLocations"] = [
            {"id": number, **table.location(replace(finding, location=at))}
            for number, at in enumerate(finding.further, 1)
        ]
    if finding.role is not None:
        row["properties"] |= {
            "role": finding.role.value,
            "matched": list(finding.matched),
            "because": list(finding.because),
        }
    if finding.waived is not None:
        kind = "inSource" if finding.left_out == "inline marker" else "external"
        why = visible(finding.waived.words)
        row["suppressions"] = [{"kind": kind, "status": "accepted", "justification": why}]
    elif finding.left_out:
        row["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.left_out}]
    if has_known:
        row["baselineState"] = "unchanged" if finding.known else "new"
    return row


def _notification(result: Result, index: dict[str, int]) -> dict[str, Any]:
    text = f"{result.subject}: {result.rule.title}: {result.verdict.value}"
    return {
        "level": _LEVELS[result.verdict],
        "message": {"text": visible(f"{text}: {result.reason}" if result.reason else text)},
        "associatedRule": {"id": result.rule.id, "index": index[result.rule.id]},
    }
