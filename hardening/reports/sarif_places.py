"""Where a finding is, in SARIF's words: the file of the checkout, and the place inside it as a logical location."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from hardening.findings import Finding, InFile
from hardening.reports.places import checkout_file, inside, line
from hardening.reports.plain import valid, visible

ROOT = "%SRCROOT%"
"""The checkout, as code scanning calls it."""


class Artifacts:
    """The table of the outermost files."""

    def __init__(self, lines: Mapping[tuple[str, int], str]) -> None:
        self._lines = lines
        self.rows: list[dict[str, Any]] = []
        self._index: dict[str, int] = {}

    def index(self, file: str) -> int:
        """Return the row of a file, made on first sight."""
        if file not in self._index:
            self._index[file] = len(self.rows)
            self.rows.append({"location": address(file)})
        return self._index[file]

    def location(self, finding: Finding) -> dict[str, Any]:
        """Return a SARIF location: the outermost file, and the whole path as a logical location."""
        where = finding.location
        logical = {"fullyQualifiedName": visible(finding.where)}
        if not isinstance(where, InFile):
            # GitHub wants a file for every result; an endpoint, percent-encoded, is the closest thing.
            endpoint: dict[str, Any] = {"uri": quote(visible(where.endpoint), safe="-._~") or "."}
            return {
                "physicalLocation": {"artifactLocation": endpoint, "region": {"startLine": 1}},
                "logicalLocations": [logical | {"kind": "resource"}],
            }
        at = self.index(checkout_file(finding))
        region: dict[str, Any] = {"startLine": line(finding)}
        if len(where.parts) == 1 and where.line is not None and where.column is not None:
            region["startColumn"] = where.column
        text = self._lines.get((where.path, where.line or 0))
        if text and len(where.parts) == 1:
            region["snippet"] = {"text": visible(text)}
        named = {"name": inside(finding)} if inside(finding) else {}
        return {
            "physicalLocation": {
                "artifactLocation": self.rows[at]["location"] | {"index": at},
                "region": region,
            },
            "logicalLocations": [named | logical | {"kind": "module"}],
        }


def address(path: str) -> dict[str, Any]:
    """Return a path as an artifact's location: relative to the checkout, or a file: address for what is outside of it."""
    quoted = quote(_bytes(path), safe="/-._~")  # as code scanning names files
    if quoted.startswith("/"):
        return {"uri": f"file://{quoted}"}
    return {"uri": quoted or "."} if path.startswith("../") else {"uri": quoted or ".", "uriBaseId": ROOT}


def _bytes(path: str) -> bytes:
    """The file name's own bytes; what cannot have come from a file system is shown escaped."""
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return valid(path).encode("utf-8")
