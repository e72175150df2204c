"""SPDX 2.3 JSON: the same components as packages, the bundle as the document's described element."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from bundle.sbom.contents import Contents, Known
from hardening import __version__


def document(found: Contents, *, now: datetime) -> bytes:
    """Return the bill of materials as JSON; only its time differs between two runs."""
    packages = [_package(found.known[key], number) for number, key in enumerate(sorted(found.known))]
    bundle: dict[str, Any] = {
        "SPDXID": "SPDXRef-bundle",
        "name": found.name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
    }
    if found.sha256:
        bundle["checksums"] = [{"algorithm": "SHA256", "checksumValue": found.sha256}]
    relations = [
        {"spdxElementId": "SPDXRef-bundle", "relationshipType": "CONTAINS", "relatedSpdxElement": p["SPDXID"]}
        for p in packages
    ]
    described = {
        "spdxElementId": "SPDXRef-DOCUMENT",
        "relationshipType": "DESCRIBES",
        "relatedSpdxElement": "SPDXRef-bundle",
    }
    value = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": found.name,
        "documentNamespace": f"urn:aspect-hardening:spdx:{found.identity}",
        "creationInfo": {
            "created": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: aspect-hardening-{__version__}"],
        },
        "packages": [bundle, *packages],
        "relationships": [described, *relations],
    }
    if found.gaps:
        value["comment"] = "incomplete: " + "; ".join(found.first_problems())
    return json.dumps(value, indent=2).encode() + b"\n"


def _package(known: Known, number: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "SPDXID": f"SPDXRef-{number}-{re.sub(r'[^A-Za-z0-9.-]', '-', known.name)}",
        "name": known.name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "comment": "; ".join([f"recognised by {known.how}", *(f"at {p}" for p in known.places)]),
    }
    if known.version:
        made["versionInfo"] = known.version
    if known.purl.startswith("pkg:"):
        made["externalRefs"] = [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": known.purl}
        ]
    return made
