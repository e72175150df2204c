"""The findings of one subject at a terminal: each in a paragraph, many of one line or of one value in one together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from hardening.findings import Finding, Fix, InFile, Role, Severity
from hardening.reports import RenderOptions
from hardening.reports.credentials import at, credential
from hardening.reports.index import few, place
from hardening.reports.plain import visible
from hardening.reports.snippet import parts

COLORS = {
    Severity.CRITICAL: "1;97;41",
    Severity.HIGH: "1;31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    Severity.INFO: "2",
}
"""The colour of each severity at a terminal."""
_BOLD, _DIM = "1", "2"
_MARGIN = " " * 12
_FEW = 3
"""From how many findings on one paragraph is shorter than one each: `ssl_ciphers ALL` alone has ninety."""
_SHOWN = 8
"""Places of one value that are told, where it is in many and nothing else sets them apart."""

_LONG = 160
"""Characters of a text that asks for nothing, from which on its begin is shown."""

Paint = Callable[[str, str], str]


def findings_of(
    found: Sequence[Finding],
    options: RenderOptions,
    paint: Paint,
    same: Sequence[str] = (),
    lines: Mapping[tuple[str, int], str] | None = None,
    explained: set[str] | None = None,
) -> Iterator[str]:
    """Yield the lines about findings, in their order.

    `same` names the subjects of which all of it is true, too; `lines` are those of files, by path and number;
    `explained` are the rules whose reason was shown before, and those shown here are added.
    """
    explained = set() if explained is None else explained
    together: dict[object, list[Finding]] = {}
    for finding in found:
        together.setdefault(_kind(finding), []).append(finding)
    # what a program may do is told with each finding, for it tells which those are
    fixes = Counter(finding.fix for finding in found if finding.fix is not None and not finding.fix.safe)
    once = () if options.verbose else tuple(fix for fix, count in fixes.items() if count >= _FEW)
    for group in together.values():
        # -v gives every finding its fingerprint and own remedy, which scripts and waivers go by
        if len(group) < _FEW or options.verbose:
            for finding in group:
                yield from _alike([finding], options, paint, same, once, lines)
                if options.verbose:
                    yield from _reasons(finding, explained)
        elif group[0].credential:
            yield from _alike(group, options, paint, same, once)
        else:
            yield from _many(group, paint, same, once)
    for fix in once:
        yield ""
        yield f"  {paint('fix', _BOLD)}       {fixes[fix]} of these findings: {_how(fix)}"


def _kind(finding: Finding) -> object:
    """Return what findings that are told together have in common: all but what was found, or, of one value, where."""
    marks = (finding.policies, finding.also, finding.fix, finding.waived, finding.known, finding.left_out)
    if finding.credential:
        what = (finding.message, finding.evidence, finding.advice)
        return (
            finding.credential,
            finding.rule.id,
            finding.level,
            finding.confidence,
            finding.role,
            *what,
            *marks,
        )
    return finding.rule.id, finding.level, finding.confidence, place(finding), *marks


def _many(group: Sequence[Finding], paint: Paint, same: Sequence[str], once: Sequence[Fix]) -> Iterator[str]:
    first = group[0]
    yield from head(first, paint, f"{len(group)} findings: {first.rule.title}")
    yield f"{_MARGIN}at      {visible(place(first))}"
    yield from _also(first, same)
    alike: dict[str, list[str]] = {}
    for finding in group:
        what, _, rest = finding.message.partition("; ")
        seen = "" if finding.evidence in finding.message else f" ({visible(finding.evidence)})"
        alike.setdefault(rest, []).append(f"{visible(what)}{seen}")
    for rest, found in alike.items():
        for label, what in zip(("found   ", *[" " * 8] * len(found)), found, strict=False):
            yield f"{_MARGIN}{label}{what}"
        if rest:
            yield f"{_MARGIN}each    {visible(rest)}"
    yield from _standing(first)
    remedies = {finding.advice for finding in group}
    remedy = first.advice if len(remedies) == 1 else first.rule.remedy or first.advice
    if remedy:
        own = "" if len(remedies) == 1 else " (-v: each with its own)"
        yield f"{_MARGIN}remedy  {visible(remedy)}{own}"
    yield from _fix(first, once)


def _alike(
    group: Sequence[Finding],
    options: RenderOptions,
    paint: Paint,
    same: Sequence[str],
    once: Sequence[Fix],
    lines: Mapping[tuple[str, int], str] | None = None,
) -> Iterator[str]:
    """Yield what findings say of which the place alone differs, once."""
    finding = group[0]
    short = "" if options.verbose else brief(finding)
    yield from head(finding, paint, short or finding.message)
    yield from at([place(one) for one in group], _SHOWN)
    source = list(_source(finding, lines, paint)) if options.verbose and lines else []
    yield from source
    yield from _also(finding, same)
    if finding.evidence and not short and not _repeats(finding):
        yield f"{_MARGIN}found   {visible(finding.evidence)}"
        yield from () if source else _caret(visible(finding.evidence), paint)
    if finding.credential:
        yield f"{_MARGIN}secret  {credential(finding)}"
    if finding.role not in (None, Role.PRODUCT):
        yield f"{_MARGIN}role    {finding.role.value}"
    yield from _standing(finding)
    if finding.advice and not short:
        yield f"{_MARGIN}remedy  {visible(finding.advice)}"
    yield from _fix(finding, once)


def brief(finding: Finding) -> str:
    """Return the begin of a long text that asks for nothing, which -v shows whole; else nothing."""
    front, colon, _ = finding.message.partition(": ")
    long = len(finding.message) > _LONG and finding.level is Severity.INFO
    return f"{front} (-v lists them)" if colon and long else ""


def _repeats(finding: Finding) -> bool:
    """Return whether message and remedy have every word of the evidence."""
    shown = f"{finding.message} {finding.advice}"
    return finding.evidence in shown or all(word in shown.split() for word in finding.evidence.split())


def _reasons(finding: Finding, explained: set[str]) -> Iterator[str]:
    """Yield why a finding is one, the rule's own reason with the first of its findings alone, and what waivers go by."""
    if finding.rule.id not in explained:
        explained.add(finding.rule.id)
        yield f"{_MARGIN}why     {visible(finding.rule.rationale)}"
        for reference in finding.rule.references:
            yield f"{_MARGIN}see     {visible(reference)}"
    if finding.matched:
        yield f"{_MARGIN}rows    {visible(', '.join((*finding.matched, *finding.because)))}"
    yield f"{_MARGIN}rated   {finding.confidence.label} confidence; fingerprint {finding.fingerprint}"


