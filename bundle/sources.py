"""The lines that findings name in configuration files, and the changes that mend them, with every secret masked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING

from bundle.redact.configured import masked
from hardening.errors import HardeningError
from hardening.findings import InFile, Run, Severity, SourceFile
from hardening.records import dataclass

if TYPE_CHECKING:
    from bundle.configurations import JudgedConfiguration
    from hardening.tls.auditing.mains import AuditInput
    from hardening.tls.policies.ruleset import Policy

_LINES, _BYTES = 200, 4 << 20
"""Lines of a diff, and bytes of a file that are looked at."""


def added(
    run: Run, paths: Sequence[Path], policies: Sequence[Policy], request: AuditInput, top: Path | None = None
) -> Run:
    """Return the run with the lines that its findings name, and with the diff of each file that can be mended.

    `top` is the `/` of the host that the paths are of.
    """
    named: dict[str, set[int]] = {}
    for one in run.findings:
        at = one.location
        if isinstance(at, InFile) and len(at.parts) == 1 and at.line:
            named.setdefault(at.path, set()).add(at.line)
    if not named:
        return run
    changes = _changes(paths, policies, request, top)
    shown = {path: _lines(Path(path), numbers) for path, numbers in named.items()}
    for path in changes:
        shown.setdefault(path, ())
    mends = _mended(run, changes)
    made = [
        SourceFile(path, lines, changes[path].diff, mends[changes[path].main])
        if path in changes
        else SourceFile(path, lines)
        for path, lines in sorted(shown.items())
    ]
    known = {one.path for one in run.sources}
    more = (one for one in made if (one.lines or one.diff) and one.path not in known)
    return replace(run, sources=tuple(sorted((*run.sources, *more), key=lambda one: one.path)))


def of_configuration(
    one: JudgedConfiguration,
    policies: Sequence[Policy],
    request: AuditInput | None,
    own: Callable[[str], str],
) -> Iterator[SourceFile]:
    """Yield the lines and changes of a configuration that a bundle holds; `own` gives a path its place in the bundle."""
    named: dict[str, set[int]] = {}
    for finding in one.audited.findings:
        at = finding.location
        if isinstance(at, InFile) and at.line and at.parts[0] in one.texts:
            named.setdefault(at.parts[0], set()).add(at.line)
    if not named:
        return
    diffs = _of_texts(one, policies, request)
    for path in sorted(named.keys() | diffs.keys()):
        lines = _of_text(one.texts[path], named.get(path, set())) if path in one.texts else ()
        yield SourceFile(own(path), lines, _shown(diffs[path], own(path)) if path in diffs else "")


def _of_texts(
    one: JudgedConfiguration, policies: Sequence[Policy], request: AuditInput | None
) -> dict[str, str]:
    from hardening.tls.auditing.fix import changed_texts
    from hardening.tls.auditing.mains import AuditInput

    try:
        return changed_texts(one.fresh(), one.fresh(), one.main, policies, request or AuditInput())
    except HardeningError:
        return {}  # `tls audit --fix-diff` says why


def _shown(diff: str, path: str) -> str:
    """Return a diff, masked, with the place of its file in the head."""
    lines = _masked(diff)
    return "\n".join((f"--- a/{path}", f"+++ b/{path}", *lines[_HEAD:])) + "\n" if lines else ""


def _mended(run: Run, changes: Mapping[str, _Change]) -> dict[str, tuple[str, ...]]:
    """Return the fingerprints of what the changes of each configuration mend."""
    from hardening.tls.rendering.rendered import CONFIGURABLE

    found: dict[str, tuple[str, ...]] = {one.main: () for one in changes.values()}
    left = {pair for one in changes.values() for pair in one.left}
    for one in run.findings:
        main = one.subject.partition("#")[0]
        settings = one.rule.id in CONFIGURABLE and one.level >= Severity.LOW
        if main in found and settings and (one.rule.id, one.message) not in left:
            found[main] += (one.fingerprint,)
    return found


def _lines(path: Path, numbers: set[int]) -> tuple[tuple[int, str], ...]:
    """Return number and masked text of lines; none where the file cannot be read any more."""
    try:
        with path.open("rb") as file:
            text = file.read(_BYTES).decode("utf-8", "replace")
    except OSError:
        return ()
    return _of_text(text, numbers)


def _of_text(text: str, numbers: set[int]) -> tuple[tuple[int, str], ...]:
    every = text.split("\n")
    return tuple((at, masked(every[at - 1])) for at in sorted(numbers) if at <= len(every))


@dataclass(frozen=True, slots=True)
class _Change:
    """The change of one file, masked."""

    main: str
    diff: str
    left: tuple[tuple[str, str], ...]
    """Rule and message of what stays wrong."""


def _changes(
    paths: Sequence[Path], policies: Sequence[Policy], request: AuditInput, top: Path | None
) -> dict[str, _Change]:
    """Return the change of each file, named as the findings name it; empty where nothing would do."""
    from hardening.tls.auditing.fix import fix

    here = not any(path.is_absolute() for path in paths)
    try:
        found = fix(paths, policies, request, top=top)
    except HardeningError:
        return {}  # `--fix-diff` says why
    left = tuple((one.rule.id, one.message) for one in found.left)
    made: dict[str, _Change] = {}
    shared: set[str] = set()
    for one in found.files:
        if one.diff:
            body = _masked(one.diff)
            path, main = (relpath(one.path), relpath(one.main)) if here else (one.path, one.main)
            if path in made and made[path].main != main:
                shared |= {made[path].main, main}
            made[path] = _Change(main, "\n".join(body) + "\n", left)
    # of a file that two configurations change, neither change mends all by itself
    return {path: replace(one, main="") if one.main in shared else one for path, one in made.items()}


def _masked(diff: str) -> list[str]:
    lines = diff.splitlines()
    rest = [f"... {len(lines) - _LINES} more lines"] if len(lines) > _LINES else []
    return [*(_diff_line(number, line) for number, line in enumerate(lines[:_LINES])), *rest]


_HEAD = 2
_HUNK = re.compile(r"@@ -[\d,]+ \+[\d,]+ @@\Z")


def _diff_line(number: int, line: str) -> str:
    return line if number < _HEAD or _HUNK.match(line) else line[:1] + masked(line[1:])
