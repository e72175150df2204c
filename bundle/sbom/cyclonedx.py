"""CycloneDX 1.6 JSON: components with every place they lie at, archives nested, cryptographic assets, vulnerabilities."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.impact_analysis import ImpactAnalysisState
from cyclonedx.model.tool import Tool
from cyclonedx.model.vulnerability import BomTarget, Vulnerability, VulnerabilityAnalysis, VulnerabilitySource
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from bundle.sbom.contents import Archive, Contents, Known
from hardening import __version__
from hardening.tls.cbom import Inventory, evidence

_NAMESPACE = uuid.UUID("6f1c7f0a-2f0b-5b5e-9a63-3a1c6c0a7e50")
"""Serial numbers are made of the bundle's digest under this name: the same bundle gives the same document."""


def document(found: Contents, *, now: datetime) -> bytes:
    """Return the bill of materials as JSON; only its time differs between two runs."""
    subject = Component(
        name=found.name, type=ComponentType.FILE, bom_ref="bundle", hashes=_hashes(found.sha256)
    )
    subject.components = _nested([*found.archives, *found.files])
    bom = Bom(
        serial_number=uuid.uuid5(_NAMESPACE, found.identity),
        metadata=BomMetaData(timestamp=now, component=subject),
        components=[
            *(_component(k) for k in _ordered(found)),
            *_crypto(found),
        ],
        vulnerabilities=_vulnerabilities(found),
    )
    bom.metadata.tools.tools.add(Tool(name="aspect-hardening", version=__version__))
    if found.gaps:
        bom.metadata.properties.add(
            Property(name="aspect-hardening:incomplete", value="; ".join(found.first_problems()))
        )
    if found.configurations.left:
        unasked = "; ".join(found.first_unasked())
        bom.metadata.properties.add(Property(name="aspect-hardening:configurations-not-read", value=unasked))
    bom.register_dependency(subject, list(bom.components))
    return JsonV1Dot6(bom).output_as_string(indent=2).encode() + b"\n"


def _crypto(found: Contents) -> list[Component]:
    made = Inventory()
    for one in found.assets:
        if one.certificate is None:
            made.private_key(one.name, one.place)
        else:
            made.certificate(one.certificate.to_json(), one.place)
    for server in found.configurations.offers(found.distribution):
        made.add(server)
    return made.all()


def _ordered(found: Contents) -> list[Known]:
    return [found.known[key] for key in sorted(found.known)]


def _hashes(sha256: str) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else []


def _component(known: Known) -> Component:
    purl = PackageURL.from_string(known.purl) if known.purl.startswith("pkg:") else None
    group = None
    if purl and purl.namespace and known.name == f"{purl.namespace}/{purl.name}":
        group = purl.namespace  # Maven, Composer and npm: consumers match by group and name apart
    return Component(
        name=purl.name if purl and group else known.name,
        group=group,
        version=known.version or None,
        type=ComponentType.LIBRARY,
        bom_ref=_ref(known),
        purl=purl,
        evidence=evidence(known.places),
        properties=[Property(name="aspect-hardening:recognised-by", value=known.how)],
    )


def _ref(known: Known) -> str:
    return known.purl or f"component:{known.name}@{known.version}"


def _nested(rows: Iterable[Archive]) -> list[Component]:
    """Return archives and files as components in components, as they lie in each other."""
    made: dict[str, Component] = {}
    roots: list[Component] = []
    for row in sorted(rows, key=lambda r: (r.path.count("!/"), r.path)):
        one = Component(name=row.path.rsplit("!/", 1)[-1], type=ComponentType.FILE, bom_ref=f"file:{row.path}",
                        hashes=_hashes(row.sha256), mime_type=None)  # fmt: skip
        made[row.path] = one
        parent = made.get(row.path.rpartition("!/")[0])
        if parent is None:
            roots.append(one)
        else:
            parent.components.add(one)
    return roots


def _vulnerabilities(found: Contents) -> list[Vulnerability]:
    affected: dict[str, list[str]] = {}
    for known in _ordered(found):
        for cve in known.cves:
            affected.setdefault(cve, []).append(_ref(known))
    return [
        Vulnerability(
            bom_ref=BomRef(cve),
            id=cve,
            source=VulnerabilitySource(name="NVD"),
            affects=[BomTarget(ref=ref) for ref in refs],
            analysis=VulnerabilityAnalysis(state=ImpactAnalysisState.IN_TRIAGE),
        )
        for cve, refs in sorted(affected.items())
    ]
