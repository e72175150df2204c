"""Answers to advisories for a terminal: the summary first, then what affects the subject, then what to do."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from hardening.advisories.judge import AdvisoryAnswer, Status
from hardening.advisories.report import found_words
from hardening.advisories.seen import Seen
from hardening.findings import Run, Severity
from hardening.reports.plain import visible
from hardening.reports.verdict import sentence

WIDTH = 80


def write(
    subjects: Sequence[tuple[Seen, Sequence[AdvisoryAnswer]]],
    run: Run,
    *,
    fail_on: Severity | None,
    verbose: int,
) -> bytes:
    """Return the report as UTF-8 text; `verbose` lists the fixed and the not affected ones, too."""
    reasons = {one.id: one.reason for one in run.subjects}
    lines: list[str] = []
    for seen, answers in subjects:
        lines += [*_subject(run, seen, reasons.pop(seen.subject, ""), answers, verbose), ""]
    for subject, reason in reasons.items():
        lines += [subject, *_wrapped(f"not examined: {reason}", "  "), ""]
    for finding in run.findings:
        if finding.rule.id.startswith("waiver/"):
            lines += _wrapped(finding.message, "")
    lines += _wrapped(sentence(run, fail_on), "")
    text = "\n".join(lines)
    return (visible(text, keep="\n") + "\n").encode("utf-8")


def _wrapped(text: str, first: str, then: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=then or first,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _subject(
    run: Run, seen: Seen, reason: str, answers: Sequence[AdvisoryAnswer], verbose: int
) -> Iterator[str]:
    yield seen.subject
    yield from _wrapped(reason, "  ")
    shown = [
        Status.AFFECTED,
        *([Status.UNDER_INVESTIGATION, Status.FIXED, Status.NOT_AFFECTED] if verbose else []),
    ]
    accepted = {
        one.evidence: one.waived for one in run.findings if one.waived and one.subject == seen.subject
    }
    for status in shown:
        group = [one for one in answers if one.status is status]
        if group:
            yield from ("", f"  {status.value.replace('_', ' ')}")
        for one in sorted(group, key=lambda one: (-one.advisory.severity, one.advisory.id)):
            yield from _answer(one)
            waiver = accepted.get(one.advisory.id)
            if waiver is not None:
                yield from _wrapped(
                    f"accepted by {waiver.owner} until {waiver.expires}: {waiver.reason}", " " * 14
                )
    if not verbose:
        yield from _open(answers)
    yield from _steps([one for one in answers if one.status is Status.AFFECTED])


def _answer(one: AdvisoryAnswer) -> Iterator[str]:
    row = one.advisory
    yield from _wrapped(f"{row.severity.label:<8}  {', '.join(row.names)}: {row.title}", "    ", " " * 14)
    fixed = f"; fixed in {row.fixed_in}" if row.fixed_in and one.status is Status.AFFECTED else ""
    found = found_words(one) if one.evidence else ""
    yield from _wrapped(f"{one.because}{fixed}{found}", " " * 14)


def _open(answers: Sequence[AdvisoryAnswer]) -> Iterator[str]:
    """Yield why answers are open: one line for each reason."""
    reasons = Counter(one.because for one in answers if one.status is Status.UNDER_INVESTIGATION)
    if reasons:
        yield from ("", "  under investigation")
    for reason, count in reasons.most_common():
        yield from _wrapped(f"{count:>4}  {reason}", "    ", " " * 10)


def _steps(affected: Sequence[AdvisoryAnswer]) -> Iterator[str]:
    """Yield what to do, each step once with the number of advisories that it answers."""
    remedies = Counter(one.advisory.remedy for one in affected)
    helps = Counter(words for one in affected for words in one.advisory.help)
    if remedies:
        yield from ("", "  what to do (number of advisories)")
    for remedy, count in remedies.most_common():
        yield from _wrapped(f"{count:>4}  {remedy}", "    ", " " * 10)
    if helps:
        yield from ("", "  what this toolkit can do (number of advisories)")
    for words, count in helps.most_common():
        yield from _wrapped(f"{count:>4}  {words}", "    ", " " * 10)
