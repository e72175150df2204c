"""What keeps findings from counting beside waivers and baselines: ignore files, markers in the input, unchanged files.

Everything that is left out stays listed, and the verdict says how much it is.

[[ignore]]
place = "third_party/*"                # path or endpoint; * stands for any text
reason = "reviewed upstream"
owner = "j.doe"
expires = 2027-01-31                   # the last day on which it holds
rule = "credential/*"                  # optional: without it every rule
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from hardening.errors import UsageError
from hardening.findings import Acceptance, Confidence, Finding, InFile, Role, Run
from hardening.toml_rows import Table
from hardening.waivers import fits

IGNORE_FILE, INLINE, UNCHANGED = "ignore file", "inline marker", "unchanged file"
ROLE, CONFIDENCE = "role", "confidence"
"""The words of `Finding.left_out`."""
_MARKER = re.compile(r"harden:ignore\[([\w/*.,-]{1,200})\][ \t]*([^\r\n]{0,200})")
"""A marker in a comment: `harden:ignore[credential/php] reason`."""

_OTHERS = re.compile(
    r"(?i)(?:(?:git|better)leaks:\s*allow|pragma:\s*allowlist\s+secret|trufflehog:\s*ignore)\b"
)
"""Markers of gitleaks, betterleaks, detect-secrets and TruffleHog, for credentials and keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """One row of an ignore file."""

    place: str
    reason: str
    owner: str
    expires: date
    rule: str = "*"

    def matches(self, finding: Finding) -> bool:
        """Whether rule and place are the finding's; the place may be given without the outermost name."""
        return fits(self.rule, finding.rule.id) and (
            fits(self.place, finding.where) or fits(self.place, finding.inner)
        )


def load(path: Path) -> tuple[Ignore, ...]:
    """Read an ignore file. Errors: InputError (absent), DataError (naming file and key)."""
    table = Table.load(path)
    found = tuple(_ignore(row) for row in table.rows("ignore"))
    table.done()
    return found


def _ignore(row: Table) -> Ignore:
    words = {key: row.text(key) for key in ("place", "reason", "owner")}
    for key, value in words.items():
        if not value.strip():
            raise row.wrong(key, "is empty", "an ignore file names place, reason, owner and expires")
    ignore = Ignore(**words, expires=row.day("expires"), rule=row.text("rule", "*"))
    row.done()
    return ignore


def refuse_inside(ignore_file: Path, audited: Iterable[Path]) -> None:
    """Refuse an ignore file that lies in what is audited: its authors would decide what counts. Errors: UsageError."""
    there = ignore_file.resolve()
    for path in audited:
        folder = path.resolve()
        if folder != Path(folder.anchor) and path.is_dir() and folder in there.parents:
            raise UsageError(
                f"the ignore file {ignore_file} is inside the audited folder {path}",
                hint="keep it outside of what is audited, for example beside the CI job",
            )


def apply(run: Run, ignores: Sequence[Ignore], *, today: date) -> Run:
    """Return the run with the findings that an ignore file names left out; an expired row does not count."""
    valid = [one for one in ignores if one.expires >= today]
    return replace(run, findings=tuple(_ignored(one, valid) for one in run.findings))


def _ignored(finding: Finding, ignores: Sequence[Ignore]) -> Finding:
    for one in ignores:
        if finding.counts and one.matches(finding):
            accepted = Acceptance(reason=one.reason, owner=one.owner, expires=one.expires)
            return replace(finding, waived=accepted, left_out=IGNORE_FILE)
    return finding


def marked(finding: Finding, line: str) -> Finding:
    """Return a finding as left out where its line holds a marker for its rule."""
    for found in _MARKER.finditer(line):
        if any(fits(rule, finding.rule.id) for rule in found[1].split(",")):
            accepted = Acceptance(
                reason=found[2].strip() or "no reason was given",
                owner="a marker in the audited input",
                expires=None,
            )
            return replace(finding, waived=accepted, left_out=INLINE)
    other = _OTHERS.search(line)
    if other and finding.rule.id.startswith(("credential/", "key/")):
        accepted = Acceptance(reason=other[0], owner="a marker in the audited input", expires=None)
        return replace(finding, waived=accepted, left_out=INLINE)
    return finding


def only_changed(run: Run, changed: Iterable[str]) -> Run:
    """Return the run with findings outside the changed files left out; a folder names everything in it."""
    names = [_plain(name) for name in changed]
    exact, fronts = frozenset(names), tuple(f"{name}/" for name in names)

    def outside(finding: Finding) -> bool:
        if not isinstance(finding.location, InFile):
            return False
        paths = {_plain(finding.location.parts[0]), _plain(finding.inner.partition("!/")[0])}
        return not any(path in exact or path.startswith(fronts) for path in paths)

    return _left_out(run, UNCHANGED, outside)


def only_roles(run: Run, wanted: Iterable[Role]) -> Run:
    """Return the run with credentials and keys in files of other roles left out."""
    roles = frozenset(wanted)
    return _left_out(run, ROLE, lambda one: one.role is not None and one.role not in roles)


def only_sure(run: Run, least: Confidence) -> Run:
    """Return the run with findings of less confidence left out."""
    return _left_out(run, CONFIDENCE, lambda one: one.confidence < least)


def _left_out(run: Run, word: str, outside: Callable[[Finding], bool]) -> Run:
    return replace(
        run,
        findings=tuple(
            replace(one, left_out=word) if one.counts and outside(one) else one for one in run.findings
        ),
    )


def _plain(path: str) -> str:
    return path.removeprefix("./").rstrip("/")
