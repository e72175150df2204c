"""A summary for a ticket, a merge request or a job page: what was seen, one table, the remedies."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hardening.findings import Examined, Finding, Run, Severity, Subject, Verdict, verdict_words
from hardening.reports import RenderOptions, key_agreement
from hardening.reports.credentials import PLACES, TITLE, repeated
from hardening.reports.index import few, place, same_as
from hardening.reports.plain import visible
from hardening.reports.verdict import looked_at, readiness, sentence, unanswered_words, word

_MARKS = {
    Severity.CRITICAL: "🟥",
    Severity.HIGH: "🟧",
    Severity.MEDIUM: "🟨",
    Severity.LOW: "🟦",
    Severity.INFO: "⬜",
}
_OPEN = (Verdict.INCONCLUSIVE, Verdict.PENDING, Verdict.SKIPPED, Verdict.ERROR, Verdict.MANUAL)
_ROWS = 200
"""Rows of the table; a job page takes 1 MiB, and nobody reads more."""
_CELL = 300


def write(run: Run, options: RenderOptions) -> bytes:
    """Return the summary as UTF-8, in GitHub's Markdown."""
    lines = [
        f"## Hardening report: {word(run, options.fail_on)}",
        "",
        escape(sentence(run, options.fail_on)),
        "",
    ]
    lines += _subjects(run)
    lines += _key_agreement(run)
    counting = sorted((f for f in run.findings if f.counts), key=lambda f: -f.level)
    lines += _changes(run)
    lines += _table("Findings", counting)
    lines += _credentials(run)
    lines += _remedies(counting)
    lines += _table("Waived", [f for f in run.findings if f.waived is not None and not f.left_out])
    lines += _table("Left out by a filter", [f for f in run.findings if f.left_out])
    lines += _table("Known from before", [f for f in run.findings if f.known and f.waived is None])
    lines += _not_settled(run)
    return ("\n".join(lines).rstrip("\n") + "\n").encode("utf-8")


def escape(text: str, *, limit: int | None = _CELL) -> str:
    """Return text that Markdown shows as it is: no markup, no HTML, no link, no mention."""
    shown = visible(text)
    shown = shown if limit is None or len(shown) <= limit else shown[:limit] + "…"
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = re.sub(r"([\\`*_{}\[\]()#+!|~$-])", r"\\\1", shown)
    return re.sub(r"@(?=\w)|(?<=[A-Za-z]):(?=//)|(?<=www)\.", lambda m: f"&#{ord(m[0])};", shown)


def _subjects(run: Run) -> Iterator[str]:
    if not run.subjects:
        return
    policies = list(dict.fromkeys(name for s in run.subjects for name in s.policies))
    head = ["Subject", "Examined", *(escape(name) for name in policies)]
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    same = same_as(run)
    rows = _one_each(run)
    for subject in rows[:_ROWS]:
        first = f"{escape(subject.id)}<br>{escape(looked_at(subject))}"
        if subject.id in same:
            first += f"<br>and all the same: {escape(few(same[subject.id]))}"
        for line in readiness(subject):
            first += f"<br>{escape(line, limit=2 * _CELL)}"
        for open_rules in unanswered_words(subject):
            first += f"<br>{escape(open_rules)}"
        cells = [first, _examined(subject)]
        cells += [
            escape(verdict_words(subject, name) if name in subject.policies else "not asked")
            for name in policies
        ]
        yield f"| {' | '.join(cells)} |"
    yield from _rest(len(rows))
    yield ""


def _key_agreement(run: Run) -> Iterator[str]:
    rows = key_agreement.shown(run)
    if not rows:
        return
    yield from (f"### {key_agreement.TITLE}", "")
    yield from (f"| {' | '.join(key_agreement.HEAD)} |", "| --- | --- | --- |")
    for row in rows[:_ROWS]:
        yield f"| {' | '.join(map(escape, row))} |"
    yield from _rest(len(rows))
    yield ""


def _one_each(run: Run) -> list[Subject]:
    """Return the subjects without those that are other names of one."""
    known = {subject.id for subject in run.subjects}
    return [subject for subject in run.subjects if subject.same_as not in known]


def _examined(subject: Subject) -> str:
    if subject.examined is Examined.FULL:
        return "in full"
    text = "partial" if subject.examined is Examined.PARTIAL else "**not examined**"
    return f"{text}: {escape(subject.reason)}" if subject.reason else text


def _changes(run: Run) -> Iterator[str]:
    if run.changes is None:
        return
    done = all(one.done for one in run.changes)
    yield from (f"### {'Changes' if done else 'Changes that would be made'} ({len(run.changes)})", "")
    for one in run.changes[:_ROWS]:
        yield f"- {escape(one.text)} ({escape(one.rule)})"
    yield from _rest(len(run.changes))
    yield ""


def _table(title: str, findings: list[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield from (f"### {title} ({len(findings)})", "")
    yield from ("| Severity | Rule | What and where |", "| --- | --- | --- |")
    for finding in findings[:_ROWS]:
        cells = [escape(finding.message), escape(place(finding))]
        cells += [f"found: {escape(finding.evidence)}"] if finding.evidence else []
        cells += [f"under: {escape(', '.join(finding.policies))}"] if finding.policies else []
        if finding.waived is not None:
            expires = finding.waived.expires
            until = f", until {expires.isoformat()}" if expires else ""
            cells.append(f"{escape(finding.waived.reason)} ({escape(finding.waived.owner)}{until})")
        mark = f"{_MARKS[finding.level]} {finding.level.label}"
        yield f"| {mark} | {escape(finding.rule.id)} | {'<br>'.join(cells)} |"
    yield from _rest(len(findings))
    yield ""


def _credentials(run: Run) -> Iterator[str]:
    several = repeated(run)
    if not several:
        return
    yield from (f"### {TITLE} ({len(several)})", "")
    yield from ("| Credential | For | Where |", "| --- | --- | --- |")
    for one in several[:_ROWS]:
        rest = len(one.places) - PLACES
        where = [escape(name) for name in one.places[:PLACES]] + ([f"and {rest} more"] if rest > 0 else [])
        whom = [escape(name) for name in one.owners] or [escape(one.gravest.evidence)]
        yield f"| {escape(one.head)} | {'<br>'.join(whom)} | {'<br>'.join(where)} |"
    yield from _rest(len(several))
    yield ""


def _remedies(findings: list[Finding]) -> Iterator[str]:
    remedies: dict[str, set[str]] = {}
    for finding in findings:
        if finding.advice:
            remedies.setdefault(finding.advice, set()).add(finding.rule.id)
    if remedies:
        yield from ("### What to do", "")
        for remedy, rules in list(remedies.items())[:_ROWS]:
            yield f"- {escape(remedy)} ({', '.join(escape(rule) for rule in sorted(rules))})"
        yield from _rest(len(remedies))
        yield ""


def _not_settled(run: Run) -> Iterator[str]:
    others = {s.id for s in run.subjects} - {s.id for s in _one_each(run)}
    results = [r for r in run.results if r.verdict in _OPEN and r.subject not in others]
    if results:
        yield from (f"### Not settled ({len(results)})", "")
        for result in results[:_ROWS]:
            yield (
                f"- {result.verdict.value}: {escape(result.rule.id)} on {escape(result.subject)}"
                + (f": {escape(result.reason)}" if result.reason else "")
            )
        yield from _rest(len(results))


def _rest(total: int) -> Iterator[str]:
    if total > _ROWS:
        yield from ("", f"and {total - _ROWS} more, in the JSON report")
