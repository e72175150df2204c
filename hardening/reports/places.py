"""A finding's place as CI services want it: a file of the checkout, and what is inside it in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hardening.findings import NESTING, Finding, InFile, Run, print_of
from hardening.reports.plain import visible


def checkout_file(finding: Finding) -> str:
    """Return the outermost file as the checkout names it; for an endpoint, its name.

    A file outside of the current folder keeps its whole path.
    """
    if not isinstance(finding.location, InFile):
        return visible(finding.location.endpoint)
    return of_checkout(finding.location.parts[0])


def of_checkout(path: str) -> str:
    """Return a path as the checkout names it."""
    name = path.removeprefix("./")
    if name.startswith("/"):
        front = f"{Path.cwd()}/"
        name = name.removeprefix(front)
    return name or "."


def line(finding: Finding) -> int:
    """Return the line in that file: 1 for what is inside an archive, and for an endpoint."""
    where = finding.location
    return where.line or 1 if isinstance(where, InFile) and len(where.parts) == 1 else 1


def inside(finding: Finding) -> str:
    """Return the place inside the outermost file, with line and column; empty where that file is the place."""
    where = finding.location
    if not isinstance(where, InFile) or len(where.parts) == 1:
        return ""
    numbers = [str(n) for n in (where.line, where.column) if n is not None]
    return visible(":".join([NESTING.join(where.parts[1:]), *numbers]))


def message(finding: Finding) -> str:
    """Return the message, and where inside an archive it is true."""
    place = inside(finding)
    return visible(finding.message) + (f" (in {visible(checkout_file(finding))}: {place})" if place else "")


def alerts(run: Run) -> Iterator[str]:
    """Yield the name of each finding's alert within its outermost file.

    It stays when archives inside that file come, go or get another name.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    for one in run.findings:
        parts = one.location.parts if isinstance(one.location, InFile) else (one.where,)
        inner = parts[-1] if len(parts) > 1 else one.inner
        key = (checkout_file(one), one.rule.id, inner, one.evidence)
        yield print_of(one.rule.id, inner, one.evidence, seen[key])
        seen[key] += 1
