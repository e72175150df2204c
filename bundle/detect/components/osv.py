"""Known vulnerabilities out of an OSV export (https://ossf.github.io/osv-schema/), read from a folder, without network.

The folder holds the JSON files of an export, one vulnerability each, or the `all.zip` they came in.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundle.detect.versions import Compare, deb, maven, oldest_first, plain, rpm
from hardening.errors import DataError, InputError
from hardening.findings import Rule, Severity

RULE = Rule(
    id="component/osv",
    title="A version with known vulnerabilities, by the OSV export given with --osv",
    severity=Severity.MEDIUM,
    rationale="The export lists vulnerabilities whose range holds the version that was read.",
    remedy="Replace it with a version that no listed range holds.",
    references=("https://ossf.github.io/osv-schema/",),
)
_TYPES = {
    "npm": "npm",
    "maven": "Maven",
    "composer": "Packagist",
    "deb": "Debian",
    "pypi": "PyPI",
    "rpm": "Red Hat",
}
_COMPARE: Mapping[str, Compare] = {
    "Maven": maven,
    "Debian": deb,
    "Ubuntu": deb,
    "Red Hat": rpm,
    "AlmaLinux": rpm,
}
_SEVERITIES = {
    "LOW": Severity.LOW,
    "MODERATE": Severity.MEDIUM,
    "MEDIUM": Severity.MEDIUM,
    "HIGH": Severity.HIGH,
    "CRITICAL": Severity.CRITICAL,
}
_LARGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class Advisory:
    """One vulnerability of one package: its name (a CVE where it has one), severity, versions and ranges."""

    id: str
    severity: Severity
    versions: frozenset[str]
    ranges: tuple[tuple[tuple[str, str], ...], ...]
    """Per range its events: `introduced`, `fixed`, `last_affected`, each with a version."""


class Osv:
    """The advisories of an export by ecosystem (without its release) and package name."""

    def __init__(self, found: Mapping[tuple[str, str], tuple[Advisory, ...]], digest: str = "") -> None:
        self._found = found
        self.digest = digest
        """SHA-256 of all that was read."""

    @classmethod
    def load(cls, folder: Path) -> Osv:
        """Read an export. Errors: InputError (no folder, nothing in it), DataError naming the file."""
        if not folder.is_dir():
            raise InputError(
                f"{folder}: no such folder", hint="give the folder with an OSV export's JSON files"
            )
        found: dict[tuple[str, str], list[Advisory]] = {}
        read = hashlib.sha256()
        count = 0
        for name, text in _documents(folder):
            count += 1
            read.update(hashlib.sha256(text).digest())
            try:
                for key, advisory in _advisories(json.loads(text)):
                    found.setdefault(key, []).append(advisory)
            except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as problem:
                raise DataError(
                    f"{name}: not an OSV document: {problem}", hint="see https://ossf.github.io/osv-schema/"
                ) from problem
        if not count:
            raise InputError(
                f"{folder}: no OSV document in it", hint="unpack an export's all.zip there, or copy it"
            )
        by_key = {key: tuple(sorted(rows, key=lambda a: a.id)) for key, rows in found.items()}
        return cls(by_key, read.hexdigest())

    def affecting(self, purl: str) -> tuple[Advisory, ...]:
        """Return the advisories that a package URL with a version falls under, by id."""
        kind, _, rest = purl.removeprefix("pkg:").partition("/")
        name, _, version = rest.rpartition("@")
        ecosystem = _TYPES.get(kind, kind)
        if kind == "maven":
            name = name.replace("/", ":")
        compare = _COMPARE.get(ecosystem, plain)
        return tuple(
            a for a in self._found.get((ecosystem, name), ()) if version and _holds(a, version, compare)
        )


def _files(folder: Path) -> Iterator[Path]:
    """Yield every file below. Errors: OSError (a folder may not be looked into: its advisories would be missed in silence)."""

    def failed(problem: OSError) -> None:
        raise problem

    for top, _, names in os.walk(folder, onerror=failed):
        yield from (Path(top, name) for name in names)


def _documents(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(_files(folder)):
        if path.suffix == ".json":
            with path.open("rb") as advisory:
                yield str(path), advisory.read(_LARGEST)
        elif path.suffix == ".zip":
            try:
                with zipfile.ZipFile(path) as packed:
                    for row in packed.infolist():
                        if row.filename.endswith(".json") and row.file_size <= _LARGEST:
                            yield f"{path}!/{row.filename}", packed.read(row)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:
                raise DataError(
                    f"{path}: not a readable zip: {problem}", hint="fetch the export again"
                ) from problem


def _advisories(record: dict[str, Any]) -> Iterator[tuple[tuple[str, str], Advisory]]:
    if record.get("withdrawn"):
        return
    names = [record["id"], *record.get("aliases", [])]
    name = next((n for n in names if n.startswith("CVE-")), names[0])
    general = _severity(record.get("database_specific"))
    for row in record.get("affected", []):
        package = row.get("package") or {}
        if "name" not in package:
            continue
        own = _severity(row.get("database_specific")) or _severity(row.get("ecosystem_specific"))
        ranges = tuple(
            tuple((kind, str(version)) for event in one.get("events", []) for kind, version in event.items())
            for one in row.get("ranges", [])
            if one.get("type") != "GIT"
        )
        key = (package["ecosystem"].split(":", 1)[0], package["name"])
        yield key, Advisory(name, own or general or RULE.severity, frozenset(row.get("versions", [])), ranges)


def _severity(rating: Any) -> Severity | None:
    word = rating.get("severity") if isinstance(rating, dict) else None
    return _SEVERITIES.get(word.upper()) if isinstance(word, str) else None


def _holds(advisory: Advisory, version: str, compare: Compare) -> bool:
    return version in advisory.versions or any(_in(events, version, compare) for events in advisory.ranges)


def _in(events: Iterable[tuple[str, str]], version: str, compare: Compare) -> bool:
    """Walk the events by version, each switching the state for what follows; an export need not sort them."""
    order = oldest_first(lambda a, b: (a != "0") - (b != "0") if "0" in (a, b) else compare(a, b))
    inside = False
    for kind, at in sorted(events, key=lambda event: order(event[1])):
        if kind == "introduced":
            inside = inside or at == "0" or compare(version, at) >= 0
        elif compare(version, at) >= (1 if kind == "last_affected" else 0):
            inside = False
    return inside
