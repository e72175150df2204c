"""What rendering makes: a plan, a configuration read back, and what stays to be said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hardening.findings import Finding, Rule, Severity, in_file
from hardening.records import dataclass
from hardening.tls import clients
from hardening.tls.judging import rules
from hardening.tls.judging.judge import judge
from hardening.tls.libraries import builds
from hardening.tls.offer import Offer
from hardening.tls.release import Release
from hardening.tls.rendering.narrowing import Gap
from hardening.tls.targets.base import Job, Target
from hardening.tls.targets.reading.tree import joined

INEXPRESSIBLE = Rule(
    id="tls/inexpressible",
    title="The server cannot be configured to meet the whole policy",
    severity=Severity.MEDIUM,
    rationale="A setting the server does not know is ignored or refused; either way the policy does not hold.",
    remedy="Take the way out the finding names: a newer release, or a proxy in front that can.",
    references=("https://www.rfc-editor.org/rfc/rfc9325",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderPlan:
    """What will be written, what cannot be, and what was assumed."""

    job: Job
    gaps: tuple[Gap, ...]
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One configuration, what it offers when read back, and what stays to be said about it."""

    text: str
    job: Job
    offer: Offer
    findings: tuple[Finding, ...]
    assumptions: tuple[str, ...]
    verdicts: Mapping[str, str]
    explained: tuple[Finding, ...] = ()
    """What the judge finds and a `tls/inexpressible` finding tells instead, with the way out."""
    stuck: tuple[str, ...] = ()
    """Versions that are offered although the job has them not, for they cannot be switched off."""


def settle(target: Target, version: str | None, build: str | None) -> tuple[Release, str, tuple[str, ...]]:
    """Return the release, the OpenSSL build, and what was assumed for them. Errors: UsageError."""
    release, assumed = target.facts.release(version)
    notes = [assumed] if assumed else []
    if build is None:
        notes.append(f"{builds.shown(release.openssl)}, {release.ships(target.name)}")
        if release.verified != "yes":
            why = f" ({release.note})" if release.note else ""
            checked = {"partly": "were checked in part"}.get(release.verified, f"are from {release.verified}")
            notes.append(f"facts about the release {checked}{why}")
    return release, builds.chosen(build, release.openssl), tuple(notes)


CONFIGURABLE = frozenset(
    (
        *(r.id for r in (rules.PROTOCOL, rules.SUITE, rules.GROUP, rules.SIGNATURE)),
        *(r.id for r in (rules.PREFERENCE, rules.COMPRESSION, rules.DH_BITS)),
        "tls/ssh-algorithm",
        "tls/ssh-protocol",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPlan:
    """What a policy says of what was written for it."""

    verdicts: Mapping[str, str]
    findings: tuple[Finding, ...]
    """What cannot be expressed, and what is against the policy all the same."""
    explained: tuple[Finding, ...]
    """What the judge finds and the first kind of finding tells instead."""


def judged(target: Target, planned: RenderPlan, offer: Offer) -> JudgedPlan:
    """Judge what was read back; what a gap explains is said once, with the way out."""
    judgement = judge(offer, planned.job.policy)
    subject = f"{target.name}@{planned.job.release.version}"
    place = in_file(target.place)
    left = [one for one in judgement.findings if one.rule.id in CONFIGURABLE]
    until = [one for one in left if one.level is Severity.INFO]  # the policy has it written for now
    left = [one for one in left if one.level is not Severity.INFO]
    found, explained = [], []
    for gap in planned.gaps:
        mine = [f for f in left if f.evidence in gap.covers or f.rule.id == gap.rule]
        left = [f for f in left if f not in mine]
        explained += mine
        if mine or not gap.if_broken:
            found.append(_inexpressible(gap, mine, subject, planned.job))
    found = [replace(one, location=place) for one in found]
    found += [replace(one, subject=subject, location=place, fix=None) for one in (*left, *until)]
    if (lost := clients.warning(offer)) is not None:
        found.append(replace(lost, subject=subject, location=place))
    return JudgedPlan(verdicts=judgement.verdicts, findings=tuple(found), explained=tuple(explained))


def rendered(
    target: Target, planned: RenderPlan, text: str, offer: Offer, *, stuck: tuple[str, ...] = ()
) -> Rendered:
    """Return the text that was written for a plan, with what the policy says of what it offers when read back."""
    verdicts = judged(target, planned, offer)
    return Rendered(
        text=text,
        job=planned.job,
        offer=offer,
        findings=verdicts.findings,
        explained=verdicts.explained,
        assumptions=planned.assumptions,
        verdicts=verdicts.verdicts,
        stuck=stuck,
    )


def _inexpressible(gap: Gap, explained: list[Finding], subject: str, job: Job) -> Finding:
    """Return what cannot be said; it is as bad as the worst of what comes of it."""
    what = gap.what
    if gap.if_broken:
        what += f", and what is offered has {joined(f.evidence for f in explained)}"
    return Finding(
        rule=INEXPRESSIBLE,
        subject=subject,
        location=in_file(""),
        message=what,
        severity=max((gap.severity, *(f.level for f in explained))),
        evidence=what,
        remedy=gap.way_out[:1].upper() + gap.way_out[1:] + "." if gap.way_out else "",
        policies=(job.policy.id,),
    )
