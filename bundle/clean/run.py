"""A new bundle in which what can be fixed safely is fixed; what cannot is said."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bundle import onefile
from bundle.audit.section import unwritable
from bundle.clean import references
from bundle.clean.leftovers import leftovers
from bundle.clean.references import Reference
from bundle.detect.credentials import Credentials
from bundle.rewrite import TextEdit, rewrite
from bundle.rewrite.edit import place
from bundle.walk import walk
from bundle.walk.limits import WalkLimits
from bundle.walk.member import Member
from hardening.errors import ArchiveError, ExitCode, UsageError
from hardening.findings import NESTING, Change, Examined, Finding, Fix, InFile, Result, Run, Verdict, ordered

Audit = Callable[[Path], Run]
Check = Callable[[Path], None]
"""Raises when the result does not pass: nothing is kept then."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One edit, the findings it answers, and what is said of each when it is done."""

    edit: TextEdit
    answers: tuple[tuple[Finding, str], ...]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The report, and what the host's secret store has to have."""

    run: Run
    references: tuple[Reference, ...]
    absent: tuple[str, ...] = ()
    """Rules that were to be removed, and are nowhere in the bundle."""
    written: bool = True
    """Whether there is a result. Without one the report is of the bundle itself, and `refused` may say why."""
    refused: str = ""
    """Why the bundle cannot be cleaned as a whole."""


def clean(path: Path, out: Path, audit: Audit) -> Run:
    """Write `out` as `cleaned` does, and return the report alone."""
    return cleaned(path, out, audit).run


def cleaned(
    path: Path,
    out: Path,
    audit: Audit,
    *,
    check: Check | None = None,
    remove: Collection[str] = (),
    detector: Credentials | None = None,
    dry: bool = False,
) -> Cleaned:
    """Write `out`, the bundle `path` without what is safe to remove and with references for credentials.

    Each fix is a result of verdict pass that says what was done; each that could not be carried out is one
    of verdict error, and its finding stands in the audit. What still refers to what was removed, and inner signatures
    that no longer hold, are findings of their own. With nothing to fix `out` is byte for byte `path`, and where nothing of
    `path` was examined, or where it is a file that cannot be written again, there is no `out`. `dry` only says what
    would be done. `check` sees
    the result before it has its name. `remove` has ids of rules (`component/tinymce`) whose findings go with the file
    or folder that holds them, though the audit does not call that safe. `detector` is the one that `audit` finds
    credentials with, where it has rules of its own. Errors: InputError, UsageError (`out` is
    `path`, or exists), ArchiveError (it cannot be rewritten), what `audit` and `check` raise; nothing is left behind
    when one is raised.
    """
    onefile.required(path)
    if not dry and out.exists():
        raise _taken(out)
    started = datetime.now(UTC)
    first = audit(path)
    if all(one.examined is Examined.NONE for one in first.subjects):
        return Cleaned(replace(first, changes=()), (), tuple(sorted(remove)), written=False)
    before = [_asked_for(finding, remove) for finding in first.findings]
    if refused := _refusal(path):
        return _refused(first, refused, remove)
    plan = references.plan(path, before, detector=detector)
    twice = _twice(before)
    steps = [*_removals(before, twice), *_replacements(plan)]
    problems: list[tuple[Finding, str]] = [*plan.problems, *_itself(before), *_others(before, twice)]
    problems += [(f, f.fix.blocked) for f in before if f.fix and f.fix.blocked]
    if dry:
        return _dry(path, first, plan, steps, problems, remove)
    done, failed = _write(path, out, steps, check)
    problems = _all(problems, failed)
    if failed and not done:
        return _refused(first, failed[0][1], remove, _results(path, (), problems))
    try:
        after = audit(out)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    refer = _kept(plan, done)
    run = Run.of(
        [replace(s, stats={**s.stats, "secrets": references.to_json(refer)}) for s in after.subjects],
        [*after.findings, *leftovers(out, [step.edit for step in done], old=path)],
        [*after.results, *_results(out, done, problems)],
        started=started,
        extra_codes=after.extra_codes,
        changes=_changes(plan, done, done=True),
    )
    return Cleaned(run, tuple(refer), _absent(before, remove))


