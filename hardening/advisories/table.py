"""The advisories of a product's pack, and what CSAF files add to them in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from hardening import inputs
from hardening.errors import DataError, InputError
from hardening.findings import Severity
from hardening.products import Pack, ProductAdvisory
from hardening.products.pack import Mark
from hardening.products.releases import ReleaseRange, ordered

LARGEST = 32 << 20
"""Bytes of one CSAF file."""
_VERSION = re.compile(r"(<=|<)?\s*[vV]?(\d+(?:\.\d+)+(?:-s\d+)?)\s*(and (?:prior|earlier|below))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisoryTable:
    """Advisories with the day on which they were read."""

    advisories: tuple[ProductAdvisory, ...]
    as_of: date
    origin: str
    folder: str = ""
    """Where CSAF files were read."""
    files: tuple[str, ...] = ()
    newest: date | None = None
    """The day of the newest CSAF document."""

    def age(self, today: date) -> int:
        """Return the days since the table, or the newest CSAF document, was current."""
        return max(0, (today - max(self.as_of, self.newest or self.as_of)).days)

    def words(self, today: date) -> str:
        """Return what the table is and how old it is."""
        count = len(self.advisories)
        text = f"{count} advisories as of {self.as_of}, {(today - self.as_of).days} days old"
        if self.newest:
            files = f"{len(self.files)} CSAF {'files' if len(self.files) > 1 else 'file'}"
            text += f"; {files} of {self.folder}, the newest of {self.newest}"
        return text


def of_pack(pack: Pack) -> AdvisoryTable:
    """Return the table that a pack ships. Errors: InputError where it has none."""
    if not pack.advisories or pack.advisories_as_of is None:
        raise InputError(f"product {pack.name} has no advisories", hint="name CSAF files with --csaf DIR")
    return AdvisoryTable(
        advisories=pack.advisories, as_of=pack.advisories_as_of, origin=pack.advisories_origin
    )


def with_csaf(table: AdvisoryTable, pack: Pack, folder: Path) -> AdvisoryTable:
    """Return the table with what the CSAF files of a folder say about this product; nothing is written.

    A later document sets the fixed release of a known CVE and may widen its range; an unknown CVE becomes a row.
    Errors: InputError (no such folder, no CSAF file in it), DataError (naming the file).
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: not a folder", hint="name a folder with CSAF files (*.json)")
    rows = {one.id: one for one in table.advisories}
    files: list[str] = []
    newest: date | None = None
    for path in sorted(folder.rglob("*.json")):
        body = _read(path)
        if body is None:
            continue
        files.append(path.name)
        document = _Document(path, body, pack)
        newest = document.day if newest is None else max(newest, document.day)
        for cve, vulnerability in document.vulnerabilities():
            known = [one for one in rows.values() if cve in one.cve]
            rows |= {one.id: _changed(one, document, vulnerability) for one in known}
            new = None if known else document.row(cve, vulnerability)
            if new is not None:
                rows[cve] = new
    if not files:
        raise InputError(f"{folder}: no CSAF file", hint="name a folder with CSAF 2.0 documents (*.json)")
    return replace(
        table, advisories=tuple(rows.values()), folder=str(folder), files=tuple(files), newest=newest
    )


def _read(path: Path) -> Mapping[str, Any] | None:
    """Return a CSAF document; None for other JSON."""
    try:
        body = json.loads(inputs.read(path, LARGEST))
    except OSError as problem:
        raise InputError(f"{path}: {problem.strerror or problem}", hint="check its permissions") from problem
    except (ValueError, RecursionError) as problem:
        raise DataError(f"{path}: not JSON: {problem}", hint="remove it from the folder") from problem
    document = body.get("document") if isinstance(body, dict) else None
    return body if isinstance(document, dict) and "csaf_version" in document else None


