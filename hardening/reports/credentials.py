"""Findings about one value, told together: one password in forty places is one thing to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hardening.findings import Finding, Run
from hardening.reports.plain import visible


def credential(finding: Finding) -> str:
    """Return the number of a finding's credential, and in how many places it is."""
    where = "this place alone" if finding.places == 1 else f"{finding.places} places"
    return f"credential #{finding.credential}, in {where}"


def repeated(run: Run, paint: Callable[[str, str], str]) -> Iterator[str]:
    """Say which values are in several places, the commonest first."""
    groups: dict[int, list[Finding]] = {}
    for finding in run.findings:
        if finding.places > 1:
            groups.setdefault(finding.credential, []).append(finding)
    if not groups:
        return
    yield paint("Credentials in several places, each to be changed once", "1")
    for number, findings in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        first = max(findings, key=lambda f: f.level)
        yield f"  #{number}, {len(findings)} places: {visible(first.message)}"
        yield f"    the first is {visible(first.where)}"
    yield ""
