"""Why a credential is, or is not, reported at a place: its candidates with features, rows and decision; never the value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundle.detect.credentials import Judged, detector, forms
from bundle.detect.credentials.decide import reasons
from bundle.detect.credentials.judging.score import contributions, is_drawn, is_surely_drawn, score
from bundle.detect.credentials.reporting import named
from bundle.detect.credentials.rules import evidence
from bundle.walk import Member, Problem, walk
from hardening.errors import InputError
from hardening.findings import NESTING, either
from hardening.numerals import whole

_DECISIONS = "bundle/data/credentials/decide/decisions.toml"
_FORMS = "bundle/data/credentials/decide/forms.toml"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of one line, or of a whole member."""

    path: str
    line: int | None
    candidates: Sequence[Judged]
    dismissed: Sequence[tuple[int, str, str]]
    """Line, row and check of patterns that matched there, and whose check let nothing through."""


def explain(target: str) -> Explanation:
    """Explain `FILE:LINE` or `ARCHIVE!/MEMBER:LINE`; without a line, all of the member. Errors: InputError."""
    path, line = _parted(target)
    outer = path.split(NESTING, 1)[0]
    detect = detector()
    members = list(_members(outer, path))
    found = [(one, judged) for one in members for judged in detect.judged(one, _subject(outer, path))]
    near = sorted({row for one in members for row in detect.near(one)})
    return Explanation(
        path,
        line,
        [judged for one, judged in found if line is None or _line(one, judged) == line],
        [row for row in near if line is None or row[0] == line],
    )


def _line(member: Member, judged: Judged) -> int | None:
    return member.at(judged.line).line


def _subject(outer: str, path: str) -> str:
    """Return what an audit would have been given, so that the folders of a plain file count for its role."""
    return outer if path != outer else ""


def _members(outer: str, path: str) -> Iterator[Member]:
    """Yield the members that have a path. Errors: InputError if no member has it."""
    if not Path(outer).is_file():
        hint = "give FILE:LINE, or ARCHIVE!/MEMBER:LINE as reports have it"
        raise InputError(f"{outer}: no such file", hint=hint)
    seen = False
    for event in walk(outer):
        if isinstance(event, Problem):
            continue
        if path == outer and event.path != path:
            hint = f"name a member, as in '{outer}!/MEMBER:LINE'; list them with: harden bundle sbom --files {outer}"
            raise InputError(f"{outer}: is an archive", hint=hint)
        if event.path != path:
            continue
        seen = True
        yield event
    if not seen:
        hint = f"list them with: harden bundle sbom --files {outer}"
        raise InputError(f"{path}: no such member", hint=hint)


def _parted(target: str) -> tuple[str, int | None]:
    """Return the path and the line of a place; a column behind the line is left out."""
    path, line = target, None
    for _ in range(2):
        front, colon, last = path.rpartition(":")
        number = whole(last)
        if not (colon and front) or number is None:
            break
        path, line = front, number
    return path, line


def lines(explanation: Explanation) -> Iterator[str]:
    """Yield an explanation as text."""
    at = explanation.path if explanation.line is None else f"{explanation.path}:{explanation.line}"
    if not explanation.candidates:
        yield f"{at}: no candidate"
        for line, row, check in explanation.dismissed:
            yield f"  line {line}: the pattern {row} matched, and its check `{check}` dismissed the value"
        if not explanation.dismissed:
            yield "  no pattern matched"
    for one in explanation.candidates:
        yield from _candidate(explanation.path, one)


def _candidate(path: str, one: Judged) -> Iterator[str]:
    decision, where = one.decision, [path, *(str(n) for n in (one.line, one.column) if n is not None)]
    verdict = "dropped: nothing is reported" if decision.dropped else (
        f"{decision.severity.label} severity, {decision.confidence.label} confidence"
    )  # fmt: skip
    yield f"{':'.join(where)}: {one.family.rule.id}: {verdict}"
    yield f"  candidate  {one.catch.key or 'value'} = *** ({_about(one.catch.value)})"
    whose = named(one.owner)
    owner = ", ".join(
        text
        for text in (whose.user and f"account {either((whose.user, *whose.others))}", whose.service)
        if text
    )
    yield f"  owner      {owner or 'not known'}"
    yield f"  drawn      {_score(one.catch.value)}"
    yield f"  found by   {one.catch.row or 'not recorded'}"
    reason = evidence.rows()[one.catch.evidence]
    yield f"  evidence   {reason.id}, {reason.confidence.label} confidence: {reason.why}"
    yield f"  role       {decision.role.value}"
    yield f"  features   {', '.join(sorted(decision.features))}"
    why = {row.id: row.why for row in (*reasons(), *forms.rows())}
    for number, row in enumerate(decision.because):
        yield f"  {'decided by' if not number else '          '} {row}: {why[row]}"
    if not decision.because:
        yield f"  decided by the severity of its family: {one.family.rule.severity.label}"
    yield f"  fix        {f'by hand: {one.by_hand}' if one.by_hand else 'safe'}"
    yield f"  change     {_change(one)}"


def _about(value: str) -> str:
    """Return what may be told of a value: how long it is, and of which kinds of characters."""
    kinds = (("letters", str.isalpha), ("digits", str.isdigit), ("signs", lambda c: not c.isalnum()))
    return f"{len(value)} characters: {', '.join(name for name, kind in kinds if any(map(kind, value)))}"


def _score(value: str) -> str:
    """Return the score for "a generator drew it", and what each feature adds to it, the strongest first."""
    drawn = "surely" if is_surely_drawn(value) else "likely" if is_drawn(value) else "no"
    parts = sorted(contributions(value).items(), key=lambda part: -abs(part[1]))
    return (
        f"{drawn}, score {score(value):+.1f}: {', '.join(f'{name} {number:+.1f}' for name, number in parts)}"
    )


def _change(one: Judged) -> str:
    """Return how to accept the finding, or which row to change where the decision is wrong."""
    formed = next((row for row in one.decision.because if row.startswith("form/")), "")
    if formed:
        return f"row {formed} in {_FORMS}"
    accepted = "accept it with `harden waive` (its fingerprint: `harden bundle audit -v`)"
    row = f"to change the program, add a row to {_FORMS}"
    decided = (
        f"; the decision is row {one.decision.because[-1]} in {_DECISIONS}" if one.decision.because else ""
    )
    return f"if it is not a credential, {accepted}; {row}{decided}"


__all__ = ["Explanation", "explain", "lines"]
