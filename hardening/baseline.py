"""A JSON report of an earlier run as the baseline: what it has already is known and does not count."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hardening import inputs
from hardening.errors import DataError, InputError
from hardening.findings import Finding, Run

_SCHEMA = "harden-report/1"
_LARGEST = 256 << 20
"""Bytes of a report: some 200,000 findings."""
_HINT = "give a report that was written with --format json or --report json=FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The fingerprints of an earlier report, each with the HMAC of its secret where it has one."""

    secrets: Mapping[str, str]

    def has(self, finding: Finding) -> bool:
        """Whether the finding was there before; another secret at the same place is a new finding."""
        before = self.secrets.get(finding.fingerprint)
        if before is None:
            return False
        return not before or not finding.secret_hmac or before == finding.secret_hmac


def load(path: Path) -> Baseline:
    """Read a report. Errors: InputError (absent, unreadable), DataError (no harden-report/1)."""
    try:
        found = json.loads(inputs.read(path, _LARGEST))
    except OSError as problem:
        hint = "check the path and its permissions"
        raise InputError(f"{path}: {problem.strerror or problem}", hint=hint) from problem
    except (ValueError, RecursionError) as problem:
        raise DataError(f"{path}: not JSON: {problem}", hint=_HINT) from problem
    if not isinstance(found, dict) or found.get("schema") != _SCHEMA:
        raise DataError(f"{path}: schema: has to be {_SCHEMA!r}", hint=_HINT)
    findings = found.get("findings")
    if not isinstance(findings, list):
        raise DataError(f"{path}: findings: has to be a list", hint=_HINT)
    return Baseline(secrets=dict(_row(path, at, one) for at, one in enumerate(findings)))


def _row(path: Path, at: int, finding: Any) -> tuple[str, str]:
    row = finding if isinstance(finding, dict) else {}
    print_, secret = row.get("fingerprint"), row.get("secret_hmac", "")
    if not isinstance(print_, str) or not print_ or not isinstance(secret, str):
        raise DataError(f"{path}: findings[{at}].fingerprint: has to be a string", hint=_HINT)
    return print_, secret


def apply(run: Run, baseline: Baseline) -> Run:
    """Return the run with every finding the baseline has marked as known."""
    marked = (replace(f, known=True) if baseline.has(f) else f for f in run.findings)
    return replace(run, findings=tuple(marked))
