"""GitLab's SAST report: every finding that is not about a secret (`artifacts:reports:sast`)."""

from __future__ import annotations

from hardening.findings import Run
from hardening.reports import RenderOptions
from hardening.reports.gitlab import SECRET, report


def write(run: Run, _how: RenderOptions) -> bytes:
    """Return the report as UTF-8 JSON."""
    return report("sast", run, lambda one: not one.rule.id.startswith(SECRET))
