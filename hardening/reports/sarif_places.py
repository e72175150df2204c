"""Where a finding is, in SARIF's words: files nested in archives, and endpoints."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hardening.findings import Finding, InFile
from hardening.reports.plain import valid, visible


class Artifacts:
    """The table of files, each nested one after the archive it lies in."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._index: dict[tuple[str, ...], int] = {}

    def index(self, parts: tuple[str, ...]) -> int:
        """Return the row of a file, made on first sight, its parents before it."""
        if parts not in self._index:
            row: dict[str, Any] = {"location": {"uri": uri(parts[-1], nested=len(parts) > 1)}}
            if len(parts) > 1:
                row["parentIndex"] = self.index(parts[:-1])
            self._index[parts] = len(self.rows)
            self.rows.append(row)
        return self._index[parts]

    def location(self, finding: Finding) -> dict[str, Any]:
        """Return a SARIF location: the innermost file, and the whole path as a logical location."""
        where = finding.location
        logical = {"fullyQualifiedName": visible(finding.where)}
        if not isinstance(where, InFile):
            # GitHub wants a file for every result; an endpoint, percent-encoded, is the closest thing.
            address: dict[str, Any] = {"uri": quote(visible(where.endpoint), safe="-._~") or "."}
            return {
                "physicalLocation": {"artifactLocation": address, "region": {"startLine": 1}},
                "logicalLocations": [logical | {"kind": "resource"}],
            }
        at = self.index(where.parts)
        region = {"startLine": where.line or 1}
        if where.line is not None and where.column is not None:
            region["startColumn"] = where.column
        return {
            "physicalLocation": {
                "artifactLocation": self.rows[at]["location"] | {"index": at},
                "region": region,
            },
            "logicalLocations": [logical | {"kind": "module"}],
        }


def uri(path: str, *, nested: bool) -> str:
    """Return a path as a URI reference: absolute inside its archive, relative or file: outside."""
    quoted = quote(_bytes(path.removeprefix("./") or path), safe="/-._~")  # as code scanning names files
    if nested:
        return "/" + quoted.lstrip("/")
    return "file://" + quoted if quoted.startswith("/") else quoted or "."


def _bytes(path: str) -> bytes:
    """The file name's own bytes; what cannot have come from a file system is shown escaped."""
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return valid(path).encode("utf-8")
