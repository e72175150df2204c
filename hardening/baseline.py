"""A JSON report of an earlier run as the baseline: what it has already is known and does not count."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hardening import inputs
from hardening.errors import DataError, InputError
from hardening.findings import Finding, InFile, Run

_SCHEMA = "harden-report/1"
_LARGEST = 256 << 20
"""Bytes of a report: some 200,000 findings."""
_HINT = "give a report that was written with --format json or --report json=FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The fingerprints of an earlier report, each with the HMAC of its secret where it has one."""

    secrets: Mapping[str, str]
    """Of both generations; a report of before the second one has the first alone."""
    places: Mapping[str, int]
    """In how many places each was, where that is more than one."""

    def has(self, finding: Finding, *, wrapped: bool = False) -> bool:
        """Whether the finding was there before; another secret at the same place is a new finding.

        `wrapped`: everything of its subject lies in one archive, which may be what the earlier report is about.
        """
        names = finding.fingerprints
        for name in (names["v2"], names["v1"], finding.unwrapped() if wrapped else ""):
            before = self.secrets.get(name)
            if before is not None and self._all_places(finding, name):
                return not before or not finding.secret_hmac or before == finding.secret_hmac
        return False

    def _all_places(self, finding: Finding, name: str) -> bool:
        """Whether no place was added: to the places of a cause, or to findings of a report of before there were causes."""
        more = len(finding.further)
        if self.places.get(name, 1) > more:
            return True
        last = replace(
            finding, ordinal=finding.ordinal + more, inner_ordinal=finding.inner_ordinal + more
        ).fingerprints
        return not set(last.values()).isdisjoint(self.secrets)


def load(path: Path) -> Baseline:
    """Read a report, or every report in a folder. Errors: InputError (absent, unreadable), DataError (no harden-report/1)."""
    secrets: dict[str, str] = {}
    places: dict[str, int] = {}
    for source, at, one in rows(path):
        names = _row(source, at, one)
        secrets |= names
        if one.get("further"):
            places |= dict.fromkeys(names, _places(one))
    return Baseline(secrets=secrets, places=places)


def _places(row: Mapping[str, Any]) -> int:
    further = row.get("further")
    return 1 + len(further) if isinstance(further, list) else 1


def rows(path: Path) -> Iterator[tuple[Path, int, dict[str, Any]]]:
    """Yield the findings of a report, or of every `*.json` in a folder, with file and number. Errors: as `load`."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path}: no *.json in it", hint=_HINT)
    for file in files:
        for at, one in enumerate(_findings(file)):
            yield file, at, one if isinstance(one, dict) else {}


def document(path: Path) -> dict[str, Any]:
    """Read a stored report. Errors: InputError (absent, unreadable), DataError (no harden-report/1)."""
    try:
        found = json.loads(inputs.read(path, _LARGEST))
    except OSError as problem:
        hint = "check the path and its permissions"
        raise InputError(f"{path}: {problem.strerror or problem}", hint=hint) from problem
    except (ValueError, RecursionError) as problem:
        raise DataError(f"{path}: not JSON: {problem}", hint=_HINT) from problem
    if not isinstance(found, dict) or found.get("schema") != _SCHEMA:
        raise DataError(f"{path}: schema: has to be {_SCHEMA!r}", hint=_HINT)
    return found


def _findings(path: Path) -> list[Any]:
    findings = document(path).get("findings")
    if not isinstance(findings, list):
        raise DataError(f"{path}: findings: has to be a list", hint=_HINT)
    return findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Findings of stored reports, as rows of their JSON: new since the earlier ones, in both, or gone."""

    new: tuple[dict[str, Any], ...]
    known: tuple[dict[str, Any], ...]
    gone: tuple[dict[str, Any], ...]


def difference(old: Path, new: Path) -> Difference:
    """Compare two reports, or two folders of reports. Errors: InputError, DataError."""
    before = [(row, _row(path, at, row)) for path, at, row in rows(old)]
    after = [(row, _row(path, at, row)) for path, at, row in rows(new)]
    then = {name: secret for _, names in before for name, secret in names.items()}
    places = {name: _places(row) for row, names in before for name in names}
    now = {name for _, names in after for name in names}

    def is_known(row: Mapping[str, Any], names: Mapping[str, str]) -> bool:
        return any(
            name in then and places[name] >= _places(row) and (not then[name] or not own or then[name] == own)
            for name, own in names.items()
        )

    return Difference(
        new=tuple(row for row, names in after if not is_known(row, names)),
        known=tuple(row for row, names in after if is_known(row, names)),
        gone=tuple(row for row, names in before if not now & names.keys()),
    )


def _row(path: Path, at: int, row: Mapping[str, Any]) -> dict[str, str]:
    """Return the fingerprints of a finding, each with the HMAC of its secret. Errors: DataError."""
    print_, secret, both = row.get("fingerprint"), row.get("secret_hmac", ""), row.get("fingerprints", {})
    if not isinstance(print_, str) or not print_ or not isinstance(secret, str):
        raise DataError(f"{path}: findings[{at}].fingerprint: has to be a string", hint=_HINT)
    if not isinstance(both, dict) or not all(isinstance(one, str) for one in both.values()):
        raise DataError(f"{path}: findings[{at}].fingerprints: has to be a table of strings", hint=_HINT)
    return dict.fromkeys((print_, *both.values()), secret)


def apply(run: Run, baseline: Baseline) -> Run:
    """Return the run with every finding the baseline has marked as known."""
    wrappers = _wrapped(run)
    marked = (
        replace(f, known=True) if baseline.has(f, wrapped=f.subject in wrappers) else f for f in run.findings
    )
    return replace(run, findings=tuple(marked))


def _wrapped(run: Run) -> frozenset[str]:
    """Return the subjects whose findings all lie in one archive inside the outermost one."""
    inside: dict[str, set[str]] = {}
    for one in run.findings:
        if isinstance(one.location, InFile):
            inside.setdefault(one.subject, set()).add("".join(one.location.parts[1:2]))
    return frozenset(name for name, found in inside.items() if len(found) == 1 and "" not in found)