def _write(
    path: Path, out: Path, steps: Sequence[_Step], check: Check | None
) -> tuple[list[_Step], list[tuple[_Step, str]]]:
    """Write `out`, and return the steps that were done, and those that were not and why; with none done there is no `out`."""
    try:
        handle = tempfile.NamedTemporaryFile(  # noqa: SIM115 - the with follows, outside the try
            dir=out.parent, prefix=".harden-", suffix=out.suffix, delete=False
        )
    except OSError as problem:
        raise UsageError(
            f"cannot write {out}: {problem.strerror}", hint="choose a writable folder"
        ) from problem
    with handle as target:
        made = Path(target.name)
        try:
            with path.open("rb") as source:
                done, failed = _fix(source.fileno(), target.fileno(), steps)
            if failed and not done:
                made.unlink()
                return done, failed
            os.fchmod(target.fileno(), path.stat().st_mode & 0o777)
            if check is not None:
                check(made)
            _name(made, out)
        except BaseException:
            made.unlink(missing_ok=True)
            raise
    return done, failed


def _refusal(path: Path) -> str:
    """Return why nothing in the bundle can be changed: what it is itself; empty where it can be written again."""
    first = next((seen for seen in walk(str(path), WalkLimits()) if isinstance(seen, Member)), None)
    return "" if first is None else unwritable(first)


def _refused(first: Run, why: str, remove: Collection[str], results: Iterable[Result] = ()) -> Cleaned:
    """Return the audit of a bundle that cannot be cleaned; there is no result that somebody could take for a clean one."""
    run = replace(
        first,
        results=(*first.results, *results),
        extra_codes=first.extra_codes | {ExitCode.REFUSED},
        changes=(),
    )
    return Cleaned(run, (), _absent(first.findings, remove), written=False, refused=why)


def _dry(
    path: Path,
    first: Run,
    plan: references.CleaningPlan,
    steps: Sequence[_Step],
    problems: list[tuple[Finding, str]],
    remove: Collection[str],
) -> Cleaned:
    """Return the audit of the bundle with what would be changed; the rewriting is tried, and thrown away."""
    with path.open("rb") as source:
        done, failed = _parted(source.fileno(), steps)
    if failed and not done:
        return _refused(first, failed[0][1], remove, _results(path, (), _all(problems, failed)))
    done = _outermost(done)
    run = replace(
        first,
        results=(*first.results, *_results(path, (), _all(problems, failed))),
        changes=ordered(_changes(plan, done, done=False)),
    )
    return Cleaned(run, tuple(_kept(plan, done)), _absent(first.findings, remove), written=False)


def _all(
    problems: Sequence[tuple[Finding, str]], failed: Iterable[tuple[_Step, str]]
) -> list[tuple[Finding, str]]:
    return [*problems, *((f, why) for step, why in failed for f, _ in step.answers)]


def _absent(findings: Iterable[Finding], remove: Collection[str]) -> tuple[str, ...]:
    """Return the rules that were to be removed, and are nowhere in the bundle."""
    return tuple(sorted(set(remove) - {finding.rule.id for finding in findings}))


def _changes(plan: references.CleaningPlan, steps: Iterable[_Step], *, done: bool) -> Iterator[Change]:
    """Yield what the steps that were carried out change: each member that goes, and each value that was replaced."""
    of = {id(finding): one for finding, one in plan.done}
    for step in steps:
        if step.edit.content is None:
            path = NESTING.join(step.edit.parts) + ("/" if step.edit.folder else "")
            yield Change(action="removed", path=path, rule=step.answers[0][0].rule.id, done=done)
            continue
        for finding, _ in step.answers:
            if one := of.get(id(finding)):
                yield Change(
                    action="replaced", path=NESTING.join(one.parts), line=one.line, rule=finding.rule.id,
                    placeholder=f"@secret:{one.name}@", encoding=one.encoding, done=done,
                )  # fmt: skip


