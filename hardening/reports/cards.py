"""Findings that say the same thing as one card with a list of places, and requirements in the standard's own order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hardening.findings import Finding, Result, Rule, Run, Severity, Verdict


@dataclass(frozen=True, slots=True)
class Card:
    """One message, and every finding that carries it."""

    rule: Rule
    level: Severity
    state: str
    """Why it does not count: `waived`, `known` or the filter; empty where it counts."""
    message: str
    findings: list[Finding]

    @property
    def first(self) -> Finding:
        """The first finding, which stands for what all of them share."""
        return self.findings[0]

    @property
    def subjects(self) -> int:
        """How many subjects it concerns."""
        return len({name for f in self.findings for name in (f.subject, *f.also)})


def state(finding: Finding) -> str:
    """Return why a finding does not count, or an empty string."""
    if finding.waived is not None:
        return "waived"
    return "known" if finding.known else finding.left_out


def cards(run: Run) -> list[Card]:
    """Return the findings of one message as one card: first what counts, the worst, the most frequent."""
    found: dict[tuple[object, ...], Card] = {}
    for one in run.findings:
        key = (state(one), one.level, one.rule.id, one.rule.title, one.message)
        if key not in found:
            found[key] = Card(one.rule, one.level, state(one), one.message, [])
        found[key].findings.append(one)
    return sorted(
        found.values(), key=lambda c: (bool(c.state), -c.level, -len(c.findings), c.rule.id, c.message)
    )


ORDER = (
    "fail",
    "error",
    "inconclusive",
    "pending",
    "manual",
    "skipped",
    "advice",
    "waived",
    "not-applicable",
    "pass",
)
"""Words for results, worst first."""
SIGNS = {
    "fail": "✕", "error": "!", "inconclusive": "?", "pending": "…", "manual": "✎", "skipped": "-", "advice": "i",
    "waived": "w", "not-applicable": "·", "pass": "✓",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Requirement:
    """One rule of a standard, or one check, and what it says about each subject."""

    rule: Rule
    results: list[Result]

    @property
    def number(self) -> str:
        """The last part of the rule's id, which begins with the section of the standard."""
        return self.rule.id.rpartition("/")[2]

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How many subjects have each verdict, the worst first."""
        tally = Counter(one.verdict.value for one in self.results)
        return [(word, tally[word]) for word in ORDER if tally[word]]

    @property
    def worst(self) -> str:
        """The worst of its verdicts."""
        return self.counts[0][0]

    def names(self, verdict: str) -> list[str]:
        """Return the subjects that have a verdict."""
        return [one.subject for one in self.results if one.verdict.value == verdict]

    @property
    def is_manual(self) -> bool:
        """Whether a person has to look at one subject at least, whatever the verdict is on the others."""
        return any(one.verdict is Verdict.MANUAL for one in self.results)

    @property
    def reasons(self) -> list[tuple[str, str, list[str]]]:
        """Verdict and reason with the subjects that have them, the worst first."""
        found: dict[tuple[str, str], list[str]] = {}
        for one in self.results:
            found.setdefault((one.verdict.value, one.reason), []).append(one.subject)
        order = sorted(found.items(), key=lambda row: (ORDER.index(row[0][0]), -len(row[1]), row[0][1]))
        return [(word, reason, names) for (word, reason), names in order]


@dataclass(frozen=True, slots=True)
class Standard:
    """A policy, or all checks of no policy, with its requirements."""

    name: str
    is_policy: bool
    requirements: list[Requirement]

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How many requirements have each verdict as their worst."""
        tally = Counter(one.worst for one in self.requirements)
        return [(word, tally[word]) for word in ORDER if tally[word]]

    @property
    def matrix(self) -> Mapping[str, Mapping[str, Result]]:
        """Per subject and rule, the result."""
        found: dict[str, dict[str, Result]] = {}
        for one in self.requirements:
            for result in one.results:
                found.setdefault(result.subject, {})[one.rule.id] = result
        worst = {name: min(ORDER.index(r.verdict.value) for r in own.values()) for name, own in found.items()}
        return dict(sorted(found.items(), key=lambda row: (worst[row[0]], -_failed(row[1].values()), row[0])))


def _failed(results: Iterable[Result]) -> int:
    return sum(one.verdict is Verdict.FAIL for one in results)


CHECKS = "checks"
"""What the rules are called together that belong to no policy."""
_NUMBER = re.compile(r"(\d+)")
_YEAR = 1000


def natural(rule: str) -> tuple[object, ...]:
    """Return what sorts rule ids as the standard does: 4.2 before 12.3, what has no section last."""
    number = rule.rpartition("/")[2]
    parts = _NUMBER.split(number)
    numbered = number[:1].isdigit() and int(parts[1]) < _YEAR
    return (not numbered, *((int(part), "") if at % 2 else (0, part) for at, part in enumerate(parts)))


def standards(run: Run) -> list[Standard]:
    """Return policies first, then all other checks, each with its requirements in the standard's order."""
    policies = {name for subject in run.subjects for name in subject.policies}
    known = {subject.id for subject in run.subjects}
    names = {subject.id for subject in run.subjects if subject.same_as in known}  # of a server that is a row
    rules: dict[str, Requirement] = {}
    for result in run.results:
        if result.subject in names:
            continue
        rules.setdefault(result.rule.id, Requirement(result.rule, [])).results.append(result)
    families: dict[str, list[Requirement]] = {}
    for one in rules.values():
        middle = one.rule.id.split("/")[1:-1]
        name = middle[0] if middle and middle[0] in policies else CHECKS
        families.setdefault(name, []).append(one)
    return [
        Standard(name, name in policies, sorted(own, key=lambda r: natural(r.rule.id)))
        for name, own in sorted(families.items(), key=lambda row: (row[0] not in policies, row[0]))
    ]


@dataclass(frozen=True, slots=True, order=True)
class Expiry:
    """Something that ends on a day: a certificate, a waiver."""

    day: str
    what: str
    subject: str


def expiries(run: Run) -> list[Expiry]:
    """Return what ends, the next first, each once."""
    found = set()
    for subject in run.subjects:
        for one in (subject.offer or {}).get("certificates", []):
            if one.get("not_after"):
                found.add(
                    Expiry(str(one["not_after"])[:10], f"certificate {one.get('subject', '')}", subject.id)
                )
        for what, day in subject.stats.get("ends", {}).items():
            found.add(Expiry(str(day)[:10], str(what), subject.id))
    for finding in run.findings:
        waived = finding.waived
        if waived is not None and waived.expires is not None:
            found.add(
                Expiry(
                    waived.expires.isoformat(),
                    f"waiver of {finding.rule.id} ({waived.owner})",
                    finding.subject,
                )
            )
    return sorted(found)
