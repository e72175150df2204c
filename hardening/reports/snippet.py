"""The line that a finding names, in three parts: what the finding is about, and what stands before and behind it."""

from __future__ import annotations

from collections.abc import Mapping

from hardening.findings import Finding, InFile
from hardening.reports.plain import visible

_MASK = "***"


def parts(finding: Finding, lines: Mapping[tuple[str, int], str]) -> tuple[str, str, str]:
    """Return before, mark and behind; all of a line is the mark where nothing in it is known better, and empty texts are no line."""
    place = finding.location
    text = visible(lines.get((place.path, place.line or 0), "")) if isinstance(place, InFile) else ""
    if not isinstance(place, InFile) or not text.strip():
        return "", "", ""
    start, end = _mark(text.rstrip(), finding.evidence, place.column)
    return text[:start], text[start:end], text[end:].rstrip()


def _mark(text: str, evidence: str, column: int | None) -> tuple[int, int]:
    """Return where the mark begins and ends: the evidence, the masked value that is next to the column, the word at the column, or the line."""
    indent = len(text) - len(text.lstrip())
    first = text.find(evidence) if evidence else -1
    if first >= 0:
        return first, first + len(evidence)
    if evidence.endswith(_MASK):
        masks = [at for at in range(len(text)) if text.startswith(_MASK, at)]
        if masks:
            at = min(masks, key=lambda at: abs(at - (column or 1) + 1))
            return at, at + len(_MASK)
    if column and column <= len(text) and not text[column - 1].isspace():
        return column - 1, column - 1 + len(text[column - 1 :].split(maxsplit=1)[0])
    return indent, len(text)