def _taken(out: Path) -> UsageError:
    return UsageError(f"{out} exists already", hint="choose another name; nothing is ever cleaned in place")


def _name(made: Path, out: Path) -> None:
    """Give the result its name. Errors: UsageError (somebody took it while the bundle was examined)."""
    try:
        os.link(made, out)
    except FileExistsError as problem:
        raise _taken(out) from problem
    except OSError:  # a file system without hard links
        made.rename(out)
    else:
        made.unlink()


def _asked_for(finding: Finding, remove: Collection[str]) -> Finding:
    """Return the finding with a removal that is carried out, where the operator wants it gone."""
    at = finding.location
    if finding.rule.id not in remove or not isinstance(at, InFile) or len(at.parts) == 1:
        return finding  # the bundle itself cannot go
    target = finding.fix.target if finding.fix else ""
    fix = Fix(
        action=f"remove {target or 'the file'}, as asked for",
        safe=True,
        operation="remove-member",
        target=target,
    )
    return replace(finding, fix=fix)


def _results(out: Path, done: Iterable[_Step], problems: Iterable[tuple[Finding, str]]) -> list[Result]:
    subject = str(out)
    good = [
        Result(rule=f.rule, subject=subject, verdict=Verdict.PASS, reason=answer)
        for step in done
        for f, answer in step.answers
    ]
    bad = [
        Result(rule=f.rule, subject=subject, verdict=Verdict.ERROR, reason=f"{_not_done(f)}: {why}")
        for f, why in problems
    ]
    return [*good, *bad]


def _not_done(finding: Finding) -> str:
    if not isinstance(finding.location, InFile):
        return "not removed"
    inside = NESTING.join(finding.location.parts[1:]) or finding.location.parts[0]
    if finding.fix and finding.fix.operation == references.OPERATION:
        line = f" line {finding.location.line}" if finding.location.line else ""
        return f"not replaced: {inside}{line}"
    return f"not removed: {inside}"


def _goes(finding: Finding) -> bool:
    return finding.fix is not None and finding.fix.safe and finding.fix.operation == "remove-member"


def _itself(findings: Iterable[Finding]) -> list[tuple[Finding, str]]:
    """Say what would have to go with the whole bundle; what lies in it is cleaned all the same."""
    return [(f, "it is the bundle itself") for f in findings if _goes(f) and not _edit(f).parts]


def _twice(findings: Iterable[Finding]) -> set[tuple[str, ...]]:
    """Return the places at which members of other content lie too: an edit would be one of them all."""
    duplicated = (f.location for f in findings if f.rule.id == "walk/duplicate-name")
    return {place(one.parts[1:]) for one in duplicated if isinstance(one, InFile)}


def _others(findings: Iterable[Finding], twice: set[tuple[str, ...]]) -> list[tuple[Finding, str]]:
    gone = (f for f in findings if _goes(f) and place(_edit(f).parts) in twice)
    return [(f, "another member has its name, and other content") for f in gone]


def _removals(findings: Iterable[Finding], twice: set[tuple[str, ...]]) -> list[_Step]:
    steps: dict[TextEdit, list[tuple[Finding, str]]] = {}
    for finding in findings:
        if _goes(finding):
            edit = _edit(finding)
            if not edit.parts or place(edit.parts) in twice:
                continue  # see _itself and _others
            words = "removed " + "!/".join(edit.parts) + ("/" if edit.folder else "")
            steps.setdefault(edit, []).append((finding, words))
    return [_Step(edit, tuple(answers)) for edit, answers in steps.items()]


