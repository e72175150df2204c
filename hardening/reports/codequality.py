"""GitLab's code quality report, a subset of the Code Climate format (`artifacts:reports:codequality`)."""

from __future__ import annotations

import json

from hardening.findings import Run, Severity
from hardening.reports import RenderOptions
from hardening.reports.places import checkout_file, line, message
from hardening.reports.plain import valid

_SEVERITIES = {
    Severity.INFO: "info",
    Severity.LOW: "minor",
    Severity.MEDIUM: "major",
    Severity.HIGH: "critical",
    Severity.CRITICAL: "blocker",
}


def write(run: Run, _how: RenderOptions) -> bytes:
    """Return the findings that count, as UTF-8 JSON."""
    rows = [
        {
            "type": "issue",
            "check_name": one.rule.id,
            "description": message(one),
            "categories": ["Security"],
            "severity": _SEVERITIES[one.level],
            "fingerprint": one.fingerprint,
            "location": {"path": valid(checkout_file(one)), "lines": {"begin": line(one)}},
        }
        for one in run.findings
        if one.counts
    ]
    return (json.dumps(rows, indent=1) + "\n").encode("ascii")
