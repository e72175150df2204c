"""Report places of a host that were not examined, with reasons; many of one folder are grouped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hardening.findings import Finding, in_file
from hardening.host.checks.rules import LEFT_BY_RULE, UNREAD

SINGLY = 10
"""Places of one reason that are named one by one; with more, their folders are."""
NAMED = 5
"""Places that the reason of a host names."""
_DEPTH = 3
"""Names that the folder of a group has."""
_REMEDIES = (
    ("permission denied", "Run the audit as root; over an inventory, with ansible_become: true."),
    ("larger than", "Look at it on the host itself: `harden bundle audit {}`"),
    ("in all", "Look at the folder on the host itself: `harden bundle audit {}`"),
    ("another file system", "Name it, where it belongs to the host: `harden host audit --path {}`"),
)


def look(left: Mapping[str, str], subject: str) -> Iterator[Finding]:
    """Yield one finding for each place, or for each folder where there are many."""
    reasons: dict[str, list[str]] = {}
    for path, why in sorted(left.items()):
        reasons.setdefault(why, []).append(path)
    for why, paths in sorted(reasons.items()):
        if len(paths) <= SINGLY:
            for path in paths:
                yield _unread(subject, path, f"{path}: {why}", why)
            continue
        for depth in (_DEPTH, 1):
            folders: dict[str, list[str]] = {}
            for path in paths:
                folders.setdefault("/".join(path.split("/")[:-1][: depth + 1]) or "/", []).append(path)
            if len(folders) <= SINGLY:
                break
        for folder, inside in sorted(folders.items()):
            if len(inside) == 1:
                yield _unread(subject, inside[0], f"{inside[0]}: {why}", why)
                continue
            more = f"{folder}: {len(inside)} files, {why}, such as {inside[0]}"
            yield _unread(subject, folder, more, why)


def _unread(subject: str, path: str, message: str, why: str) -> Finding:
    remedy = next((text.format(path) for word, text in _REMEDIES if word in why.lower()), "")
    return Finding(rule=UNREAD, subject=subject, location=in_file(path), message=message, remedy=remedy)


def summary(findings: list[str]) -> str:
    """Return the reason why a host was not looked at in full, or an empty text."""
    more = f"; and {len(findings) - NAMED} more" if len(findings) > NAMED else ""
    return "; ".join(findings[:NAMED]) + more


def by_rule(
    ruled: Mapping[str, tuple[int, int, str]], reasons: Mapping[str, str], subject: str
) -> Iterator[Finding]:
    """Yield one finding that counts what rules left out, if they left anything out."""
    if not ruled:
        return
    count = sum(one[0] for one in ruled.values())
    size = sum(one[1] for one in ruled.values())
    kinds = "; ".join(
        f"{number} of {reasons.get(name, name)}, such as {first}"
        for name, (number, _, first) in sorted(ruled.items())
    )
    yield Finding(
        rule=LEFT_BY_RULE, subject=subject, location=in_file(min(one[2] for one in ruled.values())),
        message=f"{count} files ({size >> 20} MiB) were left out by rule: {kinds}",
    )  # fmt: skip