def _replacements(plan: references.CleaningPlan) -> list[_Step]:
    steps: dict[tuple[str, ...], list[tuple[Finding, str]]] = {}
    for finding, one in plan.done:
        line = f" line {one.line}" if one.line else ""
        syntax = f"{one.syntax}, {one.encoding}" if one.encoding else one.syntax
        words = f"replaced by @secret:{one.name}@ in {'!/'.join(one.parts)}{line} ({syntax})"
        steps.setdefault(one.parts, []).append((finding, words))
    return [_Step(plan.edits[parts], tuple(answers)) for parts, answers in steps.items()]


def _kept(plan: references.CleaningPlan, done: Iterable[_Step]) -> list[Reference]:
    """Return the references that stand in the result: not those in what was removed as a whole."""
    written = {step.edit.parts for step in done if step.edit.content is not None}
    return [one for _, one in plan.done if one.parts in written]


def _edit(finding: Finding) -> TextEdit:
    """Return the edit that the finding's fix stands for, as the bundle's outermost archive sees it."""
    location = finding.location
    if not isinstance(location, InFile):
        raise TypeError(location)
    folder = finding.fix.target if finding.fix else ""
    inner = location.parts[1:]
    return TextEdit((*inner[:-1], folder), folder=True) if folder else TextEdit(inner)


def _fix(source: int, target: int, steps: Sequence[_Step]) -> tuple[list[_Step], list[tuple[_Step, str]]]:
    """Carry out what can be, and return what was done, and what was not and why."""
    if _attempt(source, target, steps) is None:
        return _outermost(steps), []
    good, bad = _parted(source, steps)
    last = _attempt(source, target, good)
    if last:
        raise ArchiveError(last, hint="the bundle was not written")
    return _outermost(good), bad


def _parted(source: int, steps: Sequence[_Step]) -> tuple[list[_Step], list[tuple[_Step, str]]]:
    """Return which steps can be carried out, by halving: few fail, and a rewriting of a large bundle takes time."""
    problem = _attempt(source, None, steps)
    if problem is None:
        return list(steps), []
    if len(steps) == 1:
        return [], [(steps[0], problem)]
    half = len(steps) // 2
    first, second = _parted(source, steps[:half]), _parted(source, steps[half:])
    return first[0] + second[0], first[1] + second[1]


def _attempt(source: int, target: int | None, steps: Sequence[_Step]) -> str | None:
    """Rewrite with these edits; return what went wrong, or None."""
    edits = [step.edit for step in _outermost(steps)]
    with os.fdopen(os.dup(source), "rb") as read:
        read.seek(0)
        with os.fdopen(os.dup(target), "w+b") if target is not None else tempfile.TemporaryFile() as write:
            write.seek(0)
            write.truncate()
            if not edits:
                shutil.copyfileobj(read, write)
                return None
            try:
                rewrite(read, write, edits)
            except ArchiveError as problem:
                return str(problem)
    return None


def _outermost(steps: Iterable[_Step]) -> list[_Step]:
    """Drop what lies inside a folder or archive that goes as a whole; its findings are answered by that."""
    kept: list[_Step] = []
    for step in sorted(steps, key=lambda s: (len(s.edit.parts), not s.edit.folder, s.edit.parts)):
        outer = next((n for n, other in enumerate(kept) if _covers(other.edit, step.edit)), None)
        if outer is None:
            kept.append(step)
        else:
            answer = kept[outer].answers[0][1]
            answers = tuple((finding, answer) for finding, _ in step.answers)
            kept[outer] = replace(kept[outer], answers=kept[outer].answers + answers)
    return kept


def _covers(outer: TextEdit, inner: TextEdit) -> bool:
    depth = len(outer.parts)
    if outer.content is not None or len(inner.parts) < depth or inner.parts[: depth - 1] != outer.parts[:-1]:
        return False
    return replace(outer, parts=(outer.parts[-1],)).touches(inner.parts[depth - 1])
