"""The audit of a bundle as a SLSA verification summary, and how the bundle came about as SLSA provenance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hardening import __version__
from hardening.errors import ExitCode, RefusedError
from hardening.findings import NESTING, Examined, InFile, Run, Severity

AUDIT = "urn:aspect-hardening:audit"
BUILD_TYPE = "urn:aspect-hardening:clean:v1"
BUILDER = "urn:aspect-hardening:release-engineer"


def audit_summary(path: Path, run: Run, *, fail_on: Severity = Severity.MEDIUM) -> dict[str, Any]:
    """Return the predicate: PASSED when everything was examined and nothing at or above `fail_on` was found.

    Findings are listed without their evidence; the fields of our own stand under a name of our own, as SLSA asks.
    """
    code = run.exit_code(fail_on)
    findings = [
        {
            "rule": f.rule.id,
            "severity": f.level.label,
            "path": NESTING.join(f.location.parts[1:]) if isinstance(f.location, InFile) else "",
            "fingerprint": f.fingerprint,
            "waived": f.waived is not None,
        }
        for f in run.findings
    ]
    return {
        "verifier": {"id": "urn:aspect-hardening:harden-bundle-audit", "version": {"harden": __version__}},
        "timeVerified": _stamp(run.finished),
        "resourceUri": path.name,
        "policy": {"uri": f"urn:aspect-hardening:policy:fail-on-{fail_on.label}"},
        "verificationResult": "PASSED" if code is ExitCode.OK else "FAILED",
        "verifiedLevels": [],
        AUDIT: {
            "examined": [s.examined.value for s in run.subjects],
            "summary": dict(sorted(run.counts().items())),
            "exitCode": int(code),
            "findings": findings,
        },
    }


def check_audit(predicate: Any) -> str:
    """Return in words what the signed audit says. Errors: RefusedError (it did not pass, or does not say)."""
    try:
        result = predicate["verificationResult"]
        examined = set(predicate[AUDIT]["examined"])
        when = datetime.fromisoformat(predicate["timeVerified"])
    except (KeyError, TypeError, ValueError) as problem:
        raise RefusedError("the signed audit is malformed", hint="sign the bundle again") from problem
    if result != "PASSED" or examined != {Examined.FULL.value}:
        raise RefusedError(
            f"the signed audit of {when:%Y-%m-%d} says {result}", hint="clean the bundle and sign it again"
        )
    return f"audited on {when:%Y-%m-%d}: passed"


def provenance(
    *, started: datetime, finished: datetime, original: Mapping[str, Any], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return SLSA provenance v1: what was cleaned, with what, when; `original` is the input's resource descriptor."""
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": dict(parameters),
            "internalParameters": {},
            "resolvedDependencies": [dict(original)],
        },
        "runDetails": {
            "builder": {"id": BUILDER, "version": {"aspect-hardening": __version__}},
            "metadata": {"startedOn": _stamp(started), "finishedOn": _stamp(finished)},
        },
    }


def check_provenance(predicate: Any) -> str:
    """Return in words where the bundle comes from. Errors: RefusedError (it is not what cleaning makes)."""
    try:
        kind = predicate["buildDefinition"]["buildType"]
        (original,) = predicate["buildDefinition"]["resolvedDependencies"]
        name = str(original["name"])
    except (KeyError, TypeError, ValueError) as problem:
        raise RefusedError("the signed provenance is malformed", hint="sign the bundle again") from problem
    if kind != BUILD_TYPE:
        raise RefusedError(f"unknown way of building {kind!r}", hint="sign the bundle with its provenance")
    return f"cleaned from {name}"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
