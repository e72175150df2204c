"""Accepted findings: a reviewed TOML file says which, why, who answers for it and until when.

[[waiver]]
rule = "tls/protocol"                  # the id of one rule
place = "mail.example.org:25"          # path or endpoint; * stands for any text
reason = "old controllers until the site visit"
owner = "j.doe"
expires = 2027-01-31                   # the last day on which it holds
evidence = "TLSv1.0"                   # optional: only where this is what was seen; * as above
row = "assignment/3f2a9c01"            # optional: only where this row found or decided a credential

Or, as `harden waive` writes it, by fingerprint instead of rule and place:

[[waiver]]
fingerprint = "0123456789abcdef0123456789abcdef"
reason = "..."
owner = "..."
expires = 2027-01-31
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from hardening.findings import (
    Acceptance,
    Examined,
    Finding,
    Result,
    Rule,
    Run,
    Severity,
    Subject,
    Verdict,
    in_file,
)
from hardening.toml_rows import Table

EXPIRED = Rule(
    id="waiver/expired",
    title="A waiver has expired",
    severity=Severity.LOW,
    rationale="An accepted risk is accepted until a day its owner chose; after it the finding counts again.",
    remedy="Fix what was waived, or have the owner review it and set a new last day.",
)
UNUSED = Rule(
    id="waiver/unused",
    title="A waiver matched nothing",
    severity=Severity.INFO,
    rationale="A waiver nobody needs would silently accept the same finding if it came back.",
    remedy="Remove the waiver, or correct its rule or place.",
)


def rules() -> tuple[Rule, ...]:
    """Return every rule this module can say."""
    return (EXPIRED, UNUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One row of the file."""

    rule: str
    place: str
    reason: str
    owner: str
    expires: date
    source: str
    """The file it stands in."""
    evidence: str = "*"
    row: str = "*"
    """The id of a row that found or decided a credential; `*` as above."""
    fingerprint: str = ""
    """Of either generation; rule and place are empty then."""

    def matches(self, finding: Finding) -> bool:
        """Whether rule, place and evidence are the finding's; only `*` is special, so `[::1]:443` is itself."""
        if self.fingerprint:
            return self.fingerprint in finding.fingerprints.values()
        return (
            self.rule == finding.rule.id
            and fits(self.place, finding.where)
            and fits(self.evidence, finding.evidence)
            and (self.row == "*" or any(fits(self.row, one) for one in (*finding.matched, *finding.because)))
        )

    @property
    def about(self) -> str:
        """What it is about, in words."""
        return f"fingerprint {self.fingerprint}" if self.fingerprint else f"{self.rule} at {self.place}"


def fits(pattern: str, text: str) -> bool:
    """Whether a text is the pattern, in which `*` stands for any text."""
    parts = (re.escape(part) for part in re.split(r"\*+", pattern))
    return bool(re.fullmatch(".*".join(parts), text, re.DOTALL))


def load(path: Path) -> tuple[Waiver, ...]:
    """Read a waiver file. Errors: InputError (absent), DataError (naming file and key)."""
    table = Table.load(path)
    waivers = tuple(_waiver(row) for row in table.rows("waiver"))
    table.done()
    return waivers


_PRINT = re.compile(r"[0-9a-f]{32}")


def _waiver(row: Table) -> Waiver:
    words = {"rule": "", "place": ""}
    name = row.text("fingerprint", "")
    if name and not _PRINT.fullmatch(name):
        raise row.wrong("fingerprint", "is not 32 hexadecimal digits", "harden waive --help")
    for key in ("reason", "owner") if name else ("rule", "place", "reason", "owner"):
        words[key] = row.text(key)
        if not words[key].strip():
            raise row.wrong(key, "is empty", "an auditor asks for each of rule, place, reason and owner")
    waiver = Waiver(
        **words, expires=row.day("expires"), source=row.source, fingerprint=name,
        evidence="*" if name else row.text("evidence", "*"), row="*" if name else row.text("row", "*"),
    )  # fmt: skip
    row.done()
    return waiver


