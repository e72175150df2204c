"""Changes that mend findings, as SARIF's `fixes`: made of the diffs of a run, and only where each of their lines is known whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from hardening.findings import Run, SourceFile
from hardening.reports.places import of_checkout
from hardening.reports.plain import visible
from hardening.reports.sarif_places import address

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
_HEAD = 2
_UNKNOWN = re.compile(r"\*\*\*|\.\.\.\Z")
"""A secret that is masked, or a line that is cut off: such a change cannot be written into a file."""
_DOES = {"text": "Replace the settings by those of the policy. Try the server's own check of its configuration before a restart."}  # fmt: skip


def by_fingerprint(run: Run) -> dict[str, list[dict[str, Any]]]:
    """Return the `fixes` of results; a finding whose change touches a secret has none."""
    together: dict[str, list[SourceFile]] = {}
    for one in run.sources:
        for fingerprint in one.mends:
            together.setdefault(fingerprint, []).append(one)
    by_mend: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for files in together.values():
        key = tuple(one.path for one in files)
        if key not in by_mend:
            by_mend[key] = _fixes(files)
    found = {print_: by_mend[tuple(one.path for one in files)] for print_, files in together.items()}
    return {print_: fixes for print_, fixes in found.items() if fixes}


def _fixes(files: Sequence[SourceFile]) -> list[dict[str, Any]]:
    lines = [line for one in files for line in one.diff.splitlines()]
    if any(_UNKNOWN.search(line) or line.startswith(("\\", "--- /dev/null")) for line in lines):
        return []
    if any(visible(line, keep="\t") != line for line in lines):
        return []
    changes = [
        {"artifactLocation": address(of_checkout(one.path)), "replacements": list(_replacements(one.diff))}
        for one in files
    ]
    return [{"description": _DOES, "artifactChanges": changes}]


def _replacements(diff: str) -> Iterator[dict[str, Any]]:
    """Yield the hunks of a diff without lines that stay."""
    hunks: list[tuple[int, int, list[str]]] = []
    for line in diff.splitlines()[_HEAD:]:
        if head := _HUNK.match(line):
            hunks.append((int(head[1]), int(head[2] or 1), []))
        elif line.startswith("+"):
            hunks[-1][2].append(line[1:])
    for start, count, added in hunks:
        region = {"startLine": start, "endLine": start + count - 1}
        text = "\n".join(added)
        if not count:  # behind a line
            region, text = (
                {"startLine": start + 1, "startColumn": 1, "endLine": start + 1, "endColumn": 1},
                f"{text}\n",
            )
        yield {"deletedRegion": region, "insertedContent": {"text": text}}
