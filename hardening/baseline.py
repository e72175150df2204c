"""A JSON report of an earlier run as the baseline: what it has already is known and does not count."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hardening import inputs
from hardening.errors import DataError, InputError
from hardening.findings import NESTING, Finding, InFile, Run

_SCHEMA = "harden-report/1"
_LARGEST = 256 << 20
"""Bytes of a report: some 200,000 findings."""
_HINT = "give a report that was written with --format json or --report json=FILE"


_VERSION = re.compile(r"\d+(?:[._+~-]\d+)*")
"""A release in the name of an archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingPrint:
    """What a finding is recognised by in another report."""

    names: frozenset[str]
    """Fingerprints of both generations; a report of before the second one has the first alone."""
    secret: str
    """The HMAC of its secret, empty where there is none."""
    places: int = 1
    apart: frozenset[str] = frozenset()
    """The fingerprints of its last place, as a report of before places of one cause were one finding has them."""
    what: tuple[str, str] = ("", "")
    """Rule and evidence."""
    chain: tuple[str, ...] = ()
    """The archives inside the outermost one without their releases, then the path in the innermost; empty for what is in none."""

    def is_same(self, old: FindingPrint) -> bool:
        """Whether the secret is the one of another report, as far as both have it."""
        return not old.secret or not self.secret or old.secret == self.secret


def of_finding(finding: Finding) -> FindingPrint:
    """Return what a finding is recognised by."""
    more = len(finding.further)
    last = replace(finding, ordinal=finding.ordinal + more, inner_ordinal=finding.inner_ordinal + more)
    return FindingPrint(
        names=frozenset(finding.fingerprints.values()),
        secret=finding.secret_hmac,
        places=1 + more,
        apart=frozenset(last.fingerprints.values()) if more else frozenset(),
        what=(finding.rule.id, finding.evidence),
        chain=_chain(finding.location.parts) if isinstance(finding.location, InFile) else (),
    )


def _chain(parts: Sequence[str]) -> tuple[str, ...]:
    return (*(_VERSION.sub("#", one) for one in parts[1:-1]), parts[-1]) if len(parts) > 1 else ()


def compare(old: Sequence[FindingPrint], new: Sequence[FindingPrint]) -> tuple[list[bool], list[bool]]:
    """Return which of `new` are known from `old`, and which of `old` are gone.

    What has no equal fingerprint is known where an old finding that is gone has its rule, evidence and path, in archives whose names differ
    in their release alone, or in one archive more or less around them. Each old finding stands for one such finding.
    """
    named: dict[str, list[FindingPrint]] = {}
    for one in old:
        for name in one.names:
            named.setdefault(name, []).append(one)
    known = [_is_named(one, named) for one in new]
    now = {name for one in new for name in one.names}
    gone = [now.isdisjoint(one.names) for one in old]
    moved: dict[tuple[object, ...], list[int]] = {}
    for number, one in enumerate(old):
        if gone[number] and one.chain:
            for chain in (one.chain, one.chain[1:]):
                moved.setdefault((one.what, chain), []).append(number)
    for number, one in enumerate(new):
        for chain in (one.chain, one.chain[1:]) if one.chain and not known[number] else ():
            found = [
                at
                for at in moved.get((one.what, chain), ())
                if chain and gone[at] and _near(one, chain, old[at])
            ]
            if found:
                known[number], gone[found[0]] = True, False
                break
    return known, gone


def _is_named(one: FindingPrint, named: Mapping[str, list[FindingPrint]]) -> bool:
    every = [old for name in one.names for old in named.get(name, ())]
    every = [old for old in every if one.is_same(old)]
    return any(old.places >= one.places for old in every) or bool(every and not one.apart.isdisjoint(named))


def _near(one: FindingPrint, chain: tuple[str, ...], old: FindingPrint) -> bool:
    """Whether a finding by its own chain, or by one archive less than it has, is an old one that has at most one archive more."""
    cut = chain not in (one.chain, old.chain)
    return not cut and old.places >= one.places and one.is_same(old)


def load(path: Path) -> tuple[FindingPrint, ...]:
    """Read a report, or every report in a folder. Errors: InputError (absent, unreadable), DataError (no harden-report/1)."""
    return tuple(_of_row(source, at, one) for source, at, one in rows(path))


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
        if isinstance(problem, IsADirectoryError):
            hint = f"name a report in it, or make one of all of them: harden report merge {path} -o ALL.json --format json"
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
    before, after = list(rows(old)), list(rows(new))
    known, gone = compare([_of_row(*one) for one in before], [_of_row(*one) for one in after])
    return Difference(
        new=tuple(row for (_, _, row), was in zip(after, known, strict=True) if not was),
        known=tuple(row for (_, _, row), was in zip(after, known, strict=True) if was),
        gone=tuple(row for (_, _, row), lost in zip(before, gone, strict=True) if lost),
    )


def _of_row(path: Path, at: int, row: Mapping[str, Any]) -> FindingPrint:
    """Return what a stored finding is recognised by. Errors: DataError."""
    print_, secret, both = row.get("fingerprint"), row.get("secret_hmac", ""), row.get("fingerprints", {})
    if not isinstance(print_, str) or not print_ or not isinstance(secret, str):
        raise DataError(f"{path}: findings[{at}].fingerprint: has to be a string", hint=_HINT)
    if not isinstance(both, dict) or not all(isinstance(one, str) for one in both.values()):
        raise DataError(f"{path}: findings[{at}].fingerprints: has to be a table of strings", hint=_HINT)
    place = row.get("location")
    where = str(place.get("path", "")) if isinstance(place, dict) else ""
    return FindingPrint(
        names=frozenset((print_, *both.values())),
        secret=secret,
        places=_places(row),
        what=(str(row.get("rule", "")), str(row.get("evidence", ""))),
        chain=_chain(where.split(NESTING)),
    )


def apply(run: Run, baseline: Sequence[FindingPrint]) -> Run:
    """Return the run with every finding the baseline has marked as known."""
    known, _ = compare(baseline, [of_finding(one) for one in run.findings])
    marked = (replace(f, known=True) if was else f for f, was in zip(run.findings, known, strict=True))
    return replace(run, findings=tuple(marked))
