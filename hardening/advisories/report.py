"""Answers to advisories as a `Run`: a result for each, a finding for each that affects the subject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime

from hardening.advisories import rules
from hardening.advisories.judge import AdvisoryAnswer, Status
from hardening.advisories.seen import Seen
from hardening.advisories.table import AdvisoryTable
from hardening.findings import (
    Examined,
    Finding,
    Location,
    OnWire,
    Result,
    Run,
    Severity,
    Subject,
    SubjectKind,
    Verdict,
    in_file,
)

VERDICTS = {
    Status.AFFECTED: Verdict.FAIL,
    Status.FIXED: Verdict.PASS,
    Status.NOT_AFFECTED: Verdict.NOT_APPLICABLE,
    Status.UNDER_INVESTIGATION: Verdict.INCONCLUSIVE,
}
_FEW = 3


def report(
    seen: Seen, found: Sequence[AdvisoryAnswer], table: AdvisoryTable, *, started: datetime, today: date
) -> Run:
    """Return one subject's answers."""
    findings = [_finding(seen, one) for one in found if one.status is Status.AFFECTED]
    results = [
        Result(
            rule=rules.rule(one.advisory),
            subject=seen.subject,
            verdict=VERDICTS[one.status],
            reason=one.because,
        )
        for one in found
    ]
    return Run.of(
        [_subject(seen, found, table.words(today))],
        [*findings, _age(seen, table, today)],
        results,
        started=started,
    )


def _subject(seen: Seen, found: Sequence[AdvisoryAnswer], table: str) -> Subject:
    tally = Counter(one.status for one in found)
    counted = ", ".join(f"{tally[status]} {status.value.replace('_', ' ')}" for status in Status)
    return Subject(
        id=seen.subject,
        kind=seen.kind,
        examined=_examined(seen, tally[Status.UNDER_INVESTIGATION]),
        reason=f"{counted}. {'. '.join(_open(seen))}. The table: {table}",
        stats={"release": seen.release or "unknown", **{one.value: tally[one] for one in Status}},
    )


def _examined(seen: Seen, open_: int) -> Examined:
    if not seen.product:
        return Examined.NONE
    return Examined.PARTIAL if open_ or seen.gaps or not seen.release else Examined.FULL


def _open(seen: Seen) -> Iterator[str]:
    """Yield why not everything is answered."""
    if not seen.product:
        yield "The product was not found: no release file, no page, no folder"
    elif not seen.release:
        yield "The release is not known: state it with --release"
    else:
        yield f"Release {seen.release}"
    yield from seen.notes
    if seen.gaps:
        shown = "; ".join(f"{path}: {why}" for path, why in seen.gaps[:_FEW])
        yield f"Not read: {shown}{f' and {len(seen.gaps) - _FEW} more' if len(seen.gaps) > _FEW else ''}"


def place(seen: Seen, answer: AdvisoryAnswer) -> Location:
    """Return where an answer is shown: its first evidence, else the release file, else the subject."""
    if answer.evidence:
        return answer.evidence[0][1]
    return seen.release_at or in_file(seen.subject)


def _finding(seen: Seen, answer: AdvisoryAnswer) -> Finding:
    one = answer.advisory
    names = ", ".join(one.names)
    helps = "; ".join(one.help)
    return Finding(
        rule=rules.rule(one),
        subject=seen.subject,
        location=place(seen, answer),
        message=f"{names}: {one.title}; {answer.because}{found_words(answer)}",
        evidence=one.id,
        remedy=f"{one.remedy} This toolkit: {helps}." if helps else one.remedy,
    )


def found_words(answer: AdvisoryAnswer) -> str:
    """Return the evidence in words."""
    seen: dict[str, int] = {}
    for evidence, where in answer.evidence:
        text = where.endpoint if isinstance(where, OnWire) else where.path
        seen.setdefault(f"{evidence.kind.value} {text}", 0)
    if not seen:
        return "; no evidence beside the release"
    more = f" and {len(seen) - _FEW} more" if len(seen) > _FEW else ""
    return f"; found {', '.join(list(seen)[:_FEW])}{more}"


def _age(seen: Seen, table: AdvisoryTable, today: date) -> Finding:
    old = table.age(today) > rules.OLD
    return Finding(
        rule=rules.TABLE,
        subject=seen.subject,
        location=in_file("advisories.toml"),
        message=f"The table: {table.words(today)}. Origin: {table.origin}",
        severity=Severity.LOW if old else None,
        evidence=f"as of {max(table.as_of, table.newest or table.as_of)}",
    )


def unreached(subject: str, reason: str) -> Subject:
    """Return a host that could not be examined."""
    return Subject(id=subject, kind=SubjectKind.HOST, examined=Examined.NONE, reason=reason)
