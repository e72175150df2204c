"""GitLab's security reports, by the facts of its report schema 15.0.7: what SAST and secret detection share."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hardening.findings import Examined, Finding, Run
from hardening.project import URL, rule_page
from hardening.reports.index import place
from hardening.reports.places import checkout_file, line, message
from hardening.reports.plain import valid, visible

VERSION = "15.0.7"
SECRET = ("credential/", "key/")
"""What the ids of rules about secrets begin with."""
_NAME, _SOLUTION, _DESCRIPTION = 255, 7000, 100_000
"""The most characters of a name and a solution, and enough of a description."""


def report(kind: str, run: Run, wanted: Callable[[Finding], bool], **location: Any) -> bytes:
    """Return a security report of the findings that count; GitLab knows no waived ones."""
    tool = {"id": "harden", "name": "harden", "version": run.version, "vendor": {"name": run.tool}}
    seen = [one for one in run.subjects if one.examined is not Examined.NONE]
    gaps = [
        {
            "level": "warn",
            "value": visible(f"{one.id}: {one.examined.value}: {one.reason or 'no reason was given'}"),
        }
        for one in run.subjects
        if one.examined is not Examined.FULL
    ]
    whole = {
        "version": VERSION,
        "scan": {
            "analyzer": tool | ({"url": URL} if URL else {}),
            "scanner": tool,
            "type": kind,
            "start_time": _instant(run.started),
            "end_time": _instant(run.finished),
            "status": "success" if seen or not run.subjects else "failure",
            "messages": gaps,
        },
        "vulnerabilities": [
            _vulnerability(one, location) for one in run.findings if one.counts and wanted(one)
        ],
    }
    return (json.dumps(whole, indent=1) + "\n").encode("ascii")


def _instant(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _vulnerability(finding: Finding, location: dict[str, Any]) -> dict[str, Any]:
    rule, at, file = finding.rule, line(finding), valid(checkout_file(finding))
    identifier = {"type": "harden_rule", "name": rule.id, "value": rule.id}
    page = rule_page(rule.id)
    text = [
        message(finding),
        f"Place: {visible(place(finding))}",
        f"Seen: {visible(finding.evidence)}" * bool(finding.evidence),
    ]
    links = [link for link in rule.references if link.startswith(("http://", "https://"))]
    return {
        "id": str(UUID(hex=finding.fingerprint)),
        "name": valid(rule.title)[:_NAME],
        "description": "\n".join(filter(None, [*text, valid(rule.rationale)]))[:_DESCRIPTION],
        "severity": finding.level.label.capitalize(),
        "solution": visible(finding.advice)[:_SOLUTION],
        "identifiers": [identifier | ({"url": page} if page else {})],
        "links": [{"url": valid(link)} for link in links],
        "location": {"file": file, "start_line": at, "end_line": at, **location},
        # all that is in one archive has one place, so GitLab has to tell findings apart by these
        "tracking": {
            "type": "source",
            "items": [
                {"file": file, "start_line": at, "end_line": at,
                 "signatures": [{"algorithm": "hash", "value": finding.fingerprint}]},
            ],
        },
    }  # fmt: skip
