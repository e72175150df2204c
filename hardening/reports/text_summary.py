"""What a person sees first where the whole report does not fit a screen: the worst causes, how many, and where."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from hardening.findings import Examined, Finding, Run, Severity, Subject, SubjectKind
from hardening.reports.index import spot
from hardening.reports.key_agreement import WORDS, table
from hardening.reports.plain import visible
from hardening.reports.text_findings import COLORS, Paint
from hardening.reports.verdict import many, scope

ROWS, WIDTH = 24, 80
"""A terminal's usual size."""
_LEAST, _REASONS, _POLICIES, _NAMED = 3, 2, 3, 2
"""How many causes there is always room for, and how many of the others are told."""
_DO = 3
"""Lines for what to do about the worst cause."""
_FEW = 3
"""Findings that a summary would not make shorter."""
_SERVERS = 8
"""Servers whose verdicts are a table; of more, how many pass is told."""
_OPEN, _DIM, _BOLD = "33", "2", "1"


def fits(run: Run, lines: Sequence[str]) -> bool:
    """Whether the whole report is shown: it fits a screen, has few findings, or is about steps, hosts or changes."""
    return (
        len(lines) <= ROWS
        or len(run.findings) <= _FEW
        or run.changes is not None
        or any("state" in one.stats or one.kind is SubjectKind.MAILER for one in run.subjects)
    )


def front(run: Run, paint: Paint) -> list[str]:
    """Return the first lines: how many things are to change, what was not looked at, the verdicts."""
    named = [visible(one.id) for one in run.subjects] if len(run.subjects) <= _NAMED else []
    table = list(_table(run, paint))
    verdicts = table or [*named, *_policies(run, paint)]
    return [
        paint(_headline(run, _causes(run)), _BOLD),
        _cut(scope(run)),
        *_gaps(run, paint),
        *_guessed(run),
        *verdicts,
        *_agreement(run),
    ]


