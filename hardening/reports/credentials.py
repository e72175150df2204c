"""Findings about one value, told together: one password in forty places is one thing to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hardening.findings import Finding, Run
from hardening.records import dataclass
from hardening.reports.index import few, place
from hardening.reports.plain import visible

_MARGIN = " " * 12
PLACES = 3
"""How many are told of one value where not all are asked for."""
TITLE = "Credentials in several places, each to be changed once"


def credential(finding: Finding) -> str:
    """Return the number of a finding's credential, and in how many places it is."""
    where = "this place only" if finding.places == 1 else f"{finding.places} places"
    return f"credential #{finding.credential}, in {where}"


@dataclass(frozen=True, slots=True)
class Repeated:
    """One value in several places."""

    number: int
    findings: Sequence[Finding]
    """In the order of the report."""

    @property
    def head(self) -> str:
        """Which it is, and how often it is there."""
        return f"#{self.number}, {self.findings[0].places} places"

    @property
    def gravest(self) -> Finding:
        """The finding that says the most of it."""
        return max(self.findings, key=lambda f: f.level)

    @property
    def owners(self) -> list[str]:
        """Whom it lets in, and where, those first whose names are known: each of them has to be given another one."""
        known = sorted((f for f in self.findings if f.owner), key=lambda f: not f.account)
        return list(dict.fromkeys(f.owner for f in known))

    @property
    def places(self) -> list[str]:
        """Where it is, with line and column."""
        return list(dict.fromkeys(place(f) for f in self.findings))


def repeated(run: Run) -> list[Repeated]:
    """Return the values that are in several places, the commonest first."""
    groups: dict[int, list[Finding]] = {}
    for finding in run.findings:
        if finding.places > 1:
            groups.setdefault(finding.credential, []).append(finding)
    several = [Repeated(number, findings) for number, findings in groups.items()]
    return sorted(several, key=lambda one: (-len(one.findings), one.number))


def at(places: Sequence[str], limit: int) -> Iterator[str]:
    """Yield the lines of a paragraph that say where something is, `limit` places at most."""
    for number, where in enumerate(places[:limit]):
        yield f"{_MARGIN}{' ' * 8 if number else 'at      '}{visible(where)}"
    if len(places) > limit:
        yield f"{_MARGIN}        and {len(places) - limit} more; -v lists each"


def credential_lines(run: Run, paint: Callable[[str, str], str], *, whole: bool) -> Iterator[str]:
    """Say at a terminal which values are in several places; `whole` tells each place."""
    several = repeated(run)
    if not several:
        return
    yield paint(TITLE, "1")
    for one in several:
        owners = few(one.owners, len(one.owners)) or visible(one.gravest.message)
        yield f"  {one.head}: {owners}"
        yield from at(one.places, len(one.places) if whole else PLACES)
    yield ""
