"""A new bundle in which what can be fixed safely is fixed; what cannot is said."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bundle.leftovers import leftovers
from bundle.rewrite import Edit, rewrite
from hardening.errors import ArchiveError, InputError, UsageError
from hardening.findings import Finding, InFile, Result, Run, Verdict

Audit = Callable[[Path], Run]


def clean(path: Path, out: Path, audit: Audit) -> Run:
    """Write `out`, the bundle `path` without what is safe to remove, and return the audit of `out`.

    Each removal is a result of verdict pass that says what was removed; each that could not be carried out is one
    of verdict error, and its finding stands in the audit. What still refers to what was removed, and inner signatures
    that no longer hold, are findings of their own. With nothing to remove `out` is byte for byte `path`.
    Errors: InputError, UsageError (`out` is `path`, or exists); nothing is left behind when one is raised.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: {'is a folder' if path.is_dir() else 'no such file'}",
            hint="give the bundle as one file",
        )
    if out.exists():
        raise UsageError(
            f"{out} exists already", hint="choose another name; nothing is ever cleaned in place"
        )
    started = datetime.now(UTC)
    fixable = [f for f in audit(path).findings if f.fix and f.fix.safe and f.fix.operation == "remove-member"]
    results: list[tuple[Finding, str]] = []
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
                results = _fix(source.fileno(), target.fileno(), fixable)
            os.fchmod(target.fileno(), path.stat().st_mode & 0o777)
            made.rename(out)
        except BaseException:
            made.unlink(missing_ok=True)
            raise
    after = audit(out)
    left = leftovers(out, _outermost([_edit(finding) for finding, problem in results if not problem]))
    fixed = [
        Result(
            rule=finding.rule,
            subject=str(out),
            verdict=Verdict.ERROR if problem else Verdict.PASS,
            reason=f"not removed: {problem}" if problem else f"removed {_below(finding)}",
        )
        for finding, problem in results
    ]
    return Run.of(
        after.subjects,
        [*after.findings, *left],
        [*after.results, *fixed],
        started=started,
        extra_codes=after.extra_codes,
    )


def _edit(finding: Finding) -> Edit:
    """Return the edit that the finding's fix stands for, as the bundle's outermost archive sees it."""
    location = finding.location
    if not isinstance(location, InFile):
        raise TypeError(location)
    folder = finding.fix.target if finding.fix else ""
    inner = location.parts[1:]
    return Edit((*inner[:-1], folder), folder=True) if folder else Edit(inner)


def _below(finding: Finding) -> str:
    edit = _edit(finding)
    return "!/".join(edit.parts) + ("/" if edit.folder else "")


def _fix(source: int, target: int, findings: Sequence[Finding]) -> list[tuple[Finding, str]]:
    """Carry out what can be, and return each finding with the reason why not, empty when it was done."""
    done = _attempt(source, target, findings)
    if done is None:
        return [(f, "") for f in findings]
    problems = [(f, _attempt(source, None, [f]) or "") for f in findings]
    last = _attempt(source, target, [f for f, problem in problems if not problem])
    if last:
        raise ArchiveError(last, hint="the bundle was not written")
    return problems


def _attempt(source: int, target: int | None, findings: Sequence[Finding]) -> str | None:
    """Rewrite with the edits of these findings; return what went wrong, or None."""
    edits = _outermost([_edit(f) for f in findings])
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


def _outermost(edits: list[Edit]) -> list[Edit]:
    """Drop repeated edits, and those inside a folder or archive that goes as a whole."""
    kept: list[Edit] = []
    for edit in sorted(set(edits), key=lambda e: (len(e.parts), not e.folder, e.parts)):
        if not any(_covers(other, edit) for other in kept):
            kept.append(edit)
    return kept


def _covers(outer: Edit, inner: Edit) -> bool:
    depth = len(outer.parts)
    if len(inner.parts) < depth or inner.parts[: depth - 1] != outer.parts[:-1]:
        return False
    return replace(outer, parts=(outer.parts[-1],)).touches(inner.parts[depth - 1])
