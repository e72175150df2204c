"""Answers as VEX documents: CycloneDX 1.6 and OpenVEX 0.2.0."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cyclonedx.model import Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.impact_analysis import (
    ImpactAnalysisJustification,
    ImpactAnalysisResponse,
    ImpactAnalysisState,
)
from cyclonedx.model.tool import Tool
from cyclonedx.model.vulnerability import (
    BomTarget,
    Vulnerability,
    VulnerabilityAnalysis,
    VulnerabilityReference,
    VulnerabilitySource,
)
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from hardening import __version__
from hardening.advisories import rules
from hardening.advisories.judge import AdvisoryAnswer, Status, Why
from hardening.advisories.report import found_words
from hardening.advisories.seen import Seen
from hardening.advisories.table import AdvisoryTable
from hardening.findings import Acceptance, Run
from hardening.products import Pack

CONTEXT = "https://openvex.dev/ns/v0.2.0"
_NAMESPACE = uuid.UUID("9f0c1f5e-6a0e-5d0a-9a55-6c3f0a9f7b21")
_STATES = {
    Status.AFFECTED: ImpactAnalysisState.EXPLOITABLE,
    Status.FIXED: ImpactAnalysisState.RESOLVED,
    Status.NOT_AFFECTED: ImpactAnalysisState.NOT_AFFECTED,
    Status.UNDER_INVESTIGATION: ImpactAnalysisState.IN_TRIAGE,
}
_ORDER = list(Status)


@dataclass(frozen=True, slots=True, kw_only=True)
class VexStatement:
    """What is said of one vulnerability and one subject; of several advisories on one CVE the worst status counts."""

    name: str
    """A CVE, or the advisory's id where it names none."""
    seen: Seen
    answers: tuple[AdvisoryAnswer, ...]
    accepted: tuple[Acceptance, ...] = ()
    """Waivers, where each affected answer has one."""

    @property
    def status(self) -> Status:
        """The worst status of the answers."""
        return min((one.status for one in self.answers), key=_ORDER.index)

    @property
    def leading(self) -> tuple[AdvisoryAnswer, ...]:
        """The answers with that status."""
        return tuple(one for one in self.answers if one.status is self.status)

    @property
    def note(self) -> str:
        """Why, with the evidence and the advisories."""
        parts = [
            f"{one.advisory.id}: {one.because}{found_words(one)}"
            if one.status is Status.AFFECTED
            else f"{one.advisory.id}: {one.because}"
            for one in self.leading
        ]
        return "; ".join([*parts, *map(_accepted, self.accepted)])

    @property
    def action(self) -> str:
        """What to do, or who accepted it."""
        if self.accepted:
            return "; ".join(map(_accepted, self.accepted))
        return " ".join(dict.fromkeys(one.advisory.remedy for one in self.leading))


def _accepted(waiver: Acceptance) -> str:
    until = f" until {waiver.expires.isoformat()}" if waiver.expires else ""
    return f"Accepted by {waiver.owner}{until}: {waiver.reason}"


def statements(
    subjects: Iterable[tuple[Seen, Sequence[AdvisoryAnswer]]], run: Run
) -> tuple[VexStatement, ...]:
    """Return the statements of every subject, by vulnerability; `run` has the waivers applied."""
    waived = {(one.subject, one.rule.id): one.waived for one in run.findings if one.waived is not None}
    rows = []
    for seen, answers in subjects:
        by_name: dict[str, list[AdvisoryAnswer]] = {}
        for answer in answers:
            for name in answer.advisory.cve or (answer.advisory.id,):
                by_name.setdefault(name, []).append(answer)
        for name, group in by_name.items():
            held = [
                waived.get((seen.subject, rules.rule(one.advisory).id))
                for one in group
                if one.status is Status.AFFECTED
            ]
            accepted = tuple(dict.fromkeys(one for one in held if one is not None))
            rows.append(
                VexStatement(
                    name=name, seen=seen, answers=tuple(group),
                    accepted=accepted if held and None not in held else (),
                )
            )  # fmt: skip
    return tuple(sorted(rows, key=lambda one: (one.seen.subject, one.name)))


def _purl(pack: Pack, seen: Seen) -> PackageURL:
    return PackageURL(
        type="generic", namespace=pack.vendor.lower(), name=pack.name, version=seen.release or None,
        qualifiers={"subject": seen.subject},
    )  # fmt: skip


def _identity(rows: Sequence[VexStatement], now: datetime) -> uuid.UUID:
    text = json.dumps([[one.seen.subject, one.name, one.status, one.note] for one in rows])
    return uuid.uuid5(_NAMESPACE, f"{now.isoformat()} {text}")


