"""What belongs to each subject of a run, looked up once, and how places and several names of one thing are told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from hardening.findings import Finding, InFile, Location, Result, Run
from hardening.reports.plain import visible


class Index:
    """What belongs to each subject, looked up once: a fleet has thousands of them."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.known = {subject.id for subject in run.subjects}
        self.same = same_as(run)
        self.lines = run.source_lines()
        self.findings: dict[str, list[Finding]] = defaultdict(list)
        self.shared: dict[str, list[Finding]] = defaultdict(list)
        """Findings that stand with another subject."""
        self.results: dict[str, list[Result]] = defaultdict(list)
        for finding in run.findings:
            self.findings[finding.subject].append(finding)
            for name in finding.also:
                self.shared[name].append(finding)
        for result in run.results:
            self.results[result.subject].append(result)


def same_as(run: Run) -> dict[str, list[str]]:
    """Return, for each subject that has any, its other names and ports, in their order."""
    known = {subject.id for subject in run.subjects}
    found: dict[str, list[str]] = {}
    for one in run.subjects:
        if one.same_as in known:
            found.setdefault(one.same_as, []).append(one.id)
    return found


def few(names: Sequence[str], limit: int = 5) -> str:
    """Return the first names and how many more there are."""
    rest = len(names) - limit
    return ", ".join(visible(name) for name in names[:limit]) + (f" and {rest} more" if rest > 0 else "")


_LINES = 8
"""Further lines of one cause that are told."""


def spot(where: Location) -> str:
    """Return one place, with line and column, as editors understand it."""
    if not isinstance(where, InFile):
        return where.endpoint
    return ":".join([where.path, *(str(n) for n in (where.line, where.column) if n is not None)])


def place(finding: Finding) -> str:
    """Return where a finding is, and the further lines of its cause."""
    own = spot(finding.location)
    lines = list(dict.fromkeys(str(one.line) for one in finding.further))
    return f"{own} and {'lines' if len(lines) > 1 else 'line'} {few(lines, _LINES)}" if lines else own