def summary(run: Run, paint: Paint) -> Iterator[str]:
    """Yield the lines, none longer than a terminal is wide; the verdict follows them."""
    ranked, first = _causes(run), front(run, paint)
    yield from first
    room = max(_LEAST, (ROWS - len(first) - 5 - _DO) // 2)
    if ranked:
        yield ""
    for number, found in enumerate(ranked[:room]):
        yield from _cause(found, paint)
        if not number and found[0].level >= Severity.MEDIUM:
            yield from _remedy(found)
    rest = Counter(found[0].level for found in ranked[room:])
    if rest:
        words = ", ".join(f"{rest[level]} {level.label}" for level in sorted(rest, reverse=True))
        yield paint(_cut(f"  and {many(sum(rest.values()), 'further cause')}: {words}"), _DIM)
    yield ""
    yield paint("-v shows every finding and its remedy; --report out.html writes the whole report", _DIM)


_SETTINGS = frozenset({"tls/suite", "tls/protocol", "tls/dh-bits"})
_ATTACK = "tls/attack-"
"""What these settings make possible: beside one of them it is no further thing to change."""


def _causes(run: Run) -> list[list[Finding]]:
    """Return what counts by cause, the worst first; what a server offers is one cause for each rule, however bad."""
    causes: dict[tuple[Severity | None, str], list[Finding]] = {}
    settings = {one.subject for one in run.findings if one.rule.id in _SETTINGS and one.level >= Severity.LOW}
    for one in sorted(run.findings, key=lambda f: -f.level):
        if one.counts and not (one.rule.id.startswith(_ATTACK) and one.subject in settings):
            of_tls = one.rule.id.startswith("tls/") and one.level >= Severity.LOW
            causes.setdefault((None if of_tls else one.level, one.rule.id), []).append(one)
    return sorted(causes.values(), key=lambda found: (-found[0].level, -len(found), found[0].rule.id))


def _headline(run: Run, ranked: Sequence[Sequence[Finding]]) -> str:
    """Return how many things there are to change, and the worst of them."""
    wrong = [found[0] for found in ranked if found[0].level >= Severity.LOW]
    if not wrong:
        seen = all(one.examined is Examined.FULL and not _open(one) for one in run.subjects)
        return "nothing to change" if seen else "nothing to change in what was examined"
    first = wrong[0].rule.title
    return _cut(
        f"{many(len(wrong), 'thing')} to change; the worst is {wrong[0].level.label}: {visible(first)}"
    )


def _table(run: Run, paint: Paint) -> Iterator[str]:
    """Yield the verdicts of few servers or files as a table, a column for each policy, the worst row first."""
    judged = [one for one in run.subjects if one.policies]
    names = list(dict.fromkeys(name for one in judged for name in one.policies))
    if not 1 < len(judged) <= _SERVERS or len(names) > _POLICIES:
        return
    width = max(8, *(len(name) for name in names)) + 2
    room = min(WIDTH - 2 - width * len(names), max(len(visible(one.id)) for one in judged) + 2)
    yield paint(f"  {' ' * room}{''.join(visible(name).ljust(width) for name in names)}".rstrip(), _DIM)
    worst = sorted(judged, key=lambda one: -sum(word != "pass" for word in one.policies.values()))
    for one in worst:
        words = "".join(one.policies.get(name, "-").ljust(width) for name in names).rstrip()
        good = set(one.policies.values()) == {"pass"}
        yield f"  {_tail(visible(one.id), room - 2).ljust(room)}{paint(words, '' if good else _OPEN)}"


_GAP = {Examined.NONE: "not examined", Examined.PARTIAL: "partial", Examined.FULL: "unknown"}
"""What a gap is called: of a server that was read whole, a verdict may be unknown all the same."""


def _open(subject: Subject) -> bool:
    """Return whether a policy's verdict is not known, for a reason that is named."""
    return bool(subject.reason) and "unknown" in subject.policies.values()


def _gaps(run: Run, paint: Paint) -> Iterator[str]:
    """Yield why something was not examined, that of a whole folder and limits first, then the most frequent."""
    reasons = Counter(
        (_GAP[one.examined], one.reason)
        for one in run.subjects
        if one.examined is not Examined.FULL or _open(one)
    )
    limits = ("Time limit", "More content", "More members", "Nested deeper")
    folders = {one.reason for one in run.subjects if one.stats.get("packed_files") == 0}
    ranked = sorted(
        reasons.items(),
        key=lambda item: (
            item[0][1] not in folders,
            not item[0][1].startswith(limits),
            -item[1],
            item[0][0] == "not examined",
            item[0],
        ),
    )
    for (word, reason), count in ranked[:_REASONS]:
        text = f"{count} {word}: {visible(reason) or 'no reason was given'}"
        for line in textwrap.wrap(
            text,
            WIDTH - 2,
            max_lines=4 // min(len(ranked), _REASONS),
            placeholder=" ...",
            break_on_hyphens=False,
        ):
            yield paint(f"  {line}", _OPEN)
    if len(ranked) > _REASONS:
        yield paint(f"  and {many(len(ranked) - _REASONS, 'further reason')}", _OPEN)


def _guessed(run: Run) -> Iterator[str]:
    """Yield how many servers were judged for each release that they may be."""
    count = sum("releases" in one.stats for one in run.subjects if one.policies)
    if count:
        yield f"  {count} judged for every release that may run, because none is named (-v lists them)"


def _policies(run: Run, paint: Paint) -> Iterator[str]:
    by_policy: dict[str, Counter[str]] = {}
    for subject in run.subjects:
        for policy, verdict in subject.policies.items():
            by_policy.setdefault(policy, Counter())[verdict] += 1
    for policy, tally in list(by_policy.items())[:_POLICIES]:
        words = ", ".join(f"{count} {verdict}" for verdict, count in sorted(tally.items()))
        yield paint(_cut(f"  policy {visible(policy)}: {words}"), "" if set(tally) == {"pass"} else _OPEN)
    if len(by_policy) > _POLICIES:
        yield f"  and {many(len(by_policy) - _POLICIES, 'further policy').replace('policys', 'policies')}"


def _agreement(run: Run) -> Iterator[str]:
    """Yield how many servers have post-quantum key agreement, how many could, and how many cannot."""
    words = [word for row in table(run) for seen in row.seen.values() for word in seen.elements()]
    if words:
        tally = ", ".join(
            f"{count} {WORDS.get(word, word)}" for word, count in sorted(Counter(words).items())
        )
        yield _cut(f"  post-quantum key agreement: {tally}")


def _cause(found: Sequence[Finding], paint: Paint) -> Iterator[str]:
    first, label = found[0], found[0].level.label
    places = list(dict.fromkeys(at for one in found for at in map(spot, (one.location, *one.further))))
    alone = re.split("; (?:against|discouraged by) ", first.message)[0]  # the policies are in the table
    title = alone if len(found) == 1 else first.rule.title + _levels(found)
    room = WIDTH - 19
    yield f"  {paint(label, COLORS[first.level])}{' ' * (9 - len(label))}{len(found):>5}  {_cut(visible(title), room)}"
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    front = f"{' ' * 18}{first.rule.id}  "
    yield paint(f"{front}{_tail(visible(places[0]), max(20, WIDTH - len(front) - len(more)))}{more}", _DIM)
    yield from _classes(found)


def _levels(found: Sequence[Finding]) -> str:
    """Return how many of each severity, where they differ."""
    tally = Counter(one.level for one in found)
    words = ", ".join(f"{tally[level]} {level.label}" for level in sorted(tally, reverse=True))
    return f": {words}" if len(tally) > 1 else ""


def _classes(found: Sequence[Finding]) -> Iterator[str]:
    """Yield what is weak about suites, and about how many of them; -v names them."""
    tally = Counter(
        word for one in found if not one.matched and one.rule.id.startswith("tls/") for word in one.because
    )
    text = ", ".join(f"{word} {count}" for word, count in tally.most_common())
    yield from textwrap.wrap(
        text, WIDTH, initial_indent=" " * 18, subsequent_indent=" " * 18, max_lines=2, placeholder=" ...",
        break_on_hyphens=False,
    )  # fmt: skip


def _remedy(found: Sequence[Finding]) -> Iterator[str]:
    """Yield what to do about the worst cause: the command that prints the change, or the remedy that all of it shares."""
    first = found[0]
    one = len({finding.advice for finding in found}) == 1
    text = first.advice if one else first.rule.remedy or first.advice
    if first.fix is not None and first.fix.operation == "set-directive":
        text = f"{first.fix.action[:1].upper()}{first.fix.action[1:]}."
    text = visible(text)
    yield from textwrap.wrap(
        text, WIDTH, initial_indent=f"{' ' * 11}do     ", subsequent_indent=" " * 18, max_lines=_DO, placeholder=" ...",
        break_on_hyphens=False,
    )  # fmt: skip


def _cut(text: str, width: int = WIDTH) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _tail(text: str, width: int) -> str:
    """Return the end of a place, which tells more than its begin."""
    return text if len(text) <= width else f"...{text[3 - width :]}"
