"""The report a person reads at a terminal: by subject, worst first, one line of verdict at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from hardening.findings import Examined, Finding, Run, Subject, Verdict, verdict_words
from hardening.reports import RenderOptions, key_agreement, text_summary
from hardening.reports.credentials import credential_lines
from hardening.reports.index import Index, few
from hardening.reports.plain import visible
from hardening.reports.text_counted import counted
from hardening.reports.text_findings import diff_of, findings_of, stem
from hardening.reports.text_results import results
from hardening.reports.text_width import wrapped
from hardening.reports.verdict import looked_at, many, readiness, sentence, tone, unanswered

_GOOD, _OPEN, _BOLD, _DIM = "1;32", "33", "1", "2"
_STYLES = {"pass": _GOOD, "open": _OPEN, "fail": "1;31"}
_FEW = 3
"""From how many subjects on one paragraph lists those that were not examined."""


def write(run: Run, options: RenderOptions) -> bytes:
    """Return the report as UTF-8 text, with ANSI colours if `options` asks for them."""
    paint = _Paint(on=options.color)
    lines: list[str] = []
    index, explained = Index(run), set[str]()
    passed_over = {} if options.verbose else _passed_over(index)
    clean = [] if options.verbose else _clean(index)
    together = {subject.id for group in (*passed_over.values(), *clean) for subject in group}
    for subject in run.subjects:
        if subject.same_as not in index.known and subject.id not in together:
            lines += (*_subject(index, subject, options, paint, explained), "")
    for group in passed_over.values():
        lines += (*_many_unexamined(index, group, paint), "")
    for group in clean:
        lines += (*_many_clean(index, group, options, paint), "")
    known = index.known
    elsewhere = [f for f in run.findings if f.subject not in known]
    if of_the_run := list(findings_of(_worst_first(elsewhere), options, paint, explained=explained)):
        lines += (*of_the_run[1:], "")  # each begins with an empty line, and a subject ends with one
    lines += credential_lines(run, paint, whole=bool(options.verbose))
    lines += _changes(run, paint)
    lines += _key_agreement(run, paint)
    if options.verbose:
        lines += _diffs(run, paint)
    if options.summary and not text_summary.fits(run, lines):
        lines = (
            [*text_summary.front(run, paint), "", *lines]
            if options.verbose
            else [*text_summary.summary(run, paint), ""]
        )
    if options.width:
        lines = [part for line in lines for part in wrapped(line, options.width)]
    lines.append(
        paint(sentence(run, options.fail_on), _STYLES[tone(run, options.fail_on)])
    )  # one line, for `tail -1`
    return ("\n".join(lines) + "\n").encode("utf-8")


def _changes(run: Run, paint: _Paint) -> Iterator[str]:
    """Yield what was changed: the place, what stands there now, and the rule, each on a line that a terminal holds."""
    if run.changes is None:
        return
    done = all(one.done for one in run.changes)
    yield paint("Changes" if done else "Changes that would be made", _BOLD)
    for one in run.changes:
        line = f":{one.line}" if one.line else ""
        code = f", written in {one.encoding}" if one.encoding else ""
        yield f"  {one.action:<9} {visible(one.path)}{line}"
        if one.placeholder:
            yield f"            by {visible(one.placeholder)}{code}"
        yield paint(f"            {one.rule}", _DIM)
    if not run.changes:
        yield "  none"
    yield ""


def _diffs(run: Run, paint: _Paint) -> Iterator[str]:
    """Yield the change that mends each file."""
    changed = [one for one in run.sources if one.diff]
    if changed:
        yield paint("Fix as a diff (secrets are masked; to apply: tls audit --fix-diff, bundle clean)", _BOLD)
    for one in changed:
        yield from diff_of(one.diff, paint)
        yield ""


def _key_agreement(run: Run, paint: _Paint) -> Iterator[str]:
    """Yield the key agreement of each host, where there are several hosts or two sources."""
    if rows := key_agreement.shown(run):
        rows = [key_agreement.HEAD, *rows]
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        yield paint(key_agreement.TITLE, _BOLD)
        yield from (f"  {host:<{first}}  {files:<{second}}  {wire}" for host, files, wire in rows)
        yield ""


class _Paint:
    def __init__(self, *, on: bool) -> None:
        self._on = on

    def __call__(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._on and text else text


def _worst_first(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (not f.counts, -f.level))


def _passed_over(index: Index) -> dict[object, list[Subject]]:
    """Return, by what is said of them, the subjects of which nothing was examined for one reason, where they are many."""
    alike: dict[object, list[Subject]] = {}
    for subject in index.run.subjects:
        found = index.findings[subject.id]
        bare = not (subject.policies or index.results[subject.id] or index.shared[subject.id])
        if bare and subject.examined is Examined.NONE and len(found) == 1 and found[0].where == subject.id:
            key = (subject.kind, subject.reason, found[0].rule.id, found[0].message, found[0].counts)
            alike.setdefault(key, []).append(subject)
    return {key: group for key, group in alike.items() if len(group) >= _FEW}


def _many_unexamined(index: Index, group: Sequence[Subject], paint: _Paint) -> Iterator[str]:
    (one,) = index.findings[group[0].id]
    yield paint(many(len(group), group[0].kind.value), _BOLD)
    yield paint(f"  not examined: {visible(group[0].reason)}", _OPEN) + f"  {visible(one.rule.id)}"
    for subject in group:
        yield f"            {visible(subject.id)}"
    yield f"            remedy  {visible(one.advice)}"


def _clean(index: Index) -> list[list[Subject]]:
    """Return the subjects that were examined in full and have nothing but the same passed checks, where they are many."""
    alike: dict[object, list[Subject]] = {}
    for subject in index.run.subjects:
        checks = index.results[subject.id]
        more = subject.policies or subject.offer or subject.reason or subject.same_as in index.known
        found = index.findings[subject.id] or index.shared[subject.id] or index.same.get(subject.id)
        full = subject.examined is Examined.FULL and all(one.verdict is Verdict.PASS for one in checks)
        if checks and full and not (more or found):
            alike.setdefault((subject.kind, len(checks)), []).append(subject)
    return [group for group in alike.values() if len(group) >= _FEW]


def _many_clean(
    index: Index, group: Sequence[Subject], options: RenderOptions, paint: _Paint
) -> Iterator[str]:
    yield paint(many(len(group), group[0].kind.value), _BOLD)
    for subject in group:
        yield f"            {visible(subject.id)}"
    yield from results(index, group[0], options, paint)
    yield paint("  nothing found in each", _GOOD)


def _verdicts(subject: Subject, paint: _Paint) -> Iterator[str]:
    for policy, verdict in subject.policies.items():
        texts = verdict_words(subject, policy)
        yield f"  policy {visible(policy)}: " + paint(texts, _STYLES.get(verdict, _OPEN))
    for command, rules in unanswered(subject):
        yield paint(f"  not answered from here: {visible(', '.join(rules))}", _OPEN)
        if command:
            yield f"            answer  {visible(command)}"


def _subject(
    index: Index, subject: Subject, options: RenderOptions, paint: _Paint, explained: set[str]
) -> Iterator[str]:
    yield paint(visible(subject.id), _BOLD) + paint(f"  {looked_at(subject)}", _DIM)
    if names := index.same.get(subject.id):
        yield f"  and all the same: {few([n.removeprefix(stem(subject.id)) for n in names])}"
    if subject.examined is not Examined.FULL:
        word = "partial" if subject.examined is Examined.PARTIAL else "not examined"
        yield paint(f"  {word}: {visible(subject.reason) or 'no reason was given'}", _OPEN)
    elif subject.reason:
        yield f"  {visible(subject.reason)}"
    for assumption in (subject.offer or {}).get("assumptions", ()):
        yield f"  assumed: {visible(str(assumption))}"
    yield from _verdicts(subject, paint)
    for line in readiness(subject):
        yield f"  {line}"
    findings = _worst_first(index.findings[subject.id])
    if options.counted and not options.verbose:
        yield from counted(findings, paint)
    else:
        same = index.same.get(subject.id, ())
        yield from findings_of(findings, options, paint, same, index.lines, explained)
    shared = index.shared[subject.id]
    for name, count in Counter(finding.subject for finding in shared).items():
        yield paint(f"  {many(count, 'finding')} of the same lines: reported with {visible(name)}", _OPEN)
    yield from results(index, subject, options, paint)
    looked = subject.examined is Examined.FULL and (index.results[subject.id] or not subject.reason)
    if not findings and not shared and looked:
        yield paint("  nothing found", _GOOD)
