"""The checks of one subject at a terminal: how many of each verdict, and what stays open for the same reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from hardening.findings import Finding, Result, Subject, SubjectKind, Verdict
from hardening.reports import RenderOptions
from hardening.reports.index import Index
from hardening.reports.plain import visible

_OPEN = "33"
_QUIET = frozenset({Verdict.PASS, Verdict.FAIL, Verdict.ADVICE, Verdict.NOT_APPLICABLE, Verdict.WAIVED})
"""Verdicts that are only counted unless -v is given; the others always show with their reason."""
_WARN = "warn"
"""It works and there is something to do: no verdict of its own in the contract (docs/cli.md)."""
_WORDS = (Verdict.PASS.value, _WARN, *(v.value for v in Verdict if v is not Verdict.PASS))
_BY_STEP = frozenset({SubjectKind.MAILER})
"""Subjects that are examined step by step: each step is told, also the good ones."""


def results(
    index: Index, subject: Subject, options: RenderOptions, paint: Callable[[str, str], str]
) -> Iterator[str]:
    """Yield the lines about what was checked."""
    found = index.results[subject.id]
    if not found:
        return
    findings = [*index.findings[subject.id], *index.shared[subject.id]]
    words = [_word(result, findings) for result in found]
    tally = Counter(words)
    yield ""
    yield "  checks: " + ", ".join(f"{tally[w]} {w}" for w in _WORDS if tally[w])
    if options.verbose or subject.kind in _BY_STEP:
        for word, result in zip(words, found, strict=True):
            text = f"  {word:<13} {result.rule.id}  {visible(result.reason)}".rstrip()
            yield text if result.verdict in _QUIET and word != _WARN else paint(text, _OPEN)
        return
    for verdict, reason, rules in _alike(found):
        named = rules[0] if len(rules) == 1 else f"{len(rules)} rules"
        yield paint(f"  {verdict.value:<13} {named}  {visible(reason)}".rstrip(), _OPEN)


def _word(result: Result, findings: Sequence[Finding]) -> str:
    """Return the verdict's word: a pass beside findings that count is a warning."""
    warns = result.verdict is Verdict.PASS and any(f.counts and result.rests_on(f) for f in findings)
    return _WARN if warns else result.verdict.value


def _alike(results: Sequence[Result]) -> list[tuple[Verdict, str, list[str]]]:
    """Gather what is open for the same reason: many rules, one thing to know."""
    groups: dict[tuple[Verdict, str], list[str]] = {}
    for result in results:
        if result.verdict not in _QUIET:
            groups.setdefault((result.verdict, result.reason), []).append(result.rule.id)
    return [(verdict, reason, rules) for (verdict, reason), rules in groups.items()]
