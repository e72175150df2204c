"""The report a person reads at a terminal: by subject, worst first, one line of verdict at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from hardening.errors import ExitCode
from hardening.findings import Examined, Finding, InFile, Kind, Result, Run, Severity, Subject, Verdict
from hardening.reports import How
from hardening.reports.credentials import credential, repeated
from hardening.reports.plain import visible
from hardening.reports.verdict import looked_at, sentence

_COLORS = {
    Severity.CRITICAL: "1;97;41",
    Severity.HIGH: "1;31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    Severity.INFO: "2",
}
_GOOD, _BAD, _OPEN, _BOLD, _DIM = "1;32", "1;31", "33", "1", "2"
_QUIET = frozenset({Verdict.PASS, Verdict.FAIL, Verdict.NOT_APPLICABLE, Verdict.WAIVED})
"""Verdicts that are only counted unless -v is given; the others always show with their reason."""
_MARGIN = " " * 12
_WARN = "warn"
"""It works and there is something to do: no verdict of its own in the contract (docs/cli.md)."""
_WORDS = (Verdict.PASS.value, _WARN, *(v.value for v in Verdict if v is not Verdict.PASS))
_BY_STEP = frozenset({Kind.MAILER})
"""Subjects that are examined step by step: each step is told, also the good ones."""


def write(run: Run, how: How) -> bytes:
    """Return the report as UTF-8 text, with ANSI colours where `how` asks for them."""
    paint = _Paint(on=how.color)
    lines: list[str] = []
    for subject in run.subjects:
        lines += (*_subject(run, subject, how, paint), "")
    known = {subject.id for subject in run.subjects}
    elsewhere = [f for f in run.findings if f.subject not in known]
    lines += [line for finding in _worst_first(elsewhere) for line in _finding(finding, how, paint)]
    lines += repeated(run, paint)
    code = run.exit_code(how.fail_on)
    style = _GOOD if code is ExitCode.OK else _OPEN if code is ExitCode.PENDING else _BAD
    lines.append(paint(sentence(run, how.fail_on), style))
    return ("\n".join(lines) + "\n").encode("utf-8")


class _Paint:
    def __init__(self, *, on: bool) -> None:
        self._on = on

    def __call__(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._on and text else text


def _worst_first(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (not f.counts, -f.level))


def _subject(run: Run, subject: Subject, how: How, paint: _Paint) -> Iterator[str]:
    yield paint(visible(subject.id), _BOLD) + paint(f"  {looked_at(subject)}", _DIM)
    if subject.examined is not Examined.FULL:
        word = "only in part" if subject.examined is Examined.PARTIAL else "not at all"
        yield paint(f"  examined {word}: {visible(subject.reason) or 'no reason was given'}", _OPEN)
    elif subject.reason:
        yield f"  {visible(subject.reason)}"
    for assumption in (subject.offer or {}).get("assumptions", ()):
        yield f"  assumed: {visible(str(assumption))}"
    for policy, verdict in subject.policies.items():
        style = {"pass": _GOOD, "fail": _BAD}.get(verdict, _OPEN)
        yield f"  policy {visible(policy)}: " + paint(verdict, style)
    findings = _worst_first([f for f in run.findings if f.subject == subject.id])
    for finding in findings:
        yield from _finding(finding, how, paint)
    yield from _results(run, subject, how, paint)
    if not findings and subject.examined is Examined.FULL:
        yield paint("  nothing found", _GOOD)


def _finding(finding: Finding, how: How, paint: _Paint) -> Iterator[str]:
    label = finding.level.label
    yield ""
    yield (
        f"  {paint(label, _COLORS[finding.level])}{' ' * (10 - len(label))}"
        f"{paint(visible(finding.message), _BOLD)}  {paint(finding.rule.id, _DIM)}"
    )
    yield f"{_MARGIN}at      {visible(place(finding))}"
    if finding.evidence:
        yield f"{_MARGIN}found   {visible(finding.evidence)}"
    if finding.credential:
        yield f"{_MARGIN}whose   {credential(finding)}"
    if finding.policies:
        yield f"{_MARGIN}under   {visible(', '.join(finding.policies))}"
    if finding.waived is not None:
        why = f"{finding.waived.reason} ({finding.waived.owner}, until {finding.waived.expires.isoformat()})"
        yield f"{_MARGIN}waived  {visible(why)}"
    elif finding.known:
        yield f"{_MARGIN}known   the baseline report has it already"
    if finding.advice:
        yield f"{_MARGIN}remedy  {visible(finding.advice)}"
    if finding.fix is not None:
        by = "can be fixed safely" if finding.fix.safe else "to be fixed by hand"
        yield f"{_MARGIN}fix     {visible(finding.fix.action)} ({by})"
    if how.verbose:
        yield f"{_MARGIN}why     {visible(finding.rule.rationale)}"
        for reference in finding.rule.references:
            yield f"{_MARGIN}see     {visible(reference)}"
        yield f"{_MARGIN}sure    {finding.confidence.label}; fingerprint {finding.fingerprint}"


def place(finding: Finding) -> str:
    """Return where a finding is, with line and column, as editors understand it."""
    where = finding.location
    if not isinstance(where, InFile):
        return where.endpoint
    return ":".join([where.path, *(str(n) for n in (where.line, where.column) if n is not None)])


def _results(run: Run, subject: Subject, how: How, paint: _Paint) -> Iterator[str]:
    results = [r for r in run.results if r.subject == subject.id]
    if not results:
        return
    words = [_word(result, run.findings) for result in results]
    tally = Counter(words)
    yield ""
    yield "  checks: " + ", ".join(f"{tally[w]} {w}" for w in _WORDS if tally[w])
    if how.verbose or subject.kind in _BY_STEP:
        for word, result in zip(words, results, strict=True):
            told = f"  {word:<14}{result.rule.id}  {visible(result.reason)}".rstrip()
            yield told if result.verdict in _QUIET and word != _WARN else paint(told, _OPEN)
        return
    for verdict, reason, rules in _alike(results):
        named = rules[0] if len(rules) == 1 else f"{len(rules)} rules"
        yield paint(f"  {verdict.value:<14}{named}  {visible(reason)}".rstrip(), _OPEN)


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
