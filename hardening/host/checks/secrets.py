"""Secrets in files that every account of the host can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hardening.findings import Finding, InFile, Severity, in_file
from hardening.host.checks.root import Root
from hardening.host.checks.rules import WORLD_READABLE

_KINDS = ("credential/", "key/")
_OPEN = "credential/sudo-rule"
"""What a rule of sudo's allows may be read by everybody."""


def look(root: Root, subject: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Say each file that holds a found secret and is readable for others, once, with the first place in it."""
    first: dict[str, Finding] = {}
    for one in findings:
        if (
            one.rule.id.startswith(_KINDS)
            and one.rule.id != _OPEN
            and one.level >= Severity.MEDIUM
            and isinstance(one.location, InFile)
        ):
            first.setdefault(one.location.parts[0], one)
    for path, one in sorted(first.items()):
        if _open_to_all(root, path):
            place = one.location
            line = place.line if isinstance(place, InFile) and len(place.parts) == 1 else None
            yield Finding(
                rule=WORLD_READABLE, subject=subject, location=in_file(path, line), evidence=one.rule.id,
                message=f"{path} has mode {root.about(path).mode & 0o7777:04o} and holds: {one.rule.title.lower()}",  # type: ignore[union-attr]  # just asked
            )  # fmt: skip


def _open_to_all(root: Root, path: str) -> bool:
    """Return whether others may read it and pass through every folder above it."""
    about = root.about(path)
    if about is None or not about.mode & 0o004:
        return False
    above = [root.about(one) for one in list(root.ways(path))[1:-1]]
    return all(one is None or one.mode & 0o001 for one in above)
