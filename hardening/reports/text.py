"""The report a person reads at a terminal: by subject, worst first, one line of verdict at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from hardening.errors import ExitCode
from hardening.findings import Examined, Finding, InFile, Run, Severity, Subject
from hardening.reports import How
from hardening.reports.credentials import credential, repeated
from hardening.reports.index import Index, few
from hardening.reports.plain import visible
from hardening.reports.text_results import results
from hardening.reports.verdict import looked_at, many, sentence

_COLORS = {
    Severity.CRITICAL: "1;97;41",
    Severity.HIGH: "1;31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    Severity.INFO: "2",
}
_GOOD, _BAD, _OPEN, _BOLD, _DIM = "1;32", "1;31", "33", "1", "2"
_MARGIN = " " * 12


def write(run: Run, how: How) -> bytes:
    """Return the report as UTF-8 text, with ANSI colours where `how` asks for them."""
    paint = _Paint(on=how.color)
    lines: list[str] = []
    index = Index(run)
    for subject in run.subjects:
        if subject.same_as not in index.known:
            lines += (*_subject(index, subject, how, paint), "")
    known = index.known
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


def _subject(index: Index, subject: Subject, how: How, paint: _Paint) -> Iterator[str]:
    yield paint(visible(subject.id), _BOLD) + paint(f"  {looked_at(subject)}", _DIM)
    if names := index.same.get(subject.id):
        yield f"  and all the same: {few([n.removeprefix(_stem(subject.id)) for n in names])}"
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
    findings = _worst_first(index.findings[subject.id])
    for finding in findings:
        yield from _finding(finding, how, paint, index.same.get(finding.subject, ()))
    shared = index.shared[subject.id]
    for name, count in Counter(finding.subject for finding in shared).items():
        yield paint(f"  {many(count, 'finding')} of the same lines: told with {visible(name)}", _OPEN)
    yield from results(index, subject, how, paint)
    if not findings and not shared and subject.examined is Examined.FULL:
        yield paint("  nothing found", _GOOD)


def _stem(name: str) -> str:
    """Return what the names of one configuration begin with: its file."""
    return f"{name.rpartition('#')[0]}#"


def _finding(finding: Finding, how: How, paint: _Paint, same: Sequence[str] = ()) -> Iterator[str]:
    label = finding.level.label
    yield ""
    yield (
        f"  {paint(label, _COLORS[finding.level])}{' ' * (10 - len(label))}"
        f"{paint(visible(finding.message), _BOLD)}  {paint(finding.rule.id, _DIM)}"
    )
    yield f"{_MARGIN}at      {visible(place(finding))}"
    if more := [name for name in finding.also if name not in same]:
        yield f"{_MARGIN}also    {few([name.removeprefix(_stem(finding.subject)) for name in more])}"
    if finding.evidence:
        yield f"{_MARGIN}found   {visible(finding.evidence)}"
    if finding.credential:
        yield f"{_MARGIN}whose   {credential(finding)}"
    if finding.policies:
        yield f"{_MARGIN}under   {visible(', '.join(finding.policies))}"
    yield from _accepted(finding)
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


def _accepted(finding: Finding) -> Iterator[str]:
    if finding.waived is not None:
        why = f"{finding.waived.reason} ({finding.waived.owner}, until {finding.waived.expires.isoformat()})"
        yield f"{_MARGIN}waived  {visible(why)}"
    elif finding.known:
        yield f"{_MARGIN}known   it was there before"


def place(finding: Finding) -> str:
    """Return where a finding is, with line and column, as editors understand it."""
    where = finding.location
    if not isinstance(where, InFile):
        return where.endpoint
    return ":".join([where.path, *(str(n) for n in (where.line, where.column) if n is not None)])
