"""From a component and its version to a finding: which known problems apply, how bad, what to do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from bundle.detect.components.model import Bad, Component, ReportReason
from bundle.detect.components.packages import Package
from bundle.detect.versions import Range, deb, is_known, rpm
from hardening.findings import Confidence, Finding, Fix, InFile, Severity

_NAMED = 4
"""Problems that a message names; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One component at one place, before anybody judged its version."""

    component: Component
    location: InFile
    how: str
    versions: tuple[str, ...] = ()
    within: Range | None = None
    """What presence and absence of parts say, where no version is written."""
    confidence: Confidence = Confidence.HIGH
    distribution: bool = False
    """Built by a distribution, which mends without changing the version."""
    release: str = ""
    """A distribution package's whole version (rpm EVR, Debian version)."""
    tags: tuple[str, ...] = ()
    """Distribution tags of the package's release, such as `el7`."""
    generation: bool = False
    """Built for the component, which is a whole generation of a distribution, and ends as that does."""
    package: Package | None = None
    """The package that it was told by."""
    fix: Fix | None = None

    def __post_init__(self) -> None:
        """Leave out versions that a build did not fill in."""
        known = tuple(version for version in self.versions if is_known(version))
        if known != self.versions:
            object.__setattr__(self, "versions", known)


def judge(sighting: Sighting, subject: str, today: date) -> Finding | None:
    """Return the finding, or None where the version is fine."""
    if sighting.package is not None and sighting.package.listed:
        return _listed(sighting, subject, today)
    component = sighting.component
    bad = _worst_version(sighting, today)
    if component.kind is ReportReason.FORBIDDEN:
        severity = max([component.rule.severity, *(b.severity for b in bad if b.severity)])
        return _finding(sighting, subject, severity, bad)
    if sighting.release and bad and all(b.cve and b.fixed for b in bad):
        bad = tuple(b for b in bad if not _mended(b, sighting))
    if not sighting.versions and sighting.within is None:
        return _unknown(sighting, subject)
    if not bad:
        maybe = sighting.within is not None and any(_overlaps(b, sighting, today) for b in component.bad)
        return _unknown(sighting, subject) if maybe and not sighting.versions else None
    if sighting.distribution or sighting.release:
        certain = any(b.ends is not None and b.note == "distribution" for b in bad) or (
            bool(sighting.release) and any(_stays(b, sighting) for b in bad)
        )
        if not certain:
            return _finding(
                sighting,
                subject,
                Severity.INFO,
                bad,
                note="; a distribution's build, which may have the fixes: compare the package's release with the distribution's advisories",
            )
    severity = max(b.severity if b.severity is not None else component.rule.severity for b in bad)
    return _finding(sighting, subject, severity, bad)


def _listed(sighting: Sighting, subject: str, today: date) -> Finding | None:
    """What a lock lists is low at most: where its code lies in the bundle, that is found and weighs as it does."""
    bad = _worst_version(sighting, today)
    if sighting.component.kind is ReportReason.OUT_OF_RANGE and not bad:
        return None
    return _finding(sighting, subject, Severity.LOW, bad, confidence=Confidence.MEDIUM)


def _applies(bad: Bad, version: str, component: Component, today: date) -> bool:
    return bad.range.holds(version, component.compare) and (bad.ends is None or bad.ends <= today)


def _worst_version(sighting: Sighting, today: date) -> tuple[Bad, ...]:
    """Return the problems of the version that has most of them."""
    component = sighting.component
    if sighting.generation:
        return tuple(b for b in component.bad if b.ends is not None and b.ends <= today)
    if sighting.versions:
        found = [
            tuple(b for b in component.bad if _applies(b, v, component, today)) for v in sighting.versions
        ]
        return max(found, key=len)
    if sighting.within is None:
        return ()
    within = sighting.within
    return tuple(
        b
        for b in component.bad
        if b.range.covers(within, component.compare) and (b.ends is None or b.ends <= today)
    )


def _overlaps(bad: Bad, sighting: Sighting, today: date) -> bool:
    within, compare = sighting.within or Range(), sighting.component.compare
    if bad.ends is not None and bad.ends > today:
        return False
    apart = (bad.range.below and within.start and compare(within.start, bad.range.below) >= 0) or (
        bad.range.start and within.below and compare(within.below, bad.range.start) <= 0
    )
    return not apart


def _mended(bad: Bad, sighting: Sighting) -> bool:
    return any(_compare_release(sighting, release) >= 0 for tag, release in bad.fixed if tag in sighting.tags)


def _stays(bad: Bad, sighting: Sighting) -> bool:
    """Whether the distribution's first mended release is known, and this one is older."""
    return any(_compare_release(sighting, release) < 0 for tag, release in bad.fixed if tag in sighting.tags)


def _compare_release(sighting: Sighting, other: str) -> int:
    kind = rpm if any(tag.startswith("el") for tag in sighting.tags) else deb
    return kind(sighting.release.split(":", 1)[-1], other.split(":", 1)[-1])


def _unknown(sighting: Sighting, subject: str) -> Finding:
    return _finding(
        sighting,
        subject,
        Severity.INFO,
        (),
        note="; its version could not be read",
        confidence=Confidence.LOW,
    )


def _finding(
    sighting: Sighting,
    subject: str,
    severity: Severity,
    bad: tuple[Bad, ...],
    *,
    note: str = "",
    confidence: Confidence | None = None,
) -> Finding:
    component = sighting.component
    version = ", ".join(sighting.versions) or (
        f"({sighting.within})" if sighting.within and str(sighting.within) else ""
    )
    what = f"{component.name} {version}".rstrip()
    sure = sighting.confidence if confidence is None else confidence
    return Finding(
        rule=component.rule,
        subject=subject,
        location=sighting.location,
        message=f"{what}, recognised by {sighting.how}{_problems(bad)}{note}",
        severity=None if severity is component.rule.severity else severity,
        confidence=sure,
        evidence=what,
        fix=_fix(sighting, sure),
    )


def _fix(sighting: Sighting, confidence: Confidence) -> Fix | None:
    """Return the fix, which is safe only for a component that must not ship and is surely there.

    A library that is too old is needed by what uses it; a person replaces it.
    """
    fix = sighting.fix
    if fix is None or not fix.safe:
        return fix
    if sighting.component.kind is ReportReason.FORBIDDEN and confidence is Confidence.HIGH:
        return fix
    return replace(fix, safe=False)


def _problems(bad: tuple[Bad, ...]) -> str:
    ends = [b for b in bad if b.ends is not None]
    cves = [b for b in bad if b.cve]
    words = []
    if ends:
        words.append(f"without support since {max(b.ends for b in ends if b.ends)}")
    words += [b.cve if b.verified else f"{b.cve} (range not verified)" for b in cves[:_NAMED]]
    if len(cves) > _NAMED:
        words.append(f"{len(cves) - _NAMED} more")
    return f": {', '.join(words)}" if words else ""