def openvex(rows: Sequence[VexStatement], pack: Pack, table: AdvisoryTable, *, now: datetime) -> bytes:
    """Return an OpenVEX 0.2.0 document."""
    when = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {
        "@context": CONTEXT,
        "@id": f"urn:uuid:{_identity(rows, now)}",
        "author": f"aspect-hardening {__version__}",
        "role": "Document Creator",
        "timestamp": when,
        "version": 1,
        "tooling": f"aspect-hardening {__version__}; {table.words(now.date())}",
        "statements": [_openvex(one, pack) for one in rows],
    }
    return json.dumps(body, indent=2, ensure_ascii=False).encode() + b"\n"


def _openvex(one: VexStatement, pack: Pack) -> dict[str, Any]:
    vulnerability: dict[str, Any] = {"name": one.name, "description": one.leading[0].advisory.title}
    aliases = sorted({answer.advisory.id for answer in one.answers} - {one.name})
    if len(aliases) == 1:  # several advisories on one CVE are not names of one thing
        vulnerability["aliases"] = aliases
    body: dict[str, Any] = {
        "vulnerability": vulnerability,
        "products": [{"@id": _purl(pack, one.seen).to_string()}],
        "status": one.status.value,
        "status_notes": one.note,
    }
    justification = one.leading[0].justification
    if one.status is Status.NOT_AFFECTED and justification is not None:
        body |= {"justification": justification.value, "impact_statement": one.note}
    if one.status is Status.AFFECTED:
        body["action_statement"] = one.action
    return body


def cyclonedx(rows: Sequence[VexStatement], pack: Pack, table: AdvisoryTable, *, now: datetime) -> bytes:
    """Return a CycloneDX 1.6 document with one component for each subject."""
    subjects = {one.seen.subject: one.seen for one in rows}
    components = {
        name: Component(
            name=pack.title, version=seen.release or None, type=ComponentType.APPLICATION,
            bom_ref=f"{seen.kind.value}:{name}", purl=_purl(pack, seen),
        )
        for name, seen in sorted(subjects.items())
    }  # fmt: skip
    bom = Bom(
        serial_number=_identity(rows, now),
        metadata=BomMetaData(timestamp=now),
        components=components.values(),
        vulnerabilities=[_vulnerability(one) for one in rows],
    )
    bom.metadata.tools.tools.add(Tool(name="aspect-hardening", version=__version__))
    bom.metadata.properties.add(Property(name="aspect-hardening:advisories", value=table.words(now.date())))
    return JsonV1Dot6(bom).output_as_string(indent=2).encode() + b"\n"


def _vulnerability(one: VexStatement) -> Vulnerability:
    first = one.leading[0]
    justification = None
    if one.status is Status.NOT_AFFECTED:
        justification = _JUSTIFICATIONS[first.justification or Why.NO_CODE]
    responses = []
    if one.accepted:
        responses = [ImpactAnalysisResponse.WILL_NOT_FIX]
    elif one.status is Status.AFFECTED and any(answer.advisory.fixed_in for answer in one.leading):
        responses = [ImpactAnalysisResponse.UPDATE]
    ref = f"{one.seen.kind.value}:{one.seen.subject}"
    return Vulnerability(
        bom_ref=BomRef(f"{one.name}:{ref}"),
        id=one.name,
        source=_source(one.name, first),
        references=[
            VulnerabilityReference(id=answer.advisory.id, source=_source(answer.advisory.id, answer))
            for answer in one.answers
            if answer.advisory.id != one.name
        ],
        description=first.advisory.title,
        recommendation=one.action if one.status is Status.AFFECTED else None,
        analysis=VulnerabilityAnalysis(
            state=_STATES[one.status], justification=justification, responses=responses, detail=one.note
        ),
        affects=[BomTarget(ref=ref)],
    )


_JUSTIFICATIONS: Mapping[Why, ImpactAnalysisJustification] = {
    Why.NO_CODE: ImpactAnalysisJustification.CODE_NOT_PRESENT,
    Why.NO_COMPONENT: ImpactAnalysisJustification.REQUIRES_ENVIRONMENT,
}


def _source(name: str, answer: AdvisoryAnswer) -> VulnerabilitySource:
    if name.startswith("CVE-"):
        return VulnerabilitySource(name="CVE", url=XsUri(f"https://www.cve.org/CVERecord?id={name}"))
    link = next((one for one in answer.advisory.source.split("; ") if one.startswith("https://")), None)
    return VulnerabilitySource(name="Zero Science Lab", url=XsUri(link) if link else None)