class _Document:
    """One CSAF document, as far as it is about the product."""

    def __init__(self, path: Path, body: Mapping[str, Any], pack: Pack) -> None:
        tracking = _table(body["document"], "tracking")
        try:
            self.day = date.fromisoformat(str(tracking.get("current_release_date", ""))[:10])
        except ValueError as problem:
            raise DataError(f"{path}: document.tracking.current_release_date is not a date") from problem
        self.source = f"CSAF {tracking.get('id') or path.name} ({path.name})"
        self._body = body
        self._words = tuple(re.split(r"[ -]", part)[0].lower() for part in pack.parts)
        self._vendor = pack.vendor.lower()
        self._versions = dict(self._products(_table(body, "product_tree").get("branches"), ()))

    def _products(self, branches: Any, above: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Yield id and version of the product's releases."""
        for branch in branches if isinstance(branches, list) else ():
            if not isinstance(branch, dict) or len(above) > 20:  # noqa: PLR2004 - CSAF says 30; no document has ten
                continue
            names = (*above, str(branch.get("name", "")))
            product = branch.get("product")
            text = " ".join(names).lower()
            if isinstance(product, dict) and self._vendor in text and any(w in text for w in self._words):
                yield str(product.get("product_id")), names[-1]
            yield from self._products(branch.get("branches"), names)

    def vulnerabilities(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield those that name one of the product's releases."""
        for one in self._body.get("vulnerabilities") or ():
            if isinstance(one, dict) and isinstance(one.get("cve"), str) and any(self._named(one)):
                yield one["cve"], one

    def _named(self, vulnerability: Mapping[str, Any]) -> Iterator[str]:
        for status in _table(vulnerability, "product_status").values():
            for name in status if isinstance(status, list) else ():
                if name in self._versions:
                    yield self._versions[name]

    def _status(self, vulnerability: Mapping[str, Any], *words: str) -> Iterator[str]:
        status = _table(vulnerability, "product_status")
        for word in words:
            for name in status.get(word) or ():
                if name in self._versions:
                    yield self._versions[name]

    def affected(self, vulnerability: Mapping[str, Any]) -> ReleaseRange | None:
        """Return the widest range of affected releases."""
        found: list[tuple[tuple[int, ...], ReleaseRange]] = []
        for text in self._status(vulnerability, "known_affected", "last_affected", "first_affected"):
            match = _VERSION.search(text.removeprefix("vers:"))
            if match and (release := ordered(match[2])):
                sign = match[1] or ("<=" if match[3] else "=")
                found.append((release, ReleaseRange(sign, match[2])))
        return max(found, key=lambda one: (one[0], one[1].sign != "="))[1] if found else None

    def fixed_in(self, vulnerability: Mapping[str, Any]) -> str:
        """Return the earliest release that the document lists as fixed; a remedy's sentence is not read."""
        found = []
        for text in self._status(vulnerability, "first_fixed", "fixed"):
            match = _VERSION.search(text)
            if match and not match[1] and (release := ordered(match[2])):
                found.append((release, match[2]))
        return min(found)[1] if found else ""

    def row(self, cve: str, vulnerability: Mapping[str, Any]) -> ProductAdvisory | None:
        """Return a new row; None where the document names no range."""
        affected = self.affected(vulnerability)
        if affected is None:
            return None
        fixed = self.fixed_in(vulnerability)
        severity, vector = _rating(vulnerability.get("scores"))
        return ProductAdvisory(
            id=cve, cve=(cve,), title=str(vulnerability.get("title") or cve), severity=severity, category="unknown",
            login="local" if "/AV:L" in vector else "none" if "/PR:N" in vector else "user", part="server",
            affected=affected, fixed_in=fixed, fixed_source=self.source if fixed else "", helps=("upgrade",),
            remedy=f"Upgrade to {fixed} or later." if fixed else f"Follow {self.source}.",
            source=self.source, date=self.day, mark=Mark.PUBLISHED,
        )  # fmt: skip


def _changed(row: ProductAdvisory, document: _Document, vulnerability: Mapping[str, Any]) -> ProductAdvisory:
    """Return a row with what a document adds to it."""
    fixed, affected = document.fixed_in(vulnerability), document.affected(vulnerability)
    if fixed and (not row.fixed_in or document.day > row.date):
        row = replace(
            row,
            fixed_in=fixed,
            fixed_source=document.source,
            remedy=f"Upgrade to {fixed} or later. {row.remedy}",
        )
    wide, new = ordered(row.affected.bound), ordered(affected.bound) if affected else None
    if (
        affected is not None
        and wide is not None
        and new is not None
        and new > wide
        and row.affected.sign != "="
    ):
        row = replace(row, affected=affected, source=f"{row.source}; {document.source}")
    return row


def _rating(scores: Any) -> tuple[Severity, str]:
    """Return severity and vector of the first CVSS score; medium if the record has no score."""
    for score in scores if isinstance(scores, Sequence) else ():
        for key in ("cvss_v4", "cvss_v3"):
            rating = score.get(key) if isinstance(score, dict) else None
            if isinstance(rating, dict):
                word = str(rating.get("baseSeverity", "")).upper()
                known = {"NONE": "INFO", **{one.name: one.name for one in Severity}}
                if word in known:
                    return Severity[known[word]], str(rating.get("vectorString", ""))
    return Severity.MEDIUM, ""


def _table(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = raw.get(key)
    return found if isinstance(found, dict) else {}
