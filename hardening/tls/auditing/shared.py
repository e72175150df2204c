"""What an audit found, and how it is told when many names and hosts share it: once, naming all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, replace

from hardening.findings import Finding, Result, SourceFile, Subject
from hardening.records import dataclass
from hardening.tls import clients
from hardening.tls.judging import rules
from hardening.tls.offer import Offer

_OF_THE_WHOLE = frozenset({rules.UNVERIFIED.id, clients.LOCKED_OUT.id})
"""Rules about a server as a whole: their place is only where it begins."""


@dataclass(slots=True)
class Audited:
    """What came of one or several paths."""

    subjects: list[Subject]
    findings: list[Finding]
    results: list[Result]
    sources: list[SourceFile] = field(default_factory=list)
    """The lines and changes of files that do not lie on disk."""

    def add(self, other: Audited) -> None:
        """Take in what came of another path."""
        self.subjects += other.subjects
        self.findings += other.findings
        self.results += other.results
        self.sources += other.sources


def every_name(offer: Offer, found: Audited) -> Audited:
    """Return what was found of a server for each of its names and ports: subjects and results for all, findings once."""
    if not offer.also:
        return found
    (first,) = found.subjects
    return Audited(
        [first, *(replace(first, id=name, same_as=first.id) for name in offer.also)],
        [replace(one, also=offer.also) for one in found.findings],
        [*found.results, *(replace(r, subject=name) for name in offer.also for r in found.results)],
    )


def brought_together(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings of one line, or of the servers as a whole, that several servers share as one each."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for one in findings:
        place = None if one.rule.id in _OF_THE_WHOLE else one.location
        key = (
            one.rule.id,
            place,
            one.message,
            one.evidence,
            one.level,
            one.advice,
            one.policies,
            one.confidence,
        )
        groups.setdefault(key, []).append(one)
    return [_one(group) for group in groups.values()]


def _one(group: list[Finding]) -> Finding:
    first, *others = group
    if not others:
        return first
    also = dict.fromkeys(name for f in group for name in (f.subject, *f.also) if name != first.subject)
    return replace(first, also=tuple(also))
