"""GitLab's secret detection report: findings of credentials and keys (`artifacts:reports:secret_detection`)."""

from __future__ import annotations

from hardening.findings import Run
from hardening.reports import RenderOptions
from hardening.reports.gitlab import SECRET, report

_NO_COMMIT = "0000000"
"""The schema asks for a commit, and what is examined here is files."""


def write(run: Run, _how: RenderOptions) -> bytes:
    """Return the report as UTF-8 JSON."""
    wanted = {"commit": {"sha": _NO_COMMIT}}
    return report("secret_detection", run, lambda one: one.rule.id.startswith(SECRET), **wanted)