_WIDTH = 80


def _source(finding: Finding, lines: Mapping[tuple[str, int], str], paint: Paint) -> Iterator[str]:
    """Yield the line that a finding names and a mark below what it is about, no wider than a terminal."""
    before, mark, behind = parts(finding, lines)
    if not mark or not isinstance(finding.location, InFile):
        return
    text, at = before + mark + behind, len(before)
    indent = len(text) - len(text.lstrip())
    front = f"{_MARGIN}line    {finding.location.line} | "
    room = _WIDTH - len(front)
    start = indent if at - indent + len(mark) <= room else max(indent, at - room // 3)
    shown = text[start : start + room].rstrip()
    yield front + shown
    if len(mark) < len(text) - indent or len(text) - indent <= room:
        carets = "^" * max(1, min(len(mark), len(shown) - (at - start)))
        yield f"{' ' * (len(front) - 2)}| {' ' * (at - start)}{paint(carets, COLORS[finding.level])}"


def diff_of(text: str, paint: Paint) -> Iterator[str]:
    """Yield the lines of a diff, removed ones red and added ones green."""
    for whole in map(visible, text.splitlines()):
        line = whole if len(whole) <= _WIDTH - 2 else f"{whole[: _WIDTH - 5]}..."
        style = {"+": "32", "-": "31", "@": _DIM}.get(line[:1], "")
        yield f"  {paint(line, style)}"


_HIDDEN = re.compile(r"\*{3,}")


def _caret(evidence: str, paint: Paint) -> Iterator[str]:
    """Yield a line that points at what is hidden in a line of the input."""
    found = _HIDDEN.search(evidence)
    if found is not None:
        yield f"{_MARGIN}        {' ' * found.start()}{paint('^' * len(found[0]), COLORS[Severity.HIGH])}"


def head(finding: Finding, paint: Paint, title: str) -> Iterator[str]:
    """Yield the first lines of a paragraph: how severe it is, what it is, under which rule."""
    label = finding.level.label
    yield ""
    yield (
        f"  {paint(label, COLORS[finding.level])}{' ' * (10 - len(label))}"
        f"{paint(visible(title), _BOLD)}  {paint(finding.rule.id, _DIM)}"
    )


def _also(finding: Finding, same: Sequence[str]) -> Iterator[str]:
    if more := [name for name in finding.also if name not in same]:
        yield f"{_MARGIN}also    {few([name.removeprefix(stem(finding.subject)) for name in more])}"


def _standing(finding: Finding) -> Iterator[str]:
    """Yield under which policies a finding stands, and whether it was accepted or known."""
    if finding.policies and not all(f" {name} " in finding.message for name in finding.policies):
        yield f"{_MARGIN}policy  {visible(', '.join(finding.policies))}"
    if finding.waived is not None:
        yield f"{_MARGIN}{'ignored' if finding.left_out else 'waived '} {visible(finding.waived.words)}"
    elif finding.left_out:
        yield f"{_MARGIN}ignored {finding.left_out}"
    elif finding.known:
        yield f"{_MARGIN}known   it is in the baseline"


def _fix(finding: Finding, once: Sequence[Fix]) -> Iterator[str]:
    if finding.fix is not None and finding.fix not in once:
        yield f"{_MARGIN}fix     {_how(finding.fix)}"


def _how(fix: Fix) -> str:
    return f"{visible(fix.action)} ({'can be fixed safely' if fix.safe else 'to be fixed by hand'})"


def stem(name: str) -> str:
    """Return what the names of one configuration begin with: its file."""
    return f"{name.rpartition('#')[0]}#"
