"""The lines that findings name in configuration files, and the changes that mend them, with every secret masked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING

from hardening.errors import HardeningError
from hardening.findings import InFile, Run, Severity, Source
from hardening.records import dataclass

if TYPE_CHECKING:
    from hardening.tls.auditing.mains import AuditInput
    from hardening.tls.policies.ruleset import Policy

_LONGEST, _LINES, _BYTES = 400, 200, 4 << 20
"""Characters of a line, lines of a diff, and bytes of a file that are looked at."""


def added(run: Run, paths: Sequence[Path], policies: Sequence[Policy], request: AuditInput) -> Run:
    """Return the run with the lines that its findings name, and with the diff of each file that can be mended."""
    named: dict[str, set[int]] = {}
    for one in run.findings:
        at = one.location
        if isinstance(at, InFile) and len(at.parts) == 1 and at.line:
            named.setdefault(at.path, set()).add(at.line)
    if not named:
        return run
    changes = _changes(paths, policies, request)
    shown = {path: _lines(Path(path), numbers) for path, numbers in named.items()}
    for path in changes:
        shown.setdefault(path, ())
    mends = _mended(run, changes)
    made = [
        Source(path, lines, changes[path].diff, mends[changes[path].main])
        if path in changes
        else Source(path, lines)
        for path, lines in sorted(shown.items())
    ]
    return replace(run, sources=tuple(one for one in made if one.lines or one.diff))


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
    every = text.split("\n")
    return tuple((at, masked(every[at - 1])) for at in sorted(numbers) if at <= len(every))


@dataclass(frozen=True, slots=True)
class _Change:
    """The change of one file, masked."""

    main: str
    diff: str
    left: tuple[tuple[str, str], ...]
    """Rule and message of what stays wrong."""


def _changes(paths: Sequence[Path], policies: Sequence[Policy], request: AuditInput) -> dict[str, _Change]:
    """Return the change of each file, named as the findings name it; empty where nothing would do."""
    from hardening.tls.auditing.fix import fix

    here = not any(path.is_absolute() for path in paths)
    try:
        found = fix(paths, policies, request)
    except HardeningError:
        return {}  # `--fix-diff` says why
    left = tuple((one.rule.id, one.message) for one in found.left)
    made: dict[str, _Change] = {}
    shared: set[str] = set()
    for one in found.files:
        if one.diff:
            lines = one.diff.splitlines()
            rest = [f"... {len(lines) - _LINES} more lines"] if len(lines) > _LINES else []
            body = [_diff_line(number, line) for number, line in enumerate(lines[:_LINES])]
            path, main = (relpath(one.path), relpath(one.main)) if here else (one.path, one.main)
            if path in made and made[path].main != main:
                shared |= {made[path].main, main}
            made[path] = _Change(main, "\n".join((*body, *rest)) + "\n", left)
    # of a file that two configurations change, neither change mends all by itself
    return {path: replace(one, main="") if one.main in shared else one for path, one in made.items()}


_HEAD = 2
_HUNK = re.compile(r"@@ -[\d,]+ \+[\d,]+ @@\Z")


def _diff_line(number: int, line: str) -> str:
    return line if number < _HEAD or _HUNK.match(line) else line[:1] + masked(line[1:])


def masked(line: str) -> str:
    """Return a line of a configuration with all replaced by `***` that is neither plain nor a name of TLS."""
    from hardening.upgrade.logs.redact import clear

    line = line.rstrip("\r")
    return clear(line[:_LONGEST], _names()) + ("..." if len(line) > _LONGEST else "")


@cache
def _names() -> frozenset[str]:
    """Return the words of which names of versions, suites, groups and signatures are made, in small letters."""
    from hardening.tls import registry

    names = [*registry.PROTOCOLS]
    for suite in registry.suites():
        names += [suite.iana, *suite.openssl, *suite.jsse, suite.gnutls or "", suite.nss or ""]
    for group in registry.groups():
        names += [group.name, group.openssl or "", group.nist or ""]
    for scheme in registry.schemes():
        names += [scheme.name, scheme.openssl or ""]
    return frozenset(word.lower() for name in names for word in re.findall(r"[^\W_]+", name))