def apply(run: Run, waivers: Sequence[Waiver], *, today: date) -> Run:
    """Return the run with accepted findings marked, and with what is wrong with the waivers said."""
    valid = sorted((w for w in waivers if w.expires >= today), key=lambda w: w.expires, reverse=True)
    matches = {finding: [w for w in valid if w.matches(finding)] for finding in run.findings}
    findings = tuple(
        replace(finding, waived=_acceptance(found[0])) if found else finding
        for finding, found in matches.items()
    )
    used = {waiver for found in matches.values() for waiver in found}
    grouped: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        for subject in (finding.subject, *finding.also):
            grouped[subject].append(finding)
    accepted = {one.id: one.reason for one in run.subjects if _all_accepted(one, grouped[one.id])}
    subjects = tuple(_seen(one, grouped[one.id]) if one.id in accepted else one for one in run.subjects)
    return Run.of(
        subjects,
        (*findings, *_remarks(findings, waivers, used, today)),
        tuple(
            _waived(result, grouped[result.subject], accepted.get(result.subject, ""))
            for result in run.results
        ),
        started=run.started,
        finished=run.finished,
        extra_codes=run.extra_codes,
        changes=run.changes,
        sources=run.sources,
    )


def _acceptance(waiver: Waiver) -> Acceptance:
    return Acceptance(reason=waiver.reason, owner=waiver.owner, expires=waiver.expires)


def _all_accepted(subject: Subject, findings: Sequence[Finding]) -> bool:
    """Return whether each region of a subject that was not examined is waived."""
    regions = [one for one in findings if one.rule.unseen]
    return (
        subject.examined is Examined.PARTIAL
        and bool(regions)
        and all(one.waived is not None for one in regions)
    )


def _seen(subject: Subject, findings: Sequence[Finding]) -> Subject:
    """Return a subject whose regions that were not examined are accepted; the findings still list them."""
    count = sum(one.rule.unseen for one in findings)
    regions = f"{count} regions were" if count > 1 else "1 region was"
    reason = f"{regions} not examined, which a waiver accepts; first reason: {subject.reason}"
    return replace(subject, examined=Examined.FULL, reason=reason)


def _waived(result: Result, findings: Sequence[Finding], accepted: str) -> Result:
    """A failed result is waived when every finding behind it is; `accepted` is why a subject was not examined in full."""
    if accepted and result.verdict is Verdict.INCONCLUSIVE and result.reason == accepted:
        return replace(result, verdict=Verdict.WAIVED)
    if result.verdict is not Verdict.FAIL:
        return result
    behind = [f for f in findings if result.rests_on(f)]
    held = [f.waived for f in behind if f.waived is not None]
    if not held or len(held) < len(behind):
        return result
    return replace(result, verdict=Verdict.WAIVED, reason=held[0].reason)


def _remarks(
    findings: Sequence[Finding], waivers: Sequence[Waiver], used: set[Waiver], today: date
) -> Iterator[Finding]:
    for waiver in waivers:
        about = f"the waiver of {waiver.about} ({waiver.owner})"
        rule, message = UNUSED, f"{about} matched nothing in this run"
        if waiver.expires < today:
            again = sum(finding.counts and waiver.matches(finding) for finding in findings)
            effect = f"{again} findings count again" if again > 1 else "one finding counts again"
            rule, message = EXPIRED, f"{about} ended on {waiver.expires.isoformat()}"
            message += f"; {effect}" if again else ""
        elif waiver in used:
            continue
        yield Finding(
            rule=rule,
            subject=waiver.source,
            location=in_file(waiver.source),
            message=message,
            evidence=waiver.about if waiver.fingerprint else f"rule = {waiver.rule}, place = {waiver.place}",
        )
