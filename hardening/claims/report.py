"""Answers to claims as a `Run`: one result for each claim and subject, one for each claim over all of them."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from hardening.claims.claims import ClaimSet
from hardening.claims.judge import ClaimAnswer, ClaimState, Overall
from hardening.claims.look import Shown
from hardening.errors import ExitCode
from hardening.findings import Examined, Finding, Result, Run, Severity, Subject, SubjectKind, Verdict
from hardening.reports.plain import visible
from hardening.reports.verdict import sentence

WIDTH = 80
_VERDICTS = {
    ClaimState.TRUE: Verdict.PASS,
    ClaimState.FALSE: Verdict.FAIL,
    ClaimState.UNCHECKED: Verdict.INCONCLUSIVE,
}


def report(claims: ClaimSet, shown: Sequence[Shown], answers: Sequence[Overall], *, started: datetime) -> Run:
    """Return the answers as a run; the file of claims is a subject whose results are the claims as a whole."""
    of_subjects = [one for overall in answers for one in overall.answers]
    results = [_result(one) for one in of_subjects]
    results += [
        Result(rule=one.claim.rule, subject=claims.place, verdict=_VERDICTS[one.state], reason=one.why)
        for one in answers
    ]
    findings = [_finding(claims, one) for one in of_subjects if one.state is ClaimState.FALSE]
    codes = (
        {ExitCode.HOSTS_FAILED} if any(one.lost and one.kind is SubjectKind.HOST for one in shown) else set()
    )
    return Run.of(
        [_about(claims, answers), *(_subject(one) for one in shown)],
        findings,
        results,
        started=started,
        extra_codes=codes,
    )


def _result(one: ClaimAnswer) -> Result:
    """Return the result of one subject; what it cannot show is skipped there, for the claim as a whole may be answered."""
    verdict = Verdict.SKIPPED if one.state is ClaimState.UNCHECKED else _VERDICTS[one.state]
    return Result(rule=one.claim.rule, subject=one.subject, verdict=verdict, reason=one.why)


def _finding(claims: ClaimSet, one: ClaimAnswer) -> Finding:
    return Finding(
        rule=one.claim.rule,
        subject=one.subject,
        location=one.place,
        message=f"The claim {one.claim.id} is false: {one.claim.text}; {one.why}",
        evidence=one.claim.id,
        also=(claims.place,),
    )


def _about(claims: ClaimSet, answers: Sequence[Overall]) -> Subject:
    tally = Counter(one.state for one in answers)
    open_ = [one.claim.id for one in answers if one.state is ClaimState.UNCHECKED]
    return Subject(
        id=claims.place,
        kind=SubjectKind.FILE,
        examined=Examined.PARTIAL if open_ else Examined.FULL,
        reason=f"not checkable: {', '.join(open_)}" if open_ else "",
        stats={
            "release": claims.release,
            "claims": len(answers),
            **{one.value: tally[one] for one in ClaimState},
        },
    )


def _subject(one: Shown) -> Subject:
    examined = Examined.NONE if one.lost else Examined.PARTIAL if one.gap else Examined.FULL
    return Subject(id=one.subject, kind=one.kind, examined=examined, reason=one.gap)


def text(claims: ClaimSet, answers: Sequence[Overall], run: Run, *, fail_on: Severity | None) -> bytes:
    """Return the answers for a terminal: false claims first."""
    order = (ClaimState.FALSE, ClaimState.UNCHECKED, ClaimState.TRUE)
    lines = [f"{len(answers)} claims of {claims.product} {claims.release}", ""]
    for one in sorted(answers, key=lambda one: order.index(one.state)):
        lines.append(f"{one.state.value:<14} {one.claim.id}: {one.claim.text}")
        lines += textwrap.wrap(
            one.why, WIDTH, initial_indent=" " * 15, subsequent_indent=" " * 15,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    lost = [one for one in run.subjects if one.examined is Examined.NONE]
    lines += ["", *(f"not examined: {one.id}: {one.reason}" for one in lost)]
    return (visible("\n".join([*lines, sentence(run, fail_on)]), keep="\n") + "\n").encode()
